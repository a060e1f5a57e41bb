/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * floor PID: the least that parts of a capture can cost, on the process that tools/bench is looking at. Where the
 * goroutines are is found by our library; what is timed is plain system calls: stopping its threads and nothing else,
 * reading every g header, stopping and reading every header and stack. Beside them one of our own looks at the headers.
 * Writes one JSON object; times in ns, medians of the repetitions, which alternate.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/error.h"
#include "go/survey.h"
#include "program.h"
#include "target/target.h"

#define REPETITIONS   5
#define MAX_THREADS   65536
#define NEIGHBOUR_GAP 1024 /* spans of goroutines that are so close are read as one */

struct floor {
	pid_t pid;
	pid_t threads[MAX_THREADS];
	size_t thread_count;

	const struct gsd_layout *layout;
	size_t header_size;
	uint64_t *goroutines; /* in ascending order */
	size_t count;

	struct iovec *spans, *spans_here; /* where headers are, there and here */
	size_t span_count;
	uint8_t **headers; /* per goroutine: where its header comes to lie */
	struct iovec *stacks, *stacks_here;
	uint8_t *bytes; /* of stacks */
	size_t capacity;
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void check(struct gsd_error *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "floor: %s\n", gsd_error_message(error));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t word_at(const uint8_t *bytes, uint32_t offset)
{
	uint64_t word;
	memcpy(&word, bytes + offset, sizeof word);
	return word;
}

/* Memory that was written once, so that no page fault is timed. */
static void *touched(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);
	if (memory == NULL)
		die("make room");
	memset(memory, 1, count * size);
	return memory;
}

/* ---- the stop ---- */

static void list_threads(struct floor *floor)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", floor->pid);
	DIR *directory = opendir(path);
	if (directory == NULL)
		die(path);
	floor->thread_count = 0;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (entry->d_name[0] != '.' && floor->thread_count < MAX_THREADS)
			floor->threads[floor->thread_count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(directory);
}

static void seize(struct floor *floor)
{
	list_threads(floor);
	for (size_t i = 0; i < floor->thread_count; i++)
		if (ptrace(PTRACE_SEIZE, floor->threads[i], NULL, NULL) != 0)
			die("seize a thread");
}

static void interrupt(const struct floor *floor)
{
	for (size_t i = 0; i < floor->thread_count; i++)
		if (ptrace(PTRACE_INTERRUPT, floor->threads[i], NULL, NULL) != 0)
			die("interrupt a thread");
	for (size_t i = 0; i < floor->thread_count; i++)
		if (waitpid(floor->threads[i], &(int){0}, __WALL) < 0)
			die("wait for a thread");
}

static void release(const struct floor *floor)
{
	for (size_t i = 0; i < floor->thread_count; i++)
		if (ptrace(PTRACE_DETACH, floor->threads[i], NULL, NULL) != 0)
			die("let a thread go");
}

/* ---- reading ---- */

/* Reads @p count ranges whole, IOV_MAX at a time. */
static void read_all(const struct floor *floor, const struct iovec *here, const struct iovec *there, size_t count)
{
	for (size_t i = 0; i < count; i += IOV_MAX) {
		size_t n = count - i < IOV_MAX ? count - i : IOV_MAX;
		if (process_vm_readv(floor->pid, here + i, n, there + i, n, 0) < 0)
			die("read memory");
	}
}

static void find_spans(struct floor *floor)
{
	floor->spans = touched(floor->count, sizeof *floor->spans);
	floor->spans_here = touched(floor->count, sizeof *floor->spans_here);
	floor->headers = touched(floor->count, sizeof *floor->headers);
	floor->span_count = 0;
	for (size_t i = 0; i < floor->count; i++) {
		struct iovec *last = floor->span_count > 0 ? &floor->spans[floor->span_count - 1] : NULL;
		uint64_t start = floor->goroutines[i];
		uint64_t end = last != NULL ? (uint64_t)last->iov_base + last->iov_len : 0;
		if (last != NULL && start < end + NEIGHBOUR_GAP)
			last->iov_len += start + floor->header_size - end;
		else
			floor->spans[floor->span_count++] = (struct iovec){(void *)start, floor->header_size};
	}
	for (size_t s = 0, i = 0; s < floor->span_count; s++) {
		uint8_t *bytes = touched(floor->spans[s].iov_len, 1);
		uint64_t start = (uint64_t)floor->spans[s].iov_base;
		floor->spans_here[s] = (struct iovec){bytes, floor->spans[s].iov_len};
		for (; i < floor->count && floor->goroutines[i] < start + floor->spans[s].iov_len; i++)
			floor->headers[i] = bytes + (floor->goroutines[i] - start);
	}
}

static void read_headers(const struct floor *floor)
{
	read_all(floor, floor->spans_here, floor->spans, floor->span_count);
}

/* From the headers just read to the part of each stack that is in use. Returns how many bytes that would be. */
static size_t find_stacks(struct floor *floor, size_t *count_ret)
{
	size_t used = 0;
	size_t count = 0;
	for (size_t i = 0; i < floor->count; i++) {
		const uint8_t *header = floor->headers[i];
		uint64_t high = word_at(header, floor->layout->stack_high);
		uint64_t sp = word_at(header, floor->layout->sched_sp);
		if (sp <= word_at(header, floor->layout->stack_low) || sp >= high)
			continue;
		size_t length = high - sp;
		if (used + length <= floor->capacity) {
			floor->stacks[count] = (struct iovec){(void *)sp, length};
			floor->stacks_here[count++] = (struct iovec){floor->bytes + used, length};
		}
		used += length;
	}
	*count_ret = count;
	return used;
}

static void copy_all(struct floor *floor)
{
	size_t count;
	read_headers(floor);
	find_stacks(floor, &count);
	read_all(floor, floor->stacks_here, floor->stacks, count);
}

static void make_room_for_stacks(struct floor *floor)
{
	size_t count;
	read_headers(floor);
	floor->stacks = touched(floor->count, sizeof *floor->stacks);
	floor->stacks_here = touched(floor->count, sizeof *floor->stacks_here);
	floor->capacity = 2 * find_stacks(floor, &count) + (1 << 20);
	floor->bytes = touched(floor->capacity, 1);
}

/* ---- what is timed ---- */

static uint64_t time_bare_stop(struct floor *floor)
{
	seize(floor);
	uint64_t start = now_ns();
	interrupt(floor);
	release(floor);
	return now_ns() - start;
}

static uint64_t time_copy(struct floor *floor)
{
	seize(floor);
	uint64_t start = now_ns();
	interrupt(floor);
	copy_all(floor);
	release(floor);
	return now_ns() - start;
}

static uint64_t time_headers(const struct floor *floor)
{
	uint64_t start = now_ns();
	read_headers(floor);
	return now_ns() - start;
}

static uint64_t time_look(struct gsd_survey *survey)
{
	uint64_t start = now_ns();
	check(gsd_survey_look(survey));
	return now_ns() - start;
}

static int ascending(const void *left, const void *right)
{
	uint64_t l = *(const uint64_t *)left;
	uint64_t r = *(const uint64_t *)right;
	return (l > r) - (l < r);
}

static uint64_t median(uint64_t times[REPETITIONS])
{
	qsort(times, REPETITIONS, sizeof *times, ascending);
	return times[REPETITIONS / 2];
}

/* A survey that has looked once: the next look is a pass over the headers, with one thread. */
static struct gsd_survey *survey_of(const struct gsd_target *target, const struct gsd_runtime *runtime)
{
	struct gsd_analyst *analyst;
	struct gsd_survey *survey;
	check(gsd_analyst_create(runtime, &(struct gsd_analysis_options){.max_frames = 128}, &analyst));
	check(gsd_survey_create(runtime, analyst, target->memory, &survey));
	check(gsd_survey_first_look(survey));
	return survey;
}

static void measure(struct floor *floor, struct gsd_survey *survey)
{
	uint64_t bare[REPETITIONS];
	uint64_t headers[REPETITIONS];
	uint64_t look[REPETITIONS];
	uint64_t copy[REPETITIONS];
	for (int i = 0; i < REPETITIONS; i++) {
		bare[i] = time_bare_stop(floor);
		headers[i] = time_headers(floor);
		look[i] = time_look(survey);
		copy[i] = time_copy(floor);
	}
	printf("{\"threads\": %zu, \"goroutines\": %zu, \"spans\": %zu, \"bare_ns\": %lu, \"headers_ns\": %lu, "
	       "\"look_ns\": %lu, \"copy_ns\": %lu}\n",
	       floor->thread_count, floor->count, floor->span_count, median(bare), median(headers), median(look),
	       median(copy));
}

int main(int argc, char **argv)
{
	static struct floor floor;
	struct gsd_target *target;
	struct gsd_object object;
	struct gsd_runtime runtime;
	floor.pid = argc == 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	if (floor.pid <= 0) {
		fprintf(stderr, "usage: floor PID\n");
		return 64;
	}
	check(gsd_target_open_process(floor.pid, &target));
	check(gsd_find_runtime(target, &(struct gsd_capture_options){.size = sizeof(struct gsd_capture_options)},
			       &object, &runtime));
	floor.layout = &runtime.layout;
	floor.header_size = gsd_layout_g_bytes(&runtime.layout);
	check(gsd_allgs_read(target->memory, &runtime.allgs, &floor.goroutines, &floor.count));
	qsort(floor.goroutines, floor.count, sizeof *floor.goroutines, ascending);
	find_spans(&floor);
	make_room_for_stacks(&floor);
	measure(&floor, survey_of(target, &runtime));
	return 0; /* and with it goes all that was made */
}
