/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/keeper.h"

#include <stdbool.h>

#define SECOND_NS UINT64_C(1000000000)
/* A dump that takes longer does not come to its end: nobody reads what it says, or a file system hangs. */
#define DUMP_MAX_NS (120 * SECOND_NS)
/* Beyond --max-pause: that is kept by others, if they can. */
#define SLACK_NS (SECOND_NS / 2)

static bool lasts_longer(uint64_t since, uint64_t now, uint64_t most)
{
	return since != 0 && now > since && now - since > most;
}

const char *keeper_hangs(const struct keeper_state *state, uint64_t max_pause_ns, uint64_t now)
{
	uint64_t most;
	if (__builtin_add_overflow(max_pause_ns, SLACK_NS, &most))
		most = UINT64_MAX;
	if (lasts_longer(state->stopped_since, now, most))
		return "a stop had lasted for longer than --max-pause";
	if (lasts_longer(state->dump_since, now, DUMP_MAX_NS))
		return "the dump had not come to its end after two minutes";
	return NULL;
}
