/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads a capture's file as a snapshot: raw, jsonl, pprof and pprof-goroutines, and goroutine profiles that Go programs
 * wrote themselves. What it is, its first bytes say, not its name. All that a file says is hostile: lengths are capped
 * and never believed before the bytes are there.
 */
#ifndef GSD_JOBS_SNAPSHOT_FILE_H
#define GSD_JOBS_SNAPSHOT_FILE_H

#include "jobs/problem.h"
#include "jobs/snapshot.h"

/**
 * Reads the file at @p path. Its stacks get numbers of @p names, which keeps those of a file that turns out to be bad.
 * @p options: where the program of a raw capture is to be had; NULL: where it was.
 * False with @p problem, which names the file and the place in it; nothing is to be freed then.
 */
bool snapshot_read(const char *path, const struct gsd_capture_options *options, struct stack_names *names,
		   struct snapshot *snapshot_ret, struct problem *problem);

#endif
