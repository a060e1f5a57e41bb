/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define NOW    (1000 * SECOND)
#define PAUSE  (2 * SECOND)

static const char *hangs(uint64_t stopped_since, uint64_t dump_since)
{
	const struct keeper_state state = {stopped_since, dump_since};
	return keeper_hangs(&state, PAUSE, NOW);
}

static void a_keeper_that_does_nothing_is_left_alone(void **state)
{
	(void)state;
	assert_null(hangs(0, 0));
}

static void a_dump_may_last_two_minutes(void **state)
{
	(void)state;
	assert_null(hangs(0, NOW));
	assert_null(hangs(0, NOW - 120 * SECOND));
	assert_non_null(strstr(hangs(0, NOW - 120 * SECOND - 1), "two minutes"));
}

static void a_stop_may_last_as_long_as_it_was_allowed_and_half_a_second(void **state)
{
	(void)state;
	assert_null(hangs(NOW - PAUSE - SECOND / 2, NOW - 60 * SECOND));
	assert_non_null(strstr(hangs(NOW - PAUSE - SECOND / 2 - 1, NOW - 60 * SECOND), "--max-pause"));
}

static void a_stop_that_began_after_the_look_is_no_old_one(void **state)
{
	(void)state;
	assert_null(hangs(NOW + 1, NOW + 1));
}

static void any_pause_may_be_allowed(void **state)
{
	const struct keeper_state stopped = {.stopped_since = 1};
	(void)state;
	assert_null(keeper_hangs(&stopped, UINT64_MAX, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keeper_that_does_nothing_is_left_alone),
		cmocka_unit_test(a_dump_may_last_two_minutes),
		cmocka_unit_test(a_stop_may_last_as_long_as_it_was_allowed_and_half_a_second),
		cmocka_unit_test(a_stop_that_began_after_the_look_is_no_old_one),
		cmocka_unit_test(any_pause_may_be_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
