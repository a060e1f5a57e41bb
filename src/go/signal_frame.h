/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame that the kernel pushes for a signal handler on linux/amd64: the registers that the signal interrupted. */
#ifndef GSD_GO_SIGNAL_FRAME_H
#define GSD_GO_SIGNAL_FRAME_H

#include "go/unwind.h"

/**
 * Looks through @p handler_stack, from a thread's sp upwards, for the context that the kernel saved when a signal
 * interrupted code on the stack (@p low, @p high]. It believes a context only when its segment registers, its alternate
 * stack and its stack pointer are what they must be. Source: arch/x86/include/uapi/asm/sigcontext.h, ucontext.h.
 */
bool gsd_signal_frame_find(const struct gsd_stack_view *handler_stack, uint64_t low, uint64_t high,
			   struct gsd_registers *registers_ret);

#endif
