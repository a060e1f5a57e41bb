/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/frame_info.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

/* How the linkers (bfd, gold, lld, mold) write the table: version, encodings, pointer, count, then pairs. */
enum { VERSION = 1, ENCODED_SDATA4 = 0x0b, ENCODED_UDATA4 = 0x03, RELATIVE_TO_PC = 0x10, RELATIVE_TO_TABLE = 0x30 };
enum { HEADER_BYTES = 12, ENTRY_BYTES = 8 };
#define MAX_RECORD_BYTES 4096 /* the largest seen in Debian's libraries has 600 */
#define RETURN_COLUMN    16   /* rip */
#define MAX_LISTED_BYTES (UINT64_C(64) << 20)

/* DWARF 5, 7.24: instructions by their low six bits; those with an operand in the opcode come first. */
enum { CFA_ADVANCE = 1, CFA_OFFSET = 2, CFA_RESTORE = 3 };
/* What follows an opcode: n: nothing; 1, 2, 4: bytes; r: a register; u, s: a number; b: an expression. */
static const char *const cfa_operands[64] = {
	[0x00] = "",  [0x02] = "1",  [0x03] = "2",  [0x04] = "4",  [0x05] = "ru", [0x06] = "r",
	[0x07] = "r", [0x08] = "r",  [0x09] = "rr", [0x0a] = "",   [0x0b] = "",   [0x0c] = "ru",
	[0x0d] = "r", [0x0e] = "u",  [0x0f] = "b",  [0x10] = "rb", [0x11] = "rs", [0x12] = "rs",
	[0x13] = "s", [0x14] = "ru", [0x15] = "rs", [0x16] = "rb", [0x2e] = "u",  [0x2f] = "ru",
};

static uint64_t take_register(struct gsd_cursor *cursor)
{
	uint64_t number = gsd_cursor_uvarint(cursor);
	cursor->failed = cursor->failed || number > RETURN_COLUMN;
	return number;
}

/* A signed number is as long as an unsigned one. */
static void skip_number(struct gsd_cursor *cursor)
{
	(void)gsd_cursor_uvarint(cursor);
}

/*
 * Expressions that compilers and assemblers write for frames: registers plus offsets, constants, arithmetic without
 * division, and no jumps, so that an expression ends with its bytes (DWARF 5, 2.5.1).
 */
static bool expression_is_plain(struct gsd_cursor *cursor)
{
	uint64_t length = gsd_cursor_uvarint(cursor);
	if (cursor->failed || length > cursor->length - cursor->position)
		return false;
	size_t end = cursor->position + (size_t)length;
	while (!cursor->failed && cursor->position < end) {
		uint8_t operation = gsd_cursor_u8(cursor);
		if (operation >= 0x08 && operation <= 0x0f)
			(void)gsd_cursor_take(cursor, (size_t)1 << ((operation - 0x08) / 2)); /* const1u to const8s */
		else if (operation == 0x10 || operation == 0x11 || operation == 0x23)
			skip_number(cursor); /* constu, consts, plus_uconst */
		else if (operation >= 0x70 && operation <= 0x70 + RETURN_COLUMN)
			skip_number(cursor); /* breg */
		else if (operation == 0x92) {
			(void)take_register(cursor); /* bregx */
			skip_number(cursor);
		} else if (operation == 0x15 || operation == 0x94)
			(void)gsd_cursor_u8(cursor); /* pick, deref_size */
		else if (operation == 0x1b || operation == 0x1d)
			return false; /* div, mod */
		else if (!(operation == 0x06 || (operation >= 0x12 && operation <= 0x27) || operation == 0x96 ||
			   (operation >= 0x29 && operation <= 0x2e) || (operation >= 0x30 && operation <= 0x4f)))
			return false;
	}
	return !cursor->failed && cursor->position == end;
}

static bool operands_are_plain(struct gsd_cursor *cursor, const char *operands)
{
	for (; *operands != '\0' && !cursor->failed; operands++) {
		switch (*operands) {
		case '1': (void)gsd_cursor_take(cursor, 1); break;
		case '2': (void)gsd_cursor_take(cursor, 2); break;
		case '4': (void)gsd_cursor_take(cursor, 4); break;
		case 'r': (void)take_register(cursor); break;
		case 'b':
			if (!expression_is_plain(cursor))
				return false;
			break;
		default: skip_number(cursor); break;
		}
	}
	return !cursor->failed;
}

static bool instructions_are_plain(struct gsd_cursor *cursor)
{
	while (!cursor->failed && cursor->position < cursor->length) {
		uint8_t opcode = gsd_cursor_u8(cursor);
		unsigned high = opcode >> 6;
		unsigned low = opcode & 63;
		if ((high == CFA_OFFSET || high == CFA_RESTORE) && low > RETURN_COLUMN)
			return false;
		if (high == CFA_OFFSET)
			skip_number(cursor);
		if (high != 0)
			continue;
		if (cfa_operands[low] == NULL || !operands_are_plain(cursor, cfa_operands[low]))
			return false;
	}
	return !cursor->failed;
}

/* Reads the record (a CIE or an FDE) at @p address; its bytes after the length go to @p cursor_ret. */
static bool read_record(const struct gsd_frame_table *table, uint64_t address, uint8_t *bytes,
			struct gsd_cursor *cursor_ret)
{
	uint32_t length;
	if (!table->read(table->context, address, &length, sizeof length) || length < 4 || length > MAX_RECORD_BYTES ||
	    !table->read(table->context, address + sizeof length, bytes, length))
		return false;
	*cursor_ret = gsd_cursor_at((struct gsd_bytes){.data = bytes, .length = length}, 0);
	return true;
}

/* The common part of records; on success @p encoding_ret is how the record's own addresses are written. */
static bool check_common(const struct gsd_frame_table *table, uint64_t address, uint8_t *encoding_ret)
{
	uint8_t bytes[MAX_RECORD_BYTES];
	struct gsd_cursor cursor;
	if (!read_record(table, address, bytes, &cursor) || gsd_cursor_u32(&cursor) != 0)
		return false;
	uint8_t version = gsd_cursor_u8(&cursor);
	const char *augmentation = (const char *)cursor.data + cursor.position;
	size_t name_length = strnlen(augmentation, cursor.length - cursor.position);
	(void)gsd_cursor_take(&cursor, name_length + 1);
	/* Version 1 has one byte for the return column, 3 a number: the same up to 127. */
	if (cursor.failed || (version != 1 && version != 3) || augmentation[0] != 'z' || name_length > 6)
		return false;
	skip_number(&cursor);
	skip_number(&cursor);
	if (gsd_cursor_u8(&cursor) != RETURN_COLUMN)
		return false;
	uint64_t data_length = gsd_cursor_uvarint(&cursor);
	if (cursor.failed || data_length > cursor.length - cursor.position)
		return false;
	size_t instructions = cursor.position + (size_t)data_length;
	*encoding_ret = 0;
	for (size_t i = 1; i < name_length; i++) {
		switch (augmentation[i]) {
		case 'R': *encoding_ret = gsd_cursor_u8(&cursor); break;
		case 'L': (void)gsd_cursor_u8(&cursor); break;
		case 'P': {
			uint8_t encoding = gsd_cursor_u8(&cursor) & 0x0f;
			bool short_form = encoding == ENCODED_SDATA4 || encoding == ENCODED_UDATA4;
			(void)gsd_cursor_take(&cursor, short_form ? 4 : 8);
			if (!short_form && encoding != 0x00 && encoding != 0x04 && encoding != 0x0c)
				return false;
			break;
		}
		case 'S': break;
		default: return false;
		}
	}
	if (cursor.failed || cursor.position > instructions)
		return false;
	cursor.position = instructions;
	return instructions_are_plain(&cursor);
}

/* The record at @p address: its code and whether its instructions are what libunwind can be given. */
static bool check_record(const struct gsd_frame_table *table, uint64_t address, struct gsd_frame_record *record)
{
	uint8_t bytes[MAX_RECORD_BYTES];
	uint8_t encoding;
	struct gsd_cursor cursor;
	if (!read_record(table, address, bytes, &cursor))
		return false;
	uint32_t back = gsd_cursor_u32(&cursor);
	/* Relative to this field; the common part comes before the record. */
	if (back == 0 || !check_common(table, address + 4 - back, &encoding))
		return false;
	if (encoding != (RELATIVE_TO_PC | ENCODED_SDATA4))
		return false;
	record->address = address;
	record->start = address + 8 + (uint64_t)(int64_t)(int32_t)gsd_cursor_u32(&cursor);
	record->end = record->start + gsd_cursor_u32(&cursor);
	uint64_t data_length = gsd_cursor_uvarint(&cursor);
	(void)gsd_cursor_take(&cursor, (size_t)data_length);
	return !cursor.failed && record->start < record->end && instructions_are_plain(&cursor);
}

static bool read_entry(const struct gsd_frame_table *table, uint64_t index, int32_t *entry)
{
	uint64_t address = table->address + HEADER_BYTES + index * ENTRY_BYTES;
	return table->read(table->context, address, entry, ENTRY_BYTES);
}

bool gsd_frame_table_find(const struct gsd_frame_table *table, uint64_t pc, struct gsd_frame_record *record_ret)
{
	uint8_t header[HEADER_BYTES];
	uint32_t count;
	if (table->size < HEADER_BYTES || !table->read(table->context, table->address, header, sizeof header))
		return false;
	if (header[0] != VERSION || (header[1] & 0x0f) != ENCODED_SDATA4 || header[2] != ENCODED_UDATA4 ||
	    header[3] != (RELATIVE_TO_TABLE | ENCODED_SDATA4))
		return false;
	memcpy(&count, header + 8, sizeof count);
	if (count > (table->size - HEADER_BYTES) / ENTRY_BYTES)
		return false;
	int64_t wanted = (int64_t)(pc - table->address);
	int32_t entry[2];
	uint64_t low = 0;
	for (uint64_t high = count; low < high;) {
		uint64_t middle = low + (high - low) / 2;
		if (!read_entry(table, middle, entry))
			return false;
		if (entry[0] <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	struct gsd_frame_record record;
	if (low == 0 || !read_entry(table, low - 1, entry))
		return false;
	if (!check_record(table, table->address + (uint64_t)(int64_t)entry[1], &record) || pc < record.start ||
	    pc >= record.end)
		return false;
	*record_ret = record;
	return true;
}

/* ---- without a table ---- */

static int compare_entries(const void *left, const void *right)
{
	const struct gsd_frame_entry *a = left;
	const struct gsd_frame_entry *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

bool gsd_frame_list_fill(const struct gsd_frame_table *section, struct gsd_frame_list *list)
{
	enum { LENGTH, BACK, START, WORDS };
	uint64_t size = section->size < MAX_LISTED_BYTES ? section->size : MAX_LISTED_BYTES;
	for (uint64_t at = 0; at + sizeof(uint32_t) <= size;) {
		uint32_t words[WORDS] = {0};
		uint64_t left = size - at;
		size_t length = left < sizeof words ? sizeof words[LENGTH] : sizeof words;
		if (!section->read(section->context, section->address + at, words, length))
			break;
		/* Common parts have 0 where others tell how far they are back; an end may be followed by more. */
		bool record = length == sizeof words && words[LENGTH] >= 2 * sizeof(uint32_t) && words[BACK] != 0;
		uint64_t address = section->address + at;
		const struct gsd_frame_entry entry = {.start = address + 8 + (uint64_t)(int64_t)(int32_t)words[START],
						      .record = address};
		if (record && !gsd_frame_list_append(list, entry))
			return false;
		at += sizeof words[LENGTH] + words[LENGTH];
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, compare_entries);
	return true;
}

bool gsd_frame_list_find(const struct gsd_frame_table *section, const struct gsd_frame_list *list, uint64_t pc,
			 struct gsd_frame_record *record_ret)
{
	struct gsd_frame_record record;
	size_t low = 0;
	for (size_t high = list->count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (list->items[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !check_record(section, list->items[low - 1].record, &record) || pc < record.start ||
	    pc >= record.end)
		return false;
	*record_ret = record;
	return true;
}
