/* SPDX-License-Identifier: BSD-3-Clause */
/* The string table of a profile: each string once, addressed by its index. */
#ifndef GSD_OUTPUT_STRING_TABLE_H
#define GSD_OUTPUT_STRING_TABLE_H

#include "output/output.h"

struct gsd_string_table;

/** A table that holds "" at index 0, as profile.proto wants it. NULL without memory. */
struct gsd_string_table *gsd_string_table_create(void);
void gsd_string_table_destroy(struct gsd_string_table *table);

/**
 * The index of the string of @p length bytes, added if new. Each byte that is not part of valid UTF-8 becomes U+FFFD
 * first. The bytes are borrowed and must live as long as @p table (a million label values are not copied).
 */
GSD_MUST_CHECK struct gsd_error *gsd_string_table_index(struct gsd_string_table *table, const void *bytes,
							size_t length, uint64_t *index_ret);

/** Writes every string in order of index as field @p field of a message. */
GSD_MUST_CHECK struct gsd_error *gsd_string_table_emit(const struct gsd_string_table *table, unsigned field,
						       struct gsd_sink *sink);

#endif
