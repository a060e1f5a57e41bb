/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Debug information assembled by hand, as Go's linker writes it, in both versions of DWARF and all three ways of
 * storing sections. With GSD_FIXTURES set to a directory of Go programs, those are read too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dwarf.h>
#include <fcntl.h>
#include <stdio.h>
#include <zlib.h>

#include "base/error.h"
#include "image/dwarf.h"
#include "image/elf.h"

#include "elf_builder.h"

/* ---- assembling ---- */

enum entry_code {
	UNIT = 1,
	FUNCTION,
	PARAMETER,
	STRUCTURE,
	DECLARATION,
	MEMBER,
	MEMBER_EXPRESSION,
	MEMBER_BLOCK,
	BASE,
	POINTER,
	FUNC,
	TYPEDEF,
	VARIABLE,
	VARIABLE_BLOCK,
	WITH_SIBLING,
	ARRAY
};

static void abbreviation(struct blob *blob, enum entry_code code, unsigned tag, bool children, const unsigned *pairs)
{
	blob_uvarint(blob, code);
	blob_uvarint(blob, tag);
	blob_number(blob, children ? 1 : 0, 1);
	do {
		blob_uvarint(blob, pairs[0]);
		blob_uvarint(blob, pairs[1]);
		pairs += 2;
	} while (pairs[-2] != 0);
}

#define PAIRS(...)                                                                                                     \
	(const unsigned[])                                                                                             \
	{                                                                                                              \
		DW_AT_name, DW_FORM_string, __VA_ARGS__ 0, 0                                                           \
	}
#define TYPE DW_AT_type, DW_FORM_ref_addr,

static struct blob abbreviations(unsigned version)
{
	struct blob blob = {0};
	if (version == 5)
		abbreviation(&blob, UNIT, DW_TAG_compile_unit, true,
			     PAIRS(DW_AT_language, DW_FORM_data1, DW_AT_addr_base, DW_FORM_sec_offset, ));
	else
		abbreviation(&blob, UNIT, DW_TAG_compile_unit, true, PAIRS(DW_AT_language, DW_FORM_data1, ));
	abbreviation(&blob, FUNCTION, DW_TAG_subprogram, true, PAIRS());
	abbreviation(&blob, PARAMETER, DW_TAG_formal_parameter, false, PAIRS(TYPE));
	abbreviation(&blob, STRUCTURE, DW_TAG_structure_type, true, PAIRS(DW_AT_byte_size, DW_FORM_udata, ));
	abbreviation(&blob, DECLARATION, DW_TAG_structure_type, false, PAIRS());
	abbreviation(&blob, MEMBER, DW_TAG_member, false, PAIRS(DW_AT_data_member_location, DW_FORM_udata, TYPE));
	abbreviation(&blob, MEMBER_EXPRESSION, DW_TAG_member, false,
		     PAIRS(DW_AT_data_member_location, DW_FORM_exprloc, TYPE));
	abbreviation(&blob, MEMBER_BLOCK, DW_TAG_member, false,
		     PAIRS(DW_AT_data_member_location, DW_FORM_block1, TYPE));
	abbreviation(&blob, BASE, DW_TAG_base_type, false, PAIRS(DW_AT_byte_size, DW_FORM_data1, ));
	abbreviation(&blob, POINTER, DW_TAG_pointer_type, false, PAIRS());
	abbreviation(&blob, FUNC, DW_TAG_subroutine_type, false, PAIRS());
	abbreviation(&blob, TYPEDEF, DW_TAG_typedef, false, PAIRS(TYPE));
	abbreviation(&blob, VARIABLE, DW_TAG_variable, false, PAIRS(DW_AT_location, DW_FORM_exprloc, TYPE));
	abbreviation(&blob, VARIABLE_BLOCK, DW_TAG_variable, false, PAIRS(DW_AT_location, DW_FORM_block1, TYPE));
	abbreviation(&blob, WITH_SIBLING, DW_TAG_structure_type, true, PAIRS(DW_AT_sibling, DW_FORM_ref4, ));
	abbreviation(&blob, ARRAY, DW_TAG_array_type, false, PAIRS());
	blob_number(&blob, 0, 1);
	return blob;
}

static uint32_t begin_entry(struct blob *info, enum entry_code code, const char *name)
{
	uint32_t offset = (uint32_t)info->length;
	blob_uvarint(info, code);
	blob_string(info, name);
	return offset;
}

static uint32_t begin_unit(struct blob *info, unsigned version, const char *name, unsigned language)
{
	uint32_t start = (uint32_t)info->length;
	blob_number(info, 0, 4); /* the length: end_unit() */
	blob_number(info, version, 2);
	if (version == 5) {
		blob_number(info, DW_UT_compile, 1);
		blob_number(info, 8, 1);
		blob_number(info, 0, 4);
	} else {
		blob_number(info, 0, 4);
		blob_number(info, 8, 1);
	}
	begin_entry(info, UNIT, name);
	blob_number(info, language, 1);
	if (version == 5)
		blob_number(info, 8, 4); /* behind the header of .debug_addr */
	return start;
}

static void set_number(struct blob *blob, size_t offset, uint32_t value)
{
	memcpy(blob->bytes + offset, &value, sizeof value);
}

static void end_children(struct blob *info)
{
	blob_number(info, 0, 1);
}

static void end_unit(struct blob *info, uint32_t start)
{
	end_children(info);
	set_number(info, start, (uint32_t)info->length - start - 4);
}

static void add_member(struct blob *info, const char *name, uint64_t offset, uint32_t type)
{
	begin_entry(info, MEMBER, name);
	blob_uvarint(info, offset);
	blob_number(info, type, 4);
}

/* A member whose offset is an expression: @operation and @offset. */
static void add_odd_member(struct blob *info, enum entry_code code, const char *name, uint8_t operation, uint8_t offset,
			   uint32_t type)
{
	begin_entry(info, code, name);
	blob_number(info, 2, 1);
	blob_number(info, operation, 1);
	blob_number(info, offset, 1);
	blob_number(info, type, 4);
}

static void add_variable(struct blob *info, enum entry_code code, const char *name, uint64_t address, uint32_t type)
{
	begin_entry(info, code, name);
	blob_number(info, 9, 1);
	blob_number(info, DW_OP_addr, 1);
	blob_number(info, address, 8);
	blob_number(info, type, 4);
}

/* A unit with structs of the right names that must not be asked. */
static void add_decoy(struct blob *info, unsigned version, const char *name, unsigned language)
{
	uint32_t start = begin_unit(info, version, name, language);
	uint32_t word = begin_entry(info, BASE, "int");
	blob_number(info, 8, 1);
	begin_entry(info, STRUCTURE, "runtime.g");
	blob_uvarint(info, 8);
	add_member(info, "goid", 0, word);
	end_children(info);
	add_variable(info, VARIABLE, "runtime.allgs", 0xbad, word);
	end_unit(info, start);
}

static void add_runtime_types(struct blob *info)
{
	uint32_t word = begin_entry(info, BASE, "uint64");
	blob_number(info, 8, 1);
	uint32_t half = begin_entry(info, BASE, "uint32");
	blob_number(info, 4, 1);
	uint32_t pointer = begin_entry(info, POINTER, "*runtime.m");
	uint32_t func = begin_entry(info, FUNC, "func()");
	uint32_t array = begin_entry(info, ARRAY, "[]endless");
	uint32_t stack = begin_entry(info, STRUCTURE, "runtime.stack");
	blob_uvarint(info, 16);
	add_member(info, "lo", 0, word);
	add_member(info, "hi", 8, word);
	end_children(info);
	uint32_t alias = begin_entry(info, TYPEDEF, "runtime.stackAlias");
	blob_number(info, stack, 4);
	uint32_t alias_of_alias = begin_entry(info, TYPEDEF, "runtime.stackAliasAlias");
	blob_number(info, alias, 4);
	uint32_t circle = begin_entry(info, TYPEDEF, "circle");
	blob_number(info, circle, 4);
	begin_entry(info, DECLARATION, "runtime.g"); /* says nothing */
	begin_entry(info, TYPEDEF, "runtime.g");
	blob_number(info, stack, 4);
	begin_entry(info, STRUCTURE, "runtime.g");
	blob_uvarint(info, 440);
	add_member(info, "stack", 0, alias_of_alias);
	add_member(info, "m", 48, pointer);
	add_member(info, "fn", 56, func);
	add_odd_member(info, MEMBER_EXPRESSION, "atomicstatus", DW_OP_plus_uconst, 100, half);
	add_odd_member(info, MEMBER_BLOCK, "goid", DW_OP_plus_uconst, 104, word);
	add_odd_member(info, MEMBER_EXPRESSION, "computed", DW_OP_const1u, 1, word);
	add_member(info, "endless", 200, array);
	add_member(info, "circle", 208, circle);
	end_children(info);
	add_variable(info, VARIABLE, "runtime.allgs", 0x123456789a, word);
	add_variable(info, VARIABLE_BLOCK, "runtime.allglen", 0x1000, word);
	begin_entry(info, VARIABLE, "runtime.byIndex");
	blob_number(info, 2, 1);
	blob_number(info, DW_OP_addrx, 1);
	blob_number(info, 1, 1);
	blob_number(info, word, 4);
	begin_entry(info, VARIABLE, "runtime.inRegister");
	blob_number(info, 1, 1);
	blob_number(info, DW_OP_reg0, 1);
	blob_number(info, word, 4);
}

static struct blob debug_info(unsigned version)
{
	struct blob info = {0};
	add_decoy(&info, version, "main", DW_LANG_Go);
	add_decoy(&info, version, "runtime", DW_LANG_C99);
	uint32_t start = begin_unit(&info, version, "runtime", DW_LANG_Go);
	begin_entry(&info, FUNCTION, "runtime.newproc");
	begin_entry(&info, PARAMETER, "fn");
	blob_number(&info, start, 4);
	begin_entry(&info, STRUCTURE, "runtime.g"); /* not at the top level */
	blob_uvarint(&info, 1);
	end_children(&info);
	end_children(&info);
	add_runtime_types(&info);
	end_unit(&info, start);
	start = begin_unit(&info, version, "net/http", DW_LANG_Go);
	add_variable(&info, VARIABLE, "net/http.DefaultClient", 0x2000, 0);
	end_unit(&info, start);
	return info;
}

/* ---- storing ---- */

enum storage { PLAIN, SHF, ZDEBUG };

/* Stores @section as @storage has it. */
static struct blob store(const struct blob *section, enum storage storage)
{
	struct blob stored = {0};
	if (storage == SHF) {
		Elf64_Chdr header = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = section->length, .ch_addralign = 1};
		blob_add(&stored, &header, sizeof header);
	} else if (storage == ZDEBUG) {
		blob_add(&stored, "ZLIB", 4);
		blob_number(&stored, __builtin_bswap64(section->length), 8);
	} else {
		blob_add(&stored, section->bytes, section->length);
		return stored;
	}
	uLongf length = compressBound(section->length);
	uint8_t *bytes = malloc(length);
	assert_non_null(bytes);
	assert_int_equal(compress(bytes, &length, section->bytes, section->length), Z_OK);
	blob_add(&stored, bytes, length);
	free(bytes);
	return stored;
}

static struct blob build_program(const struct blob *info, unsigned version, enum storage storage)
{
	struct blob abbreviation_table = abbreviations(version);
	struct blob addresses = {0};
	blob_number(&addresses, 4 + 16, 4);
	blob_number(&addresses, 5, 2);
	blob_number(&addresses, 8, 2);
	blob_number(&addresses, 0xaaaa, 8);
	blob_number(&addresses, 0xbbbb, 8);
	struct blob stored[] = {store(&abbreviation_table, storage), store(info, storage), store(&addresses, storage)};
	static const char *const names[][3] = {{".debug_abbrev", ".debug_info", ".debug_addr"},
					       {".debug_abbrev", ".debug_info", ".debug_addr"},
					       {".zdebug_abbrev", ".zdebug_info", ".zdebug_addr"}};
	struct elf_part parts[3];
	for (size_t i = 0; i < 3; i++)
		parts[i] = (struct elf_part){.name = names[storage][i],
					     .type = SHT_PROGBITS,
					     .flags = storage == SHF ? SHF_COMPRESSED : 0,
					     .bytes = stored[i].bytes,
					     .length = stored[i].length};
	struct blob file = build_elf(parts, version == 5 ? 3 : 2);
	for (size_t i = 0; i < 3; i++)
		blob_free(&stored[i]);
	blob_free(&abbreviation_table);
	blob_free(&addresses);
	return file;
}

static int program_file(unsigned version, enum storage storage)
{
	struct blob info = debug_info(version);
	struct blob file = build_program(&info, version, storage);
	int fd = file_of(file.bytes, file.length);
	blob_free(&file);
	blob_free(&info);
	return fd;
}

/* Runs @test for each version and storage. */
static void with_every_form(void (*test)(int fd, unsigned version))
{
	for (unsigned version = 4; version <= 5; version++) {
		for (enum storage storage = PLAIN; storage <= ZDEBUG; storage++) {
			int fd = program_file(version, storage);
			test(fd, version);
			close(fd);
		}
	}
}

/* ---- fields ---- */

static void check_field(const struct gsd_field *field, uint64_t offset, uint64_t size)
{
	if (!field->found)
		fail_msg("%s.%s was not found", field->structure, field->name == NULL ? "" : field->name);
	assert_int_equal(field->offset, offset);
	assert_int_equal(field->size, size);
}

static void check_fields(int fd, unsigned version)
{
	(void)version;
	struct gsd_field fields[] = {
		{.structure = "runtime.g", .name = "goid"},
		{.structure = "runtime.g", .name = "stack"},
		{.structure = "runtime.g", .name = "m"},
		{.structure = "runtime.g", .name = "fn"},
		{.structure = "runtime.g", .name = "atomicstatus"},
		{.structure = "runtime.g", .name = NULL},
		{.structure = "runtime.stack", .name = "hi"},
		{.structure = "runtime.stack", .name = "lo"},
	};
	bool has_debug = false;
	check_no_error(gsd_dwarf_fields(fd, "test", fields, GSD_ARRAY_SIZE(fields), &has_debug));
	assert_true(has_debug);
	check_field(&fields[0], 104, 8);
	check_field(&fields[1], 0, 16);
	check_field(&fields[2], 48, 8);
	check_field(&fields[3], 56, 8);
	check_field(&fields[4], 100, 4);
	check_field(&fields[5], 0, 440);
	check_field(&fields[6], 8, 8);
	check_field(&fields[7], 0, 8);
}

static void fields_are_those_of_the_structs_of_the_unit_runtime(void **state)
{
	(void)state;
	with_every_form(check_fields);
}

static void check_absent_fields(int fd, unsigned version)
{
	(void)version;
	struct gsd_field fields[] = {
		{.structure = "runtime.g", .name = "nonesuch", .offset = 7, .size = 7, .found = true},
		{.structure = "runtime.nonesuch", .name = "goid", .offset = 7, .size = 7, .found = true},
		{.structure = "runtime.nonesuch", .name = NULL, .offset = 7, .size = 7, .found = true},
		{.structure = "runtime.g", .name = "computed"}, /* an offset that is not a constant */
		{.structure = "runtime.g", .name = "endless"},  /* a type without a size */
		{.structure = "runtime.g", .name = "circle"},   /* a typedef of itself */
		{.structure = "runtime.g", .name = "goid"},
	};
	bool has_debug = false;
	check_no_error(gsd_dwarf_fields(fd, "test", fields, GSD_ARRAY_SIZE(fields), &has_debug));
	assert_true(has_debug);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields) - 1; i++) {
		assert_false(fields[i].found);
		assert_int_equal(fields[i].offset, 0);
		assert_int_equal(fields[i].size, 0);
	}
	check_field(&fields[GSD_ARRAY_SIZE(fields) - 1], 104, 8);
}

static void what_is_not_known_is_not_found(void **state)
{
	(void)state;
	with_every_form(check_absent_fields);
}

/* ---- variables ---- */

static uint64_t variable_address(int fd, const char *variable)
{
	uint64_t address = 1;
	bool found = false;
	check_no_error(gsd_dwarf_variable(fd, "test", variable, &address, &found));
	assert_true(found || address == 1); /* untouched */
	return found ? address : 0;
}

static void check_variables(int fd, unsigned version)
{
	assert_int_equal(variable_address(fd, "runtime.allgs"), 0x123456789a);
	assert_int_equal(variable_address(fd, "runtime.allglen"), 0x1000);
	assert_int_equal(variable_address(fd, "net/http.DefaultClient"), 0x2000);
	assert_int_equal(variable_address(fd, "runtime.nonesuch"), 0);
	assert_int_equal(variable_address(fd, "runtime.inRegister"), 0);
	assert_int_equal(variable_address(fd, "runtime.g"), 0);
	if (version == 5)
		assert_int_equal(variable_address(fd, "runtime.byIndex"), 0xbbbb);
}

static void variables_have_the_address_of_their_location(void **state)
{
	(void)state;
	with_every_form(check_variables);
}

/* ---- without debug information ---- */

static void a_program_without_debug_information_has_none(void **state)
{
	(void)state;
	const struct elf_part parts[] = {
		{.type = PT_LOAD, .flags = PF_R, .address = 0x400000, .bytes = "code", .length = 4},
		{.name = ".comment", .type = SHT_PROGBITS, .bytes = "x", .length = 1},
		{.name = ".debug_gdb_scripts", .type = SHT_PROGBITS, .bytes = "x", .length = 1}};
	for (size_t count = 1; count <= 3; count++) {
		int fd = elf_file(parts, count);
		struct gsd_field field = {.structure = "runtime.g", .name = "goid"};
		bool has_debug = true;
		check_no_error(gsd_dwarf_fields(fd, "test", &field, 1, &has_debug));
		assert_false(has_debug);
		assert_false(field.found);
		assert_int_equal(variable_address(fd, "runtime.allgs"), 0);
		close(fd);
	}
}

static void what_is_no_file_is_an_error(void **state)
{
	(void)state;
	struct gsd_field field = {.structure = "runtime.g", .name = "goid"};
	bool has_debug = true;
	check_error(gsd_dwarf_fields(-1, "test", &field, 1, &has_debug), GSD_ERROR_IO);
	int fd = file_of("no program", 10);
	check_error(gsd_dwarf_fields(fd, "test", &field, 1, &has_debug), GSD_ERROR_CORRUPT);
	close(fd);
}

/* ---- hostile debug information ---- */

static void a_size_that_is_a_lie_is_corrupt(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {1, 1 << 20, 1 << 30, (1ULL << 30) + 1, UINT64_MAX};
	for (enum storage storage = SHF; storage <= ZDEBUG; storage++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(sizes); i++) {
			struct blob info = debug_info(4);
			struct blob file = build_program(&info, 4, storage);
			const Elf64_Ehdr *header = (const Elf64_Ehdr *)file.bytes;
			const Elf64_Shdr *section = (const Elf64_Shdr *)(file.bytes + header->e_shoff) + 2;
			uint64_t size = storage == SHF ? sizes[i] : __builtin_bswap64(sizes[i]);
			memcpy(file.bytes + section->sh_offset + (storage == SHF ? 8 : 4), &size, sizeof size);
			int fd = file_of(file.bytes, file.length);
			struct gsd_field field = {.structure = "runtime.g", .name = "goid"};
			bool has_debug;
			check_error(gsd_dwarf_fields(fd, "test", &field, 1, &has_debug), GSD_ERROR_CORRUPT);
			assert_false(field.found);
			close(fd);
			blob_free(&file);
			blob_free(&info);
		}
	}
}

static void an_entry_that_refers_back_is_corrupt_and_not_endless(void **state)
{
	(void)state;
	struct blob info = {0};
	uint32_t start = begin_unit(&info, 4, "runtime", DW_LANG_Go);
	uint32_t first = begin_entry(&info, STRUCTURE, "runtime.first");
	blob_uvarint(&info, 8);
	end_children(&info);
	begin_entry(&info, WITH_SIBLING, "runtime.second");
	blob_number(&info, first - start, 4);
	end_children(&info);
	end_unit(&info, start);
	struct blob file = build_program(&info, 4, PLAIN);
	int fd = file_of(file.bytes, file.length);
	struct gsd_field field = {.structure = "runtime.g", .name = "goid"};
	bool has_debug;
	check_error(gsd_dwarf_fields(fd, "test", &field, 1, &has_debug), GSD_ERROR_CORRUPT);
	close(fd);
	blob_free(&file);
	blob_free(&info);
}

/* Asks for fields and a variable of a file that may be damaged in any way: no answer is wrong, a crash or a leak is. */
static void ask_everything(const uint8_t *bytes, size_t length)
{
	int fd = file_of(bytes, length);
	struct gsd_field fields[] = {{.structure = "runtime.g", .name = "goid"},
				     {.structure = "runtime.g", .name = "stack"},
				     {.structure = "runtime.nonesuch", .name = NULL}};
	bool has_debug;
	bool found;
	uint64_t address;
	gsd_error_destroy(gsd_dwarf_fields(fd, "test", fields, GSD_ARRAY_SIZE(fields), &has_debug));
	gsd_error_destroy(gsd_dwarf_variable(fd, "test", "runtime.byIndex", &address, &found));
	close(fd);
}

static void truncated_debug_information_never_crashes(void **state)
{
	(void)state;
	for (unsigned version = 4; version <= 5; version++) {
		struct blob info = debug_info(version);
		for (size_t length = 0; length < info.length; length++) {
			struct blob cut = {.bytes = info.bytes, .length = length};
			struct blob file = build_program(&cut, version, PLAIN);
			ask_everything(file.bytes, file.length);
			blob_free(&file);
		}
		blob_free(&info);
	}
}

static void damaged_debug_information_never_crashes(void **state)
{
	(void)state;
	static const uint8_t values[] = {0, 1, 0x80, 0xff};
	for (unsigned version = 4; version <= 5; version++) {
		for (enum storage storage = PLAIN; storage <= ZDEBUG; storage++) {
			struct blob info = debug_info(version);
			struct blob file = build_program(&info, version, storage);
			for (size_t i = 0; i < file.length; i++) {
				uint8_t before = file.bytes[i];
				for (size_t k = 0; k < GSD_ARRAY_SIZE(values); k++) {
					file.bytes[i] = values[k];
					ask_everything(file.bytes, file.length);
				}
				file.bytes[i] = before;
			}
			blob_free(&file);
			blob_free(&info);
		}
	}
}

/* ---- real programs ---- */

/* What every Go program with debug information must answer; its symbol table, if any, must agree. */
static void check_program(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	struct gsd_elf *elf = NULL;
	struct gsd_error *error = gsd_elf_open(fd, path, &elf);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NOT_GO) {
		gsd_error_destroy(error);
		close(fd);
		return;
	}
	check_no_error(error);
	struct gsd_field fields[] = {
		{.structure = "runtime.g", .name = NULL},     {.structure = "runtime.g", .name = "goid"},
		{.structure = "runtime.g", .name = "stack"},  {.structure = "runtime.g", .name = "sched"},
		{.structure = "runtime.m", .name = "procid"}, {.structure = "runtime.gobuf", .name = "sp"},
		{.structure = "runtime.stack", .name = "hi"}, {.structure = "runtime.g", .name = "atomicstatus"},
	};
	static const uint64_t sizes[] = {0, 8, 16, 0, 8, 8, 8, 4};
	bool has_debug = false;
	check_no_error(gsd_dwarf_fields(fd, path, fields, GSD_ARRAY_SIZE(fields), &has_debug));
	for (size_t i = 0; has_debug && i < GSD_ARRAY_SIZE(fields); i++) {
		if (!fields[i].found || (sizes[i] != 0 && fields[i].size != sizes[i]))
			fail_msg("%s: %s.%s", path, fields[i].structure, fields[i].name);
	}
	uint64_t by_symbol = 0;
	bool has_symbol = false;
	check_no_error(gsd_elf_symbol(elf, "runtime.allgs", &by_symbol, &has_symbol));
	uint64_t by_dwarf = variable_address(fd, "runtime.allgs");
	if (has_debug && by_dwarf == 0)
		fail_msg("%s: runtime.allgs was not found", path);
	if (has_debug && has_symbol && by_dwarf != by_symbol)
		fail_msg("%s: runtime.allgs differs", path);
	gsd_elf_destroy(elf);
	close(fd);
}

static void programs_of_go_answer_as_their_symbols_do(void **state)
{
	(void)state;
	const char *directory = getenv("GSD_FIXTURES");
	if (directory == NULL)
		skip();
	DIR *entries = opendir(directory);
	assert_non_null(entries);
	const struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (entry->d_type == DT_REG)
			check_program(path);
	}
	closedir(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_those_of_the_structs_of_the_unit_runtime),
		cmocka_unit_test(what_is_not_known_is_not_found),
		cmocka_unit_test(variables_have_the_address_of_their_location),
		cmocka_unit_test(a_program_without_debug_information_has_none),
		cmocka_unit_test(what_is_no_file_is_an_error),
		cmocka_unit_test(a_size_that_is_a_lie_is_corrupt),
		cmocka_unit_test(an_entry_that_refers_back_is_corrupt_and_not_endless),
		cmocka_unit_test(truncated_debug_information_never_crashes),
		cmocka_unit_test(damaged_debug_information_never_crashes),
		cmocka_unit_test(programs_of_go_answer_as_their_symbols_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
