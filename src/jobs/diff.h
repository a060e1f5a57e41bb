/* SPDX-License-Identifier: BSD-3-Clause */
/* What has changed between two snapshots of a program. */
#ifndef GSD_JOBS_DIFF_H
#define GSD_JOBS_DIFF_H

#include "jobs/snapshot.h"

/** A group whose size has changed. Strings as in struct snapshot_group, of the newer snapshot that has the group. */
struct diff_group {
	uint32_t stack;
	uint32_t state;
	uint32_t creator;
	uint64_t old_count; /**< 0: it has appeared */
	uint64_t new_count; /**< 0: it has vanished */
	uint64_t longest_wait_ns;
};

#define DIFF_STAY_GOIDS 8U /* that are named */

/** Goroutines that are in both snapshots and have not moved, with the same stack. */
struct diff_stay {
	uint32_t stack;
	uint32_t state;
	uint32_t creator;
	uint64_t count;
	uint64_t longest_wait_ns;        /**< 0: not known of any */
	uint64_t goids[DIFF_STAY_GOIDS]; /**< the lowest ones */
};

/** Why two snapshots may not be comparable; a bit set. */
enum diff_doubt {
	DIFF_OTHER_PROGRAM = 1,
	DIFF_OTHER_BUILD = 2, /**< the same program, built anew */
	DIFF_OTHER_PID = 4,
	DIFF_OTHER_GO = 8,
	DIFF_BACKWARDS = 16 /**< the new one was taken before the old one */
};

struct diff {
	struct diff_group *groups; /**< those that have changed: most growth first, then most loss */
	size_t group_count;
	size_t grown, shrunk, appeared, vanished, unchanged; /**< groups */
	uint64_t largest_growth;                             /**< of a group */
	uint64_t old_count, new_count;                       /**< goroutines */
	uint64_t interval_ns;                                /**< between the moments; 0: not known */
	unsigned doubts;
	bool matched;            /**< goroutines were matched by id: both snapshots have ids, and are of one process */
	struct diff_stay *stays; /**< most goroutines first */
	size_t stay_count;
	uint64_t stayed; /**< goroutines */
};

/** Compares. False without memory; nothing is to be freed then. */
bool diff_make(const struct stack_names *names, const struct snapshot *old, const struct snapshot *new,
	       struct diff *diff_ret);
void diff_free(struct diff *diff);

#endif
