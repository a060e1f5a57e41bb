/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bounded byte cursor: the only way into a table that came from outside. All numbers are little-endian. A read past
 * the end gives zero and sets `failed`, which stays set: check it once after a group of reads.
 */
#ifndef GSD_BASE_CURSOR_H
#define GSD_BASE_CURSOR_H

#include <string.h>

#include "base/base.h"

/** A span of bytes that is borrowed. */
struct gsd_bytes {
	const uint8_t *data;
	size_t length;
};

/** The little-endian 64-bit word at @p offset of bytes that are known to reach that far. */
static inline uint64_t gsd_u64_at(const void *bytes, size_t offset)
{
	uint64_t value;
	memcpy(&value, (const uint8_t *)bytes + offset, sizeof value);
	return value;
}

struct gsd_cursor {
	const uint8_t *data;
	size_t length;
	size_t position;
	bool failed;
};

static inline struct gsd_cursor gsd_cursor_at(struct gsd_bytes bytes, uint64_t position)
{
	struct gsd_cursor cursor = {.data = bytes.data, .length = bytes.length};
	if (position > bytes.length)
		cursor.failed = true;
	else
		cursor.position = (size_t)position;
	return cursor;
}

/** The next @p length bytes, or NULL. */
static inline const uint8_t *gsd_cursor_take(struct gsd_cursor *cursor, size_t length)
{
	if (cursor->failed || length > cursor->length - cursor->position) {
		cursor->failed = true;
		return NULL;
	}
	const uint8_t *bytes = cursor->data + cursor->position;
	cursor->position += length;
	return bytes;
}

static inline uint8_t gsd_cursor_u8(struct gsd_cursor *cursor)
{
	const uint8_t *bytes = gsd_cursor_take(cursor, 1);
	return bytes == NULL ? 0 : *bytes;
}

static inline uint16_t gsd_cursor_u16(struct gsd_cursor *cursor)
{
	uint16_t value = 0;
	const uint8_t *bytes = gsd_cursor_take(cursor, sizeof value);
	if (bytes != NULL)
		memcpy(&value, bytes, sizeof value);
	return value;
}

static inline uint32_t gsd_cursor_u32(struct gsd_cursor *cursor)
{
	uint32_t value = 0;
	const uint8_t *bytes = gsd_cursor_take(cursor, sizeof value);
	if (bytes != NULL)
		memcpy(&value, bytes, sizeof value);
	return value;
}

static inline uint64_t gsd_cursor_u64(struct gsd_cursor *cursor)
{
	uint64_t value = 0;
	const uint8_t *bytes = gsd_cursor_take(cursor, sizeof value);
	if (bytes != NULL)
		memcpy(&value, bytes, sizeof value);
	return value;
}

/** A variable-length unsigned number of at most 64 bits (protobuf's and Go's uvarint). */
static inline uint64_t gsd_cursor_uvarint(struct gsd_cursor *cursor)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = gsd_cursor_u8(cursor);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return value;
	}
	cursor->failed = true;
	return 0;
}

#endif
