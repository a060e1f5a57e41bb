/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/hung.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/messages.h"
#include "cli/values.h"

#define MAX_SAID 20

/* Frames of testing (testing/testing.go) that a test stands in while others run. */
static bool only_waits_for_tests(const char *function)
{
	return strcmp(function, "testing.(*T).Run") == 0 || strcmp(function, "testing.(*F).Fuzz") == 0 ||
	       strcmp(function, "testing.(*T).Parallel") == 0 || strcmp(function, "testing.tRunner.func1") == 0 ||
	       strcmp(function, "testing.(*B).Run") == 0;
}

/* The function that runs the test, when this is the stack of one. */
static const struct gsd_frame *find_test(const struct gsd_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (only_waits_for_tests(frames[i].function))
			return NULL;
		bool runner = strcmp(frames[i].function, "testing.tRunner") == 0 ||
			      strcmp(frames[i].function, "testing.(*B).runN") == 0;
		if (runner)
			return i > 0 ? &frames[i - 1] : NULL;
	}
	return NULL;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The innermost frame that is not the standard library's way of waiting: where a person looks first. */
static const struct gsd_frame *find_place(const struct gsd_frame *frames, size_t count)
{
	static const char *const libraries[] = {"runtime.", "runtime/", "sync.", "sync/", "internal/", "syscall.",
						"os.",      "io.",      "time.", "net.",  "bufio.",    "os/"};
	for (size_t i = 0; i < count; i++) {
		bool library = frames[i].native || frames[i].line == 0;
		for (size_t k = 0; k < sizeof libraries / sizeof libraries[0] && !library; k++)
			library = has_prefix(frames[i].function, libraries[k]);
		if (!library)
			return &frames[i];
	}
	return count > 0 ? &frames[0] : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static void say_one(const char *who, const char *what, const struct gsd_goroutine_info *info,
		    const struct gsd_frame *place)
{
	char since[64] = "";
	char where[512] = "";
	if (info->wait_known) {
		char age[32];
		duration_format(info->wait_ns, age, sizeof age);
		snprintf(since, sizeof since, " for %s", age);
	}
	if (place != NULL)
		snprintf(where, sizeof where, ", in %s (%s:%" PRId64 ")", place->function, base_name(place->file),
			 place->line);
	message("%s: %s: %s%s%s", who, what, info->state, since, where);
}

/* Goroutine @p index with its frames; false when that is not to be had. */
static bool describe(struct gsd_capture *capture, size_t index, struct gsd_goroutine_info *info,
		     const struct gsd_frame **frames_ret, size_t *count_ret)
{
	struct gsd_error *error = gsd_capture_goroutine(capture, index, info);
	if (error == NULL)
		error = gsd_capture_frames(capture, index, frames_ret, count_ret);
	gsd_error_destroy(error);
	return error == NULL;
}

size_t hung_say_tests(struct gsd_capture *capture, const char *who)
{
	size_t tests = 0;
	size_t count = gsd_capture_goroutine_count(capture);
	for (size_t i = 0; i < count; i++) {
		struct gsd_goroutine_info info;
		const struct gsd_frame *frames;
		size_t frame_count;
		if (!describe(capture, i, &info, &frames, &frame_count))
			continue;
		const struct gsd_frame *test = find_test(frames, frame_count);
		if (test == NULL)
			continue;
		char what[512];
		snprintf(what, sizeof what, "hung test %s", test->function);
		if (tests++ < MAX_SAID)
			say_one(who, what, &info, find_place(frames, frame_count));
	}
	if (tests > MAX_SAID)
		message_hint("and %zu more tests", tests - MAX_SAID);
	return tests;
}

void hung_say_main(struct gsd_capture *capture, const char *who)
{
	size_t count = gsd_capture_goroutine_count(capture);
	for (size_t i = 0; i < count; i++) {
		struct gsd_goroutine_info info;
		const struct gsd_frame *frames;
		size_t frame_count;
		if (!describe(capture, i, &info, &frames, &frame_count) || info.goid != 1)
			continue;
		say_one(who, "its main goroutine", &info, find_place(frames, frame_count));
		return;
	}
}
