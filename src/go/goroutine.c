/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/goroutine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "go/signal_frame.h"

#define MAX_STACK_BYTES    ((uint64_t)1 << 31) /* twice the runtime's own limit on 64-bit machines */
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
					.link_tid_offset = layout->m_procid,
					.low_offset = layout->stack_low,
					.high_offset = layout->stack_high,
					.sp_first_offset = layout->syscallsp,
					.sp_offset = layout->sched_sp,
					.max_stack_bytes = MAX_STACK_BYTES};
}

/* ---- state of an analysis ---- */

/* What a start pc says of a goroutine: decided once per function. */
enum origin { ORIGIN_USER = 1, ORIGIN_SYSTEM, ORIGIN_FINALIZERS, ORIGIN_CLEANUPS };

struct analysis {
	const struct gsd_runtime *runtime;
	const struct gsd_moment *moment;
	const struct gsd_analysis_options *options;
	struct gsd_analysis *result;
	struct gsd_frame_buffer frames;
	struct gsd_hash *origins;       /* start pc -> enum origin */
	struct gsd_hash *stack_hashes;  /* hash of words -> index of a stack */
	struct gsd_hash *label_indexes; /* pointer -> index, as the next two */
	struct gsd_hash *ancestry_indexes;
	struct gsd_hash *bubble_indexes;
};

/* A header decoded. */
struct header {
	struct gsd_goroutine goroutine;
	size_t element; /* its index in the plan */
	const struct gsd_stack_copy *stack;
	const uint8_t *m; /* its thread's struct, NULL: none */
	uint64_t m_address;
	uint64_t low, high;
	uint64_t sched_pc, sched_sp, sched_bp;
	uint64_t syscall_pc, syscall_sp, syscall_bp;
	uint64_t labels, ancestors, bubble;
	bool running_cleanups;
};

static uint64_t word(const uint8_t *bytes, uint32_t offset)
{
	return offset == GSD_NO_FIELD ? 0 : gsd_u64_at(bytes, offset);
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
	goroutine->locked = word(g, layout->lockedm) != 0;
	goroutine->labels = GSD_NO_LABELS;
	goroutine->ancestry = GSD_NO_ANCESTRY;
	goroutine->bubble = GSD_NO_BUBBLE;
	goroutine->thread = GSD_NO_THREAD;
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
	if (header->high > header->low && header->high - header->low <= MAX_STACK_BYTES)
		goroutine->stack_size = (uint32_t)(header->high - header->low);
	/* A new goroutine's saved pc is its entry; one that has run was saved behind a call. */
	goroutine->never_ran = goroutine->status != GSD_STATUS_RUNNING && header->syscall_sp == 0 &&
			       header->sched_pc == goroutine->start_pc && goroutine->start_pc != 0;
	header->running_cleanups = (word(g, layout->running_cleanups) & 0xff) != 0;
}

/* ---- the runtime's own goroutines (runtime/traceback.go, isSystemGoroutine) ---- */

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
	static const char prefix[] = "runtime.";
	const char *name = gsd_pclntab_name(&module->table, function.name);
	return name != NULL && strncmp(name, prefix, sizeof prefix - 1) == 0 ? ORIGIN_SYSTEM : ORIGIN_USER;
}

/*
 * Whether the finalizer goroutine runs a finalizer: the runtime's flag says it; without the flag it does unless it
 * waits for work.
 */
static bool finalizer_runs(const struct analysis *analysis, const struct gsd_goroutine *goroutine)
{
	if (analysis->moment->finalizer_known)
		return analysis->moment->finalizer_running;
	return goroutine->status != GSD_STATUS_WAITING ||
	       strcmp(gsd_wait_reason_name(analysis->runtime->go_minor, goroutine->wait_reason), "finalizer wait") != 0;
}

static struct gsd_error *decide_system(struct analysis *analysis, struct header *header)
{
	uint64_t origin;
	uint64_t start_pc = header->goroutine.start_pc;
	if (!gsd_hash_find(analysis->origins, start_pc, &origin)) {
		origin = (uint64_t)classify(analysis->runtime->code, start_pc);
		if (!gsd_hash_insert(analysis->origins, start_pc, origin))
			return gsd_error_no_memory();
	}
	switch ((enum origin)origin) {
	case ORIGIN_USER: header->goroutine.system = false; break;
	case ORIGIN_SYSTEM: header->goroutine.system = true; break;
	case ORIGIN_FINALIZERS: header->goroutine.system = !finalizer_runs(analysis, &header->goroutine); break;
	case ORIGIN_CLEANUPS: header->goroutine.system = !header->running_cleanups; break;
	}
	return NULL;
}

/* ---- where a walk begins ---- */

static const struct gsd_thread *thread_of(const struct analysis *analysis, const struct header *header)
{
	if (header->m == NULL)
		return NULL;
	uint64_t tid = word(header->m, analysis->runtime->layout.m_procid);
	const struct gsd_threads *threads = analysis->moment->threads;
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
static enum gsd_unreadable start_on_stack(const struct analysis *analysis, const struct header *header,
					  const struct gsd_registers *registers, struct gsd_walk_start *start)
{
	struct gsd_pc_info info;
	if (!gsd_code_pc(analysis->runtime->code, registers->pc, &info))
		return GSD_UNREADABLE_COUNT;
	if (info.special == GSD_SPECIAL_GOGO)
		*start = (struct gsd_walk_start){.pc = header->sched_pc, .sp = registers->sp};
	else
		*start = (struct gsd_walk_start){
			.pc = registers->pc, .sp = registers->sp, .bp = registers->bp, .exact = true};
	return GSD_READABLE;
}

/* The registers that a signal interrupted on the goroutine's stack, when its thread is in the handler. */
static bool interrupted_by_signal(const struct analysis *analysis, const struct header *header,
				  struct gsd_registers *registers)
{
	const struct gsd_plan *plan = analysis->moment->plan;
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct gsd_thread_piece *piece = &plan->pieces[i];
		struct gsd_stack_view view = {.start = piece->address, .bytes = piece->bytes, .length = piece->length};
		if (piece->element == header->element)
			return gsd_signal_frame_find(&view, header->low, header->high, registers);
	}
	return false;
}

/*
 * A running goroutine: its thread's registers; or, while the thread is on another stack, where a call through the vDSO,
 * a signal or the switch to the system stack left the goroutine's own.
 */
static enum gsd_unreadable start_running(const struct analysis *analysis, const struct header *header,
					 struct gsd_walk_start *start)
{
	const struct gsd_layout *layout = &analysis->runtime->layout;
	const struct gsd_thread *thread = thread_of(analysis, header);
	struct gsd_registers registers;
	if (thread != NULL && thread->state == GSD_THREAD_STOPPED && on_stack(header, thread->registers.sp))
		return start_on_stack(analysis, header, &thread->registers, start);
	if (header->m != NULL && on_stack(header, word(header->m, layout->m_vdso_sp))) {
		*start = (struct gsd_walk_start){.pc = word(header->m, layout->m_vdso_pc),
						 .sp = word(header->m, layout->m_vdso_sp)};
		return GSD_READABLE;
	}
	if (interrupted_by_signal(analysis, header, &registers))
		return start_on_stack(analysis, header, &registers, start);
	if (on_stack(header, header->sched_sp)) {
		*start =
			(struct gsd_walk_start){.pc = header->sched_pc, .sp = header->sched_sp, .bp = header->sched_bp};
		return GSD_READABLE;
	}
	return thread == NULL || thread->state != GSD_THREAD_STOPPED ? GSD_UNREADABLE_NO_THREAD
								     : GSD_UNREADABLE_RUNNING;
}

static enum gsd_unreadable find_start(const struct analysis *analysis, const struct header *header,
				      struct gsd_walk_start *start)
{
	/* syscallsp counts whatever the status says: it is set while the frames below it are live (runtime, initAt). */
	if (header->syscall_sp != 0) {
		*start = (struct gsd_walk_start){.pc = header->syscall_pc,
						 .sp = header->syscall_sp,
						 .bp = header->syscall_bp,
						 .system_call = true};
		return GSD_READABLE;
	}
	switch (header->goroutine.status) {
	case GSD_STATUS_RUNNING: return start_running(analysis, header, start);
	case GSD_STATUS_COPYSTACK:
		/* The saved frame pointers may still be those of the old stack: nothing to check with. */
		*start = (struct gsd_walk_start){.pc = header->sched_pc, .sp = header->sched_sp};
		return GSD_READABLE;
	case GSD_STATUS_RUNNABLE:
	case GSD_STATUS_SYSCALL:
	case GSD_STATUS_WAITING:
	case GSD_STATUS_PREEMPTED:
	case GSD_STATUS_LEAKED:
		*start =
			(struct gsd_walk_start){.pc = header->sched_pc, .sp = header->sched_sp, .bp = header->sched_bp};
		return GSD_READABLE;
	default: return GSD_UNREADABLE_STATUS;
	}
}

static enum gsd_unreadable reason_of_outcome(const struct header *header)
{
	switch (header->stack->outcome) {
	case GSD_STACK_READ: return GSD_READABLE;
	case GSD_STACK_TOO_LARGE: return GSD_UNREADABLE_TOO_LARGE;
	case GSD_STACK_UNMAPPED: return GSD_UNREADABLE_UNMAPPED;
	default: return header->goroutine.status == GSD_STATUS_RUNNING ? GSD_UNREADABLE_RUNNING : GSD_UNREADABLE_BOUNDS;
	}
}

/* ---- stacks, each once ---- */

static struct gsd_error *intern_stack(struct analysis *analysis, const uint64_t *words, size_t count,
				      uint32_t *index_ret)
{
	struct gsd_analysis *result = analysis->result;
	/* Different stacks with one hash: the next seed. */
	for (uint64_t seed = 0;; seed++) {
		uint64_t hash = gsd_hash_bytes(words, count * sizeof *words, seed);
		uint64_t index;
		if (!gsd_hash_find(analysis->stack_hashes, hash, &index)) {
			index = result->stacks.count;
			struct gsd_pooled_stack stack = {.first = result->words.count, .count = count};
			for (size_t i = 0; i < count; i++)
				if (!gsd_u64_array_append(&result->words, words[i]))
					return gsd_error_no_memory();
			if (!gsd_pooled_stacks_append(&result->stacks, stack) ||
			    !gsd_hash_insert(analysis->stack_hashes, hash, index))
				return gsd_error_no_memory();
			*index_ret = (uint32_t)index;
			return NULL;
		}
		const struct gsd_pooled_stack *stack = &result->stacks.items[index];
		if (stack->count == count &&
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

static struct gsd_error *intern_pointers(struct analysis *analysis, struct header *header)
{
	struct gsd_analysis *result = analysis->result;
	struct gsd_goroutine *goroutine = &header->goroutine;
	GSD_TRY(intern_pointer(analysis->label_indexes, &result->label_pointers, header->labels, &goroutine->labels));
	GSD_TRY(intern_pointer(analysis->ancestry_indexes, &result->ancestry_pointers, header->ancestors,
			       &goroutine->ancestry));
	return intern_pointer(analysis->bubble_indexes, &result->bubble_pointers, header->bubble, &goroutine->bubble);
}

/* The thread, M and P of a goroutine that has an M. */
static struct gsd_error *add_thread(struct analysis *analysis, struct header *header)
{
	const struct gsd_layout *layout = &analysis->runtime->layout;
	struct gsd_snapshot_threads *threads = &analysis->result->threads;
	if (header->m == NULL)
		return NULL;
	const struct gsd_thread *thread = thread_of(analysis, header);
	struct gsd_snapshot_thread item = {
		.m = header->m_address,
		.m_id = layout->m_id == GSD_NO_FIELD ? -1 : (int64_t)word(header->m, layout->m_id),
		.p_id = -1,
		.p = word(header->m, layout->m_p),
		.tid_inside = word(header->m, layout->m_procid),
		.tid = thread == NULL ? 0 : thread->tid};
	header->goroutine.thread = (uint32_t)threads->count;
	return gsd_snapshot_threads_append(threads, item) ? NULL : gsd_error_no_memory();
}

/* ---- one goroutine ---- */

static struct gsd_error *walk_stack(struct analysis *analysis, struct header *header)
{
	struct gsd_walk_start start = {0};
	enum gsd_unreadable reason = reason_of_outcome(header);
	if (reason == GSD_READABLE)
		reason = find_start(analysis, header, &start);
	if (reason == GSD_UNREADABLE_COUNT)
		return gsd_error_no_memory();
	if (reason == GSD_READABLE) {
		if (on_stack(header, start.sp))
			header->goroutine.stack_used = (uint32_t)(header->high - start.sp);
		struct gsd_stack_view view = {.start = header->stack->address,
					      .bytes = analysis->moment->plan->stack_bytes + header->stack->offset,
					      .length = header->stack->length};
		struct gsd_walk_result walked;
		if (!gsd_walk(analysis->runtime->code, &view, &start, analysis->options->unwind, &analysis->frames,
			      &walked))
			return gsd_error_no_memory();
		reason = walked.unreadable;
		analysis->result->frames += analysis->frames.total;
		analysis->result->table_steps += walked.table_steps;
		analysis->result->fp_steps += walked.fp_steps;
		analysis->result->disagreements += walked.disagreed ? 1 : 0;
		analysis->result->stacks_read++;
	}
	header->goroutine.unreadable = (uint16_t)reason;
	if (reason == GSD_READABLE)
		return intern_stack(analysis, analysis->frames.words, analysis->frames.count, &header->goroutine.stack);
	analysis->result->unreadable++;
	uint64_t word_of_reason = GSD_PC_UNREADABLE(reason);
	return intern_stack(analysis, &word_of_reason, 1, &header->goroutine.stack);
}

static bool exists(const struct gsd_goroutine *goroutine)
{
	return goroutine->status != GSD_STATUS_IDLE && goroutine->status != GSD_STATUS_DEAD &&
	       goroutine->status != GSD_STATUS_DEADEXTRA;
}

static struct gsd_error *add_goroutine(struct analysis *analysis, struct header *header)
{
	if (!exists(&header->goroutine))
		return NULL;
	GSD_TRY(decide_system(analysis, header));
	if (header->goroutine.system) {
		analysis->result->system_goroutines++;
		if (!analysis->options->system_goroutines)
			return NULL;
	}
	GSD_TRY(walk_stack(analysis, header));
	GSD_TRY(intern_pointers(analysis, header));
	GSD_TRY(add_thread(analysis, header));
	return gsd_goroutine_array_append(&analysis->result->goroutines, header->goroutine) ? NULL
											    : gsd_error_no_memory();
}

/* A g that could not be read is still a goroutine: it is in the result, marked. */
static struct gsd_error *add_unmapped(struct analysis *analysis, uint64_t address)
{
	struct gsd_goroutine goroutine = {.address = address,
					  .labels = GSD_NO_LABELS,
					  .ancestry = GSD_NO_ANCESTRY,
					  .bubble = GSD_NO_BUBBLE,
					  .thread = GSD_NO_THREAD,
					  .unreadable = GSD_UNREADABLE_UNMAPPED};
	uint64_t word_of_reason = GSD_PC_UNREADABLE(GSD_UNREADABLE_UNMAPPED);
	GSD_TRY(intern_stack(analysis, &word_of_reason, 1, &goroutine.stack));
	analysis->result->unreadable++;
	return gsd_goroutine_array_append(&analysis->result->goroutines, goroutine) ? NULL : gsd_error_no_memory();
}

static struct gsd_error *add_all(struct analysis *analysis)
{
	const struct gsd_plan *plan = analysis->moment->plan;
	const struct gsd_layout *layout = &analysis->runtime->layout;
	size_t link = 0;
	for (size_t i = 0; i < plan->element_count; i++) {
		const uint8_t *g = plan->headers[i];
		if (plan->elements[i] == 0)
			continue; /* the list is longer than what has been stored into it */
		if (g == NULL) {
			GSD_TRY(add_unmapped(analysis, plan->elements[i]));
			continue;
		}
		struct header header = {
			.element = i, .stack = &plan->stacks[i], .goroutine = {.address = plan->elements[i]}};
		header.m_address = word(g, layout->m);
		if (header.m_address != 0) {
			if (link < plan->link_count && plan->link_ranges[link].errnum == 0)
				header.m = plan->link_bytes + link * plan->link_size;
			link++;
		}
		decode(layout, g, &header);
		GSD_TRY(add_goroutine(analysis, &header));
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
	memset(analysis, 0, sizeof *analysis);
}

struct gsd_error *gsd_goroutines_analyse(const struct gsd_runtime *runtime, const struct gsd_moment *moment,
					 const struct gsd_analysis_options *options, struct gsd_analysis *analysis_ret)
{
	struct gsd_analysis result = {0};
	struct analysis analysis = {.runtime = runtime,
				    .moment = moment,
				    .options = options,
				    .result = &result,
				    .origins = gsd_hash_create(64),
				    .stack_hashes = gsd_hash_create(256),
				    .label_indexes = gsd_hash_create(64),
				    .ancestry_indexes = gsd_hash_create(64),
				    .bubble_indexes = gsd_hash_create(64)};
	struct gsd_error *error = gsd_frame_buffer_init(&analysis.frames, options->max_frames, options->innermost_only);
	if (error == NULL &&
	    (analysis.origins == NULL || analysis.stack_hashes == NULL || analysis.label_indexes == NULL ||
	     analysis.ancestry_indexes == NULL || analysis.bubble_indexes == NULL))
		error = gsd_error_no_memory();
	if (error == NULL)
		error = add_all(&analysis);
	gsd_frame_buffer_free(&analysis.frames);
	gsd_hash_destroy(analysis.origins);
	gsd_hash_destroy(analysis.stack_hashes);
	gsd_hash_destroy(analysis.label_indexes);
	gsd_hash_destroy(analysis.ancestry_indexes);
	gsd_hash_destroy(analysis.bubble_indexes);
	if (error != NULL)
		gsd_analysis_free(&result);
	else
		*analysis_ret = result;
	return error;
}
