/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * profile.proto as runtime/pprof writes it for debug=0 (runtime/pprof/proto.go, pprof.go printCountProfile). Samples go
 * out one by one with the locations and functions that they are the first to need, mappings and strings last.
 */
#include "output/pprof.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "output/gzip.h"
#include "output/protobuf.h"
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
	PROFILE_PERIOD = 12
};
enum value_type_field { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_STR = 2 };
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

/* Goroutines that make one sample. */
struct sample {
	uint64_t count;
	uint32_t stack;  /* of the distinct stacks */
	uint32_t labels; /* canonical label set or GSD_NO_LABELS */
	bool ambiguous;
};
GSD_DEFINE_ARRAY(sample_array, struct sample)

/* What the locations of a mapping have shown. */
enum mapping_use { MAPPING_RESOLVED = 1, MAPPING_UNRESOLVED = 2 };

struct profile {
	const struct gsd_snapshot *snapshot;
	struct gsd_sink *sink;
	struct gsd_distinct_stacks stacks;
	uint32_t *canonical_labels;
	struct sample_array samples;
	struct gsd_string_table *strings;
	struct gsd_hash *function_ids; /* from a name's string index */
	uint32_t *location_ids;        /* by gsd_location.index; 0: not written yet */
	uint32_t location_count;
	uint8_t *mapping_uses; /* enum mapping_use bits */
	struct gsd_message message;
	struct gsd_message inner;
	struct gsd_u64_array ids; /* location ids of the sample that is being written */
};

static void profile_free(struct profile *profile)
{
	gsd_distinct_stacks_free(&profile->stacks);
	free(profile->canonical_labels);
	sample_array_free(&profile->samples);
	gsd_string_table_destroy(profile->strings);
	gsd_hash_destroy(profile->function_ids);
	free(profile->location_ids);
	free(profile->mapping_uses);
	gsd_message_free(&profile->message);
	gsd_message_free(&profile->inner);
	gsd_u64_array_free(&profile->ids);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static struct gsd_error *count_samples(struct profile *profile, struct gsd_hash *sample_of[2])
{
	for (size_t i = 0; i < profile->snapshot->goroutine_count; i++) {
		const struct gsd_goroutine *goroutine = &profile->snapshot->goroutines[i];
		uint32_t stack = profile->stacks.of_stack[goroutine->stack];
		uint32_t labels = goroutine->labels == GSD_NO_LABELS ? GSD_NO_LABELS
								     : profile->canonical_labels[goroutine->labels];
		struct gsd_hash *hash = sample_of[goroutine->ambiguous];
		uint64_t key = (uint64_t)stack << 32 | labels;
		uint64_t index;
		if (!gsd_hash_find(hash, key, &index)) {
			struct sample sample = {.stack = stack, .labels = labels, .ambiguous = goroutine->ambiguous};
			index = profile->samples.count;
			if (!sample_array_append(&profile->samples, sample) || !gsd_hash_insert(hash, key, index))
				return gsd_error_no_memory();
		}
		profile->samples.items[index].count++;
	}
	return NULL;
}

/* Most first; what is equal, in an order that every capture of the same goroutines gives. */
static int compare_samples(const void *left_sample, const void *right_sample, void *context)
{
	const struct sample *left = left_sample;
	const struct sample *right = right_sample;
	const struct profile *profile = context;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	int order = gsd_distinct_stacks_compare(&profile->stacks, left->stack, right->stack);
	if (order == 0)
		order = gsd_labels_compare(profile->snapshot, left->labels, right->labels);
	return order != 0 ? order : left->ambiguous - right->ambiguous;
}

static struct gsd_error *aggregate(struct profile *profile)
{
	/* Settled and ambiguous goroutines: a stack and a label set already fill the 64 bits of a key. */
	struct gsd_hash *sample_of[2] = {gsd_hash_create(64), gsd_hash_create(0)};
	struct gsd_error *error = sample_of[0] == NULL || sample_of[1] == NULL ? gsd_error_no_memory()
									       : count_samples(profile, sample_of);
	gsd_hash_destroy(sample_of[0]);
	gsd_hash_destroy(sample_of[1]);
	if (error == NULL && profile->samples.count > 1)
		qsort_r(profile->samples.items, profile->samples.count, sizeof(struct sample), compare_samples,
			profile);
	return error;
}

/* ---- strings, functions, locations ------------------------------------------------------------------------------ */

/* Adds a field that is the index of a string. */
static struct gsd_error *add_string(struct profile *profile, struct gsd_message *message, unsigned field,
				    const char *bytes, size_t length)
{
	uint64_t index = 0;
	GSD_TRY(gsd_string_table_index(profile->strings, bytes, length, &index));
	gsd_message_add_varint(message, field, index);
	return NULL;
}

static struct gsd_error *add_text(struct profile *profile, struct gsd_message *message, unsigned field,
				  const char *text)
{
	return add_string(profile, message, field, text, strlen(text));
}

/* Writes the message as a field of the profile. */
static struct gsd_error *emit_field(struct profile *profile, unsigned field)
{
	profile->inner.length = 0;
	gsd_message_add_message(&profile->inner, field, &profile->message);
	gsd_message_clear(&profile->message);
	return gsd_message_emit(&profile->inner, profile->sink);
}

/* The id of the function with this name; it is written when it is new. Its file is that of the line seen first. */
static struct gsd_error *function_id(struct profile *profile, const struct gsd_line *line, uint64_t *id_ret)
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

static struct gsd_error *write_location(struct profile *profile, const struct gsd_location *location)
{
	/* A function is written as a message of its own: first all of them, so that none falls into the location. */
	uint64_t id = 0;
	for (size_t i = 0; i < location->line_count; i++)
		GSD_TRY(function_id(profile, &location->lines[i], &id));
	struct gsd_message *message = &profile->message;
	gsd_message_add_varint(message, LOCATION_ID, ++profile->location_count);
	gsd_message_add_varint(message, LOCATION_ADDRESS, location->address);
	for (size_t i = 0; i < location->line_count; i++) {
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

/* ---- the parts of a profile ------------------------------------------------------------------------------------- */

static struct gsd_error *add_label(struct profile *profile, const struct gsd_label *label)
{
	profile->inner.length = 0;
	GSD_TRY(add_string(profile, &profile->inner, LABEL_KEY, label->key, label->key_length));
	GSD_TRY(add_string(profile, &profile->inner, LABEL_STR, label->value, label->value_length));
	gsd_message_add_message(&profile->message, SAMPLE_LABEL, &profile->inner);
	return NULL;
}

static struct gsd_error *write_sample(struct profile *profile, const struct sample *sample)
{
	static const struct gsd_label ambiguous = {
		.key = "gostackdump", .key_length = 11, .value = "ambiguous", .value_length = 9};
	profile->ids.count = 0;
	for (size_t i = 0; i < profile->stacks.stacks.items[sample->stack].count; i++) {
		const struct gsd_location *location = gsd_distinct_stacks_location(&profile->stacks, sample->stack, i);
		if (profile->location_ids[location->index] == 0)
			GSD_TRY(write_location(profile, location));
		if (!gsd_u64_array_append(&profile->ids, profile->location_ids[location->index]))
			return gsd_error_no_memory();
	}
	gsd_message_add_packed(&profile->message, SAMPLE_VALUE, &sample->count, 1);
	gsd_message_add_packed(&profile->message, SAMPLE_LOCATION_ID, profile->ids.items, profile->ids.count);
	if (sample->labels != GSD_NO_LABELS) {
		const struct gsd_label_set *set = &profile->snapshot->label_sets[sample->labels];
		for (size_t i = 0; i < set->count; i++)
			GSD_TRY(add_label(profile, &set->labels[i]));
	}
	if (sample->ambiguous)
		GSD_TRY(add_label(profile, &ambiguous));
	return emit_field(profile, PROFILE_SAMPLE);
}

/* {goroutine, count} */
static struct gsd_error *write_value_type(struct profile *profile, unsigned field)
{
	GSD_TRY(add_text(profile, &profile->message, VALUE_TYPE_TYPE, "goroutine"));
	GSD_TRY(add_text(profile, &profile->message, VALUE_TYPE_UNIT, "count"));
	return emit_field(profile, field);
}

static struct gsd_error *write_number(struct profile *profile, unsigned field, uint64_t value)
{
	gsd_message_add_varint(&profile->message, field, value);
	return gsd_message_emit(&profile->message, profile->sink);
}

static struct gsd_error *write_mapping(struct profile *profile, const struct gsd_snapshot_mapping *mapping,
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
static struct gsd_error *write_mappings(struct profile *profile)
{
	static const struct gsd_snapshot_mapping made_up = {.file = "", .build_id = ""};
	if (profile->snapshot->mapping_count == 0)
		return write_mapping(profile, &made_up, 0);
	for (size_t i = 0; i < profile->snapshot->mapping_count; i++)
		GSD_TRY(write_mapping(profile, &profile->snapshot->mappings[i], i));
	return NULL;
}

static struct gsd_error *write_profile(struct profile *profile)
{
	GSD_TRY(write_value_type(profile, PROFILE_PERIOD_TYPE));
	GSD_TRY(write_number(profile, PROFILE_PERIOD, 1));
	GSD_TRY(write_value_type(profile, PROFILE_SAMPLE_TYPE));
	for (size_t i = 0; i < profile->samples.count; i++)
		GSD_TRY(write_sample(profile, &profile->samples.items[i]));
	GSD_TRY(write_number(profile, PROFILE_TIME_NANOS, profile->snapshot->time_unix_ns));
	GSD_TRY(write_mappings(profile));
	return gsd_string_table_emit(profile->strings, PROFILE_STRING_TABLE, profile->sink);
}

static struct gsd_error *profile_prepare(struct profile *profile, const struct gsd_location_source *source)
{
	const struct gsd_snapshot *snapshot = profile->snapshot;
	GSD_TRY(gsd_distinct_stacks_create(snapshot, source, &profile->stacks));
	GSD_TRY(gsd_canonical_labels(snapshot, &profile->canonical_labels));
	GSD_TRY(aggregate(profile));
	profile->strings = gsd_string_table_create();
	profile->function_ids = gsd_hash_create(1024);
	profile->location_ids = calloc(profile->stacks.locations.count + 1, sizeof *profile->location_ids);
	profile->mapping_uses = calloc(snapshot->mapping_count + 1, 1);
	bool complete = profile->strings != NULL && profile->function_ids != NULL && profile->location_ids != NULL &&
			profile->mapping_uses != NULL;
	return complete ? NULL : gsd_error_no_memory();
}

struct gsd_error *gsd_write_pprof_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				       struct gsd_sink *sink)
{
	struct gsd_gzip *gzip = NULL;
	GSD_TRY(gsd_gzip_create(sink, &gzip));
	struct profile profile = {.snapshot = snapshot, .sink = gsd_gzip_sink(gzip)};
	struct gsd_error *error = profile_prepare(&profile, source);
	if (error == NULL)
		error = write_profile(&profile);
	if (error == NULL)
		error = gsd_gzip_finish(gzip);
	profile_free(&profile);
	gsd_gzip_destroy(gzip);
	return error;
}

struct gsd_error *gsd_write_pprof(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_pprof_from(snapshot, &source, sink);
}
