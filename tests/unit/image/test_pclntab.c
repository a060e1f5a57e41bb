/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/pclntab.h"

#include "../support/table.h"

static const uint32_t formats[] = {GSD_PCLNTAB_MAGIC_118, GSD_PCLNTAB_MAGIC_120};

/*
 * Three functions: runtime.first [0x40, 0x80) with all tables, runtime.first.func1 [0x80, 0x90) without any and
 * main.last [0x90, 0x100).
 */
static void make_three(struct table *table, uint32_t magic)
{
	table_init(table, magic);
	int32_t other = table_file(table, "/go/other.go");
	int32_t file = table_file(table, "/go/first.go");
	struct made_function *first = table_function(table, "runtime.first", 0x40);
	const struct made_value depths[] = {{0x44, 0}, {0x48, 8}, {0x70, 200}, {0x71, 8}, {0x80, 0}};
	const struct made_value files[] = {{0x50, file}, {0x60, other}, {0x80, file}};
	const struct made_value lines[] = {{0x50, 100}, {0x60, 7}, {0x70, -2}, {0x80, 99}};
	const struct made_value inlined[] = {{0x50, -1}, {0x60, 3}, {0x80, -1}};
	first->stack_depths = table_values(table, 0x40, depths, 5);
	first->file_numbers = table_values(table, 0x40, files, 3);
	first->line_numbers = table_values(table, 0x40, lines, 4);
	first->pcdata_count = 4;
	first->pcdata[2] = table_values(table, 0x40, inlined, 3);
	first->funcdata_count = 4;
	first->funcdata[0] = 0;
	first->funcdata[3] = 0x1234;
	first->id = 9;
	first->flags = GSD_FUNCTION_SP_WRITE;
	first->start_line = 98;
	table_function(table, "runtime.first.func1", 0x80);
	table_function(table, "main.last", 0x90)->id = 22;
	table_finish(table, 0x100);
}

/* Calls a test with the table of three functions in each format. */
static void in_both_formats(void (*test)(const struct gsd_pclntab *view))
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(formats); i++) {
		struct table table;
		make_three(&table, formats[i]);
		struct gsd_pclntab view = table_view(&table);
		test(&view);
		drop_copy(view.bytes);
		table_drop(&table);
	}
}

/* ---- the header ---- */

static void check_header(const struct gsd_pclntab *view)
{
	assert_int_equal(view->header.instruction_quantum, 1);
	assert_u64(view->header.function_count, 3);
	assert_u64(view->header.names, 72);
	assert_true(view->header.names < view->header.units && view->header.units < view->header.files &&
		    view->header.files < view->header.values && view->header.values < view->header.functions);
}

static void the_header_of_both_formats_is_understood(void **state)
{
	(void)state;
	in_both_formats(check_header);
	struct table table;
	table_init(&table, GSD_PCLNTAB_MAGIC_120);
	table.text_start = 0x401000;
	table_function(&table, "f", 0);
	table_finish(&table, 1);
	struct gsd_pclntab view = table_view(&table);
	assert_int_equal(view.header.magic, GSD_PCLNTAB_MAGIC_120);
	assert_u64(view.header.text_start, 0x401000);
	drop_copy(view.bytes);
	table_drop(&table);
}

static void a_header_of_another_version_machine_or_size_is_rejected(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint8_t byte;
	} changes[] = {
		{0, 0xfa},             /* Go 1.16 and 1.17 */
		{0, 0xfb},             /* Go 1.2 */
		{0, 0xf2},             /* one that does not exist yet */
		{3, 0xfe},             /* nonsense */
		{4, 1},     {5, 1},    /* padding */
		{6, 4},     {6, 0},    /* arm64; none */
		{7, 4},     {7, 0},    /* 32 bits */
		{8, 0},                /* no functions */
		{11, 0x20}, {15, 0x80} /* more functions than 4 GiB can hold */
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct table table;
		struct gsd_pclntab_header header = {.magic = 42};
		make_three(&table, GSD_PCLNTAB_MAGIC_120);
		set_u8(&table.bytes, changes[i].offset, changes[i].byte);
		struct gsd_bytes bytes = {.data = table.bytes.data, .length = table.bytes.length};
		assert_false(gsd_pclntab_parse_header(bytes, &header));
		assert_int_equal(header.magic, 42);
		table_drop(&table);
	}
}

static void a_header_that_is_cut_is_rejected(void **state)
{
	(void)state;
	struct table table;
	make_three(&table, GSD_PCLNTAB_MAGIC_120);
	for (size_t length = 0; length <= GSD_PCLNTAB_HEADER_SIZE; length++) {
		struct gsd_bytes bytes = exact_copy(table.bytes.data, length);
		struct gsd_pclntab_header header;
		assert_int_equal(gsd_pclntab_parse_header(bytes, &header), length == GSD_PCLNTAB_HEADER_SIZE);
		drop_copy(bytes);
	}
	table_drop(&table);
}

/* ---- functions ---- */

static void check_find(const struct gsd_pclntab *view)
{
	static const struct {
		uint64_t offset;
		int index;
	} cases[] = {{0, -1},
		     {0x3f, -1},
		     {0x40, 0},
		     {0x7f, 0},
		     {0x80, 1},
		     {0x8f, 1},
		     {0x90, 2},
		     {0xff, 2},
		     {0x100, -1},
		     {UINT32_MAX, -1},
		     {UINT64_C(0x100000040), -1},
		     {UINT64_MAX, -1}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct gsd_function function = {.index = 77};
		assert_int_equal(gsd_pclntab_find(view, cases[i].offset, &function), cases[i].index >= 0);
		assert_u64(function.index, cases[i].index >= 0 ? (uint64_t)cases[i].index : 77);
	}
}

static void a_function_is_found_from_its_first_byte_to_its_last(void **state)
{
	(void)state;
	in_both_formats(check_find);
}

static void every_function_of_a_long_table_is_found(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= TABLE_MAX_FUNCTIONS; count += 9) {
		struct table table;
		table_init(&table, GSD_PCLNTAB_MAGIC_120);
		for (uint32_t i = 0; i < count; i++)
			table_function(&table, "f", 16 * i);
		table_finish(&table, 16 * count);
		struct gsd_pclntab view = table_view(&table);
		for (uint32_t offset = 0; offset < 16 * count; offset++) {
			struct gsd_function function;
			assert_true(gsd_pclntab_find(&view, offset, &function));
			assert_u64(function.index, offset / 16);
		}
		drop_copy(view.bytes);
		table_drop(&table);
	}
}

static void check_record(const struct gsd_pclntab *view)
{
	struct gsd_function function;
	assert_true(gsd_pclntab_function(view, 0, &function));
	assert_u64(function.entry, 0x40);
	assert_u64(function.end, 0x80);
	assert_string_equal(gsd_pclntab_name(view, function.name), "runtime.first");
	assert_int_equal(function.id, 9);
	assert_int_equal(function.flags, GSD_FUNCTION_SP_WRITE);
	assert_int_equal(function.start_line, view->header.magic == GSD_PCLNTAB_MAGIC_118 ? 0 : 98);
	assert_int_equal(function.pcdata_count, 4);
	assert_int_equal(function.funcdata_count, 4);
	assert_true(gsd_pclntab_function(view, 2, &function));
	assert_int_equal(function.id, 22);
	assert_u64(function.end, 0x100);
	assert_false(gsd_pclntab_function(view, 3, &function));
	assert_false(gsd_pclntab_function(view, UINT64_MAX, &function));
}

static void a_record_is_read_in_the_format_of_the_table(void **state)
{
	(void)state;
	in_both_formats(check_record);
}

/* ---- value tables ---- */

static struct gsd_function function_at(const struct gsd_pclntab *view, uint64_t index)
{
	struct gsd_function function;
	assert_true(gsd_pclntab_function(view, index, &function));
	return function;
}

static void check_values(const struct gsd_pclntab *view)
{
	static const struct {
		uint64_t offset;
		int32_t depth, line, inlined;
		const char *file;
	} cases[] = {
		{0x40, 0, 100, -1, "/go/first.go"},   {0x43, 0, 100, -1, "/go/first.go"},
		{0x44, 8, 100, -1, "/go/first.go"},   {0x48, 200, 100, -1, "/go/first.go"},
		{0x4f, 200, 100, -1, "/go/first.go"}, {0x50, 200, 7, 3, "/go/other.go"},
		{0x5f, 200, 7, 3, "/go/other.go"},    {0x60, 200, -2, -1, "/go/first.go"},
		{0x70, 8, 99, -1, "/go/first.go"},    {0x71, 0, 99, -1, "/go/first.go"},
		{0x7f, 0, 99, -1, "/go/first.go"},
	};
	struct gsd_function function = function_at(view, 0);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		uint64_t offset = cases[i].offset;
		assert_int_equal(gsd_pclntab_value(view, &function, function.stack_depths, offset), cases[i].depth);
		assert_int_equal(gsd_pclntab_value(view, &function, function.line_numbers, offset), cases[i].line);
		assert_int_equal(gsd_pclntab_pcdata(view, &function, GSD_PCDATA_INLINE_TREE, offset), cases[i].inlined);
		assert_string_equal(gsd_pclntab_file(view, &function, offset), cases[i].file);
	}
}

static void values_rise_and_fall_and_hold_to_the_end_of_their_range(void **state)
{
	(void)state;
	in_both_formats(check_values);
}

static void check_no_coverage(const struct gsd_pclntab *view)
{
	struct gsd_function first = function_at(view, 0);
	assert_int_equal(gsd_pclntab_value(view, &first, first.line_numbers, 0x80), -1);
	assert_int_equal(gsd_pclntab_value(view, &first, first.line_numbers, UINT64_MAX), -1);
	assert_int_equal(gsd_pclntab_value(view, &first, 0, 0x40), -1);
	assert_null(gsd_pclntab_file(view, &first, 0x80));
	struct gsd_function second = function_at(view, 1);
	assert_int_equal(gsd_pclntab_value(view, &second, second.stack_depths, 0x80), -1);
	assert_null(gsd_pclntab_file(view, &second, 0x80));
}

static void where_no_value_is_stated_there_is_minus_one(void **state)
{
	(void)state;
	in_both_formats(check_no_coverage);
}

/* A table whose only function has the given bytes for a value table, which then ends the table. */
static int32_t value_of_bytes(const void *values, size_t length, uint64_t offset)
{
	struct gsd_pclntab view = {.bytes = exact_copy(values, length)};
	view.header.instruction_quantum = 1;
	view.header.values = UINT64_MAX; /* value table 1 lies at 0 */
	struct gsd_function function = {.entry = 0x40, .end = 0x50};
	int32_t value = gsd_pclntab_value(&view, &function, 1, offset);
	drop_copy(view.bytes);
	return value;
}

static void a_value_table_that_is_cut_or_never_ends_gives_minus_one(void **state)
{
	(void)state;
	assert_int_equal(value_of_bytes("\x0c\x10\x00", 3, 0x4f), 5);
	assert_int_equal(value_of_bytes("\x0c\x10\x00", 3, 0x50), -1);
	assert_int_equal(value_of_bytes("\x0c\x10", 2, 0x50), -1);
	assert_int_equal(value_of_bytes("\x0c", 1, 0x40), -1);
	assert_int_equal(value_of_bytes("\x0c\x80", 2, 0x40), -1);
	assert_int_equal(value_of_bytes("", 0, 0x40), -1);
	assert_int_equal(value_of_bytes("\x00\x10\x02\x01\x00", 5, 0x40), -1); /* first delta 0: the value is −1 */
	assert_int_equal(value_of_bytes("\x00\x10\x02\x01\x00", 5, 0x50), 0);
	assert_int_equal(value_of_bytes("\x0c\x00\x02\x00\x02\x00", 6, 0x40), -1); /* ranges without length */
	assert_int_equal(value_of_bytes("\x0c\xff\xff\xff\xff\x7f\x00", 7, UINT64_C(0x100000000)), -1);
	/* a step that wraps around 64 bits does not go backwards for ever */
	assert_int_equal(value_of_bytes("\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x0c\x01", 13, 0x50), -1);
}

/* ---- funcdata ---- */

static void check_funcdata(const struct gsd_pclntab *view)
{
	struct gsd_function first = function_at(view, 0);
	struct gsd_function second = function_at(view, 1);
	uint32_t offset = 77;
	assert_true(gsd_pclntab_funcdata(view, &first, 0, &offset));
	assert_u64(offset, 0);
	assert_true(gsd_pclntab_funcdata(view, &first, GSD_FUNCDATA_INLINE_TREE, &offset));
	assert_u64(offset, 0x1234);
	assert_false(gsd_pclntab_funcdata(view, &first, 1, &offset)); /* said to be absent */
	assert_false(gsd_pclntab_funcdata(view, &first, 4, &offset)); /* beyond the last */
	assert_false(gsd_pclntab_funcdata(view, &second, 0, &offset));
	assert_u64(offset, 0x1234);
	assert_int_equal(gsd_pclntab_pcdata(view, &first, 0, 0x40), -1);
	assert_int_equal(gsd_pclntab_pcdata(view, &first, 4, 0x40), -1);
	assert_int_equal(gsd_pclntab_pcdata(view, &second, GSD_PCDATA_INLINE_TREE, 0x80), -1);
}

static void funcdata_and_pcdata_that_are_absent_are_said_to_be(void **state)
{
	(void)state;
	in_both_formats(check_funcdata);
}

static void an_inlined_call_is_read_in_the_format_of_the_table(void **state)
{
	(void)state;
	static const uint8_t old[20] = {1, 0, 21, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0x30, 2, 0, 0, 0xfe, 0xff, 0xff, 0xff};
	static const uint8_t new[16] = {22, 9, 9, 9, 0x30, 2, 0, 0, 0x10, 1, 0, 0, 0x63, 0, 0, 0};
	struct gsd_pclntab table = {.header.magic = GSD_PCLNTAB_MAGIC_118};
	assert_int_equal(gsd_inlined_call_size(&table), sizeof old);
	struct gsd_inlined_call call = gsd_inlined_call_parse(&table, old);
	assert_int_equal(call.id, 21);
	assert_int_equal(call.name, 0x230);
	assert_int_equal(call.parent_pc, -2);
	assert_int_equal(call.start_line, 0);
	table.header.magic = GSD_PCLNTAB_MAGIC_120;
	assert_int_equal(gsd_inlined_call_size(&table), sizeof new);
	call = gsd_inlined_call_parse(&table, new);
	assert_int_equal(call.id, 22);
	assert_int_equal(call.name, 0x230);
	assert_int_equal(call.parent_pc, 0x110);
	assert_int_equal(call.start_line, 0x63);
}

/* ---- names ---- */

static void check_find_name(const struct gsd_pclntab *view)
{
	struct gsd_function function = {.index = 77};
	assert_true(gsd_pclntab_find_name(view, "runtime.first.func1", &function));
	assert_u64(function.index, 1);
	assert_true(gsd_pclntab_find_name(view, "runtime.first", &function)); /* name offset 0 */
	assert_u64(function.index, 0);
	assert_true(gsd_pclntab_find_name(view, "main.last", &function));
	assert_u64(function.index, 2);
	assert_false(gsd_pclntab_find_name(view, "runtime.fir", &function));
	assert_false(gsd_pclntab_find_name(view, "first", &function)); /* the end of another name */
	assert_false(gsd_pclntab_find_name(view, "main.lastly", &function));
}

static void a_function_is_found_by_its_whole_name_only(void **state)
{
	(void)state;
	in_both_formats(check_find_name);
}

static void a_name_is_found_behind_longer_ones_that_end_in_it_or_begin_with_it(void **state)
{
	(void)state;
	struct table table;
	table_init(&table, GSD_PCLNTAB_MAGIC_120);
	table_function(&table, "a.runtime.main", 0);
	table_function(&table, "runtime.main.func1", 8);
	table_function(&table, "runtime.main", 16);
	table_name(&table, "inlined.only"); /* the name of a function that is nowhere out of line */
	table_finish(&table, 32);
	struct gsd_pclntab view = table_view(&table);
	struct gsd_function function;
	assert_true(gsd_pclntab_find_name(&view, "runtime.main", &function));
	assert_u64(function.index, 2);
	assert_false(gsd_pclntab_find_name(&view, "inlined.only", &function));
	drop_copy(view.bytes);
	table_drop(&table);
}

static void names_outside_the_table_or_without_an_end_are_none(void **state)
{
	(void)state;
	struct gsd_pclntab view = {.bytes = exact_copy("abc\0def", 7)};
	assert_string_equal(gsd_pclntab_name(&view, 0), "abc");
	assert_string_equal(gsd_pclntab_name(&view, 3), "");
	assert_null(gsd_pclntab_name(&view, 4));
	assert_null(gsd_pclntab_name(&view, 7));
	assert_null(gsd_pclntab_name(&view, INT32_MAX));
	assert_null(gsd_pclntab_name(&view, -1));
	view.header.names = UINT64_MAX;
	assert_null(gsd_pclntab_name(&view, 0));
	drop_copy(view.bytes);
}

static void a_name_begins_where_the_one_before_it_ends(void **state)
{
	(void)state;
	struct gsd_pclntab view = {.bytes = exact_copy("xabc\0def", 9), .header.names = 1};
	assert_true(gsd_pclntab_is_name(&view, 0));
	assert_false(gsd_pclntab_is_name(&view, 1));
	assert_false(gsd_pclntab_is_name(&view, 3)); /* the end of one */
	assert_true(gsd_pclntab_is_name(&view, 4));
	assert_false(gsd_pclntab_is_name(&view, 5));
	assert_false(gsd_pclntab_is_name(&view, 8));
	assert_false(gsd_pclntab_is_name(&view, -1));
	assert_false(gsd_pclntab_is_name(&view, INT32_MAX));
	view.header.names = UINT64_MAX - 4; /* offset 5 lies at the first byte of the table */
	assert_true(gsd_pclntab_is_name(&view, 5));
	assert_false(gsd_pclntab_is_name(&view, 6));
	drop_copy(view.bytes);
}

/* ---- hostile tables ---- */

/* Asks for everything: what is tested is that it ends and that no sanitizer has to speak. */
static void ask_everything(const struct gsd_pclntab *view)
{
	for (uint64_t offset = 0; offset <= 0x110; offset += 7) {
		struct gsd_function function;
		if (!gsd_pclntab_find(view, offset, &function))
			continue;
		uint32_t data;
		gsd_pclntab_name(view, function.name);
		gsd_pclntab_file(view, &function, offset);
		gsd_pclntab_value(view, &function, function.line_numbers, offset);
		for (unsigned number = 0; number < 4; number++) {
			gsd_pclntab_pcdata(view, &function, number, offset);
			gsd_pclntab_funcdata(view, &function, number, &data);
		}
		gsd_pclntab_pcdata(view, &function, UINT32_MAX, offset);
	}
	struct gsd_function function;
	gsd_pclntab_find_name(view, "main.last", &function);
}

static void a_table_that_is_cut_anywhere_gives_nothing_beyond_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(formats); i++) {
		struct table table;
		make_three(&table, formats[i]);
		for (size_t length = GSD_PCLNTAB_HEADER_SIZE; length < table.bytes.length; length++) {
			struct gsd_pclntab view = {.bytes = exact_copy(table.bytes.data, length)};
			assert_true(gsd_pclntab_parse_header(view.bytes, &view.header));
			ask_everything(&view);
			struct gsd_function function;
			if (length < table.functions[2].record + 40)
				assert_false(gsd_pclntab_function(&view, 2, &function));
			drop_copy(view.bytes);
		}
		table_drop(&table);
	}
}

static void huge_offsets_and_counts_in_a_table_are_not_followed(void **state)
{
	(void)state;
	static const uint64_t values[] = {
		0, 1, 0x7fffffff, 0xffffffff, UINT64_C(0x7fffffffffffffff), UINT64_MAX - 7, UINT64_MAX};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(formats); i++) {
		struct table table;
		make_three(&table, formats[i]);
		for (size_t k = 0; k < GSD_ARRAY_SIZE(values); k++) {
			for (size_t word = 24; word < GSD_PCLNTAB_HEADER_SIZE; word += 8) { /* each header word */
				struct gsd_pclntab view = table_view(&table);
				memcpy((uint8_t *)(uintptr_t)view.bytes.data + word, &values[k], 8);
				assert_true(gsd_pclntab_parse_header(view.bytes, &view.header));
				ask_everything(&view);
				drop_copy(view.bytes);
			}
			/* each word of the functab and of the records */
			size_t functions = (size_t)(table.functions[0].record - (3 * 8 + 4));
			for (size_t word = functions; word + 4 <= table.bytes.length; word += 4) {
				struct gsd_pclntab view = table_view(&table);
				memcpy((uint8_t *)(uintptr_t)view.bytes.data + word, &values[k], 4);
				ask_everything(&view);
				drop_copy(view.bytes);
			}
		}
		table_drop(&table);
	}
}

static void a_function_that_ends_before_it_begins_is_none(void **state)
{
	(void)state;
	struct table table;
	make_three(&table, GSD_PCLNTAB_MAGIC_120);
	set_u32(&table.bytes, table.functions[0].record, 0x81); /* its end is 0x80 */
	struct gsd_pclntab view = table_view(&table);
	struct gsd_function function;
	assert_false(gsd_pclntab_function(&view, 0, &function));
	assert_true(gsd_pclntab_function(&view, 1, &function));
	drop_copy(view.bytes);
	table_drop(&table);
}

static void a_file_that_the_linker_left_out_is_none(void **state)
{
	(void)state;
	struct table table;
	make_three(&table, GSD_PCLNTAB_MAGIC_120);
	struct gsd_pclntab view = table_view(&table);
	memset((uint8_t *)(uintptr_t)view.bytes.data + view.header.units + 4, 0xff, 4); /* first.go */
	struct gsd_function function = function_at(&view, 0);
	assert_null(gsd_pclntab_file(&view, &function, 0x40));
	assert_string_equal(gsd_pclntab_file(&view, &function, 0x50), "/go/other.go");
	drop_copy(view.bytes);
	table_drop(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_of_both_formats_is_understood),
		cmocka_unit_test(a_header_of_another_version_machine_or_size_is_rejected),
		cmocka_unit_test(a_header_that_is_cut_is_rejected),
		cmocka_unit_test(a_function_is_found_from_its_first_byte_to_its_last),
		cmocka_unit_test(every_function_of_a_long_table_is_found),
		cmocka_unit_test(a_record_is_read_in_the_format_of_the_table),
		cmocka_unit_test(values_rise_and_fall_and_hold_to_the_end_of_their_range),
		cmocka_unit_test(where_no_value_is_stated_there_is_minus_one),
		cmocka_unit_test(a_value_table_that_is_cut_or_never_ends_gives_minus_one),
		cmocka_unit_test(funcdata_and_pcdata_that_are_absent_are_said_to_be),
		cmocka_unit_test(an_inlined_call_is_read_in_the_format_of_the_table),
		cmocka_unit_test(a_function_is_found_by_its_whole_name_only),
		cmocka_unit_test(a_name_is_found_behind_longer_ones_that_end_in_it_or_begin_with_it),
		cmocka_unit_test(names_outside_the_table_or_without_an_end_are_none),
		cmocka_unit_test(a_name_begins_where_the_one_before_it_ends),
		cmocka_unit_test(a_table_that_is_cut_anywhere_gives_nothing_beyond_its_end),
		cmocka_unit_test(huge_offsets_and_counts_in_a_table_are_not_followed),
		cmocka_unit_test(a_function_that_ends_before_it_begins_is_none),
		cmocka_unit_test(a_file_that_the_linker_left_out_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
