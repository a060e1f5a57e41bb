/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/snapshot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/snapshot_reader.h"

/* ---- raw -------------------------------------------------------------------------------------------------------- */

static bool add_frames(struct gsd_capture *capture, size_t index, struct stack_names *names, uint32_t *stack_ret,
		       struct problem *problem)
{
	const struct gsd_frame *frames;
	size_t count;
	struct gsd_error *error = gsd_capture_frames(capture, index, &frames, &count);
	if (error != NULL)
		return problem_take(problem, error);
	stack_names_begin(names);
	for (size_t i = 0; i < count; i++) {
		const struct stack_frame frame = {frames[i].function, frames[i].file, frames[i].line};
		uint32_t number;
		if (!stack_names_frame(names, &frame, &number) || !stack_names_push(names, number))
			return problem_set(problem, "no memory for its stacks");
	}
	return stack_names_end(names, stack_ret) || problem_set(problem, "no memory for its stacks");
}

static bool add_string(struct stack_names *names, const char *string, uint32_t *number_ret)
{
	*number_ret = SNAPSHOT_NO_STRING;
	return string == NULL || interner_add(&names->strings, string, strlen(string), number_ret);
}

static bool add_goroutine(struct gsd_capture *capture, size_t index, struct stack_names *names,
			  struct snapshot *snapshot, struct problem *problem)
{
	struct gsd_goroutine_info info;
	struct gsd_error *error = gsd_capture_goroutine(capture, index, &info);
	if (error != NULL)
		return problem_take(problem, error);
	struct snapshot_goroutine goroutine = {.goid = info.goid,
					       .wait_ns = info.wait_known ? info.wait_ns : SNAPSHOT_NO_WAIT};
	bool good = add_string(names, info.state, &goroutine.state) &&
		    add_string(names, info.creator.function, &goroutine.creator);
	if (!good)
		return problem_set(problem, "no memory for its stacks");
	if (!add_frames(capture, index, names, &goroutine.stack, problem))
		return false;
	return snapshot_add(snapshot, &goroutine) || problem_set(problem, "no memory for its goroutines");
}

static bool take_capture(struct gsd_capture *capture, struct stack_names *names, struct snapshot *snapshot,
			 struct problem *problem)
{
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	if (*stats->go_version == '\0')
		return snapshot_refuse_threads(problem);
	snapshot->pid = stats->pid;
	snapshot->time_ns = stats->time_unix_ns;
	snapshot->exe = strdup(stats->exe);
	snapshot->go_version = strdup(stats->go_version);
	snapshot->has_ids = true;
	if (snapshot->exe == NULL || snapshot->go_version == NULL)
		return problem_set(problem, "no memory for its names");
	for (size_t i = 0; i < gsd_capture_goroutine_count(capture); i++)
		if (!add_goroutine(capture, i, names, snapshot, problem))
			return false;
	return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

enum kind { KIND_RAW, KIND_JSONL, KIND_PROFILE, KIND_UNKNOWN };

/* A profile.proto that is not compressed begins with one of the fields that writers begin with. */
static enum kind kind_of(const unsigned char *start, size_t length)
{
	static const unsigned char raw[] = {0x89, 'G', 'S', 'D'};
	if (length >= sizeof raw && memcmp(start, raw, sizeof raw) == 0)
		return KIND_RAW;
	if (length > 0 && start[0] == '{')
		return KIND_JSONL;
	bool gzip = length >= 2 && start[0] == 0x1f && start[1] == 0x8b;
	bool plain = length > 0 && (start[0] == 0x0a || start[0] == 0x5a);
	return gzip || plain ? KIND_PROFILE : KIND_UNKNOWN;
}

static int open_file(const char *path, struct problem *problem)
{
	struct stat status;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int errnum = descriptor < 0 || fstat(descriptor, &status) != 0 ? errno : 0;
	if (errnum == 0 && S_ISREG(status.st_mode))
		return descriptor;
	if (errnum != 0)
		problem_set(problem, "cannot read %s: %s", path, strerror(errnum));
	else
		problem_set(problem, "cannot read %s: it is no regular file", path);
	if (errnum != 0)
		problem_hint(problem, "%s", gsd_read_hint(errnum));
	if (errnum == 0 && S_ISDIR(status.st_mode))
		problem_hint(problem, "one directory alone is compared as a series: gostackdump diff %s", path);
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

static bool prefix_path(const char *path, struct problem *problem)
{
	char text[sizeof problem->text];
	char hint[sizeof problem->hint];
	memcpy(text, problem->text, sizeof text);
	memcpy(hint, problem->hint, sizeof hint);
	bool without_go = problem->without_go;
	problem_set(problem, "cannot read %s: %.900s", path, text);
	problem->without_go = without_go;
	return problem_hint(problem, "%s", hint);
}

static bool unknown_kind(bool empty, struct problem *problem)
{
	problem_set(problem, empty ? "it is empty" : "byte 0: no capture begins like that");
	return problem_hint(problem, "captures are compared in the formats raw, jsonl, pprof and pprof-goroutines; and "
				     "goroutine profiles that Go programs write themselves with debug=0");
}

static bool read_raw(const char *path, const struct gsd_capture_options *options, const struct snapshot_source *source)
{
	struct gsd_capture *capture = NULL;
	struct gsd_error *error = gsd_capture_load(path, options, &capture);
	if (error != NULL)
		return problem_take(source->problem, error); /* it names the file */
	bool good = take_capture(capture, source->names, source->snapshot, source->problem) ||
		    prefix_path(path, source->problem);
	gsd_capture_destroy(capture);
	return good;
}

static bool read_opened(const char *path, const struct gsd_capture_options *options,
			const struct snapshot_source *source)
{
	unsigned char start[8];
	ssize_t length = pread(source->descriptor, start, sizeof start, 0);
	if (length < 0)
		return problem_set(source->problem, "cannot read %s: %s", path, strerror(errno));
	switch (kind_of(start, (size_t)length)) {
	case KIND_RAW: return read_raw(path, options, source);
	case KIND_JSONL: return snapshot_read_jsonl(source) || prefix_path(path, source->problem);
	case KIND_PROFILE: return snapshot_read_profile(source) || prefix_path(path, source->problem);
	case KIND_UNKNOWN: break;
	}
	unknown_kind(length == 0, source->problem);
	return prefix_path(path, source->problem);
}

bool snapshot_read(const char *path, const struct gsd_capture_options *options, struct stack_names *names,
		   struct snapshot *snapshot_ret, struct problem *problem)
{
	struct snapshot snapshot = {0};
	int descriptor = open_file(path, problem);
	if (descriptor < 0)
		return false;
	const struct snapshot_source source = {descriptor, names, &snapshot, problem};
	bool good = read_opened(path, options, &source);
	close(descriptor);
	if (good && !snapshot_finish(&snapshot))
		good = problem_set(problem, "cannot read %s: no memory for its groups", path);
	if (good)
		*snapshot_ret = snapshot;
	else
		snapshot_free(&snapshot);
	return good;
}
