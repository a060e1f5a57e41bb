/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/writer.h"

#include "base/error.h"

void gsd_writer_init(struct gsd_writer *writer, struct gsd_sink *sink)
{
	writer->sink = sink;
	writer->error = NULL;
	writer->length = 0;
}

static void flush(struct gsd_writer *writer)
{
	if (writer->error == NULL && writer->length > 0)
		writer->error = gsd_sink_write(writer->sink, writer->buffer, writer->length);
	writer->length = 0;
}

void gsd_writer_add(struct gsd_writer *writer, const void *bytes, size_t length)
{
	const char *from = bytes;
	while (length > 0) {
		if (writer->length == GSD_WRITER_BUFFER)
			flush(writer);
		size_t room = GSD_WRITER_BUFFER - writer->length;
		size_t part = length < room ? length : room;
		memcpy(writer->buffer + writer->length, from, part);
		writer->length += part;
		from += part;
		length -= part;
	}
}

void gsd_writer_add_unsigned(struct gsd_writer *writer, uint64_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	gsd_writer_add(writer, digits + at, sizeof digits - at);
}

void gsd_writer_add_integer(struct gsd_writer *writer, int64_t number)
{
	if (number < 0)
		gsd_writer_add(writer, "-", 1);
	gsd_writer_add_unsigned(writer, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void gsd_writer_add_hex(struct gsd_writer *writer, uint64_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = "0123456789abcdef"[number & 0xf];
		number >>= 4;
	} while (number != 0);
	digits[--at] = 'x';
	digits[--at] = '0';
	gsd_writer_add(writer, digits + at, sizeof digits - at);
}

struct gsd_error *gsd_writer_finish(struct gsd_writer *writer)
{
	flush(writer);
	return gsd_take(writer->error);
}
