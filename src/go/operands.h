/* SPDX-License-Identifier: BSD-3-Clause */
/* What a function's code addresses: the runtime's variables have no names in a stripped program, but code uses them. */
#ifndef GSD_GO_OPERANDS_H
#define GSD_GO_OPERANDS_H

#include "base/base.h"

/** An operand relative to the instruction pointer. */
struct gsd_operand {
	size_t position;  /**< of its displacement in the code */
	uint64_t address; /**< what it addresses, if no immediate follows the displacement */
};

/**
 * Lists every place in the @p length bytes of @p code, which lie at @p address, that can be a RIP-relative operand
 * (ModRM with mod 0 and r/m 5). Some are none, and those with an immediate behind them are off by its size: whoever
 * uses them verifies. At most @p capacity; returns how many.
 */
size_t gsd_operands(const uint8_t *code, size_t length, uint64_t address, struct gsd_operand *list, size_t capacity);

#endif
