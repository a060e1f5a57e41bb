/* SPDX-License-Identifier: BSD-3-Clause */
/* What --native adds to a capture: files of the target opened for the folder native, and stacks of threads. */
#ifndef GSD_CAPTURE_NATIVE_H
#define GSD_CAPTURE_NATIVE_H

#include "capture.h"
#include "native/stack.h"
#include "target/target.h"

struct gsd_capture_native;

/** Sets what @p plan must know to copy C stacks; @p native_ret owns what that refers to. */
GSD_MUST_CHECK struct gsd_error *gsd_capture_native_create(struct gsd_target *target, const struct gsd_runtime *runtime,
							   struct gsd_plan *plan,
							   struct gsd_capture_native **native_ret);
void gsd_capture_native_destroy(struct gsd_capture_native *native);
/** Makes room for the C stacks of @p threads threads: for what the plan's last run needed, and more. */
GSD_MUST_CHECK struct gsd_error *gsd_capture_native_reserve(struct gsd_plan *plan, size_t threads);
/** After the stop: makes of what was copied something that can be asked. @p source_ret lives as long as @p native. */
GSD_MUST_CHECK struct gsd_error *gsd_capture_native_open(struct gsd_capture_native *native,
							 const struct gsd_runtime *runtime, struct gsd_plan *plan,
							 const struct gsd_threads *threads,
							 const struct gsd_c_frame_source **source_ret);
/**
 * Appends the stacks of threads that run no goroutine to the analysis, and lists them in the snapshot. Of a stack,
 * @p max_frames frames are kept; 0: all.
 */
GSD_MUST_CHECK struct gsd_error *gsd_capture_native_threads(struct gsd_capture_native *native,
							    struct gsd_capture *capture, size_t max_frames);
/** Who names C code. */
const struct gsd_c_name_source *gsd_capture_native_names(const struct gsd_capture_native *native);

#endif
