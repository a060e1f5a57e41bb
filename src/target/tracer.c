/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tracer: a child that shares the parent's memory, attaches to every thread of the target, stops them, runs the
 * window and lets them go. Its end, whatever the cause, lets go what is still attached; the kernel sees to that.
 *
 * Signals survive it because no stop is ever consumed: waitid with WNOWAIT leaves the thread's stop as it is, and a
 * thread in a signal-delivery-stop whose tracer ends goes on with that very signal (kernel/signal.c, ptrace_signal,
 * takes it from exit_code, which only a consuming wait clears).
 *
 * Raw system calls only: glibc's waitid and openat are cancellation points, which write to the thread block that the
 * parent's thread is using too.
 */
#include "target/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/procfs.h"

/* How long no thread reports before /proc is asked what the silent ones are doing; then twice that, and so on. */
#define FIRST_SILENCE_NS   ((uint64_t)250 * 1000)
#define LONGEST_SILENCE_NS ((uint64_t)8 * 1000 * 1000)
/* How long to yield while waiting; on a busy machine only sleep lets a thread run that is queued on our processor. */
#define YIELDING_NS ((uint64_t)200 * 1000)
#define NAP_NS      20000
/* How often a refusal to trace is asked again. */
#define SEIZE_ATTEMPTS 4
/* How long threads may take to come to rest when their process begins to dump core. */
#define DUMP_SETTLING_NS ((uint64_t)50 * 1000 * 1000)

struct directory_entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static void enter_stage(struct gsd_tracer *tracer, enum gsd_tracer_stage stage, uint64_t now)
{
	atomic_store(&tracer->stage_ns, now);
	atomic_store(&tracer->stage, (int)stage);
	if (tracer->stopped_since != NULL)
		atomic_store(tracer->stopped_since, stage == GSD_STAGE_STOPPING ? now : 0);
}

static bool fail(struct gsd_tracer *tracer, enum gsd_tracer_step step, int errnum, pid_t thread)
{
	tracer->failed = step;
	tracer->errnum = errnum;
	tracer->failed_thread = thread;
	return false;
}

static long request(int what, pid_t tid, void *data)
{
	return syscall(SYS_ptrace, (long)what, (long)tid, 0L, data);
}

/* ---- listing ---- */

/* The number that a directory entry's name is, or 0 ("." and ".."). */
static pid_t parse_tid(const char *name)
{
	pid_t tid = 0;
	for (; *name >= '0' && *name <= '9' && tid < 100000000; name++)
		tid = tid * 10 + (*name - '0');
	return tid;
}

/*
 * Whether @p tid is known. The kernel lists threads in the order of their birth, as the array does: the look-up goes on
 * from where the last one was found and costs one comparison as long as nothing changes.
 */
static bool is_known(const struct gsd_threads *threads, pid_t tid, size_t *cursor)
{
	for (size_t i = 0; i < threads->count; i++) {
		size_t at = *cursor + i < threads->count ? *cursor + i : *cursor + i - threads->count;
		if (threads->items[at].tid == tid) {
			*cursor = at + 1;
			return true;
		}
	}
	return false;
}

static void add_thread(struct gsd_tracer *tracer, pid_t tid)
{
	struct gsd_threads *threads = tracer->threads;
	if (threads->count == threads->capacity) {
		threads->overflow = true;
		return;
	}
	threads->items[threads->count] = (struct gsd_thread){.tid = tid, .state = GSD_THREAD_GONE};
	tracer->tracees[threads->count] = (struct gsd_tracee){.state = GSD_TRACEE_LISTED};
	threads->count++;
}

/*
 * Reads the start of /proc/PID/task/TID/NAME (name begins with a slash) into @p text and ends it with a NUL. False when
 * the thread is no more. By raw system calls: nothing here may be a cancellation point.
 */
static bool read_task_file(const struct gsd_tracer *tracer, pid_t tid, const char *name, char *text, size_t capacity)
{
	char path[24];
	char digits[12];
	size_t count = 0;
	for (pid_t rest = tid; rest > 0; rest /= 10)
		digits[count++] = (char)('0' + rest % 10);
	for (size_t i = 0; i < count; i++)
		path[i] = digits[count - 1 - i];
	memcpy(path + count, name, strlen(name) + 1);
	long fd = syscall(SYS_openat, tracer->tasks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	long got = syscall(SYS_read, fd, text, capacity - 1);
	syscall(SYS_close, fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* The state letter of a thread in /proc, or 0 when it is no more. */
static char state_in_proc(const struct gsd_tracer *tracer, pid_t tid)
{
	char text[256];
	return read_task_file(tracer, tid, "/stat", text, sizeof text) ? gsd_stat_state(text) : '\0';
}

/* The thread's id as the target sees it: the innermost one of NSpid; 0 when it cannot be had. */
static uint64_t id_inside(const struct gsd_tracer *tracer, pid_t tid)
{
	struct gsd_status status;
	if (!tracer->other_pid_namespace)
		return (uint64_t)tid;
	/* The room for directory entries is free between two lists. */
	if (!read_task_file(tracer, tid, "/status", tracer->entries, GSD_ENTRY_BUFFER_SIZE) ||
	    !gsd_status_parse(tracer->entries, &status))
		return 0;
	return (uint64_t)status.pid_innermost;
}

/*
 * What the kernel tells of the registers of a thread that cannot be stopped because it does not run: where it left user
 * code. No frame pointer. False when it tells nothing.
 */
static bool registers_in_proc(const struct gsd_tracer *tracer, struct gsd_thread *thread)
{
	char text[1024];
	struct gsd_registers registers = {0};
	bool told = (read_task_file(tracer, thread->tid, "/syscall", text, sizeof text) &&
		     gsd_syscall_parse(text, &registers.pc, &registers.sp)) ||
		    (read_task_file(tracer, thread->tid, "/stat", text, sizeof text) &&
		     gsd_stat_registers(text, &registers.pc, &registers.sp));
	if (told)
		thread->registers = registers;
	return told;
}

static bool is_ended(char state)
{
	return state == '\0' || state == 'Z' || state == 'X';
}

/*
 * Takes in a thread that the kernel lists. One that had ended and is listed still is a main thread that ended first; if
 * it lives again, another thread has called execve and goes on under this id.
 */
static bool take_listed(struct gsd_tracer *tracer, pid_t tid, size_t *cursor)
{
	if (!is_known(tracer->threads, tid, cursor)) {
		add_thread(tracer, tid);
		return true;
	}
	struct gsd_tracee *tracee = &tracer->tracees[*cursor - 1];
	if (tracee->state != GSD_TRACEE_GONE || is_ended(state_in_proc(tracer, tid)))
		return false;
	tracee->state = GSD_TRACEE_LISTED;
	return true;
}

/* Adds the threads that are not known yet to the array; @p more_ret: there were some. */
static bool list_threads(struct gsd_tracer *tracer, bool *more_ret)
{
	size_t cursor = 0;
	*more_ret = false;
	if (syscall(SYS_lseek, tracer->tasks, 0L, (long)SEEK_SET) < 0)
		return fail(tracer, GSD_TRACER_LIST, errno, 0);
	for (;;) {
		long got = syscall(SYS_getdents64, tracer->tasks, tracer->entries, GSD_ENTRY_BUFFER_SIZE);
		if (got < 0)
			return fail(tracer, GSD_TRACER_LIST, errno, 0);
		if (got == 0 || tracer->threads->overflow)
			return !tracer->threads->overflow;
		for (long at = 0; at < got;) {
			const struct directory_entry *entry = (const void *)(tracer->entries + at);
			pid_t tid = parse_tid(entry->name);
			if (tid != 0 && take_listed(tracer, tid, &cursor))
				*more_ret = true;
			at += entry->length;
		}
	}
}

/* ---- attaching ---- */

/*
 * Seizes one thread. One that has ended is refused like one that we may not trace; in an execve, what was refused as
 * ended may live a moment later, or be a thread that we have seized under its former id.
 */
static bool seize(struct gsd_tracer *tracer, size_t i)
{
	pid_t tid = tracer->threads->items[i].tid;
	int errnum = 0;
	tracer->threads->items[i].tid_inside = id_inside(tracer, tid);
	for (int attempt = 0; attempt < SEIZE_ATTEMPTS; attempt++) {
		if (request(PTRACE_SEIZE, tid, NULL) == 0) {
			tracer->tracees[i].state = GSD_TRACEE_SEIZED;
			return true;
		}
		errnum = errno;
		if (errnum != ESRCH && request(PTRACE_INTERRUPT, tid, NULL) == 0) {
			tracer->tracees[i].state = GSD_TRACEE_INTERRUPTED;
			return true;
		}
		if (errnum == ESRCH || is_ended(state_in_proc(tracer, tid))) {
			tracer->tracees[i].state = GSD_TRACEE_GONE;
			return true;
		}
	}
	return fail(tracer, GSD_TRACER_SEIZE, errnum, tid);
}

/* Seizes every thread that was only listed. That does not stop it. */
static bool seize_listed(struct gsd_tracer *tracer)
{
	for (size_t i = 0; i < tracer->threads->count; i++) {
		if (tracer->tracees[i].state == GSD_TRACEE_LISTED && !seize(tracer, i))
			return false;
	}
	return true;
}

static bool interrupt_seized(struct gsd_tracer *tracer)
{
	for (size_t i = 0; i < tracer->threads->count; i++) {
		if (tracer->tracees[i].state != GSD_TRACEE_SEIZED)
			continue;
		tracer->tracees[i].state = GSD_TRACEE_INTERRUPTED;
		if (request(PTRACE_INTERRUPT, tracer->threads->items[i].tid, NULL) == 0)
			continue;
		if (errno != ESRCH)
			return fail(tracer, GSD_TRACER_INTERRUPT, errno, tracer->threads->items[i].tid);
		/* It is on its way out; collecting will tell. */
	}
	return true;
}

/* ---- collecting ---- */

enum report { REPORT_NONE, REPORT_STOPPED, REPORT_GONE, REPORT_FAILED };

/* What the thread has to report; its stop is looked at and not consumed. */
static enum report look_at(pid_t tid, int *signal_ret)
{
	siginfo_t info;
	info.si_pid = 0;
	long result = syscall(SYS_waitid, (long)P_PID, (long)tid, &info,
			      (long)(WSTOPPED | WEXITED | __WALL | WNOWAIT | WNOHANG), NULL);
	if (result < 0)
		return errno == ECHILD ? REPORT_GONE : REPORT_FAILED;
	if (info.si_pid == 0)
		return REPORT_NONE;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
		return REPORT_GONE;
	/*
	 * The low byte is the signal, the next one an event. PTRACE_EVENT_STOP is our interrupt, or a group-stop, which
	 * the kernel takes up again at the detach by itself. No event: it was about to receive the signal.
	 */
	*signal_ret = info.si_status >> 8 == 0 ? info.si_status & 0x7f : 0;
	return REPORT_STOPPED;
}

/* @return 0, or an errno; ESRCH: killed at this moment. */
static int read_registers(pid_t tid, struct gsd_registers *registers)
{
	struct user_regs_struct user;
	if (request(PTRACE_GETREGS, tid, &user) != 0)
		return errno;
	*registers = gsd_registers_of(&user);
	return 0;
}

/* Takes in what thread @p i reports. True if it is settled. */
static bool collect_one(struct gsd_tracer *tracer, size_t i)
{
	struct gsd_tracee *tracee = &tracer->tracees[i];
	struct gsd_thread *thread = &tracer->threads->items[i];
	switch (look_at(thread->tid, &tracee->signal)) {
	case REPORT_NONE: return false;
	case REPORT_GONE: tracee->state = GSD_TRACEE_GONE; return true;
	case REPORT_FAILED: (void)fail(tracer, GSD_TRACER_WAIT, errno, thread->tid); return true;
	case REPORT_STOPPED: break;
	}
	int errnum = read_registers(thread->tid, &thread->registers);
	if (errnum != 0 && errnum != ESRCH)
		(void)fail(tracer, GSD_TRACER_REGISTERS, errnum, thread->tid);
	tracee->state = errnum == 0 ? GSD_TRACEE_STOPPED : GSD_TRACEE_GONE;
	thread->state = errnum == 0 ? GSD_THREAD_STOPPED : GSD_THREAD_GONE;
	return true;
}

/* One look at every thread that has not settled; returns how many are left. */
static size_t collect_pass(struct gsd_tracer *tracer, bool *progress_ret)
{
	size_t left = 0;
	for (size_t i = 0; i < tracer->threads->count && tracer->failed == GSD_TRACER_FINE; i++) {
		if (tracer->tracees[i].state != GSD_TRACEE_INTERRUPTED)
			continue;
		if (collect_one(tracer, i))
			*progress_ret = true;
		else
			left++;
	}
	return left;
}

/*
 * Asks /proc about the silent ones. In D state, where vfork waits too, a thread takes its trap before it runs user code
 * again. A main thread that ended before the others is a zombie that never reports.
 */
static void settle_silent(struct gsd_tracer *tracer)
{
	for (size_t i = 0; i < tracer->threads->count; i++) {
		if (tracer->tracees[i].state != GSD_TRACEE_INTERRUPTED)
			continue;
		char state = state_in_proc(tracer, tracer->threads->items[i].tid);
		if (state == 'D') {
			struct gsd_thread *thread = &tracer->threads->items[i];
			tracer->tracees[i].state = GSD_TRACEE_STUCK;
			thread->state =
				registers_in_proc(tracer, thread) ? GSD_THREAD_STOPPED : GSD_THREAD_UNINTERRUPTIBLE;
		} else if (is_ended(state)) {
			tracer->tracees[i].state = GSD_TRACEE_GONE;
		}
	}
}

static void give_way(uint64_t waited_ns)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	if (waited_ns < YIELDING_NS)
		sched_yield();
	else
		syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, &nap, NULL);
}

/* Until every interrupted thread has settled. Only the guard's patience ends it otherwise. */
static bool collect_stops(struct gsd_tracer *tracer)
{
	uint64_t last_progress = gsd_clock_ns(CLOCK_MONOTONIC);
	uint64_t silence = FIRST_SILENCE_NS;
	for (;;) {
		bool progress = false;
		size_t left = collect_pass(tracer, &progress);
		if (tracer->failed != GSD_TRACER_FINE)
			return false;
		if (left == 0)
			return true;
		uint64_t now = gsd_clock_ns(CLOCK_MONOTONIC);
		if (progress) {
			last_progress = now;
			silence = FIRST_SILENCE_NS;
		} else if (now - last_progress > silence) {
			settle_silent(tracer);
			silence = silence < LONGEST_SILENCE_NS ? 2 * silence : silence + LONGEST_SILENCE_NS;
		}
		give_way(now - last_progress);
	}
}

/* ---- the stop ---- */

static bool any_thread_is_left(const struct gsd_tracer *tracer)
{
	for (size_t i = 0; i < tracer->threads->count; i++) {
		if (tracer->tracees[i].state != GSD_TRACEE_GONE)
			return true;
	}
	return false;
}

/*
 * A thread that had not stopped yet may have started another one, which its creator's stop does not hold: only a
 * listing made while all known threads are stopped, and that shows no new one, is the last.
 */
static bool stop_all(struct gsd_tracer *tracer)
{
	bool more;
	do {
		if (!seize_listed(tracer) || !interrupt_seized(tracer) || !collect_stops(tracer))
			return false;
		if (!list_threads(tracer, &more))
			return false;
	} while (more);
	return any_thread_is_left(tracer) ? true : fail(tracer, GSD_TRACER_ENDED, ESRCH, 0);
}

/* Whether the target writes a core dump. Any thread's status says so; the first one may have ended. */
static bool dumps_core(const struct gsd_tracer *tracer)
{
	const struct gsd_threads *threads = tracer->threads;
	for (size_t i = 0; i < threads->count; i++) {
		if (tracer->tracees[i].state == GSD_TRACEE_SEIZED &&
		    read_task_file(tracer, threads->items[i].tid, "/status", tracer->entries, GSD_ENTRY_BUFFER_SIZE))
			return gsd_status_dumps_core(tracer->entries);
	}
	return false;
}

/*
 * A process that dumps core stands still until its end, and must not be interrupted: the thread that writes would take
 * the wake-up for a signal and cut the dump short (fs/pipe.c, pipe_write). Its threads are where they left user code.
 * Some may still be on their way to where they wait; they are given a moment.
 */
static void take_dumping(struct gsd_tracer *tracer)
{
	uint64_t start = gsd_clock_ns(CLOCK_MONOTONIC);
	for (;;) {
		size_t left = 0;
		for (size_t i = 0; i < tracer->threads->count; i++) {
			struct gsd_thread *thread = &tracer->threads->items[i];
			if (tracer->tracees[i].state != GSD_TRACEE_SEIZED || thread->state == GSD_THREAD_STOPPED)
				continue;
			bool told = registers_in_proc(tracer, thread);
			thread->state = told ? GSD_THREAD_STOPPED : GSD_THREAD_UNINTERRUPTIBLE;
			left += told ? 0 : 1;
		}
		uint64_t waited = gsd_clock_ns(CLOCK_MONOTONIC) - start;
		if (left == 0 || waited > DUMP_SETTLING_NS)
			return;
		give_way(waited);
	}
}

static void note_the_moment(struct gsd_tracer *tracer)
{
	tracer->figures.halted_unix_ns = gsd_clock_ns(CLOCK_REALTIME);
	tracer->figures.halted_monotonic_ns = gsd_clock_ns(CLOCK_MONOTONIC);
}

bool gsd_tracer_halt(struct gsd_tracer *tracer)
{
	enter_stage(tracer, GSD_STAGE_SEIZING, gsd_clock_ns(CLOCK_MONOTONIC));
	bool more;
	if (!list_threads(tracer, &more) || !seize_listed(tracer))
		return false;
	if (dumps_core(tracer)) {
		take_dumping(tracer);
		note_the_moment(tracer);
		return true;
	}
	tracer->start_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	enter_stage(tracer, GSD_STAGE_STOPPING, tracer->start_ns);
	if (!stop_all(tracer))
		return false;
	note_the_moment(tracer);
	return true;
}

/* A detach needs a stopped thread: one that is not is left to the tracer's end. */
static void release_one(struct gsd_tracer *tracer, size_t i)
{
	struct gsd_tracee *tracee = &tracer->tracees[i];
	pid_t tid = tracer->threads->items[i].tid;
	if (tracee->state == GSD_TRACEE_LISTED || tracee->state == GSD_TRACEE_GONE)
		return;
	if (tracee->state != GSD_TRACEE_STOPPED && look_at(tid, &tracee->signal) != REPORT_STOPPED) {
		tracer->left_to_end = true;
		return;
	}
	if (request(PTRACE_DETACH, tid, (void *)(intptr_t)tracee->signal) == 0)
		tracee->state = GSD_TRACEE_RELEASED;
	else
		tracee->state = GSD_TRACEE_GONE;
}

void gsd_tracer_release(struct gsd_tracer *tracer)
{
	bool released = false;
	for (size_t i = 0; i < tracer->threads->count; i++) {
		release_one(tracer, i);
		released = released || tracer->tracees[i].state == GSD_TRACEE_RELEASED;
	}
	tracer->release_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	/* All killed in the window: what was read after that is nothing. */
	if (!released && !tracer->left_to_end && tracer->failed == GSD_TRACER_FINE && !tracer->threads->overflow)
		(void)fail(tracer, GSD_TRACER_ENDED, ESRCH, 0);
	enter_stage(tracer, GSD_STAGE_RELEASED, tracer->release_ns);
}

static void run_window(struct gsd_tracer *tracer)
{
	tracer->window(tracer, tracer->context);
	if (atomic_load(&tracer->stage) != GSD_STAGE_RELEASED)
		gsd_tracer_release(tracer);
	tracer->finished = true;
}

void *gsd_tracer_thread(void *argument)
{
	run_window(argument);
	return NULL;
}

int gsd_tracer_main(void *argument)
{
	struct gsd_tracer *tracer = argument;
	/* The parent's end is ours; if it was before this line, its id is no longer our parent's. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || syscall(SYS_getppid) != tracer->parent) {
		(void)fail(tracer, GSD_TRACER_ORPHANED, errno, 0);
		return 1;
	}
	(void)setsid();
	run_window(tracer);
	return 0;
}
