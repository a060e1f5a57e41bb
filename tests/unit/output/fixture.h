/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots made by hand, for the tests of output: each word of a stack names a location of a table. */
#ifndef GSD_TEST_OUTPUT_FIXTURE_H
#define GSD_TEST_OUTPUT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "output/aggregate.h"
#include "output/output.h"

/* A word and the same word with this bit are two return addresses of one location. */
#define OTHER_WORD 0x1000U

enum {
	WORKER,     /* main.worker */
	START,      /* main.start with main.helper and main.inner inlined, innermost first */
	MAIN,       /* main.main */
	LIBRARY,    /* in the second mapping, without a file */
	ELIDED,     /* frames left out */
	UNREADABLE, /* a stack that could not be read */
	OUTSIDE,    /* an address that no mapping has */
	RECURSION,  /* main.worker again, in another file by mistake */
	STRANGE,    /* names that are no UTF-8 or that a terminal would act on; a negative line */
	LONG,       /* names and paths longer than a line */
	PARK,       /* runtime.gopark and what the runtime lends to others */
	POLL,       /* a package that programs cannot call */
	PANIC,      /* the runtime's, and worth to be seen */
	LOCATION_COUNT
};

static const struct gsd_line worker_lines[] = {{"main.(*Pool).worker", "/src/app/pool.go", 55, 40, 0x401000}};
static const struct gsd_line start_lines[] = {
	{"main.inner", "/src/app/main.go", 12, 10, 0x402000},
	{"main.helper", "/src/app/main.go", 22, 20, 0x402000},
	{"main.start", "/src/app/main.go", 33, 30, 0x402000},
};
static const struct gsd_line main_lines[] = {{"main.main", "/src/app/main.go", 44, 0, 0x403000}};
static const struct gsd_line library_lines[] = {{"lib.call", "", 0, 0, 0x7f0000001000}};
static const struct gsd_line elided_lines[] = {{"gostackdump.elided", "", 0, 0, 0}};
static const struct gsd_line unreadable_lines[] = {{"gostackdump.unreadable:bounds", "", 0, 0, 0}};
static const struct gsd_line outside_lines[] = {{"main.jit", "/src/app/jit.go", 1, 1, 0x900000}};
static const struct gsd_line recursion_lines[] = {{"main.(*Pool).worker", "/other/pool.go", 56, 41, 0x401000}};
static const struct gsd_line strange_lines[] = {
	{"main.\xff\x1b[31mred", "/src/\xc3\xa9t\xc3\xa9\n\x9b/x.go", -3, 0, 0x404000}};
static const struct gsd_line long_lines[] = {
	{"github.com/example/some/quite/long/module/path/internal/server.(*Connection).serveRequests",
	 "/home/builder/go/pkg/mod/github.com/example/some/quite/long@v1.2.3/internal/server/connection.go", 1234, 1,
	 0x405000},
	{"net/http.(*conn).serve", "/usr/local/go/src/net/http/with/a/path/that/does/not/fit/server.go", 2102, 1,
	 0x405000},
};

static const struct gsd_line park_lines[] = {
	{"runtime.gopark", "/usr/local/go/src/runtime/proc.go", 462, 440, 0x406000},
	{"internal/poll.runtime_pollWait", "/usr/local/go/src/runtime/netpoll.go", 351, 340, 0x406000},
	{"internal/runtime/maps.(*Map).Get", "/usr/local/go/src/internal/runtime/maps/map.go", 9, 8, 0x406000},
};
static const struct gsd_line poll_lines[] = {
	{"internal/poll.(*FD).Read", "/usr/local/go/src/internal/poll/fd_unix.go", 165, 140, 0x407000}};
static const struct gsd_line panic_lines[] = {
	{"runtime.gopanic", "/usr/local/go/src/runtime/panic.go", 787, 740, 0x408000},
	{"runtime.Gosched", "/usr/local/go/src/runtime/proc.go", 400, 399, 0x408000},
};

#define LOCATION(number, at, line_array)                                                                               \
	{                                                                                                              \
		.index = (number), .address = (at), .return_address = (at) == 0 ? 0 : (at) + 1, .lines = (line_array), \
		.line_count = GSD_ARRAY_SIZE(line_array)                                                               \
	}

static const struct gsd_location location_table[LOCATION_COUNT] = {
	LOCATION(WORKER, 0x401010, worker_lines),   LOCATION(START, 0x402020, start_lines),
	LOCATION(MAIN, 0x403030, main_lines),       LOCATION(LIBRARY, 0x7f0000001fff, library_lines),
	LOCATION(ELIDED, 0, elided_lines),          LOCATION(UNREADABLE, 0, unreadable_lines),
	LOCATION(OUTSIDE, 0x900000, outside_lines), LOCATION(RECURSION, 0x401020, recursion_lines),
	LOCATION(STRANGE, 0x404040, strange_lines), LOCATION(LONG, 0x405050, long_lines),
	LOCATION(PARK, 0x406060, park_lines),       LOCATION(POLL, 0x407070, poll_lines),
	LOCATION(PANIC, 0x408080, panic_lines),
};

static inline struct gsd_error *table_locate(void *context, const struct gsd_stack *stack,
					     struct gsd_location_list *list)
{
	size_t *calls = context;
	if (calls != NULL)
		++*calls;
	if (stack->count > list->capacity) {
		list->items = reallocarray(list->items, stack->count, sizeof *list->items);
		assert_non_null(list->items);
		list->capacity = stack->count;
	}
	list->count = stack->count;
	for (size_t i = 0; i < stack->count; i++)
		list->items[i] = &location_table[stack->words[i] & ~(uint64_t)OTHER_WORD];
	return NULL;
}

/* The creator's pc is a location, too; the outermost of its lines counts. */
static inline struct gsd_error *table_creator(void *context, uint64_t pc, struct gsd_line *line_ret)
{
	(void)context;
	const struct gsd_location *location = &location_table[pc];
	*line_ret = location->lines[location->line_count - 1];
	return NULL;
}

static const struct gsd_location_source table_source = {.locate = table_locate, .creator = table_creator};

/* Every stack is one frame, of a function that is called what the context says. */
static inline struct gsd_error *named_locate(void *context, const struct gsd_stack *stack,
					     struct gsd_location_list *list)
{
	static struct gsd_line line = {"", "", 0, 0, 0};
	static const struct gsd_location location = {.index = 0, .address = 1, .lines = &line, .line_count = 1};
	(void)stack;
	line.function = context;
	if (list->capacity == 0) {
		list->items = malloc(sizeof *list->items);
		assert_non_null(list->items);
		list->capacity = 1;
	}
	list->items[0] = &location;
	list->count = 1;
	return NULL;
}

static inline struct gsd_location_source named_source(const char *name)
{
	return (struct gsd_location_source){.locate = named_locate, .creator = table_creator, .context = (void *)name};
}

/* Stacks that the tests use; each stack of a snapshot is one of them. */
#define STACK(...)                                                                                                     \
	{                                                                                                              \
		.words = (const uint64_t[]){__VA_ARGS__}, .count = sizeof((const uint64_t[]){__VA_ARGS__}) / 8         \
	}

#define LABEL(a_key, a_value)                                                                                          \
	{                                                                                                              \
		.key = (a_key), .key_length = sizeof(a_key) - 1, .value = (a_value),                                   \
		.value_length = sizeof(a_value) - 1                                                                    \
	}
#define LABELS(array)                                                                                                  \
	{                                                                                                              \
		.labels = (array), .count = GSD_ARRAY_SIZE(array)                                                      \
	}

enum { WAITING = 4, RUNNING = 2 };

#define SNAPSHOT_TIME UINT64_C(1738324800123456789) /* 2025-01-31 12:00:00.123456789 UTC */

#define MAPPING_COUNT 3

static inline struct gsd_snapshot_mapping *program_mappings(void)
{
	static struct gsd_snapshot_mapping mappings[MAPPING_COUNT] = {
		{0x400000, 0x500000, 0, "/src/app/server", "abcdef0123456789", ""},
		{0x7f0000000000, 0x7f0000002000, 0x3000, "/usr/lib/libx.so", "", ""},
		{0x7f0000002000, 0x7f0000003000, 0, "[vdso]", "", ""},
	};
	return mappings;
}

/* A snapshot over arrays that the test keeps. */
#define SNAPSHOT(goroutine_array, stack_array)                                                                         \
	{                                                                                                              \
		.goroutines = (goroutine_array), .goroutine_count = GSD_ARRAY_SIZE(goroutine_array),                   \
		.stacks = (stack_array), .stack_count = GSD_ARRAY_SIZE(stack_array), .mappings = program_mappings(),   \
		.mapping_count = MAPPING_COUNT, .time_unix_ns = SNAPSHOT_TIME,                                         \
		.time_monotonic_ns = UINT64_C(900) * 60 * 1000000000, .go_minor = 26, .go_version = "go1.26.8",        \
		.exe = "/src/app/server", .pid = 4242                                                                  \
	}

/* A sink that has room for so many bytes. */
struct full_sink {
	struct gsd_sink sink;
	size_t room;
};

static inline struct gsd_error *full_write(struct gsd_sink *sink, const void *bytes, size_t length)
{
	(void)bytes;
	struct full_sink *full = (struct full_sink *)sink;
	if (length > full->room)
		return gsd_error_create(GSD_ERROR_IO, ENOSPC, "write there");
	full->room -= length;
	return NULL;
}

/* What a sink says that has room for @p room bytes comes back from the format that @p write writes. */
static inline void assert_hands_on_what_the_sink_says(
	struct gsd_error *(*write)(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				   struct gsd_sink *sink),
	size_t room)
{
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.goid = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct full_sink full = {.sink = {.write = full_write}, .room = room};
	struct gsd_error *error = write(&snapshot, &table_source, &full.sink);
	assert_non_null(error);
	assert_int_equal(gsd_error_errno(error), ENOSPC);
	gsd_error_destroy(error);
}

static inline void assert_success(struct gsd_error *error)
{
	if (error != NULL)
		fail_msg("%s", gsd_error_message(error));
}

#endif
