/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte strings as small numbers: equal ones have the same, whichever file they came from. */
#ifndef GSD_JOBS_INTERNER_H
#define GSD_JOBS_INTERNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A zeroed struct is an empty one. */
struct interner {
	struct interned *items;
	uint32_t count; /**< numbers are below that, without gaps, in the order in which they were added */
	size_t capacity;
	unsigned char *bytes;
	size_t used;
	size_t size;
	uint32_t *slots; /**< by hash: number + 1, or 0 */
	size_t slot_count;
	uint64_t seed; /**< nobody can make a file whose strings all collide */
};

/** The number of @p length bytes at @p bytes, a new one if they are new. False without memory. */
bool interner_add(struct interner *interner, const void *bytes, size_t length, uint32_t *number_ret);
/**
 * The bytes with @p number, followed by a NUL that does not count, at an address for uint64_t; valid until the next
 * addition. @p length_ret may be NULL.
 */
const void *interner_get(const struct interner *interner, uint32_t number, size_t *length_ret);
void interner_free(struct interner *interner);

#endif
