/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/goroutine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "go/signal_frame.h"

#define STATUS_BIT(status) (UINT64_C(1) << (status))

void gsd_goroutines_plan(const struct gsd_runtime *runtime, struct gsd_plan *plan)
{
	const struct gsd_layout *layout = &runtime->layout;
	plan->list_pointer_address = runtime->allgs.pointer_address;
	plan->list_length_address = runtime->allgs.length_address;
	plan->header_size = gsd_layout_g_bytes(layout);
	plan->link_offset = layout->m;
	plan->link_size = gsd_layout_m_bytes(layout);
	plan->stack_rule =
		(struct gsd_stack_rule){.status_offset = layout->atomicstatus,
					.status_mask = ~GSD_STATUS_SCAN_BIT,
					.skip_statuses = STATUS_BIT(GSD_STATUS_IDLE) | STATUS_BIT(GSD_STATUS_DEAD) |
							 STATUS_BIT(GSD_STATUS_DEADEXTRA),
					.running_statuses = STATUS_BIT(GSD_STATUS_RUNNING),
					.linked_running_statuses = STATUS_BIT(GSD_STATUS_WAITING),
					.link_tid_offset = layout->m_procid,
					.low_offset = layout->stack_low,
					.high_offset = layout->stack_high,
					.sp_first_offset = layout->syscallsp,
					.sp_offset = layout->sched_sp,
					.max_stack_bytes = GSD_MAX_STACK_BYTES};
}

/* ---- state of an analysis ---- */

/* What a start pc says of a goroutine: decided once per function. */
enum origin { ORIGIN_USER = 1, ORIGIN_SYSTEM, ORIGIN_FINALIZERS, ORIGIN_CLEANUPS };

/* Frames of a stack that are not kept, as a traceback counts them. */
struct left_out {
	uint64_t frames;
	uint8_t callee; /* enum gsd_special of what the next word called */
	bool begun;
	struct gsd_error *error;
};

struct gsd_analyst {
	const struct gsd_runtime *runtime;
	struct gsd_analysis_options options;
	struct gsd_analysis result;
	struct gsd_frame_buffer frames;
	struct gsd_hash *origins;       /* start pc -> enum origin */
	struct gsd_hash *stack_hashes;  /* hash of words -> index of a stack */
	struct gsd_hash *label_indexes; /* pointer -> index, as the next two */
	struct gsd_hash *ancestry_indexes;
	struct gsd_hash *bubble_indexes;
	struct gsd_c_frames c_frames; /* of the goroutine at hand */
	struct gsd_traceback_list traceback_list;
	struct left_out left_out;
};

/* A header decoded. */
struct header {
	struct gsd_goroutine goroutine;
	const struct gsd_copied_goroutine *copied;
	const struct gsd_around *around;
	uint64_t low, high;
	uint64_t sched_pc, sched_sp, sched_bp;
	uint64_t syscall_pc, syscall_sp, syscall_bp;
	uint64_t labels, ancestors, bubble;
	uint64_t locked_m; /* address of the M that it is locked to; 0: none */
	bool running_cleanups;
};

static uint64_t word(const uint8_t *bytes, uint32_t offset)
{
	return offset == GSD_NO_FIELD ? 0 : gsd_u64_at(bytes, offset);
}

static void forget_indexes(struct gsd_goroutine *goroutine)
{
	goroutine->labels = GSD_NO_LABELS;
	goroutine->ancestry = GSD_NO_ANCESTRY;
	goroutine->bubble = GSD_NO_BUBBLE;
	goroutine->thread = GSD_NO_THREAD;
	goroutine->values = GSD_NO_VALUES;
}

static void decode(const struct gsd_layout *layout, const uint8_t *g, struct header *header)
{
	uint32_t status = (uint32_t)word(g, layout->atomicstatus);
	struct gsd_goroutine *goroutine = &header->goroutine;
	goroutine->status = status & ~GSD_STATUS_SCAN_BIT;
	goroutine->scan = (status & GSD_STATUS_SCAN_BIT) != 0;
	goroutine->goid = word(g, layout->goid);
	goroutine->parent_goid = word(g, layout->parent_goid);
	/* The first goroutine was made by the start-up code, which nobody wants to read about (runtime/traceback.go,
	 * printcreatedby). */
	goroutine->creator_pc = goroutine->goid == 1 ? 0 : word(g, layout->gopc);
	goroutine->start_pc = word(g, layout->startpc);
	goroutine->wait_since = word(g, layout->waitsince);
	goroutine->wait_reason = (uint8_t)word(g, layout->waitreason);
	header->locked_m = word(g, layout->lockedm);
	goroutine->locked = header->locked_m != 0;
	forget_indexes(goroutine);
	header->low = word(g, layout->stack_low);
	header->high = word(g, layout->stack_high);
	header->sched_pc = word(g, layout->sched_pc);
	header->sched_sp = word(g, layout->sched_sp);
	header->sched_bp = word(g, layout->sched_bp);
	header->syscall_pc = word(g, layout->syscallpc);
	header->syscall_sp = word(g, layout->syscallsp);
	header->syscall_bp = word(g, layout->syscallbp);
	header->labels = word(g, layout->labels);
	header->ancestors = word(g, layout->ancestors);
	header->bubble = word(g, layout->bubble);
	goroutine->stack_low = header->low;
	if (header->high > header->low && header->high - header->low <= GSD_MAX_STACK_BYTES)
		goroutine->stack_size = (uint32_t)(header->high - header->low);
	/* A new goroutine's saved pc is its entry; one that has run was saved behind a call. */
	goroutine->never_ran = goroutine->status != GSD_STATUS_RUNNING && header->syscall_sp == 0 &&
			       header->sched_pc == goroutine->start_pc && goroutine->start_pc != 0;
	header->running_cleanups = (word(g, layout->running_cleanups) & 0xff) != 0;
}

/* ---- the runtime's own goroutines (runtime/traceback.go, isSystemGoroutine) ---- */

/* Whether a pc belongs to the runtime. */
static bool is_runtime(const struct gsd_code *code, uint64_t pc)
{
	static const char prefix[] = "runtime.";
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(code, pc, &module, &function, &offset))
		return false;
	const char *name = gsd_pclntab_name(&module->table, function.name);
	return name != NULL && strncmp(name, prefix, sizeof prefix - 1) == 0;
}

static enum origin classify(const struct gsd_code *code, uint64_t start_pc)
{
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(code, start_pc, &module, &function, &offset))
		return ORIGIN_USER;
	switch (gsd_code_special(code, function.id)) {
	case GSD_SPECIAL_RUNTIME_MAIN:
	case GSD_SPECIAL_HANDLE_ASYNC_EVENT:
	case GSD_SPECIAL_COROSTART: return ORIGIN_USER;
	case GSD_SPECIAL_RUN_FINALIZERS: return ORIGIN_FINALIZERS;
	case GSD_SPECIAL_RUN_CLEANUPS: return ORIGIN_CLEANUPS;
	default: break;
	}
	return is_runtime(code, start_pc) ? ORIGIN_SYSTEM : ORIGIN_USER;
}

/*
 * Whether the finalizer goroutine runs a finalizer: the runtime's flag says it; without the flag it does unless it
 * waits for work.
 */
static bool finalizer_runs(const struct gsd_analyst *analyst, const struct header *header)
{
	const struct gsd_goroutine *goroutine = &header->goroutine;
	if (header->around->finalizer_known)
		return header->around->finalizer_running;
	return goroutine->status != GSD_STATUS_WAITING ||
	       strcmp(gsd_wait_reason_name(analyst->runtime->go_minor, goroutine->wait_reason), "finalizer wait") != 0;
}

static struct gsd_error *find_origin(struct gsd_analyst *analyst, uint64_t start_pc, enum origin *origin_ret)
{
	uint64_t origin;
	if (!gsd_hash_find(analyst->origins, start_pc, &origin)) {
		origin = (uint64_t)classify(analyst->runtime->code, start_pc);
		if (!gsd_hash_insert(analyst->origins, start_pc, origin))
			return gsd_error_no_memory();
	}
	*origin_ret = (enum origin)origin;
	return NULL;
}

static struct gsd_error *decide_system(struct gsd_analyst *analyst, struct header *header)
{
	enum origin origin;
	GSD_TRY(find_origin(analyst, header->goroutine.start_pc, &origin));
	switch (origin) {
	case ORIGIN_USER: header->goroutine.system = false; break;
	case ORIGIN_SYSTEM: header->goroutine.system = true; break;
	case ORIGIN_FINALIZERS: header->goroutine.system = !finalizer_runs(analyst, header); break;
	case ORIGIN_CLEANUPS: header->goroutine.system = !header->running_cleanups; break;
	}
	return NULL;
}

/* ---- where a walk begins ---- */

static const struct gsd_thread *thread_of(const struct gsd_analyst *analyst, const struct header *header)
{
	if (header->copied->m == NULL)
		return NULL;
	uint64_t tid = word(header->copied->m, analyst->runtime->layout.m_procid);
	const struct gsd_threads *threads = header->around->threads;
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].tid_inside == tid)
			return &threads->items[i];
	return NULL;
}

static bool on_stack(const struct header *header, uint64_t sp)
{
	return sp > header->low && sp <= header->high;
}

/*
 * From registers on the goroutine's stack. In the last instructions of gogo sp is already the goroutine's and pc is
 * not: it is still in sched, which keeps it (runtime/asm_amd64.s, gogo).
 */
static enum gsd_unreadable start_on_stack(const struct gsd_analyst *analyst, const struct header *header,
					  const struct gsd_registers *registers, struct gsd_walk_start *start)
{
	struct gsd_pc_info info;
	if (!gsd_code_pc(analyst->runtime->code, registers->pc, &info))
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
static uint64_t stack_word(const struct header *header, uint64_t address)
{
	uint64_t value;
	return gsd_stack_view_word(&header->copied->stack, address, &value) ? value : 0;
}

/* The registers that a signal interrupted on the goroutine's stack, when its thread is in the handler. */
static bool interrupted_by_signal(const struct header *header, struct gsd_registers *registers)
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

static struct gsd_walk_start start_of_system_call(const struct header *header)
{
	return (struct gsd_walk_start){
		.pc = header->syscall_pc, .sp = header->syscall_sp, .bp = header->syscall_bp, .system_call = true};
}

/*
 * From sched, while the thread is on the system stack. runtime.recovery stores sp, pc and bp one after the other
 * (runtime/panic.go): before, sched is what mcall saved, with the return address just below sp; between sp and pc it is
 * nothing, and pc still one of the runtime, which called mcall; then bp is another frame's for a moment.
 */
static enum gsd_unreadable start_from_sched(const struct gsd_analyst *analyst, const struct header *header,
					    const struct gsd_thread *thread, struct gsd_walk_start *start)
{
	struct gsd_code *code = analyst->runtime->code;
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
	return is_runtime(code, header->sched_pc) ? GSD_UNREADABLE_RUNNING : GSD_READABLE;
}

/*
 * A running goroutine: its thread's registers; or, while the thread is on another stack, where a call through the vDSO,
 * a signal or the switch to the system stack left the goroutine's own.
 */
static enum gsd_unreadable start_running(const struct gsd_analyst *analyst, const struct header *header,
					 struct gsd_walk_start *start)
{
	const struct gsd_layout *layout = &analyst->runtime->layout;
	const struct gsd_thread *thread = thread_of(analyst, header);
	struct gsd_registers registers;
	if (thread != NULL && thread->state == GSD_THREAD_STOPPED && on_stack(header, thread->registers.sp))
		return start_on_stack(analyst, header, &thread->registers, start);
	if (interrupted_by_signal(header, &registers))
		return start_on_stack(analyst, header, &registers, start);
	if (header->copied->m != NULL && on_stack(header, word(header->copied->m, layout->m_vdso_sp))) {
		*start = (struct gsd_walk_start){.pc = word(header->copied->m, layout->m_vdso_pc),
						 .sp = word(header->copied->m, layout->m_vdso_sp)};
		return GSD_READABLE;
	}
	if (header->syscall_sp != 0) {
		*start = start_of_system_call(header);
		return GSD_READABLE;
	}
	if (on_stack(header, header->sched_sp))
		return start_from_sched(analyst, header, thread, start);
	return thread == NULL || thread->state != GSD_THREAD_STOPPED ? GSD_UNREADABLE_NO_THREAD
								     : GSD_UNREADABLE_RUNNING;
}

static enum gsd_unreadable find_start(const struct gsd_analyst *analyst, const struct header *header,
				      struct gsd_walk_start *start)
{
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
		return start_running(analyst, header, start);
	switch (header->goroutine.status) {
	case GSD_STATUS_RUNNING: return start_running(analyst, header, start);
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

static enum gsd_unreadable reason_of_outcome(const struct header *header)
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

/* ---- stacks, each once ---- */

static struct gsd_error *intern_stack(struct gsd_analyst *analyst, const uint64_t *words, size_t count,
				      uint64_t left_out, uint32_t *index_ret)
{
	struct gsd_analysis *result = &analyst->result;
	/* Different stacks with one hash: the next seed. */
	for (uint64_t seed = left_out;; seed++) {
		uint64_t hash = gsd_hash_bytes(words, count * sizeof *words, seed);
		uint64_t index;
		if (!gsd_hash_find(analyst->stack_hashes, hash, &index)) {
			index = result->stacks.count;
			struct gsd_pooled_stack stack = {
				.first = result->words.count, .count = count, .left_out = left_out};
			for (size_t i = 0; i < count; i++)
				if (!gsd_u64_array_append(&result->words, words[i]))
					return gsd_error_no_memory();
			if (!gsd_pooled_stacks_append(&result->stacks, stack) ||
			    !gsd_hash_insert(analyst->stack_hashes, hash, index))
				return gsd_error_no_memory();
			*index_ret = (uint32_t)index;
			return NULL;
		}
		const struct gsd_pooled_stack *stack = &result->stacks.items[index];
		if (stack->count == count && stack->left_out == left_out &&
		    memcmp(result->words.items + stack->first, words, count * sizeof *words) == 0) {
			*index_ret = (uint32_t)index;
			return NULL;
		}
	}
}

/* The index of a pointer that several goroutines may share; @p index_ret is left alone for 0. */
static struct gsd_error *intern_pointer(struct gsd_hash *indexes, struct gsd_u64_array *pointers, uint64_t pointer,
					uint32_t *index_ret)
{
	uint64_t index;
	if (pointer == 0)
		return NULL;
	if (!gsd_hash_find(indexes, pointer, &index)) {
		index = pointers->count;
		if (!gsd_u64_array_append(pointers, pointer) || !gsd_hash_insert(indexes, pointer, index))
			return gsd_error_no_memory();
	}
	*index_ret = (uint32_t)index;
	return NULL;
}

static struct gsd_error *intern_pointers(struct gsd_analyst *analyst, struct header *header)
{
	struct gsd_analysis *result = &analyst->result;
	struct gsd_goroutine *goroutine = &header->goroutine;
	GSD_TRY(intern_pointer(analyst->label_indexes, &result->label_pointers, header->labels, &goroutine->labels));
	GSD_TRY(intern_pointer(analyst->ancestry_indexes, &result->ancestry_pointers, header->ancestors,
			       &goroutine->ancestry));
	return intern_pointer(analyst->bubble_indexes, &result->bubble_pointers, header->bubble, &goroutine->bubble);
}

/* The thread, M and P of a goroutine that has an M. */
static struct gsd_error *add_thread(struct gsd_analyst *analyst, struct header *header)
{
	const struct gsd_layout *layout = &analyst->runtime->layout;
	struct gsd_snapshot_threads *threads = &analyst->result.threads;
	const uint8_t *m = header->copied->m;
	if (m == NULL)
		return NULL;
	const struct gsd_thread *thread = thread_of(analyst, header);
	struct gsd_snapshot_thread item = {.m = header->copied->m_address,
					   .m_id = layout->m_id == GSD_NO_FIELD ? -1 : (int64_t)word(m, layout->m_id),
					   .p_id = -1,
					   .p = word(m, layout->m_p),
					   .tid_inside = word(m, layout->m_procid),
					   .tid = thread == NULL ? 0 : thread->tid};
	header->goroutine.thread = (uint32_t)threads->count;
	return gsd_snapshot_threads_append(threads, item) ? NULL : gsd_error_no_memory();
}

/* ---- one goroutine ---- */

static struct gsd_error *mark_unreadable(struct gsd_analyst *analyst, struct gsd_goroutine *goroutine,
					 enum gsd_unreadable reason)
{
	uint64_t word_of_reason = GSD_PC_UNREADABLE(reason);
	goroutine->unreadable = (uint16_t)reason;
	return intern_stack(analyst, &word_of_reason, 1, 0, &goroutine->stack);
}

/* The C frames around those of Go, when they were asked for. */
static struct gsd_error *find_c_frames(struct gsd_analyst *analyst, const struct header *header,
				       struct gsd_walk_start *start)
{
	const struct gsd_c_frame_source *source = analyst->options.c_frames;
	const struct gsd_copied_goroutine *copied = header->copied;
	if (source == NULL)
		return NULL;
	const struct gsd_c_frame_query query = {
		.m = copied->m_address != 0 ? copied->m_address : header->locked_m,
		.tid = copied->m == NULL ? 0 : word(copied->m, analyst->runtime->layout.m_procid),
		.low = header->low,
		.high = header->high};
	gsd_c_frames_clear(&analyst->c_frames);
	start->c_frames = &analyst->c_frames;
	return source->find(source->context, &query, &analyst->c_frames);
}

/* ---- arguments, when they are kept ---- */

/* Counts what a traceback would show of a word that is not kept (struct gsd_frame_buffer, left_out). */
static void count_left_out(void *context, uint64_t word)
{
	struct gsd_analyst *analyst = context;
	struct left_out *left_out = &analyst->left_out;
	const struct gsd_traceback_place *place = NULL;
	if (left_out->error == NULL && !left_out->begun) {
		const uint64_t *before = &analyst->frames.words[analyst->frames.head - 1];
		left_out->begun = true;
		left_out->error = gsd_traceback_place(analyst->options.traceback, *before, &place);
		if (left_out->error == NULL && place->frame_count > 0)
			left_out->callee = place->frames[place->frame_count - 1].special;
	}
	if (left_out->error == NULL)
		left_out->error = gsd_traceback_place(analyst->options.traceback, word, &place);
	for (size_t i = 0; left_out->error == NULL && i < place->frame_count; i++) {
		const struct gsd_traceback_frame *frame = &place->frames[i];
		left_out->frames += gsd_traceback_shows(frame, false, left_out->callee) ? 1 : 0;
		left_out->callee = frame->special;
	}
}

/* Up to eight bytes at an address of the stack, of which @p size are meant; 0 outside of it. */
static uint64_t argument_at(const struct header *header, uint64_t address, uint8_t size)
{
	uint64_t value = 0;
	return gsd_stack_view_read(&header->copied->stack, address, size, &value) ? value : 0;
}

/* The values that the recipe of a place names, of a frame whose arguments are at @p arguments. */
static bool add_values(struct gsd_values *values, const struct header *header, const struct gsd_traceback_place *place,
		       uint64_t arguments)
{
	for (const uint8_t *next = place->arguments; *next != GSD_ARGUMENTS_END; next++) {
		if (*next >= GSD_ARGUMENTS_TOO_FAR)
			continue;
		uint64_t address = arguments + *next++;
		if (!gsd_values_add(values, arguments == 0 ? 0 : argument_at(header, address, *next)))
			return false;
	}
	return true;
}

/* First how many there are, then each. */
static struct gsd_error *keep_values(struct gsd_analyst *analyst, struct header *header)
{
	struct gsd_frame_buffer *frames = &analyst->frames;
	struct gsd_traceback_list *list = &analyst->traceback_list;
	struct gsd_values *values = &analyst->result.values;
	uint64_t count = 0;
	if (analyst->options.traceback == NULL)
		return NULL;
	GSD_TRY(gsd_traceback_expand(analyst->options.traceback, frames->words, frames->count,
				     &analyst->options.traceback_rule, list));
	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].values ? list->items[i].place->value_count : 0;
	if (count == 0)
		return NULL;
	header->goroutine.values = values->length;
	bool good = gsd_values_add(values, count);
	for (size_t i = 0; i < list->count && good; i++)
		good = !list->items[i].values || add_values(values, header, list->items[i].place, frames->arguments[i]);
	return good ? NULL : gsd_error_no_memory();
}

bool gsd_analyst_same_values(const struct gsd_analyst *analyst, const struct gsd_goroutine *left,
			     const struct gsd_goroutine *right)
{
	if (left->values == GSD_NO_VALUES || right->values == GSD_NO_VALUES)
		return left->values == right->values;
	struct gsd_cursor left_values = gsd_values_at(&analyst->result.values, left->values);
	struct gsd_cursor right_values = gsd_values_at(&analyst->result.values, right->values);
	uint64_t count = gsd_cursor_uvarint(&left_values);
	if (gsd_cursor_uvarint(&right_values) != count)
		return false;
	for (uint64_t i = 0; i < count && !left_values.failed && !right_values.failed; i++)
		if (gsd_cursor_uvarint(&left_values) != gsd_cursor_uvarint(&right_values))
			return false;
	return true;
}

static struct gsd_error *walk_stack(struct gsd_analyst *analyst, struct header *header)
{
	struct gsd_walk_start start = {0};
	struct gsd_goroutine *goroutine = &header->goroutine;
	enum gsd_unreadable reason = reason_of_outcome(header);
	if (reason == GSD_READABLE)
		reason = find_start(analyst, header, &start);
	if (reason == GSD_UNREADABLE_COUNT)
		return gsd_error_no_memory();
	if (reason != GSD_READABLE)
		return mark_unreadable(analyst, goroutine, reason);
	if (on_stack(header, start.sp))
		goroutine->stack_used = (uint32_t)(header->high - start.sp);
	struct gsd_walk_result walked;
	GSD_TRY(find_c_frames(analyst, header, &start));
	analyst->left_out = (struct left_out){0};
	if (!gsd_walk(analyst->runtime->code, &header->copied->stack, &start, analyst->options.unwind, &analyst->frames,
		      &walked))
		return gsd_error_no_memory();
	analyst->result.frames += analyst->frames.total;
	analyst->result.table_steps += walked.table_steps;
	analyst->result.fp_steps += walked.fp_steps;
	goroutine->disagreed = walked.disagreed;
	if (walked.unreadable != GSD_READABLE)
		return mark_unreadable(analyst, goroutine, walked.unreadable);
	GSD_TRY(gsd_take(analyst->left_out.error));
	GSD_TRY(keep_values(analyst, header));
	return intern_stack(analyst, analyst->frames.words, analyst->frames.count, analyst->left_out.frames,
			    &goroutine->stack);
}

static bool exists(const struct gsd_goroutine *goroutine)
{
	return goroutine->status != GSD_STATUS_IDLE && goroutine->status != GSD_STATUS_DEAD &&
	       goroutine->status != GSD_STATUS_DEADEXTRA;
}

struct gsd_error *gsd_analyst_goroutine(struct gsd_analyst *analyst, const struct gsd_copied_goroutine *copied,
					const struct gsd_around *around, struct gsd_goroutine *goroutine_ret,
					bool *exists_ret)
{
	struct header header = {.copied = copied, .around = around, .goroutine = {.address = copied->address}};
	*exists_ret = true;
	if (copied->g == NULL) {
		/* A g that could not be read is still a goroutine: it is in the result, marked. */
		forget_indexes(&header.goroutine);
		GSD_TRY(mark_unreadable(analyst, &header.goroutine,
					copied->outcome == GSD_STACK_MOVED ? GSD_UNREADABLE_MOVED
									   : GSD_UNREADABLE_UNMAPPED));
		*goroutine_ret = header.goroutine;
		return NULL;
	}
	decode(&analyst->runtime->layout, copied->g, &header);
	*exists_ret = exists(&header.goroutine);
	if (!*exists_ret)
		return NULL;
	GSD_TRY(decide_system(analyst, &header));
	bool wanted = !header.goroutine.system || analyst->options.system_goroutines;
	if (wanted && !analyst->options.headers_only) {
		GSD_TRY(walk_stack(analyst, &header));
		GSD_TRY(intern_pointers(analyst, &header));
		GSD_TRY(add_thread(analyst, &header));
	}
	*goroutine_ret = header.goroutine;
	return NULL;
}

bool gsd_analyst_counts(struct gsd_analyst *analyst, const struct gsd_goroutine *goroutine)
{
	struct gsd_analysis *result = &analyst->result;
	result->system_goroutines += goroutine->system ? 1 : 0;
	if (goroutine->system && !analyst->options.system_goroutines)
		return false;
	result->unreadable += goroutine->unreadable != GSD_READABLE ? 1 : 0;
	result->disagreements += goroutine->disagreed ? 1 : 0;
	return true;
}

void gsd_analyst_adopt(struct gsd_analyst *analyst, struct gsd_goroutine *goroutines, size_t count, size_t capacity)
{
	gsd_goroutine_array_free(&analyst->result.goroutines);
	analyst->result.goroutines =
		(struct gsd_goroutine_array){.items = goroutines, .count = count, .capacity = capacity};
}

static struct gsd_error *keep(struct gsd_analyst *analyst, const struct gsd_goroutine *goroutine)
{
	if (gsd_analyst_counts(analyst, goroutine) &&
	    !gsd_goroutine_array_append(&analyst->result.goroutines, *goroutine))
		return gsd_error_no_memory();
	return NULL;
}

bool gsd_analyst_depends_on_runtime(struct gsd_analyst *analyst, uint64_t start_pc)
{
	enum origin origin;
	struct gsd_error *error = find_origin(analyst, start_pc, &origin);
	bool depends = error != NULL || origin == ORIGIN_FINALIZERS || origin == ORIGIN_CLEANUPS;
	gsd_error_destroy(error);
	return depends;
}

/* ---- all of a moment ---- */

/* The handler's stack that was copied for element @p element. */
static struct gsd_stack_view handler_of(const struct gsd_plan *plan, size_t element)
{
	for (size_t i = 0; i < plan->piece_count; i++)
		if (plan->pieces[i].element == element)
			return (struct gsd_stack_view){.start = plan->pieces[i].address,
						       .bytes = plan->pieces[i].bytes,
						       .length = plan->pieces[i].length};
	return (struct gsd_stack_view){0};
}

struct gsd_copied_goroutine gsd_copied_from_plan(const struct gsd_plan *plan, const struct gsd_layout *layout,
						 size_t element, size_t *link)
{
	const uint8_t *g = plan->headers[element];
	struct gsd_copied_goroutine copied = {.address = plan->elements[element], .g = g};
	if (g == NULL)
		return copied;
	const struct gsd_stack_copy *stack = &plan->stacks[element];
	copied.outcome = stack->outcome;
	copied.stack = (struct gsd_stack_view){
		.start = stack->address, .bytes = plan->stack_bytes + stack->offset, .length = stack->length};
	copied.handler = handler_of(plan, element);
	copied.m_address = word(g, layout->m);
	if (copied.m_address == 0)
		return copied;
	if (*link < plan->link_count && plan->link_ranges[*link].errnum == 0)
		copied.m = plan->link_bytes + *link * plan->link_size;
	++*link;
	return copied;
}

static struct gsd_error *add_all(struct gsd_analyst *analyst, const struct gsd_plan *plan,
				 const struct gsd_around *around)
{
	size_t link = 0;
	gsd_meter_begin(analyst->options.meter, GSD_PHASE_LOOKING, plan->element_count);
	for (size_t i = 0; i < plan->element_count; i++) {
		gsd_meter_count(analyst->options.meter, i);
		if (plan->elements[i] == 0)
			continue; /* the list is longer than what has been stored into it */
		struct gsd_copied_goroutine copied = gsd_copied_from_plan(plan, &analyst->runtime->layout, i, &link);
		struct gsd_goroutine goroutine;
		bool there;
		GSD_TRY(gsd_analyst_goroutine(analyst, &copied, around, &goroutine, &there));
		if (there)
			GSD_TRY(keep(analyst, &goroutine));
	}
	return NULL;
}

void gsd_analysis_free(struct gsd_analysis *analysis)
{
	gsd_goroutine_array_free(&analysis->goroutines);
	gsd_u64_array_free(&analysis->words);
	gsd_pooled_stacks_free(&analysis->stacks);
	gsd_u64_array_free(&analysis->label_pointers);
	gsd_u64_array_free(&analysis->ancestry_pointers);
	gsd_u64_array_free(&analysis->bubble_pointers);
	gsd_snapshot_threads_free(&analysis->threads);
	gsd_values_free(&analysis->values);
	memset(analysis, 0, sizeof *analysis);
}

struct gsd_error *gsd_analyst_create(const struct gsd_runtime *runtime, const struct gsd_analysis_options *options,
				     struct gsd_analyst **analyst_ret)
{
	struct gsd_analyst *analyst = calloc(1, sizeof *analyst);
	if (analyst == NULL)
		return gsd_error_no_memory();
	*analyst = (struct gsd_analyst){.runtime = runtime,
					.options = *options,
					.origins = gsd_hash_create(64),
					.stack_hashes = gsd_hash_create(256),
					.label_indexes = gsd_hash_create(64),
					.ancestry_indexes = gsd_hash_create(64),
					.bubble_indexes = gsd_hash_create(64)};
	struct gsd_error *error = gsd_frame_buffer_init(&analyst->frames, options->max_frames, options->innermost_only);
	if (error == NULL && options->traceback != NULL) {
		error = gsd_frame_buffer_keep_arguments(&analyst->frames);
		analyst->frames.left_out = count_left_out;
		analyst->frames.context = analyst;
	}
	if (error == NULL &&
	    (analyst->origins == NULL || analyst->stack_hashes == NULL || analyst->label_indexes == NULL ||
	     analyst->ancestry_indexes == NULL || analyst->bubble_indexes == NULL))
		error = gsd_error_no_memory();
	if (error != NULL)
		gsd_analyst_destroy(analyst);
	else
		*analyst_ret = analyst;
	return error;
}

void gsd_analyst_destroy(struct gsd_analyst *analyst)
{
	if (analyst == NULL)
		return;
	gsd_frame_buffer_free(&analyst->frames);
	gsd_c_frames_free(&analyst->c_frames);
	gsd_traceback_list_free(&analyst->traceback_list);
	gsd_error_destroy(analyst->left_out.error);
	gsd_hash_destroy(analyst->origins);
	gsd_hash_destroy(analyst->stack_hashes);
	gsd_hash_destroy(analyst->label_indexes);
	gsd_hash_destroy(analyst->ancestry_indexes);
	gsd_hash_destroy(analyst->bubble_indexes);
	gsd_analysis_free(&analyst->result);
	free(analyst);
}

struct gsd_analysis gsd_analyst_take(struct gsd_analyst *analyst)
{
	struct gsd_analysis result = analyst->result;
	memset(&analyst->result, 0, sizeof analyst->result);
	return result;
}

struct gsd_error *gsd_goroutines_analyse(const struct gsd_runtime *runtime, const struct gsd_plan *plan,
					 const struct gsd_around *around, const struct gsd_analysis_options *options,
					 struct gsd_analysis *analysis_ret)
{
	struct gsd_analyst *analyst;
	GSD_TRY(gsd_analyst_create(runtime, options, &analyst));
	struct gsd_error *error = add_all(analyst, plan, around);
	if (error == NULL)
		*analysis_ret = gsd_analyst_take(analyst);
	gsd_analyst_destroy(analyst);
	return error;
}
