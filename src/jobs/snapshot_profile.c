/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader of profile.proto (github.com/google/pprof, proto/profile.proto). A first pass finds the tables, in
 * whatever order they come: strings, functions, locations. A second one reads the samples.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "jobs/proto_reader.h"
#include "jobs/snapshot_reader.h"

#define PROFILE_BYTES_MAX (UINT64_C(1) << 30) /* unpacked */
#define FRAMES_MAX        (UINT64_C(1) << 27) /* of all samples together: a small file can name many */
#define LINES_MAX         1024U               /* of a location: functions inlined in each other */
/* A byte of a packed file can become a thousand, and an entry of two bytes fifty of memory. */
#define STRINGS_MAX    (1U << 24)
#define FUNCTIONS_MAX  (1U << 22)
#define LOCATIONS_MAX  (1U << 22)
#define SAMPLES_MAX    (1U << 24)
#define NAME_BYTES_MAX (UINT64_C(1) << 30) /* of all names that are looked up: many can be one long one */
#define TYPES_MAX      16U                 /* kinds of values that a sample has */
#define NS_PER_MINUTE  UINT64_C(60000000000)

enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME_NANOS = 9
};
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3 };
enum { MAPPING_FILENAME = 5, MAPPING_BUILD_ID = 6 };
enum { LOCATION_ID = 1, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_FILENAME = 4 };

struct function {
	uint64_t id;
	uint64_t name; /* numbers of strings */
	uint64_t file;
};

struct location {
	uint64_t id;
	struct proto_reader message;
	size_t first; /* of its lines among all frames; set once they have been named */
	uint32_t count;
	bool named;
};

struct array {
	void *items;
	size_t count;
	size_t capacity;
};

struct profile {
	const struct snapshot_source *source;
	const uint8_t *start;      /* of the bytes */
	struct array strings;      /* of struct proto_reader */
	struct array functions;    /* of struct function, by id */
	struct array locations;    /* of struct location, by id */
	struct array frames;       /* of uint32_t: lines of named locations, innermost first */
	uint64_t types[TYPES_MAX]; /* strings */
	size_t type_count;
	uint64_t program, build_id; /* strings; of the first mapping */
	bool mapped;
	size_t value;      /* of a sample: how many goroutines */
	bool single;       /* each sample is a goroutine, with labels that say which */
	uint64_t expanded; /* frames of all samples so far */
	uint64_t named;    /* bytes of all names so far */
	size_t samples;
};

/* ---- problems --------------------------------------------------------------------------------------------------- */

static bool bad(const struct profile *profile, const uint8_t *at, const char *what)
{
	return problem_set(profile->source->problem, "byte %zu of the profile: %s", (size_t)(at - profile->start),
			   what);
}

static bool no_memory(const struct profile *profile)
{
	return problem_set(profile->source->problem, "no memory for its tables");
}

static bool append(struct array *array, const void *item, size_t size)
{
	if (array->count == array->capacity) {
		size_t capacity = array->capacity == 0 ? 64 : 2 * array->capacity;
		void *grown = reallocarray(array->items, capacity, size);
		if (grown == NULL)
			return false;
		array->items = grown;
		array->capacity = capacity;
	}
	memcpy((char *)array->items + array->count * size, item, size);
	array->count++;
	return true;
}

/* The same for a table of the profile, which has at most @p most of @p what. */
static bool append_entry(const struct profile *profile, struct array *table, const void *entry, size_t size,
			 size_t most, const char *what)
{
	if (table->count == most)
		return problem_set(profile->source->problem, "it has more %s than any profile of goroutines", what);
	return append(table, entry, size) || no_memory(profile);
}

/* Reads the next field of @p message, which is of the kind called @p what. */
static bool next_field(const struct profile *profile, struct proto_reader *message, struct proto_field *field,
		       const char *what)
{
	return proto_read_field(message, field) || bad(profile, message->at, what);
}

/* ---- strings ---------------------------------------------------------------------------------------------------- */

static bool string_is(const struct profile *profile, uint64_t number, const char *text)
{
	const struct proto_reader *strings = profile->strings.items;
	return number < profile->strings.count && (size_t)(strings[number].end - strings[number].at) == strlen(text) &&
	       memcmp(strings[number].at, text, strlen(text)) == 0;
}

/* Whether the names that have been looked up, and this one, are no more than those of a capture. */
static bool count_name(struct profile *profile, uint64_t number)
{
	const struct proto_reader *strings = profile->strings.items;
	if (number < profile->strings.count)
		profile->named += (uint64_t)(strings[number].end - strings[number].at);
	return profile->named <= NAME_BYTES_MAX ||
	       problem_set(profile->source->problem, "its names are longer than those of any profile of goroutines");
}

/* A copy, which the caller frees; NULL without memory. What is no string is "". */
static char *string_copy(const struct profile *profile, uint64_t number)
{
	const struct proto_reader *strings = profile->strings.items;
	if (number >= profile->strings.count)
		return strdup("");
	return strndup((const char *)strings[number].at, (size_t)(strings[number].end - strings[number].at));
}

/* ---- the first pass --------------------------------------------------------------------------------------------- */

static bool find_type(struct profile *profile, struct proto_reader message)
{
	struct proto_field field;
	uint64_t type = 0;
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed sample type"))
			return false;
		if (field.number == 1 && field.type == PROTO_VARINT)
			type = field.value;
	}
	if (profile->type_count == TYPES_MAX)
		return bad(profile, message.end, "more sample types than any profile of goroutines has");
	profile->types[profile->type_count++] = type;
	return true;
}

static bool find_mapping(struct profile *profile, struct proto_reader message)
{
	struct proto_field field;
	if (profile->mapped)
		return true;
	profile->mapped = true;
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed mapping"))
			return false;
		if (field.number == MAPPING_FILENAME && field.type == PROTO_VARINT)
			profile->program = field.value;
		if (field.number == MAPPING_BUILD_ID && field.type == PROTO_VARINT)
			profile->build_id = field.value;
	}
	return true;
}

static bool find_function(struct profile *profile, struct proto_reader message)
{
	struct proto_field field;
	struct function function = {0};
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed function"))
			return false;
		if (field.type != PROTO_VARINT)
			continue;
		switch (field.number) {
		case FUNCTION_ID: function.id = field.value; break;
		case FUNCTION_NAME: function.name = field.value; break;
		case FUNCTION_FILENAME: function.file = field.value; break;
		default: break;
		}
	}
	return append_entry(profile, &profile->functions, &function, sizeof function, FUNCTIONS_MAX, "functions");
}

static bool find_location(struct profile *profile, struct proto_reader message)
{
	struct proto_field field;
	struct location location = {.message = message};
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed location"))
			return false;
		if (field.number == LOCATION_ID && field.type == PROTO_VARINT)
			location.id = field.value;
	}
	return append_entry(profile, &profile->locations, &location, sizeof location, LOCATIONS_MAX, "locations");
}

static bool find_tables(struct profile *profile, struct proto_reader rest)
{
	struct proto_field field;
	while (!proto_is_over(&rest)) {
		if (!next_field(profile, &rest, &field, "no field of a profile begins like that"))
			return false;
		bool good = true;
		if (field.number == PROFILE_TIME_NANOS && field.type == PROTO_VARINT)
			profile->source->snapshot->time_ns = field.value <= INT64_MAX ? field.value : 0;
		if (field.type != PROTO_BYTES)
			continue;
		switch (field.number) {
		case PROFILE_SAMPLE_TYPE: good = find_type(profile, field.bytes); break;
		case PROFILE_MAPPING: good = find_mapping(profile, field.bytes); break;
		case PROFILE_FUNCTION: good = find_function(profile, field.bytes); break;
		case PROFILE_LOCATION: good = find_location(profile, field.bytes); break;
		case PROFILE_STRING:
			good = append_entry(profile, &profile->strings, &field.bytes, sizeof field.bytes, STRINGS_MAX,
					    "strings");
			break;
		default: break;
		}
		if (!good)
			return false;
	}
	return true;
}

/* Both begin with their id. */
static int by_id(const void *left, const void *right)
{
	uint64_t a, b;
	memcpy(&a, left, sizeof a);
	memcpy(&b, right, sizeof b);
	return (a > b) - (a < b);
}

static void *find_id(const struct array *array, size_t size, uint64_t id)
{
	return array->count == 0 ? NULL : bsearch(&id, array->items, array->count, size, by_id);
}

/* What the tables say of the whole. */
static bool take_tables(struct profile *profile)
{
	struct snapshot *snapshot = profile->source->snapshot;
	if (profile->functions.count > 1)
		qsort(profile->functions.items, profile->functions.count, sizeof(struct function), by_id);
	if (profile->locations.count > 1)
		qsort(profile->locations.items, profile->locations.count, sizeof(struct location), by_id);
	while (profile->value < profile->type_count && !string_is(profile, profile->types[profile->value], "goroutine"))
		profile->value++;
	if (profile->value == profile->type_count && profile->type_count == 1 &&
	    string_is(profile, profile->types[0], "thread"))
		return snapshot_refuse_threads(profile->source->problem);
	if (profile->value == profile->type_count)
		return problem_set(profile->source->problem, "it is a profile, but not one of goroutines");
	for (size_t i = 0; i < profile->type_count; i++)
		profile->single = profile->single || string_is(profile, profile->types[i], "stack_reserved");
	snapshot->has_ids = profile->single;
	snapshot->wait_step_ns = NS_PER_MINUTE;
	if (profile->program != 0 && (snapshot->exe = string_copy(profile, profile->program)) == NULL)
		return no_memory(profile);
	if (profile->build_id != 0 && (snapshot->build_id = string_copy(profile, profile->build_id)) == NULL)
		return no_memory(profile);
	return true;
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

static bool add_frame(struct profile *profile, struct location *location, const char *function, const char *file,
		      int64_t line)
{
	const struct stack_frame frame = {function, file, line};
	uint32_t number;
	location->count++;
	return stack_names_frame(profile->source->names, &frame, &number) &&
	       append(&profile->frames, &number, sizeof number);
}

static bool name_line(struct profile *profile, struct location *location, struct proto_reader message)
{
	struct proto_field field;
	uint64_t id = 0, line = 0;
	const uint8_t *start = message.at;
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed line"))
			return false;
		if (field.number == LINE_FUNCTION_ID && field.type == PROTO_VARINT)
			id = field.value;
		if (field.number == LINE_LINE && field.type == PROTO_VARINT)
			line = field.value;
	}
	const struct function *function = find_id(&profile->functions, sizeof *function, id);
	if (function == NULL || location->count == LINES_MAX)
		return bad(profile, start,
			   function == NULL ? "a line of a function that is not there"
					    : "more inlined functions than any location has");
	if (!count_name(profile, function->name) || !count_name(profile, function->file))
		return false;
	char *name = string_copy(profile, function->name);
	char *file = string_copy(profile, function->file);
	bool good = name != NULL && file != NULL && add_frame(profile, location, name, file, (int64_t)line);
	free(name);
	free(file);
	return good || no_memory(profile);
}

/* Its lines, or its address where nothing names the code. */
static bool name_location(struct profile *profile, struct location *location)
{
	struct proto_reader message = location->message;
	struct proto_field field;
	uint64_t address = 0;
	char text[24];
	location->named = true;
	location->first = profile->frames.count;
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed location"))
			return false;
		if (field.number == LOCATION_ADDRESS && field.type == PROTO_VARINT)
			address = field.value;
		if (field.number == LOCATION_LINE && field.type == PROTO_BYTES &&
		    !name_line(profile, location, field.bytes))
			return false;
	}
	snprintf(text, sizeof text, "0x%" PRIx64, address);
	return location->count > 0 || add_frame(profile, location, text, "", 0) || no_memory(profile);
}

static bool push_location(struct profile *profile, uint64_t id, const uint8_t *at)
{
	struct location *location = find_id(&profile->locations, sizeof *location, id);
	if (location == NULL)
		return bad(profile, at, "a sample at a location that is not there");
	if (!location->named && !name_location(profile, location))
		return false;
	profile->expanded += location->count;
	if (profile->expanded > FRAMES_MAX)
		return bad(profile, at, "more frames than any capture has");
	if (profile->source->names->built + location->count > STACK_FRAMES_MAX)
		return bad(profile, at, "more frames than any stack has");
	const uint32_t *frames = (const uint32_t *)profile->frames.items + location->first;
	for (uint32_t i = 0; i < location->count; i++)
		if (!stack_names_push(profile->source->names, frames[i]))
			return no_memory(profile);
	return true;
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

struct sample {
	uint64_t values[TYPES_MAX];
	size_t value_count;
	struct snapshot_goroutine goroutine;
};

static bool push_locations(struct profile *profile, const struct proto_field *field)
{
	struct proto_reader packed = field->bytes;
	uint64_t id;
	if (field->type == PROTO_VARINT)
		return push_location(profile, field->value, field->bytes.at);
	while (!proto_is_over(&packed)) {
		const uint8_t *at = packed.at;
		if (!proto_read_varint(&packed, &id))
			return bad(profile, at, "a malformed list of locations");
		if (!push_location(profile, id, at))
			return false;
	}
	return true;
}

static bool take_values(struct profile *profile, const struct proto_field *field, struct sample *sample)
{
	struct proto_reader packed = field->bytes;
	uint64_t value = field->value;
	while (field->type == PROTO_VARINT || !proto_is_over(&packed)) {
		if (field->type == PROTO_BYTES && !proto_read_varint(&packed, &value))
			return bad(profile, packed.at, "a malformed list of values");
		if (sample->value_count == profile->type_count)
			return problem_set(profile->source->problem, "a sample has more values than there are types");
		sample->values[sample->value_count++] = value;
		if (field->type == PROTO_VARINT)
			break;
	}
	return true;
}

/* A string of the profile as one of all captures. */
static bool add_string(struct profile *profile, uint64_t number, uint32_t *number_ret)
{
	const struct proto_reader *strings = profile->strings.items;
	if (number >= profile->strings.count)
		return true;
	if (!count_name(profile, number))
		return false;
	const struct proto_reader *string = &strings[number];
	return interner_add(&profile->source->names->strings, string->at, (size_t)(string->end - string->at),
			    number_ret) ||
	       no_memory(profile);
}

static bool take_label(struct profile *profile, struct proto_reader message, struct sample *sample)
{
	struct proto_field field;
	uint64_t key = 0, string = 0, number = 0;
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed label"))
			return false;
		if (field.type != PROTO_VARINT)
			continue;
		switch (field.number) {
		case LABEL_KEY: key = field.value; break;
		case LABEL_STR: string = field.value; break;
		case LABEL_NUM: number = field.value; break;
		default: break;
		}
	}
	struct snapshot_goroutine *goroutine = &sample->goroutine;
	if (string_is(profile, key, "goid"))
		goroutine->goid = number;
	else if (string_is(profile, key, "wait_minutes") && number < UINT64_MAX / NS_PER_MINUTE)
		goroutine->wait_ns = number * NS_PER_MINUTE;
	else if (string_is(profile, key, "state"))
		return add_string(profile, string, &goroutine->state);
	else if (string_is(profile, key, "creator"))
		return add_string(profile, string, &goroutine->creator);
	return true;
}

static bool add_sample(struct profile *profile, const uint8_t *start, struct sample *sample)
{
	struct snapshot *snapshot = profile->source->snapshot;
	uint32_t *stack = &sample->goroutine.stack;
	if (profile->samples++ == SAMPLES_MAX)
		return problem_set(profile->source->problem, "it has more samples than any profile of goroutines");
	if (!stack_names_end(profile->source->names, stack))
		return no_memory(profile);
	uint64_t count = profile->value < sample->value_count ? sample->values[profile->value] : 0;
	if (count > INT64_MAX || (profile->single && count != 1))
		return bad(profile, start,
			   profile->single ? "a sample that is not one goroutine"
					   : "a sample of less than no goroutine: is it a difference?");
	if (count > INT64_MAX - snapshot->goroutine_count)
		return bad(profile, start, "more goroutines than can be counted");
	bool added = profile->single ? snapshot_add(snapshot, &sample->goroutine)
				     : snapshot_add_many(snapshot, *stack, count);
	return added || no_memory(profile);
}

static bool take_sample(struct profile *profile, struct proto_reader message)
{
	struct proto_field field;
	struct sample sample = {
		.goroutine = {.wait_ns = SNAPSHOT_NO_WAIT, .state = SNAPSHOT_NO_STRING, .creator = SNAPSHOT_NO_STRING}};
	const uint8_t *start = message.at;
	stack_names_begin(profile->source->names);
	while (!proto_is_over(&message)) {
		if (!next_field(profile, &message, &field, "a malformed sample"))
			return false;
		bool numbers = field.type == PROTO_VARINT || field.type == PROTO_BYTES;
		bool good = true;
		if (field.number == SAMPLE_LOCATION_ID && numbers)
			good = push_locations(profile, &field);
		else if (field.number == SAMPLE_VALUE && numbers)
			good = take_values(profile, &field, &sample);
		else if (field.number == SAMPLE_LABEL && field.type == PROTO_BYTES && profile->single)
			good = take_label(profile, field.bytes, &sample);
		if (!good)
			return false;
	}
	return add_sample(profile, start, &sample);
}

static bool take_samples(struct profile *profile, struct proto_reader rest)
{
	struct proto_field field;
	while (!proto_is_over(&rest) && proto_read_field(&rest, &field))
		if (field.number == PROFILE_SAMPLE && field.type == PROTO_BYTES && !take_sample(profile, field.bytes))
			return false;
	return true;
}

/* Of @p size bytes of a profile.proto that is not compressed. */
static bool read_profile(const struct snapshot_source *source, const void *bytes, size_t size)
{
	struct profile profile = {.source = source, .start = bytes};
	const struct proto_reader whole = {bytes, (const uint8_t *)bytes + size};
	bool good = find_tables(&profile, whole) && take_tables(&profile) && take_samples(&profile, whole);
	free(profile.strings.items);
	free(profile.functions.items);
	free(profile.locations.items);
	free(profile.frames.items);
	return good;
}

/* ---- unpacking -------------------------------------------------------------------------------------------------- */

static bool unpack(gzFile stream, struct array *bytes, struct problem *problem)
{
	int errnum;
	for (;;) {
		if (bytes->count == bytes->capacity) {
			size_t capacity = bytes->capacity == 0 ? 1U << 16 : 2 * bytes->capacity;
			void *grown = capacity <= PROFILE_BYTES_MAX ? realloc(bytes->items, capacity) : NULL;
			if (grown == NULL)
				return problem_set(problem,
						   capacity <= PROFILE_BYTES_MAX
							   ? "no memory for the profile"
							   : "unpacked it is larger than any profile of goroutines");
			bytes->items = grown;
			bytes->capacity = capacity;
		}
		int length =
			gzread(stream, (char *)bytes->items + bytes->count,
			       (unsigned)(bytes->capacity - bytes->count < 1U << 30 ? bytes->capacity - bytes->count
										    : 1U << 30));
		if (length <= 0)
			break;
		bytes->count += (size_t)length;
	}
	const char *why = gzerror(stream, &errnum);
	if (errnum == Z_OK || errnum == Z_STREAM_END)
		return true;
	return problem_set(problem, "byte %lld: %s", (long long)gzoffset(stream),
			   errnum == Z_ERRNO       ? strerror(errno)
			   : errnum == Z_BUF_ERROR ? "it ends in the middle: the file is not whole"
						   : why);
}

bool snapshot_read_profile(const struct snapshot_source *source)
{
	struct array bytes = {0};
	int descriptor = dup(source->descriptor);
	gzFile stream = descriptor >= 0 ? gzdopen(descriptor, "rb") : NULL;
	if (stream == NULL) {
		if (descriptor >= 0)
			close(descriptor);
		return problem_set(source->problem, "no memory to unpack it");
	}
	bool good = unpack(stream, &bytes, source->problem);
	gzclose_r(stream);
	good = good && read_profile(source, bytes.items, bytes.count);
	free(bytes.items);
	return good;
}
