/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/operands.h"

#include <string.h>

size_t gsd_operands(const uint8_t *code, size_t length, uint64_t address, struct gsd_operand *list, size_t capacity)
{
	size_t count = 0;
	for (size_t i = 1; i + 4 <= length && count < capacity; i++) {
		if ((code[i - 1] & 0xc7) != 5)
			continue;
		int32_t displacement;
		memcpy(&displacement, code + i, sizeof displacement);
		list[count++] = (struct gsd_operand){.position = i,
						     .address = address + i + 4 + (uint64_t)(int64_t)displacement};
	}
	return count;
}
