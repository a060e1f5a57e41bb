/* SPDX-License-Identifier: BSD-3-Clause */
/* Call frame information assembled by hand: which records are handed on, and which are refused and why. */
#include "native/frame_info.h"

#include "../support/check.h"

#define TABLE UINT64_C(0x10000)
#define CODE  UINT64_C(0x8000)

struct section {
	uint8_t bytes[512];
	size_t length;
};

static void put(struct section *section, const void *bytes, size_t length)
{
	assert_true(section->length + length <= sizeof section->bytes);
	memcpy(section->bytes + section->length, bytes, length);
	section->length += length;
}

static void put_u32(struct section *section, uint64_t value)
{
	uint32_t word = (uint32_t)value;
	put(section, &word, sizeof word);
}

static bool read_section(void *context, uint64_t address, void *buffer, size_t length)
{
	const struct section *section = context;
	if (address < TABLE || address - TABLE > section->length || length > section->length - (address - TABLE))
		return false;
	memcpy(buffer, section->bytes + (address - TABLE), length);
	return true;
}

/* The header with one entry, a common part with @p augmentation and @p common, a record with @p instructions. */
static struct section make(const char *common, size_t common_length, const char *instructions, size_t length)
{
	struct section section = {0};
	put(&section, "\x01\x1b\x03\x3b", 4);
	put_u32(&section, 0);
	put_u32(&section, 1);
	put_u32(&section, CODE - TABLE);
	put_u32(&section, 20 + 4 + common_length);
	put_u32(&section, common_length);
	put(&section, common, common_length);
	size_t record = section.length;
	put_u32(&section, 4 + 8 + 1 + length);
	put_u32(&section, record + 4 - 20);
	put_u32(&section, CODE - (TABLE + record + 8));
	put_u32(&section, 0x100);
	put(&section, "\0", 1);
	put(&section, instructions, length);
	return section;
}

/* A common part as gcc writes it: version 1, "zR", 1, -8, column 16, encoding pcrel|sdata4, def_cfa rsp+8, offset rip
 */
#define COMMON "\0\0\0\0\1zR\0\1\x78\x10\1\x1b\x0c\7\x08\x90\1"

static bool find(struct section *section, uint64_t pc, struct gsd_frame_record *record)
{
	const struct gsd_frame_table table = {.address = TABLE, .size = 20, .read = read_section, .context = section};
	return gsd_frame_table_find(&table, pc, record);
}

#define ACCEPTED(instructions) accepted(COMMON, sizeof COMMON - 1, instructions, sizeof instructions - 1)

static bool accepted(const char *common, size_t common_length, const char *instructions, size_t length)
{
	struct gsd_frame_record record;
	struct section section = make(common, common_length, instructions, length);
	return find(&section, CODE + 4, &record);
}

static void a_record_is_found_for_its_code_and_no_other(void **state)
{
	(void)state;
	struct gsd_frame_record record;
	struct section section = make(COMMON, sizeof COMMON - 1, "\x41\x0e\x10", 3);
	assert_true(find(&section, CODE, &record));
	assert_true(find(&section, CODE + 0xff, &record));
	assert_u64(record.start, CODE);
	assert_u64(record.end, CODE + 0x100);
	assert_u64(record.address, TABLE + 20 + 4 + sizeof COMMON - 1);
	assert_false(find(&section, CODE + 0x100, &record));
	assert_false(find(&section, CODE - 1, &record));
}

/* As the linker leaves it with -static: no header, and at its end a length of 0. */
static void without_a_header_records_are_listed(void **state)
{
	(void)state;
	struct gsd_frame_record record;
	struct section section = make(COMMON, sizeof COMMON - 1, "\x41\x0e\x10", 3);
	put_u32(&section, 0);
	const struct gsd_frame_table records = {
		.address = TABLE + 20, .size = section.length - 20, .read = read_section, .context = &section};
	struct gsd_frame_list list = {0};
	assert_true(gsd_frame_list_fill(&records, &list));
	assert_int_equal(list.count, 1);
	assert_true(gsd_frame_list_find(&records, &list, CODE, &record));
	assert_true(gsd_frame_list_find(&records, &list, CODE + 0xff, &record));
	assert_u64(record.start, CODE);
	assert_u64(record.end, CODE + 0x100);
	assert_u64(record.address, TABLE + 20 + 4 + sizeof COMMON - 1);
	assert_false(gsd_frame_list_find(&records, &list, CODE + 0x100, &record));
	assert_false(gsd_frame_list_find(&records, &list, CODE - 1, &record));
	gsd_frame_list_free(&list);
}

static void a_list_of_what_is_cut_or_damaged_ends_and_is_not_believed(void **state)
{
	(void)state;
	const struct section whole = make(COMMON, sizeof COMMON - 1, "\x41\x0e\x10", 3);
	for (size_t at = 20; at < whole.length; at++)
		for (size_t value = 0; value < 256; value += 15) {
			struct section section = whole;
			struct gsd_frame_record record = {.start = CODE, .end = CODE + 1};
			struct gsd_frame_list list = {0};
			section.bytes[at] = (uint8_t)value;
			const struct gsd_frame_table records = {.address = TABLE + 20,
								.size = at - 20 + value,
								.read = read_section,
								.context = &section};
			assert_true(gsd_frame_list_fill(&records, &list));
			if (gsd_frame_list_find(&records, &list, CODE, &record))
				assert_true(record.start <= CODE && CODE < record.end);
			gsd_frame_list_free(&list);
		}
}

static void what_compilers_write_is_accepted(void **state)
{
	(void)state;
	assert_true(ACCEPTED("\x41\x0e\x10\x86\x02\x43\x0d\x06\x5a\x0c\x07\x08\x00\x00"));
	assert_true(ACCEPTED("\x02\x80\x0a\x03\x00\x01\x0b\x2e\x20\x07\x10"));
	/* What the linker writes for the procedure linkage table, and glibc for __restore_rt. */
	assert_true(ACCEPTED("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"));
	assert_true(ACCEPTED("\x0f\x03\x77\xa0\x01\x10\x08\x03\x77\xa8\x01\x16\x07\x02\x77\x00"));
}

static void an_expression_that_divides_jumps_or_calls_is_refused(void **state)
{
	(void)state;
	assert_false(ACCEPTED("\x0f\x05\x77\x08\x31\x1b\x22")); /* div */
	assert_false(ACCEPTED("\x0f\x04\x31\x32\x1d\x22"));     /* mod */
	assert_false(ACCEPTED("\x0f\x03\x2f\xfd\xff"));         /* skip back: endless */
	assert_false(ACCEPTED("\x10\x06\x04\x31\x28\xfc\xff")); /* bra */
	assert_false(ACCEPTED("\x0f\x03\x98\x00\x00"));         /* call2 */
	assert_false(ACCEPTED("\x0f\x02\x81\x00"));             /* a register that there is not */
	assert_false(ACCEPTED("\x0f\x20\x77\x08"));             /* longer than the record */
	assert_false(ACCEPTED("\x0f\x02\x0e\x00"));             /* cut in the middle of an operand */
}

static void an_instruction_that_is_unknown_or_names_no_register_is_refused(void **state)
{
	(void)state;
	assert_false(ACCEPTED("\x3f"));
	assert_false(ACCEPTED("\x01\0\0\0\0\0\0\0\0")); /* set_loc: written by nobody */
	assert_false(ACCEPTED("\x91\x01"));             /* offset of register 17 */
	assert_false(ACCEPTED("\xd1"));
	assert_false(ACCEPTED("\x05\x80\x01\x01"));
	assert_false(ACCEPTED("\x0c\x07"));
}

static void a_common_part_of_another_kind_is_refused(void **state)
{
	(void)state;
	static const char returns_elsewhere[] = "\0\0\0\0\1zR\0\1\x78\x11\1\x1b";
	static const char no_augmentation[] = "\0\0\0\0\1\0\1\x78\x10";
	static const char absolute[] = "\0\0\0\0\1zR\0\1\x78\x10\1\0";
	static const char newer[] = "\0\0\0\0\4zR\0\1\x78\x10\1\x1b";
	static const char too_long[] = "\0\0\0\0\1zR\0\1\x78\x10\x7f\x1b";
	static const char personality[] = "\0\0\0\0\1zPLR\0\1\x78\x10\7\x9b\0\0\0\0\x1b\x1b\x0c\7\x08\x90\1";
	assert_false(accepted(returns_elsewhere, sizeof returns_elsewhere - 1, "\0", 1));
	assert_false(accepted(no_augmentation, sizeof no_augmentation - 1, "\0", 1));
	assert_false(accepted(absolute, sizeof absolute - 1, "\0", 1));
	assert_false(accepted(newer, sizeof newer - 1, "\0", 1));
	assert_false(accepted(too_long, sizeof too_long - 1, "\0", 1));
	assert_true(accepted(personality, sizeof personality - 1, "\0", 1)); /* C++ */
}

static void a_header_that_lies_about_its_size_is_refused(void **state)
{
	(void)state;
	struct gsd_frame_record record;
	struct section section = make(COMMON, sizeof COMMON - 1, "\0", 1);
	section.bytes[8] = 2;
	assert_false(find(&section, CODE, &record));
	section = make(COMMON, sizeof COMMON - 1, "\0", 1);
	section.bytes[0] = 2;
	assert_false(find(&section, CODE, &record));
	section.length = 10;
	assert_false(find(&section, CODE, &record));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_found_for_its_code_and_no_other),
		cmocka_unit_test(without_a_header_records_are_listed),
		cmocka_unit_test(a_list_of_what_is_cut_or_damaged_ends_and_is_not_believed),
		cmocka_unit_test(what_compilers_write_is_accepted),
		cmocka_unit_test(an_expression_that_divides_jumps_or_calls_is_refused),
		cmocka_unit_test(an_instruction_that_is_unknown_or_names_no_register_is_refused),
		cmocka_unit_test(a_common_part_of_another_kind_is_refused),
		cmocka_unit_test(a_header_that_lies_about_its_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
