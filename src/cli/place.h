/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a capture goes: the path of an output, by its process and its moment. */
#ifndef GSD_CLI_PLACE_H
#define GSD_CLI_PLACE_H

#include "cli/outputs.h"

/** Where one capture goes: the process, and the moment that names files in directories. */
struct origin {
	pid_t pid;
	char comm[32];  /**< the process's name as part of a file's name */
	char stamp[32]; /**< UTC, microseconds */
};

/** Fills in @p origin now. */
void origin_take(pid_t pid, struct origin *origin);
/** Fills in @p origin as it was when the capture was taken. */
void origin_of_capture(const struct gsd_stats *stats, struct origin *origin);

/**
 * The path of @p output for this capture; NULL after a message. Makes the directory when there is none, and says early
 * what would certainly fail after the capture. The caller frees it.
 */
char *output_place(const struct output *output, const struct origin *origin);
/** Whether what stands at @p path already is written into, not replaced: a pipe, a terminal, /dev/full. */
bool place_is_device(const char *path);
/** Whether a file can be made beside @p path, as far as rights and the directory tell; false after a message. */
bool place_check_directory(const char *path);
/** Advises on something that could not be made in a directory that is there. ENOENT: it takes none, as /proc. */
void place_hint_not_made(int errnum);
/**
 * Whether files can be made in the directories of the outputs, or these directories where they are not there yet: for
 * commands that write much later. A disk that is full now is no reason against it. False after a message.
 */
bool places_check(const struct invocation *invocation);

#endif
