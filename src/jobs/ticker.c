/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/ticker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const int ends[] = {SIGTERM, SIGINT, SIGHUP};

static void make_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaddset(set, ends[i]);
}

static bool start_timer(int timer, uint64_t every_ns)
{
	struct itimerspec ticks = {
		.it_interval = {.tv_sec = (time_t)(every_ns / 1000000000U), .tv_nsec = (long)(every_ns % 1000000000U)}};
	if (every_ns == 0)
		return true;
	if (clock_gettime(CLOCK_MONOTONIC, &ticks.it_value) != 0)
		return false;
	return timerfd_settime(timer, TFD_TIMER_ABSTIME, &ticks, NULL) == 0;
}

bool ticker_add(struct ticker *ticker, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(ticker->events, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_all(const struct ticker *ticker)
{
	const int all[] = {ticker->timer, ticker->signals, ticker->events};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i] >= 0)
			close(all[i]);
}

bool ticker_open(struct ticker *ticker, uint64_t every_ns)
{
	sigset_t set;
	make_set(&set);
	*ticker = (struct ticker){.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
				  .signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				  .events = epoll_create1(EPOLL_CLOEXEC)};
	if (ticker->timer >= 0 && ticker->signals >= 0 && ticker->events >= 0 && ticker_add(ticker, ticker->timer) &&
	    ticker_add(ticker, ticker->signals) && sigprocmask(SIG_BLOCK, &set, &ticker->before) == 0) {
		if (start_timer(ticker->timer, every_ns))
			return true;
		sigprocmask(SIG_SETMASK, &ticker->before, NULL);
	}
	int errnum = errno;
	close_all(ticker);
	errno = errnum;
	return false;
}

enum ticker_event ticker_wait(struct ticker *ticker, uint64_t *missed_ret)
{
	struct signalfd_siginfo signal;
	struct epoll_event event;
	uint64_t ticks;
	*missed_ret = 0;
	for (;;) {
		if (epoll_wait(ticker->events, &event, 1, -1) < 0 && errno != EINTR)
			return TICKER_ERROR;
		if (read(ticker->signals, &signal, sizeof signal) == sizeof signal)
			return signal.ssi_signo == SIGUSR1 ? TICKER_NOW : TICKER_END;
		if (read(ticker->timer, &ticks, sizeof ticks) == sizeof ticks) {
			*missed_ret = ticks - 1;
			return TICKER_TICK;
		}
		if (errno != EAGAIN && errno != EINTR)
			return TICKER_ERROR;
		if (epoll_wait(ticker->events, &event, 1, 0) == 1 && event.data.fd != ticker->timer &&
		    event.data.fd != ticker->signals)
			return TICKER_DESCRIPTOR;
	}
}

bool ticker_end_pending(void)
{
	sigset_t pending;
	if (sigpending(&pending) != 0)
		return false;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (sigismember(&pending, ends[i]) == 1)
			return true;
	return false;
}

void ticker_close(struct ticker *ticker)
{
	close_all(ticker);
	sigprocmask(SIG_SETMASK, &ticker->before, NULL);
}
