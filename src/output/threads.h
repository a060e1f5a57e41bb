/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads in the place of goroutines: formats of stacks group, count and draw them in the same way. So are written all
 * threads of a program without Go, and in a report those of a Go program that run no goroutine.
 */
#ifndef GSD_OUTPUT_THREADS_H
#define GSD_OUTPUT_THREADS_H

#include "go/snapshot.h"

/**
 * Makes of @p snapshot, which is borrowed, one whose goroutines are its threads without a goroutine, with their ids for
 * goids. To be freed with gsd_threads_view_free(). Errors: GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_threads_view(const struct gsd_snapshot *snapshot, struct gsd_snapshot *view_ret);
void gsd_threads_view_free(struct gsd_snapshot *view);

/** What so many of the things that @p snapshot counts are called: "goroutines", "thread". */
static inline const char *gsd_snapshot_noun(const struct gsd_snapshot *snapshot, uint64_t count)
{
	if (snapshot->threads_only)
		return count == 1 ? "thread" : "threads";
	return count == 1 ? "goroutine" : "goroutines";
}
/** What its program was made with: "go1.26.8", "not Go". */
static inline const char *gsd_snapshot_maker(const struct gsd_snapshot *snapshot)
{
	return snapshot->threads_only ? "not Go" : snapshot->go_version;
}

#endif
