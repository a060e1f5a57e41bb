/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goroutines refer to and what is read after the stop: the numbers of Ps, bubbles, ancestors. None of it changes
 * while it exists. Ps are never freed (runtime/proc.go, procresize); of the rest it is looked up again whether it was
 * still held after the reading (go/holders.h). What cannot be read is unknown, and no reason to fail.
 */
#ifndef GSD_GO_REFERENCES_H
#define GSD_GO_REFERENCES_H

#include "base/array.h"
#include "base/memory.h"
#include "go/layout.h"
#include "go/snapshot.h"

/** Fills in p_id of @p threads. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_threads_read_ps(struct gsd_memory *memory, const struct gsd_layout *layout,
						     struct gsd_snapshot_thread *threads, size_t count);

/** Reads the bubbles at @p pointers into @p bubbles_ret[0..count). gsd_goroutine.bubble is an index into both. */
GSD_MUST_CHECK struct gsd_error *gsd_bubbles_read(struct gsd_memory *memory, const struct gsd_layout *layout,
						  const struct gsd_goroutine *goroutines, size_t goroutine_count,
						  const uint64_t *pointers, size_t count,
						  struct gsd_bubble *bubbles_ret);

/**
 * Reads the ancestries at @p pointers into @p ancestries_ret[0..count), with what they consist of in @p arena.
 * gsd_goroutine.ancestry is an index into both. Source: runtime/proc.go, saveAncestors; runtime2.go, ancestorInfo.
 */
GSD_MUST_CHECK struct gsd_error *gsd_ancestries_read(struct gsd_memory *memory, const struct gsd_layout *layout,
						     const struct gsd_goroutine *goroutines, size_t goroutine_count,
						     const uint64_t *pointers, size_t count, struct gsd_arena *arena,
						     struct gsd_ancestry *ancestries_ret);

#endif
