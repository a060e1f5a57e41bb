/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets for the tests of this folder: forked children that share a page with the test and count in it. */
#ifndef GSD_TEST_TARGET_FIXTURE_H
#define GSD_TEST_TARGET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "target/procfs.h"

#define FIXTURE_SLOTS 600

/* What a target and its test share. */
struct shared {
	atomic_uint ready;                         /* threads that have started */
	atomic_ulong counters[FIXTURE_SLOTS];      /* one per spinning thread */
	atomic_ulong born;                         /* short-lived threads so far */
	atomic_ulong stack_address[FIXTURE_SLOTS]; /* of a local of each thread */
	atomic_uint received[1 << 16];             /* per signal value */
	atomic_ulong received_count;
	atomic_uint quit;
};

static inline uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Evaluates the condition until it holds; fails the test after 20 s. */
#define await(condition)                                                                                               \
	do {                                                                                                           \
		uint64_t await_end = now_ns() + 20000000000U;                                                          \
		while (!(condition)) {                                                                                 \
			if (now_ns() > await_end)                                                                      \
				fail_msg("never came true: %s", #condition);                                           \
			sched_yield();                                                                                 \
		}                                                                                                      \
	} while (0)

static inline struct shared *shared_create(void)
{
	struct shared *shared =
		mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_true(shared != MAP_FAILED);
	return shared;
}

static inline void shared_destroy(struct shared *shared)
{
	munmap(shared, sizeof *shared);
}

/* A child that runs @p body and dies with the test. */
static inline pid_t spawn(void (*body)(struct shared *shared, unsigned argument), struct shared *shared,
			  unsigned argument)
{
	pid_t test = getpid();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != test)
			_exit(1);
		body(shared, argument);
		_exit(0);
	}
	return pid;
}

static inline void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static inline struct gsd_status status_of(pid_t pid)
{
	char path[64];
	struct gsd_status status = {0};
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	(void)gsd_procfs_status(-1, path, &status);
	return status;
}

/* Whether some thread of @p pid is traced. */
static inline bool is_traced(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return false;
	bool traced = false;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", pid, entry->d_name);
		struct gsd_status status = {0};
		if (gsd_procfs_status(-1, path, &status) == 0 && (status.tracer != 0 || status.state == 't'))
			traced = true;
	}
	closedir(directory);
	return traced;
}

static inline void assert_no_error(struct gsd_error *error)
{
	if (error != NULL)
		fail_msg("%s", gsd_error_message(error));
}

/* Checks the code and that the message holds @p words, then frees the error. */
static inline void assert_error(struct gsd_error *error, enum gsd_error_code code, const char *words)
{
	assert_non_null(error);
	if (gsd_error_code(error) != code || strstr(gsd_error_message(error), words) == NULL)
		fail_msg("unexpected error %d: %s", gsd_error_code(error), gsd_error_message(error));
	gsd_error_destroy(error);
}

#endif
