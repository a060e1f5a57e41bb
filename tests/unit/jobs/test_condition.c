/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The durations of these tests are whole numbers of ns. */
static bool duration(const char *text, uint64_t *ns_ret)
{
	*ns_ret = strcmp(text, "10m") == 0 ? UINT64_C(600000000000) : 0;
	return *ns_ret != 0;
}

static bool holds(const char *text, uint64_t goroutines, uint64_t longest_wait_ns, uint64_t base)
{
	struct condition condition;
	const struct condition_facts facts = {.goroutines = goroutines,
					      .base_known = base != 0,
					      .base = base,
					      .wait_known = longest_wait_ns != 0,
					      .longest_wait_ns = longest_wait_ns};
	assert_true(condition_parse(text, duration, &condition));
	assert_string_equal(condition.text, text);
	return condition_holds(&condition, &facts);
}

static void a_number_is_more_than_its_limit(void **state)
{
	(void)state;
	assert_false(holds("goroutines>10", 10, 0, 0));
	assert_true(holds("goroutines>10", 11, 0, 0));
	assert_true(holds("goroutines>0", 1, 0, 0));
}

static void growth_is_since_the_last_capture(void **state)
{
	(void)state;
	assert_false(holds("growth>5", 105, 0, 100));
	assert_true(holds("growth>5", 106, 0, 100));
	assert_false(holds("growth>5", 50, 0, 100));
	assert_false(holds("growth>0", 1000, 0, 0)); /* there was none */
	assert_false(holds("growth>20%", 120, 0, 100));
	assert_true(holds("growth>20%", 121, 0, 100));
	assert_false(holds("growth>0%", 100, 0, 100));
	assert_true(holds("growth>0%", 101, 0, 100));
	assert_true(holds("growth>100%", UINT64_MAX, 0, UINT64_MAX / 3));
}

static void growth_from_nothing_is_growth(void **state)
{
	(void)state;
	const struct condition_facts facts = {.goroutines = 1, .base_known = true};
	struct condition condition;
	assert_true(condition_parse("growth>0", duration, &condition));
	assert_true(condition_holds(&condition, &facts));
	assert_true(condition_parse("growth>500%", duration, &condition));
	assert_true(condition_holds(&condition, &facts));
}

static void a_group_has_its_own_growth(void **state)
{
	(void)state;
	struct condition_facts facts = {.goroutines = 100, .base_known = true, .base = 200, .group_growth = 10};
	struct condition condition;
	assert_true(condition_parse("group>9", duration, &condition));
	assert_true(condition_holds(&condition, &facts));
	assert_true(condition_parse("group>10", duration, &condition));
	assert_false(condition_holds(&condition, &facts));
}

static void age_is_the_longest_wait(void **state)
{
	(void)state;
	assert_false(holds("age>10m", 1, UINT64_C(600000000000), 0));
	assert_true(holds("age>10m", 1, UINT64_C(600000000001), 0));
	assert_false(holds("age>10m", 1, 0, 0));
}

static void what_is_no_condition_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",
					    "goroutines",
					    "goroutines>",
					    "goroutines>x",
					    "goroutines>1x",
					    "goroutines<5",
					    "goroutines>-1",
					    "goroutines> 5",
					    "group>",
					    "group>5%",
					    "growth>",
					    "growth>%",
					    "growth>5%%",
					    "growth>5 %",
					    "age>",
					    "age>5",
					    "threads>5",
					    "goroutines>99999999999999999999"};
	struct condition condition;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_false(condition_parse(wrong[i], duration, &condition));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_more_than_its_limit), cmocka_unit_test(growth_is_since_the_last_capture),
		cmocka_unit_test(growth_from_nothing_is_growth),   cmocka_unit_test(a_group_has_its_own_growth),
		cmocka_unit_test(age_is_the_longest_wait),         cmocka_unit_test(what_is_no_condition_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
