/* SPDX-License-Identifier: BSD-3-Clause */
/* Selection: a snapshot is narrowed to the goroutines that filters let through, and to a sample of those. */
#ifndef GSD_OUTPUT_SELECT_H
#define GSD_OUTPUT_SELECT_H

#include "output/aggregate.h"

struct gsd_arena;

/**
 * Whether @p selection can be done: GSD_ERROR_INVALID for a filter that cannot be understood, or that asks for names
 * when @p names is false.
 */
GSD_MUST_CHECK struct gsd_error *gsd_selection_examine(const struct gsd_selection *selection, bool names);

/**
 * Keeps of @p snapshot's goroutines those of @p selection, in their order; the others leave the array, whose memory
 * stays where it is. Threads without a goroutine leave, too. snapshot.selection says what was done; its filter lives in
 * @p arena. Fails as gsd_selection_examine() and @p source do; the snapshot is untouched then.
 */
GSD_MUST_CHECK struct gsd_error *gsd_select(struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
					    const struct gsd_selection *selection, struct gsd_arena *arena);

/** Whether it was asked how long goroutines wait, and that is not known of any: a core does not say. */
bool gsd_selection_lacks_ages(const struct gsd_snapshot *snapshot);

#endif
