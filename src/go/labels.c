/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/hash.h"
#include "go/holders.h"

#define MAX_LABELS     4096              /* of one goroutine */
#define MAX_ALL_LABELS ((size_t)1 << 22) /* of a capture: what is over that is not read */
#define MAX_STRING     ((uint64_t)1 << 20)
#define MAX_BYTES      ((uint64_t)1 << 30) /* of all label strings of a capture */

/* A string of the target. */
struct remote_string {
	uint64_t address;
	uint64_t length;
};

/* A pair as it lies in the target. */
struct remote_label {
	struct remote_string key;
	struct remote_string value;
};
GSD_DEFINE_ARRAY(remote_labels, struct remote_label)

/* The pairs of one set: [first, first + count) of all pairs. */
struct extent {
	size_t first;
	size_t count;
	bool readable;
};

struct reader {
	struct gsd_memory *memory;
	struct remote_labels labels;
	uint64_t bytes;
};

static bool read_bytes(struct reader *reader, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer};
	gsd_memory_read_ranges(reader->memory, &range, 1);
	return range.errnum == 0;
}

/* ---- Go 1.24 and later: a slice ---- */

struct slice_header {
	uint64_t address;
	uint64_t length;
	uint64_t capacity;
};

static struct gsd_error *collect_slices(struct reader *reader, const uint64_t *pointers, size_t count,
					struct extent *extents)
{
	struct slice_header *headers = calloc(count, sizeof *headers);
	struct gsd_range *ranges = calloc(count, sizeof *ranges);
	struct gsd_error *error = headers == NULL || ranges == NULL ? gsd_error_no_memory() : NULL;
	for (size_t i = 0; i < count && error == NULL; i++)
		ranges[i] =
			(struct gsd_range){.address = pointers[i], .length = sizeof *headers, .buffer = &headers[i]};
	if (error == NULL)
		gsd_memory_read_ranges(reader->memory, ranges, count);
	for (size_t i = 0; i < count && error == NULL; i++) {
		const struct slice_header *header = &headers[i];
		extents[i] = (struct extent){.first = reader->labels.count};
		extents[i].readable = ranges[i].errnum == 0 && header->length <= header->capacity &&
				      header->length <= MAX_LABELS && reader->labels.count < MAX_ALL_LABELS;
		for (uint64_t k = 0; extents[i].readable && k < header->length && error == NULL; k++)
			if (!remote_labels_append(&reader->labels, (struct remote_label){{0, 0}, {0, 0}}))
				error = gsd_error_no_memory();
		extents[i].count = reader->labels.count - extents[i].first;
	}
	for (size_t i = 0; i < count && error == NULL; i++)
		ranges[i] = (struct gsd_range){
			.address = headers[i].address,
			.length = extents[i].count * sizeof(struct remote_label),
			.buffer = extents[i].count == 0 ? NULL : reader->labels.items + extents[i].first};
	if (error == NULL)
		gsd_memory_read_ranges(reader->memory, ranges, count);
	for (size_t i = 0; i < count && error == NULL; i++)
		if (extents[i].count > 0 && ranges[i].errnum != 0)
			extents[i].readable = false;
	free(headers);
	free(ranges);
	return error;
}

/* ---- Go 1.23 and earlier: a map[string]string ---- */

enum { HMAP_COUNT = 0, HMAP_B = 9, HMAP_BUCKETS = 16, HMAP_OLD_BUCKETS = 24, HMAP_SIZE = 48 };
enum { BUCKET_KEYS = 8, BUCKET_VALUES = 136, BUCKET_OVERFLOW = 264, BUCKET_SIZE = 272, BUCKET_SLOTS = 8 };
enum { TOPHASH_USED = 5, MAX_B = 12 };

static struct gsd_error *collect_bucket(struct reader *reader, const uint8_t *bucket)
{
	for (size_t slot = 0; slot < BUCKET_SLOTS; slot++) {
		if (bucket[slot] < TOPHASH_USED)
			continue;
		struct remote_label label = {.key = {gsd_u64_at(bucket, BUCKET_KEYS + 16 * slot),
						     gsd_u64_at(bucket, BUCKET_KEYS + 16 * slot + 8)},
					     .value = {gsd_u64_at(bucket, BUCKET_VALUES + 16 * slot),
						       gsd_u64_at(bucket, BUCKET_VALUES + 16 * slot + 8)}};
		if (!remote_labels_append(&reader->labels, label))
			return gsd_error_no_memory();
	}
	return NULL;
}

/* A map as far as it is read for all sets at once: the word that points to it, its header, its first bucket. */
struct map_copy {
	uint64_t map;
	uint8_t header[HMAP_SIZE];
	uint8_t bucket[BUCKET_SIZE];
	int errnum; /* of the last level that was read */
};

/* One level for all maps: @p address tells where each has it (0: nothing to read there). */
static void read_level(struct reader *reader, struct map_copy *maps, size_t count, struct gsd_range *ranges,
		       uint64_t (*address)(const struct map_copy *), size_t offset, size_t length)
{
	size_t wanted = 0;
	for (size_t i = 0; i < count; i++)
		if (maps[i].errnum == 0 && address(&maps[i]) != 0)
			ranges[wanted++] = (struct gsd_range){
				.address = address(&maps[i]), .length = length, .buffer = (char *)&maps[i] + offset};
	gsd_memory_read_ranges(reader->memory, ranges, wanted);
	wanted = 0;
	for (size_t i = 0; i < count; i++)
		if (maps[i].errnum == 0 && address(&maps[i]) != 0)
			maps[i].errnum = ranges[wanted++].errnum;
}

static uint64_t header_address(const struct map_copy *map)
{
	return map->map;
}

static uint64_t bucket_address(const struct map_copy *map)
{
	return map->map == 0 ? 0 : gsd_u64_at(map->header, HMAP_BUCKETS);
}

/* A bucket and its overflow chain; @p bucket has been read. */
static struct gsd_error *collect_chain(struct reader *reader, uint8_t *bucket, size_t *budget, bool *readable_ret)
{
	for (;;) {
		GSD_TRY(collect_bucket(reader, bucket));
		uint64_t next = gsd_u64_at(bucket, BUCKET_OVERFLOW);
		if (next == 0)
			return NULL;
		if ((*budget)-- == 0 || !read_bytes(reader, next, bucket, BUCKET_SIZE)) {
			*readable_ret = false;
			return NULL;
		}
	}
}

/* Buckets [first, 2^shift) with their overflow chains. */
static struct gsd_error *collect_buckets(struct reader *reader, uint64_t address, uint64_t first, unsigned shift,
					 size_t *budget, bool *readable_ret)
{
	uint8_t bucket[BUCKET_SIZE];
	for (uint64_t i = first; i < (uint64_t)1 << shift && *readable_ret; i++) {
		if ((*budget)-- == 0 || !read_bytes(reader, address + i * BUCKET_SIZE, bucket, sizeof bucket))
			*readable_ret = false;
		else
			GSD_TRY(collect_chain(reader, bucket, budget, readable_ret));
	}
	return NULL;
}

static struct gsd_error *collect_map(struct reader *reader, struct map_copy *map, struct extent *extent)
{
	*extent = (struct extent){.first = reader->labels.count, .readable = map->errnum == 0};
	if (!extent->readable || map->map == 0)
		return NULL;
	unsigned shift = map->header[HMAP_B];
	size_t budget = MAX_LABELS;
	extent->readable = shift <= MAX_B && reader->labels.count < MAX_ALL_LABELS;
	uint64_t buckets = gsd_u64_at(map->header, HMAP_BUCKETS);
	uint64_t old_buckets = gsd_u64_at(map->header, HMAP_OLD_BUCKETS);
	if (buckets != 0 && extent->readable) {
		GSD_TRY(collect_chain(reader, map->bucket, &budget, &extent->readable));
		GSD_TRY(collect_buckets(reader, buckets, 1, shift, &budget, &extent->readable));
	}
	if (old_buckets != 0 && shift > 0 && extent->readable)
		GSD_TRY(collect_buckets(reader, old_buckets, 0, shift - 1, &budget, &extent->readable));
	extent->count = reader->labels.count - extent->first;
	if (extent->count != gsd_u64_at(map->header, HMAP_COUNT))
		extent->readable = false;
	return NULL;
}

/* Nearly every set has at most eight labels, which is one bucket: three reads for all sets together. */
static struct gsd_error *collect_maps(struct reader *reader, const uint64_t *pointers, size_t count,
				      struct extent *extents)
{
	struct map_copy *maps = calloc(count, sizeof *maps);
	struct gsd_range *ranges = calloc(count, sizeof *ranges);
	struct gsd_error *error = maps == NULL || ranges == NULL ? gsd_error_no_memory() : NULL;
	if (error == NULL) {
		for (size_t i = 0; i < count; i++)
			ranges[i] = (struct gsd_range){
				.address = pointers[i], .length = sizeof maps[i].map, .buffer = &maps[i].map};
		gsd_memory_read_ranges(reader->memory, ranges, count);
		for (size_t i = 0; i < count; i++)
			maps[i].errnum = ranges[i].errnum;
		read_level(reader, maps, count, ranges, header_address, offsetof(struct map_copy, header), HMAP_SIZE);
		read_level(reader, maps, count, ranges, bucket_address, offsetof(struct map_copy, bucket), BUCKET_SIZE);
	}
	for (size_t i = 0; i < count && error == NULL; i++)
		error = collect_map(reader, &maps[i], &extents[i]);
	free(maps);
	free(ranges);
	return error;
}

/* ---- the strings ---- */

/* The strings of all labels, each place of the target once: keys are mostly the same constants. */
struct strings {
	struct gsd_range *ranges;
	size_t count;
	uint32_t *index;       /* per string of a label (key, value, key, …): its range */
	struct gsd_hash *seen; /* hash of a place -> its range */
};

static struct gsd_error *plan_string(struct reader *reader, const struct remote_string *string, struct gsd_arena *arena,
				     struct strings *strings, size_t number, bool *readable)
{
	uint64_t hash = gsd_hash_bytes(string, sizeof *string, 0);
	uint64_t known;
	if (gsd_hash_find(strings->seen, hash, &known) && strings->ranges[known].address == string->address &&
	    strings->ranges[known].length == string->length) {
		strings->index[number] = (uint32_t)known;
		return NULL;
	}
	if (string->length > MAX_STRING || reader->bytes + string->length > MAX_BYTES) {
		*readable = false;
		return NULL;
	}
	reader->bytes += string->length;
	struct gsd_range range = {.address = string->address,
				  .length = (size_t)string->length,
				  .buffer = gsd_arena_allocate(arena, (size_t)string->length + 1)};
	if (range.buffer == NULL || !gsd_hash_insert(strings->seen, hash, strings->count))
		return gsd_error_no_memory();
	strings->index[number] = (uint32_t)strings->count;
	strings->ranges[strings->count++] = range;
	return NULL;
}

static int by_key(const void *left, const void *right)
{
	const struct gsd_label *a = left;
	const struct gsd_label *b = right;
	size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
	int order = memcmp(a->key, b->key, shorter);
	return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static bool was_read(const struct gsd_range *range)
{
	return range->length == 0 || range->errnum == 0;
}

static struct gsd_error *make_set(const struct strings *strings, const struct extent *extent, struct gsd_arena *arena,
				  struct gsd_label_set *set, bool *readable)
{
	*set = (struct gsd_label_set){0};
	*readable = extent->readable;
	if (!*readable)
		return NULL;
	struct gsd_label *labels = gsd_arena_allocate(arena, extent->count * sizeof *labels);
	if (labels == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < extent->count; i++) {
		size_t number = 2 * (extent->first + i);
		const struct gsd_range *key = &strings->ranges[strings->index[number]];
		const struct gsd_range *value = &strings->ranges[strings->index[number + 1]];
		*readable = *readable && was_read(key) && was_read(value);
		labels[i] = (struct gsd_label){.key = key->buffer,
					       .key_length = key->length,
					       .value = value->buffer,
					       .value_length = value->length};
	}
	if (!*readable)
		return NULL;
	qsort(labels, extent->count, sizeof *labels, by_key);
	set->labels = labels;
	set->count = extent->count;
	return NULL;
}

static struct gsd_error *plan_strings(struct reader *reader, struct extent *extent, struct gsd_arena *arena,
				      struct strings *strings)
{
	for (size_t k = extent->first; k < extent->first + extent->count && extent->readable; k++) {
		const struct remote_label *label = &reader->labels.items[k];
		GSD_TRY(plan_string(reader, &label->key, arena, strings, 2 * k, &extent->readable));
		GSD_TRY(plan_string(reader, &label->value, arena, strings, 2 * k + 1, &extent->readable));
	}
	return NULL;
}

static struct gsd_error *read_strings(struct reader *reader, struct extent *extents, size_t count,
				      struct gsd_arena *arena, struct gsd_label_set *sets, bool *readable)
{
	size_t most = 2 * reader->labels.count + 1;
	struct strings strings = {.ranges = calloc(most, sizeof *strings.ranges),
				  .index = calloc(most, sizeof *strings.index),
				  .seen = gsd_hash_create(1024)};
	struct gsd_error *error = NULL;
	if (strings.ranges == NULL || strings.index == NULL || strings.seen == NULL)
		error = gsd_error_no_memory();
	for (size_t i = 0; i < count && error == NULL; i++)
		error = plan_strings(reader, &extents[i], arena, &strings);
	if (error == NULL)
		gsd_memory_read_ranges(reader->memory, strings.ranges, strings.count);
	for (size_t i = 0; i < count && error == NULL; i++)
		error = make_set(&strings, &extents[i], arena, &sets[i], &readable[i]);
	free(strings.ranges);
	free(strings.index);
	gsd_hash_destroy(strings.seen);
	return error;
}

struct gsd_error *gsd_labels_read(struct gsd_memory *memory, unsigned go_minor, const uint64_t *pointers, size_t count,
				  struct gsd_arena *arena, struct gsd_label_set *sets_ret, bool *readable_ret)
{
	if (count == 0)
		return NULL;
	struct reader reader = {.memory = memory};
	struct extent *extents = calloc(count, sizeof *extents);
	struct gsd_error *error = extents == NULL ? gsd_error_no_memory() : NULL;
	if (error == NULL && go_minor >= 24)
		error = collect_slices(&reader, pointers, count, extents);
	else if (error == NULL)
		error = collect_maps(&reader, pointers, count, extents);
	if (error == NULL)
		error = read_strings(&reader, extents, count, arena, sets_ret, readable_ret);
	free(extents);
	remote_labels_free(&reader.labels);
	return error;
}

struct gsd_error *gsd_labels_confirm(struct gsd_memory *memory, const struct gsd_layout *layout,
				     const struct gsd_goroutine *goroutines, size_t goroutine_count,
				     const uint64_t *pointers, size_t count, bool *readable)
{
	const struct gsd_held held = {.g_offset = layout->labels,
				      .index_member = offsetof(struct gsd_goroutine, labels),
				      .no_index = GSD_NO_LABELS,
				      .pointers = pointers,
				      .count = count};
	return gsd_holders_confirm(memory, layout, &held, goroutines, goroutine_count, readable);
}
