/* SPDX-License-Identifier: BSD-3-Clause */
#include "../support/check.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_memory.h"

/* A file of which byte i is the low byte of i + seed. */
static int file_of(size_t length, uint8_t seed)
{
	int fd = memfd_create("gsd-test", MFD_CLOEXEC);
	uint8_t *bytes = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(i + seed);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	free(bytes);
	return fd;
}

static bool readable(struct gsd_file_memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer, .errnum = -1};
	gsd_memory_read_ranges(&memory->memory, &range, 1);
	assert_true(range.errnum == 0 || range.errnum == EFAULT);
	return range.errnum == 0;
}

static void bytes_are_those_of_the_file_at_the_span_s_offset(void **state)
{
	(void)state;
	uint8_t bytes[64];
	int first = file_of(0x3000, 0);
	int second = file_of(0x1000, 7);
	const struct gsd_file_span spans[] = {{0x10000, 0x11000, 0x1010, first, false},
					      {0x11000, 0x12000, 0, second, false},
					      {0x20000, 0x21000, 0, -1, true}};
	struct gsd_file_memory memory;
	gsd_file_memory_init(&memory, spans, 3);
	assert_true(readable(&memory, 0x10020, bytes, 2));
	assert_int_equal(bytes[0], 0x30);
	assert_true(readable(&memory, 0x11000, bytes, 1));
	assert_int_equal(bytes[0], 7);
	/* over the border of two spans that follow each other */
	assert_true(readable(&memory, 0x10fff, bytes, 3));
	assert_int_equal(bytes[0], 0x0f);
	assert_int_equal(bytes[1], 7);
	assert_int_equal(bytes[2], 8);
	assert_int_equal(memory.bytes_read, 6);
	/* beside them, and where there is no file */
	assert_false(readable(&memory, 0xffff, bytes, 2));
	assert_false(readable(&memory, 0x11fff, bytes, 2));
	assert_false(readable(&memory, 0x20000, bytes, 1));
	assert_true(readable(&memory, 0x5, bytes, 0));
	close(first);
	close(second);
}

static void beyond_the_end_of_a_file_only_the_rest_of_its_page_is_zero(void **state)
{
	(void)state;
	uint8_t bytes[0x2000];
	int fd = file_of(0x1234, 1);
	struct gsd_file_span spans[] = {{0x10000, 0x18000, 0, fd, true}};
	struct gsd_file_memory memory;
	gsd_file_memory_init(&memory, spans, 1);
	assert_true(readable(&memory, 0x11230, bytes, 8));
	assert_int_equal(bytes[3], 0x34);
	assert_int_equal(bytes[4], 0);
	assert_true(readable(&memory, 0x11800, bytes, 8));
	assert_int_equal(bytes[0], 0);
	assert_true(readable(&memory, 0x10000, bytes, 0x2000));
	assert_false(readable(&memory, 0x11ff9, bytes, 8));
	assert_false(readable(&memory, 0x12000, bytes, 1));
	spans[0].zero_tail = false;
	assert_true(readable(&memory, 0x11230, bytes, 4));
	assert_false(readable(&memory, 0x11230, bytes, 5));
	close(fd);
}

static void numbers_at_the_end_of_the_range_of_numbers_are_refused(void **state)
{
	(void)state;
	uint8_t bytes[16];
	int fd = file_of(0x1000, 0);
	const struct gsd_file_span spans[] = {{0x1000, 0x2000, UINT64_MAX - 4, fd, true},
					      {0x2000, 0x3000, (uint64_t)1 << 63, fd, true},
					      {UINT64_MAX - 0x1000, UINT64_MAX, 0, fd, true}};
	struct gsd_file_memory memory;
	gsd_file_memory_init(&memory, spans, 3);
	assert_false(readable(&memory, 0x1000, bytes, 2));
	assert_false(readable(&memory, 0x1008, bytes, 8));
	assert_false(readable(&memory, 0x2000, bytes, 8));
	assert_false(readable(&memory, UINT64_MAX - 2, bytes, 8));
	assert_true(readable(&memory, UINT64_MAX - 0x1000, bytes, 8));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_those_of_the_file_at_the_span_s_offset),
		cmocka_unit_test(beyond_the_end_of_a_file_only_the_rest_of_its_page_is_zero),
		cmocka_unit_test(numbers_at_the_end_of_the_range_of_numbers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
