/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read while the program runs is consistent in itself, whatever happens between two reads of it. */
#include "go/reread.h"

#include "../support/replay.h"

/* ---- what happens, and when ---- */

/* Something that happens once an address has been read a number of times. */
static struct {
	size_t reads_before;
	void (*then)(struct replay *replay);
} soon;

static void count_reads(struct replay *replay)
{
	if (soon.reads_before-- > 0)
		replay->happens = count_reads;
	else
		soon.then(replay);
}

static void after_reads(struct replay *replay, uint64_t address, size_t reads, void (*then)(struct replay *replay))
{
	soon.reads_before = reads - 1;
	soon.then = then;
	replay->watched = address;
	replay->happens = count_reads;
}

static uint64_t stack_pointer(struct replay *replay)
{
	return get(replay, 0, layout_of(replay)->sched_sp);
}

/* One that is runnable in main.park, called by main.a: no look can settle it. */
static struct replay *make_runnable(unsigned minor)
{
	struct replay *replay = make(minor, false);
	add_waiting(replay, 1);
	SET(replay, 0, atomicstatus, GSD_STATUS_RUNNABLE, 4);
	begin(replay);
	return replay;
}

/* Reads what the looks have not settled; how many are marked. */
static size_t give_up(struct replay *replay, bool mark)
{
	assert_success(gsd_survey_give_up(replay->survey, &replay->around, mark));
	gsd_survey_finish(replay->survey, &replay->figures);
	replay->process->analysis = gsd_analyst_take(replay->analyst);
	return replay->figures.ambiguous;
}

static enum gsd_unreadable reason_of(const struct replay *replay, uint64_t goid)
{
	const struct gsd_goroutine *goroutine = goroutine_of(replay->process, goid);
	assert_non_null(goroutine);
	return (enum gsd_unreadable)goroutine->unreadable;
}

/* ---- what stands where it is ---- */

static void what_does_not_move_is_read_whatever_its_status(void **state)
{
	(void)state;
	static const uint32_t statuses[] = {GSD_STATUS_RUNNABLE, GSD_STATUS_SYSCALL, GSD_STATUS_PREEMPTED,
					    GSD_STATUS_COPYSTACK, GSD_STATUS_WAITING};
	static const unsigned minors[] = {18, 22, 27};
	for (size_t v = 0; v < GSD_ARRAY_SIZE(minors); v++) {
		struct replay *replay = make(minors[v], false);
		for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++) {
			size_t g = add_waiting(replay, 1 + i);
			SET(replay, g, atomicstatus, statuses[i], 4);
		}
		begin(replay);
		assert_int_equal(give_up(replay, false), 0);
		for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++) {
			assert_parked_in(replay, 1 + i, OF_A);
			assert_int_equal(goroutine_of(replay->process, 1 + i)->status, statuses[i]);
			assert_false(goroutine_of(replay->process, 1 + i)->ambiguous);
		}
		drop(replay);
	}
}

static void a_system_call_is_read_from_where_it_began_with_its_thread(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	add_thread(replay->process, g, 7, AT(IN_PARK));
	replay->process->threads.items = replay->process->thread_items;
	replay->process->threads.items[0].state = GSD_THREAD_RUNS;
	SET(replay, g, atomicstatus, GSD_STATUS_SYSCALL, 4);
	SET(replay, g, syscallsp, stack_pointer(replay), 8);
	SET(replay, g, syscallpc, AT(IN_PARK), 8);
	SET(replay, g, sched_sp, 0, 8);
	begin(replay);
	give_up(replay, false);
	assert_parked_in(replay, 1, OF_A);
	const struct gsd_goroutine *goroutine = goroutine_of(replay->process, 1);
	assert_int_not_equal(goroutine->thread, GSD_NO_THREAD);
	assert_int_equal(replay->process->analysis.threads.items[goroutine->thread].tid, 1007);
	drop(replay);
}

static void one_that_runs_has_no_stack_and_says_so(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	SET(replay, add_waiting(replay, 1), atomicstatus, GSD_STATUS_RUNNING, 4);
	SET(replay, add_waiting(replay, 2), m, m_address(0), 8); /* it says that it waits, around a collection */
	begin(replay);
	give_up(replay, false);
	assert_int_equal(reason_of(replay, 1), GSD_UNREADABLE_RUNNING);
	assert_int_equal(reason_of(replay, 2), GSD_UNREADABLE_RUNNING);
	assert_int_equal(replay->process->analysis.unreadable, 2);
	drop(replay);
}

static void a_stack_that_is_none_says_why(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	SET(replay, 0, sched_sp, 1, 8);
	give_up(replay, false);
	assert_int_equal(reason_of(replay, 1), GSD_UNREADABLE_BOUNDS);
	drop(replay);
}

/* ---- what moves ---- */

static void runs_over_its_stack(struct replay *replay)
{
	SET(replay, 0, atomicstatus, GSD_STATUS_RUNNING, 4);
	park_in(replay, 0, OF_B);
}

/* The header after the stack tells: it had gone on, and what was read is not where it was. */
static void one_that_begins_to_run_while_it_is_read_has_no_stack(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	after_reads(replay, g_address(0), 1, runs_over_its_stack);
	give_up(replay, false);
	assert_int_equal(reason_of(replay, 1), GSD_UNREADABLE_RUNNING);
	drop(replay);
}

static void goes_on_and_parks(struct replay *replay)
{
	count(replay, 0);
	SET(replay, 0, atomicstatus, GSD_STATUS_WAITING, 4);
	park_in(replay, 0, OF_B);
}

static void one_that_goes_on_while_it_is_read_is_read_again(void **state)
{
	(void)state;
	for (size_t reads = 1; reads <= 2; reads++)
		for (int of_stack = 0; of_stack < 2; of_stack++) {
			struct replay *replay = make_runnable(27);
			uint64_t watched = of_stack ? stack_pointer(replay) : g_address(0);
			after_reads(replay, watched, reads, goes_on_and_parks);
			give_up(replay, false);
			assert_null(replay->happens);
			assert_parked_in(replay, 1, OF_B);
			assert_int_equal(goroutine_of(replay->process, 1)->status, GSD_STATUS_WAITING);
			drop(replay);
		}
}

static void stops_in_b(struct replay *replay)
{
	park_in(replay, 0, OF_B);
}

static void is_in_between(struct replay *replay)
{
	/* Its frames are half those of one place and half of another. */
	park_in(replay, 0, SWEEPER + 0x20);
	after_reads(replay, stack_pointer(replay), 1, stops_in_b);
}

/* Suspended by the collector it leaves and comes back uncounted, to the same sp and pc: only the stack tells. */
static void one_that_went_and_came_back_uncounted_is_read_again(void **state)
{
	(void)state;
	for (size_t reads = 1; reads <= 2; reads++) {
		struct replay *replay = make_runnable(27);
		after_reads(replay, g_address(0), reads, is_in_between);
		give_up(replay, false);
		assert_null(replay->happens);
		assert_parked_in(replay, 1, OF_B);
		drop(replay);
	}
}

/* The collector frees the stack while it is read, and somebody else writes there. */
static void is_moved_and_its_old_stack_reused(struct replay *replay)
{
	uint64_t sp = stack_pointer(replay);
	moves_its_stack(replay);
	uint64_t moved = stack_pointer(replay);
	park_in(replay, 0, OF_B);
	assert_int_equal(stack_pointer(replay), sp);
	SET(replay, 0, sched_sp, moved, 8);
	SET(replay, 0, sched_bp, get(replay, 0, layout_of(replay)->sched_bp) + 0x1000000, 8);
}

static void a_stack_that_was_freed_while_it_was_read_is_not_believed(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	after_reads(replay, g_address(0), 1, is_moved_and_its_old_stack_reused);
	give_up(replay, false);
	/* What it was moved to is not there in this process. */
	assert_int_equal(reason_of(replay, 1), GSD_UNREADABLE_UNMAPPED);
	drop(replay);
}

static void goes_on(struct replay *replay)
{
	count(replay, 0);
	after_reads(replay, g_address(0), 1, goes_on);
}

static void one_that_goes_on_each_time_is_marked_and_not_tried_for_ever(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	after_reads(replay, g_address(0), 1, goes_on);
	give_up(replay, false);
	replay->happens = NULL;
	assert_int_equal(reason_of(replay, 1), GSD_UNREADABLE_MOVED);
	assert_false(goroutine_of(replay->process, 1)->ambiguous);
	drop(replay);
}

static void goes_on_thrice(struct replay *replay)
{
	static int left = 2;
	count(replay, 0);
	if (left-- > 0)
		after_reads(replay, g_address(0), 3, goes_on_thrice);
}

static void one_that_pauses_at_last_is_read(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	after_reads(replay, g_address(0), 1, goes_on_thrice);
	give_up(replay, false);
	assert_null(replay->happens);
	assert_parked_in(replay, 1, OF_A);
	drop(replay);
}

/* ---- births and deaths ---- */

static void dies(struct replay *replay)
{
	die(replay, 0);
}

static void one_that_dies_while_it_is_read_is_not_there(void **state)
{
	(void)state;
	struct replay *replay = make_runnable(27);
	after_reads(replay, stack_pointer(replay), 1, dies);
	assert_int_equal(give_up(replay, false), 0);
	assert_int_equal(result_count(replay), 0);
	drop(replay);
}

static void one_that_is_born_between_the_looks_is_there(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_dead(replay, 5);
	begin(replay);
	reuse(replay, g, 100);
	assert_success(gsd_survey_look(replay->survey));
	give_up(replay, false);
	assert_int_equal(result_count(replay), 1);
	assert_parked_in(replay, 100, OF_B);
	drop(replay);
}

/* ---- a moment that is given up ---- */

static void only_what_is_not_settled_is_marked(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_waiting(replay, 1);
	SET(replay, add_waiting(replay, 2), atomicstatus, GSD_STATUS_RUNNABLE, 4);
	SET(replay, add_waiting(replay, 3), atomicstatus, GSD_STATUS_RUNNING, 4);
	add_dead(replay, 4);
	begin(replay);
	before(replay);
	assert_false(gsd_survey_has_moment(replay->survey));
	assert_int_equal(give_up(replay, true), 2);
	assert_int_equal(result_count(replay), 3);
	assert_false(goroutine_of(replay->process, 1)->ambiguous);
	assert_true(goroutine_of(replay->process, 2)->ambiguous);
	assert_true(goroutine_of(replay->process, 3)->ambiguous);
	assert_int_equal(reason_of(replay, 3), GSD_UNREADABLE_RUNNING);
	drop(replay);
}

static void one_that_has_ended_since_is_not_lost(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t still = add_waiting(replay, 1);
	size_t running = add_waiting(replay, 2);
	SET(replay, running, atomicstatus, GSD_STATUS_RUNNING, 4);
	begin(replay);
	count(replay, still);
	assert_success(gsd_survey_look(replay->survey));
	die(replay, still);
	die(replay, running);
	assert_int_equal(give_up(replay, true), 2);
	assert_parked_in(replay, 1, OF_A); /* where the first look found it */
	assert_true(goroutine_of(replay->process, 1)->ambiguous);
	assert_int_equal(reason_of(replay, 2), GSD_UNREADABLE_MOVED);
	assert_true(goroutine_of(replay->process, 2)->ambiguous);
	drop(replay);
}

static void what_a_round_has_settled_stays_settled(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_waiting(replay, 1);
	size_t busy = add_waiting(replay, 2);
	size_t leaves = add_waiting(replay, 3);
	SET(replay, busy, atomicstatus, GSD_STATUS_RUNNABLE, 4);
	begin(replay);
	before(replay);
	stop(replay);
	park_in(replay, busy, OF_B);
	count(replay, leaves);
	park_in(replay, leaves, OF_B);
	assert_int_equal(after(replay), 1);
	assert_true(gsd_survey_has_moment(replay->survey));
	assert_int_equal(give_up(replay, true), 1);
	assert_false(goroutine_of(replay->process, 1)->ambiguous);
	assert_parked_in(replay, 2, OF_A); /* as the stop found it */
	assert_false(goroutine_of(replay->process, 2)->ambiguous);
	assert_parked_in(replay, 3, OF_B); /* as it is now */
	assert_true(goroutine_of(replay->process, 3)->ambiguous);
	drop(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_move_is_read_whatever_its_status),
		cmocka_unit_test(a_system_call_is_read_from_where_it_began_with_its_thread),
		cmocka_unit_test(one_that_runs_has_no_stack_and_says_so),
		cmocka_unit_test(a_stack_that_is_none_says_why),
		cmocka_unit_test(one_that_begins_to_run_while_it_is_read_has_no_stack),
		cmocka_unit_test(one_that_goes_on_while_it_is_read_is_read_again),
		cmocka_unit_test(one_that_went_and_came_back_uncounted_is_read_again),
		cmocka_unit_test(a_stack_that_was_freed_while_it_was_read_is_not_believed),
		cmocka_unit_test(one_that_goes_on_each_time_is_marked_and_not_tried_for_ever),
		cmocka_unit_test(one_that_pauses_at_last_is_read),
		cmocka_unit_test(one_that_dies_while_it_is_read_is_not_there),
		cmocka_unit_test(one_that_is_born_between_the_looks_is_there),
		cmocka_unit_test(only_what_is_not_settled_is_marked),
		cmocka_unit_test(one_that_has_ended_since_is_not_lost),
		cmocka_unit_test(what_a_round_has_settled_stays_settled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
