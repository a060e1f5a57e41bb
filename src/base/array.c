/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/array.h"

#include <stdalign.h>

#define ARENA_BLOCK_SIZE ((size_t)64 * 1024)

struct gsd_arena_block {
	struct gsd_arena_block *next;
	size_t used;
	size_t capacity;
	alignas(max_align_t) unsigned char bytes[];
};

void *gsd_arena_allocate(struct gsd_arena *arena, size_t size)
{
	size_t alignment = alignof(max_align_t);
	if (size > SIZE_MAX - alignment - sizeof(struct gsd_arena_block))
		return NULL;
	size = (size + alignment - 1) & ~(alignment - 1);
	struct gsd_arena_block *block = arena->blocks;
	if (block == NULL || block->capacity - block->used < size) {
		size_t capacity = size > ARENA_BLOCK_SIZE / 4 ? size : ARENA_BLOCK_SIZE;
		block = calloc(1, sizeof *block + capacity);
		if (block == NULL)
			return NULL;
		block->capacity = capacity;
		if (arena->blocks != NULL && capacity != ARENA_BLOCK_SIZE) {
			/* A large one goes behind the block that still has room. */
			block->next = arena->blocks->next;
			arena->blocks->next = block;
		} else {
			block->next = arena->blocks;
			arena->blocks = block;
		}
	}
	void *result = block->bytes + block->used;
	block->used += size;
	return result;
}

char *gsd_arena_string(struct gsd_arena *arena, const void *bytes, size_t length)
{
	if (length == SIZE_MAX)
		return NULL;
	char *text = gsd_arena_allocate(arena, length + 1);
	if (text != NULL && length > 0)
		memcpy(text, bytes, length);
	return text;
}

void gsd_arena_free(struct gsd_arena *arena)
{
	while (arena->blocks != NULL) {
		struct gsd_arena_block *next = arena->blocks->next;
		free(arena->blocks);
		arena->blocks = next;
	}
}
