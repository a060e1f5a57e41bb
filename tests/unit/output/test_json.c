/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/json.h"

#include <stdio.h>

#include "fixture.h"

/* A sink that keeps what it gets, and fails from its call number `fails_at` on (0: never). */
struct test_sink {
	struct gsd_sink sink;
	struct gsd_memory_sink kept;
	size_t calls;
	size_t fails_at;
};

static struct gsd_error *take(struct gsd_sink *sink, const void *bytes, size_t length)
{
	struct test_sink *test = (struct test_sink *)sink;
	test->calls++;
	if (test->calls == test->fails_at)
		return gsd_error_create(GSD_ERROR_IO, 28, "write to a full disk");
	assert_true(test->fails_at == 0 || test->calls < test->fails_at); /* after a failure no more is written */
	return gsd_sink_write(&test->kept.sink, bytes, length);
}

struct writing {
	struct test_sink to;
	struct gsd_json json;
};

static int begin_writing(void **state)
{
	struct writing *writing = calloc(1, sizeof *writing);
	assert_non_null(writing);
	writing->to.sink.write = take;
	gsd_memory_sink_init(&writing->to.kept);
	gsd_json_init(&writing->json, &writing->to.sink);
	*state = writing;
	return 0;
}

static int end_writing(void **state)
{
	struct writing *writing = *state;
	gsd_memory_sink_free(&writing->to.kept);
	free(writing);
	return 0;
}

static const char *finish(struct writing *writing)
{
	assert_success(gsd_json_finish(&writing->json));
	assert_success(gsd_sink_write(&writing->to.kept.sink, "", 1));
	return (const char *)writing->to.kept.bytes;
}

static void commas_are_put_where_they_belong(void **state)
{
	struct writing *writing = *state;
	struct gsd_json *json = &writing->json;
	gsd_json_open(json, NULL, '{');
	gsd_json_open(json, "empty", '[');
	gsd_json_close(json, ']');
	gsd_json_open(json, "list", '[');
	gsd_json_integer(json, NULL, 1);
	gsd_json_open(json, NULL, '{');
	gsd_json_close(json, '}');
	gsd_json_open(json, NULL, '{');
	gsd_json_bool(json, "a", true);
	gsd_json_bool(json, "b", false);
	gsd_json_close(json, '}');
	gsd_json_null(json, NULL);
	gsd_json_close(json, ']');
	gsd_json_key(json, "k", 1);
	gsd_json_bytes(json, NULL, "v", 1);
	gsd_json_key(json, "l", 1);
	gsd_json_string(json, NULL, NULL);
	gsd_json_close(json, '}');
	gsd_json_end_line(json);
	gsd_json_open(json, NULL, '{');
	gsd_json_close(json, '}');
	gsd_json_end_line(json);
	assert_string_equal(
		finish(writing),
		"{\"empty\":[],\"list\":[1,{},{\"a\":true,\"b\":false},null],\"k\":\"v\",\"l\":null}\n{}\n");
}

static void numbers_keep_all_their_bits(void **state)
{
	struct writing *writing = *state;
	struct gsd_json *json = &writing->json;
	gsd_json_open(json, NULL, '[');
	gsd_json_integer(json, NULL, INT64_MIN);
	gsd_json_integer(json, NULL, INT64_MAX);
	gsd_json_unsigned(json, NULL, UINT64_MAX);
	gsd_json_unsigned(json, NULL, 0);
	gsd_json_address(json, NULL, UINT64_MAX);
	gsd_json_address(json, NULL, 0);
	gsd_json_close(json, ']');
	assert_string_equal(finish(writing), "[-9223372036854775808,9223372036854775807,18446744073709551615,0,"
					     "\"0xffffffffffffffff\",\"0x0\"]");
}

static void strings_are_valid_whatever_bytes_they_hold(void **state)
{
	struct writing *writing = *state;
	static const struct {
		const char *bytes;
		size_t length;
		const char *written;
	} cases[] = {
#define CASE(bytes, written) {(bytes), sizeof(bytes) - 1, (written)}
		CASE("", ""),
		CASE("plain", "plain"),
		CASE("a\"b\\c/", "a\\\"b\\\\c/"),
		CASE("\0\x01\x1f \x7f", "\\u0000\\u0001\\u001f \\u007f"),
		CASE("\n\r\t\x1b[31m", "\\u000a\\u000d\\u0009\\u001b[31m"),
		CASE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		CASE("\xe2\x80\xa8\xe2\x80\xa9", "\xe2\x80\xa8\xe2\x80\xa9"), /* U+2028, 2029: no escape needed */
		CASE("a\xff\xfe"
		     "b",
		     "a\\ufffd\\ufffdb"),
		CASE("\xc3", "\\ufffd"), /* cut off */
		CASE("\xe2\x82", "\\ufffd\\ufffd"),
		CASE("\xc0\x80", "\\ufffd\\ufffd"),                       /* overlong */
		CASE("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"),            /* a surrogate */
		CASE("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"), /* beyond U+10FFFF */
		CASE("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),
		CASE("\x80\"", "\\ufffd\\\""),
#undef CASE
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		char expected[128];
		gsd_json_bytes(&writing->json, NULL, cases[i].bytes, cases[i].length);
		gsd_json_key(&writing->json, cases[i].bytes, cases[i].length);
		gsd_json_end_line(&writing->json);
		writing->to.kept.length = 0;
		snprintf(expected, sizeof expected, "\"%s\",\"%s\":\n", cases[i].written, cases[i].written);
		assert_string_equal(finish(writing), expected);
	}
}

static void what_does_not_fit_the_buffer_is_written_in_order_and_whole(void **state)
{
	struct writing *writing = *state;
	/* Escapes and characters of several bytes on every place of the buffer's end. */
	static const char piece[] = "0123456789\xe2\x82\xac\"\xff";
	const size_t count = 30000;
	char *text = malloc(count * (sizeof piece - 1));
	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * (sizeof piece - 1), piece, sizeof piece - 1);
	gsd_json_bytes(&writing->json, NULL, text, count * (sizeof piece - 1));
	const char *written = finish(writing);
	static const char expected[] = "0123456789\xe2\x82\xac\\\"\\ufffd";
	assert_int_equal(strlen(written), 2 + count * (sizeof expected - 1));
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(written + 1 + i * (sizeof expected - 1), expected, sizeof expected - 1);
	assert_true(writing->to.calls > 5);
	free(text);
}

static void after_a_failure_nothing_more_is_written_and_finish_says_so(void **state)
{
	struct writing *writing = *state;
	static char text[GSD_WRITER_BUFFER];
	memset(text, 'x', sizeof text);
	writing->to.fails_at = 2;
	for (int i = 0; i < 5; i++)
		gsd_json_bytes(&writing->json, NULL, text, sizeof text);
	assert_int_equal(writing->to.calls, 2);
	struct gsd_error *error = gsd_json_finish(&writing->json);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_IO);
	assert_int_equal(gsd_error_errno(error), 28);
	assert_int_equal(writing->to.calls, 2);
	gsd_error_destroy(error);
}

static void a_failure_of_the_last_write_is_told_too(void **state)
{
	struct writing *writing = *state;
	writing->to.fails_at = 1;
	gsd_json_null(&writing->json, NULL);
	assert_int_equal(writing->to.calls, 0);
	struct gsd_error *error = gsd_json_finish(&writing->json);
	assert_non_null(error);
	gsd_error_destroy(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commas_are_put_where_they_belong, begin_writing, end_writing),
		cmocka_unit_test_setup_teardown(numbers_keep_all_their_bits, begin_writing, end_writing),
		cmocka_unit_test_setup_teardown(strings_are_valid_whatever_bytes_they_hold, begin_writing, end_writing),
		cmocka_unit_test_setup_teardown(what_does_not_fit_the_buffer_is_written_in_order_and_whole,
						begin_writing, end_writing),
		cmocka_unit_test_setup_teardown(after_a_failure_nothing_more_is_written_and_finish_says_so,
						begin_writing, end_writing),
		cmocka_unit_test_setup_teardown(a_failure_of_the_last_write_is_told_too, begin_writing, end_writing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
