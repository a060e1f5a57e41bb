/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Aggregation: which goroutines of a snapshot have the same stack once it is symbolized, and the same labels. Every
 * stack of the snapshot is symbolized once, however many goroutines have it.
 */
#ifndef GSD_OUTPUT_AGGREGATE_H
#define GSD_OUTPUT_AGGREGATE_H

#include "base/array.h"
#include "go/snapshot.h"
#include "go/symbolize.h"

/** Where the locations of a stack come from: the snapshot's symbolizer, or a table in a test. */
struct gsd_location_source {
	/** As gsd_symbolize_stack(): replaces the content of @p list. Locations live as long as the source. */
	struct gsd_error *(*locate)(void *context, const struct gsd_stack *stack, struct gsd_location_list *list);
	/** As gsd_symbolize_creator(). */
	struct gsd_error *(*creator)(void *context, uint64_t pc, struct gsd_line *line_ret);
	/** As gsd_symbolize_call(). */
	struct gsd_error *(*call)(void *context, uint64_t pc, struct gsd_line *line_ret);
	void *context;
};

/** The source that asks @p snapshot's symbolizer, cutting stacks as the snapshot says. Borrows it. */
struct gsd_location_source gsd_snapshot_locations(const struct gsd_snapshot *snapshot);

GSD_DEFINE_ARRAY(gsd_u32_array, uint32_t)
GSD_DEFINE_ARRAY(gsd_location_array, const struct gsd_location *)

/** One stack after symbolization: its frames are @ref count entries of gsd_distinct_stacks.frames from @ref first. */
struct gsd_distinct_stack {
	size_t first;
	size_t count;
	size_t next_same_hash; /* another one, or SIZE_MAX */
};
GSD_DEFINE_ARRAY(gsd_distinct_stack_array, struct gsd_distinct_stack)

/** The stacks that goroutines of a snapshot have, each once, in order of first use. */
struct gsd_distinct_stacks {
	struct gsd_distinct_stack_array stacks;
	struct gsd_u32_array frames;         /**< gsd_location.index, innermost first */
	struct gsd_location_array locations; /**< by gsd_location.index; NULL: used by no stack here */
	uint32_t *of_stack;                  /**< per stack of the snapshot: index into stacks; UINT32_MAX: not used */
};

/** Symbolizes what @p snapshot's goroutines have. Fails as @p source does, or with GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_distinct_stacks_create(const struct gsd_snapshot *snapshot,
							    const struct gsd_location_source *source,
							    struct gsd_distinct_stacks *stacks_ret);
void gsd_distinct_stacks_free(struct gsd_distinct_stacks *stacks);
/** The location of frame @p frame (0 is the innermost) of distinct stack @p stack. */
const struct gsd_location *gsd_distinct_stacks_location(const struct gsd_distinct_stacks *stacks, uint32_t stack,
							size_t frame);
/** An order of distinct stacks that does not depend on the order of goroutines: by address, then name; 0: same. */
int gsd_distinct_stacks_compare(const struct gsd_distinct_stacks *stacks, uint32_t left, uint32_t right);

/**
 * For each label set of @p snapshot the index of the first set with the same content. An empty set is not the
 * same as none: the runtime's profile counts them apart (runtime/pprof, printCountProfile's key).
 * The array has label_set_count entries (at least one is allocated) and is freed with free().
 */
GSD_MUST_CHECK struct gsd_error *gsd_canonical_labels(const struct gsd_snapshot *snapshot, uint32_t **canonical_ret);
/** Whether two labels are the same key with the same value. */
bool gsd_label_equal(const struct gsd_label *left, const struct gsd_label *right);
/** An order of label sets by content; GSD_NO_LABELS comes first. */
int gsd_labels_compare(const struct gsd_snapshot *snapshot, uint32_t left, uint32_t right);

#endif
