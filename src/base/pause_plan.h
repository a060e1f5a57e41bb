/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a stop will last, estimated before it is made: from what reads of this target have cost while it ran, from
 * the number of its threads, and from how right the last estimate was.
 */
#ifndef GSD_BASE_PAUSE_PLAN_H
#define GSD_BASE_PAUSE_PLAN_H

#include "base/memory.h"

/** Reads that were made, and what they cost. */
struct gsd_read_cost {
	uint64_t ns;
	uint64_t ranges;
	uint64_t bytes;
};

/** What a stop has to do. */
struct gsd_pause_work {
	uint64_t threads; /**< to be stopped */
	uint64_t ranges;  /**< to be read: headers, stacks and single words */
	uint64_t bytes;
};

/** What is allowed, and what is known of the cost. Zero but for the limit to begin with. */
struct gsd_pause_plan {
	uint64_t limit_ns;
	struct gsd_read_cost reads; /**< made so far while the target ran */
	uint64_t scale;      /**< of estimates, in 1/1024: what the last stop took by its estimate; 0: no stop yet */
	uint64_t refused_ns; /**< the stop that was not made, or was ended, lasts about so long; 0: none was refused */
};

/** About how long a stop with this work lasts, in ns; never 0. */
uint64_t gsd_pause_estimate(const struct gsd_pause_plan *plan, const struct gsd_pause_work *work);
/** Whether the stop may be made by its estimate; if not, `refused_ns` is set. */
bool gsd_pause_allowed(struct gsd_pause_plan *plan, const struct gsd_pause_work *work);
/** A stop with this work lasted @p pause_ns: the next estimates follow. */
void gsd_pause_learn(struct gsd_pause_plan *plan, const struct gsd_pause_work *work, uint64_t pause_ns);

/** A memory that notes what its reads cost. */
struct gsd_timed_memory {
	struct gsd_memory memory;
	struct gsd_memory *inner; /* borrowed */
	struct gsd_read_cost *cost;
};
/** Initialises @p timed over @p inner; @p cost, which it borrows, grows with each read. */
void gsd_timed_memory_init(struct gsd_timed_memory *timed, struct gsd_memory *inner, struct gsd_read_cost *cost);

#endif
