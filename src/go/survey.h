/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A survey: what several looks at a running program, and one stop of it, tell of its goroutines. Everything that stood
 * still is read while the program runs, the stop reads what moves, and a last look proves that the rest had not moved
 * at the moment of the stop. docs/capture.md has the rules, why they hold, and what they do not see.
 *
 * In order: gsd_survey_first_look(), gsd_survey_look() as often as is wanted, then for each round
 * gsd_survey_before_stop(), gsd_survey_plan(), the stop, gsd_survey_take_stop(), gsd_survey_after_stop().
 */
#ifndef GSD_GO_SURVEY_H
#define GSD_GO_SURVEY_H

#include "go/goroutine.h"

struct gsd_meter;
struct gsd_survey;

/** Whether this program tells enough of itself for a survey; otherwise all of it is read in one stop. */
bool gsd_survey_possible(const struct gsd_runtime *runtime);

/** @p runtime, @p analyst and @p memory are borrowed and must outlive it. Errors: GSD_ERROR_NO_MEMORY, here and below.
 */
GSD_MUST_CHECK struct gsd_error *gsd_survey_create(const struct gsd_runtime *runtime, struct gsd_analyst *analyst,
						   struct gsd_memory *memory, struct gsd_survey **survey_ret);
void gsd_survey_destroy(struct gsd_survey *survey);
/** The first look, which reads the stacks, counts in @p meter. */
void gsd_survey_measure(struct gsd_survey *survey, struct gsd_meter *meter);

/** Reads the list and every goroutine that stands still, with its stack. Errors also: GSD_ERROR_READ, _CORRUPT. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_first_look(struct gsd_survey *survey);
/** Looks at the headers again: what has changed is busy. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_look(struct gsd_survey *survey);
/** The last look before a stop: notes the marks of the runtime, then looks. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_before_stop(struct gsd_survey *survey);

/** What a stop would have to read, by the last look. */
struct gsd_survey_size {
	size_t goroutines;
	size_t stack_bytes;  /**< that may be read at most */
	size_t likely_bytes; /**< of stacks, if those that run now are read whole */
	size_t threads;      /**< Ms */
	size_t fixed;        /**< single words */
};
struct gsd_survey_size gsd_survey_size(const struct gsd_survey *survey);
/**
 * Makes @p plan read what is busy: reserves @p room and sets the inputs. `fixed` belongs to the survey; the @p extra
 * ranges are read too, before its own.
 */
GSD_MUST_CHECK struct gsd_error *gsd_survey_plan(struct gsd_survey *survey, const struct gsd_plan_room *room,
						 const struct gsd_range *extra, size_t extra_count,
						 struct gsd_plan *plan);

/** Takes in what the stop has read. @p around is of the moment. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_take_stop(struct gsd_survey *survey, const struct gsd_plan *plan,
						      const struct gsd_around *around);
/** The look after the stop: settles what it can. @p ambiguous_ret: how many goroutines are left. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_after_stop(struct gsd_survey *survey, size_t *ambiguous_ret);

/**
 * Does without a moment for what is not settled: each such goroutine is read while the program runs, consistent in
 * itself (go/reread.h), and @p mark says whether it is ambiguous therefore. What settled in the last round stays so;
 * where there was none, what stood still in all looks counts, and is of one moment between them. One that has ended
 * meanwhile is in the result only where it is to be marked. @p around: threads with nothing but their ids.
 */
GSD_MUST_CHECK struct gsd_error *gsd_survey_give_up(struct gsd_survey *survey, const struct gsd_around *around,
						    bool mark);
/** Whether a round has fixed a moment, be all settled or not. */
bool gsd_survey_has_moment(const struct gsd_survey *survey);

/** How goroutines were settled in the last round. */
struct gsd_survey_figures {
	uint64_t read_at_stop;
	uint64_t one_step;
	uint64_t births;
	uint64_t ambiguous;
};
/**
 * Hands everything to the analyst, in the order of the list; what is ambiguous is marked. Nothing but
 * gsd_survey_destroy() may follow.
 */
void gsd_survey_finish(struct gsd_survey *survey, struct gsd_survey_figures *figures_ret);

#endif
