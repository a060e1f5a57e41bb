/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans that read a part of the list, and what a linked list leads to. */
#include "base/plan.h"

#include "../support/plan_target.h"

/* Structs of 16 bytes in the links' memory: the next one's address, and that of a header. The list's head is a word. */
#define HEAD (VARIABLES + 16)

static uint64_t node_address(size_t n)
{
	return LINKS_START + 16 * n;
}

static void set_node(struct target *target, size_t n, uint64_t next, uint64_t header)
{
	memcpy(target->links + 16 * n, &next, sizeof next);
	memcpy(target->links + 16 * n + 8, &header, sizeof header);
}

/* Of the list, `settled` entries are known and not to be read; `known`, in ascending order, are to be read. */
static void reserve_busy(struct target *target, const uint64_t *known, size_t known_count, size_t settled,
			 size_t elements)
{
	const struct gsd_plan_room room = {.elements = elements, .stack_bytes = 4096, .chain = 8};
	assert_success(gsd_plan_reserve(&target->plan, &room, known, known_count));
	target->plan.settled_count = settled;
}

/* The nodes 0, 1 and 2 are the linked list, and known. */
static void make_chain(struct target *target, const uint64_t *nodes)
{
	set_node(target, 0, node_address(1), 0);
	set_node(target, 1, node_address(2), 0);
	set_node(target, 2, 0, 0);
	target->head = node_address(0);
	target->plan.chain.head_address = HEAD;
	target->plan.chain.next_offset = 0;
	target->plan.chain.element_offset = 8;
	target->plan.chain.known = nodes;
	target->plan.chain.known_count = 3;
}

static const uint64_t known_nodes[] = {LINKS_START, LINKS_START + 16, LINKS_START + 32};

static void assert_elements(const struct target *target, const uint64_t *numbers, size_t count)
{
	assert_false(target->plan.element_overflow);
	assert_int_equal(target->plan.element_count, count);
	for (size_t i = 0; i < count; i++)
		assert_header(target, i, HEADERS_START + numbers[i] * HEADER_SIZE);
}
#define ASSERT_ELEMENTS(target, ...)                                                                                   \
	assert_elements(target, (const uint64_t[]){__VA_ARGS__},                                                       \
			sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void what_is_settled_is_not_read_and_what_came_after_it_is(void **state)
{
	struct target *target = *state;
	uint64_t busy[2];
	for (uint64_t i = 0; i < 5; i++)
		add_nth(target, i);
	busy[0] = HEADERS_START + HEADER_SIZE;
	busy[1] = HEADERS_START + 3 * HEADER_SIZE;
	reserve_busy(target, busy, 2, 3, 8);
	run(target);
	ASSERT_ELEMENTS(target, 1, 3);
	assert_int_equal(target->plan.list_length, 5);
	add_nth(target, 20);
	add_nth(target, 9);
	run(target);
	ASSERT_ELEMENTS(target, 1, 3, 20, 9);
	assert_int_equal(target->plan.list_length, 7);
	target->variables[1] = 2; /* no list gets shorter: what is busy is read all the same */
	run(target);
	ASSERT_ELEMENTS(target, 1, 3);
}

static void a_tail_longer_than_the_room_beside_what_is_busy_is_an_overflow(void **state)
{
	struct target *target = *state;
	const uint64_t busy[] = {HEADERS_START};
	for (uint64_t i = 0; i < 4; i++)
		add_nth(target, i);
	reserve_busy(target, busy, 1, 3, 3);
	add_nth(target, 4);
	add_nth(target, 5);
	run(target);
	ASSERT_ELEMENTS(target, 0, 4, 5);
	add_nth(target, 6);
	run(target);
	assert_true(gsd_plan_overflowed(&target->plan));
}

static void what_a_struct_of_the_linked_list_leads_to_is_read_once(void **state)
{
	struct target *target = *state;
	const uint64_t busy[] = {HEADERS_START + HEADER_SIZE, HEADERS_START + 3 * HEADER_SIZE};
	for (uint64_t i = 0; i < 6; i++)
		add_nth(target, i);
	reserve_busy(target, busy, 2, 4, 8);
	make_chain(target, known_nodes);
	set_node(target, 0, node_address(1), HEADERS_START + 4 * HEADER_SIZE);
	set_node(target, 1, node_address(2), HEADERS_START + 3 * HEADER_SIZE); /* it is busy anyway */
	set_node(target, 2, 0, HEADERS_START + 4 * HEADER_SIZE);               /* twice */
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 1, 3, 4);
	add_nth(target, 7); /* new in the list, and led to */
	set_node(target, 2, 0, HEADERS_START + 7 * HEADER_SIZE);
	run(target);
	ASSERT_ELEMENTS(target, 1, 3, 7, 4);
}

static void structs_that_came_and_went_are_followed(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 6; i++)
		add_nth(target, i);
	reserve_busy(target, NULL, 0, 6, 8);
	make_chain(target, known_nodes);
	set_node(target, 2, 0, HEADERS_START + 2 * HEADER_SIZE);
	set_node(target, 5, node_address(4), HEADERS_START + 5 * HEADER_SIZE);
	set_node(target, 4, node_address(0), HEADERS_START + 4 * HEADER_SIZE);
	target->head = node_address(5);
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 5, 4, 2);
	set_node(target, 0, node_address(1), HEADERS_START);
	target->head = node_address(1); /* the first one has been taken out: what it leads to is nothing any more */
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 2);
	set_node(target, 4, node_address(2), 0); /* two have been taken out behind a new one */
	target->head = node_address(4);
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 2);
	set_node(target, 5, 0, HEADERS_START + 5 * HEADER_SIZE); /* all that were known have gone */
	target->head = node_address(5);
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 5);
	target->head = node_address(4);
	target->plan.chain.known_count = 0; /* nothing was known, and the list is not empty */
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 2);
}

static void structs_that_were_overlooked_are_followed(void **state)
{
	struct target *target = *state;
	const uint64_t nodes[] = {node_address(0), 0x999000, node_address(2)};
	for (uint64_t i = 0; i < 6; i++)
		add_nth(target, i);
	reserve_busy(target, NULL, 0, 6, 8);
	make_chain(target, known_nodes);
	for (size_t i = 0; i < 5; i++)
		set_node(target, i, i < 4 ? node_address(i + 1) : 0, HEADERS_START + i * HEADER_SIZE);
	run(target); /* two behind the last one that was known */
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 0, 1, 2, 3, 4);
	target->plan.chain.known = nodes; /* what was taken for one cannot be read, and one was not seen at all */
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 0, 1, 2, 3, 4);
	target->plan.chain.known = &nodes[2];
	target->plan.chain.known_count = 1; /* all that are before the one that was known */
	run(target);
	assert_false(target->plan.chain_broken);
	ASSERT_ELEMENTS(target, 0, 1, 2, 3, 4);
}

static void a_linked_list_without_an_end_is_broken(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	reserve_busy(target, NULL, 0, 1, 8);
	make_chain(target, known_nodes);
	run(target);
	assert_false(target->plan.chain_broken);
	target->head = 0;
	run(target);
	assert_true(target->plan.chain_broken);
	target->head = 0x999000; /* it cannot be read */
	run(target);
	assert_true(target->plan.chain_broken);
	target->head = node_address(5);
	set_node(target, 5, node_address(6), 0);
	set_node(target, 6, node_address(5), 0); /* endless */
	run(target);
	assert_true(target->plan.chain_broken);
	set_node(target, 6, 0, 0);
	run(target);
	assert_false(target->plan.chain_broken);
	target->head = node_address(0);
	set_node(target, 2, node_address(0), 0); /* endless among those that were known */
	run(target);
	assert_true(target->plan.chain_broken);
	set_node(target, 2, 0x999000, 0);
	run(target);
	assert_true(target->plan.chain_broken);
	set_node(target, 2, 0, 0);
	run(target);
	assert_false(target->plan.chain_broken);
	target->plan.chain.head_address = 0x999000;
	run(target);
	assert_true(target->plan.chain_broken);
	target->plan.chain.known_count = 0;
	run(target);
	assert_true(target->plan.chain_broken);
	target->plan.chain.head_address = 0; /* there is no linked list */
	run(target);
	assert_false(target->plan.chain_broken);
}

static void what_is_led_to_beyond_the_room_is_an_overflow(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 4; i++)
		add_nth(target, i);
	reserve_busy(target, NULL, 0, 4, 2);
	make_chain(target, known_nodes);
	for (size_t i = 0; i < 2; i++)
		set_node(target, i, node_address(i + 1), HEADERS_START + i * HEADER_SIZE);
	run(target);
	ASSERT_ELEMENTS(target, 0, 1);
	set_node(target, 2, 0, HEADERS_START + 2 * HEADER_SIZE);
	run(target);
	assert_true(target->plan.element_overflow);
	assert_true(gsd_plan_overflowed(&target->plan));
	set_node(target, 2, 0, HEADERS_START);
	run(target); /* an overflow of one run is none of the next */
	ASSERT_ELEMENTS(target, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TARGET(what_is_settled_is_not_read_and_what_came_after_it_is),
		WITH_TARGET(a_tail_longer_than_the_room_beside_what_is_busy_is_an_overflow),
		WITH_TARGET(what_a_struct_of_the_linked_list_leads_to_is_read_once),
		WITH_TARGET(structs_that_came_and_went_are_followed),
		WITH_TARGET(structs_that_were_overlooked_are_followed),
		WITH_TARGET(a_linked_list_without_an_end_is_broken),
		WITH_TARGET(what_is_led_to_beyond_the_room_is_an_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
