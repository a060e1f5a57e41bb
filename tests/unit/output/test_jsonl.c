/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/jsonl.h"

#include <stdio.h>

#include "fixture.h"

static struct gsd_memory_sink sink;

/* pcs of calls: the innermost line of a location of the fixture; from 100 on: none. */
static struct gsd_error *table_call(void *context, uint64_t pc, struct gsd_line *line_ret)
{
	(void)context;
	*line_ret = pc < LOCATION_COUNT ? location_table[pc].lines[0] : (struct gsd_line){.file = ""};
	return NULL;
}

static struct gsd_error *refuse(void *context, uint64_t pc, struct gsd_line *line_ret)
{
	(void)context;
	(void)pc;
	(void)line_ret;
	return gsd_error_create(GSD_ERROR_CORRUPT, 0, "name it");
}

static struct gsd_location_source source_of(void)
{
	struct gsd_location_source source = table_source;
	source.call = table_call;
	return source;
}

static const char *text_of(const struct gsd_snapshot *snapshot)
{
	struct gsd_location_source source = source_of();
	gsd_memory_sink_free(&sink);
	assert_success(gsd_write_jsonl_from(snapshot, &source, &sink.sink));
	assert_success(gsd_sink_write(&sink.sink, "", 1));
	return (const char *)sink.bytes;
}

static int forget(void **state)
{
	(void)state;
	gsd_memory_sink_free(&sink);
	return 0;
}

/* What stands behind `key` in the line of goroutine `goid` is `value`. */
static void assert_value(const char *text, unsigned goid, const char *key, const char *value)
{
	char expected[4096];
	char line[64];
	snprintf(line, sizeof line, "\"goid\":%u,", goid);
	const char *at = strstr(text, line);
	assert_non_null(at);
	size_t length = strcspn(at, "\n");
	int needed = snprintf(expected, sizeof expected, ",\"%s\":%s", key, value);
	const char *found = memmem(at, length, expected, (size_t)needed);
	if (found == NULL || (found[needed] != ',' && found[needed] != '}'))
		fail_msg("no %s in %.*s", expected, (int)length, at);
}

#define NOTHING .labels = GSD_NO_LABELS, .thread = GSD_NO_THREAD, .ancestry = GSD_NO_ANCESTRY, .bubble = GSD_NO_BUBBLE
#define WORKER_FRAME                                                                                                   \
	"{\"function\":\"main.(*Pool).worker\",\"file\":\"/src/app/pool.go\",\"line\":55,\"pc\":\"0x401010\","         \
	"\"inlined\":false,\"native\":false}"

static void what_is_not_known_is_null_and_never_zero(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.goid = 7, .address = 0xc000001000, .status = WAITING, NOTHING}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.mode = "atomic";
	assert_string_equal(
		text_of(&snapshot),
		"{\"type\":\"capture\",\"schema\":1,\"time\":\"2025-01-31T12:00:00.123456789Z\",\"pid\":4242,"
		"\"exe\":\"/src/app/server\",\"go_version\":\"go1.26.8\",\"mode\":\"atomic\",\"goroutines\":1,\"selection\":null}\n"
		"{\"type\":\"goroutine\",\"goid\":7,\"g\":\"0xc000001000\",\"state\":\"waiting\",\"status\":"
		"\"waiting\","
		"\"wait_reason\":null,\"wait_minutes\":null,\"wait_ns\":null,\"system\":false,\"locked\":false,"
		"\"scan\":false,\"leaked\":false,\"never_run\":false,\"ambiguous\":false,\"unreadable\":null,"
		"\"bubble\":null,\"parent\":null,\"creator\":null,\"start\":null,\"thread\":null,\"stack\":null,"
		"\"labels\":null,\"ancestors\":[],\"frames\":[" WORKER_FRAME "]}\n");
}

static void everything_that_is_known_is_said(void **state)
{
	(void)state;
	static const struct gsd_label labels[] = {LABEL("a\0\"", "\xff"), LABEL("b", "")};
	static const uint64_t pcs[] = {START, 100, MAIN};
	static const struct gsd_ancestor ancestors[] = {{.goid = 3, .creator_pc = MAIN, .pcs = pcs, .pc_count = 3},
							{.goid = 1}};
	struct gsd_label_set sets[] = {LABELS(labels)};
	struct gsd_ancestry ancestries[] = {{.ancestors = ancestors, .count = 2, .known = true}};
	struct gsd_bubble bubbles[] = {{.id = 0}, {.id = 12}};
	struct gsd_snapshot_thread threads[] = {{.m_id = 4, .p_id = 2, .tid_inside = 11, .tid = 4711}};
	struct gsd_stack stacks[] = {STACK(START)};
	struct gsd_goroutine goroutines[] = {{.goid = 7,
					      .status = GSD_STATUS_LEAKED,
					      .wait_reason = 19,
					      .parent_goid = 3,
					      .creator_pc = START,
					      .start_pc = MAIN,
					      .wait_since = UINT64_C(898) * 60 * 1000000000 + 1,
					      .stack_low = 0xc000100000,
					      .stack_size = 8192,
					      .stack_used = 800,
					      .bubble = 1,
					      .scan = true,
					      .system = true,
					      .locked = true,
					      .never_ran = true,
					      .ambiguous = true,
					      .unreadable = GSD_UNREADABLE_BOUNDS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.ancestries = ancestries;
	snapshot.bubbles = bubbles;
	snapshot.threads = threads;
	const char *text = text_of(&snapshot);
	assert_value(text, 7, "state", "\"chan receive\"");
	assert_value(text, 7, "status", "\"leaked\"");
	assert_value(text, 7, "wait_reason", "\"chan receive\"");
	assert_value(text, 7, "wait_minutes", "1");
	assert_value(text, 7, "wait_ns", "119999999999");
	assert_value(text, 7, "system", "true,\"locked\":true,\"scan\":true,\"leaked\":true,\"never_run\":true");
	assert_value(text, 7, "ambiguous", "true");
	assert_value(text, 7, "unreadable", "\"bounds\"");
	assert_value(text, 7, "bubble", "12");
	assert_value(text, 7, "parent", "3");
	assert_value(text, 7, "creator",
		     "{\"function\":\"main.start\",\"file\":\"/src/app/main.go\",\"line\":33,\"pc\":null}");
	assert_value(text, 7, "thread", "{\"tid\":4711,\"tid_inside\":11,\"m\":4,\"p\":2}");
	assert_value(text, 7, "stack",
		     "{\"low\":\"0xc000100000\",\"high\":\"0xc000102000\",\"reserved\":8192,\"sp\":\"0xc000101ce0\","
		     "\"used\":800}");
	assert_value(text, 7, "labels", "{\"a\\u0000\\\"\":\"\\ufffd\",\"b\":\"\"}");
	assert_value(
		text, 7, "ancestors",
		"[{\"goid\":3,\"creator\":{\"function\":\"main.main\",\"file\":\"/src/app/main.go\",\"line\":44,"
		"\"pc\":\"0x1\"},\"frames\":[{\"function\":\"main.inner\",\"file\":\"/src/app/main.go\",\"line\":12,"
		"\"pc\":null},{\"function\":\"main.main\",\"file\":\"/src/app/main.go\",\"line\":44,\"pc\":\"0x1\"}]},"
		"{\"goid\":1,\"creator\":null,\"frames\":[]}]");
	assert_value(text, 7, "frames",
		     "[{\"function\":\"main.inner\",\"file\":\"/src/app/main.go\",\"line\":12,\"pc\":\"0x402020\","
		     "\"inlined\":true,\"native\":false},{\"function\":\"main.helper\",\"file\":\"/src/app/main.go\","
		     "\"line\":22,\"pc\":\"0x402020\",\"inlined\":true,\"native\":false},{\"function\":\"main.start\","
		     "\"file\":\"/src/app/main.go\",\"line\":33,\"pc\":\"0x402020\",\"inlined\":false,"
		     "\"native\":false}]");
}

static void each_part_that_is_missing_is_null_by_itself(void **state)
{
	(void)state;
	struct gsd_label_set sets[] = {{0}};
	struct gsd_ancestry ancestries[] = {{.known = false}};
	struct gsd_bubble bubbles[] = {{.id = 0}};
	struct gsd_snapshot_thread threads[] = {{.m_id = -1, .p_id = -1}, {.m_id = 0, .p_id = 0, .tid_inside = 5}};
	struct gsd_stack stacks[] = {{0}, STACK(ELIDED, LIBRARY, STRANGE)};
	struct gsd_goroutine goroutines[] = {
		{.goid = 1, .status = RUNNING, .stack_low = 4096, .stack_size = 4096},
		{.goid = 2,
		 .labels = GSD_NO_LABELS,
		 .ancestry = GSD_NO_ANCESTRY,
		 .bubble = GSD_NO_BUBBLE,
		 .status = 99,
		 .thread = 1,
		 .stack = 1,
		 .wait_since = 1,
		 .never_ran = true},
		{.goid = 3, NOTHING, .status = GSD_STATUS_SYSCALL, .wait_since = UINT64_C(900) * 60 * 1000000000 + 1},
		{.goid = 4, NOTHING, .status = GSD_STATUS_SYSCALL, .wait_since = UINT64_C(900) * 60 * 1000000000},
		{.goid = 5, NOTHING, .status = GSD_STATUS_RUNNABLE, .start_pc = MAIN, .never_ran = true},
		{.goid = 6, NOTHING, .status = GSD_STATUS_RUNNABLE, .start_pc = MAIN},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.ancestries = ancestries;
	snapshot.bubbles = bubbles;
	snapshot.threads = threads;
	const char *text = text_of(&snapshot);
	assert_value(text, 1, "thread", "{\"tid\":null,\"tid_inside\":null,\"m\":null,\"p\":null}");
	assert_value(text, 1, "stack",
		     "{\"low\":\"0x1000\",\"high\":\"0x2000\",\"reserved\":4096,\"sp\":null,\"used\":null}");
	assert_value(text, 1, "labels", "{}");
	assert_value(text, 1, "ancestors", "null");
	assert_value(text, 1, "frames", "[]");
	assert_value(text, 2, "state", "\"unknown\"");
	assert_value(text, 2, "wait_ns", "null"); /* it does not wait */
	assert_value(text, 2, "thread", "{\"tid\":null,\"tid_inside\":5,\"m\":0,\"p\":0}");
	assert_value(
		text, 2, "frames",
		"[{\"function\":\"gostackdump.elided\",\"file\":null,\"line\":null,\"pc\":null,\"inlined\":false,"
		"\"native\":false},{\"function\":\"lib.call\",\"file\":null,\"line\":null,\"pc\":\"0x7f0000001fff\","
		"\"inlined\":false,\"native\":false},{\"function\":\"main.\\ufffd\\u001b[31mred\","
		"\"file\":\"/src/\xc3\xa9t\xc3\xa9\\u000a\\ufffd/x.go\",\"line\":-3,\"pc\":\"0x404040\","
		"\"inlined\":false,\"native\":false}]");
	assert_value(text, 3, "wait_ns", "null"); /* noted later than the moment: another clock */
	assert_value(text, 4, "wait_ns", "0");
	assert_value(text, 4, "wait_minutes", "0");
	assert_value(text, 5, "frames",
		     "[{\"function\":\"main.main\",\"file\":\"/src/app/main.go\",\"line\":44,\"pc\":\"0x2\","
		     "\"inlined\":false,\"native\":false}]");
	assert_value(text, 6, "frames", "[]");
}

static void what_cannot_be_named_or_written_fails(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.goid = 7, NOTHING, .creator_pc = MAIN}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct gsd_location_source source = source_of();
	source.creator = refuse;
	struct gsd_error *error = gsd_write_jsonl_from(&snapshot, &source, &sink.sink);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_CORRUPT);
	gsd_error_destroy(error);
	struct gsd_fd_sink closed;
	source = source_of();
	gsd_fd_sink_init(&closed, -1, "nowhere");
	error = gsd_write_jsonl_from(&snapshot, &source, &closed.sink);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_IO);
	gsd_error_destroy(error);
}

int main(void)
{
	gsd_memory_sink_init(&sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_not_known_is_null_and_never_zero, forget),
		cmocka_unit_test_teardown(everything_that_is_known_is_said, forget),
		cmocka_unit_test_teardown(each_part_that_is_missing_is_null_by_itself, forget),
		cmocka_unit_test_teardown(what_cannot_be_named_or_written_fails, forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
