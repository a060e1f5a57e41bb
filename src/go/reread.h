/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading goroutines while the program runs and without a stop: each so that it is consistent in itself. Its header is
 * read, its stack, its header, its stack again and its header once more. It counts when the three headers say the same
 * and both stacks have the same bytes; else it had gone on meanwhile, and is tried again, a limited number of times.
 * docs/capture.md says what that proves.
 */
#ifndef GSD_GO_REREAD_H
#define GSD_GO_REREAD_H

#include "go/goroutine.h"
#include "go/survey_table.h"

struct gsd_reread {
	const struct gsd_layout *layout;
	const struct gsd_sights *sights;
	struct gsd_analyst *analyst;
	struct gsd_memory *memory;
	const struct gsd_around *around; /**< the threads are known by their ids only */
};

/** Where no round has fixed a moment: what stood still in all looks is settled, the rest is ambiguous. */
void gsd_reread_conclude_looks(struct gsd_survey_table *table);
/**
 * Reads the entries of @p table that are ambiguous. Each gets the outcome GSD_OUTCOME_NOT_THERE (it is dead now), or
 * GSD_OUTCOME_THERE with its goroutine. One that runs is GSD_UNREADABLE_RUNNING, one that had gone on each time
 * GSD_UNREADABLE_MOVED. With @p mark they stay marked as ambiguous, @p marked_ret of them, and one that has ended since
 * a look is there as that look saw it. Errors: GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_reread_unsettled(const struct gsd_reread *how, struct gsd_survey_table *table,
						      bool mark, size_t *marked_ret);

#endif
