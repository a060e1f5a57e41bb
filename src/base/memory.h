/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory interface: analysis asks for ranges of a target's memory, in batches, and gets all bytes or a reason. */
#ifndef GSD_BASE_MEMORY_H
#define GSD_BASE_MEMORY_H

#include "base/base.h"

/** One range to read: @ref length bytes at @ref address into @ref buffer. */
struct gsd_range {
	uint64_t address;
	size_t length;
	void *buffer;
	int errnum; /**< set by the read: 0: all bytes were read; EFAULT: not mapped; ESRCH: the target ended; EPERM */
};

/**
 * Something that can be read: a live process, a core file, a program's segments, or a test's byte arrays.
 * `read` fills every range that it can and sets each range's errnum: a range is read whole or not at all. It neither
 * allocates nor logs, so that it may run inside a stop.
 */
struct gsd_memory {
	void (*read)(struct gsd_memory *memory, struct gsd_range *ranges, size_t count);
};

/** Reads @p count ranges; the caller looks at each range's errnum. */
void gsd_memory_read_ranges(struct gsd_memory *memory, struct gsd_range *ranges, size_t count);
/** Reads exactly @p length bytes or fails: GSD_ERROR_READ, _GONE or _PERMISSION, naming the address. */
GSD_MUST_CHECK struct gsd_error *gsd_memory_read(struct gsd_memory *memory, uint64_t address, void *buffer,
						 size_t length);
/** One little-endian 64-bit word. */
GSD_MUST_CHECK struct gsd_error *gsd_memory_read_u64(struct gsd_memory *memory, uint64_t address, uint64_t *value_ret);

/** Memory made of byte arrays, for tests and for images: the ranges must not overlap. */
struct gsd_segment {
	uint64_t address;
	size_t length;
	const void *bytes;
};
struct gsd_segment_memory {
	struct gsd_memory memory;
	const struct gsd_segment *segments;
	size_t count;
};
/** Initialises @p memory over @p segments, which it borrows. */
void gsd_segment_memory_init(struct gsd_segment_memory *memory, const struct gsd_segment *segments, size_t count);

/**
 * A cache of blocks read from a memory whose bytes do not change (a program's read-only segments).
 * Pointers that it gives out live until it is destroyed. At most @p max_bytes are kept; beyond that reads fail.
 */
struct gsd_block_cache;
GSD_MUST_CHECK struct gsd_error *gsd_block_cache_create(struct gsd_memory *memory, size_t max_bytes,
							struct gsd_block_cache **cache_ret);
void gsd_block_cache_destroy(struct gsd_block_cache *cache);
/** From now on only what is in the cache can be read: its memory goes away. */
void gsd_block_cache_seal(struct gsd_block_cache *cache);
/**
 * The @p length bytes at @p address. The pointer is valid until the cache is destroyed. Fails with GSD_ERROR_READ.
 */
GSD_MUST_CHECK struct gsd_error *gsd_block_cache_read(struct gsd_block_cache *cache, uint64_t address, size_t length,
						      const uint8_t **bytes_ret);

#endif
