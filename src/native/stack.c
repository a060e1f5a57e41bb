/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "go/snapshot.h"

#define WORD        8
#define MAX_FRAMES  4096
#define MAX_SIGNALS 8    /* handlers interrupted by handlers */
#define MAX_LEVELS  1024 /* of calls from C to Go in one stack */
#define LOWEST_CODE 4096

/* The Go functions at which a walk over a C stack does something of its own. */
enum kind {
	KIND_ORDINARY = 1,
	KIND_ASMCGOCALL,
	KIND_CROSSCALL2,
	KIND_SWITCH, /* mcall and systemstack: they begin anew where g0.sched.sp is */
	KIND_C       /* no Go code at all */
};

static const struct {
	const char *name;
	enum kind kind;
} special_functions[] = {
	{"runtime.asmcgocall", KIND_ASMCGOCALL}, {"crosscall2", KIND_CROSSCALL2},    {"runtime.mcall", KIND_SWITCH},
	{"runtime.systemstack", KIND_SWITCH},    {"runtime.morestack", KIND_SWITCH},
};

struct gsd_native_stacks {
	struct gsd_code *code;
	const struct gsd_plan *plan;
	const struct gsd_threads *threads;
	struct gsd_native_unwinder *unwinder;
	struct gsd_hash *thread_of_tid; /* id inside the target -> index */
	struct gsd_hash *link_of_m;     /* address of an M -> index into plan->native.links */
	struct gsd_hash *kinds;         /* entry of a Go function -> enum kind */
	uint64_t callback_depth;        /* of runtime.cgocallback's frame */
	uint64_t start_depth;           /* of runtime.mstart0's */
	uint64_t start_pc;              /* in mstart0, behind its call of mstart1; 0: not found */
};

/* ---- making ---- */

/* The depth of a function's frame: the most that it has anywhere. */
static uint64_t frame_depth(struct gsd_code *code, const char *name)
{
	uint64_t start;
	uint64_t end;
	struct gsd_pc_info info;
	int32_t depth = 0;
	if (!gsd_code_function_named(code, name, &start, &end))
		return 0;
	for (uint64_t pc = start; pc < end && pc - start < 4096; pc++)
		if (gsd_code_pc(code, pc, &info) && info.stack_depth > depth)
			depth = info.stack_depth;
	return (uint64_t)depth;
}

/* Where mstart1 returns to: g0.sched.pc of every thread that Go made (runtime/proc.go, mstart1). */
static uint64_t find_start_pc(struct gsd_code *code)
{
	uint64_t start;
	uint64_t end;
	uint64_t wanted;
	uint64_t wanted_end;
	const uint8_t *bytes;
	if (!gsd_code_function_named(code, "runtime.mstart0", &start, &end) || end - start > 4096 ||
	    !gsd_code_function_named(code, "runtime.mstart1", &wanted, &wanted_end))
		return 0;
	struct gsd_error *error = gsd_block_cache_read(gsd_code_cache(code), start, (size_t)(end - start), &bytes);
	if (error != NULL) {
		gsd_error_destroy(error);
		return 0;
	}
	for (size_t i = 0; i + 5 <= end - start; i++) {
		int32_t distance;
		memcpy(&distance, bytes + i + 1, sizeof distance);
		if (bytes[i] == 0xe8 && start + i + 5 + (uint64_t)(int64_t)distance == wanted)
			return start + i + 5;
	}
	return 0;
}

static bool index_threads(struct gsd_native_stacks *stacks)
{
	for (size_t i = 0; i < stacks->threads->count; i++)
		if (!gsd_hash_insert(stacks->thread_of_tid, stacks->threads->items[i].tid_inside, i))
			return false;
	for (size_t i = 0; i < stacks->plan->native.link_count; i++)
		if (!gsd_hash_insert(stacks->link_of_m, stacks->plan->native.links[i].link, i))
			return false;
	return true;
}

struct gsd_error *gsd_native_stacks_create(struct gsd_code *code, const struct gsd_plan *plan,
					   const struct gsd_threads *threads, struct gsd_native_unwinder *unwinder,
					   struct gsd_native_stacks **stacks_ret)
{
	struct gsd_native_stacks *stacks = calloc(1, sizeof *stacks);
	if (stacks == NULL)
		return gsd_error_no_memory();
	*stacks = (struct gsd_native_stacks){.code = code,
					     .plan = plan,
					     .threads = threads,
					     .unwinder = unwinder,
					     .thread_of_tid = gsd_hash_create(threads->count),
					     .link_of_m = gsd_hash_create(plan->native.link_count),
					     .kinds = gsd_hash_create(256),
					     .callback_depth = frame_depth(code, "runtime.cgocallback"),
					     .start_depth = frame_depth(code, "runtime.mstart0"),
					     .start_pc = find_start_pc(code)};
	if (stacks->thread_of_tid == NULL || stacks->link_of_m == NULL || stacks->kinds == NULL ||
	    !index_threads(stacks)) {
		gsd_native_stacks_destroy(stacks);
		return gsd_error_no_memory();
	}
	*stacks_ret = stacks;
	return NULL;
}

void gsd_native_stacks_destroy(struct gsd_native_stacks *stacks)
{
	if (stacks == NULL)
		return;
	gsd_hash_destroy(stacks->thread_of_tid);
	gsd_hash_destroy(stacks->link_of_m);
	gsd_hash_destroy(stacks->kinds);
	free(stacks);
}

/* ---- walking ---- */

enum ending {
	ENDING_OUTERMOST, /* the thread's first function */
	ENDING_GO,        /* runtime.asmcgocall: the goroutine's own stack goes on */
	ENDING_LOST,
	ENDING_NO_MEMORY
};

struct walk {
	struct gsd_native_stacks *stacks;
	struct gsd_native_state state;
	struct gsd_u64_array *words;
	bool in_c; /* C code was met */
};

static enum kind kind_named(const char *name)
{
	for (size_t i = 0; name != NULL && i < GSD_ARRAY_SIZE(special_functions); i++)
		if (strcmp(name, special_functions[i].name) == 0)
			return special_functions[i].kind;
	return KIND_ORDINARY;
}

/*
 * Whether a pc is in C code: no function table knows it, or one that knows nothing of its stack. Go's own linker, when
 * it links C (without -linkmode=external), puts C's functions into the table by name alone.
 */
static bool is_c(const struct gsd_pc_info *info)
{
	return info->entry == 0 || info->stack_depth < 0;
}

/* What kind of function holds @p pc; false without memory. */
static bool find_kind(struct gsd_native_stacks *stacks, uint64_t pc, struct gsd_pc_info *info, enum kind *kind_ret)
{
	uint64_t kind;
	if (!gsd_code_pc(stacks->code, pc, info))
		return false;
	*kind_ret = KIND_C;
	if (is_c(info))
		return true;
	if (!gsd_hash_find(stacks->kinds, info->entry, &kind)) {
		const struct gsd_module *module;
		struct gsd_function function;
		uint64_t offset;
		kind = KIND_ORDINARY;
		if (gsd_code_find(stacks->code, pc, &module, &function, &offset))
			kind = (uint64_t)kind_named(gsd_pclntab_name(&module->table, function.name));
		if (!gsd_hash_insert(stacks->kinds, info->entry, kind))
			return false;
	}
	*kind_ret = (enum kind)kind;
	return true;
}

static uint64_t *reg(struct walk *walk, enum gsd_native_register number)
{
	return &walk->state.registers[number];
}

static bool word_at(const struct walk *walk, uint64_t address, uint64_t *word_ret)
{
	return gsd_native_word(walk->stacks->unwinder, address, word_ret);
}

/* Whether a word of the stack is a return address into the Go function @p kind. */
static bool returns_into(const struct walk *walk, uint64_t address, enum kind kind, uint64_t *pc_ret)
{
	struct gsd_pc_info info;
	enum kind found;
	return word_at(walk, address, pc_ret) && find_kind(walk->stacks, *pc_ret, &info, &found) && found == kind;
}

/* Moves on to the caller of a Go function with a frame of the size that the function table says. */
static bool leave_go_frame(struct walk *walk, const struct gsd_pc_info *info)
{
	uint64_t top = *reg(walk, GSD_NATIVE_SP) + (uint64_t)info->stack_depth;
	uint64_t saved;
	if (info->stack_depth < 0 || !word_at(walk, top, reg(walk, GSD_NATIVE_PC)))
		return false;
	/* A function that saves the frame pointer has it just below the return address. */
	if (info->stack_depth >= WORD && word_at(walk, top - WORD, &saved))
		*reg(walk, GSD_NATIVE_BP) = saved;
	*reg(walk, GSD_NATIVE_SP) = top + WORD;
	walk->state.exact = false;
	return true;
}

/*
 * crosscall2 keeps C's registers above the three arguments of cgocallback: bx, r12 to r15, bp (runtime/cgo/abi_amd64.h,
 * PUSH_REGS_HOST_TO_ABI0; the same in Go 1.18 to 1.27). bp is below the return address in all of them: up to 1.20 by
 * this, later by the assembler.
 */
static void restore_registers_of_c(struct walk *walk)
{
	enum { ARGUMENTS = 3 * WORD };
	uint64_t base = *reg(walk, GSD_NATIVE_SP) + ARGUMENTS;
	(void)word_at(walk, base, reg(walk, GSD_NATIVE_BX));
	for (unsigned i = 0; i < 4; i++)
		(void)word_at(walk, base + WORD + (uint64_t)i * WORD, &walk->state.registers[GSD_NATIVE_R12 + i]);
}

/* Whether asmcgocall came from the scheduling stack itself: then no goroutine is saved, but the stack pointer is. */
static bool called_on_this_stack(struct walk *walk)
{
	/* runtime/asm_amd64.s, asmcgocall: where it saves g and the depth or stack pointer. */
	bool new_frame = gsd_code_go_minor(walk->stacks->code) >= 22;
	uint64_t sp = *reg(walk, GSD_NATIVE_SP);
	uint64_t goroutine;
	uint64_t old_sp;
	if (!word_at(walk, sp + (new_frame ? 8 : 48), &goroutine) || goroutine != 0 ||
	    !word_at(walk, sp + (new_frame ? 0 : 40), &old_sp) || old_sp <= sp)
		return false;
	*reg(walk, GSD_NATIVE_SP) = old_sp;
	return true;
}

/*
 * mcall, systemstack and morestack begin at g0.sched.sp. There is cgocallback's frame when C has called Go; else
 * mstart0's, whose callee's frame is used again (runtime/proc.go, mstart1).
 */
static bool leave_switch(struct walk *walk, bool pushed)
{
	const struct gsd_native_stacks *stacks = walk->stacks;
	uint64_t sp = *reg(walk, GSD_NATIVE_SP) + (pushed ? WORD : 0);
	uint64_t pc;
	if (stacks->callback_depth != 0 && returns_into(walk, sp + stacks->callback_depth, KIND_CROSSCALL2, &pc)) {
		*reg(walk, GSD_NATIVE_PC) = pc;
		*reg(walk, GSD_NATIVE_SP) = sp + stacks->callback_depth + WORD;
		return true;
	}
	struct gsd_pc_info info;
	if (stacks->start_pc == 0 || !word_at(walk, sp + stacks->start_depth, &pc) ||
	    !gsd_code_pc(stacks->code, pc, &info) || (info.flags & GSD_FUNCTION_TOP_FRAME) == 0)
		return false;
	*reg(walk, GSD_NATIVE_PC) = stacks->start_pc;
	*reg(walk, GSD_NATIVE_SP) = sp;
	return true;
}

/* The caller of Go code on a C stack; false: this is as far as it goes, and *ending says why. */
static bool leave_go(struct walk *walk, const struct gsd_pc_info *info, enum kind kind, enum ending *ending)
{
	*ending = ENDING_LOST;
	if (kind == KIND_ASMCGOCALL && walk->in_c && !called_on_this_stack(walk)) {
		*ending = ENDING_GO;
		return false;
	}
	if (kind == KIND_SWITCH) {
		if (walk->state.exact)
			return false;
		/* Only mcall pushes an argument; then the stack pointer is odd in words from what it began with. */
		return leave_switch(walk, true) || leave_switch(walk, false);
	}
	if (kind == KIND_CROSSCALL2)
		restore_registers_of_c(walk);
	bool top = (info->flags & GSD_FUNCTION_TOP_FRAME) != 0;
	bool left = leave_go_frame(walk, info);
	struct gsd_pc_info above;
	if (top) {
		*ending = ENDING_OUTERMOST;
		/* A thread that was made by pthread_create has C below; below one that clone made there is anything. */
		return left && gsd_native_in_code(walk->stacks->unwinder, *reg(walk, GSD_NATIVE_PC)) &&
		       gsd_code_pc(walk->stacks->code, *reg(walk, GSD_NATIVE_PC), &above) && is_c(&above);
	}
	return left;
}

static bool append(struct walk *walk)
{
	uint64_t pc = *reg(walk, GSD_NATIVE_PC);
	return gsd_u64_array_append(walk->words, walk->state.exact ? pc | GSD_PC_EXACT : pc);
}

/* Walks until the stack ends or Go's own goes on. */
static enum ending walk_on(struct walk *walk)
{
	unsigned signals = 0;
	for (size_t i = 0; i < MAX_FRAMES; i++) {
		struct gsd_pc_info info;
		enum kind kind;
		enum ending ending;
		if (*reg(walk, GSD_NATIVE_PC) < LOWEST_CODE)
			return i == 0 ? ENDING_LOST : ENDING_OUTERMOST;
		if (!find_kind(walk->stacks, *reg(walk, GSD_NATIVE_PC), &info, &kind))
			return ENDING_NO_MEMORY;
		if (gsd_native_in_signal_return(walk->stacks->unwinder, &walk->state)) {
			if (signals++ == MAX_SIGNALS)
				return ENDING_LOST;
			kind = KIND_C;
			walk->state.exact = true;
		}
		if (!append(walk))
			return ENDING_NO_MEMORY;
		if (kind != KIND_C) {
			if (!leave_go(walk, &info, kind, &ending))
				return ending;
			continue;
		}
		walk->in_c = true;
		switch (gsd_native_step(walk->stacks->unwinder, &walk->state)) {
		case GSD_NATIVE_STEPPED: break;
		case GSD_NATIVE_OUTERMOST: return ENDING_OUTERMOST;
		case GSD_NATIVE_LOST: return ENDING_LOST;
		}
	}
	return ENDING_LOST;
}

/* ---- goroutines ---- */

static bool end_segment(struct gsd_c_frames *frames)
{
	return gsd_u64_array_append(&frames->ends, frames->words.count);
}

/*
 * Whether asmcgocall has called C on this scheduling stack: its return address lies where it put it
 * (runtime/asm_amd64.s; up to Go 1.21 with another room below it).
 */
static bool find_call_of_c(const struct walk *walk, uint64_t base, uint64_t *place_ret, uint64_t *pc_ret)
{
	uint64_t room = gsd_code_go_minor(walk->stacks->code) >= 22 ? 16 : 64;
	*place_ret = ((base - room) & ~UINT64_C(15)) - WORD;
	return returns_into(walk, *place_ret, KIND_ASMCGOCALL, pc_ret);
}

/* Says that the way was lost, and goes on at asmcgocall where it is known that C was called on this stack. */
static bool add_bridge(const struct walk *walk, uint64_t base)
{
	uint64_t place;
	uint64_t pc;
	return gsd_u64_array_append(walk->words, GSD_PC_ELIDED) &&
	       (base == 0 || !find_call_of_c(walk, base, &place, &pc) || gsd_u64_array_append(walk->words, pc));
}

/* The C code that the goroutine's thread is in, up to asmcgocall. Where the way is lost, that is said. */
static bool add_current(struct gsd_native_stacks *stacks, const struct gsd_c_frame_query *query, uint64_t base,
			struct gsd_c_frames *frames)
{
	uint64_t index;
	if (query->tid == 0 || !gsd_hash_find(stacks->thread_of_tid, query->tid, &index))
		return true;
	const struct gsd_thread *thread = &stacks->threads->items[index];
	if (thread->state != GSD_THREAD_STOPPED ||
	    (thread->registers.sp > query->low && thread->registers.sp <= query->high))
		return true;
	struct walk walk = {.stacks = stacks, .words = &frames->words};
	gsd_native_state_of(&thread->registers, &walk.state);
	enum ending ending = walk_on(&walk);
	if (ending == ENDING_NO_MEMORY)
		return false;
	if (ending == ENDING_GO)
		return true;
	uint64_t place;
	uint64_t pc;
	bool lost = walk.in_c && base != 0 && find_call_of_c(&walk, base, &place, &pc) && thread->registers.sp < place;
	if (!lost) {
		frames->words.count = 0; /* the runtime's own business on its stack */
		return true;
	}
	return add_bridge(&walk, base);
}

/* The C code that called Go, for each cgocallback frame that lies on the C stack from @p base up. */
static bool add_callers(struct gsd_native_stacks *stacks, uint64_t base, struct gsd_c_frames *frames)
{
	for (unsigned level = 0; base != 0 && stacks->callback_depth != 0 && level < MAX_LEVELS; level++) {
		struct walk walk = {.stacks = stacks, .words = &frames->words};
		uint64_t outer;
		if (!returns_into(&walk, base + stacks->callback_depth, KIND_CROSSCALL2, reg(&walk, GSD_NATIVE_PC)))
			return true;
		*reg(&walk, GSD_NATIVE_SP) = base + stacks->callback_depth + WORD;
		enum ending ending = walk_on(&walk);
		/* cgocallback saves what g0.sched.sp was before (runtime/asm_amd64.s). */
		if (!word_at(&walk, base, &outer) || outer <= base)
			outer = 0;
		if (ending == ENDING_NO_MEMORY || (ending == ENDING_LOST && !add_bridge(&walk, outer)) ||
		    !end_segment(frames))
			return false;
		base = outer;
	}
	return true;
}

struct gsd_error *gsd_native_find_c_frames(void *context, const struct gsd_c_frame_query *query,
					   struct gsd_c_frames *frames)
{
	struct gsd_native_stacks *stacks = context;
	uint64_t index;
	uint64_t base = 0;
	if (query->m != 0 && gsd_hash_find(stacks->link_of_m, query->m, &index))
		base = stacks->plan->native.links[index].sp;
	if (!add_current(stacks, query, base, frames) || !end_segment(frames) || !add_callers(stacks, base, frames))
		return gsd_error_no_memory();
	return NULL;
}

struct gsd_error *gsd_native_walk_thread(struct gsd_native_stacks *stacks, const struct gsd_thread *thread,
					 struct gsd_u64_array *words)
{
	struct walk walk = {.stacks = stacks, .words = words};
	gsd_native_state_of(&thread->registers, &walk.state);
	if (thread->state != GSD_THREAD_STOPPED)
		return NULL;
	enum ending ending = walk_on(&walk);
	if (ending == ENDING_NO_MEMORY || (ending == ENDING_LOST && !gsd_u64_array_append(words, GSD_PC_ELIDED)))
		return gsd_error_no_memory();
	return NULL;
}
