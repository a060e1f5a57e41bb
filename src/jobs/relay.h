/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signals that one process takes in place of a command, and how they get to it, each of them once. The one that
 * takes them, the first guard, says so to the command's parent, the keeper. All three are in one process group: what
 * was sent to the group has reached the command by itself. Nothing in a signal tells that; but then the keeper has got
 * it, too, from the same sender. So the keeper keeps its own blocked, as a witness, and hands on what it has not got.
 */
#ifndef GSD_JOBS_RELAY_H
#define GSD_JOBS_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/** Those that are taken. Both processes block them before the second one is there. */
void relay_signals(sigset_t *set_ret);

struct relay {
	int taken;   /**< signalfd of the guard; readable when it has a signal */
	int writing; /**< the guard's end of the pipe */
	int reading; /**< the keeper's; readable when there is a signal, and when the guard has ended */
};

/** False with errno. Both ends are open then until the process has said which one it is. */
bool relay_open(struct relay *relay);
/** This process is the guard: it takes signals from now on. False with errno. */
bool relay_take(struct relay *relay);
/** This process is the keeper. */
void relay_keep(struct relay *relay);

/** The guard: passes on a signal that has come. */
void relay_pass(const struct relay *relay);

/** The keeper: forgets the signals that it has got so far. They came before the command was there. */
void relay_begin(void);

enum relay_event { RELAY_NOTHING, RELAY_SIGNAL, RELAY_GUARD_ENDED };
/**
 * The keeper: takes the next signal without waiting, SIGUSR1 included, which is meant for us.
 * Any other is sent to @p command unless that has got it already, or did not have to (from a terminal in whose
 * foreground it is not); 0: there is no command any more.
 */
enum relay_event relay_next(const struct relay *relay, pid_t command, int *signal_ret);

#endif
