/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/proto_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bytes {
	size_t length;
	uint8_t bytes[16];
};

static struct proto_reader over(const struct bytes *bytes)
{
	return (struct proto_reader){bytes->bytes, bytes->bytes + bytes->length};
}

static void numbers_have_up_to_64_bits(void **state)
{
	(void)state;
	static const struct {
		struct bytes bytes;
		uint64_t value;
	} good[] = {
		{{1, {0x00}}, 0},
		{{1, {0x7f}}, 127},
		{{2, {0x96, 0x01}}, 150}, /* the example of the encoding's documentation */
		{{2, {0x80, 0x00}}, 0},
		{{10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}, UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		uint64_t value;
		struct proto_reader reader = over(&good[i].bytes);
		assert_true(proto_read_varint(&reader, &value));
		assert_int_equal(value, good[i].value);
		assert_true(proto_is_over(&reader));
	}
}

static void numbers_that_are_cut_or_too_large_are_refused(void **state)
{
	(void)state;
	static const struct bytes bad[] = {
		{0, {0}},
		{1, {0x80}},
		{9, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
		{11, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint64_t value;
		struct proto_reader reader = over(&bad[i]);
		assert_false(proto_read_varint(&reader, &value));
		assert_ptr_equal(reader.at, bad[i].bytes);
	}
}

static void fields_of_every_type_are_passed_over(void **state)
{
	(void)state;
	static const struct bytes bytes = {
		16, {0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x1d, 1, 2, 3, 4, 0x20, 0x00, 0x2a, 0x00}};
	static const uint32_t numbers[] = {1, 2, 3, 4, 5};
	struct proto_reader reader = over(&bytes);
	struct proto_field field;
	for (size_t i = 0; i < 5; i++) {
		assert_true(proto_read_field(&reader, &field));
		assert_int_equal(field.number, numbers[i]);
		if (i == 0)
			assert_int_equal(field.value, 150);
		if (i == 1) {
			assert_int_equal(field.bytes.end - field.bytes.at, 2);
			assert_memory_equal(field.bytes.at, "hi", 2);
		}
	}
	assert_int_equal(field.type, PROTO_BYTES);
	assert_true(proto_is_over(&field.bytes));
	assert_true(proto_is_over(&reader));
}

static void malformed_fields_leave_the_reader_where_it_is(void **state)
{
	(void)state;
	static const struct bytes bad[] = {
		{1, {0x08}},                                                              /* no value */
		{1, {0x00}},                                                              /* field 0 */
		{3, {0x12, 0x02, 'h'}},                                                   /* cut */
		{11, {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}, /* longer than memory */
		{8, {0x09, 1, 2, 3, 4, 5, 6, 7}},                                         /* seven of eight bytes */
		{4, {0x1d, 1, 2, 3}},
		{2, {0x0b, 0x0c}},                               /* a group */
		{2, {0x0e, 0x00}},                               /* no type at all */
		{7, {0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00}}, /* a number of 30 bits and more */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct proto_field field;
		struct proto_reader reader = over(&bad[i]);
		assert_false(proto_read_field(&reader, &field));
		assert_ptr_equal(reader.at, bad[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_up_to_64_bits),
		cmocka_unit_test(numbers_that_are_cut_or_too_large_are_refused),
		cmocka_unit_test(fields_of_every_type_are_passed_over),
		cmocka_unit_test(malformed_fields_leave_the_reader_where_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
