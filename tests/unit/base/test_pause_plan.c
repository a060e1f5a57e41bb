/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/pause_plan.h"

#include "../support/check.h"

#define MS UINT64_C(1000000)

static struct gsd_pause_plan limit(uint64_t ns)
{
	return (struct gsd_pause_plan){.limit_ns = ns};
}

static void an_estimate_grows_with_all_that_is_to_be_done(void **state)
{
	(void)state;
	const struct gsd_pause_plan plan = limit(MS);
	const struct gsd_pause_work least = {0};
	const struct gsd_pause_work more[] = {{.threads = 1}, {.ranges = 1}, {.bytes = 1000}};
	uint64_t before = gsd_pause_estimate(&plan, &least);
	assert_true(before > 0);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(more); i++)
		assert_true(gsd_pause_estimate(&plan, &more[i]) > before);
}

/* Measured (docs/performance.md has the like): within a factor of three of these, before anything is known. */
static void an_estimate_is_near_what_was_measured(void **state)
{
	(void)state;
	const struct gsd_pause_plan plan = limit(MS);
	const struct {
		struct gsd_pause_work work;
		uint64_t ns;
	} cases[] = {{{.threads = 5}, 110000},
		     {{.threads = 50}, 650000},
		     {{.threads = 500}, 6300000},
		     {{.threads = 6, .ranges = 200000, .bytes = 180000000}, 90 * MS}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		uint64_t estimate = gsd_pause_estimate(&plan, &cases[i].work);
		assert_true(estimate > cases[i].ns / 3 && estimate < cases[i].ns * 3);
	}
}

static void what_reads_have_cost_so_far_is_what_they_will_cost(void **state)
{
	(void)state;
	const struct gsd_pause_work work = {.ranges = 1000};
	struct gsd_pause_plan plan = limit(MS);
	uint64_t unknown = gsd_pause_estimate(&plan, &work);
	plan.reads = (struct gsd_read_cost){.ns = 2 * MS, .ranges = 1000};
	assert_true(gsd_pause_estimate(&plan, &work) > unknown + MS);
	plan.reads.ns = MS / 5;
	assert_true(gsd_pause_estimate(&plan, &work) < unknown);
	/* A few long reads say nothing of many short ones. */
	plan.reads = (struct gsd_read_cost){.ns = 100 * MS, .ranges = 3, .bytes = 1 << 20};
	assert_int_equal(gsd_pause_estimate(&plan, &work), unknown);
	/* Nor does a machine that stood still meanwhile make a read cost seconds. */
	plan.reads = (struct gsd_read_cost){.ns = 1000000 * MS, .ranges = 1000};
	assert_true(gsd_pause_estimate(&plan, &work) < 10 * MS);
}

static void a_stop_that_lasted_longer_makes_the_next_estimates_longer(void **state)
{
	(void)state;
	const struct gsd_pause_work work = {.threads = 10, .ranges = 100};
	struct gsd_pause_plan plan = limit(100 * MS);
	uint64_t first = gsd_pause_estimate(&plan, &work);
	gsd_pause_learn(&plan, &work, 3 * first);
	uint64_t second = gsd_pause_estimate(&plan, &work);
	assert_true(second > 3 * first - first / 100 && second <= 3 * first);
	/* It is by the costs that a stop is measured, not by the last scale. */
	gsd_pause_learn(&plan, &work, 3 * first);
	assert_int_equal(gsd_pause_estimate(&plan, &work), second);
	gsd_pause_learn(&plan, &work, first / 2);
	assert_true(gsd_pause_estimate(&plan, &work) < first);
	gsd_pause_learn(&plan, &work, UINT64_MAX);
	assert_true(gsd_pause_estimate(&plan, &work) <= 8 * first);
	gsd_pause_learn(&plan, &work, 0);
	assert_true(gsd_pause_estimate(&plan, &work) > 0);
}

static void a_stop_is_allowed_up_to_the_limit(void **state)
{
	(void)state;
	const struct gsd_pause_work work = {.threads = 4, .ranges = 50, .bytes = 100000};
	struct gsd_pause_plan plan = limit(1);
	uint64_t estimate = gsd_pause_estimate(&plan, &work);
	plan.limit_ns = estimate;
	assert_true(gsd_pause_allowed(&plan, &work));
	assert_int_equal(plan.refused_ns, 0);
	plan.limit_ns = estimate - 1;
	assert_false(gsd_pause_allowed(&plan, &work));
	assert_int_equal(plan.refused_ns, estimate);
}

static void what_a_hostile_target_claims_does_not_wrap(void **state)
{
	(void)state;
	const struct gsd_pause_work works[] = {
		{UINT64_MAX, 0, 0}, {0, UINT64_MAX, 0}, {0, 0, UINT64_MAX}, {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(works); i++) {
		struct gsd_pause_plan plan = limit(UINT64_C(3600000) * MS);
		assert_false(gsd_pause_allowed(&plan, &works[i]));
		gsd_pause_learn(&plan, &works[i], MS);
		assert_false(gsd_pause_allowed(&plan, &works[i]));
	}
}

static void a_timed_memory_reads_and_counts(void **state)
{
	(void)state;
	static const uint8_t bytes[4] = {1, 2, 3, 4};
	const struct gsd_segment segment = {.address = 100, .length = sizeof bytes, .bytes = bytes};
	struct gsd_segment_memory inner;
	struct gsd_timed_memory timed;
	struct gsd_read_cost cost = {0};
	uint8_t copy[4] = {0};
	gsd_segment_memory_init(&inner, &segment, 1);
	gsd_timed_memory_init(&timed, &inner.memory, &cost);
	struct gsd_range ranges[3] = {{.address = 100, .length = 3, .buffer = copy},
				      {.address = 0, .length = 0, .buffer = copy},
				      {.address = 99, .length = 1, .buffer = copy + 3}};
	gsd_memory_read_ranges(&timed.memory, ranges, 3);
	assert_int_equal(copy[2], 3);
	assert_int_equal(ranges[0].errnum, 0);
	assert_int_not_equal(ranges[2].errnum, 0);
	assert_int_equal(cost.ranges, 2);
	assert_int_equal(cost.bytes, 4);
	assert_true(cost.ns < 10 * UINT64_C(1000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_estimate_grows_with_all_that_is_to_be_done),
		cmocka_unit_test(an_estimate_is_near_what_was_measured),
		cmocka_unit_test(what_reads_have_cost_so_far_is_what_they_will_cost),
		cmocka_unit_test(a_stop_that_lasted_longer_makes_the_next_estimates_longer),
		cmocka_unit_test(a_stop_is_allowed_up_to_the_limit),
		cmocka_unit_test(what_a_hostile_target_claims_does_not_wrap),
		cmocka_unit_test(a_timed_memory_reads_and_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
