/* SPDX-License-Identifier: BSD-3-Clause */
/* The line of --stats: the keys of the contract, in its order. */
#ifndef GSD_CLI_STATS_H
#define GSD_CLI_STATS_H

#include <stdbool.h>
#include <stdio.h>

#include "gostackdump.h"

/** Whether it is of a Go program; --native also shows the threads of others. */
bool stats_is_go(const struct gsd_stats *stats);
/** Whether goroutines are marked. Without a stop, running ones have no stack: that is what was asked for. */
bool stats_partial(const struct gsd_stats *stats);
/** Writes @p stats to @p stream as one JSON object and a newline. */
void stats_print(FILE *stream, const struct gsd_stats *stats);

/** Says what --verbose asks for. */
void stats_say_details(const struct gsd_stats *stats);
/** Puts a line at the end of the file @p path, NULL: none; "-" is standard output. False after a message. */
bool stats_append(const char *path, const struct gsd_stats *stats);
/** Whether that will be possible, as far as can be seen now: the file is made. False after a message. */
bool stats_check(const char *path);

#endif
