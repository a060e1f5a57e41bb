/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/values.h"

#include <stdlib.h>

#define LONGEST 10 /* bytes of a 64-bit number */

bool gsd_values_add(struct gsd_values *values, uint64_t value)
{
	if (values->capacity - values->length < LONGEST) {
		size_t capacity = values->capacity == 0 ? 4096 : values->capacity + values->capacity / 2;
		uint8_t *grown = realloc(values->bytes, capacity);
		if (grown == NULL)
			return false;
		values->bytes = grown;
		values->capacity = capacity;
	}
	for (; value >= 0x80; value >>= 7)
		values->bytes[values->length++] = (uint8_t)(value | 0x80);
	values->bytes[values->length++] = (uint8_t)value;
	return true;
}

struct gsd_cursor gsd_values_at(const struct gsd_values *values, uint64_t place)
{
	return gsd_cursor_at((struct gsd_bytes){.data = values->bytes, .length = values->length}, place);
}

void gsd_values_free(struct gsd_values *values)
{
	free(values->bytes);
	*values = (struct gsd_values){0};
}
