/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/unwind.h"

#include "../support/program.h"

/* The functions of the program that is walked: text offsets. */
enum {
	GOEXIT = 0x000,
	MAIN = 0x100,
	WORK = 0x200,
	LEAF = 0x300,
	SIGPANIC = 0x400,
	ASYNC = 0x500,
	DEBUG_CALL = 0x580,
	MCALL = 0x600,
	CGOCALLBACK = 0x700,
	MSTART = 0x800,
	UNKNOWN_DEPTH = 0x900,
	RAW_SYSCALL = 0xa00,
	END = 0xb00
};
enum { MAIN_DEPTH = 64, WORK_DEPTH = 24, INJECTED_DEPTH = 32 };
#define BODY      0x40 /* an instruction in the middle of any of them */
#define C_CODE    UINT64_C(0x7f0000001234)
#define RETURN(f) AT((f) + BODY)
#define EXACT(pc) ((pc) | GSD_PC_EXACT)

struct walked {
	struct program program;
	struct made_stack stack;
	struct gsd_frame_buffer buffer;
	struct gsd_walk_result result;
};

static void make_program(struct program *program, unsigned minor)
{
	program_init(program, minor);
	add_function(program, "runtime.goexit", GOEXIT, MAIN, 0)->flags =
		GSD_FUNCTION_TOP_FRAME | GSD_FUNCTION_ASSEMBLY;
	add_function(program, "main.main", MAIN, WORK, MAIN_DEPTH);
	add_function(program, "main.work", WORK, LEAF, WORK_DEPTH);
	add_function(program, "main.leaf", LEAF, SIGPANIC, 0);
	add_function(program, "runtime.sigpanic", SIGPANIC, ASYNC, INJECTED_DEPTH);
	add_function(program, "runtime.asyncPreempt", ASYNC, DEBUG_CALL, INJECTED_DEPTH)->flags = GSD_FUNCTION_ASSEMBLY;
	add_function(program, "runtime.debugCallV2", DEBUG_CALL, MCALL, INJECTED_DEPTH)->flags = GSD_FUNCTION_ASSEMBLY;
	add_function(program, "runtime.mcall", MCALL, CGOCALLBACK, 16)->flags =
		GSD_FUNCTION_SP_WRITE | GSD_FUNCTION_ASSEMBLY;
	add_function(program, "runtime.cgocallback", CGOCALLBACK, MSTART, 16)->flags =
		GSD_FUNCTION_SP_WRITE | GSD_FUNCTION_ASSEMBLY;
	add_function(program, "runtime.mstart", MSTART, UNKNOWN_DEPTH, 0)->flags = GSD_FUNCTION_TOP_FRAME;
	add_function(program, "main.unknownDepth", UNKNOWN_DEPTH, RAW_SYSCALL, WORK_DEPTH)->stack_depths = 0;
	add_function(program, "main.rawSyscall", RAW_SYSCALL, END, 16)->flags =
		GSD_FUNCTION_SP_WRITE | GSD_FUNCTION_ASSEMBLY;
	program_finish(program, END);
}

/* A walk over a goroutine whose stack holds main.main, called by goexit. */
static struct walked *start_of(unsigned minor)
{
	struct walked *walked = calloc(1, sizeof *walked);
	assert_non_null(walked);
	make_program(&walked->program, minor);
	stack_init(&walked->stack);
	push_call(&walked->stack, AT(GOEXIT + 1));
	push_frame(&walked->stack, MAIN_DEPTH);
	assert_success(gsd_frame_buffer_init(&walked->buffer, 100, false));
	return walked;
}

static void drop(struct walked *walked)
{
	program_drop(&walked->program);
	gsd_frame_buffer_free(&walked->buffer);
	free(walked);
}

/* main.main calls `function`, which is in its body now. */
static void call(struct walked *walked, uint32_t caller, uint64_t depth)
{
	push_call(&walked->stack, RETURN(caller));
	push_frame(&walked->stack, depth);
}

static struct gsd_stack_view view_of(const struct made_stack *stack)
{
	return (struct gsd_stack_view){
		.start = stack_sp(stack), .bytes = stack_bytes(stack), .length = 8 * stack->used};
}

static void walk_from(struct walked *walked, struct gsd_walk_start start, enum gsd_unwind_mode mode)
{
	struct gsd_stack_view view = view_of(&walked->stack);
	assert_true(gsd_walk(walked->program.code, &view, &start, mode, &walked->buffer, &walked->result));
}

/* From a return address, as a parked goroutine is. */
static void walk(struct walked *walked, uint64_t pc, enum gsd_unwind_mode mode)
{
	walk_from(walked, (struct gsd_walk_start){.pc = pc, .sp = stack_sp(&walked->stack), .bp = walked->stack.bp},
		  mode);
}

/* From registers. */
static void walk_exact(struct walked *walked, uint64_t pc, enum gsd_unwind_mode mode)
{
	struct gsd_walk_start start = {.pc = pc, .sp = stack_sp(&walked->stack), .bp = walked->stack.bp, .exact = true};
	walk_from(walked, start, mode);
}

static void check_words(const struct walked *walked, const uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count && i < walked->buffer.count; i++)
		if (walked->buffer.words[i] != words[i])
			fail_msg("word %zu is 0x%llx and not 0x%llx", i, (unsigned long long)walked->buffer.words[i],
				 (unsigned long long)words[i]);
	assert_int_equal(walked->buffer.count, count);
	assert_int_equal(walked->result.unreadable, GSD_READABLE);
}
#define assert_words(walked, ...)                                                                                      \
	do {                                                                                                           \
		const uint64_t expected_words[] = {__VA_ARGS__};                                                       \
		check_words(walked, expected_words, GSD_ARRAY_SIZE(expected_words));                                   \
	} while (0)

static const enum gsd_unwind_mode modes[] = {GSD_UNWIND_AUTO, GSD_UNWIND_FP, GSD_UNWIND_TABLE};

/* ---- healthy stacks ---- */

static void every_mode_gives_the_same_frames_of_a_parked_goroutine(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(modes); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		call(walked, WORK, WORK_DEPTH);
		walk(walked, RETURN(WORK) + 4, modes[i]);
		assert_words(walked, RETURN(WORK) + 4, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		bool by_frame_pointer = modes[i] == GSD_UNWIND_FP;
		assert_int_equal(walked->result.table_steps, by_frame_pointer ? 0 : 3);
		assert_int_equal(walked->result.fp_steps, by_frame_pointer ? 3 : 0);
		assert_false(walked->result.disagreed);
		drop(walked);
	}
}

static void the_table_is_enough_where_the_frame_pointer_is_not_known(void **state)
{
	(void)state;
	struct walked *walked = start_of(20);
	call(walked, MAIN, WORK_DEPTH);
	walked->stack.bp = 0; /* as in a system call up to Go 1.22 */
	walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_false(walked->result.disagreed);
	drop(walked);
}

static void a_goroutine_that_never_ran_is_its_entry_in_every_mode(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(modes); i++) {
		struct walked *walked = start_of(26);
		stack_init(&walked->stack);
		push_call(&walked->stack, AT(GOEXIT + 1));
		walk(walked, AT(WORK), modes[i]);
		assert_words(walked, AT(WORK), AT(GOEXIT + 1));
		assert_false(walked->result.disagreed);
		drop(walked);
	}
}

static void the_walk_ends_at_a_function_that_has_no_caller(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(modes); i++) {
		struct walked *walked = start_of(26);
		stack_init(&walked->stack);
		push_word(&walked->stack, 0x1234); /* what lies above mstart is nobody's */
		push_call(&walked->stack, AT(MSTART + 8));
		push_frame(&walked->stack, WORK_DEPTH);
		walk(walked, RETURN(WORK), modes[i]);
		assert_words(walked, RETURN(WORK), AT(MSTART + 8));
		drop(walked);
	}
}

static void a_call_of_a_nil_function_begins_at_its_return_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(modes); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		push_call(&walked->stack, RETURN(WORK));
		walk_exact(walked, 0, modes[i]);
		assert_words(walked, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_false(walked->result.disagreed);
		drop(walked);
	}
	struct walked *walked = start_of(26);
	struct gsd_walk_start start = {.pc = 0, .sp = STACK_HIGH};
	walk_from(walked, start, GSD_UNWIND_AUTO);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	drop(walked);
}

/* ---- running goroutines: any instruction ---- */

static void a_frameless_leaf_keeps_its_caller(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, WORK_DEPTH);
	push_call(&walked->stack, RETURN(WORK));
	walk_exact(walked, RETURN(LEAF), GSD_UNWIND_AUTO);
	assert_words(walked, EXACT(RETURN(LEAF)), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_false(walked->result.disagreed);
	walk_exact(walked, RETURN(LEAF), GSD_UNWIND_TABLE);
	assert_int_equal(walked->buffer.count, 4);
	walk_exact(walked, RETURN(LEAF), GSD_UNWIND_FP); /* blind to it: the caller is lost, nothing else */
	assert_words(walked, EXACT(RETURN(LEAF)), RETURN(MAIN), AT(GOEXIT + 1));
	drop(walked);
}

/* The stack inside main.work at `pc`, between its first instruction and its last. */
static void enter_work(struct walked *walked, uint32_t pc)
{
	struct made_stack *stack = &walked->stack;
	push_call(stack, RETURN(MAIN));
	bool pushed = pc >= WORK + PROLOGUE_PUSHED && pc < LEAF - EPILOGUE_RET;
	bool moved = pc >= WORK + PROLOGUE_PUSHED + 3 && pc < LEAF - EPILOGUE_RET;
	bool opened = pc >= WORK + PROLOGUE_DONE && pc < LEAF - EPILOGUE_POP;
	if (pushed)
		push_word(stack, stack->bp);
	if (moved)
		stack->bp = stack_sp(stack);
	for (int i = 8; opened && i < WORK_DEPTH; i += 8)
		push_word(stack, 0xdeadbeef);
}

static void every_instruction_of_a_function_gives_its_caller_and_no_disagreement(void **state)
{
	(void)state;
	static const uint32_t pcs[] = {
		WORK,        WORK + PROLOGUE_PUSHED, WORK + PROLOGUE_PUSHED + 3, WORK + PROLOGUE_DONE,
		WORK + BODY, LEAF - EPILOGUE_POP,    LEAF - EPILOGUE_RET};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pcs); i++) {
		struct walked *walked = start_of(26);
		enter_work(walked, pcs[i]);
		walk_exact(walked, AT(pcs[i]), GSD_UNWIND_AUTO);
		assert_words(walked, EXACT(AT(pcs[i])), RETURN(MAIN), AT(GOEXIT + 1));
		if (walked->result.disagreed)
			fail_msg("disagreement at offset 0x%x", pcs[i] - WORK);
		drop(walked);
	}
}

static void the_pc_below_an_injected_call_is_the_instruction_itself_since_the_version_that_says_so(void **state)
{
	(void)state;
	static const struct {
		uint32_t function;
		unsigned since;
	} injected[] = {{SIGPANIC, 18}, {ASYNC, 21}, {DEBUG_CALL, 21}};
	for (unsigned minor = 18; minor <= 27; minor++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(injected); i++) {
			struct walked *walked = start_of(minor);
			call(walked, MAIN, WORK_DEPTH);
			call(walked, WORK, INJECTED_DEPTH);
			uint64_t below = minor >= injected[i].since ? EXACT(RETURN(WORK)) : RETURN(WORK);
			walk(walked, RETURN(injected[i].function), GSD_UNWIND_AUTO);
			assert_words(walked, RETURN(injected[i].function), below, RETURN(MAIN), AT(GOEXIT + 1));
			assert_false(walked->result.disagreed);
			walk(walked, RETURN(injected[i].function), GSD_UNWIND_FP);
			assert_words(walked, RETURN(injected[i].function), below, RETURN(MAIN), AT(GOEXIT + 1));
			drop(walked);
		}
	}
}

static void a_function_that_was_interrupted_in_its_prologue_is_no_disagreement(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor += 9) {
		static const uint32_t pcs[] = {WORK, WORK + PROLOGUE_PUSHED, WORK + BODY, LEAF - EPILOGUE_RET};
		for (size_t i = 0; i < GSD_ARRAY_SIZE(pcs); i++) {
			struct walked *walked = start_of(minor);
			enter_work(walked, pcs[i]);
			push_call(&walked->stack, AT(pcs[i]));
			push_frame(&walked->stack, INJECTED_DEPTH);
			walk(walked, RETURN(ASYNC), GSD_UNWIND_AUTO);
			uint64_t word = minor >= 21 ? EXACT(AT(pcs[i])) : AT(pcs[i]);
			assert_words(walked, RETURN(ASYNC), word, RETURN(MAIN), AT(GOEXIT + 1));
			if (walked->result.disagreed)
				fail_msg("disagreement at offset 0x%x", pcs[i] - WORK);
			drop(walked);
		}
	}
}

/* ---- when the two do not agree ---- */

static void a_frame_pointer_that_skips_a_frame_is_counted_and_the_table_believed(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	uint64_t bp_of_main = walked->stack.bp;
	call(walked, MAIN, WORK_DEPTH);
	call(walked, WORK, WORK_DEPTH);
	walked->stack.bp = bp_of_main;
	walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(WORK), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_true(walked->result.disagreed);
	walk(walked, RETURN(WORK), GSD_UNWIND_TABLE); /* who asks for the table alone does not check */
	assert_false(walked->result.disagreed);
	drop(walked);
}

static void a_chain_of_frame_pointers_that_is_broken_anywhere_is_counted(void **state)
{
	(void)state;
	static const uint64_t broken[] = {0, 8, STACK_HIGH - 8, STACK_HIGH + 64, UINT64_MAX, 1};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(broken); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = broken[i];
		call(walked, WORK, WORK_DEPTH);
		walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
		assert_words(walked, RETURN(WORK), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_true(walked->result.disagreed);
		drop(walked);
	}
}

static void below_a_panic_frame_pointers_into_an_old_stack_say_nothing_up_to_go_125(void **state)
{
	(void)state;
	for (unsigned minor = 24; minor <= 27; minor++) {
		struct walked *panicking = start_of(minor);
		call(panicking, MAIN, WORK_DEPTH);
		/* what main.work saved was not adjusted when the stack moved */
		panicking->stack.words[STACK_WORDS - (STACK_HIGH - panicking->stack.bp) / 8] = STACK_HIGH + 0x10000;
		call(panicking, WORK, INJECTED_DEPTH);
		walk(panicking, RETURN(SIGPANIC), GSD_UNWIND_AUTO);
		assert_words(panicking, RETURN(SIGPANIC), EXACT(RETURN(WORK)), RETURN(MAIN), AT(GOEXIT + 1));
		assert_int_equal(panicking->result.disagreed, minor > 25);
		drop(panicking);
		struct walked *walked = start_of(minor);
		call(walked, MAIN, WORK_DEPTH); /* without a panic it is a disagreement in every version */
		walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = STACK_HIGH + 0x10000;
		call(walked, WORK, WORK_DEPTH);
		walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
		assert_true(walked->result.disagreed);
		drop(walked);
	}
}

static void frame_pointers_into_an_old_stack_say_nothing_up_to_go_120_and_while_the_stack_moves(void **state)
{
	(void)state;
	static const uint64_t old[] = {STACK_HIGH + 0x10000, 0x1000}; /* above and below */
	for (size_t i = 0; i < 4 * GSD_ARRAY_SIZE(old); i++) {
		struct walked *walked = start_of((unsigned)(20 + i / 4));
		bool moving = i % 2 != 0;
		call(walked, MAIN, WORK_DEPTH);
		walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = old[i / 2 % 2];
		call(walked, WORK, WORK_DEPTH);
		struct gsd_walk_start start = {
			.pc = RETURN(WORK), .sp = stack_sp(&walked->stack), .bp = walked->stack.bp, .may_move = moving};
		walk_from(walked, start, GSD_UNWIND_AUTO);
		assert_words(walked, RETURN(WORK), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_int_equal(walked->result.disagreed, i / 4 > 0 && !moving);
		walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = STACK_HIGH - 16;
		walk_from(walked, start, GSD_UNWIND_AUTO); /* into this stack, but past main.main */
		assert_true(walked->result.disagreed);
		drop(walked);
	}
}

static void a_frame_pointer_just_below_the_stack_of_registers_is_that_of_duffzero(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor += 3) {
		struct walked *walked = start_of(minor);
		call(walked, MAIN, WORK_DEPTH);
		walked->stack.bp = stack_sp(&walked->stack) - 16;
		walk_exact(walked, RETURN(WORK), GSD_UNWIND_AUTO); /* about to call it */
		assert_words(walked, EXACT(RETURN(WORK)), RETURN(MAIN), AT(GOEXIT + 1));
		assert_false(walked->result.disagreed);
		walk(walked, RETURN(WORK), GSD_UNWIND_AUTO); /* what is parked is not in it */
		assert_int_equal(walked->result.disagreed, minor > 20);
		push_call(&walked->stack, RETURN(WORK));
		walk_exact(walked, RETURN(LEAF), GSD_UNWIND_AUTO); /* in it */
		assert_words(walked, EXACT(RETURN(LEAF)), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_false(walked->result.disagreed);
		walked->stack.bp -= 16;
		walk_exact(walked, RETURN(LEAF), GSD_UNWIND_AUTO);
		assert_int_equal(walked->result.disagreed, minor > 20);
		drop(walked);
	}
}

static void assembly_may_use_the_frame_pointer_for_anything_while_it_runs(void **state)
{
	(void)state;
	/* The last ones are in main.work's frame, and in main.main's: what crypto/md5.block was given. */
	static const uint64_t pointers[] = {
		0x1000, STACK_HIGH, UINT64_MAX - 7, 3, STACK_HIGH - 8 * 17, STACK_HIGH - 8 * 13, STACK_HIGH - 8 * 5};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pointers); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		push_call(&walked->stack, RETURN(WORK));
		for (int word = 0; word < 2; word++)
			push_word(&walked->stack, 0xdeadbeef);
		walked->stack.bp = pointers[i];
		walk_exact(walked, RETURN(MCALL), GSD_UNWIND_AUTO);
		assert_words(walked, EXACT(RETURN(MCALL)), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_false(walked->result.disagreed);
		drop(walked);
	}
}

static void a_frame_pointer_that_assembly_left_alone_is_held_against_the_table_again(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, WORK_DEPTH);
	walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = STACK_HIGH + 64; /* main.work's */
	push_call(&walked->stack, RETURN(WORK));
	for (int word = 0; word < 2; word++)
		push_word(&walked->stack, 0xdeadbeef);
	walk_exact(walked, RETURN(MCALL), GSD_UNWIND_AUTO);
	assert_words(walked, EXACT(RETURN(MCALL)), RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_true(walked->result.disagreed);
	drop(walked);
}

static void a_chain_of_frame_pointers_that_goes_on_at_the_top_is_counted(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	stack_init(&walked->stack);
	push_word(&walked->stack, 0);
	push_word(&walked->stack, 0);
	walked->stack.bp = STACK_HIGH - 16;
	push_call(&walked->stack, AT(GOEXIT + 1));
	push_frame(&walked->stack, MAIN_DEPTH);
	walk(walked, RETURN(MAIN), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(MAIN), AT(GOEXIT + 1));
	assert_true(walked->result.disagreed);
	drop(walked);
}

static void frame_pointers_alone_do_not_leave_the_stack_or_go_backwards(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct walked *walked = start_of(26);
		uint64_t bp_of_main = walked->stack.bp;
		call(walked, MAIN, WORK_DEPTH);
		const uint64_t wrong[] = {walked->stack.bp /* itself */,
					  stack_sp(&walked->stack) - 8,
					  bp_of_main + 1,
					  STACK_HIGH - 8,
					  UINT64_MAX - 7,
					  0};
		walked->stack.words[STACK_WORDS - (STACK_HIGH - walked->stack.bp) / 8] = wrong[i];
		walk(walked, RETURN(WORK), GSD_UNWIND_FP);
		assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
		assert_true(walked->buffer.total <= 3);
		drop(walked);
	}
}

static void a_frame_pointer_that_is_not_aligned_is_none(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, WORK_DEPTH);
	walked->stack.bp++;
	call(walked, WORK, WORK_DEPTH);
	walk(walked, RETURN(WORK), GSD_UNWIND_FP);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	assert_int_equal(walked->buffer.total, 2);
	drop(walked);
}

/* ---- where the table does not know on ---- */

static void code_that_no_table_knows_is_crossed_by_the_frame_pointer(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, WORK_DEPTH);
	call(walked, WORK, WORK_DEPTH); /* a C function with a frame pointer, called from main.work */
	walk(walked, C_CODE, GSD_UNWIND_AUTO);
	assert_words(walked, C_CODE, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_int_equal(walked->result.fp_steps, 1);
	assert_int_equal(walked->result.table_steps, 2);
	assert_false(walked->result.disagreed);
	walk(walked, C_CODE, GSD_UNWIND_FP);
	assert_words(walked, C_CODE, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	walk(walked, C_CODE, GSD_UNWIND_TABLE);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_UNKNOWN_PC);
	drop(walked);
}

static void unknown_code_without_a_frame_pointer_is_unreadable(void **state)
{
	(void)state;
	static const uint64_t pointers[] = {0, STACK_HIGH, STACK_HIGH - 8, 1, UINT64_MAX - 7, STACK_HIGH - 8 * 40};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pointers); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		walked->stack.bp = pointers[i];
		walk(walked, C_CODE, GSD_UNWIND_AUTO);
		assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_UNKNOWN_PC);
		drop(walked);
	}
}

static void a_function_without_a_table_of_depths_is_crossed_by_the_frame_pointer(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, WORK_DEPTH);
	walk(walked, RETURN(UNKNOWN_DEPTH), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(UNKNOWN_DEPTH), RETURN(MAIN), AT(GOEXIT + 1));
	walk(walked, RETURN(UNKNOWN_DEPTH), GSD_UNWIND_TABLE);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	walked->stack.bp = 0;
	walk(walked, RETURN(UNKNOWN_DEPTH), GSD_UNWIND_AUTO);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	drop(walked);
}

static void the_depth_of_a_function_that_writes_sp_is_not_believed(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	walk(walked, RETURN(RAW_SYSCALL), GSD_UNWIND_TABLE);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	walk(walked, RETURN(RAW_SYSCALL), GSD_UNWIND_AUTO); /* but its frame pointer is */
	assert_words(walked, RETURN(RAW_SYSCALL), RETURN(MAIN), AT(GOEXIT + 1));
	assert_int_equal(walked->result.fp_steps, 1);
	drop(walked);
}

static void cgocallback_writes_sp_and_is_believed(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	walk(walked, RETURN(CGOCALLBACK), GSD_UNWIND_TABLE);
	assert_words(walked, RETURN(CGOCALLBACK), RETURN(MAIN), AT(GOEXIT + 1));
	drop(walked);
}

static void frame_pointers_are_not_held_against_the_table_beyond_cgocallback(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	walked->stack.bp = C_CODE; /* cgocallback saved a frame pointer of C */
	call(walked, MAIN, 16);
	call(walked, CGOCALLBACK, WORK_DEPTH);
	walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(WORK), RETURN(CGOCALLBACK), RETURN(MAIN), AT(GOEXIT + 1));
	assert_false(walked->result.disagreed);
	drop(walked);
}

static void the_function_that_entered_a_system_call_may_write_sp_and_none_above_it(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	struct gsd_walk_start start = {.pc = RETURN(RAW_SYSCALL), .sp = stack_sp(&walked->stack), .system_call = true};
	walk_from(walked, start, GSD_UNWIND_TABLE);
	assert_words(walked, RETURN(RAW_SYSCALL), RETURN(MAIN), AT(GOEXIT + 1));
	start.system_call = false;
	walk_from(walked, start, GSD_UNWIND_TABLE);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	call(walked, RAW_SYSCALL, WORK_DEPTH); /* now it is the second frame */
	start = (struct gsd_walk_start){.pc = RETURN(WORK), .sp = stack_sp(&walked->stack), .system_call = true};
	walk_from(walked, start, GSD_UNWIND_TABLE);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	drop(walked);
}

static void functions_of_the_runtime_write_sp_only_to_leave_the_stack(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	walk_exact(walked, RETURN(MCALL), GSD_UNWIND_TABLE);
	assert_words(walked, EXACT(RETURN(MCALL)), RETURN(MAIN), AT(GOEXIT + 1));
	drop(walked);
}

static void registers_in_a_function_that_writes_sp_are_believed_with_a_frame_pointer_that_agrees(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	walk_exact(walked, RETURN(RAW_SYSCALL), GSD_UNWIND_AUTO);
	assert_words(walked, EXACT(RETURN(RAW_SYSCALL)), RETURN(MAIN), AT(GOEXIT + 1));
	assert_int_equal(walked->result.table_steps, 2);
	push_word(&walked->stack, 1234); /* it lowers sp by itself: the frame pointer knows better */
	push_word(&walked->stack, 5678);
	walk_exact(walked, RETURN(RAW_SYSCALL), GSD_UNWIND_AUTO);
	assert_words(walked, EXACT(RETURN(RAW_SYSCALL)), RETURN(MAIN), AT(GOEXIT + 1));
	assert_int_equal(walked->result.fp_steps, 1);
	drop(walked);
}

static void registers_in_a_function_that_writes_sp_are_doubted_where_a_return_address_may_be_a_stale_one(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	call(walked, MAIN, 16);
	push_word(&walked->stack,
		  RETURN(WORK)); /* where the table has the return address, when sp is two words lower */
	push_word(&walked->stack, 1);
	push_word(&walked->stack, 2);
	walk_exact(walked, RETURN(RAW_SYSCALL), GSD_UNWIND_AUTO);
	assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
	drop(walked);
}

/* ---- stacks that are not whole ---- */

static void a_stack_that_is_cut_anywhere_is_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(modes); i++) {
		struct walked *walked = start_of(26);
		call(walked, MAIN, WORK_DEPTH);
		for (size_t length = 0; length < 8 * walked->stack.used; length++) {
			/* in an allocation of its own length: a sanitizer sees a read past its end */
			struct gsd_bytes bytes = exact_copy(stack_bytes(&walked->stack), length);
			struct gsd_stack_view view = {
				.start = stack_sp(&walked->stack), .bytes = bytes.data, .length = length};
			struct gsd_walk_start start = {.pc = RETURN(WORK), .sp = view.start, .bp = walked->stack.bp};
			assert_true(gsd_walk(walked->program.code, &view, &start, modes[i], &walked->buffer,
					     &walked->result));
			assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
			drop_copy(bytes);
		}
		drop(walked);
	}
}

static void a_return_address_that_is_no_code_is_unreadable(void **state)
{
	(void)state;
	static const uint64_t addresses[] = {0, 1, AT(END), UINT64_MAX, C_CODE};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(addresses); i++) {
		struct walked *walked = start_of(26);
		stack_init(&walked->stack);
		push_call(&walked->stack, addresses[i]);
		push_frame(&walked->stack, WORK_DEPTH);
		walk(walked, RETURN(WORK), GSD_UNWIND_TABLE);
		assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_UNKNOWN_PC);
		walk(walked, RETURN(WORK), GSD_UNWIND_AUTO);
		assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_UNKNOWN_PC);
		drop(walked);
	}
}

static void a_walk_that_starts_outside_of_the_stack_is_broken(void **state)
{
	(void)state;
	static const uint64_t pointers[] = {0,          STACK_HIGH,     STACK_HIGH + 8,
					    UINT64_MAX, UINT64_MAX - 7, STACK_HIGH - 65536};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pointers); i++) {
		struct walked *walked = start_of(26);
		walk_from(walked, (struct gsd_walk_start){.pc = RETURN(MAIN), .sp = pointers[i]}, GSD_UNWIND_AUTO);
		assert_int_equal(walked->result.unreadable, GSD_UNREADABLE_BROKEN);
		drop(walked);
	}
}

/* ---- the words that are kept ---- */

/* Walks a recursion: `depth` frames of main.work with return addresses that tell them apart, main.main and goexit. */
static void walk_recursion(struct walked *walked, size_t depth)
{
	for (size_t i = 1; i < depth; i++) {
		push_call(&walked->stack, i == 1 ? RETURN(MAIN) : AT(WORK + 0x20 + i % 128));
		push_frame(&walked->stack, WORK_DEPTH);
	}
	walk(walked, AT(WORK + 0x20 + depth % 128), GSD_UNWIND_AUTO);
}

static uint64_t recursion_word(size_t depth, size_t frame)
{
	size_t level = depth - frame;
	return frame == depth ? AT(GOEXIT + 1) : level == 1 ? RETURN(MAIN) : AT(WORK + 0x20 + level % 128);
}

static void the_innermost_and_the_outermost_frames_are_kept_with_a_mark_between_them(void **state)
{
	(void)state;
	static const size_t limits[] = {2, 3, 4, 5, 7, 8, 20, 21, 22, 30};
	enum { DEPTH = 20 }; /* 21 frames with goexit */
	for (size_t i = 0; i < GSD_ARRAY_SIZE(limits); i++) {
		struct walked *walked = start_of(26);
		size_t limit = limits[i];
		gsd_frame_buffer_free(&walked->buffer);
		assert_success(gsd_frame_buffer_init(&walked->buffer, limit, false));
		walk_recursion(walked, DEPTH);
		assert_int_equal(walked->result.unreadable, GSD_READABLE);
		assert_int_equal(walked->buffer.total, DEPTH + 1);
		if (limit >= DEPTH + 1) {
			assert_int_equal(walked->buffer.count, DEPTH + 1);
			for (size_t k = 0; k <= DEPTH; k++)
				assert_u64(walked->buffer.words[k], recursion_word(DEPTH, k));
		} else {
			size_t head = limit - limit / 2;
			assert_int_equal(walked->buffer.count, limit + 1);
			for (size_t k = 0; k < head; k++)
				assert_u64(walked->buffer.words[k], recursion_word(DEPTH, k));
			assert_u64(walked->buffer.words[head], GSD_PC_ELIDED);
			for (size_t k = 0; k < limit / 2; k++)
				assert_u64(walked->buffer.words[limit - k], recursion_word(DEPTH, DEPTH - k));
		}
		drop(walked);
	}
}

static void only_the_innermost_frames_are_kept_where_that_is_asked_for(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	gsd_frame_buffer_free(&walked->buffer);
	assert_success(gsd_frame_buffer_init(&walked->buffer, 6, true));
	walk_recursion(walked, 20);
	assert_int_equal(walked->buffer.count, 6);
	for (size_t k = 0; k < 6; k++)
		assert_u64(walked->buffer.words[k], recursion_word(20, k));
	assert_int_equal(walked->buffer.total, 21);
	drop(walked);
}

static void a_buffer_is_used_again_without_traces_of_the_walk_before(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	gsd_frame_buffer_free(&walked->buffer);
	assert_success(gsd_frame_buffer_init(&walked->buffer, 4, false));
	walk_recursion(walked, 20);
	assert_int_equal(walked->buffer.count, 5);
	stack_init(&walked->stack);
	push_call(&walked->stack, AT(GOEXIT + 1));
	push_frame(&walked->stack, MAIN_DEPTH);
	walk(walked, RETURN(MAIN), GSD_UNWIND_AUTO);
	assert_words(walked, RETURN(MAIN), AT(GOEXIT + 1));
	drop(walked);
}

static void a_limit_below_two_frames_keeps_two(void **state)
{
	(void)state;
	struct walked *walked = start_of(26);
	gsd_frame_buffer_free(&walked->buffer);
	assert_success(gsd_frame_buffer_init(&walked->buffer, 0, false));
	walk_recursion(walked, 20);
	assert_words(walked, recursion_word(20, 0), GSD_PC_ELIDED, AT(GOEXIT + 1));
	drop(walked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_gives_the_same_frames_of_a_parked_goroutine),
		cmocka_unit_test(the_table_is_enough_where_the_frame_pointer_is_not_known),
		cmocka_unit_test(a_goroutine_that_never_ran_is_its_entry_in_every_mode),
		cmocka_unit_test(the_walk_ends_at_a_function_that_has_no_caller),
		cmocka_unit_test(a_call_of_a_nil_function_begins_at_its_return_address),
		cmocka_unit_test(a_frameless_leaf_keeps_its_caller),
		cmocka_unit_test(every_instruction_of_a_function_gives_its_caller_and_no_disagreement),
		cmocka_unit_test(
			the_pc_below_an_injected_call_is_the_instruction_itself_since_the_version_that_says_so),
		cmocka_unit_test(a_function_that_was_interrupted_in_its_prologue_is_no_disagreement),
		cmocka_unit_test(a_frame_pointer_that_skips_a_frame_is_counted_and_the_table_believed),
		cmocka_unit_test(a_chain_of_frame_pointers_that_is_broken_anywhere_is_counted),
		cmocka_unit_test(below_a_panic_frame_pointers_into_an_old_stack_say_nothing_up_to_go_125),
		cmocka_unit_test(frame_pointers_into_an_old_stack_say_nothing_up_to_go_120_and_while_the_stack_moves),
		cmocka_unit_test(a_frame_pointer_just_below_the_stack_of_registers_is_that_of_duffzero),
		cmocka_unit_test(assembly_may_use_the_frame_pointer_for_anything_while_it_runs),
		cmocka_unit_test(a_frame_pointer_that_assembly_left_alone_is_held_against_the_table_again),
		cmocka_unit_test(a_chain_of_frame_pointers_that_goes_on_at_the_top_is_counted),
		cmocka_unit_test(frame_pointers_alone_do_not_leave_the_stack_or_go_backwards),
		cmocka_unit_test(a_frame_pointer_that_is_not_aligned_is_none),
		cmocka_unit_test(code_that_no_table_knows_is_crossed_by_the_frame_pointer),
		cmocka_unit_test(unknown_code_without_a_frame_pointer_is_unreadable),
		cmocka_unit_test(a_function_without_a_table_of_depths_is_crossed_by_the_frame_pointer),
		cmocka_unit_test(the_depth_of_a_function_that_writes_sp_is_not_believed),
		cmocka_unit_test(cgocallback_writes_sp_and_is_believed),
		cmocka_unit_test(frame_pointers_are_not_held_against_the_table_beyond_cgocallback),
		cmocka_unit_test(the_function_that_entered_a_system_call_may_write_sp_and_none_above_it),
		cmocka_unit_test(functions_of_the_runtime_write_sp_only_to_leave_the_stack),
		cmocka_unit_test(registers_in_a_function_that_writes_sp_are_believed_with_a_frame_pointer_that_agrees),
		cmocka_unit_test(
			registers_in_a_function_that_writes_sp_are_doubted_where_a_return_address_may_be_a_stale_one),
		cmocka_unit_test(a_stack_that_is_cut_anywhere_is_broken),
		cmocka_unit_test(a_return_address_that_is_no_code_is_unreadable),
		cmocka_unit_test(a_walk_that_starts_outside_of_the_stack_is_broken),
		cmocka_unit_test(the_innermost_and_the_outermost_frames_are_kept_with_a_mark_between_them),
		cmocka_unit_test(only_the_innermost_frames_are_kept_where_that_is_asked_for),
		cmocka_unit_test(a_buffer_is_used_again_without_traces_of_the_walk_before),
		cmocka_unit_test(a_limit_below_two_frames_keeps_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
