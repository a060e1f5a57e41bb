/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table: an array of structs as blocks of a record, column by column, which zlib packs far better than row by row. A
 * block holds `rows`, then each column as `number, length in bytes, bytes`, all of these variable-length numbers. A
 * column of nothing but zeroes is left out, the first one excepted; columns that a reader does not know it passes over.
 */
#ifndef GSD_RECORD_TABLE_H
#define GSD_RECORD_TABLE_H

#include "base/array.h"
#include "record/blocks.h"

/** How a column's values are written: each as a variable-length number. */
enum gsd_column_kind {
	GSD_COLUMN_NUMBER, /**< as it is */
	GSD_COLUMN_FLAG,   /**< 0 or 1 */
	GSD_COLUMN_INDEX,  /**< plus one, modulo 2^32: UINT32_MAX (none) is 0 */
	GSD_COLUMN_SIGNED, /**< zigzag: 0, −1, 1, −2, … */
	GSD_COLUMN_DELTA,  /**< zigzag of the difference from the row before in this block (modulo 2^64) */
	GSD_COLUMN_PLACE,  /**< as DELTA, of one more than it: UINT64_MAX (none) is 0 */
	GSD_COLUMN_TEXT,   /**< 0: none; else the length plus one, and the bytes. NUL-terminated in memory */
	GSD_COLUMN_BYTES   /**< as TEXT; the length is in a member of its own */
};

/** A column is a member of the struct that a row is. */
struct gsd_column {
	uint8_t number; /**< in the file; never given to another one */
	uint8_t kind;
	uint8_t size; /**< of the member */
	uint16_t offset;
	uint16_t length_offset; /**< GSD_COLUMN_BYTES: of a size_t */
};
#define GSD_COLUMN(number, kind, type, member)                                                                         \
	{                                                                                                              \
		(number), GSD_COLUMN_##kind, (uint8_t)sizeof(((type *)0)->member), (uint16_t)offsetof(type, member), 0 \
	}

struct gsd_table {
	uint32_t tag;
	size_t row_size;
	const struct gsd_column *columns; /**< in order of number */
	size_t column_count;
};

/** Writes @p count rows as blocks of @p table. */
GSD_MUST_CHECK struct gsd_error *gsd_table_write(struct gsd_block_writer *writer, const struct gsd_table *table,
						 const void *rows, size_t count);

/** Rows that were read so far. */
struct gsd_rows {
	void *items;
	size_t count;
	size_t capacity;
};

/** Appends the rows in @p block; strings go to @p arena. Errors: GSD_ERROR_CORRUPT, GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_table_read(const struct gsd_block_reader *reader, const struct gsd_block *block,
						const struct gsd_table *table, struct gsd_arena *arena,
						struct gsd_rows *rows);

#endif
