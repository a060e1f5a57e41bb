/* SPDX-License-Identifier: BSD-3-Clause */
/* Growable arrays, declared per type, and an arena for strings that live together. */
#ifndef GSD_BASE_ARRAY_H
#define GSD_BASE_ARRAY_H

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/**
 * Declares `struct name { type *items; size_t count, capacity; }` with name_append (false without memory) and
 * name_free. A zeroed struct is an empty array.
 */
#define GSD_DEFINE_ARRAY(name, type)                                                                                   \
	struct name {                                                                                                  \
		type *items;                                                                                           \
		size_t count;                                                                                          \
		size_t capacity;                                                                                       \
	};                                                                                                             \
	static inline GSD_MUST_CHECK bool name##_append(struct name *array, type item)                                 \
	{                                                                                                              \
		if (array->count == array->capacity) {                                                                 \
			size_t capacity = array->capacity == 0 ? 16 : array->capacity * 2;                             \
			type *grown = (type *)reallocarray(array->items, capacity, sizeof(type));                      \
			if (grown == NULL)                                                                             \
				return false;                                                                          \
			array->items = grown;                                                                          \
			array->capacity = capacity;                                                                    \
		}                                                                                                      \
		array->items[array->count++] = item;                                                                   \
		return true;                                                                                           \
	}                                                                                                              \
	static inline void name##_free(struct name *array)                                                             \
	{                                                                                                              \
		free(array->items);                                                                                    \
		memset(array, 0, sizeof *array);                                                                       \
	}

GSD_DEFINE_ARRAY(gsd_u64_array, uint64_t)

/** An arena: allocations live until it is freed. A zeroed struct is an empty arena. */
struct gsd_arena {
	struct gsd_arena_block *blocks;
};
/** @p size zeroed bytes, aligned for any type. NULL without memory. */
void *gsd_arena_allocate(struct gsd_arena *arena, size_t size);
/** A NUL-terminated copy of @p length bytes. NULL without memory. */
char *gsd_arena_string(struct gsd_arena *arena, const void *bytes, size_t length);
void gsd_arena_free(struct gsd_arena *arena);

#endif
