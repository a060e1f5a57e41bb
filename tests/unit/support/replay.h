/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replays: a made-up process whose words are changed between the looks of a survey, as the runtime would have changed
 * them. begin() is the looks A and B, before() B2, stop() the stop, after() and settle() C.
 */
#ifndef GSD_TEST_REPLAY_H
#define GSD_TEST_REPLAY_H

#include "go/survey.h"
#include "go/traceback.h"
#include "process.h"

enum { GOEXIT = 0, PARK = 0x100, A = 0x200, B = 0x300, SWEEPER = 0x400, FINALIZERS = 0x500, CORO = 0x600, END = 0x700 };
enum { OF_A = A + 0x20, OF_B = B + 0x20, IN_PARK = PARK + 0x20 };

#define ALLM      (VARIABLES + 0x100)
#define GOIDGEN   (VARIABLES + 0x110)
#define ALLP      (VARIABLES + 0x120)
#define CYCLES    (VARIABLES + 0x140)
#define MARK_TERM (CYCLES + 0x20)
#define GC_PHASE  (VARIABLES + 0x180)
#define TRACE     (VARIABLES + 0x190)
#define P_START   UINT64_C(0xc000030000)
#define PS_START  UINT64_C(0xc000038000)
#define P_BYTES   ((size_t)1024)
#define FIRST_M   20 /* the Ms of the list are the last ones of the process; goroutines come from the front */

struct replay {
	struct process *process;
	struct gsd_memory memory; /* the process's, with something that happens */
	uint64_t watched;         /* once this has been read, */
	void (*happens)(struct replay *replay);
	uint8_t p[2][P_BYTES];
	uint64_t ps[2];
	struct gsd_plan plan;
	struct gsd_around around;
	struct gsd_analyst *analyst;
	struct gsd_survey *survey;
	struct gsd_survey_figures figures;
};

static inline void watched_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	struct replay *replay = (struct replay *)(void *)((char *)memory - offsetof(struct replay, memory));
	gsd_memory_read_ranges(&replay->process->memory.memory, ranges, count);
	for (size_t i = 0; i < count && replay->happens != NULL; i++) {
		if (replay->watched < ranges[i].address || replay->watched - ranges[i].address >= ranges[i].length)
			continue;
		void (*happens)(struct replay * replay) = replay->happens;
		replay->happens = NULL;
		happens(replay);
	}
}

/* ---- what is there ---- */

static inline void set_variable(struct replay *replay, uint64_t address, uint64_t value)
{
	memcpy(replay->process->variables + (address - VARIABLES), &value, sizeof value);
}

static inline uint64_t variable(const struct replay *replay, uint64_t address)
{
	uint64_t value;
	memcpy(&value, replay->process->variables + (address - VARIABLES), sizeof value);
	return value;
}

static inline const struct gsd_layout *layout_of(const struct replay *replay)
{
	return &replay->process->runtime.layout;
}

static inline void set_batch(struct replay *replay, size_t p, uint64_t next, uint64_t end)
{
	set_field(replay->p[p], layout_of(replay)->p_goidcache, next, 8);
	set_field(replay->p[p], layout_of(replay)->p_goidcacheend, end, 8);
}

/* The next goid of a P's batch, which it hands out. */
static inline uint64_t hand_out(struct replay *replay, size_t p)
{
	uint64_t goid;
	memcpy(&goid, replay->p[p] + layout_of(replay)->p_goidcache, sizeof goid);
	set_field(replay->p[p], layout_of(replay)->p_goidcache, goid + 1, 8);
	return goid;
}

static inline uint64_t m_address(size_t m)
{
	return M_START + (FIRST_M + m) * M_BYTES;
}

static inline void set_curg(struct replay *replay, size_t m, uint64_t g)
{
	set_field(replay->process->m[FIRST_M + m], layout_of(replay)->m_curg, g, 8);
}

static inline void put_m_at_head(struct replay *replay, size_t m)
{
	set_field(replay->process->m[FIRST_M + m], layout_of(replay)->m_alllink, variable(replay, ALLM), 8);
	set_variable(replay, ALLM, m_address(m));
}

/* Its traceback has one argument, of eight bytes (internal/abi, FUNCDATA_ArgInfo): the word above its return address.
 */
static inline void give_argument(struct program *program, struct made_function *function)
{
	function->funcdata_count = GSD_FUNCDATA_ARG_INFO + 1;
	function->funcdata[GSD_FUNCDATA_ARG_INFO] = (uint32_t)program->gofunc.length;
	put_u8(&program->gofunc, 0);
	put_u8(&program->gofunc, 8);
	put_u8(&program->gofunc, GSD_ARGUMENTS_END);
}

/* Two Ms, two Ps whose batches are [100, 116) and [120, 132). */
static inline struct replay *make(unsigned minor, bool coroutines)
{
	struct replay *replay = calloc(1, sizeof *replay);
	assert_non_null(replay);
	struct process *process = process_create(minor);
	replay->process = process;
	struct program *program = &process->program;
	add_function(program, "runtime.goexit", GOEXIT, PARK, 0)->flags = GSD_FUNCTION_TOP_FRAME;
	add_function(program, "main.park", PARK, A, 16);
	give_argument(program, add_function(program, "main.a", A, B, 16));
	add_function(program, "main.b", B, SWEEPER, 16);
	add_function(program, "runtime.bgsweep", SWEEPER, FINALIZERS, 16);
	add_function(program, minor < 25 ? "runtime.runfinq" : "runtime.runFinalizers", FINALIZERS, CORO, 16);
	add_function(program, coroutines ? "runtime.corostart" : "main.c", CORO, END, 16);
	process_ready(process, END);
	process->runtime.globals = (struct gsd_globals){.allm = ALLM,
							.goidgen = GOIDGEN,
							.allp = ALLP,
							.gc_cycles = CYCLES,
							.mark_term = MARK_TERM,
							.gc_phase = GC_PHASE,
							.trace_generation = TRACE};
	process_add_segment(process, P_START, replay->p, sizeof replay->p);
	process_add_segment(process, PS_START, replay->ps, sizeof replay->ps);
	for (size_t i = 0; i < 2; i++)
		replay->ps[i] = P_START + i * P_BYTES;
	set_variable(replay, ALLP, PS_START);
	set_variable(replay, ALLP + 8, 2);
	set_variable(replay, GOIDGEN, 131);
	set_batch(replay, 0, 100, 116);
	set_batch(replay, 1, 120, 132);
	put_m_at_head(replay, 1);
	put_m_at_head(replay, 0);
	replay->memory.read = watched_read;
	replay->around.threads = &process->threads;
	return replay;
}

static inline void drop(struct replay *replay)
{
	gsd_plan_free(&replay->plan);
	gsd_survey_destroy(replay->survey);
	gsd_analyst_destroy(replay->analyst);
	process_destroy(replay->process);
	free(replay);
}

static inline uint8_t *g_of(struct replay *replay, size_t index)
{
	return replay->process->g[index];
}

static inline uint64_t get(struct replay *replay, size_t index, uint32_t field)
{
	uint64_t value;
	memcpy(&value, g_of(replay, index) + field, sizeof value);
	return value;
}

#define SET(replay, index, field, value, size) set_field(g_of(replay, index), layout_of(replay)->field, value, size)

/* It stands in main.park, which the function with this return address called. */
static inline void park_in(struct replay *replay, size_t index, uint64_t caller)
{
	struct made_stack *stack = &replay->process->stacks[index];
	uint64_t high = stack->high;
	memset(stack, 0, sizeof *stack);
	stack->high = high;
	push_call(stack, AT(GOEXIT + 1));
	push_frame(stack, 16);
	push_call(stack, AT(caller));
	push_frame(stack, 16);
	save_registers(replay->process, index, AT(IN_PARK));
}

/* A goroutine that waits in main.park, called by main.a. */
static inline size_t add_waiting(struct replay *replay, uint64_t goid)
{
	size_t index = add_goroutine(replay->process, goid, GSD_STATUS_WAITING);
	park_in(replay, index, OF_A);
	SET(replay, index, waitreason, 1, 1);
	SET(replay, index, tracking_seq, 7, 1);
	SET(replay, index, startpc, AT(A), 8);
	SET(replay, index, waitsince, 12345, 8);
	return index;
}

static inline size_t add_dead(struct replay *replay, uint64_t goid)
{
	size_t index = add_goroutine(replay->process, goid, GSD_STATUS_DEAD);
	SET(replay, index, tracking_seq, 3, 1);
	return index;
}

/* ---- what happens to it ---- */

/* It leaves and comes back, or leaves for good: each time trackingSeq is counted. */
static inline void count(struct replay *replay, size_t index)
{
	uint32_t field = layout_of(replay)->tracking_seq;
	g_of(replay, index)[field]++;
}

static inline void die(struct replay *replay, size_t index)
{
	SET(replay, index, atomicstatus, GSD_STATUS_DEAD, 4);
	count(replay, index);
}

/* A new goroutine in the place of a dead one; it waits at once. */
static inline void reuse(struct replay *replay, size_t index, uint64_t goid)
{
	SET(replay, index, goid, goid, 8);
	SET(replay, index, atomicstatus, GSD_STATUS_WAITING, 4);
	SET(replay, index, tracking_seq, 90, 1);
	park_in(replay, index, OF_B);
}

/* ---- looking ---- */

/* The looks A and B. */
static inline void begin(struct replay *replay)
{
	struct process *process = replay->process;
	assert_success(gsd_analyst_create(&process->runtime, &process->options, &replay->analyst));
	assert_success(gsd_survey_create(&process->runtime, replay->analyst, &replay->memory, &replay->survey));
	assert_success(gsd_survey_first_look(replay->survey));
	assert_success(gsd_survey_look(replay->survey));
}

/* The look B2; how many are to be read in the stop. */
static inline size_t before(struct replay *replay)
{
	assert_success(gsd_survey_before_stop(replay->survey));
	return gsd_survey_size(replay->survey).goroutines;
}

static inline void stop(struct replay *replay)
{
	const struct gsd_plan_room room = {
		.elements = MAX_GOROUTINES, .links = MAX_GOROUTINES, .stack_bytes = 1 << 20, .pieces = 4, .chain = 8};
	gsd_plan_free(&replay->plan);
	replay->plan = (struct gsd_plan){0};
	gsd_goroutines_plan(&replay->process->runtime, &replay->plan);
	assert_success(gsd_survey_plan(replay->survey, &room, NULL, 0, &replay->plan));
	gsd_plan_run(&replay->plan, &replay->memory, &replay->process->threads);
	assert_int_equal(replay->plan.list_errnum, 0);
	assert_false(gsd_plan_overflowed(&replay->plan));
	assert_false(replay->plan.chain_broken);
	assert_success(gsd_survey_take_stop(replay->survey, &replay->plan, &replay->around));
}

/* The look C; how many are ambiguous. */
static inline size_t after(struct replay *replay)
{
	size_t ambiguous;
	assert_success(gsd_survey_after_stop(replay->survey, &ambiguous));
	return ambiguous;
}

/* C, and the result. */
static inline size_t settle(struct replay *replay)
{
	size_t ambiguous = after(replay);
	gsd_survey_finish(replay->survey, &replay->figures);
	assert_int_equal(replay->figures.ambiguous, ambiguous);
	replay->process->analysis = gsd_analyst_take(replay->analyst);
	return ambiguous;
}

/* Whether the goroutine is in the result, in main.park, called from there. */
static inline void assert_parked_in(const struct replay *replay, uint64_t goid, uint64_t caller)
{
	const struct gsd_goroutine *goroutine = goroutine_of(replay->process, goid);
	assert_non_null(goroutine);
	assert_int_equal(goroutine->unreadable, GSD_READABLE);
	struct gsd_stack stack = stack_of(replay->process, goroutine);
	bool found = false;
	for (size_t i = 0; i < stack.count; i++)
		found = found || GSD_PC_ADDRESS(stack.words[i]) == AT(caller);
	assert_true(found);
}

static inline size_t result_count(const struct replay *replay)
{
	return replay->process->analysis.goroutines.count;
}

#define STACK_MOVES UINT64_C(0x1000000) /* so far */

/* The collector frees the stack and the goroutine goes on, on a new one, while the old one is being read. */
static inline void moves_its_stack(struct replay *replay)
{
	const struct gsd_layout *layout = layout_of(replay);
	const uint32_t fields[] = {layout->stack_low, layout->stack_high, layout->sched_sp, layout->sched_bp};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++)
		set_field(g_of(replay, 0), fields[i], get(replay, 0, fields[i]) + STACK_MOVES, 8);
}

#endif
