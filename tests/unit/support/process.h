/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of a made-up process: goroutines, their threads and stacks, the list of them, and the code of a program. A
 * test adds goroutines with their stacks and then looks at them as a capture does.
 */
#ifndef GSD_TEST_PROCESS_H
#define GSD_TEST_PROCESS_H

#include "base/plan.h"
#include "go/goroutine.h"
#include "program.h"
#include "runtime.h"

#define MAX_GOROUTINES 24
#define G_BYTES        ((size_t)512)
#define M_BYTES        ((size_t)2048)
#define G_START        UINT64_C(0xc000000000)
#define M_START        UINT64_C(0xc000010000)
#define LIST_START     UINT64_C(0xc000020000)
#define STACKS_START   UINT64_C(0xc001000000)
#define STACK_STRIDE   UINT64_C(0x10000)
#define VARIABLES      UINT64_C(0x701000) /* in the made-up bss: three words of the slice allgs */
#define VARIABLE_BYTES ((size_t)0x1000)

struct process {
	struct program program;
	struct gsd_runtime runtime;
	uint8_t g[MAX_GOROUTINES][G_BYTES];
	uint8_t m[MAX_GOROUTINES][M_BYTES];
	uint64_t list[MAX_GOROUTINES];
	uint8_t variables[VARIABLE_BYTES];
	struct made_stack stacks[MAX_GOROUTINES];
	size_t count;
	struct gsd_segment segments[8 + MAX_GOROUTINES];
	size_t segment_count;
	struct gsd_segment_memory memory;
	struct gsd_thread thread_items[MAX_GOROUTINES];
	struct gsd_threads threads;
	struct gsd_plan plan;
	struct gsd_around around;
	struct gsd_analysis_options options;
	struct gsd_analysis analysis;
};

/* A process whose program is not finished: the caller adds functions and calls process_ready. */
static inline struct process *process_create(unsigned minor)
{
	struct process *process = calloc(1, sizeof *process);
	assert_non_null(process);
	program_init(&process->program, minor);
	process->options.max_frames = 100;
	return process;
}

static inline void process_add_segment(struct process *process, uint64_t address, const void *bytes, size_t length)
{
	assert_true(process->segment_count < GSD_ARRAY_SIZE(process->segments));
	process->segments[process->segment_count++] = (struct gsd_segment){address, length, bytes};
	gsd_segment_memory_init(&process->memory, process->segments, process->segment_count);
}

/* The code is done; what is added from here on are goroutines. */
static inline void process_ready(struct process *process, uint32_t end_of_text)
{
	program_finish(&process->program, end_of_text);
	process->runtime.go_minor = process->program.minor;
	process->runtime.code = process->program.code;
	process->runtime.layout = made_layout(process->program.minor);
	process->runtime.allgs = (struct gsd_allgs){VARIABLES, VARIABLES + 8, GSD_ALLGS_SYMBOL};
	process_add_segment(process, G_START, process->g, sizeof process->g);
	process_add_segment(process, M_START, process->m, sizeof process->m);
	process_add_segment(process, LIST_START, process->list, sizeof process->list);
	process_add_segment(process, VARIABLES, process->variables, sizeof process->variables);
}

static inline void process_destroy(struct process *process)
{
	gsd_plan_free(&process->plan);
	gsd_analysis_free(&process->analysis);
	program_drop(&process->program);
	free(process);
}

static inline uint64_t g_address(size_t index)
{
	return G_START + index * G_BYTES;
}

/* Sets `size` bytes of a field; a version without it has nothing to set. */
static inline void set_field(uint8_t *structure, uint32_t offset, uint64_t value, size_t size)
{
	if (offset != GSD_NO_FIELD)
		memcpy(structure + offset, &value, size);
}

/* A new goroutine at the end of the list, with an empty stack; its index. */
static inline size_t add_goroutine(struct process *process, uint64_t goid, uint32_t status)
{
	size_t index = process->count++;
	assert_true(index < MAX_GOROUTINES);
	const struct gsd_layout *layout = &process->runtime.layout;
	uint8_t *g = process->g[index];
	struct made_stack *stack = &process->stacks[index];
	stack_init(stack);
	stack->high = STACKS_START + (index + 1) * STACK_STRIDE;
	process_add_segment(process, stack->high - sizeof stack->words, stack->words, sizeof stack->words);
	set_field(g, layout->stack_low, stack->high - sizeof stack->words, 8);
	set_field(g, layout->stack_high, stack->high, 8);
	set_field(g, layout->goid, goid, 8);
	set_field(g, layout->atomicstatus, status, 4);
	set_field(g, layout->sched_g, g_address(index), 8);
	process->list[index] = g_address(index);
	uint64_t slice[3] = {LIST_START, process->count, MAX_GOROUTINES};
	memcpy(process->variables, slice, sizeof slice);
	return index;
}

/* It left its stack as it is now, at `pc`. */
static inline void save_registers(struct process *process, size_t index, uint64_t pc)
{
	const struct gsd_layout *layout = &process->runtime.layout;
	set_field(process->g[index], layout->sched_pc, pc, 8);
	set_field(process->g[index], layout->sched_sp, stack_sp(&process->stacks[index]), 8);
	set_field(process->g[index], layout->sched_bp, process->stacks[index].bp, 8);
}

/* A thread with the registers that the stack has now; `tid` is its id inside. It becomes the goroutine's. */
static inline struct gsd_thread *add_thread(struct process *process, size_t index, uint64_t tid, uint64_t pc)
{
	const struct gsd_layout *layout = &process->runtime.layout;
	struct gsd_thread *thread = &process->thread_items[process->threads.count++];
	*thread = (struct gsd_thread){
		.tid = (pid_t)tid + 1000,
		.tid_inside = tid,
		.registers = {.pc = pc, .sp = stack_sp(&process->stacks[index]), .bp = process->stacks[index].bp}};
	set_field(process->g[index], layout->m, M_START + index * M_BYTES, 8);
	set_field(process->m[index], layout->m_procid, tid, 8);
	set_field(process->m[index], layout->m_curg, g_address(index), 8);
	return thread;
}

/* Looks at the process: carries the plan of a stop out and analyses what it copied. */
static inline void look(struct process *process)
{
	gsd_plan_free(&process->plan);
	gsd_analysis_free(&process->analysis);
	gsd_goroutines_plan(&process->runtime, &process->plan);
	const struct gsd_plan_room room = {
		.elements = MAX_GOROUTINES, .links = MAX_GOROUTINES, .stack_bytes = 1 << 20, .pieces = 4};
	assert_success(gsd_plan_reserve(&process->plan, &room, NULL, 0));
	process->threads.items = process->thread_items;
	process->threads.capacity = MAX_GOROUTINES;
	gsd_plan_run(&process->plan, &process->memory.memory, &process->threads);
	assert_int_equal(process->plan.list_errnum, 0);
	assert_false(gsd_plan_overflowed(&process->plan));
	process->around.threads = &process->threads;
	assert_success(gsd_goroutines_analyse(&process->runtime, &process->plan, &process->around, &process->options,
					      &process->analysis));
}

/* The goroutine with this id in the result; NULL when it is not there. */
static inline const struct gsd_goroutine *goroutine_of(const struct process *process, uint64_t goid)
{
	for (size_t i = 0; i < process->analysis.goroutines.count; i++)
		if (process->analysis.goroutines.items[i].goid == goid)
			return &process->analysis.goroutines.items[i];
	return NULL;
}

static inline struct gsd_stack stack_of(const struct process *process, const struct gsd_goroutine *goroutine)
{
	const struct gsd_pooled_stack *stack = &process->analysis.stacks.items[goroutine->stack];
	return (struct gsd_stack){.words = process->analysis.words.items + stack->first, .count = stack->count};
}

#endif
