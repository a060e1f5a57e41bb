/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/messages.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "cli/suggestion.h"
#include "cli/values.h"

const struct format formats[] = {
	{"pprof",
	 {".pb.gz", ".pprof"},
	 GSD_FORMAT_PPROF,
	 true,
	 "the program's own goroutine profile, gzipped, for go tool pprof"},
	{"report", {".report", NULL}, GSD_FORMAT_REPORT, false, "for people: equal stacks together, biggest first"},
	{"stacks",
	 {".txt", NULL},
	 GSD_FORMAT_STACKS,
	 false,
	 "what the program itself prints for debug=2: every stack, with arguments"},
	{"text",
	 {".text", NULL},
	 GSD_FORMAT_TEXT,
	 false,
	 "what it prints for debug=1: equal stacks counted, with labels"},
	{"pprof-goroutines",
	 {".goroutines.pb.gz", NULL},
	 GSD_FORMAT_PPROF_GOROUTINES,
	 true,
	 "a profile with a sample for each goroutine: goid, state, wait, creator, stack size"},
	{"jsonl",
	 {".jsonl", NULL},
	 GSD_FORMAT_JSONL,
	 false,
	 "one JSON object a goroutine: state, thread, stack, labels, frames"},
	{"folded",
	 {".folded", NULL},
	 GSD_FORMAT_FOLDED,
	 false,
	 "a line a stack, outermost;...;innermost COUNT, for flame graph tools"},
	{"svg",
	 {".svg", NULL},
	 GSD_FORMAT_SVG,
	 false,
	 "a flame graph as a picture, for browsers, tickets and documents"},
	{"html",
	 {".html", NULL},
	 GSD_FORMAT_HTML,
	 false,
	 "one page, no network: flame graph with search and zoom, table of groups"},
	{"raw",
	 {".gsd", NULL},
	 GSD_FORMAT_RAW,
	 true,
	 "the capture itself, for --from: its stacks are named later, elsewhere"},
	{"dot", {".dot", NULL}, 0, false, NULL},
	{NULL, {NULL, NULL}, 0, false, NULL},
};

static const struct format *format_by_id(enum gsd_format id)
{
	const struct format *format = formats;
	while (format->id != id)
		format++;
	return format;
}

/* The format of the longest ending that the path has. */
static const struct format *format_by_ending(const char *path)
{
	const struct format *best = NULL;
	size_t length = strlen(path), longest = 0;
	for (const struct format *format = formats; format->name != NULL; format++) {
		for (size_t i = 0; i < 2 && format->endings[i] != NULL; i++) {
			size_t ending = strlen(format->endings[i]);
			if (ending > longest && length > ending &&
			    strcmp(path + length - ending, format->endings[i]) == 0) {
				best = format;
				longest = ending;
			}
		}
	}
	return best;
}

static void hint_formats(void)
{
	char names[128];
	size_t length = 0;
	for (const struct format *format = formats; format->name != NULL; format++)
		if (format->id != 0)
			length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
						   length == 0 ? "" : ", ", format->name);
	message_hint("formats: %s", names);
}

const struct format *format_find(const char *name, const char *where)
{
	struct suggestion suggestion = {.word = name};
	for (const struct format *format = formats; format->name != NULL; format++) {
		if (format->id != 0 && strcmp(format->name, name) == 0)
			return format;
		if (format->id != 0)
			suggestion_offer(&suggestion, format->name);
	}
	if (suggestion.best != NULL)
		usage_error("%s: unknown format '%s': did you mean %s?", where, name, suggestion.best);
	else
		usage_error("%s: unknown format '%s'", where, name);
	hint_formats();
	return NULL;
}

/* "-" and the names that the shell gives to open descriptors; -1 for any other path. */
static int path_descriptor(const char *path)
{
	static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
	if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(directories[i]);
		uint64_t descriptor;
		if (strncmp(path, directories[i], length) == 0 && value_number(path + length, 0, INT_MAX, &descriptor))
			return (int)descriptor;
	}
	return -1;
}

bool output_parse(const char *text, struct output *output)
{
	*output = (struct output){.path = text, .descriptor = -1};
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
	if (name > 0 && text[name] == ':') {
		char format[32];
		snprintf(format, sizeof format, "%.*s", (int)name, text);
		output->format = format_find(format, "-o");
		if (output->format == NULL) {
			message_hint("a file of that name is written ./%s", text);
			return false;
		}
		output->path = text + name + 1;
	}
	size_t length = strlen(output->path);
	if (length == 0)
		return usage_error("-o '%s' names no file", text);
	output->descriptor = path_descriptor(output->path);
	if (output->descriptor >= 0)
		output->kind = OUTPUT_DESCRIPTOR;
	else if (output->path[length - 1] == '/')
		output->kind = OUTPUT_DIRECTORY;
	return true;
}

static bool decide_format(struct output *output, const struct format *fallback)
{
	if (output->format == NULL && output->kind == OUTPUT_FILE)
		output->format = format_by_ending(output->path);
	if (output->format == NULL)
		output->format = fallback;
	if (output->format->id != 0)
		return true;
	usage_error("-o '%s': its ending asks for the format %s, which this version does not write", output->path,
		    output->format->name);
	message_hint("-o report:%s writes a report there; other endings take the format of -f", output->path);
	return false;
}

static bool check_several(const struct invocation *invocation, const struct output *output)
{
	if (invocation->pid_count < 2 || output->kind == OUTPUT_DIRECTORY || strstr(output->path, "%p") != NULL)
		return true;
	return usage_error("-o '%s': with several -p it names a directory or contains %%p", output->path);
}

static bool is_same_place(const struct output *a, const struct output *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == OUTPUT_DIRECTORY) /* files of different formats have different names there */
		return a->format == b->format && strcmp(a->path, b->path) == 0;
	return a->kind == OUTPUT_DESCRIPTOR ? a->descriptor == b->descriptor : strcmp(a->path, b->path) == 0;
}

static bool check_distinct(const struct invocation *invocation)
{
	int stats = invocation->stats_path != NULL ? path_descriptor(invocation->stats_path) : -1;
	for (size_t i = 0; i < invocation->output_count; i++) {
		const struct output *output = &invocation->outputs[i];
		if (stats >= 0 && output->kind == OUTPUT_DESCRIPTOR && output->descriptor == stats)
			return usage_error("--stats '%s': the capture goes there too: give -o a file",
					   invocation->stats_path);
		for (size_t j = 0; j < i; j++)
			if (is_same_place(output, &invocation->outputs[j]))
				return usage_error("-o '%s' is given twice", output->path);
	}
	return true;
}

/* Without -o: a terminal gets what a person reads, anything else what a program reads. */
static bool decide_standard_output(struct invocation *invocation)
{
	bool terminal = isatty(STDOUT_FILENO);
	const struct format *format = invocation->format;
	if (format == NULL)
		format = format_by_id(terminal ? GSD_FORMAT_REPORT : GSD_FORMAT_PPROF);
	if (format->binary && terminal) {
		usage_error("-f %s: that is binary, and standard output is a terminal", format->name);
		message_hint("-o FILE writes a file; -o - writes to the terminal all the same");
		return false;
	}
	if (format->binary && invocation->pid_count > 1)
		return usage_error("with several -p give -o a directory, or a path that contains %%p");
	invocation->outputs[invocation->output_count++] =
		(struct output){.path = "-", .format = format, .kind = OUTPUT_DESCRIPTOR, .descriptor = STDOUT_FILENO};
	return true;
}

static bool decide_outputs(struct invocation *invocation)
{
	if (invocation->output_count == 0)
		return decide_standard_output(invocation);
	const struct format *fallback = invocation->format;
	if (fallback == NULL)
		fallback = format_by_id(GSD_FORMAT_PPROF);
	for (size_t i = 0; i < invocation->output_count; i++) {
		struct output *output = &invocation->outputs[i];
		struct stat status;
		if (output->kind == OUTPUT_FILE && stat(output->path, &status) == 0 && S_ISDIR(status.st_mode))
			output->kind = OUTPUT_DIRECTORY;
		if (!decide_format(output, fallback) || !check_several(invocation, output))
			return false;
	}
	return true;
}

bool outputs_decide(struct invocation *invocation)
{
	if (!decide_outputs(invocation) || !check_distinct(invocation))
		return false;
	for (size_t i = 0; i < invocation->output_count; i++) {
		enum gsd_format id = invocation->outputs[i].format->id;
		if (invocation->capture.no_symbolize && (id == GSD_FORMAT_STACKS || id == GSD_FORMAT_TEXT))
			return usage_error("--no-symbolize: the format %s is made of names",
					   invocation->outputs[i].format->name);
		invocation->capture.arguments |= id == GSD_FORMAT_STACKS || id == GSD_FORMAT_RAW;
	}
	return true;
}

bool outputs_decide_pages(struct invocation *invocation)
{
	const struct format *fallback =
		invocation->format != NULL ? invocation->format : format_by_id(GSD_FORMAT_REPORT);
	if (invocation->output_count == 0)
		invocation->outputs[invocation->output_count++] = (struct output){
			.path = "-", .format = fallback, .kind = OUTPUT_DESCRIPTOR, .descriptor = STDOUT_FILENO};
	for (size_t i = 0; i < invocation->output_count; i++) {
		struct output *output = &invocation->outputs[i];
		struct stat status;
		if (output->kind == OUTPUT_DIRECTORY ||
		    (output->kind == OUTPUT_FILE && stat(output->path, &status) == 0 && S_ISDIR(status.st_mode)))
			return usage_error("-o '%s': a comparison goes to a file", output->path);
		if (output->format == NULL && output->kind == OUTPUT_FILE && invocation->format == NULL)
			output->format = format_by_ending(output->path);
		if (output->format == NULL)
			output->format = fallback;
		if (output->format->id == GSD_FORMAT_REPORT || output->format->id == GSD_FORMAT_HTML)
			continue;
		if (output->format == invocation->format)
			return usage_error("-f %s: a comparison is a report or html", output->format->name);
		return usage_error("-o '%s': a comparison is a report or html, not %s", output->path,
				   output->format->name);
	}
	return check_distinct(invocation);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct gsd_error *output_select(const struct invocation *invocation, struct gsd_capture *capture)
{
	const struct gsd_selection *selection = &invocation->selection;
	bool is_asked = selection->filter_count > 0 || selection->limit > 0;
	return is_asked ? gsd_capture_select(capture, selection) : NULL;
}

struct gsd_write_options output_options(const struct invocation *invocation, int descriptor)
{
	struct gsd_write_options options = {.size = sizeof options, .runtime_frames = invocation->runtime_frames};
	progress_of_output(invocation, descriptor, &options);
	if (descriptor < 0 || !isatty(descriptor))
		return options;
	screen_of(descriptor, &options.width, &options.height, &options.colour);
	if (invocation->full)
		options.height = 0;
	return options;
}

/* A reader that has seen enough, as `| head`, is no news to anyone. */
static bool write_descriptor(const struct invocation *invocation, const struct output *output, int descriptor,
			     struct gsd_capture *capture)
{
	struct gsd_write_options options = output_options(invocation, descriptor);
	struct gsd_error *error = gsd_capture_write(capture, output->format->id, descriptor, &options);
	if (error == NULL)
		return true;
	int errnum = gsd_error_errno(error);
	if (errnum == 0) {
		message_error(error);
	} else if (errnum != EPIPE) {
		/* The library knows a descriptor, the person a name. */
		message_errno(errnum, "write to %s", strcmp(output->path, "-") == 0 ? "standard output" : output->path);
		message_hints(error);
	}
	gsd_error_destroy(error);
	return false;
}

static bool write_device(const struct invocation *invocation, const struct output *output, const char *path,
			 struct gsd_capture *capture)
{
	int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (descriptor < 0) {
		message_not_written(errno, "open %s", path);
		return false;
	}
	bool written = write_descriptor(invocation, output, descriptor, capture);
	close(descriptor);
	return written;
}

bool output_write(const struct invocation *invocation, const struct output *output, const char *path,
		  struct gsd_capture *capture)
{
	if (output->kind == OUTPUT_DESCRIPTOR)
		return write_descriptor(invocation, output, output->descriptor, capture);
	if (place_is_device(path))
		return write_device(invocation, output, path, capture);
	struct gsd_write_options options = output_options(invocation, -1);
	struct gsd_error *error = gsd_capture_write_file(capture, output->format->id, path, &options);
	if (error == NULL)
		return true;
	message_error(error);
	gsd_error_destroy(error);
	return false;
}

static bool write_all(int descriptor, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(descriptor, text, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		text += written;
		size -= (size_t)written;
	}
	return true;
}

static bool replace_file(const char *path, const char *text, size_t size)
{
	char *copy = strdup(path), *beside = NULL;
	if (copy == NULL || asprintf(&beside, "%s/.gostackdump.XXXXXX", dirname(copy)) < 0)
		beside = NULL;
	free(copy);
	if (beside == NULL) {
		errno = ENOMEM;
		return false;
	}
	int descriptor = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	bool good = descriptor >= 0 && write_all(descriptor, text, size) && fsync(descriptor) == 0 &&
		    rename(beside, path) == 0;
	int errnum = errno;
	if (descriptor >= 0) {
		close(descriptor);
		if (!good)
			unlink(beside);
	}
	free(beside);
	errno = errnum;
	return good;
}

bool text_write(const char *path, const char *text, size_t size)
{
	int descriptor = path_descriptor(path);
	bool good;
	if (descriptor >= 0) {
		good = write_all(descriptor, text, size);
	} else if (place_is_device(path)) {
		descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		good = descriptor >= 0 && write_all(descriptor, text, size);
		int errnum = errno;
		if (descriptor >= 0)
			close(descriptor);
		errno = errnum;
	} else if (place_check_directory(path)) {
		good = replace_file(path, text, size);
	} else {
		return false;
	}
	if (!good && errno != EPIPE) {
		int errnum = errno;
		message_errno(errnum, "write %s", strcmp(path, "-") == 0 ? "to standard output" : path);
		place_hint_not_made(errnum);
	}
	return good;
}
