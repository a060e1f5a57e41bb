/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading with two threads: copying another process's memory is the kernel's work and takes no lock that matters, so
 * two processors do it in little more than half the time. The looks around a stop get closer to each other by that. Not
 * for the stop itself: it reads little, in a process of its own.
 */
#include "target/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "target/private.h"

/* A range costs about as much as copying this many bytes; a batch that costs less than the least is not worth it. */
#define RANGE_COST ((size_t)2048)
#define LEAST_COST ((size_t)256 * 1024)

struct gsd_parallel_memory {
	struct gsd_memory memory;
	struct gsd_memory *own;           /* what the calling thread reads with */
	struct gsd_target_memory workers; /* what the other one reads with */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct gsd_range *ranges; /* the worker's share; NULL: none, or it is done */
	size_t count;
	bool ending;
};

static void *work(void *argument)
{
	struct gsd_parallel_memory *parallel = argument;
	pthread_mutex_lock(&parallel->mutex);
	while (!parallel->ending) {
		if (parallel->ranges == NULL) {
			pthread_cond_wait(&parallel->changed, &parallel->mutex);
			continue;
		}
		pthread_mutex_unlock(&parallel->mutex);
		gsd_memory_read_ranges(&parallel->workers.memory, parallel->ranges, parallel->count);
		pthread_mutex_lock(&parallel->mutex);
		parallel->ranges = NULL;
		pthread_cond_signal(&parallel->changed);
	}
	pthread_mutex_unlock(&parallel->mutex);
	return NULL;
}

static size_t cost_of(const struct gsd_range *ranges, size_t count)
{
	size_t cost = 0;
	for (size_t i = 0; i < count; i++)
		cost += RANGE_COST + (ranges[i].length < SIZE_MAX / 2 - cost - RANGE_COST ? ranges[i].length : 0);
	return cost;
}

/* How many ranges make half of the cost. */
static size_t half_of(const struct gsd_range *ranges, size_t count, size_t cost)
{
	size_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		sum += RANGE_COST + ranges[i].length;
		if (sum >= cost / 2)
			return i + 1;
	}
	return count;
}

static void parallel_read(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct gsd_parallel_memory *parallel = (struct gsd_parallel_memory *)base;
	size_t cost = cost_of(ranges, count);
	size_t half = cost < LEAST_COST ? count : half_of(ranges, count, cost);
	if (half < count) {
		pthread_mutex_lock(&parallel->mutex);
		parallel->ranges = ranges + half;
		parallel->count = count - half;
		pthread_cond_signal(&parallel->changed);
		pthread_mutex_unlock(&parallel->mutex);
	}
	gsd_memory_read_ranges(parallel->own, ranges, half);
	if (half == count)
		return;
	pthread_mutex_lock(&parallel->mutex);
	while (parallel->ranges != NULL)
		pthread_cond_wait(&parallel->changed, &parallel->mutex);
	pthread_mutex_unlock(&parallel->mutex);
}

static bool has_two_processors(void)
{
	cpu_set_t processors;
	return sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) > 1;
}

/* The thread gets no signal: it is nobody's business but ours. */
static bool start_thread(struct gsd_parallel_memory *parallel)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	int errnum = pthread_create(&parallel->thread, NULL, work, parallel);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum == 0;
}

struct gsd_parallel_memory *gsd_parallel_memory_create(struct gsd_process *process)
{
	if (!has_two_processors())
		return NULL;
	struct gsd_parallel_memory *parallel = calloc(1, sizeof *parallel);
	if (parallel == NULL)
		return NULL;
	parallel->memory.read = parallel_read;
	parallel->own = &process->memory.memory;
	gsd_target_memory_init(&parallel->workers, process->memory.thread, process->memory.file);
	pthread_mutex_init(&parallel->mutex, NULL);
	pthread_cond_init(&parallel->changed, NULL);
	if (start_thread(parallel))
		return parallel;
	pthread_mutex_destroy(&parallel->mutex);
	pthread_cond_destroy(&parallel->changed);
	free(parallel);
	return NULL;
}

void gsd_parallel_memory_destroy(struct gsd_parallel_memory *parallel, struct gsd_process *process)
{
	if (parallel == NULL)
		return;
	pthread_mutex_lock(&parallel->mutex);
	parallel->ending = true;
	pthread_cond_signal(&parallel->changed);
	pthread_mutex_unlock(&parallel->mutex);
	pthread_join(parallel->thread, NULL);
	process->memory.bytes_read += parallel->workers.bytes_read;
	pthread_mutex_destroy(&parallel->mutex);
	pthread_cond_destroy(&parallel->changed);
	free(parallel);
}

struct gsd_memory *gsd_parallel_memory(struct gsd_parallel_memory *parallel, struct gsd_process *process)
{
	return parallel != NULL ? &parallel->memory : gsd_process_memory(process);
}
