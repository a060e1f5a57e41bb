/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command, and everything that it starts, under two guards. The first is the process that was called: it hands
 * signals on, and ends the tree if the second one dies. The second, the keeper, is its child: it starts the command,
 * watches the time, looks at the tree as its ancestor when the time is up, and ends it. Both keep orphans below them,
 * so that no process of the tree gets away.
 */
#ifndef GSD_JOBS_RUN_H
#define GSD_JOBS_RUN_H

#include "jobs/processes.h"

struct run_plan {
	char **command;      /**< ends with NULL; looked for in PATH */
	uint64_t timeout_ns; /**< 0: none */
	uint64_t idle_ns;    /**< time is up when the tree has used no processor time for so long; 0: never */
	int signal;          /**< that ends the tree */
	uint64_t grace_ns;   /**< then SIGKILL */
	uint64_t max_pause_ns;
	bool ignores_sigpipe; /**< the caller had it ignored, and so has the command */
	bool ignores_sigxfsz;
	/** What /proc shows as the command line; nothing else lies there. The keeper puts its own name into it. */
	char *shown_command;
	size_t shown_size;
};

enum run_occasion { RUN_TIMEOUT, RUN_IDLE, RUN_SIGNAL };

/** What is done in the keeper. */
struct run_hooks {
	/**
	 * Looks at the processes of the tree. @p elapsed_ns: since the command was started. @p stopped_since: for
	 * gsd_capture_options, should the stop have to be made by this process: the first guard watches it.
	 */
	void (*dump)(void *context, enum run_occasion occasion, uint64_t elapsed_ns, const struct processes *tree,
		     uint64_t *stopped_since);
	/** Says one line to the person. */
	void (*say)(void *context, const char *text);
	void *context;
};

#define RUN_TIME_UP     124
#define RUN_FAILED      125
#define RUN_NOT_RUN     126 /**< the command could not be started */
#define RUN_NOT_FOUND   127
#define RUN_SIGNAL_BASE 128 /**< plus the signal that ended it */

/** Runs the command; returns the status to exit with. When it returns, nothing of the tree is left but what this
 * user may not end. */
int run_command(const struct run_plan *plan, const struct run_hooks *hooks);

#endif
