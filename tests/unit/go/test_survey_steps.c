/* SPDX-License-Identifier: BSD-3-Clause */
/* Rule 3 of docs/capture.md: who made one step while we looked, and all that can hide more than one. */
#include "go/survey.h"

#include "../support/replay.h"

/* What differs from the plain story of one step; each is called with the goroutine, 0. */
struct story {
	const char *name;
	unsigned minor;
	bool coroutines;                      /* the program has runtime.corostart */
	void (*at_first)(struct replay *);    /* before A */
	void (*since_first)(struct replay *); /* after B */
	void (*since_last)(struct replay *);  /* after B2 */
	void (*since_stop)(struct replay *);  /* after T */
	bool settled;
};

static void tracer_runs(struct replay *replay)
{
	set_variable(replay, TRACE, 3);
}
static void tracer_has_run(struct replay *replay)
{
	set_variable(replay, TRACE, 0);
	set_variable(replay, TRACE + 8, 3);
}
static void collection_begins(struct replay *replay)
{
	set_variable(replay, CYCLES, variable(replay, CYCLES) + 1);
}
static void marking_ends(struct replay *replay)
{
	set_variable(replay, MARK_TERM, variable(replay, MARK_TERM) + 1000);
}
static void marking_is_on(struct replay *replay)
{
	set_variable(replay, GC_PHASE, 1);
}
static void marking_is_on_and_term_changes(struct replay *replay)
{
	set_variable(replay, GC_PHASE, 0);
	marking_ends(replay);
}
static void it_is_scanned(struct replay *replay)
{
	SET(replay, 0, gcscandone, 1, 1);
}
static void it_is_in_a_bubble(struct replay *replay)
{
	SET(replay, 0, bubble, 0xc000eee000, 8);
}
static void it_moves_again(struct replay *replay)
{
	count(replay, 0);
}
static void its_caller_is_another(struct replay *replay)
{
	park_in(replay, 0, OF_B);
}
static void it_waits_for_another_reason(struct replay *replay)
{
	SET(replay, 0, waitreason, 2, 1);
}
static void it_has_other_labels(struct replay *replay)
{
	SET(replay, 0, labels, 0xc000fff000, 8);
}
static void it_has_labels(struct replay *replay)
{
	SET(replay, 0, labels, 0xc000ddd000, 8);
}
static void it_is_another(struct replay *replay)
{
	SET(replay, 0, goid, 9, 8);
}
static void it_is_locked(struct replay *replay)
{
	SET(replay, 0, lockedm, m_address(0), 8);
}
static void a_dead_coroutine_is_seen(struct replay *replay)
{
	size_t g = add_dead(replay, 50);
	SET(replay, g, startpc, AT(CORO), 8);
}
static void one_is_dead(struct replay *replay)
{
	add_dead(replay, 50);
}
static void another_runs(struct replay *replay)
{
	SET(replay, add_waiting(replay, 50), atomicstatus, GSD_STATUS_RUNNABLE, 4);
}
static void the_other_is_a_coroutine(struct replay *replay)
{
	SET(replay, 1, startpc, AT(CORO), 8);
}
static void the_other_is_none_any_more(struct replay *replay)
{
	SET(replay, 1, startpc, AT(A), 8);
}
static void a_goid_is_handed_out(struct replay *replay)
{
	(void)hand_out(replay, 0);
}
static void one_is_born_into_the_list(struct replay *replay)
{
	add_waiting(replay, hand_out(replay, 0));
}
static void the_other_is_born(struct replay *replay)
{
	reuse(replay, 1, hand_out(replay, 0));
}
static void the_other_dies_and_is_born(struct replay *replay)
{
	die(replay, 1);
	the_other_is_born(replay);
}
static void a_batch_is_being_fetched(struct replay *replay)
{
	set_variable(replay, GOIDGEN, 131 + 16); /* nothing is written to the P yet */
	set_batch(replay, 0, 116, 116);
}
static void the_batch_arrives(struct replay *replay)
{
	set_batch(replay, 0, 133, 148); /* and one of it is used */
}
static void it_moves_while_its_stack_is_read(struct replay *replay)
{
	replay->watched = stack_sp(&replay->process->stacks[0]);
	replay->happens = it_moves_again;
}
static void a_cycle_begins_while_its_stack_is_read(struct replay *replay)
{
	set_variable(replay, GC_PHASE, 1);
	replay->watched = stack_sp(&replay->process->stacks[0]);
	replay->happens = collection_begins;
}
static void it_is_scanned_while_its_stack_is_read(struct replay *replay)
{
	replay->watched = stack_sp(&replay->process->stacks[0]);
	replay->happens = it_is_scanned;
}
static void it_still_moves_its_stack(struct replay *replay)
{
	replay->watched = stack_sp(&replay->process->stacks[0]);
	replay->happens = moves_its_stack;
}
static void its_registers_differ(struct replay *replay)
{
	SET(replay, 0, sched_pc, AT(IN_PARK), 8);
	SET(replay, 0, sched_bp, 0, 8); /* frames are walked by the table: the same stack */
}

static const struct story stories[] = {
	{"nothing else", 18, false, NULL, NULL, NULL, NULL, true},
	{"nothing else", 27, false, NULL, NULL, NULL, NULL, true},
	{"between the last look and the stop", 27, false, NULL, NULL, it_moves_again, NULL, false},
	{"two steps", 27, false, NULL, NULL, NULL, it_moves_again, false},
	{"two callers of one function", 27, false, NULL, NULL, NULL, its_caller_is_another, false},
	{"two callers, at the stop", 27, false, NULL, NULL, its_caller_is_another, NULL, false},
	{"another frame pointer", 27, false, NULL, NULL, NULL, its_registers_differ, true},
	{"another reason", 27, false, NULL, NULL, NULL, it_waits_for_another_reason, false},
	{"other labels", 27, false, it_has_labels, NULL, NULL, it_has_other_labels, false},
	{"the same labels", 27, false, it_has_labels, NULL, NULL, NULL, true},
	{"the same labels, after a collection", 27, false, it_has_labels, NULL, NULL, collection_begins, false},
	{"another goroutine", 27, false, NULL, NULL, NULL, it_is_another, false},
	{"locked", 27, false, NULL, NULL, NULL, it_is_locked, false},
	{"in a bubble", 24, false, it_is_in_a_bubble, NULL, NULL, NULL, false},
	{"in a bubble", 27, false, it_is_in_a_bubble, NULL, NULL, NULL, false},
	/* the execution tracer */
	{"the tracer runs", 27, false, tracer_runs, NULL, NULL, NULL, false},
	{"the tracer runs", 22, false, NULL, NULL, tracer_runs, NULL, false},
	{"the tracer has run", 22, false, tracer_runs, NULL, tracer_has_run, NULL, false},
	{"the tracer had run", 27, false, tracer_runs, tracer_has_run, NULL, NULL, true},
	{"the tracer starts later", 27, false, NULL, NULL, NULL, tracer_runs, true},
	{"the old tracer suspends nobody", 18, false, tracer_runs, NULL, NULL, NULL, true},
	/* the garbage collector */
	{"a collection is on", 27, false, marking_is_on, NULL, NULL, NULL, true},
	{"... and it is scanned at the last look", 27, false, marking_is_on, it_is_scanned, NULL, NULL, true},
	{"... and it is scanned", 27, false, marking_is_on, NULL, NULL, it_is_scanned, false},
	{"... and it is scanned", 18, false, marking_is_on, NULL, it_is_scanned, NULL, false},
	{"... while it is read", 27, false, marking_is_on, NULL, NULL, it_is_scanned_while_its_stack_is_read, false},
	{"... and another one begins", 27, false, marking_is_on, NULL, NULL, collection_begins, false},
	{"... and another one begins while it is read", 27, false, marking_is_on, NULL, NULL,
	 a_cycle_begins_while_its_stack_is_read, false},
	{"... and its marking ends", 27, false, marking_is_on, NULL, NULL, marking_ends, false},
	{"a collection began before the stop", 27, false, NULL, NULL, collection_begins, NULL, false},
	{"one's marking ended before the stop", 27, false, marking_is_on, NULL, marking_is_on_and_term_changes, NULL,
	 false},
	{"a collection begins after the stop", 27, false, NULL, NULL, NULL, collection_begins, true},
	{"... and scans it", 27, false, NULL, NULL, NULL, it_is_scanned, true},
	/* coroutines */
	{"a coroutine is seen", 27, true, one_is_dead, NULL, NULL, the_other_is_a_coroutine, false},
	{"a coroutine is at the stop", 27, true, another_runs, NULL, the_other_is_a_coroutine,
	 the_other_is_none_any_more, false},
	{"a coroutine was seen", 22, true, a_dead_coroutine_is_seen, NULL, NULL, NULL, false},
	{"no coroutine", 27, true, NULL, NULL, NULL, NULL, true},
	{"one that is never found", 27, true, NULL, a_goid_is_handed_out, NULL, NULL, false},
	{"one that is never found", 27, true, NULL, NULL, a_goid_is_handed_out, NULL, false},
	{"... where there are none", 27, false, NULL, NULL, a_goid_is_handed_out, NULL, true},
	{"... after the stop", 27, true, NULL, NULL, NULL, a_goid_is_handed_out, true},
	{"one that is found", 27, true, NULL, NULL, one_is_born_into_the_list, NULL, true},
	{"one that was seen before the stop", 27, true, one_is_dead, the_other_is_born, the_other_dies_and_is_born,
	 NULL, true},
	{"one of a batch that was being fetched", 27, true, a_batch_is_being_fetched, the_batch_arrives, NULL, NULL,
	 false},
	/* the look at the stack */
	{"it moves while its stack is read", 27, false, NULL, NULL, NULL, it_moves_while_its_stack_is_read, false},
	{"its stack is moved while it is read", 27, false, NULL, NULL, NULL, it_still_moves_its_stack, false},
};

static void tell(struct replay *replay, void (*happens)(struct replay *))
{
	if (happens != NULL)
		happens(replay);
}

static void one_step_is_settled_by_its_stack_where_nothing_can_hide_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(stories); i++) {
		const struct story *story = &stories[i];
		struct replay *replay = make(story->minor, story->coroutines);
		size_t g = add_waiting(replay, 1);
		tell(replay, story->at_first);
		begin(replay);
		tell(replay, story->since_first);
		(void)before(replay);
		tell(replay, story->since_last);
		stop(replay);
		count(replay, g);
		tell(replay, story->since_stop);
		size_t ambiguous = settle(replay);
		if (ambiguous != (story->settled ? 0 : 1))
			fail_msg("one step, %s, in Go 1.%u: %zu are ambiguous", story->name, story->minor, ambiguous);
		assert_int_equal(replay->figures.one_step, story->settled ? 1 : 0);
		assert_null(replay->happens);
		if (story->settled) {
			assert_parked_in(replay, 1, OF_A);
			assert_int_equal(goroutine_of(replay->process, 1)->wait_since, 0);
		}
		drop(replay);
	}
}

static void many_steps_are_settled_by_their_own_stacks(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	for (uint64_t goid = 1; goid <= 16; goid++)
		add_waiting(replay, goid);
	park_in(replay, 7, OF_B);
	begin(replay);
	assert_int_equal(before(replay), 0);
	stop(replay);
	for (size_t i = 0; i < 16; i++)
		count(replay, i);
	park_in(replay, 3, OF_B);
	assert_int_equal(settle(replay), 1);
	assert_int_equal(replay->figures.one_step, 15);
	assert_parked_in(replay, 8, OF_B);
	assert_true(goroutine_of(replay->process, 4)->ambiguous);
	drop(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step_is_settled_by_its_stack_where_nothing_can_hide_more),
		cmocka_unit_test(many_steps_are_settled_by_their_own_stacks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
