/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of a process that is not stopped: what /proc tells of their ids. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "target/private.h"
#include "target/procfs.h"
#include "target/stop.h"

static pid_t tid_of(const char *name)
{
	char *end;
	long tid = strtol(name, &end, 10);
	return *end == '\0' && tid > 0 && tid <= INT32_MAX ? (pid_t)tid : 0;
}

/* 0: it cannot be had, the thread may have ended. */
static uint64_t id_inside(const struct gsd_process *process, pid_t tid)
{
	char name[48];
	struct gsd_status status;
	if (!process->other_pid_namespace)
		return (uint64_t)tid;
	snprintf(name, sizeof name, "task/%d/status", (int)tid);
	return gsd_procfs_status(process->directory, name, &status) == 0 ? (uint64_t)status.pid_innermost : 0;
}

static void fill(const struct gsd_process *process, DIR *tasks, struct gsd_threads *threads)
{
	const struct dirent *entry;
	while ((entry = readdir(tasks)) != NULL && threads->count < threads->capacity) {
		pid_t tid = tid_of(entry->d_name);
		if (tid != 0)
			threads->items[threads->count++] = (struct gsd_thread){
				.tid = tid, .tid_inside = id_inside(process, tid), .state = GSD_THREAD_RUNS};
	}
}

struct gsd_error *gsd_process_list_threads(struct gsd_process *process, struct gsd_threads *threads_ret)
{
	struct gsd_threads threads = {0};
	char attempt[64];
	GSD_TRY(gsd_process_thread_capacity(process, &threads.capacity));
	threads.items = calloc(threads.capacity, sizeof *threads.items);
	if (threads.items == NULL)
		return gsd_error_no_memory();
	int fd = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	if (tasks == NULL) {
		int errnum = errno;
		if (fd >= 0)
			close(fd);
		free(threads.items);
		snprintf(attempt, sizeof attempt, "list the threads of process %d", process->pid);
		return gsd_process_error(process, process->pid, GSD_ACCESS_LOOK, errnum, attempt);
	}
	fill(process, tasks, &threads);
	closedir(tasks);
	*threads_ret = threads;
	return NULL;
}
