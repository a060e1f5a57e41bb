/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks: what the runtime's variables say at a time, so that two times can be compared. Which goids were handed out
 * between (runtime/proc.go, newproc1: Ps take them from sched.goidgen in batches), whether a garbage collection began,
 * whether the execution tracer was started or stopped.
 */
#ifndef GSD_GO_MARKS_H
#define GSD_GO_MARKS_H

#include "base/array.h"
#include "base/memory.h"
#include "go/globals.h"

#define GSD_MARKS_FIXED 6 /* ranges beside those of Ps */

/** The goids that a P has and has not handed out: [next, end). */
struct gsd_goid_batch {
	uint64_t next;
	uint64_t end;
};

/** The marks of one time. */
struct gsd_marks {
	uint64_t goidgen;
	uint64_t allp[2]; /**< address and length of the list of Ps */
	uint64_t gc_cycles;
	uint64_t mark_term;
	uint64_t gc_phase;
	uint64_t trace_generation[2];   /**< of the trace that runs (0: none), and of the last one */
	struct gsd_goid_batch *batches; /**< of each P */
	struct gsd_range *ranges;       /**< what reads all of it: goidgen first */
	size_t p_count;
	size_t range_count;
	uint64_t allp_expected[2]; /**< what allp was when the ranges were made */
};

/** Makes room for the Ps that there are now. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_marks_create(struct gsd_memory *memory, const struct gsd_layout *layout,
						  const struct gsd_globals *globals, struct gsd_marks *marks_ret);
void gsd_marks_free(struct gsd_marks *marks);
/** Reads them while the program runs: goidgen before the Ps' batches, so that what follows counts as handed out. */
void gsd_marks_read(struct gsd_memory *memory, struct gsd_marks *marks);

/** Whether it is known which goids were handed out between two times. */
bool gsd_marks_know_goids(const struct gsd_globals *globals, const struct gsd_marks *before,
			  const struct gsd_marks *after);
/**
 * Whether a P may have been in the middle of fetching a batch at @p before: then that batch counts as handed out too
 * early. It had none left then, and has another end now.
 */
bool gsd_marks_batch_was_fetched(const struct gsd_marks *before, const struct gsd_marks *after);
/** Whether @p goid was handed out between (or, a moment earlier, while the first were read). */
bool gsd_marks_handed_out(const struct gsd_marks *before, const struct gsd_marks *after, uint64_t goid);
/** Whether @p goid was not handed out yet at @p marks. */
bool gsd_marks_not_yet(const struct gsd_marks *marks, uint64_t goid);
/**
 * Lists the goids that were handed out between. False: more than @p most, or no memory.
 */
bool gsd_marks_list(const struct gsd_marks *before, const struct gsd_marks *after, size_t most,
		    struct gsd_u64_array *goids_ret);
/**
 * Whether no garbage collection began between, nor did one's marking end (the next one clears what says which
 * goroutines were scanned before it counts as begun); false when that is not known.
 */
bool gsd_marks_same_cycle(const struct gsd_globals *globals, const struct gsd_marks *before,
			  const struct gsd_marks *after);
/** Whether none is under way at @p stop, and none was since @p before: it has suspended nobody then. */
bool gsd_marks_no_collection(const struct gsd_globals *globals, const struct gsd_marks *before,
			     const struct gsd_marks *stop);
/**
 * Whether the execution tracer has suspended nobody who is not running on by now: it is off at @p stop, and was neither
 * started nor stopped since @p before. Up to Go 1.21 it suspends nobody.
 */
bool gsd_marks_tracer_off(const struct gsd_globals *globals, unsigned go_minor, const struct gsd_marks *before,
			  const struct gsd_marks *stop);

#endif
