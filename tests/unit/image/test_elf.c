/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "image/elf.h"

#include "elf_builder.h"

static const char code[] = "code code code";
static const char data[] = "data";

/* Two segments; the second is longer in memory. */
static const struct elf_part program[] = {
	{.type = PT_LOAD, .flags = PF_R | PF_X, .address = 0x400000, .bytes = code, .length = 14},
	{.type = PT_LOAD, .flags = PF_R | PF_W, .address = 0x500000, .bytes = data, .length = 4, .memory_size = 0x1000},
	{.name = ".text", .type = SHT_PROGBITS, .address = 0x400000, .bytes = code, .length = 14},
	{.name = ".comment", .type = SHT_PROGBITS, .bytes = data, .length = 4},
};
#define PROGRAM_SEGMENTS 2 /* without the sections */

static struct gsd_elf *open_elf(int fd)
{
	struct gsd_elf *elf = NULL;
	check_no_error(gsd_elf_open(fd, "test", &elf));
	return elf;
}

static void segments_are_those_of_the_program_headers(void **state)
{
	(void)state;
	int fd = elf_file(program, GSD_ARRAY_SIZE(program));
	struct gsd_elf *elf = open_elf(fd);
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(elf, &count);
	assert_int_equal(count, 2);
	assert_int_equal(segments[0].address, 0x400000);
	assert_int_equal(segments[0].file_size, 14);
	assert_true(segments[0].readable && segments[0].executable && !segments[0].writable);
	assert_int_equal(segments[1].address, 0x500000);
	assert_int_equal(segments[1].file_size, 4);
	assert_int_equal(segments[1].memory_size, 0x1000);
	assert_true(segments[1].readable && segments[1].writable && !segments[1].executable);
	assert_false(gsd_elf_is_relocatable(elf));
	gsd_elf_destroy(elf);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0); /* still open: it is borrowed */
	close(fd);
}

static void a_section_is_found_when_it_has_an_address(void **state)
{
	(void)state;
	int fd = elf_file(program, GSD_ARRAY_SIZE(program));
	struct gsd_elf *elf = open_elf(fd);
	uint64_t address = 0;
	uint64_t size = 0;
	assert_true(gsd_elf_section(elf, ".text", &address, &size));
	assert_int_equal(address, 0x400000);
	assert_int_equal(size, 14);
	assert_false(gsd_elf_section(elf, ".comment", &address, &size));
	assert_false(gsd_elf_section(elf, ".tex", &address, &size));
	gsd_elf_destroy(elf);
	close(fd);
}

static void a_program_without_section_headers_works(void **state)
{
	(void)state;
	int fd = elf_file(program, PROGRAM_SEGMENTS);
	struct gsd_elf *elf = open_elf(fd);
	size_t count;
	gsd_elf_segments(elf, &count);
	assert_int_equal(count, 2);
	uint64_t value;
	uint64_t size;
	bool found = true;
	assert_false(gsd_elf_section(elf, ".text", &value, &size));
	check_no_error(gsd_elf_symbol(elf, "main", &value, &found));
	assert_false(found);
	assert_string_equal(gsd_elf_build_id(elf), "");
	gsd_elf_destroy(elf);
	close(fd);
}

static void rubbish_for_section_headers_is_no_section_headers(void **state)
{
	(void)state;
	struct blob file = build_elf(program, GSD_ARRAY_SIZE(program));
	Elf64_Ehdr *header = (Elf64_Ehdr *)file.bytes;
	header->e_shoff = UINT64_MAX - 7;
	header->e_shnum = 0xfff0;
	int fd = file_of(file.bytes, file.length);
	struct gsd_elf *elf = open_elf(fd);
	uint64_t address;
	uint64_t size;
	assert_false(gsd_elf_section(elf, ".text", &address, &size));
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&file);
}

static void a_shared_object_is_relocatable(void **state)
{
	(void)state;
	struct blob file = build_elf(program, PROGRAM_SEGMENTS);
	((Elf64_Ehdr *)file.bytes)->e_type = ET_DYN;
	int fd = file_of(file.bytes, file.length);
	struct gsd_elf *elf = open_elf(fd);
	assert_true(gsd_elf_is_relocatable(elf));
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&file);
}

/* ---- memory ---- */

static int read_errnum(struct gsd_elf *elf, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer, .errnum = -1};
	gsd_memory_read_ranges(gsd_elf_memory(elf), &range, 1);
	return range.errnum;
}

static void memory_is_the_file_and_then_zeroes(void **state)
{
	(void)state;
	int fd = elf_file(program, GSD_ARRAY_SIZE(program));
	struct gsd_elf *elf = open_elf(fd);
	char bytes[16];
	assert_int_equal(read_errnum(elf, 0x400005, bytes, 4), 0);
	assert_memory_equal(bytes, "code", 4);
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(read_errnum(elf, 0x500002, bytes, 6), 0);
	assert_memory_equal(bytes, "ta\0\0\0\0xx", 8);
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(read_errnum(elf, 0x500ff8, bytes, 8), 0);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0x", 9);
	gsd_elf_destroy(elf);
	close(fd);
}

static void memory_outside_of_a_segment_is_not_there(void **state)
{
	(void)state;
	int fd = elf_file(program, GSD_ARRAY_SIZE(program));
	struct gsd_elf *elf = open_elf(fd);
	char bytes[32];
	assert_int_equal(read_errnum(elf, 0x3fffff, bytes, 2), EFAULT);
	assert_int_equal(read_errnum(elf, 0x40000d, bytes, 2), EFAULT);
	assert_int_equal(read_errnum(elf, 0x500ff9, bytes, 8), EFAULT);
	assert_int_equal(read_errnum(elf, UINT64_MAX, bytes, 8), EFAULT);
	assert_int_equal(read_errnum(elf, 0, bytes, 8), EFAULT);
	gsd_elf_destroy(elf);
	close(fd);
}

static void one_bad_range_does_not_spoil_the_others(void **state)
{
	(void)state;
	int fd = elf_file(program, GSD_ARRAY_SIZE(program));
	struct gsd_elf *elf = open_elf(fd);
	char first[4];
	char second[4];
	char third[4];
	struct gsd_range ranges[] = {{.address = 0x400000, .length = 4, .buffer = first},
				     {.address = 0x600000, .length = 4, .buffer = second},
				     {.address = 0x500000, .length = 4, .buffer = third}};
	gsd_memory_read_ranges(gsd_elf_memory(elf), ranges, 3);
	assert_int_equal(ranges[0].errnum, 0);
	assert_int_equal(ranges[1].errnum, EFAULT);
	assert_int_equal(ranges[2].errnum, 0);
	assert_memory_equal(third, "data", 4);
	gsd_elf_destroy(elf);
	close(fd);
}

static void a_file_that_shrinks_is_not_readable_any_more(void **state)
{
	(void)state;
	int fd = elf_file(program, PROGRAM_SEGMENTS);
	struct gsd_elf *elf = open_elf(fd);
	assert_int_equal(ftruncate(fd, 100), 0);
	char bytes[4];
	assert_int_equal(read_errnum(elf, 0x500000, bytes, 4), EFAULT);
	gsd_elf_destroy(elf);
	close(fd);
}

/* ---- refusals ---- */

static void expect_refusal(struct blob file, enum gsd_error_code expected)
{
	int fd = file_of(file.bytes, file.length);
	struct gsd_elf *elf = (struct gsd_elf *)&file;
	check_error(gsd_elf_open(fd, "test", &elf), expected);
	assert_ptr_equal(elf, &file); /* untouched */
	close(fd);
	blob_free(&file);
}

static void what_is_no_elf_file_is_not_go(void **state)
{
	(void)state;
	struct blob file = {0};
	expect_refusal(file, GSD_ERROR_NOT_GO);
	blob_string(&file, "#!/bin/sh\necho this is no program\n");
	expect_refusal(file, GSD_ERROR_NOT_GO);
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	struct gsd_elf *elf = NULL;
	check_error(gsd_elf_open(pipes[0], "test", &elf), GSD_ERROR_NOT_GO);
	close(pipes[0]);
	close(pipes[1]);
	check_error(gsd_elf_open(-1, "test", &elf), GSD_ERROR_IO);
}

#define EXPECT_REFUSAL(expected, change)                                                                               \
	do {                                                                                                           \
		struct blob file = build_elf(program, GSD_ARRAY_SIZE(program));                                        \
		Elf64_Ehdr *header = (Elf64_Ehdr *)file.bytes;                                                         \
		Elf64_Phdr *segment = (Elf64_Phdr *)(header + 1);                                                      \
		(void)segment;                                                                                         \
		change;                                                                                                \
		expect_refusal(file, expected);                                                                        \
	} while (0)

static void other_architectures_are_unsupported(void **state)
{
	(void)state;
	EXPECT_REFUSAL(GSD_ERROR_UNSUPPORTED, header->e_ident[EI_CLASS] = ELFCLASS32);
	EXPECT_REFUSAL(GSD_ERROR_UNSUPPORTED, header->e_ident[EI_DATA] = ELFDATA2MSB);
	EXPECT_REFUSAL(GSD_ERROR_UNSUPPORTED, header->e_machine = EM_AARCH64);
}

static void impossible_headers_are_corrupt(void **state)
{
	(void)state;
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, header->e_type = ET_REL);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, header->e_phnum = UINT16_MAX);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, header->e_phentsize = 32);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, header->e_phoff = UINT64_MAX - 10);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, header->e_phoff = file.length - 8);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, segment->p_filesz = segment->p_memsz + 1);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, segment->p_vaddr = UINT64_MAX - 3);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, segment->p_offset = UINT64_MAX - 3);
	EXPECT_REFUSAL(GSD_ERROR_CORRUPT, segment->p_offset = file.length);
}

/* ---- symbols ---- */

static void add_symbol(struct blob *table, uint32_t name, uint16_t section, uint64_t value)
{
	Elf64_Sym symbol = {.st_name = name, .st_shndx = section, .st_value = value};
	blob_add(table, &symbol, sizeof symbol);
}

struct symbols {
	struct blob names;
	struct blob table;
	struct blob dynamic;
};

static struct gsd_elf *open_with_symbols(const struct symbols *symbols, int *fd_ret)
{
	const struct elf_part parts[] = {
		{.name = ".dynsym",
		 .type = SHT_DYNSYM,
		 .link = 3,
		 .bytes = symbols->dynamic.bytes,
		 .length = symbols->dynamic.length},
		{.name = ".symtab",
		 .type = SHT_SYMTAB,
		 .link = 3,
		 .bytes = symbols->table.bytes,
		 .length = symbols->table.length},
		{.name = ".strtab", .type = SHT_STRTAB, .bytes = symbols->names.bytes, .length = symbols->names.length},
	};
	*fd_ret = elf_file(parts, GSD_ARRAY_SIZE(parts));
	return open_elf(*fd_ret);
}

static uint64_t symbol_value(struct gsd_elf *elf, const char *name)
{
	uint64_t value = 0;
	bool found = false;
	check_no_error(gsd_elf_symbol(elf, name, &value, &found));
	return found ? value : 0;
}

static void close_symbols(struct symbols *symbols, struct gsd_elf *elf, int fd)
{
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&symbols->names);
	blob_free(&symbols->table);
	blob_free(&symbols->dynamic);
}

static void symbols_are_found_in_both_tables_and_static_ones_first(void **state)
{
	(void)state;
	struct symbols symbols = {0};
	blob_add(&symbols.names, "\0both\0dynamic\0missing\0prefix.both", 34);
	add_symbol(&symbols.table, 0, 0, 0);
	add_symbol(&symbols.table, 1, 1, 0x10);
	add_symbol(&symbols.table, 14, SHN_UNDEF, 0x20);
	add_symbol(&symbols.dynamic, 1, 1, 0x30);
	add_symbol(&symbols.dynamic, 6, 1, 0x40);
	int fd;
	struct gsd_elf *elf = open_with_symbols(&symbols, &fd);
	assert_int_equal(symbol_value(elf, "both"), 0x10);
	assert_int_equal(symbol_value(elf, "dynamic"), 0x40);
	assert_int_equal(symbol_value(elf, "missing"), 0);     /* undefined */
	assert_int_equal(symbol_value(elf, "prefix.both"), 0); /* a name without a symbol */
	assert_int_equal(symbol_value(elf, "dyn"), 0);
	assert_int_equal(symbol_value(elf, "a name that is longer than all of the string table"), 0);
	close_symbols(&symbols, elf, fd);
}

static void a_symbol_whose_name_is_the_tail_of_another_is_found(void **state)
{
	(void)state;
	struct symbols symbols = {0};
	blob_add(&symbols.names, "\0xx.allgs\0allgs", 16);
	add_symbol(&symbols.table, 1, 1, 0x10);
	add_symbol(&symbols.table, 4, 1, 0x20); /* "allgs", inside the first */
	int fd;
	struct gsd_elf *elf = open_with_symbols(&symbols, &fd);
	assert_int_equal(symbol_value(elf, "allgs"), 0x20);
	close_symbols(&symbols, elf, fd);
}

static void names_and_symbols_on_the_edge_of_a_piece_are_found(void **state)
{
	(void)state;
	for (size_t before = 65536 - 16; before <= 65536 + 2; before++) {
		struct symbols symbols = {0};
		for (size_t i = 0; i < before; i++)
			blob_number(&symbols.names, i % 7 == 0 ? 0 : 'r', 1);
		blob_add(&symbols.names, "\0runtime.allgs", 15);
		for (size_t i = 0; i < before / 16; i++)
			add_symbol(&symbols.table, 0, 1, 1);
		add_symbol(&symbols.table, (uint32_t)before + 1, 1, 0x20);
		int fd;
		struct gsd_elf *elf = open_with_symbols(&symbols, &fd);
		assert_int_equal(symbol_value(elf, "runtime.allgs"), 0x20);
		close_symbols(&symbols, elf, fd);
	}
}

/* ---- build ids ---- */

static const char build_id[] = "\x04\0\0\0\x08\0\0\0\x05\0\0\0GNU\0properti" /* another note before it */
			       "\x04\0\0\0\x05\0\0\0\x03\0\0\0GNU\0\x01\x23\xab\xcd\xef\0\0\0";

static void the_build_id_is_read_from_segments_and_sections(void **state)
{
	(void)state;
	const struct elf_part segment[] = {
		{.type = PT_NOTE, .bytes = build_id, .length = sizeof build_id - 1, .alignment = 4}};
	const struct elf_part section[] = {{.name = ".note.gnu.build-id",
					    .type = SHT_NOTE,
					    .bytes = build_id,
					    .length = sizeof build_id - 1,
					    .alignment = 4}};
	const struct elf_part *const files[] = {segment, section};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(files); i++) {
		int fd = elf_file(files[i], 1);
		struct gsd_elf *elf = open_elf(fd);
		assert_string_equal(gsd_elf_build_id(elf), "0123abcdef");
		gsd_elf_destroy(elf);
		close(fd);
	}
}

static void a_broken_note_is_no_build_id(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof build_id - 1; length++) {
		const struct elf_part segment = {.type = PT_NOTE, .bytes = build_id, .length = length, .alignment = 4};
		int fd = elf_file(&segment, 1);
		struct gsd_elf *elf = open_elf(fd);
		assert_string_equal(gsd_elf_build_id(elf), length >= sizeof build_id - 4 ? "0123abcdef" : "");
		gsd_elf_destroy(elf);
		close(fd);
	}
}

/* ---- hostile files ---- */

/* Asks everything of a file that may be damaged in any way. */
static void ask_everything(const uint8_t *bytes, size_t length)
{
	int fd = file_of(bytes, length);
	struct gsd_elf *elf = NULL;
	struct gsd_error *error = gsd_elf_open(fd, "test", &elf);
	if (error == NULL) {
		uint64_t value;
		uint64_t size;
		bool found;
		char buffer[8];
		struct gsd_buildinfo info;
		gsd_elf_section(elf, ".text", &value, &size);
		gsd_error_destroy(gsd_elf_symbol(elf, "main", &value, &found));
		read_errnum(elf, 0x500000, buffer, sizeof buffer);
		assert_non_null(gsd_elf_build_id(elf));
		error = gsd_elf_buildinfo(elf, gsd_elf_memory(elf), 0, &info);
		if (error == NULL)
			gsd_buildinfo_free(&info);
	}
	gsd_error_destroy(error);
	gsd_elf_destroy(elf);
	close(fd);
}

static struct blob rich_file(void)
{
	static const Elf64_Sym symbols[] = {{0}, {.st_name = 1, .st_shndx = 1, .st_value = 16}};
	const struct elf_part parts[] = {
		program[0],
		program[1],
		{.type = PT_NOTE, .bytes = build_id, .length = sizeof build_id - 1, .alignment = 4},
		program[2],
		{.name = ".note", .type = SHT_NOTE, .bytes = build_id, .length = sizeof build_id - 1},
		{.name = ".symtab", .type = SHT_SYMTAB, .link = 4, .bytes = symbols, .length = sizeof symbols},
		{.name = ".strtab", .type = SHT_STRTAB, .bytes = "\0main", .length = 6},
	};
	return build_elf(parts, GSD_ARRAY_SIZE(parts));
}

static void a_truncated_file_never_crashes(void **state)
{
	(void)state;
	struct blob file = rich_file();
	for (size_t length = 0; length <= file.length; length++)
		ask_everything(file.bytes, length);
	blob_free(&file);
}

static void a_damaged_file_never_crashes(void **state)
{
	(void)state;
	static const uint8_t values[] = {0, 0x80, 0xff};
	struct blob file = rich_file();
	for (size_t i = 0; i < file.length; i++) {
		uint8_t before = file.bytes[i];
		for (size_t k = 0; k < GSD_ARRAY_SIZE(values); k++) {
			file.bytes[i] = values[k];
			ask_everything(file.bytes, file.length);
		}
		file.bytes[i] = before;
	}
	blob_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_those_of_the_program_headers),
		cmocka_unit_test(a_section_is_found_when_it_has_an_address),
		cmocka_unit_test(a_program_without_section_headers_works),
		cmocka_unit_test(rubbish_for_section_headers_is_no_section_headers),
		cmocka_unit_test(a_shared_object_is_relocatable),
		cmocka_unit_test(memory_is_the_file_and_then_zeroes),
		cmocka_unit_test(memory_outside_of_a_segment_is_not_there),
		cmocka_unit_test(one_bad_range_does_not_spoil_the_others),
		cmocka_unit_test(a_file_that_shrinks_is_not_readable_any_more),
		cmocka_unit_test(what_is_no_elf_file_is_not_go),
		cmocka_unit_test(other_architectures_are_unsupported),
		cmocka_unit_test(impossible_headers_are_corrupt),
		cmocka_unit_test(symbols_are_found_in_both_tables_and_static_ones_first),
		cmocka_unit_test(a_symbol_whose_name_is_the_tail_of_another_is_found),
		cmocka_unit_test(names_and_symbols_on_the_edge_of_a_piece_are_found),
		cmocka_unit_test(the_build_id_is_read_from_segments_and_sections),
		cmocka_unit_test(a_broken_note_is_no_build_id),
		cmocka_unit_test(a_truncated_file_never_crashes),
		cmocka_unit_test(a_damaged_file_never_crashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
