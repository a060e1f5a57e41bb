/* SPDX-License-Identifier: BSD-3-Clause */
/* A program without Go: threads that wait for what does not come, and a first thread that waits for its peer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

__attribute__((noinline, noclone)) static int fall(int depth)
{
	if (depth > 0)
		return fall(depth - 1) + 1;
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
}

static void *worker(void *argument)
{
	fall(3);
	return argument;
}

__attribute__((noinline, noclone)) static int read_for_ever(int descriptor)
{
	char byte;
	return (int)read(descriptor, &byte, 1);
}

static void *reader(void *argument)
{
	int ends[2];
	volatile char room[100 << 10] = {0}; /* deeper than any stack of Go without C */
	if (pipe(ends) == 0)
		while (read_for_ever(ends[0]) > 0)
			room[0]++;
	return argument;
}

/* Until standard input ends, as fixtures do. */
__attribute__((noinline, noclone)) static int wait_for_peer(void)
{
	char byte;
	int count = 0;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		count++;
	return count;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--)
		pthread_create(&thread, NULL, i == 1 ? reader : worker, NULL);
	puts("ready");
	fflush(stdout);
	return wait_for_peer() < 0;
}
