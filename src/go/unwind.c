/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define WORD        8
#define LOWEST_CODE 4096 /* no program has code below it: a pc there is rubbish */

/* ---- the words that are kept ---- */

struct gsd_error *gsd_frame_buffer_init(struct gsd_frame_buffer *buffer, size_t max_frames, bool innermost_only)
{
	memset(buffer, 0, sizeof *buffer);
	if (max_frames < 2)
		max_frames = 2;
	buffer->tail = innermost_only ? 0 : max_frames / 2;
	buffer->head = max_frames - buffer->tail;
	buffer->words = calloc(max_frames + 1, sizeof *buffer->words);
	buffer->ring = calloc(buffer->tail + 1, sizeof *buffer->ring);
	if (buffer->words == NULL || buffer->ring == NULL) {
		gsd_frame_buffer_free(buffer);
		return gsd_error_no_memory();
	}
	return NULL;
}

struct gsd_error *gsd_frame_buffer_keep_arguments(struct gsd_frame_buffer *buffer)
{
	buffer->arguments = calloc(buffer->head + buffer->tail + 1, sizeof *buffer->arguments);
	buffer->argument_ring = calloc(buffer->tail + 1, sizeof *buffer->argument_ring);
	return buffer->arguments == NULL || buffer->argument_ring == NULL ? gsd_error_no_memory() : NULL;
}

void gsd_frame_buffer_free(struct gsd_frame_buffer *buffer)
{
	free(buffer->words);
	free(buffer->ring);
	free(buffer->arguments);
	free(buffer->argument_ring);
	memset(buffer, 0, sizeof *buffer);
}

static void push(struct gsd_frame_buffer *buffer, uint64_t word, uint64_t arguments)
{
	bool inner = buffer->total < buffer->head;
	if (inner || buffer->tail > 0) {
		size_t at = inner ? buffer->total : (buffer->total - buffer->head) % buffer->tail;
		uint64_t *words = inner ? buffer->words : buffer->ring;
		uint64_t *places = inner ? buffer->arguments : buffer->argument_ring;
		if (buffer->left_out != NULL && !inner && buffer->total - buffer->head >= buffer->tail)
			buffer->left_out(buffer->context, words[at]);
		words[at] = word;
		if (places != NULL)
			places[at] = arguments;
	}
	buffer->total++;
}

static void append(struct gsd_frame_buffer *buffer, uint64_t word, uint64_t arguments)
{
	buffer->words[buffer->count] = word;
	if (buffer->arguments != NULL)
		buffer->arguments[buffer->count] = arguments;
	buffer->count++;
}

/* Puts the outermost frames behind the innermost ones, with a mark between them where some are missing. */
static void finish(struct gsd_frame_buffer *buffer)
{
	if (buffer->total <= buffer->head) {
		buffer->count = buffer->total;
		return;
	}
	buffer->count = buffer->head;
	if (buffer->tail == 0)
		return;
	size_t rest = buffer->total - buffer->head;
	size_t first = 0;
	if (rest > buffer->tail) {
		append(buffer, GSD_PC_ELIDED, 0);
		first = rest % buffer->tail;
		rest = buffer->tail;
	}
	for (size_t i = 0; i < rest; i++) {
		size_t at = (first + i) % buffer->tail;
		append(buffer, buffer->ring[at], buffer->argument_ring == NULL ? 0 : buffer->argument_ring[at]);
	}
}

/* ---- walking ---- */

struct walk {
	struct gsd_code *code;
	const struct gsd_stack_view *view;
	struct gsd_frame_buffer *buffer;
	struct gsd_walk_result *result;
	enum gsd_unwind_mode mode;
	bool checking; /* frame pointers are known so far */
	bool doubtful; /* ... but bp may be what assembly that was interrupted uses it for */
	uint64_t pc;
	uint64_t sp;
	uint64_t bp;
	bool exact;       /* pc is the instruction itself, not a return address */
	bool below_panic; /* a panic is among the frames so far */
	bool interrupted; /* the frame was left between any two instructions, maybe before it saved bp */
	bool first;
	bool may_move;
	bool may_write_sp; /* the first function may: it called entersyscall, with sp where the table says */
	const struct gsd_c_frames *c_frames;
	size_t c_segment; /* the next one */
};

/* Whether bp can be a frame pointer of the frame at sp or of one of its callers. */
static bool frame_pointer_valid(const struct walk *walk)
{
	uint64_t word;
	return walk->bp >= walk->sp && (walk->bp & (WORD - 1)) == 0 &&
	       gsd_stack_view_word(walk->view, walk->bp, &word) &&
	       gsd_stack_view_word(walk->view, walk->bp + WORD, &word);
}

/* A call that the runtime injected between two instructions of its caller (runtime/traceback.go). */
static bool is_injected(enum gsd_special special)
{
	return special == GSD_SPECIAL_SIGPANIC || special == GSD_SPECIAL_ASYNC_PREEMPT ||
	       special == GSD_SPECIAL_DEBUG_CALL;
}

/* Moves on to the caller. Up to Go 1.20 the runtime takes only the pc below sigpanic for the instruction itself. */
static void enter_caller(struct walk *walk, const struct gsd_pc_info *info, uint64_t return_address, uint64_t sp)
{
	enum gsd_special special = (enum gsd_special)info->special;
	walk->interrupted = is_injected(special);
	walk->below_panic = walk->below_panic || special == GSD_SPECIAL_PANIC || special == GSD_SPECIAL_SIGPANIC;
	walk->exact = special == GSD_SPECIAL_SIGPANIC || (walk->interrupted && gsd_code_go_minor(walk->code) >= 21);
	walk->pc = return_address;
	walk->sp = sp;
}

/*
 * Up to Go 1.25, a stack that moves does not adjust the saved frame pointers of frames that a panic has killed
 * (runtime/stack.go, adjustframe, frame.continpc == 0): they point into the old stack, and say nothing. In every
 * version they do so for the moment in which the stack moves; and up to Go 1.20 from then on, when it was shrunk during
 * systemstack, which did not restore bp (runtime/asm_amd64.s; gcAssistAlloc is where it happens).
 */
static bool left_behind_by_a_move(const struct walk *walk)
{
	uint64_t word;
	unsigned minor = gsd_code_go_minor(walk->code);
	bool killed = minor <= 25 && walk->below_panic;
	return (killed || walk->may_move || minor <= 20) && !gsd_stack_view_word(walk->view, walk->bp, &word);
}

/*
 * A function that recovers goes on with a frame pointer that is not its own: up to Go 1.20 that of the call that
 * panicked, in Go 1.21 what lies below its sp (runtime/panic.go, recovery). So does deferreturn, which it calls then,
 * begin.
 */
static bool left_behind_by_recovery(const struct walk *walk, const struct gsd_pc_info *info)
{
	uint64_t return_address;
	struct gsd_pc_info caller;
	if (gsd_code_go_minor(walk->code) > 21)
		return false;
	if (info->defers)
		return true;
	return (info->stack_depth == 0 || walk->interrupted) &&
	       gsd_stack_view_word(walk->view, walk->sp + (uint64_t)info->stack_depth, &return_address) &&
	       gsd_code_pc(walk->code, return_address, &caller) && caller.defers;
}

/*
 * Assembly may use bp for anything between the instructions that save and restore it. Where that points up the stack
 * (to what crypto/md5.block is given, for one), only the caller's frame can tell whether it is a frame pointer.
 */
static bool interrupted_in_assembly(const struct walk *walk, const struct gsd_pc_info *info)
{
	return walk->interrupted && (info->flags & GSD_FUNCTION_ASSEMBLY) != 0;
}

static bool used_by_assembly(const struct walk *walk, const struct gsd_pc_info *info, uint64_t saved)
{
	uint64_t word;
	return interrupted_in_assembly(walk, info) &&
	       (walk->bp < saved || !gsd_stack_view_word(walk->view, walk->bp, &word));
}

/*
 * Around a call of duffzero or duffcopy, which have no frame, the caller keeps a frame pointer for them just below sp
 * (cmd/internal/obj/x86/obj6.go, ADUFFZERO): nothing that was copied.
 */
static bool lent_to_duff(const struct walk *walk)
{
	return walk->first && walk->exact && walk->bp < walk->sp && walk->sp - walk->bp <= 2 * WORD;
}

/*
 * Holds the frame [sp, top) against the frame pointer: a function that saved its caller's frame pointer has it just
 * below the return address, and bp points there. Functions without a frame leave bp to their caller, and so does every
 * function that was interrupted in its prologue or epilogue.
 */
static void check_frame_pointer(struct walk *walk, const struct gsd_pc_info *info, uint64_t top)
{
	if (!walk->checking)
		return;
	if (info->special == GSD_SPECIAL_CGOCALLBACK) {
		walk->checking = false; /* what it saved is C's: the chain goes on over C's stack */
		return;
	}
	if (lent_to_duff(walk)) {
		walk->checking = false;
		return;
	}
	uint64_t saved = top - 2 * WORD;
	if (walk->bp == saved && info->stack_depth >= WORD) {
		walk->doubtful = false;
		if (!gsd_stack_view_word(walk->view, saved, &walk->bp))
			walk->checking = false;
		return;
	}
	if (used_by_assembly(walk, info, saved)) {
		walk->checking = false;
		return;
	}
	bool frameless = info->stack_depth == 0 || (info->flags & GSD_FUNCTION_ASSEMBLY) != 0 || walk->interrupted;
	bool above = walk->bp == 0 || walk->bp > saved;
	if (frameless && above) {
		walk->doubtful |= interrupted_in_assembly(walk, info) && info->stack_depth >= WORD;
		return;
	}
	if (walk->doubtful || left_behind_by_a_move(walk) || left_behind_by_recovery(walk, info)) {
		walk->checking = false;
		return;
	}
	walk->result->disagreed = true;
	walk->checking = false;
}

/* The C frames whose turn it is. */
static void push_c_frames(struct walk *walk)
{
	const struct gsd_c_frames *frames = walk->c_frames;
	if (frames == NULL || walk->c_segment >= frames->ends.count)
		return;
	size_t word = walk->c_segment == 0 ? 0 : (size_t)frames->ends.items[walk->c_segment - 1];
	for (; word < frames->ends.items[walk->c_segment]; word++)
		push(walk->buffer, frames->words.items[word], 0);
	walk->c_segment++;
}

enum step { STEP_ON, STEP_DONE };

static enum step fail(struct walk *walk, enum gsd_unreadable reason)
{
	walk->result->unreadable = reason;
	return STEP_DONE;
}

static enum step step_by_frame_pointer(struct walk *walk, const struct gsd_pc_info *info, enum gsd_unreadable otherwise)
{
	uint64_t caller_bp;
	uint64_t return_address;
	if (!frame_pointer_valid(walk) || !gsd_stack_view_word(walk->view, walk->bp, &caller_bp) ||
	    !gsd_stack_view_word(walk->view, walk->bp + WORD, &return_address))
		return fail(walk, otherwise);
	enter_caller(walk, info, return_address, walk->bp + 2 * WORD);
	walk->bp = caller_bp;
	walk->result->fp_steps++;
	return STEP_ON;
}

static enum step step_by_table(struct walk *walk, const struct gsd_pc_info *info)
{
	uint64_t top = walk->sp + (uint64_t)info->stack_depth + WORD;
	uint64_t return_address;
	if (top < walk->sp || !gsd_stack_view_word(walk->view, top - WORD, &return_address))
		return fail(walk, GSD_UNREADABLE_BROKEN);
	if (walk->mode == GSD_UNWIND_AUTO)
		check_frame_pointer(walk, info, top);
	enter_caller(walk, info, return_address, top);
	walk->result->table_steps++;
	return STEP_ON;
}

/* A goroutine that never ran has no frame pointer: its entry's return address lies where sp points. */
static bool never_ran(const struct walk *walk, struct gsd_pc_info *above)
{
	uint64_t word;
	return walk->first && walk->bp == 0 && gsd_stack_view_word(walk->view, walk->sp, &word) &&
	       gsd_code_pc(walk->code, word, above) && (above->flags & GSD_FUNCTION_TOP_FRAME) != 0;
}

/*
 * Whether a function that writes sp has not done so yet, or has undone it: then the frame pointer is where the table
 * has it for this function, or, in its prologue and epilogue, for its caller.
 */
static bool sp_is_confirmed(const struct walk *walk, const struct gsd_pc_info *info, struct gsd_pc_info *caller)
{
	uint64_t return_address;
	uint64_t top = walk->sp + (uint64_t)info->stack_depth + WORD;
	if (!walk->first || !walk->exact || info->stack_depth < 0 ||
	    !gsd_stack_view_word(walk->view, top - WORD, &return_address))
		return false;
	if (info->stack_depth >= WORD && walk->bp == top - 2 * WORD)
		return true;
	return gsd_code_pc(walk->code, return_address, caller) && caller->entry != 0 && caller->stack_depth >= WORD &&
	       walk->bp == top + (uint64_t)caller->stack_depth - WORD;
}

/*
 * A function that writes sp and is not the runtime's: the table says nothing of where sp is now. The frame pointer
 * does, unless what lies where the table has the return address is one: then this may be an instruction of its
 * prologue, with the frame pointer still its caller's, and one frame would be lost.
 */
static enum step step_from_sp_writer(struct walk *walk, const struct gsd_pc_info *info)
{
	struct gsd_pc_info other = {0};
	if (sp_is_confirmed(walk, info, &other))
		return step_by_table(walk, info);
	uint64_t word;
	uint64_t top = walk->sp + (uint64_t)info->stack_depth + WORD;
	bool doubtful = info->stack_depth >= 0 && gsd_stack_view_word(walk->view, top - WORD, &word) &&
			(!gsd_code_pc(walk->code, word, &other) || other.entry != 0);
	if (walk->mode == GSD_UNWIND_TABLE || (walk->first && walk->exact && doubtful))
		return fail(walk, GSD_UNREADABLE_BROKEN);
	return step_by_frame_pointer(walk, info, GSD_UNREADABLE_BROKEN);
}

static enum step step(struct walk *walk)
{
	struct gsd_pc_info info;
	gsd_stack_view_follow(walk->view, walk->sp);
	if (!gsd_code_pc(walk->code, walk->pc, &info))
		return fail(walk, GSD_UNREADABLE_COUNT);
	bool no_code = info.entry == 0 && walk->pc < LOWEST_CODE;
	if (no_code || (info.entry == 0 && (walk->mode == GSD_UNWIND_TABLE || !frame_pointer_valid(walk))))
		return fail(walk, GSD_UNREADABLE_UNKNOWN_PC);
	/* Arguments begin above the return address (runtime/traceback.go, stkframe.argp). */
	uint64_t arguments =
		info.entry != 0 && info.stack_depth >= 0 ? walk->sp + (uint64_t)info.stack_depth + WORD : 0;
	push(walk->buffer, walk->exact ? walk->pc | GSD_PC_EXACT : walk->pc, arguments);
	if (info.special == GSD_SPECIAL_CGOCALLBACK)
		push_c_frames(walk);
	if ((info.flags & GSD_FUNCTION_TOP_FRAME) != 0) {
		uint64_t word;
		if (walk->checking && !walk->doubtful && walk->bp != 0 &&
		    gsd_stack_view_word(walk->view, walk->bp, &word))
			walk->result->disagreed = true;
		return STEP_DONE;
	}
	struct gsd_pc_info above;
	bool writes_sp = (info.flags & GSD_FUNCTION_SP_WRITE) != 0 && info.special != GSD_SPECIAL_CGOCALLBACK &&
			 info.special != GSD_SPECIAL_STACK_SWITCH && !(walk->first && walk->may_write_sp);
	bool table_knows = info.entry != 0 && info.stack_depth >= 0;
	enum step result;
	if (walk->mode == GSD_UNWIND_FP && !never_ran(walk, &above))
		result = step_by_frame_pointer(walk, &info, GSD_UNREADABLE_BROKEN);
	else if (writes_sp)
		result = step_from_sp_writer(walk, &info);
	else if (table_knows)
		result = step_by_table(walk, &info);
	else if (walk->mode == GSD_UNWIND_TABLE)
		result = fail(walk, GSD_UNREADABLE_BROKEN);
	else
		result = step_by_frame_pointer(walk, &info, GSD_UNREADABLE_BROKEN);
	walk->first = false;
	return result;
}

bool gsd_walk(struct gsd_code *code, const struct gsd_stack_view *view, const struct gsd_walk_start *start,
	      enum gsd_unwind_mode mode, struct gsd_frame_buffer *buffer, struct gsd_walk_result *result_ret)
{
	*result_ret = (struct gsd_walk_result){0};
	buffer->total = 0;
	buffer->count = 0;
	struct walk walk = {.code = code,
			    .view = view,
			    .buffer = buffer,
			    .result = result_ret,
			    .mode = mode,
			    .checking = mode == GSD_UNWIND_AUTO && start->bp != 0 && !start->moving,
			    .pc = start->pc,
			    .sp = start->sp,
			    .bp = start->bp,
			    .exact = start->exact,
			    .interrupted = start->exact,
			    .first = true,
			    .may_move = start->may_move,
			    .may_write_sp = start->system_call,
			    .c_frames = start->c_frames};
	push_c_frames(&walk);
	if (walk.pc == 0) {
		/* A call of a nil function: the return address is what lies on the stack (runtime, initAt). */
		if (!gsd_stack_view_word(view, walk.sp, &walk.pc)) {
			result_ret->unreadable = GSD_UNREADABLE_BROKEN;
			return true;
		}
		walk.sp += WORD;
		walk.exact = false;
	}
	/* Every step moves sp up by a word or more, so that the walk ends with the view. */
	while (step(&walk) == STEP_ON)
		;
	finish(buffer);
	if (view->stream != NULL && gsd_stack_stream_failed(view->stream) &&
	    result_ret->unreadable != GSD_UNREADABLE_COUNT)
		result_ret->unreadable = GSD_UNREADABLE_UNMAPPED;
	if (result_ret->unreadable == GSD_UNREADABLE_COUNT)
		return false;
	return true;
}
