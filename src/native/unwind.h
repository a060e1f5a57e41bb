/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One step from a C frame to its caller: libunwind over the copied bytes, with accessors of our own. Pure: registers
 * and bytes in, registers out.
 */
#ifndef GSD_NATIVE_UNWIND_H
#define GSD_NATIVE_UNWIND_H

#include "base/plan.h"
#include "native/image.h"

/** General registers by their DWARF numbers (System V ABI, AMD64 supplement, figure 3.36). */
enum gsd_native_register {
	GSD_NATIVE_AX,
	GSD_NATIVE_DX,
	GSD_NATIVE_CX,
	GSD_NATIVE_BX,
	GSD_NATIVE_SI,
	GSD_NATIVE_DI,
	GSD_NATIVE_BP,
	GSD_NATIVE_SP,
	GSD_NATIVE_R8,
	GSD_NATIVE_R12 = 12,
	GSD_NATIVE_PC = 16,
	GSD_NATIVE_REGISTERS
};

struct gsd_native_state {
	uint64_t registers[GSD_NATIVE_REGISTERS];
	bool exact; /**< pc is the instruction itself, not a return address */
};

/** What became of a step. */
enum gsd_native_step {
	GSD_NATIVE_STEPPED,
	GSD_NATIVE_OUTERMOST, /**< there is no caller */
	GSD_NATIVE_LOST       /**< nothing tells where the caller is, or what tells it cannot be right */
};

struct gsd_native_unwinder;
/** @p images and the pieces of @p stacks (sorted) are borrowed. */
GSD_MUST_CHECK struct gsd_error *gsd_native_unwinder_create(struct gsd_native_images *images,
							    const struct gsd_native_plan *stacks,
							    struct gsd_native_unwinder **unwinder_ret);
void gsd_native_unwinder_destroy(struct gsd_native_unwinder *unwinder);

void gsd_native_state_of(const struct gsd_registers *registers, struct gsd_native_state *state_ret);
/** Moves @p state on to the caller; it is unchanged unless the answer is GSD_NATIVE_STEPPED. */
enum gsd_native_step gsd_native_step(struct gsd_native_unwinder *unwinder, struct gsd_native_state *state);
/** A word of a copied stack. */
bool gsd_native_word(const struct gsd_native_unwinder *unwinder, uint64_t address, uint64_t *word_ret);
/** Whether @p pc is in memory that may be executed. */
bool gsd_native_in_code(const struct gsd_native_unwinder *unwinder, uint64_t pc);
/** Whether the state is in the code that returns from a signal handler. */
bool gsd_native_in_signal_return(struct gsd_native_unwinder *unwinder, const struct gsd_native_state *state);

#endif
