/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/proto_reader.h"

bool proto_read_varint(struct proto_reader *reader, uint64_t *value_ret)
{
	uint64_t value = 0;
	const uint8_t *at = reader->at;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		if (at == reader->end || (shift == 63 && *at > 1))
			return false;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if ((*at++ & 0x80) == 0) {
			reader->at = at;
			*value_ret = value;
			return true;
		}
	}
	return false;
}

static bool skip(struct proto_reader *reader, uint64_t length)
{
	if (length > (uint64_t)(reader->end - reader->at))
		return false;
	reader->at += length;
	return true;
}

bool proto_read_field(struct proto_reader *reader, struct proto_field *field_ret)
{
	struct proto_reader rest = *reader;
	struct proto_field field = {0};
	uint64_t key, length;
	bool good = false;
	if (!proto_read_varint(&rest, &key) || key >> 3 == 0 || key >> 3 >= UINT64_C(1) << 29)
		return false;
	field.number = (uint32_t)(key >> 3);
	switch (key & 7) {
	case PROTO_VARINT:
		field.type = PROTO_VARINT;
		good = proto_read_varint(&rest, &field.value);
		break;
	case PROTO_FIXED64:
		field.type = PROTO_FIXED64;
		good = skip(&rest, 8);
		break;
	case PROTO_BYTES:
		field.type = PROTO_BYTES;
		good = proto_read_varint(&rest, &length);
		field.bytes.at = rest.at;
		good = good && skip(&rest, length);
		field.bytes.end = rest.at;
		break;
	case PROTO_FIXED32:
		field.type = PROTO_FIXED32;
		good = skip(&rest, 4);
		break;
	default: break; /* groups: no profile has any */
	}
	if (good) {
		*reader = rest;
		*field_ret = field;
	}
	return good;
}
