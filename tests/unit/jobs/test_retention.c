/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* 2025-01-31 12:00:00 UTC, as date -u -d @1738324800 says. */
#define NOON   UINT64_C(1738324800000000000)
#define SECOND UINT64_C(1000000000)

static char directory[] = "/tmp/gostackdump-retention-XXXXXX";

static bool is_ending(const char *ending)
{
	return strcmp(ending, ".pb.gz") == 0 || strcmp(ending, ".report") == 0;
}

static const char *path_of(const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void make(const char *name, size_t bytes)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *content = calloc(1, bytes + 1);
	assert_true(fd >= 0 && content != NULL);
	memset(content, 'x', bytes);
	assert_int_equal(write(fd, content, bytes), bytes);
	free(content);
	close(fd);
}

static bool there(const char *name)
{
	struct stat status;
	return lstat(path_of(name), &status) == 0;
}

static size_t apply(struct retention retention, uint64_t now)
{
	struct retention_result result = retention_apply(directory, &retention, now, is_ending);
	assert_int_equal(result.errnum, 0);
	return result.removed;
}

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory + sizeof directory - 7, "XXXXXX");
	return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
	char command[600];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

#define A1 "20250131T115957.000001Z.server.7.pb.gz"
#define A2 "20250131T115958.000001Z.server.7.pb.gz"
#define A3 "20250131T115959.000001Z.server.9.pb.gz"
#define B1 "20250131T110000.000001Z.other.8.pb.gz"

static void the_newest_of_each_name_stay(void **state)
{
	(void)state;
	make(A1, 1);
	make(A2, 1);
	make("20250131T115958.000001Z.server.7.report", 1);
	make(A3, 1);
	make(B1, 1);
	assert_int_equal(apply((struct retention){.keep = 3}, NOON), 0);
	assert_int_equal(apply((struct retention){.keep = 2}, NOON), 1);
	assert_false(there(A1));
	assert_true(there(A2) && there(A3) && there(B1));
	/* One moment in two formats is one capture. */
	assert_int_equal(apply((struct retention){.keep = 1}, NOON), 2);
	assert_true(there(A3) && there(B1));
}

static void what_is_too_old_goes(void **state)
{
	(void)state;
	make(A1, 1);
	make(A2, 1);
	make(A3, 1);
	assert_int_equal(apply((struct retention){.keep_for_ns = 3 * SECOND}, NOON), 0);
	assert_int_equal(apply((struct retention){.keep_for_ns = 2 * SECOND}, NOON), 1);
	assert_false(there(A1));
	assert_int_equal(apply((struct retention){.keep_for_ns = SECOND}, NOON + SECOND), 2);
}

static void together_they_take_no_more_than_allowed(void **state)
{
	(void)state;
	make(A1, 100);
	make(A2, 10000);
	make(A3, 4096);
	/* In blocks of 4 KiB these take 4, 12 and 4. */
	assert_int_equal(apply((struct retention){.max_bytes = 20 << 10}, NOON), 0);
	struct retention_result result =
		retention_apply(directory, &(struct retention){.max_bytes = 15 << 10}, NOON, is_ending);
	assert_int_equal(result.removed, 2); /* the oldest would fit, but what is newer has gone */
	assert_int_equal(result.bytes, 4096);
	assert_true(there(A3));
	assert_int_equal(apply((struct retention){.max_bytes = 1}, NOON), 0); /* the newest stays */
	assert_true(there(A3));
}

/* The clock was wrong and was set back: what was made before that must not cost what is made now its place. */
static void what_is_from_the_future_goes_first(void **state)
{
	(void)state;
	make("20310131T115957.000001Z.server.7.pb.gz", 4096);
	make("99991231T235959.000001Z.server.7.pb.gz", 4096);
	make(A2, 4096);
	make(A3, 4096);
	assert_int_equal(apply((struct retention){.keep = 3}, NOON), 1);
	assert_true(there("99991231T235959.000001Z.server.7.pb.gz"));
	assert_int_equal(apply((struct retention){.max_bytes = 8192}, NOON), 1);
	assert_true(there(A2) && there(A3));
	/* Clocks of two machines never agree: a little later than now is no wonder. */
	assert_int_equal(apply((struct retention){.keep = 1}, NOON - 10 * SECOND), 1);
	assert_true(there(A3));
}

static void nothing_else_is_ever_removed(void **state)
{
	(void)state;
	static const char *const others[] = {"notes.txt",
					     "20250131T115957.000001Z.server.7.txt",
					     "20250131T115957.000001Z.server.pb.gz",
					     "20250131T115957.000001Z..7.pb.gz",
					     "20250131T115957.00001Z.server.7.pb.gz",
					     "20250131T115957.000001Z.server.x.pb.gz",
					     "x20250131T115957.000001Z.server.7.pb.gz",
					     ".gostackdump-0123.txt"};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		make(others[i], 1);
	assert_int_equal(mkdir(path_of("20250131T115957.000001Z.server.8.pb.gz"), 0700), 0);
	make("20250131T115957.000001Z.server.7.1.pb.gz", 1); /* a second one of that microsecond */
	assert_int_equal(apply((struct retention){.keep_for_ns = 1, .keep = 1, .max_bytes = 1}, NOON), 1);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_true(there(others[i]));
}

static void what_a_killed_writer_left_goes(void **state)
{
	(void)state;
	make(".gostackdump-left.tmp", 1);
	make(".gostackdump-written.tmp", 1);
	int fd = open(path_of(".gostackdump-written.tmp"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_ns = (uint64_t)now.tv_sec * SECOND;
	apply((struct retention){0}, now_ns);
	assert_true(there(".gostackdump-left.tmp")); /* it may have been made just now */
	apply((struct retention){0}, now_ns + 120 * SECOND);
	assert_false(there(".gostackdump-left.tmp"));
	assert_true(there(".gostackdump-written.tmp"));
	close(fd);
}

static void a_directory_that_is_not_there_is_said(void **state)
{
	(void)state;
	struct retention_result result =
		retention_apply(path_of("none"), &(struct retention){.keep = 1}, NOON, is_ending);
	assert_int_equal(result.errnum, ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		TEST(the_newest_of_each_name_stay),          TEST(what_is_too_old_goes),
		TEST(what_is_from_the_future_goes_first),    TEST(together_they_take_no_more_than_allowed),
		TEST(nothing_else_is_ever_removed),          TEST(what_a_killed_writer_left_goes),
		TEST(a_directory_that_is_not_there_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
