/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/values.h"

#include "../support/bytes.h"

static void values_come_back_in_order(void **state)
{
	(void)state;
	struct gsd_values values = {0};
	const uint64_t some[] = {0, 1, 127, 128, 0xc000123456, UINT64_MAX, UINT64_C(1) << 63};
	for (size_t round = 0; round < 1000; round++)
		for (size_t i = 0; i < GSD_ARRAY_SIZE(some); i++)
			assert_true(gsd_values_add(&values, some[i]));
	struct gsd_cursor cursor = gsd_values_at(&values, 0);
	for (size_t round = 0; round < 1000; round++)
		for (size_t i = 0; i < GSD_ARRAY_SIZE(some); i++)
			assert_int_equal(some[i], gsd_cursor_uvarint(&cursor));
	assert_false(cursor.failed);
	gsd_cursor_uvarint(&cursor);
	assert_true(cursor.failed);
	gsd_values_free(&values);
}

static void a_place_beyond_the_end_holds_nothing(void **state)
{
	(void)state;
	struct gsd_values values = {0};
	struct gsd_cursor cursor = gsd_values_at(&values, 1);
	assert_int_equal(0, gsd_cursor_uvarint(&cursor));
	assert_true(cursor.failed);
	cursor = gsd_values_at(&values, UINT64_MAX);
	assert_true(cursor.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back_in_order),
		cmocka_unit_test(a_place_beyond_the_end_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
