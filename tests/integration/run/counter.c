/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts the signals that it gets. SIGRTMAX prints what came since the last time; the end of its input ends it. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t counts[65];
static volatile sig_atomic_t value;

static void count(int number, siginfo_t *info, void *context)
{
	(void)context;
	counts[number]++;
	if (info->si_code == SI_QUEUE)
		value = info->si_value.sival_int;
}

static void print_counts(void)
{
	for (int number = 1; number < 64; number++) {
		if (counts[number] > 0)
			printf("%d:%d ", number, (int)counts[number]);
		counts[number] = 0;
	}
	printf("value:%d\n", (int)value);
	value = 0;
	counts[64] = 0;
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
	sigset_t all, before;
	char byte;
	if (argc > 1 && strcmp(argv[1], "apart") == 0 && setpgid(0, 0) != 0)
		return 1;
	sigfillset(&action.sa_mask);
	for (int number = 1; number <= SIGRTMAX; number++)
		(void)sigaction(number, &action, NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	printf("ready %d\n", getpid());
	fflush(stdout);
	for (;;) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		if (ppoll(&input, 1, NULL, &before) > 0 && (read(STDIN_FILENO, &byte, 1) <= 0 || byte == 'q'))
			return 0;
		if (counts[64] > 0)
			print_counts();
	}
}
