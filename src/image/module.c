/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/module.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/error.h"

#define MAX_TABLE_BYTES        ((uint64_t)1 << 30)
#define MAX_TEXT_SECTIONS      4096
#define MAX_CANDIDATES         64
#define SCAN_CHUNK             ((size_t)1 << 20)
#define NEWEST_MODULEDATA_SIZE 768 /* more than any version's */

/* ---- the layout of moduledata, version by version ---- */

/*
 * The fields in order with their sizes; `since` and `before` are Go minor versions (0: no limit). `member` is where the
 * first word goes, `length_member` where the second one of a slice goes.
 */
#define NOT_KEPT     SIZE_MAX
#define MEMBER(name) offsetof(struct gsd_moduledata, name)
static const struct moduledata_field {
	const char *name;
	uint8_t size;
	uint8_t since;
	uint8_t before;
	size_t member;
	size_t length_member;
} moduledata_fields[] = {
	{"pcHeader", 8, 0, 0, MEMBER(pcHeader), NOT_KEPT},
	{"funcnametab", 24, 0, 0, MEMBER(funcnametab), NOT_KEPT},
	{"cutab", 24, 0, 0, MEMBER(cutab), NOT_KEPT},
	{"filetab", 24, 0, 0, MEMBER(filetab), NOT_KEPT},
	{"pctab", 24, 0, 0, MEMBER(pctab), NOT_KEPT},
	{"pclntable", 24, 0, 0, MEMBER(pclntable), MEMBER(pclntable_length)},
	{"ftab", 24, 0, 0, MEMBER(ftab), MEMBER(ftab_length)},
	{"findfunctab", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"minpc", 8, 0, 0, MEMBER(minpc), NOT_KEPT},
	{"maxpc", 8, 0, 0, MEMBER(maxpc), NOT_KEPT},
	{"text", 8, 0, 0, MEMBER(text), NOT_KEPT},
	{"etext", 8, 0, 0, MEMBER(etext), NOT_KEPT},
	{"noptrdata", 8, 0, 0, MEMBER(noptrdata), NOT_KEPT},
	{"enoptrdata", 8, 0, 0, MEMBER(enoptrdata), NOT_KEPT},
	{"data", 8, 0, 0, MEMBER(data), NOT_KEPT},
	{"edata", 8, 0, 0, MEMBER(edata), NOT_KEPT},
	{"bss", 8, 0, 0, MEMBER(bss), NOT_KEPT},
	{"ebss", 8, 0, 0, MEMBER(ebss), NOT_KEPT},
	{"noptrbss", 8, 0, 0, MEMBER(noptrbss), NOT_KEPT},
	{"enoptrbss", 8, 0, 0, MEMBER(enoptrbss), NOT_KEPT},
	{"covctrs", 8, 20, 0, NOT_KEPT, NOT_KEPT},
	{"ecovctrs", 8, 20, 0, NOT_KEPT, NOT_KEPT},
	{"end", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"gcdata", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"gcbss", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"types", 8, 0, 0, MEMBER(types), NOT_KEPT},
	{"typedesclen", 8, 27, 0, MEMBER(typedesclen), NOT_KEPT},
	{"etypes", 8, 0, 0, MEMBER(etypes), NOT_KEPT},
	{"itaboffset", 8, 27, 0, NOT_KEPT, NOT_KEPT},
	{"itabsize", 8, 27, 0, NOT_KEPT, NOT_KEPT},
	{"rodata", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"gofunc", 8, 0, 0, MEMBER(gofunc), NOT_KEPT},
	{"epclntab", 8, 26, 0, NOT_KEPT, NOT_KEPT},
	{"textsectmap", 24, 0, 0, MEMBER(textsectmap), MEMBER(textsectmap_length)},
	{"typelinks", 24, 0, 27, MEMBER(typelinks), MEMBER(typelinks_length)},
	{"itablinks", 24, 0, 27, NOT_KEPT, NOT_KEPT},
	{"ptab", 24, 0, 0, NOT_KEPT, NOT_KEPT},
	{"pluginpath", 16, 0, 0, NOT_KEPT, NOT_KEPT},
	{"pkghashes", 24, 0, 0, NOT_KEPT, NOT_KEPT},
	{"inittasks", 24, 21, 0, NOT_KEPT, NOT_KEPT},
	{"modulename", 16, 0, 0, NOT_KEPT, NOT_KEPT},
	{"modulehashes", 24, 0, 0, NOT_KEPT, NOT_KEPT},
	{"hasmain", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"gcdatamask", 16, 0, 0, NOT_KEPT, NOT_KEPT},
	{"gcbssmask", 16, 0, 0, NOT_KEPT, NOT_KEPT},
	{"typemap", 8, 0, 0, NOT_KEPT, NOT_KEPT},
	{"bad", 8, 0, 23, NOT_KEPT, NOT_KEPT},
	{"next", 8, 0, 0, MEMBER(next), NOT_KEPT},
};

/* A version of each layout, newest first: the others share one of these. */
static const unsigned layout_versions[] = {27, 26, 23, 21, 20, 18};

static bool field_in(const struct moduledata_field *field, unsigned minor)
{
	return minor >= field->since && (field->before == 0 || minor < field->before);
}

bool gsd_moduledata_offset(unsigned minor, const char *name, uint64_t *offset_ret)
{
	uint64_t offset = 0;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(moduledata_fields); i++) {
		const struct moduledata_field *field = &moduledata_fields[i];
		if (!field_in(field, minor))
			continue;
		if (strcmp(field->name, name) == 0) {
			*offset_ret = offset;
			return true;
		}
		offset += field->size;
	}
	return false;
}

const char *gsd_moduledata_field(size_t index)
{
	return index < GSD_ARRAY_SIZE(moduledata_fields) ? moduledata_fields[index].name : NULL;
}

static void parse_moduledata(const uint8_t *bytes, unsigned minor, struct gsd_moduledata *data)
{
	uint64_t offset = 0;
	memset(data, 0, sizeof *data);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(moduledata_fields); i++) {
		const struct moduledata_field *field = &moduledata_fields[i];
		if (!field_in(field, minor))
			continue;
		if (field->member != NOT_KEPT)
			*(uint64_t *)((char *)data + field->member) = gsd_u64_at(bytes, offset);
		if (field->length_member != NOT_KEPT)
			*(uint64_t *)((char *)data + field->length_member) = gsd_u64_at(bytes, offset + 8);
		offset += field->size;
	}
}

/* What the runtime itself relies on (runtime/symtab.go, moduledataverify1), and what the linker always does. */
static bool plausible(const struct gsd_moduledata *data, const struct gsd_pclntab_header *header)
{
	uint64_t table = data->pcHeader;
	return data->funcnametab == table + header->names && data->cutab == table + header->units &&
	       data->filetab == table + header->files && data->pctab == table + header->values &&
	       data->pclntable == table + header->functions && data->ftab == data->pclntable &&
	       data->ftab_length == header->function_count + 1 && data->minpc <= data->maxpc &&
	       data->minpc == data->text && data->text <= data->etext && data->data <= data->edata &&
	       data->bss <= data->ebss && data->types != 0 && data->types < data->etypes &&
	       data->textsectmap_length <= MAX_TEXT_SECTIONS && (data->next & 7) == 0 &&
	       (header->text_start == 0 || header->text_start == data->text);
}

/* ---- reading one module ---- */

void gsd_module_free(struct gsd_module *module)
{
	free(module->table_bytes);
	free(module->text_sections);
	module->table_bytes = NULL;
	module->text_sections = NULL;
}

static struct gsd_error *read_header(struct gsd_memory *memory, uint64_t address, struct gsd_pclntab_header *header)
{
	uint8_t bytes[GSD_PCLNTAB_HEADER_SIZE];
	GSD_TRY(gsd_memory_read(memory, address, bytes, sizeof bytes));
	if (!gsd_pclntab_parse_header((struct gsd_bytes){.data = bytes, .length = sizeof bytes}, header))
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the function table at 0x%" PRIx64, address),
			"its header is not one of Go 1.%d to 1.%d on 64-bit x86", GSD_GO_MINOR_OLDEST,
			GSD_GO_MINOR_NEWEST);
	return NULL;
}

static struct gsd_error *read_table(struct gsd_memory *memory, struct gsd_module *module)
{
	const struct gsd_moduledata *data = &module->data;
	uint64_t length = data->pclntable + data->pclntable_length - data->pcHeader;
	if (data->pclntable_length > MAX_TABLE_BYTES || length > MAX_TABLE_BYTES)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the function table at 0x%" PRIx64, data->pcHeader),
			"it claims to have %" PRIu64 " bytes", length);
	module->table_bytes = malloc((size_t)length);
	if (module->table_bytes == NULL)
		return gsd_error_no_memory();
	GSD_TRY(gsd_memory_read(memory, data->pcHeader, module->table_bytes, (size_t)length));
	module->table.bytes = (struct gsd_bytes){.data = module->table_bytes, .length = (size_t)length};
	return NULL;
}

/* The map of split text: only when there is more than one piece does pclntab count in it (runtime, textAddr). */
static struct gsd_error *read_text_sections(struct gsd_memory *memory, struct gsd_module *module)
{
	size_t count = (size_t)module->data.textsectmap_length;
	if (count <= 1)
		return NULL;
	module->text_sections = calloc(count, sizeof *module->text_sections);
	if (module->text_sections == NULL)
		return gsd_error_no_memory();
	module->text_section_count = count;
	return gsd_memory_read(memory, module->data.textsectmap, module->text_sections,
			       count * sizeof *module->text_sections);
}

struct gsd_error *gsd_module_read(struct gsd_memory *memory, uint64_t address, unsigned layout_minor,
				  struct gsd_module *module_ret)
{
	uint8_t bytes[NEWEST_MODULEDATA_SIZE];
	uint64_t size;
	if (!gsd_moduledata_offset(layout_minor, "next", &size))
		size = sizeof bytes - 8;
	GSD_TRY(gsd_memory_read(memory, address, bytes, (size_t)size + 8));
	struct gsd_module module = {.address = address, .layout_minor = layout_minor};
	parse_moduledata(bytes, layout_minor, &module.data);
	GSD_TRY(read_header(memory, module.data.pcHeader, &module.table.header));
	if (!plausible(&module.data, &module.table.header))
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the module data at 0x%" PRIx64, address),
			"its words contradict the function table that it points to");
	struct gsd_error *error = read_table(memory, &module);
	if (error == NULL)
		error = read_text_sections(memory, &module);
	if (error != NULL) {
		gsd_module_free(&module);
		return error;
	}
	*module_ret = module;
	return NULL;
}

/* ---- reading one again ---- */

/* The address of the text, which a loader may have changed (up to Go 1.25), is taken for zero. */
static uint32_t table_checksum(struct gsd_bytes table)
{
	static const uint8_t no_address[8];
	const size_t address = 24; /* after magic, quantum, pointer size, two counts */
	if (table.length < GSD_PCLNTAB_HEADER_SIZE)
		return 0;
	uLong sum = crc32_z(0, table.data, address);
	sum = crc32_z(sum, no_address, sizeof no_address);
	return (uint32_t)crc32_z(sum, table.data + address + 8, table.length - address - 8);
}

struct gsd_module_place gsd_module_place(const struct gsd_module *module)
{
	const struct gsd_moduledata *data = &module->data;
	return (struct gsd_module_place){.address = module->address,
					 .table = data->pcHeader,
					 .functions = data->pclntable,
					 .functions_length = data->pclntable_length,
					 .minpc = data->minpc,
					 .maxpc = data->maxpc,
					 .text = data->text,
					 .etext = data->etext,
					 .gofunc = data->gofunc,
					 .layout_minor = module->layout_minor,
					 .table_checksum = table_checksum(module->table.bytes),
					 .text_sections = module->text_sections,
					 .text_section_count = module->text_section_count};
}

static struct gsd_error *copy_text_sections(const struct gsd_module_place *place, struct gsd_module *module)
{
	size_t count = place->text_section_count;
	if (count == 0)
		return NULL;
	module->text_sections = calloc(count, sizeof *module->text_sections);
	if (module->text_sections == NULL)
		return gsd_error_no_memory();
	memcpy(module->text_sections, place->text_sections, count * sizeof *module->text_sections);
	module->text_section_count = count;
	return NULL;
}

struct gsd_error *gsd_module_restore(struct gsd_memory *memory, const struct gsd_module_place *place,
				     struct gsd_module *module_ret)
{
	struct gsd_module module = {.address = place->address,
				    .layout_minor = place->layout_minor,
				    .data = {.pcHeader = place->table,
					     .pclntable = place->functions,
					     .pclntable_length = place->functions_length,
					     .minpc = place->minpc,
					     .maxpc = place->maxpc,
					     .text = place->text,
					     .etext = place->etext,
					     .gofunc = place->gofunc}};
	GSD_TRY(read_header(memory, place->table, &module.table.header));
	struct gsd_error *error = read_table(memory, &module);
	if (error == NULL && table_checksum(module.table.bytes) != place->table_checksum)
		error = gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the function table at 0x%" PRIx64, place->table),
			"it is not the one that the program had");
	if (error == NULL)
		error = copy_text_sections(place, &module);
	if (error != NULL) {
		gsd_module_free(&module);
		return error;
	}
	*module_ret = module;
	return NULL;
}

/* ---- finding the first one ---- */

struct candidates {
	uint64_t addresses[MAX_CANDIDATES];
	size_t count;
};

static void add_candidate(struct candidates *candidates, uint64_t address)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->addresses[i] == address)
			return;
	if (candidates->count < MAX_CANDIDATES)
		candidates->addresses[candidates->count++] = address;
}

/* Calls `visit` for chunks of a region that can be read, each 8-aligned; stops when it returns true. */
static bool scan_region(struct gsd_memory *memory, const struct gsd_region *region, uint8_t *chunk,
			bool (*visit)(void *context, uint64_t address, const uint8_t *bytes, size_t length),
			void *context)
{
	size_t length;
	/* A step never leads past the end, so that no address wraps around. */
	for (uint64_t address = region->start; address < region->end; address += length) {
		length = region->end - address < SCAN_CHUNK ? (size_t)(region->end - address) : SCAN_CHUNK;
		struct gsd_range range = {.address = address, .length = length, .buffer = chunk};
		gsd_memory_read_ranges(memory, &range, 1);
		if (range.errnum == 0 && visit(context, address, chunk, length))
			return true;
	}
	return false;
}

static bool visit_for_tables(void *context, uint64_t address, const uint8_t *bytes, size_t length)
{
	struct candidates *candidates = context;
	for (size_t i = 0; i + 8 <= length; i += 8) {
		uint64_t word = gsd_u64_at(bytes, i);
		uint32_t magic = (uint32_t)word;
		if ((magic == GSD_PCLNTAB_MAGIC_118 || magic == GSD_PCLNTAB_MAGIC_120) &&
		    word >> 32 == UINT64_C(0x08010000))
			add_candidate(candidates, address + i);
	}
	return candidates->count == MAX_CANDIDATES;
}

/* Whether the moduledata of the known or of any version lies at address. */
static bool try_moduledata(struct gsd_memory *memory, uint64_t address, unsigned minor, struct gsd_module *module_ret)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(layout_versions); i++) {
		unsigned version = minor != 0 ? minor : layout_versions[i];
		struct gsd_error *error = gsd_module_read(memory, address, version, module_ret);
		if (error == NULL)
			return true;
		gsd_error_destroy(error);
		if (minor != 0)
			return false;
	}
	return false;
}

struct module_search {
	struct gsd_memory *memory;
	uint64_t table;
	unsigned minor;
	struct gsd_module *module_ret;
};

static bool visit_for_moduledata(void *context, uint64_t address, const uint8_t *bytes, size_t length)
{
	const struct module_search *search = context;
	for (size_t i = 0; i + 8 <= length; i += 8)
		if (gsd_u64_at(bytes, i) == search->table &&
		    try_moduledata(search->memory, address + i, search->minor, search->module_ret))
			return true;
	return false;
}

/* The moduledata of the function table at `table`: written at link time, so writable memory is looked through first. */
static bool find_moduledata(struct gsd_memory *memory, const struct gsd_region *regions, size_t region_count,
			    unsigned minor, uint64_t table, uint8_t *chunk, struct gsd_module *module_ret)
{
	struct module_search search = {.memory = memory, .table = table, .minor = minor, .module_ret = module_ret};
	for (int writable = 1; writable >= 0; writable--)
		for (size_t i = 0; i < region_count; i++)
			if (regions[i].writable == (writable == 1) && !regions[i].executable &&
			    scan_region(memory, &regions[i], chunk, visit_for_moduledata, &search))
				return true;
	return false;
}

struct gsd_error *gsd_module_find(struct gsd_memory *memory, const struct gsd_region *regions, size_t region_count,
				  unsigned minor, uint64_t hint, struct gsd_module *module_ret, bool *found_ret)
{
	uint8_t *chunk = malloc(SCAN_CHUNK);
	if (chunk == NULL)
		return gsd_error_no_memory();
	struct candidates candidates = {0};
	bool found = false;
	if (hint != 0) {
		add_candidate(&candidates, hint);
		found = find_moduledata(memory, regions, region_count, minor, hint, chunk, module_ret);
	}
	for (size_t i = 0; i < region_count && !found; i++)
		scan_region(memory, &regions[i], chunk, visit_for_tables, &candidates);
	for (size_t i = hint != 0 ? 1 : 0; i < candidates.count && !found; i++)
		found = find_moduledata(memory, regions, region_count, minor, candidates.addresses[i], chunk,
					module_ret);
	free(chunk);
	*found_ret = candidates.count > 0;
	if (!found && candidates.count > 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_MISSING, 0, "find runtime.firstmoduledata"),
					 "a function table is there (first at 0x%" PRIx64
					 "), but nothing that belongs to it has the layout of Go 1.%d to 1.%d",
					 candidates.addresses[0], GSD_GO_MINOR_OLDEST, GSD_GO_MINOR_NEWEST);
	return NULL;
}

/* ---- addresses ---- */

uint64_t gsd_module_text_address(const struct gsd_module *module, uint64_t offset)
{
	for (size_t i = 0; i < module->text_section_count; i++) {
		const struct gsd_text_section *section = &module->text_sections[i];
		bool last = i + 1 == module->text_section_count;
		if (offset >= section->start && (offset < section->end || (last && offset == section->end)))
			return section->address + (offset - section->start);
	}
	return module->data.text + offset;
}

bool gsd_module_text_offset(const struct gsd_module *module, uint64_t pc, uint64_t *offset_ret)
{
	if (pc < module->data.minpc || pc >= module->data.maxpc)
		return false;
	for (size_t i = 0; i < module->text_section_count; i++) {
		const struct gsd_text_section *section = &module->text_sections[i];
		if (pc >= section->address && pc - section->address < section->end - section->start) {
			*offset_ret = section->start + (pc - section->address);
			return true;
		}
	}
	*offset_ret = pc - module->data.text;
	return module->text_section_count == 0;
}
