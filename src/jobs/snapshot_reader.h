/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The readers behind snapshot_read(), one a format. They add to the snapshot, which the caller finishes or frees. A
 * problem's text lacks the file.
 */
#ifndef GSD_JOBS_SNAPSHOT_READER_H
#define GSD_JOBS_SNAPSHOT_READER_H

#include "jobs/problem.h"
#include "jobs/snapshot.h"

/** An opened file that is read from its beginning. */
struct snapshot_source {
	int descriptor; /**< borrowed */
	struct stack_names *names;
	struct snapshot *snapshot;
	struct problem *problem;
};

/** Says that there are no goroutines to compare; false. */
static inline bool snapshot_refuse_threads(struct problem *problem)
{
	problem_set(problem, "it is of a program without Go, and goroutines are compared");
	problem->without_go = true;
	return problem_hint(problem, "go tool pprof -base compares the threads of two captures in the format pprof");
}

bool snapshot_read_jsonl(const struct snapshot_source *source);
bool snapshot_read_profile(const struct snapshot_source *source);

#endif
