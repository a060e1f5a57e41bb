/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signals that one process takes in place of a command, and how they get to it, each of them once. The one that
 * takes them, the first guard, says so to the command's parent, the keeper. All three are in one process group: what
 * was sent to the group has reached the command by itself. Nothing in a signal tells that; but then the keeper has got
 * it, too, from the same sender. So the keeper keeps its own blocked, as a witness, and hands on what it has not got.
 * What only the keeper has got (a command's `kill -USR1 $PPID`) is treated as if the guard had: it asks the guard
 * first.
 */
#ifndef GSD_JOBS_RELAY_H
#define GSD_JOBS_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/** Those that are taken. Both processes block them before the second one is there. */
void relay_signals(sigset_t *set_ret);

#define RELAY_HELD_MAX 64

/** A signal, as one of the two got it. */
struct relay_signal {
	int number;
	int code;
	int value;
	pid_t sender; /**< 0: in another pid namespace, or the kernel */
};

struct relay {
	int taken;    /**< signalfd of the guard; readable when it has a signal */
	int writing;  /**< the guard's end of the pipe */
	int reading;  /**< the keeper's; readable when there is a signal, and when the guard has ended */
	int question; /**< eventfd: the guard is asked to pass on all that it has, and to say when it has */
	int own;      /**< signalfd of the keeper; readable when it has a signal */
	/** The keeper's own signals that nobody has asked for yet, oldest first. */
	struct relay_signal held[RELAY_HELD_MAX];
	size_t held_count;
	size_t asked_count; /**< the first so many were there when the guard was asked */
	bool is_asked;      /**< and has not answered */
};

/** False with errno. Both ends are open then until the process has said which one it is. */
bool relay_open(struct relay *relay);
/** This process is the guard: it takes signals from now on. False with errno. */
bool relay_take(struct relay *relay);
/** This process is the keeper. False with errno. */
bool relay_keep(struct relay *relay);

/** The guard: passes on a signal that has come; all of them and an answer, if it is asked. */
void relay_pass(const struct relay *relay);

/** The keeper: forgets the signals that it has got so far. They came before the command was there. */
void relay_begin(void);

enum relay_event { RELAY_NOTHING, RELAY_SIGNAL, RELAY_GUARD_ENDED };
/**
 * The keeper, whose own signals have come and for whom the guard has none: waits for as long as the guard may get them
 * later, and asks it. relay_next() gets the answer.
 */
void relay_ask(struct relay *relay);
/**
 * The keeper: takes the next signal without waiting, SIGUSR1 included, which is meant for us.
 * Any other is sent to @p command unless that has got it already, or did not have to (from a terminal in whose
 * foreground it is not); 0: there is no command any more.
 */
enum relay_event relay_next(struct relay *relay, pid_t command, int *signal_ret);

#endif
