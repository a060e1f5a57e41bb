/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a record: a header, blocks that are compressed and have a checksum each, and an end. */
#ifndef GSD_RECORD_BLOCKS_H
#define GSD_RECORD_BLOCKS_H

#include "base/cursor.h"
#include "output/output.h"

#define GSD_RECORD_MAJOR 1
#define GSD_RECORD_MINOR 0

/** What a block holds, unpacked, at most: a hostile file does not say how much memory is taken. */
#define GSD_RECORD_MAX_BLOCK ((size_t)64 << 20)

/** Four characters as they stand in the file. */
#define GSD_RECORD_TAG(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define GSD_RECORD_END             GSD_RECORD_TAG('E', 'N', 'D', ' ')

struct gsd_meter;
struct gsd_block_writer;
/** Writes the header. @p sink is borrowed. */
GSD_MUST_CHECK struct gsd_error *gsd_block_writer_create(struct gsd_sink *sink, struct gsd_block_writer **writer_ret);
void gsd_block_writer_destroy(struct gsd_block_writer *writer);
/** Blocks count in @p meter. */
void gsd_block_writer_measure(struct gsd_block_writer *writer, struct gsd_meter *meter);
/** Writes a block: at most GSD_RECORD_MAX_BLOCK bytes. */
GSD_MUST_CHECK struct gsd_error *gsd_block_write(struct gsd_block_writer *writer, uint32_t tag, const uint8_t *bytes,
						 size_t length);
/** Writes the end. */
GSD_MUST_CHECK struct gsd_error *gsd_block_writer_finish(struct gsd_block_writer *writer);

struct gsd_block {
	uint32_t tag;
	uint64_t position;      /**< of the block in the file */
	struct gsd_bytes bytes; /**< valid until the next one is read */
};
struct gsd_block_reader;
/** Reads and checks the header. @p fd and @p name are borrowed. */
GSD_MUST_CHECK struct gsd_error *gsd_block_reader_create(int fd, const char *name,
							 struct gsd_block_reader **reader_ret);
void gsd_block_reader_destroy(struct gsd_block_reader *reader);
/** The next block; @p more_ret is false at the end, where nothing follows. */
GSD_MUST_CHECK struct gsd_error *gsd_block_read(struct gsd_block_reader *reader, struct gsd_block *block_ret,
						bool *more_ret);
/** GSD_ERROR_CORRUPT about @p block, for the caller to say why. */
struct gsd_error *gsd_block_error(const struct gsd_block_reader *reader, const struct gsd_block *block) GSD_MUST_CHECK
	__attribute__((returns_nonnull));

#endif
