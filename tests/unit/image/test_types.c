/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/types.h"

#include <stdio.h>
#include <unistd.h>

#include "../support/types.h"

static const unsigned formats[] = {18, 19, 23, 25, 26, 27};

/*
 * A small runtime: g holds a stack, a *m, a slice of gobuf, an array of sudog and a chan of p; m points back to g. The
 * descriptors of moduledata are made by those tests that need them.
 */
struct small {
	struct section section;
	uint64_t pointer_to_g, pointer_to_m, slice, array, channel;
	uint64_t word, byte, stack, gobuf, sudog, p, m, g;
};

static void make_small(struct small *small, unsigned go_minor)
{
	memset(small, 0, sizeof *small);
	struct section *section = &small->section;
	section_init(section, go_minor);
	small->pointer_to_g = put_pointer(section, "*runtime.g");
	small->pointer_to_m = put_pointer(section, "*runtime.m");
	small->array = put_listed(section, KIND_ARRAY, "[4]runtime.sudog", 72);
	small->slice = put_listed(section, KIND_SLICE, "[]runtime.gobuf", 56);
	small->channel = put_listed(section, KIND_CHAN, "chan runtime.p", 64);
	end_of_listed(section);
	small->word = put_basic(section, "uintptr", 8);
	small->byte = put_basic(section, "uint8", 1);
	const struct made_field stack[] = {{"lo", small->word, 0}, {"hi", small->word, 8}};
	small->stack = put_struct(section, "runtime.stack", 16, stack, 2);
	const struct made_field gobuf[] = {{"sp", small->word, 0}, {"pc", small->word, 8}};
	small->gobuf = put_struct(section, "runtime.gobuf", 48, gobuf, 2);
	const struct made_field sudog[] = {{"success", small->byte, 61}};
	small->sudog = put_struct(section, "runtime.sudog", 104, sudog, 1);
	const struct made_field p[] = {{"status", small->word, 4}};
	small->p = put_struct(section, "runtime.p", 9000, p, 1);
	const struct made_field m[] = {{"g0", small->pointer_to_g, 0}, {"procid", small->word, 72}};
	small->m = put_struct(section, "runtime.m", 1832, m, 2);
	const struct made_field g[] = {
		{"stack", small->stack, 0},   {"m", small->pointer_to_m, 48}, {"waitreason", small->byte, 176},
		{"bufs", small->slice, 184},  {"sudogs", small->array, 208},  {"ch", small->channel, 300},
		{"outside", 0x12345678, 400},
	};
	small->g = put_struct(section, "runtime.g", 456, g, GSD_ARRAY_SIZE(g));
	set_element(section, small->pointer_to_g, small->g);
	set_element(section, small->pointer_to_m, small->m);
	set_element(section, small->slice, small->gobuf);
	set_element(section, small->array, small->sudog);
	set_element(section, small->channel, small->p);
}

struct expected {
	const char *structure;
	const char *name;
	uint64_t offset;
	uint64_t size;
};
static const struct expected small_fields[] = {
	{"runtime.g", NULL, 0, 456},         {"runtime.g", "waitreason", 176, 1}, {"runtime.g", "stack", 0, 16},
	{"runtime.g", "m", 48, 8},           {"runtime.stack", "lo", 0, 8},       {"runtime.stack", "hi", 8, 8},
	{"runtime.m", "procid", 72, 8},      {"runtime.m", NULL, 0, 1832},        {"runtime.gobuf", "pc", 8, 8},
	{"runtime.sudog", "success", 61, 1}, {"runtime.p", "status", 4, 8},
};

static void assert_small_fields(const struct gsd_types *types)
{
	struct gsd_field fields[GSD_ARRAY_SIZE(small_fields)];
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++)
		fields[i] = (struct gsd_field){.structure = small_fields[i].structure, .name = small_fields[i].name};
	assert_success(gsd_types_fields(types, fields, GSD_ARRAY_SIZE(fields)));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++) {
		if (!fields[i].found)
			fail_msg("%s.%s was not found", fields[i].structure, fields[i].name);
		assert_u64(fields[i].offset, small_fields[i].offset);
		assert_u64(fields[i].size, small_fields[i].size);
	}
}

/* Whether the one field is found. */
static bool found(const struct gsd_types *types, const char *structure, const char *name)
{
	struct gsd_field field = {.structure = structure, .name = name, .found = true};
	assert_success(gsd_types_fields(types, &field, 1));
	return field.found;
}

static void fields_are_found_through_everything_that_a_g_refers_to_in_every_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(formats); i++) {
		struct small small;
		make_small(&small, formats[i]);
		struct gsd_types types = section_types(&small.section);
		assert_small_fields(&types);
		section_drop(&small.section);
	}
}

static void the_low_bit_of_a_field_in_go_118_says_embedded_and_later_is_part_of_the_offset(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 19; minor++) {
		struct small small;
		make_small(&small, minor);
		set_word_of(&small.section, small.g, 96 + 24 * 2 + 16, 353); /* waitreason */
		struct gsd_types types = section_types(&small.section);
		struct gsd_field field = {.structure = "runtime.g", .name = "waitreason"};
		assert_success(gsd_types_fields(&types, &field, 1));
		assert_true(field.found);
		assert_u64(field.offset, minor == 18 ? 176 : 353);
		section_drop(&small.section);
	}
}

static void what_is_not_there_is_not_found_and_is_no_error(void **state)
{
	(void)state;
	struct small small;
	make_small(&small, 26);
	struct gsd_types types = section_types(&small.section);
	assert_false(found(&types, "runtime.g", "bubble"));
	assert_false(found(&types, "runtime.g", "wait"));    /* the beginning of a name */
	assert_false(found(&types, "runtime.g", "outside")); /* of a type that is not in the section */
	assert_false(found(&types, "runtime.bucket", "next"));
	assert_false(found(&types, "runtime.bucket", NULL));
	assert_false(found(&types, "runtime.waitreason", NULL));
	assert_true(found(&types, "runtime.g", "waitreason"));
	section_drop(&small.section);
	section_init(&small.section, 26);
	types = section_types(&small.section);
	assert_false(found(&types, "runtime.g", "stack"));
	section_drop(&small.section);
}

/* ---- the links, up to Go 1.26 ---- */

/* Pointers before and after runtime.g in the order of strings, where wanted with strings too long to be kept. */
static void put_neighbours(struct section *section, size_t before, size_t after, bool long_strings)
{
	for (size_t i = 0; i < before + after; i++) {
		char name[400];
		int length = snprintf(name, sizeof name, i < before ? "*abc.t%03zu" : "*zyx.t%03zu", i);
		if (long_strings) {
			memset(name + length, 'x', 300);
			name[length + 300] = '\0';
		}
		put_pointer(section, name);
	}
}

static void the_pointer_to_g_is_found_wherever_it_is_among_the_links(void **state)
{
	(void)state;
	enum { NEIGHBOURS = 41 };
	for (size_t before = 0; before <= NEIGHBOURS; before++) {
		struct section section;
		section_init(&section, 26);
		put_neighbours(&section, before, NEIGHBOURS - before, false);
		uint64_t pointer = put_pointer(&section, "*runtime.g");
		const struct made_field g[] = {{"goid", put_basic(&section, "uintptr", 8), 152}};
		/* its own string is another: no search for a struct by name finds it */
		set_element(&section, pointer, put_struct(&section, "renamed.g", 456, g, 1));
		struct gsd_types types = section_types(&section);
		assert_true(found(&types, "renamed.g", "goid"));
		section_drop(&section);
	}
}

static void strings_that_are_too_long_to_compare_do_not_hide_a_type(void **state)
{
	(void)state;
	for (size_t before = 0; before < 12; before++) {
		struct small small;
		make_small(&small, 26);
		put_neighbours(&small.section, before, 11 - before, true);
		struct gsd_types types = section_types(&small.section);
		assert_small_fields(&types);
		section_drop(&small.section);
	}
}

static void links_that_lie_lead_to_a_search_of_the_section(void **state)
{
	(void)state;
	static const uint32_t lies[] = {0xffffffff, 0x7ffffff0, 3, 0, SECTION_NAMES};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lies); i++) {
		struct small small;
		make_small(&small, 26);
		struct gsd_types types = section_types(&small.section);
		for (size_t k = 0; k < small.section.link_count; k++)
			set_u32(&small.section.link_bytes, 4 * k, lies[i]);
		assert_small_fields(&types);
		section_drop(&small.section);
	}
}

static void without_links_the_struct_is_found_by_the_bytes_of_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(formats); i++) {
		struct small small;
		make_small(&small, formats[i]);
		struct gsd_types types = section_types(&small.section);
		types.links = 0;
		types.links_count = 0;
		types.descriptors_length = 0;
		/* g alone: what it refers to has no need of links */
		assert_small_fields(&types);
		section_drop(&small.section);
	}
}

static void the_search_by_name_crosses_the_borders_of_what_it_reads_at_once(void **state)
{
	(void)state;
	enum { CHUNK = 1 << 20 };
	for (size_t shift = 0; shift < 16; shift++) {
		struct section section = {.go_minor = 23};
		put_zeroes(&section.bytes, 3 * CHUNK);
		size_t name = CHUNK - 8 + shift; /* the blob begins before, at and after the border */
		size_t g = 2 * CHUNK - 8 * (shift + 4);
		set_at(&section.bytes, name, "\x00\x0a*runtime.g", 12);
		set_u64(&section.bytes, g, 456);
		set_u8(&section.bytes, g + 20, TFLAG_EXTRA_STAR);
		set_u8(&section.bytes, g + 23, KIND_STRUCT);
		set_u32(&section.bytes, g + 40, (uint32_t)name);
		set_u64(&section.bytes, g + 64, 0);
		set_u64(&section.bytes, g + 56, SECTION_START + 0x80); /* any address: it has no fields */
		struct gsd_types types = section_types(&section);
		types.links = 0;
		struct gsd_field field = {.structure = "runtime.g"};
		assert_success(gsd_types_fields(&types, &field, 1));
		assert_true(field.found);
		assert_u64(field.size, 456);
		section_drop(&section);
	}
}

/* ---- the row of descriptors, from Go 1.27 on ---- */

static void the_walk_over_descriptors_steps_over_every_kind(void **state)
{
	(void)state;
	/* kind, bytes before the uncommon part, words to set, bytes that belong to it behind */
	static const struct {
		const char *string;
		uint8_t kind;
		size_t base;
		size_t extra;
		uint16_t in, out; /* of a function */
		uint64_t count;   /* of fields or methods */
	} kinds[] = {
		{"int", 2, 48, 0, 0, 0, 0},
		{"string", 24, 48, 0, 0, 0, 0},
		{"unsafe.Pointer", KIND_UNSAFE_POINTER, 48, 0, 0, 0, 0},
		{"*int", KIND_POINTER, 56, 0, 0, 0, 0},
		{"[]int", KIND_SLICE, 56, 0, 0, 0, 0},
		{"chan int", KIND_CHAN, 64, 0, 0, 0, 0},
		{"[3]int", KIND_ARRAY, 72, 0, 0, 0, 0},
		{"map[int]int", KIND_MAP, 136, 0, 0, 0, 0},
		{"func()", KIND_FUNC, 56, 0, 0, 0, 0},
		{"func(int, ...int) int", KIND_FUNC, 56, 24, 2, 0x8001, 0},
		{"interface {}", KIND_INTERFACE, 80, 0, 0, 0, 0},
		{"interface { A(); B(); C() }", KIND_INTERFACE, 80, 24, 0, 0, 3},
		{"struct {}", KIND_STRUCT, 80, 0, 0, 0, 0},
		{"struct { a int; b int }", KIND_STRUCT, 80, 48, 0, 0, 2},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(kinds); i++) {
		for (uint16_t methods = 0; methods <= 3; methods++) {
			bool uncommon = methods > 0; /* 1: an uncommon part without methods */
			struct small small;
			memset(&small, 0, sizeof small);
			struct section *section = &small.section;
			section_init(section, 27);
			size_t size = kinds[i].base + kinds[i].extra + (uncommon ? 16 + 16 * (size_t)(methods - 1) : 0);
			uint64_t first = put_listed(section, kinds[i].kind, kinds[i].string, size);
			size_t at = (size_t)(first - SECTION_START);
			memset(section->bytes.data + at + 48, 0xff, size - 48);
			set_u64(&section->bytes, at + 56, first);
			if (kinds[i].kind == KIND_FUNC) {
				set_u16(&section->bytes, at + 48, kinds[i].in);
				set_u16(&section->bytes, at + 50, kinds[i].out);
			} else if (kinds[i].base == 80) {
				set_u64(&section->bytes, at + 64, kinds[i].count);
			}
			if (uncommon) {
				set_u8(&section->bytes, at + 20, TFLAG_UNCOMMON);
				set_u16(&section->bytes, at + kinds[i].base + 4, (uint16_t)(methods - 1));
			}
			uint64_t pointer = put_pointer(section, "*runtime.g");
			end_of_listed(section);
			uint64_t word = put_basic(section, "uintptr", 8);
			const struct made_field g[] = {{"goid", word, 152}};
			/* its own string is another: no search for a struct by name finds it */
			set_element(section, pointer, put_struct(section, "renamed.g", 456, g, 1));
			struct gsd_types types = section_types(section);
			struct gsd_field field = {.structure = "renamed.g", .name = "goid"};
			assert_success(gsd_types_fields(&types, &field, 1));
			if (!field.found)
				fail_msg("the walk lost its way behind %s", kinds[i].string);
			section_drop(section);
		}
	}
}

static void a_row_of_descriptors_that_lies_about_sizes_ends_at_its_end(void **state)
{
	(void)state;
	/* counts for which count * 24 + 80 or count * 8 + 80 is 0 or small in 64 bits, and some that are just large */
	static const uint64_t counts[] = {UINT64_C(0x0aaaaaaaaaaaaaa7), UINT64_C(0x1ffffffffffffff6), UINT64_MAX,
					  0xffff, UINT64_C(1) << 60};
	static const uint8_t kinds[] = {KIND_STRUCT, KIND_INTERFACE};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(counts); i++) {
		for (size_t k = 0; k < GSD_ARRAY_SIZE(kinds); k++) {
			struct section section;
			section_init(&section, 27);
			uint64_t first = put_listed(&section, kinds[k], "struct {}", 80);
			set_word_of(&section, first, 64, counts[i]);
			struct gsd_types types = section_types(&section);
			types.descriptors_length = UINT64_MAX;
			types.end = UINT64_MAX - 7; /* as a hostile moduledata has it */
			struct gsd_field field = {.structure = "runtime.g"};
			alarm(30); /* it would not come back */
			gsd_error_destroy(gsd_types_fields(&types, &field, 1));
			alarm(0);
			assert_false(field.found);
			section_drop(&section);
		}
	}
}

static void a_row_of_descriptors_in_a_section_as_large_as_memory_ends(void **state)
{
	(void)state;
	/* what is left to the end of the section and the size of a struct are together zero in 64 bits */
	struct bytes bytes = {0};
	put_zeroes(&bytes, 16384);
	set_u8(&bytes, 80 + 23, KIND_STRUCT);
	set_u64(&bytes, 80 + 64, UINT64_MAX / 8);
	const struct gsd_segment segment = {0, bytes.length, bytes.data};
	struct gsd_segment_memory memory;
	struct gsd_types types = {.start = 72, .end = UINT64_MAX - 7, .descriptors_length = UINT64_MAX, .go_minor = 27};
	struct gsd_field field = {.structure = "runtime.g"};
	gsd_segment_memory_init(&memory, &segment, 1);
	assert_success(gsd_block_cache_create(&memory.memory, 1 << 20, &types.cache));
	alarm(30); /* it would not come back */
	gsd_error_destroy(gsd_types_fields(&types, &field, 1));
	alarm(0);
	assert_false(field.found);
	gsd_block_cache_destroy(types.cache);
	drop_bytes(&bytes);
}

/* ---- names ---- */

static void names_may_be_exported_tagged_embedded_and_longer_than_127_bytes(void **state)
{
	(void)state;
	char name[256];
	memset(name, 'n', sizeof name);
	static const size_t lengths[] = {1, 127, 128, 255};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		for (uint8_t flags = 0; flags < 16; flags++) {
			struct small small;
			make_small(&small, 26);
			name[lengths[i]] = '\0';
			uint32_t offset = put_name(&small.section, flags, name);
			set_word_of(&small.section, small.g, 96 + 24 * 2, SECTION_START + offset);
			struct gsd_types types = section_types(&small.section);
			assert_true(found(&types, "runtime.g", name));
			assert_false(found(&types, "runtime.g", "waitreason"));
			assert_true(found(&types, "runtime.g", "stack"));
			section_drop(&small.section);
			name[lengths[i]] = 'n';
		}
	}
}

static void names_longer_than_any_that_is_looked_for_are_passed_over(void **state)
{
	(void)state;
	static const char *const lengths[] = {"\x00\x80\x02", "\x00\xff\x7f", "\x00\xff\xff\xff\xff\x7f"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		struct small small;
		make_small(&small, 26);
		set_at(&small.section.bytes, SECTION_LENGTH - 8, lengths[i], i == 2 ? 6 : 3);
		set_word_of(&small.section, small.g, 96 + 24 * 2, SECTION_START + SECTION_LENGTH - 8);
		struct gsd_types types = section_types(&small.section);
		assert_false(found(&types, "runtime.g", "waitreason"));
		assert_true(found(&types, "runtime.g", "stack"));
		section_drop(&small.section);
	}
}

/* ---- hostile descriptors ---- */

static void types_that_refer_to_each_other_in_a_circle_come_to_an_end(void **state)
{
	(void)state;
	struct small small;
	make_small(&small, 26);
	set_element(&small.section, small.slice, small.slice);         /* of itself */
	set_element(&small.section, small.array, small.g);             /* of what holds it */
	set_word_of(&small.section, small.stack, 96 + 8, small.stack); /* a field of its own type */
	struct gsd_types types = section_types(&small.section);
	alarm(30);
	assert_true(found(&types, "runtime.gobuf", "pc")); /* by its name: the circle does not lead to it */
	assert_false(found(&types, "runtime.nothing", "pc"));
	alarm(0);
	assert_true(found(&types, "runtime.stack", "hi"));
	section_drop(&small.section);
}

static void a_struct_with_an_impossible_number_of_fields_is_refused_by_name(void **state)
{
	(void)state;
	static const uint64_t counts[] = {4097, UINT64_C(1) << 40, UINT64_MAX};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(counts); i++) {
		struct small small;
		make_small(&small, 26);
		set_word_of(&small.section, small.m, 64, counts[i]);
		struct gsd_types types = section_types(&small.section);
		struct gsd_field field = {.structure = "runtime.m", .name = "nothing"};
		assert_failure(gsd_types_fields(&types, &field, 1), GSD_ERROR_CORRUPT, "type descriptor of runtime.m");
		assert_false(field.found);
		section_drop(&small.section);
	}
}

static void names_and_fields_outside_of_memory_are_errors_of_reading(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint64_t value;
	} changes[] = {
		{56, 0x123450}, {56, UINT64_MAX - 7}, {96, 0x123450}, {96, 0}, {96, SECTION_START + SECTION_LENGTH - 1},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct small small;
		make_small(&small, 26);
		set_word_of(&small.section, small.g, changes[i].offset, changes[i].value);
		struct gsd_types types = section_types(&small.section);
		struct gsd_field field = {.structure = "runtime.g", .name = "waitreason"};
		assert_failure(gsd_types_fields(&types, &field, 1), GSD_ERROR_READ, "read");
		section_drop(&small.section);
	}
}

static void a_string_offset_out_of_range_names_nothing(void **state)
{
	(void)state;
	static const uint32_t offsets[] = {SECTION_LENGTH, 0x7fffffff, 0xffffffff};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(offsets); i++) {
		struct small small;
		make_small(&small, 26);
		set_u32(&small.section.bytes, (size_t)(small.m - SECTION_START) + 40, offsets[i]);
		struct gsd_types types = section_types(&small.section);
		assert_false(found(&types, "runtime.m", "procid"));
		assert_true(found(&types, "runtime.g", "stack"));
		section_drop(&small.section);
	}
}

static void an_endless_chain_of_types_is_cut(void **state)
{
	(void)state;
	/* 5000 pointers, each to the next, the last to a struct */
	struct section section = {.go_minor = 23};
	put_zeroes(&section.bytes, 0x80000);
	struct small small;
	make_small(&small, 23);
	memcpy(section.bytes.data, small.section.bytes.data, SECTION_LENGTH);
	section_drop(&small.section);
	size_t at = SECTION_LENGTH;
	for (size_t i = 0; i < 5000; i++, at += 56) {
		set_u8(&section.bytes, at + 23, KIND_POINTER);
		set_u64(&section.bytes, at + 48, i == 4999 ? small.gobuf : SECTION_START + at + 56);
	}
	set_element(&section, small.slice, SECTION_START + SECTION_LENGTH);
	struct gsd_types types = section_types(&section);
	types.links = 0;
	assert_false(found(&types, "runtime.gobuf", "pc"));
	assert_true(found(&types, "runtime.p", "status"));
	set_element(&section, small.slice, SECTION_START + SECTION_LENGTH + 56 * 2000); /* 3000 are followed */
	types = section_types(&section);
	types.links = 0;
	assert_true(found(&types, "runtime.gobuf", "pc"));
	section_drop(&section);
}

/* ---- the layout of moduledata ---- */

/* A section that describes the moduledata of one version; `change` is added to the offset of `field`. */
static void put_moduledata_type(struct section *section, unsigned minor, const char *field, int change)
{
	section_init(section, minor);
	uint64_t pointer = put_pointer(section, "*runtime.moduledata");
	end_of_listed(section);
	uint64_t word = put_basic(section, "uintptr", 8);
	struct made_field fields[64];
	size_t count = 0;
	const char *name;
	for (size_t i = 0; (name = gsd_moduledata_field(i)) != NULL; i++) {
		uint64_t offset;
		if (!gsd_moduledata_offset(minor, name, &offset))
			continue;
		if (strcmp(name, field) == 0)
			offset += (uint64_t)change;
		fields[count++] = (struct made_field){name, word, offset};
	}
	uint64_t moduledata = put_struct(section, "runtime.moduledata", 600, fields, count);
	set_element(section, pointer, moduledata);
}

static void a_layout_is_confirmed_by_the_programs_own_description_of_it(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct section section;
		put_moduledata_type(&section, minor, "", 0);
		struct gsd_types types = section_types(&section);
		bool confirmed = false;
		assert_success(gsd_types_confirm_layout(&types, minor, &confirmed));
		assert_true(confirmed);
		section_drop(&section);
	}
}

static void a_layout_that_is_off_by_one_of_its_words_is_not_confirmed(void **state)
{
	(void)state;
	static const char *const fields[] = {"types", "etypes", "gofunc", "textsectmap", "next"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++) {
		for (int change = -8; change <= 8; change += 16) {
			struct section section;
			put_moduledata_type(&section, 25, fields[i], change);
			struct gsd_types types = section_types(&section);
			bool confirmed = true;
			assert_success(gsd_types_confirm_layout(&types, 25, &confirmed));
			assert_false(confirmed);
			section_drop(&section);
		}
	}
}

static void the_layout_of_another_version_is_not_confirmed(void **state)
{
	(void)state;
	static const unsigned others[][2] = {{18, 20}, {20, 21}, {22, 23}, {25, 26}, {26, 25}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(others); i++) {
		struct section section;
		put_moduledata_type(&section, others[i][0], "", 0);
		struct gsd_types types = section_types(&section);
		bool confirmed = true;
		assert_success(gsd_types_confirm_layout(&types, others[i][1], &confirmed));
		assert_false(confirmed);
		section_drop(&section);
	}
}

static void without_a_description_no_layout_is_confirmed(void **state)
{
	(void)state;
	struct small small;
	make_small(&small, 25);
	struct gsd_types types = section_types(&small.section);
	bool confirmed = true;
	assert_success(gsd_types_confirm_layout(&types, 25, &confirmed));
	assert_false(confirmed);
	section_drop(&small.section);
}

static void the_types_of_a_module_are_where_its_words_say(void **state)
{
	(void)state;
	struct gsd_module module = {
		.data = {.types = 1, .etypes = 2, .typelinks = 3, .typelinks_length = 4, .typedesclen = 5}};
	struct gsd_types types = gsd_types_of_module(NULL, &module, 27);
	assert_u64(types.start, 1);
	assert_u64(types.end, 2);
	assert_u64(types.links, 3);
	assert_u64(types.links_count, 4);
	assert_u64(types.descriptors_length, 5);
	assert_int_equal(types.go_minor, 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_through_everything_that_a_g_refers_to_in_every_format),
		cmocka_unit_test(the_low_bit_of_a_field_in_go_118_says_embedded_and_later_is_part_of_the_offset),
		cmocka_unit_test(what_is_not_there_is_not_found_and_is_no_error),
		cmocka_unit_test(the_pointer_to_g_is_found_wherever_it_is_among_the_links),
		cmocka_unit_test(strings_that_are_too_long_to_compare_do_not_hide_a_type),
		cmocka_unit_test(links_that_lie_lead_to_a_search_of_the_section),
		cmocka_unit_test(without_links_the_struct_is_found_by_the_bytes_of_its_name),
		cmocka_unit_test(the_search_by_name_crosses_the_borders_of_what_it_reads_at_once),
		cmocka_unit_test(the_walk_over_descriptors_steps_over_every_kind),
		cmocka_unit_test(a_row_of_descriptors_that_lies_about_sizes_ends_at_its_end),
		cmocka_unit_test(a_row_of_descriptors_in_a_section_as_large_as_memory_ends),
		cmocka_unit_test(names_may_be_exported_tagged_embedded_and_longer_than_127_bytes),
		cmocka_unit_test(names_longer_than_any_that_is_looked_for_are_passed_over),
		cmocka_unit_test(types_that_refer_to_each_other_in_a_circle_come_to_an_end),
		cmocka_unit_test(a_struct_with_an_impossible_number_of_fields_is_refused_by_name),
		cmocka_unit_test(names_and_fields_outside_of_memory_are_errors_of_reading),
		cmocka_unit_test(a_string_offset_out_of_range_names_nothing),
		cmocka_unit_test(an_endless_chain_of_types_is_cut),
		cmocka_unit_test(a_layout_is_confirmed_by_the_programs_own_description_of_it),
		cmocka_unit_test(a_layout_that_is_off_by_one_of_its_words_is_not_confirmed),
		cmocka_unit_test(the_layout_of_another_version_is_not_confirmed),
		cmocka_unit_test(without_a_description_no_layout_is_confirmed),
		cmocka_unit_test(the_types_of_a_module_are_where_its_words_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
