/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/svg.h"

#include <stdio.h>

#include "fixture.h"

/* The picture that the snapshot gives, NUL-terminated; to be freed. */
static char *picture_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source)
{
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_svg_from(snapshot, source, &sink.sink));
	char *picture = strndup((const char *)sink.bytes, sink.length);
	assert_non_null(picture);
	assert_int_equal(strlen(picture), sink.length);
	gsd_memory_sink_free(&sink);
	return picture;
}

static char *picture_of(const struct gsd_snapshot *snapshot)
{
	return picture_from(snapshot, &table_source);
}

static void assert_has(const char *picture, const char *words)
{
	if (strstr(picture, words) == NULL)
		fail_msg("no %s in\n%s", words, picture);
}

static void a_box_is_as_wide_as_its_share_below_its_caller(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, MAIN), STACK(POLL, MAIN), STACK(PANIC)};
	struct gsd_goroutine goroutines[] = {{.stack = 0, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS},
					     {.stack = 2, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *picture = picture_of(&snapshot);
	assert_has(picture, "<title>all goroutines\n4 goroutines, 100 %</title><rect x=\"10.00\" y=\"52\" "
			    "width=\"1179.50\" height=\"17\" rx=\"2\" fill=\"#dfe2e6\"/>");
	assert_has(picture,
		   "<title>main.main\n3 goroutines, 75.0 %</title><rect x=\"10.00\" y=\"70\" width=\"884.50\"");
	assert_has(picture, "<title>internal/poll.(*FD).Read\n2 goroutines, 50.0 %</title><rect x=\"10.00\" y=\"88\" "
			    "width=\"589.50\"");
	assert_has(picture, "<title>main.(*Pool).worker\n1 goroutine, 25.0 %</title><rect x=\"600.00\" y=\"88\" "
			    "width=\"294.50\"");
	assert_has(picture, "<text x=\"13.00\" y=\"101\">poll.(*FD).Read</text>");
	free(picture);
}

static void the_first_lines_say_which_program_when_and_what_was_selected(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *picture = picture_of(&snapshot);
	assert_has(picture, "<title>server: 1 goroutine</title>");
	assert_has(picture, ">1 goroutine, pid 4242, go1.26.8, 2025-01-31 12:00:00 UTC</text>");
	free(picture);
	snapshot.selection = (struct gsd_snapshot_selection){"state=<running>", 5, 3, 10006};
	picture = picture_of(&snapshot);
	assert_has(picture, ">1 of 10,006 goroutines, pid 4242, go1.26.8, 2025-01-31 12:00:00 UTC, filter: "
			    "state=&lt;running&gt;, a sample of at most 5, seed 3</text>");
	free(picture);
}

static void what_is_too_narrow_is_one_box(void **state)
{
	(void)state;
	enum { COUNT = 9000 };
	struct gsd_stack stacks[] = {STACK(MAIN), STACK(WORKER, MAIN), STACK(POLL, MAIN), STACK(PANIC, MAIN)};
	struct gsd_goroutine *goroutines = calloc(COUNT, sizeof *goroutines);
	assert_non_null(goroutines);
	for (uint32_t i = 0; i < COUNT; i++)
		goroutines[i] = (struct gsd_goroutine){.stack = i < 4 ? i : 1, .labels = GSD_NO_LABELS};
	struct gsd_snapshot snapshot = {.goroutines = goroutines,
					.goroutine_count = COUNT,
					.stacks = stacks,
					.stack_count = GSD_ARRAY_SIZE(stacks),
					.exe = "",
					.go_version = ""};
	char *picture = picture_of(&snapshot);
	assert_has(picture, "<title>2 functions not drawn, too narrow\n2 goroutines, &lt;0.1 %</title>");
	assert_has(picture, "<title>main.(*Pool).worker\n8,997 goroutines, &gt;99.9 %</title>");
	assert_null(strstr(picture, "poll.(*FD).Read"));
	free(picture);
	free(goroutines);
}

static void what_is_too_deep_is_one_box(void **state)
{
	(void)state;
	static uint64_t words[400];
	for (size_t i = 0; i < GSD_ARRAY_SIZE(words); i++)
		words[i] = WORKER;
	struct gsd_stack stacks[] = {{.words = words, .count = GSD_ARRAY_SIZE(words)}};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *picture = picture_of(&snapshot);
	assert_has(picture, "height=\"4580\"");
	assert_has(picture, "<title>1 function not drawn, too deep\n1 goroutine, 100 %</title><rect x=\"10.00\" "
			    "y=\"4552\"");
	assert_null(strstr(picture, "y=\"4570\""));
	free(picture);
}

static void a_package_has_one_colour_and_the_runtime_none(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(PARK, WORKER, LONG, MAIN)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *picture = picture_of(&snapshot);
	char functions[3][8] = {"", "", ""};
	static const char *const names[] = {"main.main\n", "main.(*Pool).worker\n", "net/http.(*conn).serve\n"};
	for (size_t i = 0; i < 3; i++) {
		const char *fill = strstr(strstr(picture, names[i]), "fill=\"");
		snprintf(functions[i], sizeof functions[i], "%s", fill + 6);
	}
	assert_string_equal(functions[0], functions[1]);
	assert_string_not_equal(functions[0], functions[2]);
	/* hsl(192 62% 80%), as flame.js has it */
	assert_string_equal(functions[0], "#acdfec");
	assert_has(strstr(picture, "<title>runtime.gopark\n"), "fill=\"#dfe2e6\"");
	free(picture);
}

static void nothing_is_one_box(void **state)
{
	(void)state;
	struct gsd_snapshot snapshot = {.exe = "", .go_version = ""};
	char *picture = picture_of(&snapshot);
	assert_has(picture, "<title>all goroutines\n0 goroutines, 0 %</title>");
	free(picture);
}

/* ---- names that are not what they seem ---- */

static void no_name_is_markup_or_what_xml_forbids(void **state)
{
	(void)state;
	static const char *const names[][2] = {
		{"main.F[struct { A <-chan \"x\" }]", "main.F[struct { A &lt;-chan \"x\" }]"},
		{"</title><script>&amp;]]>", "&lt;/title&gt;&lt;script&gt;&amp;amp;]]&gt;"},
		{"line\nbreak", "line\\x0abreak"},
		{"\x01\x1b[31m\x7f", "\\x01\\x1b[31m\\x7f"},
		{"\xff\xc0\x80", "\\xff\\xc0\\x80"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xef\xbf\xbe\xef\xbf\xbf", "\\u{fffe}\\u{ffff}"},
		{"\xe2\x80\xae", "\\u{202e}"},
		{"\xc3\xa9 \xe4\xb8\x96", "\xc3\xa9 \xe4\xb8\x96"},
	};
	struct gsd_stack stacks[] = {STACK(0)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(names); i++) {
		char expected[256];
		const struct gsd_location_source source = named_source(names[i][0]);
		snapshot.exe = names[i][0];
		snprintf(expected, sizeof expected, "<title>%s\n1 goroutine, 100 %%</title>", names[i][1]);
		char *picture = picture_from(&snapshot, &source);
		assert_has(picture, expected);
		free(picture);
	}
}

static void what_the_sink_says_is_handed_on(void **state)
{
	(void)state;
	assert_hands_on_what_the_sink_says(gsd_write_svg_from, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_box_is_as_wide_as_its_share_below_its_caller),
		cmocka_unit_test(the_first_lines_say_which_program_when_and_what_was_selected),
		cmocka_unit_test(what_is_too_narrow_is_one_box),
		cmocka_unit_test(what_is_too_deep_is_one_box),
		cmocka_unit_test(a_package_has_one_colour_and_the_runtime_none),
		cmocka_unit_test(nothing_is_one_box),
		cmocka_unit_test(no_name_is_markup_or_what_xml_forbids),
		cmocka_unit_test(what_the_sink_says_is_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
