/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/array.h"

#include <stdalign.h>

#include "../support/check.h"

static void a_zeroed_array_is_empty_and_grows_in_order(void **state)
{
	(void)state;
	struct gsd_u64_array array = {0};
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(gsd_u64_array_append(&array, i * i));
	assert_int_equal(array.count, 1000);
	assert_true(array.capacity >= array.count);
	for (uint64_t i = 0; i < 1000; i++)
		assert_u64(array.items[i], i * i);
	gsd_u64_array_free(&array);
	assert_null(array.items);
	assert_int_equal(array.count, 0);
	assert_true(gsd_u64_array_append(&array, 5));
	assert_u64(array.items[0], 5);
	gsd_u64_array_free(&array);
}

static void arena_memory_is_zeroed_aligned_for_any_type_and_not_shared(void **state)
{
	(void)state;
	enum { COUNT = 240 };
	static const size_t sizes[] = {1, 8, 3, 100, 17000, 0, 64, 70000, 5, 16384, 16385, 200000};
	struct gsd_arena arena = {0};
	uint8_t *places[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = sizes[i % GSD_ARRAY_SIZE(sizes)];
		places[i] = gsd_arena_allocate(&arena, size);
		assert_non_null(places[i]);
		assert_int_equal((uintptr_t)places[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < size; k++)
			if (places[i][k] != 0)
				fail_msg("byte %zu of piece %zu is not zero", k, i);
		memset(places[i], (int)i + 1, size);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < sizes[i % GSD_ARRAY_SIZE(sizes)]; k++)
			if (places[i][k] != (uint8_t)(i + 1))
				fail_msg("byte %zu of piece %zu was written by another one", k, i);
	gsd_arena_free(&arena);
}

static void a_large_piece_leaves_the_room_of_the_block_before_it_in_use(void **state)
{
	(void)state;
	struct gsd_arena arena = {0};
	uint8_t *first = gsd_arena_allocate(&arena, 16);
	uint8_t *large = gsd_arena_allocate(&arena, 1 << 20);
	uint8_t *second = gsd_arena_allocate(&arena, 16);
	assert_non_null(large);
	memset(large, 0xff, 1 << 20);
	assert_ptr_equal(second, first + 16);
	assert_int_equal(*second, 0);
	gsd_arena_free(&arena);
}

static void a_string_is_copied_with_its_nuls_and_terminated(void **state)
{
	(void)state;
	struct gsd_arena arena = {0};
	const char *text = gsd_arena_string(&arena, "a\0bcd", 4);
	assert_memory_equal(text, "a\0bc", 5);
	assert_string_equal(gsd_arena_string(&arena, NULL, 0), "");
	gsd_arena_free(&arena);
	assert_null(arena.blocks);
	gsd_arena_free(&arena);
}

static void sizes_that_would_wrap_around_are_refused(void **state)
{
	(void)state;
	struct gsd_arena arena = {0};
	for (size_t less = 0; less < 40; less++)
		assert_null(gsd_arena_allocate(&arena, SIZE_MAX - less));
	assert_null(gsd_arena_string(&arena, "", SIZE_MAX));
	gsd_arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zeroed_array_is_empty_and_grows_in_order),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_for_any_type_and_not_shared),
		cmocka_unit_test(a_large_piece_leaves_the_room_of_the_block_before_it_in_use),
		cmocka_unit_test(a_string_is_copied_with_its_nuls_and_terminated),
		cmocka_unit_test(sizes_that_would_wrap_around_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
