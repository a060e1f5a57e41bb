/* SPDX-License-Identifier: BSD-3-Clause */
/* profile.proto as runtime/pprof writes it (runtime/pprof/proto.go). */
#include "output/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "output/string_table.h"

/* Field numbers of github.com/google/pprof/proto/profile.proto. */
enum profile_field {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING_TABLE = 6,
	PROFILE_TIME_NANOS = 9,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14
};
enum value_type_field { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3, LABEL_NUM_UNIT = 4 };
enum location_field { LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum line_field { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum function_field {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILENAME = 4,
	FUNCTION_START_LINE = 5
};
enum mapping_field {
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILENAME = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7
};

/* What the locations of a mapping have shown. */
enum mapping_use { MAPPING_RESOLVED = 1, MAPPING_UNRESOLVED = 2 };

void gsd_profile_free(struct gsd_profile *profile)
{
	gsd_distinct_stacks_free(&profile->stacks);
	gsd_gzip_destroy(profile->gzip);
	gsd_string_table_destroy(profile->strings);
	gsd_hash_destroy(profile->function_ids);
	free(profile->location_ids);
	free(profile->mapping_uses);
	gsd_message_free(&profile->message);
	gsd_message_free(&profile->inner);
	gsd_u64_array_free(&profile->ids);
}

static struct gsd_error *prepare(struct gsd_profile *profile, const struct gsd_location_source *source,
				 struct gsd_sink *sink)
{
	GSD_TRY(gsd_gzip_create(sink, &profile->gzip));
	profile->sink = gsd_gzip_sink(profile->gzip);
	GSD_TRY(gsd_distinct_stacks_create(profile->snapshot, source, &profile->stacks));
	profile->strings = gsd_string_table_create();
	profile->function_ids = gsd_hash_create(1024);
	profile->location_ids = calloc(profile->stacks.locations.count + 1, sizeof *profile->location_ids);
	profile->mapping_uses = calloc(profile->snapshot->mapping_count + 1, 1);
	bool complete = profile->strings != NULL && profile->function_ids != NULL && profile->location_ids != NULL &&
			profile->mapping_uses != NULL;
	return complete ? NULL : gsd_error_no_memory();
}

struct gsd_error *gsd_profile_create(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				     struct gsd_sink *sink, struct gsd_profile *profile_ret)
{
	struct gsd_profile profile = {.snapshot = snapshot};
	struct gsd_error *error = prepare(&profile, source, sink);
	if (error != NULL)
		gsd_profile_free(&profile);
	else
		*profile_ret = profile;
	return error;
}

/* ---- strings, functions, locations ------------------------------------------------------------------------------ */

/* Adds a field that is the index of a string. */
static struct gsd_error *add_string(struct gsd_profile *profile, struct gsd_message *message, unsigned field,
				    const char *bytes, size_t length)
{
	uint64_t index = 0;
	GSD_TRY(gsd_string_table_index(profile->strings, bytes, length, &index));
	gsd_message_add_varint(message, field, index);
	return NULL;
}

static struct gsd_error *add_text(struct gsd_profile *profile, struct gsd_message *message, unsigned field,
				  const char *text)
{
	return add_string(profile, message, field, text, strlen(text));
}

/* Writes the message as a field of the profile. */
static struct gsd_error *emit_field(struct gsd_profile *profile, unsigned field)
{
	profile->inner.length = 0;
	gsd_message_add_message(&profile->inner, field, &profile->message);
	gsd_message_clear(&profile->message);
	return gsd_message_emit(&profile->inner, profile->sink);
}

/* The id of the function with this name; it is written when it is new. Its file is that of the line seen first. */
static struct gsd_error *function_id(struct gsd_profile *profile, const struct gsd_line *line, uint64_t *id_ret)
{
	uint64_t name = 0;
	GSD_TRY(gsd_string_table_index(profile->strings, line->function, strlen(line->function), &name));
	if (gsd_hash_find(profile->function_ids, name, id_ret))
		return NULL;
	uint64_t id = gsd_hash_count(profile->function_ids) + 1;
	struct gsd_message *message = &profile->message;
	gsd_message_add_varint(message, FUNCTION_ID, id);
	gsd_message_add_varint(message, FUNCTION_NAME, name);
	gsd_message_add_varint(message, FUNCTION_SYSTEM_NAME, name);
	GSD_TRY(add_text(profile, message, FUNCTION_FILENAME, line->file));
	gsd_message_add_varint(message, FUNCTION_START_LINE, (uint64_t)line->start_line);
	GSD_TRY(emit_field(profile, PROFILE_FUNCTION));
	if (!gsd_hash_insert(profile->function_ids, name, id))
		return gsd_error_no_memory();
	*id_ret = id;
	return NULL;
}

/* The index of the mapping that holds the return address, as Go looks it up; SIZE_MAX when none does. */
static size_t mapping_of(const struct gsd_snapshot *snapshot, const struct gsd_location *location)
{
	if (location->address == 0)
		return SIZE_MAX;
	if (snapshot->mapping_count == 0)
		return 0; /* the made-up one */
	size_t low = 0;
	for (size_t high = snapshot->mapping_count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (snapshot->mappings[middle].limit <= location->return_address)
			low = middle + 1;
		else
			high = middle;
	}
	bool inside = low < snapshot->mapping_count && snapshot->mappings[low].start <= location->return_address;
	return inside ? low : SIZE_MAX;
}

static enum mapping_use use_of(const struct gsd_location *location)
{
	for (size_t i = 0; i < location->line_count; i++) {
		const struct gsd_line *line = &location->lines[i];
		if (line->function[0] == '\0' || line->file[0] == '\0' || line->line == 0)
			return MAPPING_UNRESOLVED;
	}
	return MAPPING_RESOLVED;
}

static struct gsd_error *write_location(struct gsd_profile *profile, const struct gsd_location *location)
{
	/* A function is written as a message of its own: first all of them, so that none falls into the location. */
	uint64_t id = 0;
	/* A reader that symbolizes by itself wants no lines; what is no code has an own name all the same. */
	size_t line_count = profile->snapshot->addresses_only && location->address != 0 ? 0 : location->line_count;
	for (size_t i = 0; i < line_count; i++)
		GSD_TRY(function_id(profile, &location->lines[i], &id));
	struct gsd_message *message = &profile->message;
	gsd_message_add_varint(message, LOCATION_ID, ++profile->location_count);
	gsd_message_add_varint(message, LOCATION_ADDRESS, location->address);
	for (size_t i = 0; i < line_count; i++) {
		GSD_TRY(function_id(profile, &location->lines[i], &id));
		profile->inner.length = 0;
		gsd_message_add_varint(&profile->inner, LINE_FUNCTION_ID, id);
		gsd_message_add_varint(&profile->inner, LINE_LINE, (uint64_t)location->lines[i].line);
		gsd_message_add_message(message, LOCATION_LINE, &profile->inner);
	}
	size_t mapping = mapping_of(profile->snapshot, location);
	if (mapping != SIZE_MAX) {
		gsd_message_add_varint(message, LOCATION_MAPPING_ID, mapping + 1);
		profile->mapping_uses[mapping] |= (uint8_t)use_of(location);
	}
	profile->location_ids[location->index] = profile->location_count;
	return emit_field(profile, PROFILE_LOCATION);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

const struct gsd_label gsd_profile_ambiguous = {
	.key = "gostackdump", .key_length = 11, .value = "ambiguous", .value_length = 9};

struct gsd_error *gsd_profile_begin_sample(struct gsd_profile *profile, const uint64_t *values, size_t count,
					   uint32_t stack)
{
	profile->ids.count = 0;
	for (size_t i = 0; i < profile->stacks.stacks.items[stack].count; i++) {
		const struct gsd_location *location = gsd_distinct_stacks_location(&profile->stacks, stack, i);
		if (profile->location_ids[location->index] == 0)
			GSD_TRY(write_location(profile, location));
		if (!gsd_u64_array_append(&profile->ids, profile->location_ids[location->index]))
			return gsd_error_no_memory();
	}
	gsd_message_add_packed(&profile->message, SAMPLE_VALUE, values, count);
	gsd_message_add_packed(&profile->message, SAMPLE_LOCATION_ID, profile->ids.items, profile->ids.count);
	return NULL;
}

struct gsd_error *gsd_profile_add_label(struct gsd_profile *profile, const struct gsd_label *label)
{
	profile->inner.length = 0;
	GSD_TRY(add_string(profile, &profile->inner, LABEL_KEY, label->key, label->key_length));
	GSD_TRY(add_string(profile, &profile->inner, LABEL_STR, label->value, label->value_length));
	gsd_message_add_message(&profile->message, SAMPLE_LABEL, &profile->inner);
	return NULL;
}

struct gsd_error *gsd_profile_add_number(struct gsd_profile *profile, const char *key, uint64_t number,
					 const char *unit)
{
	profile->inner.length = 0;
	GSD_TRY(add_text(profile, &profile->inner, LABEL_KEY, key));
	gsd_message_add_varint(&profile->inner, LABEL_NUM, number);
	GSD_TRY(add_text(profile, &profile->inner, LABEL_NUM_UNIT, unit));
	gsd_message_add_message(&profile->message, SAMPLE_LABEL, &profile->inner);
	return NULL;
}

struct gsd_error *gsd_profile_end_sample(struct gsd_profile *profile)
{
	return emit_field(profile, PROFILE_SAMPLE);
}

/* ---- before and behind the samples ------------------------------------------------------------------------------ */

static struct gsd_error *write_type(struct gsd_profile *profile, unsigned field, const struct gsd_profile_type *type)
{
	GSD_TRY(add_text(profile, &profile->message, VALUE_TYPE_TYPE, type->type));
	GSD_TRY(add_text(profile, &profile->message, VALUE_TYPE_UNIT, type->unit));
	return emit_field(profile, field);
}

static struct gsd_error *write_number(struct gsd_profile *profile, unsigned field, uint64_t value)
{
	gsd_message_add_varint(&profile->message, field, value);
	return gsd_message_emit(&profile->message, profile->sink);
}

static struct gsd_error *write_mapping(struct gsd_profile *profile, const struct gsd_snapshot_mapping *mapping,
				       size_t index)
{
	struct gsd_message *message = &profile->message;
	gsd_message_add_varint(message, MAPPING_ID, index + 1);
	gsd_message_add_varint(message, MAPPING_START, mapping->start);
	gsd_message_add_varint(message, MAPPING_LIMIT, mapping->limit);
	gsd_message_add_varint(message, MAPPING_OFFSET, mapping->offset);
	GSD_TRY(add_text(profile, message, MAPPING_FILENAME, mapping->file));
	GSD_TRY(add_text(profile, message, MAPPING_BUILD_ID, mapping->build_id));
	gsd_message_add_varint(message, MAPPING_HAS_FUNCTIONS, profile->mapping_uses[index] == MAPPING_RESOLVED);
	return emit_field(profile, PROFILE_MAPPING);
}

/* Readers expect a mapping: without any, Go makes one up (runtime/pprof/proto.go, readMapping). */
static struct gsd_error *write_mappings(struct gsd_profile *profile)
{
	static const struct gsd_snapshot_mapping made_up = {.file = "", .build_id = ""};
	if (profile->snapshot->mapping_count == 0)
		return write_mapping(profile, &made_up, 0);
	for (size_t i = 0; i < profile->snapshot->mapping_count; i++)
		GSD_TRY(write_mapping(profile, &profile->snapshot->mappings[i], i));
	return NULL;
}

struct gsd_error *gsd_profile_begin(struct gsd_profile *profile, const struct gsd_profile_type *types, size_t count)
{
	GSD_TRY(write_type(profile, PROFILE_PERIOD_TYPE, &types[0]));
	GSD_TRY(write_number(profile, PROFILE_PERIOD, 1));
	for (size_t i = 0; i < count; i++)
		GSD_TRY(write_type(profile, PROFILE_SAMPLE_TYPE, &types[i]));
	if (count == 1)
		return NULL;
	GSD_TRY(add_text(profile, &profile->message, PROFILE_DEFAULT_SAMPLE_TYPE, types[0].type));
	return gsd_message_emit(&profile->message, profile->sink);
}

struct gsd_error *gsd_profile_finish(struct gsd_profile *profile)
{
	GSD_TRY(write_number(profile, PROFILE_TIME_NANOS, profile->snapshot->time_unix_ns));
	GSD_TRY(write_mappings(profile));
	GSD_TRY(gsd_string_table_emit(profile->strings, PROFILE_STRING_TABLE, profile->sink));
	return gsd_gzip_finish(profile->gzip);
}
