/* SPDX-License-Identifier: BSD-3-Clause */
/* When it matters: conditions on the number of goroutines and on how long they wait. */
#ifndef GSD_JOBS_CONDITION_H
#define GSD_JOBS_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "gostackdump.h"

/** "goroutines>10000", "growth>20%", "growth>500", "age>10m". */
struct condition {
	enum condition_kind {
		CONDITION_GOROUTINES,     /**< there are more than @ref limit */
		CONDITION_GROWTH,         /**< there are more than @ref limit more than at the last capture */
		CONDITION_GROWTH_PERCENT, /**< ... more than @ref limit percent more */
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

/**
 * Whether @p now fulfils it. @p base is the number of goroutines to which growth is compared; 0: none yet, and nothing
 * has grown.
 */
bool condition_holds(const struct condition *condition, const struct gsd_count *now, uint64_t base);

#endif
