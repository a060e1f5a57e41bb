/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing profile.proto, gzipped, as it is produced: samples go out one by one with the locations and functions that
 * they are the first to need; mappings and strings come last.
 */
#ifndef GSD_OUTPUT_PROFILE_H
#define GSD_OUTPUT_PROFILE_H

#include "output/aggregate.h"
#include "output/gzip.h"
#include "output/output.h"
#include "output/protobuf.h"

struct gsd_hash;
struct gsd_string_table;

/** What a value of a sample counts. */
struct gsd_profile_type {
	const char *type;
	const char *unit;
};

/** A profile being written. Of its fields, users read @ref snapshot and @ref stacks. */
struct gsd_profile {
	const struct gsd_snapshot *snapshot;
	struct gsd_distinct_stacks stacks;
	struct gsd_gzip *gzip;
	struct gsd_sink *sink; /* into gzip */
	struct gsd_string_table *strings;
	struct gsd_hash *function_ids; /* from a name's string index */
	uint32_t *location_ids;        /* by gsd_location.index; 0: not written yet */
	uint32_t location_count;
	uint8_t *mapping_uses; /* enum mapping_use bits */
	struct gsd_message message;
	struct gsd_message inner;
	struct gsd_u64_array ids; /* location ids of the sample that is being written */
};

/**
 * Begins a profile of the stacks of @p snapshot in @p sink; both, and @p source, are borrowed. On failure there is
 * nothing to free. Errors: as @p source, or GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_profile_create(const struct gsd_snapshot *snapshot,
						    const struct gsd_location_source *source, struct gsd_sink *sink,
						    struct gsd_profile *profile_ret);
/** Frees what @p profile holds, finished or not. */
void gsd_profile_free(struct gsd_profile *profile);

/**
 * Writes what stands before the samples: one type for each value of a sample; the first is that of the period, too.
 * With several, a reader that is told nothing else shows the first.
 */
GSD_MUST_CHECK struct gsd_error *gsd_profile_begin(struct gsd_profile *profile, const struct gsd_profile_type *types,
						   size_t count);
/** Begins a sample: a value for each type, and a stack of gsd_profile.stacks. */
GSD_MUST_CHECK struct gsd_error *gsd_profile_begin_sample(struct gsd_profile *profile, const uint64_t *values,
							  size_t count, uint32_t stack);
/** Adds a label; its bytes live as long as the profile. */
GSD_MUST_CHECK struct gsd_error *gsd_profile_add_label(struct gsd_profile *profile, const struct gsd_label *label);
/** Adds a label that is a number; key and unit live as long as the profile. A unit keeps a 0 from being left out. */
GSD_MUST_CHECK struct gsd_error *gsd_profile_add_number(struct gsd_profile *profile, const char *key, uint64_t number,
							const char *unit);
/** The label of a goroutine that is not settled at the moment: gostackdump=ambiguous. */
extern const struct gsd_label gsd_profile_ambiguous;
GSD_MUST_CHECK struct gsd_error *gsd_profile_end_sample(struct gsd_profile *profile);
/** Writes what stands behind the samples; without it the profile is cut. */
GSD_MUST_CHECK struct gsd_error *gsd_profile_finish(struct gsd_profile *profile);

#endif
