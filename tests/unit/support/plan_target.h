/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plan is carried out on: headers, a list of them, stacks, and structs that headers lead to. */
#ifndef GSD_TEST_PLAN_TARGET_H
#define GSD_TEST_PLAN_TARGET_H

#include "base/plan.h"
#include "check.h"

/* The made-up header: 64 bytes, of which a plan looks at seven words. */
enum { LOW = 0, HIGH = 8, LINK = 16, SP_FIRST = 24, SP = 32, STATUS = 40, TAG = 48, HEADER_SIZE = 64 };
enum { WAITING = 4, RUNNING = 2, DEAD = 6, SCAN_BIT = 0x1000 };

#define HEADERS_START  UINT64_C(0x100000)
#define HEADERS_LENGTH ((size_t)3 << 20)
#define FAR_START      UINT64_C(0x7f0000000000) /* a second arena of headers */
#define FAR_LENGTH     ((size_t)4096)
#define STACKS_START   UINT64_C(0xc000000000)
#define STACKS_LENGTH  ((size_t)65536)
#define LIST_START     UINT64_C(0x10000)
#define LIST_CAPACITY  4096
#define VARIABLES      UINT64_C(0x5000) /* array, length */
#define LINKS_START    UINT64_C(0x20000)
#define LINKS_LENGTH   ((size_t)256)

struct target {
	struct gsd_segment_memory memory;
	struct gsd_segment segments[7];
	uint64_t variables[2];
	uint64_t head; /* of the linked list */
	uint64_t list[LIST_CAPACITY];
	uint8_t *headers;
	uint8_t far[FAR_LENGTH];
	uint8_t stacks[STACKS_LENGTH];
	uint8_t links[LINKS_LENGTH];
	struct gsd_plan plan;
	struct gsd_threads threads;
	struct gsd_thread thread_items[4];
};

static inline int make_target(void **state)
{
	struct target *target = calloc(1, sizeof *target);
	assert_non_null(target);
	target->headers = calloc(1, HEADERS_LENGTH);
	assert_non_null(target->headers);
	const struct gsd_segment segments[] = {
		{VARIABLES, sizeof target->variables + sizeof target->head, target->variables},
		{LIST_START, sizeof target->list, target->list},
		{HEADERS_START, HEADERS_LENGTH, target->headers},
		{FAR_START, FAR_LENGTH, target->far},
		{STACKS_START, STACKS_LENGTH, target->stacks},
		{LINKS_START, LINKS_LENGTH, target->links},
	};
	memcpy(target->segments, segments, sizeof segments);
	gsd_segment_memory_init(&target->memory, target->segments, GSD_ARRAY_SIZE(segments));
	for (size_t i = 0; i < STACKS_LENGTH; i++)
		target->stacks[i] = (uint8_t)(i ^ i >> 8);
	for (size_t i = 0; i < LINKS_LENGTH; i++)
		target->links[i] = (uint8_t)i;
	target->variables[0] = LIST_START;
	target->threads.items = target->thread_items;
	target->threads.capacity = GSD_ARRAY_SIZE(target->thread_items);
	struct gsd_plan *plan = &target->plan;
	plan->list_pointer_address = VARIABLES;
	plan->list_length_address = VARIABLES + 8;
	plan->header_size = HEADER_SIZE;
	plan->link_offset = LINK;
	plan->stack_rule = (struct gsd_stack_rule){.status_offset = STATUS,
						   .status_mask = ~(uint32_t)SCAN_BIT,
						   .skip_statuses = UINT64_C(1) << DEAD,
						   .running_statuses = UINT64_C(1) << RUNNING,
						   .low_offset = LOW,
						   .high_offset = HIGH,
						   .sp_first_offset = SP_FIRST,
						   .sp_offset = SP,
						   .max_stack_bytes = 8192};
	*state = target;
	return 0;
}

static inline int drop_target(void **state)
{
	struct target *target = *state;
	gsd_plan_free(&target->plan);
	free(target->headers);
	free(target);
	return 0;
}

static inline uint8_t *header_bytes(struct target *target, uint64_t address)
{
	return address >= FAR_START ? target->far + (address - FAR_START) : target->headers + (address - HEADERS_START);
}

static inline void set(struct target *target, uint64_t header, size_t field, uint64_t value)
{
	memcpy(header_bytes(target, header) + field, &value, sizeof value);
}

/* A header at `address` at the end of the list, waiting, with the stack [low, high) of which `used` bytes are in use.
 */
static inline void add(struct target *target, uint64_t address, uint64_t low, uint64_t high, uint64_t used)
{
	set(target, address, LOW, low);
	set(target, address, HIGH, high);
	set(target, address, SP, high - used);
	set(target, address, STATUS, WAITING);
	set(target, address, TAG, address);
	target->list[target->variables[1]++] = address;
}

/* The n-th header of a row, with a stack of 1024 bytes of its own, 64 of them in use. */
static inline uint64_t add_nth(struct target *target, uint64_t n)
{
	uint64_t low = STACKS_START + n % 64 * 1024;
	uint64_t address = HEADERS_START + n * HEADER_SIZE;
	add(target, address, low, low + 1024, 64);
	return address;
}

static inline void reserve(struct target *target, size_t known, size_t elements, size_t links, size_t stack_bytes)
{
	const struct gsd_plan_room room = {.elements = elements, .links = links, .stack_bytes = stack_bytes};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, known));
}

static inline void run(struct target *target)
{
	gsd_plan_run(&target->plan, &target->memory.memory, &target->threads);
}

static inline void assert_header(const struct target *target, size_t element, uint64_t address)
{
	uint64_t tag;
	assert_u64(target->plan.elements[element], address);
	assert_non_null(target->plan.headers[element]);
	memcpy(&tag, target->plan.headers[element] + TAG, sizeof tag);
	assert_u64(tag, address);
}

static inline void assert_stack(const struct target *target, size_t element, uint64_t address, uint64_t high)
{
	const struct gsd_stack_copy *stack = &target->plan.stacks[element];
	assert_int_equal(stack->outcome, GSD_STACK_READ);
	assert_u64(stack->address, address);
	assert_u64(stack->high, high);
	assert_int_equal(stack->length, high - address);
	assert_memory_equal(target->plan.stack_bytes + stack->offset, target->stacks + (address - STACKS_START),
			    stack->length);
}

#define WITH_TARGET(test) cmocka_unit_test_setup_teardown(test, make_target, drop_target)

#endif
