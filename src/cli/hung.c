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
		/* What cgo makes for a call of C is not what was written. */
		bool library =
			frames[i].native || frames[i].line == 0 || strstr(frames[i].function, "._Cfunc_") != NULL;
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

/* ---- C code ------------------------------------------------------------------------------------------------------ */

/* A function of libc without what it has for libc's own sake: "__GI___clock_nanosleep" is clock_nanosleep. */
static const char *plain_name(const char *function)
{
	static const char *const prefixes[] = {"__GI_", "__libc_", "___"};
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (has_prefix(function, prefixes[i]))
			function += strlen(prefixes[i]);
	return function[0] == '_' && function[1] == '_' ? function + 2 : function;
}

static bool is_unnamed(const struct gsd_frame *frame)
{
	return has_prefix(frame->function, "0x") || has_prefix(frame->function, "gostackdump.");
}

/* libc and the loader, or their code in a program that is linked statically. */
static bool is_libc(const struct gsd_frame *frame)
{
	static const char *const libraries[] = {"libc.", "libc-", "libpthread", "ld-", "[vdso]"};
	static const char *const calls[] = {"accept",
					    "clock_nanosleep",
					    "connect",
					    "epoll_wait",
					    "fcntl",
					    "flock",
					    "futex_abstimed_wait",
					    "futex_wait",
					    "lll_lock_wait",
					    "msgrcv",
					    "nanosleep",
					    "pause",
					    "poll",
					    "ppoll",
					    "pselect",
					    "pthread_cond",
					    "pthread_j",
					    "pthread_mu",
					    "read",
					    "recv",
					    "select",
					    "sem_wait",
					    "send",
					    "sigsuspend",
					    "sigtimedwait",
					    "sigwait",
					    "sleep",
					    "syscall",
					    "usleep",
					    "wait3",
					    "wait4",
					    "waitid",
					    "waitpid",
					    "write"};
	const char *object = frame->object == NULL ? "" : base_name(frame->object);
	for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
		if (has_prefix(object, libraries[i]))
			return true;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0] && frame->line == 0; i++)
		if (has_prefix(plain_name(frame->function), calls[i]))
			return true;
	return has_prefix(frame->function, "__");
}

/* " (C: pause, in wait_for_peer)" of a stack that begins in C, else "". */
static void describe_c(const struct gsd_frame *frames, size_t count, char *text, size_t size)
{
	const struct gsd_frame *place = NULL;
	*text = '\0';
	if (count == 0 || !frames[0].native || is_unnamed(&frames[0]))
		return;
	for (size_t i = 0; i < count && frames[i].native && place == NULL; i++)
		if (!is_unnamed(&frames[i]) && !is_libc(&frames[i]))
			place = &frames[i];
	snprintf(text, size, " (C: %s%s%s)", plain_name(frames[0].function),
		 place != NULL && place != frames ? ", in " : "",
		 place != NULL && place != frames ? place->function : "");
}

/* ---- goroutines -------------------------------------------------------------------------------------------------- */

static void say_one(const char *who, const char *what, const struct gsd_goroutine_info *info,
		    const struct gsd_frame *frames, size_t count)
{
	char since[64] = "";
	char in_c[256];
	char where[512] = "";
	const struct gsd_frame *place = find_place(frames, count);
	describe_c(frames, count, in_c, sizeof in_c);
	if (info->wait_known) {
		char age[32];
		duration_format(info->wait_ns, age, sizeof age);
		snprintf(since, sizeof since, " for %s", age);
	}
	if (place != NULL && place->line != 0)
		snprintf(where, sizeof where, ", in %s (%s:%" PRId64 ")", place->function, base_name(place->file),
			 place->line);
	else if (place != NULL)
		snprintf(where, sizeof where, ", in %s", place->function);
	message("%s: %s: %s%s%s%s", who, what, info->state, in_c, since, where);
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
			say_one(who, what, &info, frames, frame_count);
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
		say_one(who, "its main goroutine", &info, frames, frame_count);
		return;
	}
}

/* ---- processes without Go ---------------------------------------------------------------------------------------- */

/* The first thread of the process; of one whose first thread has ended, any. */
static bool describe_first(struct gsd_capture *capture, struct gsd_thread_info *thread)
{
	uint64_t pid = gsd_capture_stats(capture)->pid;
	size_t count = gsd_capture_thread_count(capture);
	for (size_t i = 0; i <= count; i++) {
		struct gsd_error *error = gsd_capture_thread(capture, i < count ? i : 0, thread);
		bool described = error == NULL;
		gsd_error_destroy(error);
		if (described && (i == count || (uint64_t)thread->tid == pid))
			return true;
	}
	return false;
}

void hung_say_thread(struct gsd_capture *capture)
{
	struct gsd_thread_info thread;
	const struct gsd_frame *place = NULL;
	char where[512] = "";
	if (!describe_first(capture, &thread) || thread.frame_count == 0 || is_unnamed(&thread.frames[0]))
		return;
	for (size_t i = 1; i < thread.frame_count && place == NULL; i++)
		if (!is_unnamed(&thread.frames[i]) && !is_libc(&thread.frames[i]))
			place = &thread.frames[i];
	if (place != NULL && place->line != 0)
		snprintf(where, sizeof where, ", in %s (%s:%" PRId64 ")", place->function, base_name(place->file),
			 place->line);
	else if (place != NULL)
		snprintf(where, sizeof where, ", in %s", place->function);
	message_hint("its main thread: %s%s", plain_name(thread.frames[0].function), where);
}

bool hung_waits_for_children(struct gsd_capture *capture)
{
	static const char *const calls[] = {"wait", "wait3", "wait4", "waitid", "waitpid"};
	struct gsd_thread_info thread;
	if (gsd_capture_thread_count(capture) != 1 || !describe_first(capture, &thread) || thread.frame_count == 0)
		return false;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(plain_name(thread.frames[0].function), calls[i]) == 0)
			return true;
	return false;
}
