/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks on which C and Go meet. A thread that Go made runs C on its scheduling stack (g0): runtime.asmcgocall moves
 * there from the goroutine's stack, and when C calls Go, crosscall2 and runtime.cgocallback move back to the
 * goroutine's, leaving in g0.sched.sp where C's stack was. So a goroutine's C frames are pieces of one C stack between
 * pieces of its own (runtime/cgocall.go tells the whole story).
 */
#ifndef GSD_NATIVE_STACK_H
#define GSD_NATIVE_STACK_H

#include "base/plan.h"
#include "go/c_frames.h"
#include "go/code.h"
#include "native/unwind.h"

struct gsd_native_stacks;

/** All borrowed; @p plan with its native pieces sorted. */
GSD_MUST_CHECK struct gsd_error *gsd_native_stacks_create(struct gsd_code *code, const struct gsd_plan *plan,
							  const struct gsd_threads *threads,
							  struct gsd_native_unwinder *unwinder,
							  struct gsd_native_stacks **stacks_ret);
void gsd_native_stacks_destroy(struct gsd_native_stacks *stacks);

/** The C frames of a goroutine: gsd_c_frame_source.find with the stacks as its context. */
struct gsd_error *gsd_native_find_c_frames(void *stacks, const struct gsd_c_frame_query *query,
					   struct gsd_c_frames *frames);
/** Appends the words of the stack that @p thread is on, C and Go, to @p words. */
GSD_MUST_CHECK struct gsd_error *gsd_native_walk_thread(struct gsd_native_stacks *stacks,
							const struct gsd_thread *thread, struct gsd_u64_array *words);

#endif
