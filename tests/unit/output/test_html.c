/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/html.h"

#include "fixture.h"

/* The data of the page that the snapshot gives, NUL-terminated; to be freed. */
static char *data_of(const struct gsd_snapshot *snapshot)
{
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_html_from(snapshot, &table_source, &sink.sink));
	assert_true(sink.length > gsd_html_head_size + gsd_html_tail_size);
	size_t length = sink.length - gsd_html_head_size - gsd_html_tail_size;
	assert_memory_equal(sink.bytes, gsd_html_head, gsd_html_head_size);
	assert_memory_equal(sink.bytes + gsd_html_head_size + length, gsd_html_tail, gsd_html_tail_size);
	char *data = strndup((const char *)sink.bytes + gsd_html_head_size, length);
	assert_non_null(data);
	assert_int_equal(strlen(data), length);
	gsd_memory_sink_free(&sink);
	return data;
}

static void the_data_are_groups_with_stacks_of_numbered_frames(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, START), {0}};
	struct gsd_goroutine goroutines[] = {
		{.goid = 5, .stack = 0, .status = RUNNING, .creator_pc = MAIN, .labels = GSD_NO_LABELS},
		{.goid = 6, .stack = 0, .status = RUNNING, .creator_pc = MAIN, .labels = GSD_NO_LABELS},
		{.goid = 7, .stack = 1, .status = RUNNING, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *data = data_of(&snapshot);
	assert_non_null(strstr(data, "\"stacks\":[[3,2,1,0],[4]],\"states\":[\"running\"]"));
	assert_non_null(strstr(
		data,
		"{\"stack\":0,\"state\":0,\"count\":2,\"goid\":5,\"wait\":null,"
		"\"creator\":[\"main.main\",\"/src/app/main.go\",44],\"start\":null,\"several\":false,\"labels\":[]}"));
	assert_non_null(strstr(data, "[\"gostackdump.empty\",\"\",0]]"));
	free(data);
}

static void those_that_never_ran_have_their_start_function(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {{0}};
	struct gsd_goroutine goroutines[] = {{.never_ran = true, .start_pc = MAIN, .labels = GSD_NO_LABELS},
					     {.never_ran = true, .start_pc = START, .labels = GSD_NO_LABELS},
					     {.never_ran = true, .start_pc = MAIN, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *data = data_of(&snapshot);
	const char *first = strstr(data, "\"count\":2,"), *second = strstr(data, "\"count\":1,");
	assert_non_null(first);
	assert_non_null(second);
	assert_non_null(strstr(first, "\"start\":[\"main.main\",\"/src/app/main.go\",44]"));
	assert_non_null(strstr(second, "\"start\":[\"main.start\",\"/src/app/main.go\",33]"));
	free(data);
}

static void the_data_say_what_was_selected(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	char *data = data_of(&snapshot);
	assert_non_null(strstr(data, "\"selection\":null"));
	free(data);
	snapshot.selection = (struct gsd_snapshot_selection){"a<b", 5, 3, 10006};
	data = data_of(&snapshot);
	assert_non_null(strstr(data, "\"selection\":{\"of\":10006,\"filter\":\"a\\u003cb\",\"limit\":5,\"seed\":3}"));
	free(data);
}

static void no_string_of_the_program_leaves_the_data(void **state)
{
	(void)state;
	struct gsd_label labels[] = {LABEL("</script><script>", "<!-- & \xe2\x80\xa8\xe2\x80\xa9 ]]>")};
	struct gsd_label_set sets[] = {LABELS(labels)};
	struct gsd_stack stacks[] = {STACK(STRANGE)};
	struct gsd_goroutine goroutines[] = {{.goid = 1, .labels = 0}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	snapshot.exe = "/tmp/</script><img src=x>\"\\";
	char *data = data_of(&snapshot);
	assert_null(strpbrk(data, "<>&\n\x1b"));
	assert_null(strstr(data, "\xe2\x80\xa8"));
	assert_null(strstr(data, "\xe2\x80\xa9"));
	assert_non_null(strstr(data, "[\"\\u003c/script\\u003e\\u003cscript\\u003e\","
				     "\"\\u003c!-- \\u0026 \\u2028\\u2029 ]]\\u003e\"]"));
	assert_non_null(strstr(data, "\"exe\":\"/tmp/\\u003c/script\\u003e\\u003cimg src=x\\u003e\\\"\\\\\""));
	free(data);
}

static void what_the_sink_says_is_handed_on(void **state)
{
	(void)state;
	assert_hands_on_what_the_sink_says(gsd_write_html_from, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_data_are_groups_with_stacks_of_numbered_frames),
		cmocka_unit_test(those_that_never_ran_have_their_start_function),
		cmocka_unit_test(the_data_say_what_was_selected),
		cmocka_unit_test(no_string_of_the_program_leaves_the_data),
		cmocka_unit_test(what_the_sink_says_is_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
