/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/text.h"

#include "fixture.h"
#include "output/utf8.h"

static void only_valid_utf8_is_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		uint32_t character;
	} cases[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc3\xa9", 2, 0xe9},
		{"\xe2\x82\xac", 3, 0x20ac},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\x80", 0, 0},     /* a continuation */
		{"\xc0\x80", 0, 0}, /* overlong */
		{"\xc1\xbf", 0, 0},
		{"\xe0\x9f\xbf", 0, 0},
		{"\xf0\x8f\xbf\xbf", 0, 0},
		{"\xed\xa0\x80", 0, 0}, /* a surrogate */
		{"\xed\xbf\xbf", 0, 0},
		{"\xf4\x90\x80\x80", 0, 0}, /* beyond the last */
		{"\xf5\x80\x80\x80", 0, 0},
		{"\xff", 0, 0},
		{"\xc3", 0, 0}, /* cut */
		{"\xe2\x82", 0, 0},
		{"\xc3(", 0, 0},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		uint32_t character = 0;
		assert_int_equal(gsd_utf8_decode(cases[i].bytes, strlen(cases[i].bytes), &character), cases[i].size);
		assert_int_equal(character, cases[i].character);
		assert_int_equal(gsd_utf8_valid(cases[i].bytes, strlen(cases[i].bytes)), cases[i].size > 0);
	}
}

static void assert_text(const struct gsd_text *text, const char *expected, unsigned columns)
{
	assert_int_equal(text->length, strlen(expected));
	assert_memory_equal(text->bytes, expected, text->length);
	assert_int_equal(text->columns, columns);
}

static void quoting_leaves_nothing_that_a_terminal_acts_on(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		const char *quoted;
		unsigned columns;
	} cases[] = {
		{"plain (*T).f[...]", "plain (*T).f[...]", 17},
		{"\x1b[31m", "\\x1b[31m", 8},
		{"\x7f", "\\x7f", 4},
		{"\xc2\x9b", "\\x9b", 4},         /* C1 as a character */
		{"\x9b", "\\x9b", 4},             /* C1 as a byte */
		{"\xe2\x80\xae", "\\u{202e}", 8}, /* right-to-left override */
		{"\xe2\x80\xa8", "\\u{2028}", 8}, /* line separator */
		{"\xc3\xa9", "\xc3\xa9", 1},
		{"\xe4\xb8\x96", "\xe4\xb8\x96", 2}, /* a wide one */
		{"e\xcc\x81", "e\xcc\x81", 1},       /* a combining one */
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_text text = {0};
		gsd_text_quote(&text, cases[i].bytes, strlen(cases[i].bytes));
		assert_text(&text, cases[i].quoted, cases[i].columns);
		gsd_text_free(&text);
	}
}

static void a_path_is_shortened_to_a_directory_or_else_anywhere(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		unsigned columns;
		const char *shortened;
	} cases[] = {
		{"/a/bcd/x.go:1", 13, "/a/bcd/x.go:1"},      {"/a/bcd/x.go:1", 12, "\xe2\x80\xa6/bcd/x.go:1"},
		{"/a/bcd/x.go:1", 9, "\xe2\x80\xa6/x.go:1"}, {"/a/bcd/x.go:1", 5, "\xe2\x80\xa6go:1"},
		{"/a/bcd/x.go:1", 1, "\xe2\x80\xa6"},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_text path = {0}, text = {0};
		gsd_text_quote(&path, cases[i].path, strlen(cases[i].path));
		gsd_text_add_end(&text, &path, cases[i].columns);
		assert_int_equal(text.length, strlen(cases[i].shortened));
		assert_memory_equal(text.bytes, cases[i].shortened, text.length);
		assert_true(text.columns <= cases[i].columns);
		gsd_text_free(&path);
		gsd_text_free(&text);
	}
}

static void wide_characters_are_never_cut_in_two(void **state)
{
	(void)state;
	struct gsd_text name = {0}, text = {0};
	const char *wide = "\xe4\xb8\x96\xe7\x95\x8c\xe4\xb8\x96";
	gsd_text_quote(&name, wide, strlen(wide));
	gsd_text_add_beginning(&text, &name, 4);
	assert_text(&text, "\xe4\xb8\x96\xe2\x80\xa6", 3);
	gsd_text_clear(&text);
	gsd_text_add_end(&text, &name, 4);
	assert_text(&text, "\xe2\x80\xa6\xe4\xb8\x96", 3);
	gsd_text_free(&name);
	gsd_text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_valid_utf8_is_decoded),
		cmocka_unit_test(quoting_leaves_nothing_that_a_terminal_acts_on),
		cmocka_unit_test(a_path_is_shortened_to_a_directory_or_else_anywhere),
		cmocka_unit_test(wide_characters_are_never_cut_in_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
