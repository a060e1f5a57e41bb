/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"

#include <errno.h>

#include "../support/check.h"

#define BLOCK ((size_t)16384) /* of the block cache */

static int errnum_of_reading(struct gsd_segment_memory *memory, uint64_t address, size_t length)
{
	uint8_t buffer[64];
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer, .errnum = -1};
	gsd_memory_read_ranges(&memory->memory, &range, 1);
	return range.errnum;
}

static void a_range_is_read_whole_or_not_at_all(void **state)
{
	(void)state;
	static const char bytes[] = "0123456789";
	const struct gsd_segment segments[] = {{0x1000, 10, bytes}, {0x100a, 4, "abcd"}, {UINT64_MAX - 3, 4, "wxyz"}};
	struct gsd_segment_memory memory;
	gsd_segment_memory_init(&memory, segments, GSD_ARRAY_SIZE(segments));
	assert_int_equal(errnum_of_reading(&memory, 0x1000, 10), 0);
	assert_int_equal(errnum_of_reading(&memory, 0x1009, 1), 0);
	assert_int_equal(errnum_of_reading(&memory, 0x100a, 4), 0);
	assert_int_equal(errnum_of_reading(&memory, 0xfff, 1), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, 0xfff, 2), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, 0x1000, 11), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, 0x1009, 2), EFAULT); /* two segments are two mappings */
	assert_int_equal(errnum_of_reading(&memory, 0x100d, 2), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, 0x100e, 1), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, UINT64_MAX - 3, 4), 0);
	assert_int_equal(errnum_of_reading(&memory, UINT64_MAX - 3, 5), EFAULT);
	assert_int_equal(errnum_of_reading(&memory, UINT64_MAX - 3, SIZE_MAX), EFAULT);
}

static void every_range_of_a_batch_has_its_own_answer(void **state)
{
	(void)state;
	const struct gsd_segment segments[] = {{0x1000, 8, "01234567"}};
	struct gsd_segment_memory memory;
	gsd_segment_memory_init(&memory, segments, 1);
	char first[3] = "";
	char third[3] = "";
	char second[3] = "--";
	struct gsd_range ranges[] = {
		{.address = 0x1000, .length = 2, .buffer = first, .errnum = 5},
		{.address = 0x2000, .length = 2, .buffer = second},
		{.address = 0x1006, .length = 2, .buffer = third, .errnum = 5},
	};
	gsd_memory_read_ranges(&memory.memory, ranges, GSD_ARRAY_SIZE(ranges));
	assert_int_equal(ranges[0].errnum, 0);
	assert_int_equal(ranges[1].errnum, EFAULT);
	assert_int_equal(ranges[2].errnum, 0);
	assert_string_equal(first, "01");
	assert_string_equal(second, "--");
	assert_string_equal(third, "67");
}

static void a_failed_read_names_length_and_address(void **state)
{
	(void)state;
	const struct gsd_segment segments[] = {{0x1000, 8, "\x88\x77\x66\x55\x44\x33\x22\x11"}};
	struct gsd_segment_memory memory;
	gsd_segment_memory_init(&memory, segments, 1);
	uint64_t value = 0;
	assert_success(gsd_memory_read_u64(&memory.memory, 0x1000, &value));
	assert_u64(value, UINT64_C(0x1122334455667788));
	assert_failure(gsd_memory_read_u64(&memory.memory, 0x1001, &value), GSD_ERROR_READ,
		       "cannot read 8 bytes of the target's memory at 0x1001: Bad address");
	assert_u64(value, UINT64_C(0x1122334455667788));
}

/* A memory that answers every range with one errno. */
struct failing_memory {
	struct gsd_memory memory;
	int errnum;
};

static void fail_all(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ranges[i].errnum = ((struct failing_memory *)memory)->errnum;
}

static void why_memory_could_not_be_read_decides_the_error_code(void **state)
{
	(void)state;
	static const struct {
		int errnum;
		enum gsd_error_code code;
	} cases[] = {{ESRCH, GSD_ERROR_GONE},
		     {EPERM, GSD_ERROR_PERMISSION},
		     {EACCES, GSD_ERROR_PERMISSION},
		     {EFAULT, GSD_ERROR_READ},
		     {EIO, GSD_ERROR_READ}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct failing_memory memory = {{fail_all}, cases[i].errnum};
		uint8_t byte;
		struct gsd_error *error = gsd_memory_read(&memory.memory, 0x10, &byte, 1);
		assert_int_equal(gsd_error_errno(error), cases[i].errnum);
		assert_failure(error, cases[i].code, "at 0x10");
	}
}

/* ---- the block cache ---- */

/* Three blocks and a bit at 0x10000, of which each byte says where it is; counts how often it was read. */
struct counting_memory {
	struct gsd_memory memory;
	struct gsd_segment_memory segments;
	struct gsd_segment segment;
	uint8_t *bytes;
	unsigned reads;
};

static void count_reads(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct counting_memory *memory = (struct counting_memory *)base;
	memory->reads += (unsigned)count;
	gsd_memory_read_ranges(&memory->segments.memory, ranges, count);
}

#define CACHED_START  UINT64_C(0x10000)
#define CACHED_LENGTH (3 * BLOCK + 100)

static uint8_t byte_at(uint64_t address)
{
	return (uint8_t)(address ^ address >> 8);
}

static int make_counting_memory(void **state)
{
	struct counting_memory *memory = calloc(1, sizeof *memory);
	memory->bytes = malloc(CACHED_LENGTH);
	for (size_t i = 0; i < CACHED_LENGTH; i++)
		memory->bytes[i] = byte_at(CACHED_START + i);
	memory->segment = (struct gsd_segment){CACHED_START, CACHED_LENGTH, memory->bytes};
	gsd_segment_memory_init(&memory->segments, &memory->segment, 1);
	memory->memory.read = count_reads;
	*state = memory;
	return 0;
}

static int drop_counting_memory(void **state)
{
	struct counting_memory *memory = *state;
	free(memory->bytes);
	free(memory);
	return 0;
}

static void assert_bytes_at(const uint8_t *bytes, uint64_t address, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != byte_at(address + i))
			fail_msg("the byte at 0x%llx is not its own", (unsigned long long)(address + i));
}

static void a_block_is_read_once_and_its_pointers_stay(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 1 << 20, &cache));
	const uint8_t *first;
	const uint8_t *again;
	const uint8_t *other;
	assert_success(gsd_block_cache_read(cache, CACHED_START + 10, 20, &first));
	assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK - 1, 1, &other));
	assert_success(gsd_block_cache_read(cache, CACHED_START + 10, 4, &again));
	assert_int_equal(memory->reads, 1);
	assert_ptr_equal(first, again);
	for (uint64_t i = 0; i < 100; i++) { /* many more ranges: the first pointer must not have moved */
		const uint8_t *bytes;
		assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK - 4 + i % 3, 8, &bytes));
		assert_bytes_at(bytes, CACHED_START + BLOCK - 4 + i % 3, 8);
	}
	assert_bytes_at(first, CACHED_START + 10, 20);
	gsd_block_cache_destroy(cache);
	gsd_block_cache_destroy(NULL);
}

static void ranges_across_blocks_and_longer_than_a_block_are_whole(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 1 << 20, &cache));
	const uint8_t *bytes;
	assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK - 1, 2, &bytes));
	assert_bytes_at(bytes, CACHED_START + BLOCK - 1, 2);
	assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK, BLOCK, &bytes));
	assert_bytes_at(bytes, CACHED_START + BLOCK, BLOCK);
	assert_success(gsd_block_cache_read(cache, CACHED_START, CACHED_LENGTH, &bytes));
	assert_bytes_at(bytes, CACHED_START, CACHED_LENGTH);
	gsd_block_cache_destroy(cache);
}

static void what_lies_at_the_end_of_a_mapping_is_read_though_its_block_is_not_whole(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 1 << 20, &cache));
	const uint8_t *bytes;
	uint64_t end = CACHED_START + CACHED_LENGTH;
	assert_success(gsd_block_cache_read(cache, end - 50, 50, &bytes));
	assert_bytes_at(bytes, end - 50, 50);
	assert_failure(gsd_block_cache_read(cache, end - 50, 51, &bytes), GSD_ERROR_READ, "read 51 bytes");
	assert_failure(gsd_block_cache_read(cache, end, 1, &bytes), GSD_ERROR_READ, "read 1 bytes");
	gsd_block_cache_destroy(cache);
}

static void no_length_wraps_around_the_address_space(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 1 << 20, &cache));
	const uint8_t *bytes;
	assert_failure(gsd_block_cache_read(cache, CACHED_START + 1, SIZE_MAX, &bytes), GSD_ERROR_CORRUPT,
		       "bytes of tables");
	assert_failure(gsd_block_cache_read(cache, UINT64_MAX, 8, &bytes), GSD_ERROR_READ, "0xffffffffffffffff");
	gsd_block_cache_destroy(cache);
}

static void a_sealed_cache_gives_what_it_has_and_reads_nothing_more(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 1 << 20, &cache));
	const uint8_t *bytes;
	assert_success(gsd_block_cache_read(cache, CACHED_START, 8, &bytes));
	gsd_block_cache_seal(cache);
	assert_success(gsd_block_cache_read(cache, CACHED_START + 100, 8, &bytes));
	assert_bytes_at(bytes, CACHED_START + 100, 8);
	assert_failure(gsd_block_cache_read(cache, CACHED_START + BLOCK, 8, &bytes), GSD_ERROR_READ, "has been let go");
	assert_int_equal(memory->reads, 1);
	gsd_block_cache_destroy(cache);
}

static void no_more_than_the_cap_is_kept(void **state)
{
	struct counting_memory *memory = *state;
	struct gsd_block_cache *cache;
	assert_success(gsd_block_cache_create(&memory->memory, 2 * BLOCK, &cache));
	const uint8_t *bytes;
	assert_success(gsd_block_cache_read(cache, CACHED_START, 8, &bytes));
	assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK, 8, &bytes));
	assert_failure(gsd_block_cache_read(cache, CACHED_START + 2 * BLOCK, 8, &bytes), GSD_ERROR_CORRUPT,
		       "more than 32768 bytes of tables were asked for");
	assert_success(gsd_block_cache_read(cache, CACHED_START + BLOCK + 8, 8, &bytes));
	gsd_block_cache_destroy(cache);
}

#define WITH_COUNTING_MEMORY(test) cmocka_unit_test_setup_teardown(test, make_counting_memory, drop_counting_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_read_whole_or_not_at_all),
		cmocka_unit_test(every_range_of_a_batch_has_its_own_answer),
		cmocka_unit_test(a_failed_read_names_length_and_address),
		cmocka_unit_test(why_memory_could_not_be_read_decides_the_error_code),
		WITH_COUNTING_MEMORY(a_block_is_read_once_and_its_pointers_stay),
		WITH_COUNTING_MEMORY(ranges_across_blocks_and_longer_than_a_block_are_whole),
		WITH_COUNTING_MEMORY(what_lies_at_the_end_of_a_mapping_is_read_though_its_block_is_not_whole),
		WITH_COUNTING_MEMORY(no_length_wraps_around_the_address_space),
		WITH_COUNTING_MEMORY(a_sealed_cache_gives_what_it_has_and_reads_nothing_more),
		WITH_COUNTING_MEMORY(no_more_than_the_cap_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
