/* SPDX-License-Identifier: BSD-3-Clause */
/* What Go itself makes of these strings: fmt's %q, and print of runtime.quoted. */
#include "output/quote.h"

#include "fixture.h"

enum how { LIKE_GO, LIKE_RUNTIME, LIKE_RUNTIME_IF_NEEDED };

static void assert_quoted(enum how how, unsigned minor, const char *bytes, size_t length, const char *expected)
{
	struct gsd_memory_sink sink;
	static struct gsd_writer writer;
	gsd_memory_sink_init(&sink);
	gsd_writer_init(&writer, &sink.sink);
	switch (how) {
	case LIKE_GO: gsd_quote_go(&writer, bytes, length, minor); break;
	case LIKE_RUNTIME: gsd_quote_runtime(&writer, bytes, length, minor); break;
	case LIKE_RUNTIME_IF_NEEDED: gsd_quote_runtime_if_needed(&writer, bytes, length); break;
	}
	gsd_writer_add(&writer, "", 1);
	assert_success(gsd_writer_finish(&writer));
	assert_string_equal(expected, (const char *)sink.bytes);
	gsd_memory_sink_free(&sink);
}

#define QUOTED(how, minor, text, expected) assert_quoted(how, minor, text, sizeof text - 1, expected)

static void strings_are_quoted_as_by_strconv(void **state)
{
	(void)state;
	QUOTED(LIKE_GO, 27, "", "\"\"");
	QUOTED(LIKE_GO, 27, "a\"b'c\\d", "\"a\\\"b'c\\\\d\"");
	QUOTED(LIKE_GO, 27, "tab\tnl\nz\0bell\a\b\f\r\v\x7f\x1f", "\"tab\\tnl\\nz\\x00bell\\a\\b\\f\\r\\v\\x7f\\x1f\"");
	QUOTED(LIKE_GO, 27, "\xff\xfe", "\"\\xff\\xfe\"");
	QUOTED(LIKE_GO, 27, "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"");
	QUOTED(LIKE_GO, 27, "žluťoučký 馬 🐎", "\"žluťoučký 馬 🐎\"");
	QUOTED(LIKE_GO, 27, "\u00a0\u200b\ufeff\u2028\ufffd\U000e0001",
	       "\"\\u00a0\\u200b\\ufeff\\u2028\ufffd\\U000e0001\"");
}

static void a_delete_is_a_byte_from_go_1_19_on(void **state)
{
	(void)state;
	QUOTED(LIKE_GO, 18, "a\x7f", "\"a\\u007f\"");
	QUOTED(LIKE_GO, 19, "a\x7f", "\"a\\x7f\"");
}

/* U+1FAE8 came with Unicode 15, U+1FACD with 17: Go 1.21 and 1.27. */
static void what_is_printable_depends_on_the_go_version(void **state)
{
	(void)state;
	QUOTED(LIKE_GO, 20, "\U0001fae8", "\"\\U0001fae8\"");
	QUOTED(LIKE_GO, 21, "\U0001fae8", "\"\U0001fae8\"");
	QUOTED(LIKE_GO, 26, "\U0001facd", "\"\\U0001facd\"");
	QUOTED(LIKE_GO, 27, "\U0001facd", "\"\U0001facd\"");
}

static void the_runtime_escapes_all_that_is_not_ascii(void **state)
{
	(void)state;
	QUOTED(LIKE_RUNTIME, 27, "a\"b\\c\n\r\t\a\x7f", "\"a\\\"b\\\\c\\n\\r\\t\\x07\\u007f\"");
	QUOTED(LIKE_RUNTIME, 27, "ž🐎", "\"\\u017e\\U0001f40e\"");
	QUOTED(LIKE_RUNTIME, 27, "\xff\ufffd", "\"\\xff\\ufffd\"");
	QUOTED(LIKE_RUNTIME, 26, "\xff\ufffd", "\"\\ufffd\\ufffd\"");
}

static void go_1_27_quotes_only_what_needs_it(void **state)
{
	(void)state;
	QUOTED(LIKE_RUNTIME_IF_NEEDED, 27, "", "");
	QUOTED(LIKE_RUNTIME_IF_NEEDED, 27, "GET/a_b.C9", "GET/a_b.C9");
	QUOTED(LIKE_RUNTIME_IF_NEEDED, 27, "a b", "\"a b\"");
	QUOTED(LIKE_RUNTIME_IF_NEEDED, 27, "a-b", "\"a-b\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_quoted_as_by_strconv),
		cmocka_unit_test(a_delete_is_a_byte_from_go_1_19_on),
		cmocka_unit_test(what_is_printable_depends_on_the_go_version),
		cmocka_unit_test(the_runtime_escapes_all_that_is_not_ascii),
		cmocka_unit_test(go_1_27_quotes_only_what_needs_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
