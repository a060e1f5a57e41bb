/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The code of a made-up program: a function table with the functions that unwinding and symbolizing know, at the ids of
 * a version, and a data section with inline trees. And stacks for it, built call by call as the compiler's code does.
 */
#ifndef GSD_TEST_PROGRAM_H
#define GSD_TEST_PROGRAM_H

#include "base/memory.h"
#include "go/code.h"
#include "module.h"

#define TEXT       UINT64_C(0x401000)
#define GOFUNC     UINT64_C(0x620000)
#define AT(offset) (TEXT + (offset))

/* Function ids (internal/abi/symtab.go, FuncID): of Go 1.18 to 1.21, 1.22 to 1.24 and 1.25 to 1.27; -1: none. */
static const struct {
	const char *name;
	int ids[3];
} made_ids[] = {
	{"runtime.asmcgocall", {2, 2, 2}},
	{"runtime.asyncPreempt", {3, 3, 3}},
	{"runtime.cgocallback", {4, 4, 4}},
	{"runtime.corostart", {-1, 5, 5}},
	{"runtime.debugCallV2", {5, 6, 6}},
	{"runtime.gcBgMarkWorker", {6, 7, 7}},
	{"runtime.goexit", {7, 8, 8}},
	{"runtime.gogo", {8, 9, 9}},
	{"runtime.gopanic", {9, 10, 10}},
	{"runtime.handleAsyncEvent", {10, 11, 11}},
	{"runtime.mcall", {11, 12, 12}},
	{"runtime.morestack", {12, 13, 13}},
	{"runtime.mstart", {13, 14, 14}},
	{"runtime.panicwrap", {14, 15, 15}},
	{"runtime.rt0_go", {15, 16, 16}},
	{"runtime.runfinq", {16, 17, -1}},
	{"runtime.main", {17, 18, 17}},
	{"runtime.runFinalizers", {-1, -1, 18}},
	{"runtime.runCleanups", {-1, -1, 19}},
	{"runtime.sigpanic", {18, 19, 20}},
	{"runtime.systemstack", {19, 20, 21}},
	{"runtime.systemstack_switch", {20, 21, 22}},
	{"wrapper", {21, 22, 23}},
};

static inline int made_id(unsigned minor, const char *name)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(made_ids); i++)
		if (strcmp(made_ids[i].name, name) == 0)
			return made_ids[i].ids[minor >= 25 ? 2 : minor >= 22 ? 1 : 0];
	return 0;
}

struct program {
	unsigned minor;
	struct table table;
	struct bytes gofunc;
	struct gsd_segment segments[1];
	struct gsd_segment_memory memory;
	struct gsd_block_cache *cache;
	struct gsd_code *code;
};

static inline void program_init(struct program *program, unsigned minor)
{
	memset(program, 0, sizeof *program);
	program->minor = minor;
	table_init(&program->table, minor < 20 ? GSD_PCLNTAB_MAGIC_118 : GSD_PCLNTAB_MAGIC_120);
}

/* The id that the version gives this function: wrappers have it by what they are, the others by their name. */
static inline void set_id(struct program *program, struct made_function *function, const char *name)
{
	int id = made_id(program->minor, name);
	function->id = (uint8_t)(id < 0 ? 0 : id);
}

/*
 * A function [entry, end) as the compiler makes it: push bp (1 byte), mov bp (3), sub sp (4), body, add sp (4),
 * pop bp (1), ret (1). `depth` is from sp to the return address in the body; 0: no frame at all. In order of entry.
 */
enum { PROLOGUE_PUSHED = 1, PROLOGUE_DONE = 8, EPILOGUE_POP = 2, EPILOGUE_RET = 1 };

static inline struct made_function *add_function(struct program *program, const char *name, uint32_t entry,
						 uint32_t end, int32_t depth)
{
	struct table *table = &program->table;
	struct made_function *function = table_function(table, name, entry);
	const struct made_value framed[] = {{entry + PROLOGUE_PUSHED, 0},
					    {entry + PROLOGUE_DONE, 8},
					    {end - EPILOGUE_POP, depth},
					    {end - EPILOGUE_RET, 8},
					    {end, 0}};
	const struct made_value frameless[] = {{end, 0}};
	function->stack_depths =
		depth == 0 ? table_values(table, entry, frameless, 1) : table_values(table, entry, framed, 5);
	set_id(program, function, name);
	return function;
}

/* Makes the module of the finished table; it owns a copy of the bytes. */
static inline struct gsd_module made_module(const struct table *table, uint64_t text, uint64_t length)
{
	struct gsd_module module = {0};
	module.table = table_view(table);
	module.table_bytes = (uint8_t *)(uintptr_t)module.table.bytes.data;
	module.data.text = module.data.minpc = text;
	module.data.etext = module.data.maxpc = text + length;
	module.data.gofunc = GOFUNC;
	return module;
}

static inline void program_finish(struct program *program, uint32_t end)
{
	table_finish(&program->table, end);
	program->segments[0] = (struct gsd_segment){GOFUNC, program->gofunc.length, program->gofunc.data};
	gsd_segment_memory_init(&program->memory, program->segments, 1);
	assert_success(gsd_block_cache_create(&program->memory.memory, 1 << 20, &program->cache));
	struct gsd_module *modules = malloc(sizeof *modules);
	assert_non_null(modules);
	modules[0] = made_module(&program->table, TEXT, end);
	assert_success(gsd_code_create(modules, 1, program->minor, program->cache, &program->code));
}

static inline void program_drop(struct program *program)
{
	gsd_code_destroy(program->code);
	gsd_block_cache_destroy(program->cache);
	table_drop(&program->table);
	drop_bytes(&program->gofunc);
}

/* ---- stacks ---- */

#define STACK_WORDS 4096
#define STACK_HIGH  UINT64_C(0xc000100000)

struct made_stack {
	uint64_t words[STACK_WORDS];
	size_t used;
	uint64_t bp;
	uint64_t high; /* its upper bound; its lower one is STACK_WORDS words below */
};

static inline uint64_t stack_sp(const struct made_stack *stack)
{
	return stack->high - 8 * stack->used;
}

static inline void push_word(struct made_stack *stack, uint64_t word)
{
	assert_true(stack->used < STACK_WORDS);
	stack->words[STACK_WORDS - ++stack->used] = word;
}

/* A call whose return address is `return_address`, up to the first instruction of what is called. */
static inline void push_call(struct made_stack *stack, uint64_t return_address)
{
	push_word(stack, return_address);
}

/* The frame of a function with this depth: its caller's bp and what it keeps on its stack. */
static inline void push_frame(struct made_stack *stack, uint64_t depth)
{
	if (depth == 0)
		return;
	push_word(stack, stack->bp);
	stack->bp = stack_sp(stack);
	for (uint64_t i = 8; i < depth; i += 8)
		push_word(stack, 0xdeadbeef00 + i);
}

static inline void stack_init(struct made_stack *stack)
{
	memset(stack, 0, sizeof *stack);
	stack->high = STACK_HIGH;
}

static inline const uint8_t *stack_bytes(const struct made_stack *stack)
{
	return (const uint8_t *)(stack->words + STACK_WORDS - stack->used);
}

#endif
