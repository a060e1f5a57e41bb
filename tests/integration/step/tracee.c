/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "step.h"

#define EVENT(status) ((unsigned)(status) >> 16)
#define BREAKPOINT    0xccL

static long trace(long request, pid_t tid, uintptr_t address, uintptr_t data)
{
	return ptrace((enum __ptrace_request)request, tid, (void *)address, (void *)data);
}

void tracee_start(struct tracee *tracee, char **command)
{
	int gate[2];
	char byte = 0;
	if (pipe(gate) != 0)
		fail("pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		if (read(gate[0], &byte, 1) != 1)
			_exit(126);
		close(gate[0]);
		close(gate[1]);
		execvp(command[0], command);
		_exit(127);
	}
	memset(tracee, 0, sizeof *tracee);
	tracee->pid = pid;
	if (trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) != 0)
		fail("seize: %s", strerror(errno));
	if (write(gate[1], &byte, 1) != 1)
		fail("write: %s", strerror(errno));
	close(gate[0]);
	close(gate[1]);
	int status;
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) || EVENT(status) != PTRACE_EVENT_EXEC)
		fail("%s was not started", command[0]);
	tracee->threads[tracee->thread_count++] = (struct tracee_thread){.tid = pid};
}

static struct tracee_thread *thread_by_id(struct tracee *tracee, pid_t tid)
{
	for (size_t i = 0; i < tracee->thread_count; i++)
		if (tracee->threads[i].tid == tid)
			return &tracee->threads[i];
	if (tracee->thread_count == MAX_THREADS)
		fail("more than %d threads", MAX_THREADS);
	struct tracee_thread *thread = &tracee->threads[tracee->thread_count++];
	*thread = (struct tracee_thread){.tid = tid};
	return thread;
}

static void read_registers(struct tracee_thread *thread)
{
	struct user_regs_struct user;
	if (trace(PTRACE_GETREGS, thread->tid, 0, (uintptr_t)&user) != 0)
		return;
	thread->now = (struct gsd_registers){.pc = user.rip, .sp = user.rsp, .bp = user.rbp};
	thread->rax = user.rax;
	thread->system_call = (long)user.orig_rax;
}

/* The next thread to report anything; NULL when none is left. */
static struct tracee_thread *next_report(struct tracee *tracee, int *status_ret)
{
	for (;;) {
		pid_t tid = waitpid(-1, status_ret, __WALL);
		if (tid < 0) {
			tracee->ended = true;
			return NULL;
		}
		struct tracee_thread *thread = thread_by_id(tracee, tid);
		thread->in_flight = false;
		if (WIFSTOPPED(*status_ret))
			return thread;
		if (tid == tracee->pid) {
			tracee->ended = true;
			tracee->status = *status_ret;
		}
		*thread = tracee->threads[--tracee->thread_count];
		if (tracee->thread_count == 0 || tracee->ended)
			return NULL;
	}
}

/* The signal that a stop is about, to be handed over; 0 for the stops of tracing itself. */
static int pending_signal(int status)
{
	int signal = WSTOPSIG(status);
	return EVENT(status) != 0 || signal == SIGTRAP ? 0 : signal;
}

/* Through a thread that is stopped. */
static void poke(const struct tracee_thread *thread, uint64_t address, long word)
{
	if (trace(PTRACE_POKETEXT, thread->tid, address, (uintptr_t)word) != 0)
		fail("poke: %s", strerror(errno));
}

static void set_pc(struct tracee_thread *thread, uint64_t pc)
{
	struct user_regs_struct user;
	if (trace(PTRACE_GETREGS, thread->tid, 0, (uintptr_t)&user) != 0)
		fail("registers: %s", strerror(errno));
	user.rip = pc;
	if (trace(PTRACE_SETREGS, thread->tid, 0, (uintptr_t)&user) != 0)
		fail("registers: %s", strerror(errno));
	read_registers(thread);
}

/* Stops every thread but `except`; one that has run into the breakpoint at `address` too goes back there. */
static void stop_others(struct tracee *tracee, const struct tracee_thread *except, uint64_t address)
{
	pid_t stays = except->tid;
	for (size_t i = 0; i < tracee->thread_count; i++)
		if (tracee->threads[i].in_flight)
			trace(PTRACE_INTERRUPT, tracee->threads[i].tid, 0, 0);
	for (size_t i = 0; i < tracee->thread_count; i++) {
		struct tracee_thread *thread = &tracee->threads[i];
		int status = 0;
		while (thread->tid != stays && thread->in_flight) {
			if (waitpid(thread->tid, &status, __WALL) != thread->tid || !WIFSTOPPED(status))
				fail("thread %d ended", (int)thread->tid);
			int signal = pending_signal(status);
			read_registers(thread);
			if (EVENT(status) == 0 && WSTOPSIG(status) == SIGTRAP && thread->now.pc == address + 1)
				set_pc(thread, address);
			if (EVENT(status) == PTRACE_EVENT_STOP)
				thread->in_flight = false;
			else
				trace(PTRACE_CONT, thread->tid, 0, (uintptr_t)signal);
		}
		read_registers(thread);
	}
}

struct tracee_thread *tracee_run_to(struct tracee *tracee, uint64_t address, unsigned long count)
{
	errno = 0;
	long original = trace(PTRACE_PEEKTEXT, tracee->pid, address, 0);
	if (errno != 0)
		fail("peek: %s", strerror(errno));
	long armed = (original & ~0xffL) | BREAKPOINT;
	poke(&tracee->threads[0], address, armed);
	struct tracee_thread *thread = &tracee->threads[0];
	int status = 0;
	for (;;) {
		int signal = thread->pending;
		thread->pending = 0;
		thread->in_flight = true;
		trace(PTRACE_CONT, thread->tid, 0, (uintptr_t)signal);
		thread = next_report(tracee, &status);
		if (thread == NULL)
			fail("it ended on the way");
		read_registers(thread);
		if (WSTOPSIG(status) != SIGTRAP || EVENT(status) != 0 || thread->now.pc != address + 1) {
			thread->pending = pending_signal(status);
			continue;
		}
		poke(thread, address, original);
		set_pc(thread, address);
		if (--count == 0)
			break;
		/* Others may run past the place meanwhile: the count is a rough one. */
		trace(PTRACE_SINGLESTEP, thread->tid, 0, 0);
		if (waitpid(thread->tid, &status, __WALL) != thread->tid || !WIFSTOPPED(status))
			fail("it ended on the way");
		thread->pending = pending_signal(status);
		poke(thread, address, armed);
	}
	pid_t here = thread->tid;
	stop_others(tracee, thread, address);
	return thread_by_id(tracee, here);
}

void tracee_step(struct tracee *tracee, struct tracee_thread *thread)
{
	(void)tracee;
	thread->before = thread->now;
	thread->before_rax = thread->rax;
	thread->delivered = thread->pending;
	thread->pending = 0;
	thread->in_flight = true;
	long request = thread->mode == THREAD_FREE ? PTRACE_CONT : PTRACE_SINGLESTEP;
	trace(request, thread->tid, 0, (uintptr_t)thread->delivered);
}

/* Goes on after a stop inside a step: what the thread was before it stays. */
static void continue_step(struct tracee *tracee, struct tracee_thread *thread)
{
	struct gsd_registers before = thread->before;
	uint64_t rax = thread->before_rax;
	tracee_step(tracee, thread);
	thread->before = before;
	thread->before_rax = rax;
}

struct tracee_thread *tracee_wait(struct tracee *tracee)
{
	for (;;) {
		int status;
		struct tracee_thread *thread = next_report(tracee, &status);
		if (thread == NULL)
			return NULL;
		read_registers(thread);
		thread->pending = pending_signal(status);
		bool is_new = thread->before.pc == 0;
		bool moved = thread->now.pc != thread->before.pc || thread->now.sp != thread->before.sp;
		bool sleeps = thread->system_call == SYS_nanosleep || thread->system_call == SYS_futex;
		if (thread->mode == THREAD_FREE && EVENT(status) == PTRACE_EVENT_STOP && sleeps)
			continue; /* it holds no lock: here it can stand still */
		if (thread->mode == THREAD_FREE || is_new)
			tracee_step(tracee, thread);
		else if (EVENT(status) != 0 || (thread->pending != 0 && !moved))
			continue_step(tracee, thread);
		else
			return thread;
	}
}

void tracee_hold(struct tracee *tracee, bool hold)
{
	for (size_t i = 0; i < tracee->thread_count; i++) {
		struct tracee_thread *thread = &tracee->threads[i];
		if (thread->mode != THREAD_FREE)
			continue;
		if (hold && thread->in_flight)
			trace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		else if (!hold && !thread->in_flight)
			tracee_step(tracee, thread);
	}
}

void tracee_signal(struct tracee *tracee, struct tracee_thread *thread, int signal)
{
	syscall(SYS_tgkill, tracee->pid, thread->tid, signal);
}
