/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's top: a capture and what its parts share. Seen by the files of this folder only. */
#ifndef GSD_CAPTURE_H
#define GSD_CAPTURE_H

#include "base/array.h"
#include "base/clock.h"
#include "base/meter.h"
#include "go/c_names.h"
#include "go/goroutine.h"
#include "go/snapshot.h"
#include "go/symbolize.h"
#include "record/record.h"

GSD_DEFINE_ARRAY(gsd_frame_array, struct gsd_frame)

struct gsd_capture {
	struct gsd_stats stats;
	uint64_t started_ns;     /**< CLOCK_MONOTONIC at the call */
	struct gsd_meter meter;  /**< of the call that is going on */
	uint64_t cpu_started_ns; /**< processor time of this process and its children then */
	struct gsd_arena arena;  /**< strings of stats, labels and mappings */
	const char **warnings;   /**< of gsd_capture_warning() */
	size_t warning_count;
	struct gsd_runtime runtime;
	struct gsd_analysis analysis;
	struct gsd_c_names *c_names;     /**< NULL: no C frames */
	struct gsd_loaded_record record; /**< what was read, when it was taken before; else empty */
	struct gsd_snapshot snapshot;    /**< over analysis, arena and runtime, or over record */
	struct gsd_c_name_source c_name_source;
	struct gsd_objects *objects;   /**< of a capture that was loaded: names are looked up in them */
	struct gsd_frame_array frames; /**< what gsd_capture_frames() or gsd_capture_ancestor() gave last */
};

/** A capture that begins now, for gsd_capture_destroy(). @p options: if NULL, the defaults take its place. */
GSD_MUST_CHECK struct gsd_error *gsd_capture_create(const struct gsd_capture_options **options,
						    struct gsd_capture **capture_ret);
/** Hands @p capture over, or after an @p error destroys it. Returns @p error. */
GSD_MUST_CHECK struct gsd_error *gsd_capture_finish(struct gsd_capture *capture, struct gsd_error *error,
						    struct gsd_capture **capture_ret);

#endif
