/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The truth about the stacks of goroutines, from instructions alone.
 *
 * - A call pushes its return address; whatever moves sp above a return address has ended that call: ret, gogo to
 * another frame after recover, or a frame that is dropped. Depths count from the stack's high end, so that a stack that
 * is copied keeps them.
 * - A thread whose sp leaves the stack (mcall, systemstack, morestack, a call through the vDSO) leaves the calls as
 * they are. After mcall and morestack the innermost return address is where it will go on.
 * - A signal leaves them too; the handler's return tells whether it made a call of its own (asyncPreempt, sigpanic).
 * - gogo sets sp first and jumps later: what it jumps to is only known once it has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "step.h"

#define SYSCALL_SIGRETURN 15

/* Length of the ModRM byte and what belongs to it. */
static unsigned modrm_length(const uint8_t *modrm)
{
	unsigned mod = modrm[0] >> 6;
	unsigned rm = modrm[0] & 7;
	unsigned length = 1;
	if (mod == 3)
		return length;
	if (rm == 4) {
		length++;
		if (mod == 0 && (modrm[1] & 7) == 5)
			length += 4;
	} else if (mod == 0 && rm == 5) {
		length += 4;
	}
	return length + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

struct instruction truth_decode(const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	/* Prefixes: operand size, repetition, segments of branch hints, REX. */
	while (at + 8 < length && (bytes[at] == 0x66 || bytes[at] == 0xf2 || bytes[at] == 0xf3 || bytes[at] == 0x2e ||
				   bytes[at] == 0x3e || (bytes[at] & 0xf0) == 0x40))
		at++;
	if (bytes[at] == 0xe8)
		return (struct instruction){.length = (uint8_t)(at + 5), .is_call = true};
	if (bytes[at] == 0xff && (bytes[at + 1] >> 3 & 7) == 2)
		return (struct instruction){.length = (uint8_t)(at + 1 + modrm_length(bytes + at + 1)),
					    .is_call = true};
	return (struct instruction){.is_syscall = bytes[at] == 0x0f && bytes[at + 1] == 0x05};
}

static bool covers(const struct stack *stack, uint64_t sp)
{
	/* Stacks are powers of two: other bounds are one of the old stack and one of the new (runtime.copystack). */
	uint64_t size = stack != NULL ? stack->high - stack->low : 0;
	return stack != NULL && (size & (size - 1)) == 0 && sp > stack->low && sp <= stack->high;
}

static bool lives(uint32_t status)
{
	return status != GSD_STATUS_IDLE && status != GSD_STATUS_DEAD && status != GSD_STATUS_DEADEXTRA;
}

static void push_call(struct stack *stack, uint64_t address, uint64_t return_address, bool injected)
{
	if (stack->call_count == MAX_CALLS)
		fail("more than %d calls on one stack", MAX_CALLS);
	stack->calls[stack->call_count++] =
		(struct call){.depth = stack->high - address, .return_address = return_address, .injected = injected};
}

/* Ends the calls whose return addresses lie below sp. */
static void drop_calls(struct stack *stack, uint64_t sp)
{
	while (stack->call_count > 0 && stack->high - stack->calls[stack->call_count - 1].depth < sp)
		stack->call_count--;
}

static void reverse(struct stack *stack, size_t from)
{
	for (size_t i = from, j = stack->call_count; i + 1 < j; i++) {
		struct call call = stack->calls[i];
		stack->calls[i] = stack->calls[--j];
		stack->calls[j] = call;
	}
}

/* The calls of a stack from a frame pointer on. */
static void push_chain(struct stack *stack, struct answer *answer, uint64_t bp)
{
	while (bp != 0 && covers(stack, bp + 16)) {
		push_call(stack, bp + 8, peek(answer, bp + 8), false);
		uint64_t next = peek(answer, bp);
		if (next <= bp)
			break;
		bp = next;
	}
}

/* Whether what we say of a parked goroutine is what the frame pointers say: only then the truth begins with it. */
static bool agrees(const struct stack *stack, const struct answer *answer)
{
	const uint64_t *words;
	size_t count = answer_words(answer, stack->g, &words);
	if (count != stack->call_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (GSD_PC_ADDRESS(words[i]) != stack->calls[count - 1 - i].return_address)
			return false;
	return true;
}

/*
 * A goroutine that is not running: it was just made, or it is parked since before the truth began. Where it will go on
 * counts as a call whose return address lies just below its sp, which is what mcall leaves.
 */
static void begin_parked(struct truth *truth, struct stack *stack, struct answer *answer)
{
	stack->call_count = 0;
	push_call(stack, stack->sched_sp - 8, stack->sched_pc, false);
	if (stack->sched_bp == 0)
		push_call(stack, stack->sched_sp, peek(answer, stack->sched_sp), false);
	else
		push_chain(stack, answer, stack->sched_bp);
	reverse(stack, 0);
	stack->known = agrees(stack, answer);
	stack->departure = LEFT_BY_CALL;
	truth->untracked += stack->known ? 0 : 1;
}

static struct stack *stack_of(struct truth *truth, uint64_t g)
{
	for (size_t i = 0; i < truth->stack_count; i++)
		if (truth->stacks[i]->g == g)
			return truth->stacks[i];
	if (truth->stack_count == MAX_STACKS)
		fail("more than %d goroutines", MAX_STACKS);
	struct stack *stack = calloc(1, sizeof *stack);
	if (stack == NULL)
		fail("no memory");
	stack->g = g;
	truth->stacks[truth->stack_count++] = stack;
	return stack;
}

void truth_refresh(struct truth *truth, struct answer *answer)
{
	const struct gsd_layout *layout = &answer->runtime.layout;
	for (size_t i = 0; i < answer->plan.element_count; i++) {
		const uint8_t *g = answer->plan.headers[i];
		if (g == NULL)
			continue;
		struct stack *stack = stack_of(truth, answer->plan.elements[i]);
		uint64_t goid = gsd_u64_at(g, layout->goid);
		uint32_t status = (uint32_t)gsd_u64_at(g, layout->atomicstatus);
		if (goid != stack->goid)
			stack->known = false;
		stack->goid = goid;
		stack->low = gsd_u64_at(g, layout->stack_low);
		stack->high = gsd_u64_at(g, layout->stack_high);
		stack->status = status & ~GSD_STATUS_SCAN_BIT;
		stack->scan = (status & GSD_STATUS_SCAN_BIT) != 0;
		stack->sched_pc = gsd_u64_at(g, layout->sched_pc);
		stack->sched_sp = gsd_u64_at(g, layout->sched_sp);
		stack->sched_bp = gsd_u64_at(g, layout->sched_bp);
		stack->syscall_sp = gsd_u64_at(g, layout->syscallsp);
		if (!lives(stack->status))
			stack->known = false;
		else if (!stack->known && stack->syscall_sp == 0 &&
			 (stack->status == GSD_STATUS_RUNNABLE || stack->status == GSD_STATUS_WAITING))
			begin_parked(truth, stack, answer);
	}
}

/* The goroutine's stack that `sp` is on, or NULL. */
static struct stack *stack_at(struct truth *truth, const struct tracee_thread *thread)
{
	if (covers(thread->stack, thread->now.sp))
		return thread->stack;
	for (size_t i = 0; i < truth->stack_count; i++)
		if (covers(truth->stacks[i], thread->now.sp))
			return truth->stacks[i];
	return NULL;
}

void truth_begin(struct truth *truth, struct answer *answer, struct tracee_thread *thread)
{
	struct stack *stack = stack_at(truth, thread);
	if (stack == NULL)
		fail("the start is not on a goroutine's stack");
	stack->call_count = 0;
	push_call(stack, thread->now.sp, peek(answer, thread->now.sp), false);
	push_chain(stack, answer, thread->now.bp);
	reverse(stack, 0);
	stack->known = true;
	thread->stack = stack;
	thread->on_stack = true;
}

static bool is_function(const struct answer *answer, uint64_t pc, const char *name)
{
	return strcmp(answer_function(answer, pc), name) == 0;
}

static bool in_gogo(const struct answer *answer, uint64_t pc)
{
	return is_function(answer, pc, "gogo") || is_function(answer, pc, "runtime.gogo");
}

/* The handler returned: to where the signal came in, or to a call that it made. */
static void end_handling(struct tracee_thread *thread, struct stack *stack)
{
	thread->handling = false;
	if (stack == NULL || stack != thread->stack || thread->now.pc == thread->interrupted.pc)
		return;
	if (thread->now.sp == thread->interrupted.sp - 8)
		push_call(stack, thread->now.sp, thread->interrupted.pc, true);
	else if (stack->call_count > 0)
		stack->calls[stack->call_count - 1].injected = true; /* a call of nil: its caller is who panics */
}

static void follow_on_stack(struct answer *answer, struct tracee_thread *thread, struct stack *stack, bool was_on)
{
	if (was_on && thread->executed.is_call && thread->now.sp == thread->before.sp - 8) {
		uint64_t return_address = thread->before.pc + thread->executed.length;
		if (peek(answer, thread->now.sp) != return_address)
			fail("the call at %#lx was not decoded", (unsigned long)thread->before.pc);
		push_call(stack, thread->now.sp, return_address, false);
		if (is_function(answer, thread->now.pc, "runtime.entersyscall") ||
		    is_function(answer, thread->now.pc, "runtime.entersyscallblock"))
			stack->entersyscall_return = return_address;
	}
	bool resuming = in_gogo(answer, thread->now.pc);
	if (stack->resuming && !resuming && stack->resume_pc != 0 && thread->now.pc != stack->resume_pc && stack->known)
		fail("gogo went to %s, not where the answer said", answer_function(answer, thread->now.pc));
	if (!resuming)
		stack->resume_pc = 0;
	stack->resuming = resuming;
	drop_calls(stack, thread->now.sp);
}

void truth_follow(struct truth *truth, struct answer *answer, struct tracee *tracee, struct tracee_thread *thread)
{
	struct stack *stack = stack_at(truth, thread);
	bool was_on = thread->on_stack && stack == thread->stack;
	const char *before = answer_function(answer, thread->before.pc);
	if (thread->delivered != 0 && (is_function(answer, thread->now.pc, "runtime.sigtramp") ||
				       is_function(answer, thread->now.pc, "runtime.cgoSigtramp"))) {
		thread->handling = true;
		thread->interrupted = thread->before;
		if ((int64_t)thread->before_rax <= -512 && (int64_t)thread->before_rax >= -516)
			thread->interrupted.pc -= 2; /* the system call will be begun again: ERESTARTSYS and the like */
		thread->interrupted_on_stack = thread->on_stack;
	} else if (thread->handling && thread->executed.is_syscall && thread->before_rax == SYSCALL_SIGRETURN) {
		end_handling(thread, stack);
		thread->executed.is_call = false;
	} else if (thread->on_stack && stack == NULL) {
		thread->stack->departure =
			strcmp(before, "runtime.systemstack") == 0 ? LEFT_IN_SYSTEMSTACK : LEFT_BY_CALL;
	}
	thread->on_stack = stack != NULL;
	if (stack == NULL)
		return;
	thread->stack = stack;
	for (size_t i = 0; i < tracee->thread_count; i++)
		if (&tracee->threads[i] != thread && tracee->threads[i].stack == stack)
			tracee->threads[i].stack = NULL;
	follow_on_stack(answer, thread, stack, was_on);
}
