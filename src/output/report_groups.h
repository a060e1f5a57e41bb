/* SPDX-License-Identifier: BSD-3-Clause */
/* What a report is made of: goroutines with the same stack in the same state, counted and summed up. */
#ifndef GSD_OUTPUT_REPORT_GROUPS_H
#define GSD_OUTPUT_REPORT_GROUPS_H

#include "output/aggregate.h"

/** Labels of one goroutine that are looked at for those common to a group. */
#define GSD_GROUP_LABELS_MAX 64U

/** Goroutines with the same stack in the same state; of those that have not run yet, with the same function. */
struct gsd_group {
	uint64_t count;
	uint64_t longest_wait_ns; /**< 0: not known of any */
	uint64_t creator_pc;      /**< 0: none */
	uint64_t start_pc;        /**< of those that have not run yet: their function; else 0 */
	uint64_t common_labels;   /**< bit n: label n of label_set is on every goroutine */
	uint64_t ambiguous;       /**< how many were not settled at the moment */
	uint64_t goid;            /**< of the first one */
	uint32_t stack;           /**< of the distinct stacks */
	uint32_t state;           /**< index of gsd_groups.states */
	uint32_t label_set;       /**< of the first goroutine, or GSD_NO_LABELS */
	uint32_t last_label_set;  /**< the one that common_labels was compared with last */
	bool several_creators;    /**< made by more than one `go` statement; creator_pc is that of the first */
};
GSD_DEFINE_ARRAY(gsd_group_array, struct gsd_group)

/** How many goroutines are in a state. */
struct gsd_state_count {
	const char *name; /**< gsd_goroutine_state() */
	uint64_t count;
};
GSD_DEFINE_ARRAY(gsd_state_count_array, struct gsd_state_count)

struct gsd_groups {
	struct gsd_distinct_stacks stacks;
	struct gsd_group_array groups;       /**< biggest first */
	struct gsd_state_count_array states; /**< in order of first use */
	uint64_t unreadable;
	uint64_t ambiguous;
};

/** Groups the goroutines of @p snapshot. Fails as @p source does, or with GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_groups_create(const struct gsd_snapshot *snapshot,
						   const struct gsd_location_source *source,
						   struct gsd_groups *groups_ret);
void gsd_groups_free(struct gsd_groups *groups);

#endif
