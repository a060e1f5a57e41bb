/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/godebug.h"

#include "../support/bytes.h"

static void assert_number(uint32_t expected, const char *settings, const char *key)
{
	uint32_t value = 4711;
	assert_true(gsd_godebug_number(settings, key, &value));
	assert_int_equal(expected, value);
}

static void assert_none(const char *settings, const char *key)
{
	uint32_t value = 4711;
	assert_false(gsd_godebug_number(settings, key, &value));
	assert_int_equal(4711, value);
}

static void the_last_setting_counts(void **state)
{
	(void)state;
	assert_number(5, "depth=5", "depth");
	assert_number(7, "depth=5,other=6,depth=7", "depth");
	assert_number(6, "depth=5,other=6,depth=7", "other");
	assert_number(0, "depth=0", "depth");
	assert_number(INT32_MAX, "depth=99999999999999999999", "depth");
}

static void what_is_no_setting_of_that_name_is_none(void **state)
{
	(void)state;
	assert_none(NULL, "depth");
	assert_none("", "depth");
	assert_none("depth", "depth");
	assert_none("depth=", "depth");
	assert_none("depth=x", "depth");
	assert_none("mydepth=5,depths=6,,", "depth");
	assert_none("a=1\nbuild\tdepth=5", "depth");
}

static void built_in_settings_end_with_their_line(void **state)
{
	(void)state;
	const char *modinfo = "path\tx\nbuild\tDefaultGODEBUG=asynctimerchan=1,tracebacklabels=0\nbuild\tGOOS=linux\n";
	assert_number(0, gsd_godebug_built_in(modinfo), "tracebacklabels");
	assert_number(1, gsd_godebug_built_in(modinfo), "asynctimerchan");
	assert_none(gsd_godebug_built_in(modinfo), "GOOS");
	assert_null(gsd_godebug_built_in("path\tx\n"));
	assert_null(gsd_godebug_built_in(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_setting_counts),
		cmocka_unit_test(what_is_no_setting_of_that_name_is_none),
		cmocka_unit_test(built_in_settings_end_with_their_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
