/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cursor.h"

#include "../support/check.h"

/* The bytes lie at the end of an allocation of their own: a sanitizer sees a read past them. */
static struct gsd_bytes copy(const void *data, size_t length)
{
	uint8_t *bytes = malloc(length == 0 ? 1 : length);
	assert_non_null(bytes);
	if (length > 0)
		memcpy(bytes, data, length);
	return (struct gsd_bytes){.data = bytes, .length = length};
}

static void drop(struct gsd_bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

static void numbers_are_little_endian_and_follow_each_other(void **state)
{
	(void)state;
	struct gsd_bytes bytes = copy("\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08", 15);
	struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
	assert_int_equal(gsd_cursor_u8(&cursor), 0x01);
	assert_int_equal(gsd_cursor_u16(&cursor), 0x0203);
	assert_int_equal(gsd_cursor_u32(&cursor), 0x04050607);
	assert_u64(gsd_cursor_u64(&cursor), UINT64_C(0x08090a0b0c0d0e0f));
	assert_false(cursor.failed);
	assert_int_equal(cursor.position, 15);
	drop(bytes);
}

static uint64_t read_number(struct gsd_cursor *cursor, size_t size)
{
	switch (size) {
	case 1: return gsd_cursor_u8(cursor);
	case 2: return gsd_cursor_u16(cursor);
	case 4: return gsd_cursor_u32(cursor);
	default: return gsd_cursor_u64(cursor);
	}
}

static void a_number_that_does_not_fit_before_the_end_is_zero_and_fails(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 2, 4, 8};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(sizes); i++) {
		for (size_t length = 0; length <= 8; length++) {
			struct gsd_bytes bytes = copy("\xff\xff\xff\xff\xff\xff\xff\xff", length);
			for (size_t position = 0; position <= length + 1; position++) {
				struct gsd_cursor cursor = gsd_cursor_at(bytes, position);
				bool fits = position + sizes[i] <= length;
				uint64_t full = sizes[i] == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * sizes[i]) - 1;
				assert_u64(read_number(&cursor, sizes[i]), fits ? full : 0);
				assert_int_equal(cursor.failed, !fits);
			}
			drop(bytes);
		}
	}
}

static void a_failure_stays_even_where_a_smaller_read_would_fit(void **state)
{
	(void)state;
	struct gsd_bytes bytes = copy("\xff\xff", 2);
	struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
	assert_int_equal(gsd_cursor_u32(&cursor), 0);
	assert_int_equal(gsd_cursor_u8(&cursor), 0);
	assert_true(cursor.failed);
	assert_null(gsd_cursor_take(&cursor, 0));
	drop(bytes);
}

static void bytes_are_taken_up_to_the_end_and_not_beyond(void **state)
{
	(void)state;
	struct gsd_bytes bytes = copy("abc", 3);
	struct gsd_cursor cursor = gsd_cursor_at(bytes, 1);
	assert_ptr_equal(gsd_cursor_take(&cursor, 2), bytes.data + 1);
	assert_non_null(gsd_cursor_take(&cursor, 0));
	assert_null(gsd_cursor_take(&cursor, 1));
	cursor = gsd_cursor_at(bytes, 1);
	assert_null(gsd_cursor_take(&cursor, SIZE_MAX));
	cursor = gsd_cursor_at(bytes, UINT64_MAX);
	assert_true(cursor.failed);
	cursor = gsd_cursor_at(bytes, 3);
	assert_false(cursor.failed);
	drop(bytes);
}

static void variable_length_numbers_have_up_to_64_bits(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
		uint64_t value;
	} cases[] = {
		{"\x00", 1, 0},
		{"\x7f", 1, 127},
		{"\x80\x01", 2, 128},
		{"\xac\x02", 2, 300},
		{"\x80\x00", 2, 0},
		{"\xff\xff\xff\xff\x0f", 5, UINT32_MAX},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_bytes bytes = copy(cases[i].bytes, cases[i].length);
		struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
		assert_u64(gsd_cursor_uvarint(&cursor), cases[i].value);
		assert_false(cursor.failed);
		assert_int_equal(cursor.position, cases[i].length);
		drop(bytes);
	}
}

static void a_variable_length_number_that_is_cut_or_too_long_fails(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{"", 0},
		{"\x80", 1},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_bytes bytes = copy(cases[i].bytes, cases[i].length);
		struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
		gsd_cursor_uvarint(&cursor);
		assert_true(cursor.failed);
		drop(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_little_endian_and_follow_each_other),
		cmocka_unit_test(a_number_that_does_not_fit_before_the_end_is_zero_and_fails),
		cmocka_unit_test(a_failure_stays_even_where_a_smaller_read_would_fit),
		cmocka_unit_test(bytes_are_taken_up_to_the_end_and_not_beyond),
		cmocka_unit_test(variable_length_numbers_have_up_to_64_bits),
		cmocka_unit_test(a_variable_length_number_that_is_cut_or_too_long_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
