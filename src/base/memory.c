/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

void gsd_memory_read_ranges(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	memory->read(memory, ranges, count);
}

static enum gsd_error_code code_of_read_failure(int errnum)
{
	switch (errnum) {
	case ESRCH: return GSD_ERROR_GONE;
	case EPERM:
	case EACCES: return GSD_ERROR_PERMISSION;
	default: return GSD_ERROR_READ;
	}
}

struct gsd_error *gsd_memory_read(struct gsd_memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer};
	gsd_memory_read_ranges(memory, &range, 1);
	if (range.errnum == 0)
		return NULL;
	return gsd_error_create(code_of_read_failure(range.errnum), range.errnum,
				"read %zu bytes of the target's memory at 0x%" PRIx64, length, address);
}

struct gsd_error *gsd_memory_read_u64(struct gsd_memory *memory, uint64_t address, uint64_t *value_ret)
{
	uint8_t bytes[8];
	GSD_TRY(gsd_memory_read(memory, address, bytes, sizeof bytes));
	memcpy(value_ret, bytes, sizeof *value_ret);
	return NULL;
}

/* ---- byte arrays ---- */

static void segment_memory_read(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct gsd_segment_memory *memory = (struct gsd_segment_memory *)base;
	for (size_t i = 0; i < count; i++) {
		ranges[i].errnum = EFAULT;
		for (size_t k = 0; k < memory->count; k++) {
			const struct gsd_segment *segment = &memory->segments[k];
			if (ranges[i].address < segment->address || ranges[i].length > segment->length ||
			    ranges[i].address - segment->address > segment->length - ranges[i].length)
				continue;
			if (ranges[i].length > 0)
				memcpy(ranges[i].buffer,
				       (const uint8_t *)segment->bytes + (ranges[i].address - segment->address),
				       ranges[i].length);
			ranges[i].errnum = 0;
			break;
		}
	}
}

void gsd_segment_memory_init(struct gsd_segment_memory *memory, const struct gsd_segment *segments, size_t count)
{
	memory->memory.read = segment_memory_read;
	memory->segments = segments;
	memory->count = count;
}

/* ---- the block cache ---- */

#define BLOCK_SHIFT 14
#define BLOCK_SIZE  ((size_t)1 << BLOCK_SHIFT)

struct cached_range {
	uint64_t address;
	size_t length;
	uint8_t *bytes;
};

struct gsd_block_cache {
	struct gsd_memory *memory;
	size_t max_bytes;
	size_t bytes;
	struct gsd_hash *blocks; /* block number -> index into ranges */
	struct cached_range *ranges;
	size_t count;
	size_t capacity;
};

struct gsd_error *gsd_block_cache_create(struct gsd_memory *memory, size_t max_bytes,
					 struct gsd_block_cache **cache_ret)
{
	struct gsd_block_cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		return gsd_error_no_memory();
	cache->memory = memory;
	cache->max_bytes = max_bytes;
	cache->blocks = gsd_hash_create(64);
	if (cache->blocks == NULL) {
		gsd_block_cache_destroy(cache);
		return gsd_error_no_memory();
	}
	*cache_ret = cache;
	return NULL;
}

void gsd_block_cache_destroy(struct gsd_block_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < cache->count; i++)
		free(cache->ranges[i].bytes);
	free(cache->ranges);
	gsd_hash_destroy(cache->blocks);
	free(cache);
}

void gsd_block_cache_seal(struct gsd_block_cache *cache)
{
	cache->memory = NULL;
}

static struct gsd_error *load_range(struct gsd_block_cache *cache, uint64_t address, size_t length, size_t *index_ret)
{
	if (cache->memory == NULL)
		return gsd_error_because(gsd_error_create(GSD_ERROR_READ, 0,
							  "read %zu bytes of the target's tables at 0x%" PRIx64, length,
							  address),
					 "the target has been let go");
	if (length > cache->max_bytes - cache->bytes)
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0,
							  "read %zu bytes of the target's tables at 0x%" PRIx64, length,
							  address),
					 "more than %zu bytes of tables were asked for", cache->max_bytes);
	if (cache->count == cache->capacity) {
		size_t capacity = cache->capacity == 0 ? 64 : 2 * cache->capacity;
		struct cached_range *grown = reallocarray(cache->ranges, capacity, sizeof *grown);
		if (grown == NULL)
			return gsd_error_no_memory();
		cache->ranges = grown;
		cache->capacity = capacity;
	}
	uint8_t *bytes = malloc(length == 0 ? 1 : length);
	if (bytes == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_memory_read(cache->memory, address, bytes, length);
	if (error != NULL) {
		free(bytes);
		return error;
	}
	cache->ranges[cache->count] = (struct cached_range){.address = address, .length = length, .bytes = bytes};
	cache->bytes += length;
	*index_ret = cache->count++;
	return NULL;
}

struct gsd_error *gsd_block_cache_read(struct gsd_block_cache *cache, uint64_t address, size_t length,
				       const uint8_t **bytes_ret)
{
	uint64_t block = address >> BLOCK_SHIFT;
	size_t offset = (size_t)(address & (BLOCK_SIZE - 1));
	size_t index;
	if (offset + length > BLOCK_SIZE || length > BLOCK_SIZE) {
		/* Across blocks: a copy of its own. Rare, and never asked for twice in a loop. */
		GSD_TRY(load_range(cache, address, length, &index));
		*bytes_ret = cache->ranges[index].bytes;
		return NULL;
	}
	uint64_t found;
	if (gsd_hash_find(cache->blocks, block, &found)) {
		*bytes_ret = cache->ranges[found].bytes + offset;
		return NULL;
	}
	struct gsd_error *error = load_range(cache, block << BLOCK_SHIFT, BLOCK_SIZE, &index);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_READ) {
		/* The block reaches past the mapping: just what was asked for. */
		gsd_error_destroy(error);
		GSD_TRY(load_range(cache, address, length, &index));
		*bytes_ret = cache->ranges[index].bytes;
		return NULL;
	}
	if (error != NULL)
		return error;
	if (!gsd_hash_insert(cache->blocks, block, index))
		return gsd_error_no_memory();
	*bytes_ret = cache->ranges[index].bytes + offset;
	return NULL;
}
