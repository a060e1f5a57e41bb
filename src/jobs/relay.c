/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

/* That the terminal sends to the group in its foreground, with SI_KERNEL. */
static const int of_terminal[] = {SIGHUP, SIGINT, SIGQUIT, SIGWINCH};

/* One signal, as the guard got it. */
struct message {
	int number;
	int code;
	int value;
	pid_t sender; /* 0: in another pid namespace, or the kernel */
};

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
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	*relay = (struct relay){.taken = -1, .reading = ends[0], .writing = ends[1]};
	return true;
}

bool relay_take(struct relay *relay)
{
	sigset_t set;
	relay_signals(&set);
	close(relay->reading);
	relay->reading = -1;
	relay->taken = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A keeper that stands still while it captures is not waited for. */
	return relay->taken >= 0 && fcntl(relay->writing, F_SETFL, O_NONBLOCK) == 0;
}

void relay_keep(struct relay *relay)
{
	close(relay->writing);
	relay->writing = -1;
	(void)fcntl(relay->reading, F_SETFL, O_NONBLOCK);
}

void relay_pass(const struct relay *relay)
{
	struct signalfd_siginfo info;
	if (read(relay->taken, &info, sizeof info) != sizeof info)
		return;
	const struct message message = {.number = (int)info.ssi_signo,
					.code = info.ssi_code,
					.value = info.ssi_int,
					.sender = (pid_t)info.ssi_pid};
	(void)!write(relay->writing, &message, sizeof message);
}

void relay_begin(void)
{
	const struct timespec at_once = {0};
	sigset_t set;
	relay_signals(&set);
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
}

/* Whether this process has got the signal, too. Takes what it has got of that number until then. */
static bool is_witnessed(const struct message *message)
{
	const struct timespec patience = {.tv_nsec = message->number >= SIGRTMIN ? 0 : WITNESS_NS};
	siginfo_t info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, message->number);
	while (sigtimedwait(&set, &info, &patience) > 0)
		if (info.si_pid == message->sender && info.si_code == message->code)
			return true;
	return false;
}

static bool is_from_terminal(const struct message *message)
{
	for (size_t i = 0; i < sizeof of_terminal / sizeof of_terminal[0]; i++)
		if (message->number == of_terminal[i])
			return message->code == SI_KERNEL;
	return false;
}

static void hand_on(const struct message *message, pid_t command)
{
	const union sigval value = {.sival_int = message->value};
	bool witnessed = is_witnessed(message);
	if (command == 0 || is_from_terminal(message) || (witnessed && getpgid(command) == getpgrp()))
		return;
	if (message->code == SI_QUEUE)
		sigqueue(command, message->number, value);
	else
		kill(command, message->number);
}

enum relay_event relay_next(const struct relay *relay, pid_t command, int *signal_ret)
{
	struct message message;
	ssize_t got = read(relay->reading, &message, sizeof message);
	if (got == 0)
		return RELAY_GUARD_ENDED;
	if (got != sizeof message)
		return RELAY_NOTHING;
	if (message.number != SIGUSR1)
		hand_on(&message, command);
	*signal_ret = message.number;
	return RELAY_SIGNAL;
}
