/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader of jsonl (docs/jsonl.md): a line at a time, so that memory does not grow with the file. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "jobs/snapshot_reader.h"

#define LINE_BYTES_MAX  (UINT64_C(64) << 20) /* 4096 frames with names of 16 KiB each */
#define CHUNK_BYTES     (256U << 10)
#define LINE_VALUES_MAX (1U << 22) /* of JSON: two bytes of a line can become a hundred of memory */

/* A file by lines. */
struct lines {
	int descriptor;
	char *bytes;
	size_t begin; /* of what has not been given yet */
	size_t end;
	size_t size;
	uint64_t number; /* of the line that was given last; the first is 1 */
	bool over;       /* the file has no more */
};

struct reading {
	const struct snapshot_source *source;
	struct lines lines;
	bool begun;         /* the capture's object has been read */
	uint64_t announced; /* goroutines that it says */
	uint64_t found;
};

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static bool fill(struct lines *lines, struct problem *problem)
{
	if (lines->begin > 0) {
		memmove(lines->bytes, lines->bytes + lines->begin, lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->begin = 0;
	}
	if (lines->size - lines->end < CHUNK_BYTES) {
		size_t size = lines->size == 0 ? 2 * CHUNK_BYTES : 2 * lines->size;
		if (size > 2 * LINE_BYTES_MAX)
			return problem_set(problem, "line %llu is longer than any of a capture",
					   (unsigned long long)lines->number + 1);
		char *bytes = realloc(lines->bytes, size);
		if (bytes == NULL)
			return problem_set(problem, "no memory for its lines");
		lines->bytes = bytes;
		lines->size = size;
	}
	ssize_t length;
	do
		length = read(lines->descriptor, lines->bytes + lines->end, CHUNK_BYTES);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return problem_set(problem, "%s", strerror(errno));
	lines->over = length == 0;
	lines->end += (size_t)length;
	return true;
}

/* The next line; line_ret is NULL behind the last. The last one needs its newline, too: else it is cut. */
static bool next_line(struct lines *lines, const char **line_ret, size_t *length_ret, struct problem *problem)
{
	size_t searched = 0;
	for (;;) {
		size_t length = lines->end - lines->begin;
		const char *start = length > 0 ? lines->bytes + lines->begin : NULL;
		const char *newline = length > searched ? memchr(start + searched, '\n', length - searched) : NULL;
		if (newline != NULL) {
			*line_ret = start;
			*length_ret = (size_t)(newline - start);
			lines->begin += *length_ret + 1;
			lines->number++;
			return true;
		}
		if (lines->over && length > 0)
			return problem_set(problem, "line %llu is cut: the file is not whole",
					   (unsigned long long)lines->number + 1);
		if (lines->over) {
			*line_ret = NULL;
			return true;
		}
		searched = length;
		if (!fill(lines, problem))
			return false;
	}
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

/* A string of an object; NULL when it is missing or no string. */
static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* A whole number of an object that is not negative; @p otherwise when there is none. */
static uint64_t number_of(const json_t *object, const char *key, uint64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value)
									: otherwise;
}

/* "2025-01-31T12:00:00.123456789Z" in ns; 0 when it is none. */
static uint64_t time_of(const char *text)
{
	struct tm utc = {0};
	const char *rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
	time_t seconds = rest != NULL ? timegm(&utc) : -1;
	if (seconds < 0 || seconds > INT64_MAX / 1000000000)
		return 0;
	uint64_t fraction = 0, unit = 100000000;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			fraction += (uint64_t)(*rest - '0') * unit;
	return (uint64_t)seconds * 1000000000 + fraction;
}

static bool copy_string(const json_t *object, const char *key, char **copy_ret)
{
	const char *string = string_of(object, key);
	free(*copy_ret);
	*copy_ret = string != NULL ? strdup(string) : NULL;
	return string == NULL || *copy_ret != NULL;
}

static bool take_capture(struct reading *reading, const json_t *object)
{
	struct snapshot *snapshot = reading->source->snapshot;
	struct problem *problem = reading->source->problem;
	if (reading->begun)
		return problem_set(problem, "line %llu: a second capture begins",
				   (unsigned long long)reading->lines.number);
	if (number_of(object, "schema", 0) != 1)
		return problem_set(problem, "line %llu: it is of another schema than 1, the only one known",
				   (unsigned long long)reading->lines.number);
	if (json_is_null(json_object_get(object, "go_version")))
		return snapshot_refuse_threads(problem);
	reading->begun = true;
	reading->announced = number_of(object, "goroutines", UINT64_MAX);
	snapshot->pid = number_of(object, "pid", 0);
	snapshot->time_ns = time_of(string_of(object, "time"));
	snapshot->has_ids = true;
	return (copy_string(object, "exe", &snapshot->exe) &&
		copy_string(object, "go_version", &snapshot->go_version)) ||
	       problem_set(problem, "no memory for its names");
}

static bool add_string(struct stack_names *names, const char *string, uint32_t *number_ret)
{
	*number_ret = SNAPSHOT_NO_STRING;
	return string == NULL || interner_add(&names->strings, string, strlen(string), number_ret);
}

/* Whether each is an object with a function, a file and a line. */
static bool add_frames(struct reading *reading, const json_t *frames, uint32_t *stack_ret)
{
	struct stack_names *names = reading->source->names;
	struct problem *problem = reading->source->problem;
	stack_names_begin(names);
	for (size_t i = 0; i < json_array_size(frames); i++) {
		const json_t *object = json_array_get(frames, i);
		const char *file = string_of(object, "file");
		const struct stack_frame frame = {string_of(object, "function"), file != NULL ? file : "",
						  json_integer_value(json_object_get(object, "line"))};
		uint32_t number;
		if (frame.function == NULL)
			return problem_set(problem, "line %llu: frame %zu has no function",
					   (unsigned long long)reading->lines.number, i);
		if (!stack_names_frame(names, &frame, &number) || !stack_names_push(names, number))
			return problem_set(problem, "no memory for its stacks");
	}
	return stack_names_end(names, stack_ret) || problem_set(problem, "no memory for its stacks");
}

static bool take_goroutine(struct reading *reading, const json_t *object)
{
	struct stack_names *names = reading->source->names;
	struct problem *problem = reading->source->problem;
	const json_t *goid = json_object_get(object, "goid");
	const json_t *frames = json_object_get(object, "frames");
	if (!reading->begun || !json_is_integer(goid) || !json_is_array(frames))
		return problem_set(problem, "line %llu: a goroutine without %s",
				   (unsigned long long)reading->lines.number,
				   !reading->begun          ? "the capture that it belongs to"
				   : !json_is_integer(goid) ? "its goid"
							    : "its frames");
	struct snapshot_goroutine goroutine = {.goid = number_of(object, "goid", 0),
					       .wait_ns = number_of(object, "wait_ns", SNAPSHOT_NO_WAIT)};
	if (!add_frames(reading, frames, &goroutine.stack))
		return false;
	bool added = add_string(names, string_of(object, "state"), &goroutine.state) &&
		     add_string(names, string_of(json_object_get(object, "creator"), "function"), &goroutine.creator) &&
		     snapshot_add(reading->source->snapshot, &goroutine);
	reading->found++;
	return added || problem_set(problem, "no memory for its goroutines");
}

/* Counts what separates values, wherever it stands. */
static bool has_too_many_values(const char *line, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += line[i] == ',' || line[i] == '[' || line[i] == '{' ? 1 : 0;
	return count > LINE_VALUES_MAX;
}

static bool take_line(struct reading *reading, const char *line, size_t length)
{
	json_error_t error;
	if (has_too_many_values(line, length))
		return problem_set(reading->source->problem, "line %llu has more values than any of a capture",
				   (unsigned long long)reading->lines.number);
	json_t *object = json_loadb(line, length, JSON_ALLOW_NUL, &error);
	const char *type = string_of(object, "type");
	bool good = true;
	if (type == NULL)
		good = problem_set(reading->source->problem, "line %llu: %s", (unsigned long long)reading->lines.number,
				   object == NULL ? error.text : "an object without a type");
	else if (strcmp(type, "capture") == 0)
		good = take_capture(reading, object);
	else if (strcmp(type, "goroutine") == 0)
		good = take_goroutine(reading, object);
	json_decref(object);
	return good;
}

static bool read_lines(struct reading *reading)
{
	struct problem *problem = reading->source->problem;
	const char *line = NULL;
	size_t length = 0;
	for (;;) {
		if (!next_line(&reading->lines, &line, &length, problem))
			return false;
		if (line == NULL)
			break;
		if (!take_line(reading, line, length))
			return false;
	}
	if (!reading->begun)
		return problem_set(problem, "no line of it is a capture");
	if (reading->announced != UINT64_MAX && reading->announced != reading->found)
		return problem_set(problem,
				   "line %llu is the last one, with %llu of %llu goroutines: the file is not whole",
				   (unsigned long long)reading->lines.number, (unsigned long long)reading->found,
				   (unsigned long long)reading->announced);
	return true;
}

bool snapshot_read_jsonl(const struct snapshot_source *source)
{
	struct reading reading = {.source = source, .lines = {.descriptor = source->descriptor}};
	bool good = read_lines(&reading);
	free(reading.lines.bytes);
	return good;
}
