/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/table.h"

#include <inttypes.h>

#include "base/error.h"

#define BLOCK_ROWS ((size_t)16384)
#define BLOCK_TEXT ((size_t)1 << 20) /* a block ends when its texts have come to this */
#define MAX_ROWS   ((size_t)1 << 28) /* of a table */
#define MAX_VARINT 10

/* ---- members ---- */

static uint64_t load(const void *row, const struct gsd_column *column)
{
	const uint8_t *member = (const uint8_t *)row + column->offset;
	uint64_t value = 0;
	memcpy(&value, member, column->size); /* little-endian, as everything here */
	return value;
}

/* False when the value has no room in the member. */
static bool store(void *row, const struct gsd_column *column, uint64_t value)
{
	uint8_t *member = (uint8_t *)row + column->offset;
	if (column->size < 8 && value >> 8 * column->size != 0)
		return false;
	memcpy(member, &value, column->size);
	return true;
}

static uint64_t zigzag(uint64_t value)
{
	return (value << 1) ^ (uint64_t)((int64_t)value >> 63);
}

static uint64_t unzigzag(uint64_t value)
{
	return (value >> 1) ^ (0 - (value & 1));
}

/* What the first row of a block counts as a difference from. */
static uint64_t first_before(const struct gsd_column *column)
{
	return column->kind == GSD_COLUMN_PLACE ? UINT64_MAX : 0;
}

static bool is_text(const struct gsd_column *column)
{
	return column->kind == GSD_COLUMN_TEXT || column->kind == GSD_COLUMN_BYTES;
}

static const char *load_text(const void *row, const struct gsd_column *column, size_t *length_ret)
{
	const char *text;
	memcpy(&text, (const uint8_t *)row + column->offset, sizeof text);
	if (column->kind == GSD_COLUMN_BYTES)
		memcpy(length_ret, (const uint8_t *)row + column->length_offset, sizeof *length_ret);
	else
		*length_ret = text == NULL ? 0 : strlen(text);
	return text;
}

/* ---- writing ---- */

struct buffer {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};

static bool reserve(struct buffer *buffer, size_t length)
{
	if (length <= buffer->capacity - buffer->length)
		return true;
	if (length > SIZE_MAX / 4 - buffer->length)
		return false;
	size_t capacity = 2 * (buffer->length + length);
	uint8_t *grown = realloc(buffer->bytes, capacity);
	if (grown == NULL)
		return false;
	buffer->bytes = grown;
	buffer->capacity = capacity;
	return true;
}

/* There must be room. */
static void put_varint(struct buffer *buffer, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buffer->bytes[buffer->length++] = (uint8_t)(value | 0x80);
	buffer->bytes[buffer->length++] = (uint8_t)value;
}

static bool append(struct buffer *buffer, const void *bytes, size_t length)
{
	if (!reserve(buffer, length))
		return false;
	if (length > 0)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	return true;
}

static bool encode_texts(const struct gsd_column *column, const uint8_t *rows, size_t row_size, size_t count,
			 struct buffer *out)
{
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *text = load_text(rows + i * row_size, column, &length);
		if (!reserve(out, MAX_VARINT))
			return false;
		put_varint(out, text == NULL ? 0 : (uint64_t)length + 1);
		if (text != NULL && !append(out, text, length))
			return false;
	}
	return true;
}

static uint64_t encoded(const struct gsd_column *column, uint64_t value, uint64_t before)
{
	switch ((enum gsd_column_kind)column->kind) {
	case GSD_COLUMN_INDEX: return (uint32_t)(value + 1);
	case GSD_COLUMN_SIGNED: return zigzag(value);
	case GSD_COLUMN_DELTA:
	case GSD_COLUMN_PLACE: return zigzag(value - before);
	case GSD_COLUMN_NUMBER:
	case GSD_COLUMN_FLAG:
	case GSD_COLUMN_TEXT:
	case GSD_COLUMN_BYTES: break;
	}
	return value;
}

static bool encode_numbers(const struct gsd_column *column, const uint8_t *rows, size_t row_size, size_t count,
			   struct buffer *out)
{
	uint64_t before = first_before(column);
	if (!reserve(out, count * MAX_VARINT))
		return false;
	for (size_t i = 0; i < count; i++) {
		uint64_t value = load(rows + i * row_size, column);
		put_varint(out, encoded(column, value, before));
		before = value;
	}
	return true;
}

static bool all_zero(const struct buffer *buffer)
{
	for (size_t i = 0; i < buffer->length; i++)
		if (buffer->bytes[i] != 0)
			return false;
	return true;
}

/* Encodes rows into @p out, with @p scratch for a column at a time. False without memory. */
static bool encode(const struct gsd_table *table, const uint8_t *rows, size_t count, struct buffer *scratch,
		   struct buffer *out)
{
	out->length = 0;
	if (!reserve(out, MAX_VARINT))
		return false;
	put_varint(out, count);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct gsd_column *column = &table->columns[i];
		scratch->length = 0;
		bool good = is_text(column) ? encode_texts(column, rows, table->row_size, count, scratch)
					    : encode_numbers(column, rows, table->row_size, count, scratch);
		if (!good || !reserve(out, 2 * MAX_VARINT))
			return false;
		if (i > 0 && all_zero(scratch))
			continue;
		put_varint(out, column->number);
		put_varint(out, scratch->length);
		if (!append(out, scratch->bytes, scratch->length))
			return false;
	}
	return true;
}

/* How many of @p count rows go into the next block. */
static size_t rows_of_block(const struct gsd_table *table, const uint8_t *rows, size_t count)
{
	size_t text = 0;
	size_t most = count < BLOCK_ROWS ? count : BLOCK_ROWS;
	for (size_t i = 0; i < most; i++) {
		for (size_t k = 0; k < table->column_count; k++) {
			size_t length = 0;
			if (is_text(&table->columns[k]))
				load_text(rows + i * table->row_size, &table->columns[k], &length);
			text += length;
		}
		if (text >= BLOCK_TEXT)
			return i + 1;
	}
	return most;
}

struct gsd_error *gsd_table_write(struct gsd_block_writer *writer, const struct gsd_table *table, const void *rows,
				  size_t count)
{
	const uint8_t *next = rows;
	struct buffer scratch = {0};
	struct buffer out = {0};
	struct gsd_error *error = NULL;
	while (count > 0 && error == NULL) {
		size_t part = rows_of_block(table, next, count);
		error = encode(table, next, part, &scratch, &out)
				? gsd_block_write(writer, table->tag, out.bytes, out.length)
				: gsd_error_no_memory();
		next += part * table->row_size;
		count -= part;
	}
	free(scratch.bytes);
	free(out.bytes);
	return error;
}

/* ---- reading ---- */

static bool decode_numbers(const struct gsd_column *column, struct gsd_cursor *cursor, uint8_t *rows, size_t row_size,
			   size_t count)
{
	uint64_t before = first_before(column);
	bool fits = true;
	for (size_t i = 0; i < count && fits; i++) {
		uint64_t value = cursor == NULL ? 0 : gsd_cursor_uvarint(cursor);
		switch ((enum gsd_column_kind)column->kind) {
		case GSD_COLUMN_INDEX: value = value <= UINT32_MAX ? (uint32_t)(value - 1) : value; break;
		case GSD_COLUMN_SIGNED: value = unzigzag(value); break;
		case GSD_COLUMN_DELTA:
		case GSD_COLUMN_PLACE: value = before = before + unzigzag(value); break;
		case GSD_COLUMN_FLAG: fits = value <= 1; break;
		case GSD_COLUMN_NUMBER:
		case GSD_COLUMN_TEXT:
		case GSD_COLUMN_BYTES: break;
		}
		fits = fits && store(rows + i * row_size, column, value);
	}
	return fits;
}

/* Without memory, *no_memory is set. */
static bool decode_texts(const struct gsd_column *column, struct gsd_cursor *cursor, struct gsd_arena *arena,
			 uint8_t *rows, size_t row_size, size_t count, bool *no_memory)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = gsd_cursor_uvarint(cursor);
		if (number == 0)
			continue;
		size_t length = (size_t)number - 1;
		const uint8_t *bytes = gsd_cursor_take(cursor, length);
		if (bytes == NULL)
			return false;
		char *text = gsd_arena_string(arena, bytes, length);
		*no_memory = text == NULL;
		if (*no_memory)
			return false;
		memcpy(rows + i * row_size + column->offset, &text, sizeof text);
		if (column->kind == GSD_COLUMN_BYTES)
			memcpy(rows + i * row_size + column->length_offset, &length, sizeof length);
	}
	return true;
}

static const struct gsd_column *find_column(const struct gsd_table *table, uint64_t number)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].number == number)
			return &table->columns[i];
	return NULL;
}

/* Appends zeroed rows; members whose zero is another number get that. NULL without memory. */
static uint8_t *append_rows(const struct gsd_table *table, struct gsd_rows *rows, size_t count)
{
	if (count > rows->capacity - rows->count) {
		size_t capacity = 2 * rows->capacity > rows->count + count ? 2 * rows->capacity : rows->count + count;
		void *grown = reallocarray(rows->items, capacity, table->row_size);
		if (grown == NULL)
			return NULL;
		rows->items = grown;
		rows->capacity = capacity;
	}
	uint8_t *first = (uint8_t *)rows->items + rows->count * table->row_size;
	memset(first, 0, count * table->row_size);
	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].kind == GSD_COLUMN_INDEX || table->columns[i].kind == GSD_COLUMN_PLACE)
			(void)decode_numbers(&table->columns[i], NULL, first, table->row_size, count);
	rows->count += count;
	return first;
}

static struct gsd_error *decode_column(const struct gsd_block_reader *reader, const struct gsd_block *block,
				       const struct gsd_table *table, struct gsd_arena *arena, uint64_t number,
				       struct gsd_bytes bytes, uint8_t *first, size_t count)
{
	const struct gsd_column *column = find_column(table, number);
	if (column == NULL)
		return NULL;
	struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
	bool no_memory = false;
	bool good = is_text(column) ? decode_texts(column, &cursor, arena, first, table->row_size, count, &no_memory)
				    : decode_numbers(column, &cursor, first, table->row_size, count);
	if (no_memory)
		return gsd_error_no_memory();
	if (good && !cursor.failed && cursor.position == cursor.length)
		return NULL;
	return gsd_error_because(gsd_block_error(reader, block),
				 "its column %" PRIu64 " has not %zu values of its kind", number, count);
}

struct gsd_error *gsd_table_read(const struct gsd_block_reader *reader, const struct gsd_block *block,
				 const struct gsd_table *table, struct gsd_arena *arena, struct gsd_rows *rows)
{
	struct gsd_cursor cursor = gsd_cursor_at(block->bytes, 0);
	uint64_t count = gsd_cursor_uvarint(&cursor);
	/* The first column is always there, with a byte a row or more: only then is memory taken for so many. */
	struct gsd_cursor first_column = cursor;
	uint64_t number = gsd_cursor_uvarint(&first_column);
	uint64_t length = gsd_cursor_uvarint(&first_column);
	if (first_column.failed || number != table->columns[0].number || count == 0 || count > length ||
	    length > first_column.length - first_column.position || count > MAX_ROWS - rows->count)
		return gsd_error_because(gsd_block_error(reader, block), "it claims to have %" PRIu64 " rows", count);
	uint8_t *first = append_rows(table, rows, (size_t)count);
	if (first == NULL)
		return gsd_error_no_memory();
	while (cursor.position < cursor.length) {
		number = gsd_cursor_uvarint(&cursor);
		length = gsd_cursor_uvarint(&cursor);
		struct gsd_bytes bytes = {.data = gsd_cursor_take(&cursor, (size_t)length), .length = (size_t)length};
		if (bytes.data == NULL || cursor.failed)
			return gsd_error_because(gsd_block_error(reader, block), "a column reaches past its end");
		GSD_TRY(decode_column(reader, block, table, arena, number, bytes, first, (size_t)count));
	}
	return NULL;
}
