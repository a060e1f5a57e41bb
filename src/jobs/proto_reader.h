/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of a message of Protocol Buffers (protobuf.dev, encoding), out of bytes that may say anything. */
#ifndef GSD_JOBS_PROTO_READER_H
#define GSD_JOBS_PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The rest of a message. */
struct proto_reader {
	const uint8_t *at;
	const uint8_t *end;
};

struct proto_field {
	uint32_t number;
	enum { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 } type;
	uint64_t value;            /**< of PROTO_VARINT */
	struct proto_reader bytes; /**< of PROTO_BYTES: a string, a message, or packed numbers */
};

static inline bool proto_is_over(const struct proto_reader *reader)
{
	return reader->at == reader->end;
}

/** Reads a number of 1 to 10 bytes. False when there is none: the reader stays where it is. */
bool proto_read_varint(struct proto_reader *reader, uint64_t *value_ret);
/** Reads a field of a message that is not over. False when it is malformed or cut: the reader stays at its start. */
bool proto_read_field(struct proto_reader *reader, struct proto_field *field_ret);

#endif
