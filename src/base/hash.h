/* SPDX-License-Identifier: BSD-3-Clause */
/* A hash table from 64-bit keys to 64-bit values: open addressing, linear probing, no deletion. */
#ifndef GSD_BASE_HASH_H
#define GSD_BASE_HASH_H

#include "base/base.h"

struct gsd_hash;

/** A table with room for about @p expected entries; it grows by itself. NULL without memory. */
struct gsd_hash *gsd_hash_create(size_t expected);
void gsd_hash_destroy(struct gsd_hash *hash);
/** Whether @p key is there; its value then goes to @p value_ret (may be NULL). */
bool gsd_hash_find(const struct gsd_hash *hash, uint64_t key, uint64_t *value_ret);
/** Inserts or replaces. False without memory. */
bool gsd_hash_insert(struct gsd_hash *hash, uint64_t key, uint64_t value) GSD_MUST_CHECK;
/** How many entries there are. */
size_t gsd_hash_count(const struct gsd_hash *hash);

/** A well mixed 64-bit hash of @p length bytes; @p seed continues an earlier one. */
uint64_t gsd_hash_bytes(const void *bytes, size_t length, uint64_t seed);

#endif
