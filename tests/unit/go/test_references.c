/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/references.h"

#include <errno.h>

#include "../support/bytes.h"
#include "../support/runtime.h"

/* Everything that goroutines lead to lies in one piece of memory; goroutines in the first pages of it. */
#define HEAP       UINT64_C(0xc000000000)
#define G_SIZE     UINT64_C(512)
#define G_COUNT    4
#define HEAP_BYTES (G_COUNT * 512)

struct world {
	struct bytes bytes;
	struct gsd_segment segment;
	struct gsd_segment_memory memory;
	struct gsd_layout layout;
	struct gsd_goroutine goroutines[G_COUNT];
	struct gsd_arena arena;
};

static struct world *make(unsigned minor)
{
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	world->layout = made_layout(minor);
	put_zeroes(&world->bytes, HEAP_BYTES);
	for (uint64_t i = 0; i < G_COUNT; i++) {
		world->goroutines[i] = (struct gsd_goroutine){.goid = i + 10,
							      .address = HEAP + i * G_SIZE,
							      .labels = GSD_NO_LABELS,
							      .ancestry = GSD_NO_ANCESTRY,
							      .bubble = GSD_NO_BUBBLE,
							      .thread = GSD_NO_THREAD};
		set_u64(&world->bytes, (size_t)(i * G_SIZE) + world->layout.goid, i + 10);
	}
	return world;
}

static void drop(struct world *world)
{
	drop_bytes(&world->bytes);
	gsd_arena_free(&world->arena);
	free(world);
}

static uint64_t add_words(struct world *world, const uint64_t *words, size_t count)
{
	align(&world->bytes, 8);
	uint64_t address = HEAP + world->bytes.length;
	for (size_t i = 0; i < count; i++)
		put_u64(&world->bytes, words[i]);
	return address;
}
#define WORDS(world, ...) add_words(world, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static void set_word(struct world *world, uint64_t address, uint64_t value)
{
	set_u64(&world->bytes, (size_t)(address - HEAP), value);
}

static struct gsd_memory *memory_of(struct world *world)
{
	world->segment = (struct gsd_segment){HEAP, world->bytes.length, world->bytes.data};
	gsd_segment_memory_init(&world->memory, &world->segment, 1);
	return &world->memory.memory;
}

/* ---- Ps ---- */

static void a_p_has_its_number_and_what_is_no_number_is_unknown(void **state)
{
	(void)state;
	struct world *world = make(26);
	uint64_t seven = WORDS(world, UINT64_C(0xffffffff00000007));
	uint64_t most = WORDS(world, INT32_MAX);
	uint64_t negative = WORDS(world, UINT32_MAX);
	struct gsd_snapshot_thread threads[] = {{.p = seven, .p_id = -1},    {.p = 0, .p_id = -1},
						{.p = negative, .p_id = -1}, {.p = 0x999000, .p_id = -1},
						{.p = most, .p_id = -1},     {.p = seven, .p_id = -1}};
	static const int64_t expected[] = {7, -1, -1, -1, INT32_MAX, 7};
	assert_success(gsd_threads_read_ps(memory_of(world), &world->layout, threads, GSD_ARRAY_SIZE(threads)));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(threads); i++)
		assert_int_equal(threads[i].p_id, expected[i]);
	world->layout.p_id = GSD_NO_FIELD;
	threads[0].p_id = -1;
	assert_success(gsd_threads_read_ps(memory_of(world), &world->layout, threads, 1));
	assert_int_equal(threads[0].p_id, -1);
	assert_success(gsd_threads_read_ps(memory_of(world), &world->layout, NULL, 0));
	drop(world);
}

/* ---- bubbles ---- */

static void put_in_bubble(struct world *world, size_t goroutine, uint32_t index, uint64_t pointer)
{
	world->goroutines[goroutine].bubble = index;
	set_word(world, world->goroutines[goroutine].address + world->layout.bubble, pointer);
}

static uint64_t bubble_at(struct world *world, uint64_t pointer)
{
	struct gsd_bubble bubble = {.id = 77};
	assert_success(
		gsd_bubbles_read(memory_of(world), &world->layout, world->goroutines, G_COUNT, &pointer, 1, &bubble));
	return bubble.id;
}

static void a_bubble_has_its_number_and_in_go_124_the_goid_of_its_first_goroutine(void **state)
{
	(void)state;
	for (unsigned minor = 24; minor <= 27; minor++) {
		struct world *world = make(minor);
		uint64_t words[16] = {0};
		uint32_t at = minor == 24 ? world->layout.bubble_root : world->layout.bubble_id;
		words[at / 8] = minor == 24 ? HEAP + 2 * G_SIZE : 5;
		uint64_t bubble = add_words(world, words, 16);
		put_in_bubble(world, 1, 0, bubble);
		assert_int_equal(bubble_at(world, bubble), minor == 24 ? 12 : 5);
		drop(world);
	}
}

static void a_bubble_that_cannot_be_read_or_was_left_is_unknown(void **state)
{
	(void)state;
	for (unsigned minor = 24; minor <= 25; minor++) {
		struct world *world = make(minor);
		uint64_t words[16] = {0};
		uint32_t at = minor == 24 ? world->layout.bubble_root : world->layout.bubble_id;
		words[at / 8] = minor == 24 ? HEAP + 2 * G_SIZE : 5;
		uint64_t bubble = add_words(world, words, 16);
		put_in_bubble(world, 1, 0, 0x999000);
		assert_int_equal(bubble_at(world, 0x999000), 0);
		put_in_bubble(world, 1, 0, UINT64_MAX - 8); /* it wraps around */
		assert_int_equal(bubble_at(world, UINT64_MAX - 8), 0);
		put_in_bubble(world, 1, 0, bubble + 8); /* now in another one */
		assert_int_equal(bubble_at(world, bubble), 0);
		put_in_bubble(world, 1, 0, bubble);
		set_word(world, world->goroutines[1].address + world->layout.goid, 99); /* now another goroutine */
		assert_int_equal(bubble_at(world, bubble), 0);
		put_in_bubble(world, 3, 0, bubble); /* one that is in it still is enough */
		assert_int_equal(bubble_at(world, bubble), minor == 24 ? 12 : 5);
		if (minor == 24) {
			set_word(world, bubble + at, 0x999000); /* its first goroutine cannot be read */
			assert_int_equal(bubble_at(world, bubble), 0);
		}
		drop(world);
	}
}

static void without_the_fields_no_bubble_is_known(void **state)
{
	(void)state;
	struct world *world = make(26);
	world->layout.bubble_id = GSD_NO_FIELD;
	assert_int_equal(bubble_at(world, HEAP), 0);
	assert_success(gsd_bubbles_read(memory_of(world), &world->layout, NULL, 0, NULL, 0, NULL));
	drop(world);
}

/* ---- ancestors ---- */

static void give_ancestry(struct world *world, size_t goroutine, uint32_t index, uint64_t pointer)
{
	world->goroutines[goroutine].ancestry = index;
	set_word(world, world->goroutines[goroutine].address + world->layout.ancestors, pointer);
}

static void read_ancestries(struct world *world, const uint64_t *pointers, size_t count,
			    struct gsd_ancestry *ancestries)
{
	for (size_t i = 0; i < count; i++)
		ancestries[i] = (struct gsd_ancestry){.count = 77, .known = true};
	assert_success(gsd_ancestries_read(memory_of(world), &world->layout, world->goroutines, G_COUNT, pointers,
					   count, &world->arena, ancestries));
}

static struct gsd_ancestry ancestry_at(struct world *world, uint64_t pointer)
{
	struct gsd_ancestry ancestry;
	give_ancestry(world, 0, 0, pointer);
	read_ancestries(world, &pointer, 1, &ancestry);
	if (!ancestry.known)
		assert_int_equal(ancestry.count, 0);
	return ancestry;
}

static void ancestors_are_read_in_every_version_the_parent_first(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct world *world = make(minor);
		uint64_t pcs = WORDS(world, 0x401000, 0x402000, 0x403000);
		/* ancestorInfo: pcs (pointer, length, capacity), goid, gopc */
		uint64_t infos = WORDS(world, pcs, 2, 3, 7, 0x405000, pcs + 8, 1, 1, 1, 0, 0, 0, 0, 0x123456789a, 1);
		uint64_t slice = WORDS(world, infos, 3, 4);
		uint64_t none = WORDS(world, 0, 0, 0);
		const uint64_t pointers[] = {none, slice};
		struct gsd_ancestry ancestries[2];
		give_ancestry(world, 0, 1, slice);
		give_ancestry(world, 1, 0, none);
		give_ancestry(world, 2, 1, slice);
		read_ancestries(world, pointers, 2, ancestries);
		assert_true(ancestries[0].known && ancestries[1].known);
		assert_int_equal(ancestries[0].count, 0);
		assert_int_equal(ancestries[1].count, 3);
		const struct gsd_ancestor *ancestors = ancestries[1].ancestors;
		assert_int_equal(ancestors[0].goid, 7);
		assert_int_equal(ancestors[0].creator_pc, 0x405000);
		assert_int_equal(ancestors[0].pc_count, 2);
		assert_int_equal(ancestors[0].pcs[0], 0x401000);
		assert_int_equal(ancestors[0].pcs[1], 0x402000);
		assert_int_equal(ancestors[1].goid, 1);
		assert_int_equal(ancestors[1].creator_pc, 0);
		assert_int_equal(ancestors[1].pc_count, 1);
		assert_int_equal(ancestors[1].pcs[0], 0x402000);
		assert_true(ancestors[2].goid == 0x123456789a);
		assert_int_equal(ancestors[2].pc_count, 0);
		drop(world);
	}
}

static void lengths_that_no_program_has_make_an_ancestry_unknown(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {1001, UINT32_MAX, UINT64_C(1) << 61, UINT64_MAX, UINT64_MAX / 40 + 2};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		struct world *world = make(27);
		uint64_t pcs = WORDS(world, 0x401000);
		uint64_t infos = WORDS(world, pcs, lengths[i], lengths[i], 7, 0x405000);
		uint64_t long_pcs = WORDS(world, infos, 1, 1);
		uint64_t long_list = WORDS(world, infos, lengths[i], lengths[i]);
		uint64_t good_info = WORDS(world, pcs, 1, 1, 7, 0x405000);
		uint64_t over_capacity = WORDS(world, good_info, 1, 0);
		uint64_t good = WORDS(world, good_info, 1, 1);
		assert_false(ancestry_at(world, long_pcs).known);
		assert_false(ancestry_at(world, long_list).known);
		assert_false(ancestry_at(world, over_capacity).known);
		assert_true(ancestry_at(world, good).known);
		drop(world);
	}
}

static void more_pcs_than_the_runtime_keeps_make_an_ancestry_unknown(void **state)
{
	(void)state;
	struct world *world = make(27);
	static const uint64_t many[1001];
	uint64_t pcs = add_words(world, many, GSD_ARRAY_SIZE(many));
	uint64_t info = WORDS(world, pcs, 1000, 1001, 7, 0x405000);
	uint64_t slice = WORDS(world, info, 1, 1);
	assert_int_equal(ancestry_at(world, slice).ancestors[0].pc_count, 1000);
	set_word(world, info + 8, 1001);
	assert_false(ancestry_at(world, slice).known);
	drop(world);
}

static void what_cannot_be_read_hurts_no_other(void **state)
{
	(void)state;
	struct world *world = make(22);
	uint64_t pcs = WORDS(world, 0x401000);
	uint64_t good_info = WORDS(world, pcs, 1, 1, 7, 0x405000);
	uint64_t bad_info = WORDS(world, pcs, 1, 1, 7, 0x405000, 0x999000, 1, 1, 6, 0x405000);
	const uint64_t pointers[G_COUNT] = {0x999000, WORDS(world, 0x999000, 2, 2), WORDS(world, bad_info, 2, 2),
					    WORDS(world, good_info, 1, 1)};
	struct gsd_ancestry ancestries[G_COUNT];
	for (uint32_t i = 0; i < G_COUNT; i++)
		give_ancestry(world, i, i, pointers[i]);
	read_ancestries(world, pointers, G_COUNT, ancestries);
	for (size_t i = 0; i < 3; i++) {
		assert_false(ancestries[i].known);
		assert_int_equal(ancestries[i].count, 0);
	}
	assert_true(ancestries[3].known);
	assert_int_equal(ancestries[3].count, 1);
	assert_int_equal(ancestries[3].ancestors[0].goid, 7);
	assert_int_equal(ancestries[3].ancestors[0].pcs[0], 0x401000);
	drop(world);
}

static void an_ancestry_that_nobody_holds_any_more_is_unknown(void **state)
{
	(void)state;
	struct world *world = make(25);
	uint64_t info = WORDS(world, 0, 0, 0, 7, 0x405000);
	uint64_t slice = WORDS(world, info, 1, 1);
	struct gsd_ancestry ancestry;
	assert_true(ancestry_at(world, slice).known);
	set_word(world, world->goroutines[0].address + world->layout.goid, 99);
	read_ancestries(world, &slice, 1, &ancestry);
	assert_false(ancestry.known);
	assert_int_equal(ancestry.count, 0);
	give_ancestry(world, 2, 0, slice); /* another one does */
	read_ancestries(world, &slice, 1, &ancestry);
	assert_true(ancestry.known);
	set_word(world, world->goroutines[2].address + world->layout.ancestors, slice + 8);
	read_ancestries(world, &slice, 1, &ancestry);
	assert_false(ancestry.known);
	drop(world);
}

static void without_the_fields_or_with_impossible_ones_no_ancestry_is_known(void **state)
{
	(void)state;
	struct world *world = make(26);
	uint64_t info = WORDS(world, 0, 0, 0, 7, 0x405000);
	uint64_t slice = WORDS(world, info, 1, 1);
	const struct gsd_layout good = world->layout;
	assert_true(ancestry_at(world, slice).known);
	uint32_t *const fields[] = {&world->layout.ancestor_pcs, &world->layout.ancestor_goid,
				    &world->layout.ancestor_gopc, &world->layout.ancestor_size};
	static const uint32_t bad[] = {GSD_NO_FIELD, 600, 36};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++)
		for (size_t k = 0; k < GSD_ARRAY_SIZE(bad); k++) {
			world->layout = good;
			*fields[i] = bad[k];
			assert_false(ancestry_at(world, slice).known);
		}
	drop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_p_has_its_number_and_what_is_no_number_is_unknown),
		cmocka_unit_test(a_bubble_has_its_number_and_in_go_124_the_goid_of_its_first_goroutine),
		cmocka_unit_test(a_bubble_that_cannot_be_read_or_was_left_is_unknown),
		cmocka_unit_test(without_the_fields_no_bubble_is_known),
		cmocka_unit_test(ancestors_are_read_in_every_version_the_parent_first),
		cmocka_unit_test(lengths_that_no_program_has_make_an_ancestry_unknown),
		cmocka_unit_test(more_pcs_than_the_runtime_keeps_make_an_ancestry_unknown),
		cmocka_unit_test(what_cannot_be_read_hurts_no_other),
		cmocka_unit_test(an_ancestry_that_nobody_holds_any_more_is_unknown),
		cmocka_unit_test(without_the_fields_or_with_impossible_ones_no_ancestry_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
