/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/interner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ALIGNMENT sizeof(uint64_t)

struct interned {
	uint64_t hash;
	size_t offset;
	size_t length;
};

/* Multiply and fold, a word at a time. */
static uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
	const unsigned char *byte = bytes;
	uint64_t hash = seed ^ length;
	while (length > 0) {
		size_t part = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
		uint64_t word = 0;
		memcpy(&word, byte, part);
		unsigned __int128 product = (unsigned __int128)(hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ seed;
		byte += part;
		length -= part;
	}
	return hash ^ hash >> 29;
}

static bool grow_slots(struct interner *interner)
{
	size_t count = interner->slot_count == 0 ? 64 : 2 * interner->slot_count;
	uint32_t *slots = calloc(count, sizeof *slots);
	if (slots == NULL)
		return false;
	if (interner->slot_count == 0 &&
	    getrandom(&interner->seed, sizeof interner->seed, 0) != (ssize_t)sizeof interner->seed)
		interner->seed = (uintptr_t)slots;
	for (uint32_t i = 0; i < interner->count; i++) {
		size_t slot = interner->items[i].hash & (count - 1);
		while (slots[slot] != 0)
			slot = (slot + 1) & (count - 1);
		slots[slot] = i + 1;
	}
	free(interner->slots);
	interner->slots = slots;
	interner->slot_count = count;
	return true;
}

static bool has_room(struct interner *interner, size_t length)
{
	size_t needed;
	if (interner->count == UINT32_MAX - 1 || __builtin_add_overflow(interner->used, length, &needed) ||
	    __builtin_add_overflow(needed, 2 * ALIGNMENT, &needed))
		return false;
	if (needed > interner->size) {
		size_t size = interner->size == 0 ? 4096 : interner->size;
		while (size < needed)
			if (__builtin_mul_overflow(size, 2, &size))
				return false;
		unsigned char *bytes = realloc(interner->bytes, size);
		if (bytes == NULL)
			return false;
		interner->bytes = bytes;
		interner->size = size;
	}
	if (interner->count == interner->capacity) {
		size_t capacity = interner->capacity == 0 ? 64 : 2 * interner->capacity;
		struct interned *items = reallocarray(interner->items, capacity, sizeof *items);
		if (items == NULL)
			return false;
		interner->items = items;
		interner->capacity = capacity;
	}
	return true;
}

static bool is_same(const struct interner *interner, const struct interned *item, const void *bytes, size_t length,
		    uint64_t hash)
{
	return item->hash == hash && item->length == length &&
	       (length == 0 || memcmp(interner->bytes + item->offset, bytes, length) == 0);
}

bool interner_add(struct interner *interner, const void *bytes, size_t length, uint32_t *number_ret)
{
	if ((size_t)interner->count * 4 >= interner->slot_count * 3 && !grow_slots(interner))
		return false;
	uint64_t hash = hash_bytes(bytes, length, interner->seed);
	size_t slot = hash & (interner->slot_count - 1);
	for (; interner->slots[slot] != 0; slot = (slot + 1) & (interner->slot_count - 1)) {
		uint32_t number = interner->slots[slot] - 1;
		if (is_same(interner, &interner->items[number], bytes, length, hash)) {
			*number_ret = number;
			return true;
		}
	}
	if (!has_room(interner, length))
		return false;
	if (length > 0)
		memcpy(interner->bytes + interner->used, bytes, length);
	interner->bytes[interner->used + length] = '\0';
	interner->items[interner->count] = (struct interned){hash, interner->used, length};
	interner->used += (length + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
	*number_ret = interner->count++;
	interner->slots[slot] = *number_ret + 1;
	return true;
}

const void *interner_get(const struct interner *interner, uint32_t number, size_t *length_ret)
{
	const struct interned *item = &interner->items[number];
	if (length_ret != NULL)
		*length_ret = item->length;
	return interner->bytes + item->offset;
}

void interner_free(struct interner *interner)
{
	free(interner->items);
	free(interner->bytes);
	free(interner->slots);
	*interner = (struct interner){0};
}
