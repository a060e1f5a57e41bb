/* SPDX-License-Identifier: BSD-3-Clause */
/* The processes of this machine, as far as /proc shows them. */
#ifndef GSD_JOBS_PROCESSES_H
#define GSD_JOBS_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** A process that runs a program (no kernel thread, no zombie). */
struct process {
	pid_t pid;
	pid_t parent;
	uint64_t started; /**< clock ticks after the machine's start: with the pid it names one process for ever */
	uint64_t age_ns;  /**< since it was started */
	uint64_t threads;
	uint64_t cpu_ticks; /**< processor time used so far, in clock ticks, its ended children included */
	uid_t user;
	char comm[17]; /**< what the kernel calls it; any bytes */
	char *command; /**< its arguments with spaces between; "" when they cannot be read; any bytes; NULL: not asked
			  for */
};

struct processes {
	struct process *items; /**< in order of pid */
	size_t count;
};

/** Lists them. False (with errno) when /proc cannot be read or memory is short; nothing is to be freed then. */
bool processes_list(struct processes *processes_ret);
/** The same without their command lines (NULL): a third of the work, and nothing in them is waited for. A process may
 * keep whoever asks for its arguments waiting, as when its memory comes from a file system that hangs. */
bool processes_list_bare(struct processes *processes_ret);
/** Asks for the command line of one that was listed bare. */
void process_add_command(struct process *process);
/** Lists zombies: processes that have ended, for whose status their parents have not asked. */
bool processes_list_ended(struct processes *processes_ret);
void processes_free(struct processes *processes);

/** Whether the line of parents of @p process leads to @p root, as far as @p processes tell. */
bool process_descends(const struct processes *processes, const struct process *process, pid_t root);
/** Those of @p processes whose line of parents leads to @p root, in order of pid; takes them out of it. */
void processes_keep_descendants(struct processes *processes, pid_t root);

/** One of them. False when @p pid is none, or a kernel thread, or has ended. `command` is to be freed. */
bool process_read(pid_t pid, struct process *process_ret);

#endif
