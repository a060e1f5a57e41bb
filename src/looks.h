/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A survey of a target with all that it needs, and what becomes of one without a stop: --nonblocking, and a moment that
 * is given up because --max-pause forbids the stop that it takes.
 */
#ifndef GSD_LOOKS_H
#define GSD_LOOKS_H

#include "base/pause_plan.h"
#include "capture.h"
#include "go/survey.h"
#include "target/parallel.h"
#include "target/target.h"

struct gsd_looks {
	struct gsd_target *target; /* borrowed, as is the next */
	struct gsd_capture *capture;
	struct gsd_analyst *analyst;
	struct gsd_parallel_memory *parallel;
	struct gsd_timed_memory timed;
	struct gsd_survey *survey;
};

/**
 * Opens a survey; what its reads cost is added to @p cost. @p looks_ret is to be closed, also after an error. Errors:
 * GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_looks_open(struct gsd_capture *capture, struct gsd_target *target,
						const struct gsd_analysis_options *how, struct gsd_read_cost *cost,
						struct gsd_looks *looks_ret);
void gsd_looks_close(struct gsd_looks *looks);

/** Puts what the survey has into the capture, with its figures. */
void gsd_looks_finish(struct gsd_looks *looks);
/**
 * The same without a moment for what is not settled: see gsd_survey_give_up(). Where no moment was fixed the mode is
 * "nonblocking" then, and @p figures says when the looks were over.
 */
GSD_MUST_CHECK struct gsd_error *gsd_looks_give_up(struct gsd_looks *looks, bool mark,
						   struct gsd_stop_figures *figures);

/** All of a capture without a stop. Errors: GSD_ERROR_MISSING, and those of reading. */
GSD_MUST_CHECK struct gsd_error *gsd_looks_only(struct gsd_capture *capture, struct gsd_target *target,
						const struct gsd_analysis_options *how, bool mark,
						struct gsd_stop_figures *figures_ret);

#endif
