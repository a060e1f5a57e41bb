/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protocol-buffer messages, append-only. Written here and not with protobuf-c, because that wants the whole profile as
 * one tree of objects before it packs the first byte: a million samples would take several times the memory that the
 * tool is allowed. Encoding one message at a time takes a page of code and room for one message.
 */
#ifndef GSD_OUTPUT_PROTOBUF_H
#define GSD_OUTPUT_PROTOBUF_H

#include "output/output.h"

/** One message being made; reused by clearing it. A zeroed struct is an empty message. */
struct gsd_message {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
	bool failed; /**< no memory: what follows is not added, and gsd_message_emit() says so */
};

/** Empties @p message and keeps its memory. */
void gsd_message_clear(struct gsd_message *message);
void gsd_message_free(struct gsd_message *message);

/** Adds a varint field (int64, uint64, bool); 0, the default that readers assume, is left out. */
void gsd_message_add_varint(struct gsd_message *message, unsigned field, uint64_t value);
/** Adds a string, bytes or message field, empty ones too. */
void gsd_message_add_bytes(struct gsd_message *message, unsigned field, const void *bytes, size_t length);
/** Adds @p inner as a field. */
void gsd_message_add_message(struct gsd_message *message, unsigned field, const struct gsd_message *inner);
/** Adds repeated varints, packed; nothing when @p count is 0. */
void gsd_message_add_packed(struct gsd_message *message, unsigned field, const uint64_t *values, size_t count);

/** Writes the fields of @p message to @p sink and empties it. */
GSD_MUST_CHECK struct gsd_error *gsd_message_emit(struct gsd_message *message, struct gsd_sink *sink);

#endif
