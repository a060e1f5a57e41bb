/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/plan.h"

#include <errno.h>

#include "../support/plan_target.h"

/* ---- the list ---- */

static void known_headers_and_those_that_are_new_are_read_in_the_order_of_the_list(void **state)
{
	struct target *target = *state;
	add_nth(target, 9);
	add_nth(target, 2);
	add_nth(target, 700);
	reserve(target, 3, 8, 0, 4096);
	add_nth(target, 5); /* the list grew between the looks */
	add_nth(target, 1);
	run(target);
	assert_false(gsd_plan_overflowed(&target->plan));
	assert_int_equal(target->plan.list_errnum, 0);
	assert_int_equal(target->plan.element_count, 5);
	static const uint64_t order[] = {9, 2, 700, 5, 1};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(order); i++) {
		assert_header(target, i, HEADERS_START + order[i] * HEADER_SIZE);
		uint64_t high = STACKS_START + order[i] % 64 * 1024 + 1024;
		assert_stack(target, i, high - 64, high);
	}
}

static void a_list_that_moved_gives_the_same_elements(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	reserve(target, 1, 4, 0, 4096);
	target->list[8] = target->list[0];
	target->list[9] = HEADERS_START + 3 * HEADER_SIZE;
	set(target, target->list[9], TAG, target->list[9]);
	target->variables[0] = LIST_START + 8 * sizeof(uint64_t);
	target->variables[1] = 2;
	run(target);
	assert_int_equal(target->plan.element_count, 2);
	assert_header(target, 0, HEADERS_START);
	assert_header(target, 1, HEADERS_START + 3 * HEADER_SIZE);
}

static void a_list_longer_than_the_room_is_an_overflow_that_says_how_long_it_is(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 5; i++)
		add_nth(target, i);
	reserve(target, 2, 4, 0, 4096);
	run(target);
	assert_true(target->plan.element_overflow);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_int_equal(target->plan.element_count, 5);
	reserve(target, 2, 5, 0, 4096);
	run(target);
	assert_false(gsd_plan_overflowed(&target->plan));
	assert_header(target, 4, HEADERS_START + 4 * HEADER_SIZE);
}

static void a_list_shorter_than_what_is_known_gives_only_what_it_has(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 3; i++)
		add_nth(target, i);
	reserve(target, 3, 3, 0, 4096);
	target->variables[1] = 1;
	run(target);
	assert_int_equal(target->plan.list_errnum, 0);
	assert_int_equal(target->plan.element_count, 1);
	assert_int_equal(target->plan.stack_bytes_needed, 64);
	assert_header(target, 0, HEADERS_START);
}

static void an_impossible_length_of_the_list_is_refused_before_anything_is_read(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	reserve(target, 1, 1, 0, 4096);
	static const uint64_t lengths[] = {GSD_PLAN_MAX_ELEMENTS + 1, UINT64_MAX};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		target->variables[1] = lengths[i];
		run(target);
		assert_int_equal(target->plan.list_errnum, EOVERFLOW);
		assert_int_equal(target->plan.element_count, 0);
		assert_false(target->plan.element_overflow);
	}
}

static void a_list_that_cannot_be_read_says_why(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	reserve(target, 0, 4, 0, 4096);
	target->variables[0] = 0x999000; /* the array is not mapped */
	run(target);
	assert_int_equal(target->plan.list_errnum, EFAULT);
	target->variables[0] = LIST_START;
	target->plan.list_length_address = 0x999000;
	run(target);
	assert_int_equal(target->plan.list_errnum, EFAULT);
	target->plan.list_length_address = VARIABLES + 8;
	run(target);
	assert_int_equal(target->plan.list_errnum, 0);
	assert_header(target, 0, HEADERS_START);
}

static void without_a_list_there_are_no_elements(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	reserve(target, 0, 4, 0, 4096);
	run(target);
	assert_int_equal(target->plan.element_count, 1);
	target->plan.list_length_address = 0;
	run(target);
	assert_int_equal(target->plan.list_errnum, 0);
	assert_int_equal(target->plan.list_length, 0);
	assert_int_equal(target->plan.element_count, 0);
	assert_false(gsd_plan_overflowed(&target->plan));
}

static void elements_that_are_null_or_not_mapped_have_no_header_and_do_not_hurt_the_others(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	target->list[target->variables[1]++] = 0;
	target->list[target->variables[1]++] = UINT64_MAX - 7;
	add_nth(target, 1);
	for (size_t known = 0; known <= 4; known += 2) {
		reserve(target, known, 4, 0, 4096);
		run(target);
		assert_int_equal(target->plan.element_count, 4);
		assert_header(target, 0, HEADERS_START);
		assert_null(target->plan.headers[1]);
		assert_null(target->plan.headers[2]);
		assert_header(target, 3, HEADERS_START + HEADER_SIZE);
		assert_int_equal(target->plan.stacks[1].outcome, GSD_STACK_NONE);
	}
}

/* ---- runs ---- */

static void headers_near_each_other_are_one_run_and_far_ones_are_not(void **state)
{
	struct target *target = *state;
	add(target, HEADERS_START, STACKS_START, STACKS_START + 1024, 8);
	add(target, HEADERS_START + 1024 + HEADER_SIZE - 8, STACKS_START, STACKS_START + 1024, 8);
	add(target, HEADERS_START + 8192, STACKS_START, STACKS_START + 1024, 8);
	add(target, FAR_START + FAR_LENGTH - HEADER_SIZE, STACKS_START, STACKS_START + 1024, 8);
	reserve(target, 4, 4, 0, 4096);
	assert_int_equal(target->plan.run_count, 3);
	assert_u64(target->plan.runs[0].address, HEADERS_START);
	assert_int_equal(target->plan.runs[0].length, 1024 + 2 * HEADER_SIZE - 8);
	assert_int_equal(target->plan.runs[1].length, HEADER_SIZE);
	run(target);
	for (size_t i = 0; i < 4; i++)
		assert_header(target, i, target->list[i]);
}

static void a_run_ends_after_a_mebibyte(void **state)
{
	struct target *target = *state;
	enum { COUNT = 4000, STEP = 768 }; /* three mebibytes without a gap */
	for (uint64_t i = 0; i < COUNT; i++)
		add(target, HEADERS_START + i * STEP, STACKS_START, STACKS_START + 1024, 8);
	reserve(target, COUNT, COUNT, 0, COUNT * 8);
	assert_int_equal(target->plan.run_count, 3);
	for (size_t i = 0; i < target->plan.run_count; i++)
		assert_true(target->plan.runs[i].length <= (1 << 20) + HEADER_SIZE);
	run(target);
	for (size_t i = 0; i < COUNT; i++)
		assert_header(target, i, target->list[i]);
}

static void an_unreadable_run_takes_only_its_own_headers_with_it(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	target->list[target->variables[1]++] = 0x999000;
	target->list[target->variables[1]++] = 0x999000 + HEADER_SIZE;
	add(target, FAR_START, STACKS_START, STACKS_START + 1024, 8);
	reserve(target, 4, 4, 0, 4096);
	assert_int_equal(target->plan.run_count, 3);
	run(target);
	assert_header(target, 0, HEADERS_START);
	assert_null(target->plan.headers[1]);
	assert_null(target->plan.headers[2]);
	assert_header(target, 3, FAR_START);
}

static void the_same_element_twice_is_read_twice(void **state)
{
	struct target *target = *state;
	add_nth(target, 3);
	add_nth(target, 3);
	reserve(target, 2, 2, 0, 4096);
	run(target);
	assert_header(target, 0, HEADERS_START + 3 * HEADER_SIZE);
	assert_header(target, 1, HEADERS_START + 3 * HEADER_SIZE);
}

static void headers_that_overlap_where_a_run_ends_keep_their_own_bytes(void **state)
{
	struct target *target = *state;
	enum { LAST = (1 << 20) - 8 };
	for (uint64_t i = 0; i < LAST; i += 1016)
		add(target, HEADERS_START + i, STACKS_START, STACKS_START + 1024, 8);
	add(target, HEADERS_START + LAST, STACKS_START, STACKS_START + 1024, 8);
	memset(target->headers + LAST + 16, 0x5a, 16); /* what the last header and the one over it share */
	target->list[target->variables[1]++] = HEADERS_START + LAST + 16; /* a hostile list */
	size_t count = (size_t)target->variables[1];
	reserve(target, count, count, 0, count * 8);
	run(target);
	assert_header(target, count - 2, HEADERS_START + LAST);
	assert_memory_equal(target->plan.headers[count - 1], target->headers + LAST + 16, HEADER_SIZE);
}

/* ---- stacks ---- */

static void a_status_without_a_stack_is_skipped_with_or_without_the_scan_bit(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), STATUS, DEAD);
	set(target, add_nth(target, 1), STATUS, DEAD | SCAN_BIT);
	set(target, add_nth(target, 2), STATUS, WAITING | SCAN_BIT);
	set(target, add_nth(target, 3), STATUS, 70);                           /* no such bit in the mask */
	set(target, add_nth(target, 4), STATUS, UINT64_C(0x500000000) | DEAD); /* what follows the status is not it */
	reserve(target, 5, 5, 0, 4096);
	run(target);
	assert_int_equal(target->plan.stacks[0].outcome, GSD_STACK_NONE);
	assert_int_equal(target->plan.stacks[1].outcome, GSD_STACK_NONE);
	assert_int_equal(target->plan.stacks[2].outcome, GSD_STACK_READ);
	assert_int_equal(target->plan.stacks[3].outcome, GSD_STACK_READ);
	assert_int_equal(target->plan.stacks[4].outcome, GSD_STACK_NONE);
	assert_int_equal(target->plan.stack_bytes_needed, 128);
}

static void the_stack_pointer_of_a_system_call_counts_before_the_saved_one(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), SP_FIRST, STACKS_START + 512);
	reserve(target, 1, 1, 0, 4096);
	run(target);
	assert_stack(target, 0, STACKS_START + 512, STACKS_START + 1024);
}

static void the_stack_of_a_running_goroutine_begins_where_a_stopped_thread_is_on_it(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), STATUS, RUNNING);
	add_nth(target, 1); /* not running: threads do not matter */
	target->threads.count = 4;
	target->thread_items[0] =
		(struct gsd_thread){.registers.sp = STACKS_START + 100, .state = GSD_THREAD_UNINTERRUPTIBLE};
	target->thread_items[1] = (struct gsd_thread){.registers.sp = STACKS_START};
	target->thread_items[2] = (struct gsd_thread){.registers.sp = STACKS_START + 200};
	target->thread_items[3] = (struct gsd_thread){.registers.sp = STACKS_START + 1024 + 8};
	reserve(target, 2, 2, 0, 4096);
	run(target);
	assert_stack(target, 0, STACKS_START + 200, STACKS_START + 1024);
	assert_stack(target, 1, STACKS_START + 2048 - 64, STACKS_START + 2048);
	target->thread_items[2].registers.sp = STACKS_START + 1024; /* the empty stack is on it too */
	run(target);
	assert_stack(target, 0, STACKS_START + 1024, STACKS_START + 1024);
}

static void a_running_goroutine_whose_thread_is_elsewhere_is_read_whole(void **state)
{
	struct target *target = *state;
	uint64_t g = add_nth(target, 0);
	set(target, g, STATUS, RUNNING);
	target->threads.count = 1;
	target->thread_items[0].registers.sp = 0x7ffff0000000;
	reserve(target, 1, 1, 0, 4096);
	run(target);
	/* The saved stack pointer may be an old one: from the first word above the lower bound. */
	assert_stack(target, 0, STACKS_START + 8, STACKS_START + 1024);
	set(target, g, SP, 0);
	run(target);
	assert_stack(target, 0, STACKS_START + 8, STACKS_START + 1024);
}

static void a_waiting_goroutine_without_a_stack_pointer_is_bad(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), SP, 0);
	reserve(target, 1, 1, 0, 4096);
	run(target);
	assert_int_equal(target->plan.stacks[0].outcome, GSD_STACK_BAD);
}

static void bounds_that_contradict_each_other_are_bad(void **state)
{
	struct target *target = *state;
	static const struct {
		uint64_t low, high, sp;
		enum gsd_stack_outcome outcome;
	} cases[] = {
		{STACKS_START, STACKS_START, STACKS_START, GSD_STACK_BAD},
		{STACKS_START + 8, STACKS_START, STACKS_START, GSD_STACK_BAD},
		{STACKS_START, STACKS_START + 64, STACKS_START, GSD_STACK_BAD},
		{STACKS_START, STACKS_START + 64, STACKS_START - 8, GSD_STACK_BAD},
		{STACKS_START, STACKS_START + 64, STACKS_START + 65, GSD_STACK_BAD},
		{STACKS_START, STACKS_START + 64, STACKS_START + 64, GSD_STACK_READ},
		{STACKS_START, STACKS_START + 64, STACKS_START + 1, GSD_STACK_READ},
		{0, 0, 0, GSD_STACK_BAD},
		{0, UINT64_MAX, 8, GSD_STACK_TOO_LARGE},
	};
	uint64_t g = add_nth(target, 0);
	reserve(target, 1, 1, 0, 4096);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		set(target, g, LOW, cases[i].low);
		set(target, g, HIGH, cases[i].high);
		set(target, g, SP, cases[i].sp);
		run(target);
		assert_int_equal(target->plan.stacks[0].outcome, cases[i].outcome);
	}
}

static void a_stack_over_the_limit_is_too_large_and_one_at_the_limit_is_not(void **state)
{
	struct target *target = *state;
	add(target, HEADERS_START, STACKS_START, STACKS_START + 16384, 8192);
	add(target, HEADERS_START + HEADER_SIZE, STACKS_START, STACKS_START + 16384, 8193);
	reserve(target, 2, 2, 0, 16384);
	run(target);
	assert_stack(target, 0, STACKS_START + 8192, STACKS_START + 16384);
	assert_int_equal(target->plan.stacks[1].outcome, GSD_STACK_TOO_LARGE);
}

static void an_unmapped_stack_is_marked_and_the_ones_after_it_are_read(void **state)
{
	struct target *target = *state;
	add_nth(target, 0);
	add(target, HEADERS_START + HEADER_SIZE, 0x999000, 0x999100, 64);
	set(target, add_nth(target, 2), STATUS, DEAD);
	add_nth(target, 3);
	reserve(target, 4, 4, 0, 4096);
	run(target);
	assert_stack(target, 0, STACKS_START + 1024 - 64, STACKS_START + 1024);
	assert_int_equal(target->plan.stacks[1].outcome, GSD_STACK_UNMAPPED);
	assert_int_equal(target->plan.stacks[2].outcome, GSD_STACK_NONE);
	assert_stack(target, 3, STACKS_START + 4096 - 64, STACKS_START + 4096);
}

static void stacks_over_the_room_are_an_overflow_that_says_how_much_is_needed(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 5; i++)
		add_nth(target, i);
	reserve(target, 5, 5, 0, 63);
	assert_int_equal(target->plan.stack_bytes_capacity, 64);
	run(target);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_int_equal(target->plan.stack_bytes_needed, 5 * 64);
	assert_int_equal(target->plan.stacks[4].outcome, GSD_STACK_OVERFLOW);
	assert_success(gsd_plan_enlarge(&target->plan, 0, target->plan.stack_bytes_needed));
	run(target);
	assert_false(gsd_plan_overflowed(&target->plan));
	for (uint64_t i = 0; i < 5; i++)
		assert_stack(target, i, STACKS_START + (i + 1) * 1024 - 64, STACKS_START + (i + 1) * 1024);
}

/* ---- links ---- */

static void links_are_read_in_the_order_of_the_elements_that_have_one(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), LINK, LINKS_START + 32);
	add_nth(target, 1);
	set(target, add_nth(target, 2), LINK, 0x999000);
	set(target, add_nth(target, 3), LINK, LINKS_START + LINKS_LENGTH - 16);
	set(target, add_nth(target, 4), LINK, LINKS_START + 32);
	target->plan.link_size = 16;
	reserve(target, 5, 5, 4, 4096);
	run(target);
	const struct gsd_plan *plan = &target->plan;
	assert_false(gsd_plan_overflowed(plan));
	assert_int_equal(plan->link_count, 4);
	assert_u64(plan->links[0], LINKS_START + 32);
	assert_memory_equal(plan->link_bytes, target->links + 32, 16);
	assert_int_equal(plan->link_ranges[0].errnum, 0);
	assert_int_equal(plan->link_ranges[1].errnum, EFAULT);
	assert_memory_equal(plan->link_bytes + 32, target->links + LINKS_LENGTH - 16, 16);
	assert_memory_equal(plan->link_bytes + 48, target->links + 32, 16);
}

static void more_links_than_fit_are_an_overflow_that_says_how_many(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 4; i++)
		set(target, add_nth(target, i), LINK, LINKS_START + 16 * i);
	target->plan.link_size = 16;
	reserve(target, 4, 4, 1, 4096);
	assert_int_equal(target->plan.link_capacity, 2);
	run(target);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_int_equal(target->plan.link_count, 4);
	assert_success(gsd_plan_enlarge(&target->plan, 4, 0));
	run(target);
	assert_false(gsd_plan_overflowed(&target->plan));
	assert_memory_equal(target->plan.link_bytes + 48, target->links + 48, 16);
}

static void without_a_link_size_no_links_are_looked_for(void **state)
{
	struct target *target = *state;
	set(target, add_nth(target, 0), LINK, LINKS_START);
	set(target, add_nth(target, 1), LINK, LINKS_START);
	reserve(target, 2, 2, 0, 4096);
	run(target);
	assert_int_equal(target->plan.link_count, 0);
	assert_false(gsd_plan_overflowed(&target->plan));
}

/* ---- the stacks of threads ---- */

#define THREAD_STACK        UINT64_C(0x7fff00000000) /* a thread's own: 20,000 bytes of it are mapped */
#define THREAD_STACK_LENGTH ((size_t)20000)

/* A running element whose thread `tid` is on a stack of its own; its m in slot `n`. */
static uint64_t add_running_elsewhere(struct target *target, uint64_t n, uint64_t tid)
{
	uint64_t g = add_nth(target, n);
	set(target, g, STATUS, RUNNING);
	set(target, g, LINK, LINKS_START + 16 * n);
	memcpy(target->links + 16 * n + 8, &tid, sizeof tid);
	return g;
}

/* Threads 100, 101, … that are on their own stacks, with `bytes` there. */
static void make_threads(struct target *target, const uint8_t *bytes, size_t count)
{
	target->plan.link_size = 16;
	target->plan.stack_rule.link_tid_offset = 8;
	target->segments[6] = (struct gsd_segment){THREAD_STACK, THREAD_STACK_LENGTH, bytes};
	target->memory.count = 7;
	target->threads.count = count;
	for (size_t i = 0; i < count; i++)
		target->thread_items[i] =
			(struct gsd_thread){.tid = (pid_t)(7 + i), .tid_inside = 100 + i, .registers.sp = THREAD_STACK};
}

static void what_lies_above_the_sp_of_a_thread_that_is_elsewhere_is_copied_as_far_as_it_is_mapped(void **state)
{
	struct target *target = *state;
	uint8_t bytes[THREAD_STACK_LENGTH];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i ^ i >> 7);
	add_nth(target, 0); /* waits: nothing of its own thread is wanted */
	add_running_elsewhere(target, 1, 101);
	make_threads(target, bytes, 2);
	target->thread_items[1].registers.sp = THREAD_STACK + 40;
	const struct gsd_plan_room room = {.elements = 2, .links = 2, .stack_bytes = 8192, .pieces = 2};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, 2));
	run(target);
	assert_int_equal(target->plan.piece_count, 1);
	const struct gsd_thread_piece *piece = &target->plan.pieces[0];
	assert_int_equal(piece->element, 1);
	assert_u64(piece->address, THREAD_STACK + 40);
	assert_int_equal(piece->length, 16384 - 40); /* to the last page that is there whole */
	assert_memory_equal(piece->bytes, bytes + 40, piece->length);
}

static void the_stack_of_a_thread_is_not_copied_without_need(void **state)
{
	struct target *target = *state;
	uint8_t bytes[THREAD_STACK_LENGTH] = {0};
	uint64_t g = add_running_elsewhere(target, 0, 100);
	make_threads(target, bytes, 1);
	const struct gsd_plan_room room = {.elements = 1, .links = 1, .stack_bytes = 8192, .pieces = 1};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, 1));
	run(target);
	assert_int_equal(target->plan.piece_count, 1);
	target->thread_items[0].state = GSD_THREAD_UNINTERRUPTIBLE; /* its registers are not known */
	run(target);
	assert_int_equal(target->plan.piece_count, 0);
	target->thread_items[0] = (struct gsd_thread){.tid_inside = 100, .registers.sp = STACKS_START + 512};
	run(target); /* it is on the stack of its goroutine */
	assert_int_equal(target->plan.piece_count, 0);
	target->thread_items[0] = (struct gsd_thread){.tid_inside = 99, .registers.sp = THREAD_STACK};
	run(target); /* it is the thread of another one */
	assert_int_equal(target->plan.piece_count, 0);
	target->thread_items[0].tid_inside = 100;
	set(target, g, LINK, 0x999000); /* which thread it is cannot be read */
	run(target);
	assert_int_equal(target->plan.piece_count, 0);
	set(target, g, LINK, 0);
	run(target);
	assert_int_equal(target->plan.piece_count, 0);
	set(target, g, LINK, LINKS_START);
	run(target);
	assert_int_equal(target->plan.piece_count, 1);
}

static void no_more_stacks_of_threads_are_copied_than_there_is_room_for(void **state)
{
	struct target *target = *state;
	uint8_t bytes[THREAD_STACK_LENGTH] = {0};
	for (uint64_t i = 0; i < 3; i++)
		add_running_elsewhere(target, i, 100 + i);
	make_threads(target, bytes, 3);
	const struct gsd_plan_room room = {.elements = 3, .links = 3, .stack_bytes = 8192, .pieces = 2};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, 3));
	run(target);
	assert_int_equal(target->plan.piece_count, 2);
	assert_int_equal(target->plan.pieces[1].element, 1);
	assert_false(gsd_plan_overflowed(&target->plan));
}

static void links_that_did_not_fit_are_not_looked_at_for_threads(void **state)
{
	struct target *target = *state;
	uint8_t bytes[THREAD_STACK_LENGTH] = {0};
	for (uint64_t i = 0; i < 4; i++)
		add_running_elsewhere(target, i, 103);
	make_threads(target, bytes, 4);
	const struct gsd_plan_room room = {.elements = 4, .links = 0, .stack_bytes = 8192, .pieces = 4};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->list, 4));
	run(target);
	assert_true(gsd_plan_overflowed(&target->plan));
	assert_int_equal(target->plan.piece_count, 0);
}

/* ---- the rest ---- */

static void fixed_ranges_are_read_even_where_the_list_cannot_be(void **state)
{
	struct target *target = *state;
	uint64_t value = 0;
	uint64_t missing = 0;
	struct gsd_range fixed[] = {{.address = VARIABLES, .length = 8, .buffer = &value},
				    {.address = 0x999000, .length = 8, .buffer = &missing}};
	target->plan.fixed = fixed;
	target->plan.fixed_count = 2;
	reserve(target, 0, 1, 0, 0);
	target->plan.list_length_address = 0x999000;
	run(target);
	assert_u64(value, LIST_START);
	assert_int_equal(fixed[0].errnum, 0);
	assert_int_equal(fixed[1].errnum, EFAULT);
}

static void room_for_more_than_a_program_can_have_is_refused(void **state)
{
	struct target *target = *state;
	struct gsd_plan_room room = {.elements = GSD_PLAN_MAX_ELEMENTS + 1};
	assert_failure(gsd_plan_reserve(&target->plan, &room, NULL, 0), GSD_ERROR_CORRUPT, "make room for");
	room.elements = 1;
	assert_failure(gsd_plan_reserve(&target->plan, &room, target->list, 2), GSD_ERROR_CORRUPT, "make room for");
	assert_failure(gsd_plan_enlarge(&target->plan, GSD_PLAN_MAX_ELEMENTS + 1, 0), GSD_ERROR_CORRUPT,
		       "no Go program");
	assert_failure(gsd_plan_enlarge(&target->plan, 0, GSD_PLAN_MAX_STACK_BYTES + 1), GSD_ERROR_CORRUPT,
		       "no Go program");
}

static void a_plan_is_reserved_again_from_its_own_elements(void **state)
{
	struct target *target = *state;
	for (uint64_t i = 0; i < 3; i++)
		add_nth(target, i);
	reserve(target, 0, 3, 0, 4096);
	run(target);
	const struct gsd_plan_room room = {.elements = 3, .stack_bytes = 4096};
	assert_success(gsd_plan_reserve(&target->plan, &room, target->plan.elements, target->plan.element_count));
	assert_int_equal(target->plan.known_count, 3);
	run(target);
	for (uint64_t i = 0; i < 3; i++)
		assert_header(target, i, HEADERS_START + i * HEADER_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TARGET(known_headers_and_those_that_are_new_are_read_in_the_order_of_the_list),
		WITH_TARGET(a_list_that_moved_gives_the_same_elements),
		WITH_TARGET(a_list_longer_than_the_room_is_an_overflow_that_says_how_long_it_is),
		WITH_TARGET(a_list_shorter_than_what_is_known_gives_only_what_it_has),
		WITH_TARGET(an_impossible_length_of_the_list_is_refused_before_anything_is_read),
		WITH_TARGET(a_list_that_cannot_be_read_says_why),
		WITH_TARGET(without_a_list_there_are_no_elements),
		WITH_TARGET(elements_that_are_null_or_not_mapped_have_no_header_and_do_not_hurt_the_others),
		WITH_TARGET(headers_near_each_other_are_one_run_and_far_ones_are_not),
		WITH_TARGET(a_run_ends_after_a_mebibyte),
		WITH_TARGET(an_unreadable_run_takes_only_its_own_headers_with_it),
		WITH_TARGET(the_same_element_twice_is_read_twice),
		WITH_TARGET(headers_that_overlap_where_a_run_ends_keep_their_own_bytes),
		WITH_TARGET(a_status_without_a_stack_is_skipped_with_or_without_the_scan_bit),
		WITH_TARGET(the_stack_pointer_of_a_system_call_counts_before_the_saved_one),
		WITH_TARGET(the_stack_of_a_running_goroutine_begins_where_a_stopped_thread_is_on_it),
		WITH_TARGET(a_running_goroutine_whose_thread_is_elsewhere_is_read_whole),
		WITH_TARGET(a_waiting_goroutine_without_a_stack_pointer_is_bad),
		WITH_TARGET(bounds_that_contradict_each_other_are_bad),
		WITH_TARGET(a_stack_over_the_limit_is_too_large_and_one_at_the_limit_is_not),
		WITH_TARGET(an_unmapped_stack_is_marked_and_the_ones_after_it_are_read),
		WITH_TARGET(stacks_over_the_room_are_an_overflow_that_says_how_much_is_needed),
		WITH_TARGET(links_are_read_in_the_order_of_the_elements_that_have_one),
		WITH_TARGET(more_links_than_fit_are_an_overflow_that_says_how_many),
		WITH_TARGET(without_a_link_size_no_links_are_looked_for),
		WITH_TARGET(what_lies_above_the_sp_of_a_thread_that_is_elsewhere_is_copied_as_far_as_it_is_mapped),
		WITH_TARGET(the_stack_of_a_thread_is_not_copied_without_need),
		WITH_TARGET(no_more_stacks_of_threads_are_copied_than_there_is_room_for),
		WITH_TARGET(links_that_did_not_fit_are_not_looked_at_for_threads),
		WITH_TARGET(fixed_ranges_are_read_even_where_the_list_cannot_be),
		WITH_TARGET(room_for_more_than_a_program_can_have_is_refused),
		WITH_TARGET(a_plan_is_reserved_again_from_its_own_elements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
