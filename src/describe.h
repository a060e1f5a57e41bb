/* SPDX-License-Identifier: BSD-3-Clause */
/* What a moment means for people: labels, references, mappings, names, figures. All of it after the target runs again.
 */
#ifndef GSD_DESCRIBE_H
#define GSD_DESCRIBE_H

#include "capture.h"
#include "capture_native.h"

/** What taking the moment has left beside the analysis. */
struct gsd_taken {
	const struct gsd_stop_figures *figures;
	struct gsd_capture_native *native; /**< NULL: C frames are not wanted */
	size_t thread_count;
	size_t max_frames; /**< of a thread's stack; 0: all */
	bool no_symbolize;
};

/**
 * Completes the snapshot and the stats of @p capture, whose analysis is there. Everything that outputs need of the
 * target is read here: afterwards it may end. Errors: GSD_ERROR_NO_MEMORY, and those of reading files.
 */
GSD_MUST_CHECK struct gsd_error *gsd_describe(struct gsd_capture *capture, struct gsd_target *target,
					      const struct gsd_taken *taken);

/**
 * Names every stack of the snapshot, while what names need of the program can still be read: later calls of the
 * symbolizer, which is made here, find the answers. Outputs number places in the order in which they are named.
 */
GSD_MUST_CHECK struct gsd_error *gsd_describe_names(struct gsd_capture *capture);

#endif
