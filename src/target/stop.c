/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guard: makes the tracer, waits for it, and kills it when the stop lasts too long, which lets the target go.
 *
 * The tracer is a process of its own that shares our memory but none of our thread group. It runs on our thread's errno
 * and thread-local storage, so from clone to its end this thread only waits: by raw system calls (no cancellation point
 * touches the thread block) and with every signal blocked (no handler runs). Its exit signal is 0: no SIGCHLD, and a
 * host's wait() does not see it; only a wait with __WALL or __WCLONE does.
 */
#include "target/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/touched.h"
#include "target/tracer.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define STACK_SIZE ((size_t)512 * 1024)
#define GUARD_SIZE ((size_t)4096)

#define SECOND_NS ((uint64_t)1000000000)
/* Outside the stop the tracer may take longer, but not for ever. */
#define OUTSIDE_MAX_NS (10 * SECOND_NS)
/* Seizing does not stop threads, but one that is in execve may wait for it. */
#define SEIZING_MAX_NS SECOND_NS
/* How often to look whether the stop has begun. */
#define SLICE_MIN_NS ((uint64_t)100000)
#define SLICE_MAX_NS ((uint64_t)50000000)

/* A kernel's whole signal set, the two that glibc keeps for itself included. */
typedef uint64_t kernel_signals;

/* ---- guarding ---- */

/* When the tracer's time in its present stage is over. */
static uint64_t deadline(struct gsd_tracer *tracer, enum gsd_tracer_stage stage, uint64_t made_ns,
			 uint64_t max_pause_ns)
{
	uint64_t since = atomic_load(&tracer->stage_ns);
	switch (stage) {
	case GSD_STAGE_BEFORE: return made_ns + OUTSIDE_MAX_NS;
	case GSD_STAGE_SEIZING: return since + max_pause_ns + SEIZING_MAX_NS;
	case GSD_STAGE_STOPPING: return since + max_pause_ns;
	case GSD_STAGE_RELEASED: break;
	}
	return since + OUTSIDE_MAX_NS;
}

static uint64_t slice_of(uint64_t max_pause_ns)
{
	uint64_t slice = max_pause_ns / 8;
	return slice < SLICE_MIN_NS ? SLICE_MIN_NS : slice > SLICE_MAX_NS ? SLICE_MAX_NS : slice;
}

/* Waits for the tracer's end; false: its time was over first. */
static bool await_end(struct gsd_tracer *tracer, int pidfd, uint64_t max_pause_ns)
{
	uint64_t made_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	for (;;) {
		enum gsd_tracer_stage stage = (enum gsd_tracer_stage)atomic_load(&tracer->stage);
		uint64_t end = deadline(tracer, stage, made_ns, max_pause_ns);
		uint64_t now = gsd_clock_ns(CLOCK_MONOTONIC);
		bool over = now >= end;
		uint64_t wait_ns = over ? 0 : end - now;
		if (stage < GSD_STAGE_STOPPING && wait_ns > slice_of(max_pause_ns))
			wait_ns = slice_of(max_pause_ns);
		struct pollfd ended = {.fd = pidfd, .events = POLLIN};
		struct timespec timeout = {.tv_sec = (time_t)(wait_ns / SECOND_NS),
					   .tv_nsec = (long)(wait_ns % SECOND_NS)};
		if (syscall(SYS_ppoll, &ended, 1L, &timeout, NULL, 0L) > 0)
			return true;
		if (over && atomic_load(&tracer->stage) == (int)stage)
			return false;
	}
}

/* Reaps the tracer. A host that waits with __WALL may have been faster: then only its end is known. */
static void reap(pid_t pid, int pidfd, siginfo_t *info_ret)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	while (syscall(SYS_ppoll, &ended, 1L, NULL, NULL, 0L) < 0 && errno == EINTR)
		;
	memset(info_ret, 0, sizeof *info_ret);
	while (syscall(SYS_waitid, (long)P_PID, (long)pid, info_ret, (long)(WEXITED | __WALL), NULL) < 0 &&
	       errno == EINTR)
		;
}

/* How the tracer's life went, in plain numbers: errors are made later. */
struct outcome {
	int clone_errnum; /* 0: there was a tracer */
	bool timed_out;
	uint64_t end_ns;
	siginfo_t end;
};

static void run_tracer(struct gsd_tracer *tracer, uint8_t *stack, uint64_t max_pause_ns, struct outcome *outcome)
{
	kernel_signals all = ~(kernel_signals)0;
	kernel_signals before;
	int pidfd = -1;
	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &all, &before, sizeof all);
	pid_t pid = clone(gsd_tracer_main, stack + STACK_SIZE, CLONE_VM | CLONE_PIDFD, tracer, &pidfd);
	if (pid < 0) {
		outcome->clone_errnum = errno;
	} else {
		outcome->timed_out = !await_end(tracer, pidfd, max_pause_ns);
		if (outcome->timed_out)
			syscall(SYS_pidfd_send_signal, pidfd, (long)SIGKILL, NULL, 0L);
		reap(pid, pidfd, &outcome->end);
		outcome->end_ns = gsd_clock_ns(CLOCK_MONOTONIC);
		syscall(SYS_close, pidfd);
	}
	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &before, NULL, sizeof before);
}

/*
 * The tracer as a thread of ours: to the kernel's checks it is this process. Nobody can end it but whoever ends us.
 */
static void run_tracer_thread(struct gsd_tracer *tracer, uint8_t *stack, struct outcome *outcome)
{
	kernel_signals all = ~(kernel_signals)0;
	kernel_signals before;
	pthread_attr_t attributes;
	pthread_t thread;
	/* The thread is made with this mask. */
	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &all, &before, sizeof all);
	int errnum = pthread_attr_init(&attributes);
	if (errnum == 0) {
		errnum = pthread_attr_setstack(&attributes, stack + GUARD_SIZE, STACK_SIZE - GUARD_SIZE);
		if (errnum == 0)
			errnum = pthread_create(&thread, &attributes, gsd_tracer_thread, tracer);
		pthread_attr_destroy(&attributes);
	}
	if (errnum == 0)
		pthread_join(thread, NULL);
	outcome->clone_errnum = errnum;
	outcome->end_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &before, NULL, sizeof before);
}

/* ---- making and unmaking ---- */

/* A stack that is touched before the stop, over a page that catches an overflow. */
static uint8_t *make_stack(void)
{
	uint8_t *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_POPULATE, -1, 0);
	if (stack == MAP_FAILED)
		return NULL;
	if (mprotect(stack, GUARD_SIZE, PROT_NONE) != 0) {
		munmap(stack, STACK_SIZE);
		return NULL;
	}
	return stack;
}

static void unmake_stack(uint8_t *stack)
{
	if (stack == NULL)
		return;
#ifdef WITH_ASAN
	/* A tracer that was killed leaves its frames' red zones behind. */
	__asan_unpoison_memory_region(stack, STACK_SIZE);
#endif
	munmap(stack, STACK_SIZE);
}

static void unmake_tracer(struct gsd_tracer *tracer)
{
	if (tracer->tasks >= 0)
		close(tracer->tasks);
	free(tracer->tracees);
	free(tracer->entries);
}

/* Memory that is written in the stop is written once before: no page fault is left for it. */
static struct gsd_error *make_tracer(struct gsd_process *process, struct gsd_threads *threads,
				     struct gsd_tracer *tracer)
{
	size_t capacity = threads->capacity;
	tracer->parent = getpid();
	tracer->pid = process->pid;
	tracer->other_pid_namespace = process->other_pid_namespace;
	tracer->threads = threads;
	tracer->tasks = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tracer->tasks < 0) {
		char attempt[64];
		snprintf(attempt, sizeof attempt, "list the threads of process %d", process->pid);
		return gsd_process_error(process, process->pid, GSD_ACCESS_LOOK, errno, attempt);
	}
	tracer->tracees = reallocarray(NULL, capacity == 0 ? 1 : capacity, sizeof *tracer->tracees);
	tracer->entries = malloc(GSD_ENTRY_BUFFER_SIZE);
	if (tracer->tracees == NULL || tracer->entries == NULL)
		return gsd_error_no_memory();
	memset(tracer->tracees, 0, capacity * sizeof *tracer->tracees);
	memset(tracer->entries, 0, GSD_ENTRY_BUFFER_SIZE);
	if (capacity > 0)
		memset(threads->items, 0, capacity * sizeof *threads->items);
	threads->count = 0;
	threads->overflow = false;
	return NULL;
}

/* ---- what came of it ---- */

static struct gsd_error *stop_error(const struct gsd_process *process, enum gsd_error_code code, int errnum)
{
	return gsd_error_create(code, errnum, "stop process %d", process->pid);
}

static struct gsd_error *error_of_timeout(const struct gsd_process *process, const struct gsd_tracer *tracer,
					  uint64_t max_pause_ns)
{
	struct gsd_error *error = stop_error(process, GSD_ERROR_TIMEOUT, 0);
	double limit_ms = (double)max_pause_ns / 1e6;
	if (tracer->start_ns == 0)
		return gsd_error_advise(gsd_error_because(error, "its threads could not be attached to in time; it was "
								 "let go"),
					"it may be in the middle of an execve, or the machine too busy: try again");
	error = gsd_error_because(error, "the stop of %zu threads had reached its limit of %g ms; it was let go",
				  tracer->threads->count, limit_ms);
	return gsd_error_advise(error,
				"allow a longer pause with --max-pause (now %gms), or try when the machine is "
				"less busy",
				limit_ms);
}

/* The error of a tracer that ended by itself. */
static struct gsd_error *error_of_step(const struct gsd_process *process, const struct gsd_tracer *tracer)
{
	char attempt[96];
	switch (tracer->failed) {
	case GSD_TRACER_LIST:
		snprintf(attempt, sizeof attempt, "list the threads of process %d", process->pid);
		return gsd_process_error(process, process->pid, GSD_ACCESS_LOOK, tracer->errnum, attempt);
	case GSD_TRACER_SEIZE:
		snprintf(attempt, sizeof attempt, "trace thread %d of process %d", tracer->failed_thread, process->pid);
		return gsd_process_error(process, tracer->failed_thread, GSD_ACCESS_TRACE, tracer->errnum, attempt);
	case GSD_TRACER_ENDED: return gsd_error_because(stop_error(process, GSD_ERROR_GONE, ESRCH), "it has ended");
	case GSD_TRACER_INTERRUPT: return stop_error(process, GSD_ERROR_INTERNAL, tracer->errnum);
	case GSD_TRACER_WAIT:
	case GSD_TRACER_REGISTERS:
		return gsd_error_create(GSD_ERROR_INTERNAL, tracer->errnum,
					"learn the state of thread %d of process %d", tracer->failed_thread,
					process->pid);
	case GSD_TRACER_ORPHANED:
		return gsd_error_because(stop_error(process, GSD_ERROR_INTERNAL, tracer->errnum),
					 "the tracer could not be tied to its parent");
	case GSD_TRACER_FINE: break;
	}
	return NULL;
}

static struct gsd_error *error_of(const struct gsd_process *process, const struct gsd_tracer *tracer,
				  const struct outcome *outcome, uint64_t max_pause_ns)
{
	if (outcome->clone_errnum != 0)
		return gsd_error_create(outcome->clone_errnum == ENOMEM ? GSD_ERROR_NO_MEMORY : GSD_ERROR_INTERNAL,
					outcome->clone_errnum, "start the tracer of process %d", process->pid);
	if (outcome->timed_out)
		return error_of_timeout(process, tracer, max_pause_ns);
	if (!tracer->finished && outcome->end.si_code != CLD_EXITED)
		return gsd_error_because(stop_error(process, GSD_ERROR_INTERNAL, 0),
					 "the tracer was killed by signal %d; it was let go", outcome->end.si_status);
	return error_of_step(process, tracer);
}

struct gsd_error *gsd_process_stop(struct gsd_process *process, uint64_t max_pause_ns, struct gsd_threads *threads,
				   gsd_stop_window *window, void *context, struct gsd_stop_figures *figures_ret)
{
	if (max_pause_ns == 0)
		max_pause_ns = SECOND_NS;
	struct gsd_tracer tracer = {
		.tasks = -1, .window = window, .context = context, .stopped_since = process->stopped_since};
	struct outcome outcome = {0};
	struct gsd_error *error = make_tracer(process, threads, &tracer);
	uint8_t *stack = error == NULL ? make_stack() : NULL;
	if (error == NULL && stack == NULL)
		error = gsd_error_no_memory();
	if (error == NULL) {
		gsd_touch_code();
		if (process->stopped_since != NULL)
			run_tracer_thread(&tracer, stack, &outcome);
		else
			run_tracer(&tracer, stack, max_pause_ns, &outcome);
		error = error_of(process, &tracer, &outcome, max_pause_ns);
	}
	unmake_stack(stack);
	unmake_tracer(&tracer);
	uint64_t end_ns = tracer.left_to_end || outcome.timed_out ? outcome.end_ns : tracer.release_ns;
	tracer.figures.pause_ns = tracer.start_ns == 0 ? 0 : end_ns - tracer.start_ns;
	if (error != NULL) {
		if (gsd_error_code(error) == GSD_ERROR_TIMEOUT)
			figures_ret->pause_ns = tracer.figures.pause_ns;
		return error;
	}
	*figures_ret = tracer.figures;
	return NULL;
}

void gsd_process_stop_by_thread(struct gsd_process *process, _Atomic uint64_t *stopped_since)
{
	process->stopped_since = stopped_since;
}

struct gsd_error *gsd_process_thread_capacity(struct gsd_process *process, size_t *capacity_ret)
{
	struct gsd_status status;
	char attempt[64];
	int errnum = gsd_procfs_status(process->directory, "status", &status);
	if (errnum != 0) {
		snprintf(attempt, sizeof attempt, "count the threads of process %d", process->pid);
		return gsd_process_error(process, process->pid, GSD_ACCESS_LOOK, errnum, attempt);
	}
	*capacity_ret = (size_t)(status.threads + status.threads / 4 + 64);
	return NULL;
}
