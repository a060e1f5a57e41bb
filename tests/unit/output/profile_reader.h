/* SPDX-License-Identifier: BSD-3-Clause */
/* An independent reader of profiles: inflates with zlib and decodes the wire format by hand, sharing no code with src.
 */
#ifndef GSD_TEST_OUTPUT_PROFILE_READER_H
#define GSD_TEST_OUTPUT_PROFILE_READER_H

#include <zlib.h>

#include "fixture.h"

struct wire {
	const uint8_t *next;
	const uint8_t *end;
};

struct wire_field {
	unsigned number;
	uint64_t value;     /* of a varint */
	struct wire inside; /* of a length-delimited field */
};

static inline uint64_t wire_varint(struct wire *wire)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		assert_true(wire->next < wire->end);
		assert_true(shift < 70);
		uint8_t byte = *wire->next++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
}

static inline bool wire_next(struct wire *wire, struct wire_field *field_ret)
{
	if (wire->next == wire->end)
		return false;
	uint64_t tag = wire_varint(wire);
	*field_ret = (struct wire_field){.number = (unsigned)(tag >> 3)};
	if ((tag & 7) == 0) {
		field_ret->value = wire_varint(wire);
	} else {
		assert_int_equal(tag & 7, 2);
		uint64_t length = wire_varint(wire);
		assert_true(length <= (uint64_t)(wire->end - wire->next));
		field_ret->inside = (struct wire){wire->next, wire->next + length};
		wire->next += length;
	}
	return true;
}

#define READ_MAX 64

#define READ_VALUES_MAX 4

struct read_label {
	uint64_t key, value, number, unit;
};
struct read_sample {
	uint64_t count; /* the first value */
	uint64_t values[READ_VALUES_MAX];
	size_t value_count;
	uint64_t locations[READ_MAX];
	size_t location_count;
	struct read_label labels[READ_MAX];
	size_t label_count;
};
struct read_location {
	uint64_t id, mapping, address;
	uint64_t functions[READ_MAX];
	int64_t lines[READ_MAX];
	size_t line_count;
};
struct read_function {
	uint64_t id, name, system_name, file, start_line;
};
struct read_mapping {
	uint64_t id, start, limit, offset, file, build_id, has_functions;
};
struct read_type {
	uint64_t type, unit;
};
struct profile {
	uint8_t *bytes;
	size_t length;
	struct read_type sample_type; /* the first */
	struct read_type sample_types[READ_VALUES_MAX];
	struct read_type period_type;
	uint64_t period, time_nanos, default_sample_type;
	size_t sample_type_count;
	struct read_sample samples[READ_MAX];
	struct read_location locations[READ_MAX];
	struct read_function functions[READ_MAX];
	struct read_mapping mappings[READ_MAX];
	struct wire strings[READ_MAX * 4];
	size_t sample_count, location_count, function_count, mapping_count, string_count;
};

static inline void inflate_all(const uint8_t *bytes, size_t length, uint8_t **inflated_ret, size_t *length_ret)
{
	size_t capacity = (size_t)1 << 26;
	uint8_t *inflated = malloc(capacity);
	assert_non_null(inflated);
	z_stream stream = {
		.next_in = (Bytef *)bytes, .avail_in = (uInt)length, .next_out = inflated, .avail_out = (uInt)capacity};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK); /* gzip only */
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	*length_ret = stream.total_out;
	*inflated_ret = inflated;
	inflateEnd(&stream);
}

/* Reads a message of varints into consecutive uint64_t's: field 1 is the first. */
static inline void read_numbers(struct wire wire, uint64_t *numbers, size_t count)
{
	struct wire_field field;
	while (wire_next(&wire, &field)) {
		assert_in_range(field.number, 1, count);
		numbers[field.number - 1] = field.value;
	}
}

static inline void read_sample(struct wire wire, struct read_sample *sample)
{
	struct wire_field field;
	while (wire_next(&wire, &field)) {
		if (field.number == 1) {
			while (field.inside.next < field.inside.end) {
				assert_true(sample->location_count < READ_MAX);
				sample->locations[sample->location_count++] = wire_varint(&field.inside);
			}
		} else if (field.number == 2) {
			while (field.inside.next < field.inside.end) {
				assert_true(sample->value_count < READ_VALUES_MAX);
				sample->values[sample->value_count++] = wire_varint(&field.inside);
			}
			sample->count = sample->values[0];
		} else {
			assert_int_equal(field.number, 3);
			assert_true(sample->label_count < READ_MAX);
			read_numbers(field.inside, &sample->labels[sample->label_count++].key, 4);
		}
	}
}

static inline void read_location(struct wire wire, struct read_location *location)
{
	struct wire_field field, inner;
	while (wire_next(&wire, &field)) {
		assert_in_range(field.number, 1, 4);
		if (field.number == 1)
			location->id = field.value;
		else if (field.number == 2)
			location->mapping = field.value;
		else if (field.number == 3)
			location->address = field.value;
		if (field.number != 4)
			continue;
		while (wire_next(&field.inside, &inner)) {
			assert_in_range(inner.number, 1, 2);
			if (inner.number == 1)
				location->functions[location->line_count] = inner.value;
			else
				location->lines[location->line_count] = (int64_t)inner.value;
		}
		location->line_count++;
	}
}

static inline void read_field(struct profile *profile, const struct wire_field *field)
{
	switch (field->number) {
	case 1:
		assert_true(profile->sample_type_count < READ_VALUES_MAX);
		read_numbers(field->inside, &profile->sample_types[profile->sample_type_count++].type, 2);
		profile->sample_type = profile->sample_types[0];
		break;
	case 2: read_sample(field->inside, &profile->samples[profile->sample_count++]); break;
	case 3: read_numbers(field->inside, &profile->mappings[profile->mapping_count++].id, 7); break;
	case 4: read_location(field->inside, &profile->locations[profile->location_count++]); break;
	case 5: read_numbers(field->inside, &profile->functions[profile->function_count++].id, 5); break;
	case 6: profile->strings[profile->string_count++] = field->inside; break;
	case 9: profile->time_nanos = field->value; break;
	case 11: read_numbers(field->inside, &profile->period_type.type, 2); break;
	case 12: profile->period = field->value; break;
	case 14: profile->default_sample_type = field->value; break;
	default: fail_msg("field %u", field->number);
	}
}

static inline struct profile *profile_read(const uint8_t *bytes, size_t length)
{
	struct profile *profile = calloc(1, sizeof *profile);
	assert_non_null(profile);
	inflate_all(bytes, length, &profile->bytes, &profile->length);
	struct wire wire = {profile->bytes, profile->bytes + profile->length};
	struct wire_field field;
	while (wire_next(&wire, &field)) {
		assert_true(profile->sample_count < READ_MAX && profile->location_count < READ_MAX &&
			    profile->function_count < READ_MAX && profile->string_count < READ_MAX * 4);
		read_field(profile, &field);
	}
	return profile;
}

static inline void profile_destroy(struct profile *profile)
{
	free(profile->bytes);
	free(profile);
}

static inline void assert_text(const struct profile *profile, uint64_t index, const char *expected)
{
	assert_true(index < profile->string_count);
	size_t length = (size_t)(profile->strings[index].end - profile->strings[index].next);
	char text[512];
	assert_true(length < sizeof text);
	memcpy(text, profile->strings[index].next, length);
	text[length] = '\0';
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static inline const struct read_location *location_with(const struct profile *profile, uint64_t id)
{
	for (size_t i = 0; i < profile->location_count; i++) {
		if (profile->locations[i].id == id)
			return &profile->locations[i];
	}
	fail_msg("no location %llu", (unsigned long long)id);
	return NULL;
}

static inline const struct read_function *function_with(const struct profile *profile, uint64_t id)
{
	for (size_t i = 0; i < profile->function_count; i++) {
		if (profile->functions[i].id == id)
			return &profile->functions[i];
	}
	fail_msg("no function %llu", (unsigned long long)id);
	return NULL;
}

#endif
