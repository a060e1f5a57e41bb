/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a job could not do something, for a person. Jobs do not print: who called them does. */
#ifndef GSD_JOBS_PROBLEM_H
#define GSD_JOBS_PROBLEM_H

#include <stdbool.h>

#include "gostackdump.h"

struct problem {
	char text[1024]; /**< what was tried, on what, and why it failed; any bytes */
	char hint[512];  /**< what to do; "" when there is nothing to advise */
	bool without_go; /**< a capture was read, but of a program without Go */
};

/** Says it. Returns false, for the caller. */
bool problem_set(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Says what to do about it. Returns false, too. */
bool problem_hint(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Says what @p error does, and frees it. Returns false, too. */
bool problem_take(struct problem *problem, struct gsd_error *error);

#endif
