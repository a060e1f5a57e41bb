/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/goroutine.h"

#include <stdio.h>

#include "../support/process.h"
#include "go/symbolize.h"

enum {
	GOEXIT = 0x000,
	MAIN = 0x100,
	WORK = 0x200,
	RUNTIME_MAIN = 0x300,
	SWEEPER = 0x400,
	FINALIZERS = 0x500,
	CLEANUPS = 0x600,
	ASYNC_EVENT = 0x700,
	COROSTART = 0x800,
	PPROF = 0x900,
	GOGO = 0xa00,
	END = 0xb00
};
enum { DEPTH = 24, BODY = 0x40 };
#define RETURN(f)    AT((f) + BODY)
#define EXACT(pc)    ((pc) | GSD_PC_EXACT)
#define AWAY_FROM_IT UINT64_C(0x7fff12340000) /* an sp on no goroutine's stack */

static struct process *make(unsigned minor)
{
	struct process *process = process_create(minor);
	struct program *program = &process->program;
	add_function(program, "runtime.goexit", GOEXIT, MAIN, 0)->flags = GSD_FUNCTION_TOP_FRAME;
	add_function(program, "main.main", MAIN, WORK, DEPTH);
	add_function(program, "main.work", WORK, RUNTIME_MAIN, DEPTH);
	add_function(program, "runtime.main", RUNTIME_MAIN, SWEEPER, DEPTH);
	add_function(program, "runtime.bgsweep", SWEEPER, FINALIZERS, DEPTH);
	add_function(program, minor >= 25 ? "runtime.runFinalizers" : "runtime.runfinq", FINALIZERS, CLEANUPS, DEPTH);
	add_function(program, "runtime.runCleanups", CLEANUPS, ASYNC_EVENT, DEPTH);
	add_function(program, "runtime.handleAsyncEvent", ASYNC_EVENT, COROSTART, DEPTH);
	add_function(program, "runtime.corostart", COROSTART, PPROF, DEPTH);
	add_function(program, "runtime/pprof.profileWriter", PPROF, GOGO, DEPTH);
	struct made_function *gogo = add_function(program, "gogo", GOGO, END, 0);
	gogo->flags = GSD_FUNCTION_SP_WRITE | GSD_FUNCTION_ASSEMBLY;
	process_ready(process, END);
	return process;
}

static const struct gsd_layout *layout_of(const struct process *process)
{
	return &process->runtime.layout;
}

/* A goroutine that began at `entry`, which called main.work, where it is parked. */
static size_t add_parked(struct process *process, uint64_t goid, uint32_t entry)
{
	size_t index = add_goroutine(process, goid, GSD_STATUS_WAITING);
	struct made_stack *stack = &process->stacks[index];
	push_call(stack, AT(GOEXIT + 1));
	push_frame(stack, DEPTH);
	push_call(stack, RETURN(entry));
	push_frame(stack, DEPTH);
	save_registers(process, index, RETURN(WORK));
	set_field(process->g[index], layout_of(process)->startpc, AT(entry), 8);
	return index;
}

static void check_stack(const struct process *process, uint64_t goid, const uint64_t *words, size_t count)
{
	const struct gsd_goroutine *goroutine = goroutine_of(process, goid);
	assert_non_null(goroutine);
	if (goroutine->unreadable != GSD_READABLE)
		fail_msg("goroutine %llu: %s", (unsigned long long)goid,
			 gsd_unreadable_name((enum gsd_unreadable)goroutine->unreadable));
	struct gsd_stack stack = stack_of(process, goroutine);
	assert_int_equal(stack.count, count);
	for (size_t i = 0; i < count; i++)
		assert_u64(stack.words[i], words[i]);
}
#define assert_stack(process, goid, ...)                                                                               \
	do {                                                                                                           \
		const uint64_t expected_words[] = {__VA_ARGS__};                                                       \
		check_stack(process, goid, expected_words, GSD_ARRAY_SIZE(expected_words));                            \
	} while (0)

static void assert_unreadable(const struct process *process, uint64_t goid, enum gsd_unreadable reason)
{
	const struct gsd_goroutine *goroutine = goroutine_of(process, goid);
	assert_non_null(goroutine);
	if (goroutine->unreadable != reason)
		fail_msg("%s and not %s", gsd_unreadable_name((enum gsd_unreadable)goroutine->unreadable),
			 gsd_unreadable_name(reason));
	struct gsd_stack stack = stack_of(process, goroutine);
	assert_int_equal(stack.count, 1);
	assert_u64(stack.words[0], GSD_PC_UNREADABLE(reason));
	assert_int_equal(process->analysis.unreadable, 1);
}

/* ---- decoding ---- */

static void every_field_of_a_goroutine_is_decoded_in_every_version(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct process *process = make(minor);
		const struct gsd_layout *layout = layout_of(process);
		size_t index = add_parked(process, UINT64_C(0x123456789a), MAIN);
		uint8_t *g = process->g[index];
		set_field(g, layout->atomicstatus, GSD_STATUS_WAITING | GSD_STATUS_SCAN_BIT, 4);
		set_field(g, layout->parent_goid, 7, 8);
		set_field(g, layout->gopc, RETURN(MAIN), 8);
		set_field(g, layout->waitsince, 123456789, 8);
		set_field(g, layout->waitreason, 0xff02, 2); /* the byte behind it is not part of it */
		set_field(g, layout->lockedm, M_START, 8);
		set_field(g, layout->labels, 0xc000055550, 8);
		look(process);
		assert_int_equal(process->analysis.goroutines.count, 1);
		const struct gsd_goroutine *goroutine = &process->analysis.goroutines.items[0];
		assert_u64(goroutine->goid, UINT64_C(0x123456789a));
		assert_u64(goroutine->address, g_address(index));
		assert_u64(goroutine->parent_goid, minor >= 21 ? 7 : 0);
		assert_u64(goroutine->creator_pc, RETURN(MAIN));
		assert_u64(goroutine->start_pc, AT(MAIN));
		assert_u64(goroutine->wait_since, 123456789);
		assert_int_equal(goroutine->wait_reason, 2);
		assert_int_equal(goroutine->status, GSD_STATUS_WAITING);
		assert_true(goroutine->scan);
		assert_true(goroutine->locked);
		assert_false(goroutine->system);
		assert_int_equal(goroutine->labels, 0);
		assert_u64(process->analysis.label_pointers.items[0], 0xc000055550);
		assert_stack(process, goroutine->goid, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		process_destroy(process);
	}
}

static void the_first_goroutine_was_created_by_nobody(void **state)
{
	(void)state;
	struct process *process = make(26);
	set_field(process->g[add_parked(process, 1, RUNTIME_MAIN)], layout_of(process)->gopc, RETURN(MAIN), 8);
	set_field(process->g[add_parked(process, 2, MAIN)], layout_of(process)->gopc, RETURN(MAIN), 8);
	look(process);
	assert_u64(goroutine_of(process, 1)->creator_pc, 0);
	assert_u64(goroutine_of(process, 2)->creator_pc, RETURN(MAIN));
	process_destroy(process);
}

static void goroutines_that_do_not_exist_are_left_out(void **state)
{
	(void)state;
	struct process *process = make(26);
	static const uint32_t statuses[] = {GSD_STATUS_IDLE, GSD_STATUS_DEAD, GSD_STATUS_DEADEXTRA,
					    GSD_STATUS_DEAD | GSD_STATUS_SCAN_BIT};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++) {
		size_t index = add_goroutine(process, i + 10, statuses[i]);
		set_field(process->g[index], layout_of(process)->stack_low, 0, 8); /* their stacks may be gone */
		set_field(process->g[index], layout_of(process)->stack_high, 0, 8);
	}
	add_parked(process, 5, MAIN);
	look(process);
	assert_int_equal(process->analysis.goroutines.count, 1);
	assert_int_equal(process->analysis.unreadable, 0);
	assert_non_null(goroutine_of(process, 5));
	process_destroy(process);
}

static void goroutines_are_in_the_order_of_the_list(void **state)
{
	(void)state;
	struct process *process = make(26);
	static const uint64_t ids[] = {1, 17, 2, 3, 900, 4};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(ids); i++)
		add_parked(process, ids[i], MAIN);
	look(process);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(ids); i++)
		assert_u64(process->analysis.goroutines.items[i].goid, ids[i]);
	process_destroy(process);
}

static void a_slot_of_the_list_that_is_still_empty_is_passed_over_and_one_that_is_not_mapped_is_marked(void **state)
{
	(void)state;
	struct process *process = make(26);
	for (uint64_t goid = 1; goid <= 4; goid++)
		add_parked(process, goid, MAIN);
	process->list[1] = 0;
	process->list[2] = 0x999000;
	add_thread(process, 3, 500, 0); /* links are counted past both */
	set_field(process->g[3], layout_of(process)->atomicstatus, GSD_STATUS_RUNNING, 4);
	process->thread_items[0].registers.pc = RETURN(WORK);
	look(process);
	assert_int_equal(process->analysis.goroutines.count, 3);
	assert_u64(process->analysis.goroutines.items[0].goid, 1);
	assert_u64(process->analysis.goroutines.items[1].address, 0x999000);
	assert_int_equal(process->analysis.goroutines.items[1].unreadable, GSD_UNREADABLE_UNMAPPED);
	assert_int_equal(process->analysis.goroutines.items[1].labels, GSD_NO_LABELS);
	assert_stack(process, 4, EXACT(RETURN(WORK)), RETURN(MAIN), AT(GOEXIT + 1));
	assert_int_equal(process->analysis.unreadable, 1);
	process_destroy(process);
}

static void equal_stacks_and_equal_label_pointers_are_stored_once(void **state)
{
	(void)state;
	struct process *process = make(26);
	static const uint64_t labels[] = {0, 0xc000055550, 0xc000055580, 0xc000055550, 0};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(labels); i++) {
		size_t index = add_parked(process, i + 1, i == 2 ? RUNTIME_MAIN : MAIN);
		set_field(process->g[index], layout_of(process)->labels, labels[i], 8);
	}
	look(process);
	const struct gsd_goroutine *goroutines = process->analysis.goroutines.items;
	assert_int_equal(process->analysis.stacks.count, 2);
	assert_int_equal(goroutines[0].stack, goroutines[1].stack);
	assert_int_not_equal(goroutines[0].stack, goroutines[2].stack);
	assert_int_equal(goroutines[4].stack, goroutines[0].stack);
	assert_int_equal(process->analysis.label_pointers.count, 2);
	assert_int_equal(goroutines[0].labels, GSD_NO_LABELS);
	assert_int_equal(goroutines[1].labels, goroutines[3].labels);
	assert_int_not_equal(goroutines[1].labels, goroutines[2].labels);
	assert_u64(process->analysis.label_pointers.items[goroutines[2].labels], 0xc000055580);
	assert_int_equal(goroutines[4].labels, GSD_NO_LABELS);
	process_destroy(process);
}

static void the_work_is_counted(void **state)
{
	(void)state;
	struct process *process = make(26);
	add_parked(process, 1, MAIN);
	process->stacks[add_parked(process, 2, MAIN)].words[STACK_WORDS - 2] = 8; /* a broken chain of frame pointers */
	set_field(process->g[add_parked(process, 3, MAIN)], layout_of(process)->sched_sp, 0, 8);
	look(process);
	assert_u64(process->analysis.frames, 6);
	assert_u64(process->analysis.table_steps, 4);
	assert_u64(process->analysis.fp_steps, 0);
	assert_u64(process->analysis.unreadable, 1);
	process->options.unwind = GSD_UNWIND_FP;
	look(process);
	assert_u64(process->analysis.table_steps, 0);
	process_destroy(process);
}

static void the_depth_that_is_asked_for_is_kept(void **state)
{
	(void)state;
	struct process *process = make(26);
	add_parked(process, 1, MAIN);
	process->options.max_frames = 2;
	look(process);
	assert_stack(process, 1, RETURN(WORK), GSD_PC_ELIDED, AT(GOEXIT + 1));
	process->options.innermost_only = true;
	look(process);
	assert_stack(process, 1, RETURN(WORK), RETURN(MAIN));
	process_destroy(process);
}

/* ---- the runtime's own ---- */

static bool is_system(struct process *process, uint64_t goid)
{
	process->options.system_goroutines = false;
	look(process);
	bool hidden = goroutine_of(process, goid) == NULL;
	assert_u64(process->analysis.system_goroutines, hidden ? 1 : 0);
	process->options.system_goroutines = true;
	look(process);
	assert_non_null(goroutine_of(process, goid));
	assert_int_equal(goroutine_of(process, goid)->system, hidden);
	assert_u64(process->analysis.system_goroutines, hidden ? 1 : 0);
	return hidden;
}

static void which_goroutines_are_the_runtimes_own_is_decided_as_its_version_does(void **state)
{
	(void)state;
	static const struct {
		uint32_t entry;
		bool system;
	} cases[] = {{MAIN, false},  {RUNTIME_MAIN, false}, {SWEEPER, true}, {ASYNC_EVENT, false},
		     {PPROF, false}, {COROSTART, false},    {END, false}};
	for (unsigned minor = 18; minor <= 27; minor++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
			struct process *process = make(minor);
			add_parked(process, 9, cases[i].entry);
			bool no_coroutines =
				cases[i].entry == COROSTART && minor < 22; /* such a name would mean nothing */
			if (is_system(process, 9) != (cases[i].system || no_coroutines))
				fail_msg("entry 0x%x in Go 1.%u", cases[i].entry, minor);
			process_destroy(process);
		}
	}
}

static void a_goroutine_made_for_a_c_thread_is_the_users(void **state)
{
	(void)state;
	struct process *process = make(26);
	size_t index = add_parked(process, 9, MAIN);
	set_field(process->g[index], layout_of(process)->startpc, 0, 8);
	assert_false(is_system(process, 9));
	process_destroy(process);
}

static void the_finalizer_goroutine_is_the_users_while_the_flag_says_that_it_runs(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct process *process = make(minor);
		size_t index = add_parked(process, 9, FINALIZERS);
		set_field(process->g[index], layout_of(process)->waitreason, minor >= 26 ? 10 : 16,
			  1); /* finalizer wait */
		process->around.finalizer_known = true;
		process->around.finalizer_running = true;
		assert_false(is_system(process, 9));
		process->around.finalizer_running = false;
		assert_true(is_system(process, 9));
		set_field(process->g[index], layout_of(process)->waitreason, 2, 1); /* the flag counts, not this */
		assert_true(is_system(process, 9));
		process_destroy(process);
	}
}

static void without_the_flag_the_finalizer_goroutine_is_the_users_unless_it_waits_for_work(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct process *process = make(minor);
		size_t index = add_parked(process, 9, FINALIZERS);
		unsigned finalizer_wait = minor >= 26 ? 10 : 16;
		process->around.finalizer_running = true; /* says nothing when it is not known */
		set_field(process->g[index], layout_of(process)->waitreason, finalizer_wait, 1);
		assert_true(is_system(process, 9));
		set_field(process->g[index], layout_of(process)->waitreason, 2, 1);
		assert_false(is_system(process, 9));
		set_field(process->g[index], layout_of(process)->waitreason, finalizer_wait, 1);
		set_field(process->g[index], layout_of(process)->atomicstatus, GSD_STATUS_RUNNABLE, 4);
		assert_false(is_system(process, 9));
		process_destroy(process);
	}
}

static void a_cleanup_goroutine_is_the_users_while_it_runs_cleanups(void **state)
{
	(void)state;
	for (unsigned minor = 25; minor <= 27; minor++) {
		struct process *process = make(minor);
		size_t index = add_parked(process, 9, CLEANUPS);
		set_field(process->g[index], layout_of(process)->running_cleanups + 1, 0xff, 1); /* not part of it */
		assert_true(is_system(process, 9));
		set_field(process->g[index], layout_of(process)->running_cleanups, 1, 1);
		assert_false(is_system(process, 9));
		process_destroy(process);
	}
}

/* ---- where a walk begins ---- */

static void a_goroutine_in_a_system_call_is_read_from_there_whatever_its_status(void **state)
{
	(void)state;
	static const uint32_t statuses[] = {GSD_STATUS_SYSCALL, GSD_STATUS_RUNNABLE, GSD_STATUS_RUNNING};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++) {
		struct process *process = make(26);
		const struct gsd_layout *layout = layout_of(process);
		size_t index = add_parked(process, 9, MAIN);
		set_field(process->g[index], layout->atomicstatus, statuses[i], 4);
		set_field(process->g[index], layout->syscallsp, stack_sp(&process->stacks[index]), 8);
		set_field(process->g[index], layout->syscallbp, process->stacks[index].bp, 8);
		set_field(process->g[index], layout->syscallpc, AT(WORK + 0x50), 8);
		set_field(process->g[index], layout->sched_sp, 8, 8); /* stale */
		set_field(process->g[index], layout->sched_pc, 8, 8);
		look(process);
		assert_stack(process, 9, AT(WORK + 0x50), RETURN(MAIN), AT(GOEXIT + 1));
		assert_u64(process->analysis.disagreements, 0);
		process_destroy(process);
	}
}

static void a_running_goroutine_is_read_from_the_registers_of_its_thread(void **state)
{
	(void)state;
	struct process *process = make(26);
	for (uint64_t goid = 1; goid <= 3; goid++) {
		size_t index = add_parked(process, goid, MAIN);
		set_field(process->g[index], layout_of(process)->atomicstatus, GSD_STATUS_RUNNING, 4);
		set_field(process->g[index], layout_of(process)->sched_sp, 0, 8); /* stale since it was resumed */
	}
	add_thread(process, 2, 503, AT(WORK + 0x53)); /* not in the order of the goroutines */
	add_thread(process, 0, 501, AT(WORK + 0x51));
	add_thread(process, 1, 502, AT(WORK + 0x52));
	look(process);
	for (uint64_t goid = 1; goid <= 3; goid++)
		assert_stack(process, goid, EXACT(AT(WORK + 0x50 + goid)), RETURN(MAIN), AT(GOEXIT + 1));
	process_destroy(process);
}

/* Goroutine 9 runs, but its thread is on another stack. */
static struct process *make_running_elsewhere(void)
{
	struct process *process = make(26);
	size_t index = add_parked(process, 9, MAIN);
	set_field(process->g[index], layout_of(process)->atomicstatus, GSD_STATUS_RUNNING, 4);
	add_thread(process, index, 500, 0x7f0000001000)->registers.sp = AWAY_FROM_IT;
	return process;
}

static void a_goroutine_whose_thread_is_on_the_system_stack_is_read_from_where_it_switched(void **state)
{
	(void)state;
	struct process *process = make_running_elsewhere();
	look(process);
	assert_stack(process, 9, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	process_destroy(process);
}

static void a_goroutine_in_the_vdso_is_read_from_the_call_that_its_thread_recorded(void **state)
{
	(void)state;
	struct process *process = make_running_elsewhere();
	const struct gsd_layout *layout = layout_of(process);
	set_field(process->g[0], layout->sched_sp, 0, 8);
	set_field(process->m[0], layout->m_vdso_sp, stack_sp(&process->stacks[0]), 8);
	set_field(process->m[0], layout->m_vdso_pc, AT(WORK + 0x58), 8);
	look(process);
	assert_stack(process, 9, AT(WORK + 0x58), RETURN(MAIN), AT(GOEXIT + 1));
	process_destroy(process);
}

static void a_running_goroutine_without_any_trace_on_its_stack_is_marked_running(void **state)
{
	(void)state;
	struct process *process = make_running_elsewhere();
	set_field(process->g[0], layout_of(process)->sched_sp, 0, 8);
	look(process);
	assert_unreadable(process, 9, GSD_UNREADABLE_RUNNING);
	process->thread_items[0].state = GSD_THREAD_UNINTERRUPTIBLE;
	look(process);
	assert_unreadable(process, 9, GSD_UNREADABLE_NO_THREAD);
	process->thread_items[0] = (struct gsd_thread){.tid_inside = 77, .registers.sp = AWAY_FROM_IT};
	look(process);
	assert_unreadable(process, 9, GSD_UNREADABLE_NO_THREAD);
	set_field(process->g[0], layout_of(process)->m, 0, 8);
	look(process);
	assert_unreadable(process, 9, GSD_UNREADABLE_NO_THREAD);
	process_destroy(process);
}

static void a_goroutine_that_is_being_resumed_is_where_it_was_left(void **state)
{
	(void)state;
	struct process *process = make(26);
	size_t index = add_parked(process, 9, MAIN);
	set_field(process->g[index], layout_of(process)->atomicstatus, GSD_STATUS_RUNNING, 4);
	set_field(process->g[index], layout_of(process)->sched_sp, 0, 8); /* gogo has zeroed it and not the pc */
	add_thread(process, index, 500, AT(GOGO + 0x20));
	look(process);
	assert_stack(process, 9, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	process_destroy(process);
}

static void every_status_of_a_goroutine_that_stands_still_is_read_from_what_it_saved(void **state)
{
	(void)state;
	static const uint32_t statuses[] = {GSD_STATUS_RUNNABLE,  GSD_STATUS_SYSCALL,   GSD_STATUS_WAITING,
					    GSD_STATUS_COPYSTACK, GSD_STATUS_PREEMPTED, GSD_STATUS_LEAKED};
	struct process *process = make(26);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++) {
		size_t index = add_parked(process, i + 1, MAIN);
		set_field(process->g[index], layout_of(process)->atomicstatus, statuses[i], 4);
	}
	look(process);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(statuses); i++)
		assert_stack(process, i + 1, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
	process_destroy(process);
}

static void a_goroutine_that_never_ran_is_its_entry(void **state)
{
	(void)state;
	for (int mode = GSD_UNWIND_AUTO; mode <= GSD_UNWIND_TABLE; mode++) {
		struct process *process = make(26);
		size_t index = add_goroutine(process, 9, GSD_STATUS_RUNNABLE);
		push_call(&process->stacks[index], AT(GOEXIT + 1));
		save_registers(process, index, AT(WORK));
		process->options.unwind = (enum gsd_unwind_mode)mode;
		look(process);
		assert_stack(process, 9, AT(WORK), AT(GOEXIT + 1));
		process_destroy(process);
	}
}

/* ---- what cannot be read is marked, and the rest goes on ---- */

static void a_stack_that_cannot_be_read_is_marked_with_the_reason_and_the_others_are_read(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		uint64_t value;
		enum gsd_unreadable reason;
	} cases[] = {
		{offsetof(struct gsd_layout, sched_sp), 0, GSD_UNREADABLE_BOUNDS},
		{offsetof(struct gsd_layout, stack_high), 1, GSD_UNREADABLE_BOUNDS},
		{offsetof(struct gsd_layout, stack_high), UINT64_C(1) << 46, GSD_UNREADABLE_TOO_LARGE},
		{offsetof(struct gsd_layout, stack_high), STACKS_START + 8 * STACK_STRIDE, GSD_UNREADABLE_UNMAPPED},
		{offsetof(struct gsd_layout, sched_pc), UINT64_C(0x7f0000001000), GSD_UNREADABLE_UNKNOWN_PC},
		{offsetof(struct gsd_layout, sched_pc), AT(GOGO + 0x20), GSD_UNREADABLE_BROKEN},
		{offsetof(struct gsd_layout, atomicstatus), 5, GSD_UNREADABLE_STATUS},
		{offsetof(struct gsd_layout, atomicstatus), 7, GSD_UNREADABLE_STATUS},
		{offsetof(struct gsd_layout, atomicstatus), 12, GSD_UNREADABLE_STATUS},
		{offsetof(struct gsd_layout, atomicstatus), 0xffff, GSD_UNREADABLE_STATUS},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct process *process = make(26);
		add_parked(process, 1, MAIN);
		size_t index = add_parked(process, 9, MAIN);
		add_parked(process, 2, MAIN);
		uint32_t offset;
		memcpy(&offset, (const char *)layout_of(process) + cases[i].field, sizeof offset);
		set_field(process->g[index], offset, cases[i].value, cases[i].value > UINT32_MAX ? 8 : 4);
		if (cases[i].field == offsetof(struct gsd_layout, stack_high) ||
		    cases[i].field == offsetof(struct gsd_layout, sched_sp))
			set_field(process->g[index], offset, cases[i].value, 8);
		set_field(process->g[index], layout_of(process)->sched_bp, 0, 8);
		look(process);
		assert_unreadable(process, 9, cases[i].reason);
		assert_stack(process, 1, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		assert_stack(process, 2, RETURN(WORK), RETURN(MAIN), AT(GOEXIT + 1));
		process_destroy(process);
	}
}

static void a_stack_that_does_not_end_at_an_entry_is_broken(void **state)
{
	(void)state;
	struct process *process = make(26);
	size_t index = add_goroutine(process, 9, GSD_STATUS_WAITING);
	push_call(&process->stacks[index], RETURN(MAIN)); /* instead of goexit: main.main's caller is not on it */
	push_frame(&process->stacks[index], DEPTH);
	save_registers(process, index, RETURN(WORK));
	look(process);
	assert_unreadable(process, 9, GSD_UNREADABLE_BROKEN);
	process_destroy(process);
}

/* ---- what else is known of it ---- */

static const struct gsd_snapshot_thread *thread_at(const struct process *process, uint64_t goid)
{
	const struct gsd_goroutine *goroutine = goroutine_of(process, goid);
	assert_non_null(goroutine);
	if (goroutine->thread == GSD_NO_THREAD)
		return NULL;
	assert_true(goroutine->thread < process->analysis.threads.count);
	return &process->analysis.threads.items[goroutine->thread];
}

static void a_goroutine_with_an_m_has_its_thread_m_and_p_in_every_version(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct process *process = make(minor);
		const struct gsd_layout *layout = layout_of(process);
		add_parked(process, 1, MAIN);
		size_t running = add_parked(process, 2, MAIN);
		size_t calling = add_parked(process, 3, MAIN);
		set_field(process->g[running], layout->atomicstatus, GSD_STATUS_RUNNING, 4);
		set_field(process->g[calling], layout->atomicstatus, GSD_STATUS_SYSCALL, 4);
		add_thread(process, running, 500, RETURN(WORK));
		add_thread(process, calling, 501, RETURN(WORK));
		set_field(process->m[running], layout->m_id, 7, 8);
		set_field(process->m[running], layout->m_p, 0xc000077770, 8);
		set_field(process->m[calling], layout->m_id, 8, 8);
		look(process);
		assert_null(thread_at(process, 1));
		const struct gsd_snapshot_thread *thread = thread_at(process, 2);
		assert_u64(thread->m, M_START + running * M_BYTES);
		assert_int_equal(thread->m_id, 7);
		assert_u64(thread->p, 0xc000077770);
		assert_int_equal(thread->p_id, -1); /* it is read later */
		assert_u64(thread->tid_inside, 500);
		assert_int_equal(thread->tid, 1500);
		thread = thread_at(process, 3);
		assert_int_equal(thread->m_id, 8);
		assert_u64(thread->p, 0);
		assert_int_equal(thread->tid, 1501);
		process_destroy(process);
	}
}

static void a_thread_that_is_not_among_those_of_the_process_has_no_tid(void **state)
{
	(void)state;
	struct process *process = make(26);
	const struct gsd_layout *layout = layout_of(process);
	size_t gone = add_parked(process, 2, MAIN);
	size_t new = add_parked(process, 3, MAIN);
	size_t unread = add_parked(process, 4, MAIN);
	add_thread(process, gone, 500, 0);
	add_thread(process, new, 501, 0);
	set_field(process->m[gone], layout->m_procid, 999, 8);
	set_field(process->m[new], layout->m_procid, 0, 8); /* its thread has not begun */
	set_field(process->g[unread], layout->m, 0x999000, 8);
	look(process);
	assert_int_equal(thread_at(process, 2)->tid, 0);
	assert_u64(thread_at(process, 2)->tid_inside, 999);
	assert_int_equal(thread_at(process, 3)->tid, 0);
	assert_u64(thread_at(process, 3)->tid_inside, 0);
	assert_null(thread_at(process, 4)); /* its m could not be read */
	process_destroy(process);
}

static void the_extent_of_a_stack_is_that_of_its_bounds_and_where_the_walk_begins(void **state)
{
	(void)state;
	struct process *process = make(26);
	const struct gsd_layout *layout = layout_of(process);
	size_t parked = add_parked(process, 1, MAIN);
	size_t running = add_parked(process, 2, MAIN);
	size_t calling = add_parked(process, 3, MAIN);
	set_field(process->g[running], layout->atomicstatus, GSD_STATUS_RUNNING, 4);
	add_thread(process, running, 500, RETURN(WORK));
	set_field(process->g[running], layout->sched_sp, process->stacks[running].high - 8, 8); /* stale */
	set_field(process->g[calling], layout->syscallsp, stack_sp(&process->stacks[calling]) + 8 * 4, 8);
	look(process);
	const size_t used = 8 * process->stacks[parked].used;
	for (uint64_t goid = 1; goid <= 3; goid++) {
		const struct gsd_goroutine *goroutine = goroutine_of(process, goid);
		assert_u64(goroutine->stack_low, process->stacks[goid - 1].high - 8 * STACK_WORDS);
		assert_int_equal(goroutine->stack_size, 8 * STACK_WORDS);
		assert_int_equal(goroutine->stack_used, goid == 3 ? used - 8 * 4 : used);
	}
	process_destroy(process);
}

static void bounds_that_contradict_each_other_are_no_extent(void **state)
{
	(void)state;
	static const struct {
		uint64_t low, high;
	} bounds[] = {{0, 0},
		      {0xc001008000, 0xc001008000},
		      {0xc001008008, 0xc001008000},
		      {0xc001000000, UINT64_MAX},
		      {0x1000, UINT64_C(0x1000) + (UINT64_C(1) << 31) + 1}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(bounds); i++) {
		struct process *process = make(26);
		size_t index = add_parked(process, 1, MAIN);
		set_field(process->g[index], layout_of(process)->stack_low, bounds[i].low, 8);
		set_field(process->g[index], layout_of(process)->stack_high, bounds[i].high, 8);
		look(process);
		assert_int_equal(goroutine_of(process, 1)->stack_size, 0);
		assert_int_equal(goroutine_of(process, 1)->stack_used, 0);
		assert_int_not_equal(goroutine_of(process, 1)->unreadable, GSD_READABLE);
		process_destroy(process);
	}
}

static void a_goroutine_that_stands_at_its_entry_never_ran(void **state)
{
	(void)state;
	static const uint32_t entries[] = {MAIN, COROSTART, SWEEPER};
	static const struct {
		uint32_t status;
		bool call, moved, never_ran;
	} cases[] = {
		{GSD_STATUS_RUNNABLE, false, false, true}, {GSD_STATUS_WAITING, false, false, true},
		{GSD_STATUS_RUNNING, false, false, false}, {GSD_STATUS_RUNNABLE, true, false, false},
		{GSD_STATUS_RUNNABLE, false, true, false},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(entries); i++)
		for (size_t k = 0; k < GSD_ARRAY_SIZE(cases); k++) {
			struct process *process = make(26);
			const struct gsd_layout *layout = layout_of(process);
			process->options.system_goroutines = true;
			size_t index = add_goroutine(process, 5, cases[k].status);
			push_call(&process->stacks[index], AT(GOEXIT + 1));
			save_registers(process, index, AT(entries[i]) + (cases[k].moved ? 1 : 0));
			set_field(process->g[index], layout->startpc, AT(entries[i]), 8);
			if (cases[k].call) {
				set_field(process->g[index], layout->syscallsp, stack_sp(&process->stacks[index]), 8);
				set_field(process->g[index], layout->syscallpc, RETURN(WORK), 8);
			}
			look(process);
			if (goroutine_of(process, 5)->never_ran != cases[k].never_ran)
				fail_msg("entry %zu, case %zu", i, k);
			process_destroy(process);
		}
}

static void one_made_for_c_has_no_entry_that_it_could_stand_at(void **state)
{
	(void)state;
	struct process *process = make(26);
	size_t index = add_goroutine(process, 5, GSD_STATUS_WAITING);
	push_call(&process->stacks[index], AT(GOEXIT + 1));
	save_registers(process, index, 0);
	look(process);
	assert_false(goroutine_of(process, 5)->never_ran);
	process_destroy(process);
}

static void equal_pointers_to_ancestors_and_bubbles_are_one(void **state)
{
	(void)state;
	for (unsigned minor = 23; minor <= 27; minor++) {
		struct process *process = make(minor);
		const struct gsd_layout *layout = layout_of(process);
		static const uint64_t pointers[] = {0, 0xc000055550, 0xc000055580, 0xc000055550};
		for (size_t i = 0; i < GSD_ARRAY_SIZE(pointers); i++) {
			size_t index = add_parked(process, i + 1, MAIN);
			set_field(process->g[index], layout->ancestors, pointers[i], 8);
			set_field(process->g[index], layout->bubble, pointers[i], 8);
		}
		look(process);
		const struct gsd_goroutine *goroutines = process->analysis.goroutines.items;
		assert_int_equal(process->analysis.ancestry_pointers.count, 2);
		assert_int_equal(goroutines[0].ancestry, GSD_NO_ANCESTRY);
		assert_int_equal(goroutines[1].ancestry, goroutines[3].ancestry);
		assert_u64(process->analysis.ancestry_pointers.items[goroutines[2].ancestry], 0xc000055580);
		assert_int_equal(goroutines[0].bubble, GSD_NO_BUBBLE);
		assert_int_equal(process->analysis.bubble_pointers.count, minor == 23 ? 0 : 2);
		assert_int_equal(goroutines[1].bubble, minor == 23 ? GSD_NO_BUBBLE : goroutines[3].bubble);
		process_destroy(process);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_goroutine_is_decoded_in_every_version),
		cmocka_unit_test(the_first_goroutine_was_created_by_nobody),
		cmocka_unit_test(goroutines_that_do_not_exist_are_left_out),
		cmocka_unit_test(goroutines_are_in_the_order_of_the_list),
		cmocka_unit_test(
			a_slot_of_the_list_that_is_still_empty_is_passed_over_and_one_that_is_not_mapped_is_marked),
		cmocka_unit_test(equal_stacks_and_equal_label_pointers_are_stored_once),
		cmocka_unit_test(the_work_is_counted),
		cmocka_unit_test(the_depth_that_is_asked_for_is_kept),
		cmocka_unit_test(which_goroutines_are_the_runtimes_own_is_decided_as_its_version_does),
		cmocka_unit_test(a_goroutine_made_for_a_c_thread_is_the_users),
		cmocka_unit_test(the_finalizer_goroutine_is_the_users_while_the_flag_says_that_it_runs),
		cmocka_unit_test(without_the_flag_the_finalizer_goroutine_is_the_users_unless_it_waits_for_work),
		cmocka_unit_test(a_cleanup_goroutine_is_the_users_while_it_runs_cleanups),
		cmocka_unit_test(a_goroutine_in_a_system_call_is_read_from_there_whatever_its_status),
		cmocka_unit_test(a_running_goroutine_is_read_from_the_registers_of_its_thread),
		cmocka_unit_test(a_goroutine_whose_thread_is_on_the_system_stack_is_read_from_where_it_switched),
		cmocka_unit_test(a_goroutine_in_the_vdso_is_read_from_the_call_that_its_thread_recorded),
		cmocka_unit_test(a_running_goroutine_without_any_trace_on_its_stack_is_marked_running),
		cmocka_unit_test(a_goroutine_that_is_being_resumed_is_where_it_was_left),
		cmocka_unit_test(every_status_of_a_goroutine_that_stands_still_is_read_from_what_it_saved),
		cmocka_unit_test(a_goroutine_that_never_ran_is_its_entry),
		cmocka_unit_test(a_stack_that_cannot_be_read_is_marked_with_the_reason_and_the_others_are_read),
		cmocka_unit_test(a_stack_that_does_not_end_at_an_entry_is_broken),
		cmocka_unit_test(a_goroutine_with_an_m_has_its_thread_m_and_p_in_every_version),
		cmocka_unit_test(a_thread_that_is_not_among_those_of_the_process_has_no_tid),
		cmocka_unit_test(the_extent_of_a_stack_is_that_of_its_bounds_and_where_the_walk_begins),
		cmocka_unit_test(bounds_that_contradict_each_other_are_no_extent),
		cmocka_unit_test(a_goroutine_that_stands_at_its_entry_never_ran),
		cmocka_unit_test(one_made_for_c_has_no_entry_that_it_could_stand_at),
		cmocka_unit_test(equal_pointers_to_ancestors_and_bubbles_are_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
