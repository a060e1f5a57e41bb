/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/walk_start.h"

#include "go/signal_frame.h"

/*
 * From registers on the goroutine's stack. In the last instructions of gogo sp is already the goroutine's and pc is
 * not: it is still in sched, which keeps it (runtime/asm_amd64.s, gogo).
 */
static enum gsd_unreadable start_on_stack(const struct gsd_runtime *runtime, const struct gsd_header *header,
					  const struct gsd_registers *registers, struct gsd_walk_start *start)
{
	struct gsd_pc_info info;
	if (!gsd_code_pc(runtime->code, registers->pc, &info))
		return GSD_UNREADABLE_COUNT;
	/* copystack runs on the system stack: the bounds are one of the old stack and one of the new. */
	if (info.special == GSD_SPECIAL_COPYSTACK)
		return GSD_UNREADABLE_RUNNING;
	if (info.special == GSD_SPECIAL_GOGO)
		*start = (struct gsd_walk_start){.pc = header->sched_pc, .sp = registers->sp};
	else
		*start = (struct gsd_walk_start){
			.pc = registers->pc, .sp = registers->sp, .bp = registers->bp, .exact = true};
	return GSD_READABLE;
}

/* A word of the stack; 0 outside of it. */
static uint64_t stack_word(const struct gsd_header *header, uint64_t address)
{
	uint64_t value;
	return gsd_stack_view_word(&header->copied->stack, address, &value) ? value : 0;
}

/* The registers that a signal interrupted on the goroutine's stack, when its thread is in the handler. */
static bool interrupted_by_signal(const struct gsd_header *header, struct gsd_registers *registers)
{
	const struct gsd_stack_view *handler = &header->copied->handler;
	if (handler->length == 0 || !gsd_signal_frame_find(handler, header->low, header->high, registers))
		return false;
	/*
	 * The handler injects a call by pushing pc and lowering sp before it sets the new pc
	 * (runtime/signal_amd64.go, pushCall): until then the call has not been made.
	 */
	if (stack_word(header, registers->sp) == registers->pc)
		registers->sp += sizeof(uint64_t);
	return true;
}

static struct gsd_walk_start start_of_system_call(const struct gsd_header *header)
{
	return (struct gsd_walk_start){
		.pc = header->syscall_pc, .sp = header->syscall_sp, .bp = header->syscall_bp, .system_call = true};
}

/*
 * From sched, while the thread is on the system stack. runtime.recovery stores sp, pc and bp one after the other
 * (runtime/panic.go): before, sched is what mcall saved, with the return address just below sp; between sp and pc it is
 * nothing, and pc still one of the runtime, which called mcall; then bp is another frame's for a moment.
 */
static enum gsd_unreadable start_from_sched(const struct gsd_runtime *runtime, const struct gsd_header *header,
					    const struct gsd_thread *thread, struct gsd_walk_start *start)
{
	struct gsd_code *code = runtime->code;
	struct gsd_pc_info info = {0};
	*start = (struct gsd_walk_start){
		.pc = header->sched_pc, .sp = header->sched_sp, .bp = header->sched_bp, .may_move = true};
	if (thread == NULL || thread->state != GSD_THREAD_STOPPED)
		return GSD_READABLE;
	struct gsd_registers interrupted = thread->registers;
	if (header->copied->handler.length > 0)
		(void)gsd_signal_frame_find(&header->copied->handler, 0, UINT64_MAX, &interrupted);
	if (!gsd_code_pc(code, interrupted.pc, &info))
		return GSD_UNREADABLE_COUNT;
	/* It stores the new bounds one after the other: with the old sp between them, bp is in both stacks and in
	 * neither. */
	start->moving = info.special == GSD_SPECIAL_COPYSTACK;
	if (info.special != GSD_SPECIAL_RECOVERY ||
	    stack_word(header, header->sched_sp - sizeof(uint64_t)) == header->sched_pc)
		return GSD_READABLE;
	start->bp = 0;
	return gsd_code_is_runtime(code, header->sched_pc) ? GSD_UNREADABLE_RUNNING : GSD_READABLE;
}

/*
 * A running goroutine: its thread's registers; or, while the thread is on another stack, where a call through the vDSO,
 * a signal or the switch to the system stack left the goroutine's own.
 */
static enum gsd_unreadable start_running(const struct gsd_runtime *runtime, const struct gsd_header *header,
					 struct gsd_walk_start *start)
{
	const struct gsd_layout *layout = &runtime->layout;
	const struct gsd_thread *thread = gsd_header_thread(header, &runtime->layout);
	struct gsd_registers registers;
	if (thread != NULL && thread->state == GSD_THREAD_STOPPED && gsd_header_has_sp(header, thread->registers.sp))
		return start_on_stack(runtime, header, &thread->registers, start);
	if (interrupted_by_signal(header, &registers))
		return start_on_stack(runtime, header, &registers, start);
	if (header->copied->m != NULL &&
	    gsd_header_has_sp(header, gsd_layout_word(header->copied->m, layout->m_vdso_sp))) {
		*start = (struct gsd_walk_start){.pc = gsd_layout_word(header->copied->m, layout->m_vdso_pc),
						 .sp = gsd_layout_word(header->copied->m, layout->m_vdso_sp)};
		return GSD_READABLE;
	}
	if (header->syscall_sp != 0) {
		*start = start_of_system_call(header);
		return GSD_READABLE;
	}
	if (gsd_header_has_sp(header, header->sched_sp))
		return start_from_sched(runtime, header, thread, start);
	return thread == NULL || thread->state != GSD_THREAD_STOPPED ? GSD_UNREADABLE_NO_THREAD
								     : GSD_UNREADABLE_RUNNING;
}

static enum gsd_unreadable reason_of_outcome(const struct gsd_header *header)
{
	switch (header->copied->outcome) {
	case GSD_STACK_READ: return GSD_READABLE;
	case GSD_STACK_TOO_LARGE: return GSD_UNREADABLE_TOO_LARGE;
	case GSD_STACK_UNMAPPED: return GSD_UNREADABLE_UNMAPPED;
	case GSD_STACK_IN_USE: return GSD_UNREADABLE_RUNNING;
	case GSD_STACK_MOVED: return GSD_UNREADABLE_MOVED;
	default: return header->goroutine.status == GSD_STATUS_RUNNING ? GSD_UNREADABLE_RUNNING : GSD_UNREADABLE_BOUNDS;
	}
}

enum gsd_unreadable gsd_walk_start_find(const struct gsd_runtime *runtime, const struct gsd_header *header,
					struct gsd_walk_start *start)
{
	enum gsd_unreadable reason = reason_of_outcome(header);
	if (reason != GSD_READABLE)
		return reason;
	/*
	 * syscallsp counts whatever the status says: it is set while the frames below it are live (runtime, initAt).
	 * Only the registers of a running one know better: entersyscall sets sp and pc one after the other.
	 */
	if (header->syscall_sp != 0 && header->goroutine.status != GSD_STATUS_RUNNING) {
		*start = start_of_system_call(header);
		return GSD_READABLE;
	}
	/* Around a collection a goroutine says that it waits while it runs (runtime/proc.go, casGToWaitingForSuspendG).
	 */
	if (header->goroutine.status == GSD_STATUS_WAITING && header->copied->m != NULL)
		return start_running(runtime, header, start);
	switch (header->goroutine.status) {
	case GSD_STATUS_RUNNING: return start_running(runtime, header, start);
	case GSD_STATUS_COPYSTACK:
		/* The saved frame pointers may still be those of the old stack: nothing to check with. */
		*start = (struct gsd_walk_start){.pc = header->sched_pc, .sp = header->sched_sp};
		return GSD_READABLE;
	case GSD_STATUS_RUNNABLE:
	case GSD_STATUS_SYSCALL:
	case GSD_STATUS_WAITING:
	case GSD_STATUS_PREEMPTED:
	case GSD_STATUS_LEAKED:
		/* The collector shrinks stacks that it has taken hold of: frame pointers may be of either then. */
		*start = (struct gsd_walk_start){.pc = header->sched_pc,
						 .sp = header->sched_sp,
						 .bp = header->sched_bp,
						 .moving = header->goroutine.scan};
		return GSD_READABLE;
	default: return GSD_UNREADABLE_STATUS;
	}
}
