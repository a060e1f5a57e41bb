/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What makes a watch act: ticks of a clock that does not drift, and signals. Ticks are counted from the start, so that
 * a slow capture delays none of the later ones; those that were missed meanwhile are skipped, never piled up.
 */
#ifndef GSD_JOBS_TICKER_H
#define GSD_JOBS_TICKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct ticker {
	int timer;
	int signals;
	int events;      /**< epoll over all of them */
	sigset_t before; /**< the mask of signals before ticker_open() */
};

enum ticker_event {
	TICKER_TICK,       /**< a tick; the first comes at once */
	TICKER_NOW,        /**< SIGUSR1: act now */
	TICKER_DESCRIPTOR, /**< one of ticker_add() is readable */
	TICKER_END,        /**< SIGTERM, SIGINT or SIGHUP */
	TICKER_ERROR       /**< errno says what failed */
};

/**
 * Begins to tick every @p every_ns; 0: no ticks, only signals. From here on SIGTERM, SIGINT, SIGHUP and SIGUSR1 wait
 * until they are asked for. False with errno; nothing is to be closed then.
 */
bool ticker_open(struct ticker *ticker, uint64_t every_ns);
/** Waits for what comes next. Signals come first. @p missed_ret: with a tick, how many before it were missed. */
enum ticker_event ticker_wait(struct ticker *ticker, uint64_t *missed_ret);
/**
 * Also waits for @p fd to become readable, until it is closed. It is borrowed. False with errno.
 */
bool ticker_add(struct ticker *ticker, int fd);
/** Whether an end was asked for meanwhile; the signal is not taken. */
bool ticker_end_pending(void);
void ticker_close(struct ticker *ticker);

#endif
