/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/labels.h"

#include <stdio.h>
#include <unistd.h>

#include "../support/bytes.h"

/* All that g.labels leads to lies in one piece of memory. */
#define HEAP UINT64_C(0xc000000000)

struct heap {
	struct bytes bytes;
	struct gsd_segment segment;
	struct gsd_segment_memory memory;
	struct gsd_arena arena;
};

static uint64_t allocate(struct heap *heap, const void *data, size_t length)
{
	align(&heap->bytes, 8);
	uint64_t address = HEAP + heap->bytes.length;
	put(&heap->bytes, data, length);
	return address;
}

static uint64_t allocate_zeroes(struct heap *heap, size_t length)
{
	uint64_t address = allocate(heap, NULL, 0);
	put_zeroes(&heap->bytes, length);
	return address;
}

static void set_word(struct heap *heap, uint64_t address, uint64_t value)
{
	set_u64(&heap->bytes, (size_t)(address - HEAP), value);
}

static int make_heap(void **state)
{
	*state = calloc(1, sizeof(struct heap));
	put_zeroes(&((struct heap *)*state)->bytes, 8);
	return 0;
}

static int drop_heap(void **state)
{
	struct heap *heap = *state;
	drop_bytes(&heap->bytes);
	gsd_arena_free(&heap->arena);
	free(heap);
	return 0;
}

static void read_sets(struct heap *heap, unsigned minor, const uint64_t *pointers, size_t count,
		      struct gsd_label_set *sets, bool *readable)
{
	heap->segment = (struct gsd_segment){HEAP, heap->bytes.length, heap->bytes.data};
	gsd_segment_memory_init(&heap->memory, &heap->segment, 1);
	assert_success(gsd_labels_read(&heap->memory.memory, minor, pointers, count, &heap->arena, sets, readable));
}

/* The set at `pointer` as text; "unreadable" when it is that. */
static const char *read_text(struct heap *heap, unsigned minor, uint64_t pointer)
{
	static char text[8192];
	struct gsd_label_set set = {.count = 77};
	bool readable = false;
	read_sets(heap, minor, &pointer, 1, &set, &readable);
	text[0] = '\0';
	if (!readable) {
		assert_int_equal(set.count, 0);
		return "unreadable";
	}
	for (size_t i = 0; i < set.count; i++) {
		const struct gsd_label *label = &set.labels[i];
		size_t used = strlen(text);
		assert_int_equal(label->key[label->key_length], 0);
		assert_int_equal(label->value[label->value_length], 0);
		snprintf(text + used, sizeof text - used, "%s%.*s=%.*s", i == 0 ? "" : " ", (int)label->key_length,
			 label->key, (int)label->value_length, label->value);
	}
	return text;
}

/* ---- a slice, from Go 1.24 on ---- */

static void set_string(struct heap *heap, uint64_t address, const char *text)
{
	uint64_t at = text[0] == '\0' ? 0 : allocate(heap, text, strlen(text)); /* an empty string points nowhere */
	set_word(heap, address, at);
	set_word(heap, address + 8, strlen(text));
}

/* The pairs k0, v0, k1, v1, … as a slice; the address of its header. */
static uint64_t put_slice(struct heap *heap, const char *const *strings, size_t pairs)
{
	uint64_t array = allocate_zeroes(heap, 32 * pairs);
	for (size_t i = 0; i < 2 * pairs; i++)
		set_string(heap, array + 16 * i, strings[i]);
	uint64_t header = allocate_zeroes(heap, 24);
	set_word(heap, header, array);
	set_word(heap, header + 8, pairs);
	set_word(heap, header + 16, pairs + 1);
	return header;
}

static void a_slice_of_labels_is_read_since_go_124(void **state)
{
	struct heap *heap = *state;
	const char *const strings[] = {"handler", "/users", "id", "42", "zone", "eu"};
	uint64_t slice = put_slice(heap, strings, 3);
	for (unsigned minor = 24; minor <= 27; minor++)
		assert_string_equal(read_text(heap, minor, slice), "handler=/users id=42 zone=eu");
}

static void labels_are_sorted_by_the_bytes_of_their_keys(void **state)
{
	struct heap *heap = *state;
	const char *const strings[] = {"b", "1", "abc", "2", "\xc3\xa9", "3", "ab", "4", "B", "5", "", "6"};
	assert_string_equal(read_text(heap, 26, put_slice(heap, strings, 6)), "=6 B=5 ab=4 abc=2 b=1 \xc3\xa9=3");
}

static void an_empty_set_is_readable_and_empty(void **state)
{
	struct heap *heap = *state;
	uint64_t header = allocate_zeroes(heap, 24);
	assert_string_equal(read_text(heap, 26, header), "");
	set_word(heap, header, 0x999000); /* an empty slice may point anywhere */
	set_word(heap, header + 16, 4);
	assert_string_equal(read_text(heap, 26, header), "");
}

static void empty_strings_are_labels_too(void **state)
{
	struct heap *heap = *state;
	const char *const strings[] = {"", "value", "key", "", "key2", "x"};
	assert_string_equal(read_text(heap, 26, put_slice(heap, strings, 3)), "=value key= key2=x");
}

static void a_nul_in_a_label_is_kept(void **state)
{
	struct heap *heap = *state;
	const char *const strings[] = {"key", "abc"};
	uint64_t slice = put_slice(heap, strings, 1);
	memcpy(memmem(heap->bytes.data, heap->bytes.length, "abc", 3), "a\0c", 3);
	struct gsd_label_set set;
	bool readable;
	read_sets(heap, 26, &slice, 1, &set, &readable);
	assert_true(readable);
	assert_int_equal(set.labels[0].value_length, 3);
	assert_memory_equal(set.labels[0].value, "a\0c", 4);
}

static void each_of_many_sets_is_read_and_one_bad_one_hurts_no_other(void **state)
{
	struct heap *heap = *state;
	enum { COUNT = 200 };
	uint64_t pointers[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		char value[20];
		snprintf(value, sizeof value, "%zu", i);
		const char *const strings[] = {"n", value};
		pointers[i] = put_slice(heap, strings, 1);
		if (i % 7 == 3)
			set_word(heap, pointers[i] + 8, UINT64_MAX);
	}
	struct gsd_label_set sets[COUNT];
	bool readable[COUNT];
	read_sets(heap, 25, pointers, COUNT, sets, readable);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(readable[i], i % 7 != 3);
		assert_int_equal(sets[i].count, i % 7 == 3 ? 0 : 1);
		if (readable[i])
			assert_int_equal(atoi(sets[i].labels[0].value), i);
	}
	assert_success(gsd_labels_read(&heap->memory.memory, 25, NULL, 0, &heap->arena, NULL, NULL));
}

static void slices_with_hostile_headers_are_unreadable(void **state)
{
	struct heap *heap = *state;
	const char *const strings[] = {"key", "value"};
	static const struct {
		uint64_t offset, value;
	} changes[] = {
		{0, 0x999000},                /* the array is not mapped */
		{0, UINT64_MAX - 7}, {8, 2},  /* more than there are: the pair behind is no string */
		{8, 4097},                    /* more than any goroutine has */
		{8, UINT64_MAX},     {16, 0}, /* capacity less than length */
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		uint64_t slice = put_slice(heap, strings, 1);
		uint64_t array = slice - 32 - 16;
		allocate_zeroes(heap, 0);
		set_word(heap, slice + 16, 100000);
		if (changes[i].offset == 8 && changes[i].value == 2) {
			set_word(heap, slice, array); /* whatever lies there */
			set_word(heap, array + 40, UINT64_MAX);
		}
		set_word(heap, slice + changes[i].offset, changes[i].value);
		assert_string_equal(read_text(heap, 26, slice), "unreadable");
	}
	assert_string_equal(read_text(heap, 26, 0x999000), "unreadable");
	assert_string_equal(read_text(heap, 26, UINT64_MAX - 3), "unreadable");
}

static void strings_that_are_not_there_or_too_long_make_a_set_unreadable(void **state)
{
	struct heap *heap = *state;
	static const struct {
		uint64_t address, length;
	} strings[] = {
		{0x999000, 3}, {HEAP, (1 << 20) + 1}, {HEAP, UINT64_MAX}, {0, 1}, {UINT64_MAX, 2}, {HEAP, 1 << 20},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(strings); i++) {
		for (uint64_t half = 0; half < 2; half++) {
			const char *const texts[] = {"a", "1", "b", "2"};
			uint64_t slice = put_slice(heap, texts, 2);
			uint64_t array;
			memcpy(&array, heap->bytes.data + (slice - HEAP), sizeof array);
			set_word(heap, array + 32 + 16 * half, strings[i].address);
			set_word(heap, array + 32 + 16 * half + 8, strings[i].length);
			assert_string_equal(read_text(heap, 26, slice), "unreadable");
		}
	}
}

static void a_string_of_a_mebibyte_is_read_and_a_longer_one_is_not(void **state)
{
	struct heap *heap = *state;
	uint64_t large = allocate_zeroes(heap, (1 << 20) + 8);
	const char *const strings[] = {"key", "value"};
	uint64_t slice = put_slice(heap, strings, 1);
	uint64_t value; /* of the first pair */
	memcpy(&value, heap->bytes.data + (slice - HEAP), sizeof value);
	value += 16;
	struct gsd_label_set set;
	bool readable;
	set_word(heap, value, large);
	set_word(heap, value + 8, 1 << 20);
	read_sets(heap, 26, &slice, 1, &set, &readable);
	assert_true(readable);
	assert_int_equal(set.labels[0].value_length, 1 << 20);
	set_word(heap, value + 8, (1 << 20) + 1);
	assert_string_equal(read_text(heap, 26, slice), "unreadable");
}

/* ---- a map, up to Go 1.23 ---- */

enum { BUCKET_SIZE = 272, BUCKET_KEYS = 8, BUCKET_VALUES = 136, BUCKET_OVERFLOW = 264 };

static void set_slot(struct heap *heap, uint64_t bucket, size_t slot, uint8_t tophash, const char *key,
		     const char *value)
{
	set_u8(&heap->bytes, (size_t)(bucket - HEAP) + slot, tophash);
	set_string(heap, bucket + BUCKET_KEYS + 16 * slot, key);
	set_string(heap, bucket + BUCKET_VALUES + 16 * slot, value);
}

struct map {
	uint64_t variable; /* what g.labels points to */
	uint64_t header;
	uint64_t buckets;
};

static struct map put_map(struct heap *heap, uint64_t count, uint8_t log_buckets)
{
	struct map map;
	map.buckets = allocate_zeroes(heap, (size_t)BUCKET_SIZE << log_buckets);
	map.header = allocate_zeroes(heap, 48);
	set_word(heap, map.header, count);
	set_u8(&heap->bytes, (size_t)(map.header - HEAP) + 9, log_buckets);
	set_word(heap, map.header + 16, map.buckets);
	map.variable = allocate_zeroes(heap, 8);
	set_word(heap, map.variable, map.header);
	return map;
}

static void a_map_of_labels_is_read_up_to_go_123(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 3, 0);
	set_slot(heap, map.buckets, 0, 200, "zone", "eu");
	set_slot(heap, map.buckets, 1, 5, "id", "42"); /* the least that means "used" */
	set_slot(heap, map.buckets, 7, 255, "a", "");
	for (unsigned minor = 18; minor <= 23; minor++)
		assert_string_equal(read_text(heap, minor, map.variable), "a= id=42 zone=eu");
}

static void slots_that_are_empty_or_moved_away_are_passed_over(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 1, 0);
	for (uint8_t tophash = 0; tophash < 5; tophash++) {
		set_slot(heap, map.buckets, tophash, tophash, "stale", "x");
		set_word(heap, map.buckets + BUCKET_KEYS + 16 * tophash, 0x999000);
	}
	set_slot(heap, map.buckets, 6, 99, "live", "y");
	assert_string_equal(read_text(heap, 22, map.variable), "live=y");
}

static void all_buckets_and_what_overflows_them_are_read(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 4, 1);
	uint64_t overflow = allocate_zeroes(heap, BUCKET_SIZE);
	uint64_t second = allocate_zeroes(heap, BUCKET_SIZE);
	set_slot(heap, map.buckets, 3, 10, "a", "1");
	set_slot(heap, map.buckets + BUCKET_SIZE, 0, 10, "b", "2");
	set_slot(heap, overflow, 0, 10, "c", "3");
	set_slot(heap, second, 5, 10, "d", "4");
	set_word(heap, map.buckets + BUCKET_OVERFLOW, overflow);
	set_word(heap, overflow + BUCKET_OVERFLOW, second);
	assert_string_equal(read_text(heap, 21, map.variable), "a=1 b=2 c=3 d=4");
}

static void a_map_that_grows_is_read_from_its_old_buckets_too(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 3, 1);
	uint64_t old = allocate_zeroes(heap, BUCKET_SIZE);
	set_word(heap, map.header + 24, old);
	set_slot(heap, map.buckets + BUCKET_SIZE, 0, 10, "moved", "1");
	set_slot(heap, old, 0, 3, "moved", "1"); /* evacuated */
	set_slot(heap, old, 1, 10, "not", "2");
	set_slot(heap, old, 2, 11, "yet", "3");
	assert_string_equal(read_text(heap, 19, map.variable), "moved=1 not=2 yet=3");
	set_u8(&heap->bytes, (size_t)(map.header - HEAP) + 9, 0); /* one bucket has no half */
	set_word(heap, map.header, 0);
	assert_string_equal(read_text(heap, 19, map.variable), "");
}

static void a_map_that_is_nil_or_without_buckets_is_an_empty_set(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 0, 0);
	assert_string_equal(read_text(heap, 20, map.variable), "");
	set_word(heap, map.header + 16, 0);
	assert_string_equal(read_text(heap, 20, map.variable), "");
	set_word(heap, map.variable, 0);
	assert_string_equal(read_text(heap, 20, map.variable), "");
}

static void a_map_whose_count_is_another_is_unreadable(void **state)
{
	struct heap *heap = *state;
	static const uint64_t counts[] = {0, 2, UINT64_MAX};
	struct map map = put_map(heap, 1, 0);
	set_slot(heap, map.buckets, 0, 10, "a", "1");
	assert_string_equal(read_text(heap, 20, map.variable), "a=1");
	for (size_t i = 0; i < GSD_ARRAY_SIZE(counts); i++) {
		set_word(heap, map.header, counts[i]);
		assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	}
}

static void a_circle_of_overflow_buckets_comes_to_an_end(void **state)
{
	struct heap *heap = *state;
	struct map map = put_map(heap, 8, 0);
	set_word(heap, map.buckets + BUCKET_OVERFLOW, map.buckets);
	alarm(30);
	assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	for (size_t i = 0; i < 8; i++)
		set_slot(heap, map.buckets, i, 10, "k", "v");
	assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	alarm(0);
}

static void maps_with_hostile_headers_are_unreadable(void **state)
{
	struct heap *heap = *state;
	static const struct {
		uint64_t offset, value;
	} changes[] = {{16, 0x999000}, {16, UINT64_MAX - 100}, {24, 0x999000}, {16, 1}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct map map = put_map(heap, 0, 1);
		set_word(heap, map.header + changes[i].offset, changes[i].value);
		assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	}
	static const uint8_t logs[] = {13, 64, 255};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(logs); i++) {
		struct map map = put_map(heap, 0, 0);
		set_u8(&heap->bytes, (size_t)(map.header - HEAP) + 9, logs[i]);
		assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
		set_word(heap, map.header + 24, map.buckets); /* and old buckets: half as many as no map has */
		assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	}
	struct map map = put_map(heap, 0, 0);
	set_word(heap, map.variable, 0x999000);
	assert_string_equal(read_text(heap, 20, map.variable), "unreadable");
	assert_string_equal(read_text(heap, 20, 0x999000), "unreadable");
}

static void one_bad_map_hurts_no_other(void **state)
{
	struct heap *heap = *state;
	struct map good = put_map(heap, 1, 0);
	struct map bad = put_map(heap, 8, 0);
	struct map last = put_map(heap, 1, 0);
	set_slot(heap, good.buckets, 0, 10, "a", "1");
	for (size_t i = 0; i < 8; i++)
		set_slot(heap, bad.buckets, i, 10, "k", "v");
	set_word(heap, bad.buckets + BUCKET_OVERFLOW, bad.buckets);
	set_slot(heap, last.buckets, 0, 10, "b", "2");
	const uint64_t pointers[] = {good.variable, bad.variable, last.variable};
	struct gsd_label_set sets[3];
	bool readable[3];
	read_sets(heap, 20, pointers, 3, sets, readable);
	assert_true(readable[0] && !readable[1] && readable[2]);
	assert_string_equal(sets[0].labels[0].key, "a");
	assert_int_equal(sets[1].count, 0);
	assert_string_equal(sets[2].labels[0].key, "b");
}

/* ---- whether a set is still held ---- */

enum { G_SIZE = 64, GOID = 16, LABELS = 40, HOLDERS = 4 };
static const struct gsd_layout small_layout = {.goid = GOID, .labels = LABELS};

/* Four goroutines: 0 and 2 hold set 0, 1 holds set 1, 3 holds none. */
struct held {
	uint64_t gs;
	uint64_t pointers[2];
	struct gsd_goroutine goroutines[HOLDERS];
	bool readable[2];
};

static void make_held(struct heap *heap, struct held *held)
{
	*held = (struct held){.gs = allocate_zeroes(heap, HOLDERS * G_SIZE),
			      .pointers = {0xc000111110, 0xc000222220},
			      .readable = {true, true}};
	for (uint64_t i = 0; i < HOLDERS; i++) {
		uint32_t labels = i == 3 ? GSD_NO_LABELS : i == 1 ? 1 : 0;
		held->goroutines[i] =
			(struct gsd_goroutine){.goid = i + 10, .address = held->gs + i * G_SIZE, .labels = labels};
		set_word(heap, held->gs + i * G_SIZE + GOID, i + 10);
		set_word(heap, held->gs + i * G_SIZE + LABELS, i == 3 ? 0 : held->pointers[labels]);
	}
}

static void confirm(struct heap *heap, struct held *held)
{
	heap->segment = (struct gsd_segment){HEAP, heap->bytes.length, heap->bytes.data};
	gsd_segment_memory_init(&heap->memory, &heap->segment, 1);
	assert_success(gsd_labels_confirm(&heap->memory.memory, &small_layout, held->goroutines, HOLDERS,
					  held->pointers, 2, held->readable));
}

static void a_set_that_one_of_its_goroutines_still_holds_is_believed(void **state)
{
	struct heap *heap = *state;
	struct held held;
	make_held(heap, &held);
	confirm(heap, &held);
	assert_true(held.readable[0] && held.readable[1]);
	set_word(heap, held.gs + LABELS, 0xc000333330); /* the first has others now, the third still has these */
	confirm(heap, &held);
	assert_true(held.readable[0] && held.readable[1]);
	held.readable[1] = false; /* what could not be read does not become readable */
	confirm(heap, &held);
	assert_false(held.readable[1]);
}

static void a_set_that_nobody_holds_any_more_is_not_believed(void **state)
{
	struct heap *heap = *state;
	for (int way = 0; way < 3; way++) {
		struct held held;
		make_held(heap, &held);
		if (way == 0)
			set_word(heap, held.gs + G_SIZE + LABELS, held.pointers[0]); /* it has other labels */
		else if (way == 1)
			set_word(heap, held.gs + G_SIZE + GOID, 99); /* it ended, another one has its place */
		else
			held.goroutines[1].address = 0x999000; /* it cannot be read */
		confirm(heap, &held);
		assert_true(held.readable[0]);
		assert_false(held.readable[1]);
	}
}

static void without_sets_there_is_nothing_to_confirm(void **state)
{
	struct heap *heap = *state;
	assert_success(gsd_labels_confirm(&heap->memory.memory, &small_layout, NULL, 0, NULL, 0, NULL));
}

#define WITH_HEAP(test) cmocka_unit_test_setup_teardown(test, make_heap, drop_heap)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HEAP(a_slice_of_labels_is_read_since_go_124),
		WITH_HEAP(labels_are_sorted_by_the_bytes_of_their_keys),
		WITH_HEAP(an_empty_set_is_readable_and_empty),
		WITH_HEAP(empty_strings_are_labels_too),
		WITH_HEAP(a_nul_in_a_label_is_kept),
		WITH_HEAP(each_of_many_sets_is_read_and_one_bad_one_hurts_no_other),
		WITH_HEAP(slices_with_hostile_headers_are_unreadable),
		WITH_HEAP(strings_that_are_not_there_or_too_long_make_a_set_unreadable),
		WITH_HEAP(a_string_of_a_mebibyte_is_read_and_a_longer_one_is_not),
		WITH_HEAP(a_map_of_labels_is_read_up_to_go_123),
		WITH_HEAP(slots_that_are_empty_or_moved_away_are_passed_over),
		WITH_HEAP(all_buckets_and_what_overflows_them_are_read),
		WITH_HEAP(a_map_that_grows_is_read_from_its_old_buckets_too),
		WITH_HEAP(a_map_that_is_nil_or_without_buckets_is_an_empty_set),
		WITH_HEAP(a_map_whose_count_is_another_is_unreadable),
		WITH_HEAP(a_circle_of_overflow_buckets_comes_to_an_end),
		WITH_HEAP(maps_with_hostile_headers_are_unreadable),
		WITH_HEAP(one_bad_map_hurts_no_other),
		WITH_HEAP(a_set_that_one_of_its_goroutines_still_holds_is_believed),
		WITH_HEAP(a_set_that_nobody_holds_any_more_is_not_believed),
		WITH_HEAP(without_sets_there_is_nothing_to_confirm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
