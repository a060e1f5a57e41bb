/* SPDX-License-Identifier: BSD-3-Clause */
/* A growing byte buffer, little-endian: what the builders of made-up tables write into. */
#ifndef GSD_TEST_BYTES_H
#define GSD_TEST_BYTES_H

#include "base/cursor.h"
#include "check.h"

struct bytes {
	uint8_t *data;
	size_t length;
	size_t capacity;
};

static inline void put(struct bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length > bytes->capacity) {
		bytes->capacity = 2 * (bytes->length + length) + 64;
		bytes->data = realloc(bytes->data, bytes->capacity);
		assert_non_null(bytes->data);
	}
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static inline void put_zeroes(struct bytes *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(bytes, "", 1);
}

static inline void put_u8(struct bytes *bytes, uint8_t value)
{
	put(bytes, &value, sizeof value);
}

static inline void put_u32(struct bytes *bytes, uint32_t value)
{
	put(bytes, &value, sizeof value);
}

static inline void put_u64(struct bytes *bytes, uint64_t value)
{
	put(bytes, &value, sizeof value);
}

static inline void put_uvarint(struct bytes *bytes, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_u8(bytes, (uint8_t)(value | 0x80));
	put_u8(bytes, (uint8_t)value);
}

static inline void put_text(struct bytes *bytes, const char *text)
{
	put(bytes, text, strlen(text) + 1);
}

static inline void align(struct bytes *bytes, size_t alignment)
{
	put_zeroes(bytes, (alignment - bytes->length % alignment) % alignment);
}

/* Writes over what is there already, or grows with zeroes up to it. */
static inline void set_at(struct bytes *bytes, size_t offset, const void *data, size_t length)
{
	if (offset + length > bytes->length)
		put_zeroes(bytes, offset + length - bytes->length);
	memcpy(bytes->data + offset, data, length);
}

static inline void set_u8(struct bytes *bytes, size_t offset, uint8_t value)
{
	set_at(bytes, offset, &value, sizeof value);
}

static inline void set_u16(struct bytes *bytes, size_t offset, uint16_t value)
{
	set_at(bytes, offset, &value, sizeof value);
}

static inline void set_u32(struct bytes *bytes, size_t offset, uint32_t value)
{
	set_at(bytes, offset, &value, sizeof value);
}

static inline void set_u64(struct bytes *bytes, size_t offset, uint64_t value)
{
	set_at(bytes, offset, &value, sizeof value);
}

static inline void drop_bytes(struct bytes *bytes)
{
	free(bytes->data);
	memset(bytes, 0, sizeof *bytes);
}

/* A copy in an allocation of exactly its size: a sanitizer sees a read past its end. */
static inline struct gsd_bytes exact_copy(const void *data, size_t length)
{
	uint8_t *copy = malloc(length == 0 ? 1 : length);
	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, data, length);
	return (struct gsd_bytes){.data = copy, .length = length};
}

static inline void drop_copy(struct gsd_bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

#endif
