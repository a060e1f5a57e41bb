/* SPDX-License-Identifier: BSD-3-Clause */
#include "../support/check.h"

#include "target/core.h"

#include "core_builder.h"

static const char page[16] = "0123456789abcdef";

static struct gsd_core *read_core(const struct core_bytes *bytes)
{
	struct gsd_core *core = NULL;
	assert_success(gsd_core_read(core_file(bytes), "c", &core));
	return core;
}

static void refused(const struct core_bytes *bytes, enum gsd_error_code code, const char *words)
{
	struct gsd_core *core = NULL;
	assert_failure(gsd_core_read(core_file(bytes), "c", &core), code, words);
	assert_null(core);
}

static void assert_segment(const struct gsd_core *core, size_t i, uint64_t start, uint64_t end, uint64_t length)
{
	assert_true(i < core->segments.count);
	assert_u64(core->segments.items[i].start, start);
	assert_u64(core->segments.items[i].end, end);
	assert_u64(core->segments.items[i].length, length);
}

static void segments_say_what_was_mapped_and_what_of_it_is_there(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x20000, 0x2000, 16, PF_R | PF_W, page, 0},
					  {0x10000, 0x1000, 0, PF_R | PF_X, NULL, 0},
					  {0x30000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 3, NULL);
	struct gsd_core *core = read_core(&bytes);
	assert_int_equal(core->segments.count, 3);
	assert_segment(core, 0, 0x10000, 0x11000, 0);
	assert_segment(core, 1, 0x20000, 0x22000, 16);
	assert_segment(core, 2, 0x30000, 0x30010, 16);
	assert_true(core->segments.items[0].executable && !core->segments.items[0].writable);
	assert_true(core->segments.items[1].writable && core->segments.items[1].readable);
	assert_u64(core->segments.items[2].offset, bytes.length - 16);
	assert_u64(core->cut_bytes, 0);
	assert_string_equal(core->name, "core c");
	assert_int_equal(core->threads.count, 0);
	gsd_core_destroy(core);
	free(bytes.bytes);
}

static void a_core_that_is_cut_short_says_how_much_is_missing(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}, {0x20000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 2, NULL);
	size_t whole = bytes.length;
	for (size_t cut = 0; cut <= whole; cut++) {
		bytes.length = whole - cut;
		if (cut > 32) {
			struct gsd_core *core = NULL;
			struct gsd_error *error = gsd_core_read(core_file(&bytes), "c", &core);
			assert_true(gsd_error_code(error) ==
				    (bytes.length < SELFMAG ? GSD_ERROR_INVALID : GSD_ERROR_CORRUPT));
			gsd_error_destroy(error);
			continue;
		}
		struct gsd_core *core = read_core(&bytes);
		assert_u64(core->cut_bytes, cut);
		assert_segment(core, 0, 0x10000, 0x10010, cut > 16 ? 32 - cut : 16);
		assert_segment(core, 1, 0x20000, 0x20010, cut > 16 ? 0 : 16 - cut);
		gsd_core_destroy(core);
	}
	free(bytes.bytes);
}

static void segments_that_overlap_come_out_disjoint(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 0x2000, 16, PF_R, page, 0},
					  {0x11000, 0x3000, 0x1800, PF_R, NULL, 64},
					  {0x11800, 0x100, 16, PF_R, page, 0},
					  {0x10000, 0x1000, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 4, NULL);
	struct gsd_core *core = read_core(&bytes);
	for (size_t i = 1; i < core->segments.count; i++)
		assert_true(core->segments.items[i - 1].end <= core->segments.items[i].start);
	assert_segment(core, core->segments.count - 1, 0x12000, 0x14000, 0);
	gsd_core_destroy(core);
	free(bytes.bytes);
}

static void numbers_beyond_the_file_and_the_address_space_are_harmless(void **state)
{
	(void)state;
	const uint64_t numbers[] = {0, 1, 0x1000, (uint64_t)1 << 62, (uint64_t)1 << 63, UINT64_MAX - 1, UINT64_MAX};
	for (size_t a = 0; a < GSD_ARRAY_SIZE(numbers); a++)
		for (size_t m = 0; m < GSD_ARRAY_SIZE(numbers); m++)
			for (size_t f = 0; f < GSD_ARRAY_SIZE(numbers); f++)
				for (size_t o = 0; o < GSD_ARRAY_SIZE(numbers); o++) {
					const struct core_part parts[] = {
						{numbers[a], numbers[m], numbers[f], PF_R, NULL, numbers[o]},
						{0x10000, 16, 16, PF_R, NULL, 64}};
					struct core_bytes bytes = core_build(parts, 2, NULL);
					struct gsd_core *core = NULL;
					struct gsd_error *error = gsd_core_read(core_file(&bytes), "c", &core);
					uint64_t size = numbers[m] > numbers[f] ? numbers[m] : numbers[f];
					assert_int_equal(error == NULL, numbers[a] <= UINT64_MAX - size);
					for (size_t i = 0; core != NULL && i < core->segments.count; i++)
						assert_true(core->segments.items[i].offset +
									    core->segments.items[i].length <=
								    core->size ||
							    core->segments.items[i].length == 0);
					gsd_error_destroy(error);
					gsd_core_destroy(core);
					free(bytes.bytes);
				}
}

static void notes_say_threads_process_files_and_auxiliary_vector(void **state)
{
	(void)state;
	struct core_bytes notes = {0};
	struct elf_prpsinfo info = {.pr_pid = 4242, .pr_fname = "server-of-names"};
	const uint64_t auxv[] = {AT_PHDR,  0x400040, AT_SYSINFO_EHDR, 0x7000, AT_EXECFN, 0x8000,
				 AT_PHNUM, 7,        AT_NULL,         0,      AT_PHDR,   1};
	core_note_thread(&notes, "CORE", 4242, 0x401000, 0x7f00);
	core_note(&notes, "CORE", NT_PRPSINFO, &info, sizeof info);
	core_note(&notes, "LINUX", NT_PRPSINFO, "another kind", 12); /* types of other names are other types */
	core_note(&notes, "CORE", NT_AUXV, auxv, sizeof auxv);
	core_note_file(&notes, 0x400000, 0x402000, 3, 0x1000, "/srv/server (deleted)");
	core_note_thread(&notes, "CORE", 4243, 0x401001, 0x7e00);
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 1, &notes);
	struct gsd_core *core = read_core(&bytes);
	assert_false(core->notes_cut);
	assert_int_equal(core->pid, 4242);
	assert_string_equal(core->comm, "server-of-names");
	assert_u64(core->program_headers, 0x400040);
	assert_u64(core->program_header_count, 7);
	assert_u64(core->vdso, 0x7000);
	assert_u64(core->exec_name, 0x8000);
	assert_int_equal(core->threads.count, 2);
	assert_int_equal(core->threads.items[1].tid, 4243);
	assert_u64(core->threads.items[1].tid_inside, 4243);
	assert_int_equal(core->threads.items[1].state, GSD_THREAD_STOPPED);
	assert_u64(core->threads.items[1].registers.pc, 0x401001);
	assert_u64(core->threads.items[1].registers.sp, 0x7e00);
	assert_u64(core->threads.items[1].registers.bp, 0x7e08);
	assert_u64(core->threads.items[1].registers.ax, 1);
	assert_u64(core->threads.items[1].registers.r8_15[0], 8);
	assert_u64(core->threads.items[1].registers.r8_15[7], 15);
	assert_int_equal(core->files.count, 1);
	assert_u64(core->files.items[0].offset, 0x3000);
	assert_string_equal(core->files.items[0].path, "/srv/server");
	assert_true(core->files.items[0].deleted);
	gsd_core_destroy(core);
	free(bytes.bytes);
	free(notes.bytes);
}

static void delve_s_notes_have_no_names_and_its_own_threads_fewer_registers(void **state)
{
	(void)state;
	struct core_bytes notes = {0};
	const char header[] = "linux/amd64\nVersion: 1.27\nTarget Pid: 77\nEntry Point: 0x46\n";
	const uint64_t thread[] = {78, 0x401002, 0x7d00, 0x7d08, 0};
	core_add(&notes, (const uint32_t[]){12, sizeof header - 1, 0x444C5645}, 12);
	core_add(&notes, "Delve Header", 12);
	core_add(&notes, header, sizeof header - 1);
	core_add(&notes, "\0\0\0", -notes.length & 3);
	core_note_thread(&notes, "", 77, 0x401000, 0x7f00);
	core_note(&notes, "", 0x444C5654, thread, sizeof thread);
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 1, &notes);
	struct gsd_core *core = read_core(&bytes);
	assert_false(core->notes_cut);
	assert_int_equal(core->pid, 77);
	assert_int_equal(core->threads.count, 2);
	assert_u64(core->threads.items[0].registers.pc, 0x401000);
	assert_int_equal(core->threads.items[1].tid, 78);
	assert_u64(core->threads.items[1].registers.pc, 0x401002);
	assert_u64(core->threads.items[1].registers.bp, 0x7d08);
	gsd_core_destroy(core);
	free(bytes.bytes);
	free(notes.bytes);
}

/* Every prefix of good notes, and each of their bytes changed: nothing is read beyond them. */
static void damaged_notes_are_left_out_and_noted(void **state)
{
	(void)state;
	struct core_bytes notes = {0};
	struct elf_prpsinfo info = {.pr_pid = 1};
	core_note_file(&notes, 0x400000, 0x402000, 0, 0x1000, "/srv/server");
	core_note(&notes, "CORE", NT_PRPSINFO, &info, sizeof info);
	core_note_thread(&notes, "CORE", 1, 0x401000, 0x7f00);
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	size_t whole = notes.length;
	for (notes.length = 0; notes.length <= whole; notes.length++) {
		struct core_bytes bytes = core_build(parts, 1, &notes);
		struct gsd_core *core = read_core(&bytes);
		assert_int_equal(core->threads.count, notes.length == whole ? 1 : 0);
		gsd_core_destroy(core);
		free(bytes.bytes);
	}
	notes.length = whole;
	for (size_t i = 0; i < whole; i++) {
		notes.bytes[i] ^= 0xff;
		struct core_bytes bytes = core_build(parts, 1, &notes);
		struct gsd_core *core = read_core(&bytes);
		gsd_core_destroy(core);
		free(bytes.bytes);
		notes.bytes[i] ^= 0xff;
	}
	struct core_bytes lies = {0};
	core_note_file(&lies, 0x5000, 0x4000, 0, 0x1000, "/backwards");
	core_note_file(&lies, 0x4000, 0x5000, (uint64_t)1 << 60, 0x1000, "/beyond");
	core_note(&lies, "CORE", NT_FILE, (const uint64_t[]){(uint64_t)1 << 61, 1}, 16);
	struct core_bytes bytes = core_build(parts, 1, &lies);
	struct gsd_core *core = read_core(&bytes);
	assert_true(core->notes_cut);
	assert_int_equal(core->files.count, 0);
	gsd_core_destroy(core);
	free(bytes.bytes);
	free(lies.bytes);
	free(notes.bytes);
}

static void what_is_no_core_is_refused_by_what_it_is(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 1, NULL);
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes.bytes;
	const Elf64_Ehdr good = *header;
	header->e_type = ET_EXEC;
	refused(&bytes, GSD_ERROR_INVALID, "it is a program or library, not a core");
	*header = good;
	header->e_type = ET_REL;
	refused(&bytes, GSD_ERROR_INVALID, "no core");
	*header = good;
	header->e_machine = EM_AARCH64;
	refused(&bytes, GSD_ERROR_UNSUPPORTED, "it is of arm64, and only 64-bit x86-64 is supported");
	*header = good;
	header->e_machine = EM_386;
	header->e_ident[EI_CLASS] = ELFCLASS32;
	refused(&bytes, GSD_ERROR_UNSUPPORTED, "it is of 32-bit x86");
	*header = good;
	header->e_ident[EI_DATA] = ELFDATA2MSB;
	refused(&bytes, GSD_ERROR_UNSUPPORTED, "a big-endian machine");
	*header = good;
	header->e_phnum = 0;
	refused(&bytes, GSD_ERROR_CORRUPT, "it has no program headers");
	*header = good;
	header->e_phentsize = 32;
	refused(&bytes, GSD_ERROR_CORRUPT, "a wrong size");
	*header = good;
	header->e_phnum = 1;
	refused(&bytes, GSD_ERROR_CORRUPT, "it has no memory of a process in it");
	*header = good;
	header->e_phoff = UINT64_MAX - 8;
	refused(&bytes, GSD_ERROR_CORRUPT, "where its program headers should be, is missing");
	free(bytes.bytes);
	struct core_bytes other = {.bytes = (uint8_t *)"text", .length = 4};
	refused(&other, GSD_ERROR_INVALID, "no ELF file");
	other.bytes = (uint8_t *)"\x28\xb5\x2f\xfd....";
	other.length = 8;
	refused(&other, GSD_ERROR_INVALID, "compressed by zstd");
	other.bytes = (uint8_t *)"BZh91AY&";
	refused(&other, GSD_ERROR_INVALID, "compressed by bzip2");
	other.bytes = (uint8_t *)"\x89GSD\r\n\x1a\n";
	refused(&other, GSD_ERROR_INVALID, "it is a capture, not a core");
	other.length = 0;
	refused(&other, GSD_ERROR_INVALID, "it is empty");
	struct gsd_core *core = NULL;
	assert_failure(gsd_core_open("/dev/null", &core), GSD_ERROR_INVALID, "not a regular file");
	assert_failure(gsd_core_open("/", &core), GSD_ERROR_INVALID, "it is a directory");
	assert_failure(gsd_core_open("/nowhere/core", &core), GSD_ERROR_IO, "No such file");
}

/* gcore writes its notes behind all memory. */
static void a_core_whose_notes_were_cut_off_still_has_its_memory(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	struct core_bytes notes = {0};
	core_note_thread(&notes, "CORE", 7, 0x1000, 0x2000);
	struct core_bytes bytes = core_build(parts, 1, &notes);
	Elf64_Phdr *header = (Elf64_Phdr *)(bytes.bytes + ((Elf64_Ehdr *)bytes.bytes)->e_phoff);
	assert_int_equal(header->p_type, PT_NOTE);
	for (uint64_t beyond = 0; beyond < 2; beyond++) {
		header->p_offset = bytes.length + beyond;
		struct gsd_core *core = read_core(&bytes);
		assert_true(core->notes_cut);
		assert_u64(core->cut_bytes, notes.length);
		assert_int_equal(core->threads.count, 0);
		assert_segment(core, 0, 0x10000, 0x10010, 16);
		gsd_core_destroy(core);
	}
	free(bytes.bytes);
	free(notes.bytes);
}

/* What gdb leaves behind when it is killed or its disk is full: program headers, memory, no ELF header and no notes. */
static struct core_bytes unfinished_core(void)
{
	const Elf64_Ehdr none = {0};
	const size_t begin = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
	const Elf64_Phdr headers[] = {
		{.p_type = PT_NOTE, .p_flags = PF_R, .p_offset = begin + 32, .p_filesz = 100, .p_align = 1},
		{.p_type = PT_LOAD,
		 .p_flags = PF_R,
		 .p_offset = begin,
		 .p_vaddr = 0x10000,
		 .p_filesz = 16,
		 .p_memsz = 16},
		{.p_type = PT_LOAD,
		 .p_flags = PF_W,
		 .p_offset = begin + 16,
		 .p_vaddr = 0x20000,
		 .p_filesz = 16,
		 .p_memsz = 16}};
	struct core_bytes bytes = {0};
	core_add(&bytes, &none, sizeof none);
	core_add(&bytes, headers, sizeof headers);
	core_add(&bytes, page, sizeof page);
	core_add(&bytes, page, sizeof page);
	return bytes;
}

static void a_core_that_gdb_did_not_finish_has_the_memory_that_it_wrote(void **state)
{
	(void)state;
	struct core_bytes bytes = unfinished_core();
	size_t whole = bytes.length;
	for (; bytes.length > whole - 32; bytes.length--) {
		size_t cut = whole - bytes.length;
		struct gsd_core *core = read_core(&bytes);
		assert_int_equal(core->unfinished_headers, 3);
		assert_u64(core->cut_bytes, 100 + cut);
		assert_int_equal(core->segments.count, 2);
		assert_segment(core, 0, 0x10000, 0x10010, cut > 16 ? 32 - cut : 16);
		assert_segment(core, 1, 0x20000, 0x20010, cut > 16 ? 0 : 16 - cut);
		assert_true(core->segments.items[1].writable && !core->segments.items[0].writable);
		gsd_core_destroy(core);
	}
	for (; bytes.length > 0; bytes.length--) {
		struct gsd_core *core = NULL;
		struct gsd_error *error = gsd_core_read(core_file(&bytes), "c", &core);
		assert_true(error != NULL || core->segments.items[0].length == 0);
		gsd_error_destroy(error);
		gsd_core_destroy(core);
	}
	free(bytes.bytes);
}

static void zeros_are_no_core(void **state)
{
	(void)state;
	struct core_bytes bytes = unfinished_core();
	Elf64_Phdr *headers = (Elf64_Phdr *)(bytes.bytes + sizeof(Elf64_Ehdr));
	const uint64_t offsets[] = {0, 1, 64, 64 + 56, 64 + 2 * 56 - 1, 64 + 3 * 56 + 1, UINT64_MAX, UINT64_MAX - 55};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(offsets); i++) {
		headers[1].p_offset = offsets[i];
		refused(&bytes, GSD_ERROR_INVALID, "no ELF file");
	}
	memset(bytes.bytes, 0, bytes.length);
	refused(&bytes, GSD_ERROR_INVALID, "no ELF file");
	free(bytes.bytes);
}

/* delve writes its program headers last. */
static void of_program_headers_at_the_end_those_count_that_are_there(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}, {0x20000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 2, NULL);
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes.bytes;
	const size_t table = 2 * sizeof(Elf64_Phdr);
	uint8_t headers[2 * sizeof(Elf64_Phdr)];
	memcpy(headers, bytes.bytes + header->e_phoff + sizeof(Elf64_Phdr), table); /* without that of its notes */
	header->e_phoff = bytes.length;
	header->e_phnum = 2;
	core_add(&bytes, headers, table);
	for (size_t cut = 0; cut < table; cut++, bytes.length--) {
		if (cut > sizeof(Elf64_Phdr)) {
			refused(&bytes, GSD_ERROR_CORRUPT, "program headers should be, is missing");
			continue;
		}
		struct gsd_core *core = read_core(&bytes);
		assert_int_equal(core->segments.count, cut == 0 ? 2 : 1);
		assert_u64(core->cut_bytes, cut == 0 ? 0 : sizeof(Elf64_Phdr));
		assert_int_equal(core->notes_cut, cut > 0);
		assert_segment(core, 0, 0x10000, 0x10010, 16);
		gsd_core_destroy(core);
	}
	((Elf64_Ehdr *)bytes.bytes)->e_phnum = 0;
	refused(&bytes, GSD_ERROR_CORRUPT, "no program headers");
	free(bytes.bytes);
}

static void more_headers_than_the_header_can_count_are_counted_in_the_first_section(void **state)
{
	(void)state;
	const struct core_part parts[] = {{0x10000, 16, 16, PF_R, page, 0}};
	struct core_bytes bytes = core_build(parts, 1, NULL);
	const Elf64_Shdr section = {.sh_info = 2};
	uint64_t place = bytes.length;
	core_add(&bytes, &section, sizeof section);
	((Elf64_Ehdr *)bytes.bytes)->e_phnum = PN_XNUM;
	((Elf64_Ehdr *)bytes.bytes)->e_shoff = place;
	struct gsd_core *core = read_core(&bytes);
	assert_segment(core, 0, 0x10000, 0x10010, 16);
	gsd_core_destroy(core);
	((Elf64_Shdr *)(bytes.bytes + place))->sh_info = UINT32_MAX;
	refused(&bytes, GSD_ERROR_CORRUPT, "more program headers than a process can have mappings");
	((Elf64_Ehdr *)bytes.bytes)->e_shoff = UINT64_MAX;
	refused(&bytes, GSD_ERROR_CORRUPT, "it is cut short");
	free(bytes.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_say_what_was_mapped_and_what_of_it_is_there),
		cmocka_unit_test(a_core_that_is_cut_short_says_how_much_is_missing),
		cmocka_unit_test(segments_that_overlap_come_out_disjoint),
		cmocka_unit_test(numbers_beyond_the_file_and_the_address_space_are_harmless),
		cmocka_unit_test(notes_say_threads_process_files_and_auxiliary_vector),
		cmocka_unit_test(delve_s_notes_have_no_names_and_its_own_threads_fewer_registers),
		cmocka_unit_test(damaged_notes_are_left_out_and_noted),
		cmocka_unit_test(what_is_no_core_is_refused_by_what_it_is),
		cmocka_unit_test(a_core_whose_notes_were_cut_off_still_has_its_memory),
		cmocka_unit_test(a_core_that_gdb_did_not_finish_has_the_memory_that_it_wrote),
		cmocka_unit_test(zeros_are_no_core),
		cmocka_unit_test(of_program_headers_at_the_end_those_count_that_are_there),
		cmocka_unit_test(more_headers_than_the_header_can_count_are_counted_in_the_first_section),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
