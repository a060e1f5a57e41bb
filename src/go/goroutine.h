/* SPDX-License-Identifier: BSD-3-Clause */
/* From the copied bytes of a moment to goroutines with stacks. Pure: no memory is read here but what was copied. */
#ifndef GSD_GO_GOROUTINE_H
#define GSD_GO_GOROUTINE_H

#include "base/array.h"
#include "go/header.h"
#include "go/traceback.h"
#include "go/unwind.h"
#include "go/values.h"

struct gsd_analysis_options {
	enum gsd_unwind_mode unwind;
	uint32_t max_frames; /**< words kept per stack */
	bool innermost_only; /**< keep only the innermost ones (a cut as Go's own follows) */
	bool system_goroutines;
	bool headers_only; /**< no stack, no labels, no thread: what a header alone says */
	/** Keep the values of arguments, of the frames that this says; NULL: none. Borrowed. */
	struct gsd_traceback *traceback;
	struct gsd_traceback_rule traceback_rule;
	const struct gsd_c_frame_source *c_frames; /**< NULL: Go frames only */
	struct gsd_meter *meter;                   /**< of gsd_goroutines_analyse(); NULL: nobody wants to know */
};

GSD_DEFINE_ARRAY(gsd_goroutine_array, struct gsd_goroutine)

/** A stack in the pool: words [first, first + count). */
struct gsd_pooled_stack {
	size_t first;
	size_t count;
	uint64_t left_out; /**< frames that a traceback would show of those that GSD_PC_ELIDED stands for */
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
	struct gsd_values values; /**< of arguments */
	uint64_t system_goroutines;
	uint64_t unreadable;
	uint64_t frames, table_steps, fp_steps, disagreements;
};

/** Makes goroutines of copies, one after the other; equal stacks become one. */
struct gsd_analyst;

/** @p runtime is borrowed and must outlive it. Errors: GSD_ERROR_NO_MEMORY, as everywhere below. */
GSD_MUST_CHECK struct gsd_error *gsd_analyst_create(const struct gsd_runtime *runtime,
						    const struct gsd_analysis_options *options,
						    struct gsd_analyst **analyst_ret);
void gsd_analyst_destroy(struct gsd_analyst *analyst);
/**
 * Decodes a header and walks the stack. @p exists_ret is false, and nothing else set, for one that is dead. A system
 * goroutine that was not asked for is not walked.
 */
GSD_MUST_CHECK struct gsd_error *gsd_analyst_goroutine(struct gsd_analyst *analyst,
						       const struct gsd_copied_goroutine *copied,
						       const struct gsd_around *around,
						       struct gsd_goroutine *goroutine_ret, bool *exists_ret);
/** Whether the arguments of two goroutines, as far as they are kept, have the same values. */
bool gsd_analyst_same_values(const struct gsd_analyst *analyst, const struct gsd_goroutine *left,
			     const struct gsd_goroutine *right);
/** Counts one for the result; false: it is a system one that was not asked for, and has no place there. */
bool gsd_analyst_counts(struct gsd_analyst *analyst, const struct gsd_goroutine *goroutine);
/** Makes goroutines that were counted the result; the array (of malloc) is the analyst's then. */
void gsd_analyst_adopt(struct gsd_analyst *analyst, struct gsd_goroutine *goroutines, size_t count, size_t capacity);
/** Whether one started at @p start_pc is a system goroutine at some times and not at others. */
bool gsd_analyst_depends_on_runtime(struct gsd_analyst *analyst, uint64_t start_pc);
/** What was kept, with the stacks; the analyst is empty then. To be freed with gsd_analysis_free(). */
struct gsd_analysis gsd_analyst_take(struct gsd_analyst *analyst);

/**
 * Decodes and walks every goroutine of @p plan, which was carried out, that is to be reported. Errors:
 * GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_goroutines_analyse(const struct gsd_runtime *runtime, const struct gsd_plan *plan,
							const struct gsd_around *around,
							const struct gsd_analysis_options *options,
							struct gsd_analysis *analysis_ret);
void gsd_analysis_free(struct gsd_analysis *analysis);

#endif
