/* SPDX-License-Identifier: BSD-3-Clause */
/* When the first guard of run ends the keeper, which hangs: it is the last resort. */
#ifndef GSD_JOBS_KEEPER_H
#define GSD_JOBS_KEEPER_H

#include <stddef.h>
#include <stdint.h>

/** What the keeper does, in ns of CLOCK_MONOTONIC. */
struct keeper_state {
	uint64_t stopped_since; /**< a process stands still; 0: none does */
	uint64_t dump_since;    /**< a dump is made; 0: none is */
};

/** Why it is to be ended at @p now; NULL: it is not. @p max_pause_ns: how long a stop may last. */
const char *keeper_hangs(const struct keeper_state *state, uint64_t max_pause_ns, uint64_t now);

#endif
