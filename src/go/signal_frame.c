/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/signal_frame.h"

#include "base/cursor.h"

/* struct ucontext: uc_flags, uc_link, uc_stack {sp, flags, size}, then the general registers in this order. */
enum { UC_FLAGS = 0, UC_LINK = 8, UC_STACK_SP = 16, UC_STACK_SIZE = 32, UC_REGISTERS = 40 };
enum { REGISTER_BP = 10, REGISTER_SP = 15, REGISTER_PC = 16, REGISTER_SEGMENTS = 18, REGISTER_COUNT = 19 };
enum { CONTEXT_BYTES = UC_REGISTERS + 8 * REGISTER_COUNT };
#define USER_CODE_SEGMENT   0x33
#define KNOWN_FLAGS         UINT64_C(0x7) /* UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
#define MAX_ALTERNATE_STACK ((uint64_t)64 << 20)

static uint64_t saved(const uint8_t *context, size_t number)
{
	return gsd_u64_at(context, UC_REGISTERS + 8 * number);
}

/*
 * Whether a context at `address` belongs to a handler that runs now, with the thread's sp on the context's alternate
 * stack, and to code on the stack (low, high].
 */
static bool plausible(const uint8_t *context, uint64_t address, uint64_t thread_sp, uint64_t low, uint64_t high)
{
	uint64_t stack = gsd_u64_at(context, UC_STACK_SP);
	uint64_t size = gsd_u64_at(context, UC_STACK_SIZE);
	uint64_t sp = saved(context, REGISTER_SP);
	return (gsd_u64_at(context, UC_FLAGS) & ~KNOWN_FLAGS) == 0 && gsd_u64_at(context, UC_LINK) == 0 &&
	       (saved(context, REGISTER_SEGMENTS) & 0xffff) == USER_CODE_SEGMENT && size <= MAX_ALTERNATE_STACK &&
	       thread_sp >= stack && address >= stack && address - stack < size && sp > low && sp <= high;
}

bool gsd_signal_frame_find(const struct gsd_stack_view *handler_stack, uint64_t low, uint64_t high,
			   struct gsd_registers *registers_ret)
{
	bool found = false;
	/* The kernel starts at the top of the alternate stack: the outermost one is it, whatever old ones lie below. */
	for (size_t i = 0; i + CONTEXT_BYTES <= handler_stack->length; i += 8) {
		const uint8_t *context = handler_stack->bytes + i;
		if (!plausible(context, handler_stack->start + i, handler_stack->start, low, high))
			continue;
		*registers_ret = (struct gsd_registers){.pc = saved(context, REGISTER_PC),
							.sp = saved(context, REGISTER_SP),
							.bp = saved(context, REGISTER_BP)};
		found = true;
	}
	return found;
}
