/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include "../support/check.h"

static void what_was_inserted_is_found_and_nothing_else(void **state)
{
	(void)state;
	struct gsd_hash *hash = gsd_hash_create(0);
	uint64_t value = 99;
	assert_false(gsd_hash_find(hash, 0, &value));
	assert_u64(value, 99);
	assert_true(gsd_hash_insert(hash, 0, 7));
	assert_true(gsd_hash_insert(hash, UINT64_MAX, UINT64_MAX));
	assert_true(gsd_hash_find(hash, 0, &value));
	assert_u64(value, 7);
	assert_true(gsd_hash_find(hash, UINT64_MAX, &value));
	assert_u64(value, UINT64_MAX);
	assert_true(gsd_hash_find(hash, 0, NULL));
	assert_false(gsd_hash_find(hash, 1, NULL));
	gsd_hash_destroy(hash);
	gsd_hash_destroy(NULL);
}

static void inserting_a_key_again_replaces_its_value(void **state)
{
	(void)state;
	struct gsd_hash *hash = gsd_hash_create(4);
	uint64_t value;
	assert_true(gsd_hash_insert(hash, 5, 1));
	assert_true(gsd_hash_insert(hash, 5, 2));
	assert_int_equal(gsd_hash_count(hash), 1);
	assert_true(gsd_hash_find(hash, 5, &value));
	assert_u64(value, 2);
	gsd_hash_destroy(hash);
}

/* Keys like those of the tool: addresses at a fixed distance, whose low bits are all the same. */
static void growing_keeps_every_entry(void **state)
{
	(void)state;
	enum { COUNT = 200000 };
	struct gsd_hash *hash = gsd_hash_create(0);
	for (uint64_t i = 0; i < COUNT; i++)
		assert_true(gsd_hash_insert(hash, UINT64_C(0xc000000000) + i * 4096, i));
	assert_int_equal(gsd_hash_count(hash), COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t value;
		assert_true(gsd_hash_find(hash, UINT64_C(0xc000000000) + i * 4096, &value));
		assert_u64(value, i);
		assert_false(gsd_hash_find(hash, UINT64_C(0xc000000000) + i * 4096 + 8, NULL));
	}
	gsd_hash_destroy(hash);
}

/* The inverse of the table's mixer makes keys of which all want the slot that `mixed` says. */
static uint64_t key_mixed_to(uint64_t mixed)
{
	uint64_t x = mixed;
	x ^= x >> 33;
	x *= UINT64_C(0x9cb4b2f8129337db);
	x ^= x >> 33;
	x *= UINT64_C(0x4f74430c22a54005);
	return x ^ (x >> 33);
}

static void keys_that_collide_are_kept_apart_across_the_end_of_the_table(void **state)
{
	(void)state;
	enum { COUNT = 7 };
	struct gsd_hash *hash = gsd_hash_create(0); /* 16 slots: all of these want the last but one */
	for (uint64_t i = 0; i < COUNT; i++)
		assert_true(gsd_hash_insert(hash, key_mixed_to(14 + 16 * i), i + 100));
	assert_int_equal(gsd_hash_count(hash), COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t value = 0;
		assert_true(gsd_hash_find(hash, key_mixed_to(14 + 16 * i), &value));
		assert_u64(value, i + 100);
	}
	assert_false(gsd_hash_find(hash, key_mixed_to(14 + UINT64_C(16) * COUNT), NULL));
	gsd_hash_destroy(hash);
}

static void the_hash_of_bytes_depends_on_every_byte_the_length_and_the_seed(void **state)
{
	(void)state;
	uint8_t bytes[19] = {0};
	uint64_t plain = gsd_hash_bytes(bytes, sizeof bytes, 0);
	assert_u64(gsd_hash_bytes(bytes, sizeof bytes, 0), plain);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = 1;
		assert_true(gsd_hash_bytes(bytes, sizeof bytes, 0) != plain);
		bytes[i] = 0;
		assert_true(gsd_hash_bytes(bytes, i, 0) != plain);
	}
	assert_true(gsd_hash_bytes(bytes, sizeof bytes, 1) != plain);
	assert_true(gsd_hash_bytes(NULL, 0, 0) != gsd_hash_bytes(NULL, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_inserted_is_found_and_nothing_else),
		cmocka_unit_test(inserting_a_key_again_replaces_its_value),
		cmocka_unit_test(growing_keeps_every_entry),
		cmocka_unit_test(keys_that_collide_are_kept_apart_across_the_end_of_the_table),
		cmocka_unit_test(the_hash_of_bytes_depends_on_every_byte_the_length_and_the_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
