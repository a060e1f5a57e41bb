/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/folded.h"

#include "fixture.h"

static void assert_written(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
			   const char *expected)
{
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_folded_from(snapshot, source, &sink.sink));
	assert_success(gsd_sink_write(&sink.sink, "", 1));
	assert_string_equal((const char *)sink.bytes, expected);
	gsd_memory_sink_free(&sink);
}

static void a_line_is_a_stack_from_the_root_with_inlined_functions_and_its_count(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, START, MAIN), STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {{.stack = 0, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS},
					     {.stack = 0, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_written(&snapshot, &table_source,
		       "main.main 1\n"
		       "main.main;main.start;main.helper;main.inner;main.(*Pool).worker 2\n");
}

static void stacks_that_differ_in_lines_only_are_one(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, MAIN), STACK(RECURSION, MAIN)};
	struct gsd_goroutine goroutines[] = {{.stack = 0, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_written(&snapshot, &table_source, "main.main;main.(*Pool).worker 2\n");
}

static void the_order_is_that_of_names_whatever_the_order_of_goroutines(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, MAIN), STACK(UNREADABLE), STACK(ELIDED, MAIN), STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.stack = 0, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS},
					     {.stack = 2, .labels = GSD_NO_LABELS},
					     {.stack = 3, .labels = GSD_NO_LABELS}};
	const char *expected = "gostackdump.unreadable:bounds 1\n"
			       "main.(*Pool).worker 1\n"
			       "main.main;gostackdump.elided 1\n"
			       "main.main;main.(*Pool).worker 1\n";
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_written(&snapshot, &table_source, expected);
	for (uint32_t i = 0; i < 4; i++)
		goroutines[i].stack = 3 - i;
	assert_written(&snapshot, &table_source, expected);
}

static void one_that_never_ran_stands_in_its_start_function(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {{0}, STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {
		{.stack = 0, .never_ran = true, .start_pc = START, .labels = GSD_NO_LABELS},
		{.stack = 0, .never_ran = true, .start_pc = MAIN, .labels = GSD_NO_LABELS},
		{.stack = 0, .start_pc = MAIN, .labels = GSD_NO_LABELS},
		{.stack = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_written(&snapshot, &table_source, "gostackdump.empty 1\nmain.main 2\nmain.start 1\n");
}

static void nothing_is_no_line(void **state)
{
	(void)state;
	struct gsd_snapshot snapshot = {.exe = "", .go_version = ""};
	assert_written(&snapshot, &table_source, "");
}

/* ---- names that are not what they seem ---- */

static void no_name_parts_a_line_or_passes_for_a_count(void **state)
{
	(void)state;
	static const char *const names[][2] = {
		{"main.F[struct { A int; B string }]", "main.F[struct { A int: B string }] 1\n"},
		{"a;b;;c;", "a:b::c: 1\n"},
		{"line\nbreak", "line\\x0abreak 1\n"},
		{"tab\tnul", "tab\\x09nul 1\n"},
		{"\xff", "\\xff 1\n"},
		{"next\xe2\x80\xa8line", "next\\u{2028}line 1\n"},
		{"count 12", "count_12 1\n"},
		{"count; 1.5", "count:_1.5 1\n"},
		{"a 1;b 2", "a 1:b_2 1\n"},
		{"x12", "x12 1\n"},
		{"\xc3\xa9 \xe4\xb8\x96", "\xc3\xa9 \xe4\xb8\x96 1\n"},
	};
	struct gsd_stack stacks[] = {STACK(0)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(names); i++) {
		const struct gsd_location_source source = named_source(names[i][0]);
		assert_written(&snapshot, &source, names[i][1]);
	}
}

static void what_the_sink_says_is_handed_on(void **state)
{
	(void)state;
	assert_hands_on_what_the_sink_says(gsd_write_folded_from, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_stack_from_the_root_with_inlined_functions_and_its_count),
		cmocka_unit_test(stacks_that_differ_in_lines_only_are_one),
		cmocka_unit_test(the_order_is_that_of_names_whatever_the_order_of_goroutines),
		cmocka_unit_test(one_that_never_ran_stands_in_its_start_function),
		cmocka_unit_test(nothing_is_no_line),
		cmocka_unit_test(no_name_parts_a_line_or_passes_for_a_count),
		cmocka_unit_test(what_the_sink_says_is_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
