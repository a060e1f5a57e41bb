/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes a moduledata (runtime/symtab.go) of any supported version for a made-up function table. */
#ifndef GSD_TEST_MODULE_H
#define GSD_TEST_MODULE_H

#include "image/module.h"
#include "table.h"

/* Where the parts of a made-up module lie. */
struct places {
	uint64_t table;
	uint64_t text, text_end;
	uint64_t data, data_end;
	uint64_t bss, bss_end;
	uint64_t types, types_end;
	uint64_t gofunc;
};

static const struct places usual_places = {.table = 0x500000,
					   .text = 0x401000,
					   .text_end = 0x402000,
					   .data = 0x700000,
					   .data_end = 0x701000,
					   .bss = 0x701000,
					   .bss_end = 0x702000,
					   .types = 0x600000,
					   .types_end = 0x610000,
					   .gofunc = 0x620000};

static inline void set_module_word(struct bytes *data, size_t at, unsigned minor, const char *field, uint64_t value)
{
	uint64_t offset = 0;
	assert_true(gsd_moduledata_offset(minor, field, &offset));
	set_u64(data, at + (size_t)offset, value);
}

/* A slice has its length in the second word. */
static inline void set_module_slice(struct bytes *data, size_t at, unsigned minor, const char *field, uint64_t address,
				    uint64_t length)
{
	uint64_t offset = 0;
	assert_true(gsd_moduledata_offset(minor, field, &offset));
	set_u64(data, at + (size_t)offset, address);
	set_u64(data, at + (size_t)offset + 8, length);
	set_u64(data, at + (size_t)offset + 16, length);
}

static inline size_t moduledata_size(unsigned minor)
{
	uint64_t next = 0;
	assert_true(gsd_moduledata_offset(minor, "next", &next));
	return (size_t)next + 8;
}

/* Writes the moduledata of a finished table at offset `at` of `data`. */
static inline void put_moduledata(struct bytes *data, size_t at, unsigned minor, const struct table *table,
				  const struct places *places)
{
	struct gsd_pclntab_header header;
	struct gsd_bytes view = {.data = table->bytes.data, .length = table->bytes.length};
	assert_true(gsd_pclntab_parse_header(view, &header));
	const struct {
		const char *name;
		uint64_t value;
	} words[] = {
		{"pcHeader", places->table},    {"minpc", places->text},     {"maxpc", places->text_end},
		{"text", places->text},         {"etext", places->text_end}, {"noptrdata", places->data},
		{"enoptrdata", places->data},   {"data", places->data},      {"edata", places->data_end},
		{"bss", places->bss},           {"ebss", places->bss_end},   {"noptrbss", places->bss_end},
		{"enoptrbss", places->bss_end}, {"types", places->types},    {"etypes", places->types_end},
		{"gofunc", places->gofunc},
	};
	set_u64(data, at + moduledata_size(minor) - 8, 0);
	memset(data->data + at, 0, moduledata_size(minor));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(words); i++)
		set_module_word(data, at, minor, words[i].name, words[i].value);
	const struct {
		const char *name;
		uint64_t start;
		uint64_t length;
	} slices[] = {
		{"funcnametab", header.names, header.units - header.names},
		{"cutab", header.units, header.files - header.units},
		{"filetab", header.files, header.values - header.files},
		{"pctab", header.values, header.functions - header.values},
		{"pclntable", header.functions, table->bytes.length - header.functions},
		{"ftab", header.functions, header.function_count + 1},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(slices); i++)
		set_module_slice(data, at, minor, slices[i].name, places->table + slices[i].start, slices[i].length);
}

#endif
