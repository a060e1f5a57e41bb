/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/error.h"
#include "image/elf.h"

#include "elf_builder.h"

#define GUARD                                                                                                          \
	"0w\xaf\x0c\x92t\x08\x02"                                                                                      \
	"A\xe1\xc1\x07\xe6\xd6\x18\xe6" /* 16 bytes, as cmd/go writes them */
#define ADDRESS 0x500000

/* The bytes that the linker writes: header, version, module information between guards. */
static struct blob build_info(const char *version, const char *modinfo)
{
	struct blob info = {0};
	blob_add(&info, "\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	blob_uvarint(&info, strlen(version));
	blob_add(&info, version, strlen(version));
	if (modinfo == NULL) {
		blob_uvarint(&info, 0);
		return info;
	}
	blob_uvarint(&info, strlen(modinfo) + 32);
	blob_add(&info, GUARD, 16);
	blob_add(&info, modinfo, strlen(modinfo));
	blob_add(&info, GUARD, 16);
	return info;
}

/* A program with @content at ADDRESS, in a writable segment, and in a section unless @section is NULL. */
static struct gsd_elf *open_program(const struct blob *content, const char *section, int *fd_ret)
{
	const struct elf_part parts[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .address = 0x400000, .bytes = "code", .length = 4},
		{.type = PT_LOAD,
		 .flags = PF_R | PF_W,
		 .address = ADDRESS,
		 .bytes = content->bytes,
		 .length = content->length},
		{.name = section,
		 .type = SHT_PROGBITS,
		 .address = ADDRESS,
		 .bytes = content->bytes,
		 .length = content->length},
	};
	*fd_ret = elf_file(parts, section == NULL ? 2 : 3);
	struct gsd_elf *elf = NULL;
	check_no_error(gsd_elf_open(*fd_ret, "test", &elf));
	return elf;
}

/* Reads the build info of such a program and frees @content. */
static struct gsd_buildinfo read_info(struct blob content, const char *section)
{
	int fd;
	struct gsd_elf *elf = open_program(&content, section, &fd);
	struct gsd_buildinfo info;
	memset(&info, 'x', sizeof info);
	check_no_error(gsd_elf_buildinfo(elf, gsd_elf_memory(elf), 0, &info));
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&content);
	return info;
}

static void version_and_modules_are_read_from_the_section(void **state)
{
	(void)state;
	struct gsd_buildinfo info = read_info(build_info("go1.26.8", "path\tcmd/x\nmod\tx\n"), ".go.buildinfo");
	assert_string_equal(info.version, "go1.26.8");
	assert_string_equal(info.modinfo, "path\tcmd/x\nmod\tx\n");
	gsd_buildinfo_free(&info);
	assert_null(info.modinfo);
}

static void without_sections_the_data_segment_is_searched(void **state)
{
	(void)state;
	static const size_t places[] = {0, 16, (256 << 10) - 16, 256 << 10, (300 << 10) + 16};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(places); i++) {
		struct blob content = {0};
		struct blob info_bytes = build_info("go1.18", "path\tx\n");
		uint8_t *padding = calloc(1, places[i] + 1);
		assert_non_null(padding);
		blob_add(&content, padding, places[i]);
		blob_add(&content, info_bytes.bytes, info_bytes.length);
		free(padding);
		blob_free(&info_bytes);
		struct gsd_buildinfo info = read_info(content, NULL);
		assert_string_equal(info.version, "go1.18");
		assert_string_equal(info.modinfo, "path\tx\n");
		gsd_buildinfo_free(&info);
	}
}

static void an_unaligned_header_is_none(void **state)
{
	(void)state;
	struct blob content = {0};
	struct blob info_bytes = build_info("go1.18", NULL);
	blob_add(&content, "12345678", 8);
	blob_add(&content, info_bytes.bytes, info_bytes.length);
	blob_free(&info_bytes);
	struct gsd_buildinfo info = read_info(content, NULL);
	assert_string_equal(info.version, "");
}

static void the_load_bias_is_added(void **state)
{
	(void)state;
	struct blob content = build_info("go1.27.3", "path\tx\n");
	int fd;
	struct gsd_elf *elf = open_program(&content, ".go.buildinfo", &fd);
	const struct gsd_segment segment = {
		.address = ADDRESS + 0x7f0000000000, .length = content.length, .bytes = content.bytes};
	struct gsd_segment_memory memory;
	gsd_segment_memory_init(&memory, &segment, 1);
	struct gsd_buildinfo info;
	check_no_error(gsd_elf_buildinfo(elf, &memory.memory, 0x7f0000000000, &info));
	assert_string_equal(info.version, "go1.27.3");
	gsd_buildinfo_free(&info);
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&content);
}

static void a_program_without_build_info_has_none(void **state)
{
	(void)state;
	struct blob content = {0};
	blob_string(&content, "this is not what the linker of Go would write into a program");
	struct gsd_buildinfo info = read_info(content, NULL);
	assert_string_equal(info.version, "");
	assert_null(info.modinfo);
}

static void the_older_form_with_pointers_is_none(void **state)
{
	(void)state;
	struct blob content = build_info("go1.17", NULL);
	content.bytes[15] = 0;
	struct gsd_buildinfo info = read_info(content, ".go.buildinfo");
	assert_string_equal(info.version, "");
}

static void a_version_without_modules_is_a_version(void **state)
{
	(void)state;
	struct gsd_buildinfo info = read_info(build_info("go1.20", NULL), ".go.buildinfo");
	assert_string_equal(info.version, "go1.20");
	assert_null(info.modinfo);
	/* Guards without anything between them, or nothing that ends in a line, are no modules either. */
	info = read_info(build_info("go1.20", ""), ".go.buildinfo");
	assert_null(info.modinfo);
	info = read_info(build_info("go1.20", "no line"), ".go.buildinfo");
	assert_null(info.modinfo);
}

static void a_long_version_is_cut_and_a_mad_one_is_none(void **state)
{
	(void)state;
	char version[2000];
	memset(version, 'v', sizeof version);
	memcpy(version, "go1.26", 6);
	version[100] = '\0';
	struct gsd_buildinfo info = read_info(build_info(version, "path\tx\n"), ".go.buildinfo");
	assert_int_equal(strlen(info.version), 63);
	assert_memory_equal(info.version, "go1.26v", 7);
	assert_string_equal(info.modinfo, "path\tx\n");
	gsd_buildinfo_free(&info);
	version[100] = 'v';
	version[1999] = '\0';
	info = read_info(build_info(version, NULL), ".go.buildinfo");
	assert_string_equal(info.version, "");
}

static void lengths_beyond_the_program_are_no_build_info(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {100, 1 << 20, (16U << 20) + 1, UINT64_MAX};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		struct blob content = build_info("", NULL);
		content.length = 32;
		blob_uvarint(&content, 6);
		blob_add(&content, "go1.21", 6);
		blob_uvarint(&content, lengths[i]);
		struct gsd_buildinfo info = read_info(content, ".go.buildinfo");
		assert_string_equal(info.version, "go1.21");
		assert_null(info.modinfo);
		content = build_info("", NULL);
		content.length = 32;
		blob_uvarint(&content, lengths[i]);
		info = read_info(content, ".go.buildinfo");
		assert_string_equal(info.version, "");
	}
	/* A number that does not end. */
	struct blob content = build_info("", NULL);
	content.length = 32;
	blob_add(&content, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	struct gsd_buildinfo info = read_info(content, ".go.buildinfo");
	assert_string_equal(info.version, "");
}

static void read_nothing(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	(void)memory;
	for (size_t i = 0; i < count; i++)
		ranges[i].errnum = ESRCH;
}

static void a_target_that_ended_is_an_error(void **state)
{
	(void)state;
	struct blob content = build_info("go1.22", NULL);
	int fd;
	struct gsd_elf *elf = open_program(&content, ".go.buildinfo", &fd);
	struct gsd_memory memory = {.read = read_nothing};
	struct gsd_buildinfo info;
	check_error(gsd_elf_buildinfo(elf, &memory, 0, &info), GSD_ERROR_GONE);
	gsd_elf_destroy(elf);
	close(fd);
	blob_free(&content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_and_modules_are_read_from_the_section),
		cmocka_unit_test(without_sections_the_data_segment_is_searched),
		cmocka_unit_test(an_unaligned_header_is_none),
		cmocka_unit_test(the_load_bias_is_added),
		cmocka_unit_test(a_program_without_build_info_has_none),
		cmocka_unit_test(the_older_form_with_pointers_is_none),
		cmocka_unit_test(a_version_without_modules_is_a_version),
		cmocka_unit_test(a_long_version_is_cut_and_a_mad_one_is_none),
		cmocka_unit_test(lengths_beyond_the_program_are_no_build_info),
		cmocka_unit_test(a_target_that_ended_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
