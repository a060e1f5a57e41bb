/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Whoever signals processes one by one (kill(2) with -1, systemd all of a control group) may reach the keeper after the
 * guard. A group gets its signals newest process first (kernel/pid.c, attach_pid), the guard last.
 */
#define WITNESS_NS 20000000L

/*
 * Not here: what a process does to itself (SIGSEGV and the like, SIGABRT, SIGPIPE, SIGXFSZ, SIGXCPU, SIGSYS), job
 * control (SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT), which is meant for this process, and SIGCHLD.
 */
static const int taken[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,   SIGUSR1, SIGUSR2, SIGALRM,
			    SIGPROF, SIGPOLL, SIGURG,  SIGVTALRM, SIGPWR,  SIGWINCH};

/* That the terminal sends to the group in its foreground, with SI_KERNEL. SIGHUP it also sends to its session's leader
 * alone, when it is hung up (drivers/tty/tty_jobctrl.c, tty_signal_session_leader). */
static const int of_terminal[] = {SIGHUP, SIGINT, SIGQUIT, SIGWINCH};

/* The guard's answer: it has passed on all that it had when it was asked. No signal has this number. */
#define ANSWER 0

void relay_signals(sigset_t *set_ret)
{
	sigemptyset(set_ret);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		sigaddset(set_ret, taken[i]);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaddset(set_ret, number);
}

bool relay_open(struct relay *relay)
{
	int ends[2];
	int question = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (question < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	*relay = (struct relay){.taken = -1, .reading = ends[0], .writing = ends[1], .question = question, .own = -1};
	return true;
}

static int listen_for_signals(void)
{
	sigset_t set;
	relay_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool relay_take(struct relay *relay)
{
	close(relay->reading);
	relay->reading = -1;
	relay->taken = listen_for_signals();
	/* A keeper that stands still while it captures is not waited for. */
	return relay->taken >= 0 && fcntl(relay->writing, F_SETFL, O_NONBLOCK) == 0;
}

bool relay_keep(struct relay *relay)
{
	close(relay->writing);
	relay->writing = -1;
	relay->own = listen_for_signals();
	return relay->own >= 0 && fcntl(relay->reading, F_SETFL, O_NONBLOCK) == 0;
}

static bool pass_one(const struct relay *relay)
{
	struct signalfd_siginfo info;
	if (read(relay->taken, &info, sizeof info) != sizeof info)
		return false;
	const struct relay_signal signal = {.number = (int)info.ssi_signo,
					    .code = info.ssi_code,
					    .value = info.ssi_int,
					    .sender = (pid_t)info.ssi_pid};
	(void)!write(relay->writing, &signal, sizeof signal);
	return true;
}

void relay_pass(const struct relay *relay)
{
	const struct relay_signal answer = {.number = ANSWER};
	uint64_t count;
	if (read(relay->question, &count, sizeof count) != sizeof count) {
		(void)pass_one(relay);
		return;
	}
	while (pass_one(relay))
		;
	(void)!write(relay->writing, &answer, sizeof answer);
}

void relay_begin(void)
{
	const struct timespec at_once = {0};
	sigset_t set;
	relay_signals(&set);
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
}

/* Waits for one of @p set that this process gets itself; false: none came. */
static bool next_own(const sigset_t *set, long patience_ns, struct relay_signal *signal_ret)
{
	const struct timespec patience = {.tv_nsec = patience_ns};
	siginfo_t info;
	if (sigtimedwait(set, &info, &patience) <= 0)
		return false;
	*signal_ret = (struct relay_signal){
		.number = info.si_signo, .code = info.si_code, .value = info.si_value.sival_int, .sender = info.si_pid};
	return true;
}

/* What finds no place is forgotten. */
static void hold(struct relay *relay, const struct relay_signal *signal)
{
	if (relay->held_count < RELAY_HELD_MAX)
		relay->held[relay->held_count++] = *signal;
}

static void drop_held(struct relay *relay, size_t at)
{
	relay->held_count--;
	memmove(&relay->held[at], &relay->held[at + 1], (relay->held_count - at) * sizeof relay->held[0]);
	if (at < relay->asked_count)
		relay->asked_count--;
}

static bool is_same(const struct relay_signal *a, const struct relay_signal *b)
{
	return a->number == b->number && a->sender == b->sender && a->code == b->code;
}

/* Whether this process has got the signal, too; that is over then. */
static bool is_witnessed(struct relay *relay, const struct relay_signal *signal)
{
	long patience_ns = signal->number >= SIGRTMIN ? 0 : WITNESS_NS;
	struct relay_signal own;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal->number);
	for (size_t i = 0; i < relay->held_count; i++) {
		if (is_same(&relay->held[i], signal)) {
			drop_held(relay, i);
			return true;
		}
	}
	while (next_own(&set, patience_ns, &own)) {
		if (is_same(&own, signal))
			return true;
		hold(relay, &own);
	}
	return false;
}

static bool is_from_terminal(const struct relay_signal *signal)
{
	for (size_t i = 0; i < sizeof of_terminal / sizeof of_terminal[0]; i++)
		if (signal->number == of_terminal[i])
			return signal->code == SI_KERNEL;
	return false;
}

/* Whether the command has got it, or would not have got it in the guard's place. */
static bool has_reached(const struct relay_signal *signal, pid_t command, bool witnessed)
{
	if (is_from_terminal(signal))
		return signal->number != SIGHUP || witnessed;
	return witnessed && getpgid(command) == getpgrp();
}

static void send_on(const struct relay_signal *signal, pid_t command)
{
	const union sigval value = {.sival_int = signal->value};
	if (command == 0)
		return;
	if (signal->code == SI_QUEUE)
		sigqueue(command, signal->number, value);
	else
		kill(command, signal->number);
}

void relay_ask(struct relay *relay)
{
	const struct timespec patience = {.tv_nsec = WITNESS_NS};
	const uint64_t one = 1;
	struct relay_signal own;
	sigset_t set;
	relay_signals(&set);
	while (relay->held_count < RELAY_HELD_MAX && next_own(&set, 0, &own))
		hold(relay, &own);
	if (relay->is_asked || relay->held_count == 0)
		return;
	nanosleep(&patience, NULL);
	relay->asked_count = relay->held_count;
	relay->is_asked = write(relay->question, &one, sizeof one) == sizeof one;
}

/* What a process has sent; not what the kernel tells of timers, of the terminal and the like. */
static bool is_sent(const struct relay_signal *signal)
{
	return signal->code == SI_USER || signal->code == SI_QUEUE || signal->code == SI_TKILL;
}

/* Nobody but the keeper has got those that the guard was asked for; whether SIGUSR1 is one of them. */
static bool take_answer(struct relay *relay, pid_t command)
{
	bool is_for_us = false;
	relay->is_asked = false;
	while (relay->asked_count > 0) {
		const struct relay_signal signal = relay->held[0];
		drop_held(relay, 0);
		if (signal.number == SIGUSR1)
			is_for_us = true;
		else if (is_sent(&signal))
			send_on(&signal, command);
	}
	relay_ask(relay); /* for those that have come since */
	return is_for_us;
}

enum relay_event relay_next(struct relay *relay, pid_t command, int *signal_ret)
{
	struct relay_signal signal;
	ssize_t got = read(relay->reading, &signal, sizeof signal);
	if (got == 0)
		return RELAY_GUARD_ENDED;
	if (got != sizeof signal)
		return RELAY_NOTHING;
	*signal_ret = signal.number;
	if (signal.number == ANSWER) {
		*signal_ret = SIGUSR1;
		return take_answer(relay, command) ? RELAY_SIGNAL : RELAY_NOTHING;
	}
	bool witnessed = is_witnessed(relay, &signal);
	if (signal.number != SIGUSR1 && !has_reached(&signal, command, witnessed))
		send_on(&signal, command);
	return RELAY_SIGNAL;
}
