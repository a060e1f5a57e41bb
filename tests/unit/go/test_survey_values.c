/* SPDX-License-Identifier: BSD-3-Clause */
/* Rule 3 of docs/capture.md with arguments: one step is settled only if they are the same before and after. */
#include "go/survey.h"

#include "../support/replay.h"

enum { BEFORE = 1111, AT_STOP = 2222, AFTER = 3333 };

/* A replay whose analyst keeps the values of arguments. */
struct values_replay {
	struct replay *replay;
	struct gsd_traceback *traceback;
};

static struct values_replay make_with_values(unsigned minor)
{
	struct values_replay values = {.replay = make(minor, false)};
	struct process *process = values.replay->process;
	assert_success(gsd_traceback_create(process->runtime.code, &values.traceback));
	process->options.traceback = values.traceback;
	process->options.traceback_rule = gsd_traceback_rule_of(minor);
	return values;
}

static void drop_with_values(struct values_replay *values)
{
	drop(values->replay);
	gsd_traceback_destroy(values->traceback);
}

/* It stands in main.park, called by main.a, whose argument has this value. */
static void park_with(struct replay *replay, size_t index, uint64_t argument)
{
	struct made_stack *stack = &replay->process->stacks[index];
	uint64_t high = stack->high;
	memset(stack, 0, sizeof *stack);
	stack->high = high;
	push_word(stack, argument);
	push_call(stack, AT(GOEXIT + 1));
	push_frame(stack, 16);
	push_call(stack, AT(OF_A));
	push_frame(stack, 16);
	save_registers(replay->process, index, AT(IN_PARK));
}

static size_t add_waiting_with(struct replay *replay, uint64_t goid, uint64_t argument)
{
	size_t index = add_waiting(replay, goid);
	park_with(replay, index, argument);
	return index;
}

static void assert_argument(const struct replay *replay, uint64_t goid, uint64_t expected)
{
	const struct gsd_goroutine *goroutine = goroutine_of(replay->process, goid);
	assert_non_null(goroutine);
	assert_parked_in(replay, goid, OF_A);
	assert_true(goroutine->values != GSD_NO_VALUES);
	struct gsd_cursor values = gsd_values_at(&replay->process->analysis.values, goroutine->values);
	assert_int_equal(gsd_cursor_uvarint(&values), 1);
	assert_int_equal(gsd_cursor_uvarint(&values), expected);
	assert_false(values.failed);
}

static const unsigned versions[] = {18, 22, 27};

static void one_step_with_the_same_argument_is_settled(void **state)
{
	(void)state;
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct values_replay values = make_with_values(versions[v]);
		struct replay *replay = values.replay;
		size_t g = add_waiting_with(replay, 1, BEFORE);
		begin(replay);
		assert_int_equal(before(replay), 0);
		stop(replay);
		count(replay, g);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(replay->figures.one_step, 1);
		assert_argument(replay, 1, BEFORE);
		drop_with_values(&values);
	}
}

/* Where it steps between the last look and the stop, or after the stop. */
static void changes_its_argument(bool at_stop)
{
	for (size_t v = 0; v < GSD_ARRAY_SIZE(versions); v++) {
		struct values_replay values = make_with_values(versions[v]);
		struct replay *replay = values.replay;
		size_t g = add_waiting_with(replay, 1, BEFORE);
		begin(replay);
		assert_int_equal(before(replay), 0);
		if (at_stop)
			park_with(replay, g, AT_STOP);
		stop(replay);
		count(replay, g);
		park_with(replay, g, AFTER);
		assert_int_equal(after(replay), 1);
		/* Round two: the stop reads it, whatever it does next. */
		assert_int_equal(before(replay), 1);
		park_with(replay, g, AT_STOP);
		stop(replay);
		count(replay, g);
		park_with(replay, g, AFTER);
		assert_int_equal(settle(replay), 0);
		assert_int_equal(replay->figures.one_step, 0);
		assert_argument(replay, 1, AT_STOP);
		drop_with_values(&values);
	}
}

static void one_that_changed_its_argument_in_one_step_is_read_at_the_stop(void **state)
{
	(void)state;
	changes_its_argument(false);
	changes_its_argument(true);
}

static void one_that_waited_all_along_has_its_argument_of_the_first_look(void **state)
{
	(void)state;
	struct values_replay values = make_with_values(27);
	add_waiting_with(values.replay, 1, BEFORE);
	begin(values.replay);
	assert_int_equal(before(values.replay), 0);
	stop(values.replay);
	assert_int_equal(settle(values.replay), 0);
	assert_int_equal(values.replay->figures.one_step, 0);
	assert_argument(values.replay, 1, BEFORE);
	drop_with_values(&values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step_with_the_same_argument_is_settled),
		cmocka_unit_test(one_that_changed_its_argument_in_one_step_is_read_at_the_stop),
		cmocka_unit_test(one_that_waited_all_along_has_its_argument_of_the_first_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
