/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/blocks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/meter.h"
#include "base/read_hint.h"

/*
 * Header: magic, u16 major, u16 minor, u32 flags (0). The magic is not text, and does not survive what is done to text.
 * Block: u32 tag, u32 unpacked length, u32 packed length, u32 checksum of the packed bytes; then those, zlib's format.
 * The end is a block without bytes whose checksum is that of all headers before it.
 */
#define HEADER_SIZE       16
#define BLOCK_HEADER_SIZE 16
#define LEVEL             Z_BEST_SPEED
#define BEST_RATIO        1032 /* deflate cannot do better (zlib's own documentation) */

static const uint8_t magic[8] = {0x89, 'G', 'S', 'D', '\r', '\n', 0x1a, '\n'};

static void put_u16(uint8_t *bytes, unsigned value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
	put_u16(bytes, value & 0xffff);
	put_u16(bytes + 2, value >> 16);
}

static uint32_t checksum(uint32_t before, const uint8_t *bytes, size_t length)
{
	return (uint32_t)crc32_z(before, bytes, length);
}

/* ---- writing ---- */

struct gsd_block_writer {
	struct gsd_sink *sink;
	uint8_t *packed;
	size_t capacity;
	uint32_t headers; /* checksum of those so far */
	struct gsd_meter *meter;
};

struct gsd_error *gsd_block_writer_create(struct gsd_sink *sink, struct gsd_block_writer **writer_ret)
{
	uint8_t header[HEADER_SIZE] = {0};
	struct gsd_block_writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return gsd_error_no_memory();
	writer->sink = sink;
	memcpy(header, magic, sizeof magic);
	put_u16(header + 8, GSD_RECORD_MAJOR);
	put_u16(header + 10, GSD_RECORD_MINOR);
	writer->headers = checksum(0, header, sizeof header);
	struct gsd_error *error = gsd_sink_write(sink, header, sizeof header);
	if (error != NULL) {
		gsd_block_writer_destroy(writer);
		return error;
	}
	*writer_ret = writer;
	return NULL;
}

void gsd_block_writer_destroy(struct gsd_block_writer *writer)
{
	if (writer == NULL)
		return;
	free(writer->packed);
	free(writer);
}

static struct gsd_error *write_header(struct gsd_block_writer *writer, uint32_t tag, size_t length, size_t packed,
				      uint32_t sum)
{
	uint8_t header[BLOCK_HEADER_SIZE];
	put_u32(header, tag);
	put_u32(header + 4, (uint32_t)length);
	put_u32(header + 8, (uint32_t)packed);
	put_u32(header + 12, sum);
	writer->headers = checksum(writer->headers, header, sizeof header);
	return gsd_sink_write(writer->sink, header, sizeof header);
}

void gsd_block_writer_measure(struct gsd_block_writer *writer, struct gsd_meter *meter)
{
	gsd_meter_begin(meter, GSD_PHASE_WRITING, 0);
	writer->meter = meter;
}

struct gsd_error *gsd_block_write(struct gsd_block_writer *writer, uint32_t tag, const uint8_t *bytes, size_t length)
{
	if (length > GSD_RECORD_MAX_BLOCK)
		return gsd_error_create(GSD_ERROR_INTERNAL, 0, "write a block of %zu bytes", length);
	uLongf packed = compressBound(length);
	if (packed > writer->capacity) {
		uint8_t *grown = realloc(writer->packed, packed);
		if (grown == NULL)
			return gsd_error_no_memory();
		writer->packed = grown;
		writer->capacity = packed;
	}
	if (compress2(writer->packed, &packed, bytes, length, LEVEL) != Z_OK)
		return gsd_error_no_memory();
	GSD_TRY(write_header(writer, tag, length, packed, checksum(0, writer->packed, packed)));
	if (writer->meter != NULL)
		gsd_meter_tell(writer->meter, writer->meter->progress.done + 1);
	return gsd_sink_write(writer->sink, writer->packed, packed);
}

struct gsd_error *gsd_block_writer_finish(struct gsd_block_writer *writer)
{
	return write_header(writer, GSD_RECORD_END, 0, 0, writer->headers);
}

/* ---- reading ---- */

#define INPUT_SIZE ((size_t)64 << 10)

struct gsd_block_reader {
	int fd;
	const char *name;
	uint64_t position; /* of the next byte */
	uint8_t *packed;
	size_t packed_capacity;
	uint8_t *unpacked;
	size_t unpacked_capacity;
	uint32_t headers;
	size_t input_begin, input_end;
	uint8_t input[INPUT_SIZE];
};

static GSD_MUST_CHECK struct gsd_error *corrupt(const struct gsd_block_reader *reader)
{
	return gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the capture %s", reader->name);
}

struct gsd_error *gsd_block_error(const struct gsd_block_reader *reader, const struct gsd_block *block)
{
	char tag[5];
	for (int i = 0; i < 4; i++) {
		char c = (char)(block->tag >> 8 * i);
		tag[i] = c < 0x20 || c > 0x7e ? '?' : c;
	}
	tag[4] = '\0';
	return gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the capture %s, block %s at byte %" PRIu64, reader->name,
				tag, block->position);
}

/* Fills the input; it is empty and stays so at the end of the file. */
static struct gsd_error *fill_input(struct gsd_block_reader *reader)
{
	ssize_t got;
	do
		got = read(reader->fd, reader->input, sizeof reader->input);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errno, "read the capture %s", reader->name),
					"%s", gsd_reading_hint(errno));
	reader->input_begin = 0;
	reader->input_end = (size_t)got;
	return NULL;
}

/* Reads @p length bytes, or fewer at the end of the file. */
static struct gsd_error *read_bytes(struct gsd_block_reader *reader, uint8_t *bytes, size_t length, size_t *got_ret)
{
	size_t got = 0;
	while (got < length) {
		if (reader->input_begin == reader->input_end)
			GSD_TRY(fill_input(reader));
		size_t part = reader->input_end - reader->input_begin;
		if (part == 0)
			break;
		part = part < length - got ? part : length - got;
		memcpy(bytes + got, reader->input + reader->input_begin, part);
		reader->input_begin += part;
		got += part;
	}
	reader->position += got;
	*got_ret = got;
	return NULL;
}

static struct gsd_error *read_exactly(struct gsd_block_reader *reader, uint8_t *bytes, size_t length)
{
	size_t got;
	GSD_TRY(read_bytes(reader, bytes, length, &got));
	if (got == length)
		return NULL;
	return gsd_error_advise(gsd_error_because(corrupt(reader),
						  "it ends at byte %" PRIu64 ", before its end: it was cut short",
						  reader->position),
				"copy it again from where it was written");
}

static struct gsd_error *refuse_other_file(const struct gsd_block_reader *reader, const uint8_t *bytes, size_t length)
{
	struct gsd_error *error = gsd_error_because(
		corrupt(reader), length == 0 ? "it is empty" : "it is no capture that -f raw has written");
	if (length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
		return gsd_error_advise(error, "it is gzipped: go tool pprof reads profiles");
	if (length >= 4 && memcmp(bytes, "\177ELF", 4) == 0)
		return gsd_error_advise(error,
					"it is an ELF file: a core is read with --core, a program is given by --exe");
	return gsd_error_advise(error, "captures that are read again are written with -f raw, or as FILE.gsd");
}

static struct gsd_error *read_header(struct gsd_block_reader *reader)
{
	uint8_t header[HEADER_SIZE] = {0};
	size_t got;
	GSD_TRY(read_bytes(reader, header, sizeof header, &got));
	if (memcmp(header, magic, sizeof magic) != 0)
		return refuse_other_file(reader, header, got);
	if (got < sizeof header)
		return read_exactly(reader, header, 1); /* says that it was cut short */
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = header, .length = sizeof header}, 8);
	unsigned major = gsd_cursor_u16(&cursor);
	unsigned minor = gsd_cursor_u16(&cursor);
	uint32_t flags = gsd_cursor_u32(&cursor);
	reader->headers = checksum(0, header, sizeof header);
	if (major == GSD_RECORD_MAJOR && flags == 0)
		return NULL;
	if (major == 0)
		return gsd_error_because(corrupt(reader), "there is no version 0 of its format");
	return gsd_error_advise(
		gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the capture %s", reader->name),
				  "its format is version %u.%u with flags 0x%" PRIx32
				  ", and this gostackdump reads version %d without flags",
				  major, minor, flags, GSD_RECORD_MAJOR),
		"read it with the gostackdump that wrote it, or with a newer one");
}

struct gsd_error *gsd_block_reader_create(int fd, const char *name, struct gsd_block_reader **reader_ret)
{
	struct gsd_block_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return gsd_error_no_memory();
	reader->fd = fd;
	reader->name = name;
	struct gsd_error *error = read_header(reader);
	if (error != NULL) {
		gsd_block_reader_destroy(reader);
		return error;
	}
	*reader_ret = reader;
	return NULL;
}

void gsd_block_reader_destroy(struct gsd_block_reader *reader)
{
	if (reader == NULL)
		return;
	free(reader->packed);
	free(reader->unpacked);
	free(reader);
}

static struct gsd_error *make_room(uint8_t **bytes, size_t *capacity, size_t length)
{
	if (length <= *capacity)
		return NULL;
	uint8_t *grown = realloc(*bytes, length);
	if (grown == NULL)
		return gsd_error_no_memory();
	*bytes = grown;
	*capacity = length;
	return NULL;
}

static struct gsd_error *check_end(struct gsd_block_reader *reader, const struct gsd_block *block, size_t packed,
				   uint32_t sum, uint32_t headers)
{
	uint8_t byte;
	size_t got;
	if (block->bytes.length != 0 || packed != 0 || sum != headers)
		return gsd_error_advise(gsd_error_because(gsd_block_error(reader, block),
							  "the checksum of all blocks is not what was written"),
					"copy it again from where it was written");
	GSD_TRY(read_bytes(reader, &byte, 1, &got));
	return got == 0 ? NULL : gsd_error_because(gsd_block_error(reader, block), "bytes follow its end");
}

static struct gsd_error *unpack(struct gsd_block_reader *reader, struct gsd_block *block, size_t packed, uint32_t sum)
{
	size_t length = block->bytes.length;
	if (length > GSD_RECORD_MAX_BLOCK || packed > compressBound(GSD_RECORD_MAX_BLOCK) ||
	    length / BEST_RATIO > packed)
		return gsd_error_because(gsd_block_error(reader, block), "it claims to unpack %zu bytes to %zu", packed,
					 length);
	GSD_TRY(make_room(&reader->packed, &reader->packed_capacity, packed + 1));
	GSD_TRY(read_exactly(reader, reader->packed, packed));
	if (checksum(0, reader->packed, packed) != sum)
		return gsd_error_advise(gsd_error_because(gsd_block_error(reader, block),
							  "its checksum is not what was written: it is damaged"),
					"copy it again from where it was written");
	GSD_TRY(make_room(&reader->unpacked, &reader->unpacked_capacity, length + 1));
	uLongf unpacked = (uLongf)length + 1;
	int result = uncompress(reader->unpacked, &unpacked, reader->packed, packed);
	if (result == Z_MEM_ERROR)
		return gsd_error_no_memory();
	if (result != Z_OK || unpacked != length)
		return gsd_error_because(gsd_block_error(reader, block), "it cannot be unpacked to %zu bytes", length);
	block->bytes.data = reader->unpacked;
	return NULL;
}

struct gsd_error *gsd_block_read(struct gsd_block_reader *reader, struct gsd_block *block_ret, bool *more_ret)
{
	uint8_t header[BLOCK_HEADER_SIZE];
	struct gsd_block block = {.position = reader->position};
	uint32_t headers = reader->headers;
	GSD_TRY(read_exactly(reader, header, sizeof header));
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = header, .length = sizeof header}, 0);
	block.tag = gsd_cursor_u32(&cursor);
	block.bytes.length = gsd_cursor_u32(&cursor);
	size_t packed = gsd_cursor_u32(&cursor);
	uint32_t sum = gsd_cursor_u32(&cursor);
	reader->headers = checksum(headers, header, sizeof header);
	*more_ret = block.tag != GSD_RECORD_END;
	if (!*more_ret)
		return check_end(reader, &block, packed, sum, headers);
	GSD_TRY(unpack(reader, &block, packed, sum));
	*block_ret = block;
	return NULL;
}
