/* SPDX-License-Identifier: BSD-3-Clause */
/* From the copied bytes of a moment to goroutines with stacks. Pure: no memory is read here but what was copied. */
#ifndef GSD_GO_GOROUTINE_H
#define GSD_GO_GOROUTINE_H

#include "base/array.h"
#include "base/plan.h"
#include "go/runtime.h"
#include "go/snapshot.h"
#include "go/unwind.h"

/** Fills in what @p plan must know of the runtime: the list, the stack rule, the links to threads. */
void gsd_goroutines_plan(const struct gsd_runtime *runtime, struct gsd_plan *plan);

/** What was copied in the moment. All borrowed. */
struct gsd_moment {
	const struct gsd_plan *plan;
	const struct gsd_threads *threads;
	bool finalizer_known;   /**< whether the runtime's flag could be read */
	bool finalizer_running; /**< its value */
};

struct gsd_analysis_options {
	enum gsd_unwind_mode unwind;
	uint32_t max_frames; /**< words kept per stack */
	bool innermost_only; /**< keep only the innermost ones (a cut as Go's own follows) */
	bool system_goroutines;
};

GSD_DEFINE_ARRAY(gsd_goroutine_array, struct gsd_goroutine)

/** A stack in the pool: words [first, first + count). */
struct gsd_pooled_stack {
	size_t first;
	size_t count;
};
GSD_DEFINE_ARRAY(gsd_pooled_stacks, struct gsd_pooled_stack)

GSD_DEFINE_ARRAY(gsd_snapshot_threads, struct gsd_snapshot_thread)

/**
 * What analysis yields. gsd_goroutine.labels, .ancestry and .bubble hold indexes into the pointers that goroutines had
 * in the moment; what these lead to is read later. So are the numbers of the threads' Ps.
 */
struct gsd_analysis {
	struct gsd_goroutine_array goroutines;
	struct gsd_u64_array words;
	struct gsd_pooled_stacks stacks;
	struct gsd_u64_array label_pointers;
	struct gsd_u64_array ancestry_pointers;
	struct gsd_u64_array bubble_pointers;
	struct gsd_snapshot_threads threads;
	uint64_t system_goroutines;
	uint64_t unreadable;
	uint64_t stacks_read;
	uint64_t frames, table_steps, fp_steps, disagreements;
};

/** Decodes and walks every goroutine of @p moment that is to be reported. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_goroutines_analyse(const struct gsd_runtime *runtime,
							const struct gsd_moment *moment,
							const struct gsd_analysis_options *options,
							struct gsd_analysis *analysis_ret);
void gsd_analysis_free(struct gsd_analysis *analysis);

#endif
