/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of the public header and of the shared library, and of nothing else: captures a process, writes it as jsonl
 * to standard output, and tells what the functions of the header say of each goroutine of the same capture to a file,
 * for api.py. A line of that file is a path and a value: "7.stack.low i42"; strings in hexadecimal digits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gostackdump.h>

static FILE *out;
static size_t number;

static void must(struct gsd_error *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "walk: %s\n", gsd_error_message(error));
	exit(1);
}

static void tell_bytes(const char *path, const char *bytes, size_t length)
{
	fprintf(out, "%zu.%s s", number, path);
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%02x", (unsigned char)bytes[i]);
	fputc('\n', out);
}

static void tell_string(const char *path, const char *string)
{
	if (string != NULL)
		tell_bytes(path, string, strlen(string));
	else
		fprintf(out, "%zu.%s n\n", number, path);
}

static void tell_number(const char *path, int64_t value, bool known)
{
	if (known)
		fprintf(out, "%zu.%s i%" PRId64 "\n", number, path, value);
	else
		fprintf(out, "%zu.%s n\n", number, path);
}

static void tell_address(const char *path, uint64_t address, bool known)
{
	char text[32];
	snprintf(text, sizeof text, "0x%" PRIx64, address);
	tell_string(path, known ? text : NULL);
}

static void tell_bool(const char *path, bool value)
{
	fprintf(out, "%zu.%s b%d\n", number, path, value);
}

static const char *part(const char *path, const char *name)
{
	static char text[256];
	snprintf(text, sizeof text, "%s.%s", path, name);
	return text;
}

static void tell_function(const char *path, const struct gsd_frame *frame)
{
	if (frame->function == NULL) {
		tell_string(path, NULL);
		return;
	}
	tell_string(part(path, "function"), frame->function);
	tell_string(part(path, "file"), frame->file[0] != '\0' ? frame->file : NULL);
	tell_number(part(path, "line"), frame->line, frame->line != 0);
	tell_address(part(path, "pc"), frame->pc, frame->pc != 0);
}

static void tell_frames(const char *path, const struct gsd_frame *frames, size_t count, bool whole)
{
	for (size_t i = 0; i < count; i++) {
		char name[128];
		snprintf(name, sizeof name, "%s.%zu", path, i);
		tell_function(name, &frames[i]);
		if (!whole)
			continue;
		tell_bool(part(name, "inlined"), frames[i].inlined);
		tell_bool(part(name, "native"), frames[i].native);
		if (frames[i].entry > frames[i].pc || (frames[i].entry == 0) != (frames[i].native || frames[i].pc == 0))
			tell_string(part(name, "entry"), "contradicts the rest");
	}
}

static void tell_state(const struct gsd_goroutine_info *info)
{
	tell_number("goid", (int64_t)info->goid, true);
	tell_address("g", info->address, true);
	tell_string("state", info->state);
	tell_string("status", info->status);
	tell_string("wait_reason", info->wait_reason);
	tell_number("wait_ns", (int64_t)info->wait_ns, info->wait_known);
	tell_number("wait_minutes", (int64_t)(info->wait_ns / UINT64_C(60000000000)), info->wait_known);
	tell_bool("system", info->system);
	tell_bool("locked", info->locked);
	tell_bool("scan", info->scan);
	tell_bool("leaked", info->leaked);
	tell_bool("never_run", info->never_ran);
	tell_bool("ambiguous", info->ambiguous);
	tell_string("unreadable", info->unreadable);
	tell_number("bubble", (int64_t)info->bubble_id, info->in_bubble);
	tell_number("parent", (int64_t)info->parent_goid, info->parent_goid != 0);
}

static void tell_extent(const struct gsd_goroutine_info *info)
{
	if (!info->has_thread) {
		tell_string("thread", NULL);
	} else {
		tell_number("thread.tid", info->tid, info->tid != 0);
		tell_number("thread.tid_inside", (int64_t)info->tid_inside, info->tid_inside != 0);
		tell_number("thread.m", info->m_id, info->m_id >= 0);
		tell_number("thread.p", info->p_id, info->p_id >= 0);
	}
	if (info->stack_high == 0) {
		tell_string("stack", NULL);
	} else {
		bool known = info->stack_used != 0;
		tell_address("stack.low", info->stack_low, true);
		tell_address("stack.high", info->stack_high, true);
		tell_number("stack.reserved", (int64_t)(info->stack_high - info->stack_low), true);
		tell_address("stack.sp", info->stack_high - info->stack_used, known);
		tell_number("stack.used", (int64_t)info->stack_used, known);
	}
	if (!info->has_labels)
		tell_string("labels", NULL);
	for (size_t i = 0; i < info->label_count; i++) {
		char name[64];
		snprintf(name, sizeof name, "label.%zu.key", i);
		tell_bytes(name, info->labels[i].key, info->labels[i].key_length);
		snprintf(name, sizeof name, "label.%zu.value", i);
		tell_bytes(name, info->labels[i].value, info->labels[i].value_length);
	}
}

static void tell_ancestors(struct gsd_capture *capture, size_t index, size_t count)
{
	struct gsd_ancestor_info ancestor;
	for (size_t i = 0; i < count; i++) {
		char name[64];
		must(gsd_capture_ancestor(capture, index, i, &ancestor));
		snprintf(name, sizeof name, "ancestors.%zu.goid", i);
		tell_number(name, (int64_t)ancestor.goid, true);
		snprintf(name, sizeof name, "ancestors.%zu.creator", i);
		tell_function(name, &ancestor.creator);
		snprintf(name, sizeof name, "ancestors.%zu.frames", i);
		tell_frames(name, ancestor.frames, ancestor.frame_count, false);
	}
	struct gsd_error *error = gsd_capture_ancestor(capture, index, count, &ancestor);
	if (gsd_error_code(error) != GSD_ERROR_INVALID)
		tell_string("ancestors", "one too many is not refused");
	gsd_error_destroy(error);
}

static void tell_goroutine(struct gsd_capture *capture, size_t index)
{
	struct gsd_goroutine_info info;
	const struct gsd_frame *frames;
	size_t count;
	must(gsd_capture_goroutine(capture, index, &info));
	tell_state(&info);
	tell_function("creator", &info.creator);
	tell_function("start", &info.start);
	tell_extent(&info);
	tell_ancestors(capture, index, info.ancestor_count);
	if (info.ancestors_unknown)
		tell_string("ancestors", NULL);
	must(gsd_capture_frames(capture, index, &frames, &count));
	tell_frames("frames", frames, count, true);
}

static void tell_thread(struct gsd_capture *capture, size_t index)
{
	struct gsd_thread_info info;
	must(gsd_capture_thread(capture, index, &info));
	tell_number("tid", info.tid, true);
	tell_number("tid_inside", (int64_t)info.tid_inside, info.tid_inside != 0);
	tell_frames("frames", info.frames, info.frame_count, true);
}

static void refuse_beyond_the_end(struct gsd_capture *capture, size_t count)
{
	struct gsd_goroutine_info info = {.goid = 77};
	const struct gsd_frame *frames = NULL;
	size_t frame_count = 77;
	struct gsd_ancestor_info ancestor;
	struct gsd_thread_info thread;
	struct gsd_error *errors[] = {gsd_capture_goroutine(capture, count, &info),
				      gsd_capture_thread(capture, gsd_capture_thread_count(capture), &thread),
				      gsd_capture_frames(capture, count, &frames, &frame_count),
				      gsd_capture_ancestor(capture, SIZE_MAX, 0, &ancestor)};
	for (size_t i = 0; i < 4; i++) {
		if (errors[i] == NULL || gsd_error_code(errors[i]) != GSD_ERROR_INVALID || info.goid != 77 ||
		    frames != NULL || frame_count != 77) {
			fprintf(stderr, "walk: a goroutine beyond the end is not refused\n");
			exit(1);
		}
		gsd_error_destroy(errors[i]);
	}
}

int main(int argc, char **argv)
{
	const struct gsd_capture_options options = {.size = sizeof options,
						    .system_goroutines = true,
						    .max_pause_ns = UINT64_C(20000000000),
						    .native = argc == 4 && strcmp(argv[3], "native") == 0};
	struct gsd_capture *capture;
	if (argc < 3 || (out = fopen(argv[2], "w")) == NULL)
		return 64;
	must(gsd_capture_process((pid_t)atoi(argv[1]), &options, &capture));
	size_t count = gsd_capture_goroutine_count(capture);
	refuse_beyond_the_end(capture, count);
	for (number = 0; number < count; number++)
		tell_goroutine(capture, number);
	for (size_t i = 0; i < gsd_capture_thread_count(capture); i++, number++)
		tell_thread(capture, i);
	/* The process may be gone by now: a capture refers to nothing of it. */
	must(gsd_capture_write(capture, GSD_FORMAT_JSONL, STDOUT_FILENO, NULL));
	gsd_capture_destroy(capture);
	return fclose(out) == 0 ? 0 : 1;
}
