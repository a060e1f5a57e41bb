/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t key;
	uint64_t value;
};

struct gsd_hash {
	struct entry *entries;
	uint8_t *used;
	size_t capacity; /* a power of two */
	size_t count;
};

/* The finaliser of MurmurHash3: a bijection that mixes all bits. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}

static bool allocate(struct gsd_hash *hash, size_t capacity)
{
	hash->entries = calloc(capacity, sizeof *hash->entries);
	hash->used = calloc(capacity, 1);
	if (hash->entries == NULL || hash->used == NULL) {
		free(hash->entries);
		free(hash->used);
		return false;
	}
	hash->capacity = capacity;
	hash->count = 0;
	return true;
}

struct gsd_hash *gsd_hash_create(size_t expected)
{
	size_t capacity = 16;
	while (capacity < expected * 2 && capacity < SIZE_MAX / 4)
		capacity *= 2;
	struct gsd_hash *hash = malloc(sizeof *hash);
	if (hash != NULL && !allocate(hash, capacity)) {
		free(hash);
		return NULL;
	}
	return hash;
}

void gsd_hash_destroy(struct gsd_hash *hash)
{
	if (hash == NULL)
		return;
	free(hash->entries);
	free(hash->used);
	free(hash);
}

/* The slot that holds key, or the free one where it belongs. */
static size_t slot_of(const struct gsd_hash *hash, uint64_t key)
{
	size_t slot = (size_t)mix(key) & (hash->capacity - 1);
	while (hash->used[slot] && hash->entries[slot].key != key)
		slot = (slot + 1) & (hash->capacity - 1);
	return slot;
}

bool gsd_hash_find(const struct gsd_hash *hash, uint64_t key, uint64_t *value_ret)
{
	size_t slot = slot_of(hash, key);
	if (!hash->used[slot])
		return false;
	if (value_ret != NULL)
		*value_ret = hash->entries[slot].value;
	return true;
}

static bool grow(struct gsd_hash *hash)
{
	struct gsd_hash larger;
	if (!allocate(&larger, hash->capacity * 2))
		return false;
	for (size_t i = 0; i < hash->capacity; i++) {
		if (!hash->used[i])
			continue;
		size_t slot = slot_of(&larger, hash->entries[i].key);
		larger.entries[slot] = hash->entries[i];
		larger.used[slot] = 1;
	}
	larger.count = hash->count;
	free(hash->entries);
	free(hash->used);
	*hash = larger;
	return true;
}

bool gsd_hash_insert(struct gsd_hash *hash, uint64_t key, uint64_t value)
{
	if (hash->count >= hash->capacity / 2 && !grow(hash))
		return false;
	size_t slot = slot_of(hash, key);
	if (!hash->used[slot]) {
		hash->used[slot] = 1;
		hash->entries[slot].key = key;
		hash->count++;
	}
	hash->entries[slot].value = value;
	return true;
}

size_t gsd_hash_count(const struct gsd_hash *hash)
{
	return hash->count;
}

uint64_t gsd_hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
	const uint8_t *cursor = bytes;
	uint64_t state = seed ^ (0x9e3779b97f4a7c15ULL + length);
	for (; length >= 8; cursor += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, cursor, sizeof word);
		state = mix(state ^ word) + 0x9e3779b97f4a7c15ULL;
	}
	uint64_t tail = 0;
	if (length > 0)
		memcpy(&tail, cursor, length);
	return mix(state ^ tail);
}
