/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/report.h"

#include <stdio.h>

#include "fixture.h"
#include "output/threads.h"
#include "output/utf8.h"

#define MINUTE (UINT64_C(60) * 1000000000)

static struct gsd_memory_sink sink;

/* The report as a string that lives until the next call. */
static const char *report_in(const struct gsd_snapshot *snapshot, struct gsd_report_style style)
{
	gsd_memory_sink_free(&sink);
	assert_success(gsd_write_report_from(snapshot, &table_source, style, &sink.sink));
	assert_success(gsd_sink_write(&sink.sink, "", 1));
	if (getenv("GSD_TEST_SHOW") != NULL)
		printf("%s", (const char *)sink.bytes);
	return (const char *)sink.bytes;
}

static const char *report_of(const struct gsd_snapshot *snapshot, unsigned width, bool colour)
{
	return report_in(snapshot, (struct gsd_report_style){.width = width, .colour = colour});
}

static int forget_report(void **state)
{
	(void)state;
	gsd_memory_sink_free(&sink);
	return 0;
}

static void assert_has(const char *report, const char *part)
{
	if (strstr(report, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, report);
}

static void assert_lacks(const char *report, const char *part)
{
	if (strstr(report, part) != NULL)
		fail_msg("\"%s\" in:\n%s", part, report);
}

static void a_report_is_a_summary_and_groups_biggest_first(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, START), STACK(MAIN), STACK(WORKER | OTHER_WORD, START)};
	struct gsd_goroutine goroutines[] = {
		{.goid = 1, .stack = 1, .labels = GSD_NO_LABELS, .status = RUNNING},
		{.goid = 18, .stack = 0, .labels = GSD_NO_LABELS, .status = WAITING, .creator_pc = MAIN},
		{.goid = 19,
		 .stack = 2,
		 .labels = GSD_NO_LABELS,
		 .status = WAITING,
		 .creator_pc = MAIN,
		 .wait_since = 888 * MINUTE},
		{.goid = 20, .stack = 0, .labels = GSD_NO_LABELS, .status = RUNNING},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_string_equal(report_of(&snapshot, 0, false), "server, pid 4242, go1.26.8, 2025-01-31 12:00:00 UTC\n"
							    "4 goroutines, 2 distinct stacks\n"
							    "2 running, 2 waiting\n"
							    "\n"
							    "2 goroutines: waiting, up to 12 minutes\n"
							    "    main.(*Pool).worker   pool.go:55\n"
							    "    main.inner            main.go:12\n"
							    "    main.helper           main.go:22\n"
							    "    main.start            main.go:33\n"
							    "    created by main.main  main.go:44\n"
							    "\n"
							    "1 goroutine (20): running\n"
							    "    main.(*Pool).worker  pool.go:55\n"
							    "    main.inner           main.go:12\n"
							    "    main.helper          main.go:22\n"
							    "    main.start           main.go:33\n"
							    "\n"
							    "1 goroutine (1): running\n"
							    "    main.main  main.go:44\n");
}

static void an_empty_snapshot_is_a_summary_only(void **state)
{
	(void)state;
	struct gsd_snapshot snapshot = {.exe = "x", .go_version = "go1.20"};
	assert_string_equal(report_of(&snapshot, 0, false), "x, go1.20, 1970-01-01 00:00:00 UTC\n"
							    "0 goroutines, 0 distinct stacks\n");
}

static void a_program_without_go_has_its_threads_where_others_have_goroutines(void **state)
{
	(void)state;
	const uint64_t unreadable = GSD_PC_UNREADABLE(GSD_UNREADABLE_NO_THREAD);
	struct gsd_stack stacks[] = {STACK(WORKER, START), STACK(MAIN), {.words = &unreadable, .count = 1}};
	struct gsd_thread_stack threads[] = {{.tid = 7, .stack = 1}, {.tid = 8}, {.tid = 9}, {.tid = 10, .stack = 2}};
	struct gsd_snapshot snapshot = {.exe = "/bin/c",
					.go_version = "",
					.pid = 7,
					.threads_only = true,
					.stacks = stacks,
					.stack_count = 3,
					.thread_stacks = threads,
					.thread_stack_count = 4};
	struct gsd_snapshot view;
	assert_success(gsd_threads_view(&snapshot, &view));
	assert_int_equal(view.goroutine_count, 4);
	assert_int_equal(view.goroutines[3].unreadable, GSD_UNREADABLE_NO_THREAD);
	view.goroutine_count = 3;
	assert_string_equal(report_of(&view, 0, false), "c, pid 7, not Go, 1970-01-01 00:00:00 UTC\n"
							"3 threads, 2 distinct stacks\n"
							"\n"
							"2 threads\n"
							"    main.(*Pool).worker  pool.go:55\n"
							"    main.inner           main.go:12\n"
							"    main.helper          main.go:22\n"
							"    main.start           main.go:33\n"
							"\n"
							"1 thread (7)\n"
							"    main.main  main.go:44\n");
	gsd_threads_view_free(&view);
}

static void only_labels_that_all_have_are_shown(void **state)
{
	(void)state;
	static const struct gsd_label one[] = {LABEL("request", "1"), LABEL("tenant", "acme"), LABEL("zone", "eu")};
	static const struct gsd_label two[] = {LABEL("request", "2"), LABEL("tenant", "acme"), LABEL("zone", "eu")};
	static const struct gsd_label three[] = {LABEL("tenant", "acme"), LABEL("zone", "us")};
	struct gsd_label_set sets[] = {LABELS(one), LABELS(two), LABELS(three)};
	struct gsd_stack stacks[] = {STACK(WORKER), STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {{.labels = 0},
					     {.labels = 1},
					     {.labels = 1},
					     {.labels = 2},
					     {.labels = 0},
					     {.stack = 1, .labels = 0},
					     {.stack = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = GSD_ARRAY_SIZE(sets);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "5 goroutines: idle\n    labels: tenant=acme\n    main.(*Pool)");
	assert_has(report, "2 goroutines: idle\n    main.main");
}

static void several_creators_are_not_passed_for_one(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS, .creator_pc = MAIN},
					     {.labels = GSD_NO_LABELS, .creator_pc = START}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "    created by several go statements\n");
	assert_lacks(report, "created by main");
}

static void a_wait_is_told_only_where_the_runtime_knows_one(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER), STACK(MAIN), STACK(START)};
	struct gsd_goroutine goroutines[] = {
		{.labels = GSD_NO_LABELS, .status = RUNNING, .wait_since = 1},
		{.labels = GSD_NO_LABELS, .stack = 1, .status = WAITING, .wait_since = 901 * MINUTE},
		{.labels = GSD_NO_LABELS, .stack = 2, .status = WAITING, .wait_since = 899 * MINUTE},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "running\n");
	assert_has(report, "waiting, for 1 minute\n");
	assert_lacks(report, "minutes");
}

static void what_is_unreadable_or_not_settled_is_said(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER), STACK(UNREADABLE), {.count = 0}};
	struct gsd_goroutine goroutines[] = {
		{.labels = GSD_NO_LABELS, .ambiguous = true},
		{.labels = GSD_NO_LABELS},
		{.labels = GSD_NO_LABELS, .stack = 1, .unreadable = GSD_UNREADABLE_BOUNDS},
		{.labels = GSD_NO_LABELS, .stack = 2},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "\n1 stack could not be read\n");
	assert_has(report, "\n1 goroutine changed while we looked: not from the same moment\n");
	assert_has(report, "2 goroutines: idle (1 not settled)\n");
	assert_has(report, "    gostackdump.unreadable:bounds\n");
	assert_has(report, "    (has not run yet)\n");
}

static void nothing_that_a_terminal_acts_on_comes_from_the_target(void **state)
{
	(void)state;
	static const struct gsd_label bad[] = {LABEL("\x1b]0;title\x07", "a\nb\xe2\x80\xae\0c")};
	struct gsd_label_set sets[] = {LABELS(bad)};
	struct gsd_stack stacks[] = {STACK(STRANGE)};
	struct gsd_goroutine goroutines[] = {{.labels = 0, .creator_pc = STRANGE}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	snapshot.exe = "/x/\x1b[2Jevil";
	snapshot.go_version = "go1.26\r";
	const char *report = report_of(&snapshot, 0, false);
	for (const char *next = report; *next != '\0'; next++)
		assert_true(*next == '\n' || (unsigned char)*next >= 0x20);
	assert_has(report, "\\x1b[2Jevil, pid 4242, go1.26\\x0d, ");
	assert_has(report, "labels: \\x1b]0;title\\x07=a\\x0ab\\u{202e}\\x00c\n");
	assert_has(report, "main.\\xff\\x1b[31mred");
	assert_has(report, "  x.go:-3\n");
}

static unsigned columns_of(const char *line, size_t length)
{
	unsigned columns = 0;
	while (length > 0) {
		uint32_t character;
		size_t size = gsd_utf8_decode(line, length, &character);
		assert_int_not_equal(size, 0);
		columns += gsd_utf8_columns(character);
		line += size;
		length -= size;
	}
	return columns;
}

static void lines_fit_the_width_and_function_names_stay_whole(void **state)
{
	(void)state;
	static const struct gsd_label many[] = {LABEL("a", "0123456789012345678901234567890123456789"),
						LABEL("b", "0123456789012345678901234567890123456789"),
						LABEL("c", "01234567890123456789012345678901234567890123456789"
							   "012345678901234567890123456789012345678901234567890")};
	struct gsd_label_set sets[] = {LABELS(many)};
	struct gsd_stack stacks[] = {STACK(WORKER, LONG, MAIN)};
	struct gsd_goroutine goroutines[] = {{.labels = 0, .creator_pc = LONG}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	static const unsigned widths[] = {1, 40, 60, 80, 100, 200};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(widths); i++) {
		unsigned width = widths[i] < 40 ? 40 : widths[i];
		const char *report = report_of(&snapshot, widths[i], false);
		assert_has(report, "    server.(*Connection).serveRequests");
		assert_has(report, "    http.(*conn).serve");
		for (const char *line = report; *line != '\0';) {
			size_t length = strcspn(line, "\n");
			bool is_function = memmem(line, length, "(*Connection)", 13) != NULL;
			if (columns_of(line, length) > width && !is_function)
				fail_msg("more than %u columns: %.*s", width, (int)length, line);
			line += length + 1;
		}
	}
}

static void a_long_path_loses_its_beginning_at_a_slash(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(LONG)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_has(report_of(&snapshot, 80, false),
		   "    server.(*Connection).serveRequests  "
		   "\xe2\x80\xa6/internal/server/connection.go:1234\n"
		   "    http.(*conn).serve                  net/http/server.go:2102\n");
	assert_has(report_of(&snapshot, 200, false),
		   "    server.(*Connection).serveRequests  "
		   "github.com/example/some/quite/long/module/path/internal/server/connection.go:1234\n");
}

static void the_runtimes_own_frames_are_folded_away(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(PARK, POLL, PANIC, LIBRARY, MAIN), STACK(PARK)};
	struct gsd_goroutine goroutines[] = {{.goid = 1, .labels = GSD_NO_LABELS},
					     {.goid = 2, .labels = GSD_NO_LABELS, .stack = 1}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "1 goroutine (1): idle\n"
			   "    poll.(*FD).Read  internal/poll/fd_unix.go:165\n"
			   "    runtime.gopanic  runtime/panic.go:787\n"
			   "    runtime.Gosched  runtime/proc.go:400\n"
			   "    lib.call\n"
			   "    main.main        main.go:44\n");
	/* Where there is nothing else, they are what there is to say. */
	assert_has(report, "1 goroutine (2): idle\n"
			   "    runtime.gopark         runtime/proc.go:462\n"
			   "    poll.runtime_pollWait  internal/poll/netpoll.go:351\n"
			   "    maps.(*Map).Get        internal/runtime/maps/map.go:9\n");
	assert_has(report_in(&snapshot, (struct gsd_report_style){.runtime_frames = true}),
		   "    runtime.gopark         runtime/proc.go:462\n"
		   "    poll.runtime_pollWait  internal/poll/netpoll.go:351\n"
		   "    maps.(*Map).Get        internal/runtime/maps/map.go:9\n"
		   "    poll.(*FD).Read        internal/poll/fd_unix.go:165\n");
}

static void those_that_have_not_run_are_told_apart_by_their_function(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {{.count = 0}};
	struct gsd_goroutine goroutines[] = {
		{.goid = 1, .labels = GSD_NO_LABELS, .status = 1, .never_ran = true, .start_pc = MAIN},
		{.goid = 2, .labels = GSD_NO_LABELS, .status = 1, .never_ran = true, .start_pc = LIBRARY},
		{.goid = 3, .labels = GSD_NO_LABELS, .status = 1, .never_ran = true, .start_pc = LIBRARY},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const char *report = report_of(&snapshot, 0, false);
	assert_has(report, "\n2 goroutines: runnable\n    (has not run yet)\n    lib.call\n\n");
	assert_has(report, "\n1 goroutine (1): runnable\n    (has not run yet)\n    main.main  main.go:44\n");
}

static void ages_are_told_in_two_digits(void **state)
{
	(void)state;
	static const struct {
		uint64_t minutes;
		const char *age;
	} cases[] = {{0, "waiting\n"},       {1, "for 1 minute\n"},    {119, "for 119 minutes\n"},
		     {120, "for 2 hours\n"}, {2879, "for 47 hours\n"}, {2880, "for 2 days\n"}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_stack stacks[] = {STACK(WORKER)};
		struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS, .status = WAITING, .wait_since = 1}};
		struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
		snapshot.time_monotonic_ns = 1 + cases[i].minutes * MINUTE;
		assert_has(report_of(&snapshot, 0, false), cases[i].age);
	}
}

/* ---- one screen ---- */

static size_t lines_of(const char *report)
{
	size_t lines = 0;
	for (; *report != '\0'; report++)
		lines += *report == '\n';
	return lines;
}

static void a_screen_shows_the_biggest_first_and_counts_the_rest(void **state)
{
	(void)state;
	static const uint64_t deep[] = {PARK,      WORKER,    MAIN,      RECURSION, RECURSION, RECURSION,
					RECURSION, RECURSION, RECURSION, RECURSION, LIBRARY,   MAIN};
	struct gsd_stack stacks[8] = {{.words = deep, .count = GSD_ARRAY_SIZE(deep)},
				      STACK(PARK, POLL, WORKER, MAIN),
				      STACK(WORKER),
				      STACK(LIBRARY, MAIN),
				      STACK(WORKER, WORKER),
				      STACK(WORKER, MAIN),
				      STACK(MAIN, MAIN),
				      STACK(LONG)};
	struct gsd_goroutine goroutines[1700];
	size_t count = 0;
	for (uint32_t stack = 0; stack < 8; stack++)
		for (unsigned i = 0; i < (stack == 0 ? 1234U : 60 - stack); i++)
			goroutines[count++] = (struct gsd_goroutine){.stack = stack,
								     .status = WAITING,
								     .wait_since = 800 * MINUTE,
								     .creator_pc = MAIN,
								     .labels = GSD_NO_LABELS};
	for (size_t i = 0; i < count; i++)
		goroutines[i].goid = i + 1;
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.goroutine_count = count;
	const char *report = report_in(&snapshot, (struct gsd_report_style){.width = 80, .height = 24});
	assert_string_equal(
		report, "server, pid 4242, go1.26.8, 2025-01-31 12:00:00 UTC\n"
			"1,626 goroutines, 8 distinct stacks\n"
			"1,626 waiting\n"
			"\n"
			"1,234 goroutines: waiting, up to 100 minutes\n"
			"    main.(*Pool).worker   pool.go:55\n"
			"    main.main             main.go:44\n"
			"    main.(*Pool).worker   pool.go:56\n"
			"    main.(*Pool).worker   pool.go:56\n"
			"    main.(*Pool).worker   pool.go:56\n"
			"    \xe2\x80\xa6 4 more frames\n"
			"    lib.call\n"
			"    main.main             main.go:44\n"
			"    created by main.main  main.go:44\n"
			"\n"
			"  59 waiting, 100 minutes  main.(*Pool).worker < main.main\n"
			"  58 waiting, 100 minutes  main.(*Pool).worker\n"
			"  57 waiting, 100 minutes  lib.call < main.main\n"
			"  56 waiting, 100 minutes  main.(*Pool).worker < main.(*Pool).worker\n"
			"  55 waiting, 100 minutes  main.(*Pool).worker < main.main\n"
			"  54 waiting, 100 minutes  main.main < main.main\n"
			"  53 waiting, 100 minutes  server.(*Connection).serveRequests < http.(*conn).se\xe2\x80\xa6\n"
			"--full shows every whole stack\n");
	report = report_in(&snapshot, (struct gsd_report_style){.width = 80, .height = 20});
	assert_has(report, "    created by main.main  main.go:44\n"
			   "\n"
			   "  59 waiting, 100 minutes  main.(*Pool).worker < main.main\n");
	assert_has(report, "  56 waiting, 100 minutes  main.(*Pool).worker < main.(*Pool).worker\n"
			   "and 162 goroutines in 3 more groups; --full shows every whole stack\n");
	report = report_in(&snapshot, (struct gsd_report_style){.width = 50, .height = 12});
	assert_has(report, " more groups\n--full shows every whole stack\n");
	assert_in_range(lines_of(report), 10, 12);
	for (unsigned height = 20; height < 70; height++)
		assert_in_range(lines_of(report_in(&snapshot, (struct gsd_report_style){.height = height})), 18,
				height);
	/* What fits is shown whole, as without a screen. */
	assert_lacks(report_in(&snapshot, (struct gsd_report_style){.height = 69}), "--full");
	char *whole = strdup(report_in(&snapshot, (struct gsd_report_style){.height = 69}));
	assert_non_null(whole);
	assert_string_equal(whole, report_of(&snapshot, 0, false));
	free(whole);
}

static uint16_t reason_called(unsigned minor, const char *name)
{
	for (unsigned reason = 0; reason < 256; reason++)
		if (strcmp(gsd_wait_reason_name(minor, reason), name) == 0)
			return (uint16_t)reason;
	fail_msg("no such reason: %s", name);
	return 0;
}

/* Where the function begins in the line that has it, in columns. */
static size_t column_of(const char *report, const char *line_part, const char *function)
{
	const char *at = strstr(report, line_part);
	assert_non_null(at);
	const char *found = strstr(at, function);
	assert_non_null(found);
	size_t columns = 0;
	for (const char *byte = at; byte > report && byte[-1] != '\n'; at = --byte)
		;
	for (; at < found; at++)
		columns += ((unsigned char)*at & 0xc0) != 0x80; /* all of them one column wide */
	return columns;
}

static void a_long_state_is_cut_so_that_functions_stay_in_their_column(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER), STACK(MAIN), STACK(LIBRARY)};
	struct gsd_goroutine goroutines[60];
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	const uint16_t reasons[] = {reason_called(snapshot.go_minor, "chan receive"),
				    reason_called(snapshot.go_minor, "sync.WaitGroup.Wait (durable)"),
				    reason_called(snapshot.go_minor, "sleep")};
	for (size_t i = 0; i < 60; i++)
		goroutines[i] = (struct gsd_goroutine){.goid = i + 1,
						       .stack = i < 40   ? 0
								: i < 55 ? 1
									 : 2,
						       .status = WAITING,
						       .wait_reason = reasons[i < 40   ? 0
									      : i < 55 ? 1
										       : 2],
						       .wait_since = i < 55 ? 800 * MINUTE : 0,
						       .labels = GSD_NO_LABELS};
	struct gsd_report_style style = {.width = 80, .height = 1};
	snapshot.goroutine_count = 60;
	const char *report = report_in(&snapshot, style);
	assert_has(report, "  15 sync.WaitGroup.Wai\xe2\x80\xa6, 100 minutes  main.main\n");
	assert_int_equal(column_of(report, "   5 sleep", "lib.call"), 39);
	assert_int_equal(column_of(report, "  15 sync.WaitGroup", "main.main"), 39);
	style.width = 132;
	report = report_in(&snapshot, style);
	assert_has(report, "  15 sync.WaitGroup.Wait (durable), 100 minutes  main.main\n");
	assert_int_equal(column_of(report, "   5 sleep", "lib.call"),
			 column_of(report, "  15 sync.WaitGroup", "main.main"));
}

static void colour_comes_only_when_asked_for(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.goid = 7, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	assert_lacks(report_of(&snapshot, 80, false), "\x1b");
	const char *report = report_of(&snapshot, 80, true);
	assert_has(report, "\x1b[1m1 goroutine\x1b[0m (7): idle\n");
	assert_has(report, "    main.(*Pool).worker  \x1b[2mpool.go:55\x1b[0m\n");
}

static void big_numbers_have_their_thousands_marked(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine *goroutines = calloc(1234567, sizeof *goroutines);
	assert_non_null(goroutines);
	for (size_t i = 0; i < 1234567; i++)
		goroutines[i].labels = GSD_NO_LABELS;
	struct gsd_snapshot snapshot = {.goroutines = goroutines,
					.goroutine_count = 1234567,
					.stacks = stacks,
					.stack_count = 1,
					.exe = "x",
					.go_version = "go1.26"};
	const char *report = report_of(&snapshot, 80, false);
	assert_has(report, "\n1,234,567 goroutines, 1 distinct stack\n1,234,567 idle\n");
	free(goroutines);
}

int main(void)
{
	gsd_memory_sink_init(&sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_a_summary_and_groups_biggest_first),
		cmocka_unit_test(an_empty_snapshot_is_a_summary_only),
		cmocka_unit_test(a_program_without_go_has_its_threads_where_others_have_goroutines),
		cmocka_unit_test(only_labels_that_all_have_are_shown),
		cmocka_unit_test(several_creators_are_not_passed_for_one),
		cmocka_unit_test(a_wait_is_told_only_where_the_runtime_knows_one),
		cmocka_unit_test(what_is_unreadable_or_not_settled_is_said),
		cmocka_unit_test(nothing_that_a_terminal_acts_on_comes_from_the_target),
		cmocka_unit_test(lines_fit_the_width_and_function_names_stay_whole),
		cmocka_unit_test(a_long_path_loses_its_beginning_at_a_slash),
		cmocka_unit_test(the_runtimes_own_frames_are_folded_away),
		cmocka_unit_test(those_that_have_not_run_are_told_apart_by_their_function),
		cmocka_unit_test(ages_are_told_in_two_digits),
		cmocka_unit_test(a_screen_shows_the_biggest_first_and_counts_the_rest),
		cmocka_unit_test(a_long_state_is_cut_so_that_functions_stay_in_their_column),
		cmocka_unit_test(colour_comes_only_when_asked_for),
		cmocka_unit_test(big_numbers_have_their_thousands_marked),
	};
	return cmocka_run_group_tests(tests, NULL, forget_report);
}
