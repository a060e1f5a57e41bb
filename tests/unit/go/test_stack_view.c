/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of a stack that is read while it is walked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "go/stack_view.h"

#define START UINT64_C(0x7f0000000000)
#define WORDS ((size_t)3 << 20) /* 24 MiB: several windows */
#define BYTES (8 * WORDS)

/* A stack whose words say where they are, and how much of it was read. */
struct counted_memory {
	struct gsd_memory memory;
	uint64_t unreadable; /* the page with this address */
	size_t bytes;
};

static void read_counted(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct counted_memory *memory = (struct counted_memory *)base;
	for (size_t i = 0; i < count; i++) {
		struct gsd_range *range = &ranges[i];
		assert_true(range->address >= START && range->address + range->length <= START + BYTES);
		memory->bytes += range->length;
		range->errnum =
			memory->unreadable >= range->address && memory->unreadable < range->address + range->length
				? EFAULT
				: 0;
		for (size_t at = 0; at < range->length; at++) {
			uint64_t word = range->address + at - (range->address + at) % 8;
			((uint8_t *)range->buffer)[at] = (uint8_t)(word >> 8 * ((range->address + at) % 8));
		}
	}
}

static struct counted_memory memory_of_words(void)
{
	return (struct counted_memory){.memory.read = read_counted};
}

static void a_walk_reads_each_byte_once(void **state)
{
	(void)state;
	struct counted_memory memory = memory_of_words();
	struct gsd_stack_stream *stream = gsd_stack_stream_create(&memory.memory);
	assert_non_null(stream);
	struct gsd_stack_view view = gsd_stack_stream_view(stream, START, BYTES);
	for (size_t i = 0; i < WORDS; i += 3) {
		uint64_t word;
		gsd_stack_view_follow(&view, START + 8 * i);
		assert_true(gsd_stack_view_word(&view, START + 8 * i, &word));
		assert_int_equal(word, START + 8 * i);
	}
	assert_false(gsd_stack_stream_failed(stream));
	assert_true(memory.bytes >= BYTES && memory.bytes < BYTES + BYTES / 16);
	gsd_stack_stream_destroy(stream);
}

static void a_frame_pointer_that_leads_elsewhere_moves_nothing(void **state)
{
	(void)state;
	struct counted_memory memory = memory_of_words();
	struct gsd_stack_stream *stream = gsd_stack_stream_create(&memory.memory);
	assert_non_null(stream);
	struct gsd_stack_view view = gsd_stack_stream_view(stream, START, BYTES);
	gsd_stack_view_follow(&view, START);
	size_t before = memory.bytes;
	for (size_t i = 0; i < 100; i++) {
		uint64_t word;
		assert_true(gsd_stack_view_word(&view, START + BYTES - 8 - 8192 * i, &word));
		assert_int_equal(word, START + BYTES - 8 - 8192 * i);
		assert_true(gsd_stack_view_word(&view, START + 8 * i, &word));
		assert_int_equal(word, START + 8 * i);
	}
	assert_true(memory.bytes - before <= (size_t)100 * 4096);
	gsd_stack_stream_destroy(stream);
}

static void words_are_found_at_every_edge(void **state)
{
	(void)state;
	struct counted_memory memory = memory_of_words();
	struct gsd_stack_stream *stream = gsd_stack_stream_create(&memory.memory);
	assert_non_null(stream);
	struct gsd_stack_view view = gsd_stack_stream_view(stream, START, BYTES);
	gsd_stack_view_follow(&view, START + 8);
	for (uint64_t address = START; address + 8 <= START + BYTES; address += 4096 - 4) {
		uint64_t word;
		assert_true(gsd_stack_view_word(&view, address, &word));
		if (address % 8 == 0)
			assert_int_equal(word, address);
	}
	uint64_t word = 42;
	assert_false(gsd_stack_view_word(&view, START - 8, &word));
	assert_false(gsd_stack_view_word(&view, START + BYTES - 7, &word));
	assert_false(gsd_stack_view_word(&view, START + BYTES, &word));
	assert_false(gsd_stack_view_word(&view, UINT64_MAX - 3, &word));
	gsd_stack_view_follow(&view, START - 8);
	gsd_stack_view_follow(&view, UINT64_MAX);
	assert_int_equal(word, 42);
	assert_false(gsd_stack_stream_failed(stream));
	gsd_stack_stream_destroy(stream);
}

static void what_cannot_be_read_is_remembered_until_the_next_view(void **state)
{
	(void)state;
	struct counted_memory memory = memory_of_words();
	struct gsd_stack_stream *stream = gsd_stack_stream_create(&memory.memory);
	assert_non_null(stream);
	struct gsd_stack_view view = gsd_stack_stream_view(stream, START, BYTES);
	uint64_t word;
	memory.unreadable = START + BYTES / 2;
	assert_true(gsd_stack_view_word(&view, START, &word));
	assert_false(gsd_stack_stream_failed(stream));
	gsd_stack_view_follow(&view, START + BYTES / 2);
	assert_false(gsd_stack_view_word(&view, START + BYTES / 2, &word));
	assert_true(gsd_stack_stream_failed(stream));
	memory.unreadable = 0;
	view = gsd_stack_stream_view(stream, START, BYTES);
	assert_false(gsd_stack_stream_failed(stream));
	assert_true(gsd_stack_view_word(&view, START + BYTES / 2, &word));
	assert_int_equal(word, START + BYTES / 2);
	gsd_stack_stream_destroy(stream);
}

static void nothing_is_kept_from_one_view_to_the_next(void **state)
{
	(void)state;
	static uint64_t words[64];
	const struct gsd_segment segment = {.address = START, .length = sizeof words, .bytes = words};
	struct gsd_segment_memory memory;
	gsd_segment_memory_init(&memory, &segment, 1);
	struct gsd_stack_stream *stream = gsd_stack_stream_create(&memory.memory);
	assert_non_null(stream);
	for (uint64_t round = 1; round < 4; round++) {
		words[3] = words[60] = round;
		struct gsd_stack_view view = gsd_stack_stream_view(stream, START, sizeof words);
		uint64_t word;
		assert_true(gsd_stack_view_word(&view, START + (uint64_t)8 * 60, &word));
		assert_int_equal(word, round);
		gsd_stack_view_follow(&view, START);
		assert_true(gsd_stack_view_word(&view, START + (uint64_t)8 * 3, &word));
		assert_int_equal(word, round);
	}
	gsd_stack_stream_destroy(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_reads_each_byte_once),
		cmocka_unit_test(a_frame_pointer_that_leads_elsewhere_moves_nothing),
		cmocka_unit_test(words_are_found_at_every_edge),
		cmocka_unit_test(what_cannot_be_read_is_remembered_until_the_next_view),
		cmocka_unit_test(nothing_is_kept_from_one_view_to_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
