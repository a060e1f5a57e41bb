/* SPDX-License-Identifier: BSD-3-Clause */
/* When it matters: conditions on the number of goroutines, on groups of them, and on how long they wait. */
#ifndef GSD_JOBS_CONDITION_H
#define GSD_JOBS_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

/** "goroutines>10000", "growth>20%", "growth>500", "group>50", "age>10m". */
struct condition {
	enum condition_kind {
		CONDITION_GOROUTINES,     /**< there are more than @ref limit */
		CONDITION_GROWTH,         /**< there are more than @ref limit more than before */
		CONDITION_GROWTH_PERCENT, /**< ... more than @ref limit percent more */
		CONDITION_GROUP,          /**< some group has more than @ref limit more than before */
		CONDITION_AGE             /**< one has been waiting for longer than @ref limit ns */
	} kind;
	uint64_t limit;
	const char *text; /**< as it was given; borrowed */
};

/**
 * Reads @p text. @p duration reads a duration such as "10m" to ns. False when it is no condition.
 */
bool condition_parse(const char *text, bool (*duration)(const char *text, uint64_t *ns_ret),
		     struct condition *condition_ret);

/** What conditions are about. */
struct condition_facts {
	uint64_t goroutines;
	bool base_known;       /**< whether there is something to compare with: else nothing has grown */
	uint64_t base;         /**< goroutines before */
	uint64_t group_growth; /**< of the group that has grown most; 0 when groups are not known */
	bool wait_known;
	uint64_t longest_wait_ns;
};

bool condition_holds(const struct condition *condition, const struct condition_facts *facts);

#endif
