/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/meter.h"

#include "../support/check.h"

struct told {
	size_t count;
	struct gsd_progress last;
};

static void note(void *context, const struct gsd_progress *progress)
{
	struct told *told = context;
	told->count++;
	told->last = *progress;
}

static void a_beginning_is_told(void **state)
{
	(void)state;
	struct told told = {0};
	struct gsd_meter meter = {.tell = note, .context = &told};
	gsd_meter_begin(&meter, GSD_PHASE_NAMING, 0);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.last.phase, GSD_PHASE_NAMING);
	assert_u64(told.last.total, 0);
	gsd_meter_begin(&meter, GSD_PHASE_WRITING, 77);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.last.phase, GSD_PHASE_WRITING);
	assert_u64(told.last.done, 0);
	assert_u64(told.last.total, 77);
}

static void of_many_items_some_are_told(void **state)
{
	(void)state;
	struct told told = {0};
	struct gsd_meter meter = {.tell = note, .context = &told};
	gsd_meter_begin(&meter, GSD_PHASE_LOOKING, 100000);
	for (uint64_t i = 0; i < 100000; i++) {
		gsd_meter_count(&meter, i);
		assert_true(told.last.done <= i && i - told.last.done < 1000);
	}
	assert_in_range(told.count, 101, 1000);
}

static void a_phase_begins_anew(void **state)
{
	(void)state;
	struct told told = {0};
	struct gsd_meter meter = {.tell = note, .context = &told};
	gsd_meter_begin(&meter, GSD_PHASE_LOOKING, 100000);
	gsd_meter_count(&meter, 99999);
	gsd_meter_begin(&meter, GSD_PHASE_LOOKING, 100000);
	size_t before = told.count;
	gsd_meter_count(&meter, 1000);
	assert_int_equal(told.count, before + 1);
	assert_u64(told.last.done, 1000);
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	struct gsd_meter deaf = {0};
	gsd_meter_begin(NULL, GSD_PHASE_NAMING, 1);
	gsd_meter_count(NULL, UINT64_MAX);
	gsd_meter_begin(&deaf, GSD_PHASE_NAMING, 1);
	gsd_meter_count(&deaf, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_beginning_is_told),
		cmocka_unit_test(of_many_items_some_are_told),
		cmocka_unit_test(a_phase_begins_anew),
		cmocka_unit_test(nobody_needs_to_listen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
