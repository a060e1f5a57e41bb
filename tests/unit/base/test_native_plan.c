/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of a plan that copies C stacks: what is read, and that nothing is when nobody asked. */
#include "base/native_plan.h"

#include <errno.h>

#include "../support/check.h"
#include "base/plan.h"

/* Made-up headers of 64 bytes, Ms of 32, and stacks. */
enum { LOW = 0, HIGH = 8, LINK = 16, SP = 24, LOCK = 32, STATUS = 40, HEADER_SIZE = 64 };
enum { M_STACK = 8, M_SIZE = 32 };
enum { WAITING = 4, RUNNING = 2 };
#define VARIABLES UINT64_C(0x5000)
#define LIST      UINT64_C(0x6000)
#define HEADERS   UINT64_C(0x10000)
#define MS        UINT64_C(0x20000)
#define GO_STACKS UINT64_C(0xc000000000)
#define C_STACK   UINT64_C(0x7f0000000000)
#define C_BYTES   ((size_t)65536)
#define OTHER     UINT64_C(0x7f0000100000)
#define LIMIT     ((size_t)16384)

struct target {
	struct gsd_memory memory; /* counts, and asks the segments */
	struct gsd_segment_memory bytes;
	struct gsd_segment segments[7];
	size_t calls;
	size_t ranges;
	uint64_t read; /* bytes */
	uint64_t variables[2];
	uint64_t list[16];
	uint8_t headers[16 * HEADER_SIZE];
	uint8_t ms[16 * M_SIZE];
	uint8_t go_stacks[16 * 1024];
	uint8_t c_stack[C_BYTES];
	uint8_t other[8192];
	struct gsd_span mapped[2];
	struct gsd_plan plan;
	struct gsd_thread threads_items[4];
	struct gsd_threads threads;
};

static void count_and_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	struct target *target = (struct target *)memory;
	target->calls++;
	target->ranges += count;
	for (size_t i = 0; i < count; i++)
		target->read += ranges[i].length;
	gsd_memory_read_ranges(&target->bytes.memory, ranges, count);
}

static int make_target(void **state)
{
	struct target *target = calloc(1, sizeof *target);
	assert_non_null(target);
	const struct gsd_segment segments[] = {
		{VARIABLES, sizeof target->variables, target->variables},
		{LIST, sizeof target->list, target->list},
		{HEADERS, sizeof target->headers, target->headers},
		{MS, sizeof target->ms, target->ms},
		{GO_STACKS, sizeof target->go_stacks, target->go_stacks},
		{C_STACK, C_BYTES, target->c_stack},
		{OTHER, sizeof target->other, target->other},
	};
	memcpy(target->segments, segments, sizeof segments);
	gsd_segment_memory_init(&target->bytes, target->segments, GSD_ARRAY_SIZE(segments));
	target->memory.read = count_and_read;
	for (size_t i = 0; i < C_BYTES; i++)
		target->c_stack[i] = (uint8_t)(i ^ i >> 8);
	for (size_t i = 0; i < sizeof target->other; i++)
		target->other[i] = (uint8_t)(i * 7);
	target->variables[0] = LIST;
	target->threads.items = target->threads_items;
	target->threads.capacity = GSD_ARRAY_SIZE(target->threads_items);
	target->plan = (struct gsd_plan){.list_pointer_address = VARIABLES,
					 .list_length_address = VARIABLES + 8,
					 .header_size = HEADER_SIZE,
					 .link_offset = LINK,
					 .link_size = M_SIZE};
	target->plan.stack_rule = (struct gsd_stack_rule){.status_offset = STATUS,
							  .status_mask = UINT32_MAX,
							  .running_statuses = UINT64_C(1) << RUNNING,
							  .low_offset = LOW,
							  .high_offset = HIGH,
							  .sp_first_offset = SP,
							  .sp_offset = SP,
							  .max_stack_bytes = 8192};
	target->mapped[0] = (struct gsd_span){C_STACK, C_STACK + C_BYTES};
	*state = target;
	return 0;
}

static int drop_target(void **state)
{
	struct target *target = *state;
	gsd_plan_free(&target->plan);
	free(target);
	return 0;
}

static void set(uint8_t *bytes, size_t offset, uint64_t value)
{
	memcpy(bytes + offset, &value, sizeof value);
}

/* Element number n, with an own Go stack, linked (or only locked) to M number n whose scheduling stack is header 15. */
static void add(struct target *target, uint64_t n, uint32_t status, bool locked, uint64_t scheduling_sp)
{
	uint8_t *header = target->headers + n * HEADER_SIZE;
	uint8_t *scheduling = target->headers + (8 + n) * HEADER_SIZE;
	set(header, LOW, GO_STACKS + n * 1024);
	set(header, HIGH, GO_STACKS + (n + 1) * 1024);
	set(header, SP, GO_STACKS + n * 1024 + 512);
	set(header, STATUS, status);
	set(header, locked ? LOCK : LINK, MS + n * M_SIZE);
	set(target->ms, n * M_SIZE + M_STACK, HEADERS + (8 + n) * HEADER_SIZE);
	set(scheduling, SP, scheduling_sp);
	target->list[n] = HEADERS + n * HEADER_SIZE;
	target->variables[1] = n + 1;
}

static void add_thread(struct target *target, uint64_t sp)
{
	target->threads.items[target->threads.count++] = (struct gsd_thread){.tid = 7, .registers.sp = sp};
}

static void ask(struct target *target, bool callbacks)
{
	target->plan.native = (struct gsd_native_plan){.piece_limit = LIMIT,
						       .callbacks = callbacks,
						       .lock_offset = LOCK,
						       .link_stack_offset = M_STACK,
						       .stack_sp_offset = SP,
						       .mapped = target->mapped,
						       .mapped_count = 1};
}

static void run(struct target *target)
{
	const struct gsd_plan_room room = {.elements = 8, .links = 8, .stack_bytes = 16384};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, (size_t)target->variables[1]));
	if (target->plan.native.piece_limit != 0)
		assert_success(gsd_native_plan_reserve(&target->plan.native, 4, 8, (size_t)1 << 20));
	target->calls = target->ranges = target->read = 0;
	gsd_plan_run(&target->plan, &target->memory, &target->threads);
	assert_false(gsd_plan_overflowed(&target->plan));
	gsd_native_plan_sort(&target->plan.native);
}

static bool copied(struct target *target, uint64_t address, size_t length)
{
	uint8_t bytes[256];
	assert_true(length <= sizeof bytes);
	if (!gsd_native_plan_read(&target->plan.native, address, bytes, length))
		return false;
	assert_memory_equal(bytes, target->c_stack + (address - C_STACK), length);
	return true;
}

/* ---- the promises ---- */

static void without_asking_nothing_more_is_read(void **state)
{
	struct target *target = *state;
	add(target, 0, RUNNING, false, C_STACK + 4096);
	add(target, 1, WAITING, true, C_STACK + 8192);
	add_thread(target, C_STACK + 1000);
	run(target);
	/* Nothing fixed, the list's two words, one run of headers and no new ones, the one M, two stacks. */
	assert_int_equal(target->calls, 7);
	assert_int_equal(target->ranges, 0 + 1 + 1 + 1 + 0 + 1 + 2);
	/* The one that runs is read whole, whatever sp it has saved: its thread is elsewhere. */
	assert_int_equal(target->read, 8 + 8 + 2 * HEADER_SIZE + M_SIZE + (1024 - 512) + (1024 - 8));
	assert_int_equal(target->plan.native.piece_count, 0);
	size_t calls = target->calls;
	ask(target, true);
	run(target);
	assert_int_equal(target->calls, calls + 3); /* words of Ms, words of their g0s, the pieces */
	assert_int_equal(target->plan.native.link_count, 2);
}

static void a_thread_on_a_stack_of_c_is_copied_from_its_red_zone_to_the_limit(void **state)
{
	struct target *target = *state;
	ask(target, false);
	add_thread(target, C_STACK + 1000);
	run(target);
	assert_true(copied(target, C_STACK + 1000 - 128, 128));
	assert_true(copied(target, C_STACK + 1000, 128));
	assert_false(copied(target, C_STACK + 1000 - 136, 8));
	assert_true(copied(target, C_STACK + 1000 + LIMIT - 8, 8));
	assert_false(copied(target, C_STACK + 1000 + LIMIT, 8));
}

static void a_piece_ends_where_its_mapping_does(void **state)
{
	struct target *target = *state;
	ask(target, false);
	add_thread(target, C_STACK + C_BYTES - 512);
	add_thread(target, C_STACK + 64); /* and begins where it does */
	run(target);
	assert_true(copied(target, C_STACK + C_BYTES - 8, 8));
	assert_false(copied(target, C_STACK + C_BYTES - 4, 8));
	assert_true(copied(target, C_STACK, 64));
}

static void a_stack_that_no_known_mapping_holds_is_copied_by_pages(void **state)
{
	struct target *target = *state;
	uint8_t bytes[8];
	ask(target, false);
	add_thread(target, OTHER + 200); /* two pages of it are there */
	run(target);
	assert_true(gsd_native_plan_read(&target->plan.native, OTHER + 4092, bytes, sizeof bytes)); /* across two */
	assert_memory_equal(bytes, target->other + 4092, sizeof bytes);
	assert_true(gsd_native_plan_read(&target->plan.native, OTHER + 8184, bytes, sizeof bytes));
	assert_false(gsd_native_plan_read(&target->plan.native, OTHER + 8188, bytes, sizeof bytes));
}

static void a_thread_on_the_stack_of_a_goroutine_is_not_copied(void **state)
{
	struct target *target = *state;
	ask(target, false);
	add(target, 0, RUNNING, false, 0);
	add_thread(target, GO_STACKS + 512);
	add_thread(target, GO_STACKS + 1024); /* the stack is empty: sp is at its end */
	run(target);
	assert_int_equal(target->plan.native.piece_count, 0);
}

static void the_c_stack_below_go_code_is_copied_where_the_thread_is_on_go_code(void **state)
{
	struct target *target = *state;
	ask(target, true);
	add(target, 0, RUNNING, false, C_STACK + 4096);
	add_thread(target, GO_STACKS + 512);
	run(target);
	assert_u64(target->plan.native.links[0].link, MS);
	assert_u64(target->plan.native.links[0].sp, C_STACK + 4096);
	assert_true(copied(target, C_STACK + 4096, 256));
	assert_true(copied(target, C_STACK + 4096 + LIMIT - 8, 8));
}

static void so_it_is_for_a_goroutine_that_waits_locked_to_its_thread(void **state)
{
	struct target *target = *state;
	ask(target, true);
	add(target, 0, WAITING, true, C_STACK + 4096);
	run(target);
	assert_int_equal(target->plan.native.link_count, 1);
	assert_true(copied(target, C_STACK + 4096, 256));
}

static void one_stack_is_copied_once_and_whole(void **state)
{
	struct target *target = *state;
	ask(target, true);
	add(target, 0, RUNNING, false, C_STACK + 8192);
	add_thread(target, C_STACK + 1000);
	run(target);
	assert_true(copied(target, C_STACK + 1000, 256));
	assert_true(copied(target, C_STACK + 1000 + LIMIT - 100, 200)); /* over the seam */
	assert_true(copied(target, C_STACK + 8192 + LIMIT - 8, 8));
	assert_int_equal(target->plan.native.bytes_needed, 8192 - 1000 + 128 + LIMIT);
}

static void what_cannot_be_read_is_unknown_and_not_zero(void **state)
{
	struct target *target = *state;
	ask(target, true);
	add(target, 0, RUNNING, false, C_STACK + 8192);
	set(target->headers, LINK, UINT64_C(0x999000));
	add(target, 1, RUNNING, false, UINT64_C(0x888000)); /* a scheduling stack that is not there */
	target->mapped[0].end += 4096;                      /* a mapping that has shrunk */
	add_thread(target, C_STACK + C_BYTES - 512);
	run(target);
	assert_u64(target->plan.native.links[0].sp, 0);
	assert_int_equal(target->plan.native.piece_count, 0);
}

static void too_little_room_is_an_overflow_that_says_how_much_is_needed(void **state)
{
	struct target *target = *state;
	ask(target, true);
	add(target, 0, RUNNING, false, C_STACK + 8192);
	add_thread(target, C_STACK + 1000);
	const struct gsd_plan_room room = {.elements = 8, .links = 8, .stack_bytes = 16384};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, 1));
	gsd_plan_run(&target->plan, &target->memory, &target->threads);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_success(gsd_native_plan_reserve(&target->plan.native, 4, 8, 16));
	gsd_plan_run(&target->plan, &target->memory, &target->threads);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_true(target->plan.native.bytes_needed > LIMIT);
	assert_failure(gsd_native_plan_reserve(&target->plan.native, 1, 1, GSD_NATIVE_MAX_BYTES + 1), GSD_ERROR_CORRUPT,
		       "C stacks");
}

#define WITH_TARGET(test) cmocka_unit_test_setup_teardown(test, make_target, drop_target)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TARGET(without_asking_nothing_more_is_read),
		WITH_TARGET(a_thread_on_a_stack_of_c_is_copied_from_its_red_zone_to_the_limit),
		WITH_TARGET(a_piece_ends_where_its_mapping_does),
		WITH_TARGET(a_stack_that_no_known_mapping_holds_is_copied_by_pages),
		WITH_TARGET(a_thread_on_the_stack_of_a_goroutine_is_not_copied),
		WITH_TARGET(the_c_stack_below_go_code_is_copied_where_the_thread_is_on_go_code),
		WITH_TARGET(so_it_is_for_a_goroutine_that_waits_locked_to_its_thread),
		WITH_TARGET(one_stack_is_copied_once_and_whole),
		WITH_TARGET(what_cannot_be_read_is_unknown_and_not_zero),
		WITH_TARGET(too_little_room_is_an_overflow_that_says_how_much_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
