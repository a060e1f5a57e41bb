/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/census.h"

#include "../support/replay.h"

static struct gsd_census census_of(struct replay *replay)
{
	struct gsd_census census;
	assert_null(gsd_census_take(&replay->process->runtime, &replay->process->memory.memory, &census));
	return census;
}

static void each_state_is_counted_on_its_own(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	static const uint32_t statuses[] = {GSD_STATUS_RUNNING,   GSD_STATUS_RUNNABLE,  GSD_STATUS_RUNNABLE,
					    GSD_STATUS_SYSCALL,   GSD_STATUS_SYSCALL,   GSD_STATUS_SYSCALL,
					    GSD_STATUS_COPYSTACK, GSD_STATUS_PREEMPTED, GSD_STATUS_LEAKED};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++)
		SET(replay, add_waiting(replay, 1 + i), atomicstatus, statuses[i], 4);
	add_waiting(replay, 20);
	SET(replay, add_waiting(replay, 21), atomicstatus, GSD_STATUS_WAITING | GSD_STATUS_SCAN_BIT, 4);
	add_dead(replay, 22);
	SET(replay, add_waiting(replay, 23), atomicstatus, GSD_STATUS_IDLE, 4);
	struct gsd_census census = census_of(replay);
	assert_int_equal(census.running, 1);
	assert_int_equal(census.runnable, 2);
	assert_int_equal(census.syscall, 3);
	assert_int_equal(census.waiting, 3);
	assert_int_equal(census.other, 2);
	assert_int_equal(census.system, 0);
	drop(replay);
}

static void the_runtimes_own_are_no_goroutines_of_the_program(void **state)
{
	(void)state;
	struct replay *replay = make(22, false);
	add_waiting(replay, 1);
	size_t sweeper = add_waiting(replay, 2);
	SET(replay, sweeper, startpc, AT(SWEEPER), 8);
	SET(replay, sweeper, waitsince, 5, 8);
	struct gsd_census census = census_of(replay);
	assert_int_equal(census.waiting, 1);
	assert_int_equal(census.system, 1);
	assert_int_equal(census.first_since, 12345);
	drop(replay);
}

static void the_longest_wait_is_that_of_one_who_waits(void **state)
{
	(void)state;
	struct replay *replay = make(18, false);
	SET(replay, add_waiting(replay, 1), waitsince, 0, 8);
	SET(replay, add_waiting(replay, 2), waitsince, 900, 8);
	SET(replay, add_waiting(replay, 3), waitsince, 700, 8);
	size_t running = add_waiting(replay, 4);
	SET(replay, running, waitsince, 100, 8);
	SET(replay, running, atomicstatus, GSD_STATUS_RUNNING, 4);
	assert_int_equal(census_of(replay).first_since, 700);
	drop(replay);
}

static void a_list_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	struct replay *replay = make(27, false);
	struct gsd_census census;
	replay->process->runtime.allgs.pointer_address = 8;
	struct gsd_error *error = gsd_census_take(&replay->process->runtime, &replay->process->memory.memory, &census);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_READ);
	gsd_error_destroy(error);
	drop(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_counted_on_its_own),
		cmocka_unit_test(the_runtimes_own_are_no_goroutines_of_the_program),
		cmocka_unit_test(the_longest_wait_is_that_of_one_who_waits),
		cmocka_unit_test(a_list_that_cannot_be_read_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
