/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/globals.h"

#include "../support/code.h"
#include "../support/process.h"

/* The functions that use the variables, with room for code. */
enum { MCOMMONINIT = 0x100, ONE_NEW_EXTRA_M = 0x200, PREEMPTALL = 0x300, TRIGGER = 0x400, GC_START = 0x500 };
enum { STACKPOOLFREE = 0x600, ACQUIRE = 0x700, END = 0x800 };

#define ALLM     (VARIABLES + 0x100)
#define GOIDGEN  (VARIABLES + 0x200)
#define ALLP     (VARIABLES + 0x300)
#define CYCLES   (VARIABLES + 0x400)
#define GC_PHASE (VARIABLES + 0x500)
#define TRACE    (VARIABLES + 0x600)
#define DECOY    (VARIABLES + 0x700)
#define DECOY_2  (VARIABLES + 0x708)
#define OUTSIDE  UINT64_C(0x790000)
#define P_START  UINT64_C(0xc000030000)

#define LOAD_64_RCX     INSTRUCTION("\x48\x8b\x0d", 0) /* mov rcx, [rip+d] */
#define ADDRESS_R9      INSTRUCTION("\x4c\x8d\x0d", 0) /* lea r9, [rip+d] */
#define SUBTRACT_32     INSTRUCTION("\x90\x2b\x0d", 0) /* sub ecx, [rip+d] */
#define STORE_32        INSTRUCTION("\x90\x89\x05", 0) /* mov [rip+d], eax */
#define INCREMENT_32    INSTRUCTION("\x90\xff\x05", 0) /* inc dword [rip+d] */
#define DECREMENT_32    INSTRUCTION("\x90\xff\x0d", 0) /* dec dword [rip+d] */
#define ADD_32_IMM8     INSTRUCTION("\x90\x83\x05", 1) /* add dword [rip+d], imm8 */
#define ADD_NO_LOCK     "\x48\x0f\xc1\x03"             /* xadd [rbx], rax */
#define EXCHANGE_ADD    "\xf0\x48\x0f\xc1\x03"         /* lock xadd [rbx], rax */
#define EXCHANGE_ADD_R9 "\xf0\x49\x0f\xc1\x01"         /* lock xadd [r9], rax */

struct search {
	struct process *process;
	struct bytes code;
	size_t at; /* where the next instruction goes */
	uint64_t ps[3];
	uint8_t p[3][64];
	struct gsd_program program;
	struct gsd_globals globals;
};

static void set_variable(struct search *search, uint64_t address, uint64_t value)
{
	memcpy(search->process->variables + (address - VARIABLES), &value, sizeof value);
}

static struct search *make(unsigned minor, bool with_functions)
{
	struct search *search = calloc(1, sizeof *search);
	assert_non_null(search);
	search->process = process_create(minor);
	struct program *program = &search->process->program;
	static const char *const names[] = {
		"runtime.mcommoninit", "runtime.oneNewExtraM",  "runtime.preemptall",         "runtime.gcTrigger.test",
		"runtime.gcStart",     "runtime.stackpoolfree", "runtime.traceAcquireEnabled"};
	add_function(program, "runtime.goexit", 0, MCOMMONINIT, 0);
	for (uint32_t i = 0; i < GSD_ARRAY_SIZE(names); i++)
		add_function(program, with_functions ? names[i] : "main.some", MCOMMONINIT + 0x100 * i,
			     MCOMMONINIT + 0x100 * (i + 1), 0);
	process_ready(search->process, END);
	size_t count;
	struct gsd_module *module = (struct gsd_module *)(uintptr_t)gsd_code_modules(program->code, &count);
	module->data.bss = VARIABLES;
	module->data.ebss = VARIABLES + VARIABLE_BYTES;
	put_zeroes(&search->code, END);
	process_add_segment(search->process, TEXT, search->code.data, search->code.length);
	process_add_segment(search->process, P_START, search->p, sizeof search->p);
	process_add_segment(search->process, P_START + 0x1000, search->ps, sizeof search->ps);
	search->program = (struct gsd_program){.memory = &search->process->memory.memory, .name = "made up"};
	/* The first M and its g0; Ps 0 to 2; goids. */
	const struct gsd_layout *layout = &search->process->runtime.layout;
	set_variable(search, ALLM, M_START);
	set_field(search->process->m[0], layout->m_g0, g_address(3), 8);
	set_field(search->process->g[3], layout->m, M_START, 8);
	for (size_t i = 0; i < 3; i++) {
		search->ps[i] = P_START + 64 * i;
		set_field(search->p[i], layout->p_id, i | UINT64_C(7) << 32, 8); /* what follows it is not zero */
	}
	set_variable(search, ALLP, P_START + 0x1000);
	set_variable(search, ALLP + 8, 3);
	set_variable(search, GOIDGEN, 1000);
	set_variable(search, GC_PHASE, 2 | UINT64_C(1) << 32);
	return search;
}

static void drop(struct search *search)
{
	process_destroy(search->process);
	drop_bytes(&search->code);
	free(search);
}

static void in_function(struct search *search, size_t entry)
{
	search->at = entry;
	memset(search->code.data + entry, 0x90, 0x100);
}

static void add_code(struct search *search, struct instruction instruction, uint64_t operand)
{
	put_instruction(&search->code, &search->at, TEXT, instruction, operand);
}

static void put_bytes(struct search *search, const char *bytes)
{
	set_at(&search->code, search->at, bytes, strlen(bytes));
	search->at += strlen(bytes);
}

/* The functions as compilers make them, with other variables around. */
static void put_usual_code(struct search *search)
{
	bool old = search->process->program.minor == 18;
	in_function(search, MCOMMONINIT);
	add_code(search, ADDRESS_OF, DECOY);
	add_code(search, LOAD_64, ALLM);
	add_code(search, LOAD_64, DECOY_2);
	add_code(search, ADDRESS_OF, ALLM);
	in_function(search, ONE_NEW_EXTRA_M);
	add_code(search, ADDRESS_OF, DECOY);
	add_code(search, ADDRESS_OF, GOIDGEN);
	add_code(search, ADDRESS_R9, DECOY_2);
	put_bytes(search, EXCHANGE_ADD);
	add_code(search, ADDRESS_OF, DECOY);
	in_function(search, PREEMPTALL);
	add_code(search, LOAD_64, ALLP + 8);
	add_code(search, LOAD_64_RCX, ALLP);
	in_function(search, TRIGGER);
	add_code(search, LOAD_32, DECOY);
	add_code(search, COMPARE_32, DECOY_2 + 1);
	if (search->process->program.minor == 19)
		add_code(search, SUBTRACT_32, CYCLES);
	else
		add_code(search, LOAD_32, old ? DECOY : CYCLES);
	add_code(search, STORE_32, DECOY_2);
	add_code(search, INCREMENT_32, DECOY_2);
	add_code(search, LOAD_32, AT(0)); /* no variable */
	add_code(search, LOAD_64, DECOY_2);
	in_function(search, GC_START);
	add_code(search, INCREMENT_32, DECOY);
	add_code(search, INCREMENT_32, old ? CYCLES : DECOY);
	add_code(search, DECREMENT_32, DECOY_2);
	add_code(search, LOAD_32, DECOY_2);
	in_function(search, STACKPOOLFREE);
	add_code(search, ADD_32_IMM8, DECOY + 1);
	add_code(search, COMPARE_8, DECOY);
	add_code(search, COMPARE_32, GC_PHASE);
	add_code(search, COMPARE_64, DECOY);
	add_code(search, COMPARE_32, GC_PHASE);
	in_function(search, ACQUIRE);
	add_code(search, LOAD_64, TRACE);
	add_code(search, LOAD_32, DECOY);
	add_code(search, LOAD_64_RCX, TRACE);
}

static void find(struct search *search)
{
	assert_success(gsd_globals_find(&search->program, search->process->program.code,
					&search->process->runtime.layout, true, &search->globals));
}

static void all_are_found_in_the_code_of_every_version(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct search *search = make(minor, true);
		put_usual_code(search);
		find(search);
		assert_u64(search->globals.allm, ALLM);
		assert_u64(search->globals.goidgen, GOIDGEN);
		assert_u64(search->globals.allp, ALLP);
		assert_u64(search->globals.gc_cycles, CYCLES);
		assert_u64(search->globals.mark_term, CYCLES + 0x20);
		assert_u64(search->globals.gc_phase, GC_PHASE);
		assert_u64(search->globals.trace_generation, minor >= 22 ? TRACE : 0);
		drop(search);
	}
}

static void without_the_functions_nothing_is_found(void **state)
{
	(void)state;
	struct search *search = make(27, false);
	put_usual_code(search);
	find(search);
	static const struct gsd_globals none = {0};
	assert_memory_equal(&search->globals, &none, sizeof none);
	drop(search);
	search = make(27, true); /* they are there and say nothing */
	find(search);
	assert_memory_equal(&search->globals, &none, sizeof none);
	drop(search);
	search = make(27, true); /* their code cannot be read */
	put_usual_code(search);
	for (size_t i = 0; i < search->process->segment_count; i++)
		if (search->process->segments[i].address == TEXT)
			search->process->segments[i].address = OUTSIDE;
	find(search);
	assert_memory_equal(&search->globals, &none, sizeof none);
	drop(search);
}

static void allm_is_taken_by_address_and_loaded(void **state)
{
	(void)state;
	const struct {
		struct instruction first, second;
		uint64_t first_operand, second_operand;
		bool found;
	} cases[] = {
		{ADDRESS_OF, LOAD_64, ALLM, ALLM, true},     {LOAD_64_RCX, ADDRESS_R9, ALLM, ALLM, true},
		{ADDRESS_OF, ADDRESS_OF, ALLM, ALLM, false}, {LOAD_64, LOAD_64_RCX, ALLM, ALLM, false},
		{ADDRESS_OF, LOAD_64, ALLM, DECOY, false},   {ADDRESS_OF, LOAD_32, ALLM, ALLM, false},
		{ADDRESS_OF, STORE_64, ALLM, ALLM, false},   {ADDRESS_OF, LOAD_64, OUTSIDE, OUTSIDE, false},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct search *search = make(26, true);
		in_function(search, MCOMMONINIT);
		add_code(search, cases[i].first, cases[i].first_operand);
		add_code(search, cases[i].second, cases[i].second_operand);
		find(search);
		assert_u64(search->globals.allm, cases[i].found ? ALLM : 0);
		drop(search);
	}
}

static void goidgen_is_what_the_register_of_the_first_exchange_was_loaded_with_last(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	in_function(search, ONE_NEW_EXTRA_M);
	add_code(search, ADDRESS_OF, DECOY);
	add_code(search, ADDRESS_R9, GOIDGEN);
	put_bytes(search, EXCHANGE_ADD_R9);
	put_bytes(search, EXCHANGE_ADD); /* another counter */
	find(search);
	assert_u64(search->globals.goidgen, GOIDGEN);
	in_function(search, ONE_NEW_EXTRA_M); /* a register that nothing was loaded into */
	add_code(search, ADDRESS_OF, GOIDGEN);
	put_bytes(search, EXCHANGE_ADD_R9);
	find(search);
	assert_u64(search->globals.goidgen, 0);
	in_function(search, ONE_NEW_EXTRA_M); /* loaded after it */
	put_bytes(search, EXCHANGE_ADD);
	add_code(search, ADDRESS_OF, GOIDGEN);
	find(search);
	assert_u64(search->globals.goidgen, 0);
	in_function(search, ONE_NEW_EXTRA_M); /* an exchange without a lock is none */
	add_code(search, ADDRESS_OF, GOIDGEN);
	put_bytes(search, ADD_NO_LOCK);
	find(search);
	assert_u64(search->globals.goidgen, 0);
	drop(search);
}

static void allp_has_both_words_addressed(void **state)
{
	(void)state;
	for (int without = 0; without < 2; without++) {
		struct search *search = make(26, true);
		in_function(search, PREEMPTALL);
		add_code(search, LOAD_64, without == 0 ? ALLP + 8 : ALLP);
		find(search);
		assert_u64(search->globals.allp, 0);
		add_code(search, LOAD_64, without == 0 ? ALLP : ALLP + 8);
		find(search);
		assert_u64(search->globals.allp, ALLP);
		drop(search);
	}
}

static void two_answers_are_none(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	put_usual_code(search);
	in_function(search, STACKPOOLFREE);
	add_code(search, COMPARE_32, GC_PHASE);
	add_code(search, COMPARE_32, DECOY);
	in_function(search, ACQUIRE);
	add_code(search, LOAD_64, TRACE);
	add_code(search, LOAD_64, DECOY);
	find(search);
	assert_u64(search->globals.gc_phase, 0);
	assert_u64(search->globals.trace_generation, 0);
	in_function(search, STACKPOOLFREE); /* compared with something else than 0 */
	add_code(search, COMPARE_32, GC_PHASE);
	set_u8(&search->code, search->at - 1, 1);
	find(search);
	assert_u64(search->globals.gc_phase, 0);
	drop(search);
}

static void what_cannot_be_what_it_is_said_to_be_is_not_believed(void **state)
{
	(void)state;
	enum { M_NULL, M_WITHOUT_G0, G0_OF_ANOTHER, NO_GOID, HUGE_GOID, NO_P, MANY_PS, FIRST_P, LAST_P, PHASE, CASES };
	for (int what = 0; what < CASES; what++) {
		struct search *search = make(26, true);
		const struct gsd_layout *layout = &search->process->runtime.layout;
		put_usual_code(search);
		switch (what) {
		case M_NULL: set_variable(search, ALLM, 0); break;
		case M_WITHOUT_G0: set_field(search->process->m[0], layout->m_g0, 0, 8); break;
		case G0_OF_ANOTHER: set_field(search->process->g[3], layout->m, M_START + M_BYTES, 8); break;
		case NO_GOID: set_variable(search, GOIDGEN, 0); break;
		case HUGE_GOID: set_variable(search, GOIDGEN, UINT64_C(1) << 60); break;
		case NO_P: set_variable(search, ALLP + 8, 0); break;
		case MANY_PS: set_variable(search, ALLP + 8, UINT64_MAX); break;
		case FIRST_P: set_field(search->p[0], layout->p_id, 1, 4); break;
		case LAST_P: set_field(search->p[2], layout->p_id, 1, 4); break;
		default: set_variable(search, GC_PHASE, 3); break;
		}
		find(search);
		bool m = what <= G0_OF_ANOTHER;
		bool goid = what == NO_GOID || what == HUGE_GOID;
		assert_u64(search->globals.allm, m ? 0 : ALLM);
		assert_u64(search->globals.goidgen, goid ? 0 : GOIDGEN);
		assert_u64(search->globals.allp, what >= NO_P && what <= LAST_P ? 0 : ALLP);
		assert_u64(search->globals.gc_phase, what == PHASE ? 0 : GC_PHASE);
		drop(search);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found_in_the_code_of_every_version),
		cmocka_unit_test(without_the_functions_nothing_is_found),
		cmocka_unit_test(allm_is_taken_by_address_and_loaded),
		cmocka_unit_test(goidgen_is_what_the_register_of_the_first_exchange_was_loaded_with_last),
		cmocka_unit_test(allp_has_both_words_addressed),
		cmocka_unit_test(two_answers_are_none),
		cmocka_unit_test(what_cannot_be_what_it_is_said_to_be_is_not_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
