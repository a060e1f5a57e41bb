/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures a process through the public API, and counts what happens inside each stop on our side:
 *
 * - calls of the allocator: this program's own functions take the place of the C library's;
 * - page faults on memory and code of our own: the kernel's event counter leaves out what it does for others;
 * - all page faults, by the tracer's rusage. That counts those too which the kernel meets in the target's memory while
 *   it copies, where a page of a stack was never written.
 *
 *     quiet_count looks|one-stop|native PID
 *
 * prints "stop ALLOCATIONS OWN-FAULTS ALL-FAULTS" for each, and "captured GOROUTINES ROUNDS". The stop is what lies
 * between gsd_tracer_halt() and the return of gsd_tracer_release(); the linker lets both go through here (--wrap), and
 * gsd_survey_possible(), which says whether looks around a stop will do.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gostackdump.h"

struct gsd_tracer;
struct gsd_runtime;

/* ---- the allocator ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static atomic_bool in_stop;
static atomic_long allocations;

static void note(void)
{
	if (atomic_load(&in_stop))
		atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size)
{
	note();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	note();
	return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	note();
	return __libc_realloc(memory, size);
}

int posix_memalign(void **memory_ret, size_t alignment, size_t size)
{
	note();
	*memory_ret = __libc_memalign(alignment, size);
	return *memory_ret == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
	note();
	__libc_free(memory);
}

/* ---- the stop ---- */

#define MAX_STOPS 64

static struct {
	long allocations;
	uint64_t own_faults;
	long all_faults;
} stops[MAX_STOPS];
static size_t stop_count;
static struct rusage at_halt;
static int counter;
static bool without_looks;

bool __real_gsd_tracer_halt(struct gsd_tracer *tracer);
bool __wrap_gsd_tracer_halt(struct gsd_tracer *tracer);
void __real_gsd_tracer_release(struct gsd_tracer *tracer);
void __wrap_gsd_tracer_release(struct gsd_tracer *tracer);
bool __real_gsd_survey_possible(const struct gsd_runtime *runtime);
bool __wrap_gsd_survey_possible(const struct gsd_runtime *runtime);

bool __wrap_gsd_tracer_halt(struct gsd_tracer *tracer)
{
	struct perf_event_attr faults = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof faults, .config = PERF_COUNT_SW_PAGE_FAULTS};
	counter = (int)syscall(SYS_perf_event_open, &faults, 0, -1, -1, 0L);
	atomic_store(&allocations, 0);
	atomic_store(&in_stop, true);
	getrusage(RUSAGE_SELF, &at_halt);
	return __real_gsd_tracer_halt(tracer);
}

void __wrap_gsd_tracer_release(struct gsd_tracer *tracer)
{
	struct rusage now;
	uint64_t own_faults;
	__real_gsd_tracer_release(tracer);
	getrusage(RUSAGE_SELF, &now);
	if (stop_count == MAX_STOPS || read(counter, &own_faults, sizeof own_faults) != sizeof own_faults)
		_exit(3); /* no event counter: quiet.py says what is needed */
	atomic_store(&in_stop, false);
	stops[stop_count].allocations = atomic_load(&allocations);
	stops[stop_count].own_faults = own_faults;
	stops[stop_count].all_faults = now.ru_minflt + now.ru_majflt - at_halt.ru_minflt - at_halt.ru_majflt;
	stop_count++;
	close(counter);
}

bool __wrap_gsd_survey_possible(const struct gsd_runtime *runtime)
{
	return !without_looks && __real_gsd_survey_possible(runtime);
}

int main(int argc, char **argv)
{
	/* Each page is a new one, which nobody has touched. */
	if (argc != 3 || mallopt(M_MMAP_THRESHOLD, 4096) != 1)
		return 64;
	struct gsd_capture_options options = {.size = sizeof options,
					      .max_pause_ns = UINT64_C(20000000000),
					      .native = strcmp(argv[1], "native") == 0};
	struct gsd_capture *capture;
	without_looks = strcmp(argv[1], "one-stop") == 0;
	struct gsd_error *error = gsd_capture_process((pid_t)atoi(argv[2]), &options, &capture);
	if (error != NULL) {
		fprintf(stderr, "%s\n", gsd_error_message(error));
		gsd_error_destroy(error);
		return 2;
	}
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	for (size_t i = 0; i < stop_count; i++)
		printf("stop %ld %" PRIu64 " %ld\n", stops[i].allocations, stops[i].own_faults, stops[i].all_faults);
	printf("captured %" PRIu64 " %" PRIu64 "\n", stats->goroutines, stats->rounds);
	gsd_capture_destroy(capture);
	return 0;
}
