/* SPDX-License-Identifier: BSD-3-Clause */
#include "../support/check.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/binaries.h"

#include "elf_builder.h"

/* A directory of files, gone after the test. */
static char root[64];

static char *place(const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *chosen = path[next++ % 4];
	snprintf(chosen, sizeof path[0], "%s/%s", root, name);
	return chosen;
}

static void put_note(struct blob *notes, const char *name, uint32_t type, const char *value, uint32_t length)
{
	blob_number(notes, 4, 4);
	blob_number(notes, length, 4);
	blob_number(notes, type, 4);
	blob_add(notes, name, 4);
	blob_add(notes, value, length);
	while (notes->length % 4 != 0)
		blob_number(notes, 0, 1);
}

/* A program with these build ids (NULL: without); @p section_type: of its code. */
static void put_program(const char *name, const char *gnu, const char *go, uint32_t section_type)
{
	struct blob notes = {0};
	if (gnu != NULL)
		put_note(&notes, "GNU", NT_GNU_BUILD_ID, gnu, (uint32_t)strlen(gnu));
	if (go != NULL)
		put_note(&notes, "Go\0", 4, go, (uint32_t)strlen(go));
	const struct elf_part parts[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .address = 0x400000, .bytes = "code", .length = 4},
		{.type = PT_NOTE, .bytes = notes.bytes, .length = notes.length, .alignment = 4},
		{.name = ".text",
		 .type = section_type,
		 .flags = SHF_ALLOC | SHF_EXECINSTR,
		 .address = 0x400000,
		 .bytes = "code",
		 .length = 4},
	};
	struct blob file = build_elf(parts, 3);
	int fd = open(place(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.bytes, file.length), (ssize_t)file.length);
	close(fd);
	blob_free(&file);
	blob_free(&notes);
}

static void put_directory(const char *name)
{
	assert_int_equal(mkdir(place(name), 0700), 0);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/gsd-binaries.XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", root);
	return system(command);
}

static struct gsd_binaries *given(const char *first, const char *second)
{
	const char *const paths[] = {first, second};
	struct gsd_binaries *binaries = NULL;
	assert_success(gsd_binaries_create(paths, first == NULL ? 0 : second == NULL ? 1 : 2, &binaries));
	return binaries;
}

/* Looks for a file; the inode of what was found is that of @p name. */
static void finds(struct gsd_binaries *binaries, const struct gsd_wanted_binary *wanted, const char *name,
		  bool verified)
{
	struct gsd_found_binary found;
	struct stat actual;
	struct stat expected;
	assert_success(gsd_binaries_open(binaries, wanted, &found));
	assert_int_equal(fstat(found.fd, &actual), 0);
	assert_int_equal(stat(place(name), &expected), 0);
	assert_int_equal(actual.st_ino, expected.st_ino);
	assert_int_equal(found.verified, verified);
	close(found.fd);
}

static void misses(struct gsd_binaries *binaries, const struct gsd_wanted_binary *wanted, const char *words)
{
	struct gsd_found_binary found = {.fd = 4711};
	assert_failure(gsd_binaries_open(binaries, wanted, &found), GSD_ERROR_MISSING, words);
	assert_int_equal(found.fd, 4711);
}

static void a_file_that_was_given_is_found_by_gnu_s_build_id_whatever_its_name(void **state)
{
	(void)state;
	put_program("renamed", "\x01\xab", "go/one", SHT_PROGBITS);
	put_program("other", "\x01\xac", "go/one", SHT_PROGBITS);
	struct gsd_binaries *binaries = given(place("other"), place("renamed"));
	struct gsd_wanted_binary wanted = {.path = "/nowhere/server", .ids = {.gnu = "01ab"}};
	finds(binaries, &wanted, "renamed", true);
	strcpy(wanted.ids.gnu, "01ad");
	strcpy(wanted.ids.go, "go/one"); /* GNU's decides */
	misses(binaries, &wanted,
	       "find the library /nowhere/server (build id 01ad): none of the 2 files given is it; it is not at its "
	       "path here");
	gsd_binaries_destroy(binaries);
}

static void without_gnu_s_build_id_go_s_decides(void **state)
{
	(void)state;
	put_program("server", NULL, "go/two", SHT_PROGBITS);
	struct gsd_binaries *binaries = given(place("server"), NULL);
	struct gsd_wanted_binary wanted = {.path = "", .program = true, .ids = {.go = "go/two"}};
	finds(binaries, &wanted, "server", true);
	strcpy(wanted.ids.go, "go/three");
	misses(binaries, &wanted, "find the program of unknown name (Go build id go/three): none of the 1 file given");
	gsd_binaries_destroy(binaries);
}

static void a_directory_is_searched_by_build_id(void **state)
{
	(void)state;
	put_directory("store");
	put_directory("store/deep");
	put_directory("store/deep/.build-id");
	put_program("elsewhere", "\x02\xab", NULL, SHT_PROGBITS);
	put_program("store/debug", "\x02\xab", NULL, SHT_NOBITS); /* the same build id, without code */
	put_program("store/other", "\x02\xac", NULL, SHT_PROGBITS);
	assert_int_equal(symlink(place("elsewhere"), place("store/deep/.build-id/link")), 0);
	assert_int_equal(symlink("..", place("store/deep/loop")), 0);
	assert_int_equal(mkfifo(place("store/pipe"), 0600), 0);
	struct gsd_binaries *binaries = given(place("store"), NULL);
	struct gsd_wanted_binary wanted = {.path = "/nowhere/server", .ids = {.gnu = "02ab"}};
	finds(binaries, &wanted, "elsewhere", true);
	strcpy(wanted.ids.gnu, "02ff");
	misses(binaries, &wanted, "none of the 2 programs and libraries in /tmp/");
	gsd_binaries_destroy(binaries);
}

static void the_file_at_its_path_counts_unless_it_is_another_one(void **state)
{
	(void)state;
	put_program("server", "\x03\xab", NULL, SHT_PROGBITS);
	struct gsd_binaries *binaries = given(NULL, NULL);
	struct gsd_wanted_binary wanted = {.path = place("server"), .ids = {.gnu = "03ab"}};
	finds(binaries, &wanted, "server", true);
	strcpy(wanted.ids.gnu, "03ac");
	misses(binaries, &wanted, "the file that is at its path here is another one");
	wanted.ids.gnu[0] = '\0'; /* nothing speaks against it, and nothing but its name for it */
	finds(binaries, &wanted, "server", false);
	wanted.path = "server";
	wanted.why_no_build_id = "it is not in the core";
	misses(binaries, &wanted, "build id unknown: it is not in the core");
	gsd_binaries_destroy(binaries);
}

static void without_a_known_build_id_a_given_file_counts_by_its_name(void **state)
{
	(void)state;
	put_program("server", "\x04\xab", NULL, SHT_PROGBITS);
	put_program("plugin.so", "\x04\xac", NULL, SHT_PROGBITS);
	struct gsd_binaries *both = given(place("server"), place("plugin.so"));
	struct gsd_wanted_binary wanted = {.path = "/nowhere/plugin.so", .why_no_build_id = ""};
	finds(both, &wanted, "plugin.so", false);
	wanted.path = "/nowhere/renamed";
	wanted.program = true;
	misses(both, &wanted, "it is not at its path here");
	struct gsd_binaries *one = given(place("server"), NULL);
	finds(one, &wanted, "server", false);
	wanted.program = false;
	misses(one, &wanted, "it is not at its path here");
	gsd_binaries_destroy(one);
	gsd_binaries_destroy(both);
}

static void what_is_given_must_be_a_program_or_a_directory(void **state)
{
	(void)state;
	struct gsd_binaries *binaries = NULL;
	const char *path = place("nothing");
	assert_failure(gsd_binaries_create(&path, 1, &binaries), GSD_ERROR_IO, "nothing: No such file");
	path = place("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_failure(gsd_binaries_create(&path, 1, &binaries), GSD_ERROR_IO, "neither a regular file");
	int fd = open(path = place("text"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	assert_failure(gsd_binaries_create(&path, 1, &binaries), GSD_ERROR_INVALID, "no ELF file");
	put_program("debug", "\x01", NULL, SHT_NOBITS);
	path = place("debug");
	assert_failure(gsd_binaries_create(&path, 1, &binaries), GSD_ERROR_UNSUPPORTED, "only the debug information");
	assert_null(binaries);
}

static void what_was_not_looked_at_is_not_said_to_lack_it(void **state)
{
	(void)state;
	struct gsd_binaries *binaries = NULL;
	const char *path = root;
	struct gsd_found_binary found;
	struct gsd_wanted_binary wanted = {.path = "/nowhere", .program = true, .why_no_build_id = "it has none"};
	assert_null(gsd_binaries_create(&path, 1, &binaries));
	assert_failure(gsd_binaries_open(binaries, &wanted, &found), GSD_ERROR_MISSING,
		       ": not searched, as there is no build id to search for; it is not at its path here");
	wanted.path = "/";
	assert_failure(gsd_binaries_open(binaries, &wanted, &found), GSD_ERROR_MISSING,
		       "what is at its path here is no regular file");
	gsd_binaries_destroy(binaries);
}

/* The first page of a file in memory, with its notes. */
static void build_ids_are_read_from_the_first_page_in_memory(void **state)
{
	(void)state;
	struct blob notes = {0};
	put_note(&notes, "Go\0", 4, "go/four", 7);
	put_note(&notes, "GNU", NT_GNU_BUILD_ID, "\x05\xab", 2);
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr headers[2];
		uint8_t notes[256];
	} page = {.header = {.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2, .e_phoff = sizeof(Elf64_Ehdr)}};
	memcpy(page.header.e_ident, ELFMAG, SELFMAG);
	uint64_t place_of_notes = offsetof(__typeof__(page), notes);
	page.headers[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_vaddr = 0x10000 + place_of_notes, .p_filesz = notes.length, .p_align = 4};
	page.headers[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x10000};
	memcpy(page.notes, notes.bytes, notes.length);
	const struct gsd_segment segments[] = {{0x7f0000, sizeof page, &page}};
	struct gsd_segment_memory memory;
	struct gsd_build_ids ids;
	gsd_segment_memory_init(&memory, segments, 1);
	gsd_build_ids_in_memory(&memory.memory, 0x7f0000, &ids);
	assert_string_equal(ids.gnu, "05ab");
	assert_string_equal(ids.go, "go/four");
	/* whatever the numbers in it are: no more than the page is read */
	for (size_t i = 0; i < sizeof page.header + sizeof page.headers; i++) {
		((uint8_t *)&page)[i] ^= 0xff;
		gsd_build_ids_in_memory(&memory.memory, 0x7f0000, &ids);
		((uint8_t *)&page)[i] ^= 0xff;
	}
	page.headers[0].p_filesz = UINT64_MAX;
	gsd_build_ids_in_memory(&memory.memory, 0x7f0000, &ids);
	assert_string_equal(ids.gnu, "");
	assert_string_equal(ids.go, "");
	gsd_build_ids_in_memory(&memory.memory, 0x800000, &ids);
	assert_string_equal(ids.gnu, "");
	blob_free(&notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_that_was_given_is_found_by_gnu_s_build_id_whatever_its_name,
						make_root, remove_root),
		cmocka_unit_test_setup_teardown(without_gnu_s_build_id_go_s_decides, make_root, remove_root),
		cmocka_unit_test_setup_teardown(a_directory_is_searched_by_build_id, make_root, remove_root),
		cmocka_unit_test_setup_teardown(the_file_at_its_path_counts_unless_it_is_another_one, make_root,
						remove_root),
		cmocka_unit_test_setup_teardown(without_a_known_build_id_a_given_file_counts_by_its_name, make_root,
						remove_root),
		cmocka_unit_test_setup_teardown(what_is_given_must_be_a_program_or_a_directory, make_root, remove_root),
		cmocka_unit_test_setup_teardown(what_was_not_looked_at_is_not_said_to_lack_it, make_root, remove_root),
		cmocka_unit_test(build_ids_are_read_from_the_first_page_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
