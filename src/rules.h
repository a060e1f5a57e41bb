/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program's own profile and tracebacks would print: rules of its Go version and of its settings. */
#ifndef GSD_RULES_H
#define GSD_RULES_H

#include "capture.h"
#include "target/target.h"

/** @p frame_limit_ret: logical frames at which Go's own goroutine profile cuts. Errors: those of reading GODEBUG. */
GSD_MUST_CHECK struct gsd_error *gsd_rules_frame_limit(struct gsd_target *target, const struct gsd_runtime *runtime,
						       uint32_t *frame_limit_ret);
/** Sets what the snapshot of @p capture says of text and tracebacks. What cannot be read is as if it was not set. */
void gsd_rules_fill(struct gsd_capture *capture, struct gsd_target *target, const struct gsd_capture_options *options);

#endif
