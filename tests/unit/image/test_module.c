/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/module.h"

#include <unistd.h>

#include "../support/module.h"

enum { VERSIONS = GSD_GO_MINOR_NEWEST - GSD_GO_MINOR_OLDEST + 1 };

/* ---- the layout ---- */

#define NONE (-1)
/* Offsets in the moduledata of Go 1.18 to 1.27, measured on programs of each version by their type descriptors. */
static const struct {
	const char *field;
	int offsets[VERSIONS];
} measured[] = {
	{"pcHeader", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"funcnametab", {8, 8, 8, 8, 8, 8, 8, 8, 8, 8}},
	{"cutab", {32, 32, 32, 32, 32, 32, 32, 32, 32, 32}},
	{"filetab", {56, 56, 56, 56, 56, 56, 56, 56, 56, 56}},
	{"pctab", {80, 80, 80, 80, 80, 80, 80, 80, 80, 80}},
	{"pclntable", {104, 104, 104, 104, 104, 104, 104, 104, 104, 104}},
	{"ftab", {128, 128, 128, 128, 128, 128, 128, 128, 128, 128}},
	{"findfunctab", {152, 152, 152, 152, 152, 152, 152, 152, 152, 152}},
	{"minpc", {160, 160, 160, 160, 160, 160, 160, 160, 160, 160}},
	{"maxpc", {168, 168, 168, 168, 168, 168, 168, 168, 168, 168}},
	{"text", {176, 176, 176, 176, 176, 176, 176, 176, 176, 176}},
	{"etext", {184, 184, 184, 184, 184, 184, 184, 184, 184, 184}},
	{"noptrdata", {192, 192, 192, 192, 192, 192, 192, 192, 192, 192}},
	{"enoptrdata", {200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
	{"data", {208, 208, 208, 208, 208, 208, 208, 208, 208, 208}},
	{"edata", {216, 216, 216, 216, 216, 216, 216, 216, 216, 216}},
	{"bss", {224, 224, 224, 224, 224, 224, 224, 224, 224, 224}},
	{"ebss", {232, 232, 232, 232, 232, 232, 232, 232, 232, 232}},
	{"noptrbss", {240, 240, 240, 240, 240, 240, 240, 240, 240, 240}},
	{"enoptrbss", {248, 248, 248, 248, 248, 248, 248, 248, 248, 248}},
	{"covctrs", {NONE, NONE, 256, 256, 256, 256, 256, 256, 256, 256}},
	{"ecovctrs", {NONE, NONE, 264, 264, 264, 264, 264, 264, 264, 264}},
	{"end", {256, 256, 272, 272, 272, 272, 272, 272, 272, 272}},
	{"types", {280, 280, 296, 296, 296, 296, 296, 296, 296, 296}},
	{"typedesclen", {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 304}},
	{"etypes", {288, 288, 304, 304, 304, 304, 304, 304, 304, 312}},
	{"itaboffset", {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 320}},
	{"itabsize", {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 328}},
	{"rodata", {296, 296, 312, 312, 312, 312, 312, 312, 312, 336}},
	{"gofunc", {304, 304, 320, 320, 320, 320, 320, 320, 320, 344}},
	{"epclntab", {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 328, 352}},
	{"textsectmap", {312, 312, 328, 328, 328, 328, 328, 328, 336, 360}},
	{"typelinks", {336, 336, 352, 352, 352, 352, 352, 352, 360, NONE}},
	{"itablinks", {360, 360, 376, 376, 376, 376, 376, 376, 384, NONE}},
	{"pluginpath", {408, 408, 424, 424, 424, 424, 424, 424, 432, 408}},
	{"hasmain", {488, 488, 504, 528, 528, 528, 528, 528, 536, 512}},
	{"next", {544, 544, 560, 584, 584, 576, 576, 576, 584, 560}},
};
static const int measured_sizes[VERSIONS] = {552, 552, 568, 592, 592, 584, 584, 584, 592, 568};

static uint64_t measured_offset(unsigned minor, const char *field)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(measured); i++)
		if (strcmp(measured[i].field, field) == 0)
			return (uint64_t)measured[i].offsets[minor - GSD_GO_MINOR_OLDEST];
	fail_msg("%s was not measured", field);
	return 0;
}

static void every_field_is_where_it_was_measured_in_every_version(void **state)
{
	(void)state;
	for (unsigned minor = GSD_GO_MINOR_OLDEST; minor <= GSD_GO_MINOR_NEWEST; minor++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(measured); i++) {
			int expected = measured[i].offsets[minor - GSD_GO_MINOR_OLDEST];
			uint64_t offset = 12345;
			bool there = gsd_moduledata_offset(minor, measured[i].field, &offset);
			if (there != (expected != NONE) || (there && offset != (uint64_t)expected))
				fail_msg("%s of Go 1.%u is at %llu, measured %d", measured[i].field, minor,
					 (unsigned long long)offset, expected);
		}
		assert_int_equal(moduledata_size(minor), measured_sizes[minor - GSD_GO_MINOR_OLDEST]);
	}
}

static void a_field_that_does_not_exist_is_nowhere(void **state)
{
	(void)state;
	uint64_t offset;
	assert_false(gsd_moduledata_offset(27, "allgs", &offset));
	assert_false(gsd_moduledata_offset(27, "", &offset));
	assert_false(gsd_moduledata_offset(27, "typelinks", &offset));
}

static void the_names_of_all_fields_are_listed(void **state)
{
	(void)state;
	size_t count = 0;
	for (const char *name; (name = gsd_moduledata_field(count)) != NULL; count++) {
		uint64_t offset;
		assert_true(gsd_moduledata_offset(27, name, &offset) || gsd_moduledata_offset(18, name, &offset) ||
			    strcmp(name, "epclntab") == 0);
	}
	assert_string_equal(gsd_moduledata_field(count - 1), "next");
	assert_null(gsd_moduledata_field(count + 1));
}

/* ---- a process with one module ---- */

#define DATA_START  UINT64_C(0x700000)
#define DATA_LENGTH ((size_t)0x3000)
#define MODULE_AT   ((size_t)0x1800)

struct process {
	struct table table;
	struct bytes data;
	struct gsd_segment segments[4];
	struct gsd_segment_memory memory;
	struct gsd_region regions[4];
	struct gsd_text_section sections[3];
};

#define SECTIONS_START UINT64_C(0x800000)

static void make_process(struct process *process, unsigned minor)
{
	memset(process, 0, sizeof *process);
	table_init(&process->table, minor < 20 ? GSD_PCLNTAB_MAGIC_118 : GSD_PCLNTAB_MAGIC_120);
	process->table.text_start = minor < 26 ? usual_places.text : 0;
	table_function(&process->table, "runtime.text", 0);
	table_function(&process->table, "main.main", 0x100);
	table_finish(&process->table, 0x1000);
	put_zeroes(&process->data, DATA_LENGTH);
	put_moduledata(&process->data, MODULE_AT, minor, &process->table, &usual_places);
}

/* The memory as it is now: after the last change of the bytes. */
static struct gsd_memory *memory_of(struct process *process)
{
	process->segments[0] =
		(struct gsd_segment){usual_places.table, process->table.bytes.length, process->table.bytes.data};
	process->segments[1] = (struct gsd_segment){DATA_START, process->data.length, process->data.data};
	process->segments[2] = (struct gsd_segment){SECTIONS_START, sizeof process->sections, process->sections};
	gsd_segment_memory_init(&process->memory, process->segments, 3);
	process->regions[0] = (struct gsd_region){.start = usual_places.table,
						  .end = usual_places.table + process->table.bytes.length};
	process->regions[1] =
		(struct gsd_region){.start = DATA_START, .end = DATA_START + process->data.length, .writable = true};
	return &process->memory.memory;
}

static void drop_process(struct process *process)
{
	table_drop(&process->table);
	drop_bytes(&process->data);
}

static struct gsd_error *find(struct process *process, unsigned minor, uint64_t hint, struct gsd_module *module,
			      bool *found)
{
	return gsd_module_find(memory_of(process), process->regions, 2, minor, hint, module, found);
}

static void the_words_of_a_module_are_read_from_the_places_of_its_version(void **state)
{
	(void)state;
	for (unsigned minor = GSD_GO_MINOR_OLDEST; minor <= GSD_GO_MINOR_NEWEST; minor++) {
		struct process process;
		make_process(&process, minor);
		size_t at = MODULE_AT;
		set_u64(&process.data, at + measured_offset(minor, "types"), 0x600100);
		set_u64(&process.data, at + measured_offset(minor, "etypes"), 0x600900);
		set_u64(&process.data, at + measured_offset(minor, "gofunc"), 0x620200);
		set_u64(&process.data, at + measured_offset(minor, "textsectmap"), 0x800000);
		set_u64(&process.data, at + measured_offset(minor, "textsectmap") + 8, 1);
		set_u64(&process.data, at + measured_offset(minor, "next"), 0x123450);
		if (minor < 27) {
			set_u64(&process.data, at + measured_offset(minor, "typelinks"), 0x640000);
			set_u64(&process.data, at + measured_offset(minor, "typelinks") + 8, 17);
		} else {
			set_u64(&process.data, at + measured_offset(minor, "typedesclen"), 0x400);
		}
		struct gsd_module module;
		assert_success(gsd_module_read(memory_of(&process), DATA_START + at, minor, &module));
		assert_u64(module.address, DATA_START + at);
		assert_int_equal(module.layout_minor, minor);
		assert_u64(module.data.types, 0x600100);
		assert_u64(module.data.etypes, 0x600900);
		assert_u64(module.data.gofunc, 0x620200);
		assert_u64(module.data.textsectmap, 0x800000);
		assert_u64(module.data.textsectmap_length, 1);
		assert_u64(module.data.next, 0x123450);
		assert_u64(module.data.typelinks, minor < 27 ? 0x640000 : 0);
		assert_u64(module.data.typelinks_length, minor < 27 ? 17 : 0);
		assert_u64(module.data.typedesclen, minor < 27 ? 0 : 0x400);
		assert_u64(module.data.bss, usual_places.bss);
		assert_null(module.text_sections); /* one piece of text needs no map */
		struct gsd_function function;
		assert_true(gsd_pclntab_find_name(&module.table, "main.main", &function));
		gsd_module_free(&module);
		drop_process(&process);
	}
}

/* ---- what makes it implausible ---- */

static void a_module_whose_words_contradict_its_table_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *field;
		size_t word;
		uint64_t value;
	} changes[] = {
		{"funcnametab", 0, 0x500000}, {"cutab", 0, 0},       {"filetab", 0, 0},       {"pctab", 0, 0},
		{"pclntable", 0, 0x500000},   {"ftab", 0, 0x500000}, {"ftab", 8, 2},          {"minpc", 0, 0x400000},
		{"maxpc", 0, 0x400fff},       {"text", 0, 0x401001}, {"etext", 0, 0x400fff},  {"edata", 0, 0x6fffff},
		{"ebss", 0, 0x700fff},        {"types", 0, 0},       {"etypes", 0, 0x600000}, {"textsectmap", 8, 4097},
		{"next", 0, 0x123451},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct process process;
		struct gsd_module module;
		make_process(&process, 22);
		size_t at = MODULE_AT + measured_offset(22, changes[i].field) + changes[i].word;
		set_u64(&process.data, at, changes[i].value);
		assert_failure(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 22, &module),
			       GSD_ERROR_CORRUPT, "contradict");
		drop_process(&process);
	}
}

static void the_text_start_of_the_table_counts_until_it_became_zero(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	make_process(&process, 25);
	set_u64(&process.table.bytes, 24, usual_places.text + 16);
	assert_failure(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 25, &module), GSD_ERROR_CORRUPT,
		       "contradict");
	set_u64(&process.table.bytes, 24, 0);
	assert_success(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 25, &module));
	gsd_module_free(&module);
	drop_process(&process);
}

static void a_module_read_in_another_versions_layout_is_refused_where_that_shows(void **state)
{
	(void)state;
	static const struct {
		unsigned made, read;
	} cases[] = {{18, 20}, {20, 18}, {27, 26}, {27, 18}, {26, 18}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct process process;
		struct gsd_module module;
		unsigned made = cases[i].made;
		make_process(&process, made);
		size_t at = MODULE_AT;
		set_module_word(&process.data, at, made, "rodata", usual_places.types);
		set_module_slice(&process.data, at, made, "textsectmap", SECTIONS_START, 1);
		if (made < 27)
			set_module_slice(&process.data, at, made, "typelinks", 0x640000, 9000);
		else
			set_module_word(&process.data, at, made, "typedesclen", 0x400);
		assert_success(gsd_module_read(memory_of(&process), DATA_START + at, made, &module));
		gsd_module_free(&module);
		assert_failure(gsd_module_read(memory_of(&process), DATA_START + at, cases[i].read, &module),
			       GSD_ERROR_CORRUPT, "contradict");
		drop_process(&process);
	}
}

static void a_table_that_claims_to_be_huge_is_refused_before_anything_is_allocated(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {(UINT64_C(1) << 30) + 1, UINT64_C(1) << 62, UINT64_MAX};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		struct process process;
		struct gsd_module module;
		make_process(&process, 27);
		set_u64(&process.data, MODULE_AT + 104 + 8, lengths[i]);
		assert_failure(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 27, &module),
			       GSD_ERROR_CORRUPT, "claims to have");
		drop_process(&process);
	}
}

static void what_cannot_be_read_of_a_module_is_an_error_of_reading(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	make_process(&process, 27);
	struct gsd_memory *memory = memory_of(&process);
	assert_failure(gsd_module_read(memory, DATA_START - 8, 27, &module), GSD_ERROR_READ, "0x6ffff8");
	set_u64(&process.data, MODULE_AT + 104 + 8, process.table.bytes.length); /* the table ends behind its memory */
	assert_failure(gsd_module_read(memory, DATA_START + MODULE_AT, 27, &module), GSD_ERROR_READ, "0x500000");
	drop_process(&process);
	make_process(&process, 27);
	set_module_slice(&process.data, MODULE_AT, 27, "textsectmap", 0x900000, 2);
	assert_failure(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 27, &module), GSD_ERROR_READ,
		       "0x900000");
	drop_process(&process);
}

/* ---- finding it ---- */

static void the_module_is_found_in_every_version_known_or_not(void **state)
{
	(void)state;
	for (unsigned minor = GSD_GO_MINOR_OLDEST; minor <= GSD_GO_MINOR_NEWEST; minor++) {
		for (unsigned known = 0; known <= minor; known += minor) {
			struct process process;
			struct gsd_module module;
			bool found = false;
			make_process(&process, minor);
			set_module_slice(&process.data, MODULE_AT, minor, "textsectmap", SECTIONS_START, 1);
			assert_success(find(&process, known, 0, &module, &found));
			assert_true(found);
			assert_u64(module.address, DATA_START + MODULE_AT);
			if (known != 0)
				assert_u64(module.data.types, usual_places.types);
			gsd_module_free(&module);
			drop_process(&process);
		}
	}
}

static void decoys_do_not_pass_for_the_module(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = false;
	make_process(&process, 24);
	/* a pointer to the table alone, a moduledata that is off by a word, and one with a broken word */
	set_u64(&process.data, 0x10, usual_places.table);
	put_moduledata(&process.data, 0x108, 24, &process.table, &usual_places);
	set_module_slice(&process.data, 0x108, 24, "ftab", 0, 3);
	put_moduledata(&process.data, 0x800, 24, &process.table, &usual_places);
	set_module_word(&process.data, 0x800, 24, "etypes", 0);
	put_moduledata(&process.data, 0x1004, 24, &process.table, &usual_places); /* not aligned */
	/* and two more table headers: one that nobody points to, one that is pointed to but is none */
	set_u64(&process.data, 0x20, UINT64_C(0x08010000fffffff1));
	set_u64(&process.data, 0x28, DATA_START + 0x20);
	assert_success(find(&process, 24, 0, &module, &found));
	assert_true(found);
	assert_u64(module.address, DATA_START + MODULE_AT);
	gsd_module_free(&module);
	drop_process(&process);
}

static void the_table_of_a_wrong_hint_does_not_hide_the_right_one(void **state)
{
	(void)state;
	static const uint64_t hints[] = {0x500000, 0x999000, DATA_START + 0x20};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(hints); i++) {
		struct process process;
		struct gsd_module module;
		bool found = false;
		make_process(&process, 24);
		set_u64(&process.data, 0x28, DATA_START + 0x20);
		assert_success(find(&process, 24, hints[i], &module, &found));
		assert_true(found);
		assert_u64(module.address, DATA_START + MODULE_AT);
		gsd_module_free(&module);
		drop_process(&process);
	}
}

static void a_hint_finds_a_table_that_no_region_shows(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = false;
	make_process(&process, 24);
	struct gsd_memory *memory = memory_of(&process);
	assert_success(gsd_module_find(memory, process.regions + 1, 1, 24, usual_places.table, &module, &found));
	assert_true(found);
	gsd_module_free(&module);
	drop_process(&process);
}

static void module_data_in_memory_that_is_no_longer_writable_is_found_too(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = false;
	make_process(&process, 26);
	struct gsd_memory *memory = memory_of(&process);
	process.regions[1].writable = false;
	assert_success(gsd_module_find(memory, process.regions, 2, 26, 0, &module, &found));
	assert_true(found);
	gsd_module_free(&module);
	drop_process(&process);
}

static void without_a_table_nothing_is_found_and_that_is_no_error(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = true;
	make_process(&process, 24);
	set_u8(&process.table.bytes, 0, 0xfa);
	assert_success(find(&process, 24, 0, &module, &found));
	assert_false(found);
	set_u8(&process.table.bytes, 0, 0xf1);
	set_u8(&process.table.bytes, 6, 4); /* of arm64 */
	assert_success(find(&process, 24, 0, &module, &found));
	assert_false(found);
	drop_process(&process);
}

static void a_table_without_module_data_is_an_error_that_names_it(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = false;
	make_process(&process, 24);
	set_module_word(&process.data, MODULE_AT, 24, "minpc", 1);
	assert_failure(find(&process, 24, 0, &module, &found), GSD_ERROR_MISSING, "find runtime.firstmoduledata");
	drop_process(&process);
}

static void regions_that_cannot_be_read_are_passed_over(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = false;
	make_process(&process, 24);
	struct gsd_memory *memory = memory_of(&process);
	const struct gsd_region regions[] = {{.start = 0x10000, .end = 0x400000, .writable = true},
					     process.regions[0],
					     process.regions[1],
					     {.start = 0x900000, .end = 0x900000}};
	assert_success(gsd_module_find(memory, regions, GSD_ARRAY_SIZE(regions), 24, 0, &module, &found));
	assert_true(found);
	gsd_module_free(&module);
	drop_process(&process);
}

static void a_region_at_the_top_of_the_address_space_has_an_end(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	bool found = true;
	make_process(&process, 24);
	struct gsd_memory *memory = memory_of(&process);
	const struct gsd_region region = {.start = UINT64_MAX - 0x2fffff, .end = UINT64_MAX - 0xfff, .writable = true};
	alarm(30); /* it would not come back */
	assert_success(gsd_module_find(memory, &region, 1, 24, 0, &module, &found));
	alarm(0);
	assert_false(found);
	drop_process(&process);
}

/* ---- addresses ---- */

static void text_in_one_piece_is_counted_from_its_start(void **state)
{
	(void)state;
	struct gsd_module module = {.data = {.text = 0x401000, .minpc = 0x401000, .maxpc = 0x402000}};
	uint64_t offset = 77;
	assert_false(gsd_module_text_offset(&module, 0x400fff, &offset));
	assert_false(gsd_module_text_offset(&module, 0x402000, &offset));
	assert_false(gsd_module_text_offset(&module, UINT64_MAX, &offset));
	assert_true(gsd_module_text_offset(&module, 0x401000, &offset));
	assert_u64(offset, 0);
	assert_true(gsd_module_text_offset(&module, 0x401fff, &offset));
	assert_u64(offset, 0xfff);
	assert_u64(gsd_module_text_address(&module, 0xfff), 0x401fff);
}

static void split_text_is_counted_through_its_map(void **state)
{
	(void)state;
	struct process process;
	struct gsd_module module;
	make_process(&process, 27);
	const struct gsd_text_section sections[] = {
		{0, 0x100, 0x401000}, {0x100, 0x300, 0x401800}, {0x300, 0x400, 0x401400}};
	memcpy(process.sections, sections, sizeof sections);
	set_module_slice(&process.data, MODULE_AT, 27, "textsectmap", SECTIONS_START, 3);
	assert_success(gsd_module_read(memory_of(&process), DATA_START + MODULE_AT, 27, &module));
	assert_int_equal(module.text_section_count, 3);
	static const struct {
		uint64_t offset, address;
	} pairs[] = {{0, 0x401000},     {0xff, 0x4010ff},  {0x100, 0x401800},
		     {0x2ff, 0x4019ff}, {0x300, 0x401400}, {0x3ff, 0x4014ff}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pairs); i++) {
		uint64_t offset;
		assert_u64(gsd_module_text_address(&module, pairs[i].offset), pairs[i].address);
		assert_true(gsd_module_text_offset(&module, pairs[i].address, &offset));
		assert_u64(offset, pairs[i].offset);
	}
	uint64_t offset;
	assert_u64(gsd_module_text_address(&module, 0x400), 0x401500);    /* the end of the last one */
	assert_false(gsd_module_text_offset(&module, 0x401100, &offset)); /* between the pieces */
	assert_false(gsd_module_text_offset(&module, 0x401a00, &offset));
	gsd_module_free(&module);
	drop_process(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_where_it_was_measured_in_every_version),
		cmocka_unit_test(a_field_that_does_not_exist_is_nowhere),
		cmocka_unit_test(the_names_of_all_fields_are_listed),
		cmocka_unit_test(the_words_of_a_module_are_read_from_the_places_of_its_version),
		cmocka_unit_test(a_module_whose_words_contradict_its_table_is_refused),
		cmocka_unit_test(the_text_start_of_the_table_counts_until_it_became_zero),
		cmocka_unit_test(a_module_read_in_another_versions_layout_is_refused_where_that_shows),
		cmocka_unit_test(a_table_that_claims_to_be_huge_is_refused_before_anything_is_allocated),
		cmocka_unit_test(what_cannot_be_read_of_a_module_is_an_error_of_reading),
		cmocka_unit_test(the_module_is_found_in_every_version_known_or_not),
		cmocka_unit_test(decoys_do_not_pass_for_the_module),
		cmocka_unit_test(the_table_of_a_wrong_hint_does_not_hide_the_right_one),
		cmocka_unit_test(a_hint_finds_a_table_that_no_region_shows),
		cmocka_unit_test(module_data_in_memory_that_is_no_longer_writable_is_found_too),
		cmocka_unit_test(without_a_table_nothing_is_found_and_that_is_no_error),
		cmocka_unit_test(a_table_without_module_data_is_an_error_that_names_it),
		cmocka_unit_test(regions_that_cannot_be_read_are_passed_over),
		cmocka_unit_test(a_region_at_the_top_of_the_address_space_has_an_end),
		cmocka_unit_test(text_in_one_piece_is_counted_from_its_start),
		cmocka_unit_test(split_text_is_counted_through_its_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
