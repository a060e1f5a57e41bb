/* SPDX-License-Identifier: BSD-3-Clause */
/* The line of --stats: the keys of the contract, in its order. */
#ifndef GSD_CLI_STATS_H
#define GSD_CLI_STATS_H

#include <stdio.h>

#include "gostackdump.h"

/** Whether goroutines are marked. Without a stop, running ones have no stack: that is what was asked for. */
bool stats_partial(const struct gsd_stats *stats);
/** Writes @p stats to @p stream as one JSON object and a newline. */
void stats_print(FILE *stream, const struct gsd_stats *stats);

#endif
