/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes function tables as the linker writes them (cmd/link/internal/ld/pcln.go), in both formats: header, names,
 * units, files, values, functab with its records. What a test wants to be wrong it changes in the finished bytes.
 */
#ifndef GSD_TEST_TABLE_H
#define GSD_TEST_TABLE_H

#include "bytes.h"
#include "image/pclntab.h"

#define TABLE_MAX_FUNCTIONS 64
#define NO_FUNCDATA         UINT32_MAX

/* A value that holds up to text offset `end`. */
struct made_value {
	uint32_t end;
	int32_t value;
};

struct made_function {
	uint32_t entry;
	int32_t name;
	uint32_t stack_depths, file_numbers, line_numbers; /* offsets of value tables, 0: none */
	uint32_t deferreturn; /* offset in the function of the call of deferreturn, 0: none */
	uint32_t pcdata_count, pcdata[8];
	uint8_t funcdata_count;
	uint32_t funcdata[8]; /* NO_FUNCDATA: absent */
	int32_t start_line;
	uint8_t id, flags;
	size_t record; /* set by table_finish: where the record lies in the bytes */
};

struct table {
	uint32_t magic;
	uint64_t text_start;
	struct bytes names, units, files, values;
	struct made_function functions[TABLE_MAX_FUNCTIONS];
	size_t count;
	struct bytes bytes; /* the finished table */
};

static inline void table_init(struct table *table, uint32_t magic)
{
	memset(table, 0, sizeof *table);
	table->magic = magic;
	put_u8(&table->values, 0); /* offset 0 means "none" */
}

/* The offset of `name`: the linker stores each name once. */
static inline int32_t table_name(struct table *table, const char *name)
{
	size_t length = strlen(name) + 1;
	for (size_t i = 0; i + length <= table->names.length; i++)
		if ((i == 0 || table->names.data[i - 1] == 0) && memcmp(table->names.data + i, name, length) == 0)
			return (int32_t)i;
	int32_t offset = (int32_t)table->names.length;
	put_text(&table->names, name);
	return offset;
}

/* The number of a new file in the only compile unit. */
static inline int32_t table_file(struct table *table, const char *path)
{
	put_u32(&table->units, (uint32_t)table->files.length);
	put_text(&table->files, path);
	return (int32_t)(table->units.length / 4) - 1;
}

/* A value table of a function that begins at `entry`. */
static inline uint32_t table_values(struct table *table, uint32_t entry, const struct made_value *values, size_t count)
{
	uint32_t offset = (uint32_t)table->values.length;
	int32_t value = -1;
	for (size_t i = 0; i < count; i++) {
		uint32_t delta = (uint32_t)values[i].value - (uint32_t)value;
		put_uvarint(&table->values, (delta & 0x80000000U) != 0 ? ~delta << 1 | 1 : delta << 1);
		put_uvarint(&table->values, values[i].end - entry);
		value = values[i].value;
		entry = values[i].end;
	}
	put_u8(&table->values, 0);
	return offset;
}

static inline struct made_function *table_function(struct table *table, const char *name, uint32_t entry)
{
	assert_true(table->count < TABLE_MAX_FUNCTIONS);
	struct made_function *function = &table->functions[table->count++];
	*function = (struct made_function){.entry = entry, .name = table_name(table, name)};
	for (size_t i = 0; i < 8; i++)
		function->funcdata[i] = NO_FUNCDATA;
	return function;
}

static inline void put_record(struct table *table, struct made_function *function)
{
	struct bytes *bytes = &table->bytes;
	align(bytes, 4);
	function->record = bytes->length;
	put_u32(bytes, function->entry);
	put_u32(bytes, (uint32_t)function->name);
	put_u32(bytes, 16); /* bytes of arguments */
	put_u32(bytes, function->deferreturn);
	put_u32(bytes, function->stack_depths);
	put_u32(bytes, function->file_numbers);
	put_u32(bytes, function->line_numbers);
	put_u32(bytes, function->pcdata_count);
	put_u32(bytes, 0); /* unit */
	if (table->magic != GSD_PCLNTAB_MAGIC_118)
		put_u32(bytes, (uint32_t)function->start_line);
	put_u8(bytes, function->id);
	put_u8(bytes, function->flags);
	put_u8(bytes, 0xee);
	put_u8(bytes, function->funcdata_count);
	for (uint32_t i = 0; i < function->pcdata_count; i++)
		put_u32(bytes, function->pcdata[i]);
	for (uint32_t i = 0; i < function->funcdata_count; i++)
		put_u32(bytes, function->funcdata[i]);
}

static inline void put_part(struct table *table, size_t header_word, const struct bytes *part)
{
	align(&table->bytes, 8);
	set_u64(&table->bytes, header_word, table->bytes.length);
	put(&table->bytes, part->data, part->length);
}

/* Writes the table; the text ends at offset `end`. */
static inline void table_finish(struct table *table, uint32_t end)
{
	struct bytes *bytes = &table->bytes;
	bytes->length = 0;
	put_u32(bytes, table->magic);
	put_u8(bytes, 0);
	put_u8(bytes, 0);
	put_u8(bytes, 1);
	put_u8(bytes, 8);
	put_u64(bytes, table->count);
	put_u64(bytes, table->units.length / 4);
	put_u64(bytes, table->text_start);
	put_zeroes(bytes, 5 * sizeof(uint64_t));
	put_part(table, 32, &table->names);
	put_part(table, 40, &table->units);
	put_part(table, 48, &table->files);
	put_part(table, 56, &table->values);
	align(bytes, 8);
	size_t functions = bytes->length;
	set_u64(bytes, 64, functions);
	put_zeroes(bytes, 8 * table->count + 4);
	for (size_t i = 0; i < table->count; i++) {
		put_record(table, &table->functions[i]);
		set_u32(bytes, functions + 8 * i, table->functions[i].entry);
		set_u32(bytes, functions + 8 * i + 4, (uint32_t)(table->functions[i].record - functions));
	}
	set_u32(bytes, functions + 8 * table->count, end);
}

static inline void table_drop(struct table *table)
{
	drop_bytes(&table->names);
	drop_bytes(&table->units);
	drop_bytes(&table->files);
	drop_bytes(&table->values);
	drop_bytes(&table->bytes);
}

/* The finished bytes as the code under test sees them, in an allocation of their own (drop_copy). */
static inline struct gsd_pclntab table_view(const struct table *table)
{
	struct gsd_pclntab view = {.bytes = exact_copy(table->bytes.data, table->bytes.length)};
	assert_true(gsd_pclntab_parse_header(view.bytes, &view.header));
	return view;
}

#endif
