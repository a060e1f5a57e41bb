/* SPDX-License-Identifier: BSD-3-Clause */
/* Each rule of docs/capture.md has a story that it settles, and each hole one that it must not settle. */
#include "go/survey.h"

#include "../support/replay.h"

static const unsigned versions[] = {18, 22, 23, 24, 27};

/* ---- rule 1, and what the stop reads ---- */

static void one_that_stood_still_is_where_the_first_look_found_it(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct replay *replay = make(versions[v], false);
		add_waiting(replay, 1);
		size_t other = add_waiting(replay, 2);
		SET(replay, other, atomicstatus, GSD_STATUS_WAITING | GSD_STATUS_SCAN_BIT, 4);
		begin(replay);
		SET(replay, other, atomicstatus, GSD_STATUS_WAITING, 4); /* scanned: nothing of its own */
		assert_int_equal(before(replay), 0);
		stop(replay);
		SET(replay, other, waitsince, 99999, 8); /* noted by the collector */
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), 2);
		assert_parked_in(replay, 1, OF_A);
		assert_parked_in(replay, 2, OF_A);
		assert_int_equal(replay->figures.read_at_stop, 0);
		assert_int_equal(replay->figures.one_step, 0);
		assert_int_equal(goroutine_of(replay->process, 1)->wait_since, 12345);
		assert_false(goroutine_of(replay->process, 2)->scan);
		drop(replay);
	}
}

static void one_whose_stack_the_collector_moves_between_looks_still_stands_still(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	begin(replay);
	SET(replay, g, stack_low, get(replay, g, layout_of(replay)->stack_low) + 0x1000000, 8);
	SET(replay, g, stack_high, get(replay, g, layout_of(replay)->stack_high) + 0x1000000, 8);
	SET(replay, g, sched_sp, get(replay, g, layout_of(replay)->sched_sp) + 0x1000000, 8);
	SET(replay, g, sched_bp, get(replay, g, layout_of(replay)->sched_bp) + 0x1000000, 8);
	assert_int_equal(before(replay), 0);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 1, OF_A);
	drop(replay);
}

static void what_is_busy_is_as_the_stop_found_it(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct replay *replay = make(versions[v], false);
		size_t g = add_waiting(replay, 1);
		SET(replay, g, atomicstatus, GSD_STATUS_RUNNABLE, 4);
		begin(replay);
		assert_int_equal(before(replay), 1);
		park_in(replay, g, OF_B);
		stop(replay);
		park_in(replay, g, OF_A);
		die(replay, g);
		assert_int_equal(settle(replay), 0);
		assert_parked_in(replay, 1, OF_B);
		assert_int_equal(replay->figures.read_at_stop, 1);
		drop(replay);
	}
}

/* What makes one that says it waits busy: a story for each. */
static void gets_an_m(struct replay *replay, size_t g)
{
	SET(replay, g, m, m_address(0), 8);
}
static void is_in_a_system_call(struct replay *replay, size_t g)
{
	SET(replay, g, syscallsp, get(replay, g, layout_of(replay)->sched_sp), 8);
}
static void has_reason(struct replay *replay, size_t g, const char *name)
{
	for (unsigned reason = 0; reason < 256; reason++)
		if (strcmp(gsd_wait_reason_name(replay->process->runtime.go_minor, reason), name) == 0) {
			SET(replay, g, waitreason, reason, 1);
			return;
		}
	fail_msg("no such reason");
}
static void is_a_coroutine(struct replay *replay, size_t g)
{
	has_reason(replay, g, "coroutine");
}
static void is_preempted(struct replay *replay, size_t g)
{
	has_reason(replay, g, "preempted");
}
static void runs_finalizers(struct replay *replay, size_t g)
{
	SET(replay, g, startpc, AT(FINALIZERS), 8);
}

static void one_that_waits_but_may_leave_uncounted_is_busy(void **state)
{
	(void)state;
	void (*const stories[])(struct replay *, size_t) = {gets_an_m, is_in_a_system_call, is_a_coroutine,
							    is_preempted, runs_finalizers};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(stories); i++) {
		struct replay *replay = make(27, false);
		add_waiting(replay, 1);
		stories[i](replay, add_waiting(replay, 2));
		begin(replay);
		assert_int_equal(before(replay), 1);
		replay->around.finalizer_known = true;
		stop(replay);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), stories[i] == runs_finalizers ? 1 : 2);
		drop(replay);
	}
}

static void changes_labels(struct replay *replay, size_t g)
{
	SET(replay, g, labels, 0xc000fff000, 8);
}
static void moves_on(struct replay *replay, size_t g)
{
	count(replay, g);
}
static void is_somebody_else(struct replay *replay, size_t g)
{
	SET(replay, g, goid, 77, 8);
}
static void is_elsewhere(struct replay *replay, size_t g)
{
	SET(replay, g, sched_pc, AT(IN_PARK + 8), 8);
}
static void is_deeper(struct replay *replay, size_t g)
{
	SET(replay, g, sched_sp, get(replay, g, layout_of(replay)->sched_sp) - 8, 8);
}
static void waits_for_something_else(struct replay *replay, size_t g)
{
	SET(replay, g, waitreason, 2, 1);
}
static void leaks(struct replay *replay, size_t g)
{
	SET(replay, g, atomicstatus, GSD_STATUS_LEAKED, 4);
}
static void runs(struct replay *replay, size_t g)
{
	SET(replay, g, atomicstatus, GSD_STATUS_RUNNING, 4);
}

static void (*const changes[])(struct replay *, size_t) = {
	changes_labels, moves_on, is_somebody_else, is_elsewhere,   is_deeper,   waits_for_something_else,
	leaks,          runs,     gets_an_m,        is_a_coroutine, is_preempted};

static void one_that_changed_between_two_looks_is_busy(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct replay *replay = make(27, false);
		size_t g = add_waiting(replay, 1);
		begin(replay);
		changes[i](replay, g);
		assert_int_equal(before(replay), 1);
		stop(replay);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(replay->figures.read_at_stop, 1);
		drop(replay);
	}
}

static void one_that_changed_since_the_last_look_before_the_stop_is_ambiguous(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		if (changes[i] == moves_on)
			continue; /* rule 3 */
		struct replay *replay = make(27, false);
		size_t g = add_waiting(replay, 1);
		begin(replay);
		assert_int_equal(before(replay), 0);
		stop(replay);
		changes[i](replay, g);
		assert_int_equal(settle(replay), 1);
		assert_true(replay->process->analysis.goroutines.items[0].ambiguous);
		drop(replay);
	}
}

static void once_busy_it_is_busy_though_it_does_not_move_again(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	begin(replay);
	count(replay, g);
	park_in(replay, g, OF_B);
	assert_success(gsd_survey_look(replay->survey));
	assert_int_equal(before(replay), 1); /* its stack is not known */
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 1, OF_B);
	drop(replay);
}

/* What was read of the freed stack is not what it has now. */
static void moves_to_another_stack(struct replay *replay)
{
	park_in(replay, 0, OF_B);
	moves_its_stack(replay);
}

static void one_whose_stack_moved_while_it_was_read_is_read_again(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	const struct made_stack *stack = &replay->process->stacks[g];
	process_add_segment(replay->process, stack->high - sizeof stack->words + STACK_MOVES, stack->words,
			    sizeof stack->words);
	replay->watched = stack_sp(stack);
	replay->happens = moves_to_another_stack;
	begin(replay);
	assert_null(replay->happens);
	assert_int_equal(before(replay), 0);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 1, OF_B);
	assert_int_equal(replay->figures.read_at_stop, 0);
	drop(replay);
}

static void moves_each_time_it_is_read(struct replay *replay)
{
	moves_its_stack(replay);
	replay->watched += STACK_MOVES;
	replay->happens = moves_each_time_it_is_read;
}

static void one_whose_stack_moves_each_time_it_is_read_is_busy(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	replay->watched = stack_sp(&replay->process->stacks[g]);
	replay->happens = moves_each_time_it_is_read;
	begin(replay);
	replay->happens = NULL;
	assert_int_equal(before(replay), 1);
	drop(replay);
}

/* Goroutine 2 is in b during the stop only, with the same registers: that it was there is known from the stop alone. */
static void assert_the_stop_reads(struct replay *replay, size_t g)
{
	park_in(replay, g, OF_B);
	stop(replay);
	park_in(replay, g, OF_A);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 2, OF_B);
}

static void what_an_m_says_it_runs_is_read_though_it_looked_still(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_waiting(replay, 1);
	size_t g = add_waiting(replay, 2);
	begin(replay);
	assert_int_equal(before(replay), 0);
	set_curg(replay, 1, g_address(g));
	assert_the_stop_reads(replay, g);
	assert_parked_in(replay, 1, OF_A);
	assert_int_equal(replay->figures.read_at_stop, 1);
	drop(replay);
}

static void what_a_new_m_runs_is_read_too(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 2);
	begin(replay);
	assert_int_equal(before(replay), 0);
	put_m_at_head(replay, 2);
	set_curg(replay, 2, g_address(g));
	assert_the_stop_reads(replay, g);
	drop(replay);
}

static void an_m_that_goes_away_between_leaves_the_list_to_the_stop(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 2);
	put_m_at_head(replay, 2);
	begin(replay);
	uint8_t *m = replay->process->m[FIRST_M + 2];
	set_field(m, layout_of(replay)->m_alllink, 0x999000, 8); /* its memory is another's */
	assert_int_equal(before(replay), 0);
	set_variable(replay, ALLM, m_address(0));
	set_curg(replay, 1, g_address(g));
	assert_the_stop_reads(replay, g);
	drop(replay);
}

/* An M that is just being freed can lead to the end, past Ms that come after it. */
static void what_an_m_runs_that_was_overlooked_is_read(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 2);
	uint8_t *m = replay->process->m[FIRST_M];
	begin(replay);
	set_field(m, layout_of(replay)->m_alllink, 0, 8);
	assert_int_equal(before(replay), 0);
	set_field(m, layout_of(replay)->m_alllink, m_address(1), 8);
	set_curg(replay, 1, g_address(g));
	assert_the_stop_reads(replay, g);
	drop(replay);
}

static void what_has_come_to_the_list_is_read(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_waiting(replay, 1);
	begin(replay);
	assert_int_equal(before(replay), 0);
	size_t g = add_waiting(replay, hand_out(replay, 0));
	set_curg(replay, 0, g_address(g)); /* it is in the tail and some M's: one goroutine */
	stop(replay);
	add_waiting(replay, hand_out(replay, 0)); /* after the moment */
	assert_int_equal(settle(replay), 0);
	assert_int_equal(result_count(replay), 2);
	assert_parked_in(replay, 100, OF_A);
	drop(replay);
}

static void the_result_has_the_order_of_the_list(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	for (uint64_t goid = 1; goid <= 6; goid++)
		add_waiting(replay, goid);
	for (size_t i = 0; i < 6; i++)
		replay->process->list[i] = g_address(i * 5 % 6 == 0 ? i : 6 - i); /* 0, 5, 4, 3, 2, 1 */
	SET(replay, 4, atomicstatus, GSD_STATUS_RUNNABLE, 4);
	begin(replay);
	assert_int_equal(before(replay), 1);
	add_goroutine(replay->process, 7, GSD_STATUS_RUNNABLE);
	for (size_t i = 0; i < 6; i++)
		replay->process->list[i] = g_address(i == 0 ? 0 : 6 - i);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	static const uint64_t goids[] = {1, 6, 5, 4, 3, 2, 7};
	assert_int_equal(result_count(replay), GSD_ARRAY_SIZE(goids));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(goids); i++)
		assert_int_equal(replay->process->analysis.goroutines.items[i].goid, goids[i]);
	drop(replay);
}

/* ---- the runtime's own ---- */

static void system_goroutines_are_counted_and_left_out_unless_asked_for(void **state)
{
	(void)state;
	for (int wanted = 0; wanted < 2; wanted++) {
		struct replay *replay = make(27, false);
		replay->process->options.system_goroutines = wanted == 1;
		add_waiting(replay, 1);
		size_t g = add_waiting(replay, 2);
		SET(replay, g, startpc, AT(SWEEPER), 8);
		begin(replay);
		assert_int_equal(before(replay), 0);
		stop(replay);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(replay->process->analysis.system_goroutines, 1);
		assert_int_equal(result_count(replay), 1 + wanted);
		drop(replay);
	}
}

static void the_finalizer_goroutine_is_the_users_if_the_stop_says_so(void **state)
{
	(void)state;
	for (int running = 0; running < 2; running++)
		for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
			struct replay *replay = make(versions[v], false);
			runs_finalizers(replay, add_waiting(replay, 2));
			begin(replay);
			assert_int_equal(before(replay), 1);
			replay->around.finalizer_known = true;
			replay->around.finalizer_running = running == 1;
			stop(replay);
			assert_int_equal(settle(replay), 0);
			assert_int_equal(result_count(replay), running);
			drop(replay);
		}
}

/* ---- rules 2 and 4: the dead and the born ---- */

static void one_that_is_dead_all_the_time_is_not_there(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct replay *replay = make(versions[v], false);
		add_waiting(replay, 1);
		size_t g = add_dead(replay, 40);
		begin(replay);
		SET(replay, g, stack_high, 0, 8); /* its stack is freed */
		SET(replay, g, stack_low, 0, 8);
		assert_int_equal(before(replay), 0);
		(void)hand_out(replay, 0);
		stop(replay);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), 1);
		drop(replay);
	}
}

/* Since Go 1.24 the goid is stored while it is still dead: it lives and dies again between two looks. */
static void one_that_is_dead_under_a_goid_that_was_handed_out_is_ambiguous(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_dead(replay, 100);
	begin(replay);
	assert_int_equal(before(replay), 0);
	(void)hand_out(replay, 0);
	stop(replay);
	assert_int_equal(settle(replay), 1);
	assert_int_equal(result_count(replay), 0);
	drop(replay);
}

static void allp_has_changed(struct replay *replay)
{
	set_variable(replay, ALLP + 8, 1);
}

static void without_goids_the_dead_are_ambiguous(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct replay *replay = make(27, false);
		if (how == 0)
			replay->process->runtime.globals.goidgen = 0;
		if (how == 1)
			replay->process->runtime.globals.allp = 0;
		add_dead(replay, 40);
		begin(replay);
		assert_int_equal(before(replay), 0);
		if (how == 2)
			allp_has_changed(replay);
		stop(replay);
		assert_int_equal(settle(replay), 1);
		drop(replay);
	}
}

static void the_goroutine_of_a_c_thread_is_never_settled_as_dead(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct replay *replay = make(versions[v], false);
		size_t g = add_waiting(replay, 17);
		uint32_t dead = versions[v] >= 26 ? GSD_STATUS_DEADEXTRA : GSD_STATUS_DEAD;
		SET(replay, g, atomicstatus, dead, 4);
		SET(replay, g, m, m_address(0), 8);
		begin(replay);
		assert_int_equal(before(replay), 1);
		SET(replay, g, atomicstatus, GSD_STATUS_SYSCALL, 4); /* a callback */
		stop(replay);
		SET(replay, g, atomicstatus, dead, 4);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), 1);
		assert_parked_in(replay, 17, OF_A); /* its goid is its own: it has it for ever */
		drop(replay);
	}
}

static void one_that_died_and_was_born_again_before_the_stop_is_ambiguous(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_dead(replay, 40);
	begin(replay);
	assert_int_equal(before(replay), 0);
	reuse(replay, g, hand_out(replay, 0));
	stop(replay);
	assert_int_equal(settle(replay), 1);
	drop(replay);
}

static void one_that_lived_before_the_stop_and_was_born_again_after_it_is_ambiguous(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	begin(replay);
	assert_int_equal(before(replay), 0);
	stop(replay); /* maybe it was dead by then, maybe not */
	die(replay, g);
	reuse(replay, g, hand_out(replay, 0));
	assert_int_equal(settle(replay), 1);
	drop(replay);
}

static void one_that_died_and_was_born_again_and_runs_is_read(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_dead(replay, 40);
	begin(replay);
	assert_int_equal(before(replay), 0);
	reuse(replay, g, hand_out(replay, 0));
	set_curg(replay, 0, g_address(g));
	stop(replay);
	die(replay, g);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 100, OF_B);
	drop(replay);
}

static void one_that_was_born_after_the_stop_is_not_there(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct replay *replay = make(versions[v], false);
		size_t g = add_dead(replay, 40);
		size_t h = add_dead(replay, 41);
		begin(replay);
		assert_int_equal(before(replay), 0);
		stop(replay);
		reuse(replay, g, hand_out(replay, 0));
		set_variable(replay, GOIDGEN, 147);
		set_batch(replay, 1, 133, 148);
		reuse(replay, h, 132);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), 0);
		assert_int_equal(replay->figures.births, 2);
		drop(replay);
	}
}

static void births_after_the_stop_need_all_those_before_it(void **state)
{
	(void)state;
	/* Where the goroutine with goid 100, handed out before the stop, is found. */
	enum { NOWHERE, IN_THE_STOP, AFTER_IT, IN_A_BATCH, CASES };
	for (int where = 0; where < CASES; where++) {
		struct replay *replay = make(27, false);
		size_t g = add_dead(replay, 40);
		size_t other = add_waiting(replay, 2);
		SET(replay, other, atomicstatus, GSD_STATUS_RUNNABLE, 4);
		if (where == IN_A_BATCH)
			set_batch(replay, 1, 120, 120);
		begin(replay);
		assert_int_equal(before(replay), 1);
		if (where != IN_A_BATCH)
			(void)hand_out(replay, 0);
		if (where == IN_THE_STOP)
			reuse(replay, other, 100);
		if (where == IN_A_BATCH)
			set_batch(replay, 1, 120, 132);
		stop(replay);
		if (where == IN_THE_STOP)
			die(replay, other);
		if (where == IN_THE_STOP)
			SET(replay, other, goid, 60, 8);
		if (where == AFTER_IT)
			reuse(replay, other, 100);
		reuse(replay, g, hand_out(replay, 0));
		bool settled = where == IN_THE_STOP || where == AFTER_IT;
		size_t ambiguous = settle(replay);
		if (ambiguous != (settled ? 0 : 1))
			fail_msg("case %d: %zu are ambiguous", where, ambiguous);
		assert_int_equal(replay->figures.births, settled ? 1 : 0);
		drop(replay);
	}
}

static void one_whose_new_goid_is_not_stored_yet_has_none(void **state)
{
	(void)state;
	for (int tail = 0; tail < 2; tail++) {
		struct replay *replay = make(22, false);
		size_t g = add_dead(replay, 40);
		begin(replay);
		assert_int_equal(before(replay), 0);
		if (tail == 1)
			g = add_dead(replay, 0);
		reuse(replay, g, tail == 1 ? 0 : 40);
		SET(replay, g, atomicstatus, GSD_STATUS_RUNNABLE, 4);
		set_curg(replay, 0, g_address(g)); /* else it is not read, and ambiguous */
		stop(replay);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(result_count(replay), 1);
		assert_int_equal(replay->process->analysis.goroutines.items[0].goid, 0);
		drop(replay);
	}
}

/* ---- rounds ---- */

static void what_is_ambiguous_is_read_in_the_next_round(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	size_t born = add_dead(replay, 40);
	size_t stepped = add_waiting(replay, 3);
	add_waiting(replay, 4);
	begin(replay);
	assert_int_equal(before(replay), 0);
	stop(replay);
	count(replay, g);
	count(replay, g);
	count(replay, stepped);
	reuse(replay, born, hand_out(replay, 0));
	assert_int_equal(after(replay), 1);
	assert_int_equal(before(replay), 2); /* the one that moved, and the one that was born */
	park_in(replay, g, OF_B);
	stop(replay);
	count(replay, stepped); /* one more, after this stop */
	assert_int_equal(settle(replay), 0);
	assert_int_equal(result_count(replay), 4);
	assert_parked_in(replay, 1, OF_B);
	assert_parked_in(replay, 100, OF_B);
	assert_parked_in(replay, 3, OF_A);
	assert_parked_in(replay, 4, OF_A);
	assert_int_equal(replay->figures.read_at_stop, 2);
	assert_int_equal(replay->figures.one_step, 1);
	assert_int_equal(replay->figures.births, 0);
	drop(replay);
}

static void one_that_was_read_in_one_stop_is_read_in_the_next(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	size_t moving = add_waiting(replay, 2);
	SET(replay, g, atomicstatus, GSD_STATUS_RUNNABLE, 4);
	begin(replay);
	assert_int_equal(before(replay), 1);
	stop(replay);
	count(replay, moving);
	count(replay, moving);
	assert_int_equal(after(replay), 1);
	SET(replay, g, atomicstatus, GSD_STATUS_WAITING, 4);
	assert_int_equal(before(replay), 2);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_int_equal(goroutine_of(replay->process, 1)->status, GSD_STATUS_WAITING);
	drop(replay);
}

/* ---- what no runtime does ---- */

static void a_goroutine_that_is_in_the_list_twice_is_not_made_up(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	size_t g = add_waiting(replay, 1);
	add_waiting(replay, 2);
	runs_finalizers(replay, g);
	replay->process->list[1] = g_address(g);
	begin(replay);
	assert_int_equal(before(replay), 2);
	stop(replay);
	assert_int_equal(settle(replay), 1); /* one of the two was not read */
	drop(replay);
}

static void a_list_that_gets_shorter_makes_nothing_up(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	for (uint64_t goid = 1; goid <= 3; goid++)
		runs_finalizers(replay, add_waiting(replay, goid));
	begin(replay);
	assert_int_equal(before(replay), 3);
	set_variable(replay, VARIABLES + 8, 1);
	replay->around.finalizer_known = replay->around.finalizer_running = true;
	set_curg(replay, 0, g_address(2));
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_int_equal(result_count(replay), 3);
	for (uint64_t goid = 1; goid <= 3; goid++)
		assert_parked_in(replay, goid, OF_A);
	drop(replay);
}

static void one_that_cannot_be_read_is_in_the_result_and_says_so(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	add_waiting(replay, 1);
	add_waiting(replay, 2);
	replay->process->list[1] = 0x999000;
	begin(replay);
	assert_int_equal(before(replay), 1);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_int_equal(result_count(replay), 2);
	assert_int_equal(replay->process->analysis.goroutines.items[1].unreadable, GSD_UNREADABLE_UNMAPPED);
	drop(replay);
}

static void without_its_variables_there_is_no_survey(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	struct gsd_runtime runtime = replay->process->runtime;
	assert_true(gsd_survey_possible(&runtime));
	runtime.globals.allm = 0;
	assert_false(gsd_survey_possible(&runtime));
	runtime = replay->process->runtime;
	runtime.layout.tracking_seq = GSD_NO_FIELD;
	assert_false(gsd_survey_possible(&runtime));
	runtime = replay->process->runtime;
	runtime.layout.m_alllink = GSD_NO_FIELD;
	assert_false(gsd_survey_possible(&runtime));
	drop(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_stood_still_is_where_the_first_look_found_it),
		cmocka_unit_test(one_whose_stack_the_collector_moves_between_looks_still_stands_still),
		cmocka_unit_test(what_is_busy_is_as_the_stop_found_it),
		cmocka_unit_test(one_that_waits_but_may_leave_uncounted_is_busy),
		cmocka_unit_test(one_that_changed_between_two_looks_is_busy),
		cmocka_unit_test(one_that_changed_since_the_last_look_before_the_stop_is_ambiguous),
		cmocka_unit_test(once_busy_it_is_busy_though_it_does_not_move_again),
		cmocka_unit_test(one_whose_stack_moved_while_it_was_read_is_read_again),
		cmocka_unit_test(one_whose_stack_moves_each_time_it_is_read_is_busy),
		cmocka_unit_test(what_an_m_says_it_runs_is_read_though_it_looked_still),
		cmocka_unit_test(what_a_new_m_runs_is_read_too),
		cmocka_unit_test(an_m_that_goes_away_between_leaves_the_list_to_the_stop),
		cmocka_unit_test(what_an_m_runs_that_was_overlooked_is_read),
		cmocka_unit_test(what_has_come_to_the_list_is_read),
		cmocka_unit_test(the_result_has_the_order_of_the_list),
		cmocka_unit_test(system_goroutines_are_counted_and_left_out_unless_asked_for),
		cmocka_unit_test(the_finalizer_goroutine_is_the_users_if_the_stop_says_so),
		cmocka_unit_test(one_that_is_dead_all_the_time_is_not_there),
		cmocka_unit_test(one_that_is_dead_under_a_goid_that_was_handed_out_is_ambiguous),
		cmocka_unit_test(without_goids_the_dead_are_ambiguous),
		cmocka_unit_test(the_goroutine_of_a_c_thread_is_never_settled_as_dead),
		cmocka_unit_test(one_that_died_and_was_born_again_before_the_stop_is_ambiguous),
		cmocka_unit_test(one_that_lived_before_the_stop_and_was_born_again_after_it_is_ambiguous),
		cmocka_unit_test(one_that_died_and_was_born_again_and_runs_is_read),
		cmocka_unit_test(one_that_was_born_after_the_stop_is_not_there),
		cmocka_unit_test(births_after_the_stop_need_all_those_before_it),
		cmocka_unit_test(one_whose_new_goid_is_not_stored_yet_has_none),
		cmocka_unit_test(what_is_ambiguous_is_read_in_the_next_round),
		cmocka_unit_test(one_that_was_read_in_one_stop_is_read_in_the_next),
		cmocka_unit_test(a_goroutine_that_is_in_the_list_twice_is_not_made_up),
		cmocka_unit_test(a_list_that_gets_shorter_makes_nothing_up),
		cmocka_unit_test(one_that_cannot_be_read_is_in_the_result_and_says_so),
		cmocka_unit_test(without_its_variables_there_is_no_survey),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
