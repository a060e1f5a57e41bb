/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures a process in which one collection follows the other (tests/fixtures/garbage, -parked), with whole cycles of
 * the collector inside each capture:
 *
 *     cycles PID COLLECTIONS GROWN STDIN VALIDATOR CAPTURES
 *
 * COLLECTIONS and GROWN are the addresses of the program's own counts, STDIN is a descriptor of its standard input.
 * Before look A the goroutines that can grow do so. Between A and the last look before the stop, and between the stop
 * and look C, we wait until the program has counted two collections more: one of them began and ended in that time. The
 * linker lets the looks go through here (--wrap).
 *
 * VALIDATOR is "ours", or one that a first idea would have: "raw" compares the stack pointer as it is, "since" also the
 * time since when a goroutine waits. The collector changes both on goroutines that stand still.
 *
 * Of each capture it prints "MODE ROUNDS AMBIGUOUS READ-AT-STOP GOROUTINES PAUSE-NS COLLECTIONS", the last of them
 * between the end of the first look and the beginning of the last one, by the program's count.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "go/settle.h"
#include "go/survey.h"
#include "gostackdump.h"

#define POLL_NS      200000
#define WAIT_SECONDS 60
#define WHOLE_CYCLE  2 /* one may have been under way */
#define MAX_PAUSE_NS UINT64_C(20000000000)
#define ARGUMENTS    7

static struct {
	pid_t pid;
	uint64_t collections_address;
	uint64_t grown_address;
	int stdin_fd;
	bool raw, since;
	uint64_t at_first, at_last; /* collections after the first look, before the last one */
} test;

static void fail(const char *text)
{
	fprintf(stderr, "cycles: %s\n", text);
	exit(3);
}

static uint64_t count_at(uint64_t address)
{
	uint64_t count;
	struct iovec ours = {.iov_base = &count, .iov_len = sizeof count};
	struct iovec theirs = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof count};
	if (process_vm_readv(test.pid, &ours, 1, &theirs, 1, 0) != (ssize_t)sizeof count)
		fail("the program's count could not be read");
	return count;
}

static void wait_for(uint64_t address, uint64_t least)
{
	const struct timespec while_it_works = {.tv_nsec = POLL_NS};
	time_t end = time(NULL) + WAIT_SECONDS;
	while (count_at(address) < least) {
		if (time(NULL) > end)
			fail("the program does not get on");
		nanosleep(&while_it_works, NULL);
	}
}

static void wait_for_a_cycle(void)
{
	wait_for(test.collections_address, count_at(test.collections_address) + WHOLE_CYCLE);
}

/* ---- the looks ---- */

struct gsd_error *__real_gsd_survey_first_look(struct gsd_survey *survey);
struct gsd_error *__wrap_gsd_survey_first_look(struct gsd_survey *survey);
struct gsd_error *__real_gsd_survey_before_stop(struct gsd_survey *survey);
struct gsd_error *__wrap_gsd_survey_before_stop(struct gsd_survey *survey);
struct gsd_error *__real_gsd_survey_after_stop(struct gsd_survey *survey, size_t *ambiguous_ret);
struct gsd_error *__wrap_gsd_survey_after_stop(struct gsd_survey *survey, size_t *ambiguous_ret);
struct gsd_sight __real_gsd_sight_of(const struct gsd_sights *sights, const uint8_t *g);
struct gsd_sight __wrap_gsd_sight_of(const struct gsd_sights *sights, const uint8_t *g);

struct gsd_error *__wrap_gsd_survey_first_look(struct gsd_survey *survey)
{
	uint64_t grown = count_at(test.grown_address);
	if (write(test.stdin_fd, "g", 1) != 1)
		fail("the program reads no more");
	wait_for(test.grown_address, grown + 1);
	struct gsd_error *error = __real_gsd_survey_first_look(survey);
	test.at_first = count_at(test.collections_address);
	return error;
}

struct gsd_error *__wrap_gsd_survey_before_stop(struct gsd_survey *survey)
{
	wait_for_a_cycle();
	return __real_gsd_survey_before_stop(survey);
}

struct gsd_error *__wrap_gsd_survey_after_stop(struct gsd_survey *survey, size_t *ambiguous_ret)
{
	wait_for_a_cycle();
	test.at_last = count_at(test.collections_address);
	return __real_gsd_survey_after_stop(survey, ambiguous_ret);
}

struct gsd_sight __wrap_gsd_sight_of(const struct gsd_sights *sights, const uint8_t *g)
{
	struct gsd_sight sight = __real_gsd_sight_of(sights, g);
	uint64_t since;
	memcpy(&since, g + sights->layout->waitsince, sizeof since);
	if (test.raw && !sight.dead)
		sight.validator.bp_distance = sight.sp;
	if (test.since && !sight.dead)
		sight.validator.bp_distance += since;
	return sight;
}

/* ---- captures ---- */

static void capture(void)
{
	struct gsd_capture_options options = {.size = sizeof options, .max_pause_ns = MAX_PAUSE_NS};
	struct gsd_capture *capture;
	struct gsd_error *error = gsd_capture_process(test.pid, &options, &capture);
	if (error != NULL)
		fail(gsd_error_message(error));
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", stats->mode,
	       stats->rounds, stats->ambiguous, stats->read_at_stop, stats->goroutines, stats->pause_ns,
	       test.at_last - test.at_first);
	fflush(stdout);
	gsd_capture_destroy(capture);
}

int main(int argc, char **argv)
{
	if (argc != ARGUMENTS)
		return 64;
	test.pid = (pid_t)atoi(argv[1]);
	test.collections_address = strtoull(argv[2], NULL, 0);
	test.grown_address = strtoull(argv[3], NULL, 0);
	test.stdin_fd = atoi(argv[4]);
	test.raw = strcmp(argv[5], "raw") == 0;
	test.since = strcmp(argv[5], "since") == 0;
	for (int captures = atoi(argv[6]); captures > 0; captures--)
		capture();
	return 0;
}
