/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jobs/clock.h"

#define LOOK_NS  UINT64_C(10000000)    /* how often it is looked whether all have ended */
#define ALONE_NS (50 * LOOK_NS)        /* for what may not be killed to end because all others have */
#define KILL_NS  UINT64_C(10000000000) /* of SIGKILL; what has not ended then waits in the kernel for something */

bool tree_adopt_orphans(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) == 0;
}

bool tree_list(struct processes *processes_ret)
{
	if (!processes_list(processes_ret))
		return false;
	processes_keep_descendants(processes_ret, getpid());
	return true;
}

bool tree_list_bare(struct processes *processes_ret)
{
	if (!processes_list_bare(processes_ret))
		return false;
	processes_keep_descendants(processes_ret, getpid());
	return true;
}

bool tree_reap(pid_t watched, void (*ended)(void *context, int wait_status), void *context)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR))
		if (pid == watched && ended != NULL)
			ended(context, status);
	return pid == 0;
}

/* Who is told of whose end. */
struct reaping {
	pid_t watched;
	void (*ended)(void *context, int wait_status);
	void *context;
};

static bool reap(const struct reaping *reaping)
{
	return tree_reap(reaping->watched, reaping->ended, reaping->context);
}

static void wait_a_little(void)
{
	const struct timespec little = {.tv_nsec = (long)LOOK_NS};
	nanosleep(&little, NULL);
}

/* @p signal to every process below; how many got it. Those that this user may not signal stay in @p refused_ret. */
static size_t signal_all(int signal, struct processes *refused_ret)
{
	struct processes processes;
	size_t reached = 0;
	*refused_ret = (struct processes){0};
	if (!tree_list_bare(&processes))
		return 0;
	size_t refused = 0;
	for (size_t i = 0; i < processes.count; i++) {
		pid_t pid = processes.items[i].pid;
		if (kill(pid, signal) != 0 && errno == EPERM) {
			const struct process kept = processes.items[refused];
			processes.items[refused++] = processes.items[i];
			processes.items[i] = kept;
			continue;
		}
		reached++;
		if (signal != SIGKILL)
			kill(pid, SIGCONT); /* one that is stopped cannot end politely */
	}
	processes.count = refused;
	*refused_ret = processes;
	return reached;
}

/*
 * SIGKILL to this process's children. What starts a process and ends at once is never there any more when a list of all
 * has been read; but each of its processes becomes a child of this one before it can do that again.
 */
static size_t kill_children(void)
{
	size_t reached = 0;
	int pid;
	FILE *children = fopen("/proc/thread-self/children", "re");
	while (children != NULL && fscanf(children, "%d", &pid) == 1)
		reached += kill(pid, SIGKILL) == 0;
	if (children != NULL)
		fclose(children);
	return reached;
}

/* Until there are no children that can be killed, or for a while; how many there were at first. */
static size_t chase(const struct reaping *reaping)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + LOOK_NS;
	size_t first = kill_children();
	for (size_t reached = first; reached > 0 && clock_ns(CLOCK_MONOTONIC) < end; reached = kill_children())
		(void)reap(reaping);
	return first;
}

/* Whom none of it has ended. */
static void take_left(struct processes *processes, struct tree_ended *ended)
{
	for (size_t i = 0; i < processes->count; i++)
		process_add_command(&processes->items[i]);
	ended->left = *processes;
}

static void kill_all(const struct reaping *reaping, struct tree_ended *ended)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC);
	uint64_t alone_since = 0; /* nobody but those that may not be killed is there */
	struct processes left = {0};
	while (reap(reaping)) {
		processes_free(&left);
		size_t reached = signal_all(SIGKILL, &left);
		size_t chased = chase(reaping);
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		reached = reached > 0 ? reached : chased;
		ended->killed = reached > ended->killed ? reached : ended->killed;
		alone_since = reached > 0 ? 0 : alone_since != 0 ? alone_since : now;
		if (alone_since != 0 && now - alone_since > ALONE_NS) {
			take_left(&left, ended);
			return;
		}
		if (now - begin > KILL_NS) {
			processes_free(&left);
			if (tree_list_bare(&left))
				take_left(&left, ended);
			return;
		}
		wait_a_little();
	}
	processes_free(&left);
}

void tree_end(int signal, uint64_t grace_ns, pid_t watched, void (*ended)(void *context, int wait_status),
	      void *context, struct tree_ended *ended_ret)
{
	const struct reaping reaping = {.watched = watched, .ended = ended, .context = context};
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + grace_ns;
	struct processes left = {0};
	*ended_ret = (struct tree_ended){0};
	if (signal != SIGKILL && signal_all(signal, &left) + left.count > 0)
		while (reap(&reaping) && clock_ns(CLOCK_MONOTONIC) < end)
			wait_a_little();
	processes_free(&left);
	kill_all(&reaping, ended_ret);
}

uint64_t tree_cpu_ticks(const struct processes *processes)
{
	struct rusage usage;
	uint64_t ticks = 0;
	for (size_t i = 0; i < processes->count; i++)
		ticks += processes->items[i].cpu_ticks;
	if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
		uint64_t us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000U +
			      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
		ticks += us * (uint64_t)sysconf(_SC_CLK_TCK) / 1000000U;
	}
	return ticks;
}
