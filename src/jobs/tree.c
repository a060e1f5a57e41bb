/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jobs/clock.h"

#define LOOK_NS   UINT64_C(10000000) /* how often it is looked whether all have ended */
#define ALONE_NS  (50 * LOOK_NS)     /* for what may not be killed to end because all others have */
#define MAX_WAVES 1000               /* of SIGKILL: what starts processes faster than they can be killed ends first */

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

bool tree_reap(pid_t watched, void (*ended)(void *context, int wait_status), void *context)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR))
		if (pid == watched && ended != NULL)
			ended(context, status);
	return pid == 0;
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
	if (!tree_list(&processes))
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
	for (size_t i = refused; i < processes.count; i++)
		free(processes.items[i].command);
	processes.count = refused;
	*refused_ret = processes;
	return reached;
}

void tree_end(int signal, uint64_t grace_ns, pid_t watched, void (*ended)(void *context, int wait_status),
	      void *context, struct tree_ended *ended_ret)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + grace_ns;
	struct processes left = {0};
	uint64_t alone_since = 0; /* nobody but those is there */
	*ended_ret = (struct tree_ended){0};
	if (signal != SIGKILL && signal_all(signal, &left) + left.count > 0)
		while (tree_reap(watched, ended, context) && clock_ns(CLOCK_MONOTONIC) < end)
			wait_a_little();
	for (int wave = 0; wave < MAX_WAVES && tree_reap(watched, ended, context); wave++) {
		processes_free(&left);
		size_t reached = signal_all(SIGKILL, &left);
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		ended_ret->killed = reached > ended_ret->killed ? reached : ended_ret->killed;
		alone_since = reached > 0 || left.count == 0 ? 0 : alone_since != 0 ? alone_since : now;
		if (alone_since != 0 && now - alone_since > ALONE_NS) {
			ended_ret->left = left;
			return;
		}
		wait_a_little();
	}
	processes_free(&left);
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
