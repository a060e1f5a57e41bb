/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum wire_type { WIRE_VARINT = 0, WIRE_LENGTH_DELIMITED = 2 };

#define VARINT_MAX_BYTES 10

void gsd_message_clear(struct gsd_message *message)
{
	message->length = 0;
	message->failed = false;
}

void gsd_message_free(struct gsd_message *message)
{
	free(message->bytes);
	memset(message, 0, sizeof *message);
}

/* Room for size more bytes; NULL once there was no memory. */
static uint8_t *reserve(struct gsd_message *message, size_t size)
{
	if (message->failed)
		return NULL;
	if (size > message->capacity - message->length) {
		size_t capacity = message->capacity == 0 ? 256 : message->capacity;
		while (capacity <= SIZE_MAX / 2 && capacity - message->length < size)
			capacity *= 2;
		uint8_t *grown = capacity - message->length < size ? NULL : realloc(message->bytes, capacity);
		if (grown == NULL) {
			message->failed = true;
			return NULL;
		}
		message->bytes = grown;
		message->capacity = capacity;
	}
	return message->bytes + message->length;
}

static void append_varint(struct gsd_message *message, uint64_t value)
{
	uint8_t *room = reserve(message, VARINT_MAX_BYTES);
	if (room == NULL)
		return;
	size_t size = 0;
	for (; value >= 0x80; value >>= 7)
		room[size++] = (uint8_t)(value | 0x80);
	room[size++] = (uint8_t)value;
	message->length += size;
}

static size_t varint_size(uint64_t value)
{
	size_t size = 1;
	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

static void append_tag(struct gsd_message *message, unsigned field, enum wire_type type)
{
	append_varint(message, (uint64_t)field << 3 | type);
}

void gsd_message_add_varint(struct gsd_message *message, unsigned field, uint64_t value)
{
	if (value == 0)
		return;
	append_tag(message, field, WIRE_VARINT);
	append_varint(message, value);
}

void gsd_message_add_bytes(struct gsd_message *message, unsigned field, const void *bytes, size_t length)
{
	append_tag(message, field, WIRE_LENGTH_DELIMITED);
	append_varint(message, length);
	uint8_t *room = reserve(message, length);
	if (room == NULL || length == 0)
		return;
	memcpy(room, bytes, length);
	message->length += length;
}

void gsd_message_add_message(struct gsd_message *message, unsigned field, const struct gsd_message *inner)
{
	message->failed |= inner->failed;
	gsd_message_add_bytes(message, field, inner->bytes, inner->length);
}

void gsd_message_add_packed(struct gsd_message *message, unsigned field, const uint64_t *values, size_t count)
{
	if (count == 0)
		return;
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += varint_size(values[i]);
	append_tag(message, field, WIRE_LENGTH_DELIMITED);
	append_varint(message, size);
	for (size_t i = 0; i < count; i++)
		append_varint(message, values[i]);
}

struct gsd_error *gsd_message_emit(struct gsd_message *message, struct gsd_sink *sink)
{
	if (message->failed)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_sink_write(sink, message->bytes, message->length);
	gsd_message_clear(message);
	return error;
}
