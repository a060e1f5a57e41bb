/* SPDX-License-Identifier: BSD-3-Clause */
/* The line of --stats: the keys of the contract, in its order. */
#ifndef GSD_CLI_STATS_H
#define GSD_CLI_STATS_H

#include <stdio.h>

#include "gostackdump.h"

/** Writes @p stats to @p stream as one JSON object and a newline. */
void stats_print(FILE *stream, const struct gsd_stats *stats);

#endif
