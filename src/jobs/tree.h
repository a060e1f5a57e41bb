/* SPDX-License-Identifier: BSD-3-Clause */
/* All processes below this one: a subreaper keeps them below, however they detach themselves. */
#ifndef GSD_JOBS_TREE_H
#define GSD_JOBS_TREE_H

#include "jobs/processes.h"

/** Makes this process the one that orphans below it come to. False with errno. */
bool tree_adopt_orphans(void);
/** The processes below this one. False with errno; nothing is to be freed then. */
bool tree_list(struct processes *processes_ret);
/** The same without their command lines. */
bool tree_list_bare(struct processes *processes_ret);
/** How the end of a tree went. */
struct tree_ended {
	size_t killed; /**< got SIGKILL */
	struct processes
		left; /**< go on: this user may not signal them, or the kernel does not end them; to be freed */
};

/**
 * Ends all processes below this one: @p signal to each, and SIGKILL to those that are there after @p grace_ns, until
 * none is left but those that may not be killed, or that do not end for 10 s of it. Children that end are reaped;
 * @p watched is told of to @p ended.
 */
void tree_end(int signal, uint64_t grace_ns, pid_t watched, void (*ended)(void *context, int wait_status),
	      void *context, struct tree_ended *ended_ret);
/** Reaps what has ended; as above. False when there is no child any more. */
bool tree_reap(pid_t watched, void (*ended)(void *context, int wait_status), void *context);
/** Clock ticks that the tree has used so far, those of ended processes that were reaped included. */
uint64_t tree_cpu_ticks(const struct processes *processes);

#endif
