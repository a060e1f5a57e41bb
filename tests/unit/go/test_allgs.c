/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/allgs.h"

#include <unistd.h>

#include "../support/code.h"
#include "../support/process.h"

enum { ALLGADD = 0x100, FOR_EACH = 0x200, IS_SYSTEM = 0x300, END = 0x400 };
#define DATA_START UINT64_C(0x700000)
#define ALLGS      (VARIABLES + 0x100)
#define ALLGLEN    (VARIABLES + 0x200)
#define ALLGPTR    (VARIABLES + 0x208)
#define DECOY      (VARIABLES + 0x300)

struct search {
	struct process *process;
	struct bytes code;
	size_t allgadd, for_each, is_system; /* where the next instruction goes */
	struct gsd_program program;
	struct gsd_allgs allgs;
};

static void set_variable(struct search *search, uint64_t address, uint64_t value)
{
	memcpy(search->process->variables + (address - VARIABLES), &value, sizeof value);
}

/* A slice of pointers in the made-up bss. */
static void set_slice(struct search *search, uint64_t address, uint64_t array, uint64_t length, uint64_t capacity)
{
	set_variable(search, address, array);
	set_variable(search, address + 8, length);
	set_variable(search, address + 16, capacity);
}

static struct search *make(unsigned minor, bool with_functions)
{
	struct search *search = calloc(1, sizeof *search);
	assert_non_null(search);
	search->process = process_create(minor);
	struct program *program = &search->process->program;
	add_function(program, "runtime.goexit", 0, ALLGADD, 0);
	add_function(program, with_functions ? "runtime.allgadd" : "main.a", ALLGADD, FOR_EACH, 0);
	add_function(program, with_functions ? "runtime.forEachGRace" : "main.b", FOR_EACH, IS_SYSTEM, 0);
	add_function(program, with_functions ? "runtime.isSystemGoroutine" : "main.c", IS_SYSTEM, END, 0);
	process_ready(search->process, END);
	size_t count;
	struct gsd_module *module = (struct gsd_module *)(uintptr_t)gsd_code_modules(program->code, &count);
	module->address = DATA_START + 0x800;
	module->data.noptrdata = module->data.enoptrdata = module->data.data = DATA_START;
	module->data.edata = module->data.bss = VARIABLES;
	module->data.ebss = module->data.noptrbss = module->data.enoptrbss = VARIABLES + VARIABLE_BYTES;
	for (uint64_t goid = 1; goid <= 4; goid++)
		add_goroutine(search->process, goid, GSD_STATUS_WAITING);
	memset(search->process->variables, 0, VARIABLE_BYTES); /* the usual place is not that of these tests */
	set_slice(search, ALLGS, LIST_START, 4, 16);
	put_zeroes(&search->code, END);
	search->allgadd = ALLGADD;
	search->for_each = FOR_EACH;
	search->is_system = IS_SYSTEM;
	process_add_segment(search->process, TEXT, search->code.data, search->code.length);
	search->program = (struct gsd_program){.memory = &search->process->memory.memory, .name = "made up"};
	return search;
}

static void drop(struct search *search)
{
	process_destroy(search->process);
	drop_bytes(&search->code);
	free(search);
}

static struct gsd_module *module_of(struct search *search)
{
	size_t count;
	return (struct gsd_module *)(uintptr_t)gsd_code_modules(search->process->program.code, &count);
}

static void put_allgadd(struct search *search, struct instruction instruction, uint64_t operand)
{
	put_instruction(&search->code, &search->allgadd, TEXT, instruction, operand);
}

static void put_usual_allgadd(struct search *search)
{
	put_allgadd(search, LOAD_64, DECOY);
	put_allgadd(search, LOAD_64, ALLGS + 8);
	put_allgadd(search, COMPARE_64, DECOY + 1);
	put_allgadd(search, LOAD_64_R8, ALLGS + 16);
	put_allgadd(search, STORE_64, ALLGS);
	put_allgadd(search, ADDRESS_OF, DECOY + 8);
}

static struct gsd_error *find(struct search *search, unsigned sources)
{
	search->allgs = (struct gsd_allgs){0};
	return gsd_allgs_find(&search->program, search->process->program.code, &search->process->runtime.layout,
			      sources, &search->allgs);
}

static void assert_found(struct search *search, unsigned sources, enum gsd_allgs_source source, uint64_t pointer,
			 uint64_t length)
{
	assert_success(find(search, sources));
	assert_int_equal(search->allgs.source, source);
	assert_u64(search->allgs.pointer_address, pointer);
	assert_u64(search->allgs.length_address, length);
}

/* ---- by the code of runtime.allgadd ---- */

static void the_slice_whose_three_words_allgadd_uses_is_the_list(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct search *search = make(minor, true);
		put_usual_allgadd(search);
		assert_found(search, GSD_ALLGS_CODE, GSD_ALLGS_CODE, ALLGS, ALLGS + 8);
		assert_found(search, 0, GSD_ALLGS_CODE, ALLGS, ALLGS + 8); /* before the scan */
		drop(search);
	}
}

static void the_pair_that_is_always_consistent_is_taken_where_it_says_the_same(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	put_usual_allgadd(search);
	put_instruction(&search->code, &search->for_each, TEXT, ADDRESS_OF, DECOY); /* no load */
	put_instruction(&search->code, &search->for_each, TEXT, LOAD_64, ALLGLEN);
	put_instruction(&search->code, &search->for_each, TEXT, LOAD_64_R8, ALLGPTR);
	put_instruction(&search->code, &search->for_each, TEXT, LOAD_64, DECOY);
	set_variable(search, ALLGLEN, 3);
	set_variable(search, ALLGPTR, LIST_START);
	assert_found(search, 0, GSD_ALLGS_CODE, ALLGPTR, ALLGLEN);
	set_variable(search, ALLGLEN, 0);
	assert_found(search, 0, GSD_ALLGS_CODE, ALLGS, ALLGS + 8);
	set_variable(search, ALLGLEN, 3);
	set_variable(search, ALLGPTR, G_START); /* not the list */
	assert_found(search, 0, GSD_ALLGS_CODE, ALLGS, ALLGS + 8);
	drop(search);
}

static void two_words_of_three_are_not_enough(void **state)
{
	(void)state;
	for (uint64_t missing = 0; missing < 3; missing++) {
		struct search *search = make(26, true);
		for (uint64_t word = 0; word < 3; word++)
			if (word != missing)
				put_allgadd(search, LOAD_64, ALLGS + 8 * word);
		assert_failure(find(search, GSD_ALLGS_CODE), GSD_ERROR_MISSING, "find runtime.allgs");
		drop(search);
	}
}

static void a_slice_that_is_not_in_the_programs_data_is_refused(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	put_usual_allgadd(search);
	struct gsd_module *module = module_of(search);
	module->data.bss = ALLGS + 8;
	assert_failure(find(search, GSD_ALLGS_CODE), GSD_ERROR_MISSING, "find runtime.allgs");
	module->data.noptrdata = ALLGS; /* each of the four segments will do */
	module->data.enoptrdata = ALLGS + 24;
	assert_found(search, GSD_ALLGS_CODE, GSD_ALLGS_CODE, ALLGS, ALLGS + 8);
	drop(search);
}

static void without_its_code_the_list_is_found_by_a_scan(void **state)
{
	(void)state;
	struct search *search = make(26, false);
	assert_failure(find(search, GSD_ALLGS_CODE), GSD_ERROR_MISSING, "was found by: code of runtime.allgadd");
	assert_found(search, 0, GSD_ALLGS_SCAN, ALLGS, ALLGS + 8);
	drop(search);
	search = make(26, true); /* the function is there and its code cannot be read */
	put_usual_allgadd(search);
	search->process->memory.count--;
	assert_found(search, 0, GSD_ALLGS_SCAN, ALLGS, ALLGS + 8);
	drop(search);
}

/* ---- what a goroutine must look like ---- */

static void lists_of_what_are_no_goroutines_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		uint64_t value;
		size_t size;
	} changes[] = {
		{offsetof(struct gsd_layout, atomicstatus), 12, 4},
		{offsetof(struct gsd_layout, atomicstatus), 0x2004, 4},
		{offsetof(struct gsd_layout, goid), (UINT64_C(1) << 56) + 1, 8},
		{offsetof(struct gsd_layout, sched_g), G_START, 8},           /* another one's */
		{offsetof(struct gsd_layout, stack_high), STACKS_START, 8},   /* below its lower bound */
		{offsetof(struct gsd_layout, stack_low), 0xc001000001, 8},    /* not aligned */
		{offsetof(struct gsd_layout, stack_high), UINT64_MAX - 7, 8}, /* larger than any */
		{offsetof(struct gsd_layout, stack_high), 0, 8},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
		struct search *search = make(26, true);
		put_usual_allgadd(search);
		uint32_t offset;
		memcpy(&offset, (const char *)&search->process->runtime.layout + changes[i].field, sizeof offset);
		assert_success(find(search, 0));
		set_field(search->process->g[2], offset, changes[i].value, changes[i].size);
		assert_failure(find(search, 0), GSD_ERROR_MISSING,
			       "was found by: symbol table, code of runtime.allgadd, DWARF, scan of the data segments");
		drop(search);
	}
}

static void dead_and_new_goroutines_do_not_spoil_the_list(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	put_usual_allgadd(search);
	const struct gsd_layout *layout = &search->process->runtime.layout;
	uint8_t *dead = search->process->g[1];
	set_field(dead, layout->atomicstatus, GSD_STATUS_DEAD, 4);
	set_field(dead, layout->stack_low, 0, 8);
	set_field(dead, layout->stack_high, 0, 8);
	set_field(dead, layout->sched_g, 0, 8);
	set_field(search->process->g[2], layout->atomicstatus, GSD_STATUS_WAITING | GSD_STATUS_SCAN_BIT, 4);
	set_field(search->process->g[3], layout->atomicstatus, GSD_STATUS_DEADEXTRA, 4);
	assert_found(search, 0, GSD_ALLGS_CODE, ALLGS, ALLGS + 8);
	drop(search);
}

static void a_list_in_which_no_goroutine_knows_itself_is_refused(void **state)
{
	(void)state;
	struct search *search = make(26, true);
	put_usual_allgadd(search);
	for (size_t i = 0; i < 4; i++)
		set_field(search->process->g[i], search->process->runtime.layout.sched_g, 0, 8);
	assert_failure(find(search, 0), GSD_ERROR_MISSING, "find runtime.allgs");
	drop(search);
}

static void a_list_with_hostile_words_is_refused(void **state)
{
	(void)state;
	static const uint64_t slices[][3] = {
		{LIST_START, 0, 16},
		{LIST_START, UINT64_MAX, UINT64_MAX},
		{LIST_START + 4, 3, 16},
		{0, 4, 16},
		{UINT64_MAX - 7, 4, 16},
		{0x999000, 4, 16},
		{LIST_START, (UINT64_C(1) << 26) + 1, UINT64_C(1) << 27},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(slices); i++) {
		struct search *search = make(26, true);
		put_usual_allgadd(search);
		set_slice(search, ALLGS, slices[i][0], slices[i][1], slices[i][2]);
		assert_failure(find(search, 0), GSD_ERROR_MISSING, "find runtime.allgs");
		drop(search);
	}
	struct search *search = make(26, true);
	put_usual_allgadd(search);
	search->process->list[3] = 0;
	assert_failure(find(search, 0), GSD_ERROR_MISSING, "find runtime.allgs");
	search->process->list[3] = g_address(3) + 4;
	assert_failure(find(search, 0), GSD_ERROR_MISSING, "find runtime.allgs");
	for (size_t i = 0; i < 4; i++)
		search->process->list[i] = 0;
	uint64_t *goroutines;
	size_t count;
	const struct gsd_allgs allgs = {.pointer_address = ALLGS, .length_address = ALLGS + 8};
	assert_failure(gsd_allgs_read(&search->process->memory.memory, &allgs, &goroutines, &count), GSD_ERROR_CORRUPT,
		       "it is empty");
	search->process->list[3] = UINT64_MAX - 7;
	assert_failure(find(search, 0), GSD_ERROR_MISSING, "find runtime.allgs");
	drop(search);
}

/* ---- by a scan ---- */

static void the_longest_list_of_goroutines_in_the_data_is_taken(void **state)
{
	(void)state;
	struct search *search = make(26, false);
	set_slice(search, DECOY, LIST_START, 2, 2); /* some other slice of goroutines */
	set_slice(search, DECOY + 24, LIST_START, 1, 1);
	set_slice(search, VARIABLES, G_START, 8, 8);           /* pointers to something else */
	set_slice(search, VARIABLES + 0x80, LIST_START, 4, 3); /* longer than its room */
	set_slice(search, DECOY + 0x100, 16, 10, 10);          /* numbers */
	assert_found(search, GSD_ALLGS_SCAN, GSD_ALLGS_SCAN, ALLGS, ALLGS + 8);
	drop(search);
}

static void a_list_at_the_very_end_of_the_data_is_found(void **state)
{
	(void)state;
	struct search *search = make(26, false);
	set_slice(search, ALLGS, 0, 0, 0);
	uint64_t last = VARIABLES + VARIABLE_BYTES - 24;
	set_slice(search, last, LIST_START, 4, 16);
	assert_found(search, GSD_ALLGS_SCAN, GSD_ALLGS_SCAN, last, last + 8);
	module_of(search)->data.ebss -= 8; /* now it is cut */
	assert_failure(find(search, GSD_ALLGS_SCAN), GSD_ERROR_MISSING, "scan of the data segments");
	drop(search);
}

static void a_list_across_the_border_of_what_is_scanned_at_once_is_found(void **state)
{
	(void)state;
	enum { CHUNK = 1 << 20 };
	for (size_t before = 8; before <= 24; before += 8) {
		struct search *search = make(26, false);
		uint8_t *large = calloc(1, 2 * CHUNK);
		const uint64_t start = 0x800000;
		const uint64_t slice[] = {LIST_START, 4, 4};
		memcpy(large + CHUNK - before, slice, sizeof slice);
		set_slice(search, ALLGS, 0, 0, 0);
		process_add_segment(search->process, start, large, 2 * CHUNK);
		struct gsd_module *module = module_of(search);
		module->data.bss = start + 1; /* the scan keeps to whole words */
		module->data.ebss = start + 2 * CHUNK;
		uint64_t found = start + CHUNK - before;
		assert_found(search, GSD_ALLGS_SCAN, GSD_ALLGS_SCAN, found, found + 8);
		free(large);
		drop(search);
	}
}

static void hostile_bounds_of_the_data_do_not_make_the_scan_endless(void **state)
{
	(void)state;
	static const uint64_t bounds[][2] = {
		{0, UINT64_MAX},
		{UINT64_MAX - (1 << 21), UINT64_MAX},
		{UINT64_MAX - 3, UINT64_MAX},
		{UINT64_MAX, UINT64_MAX},
		{8, 0},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(bounds); i++) {
		struct search *search = make(26, false);
		struct gsd_module *module = module_of(search);
		module->data.bss = bounds[i][0];
		module->data.ebss = bounds[i][1];
		alarm(30); /* it would not come back */
		assert_failure(find(search, GSD_ALLGS_SCAN), GSD_ERROR_MISSING, "find runtime.allgs");
		alarm(0);
		drop(search);
	}
}

/* ---- the finalizer flag ---- */

#define FLAG (VARIABLES + 0x400)

static struct gsd_finalizer_flag find_flag(struct search *search)
{
	struct gsd_finalizer_flag flag = {.address = 1};
	assert_success(gsd_finalizer_flag_find(&search->program, search->process->program.code, &flag));
	return flag;
}

static void put_is_system(struct search *search, struct instruction instruction, uint64_t operand)
{
	put_instruction(&search->code, &search->is_system, TEXT, instruction, operand);
}

static void the_only_narrow_variable_of_is_system_goroutine_is_the_finalizer_flag(void **state)
{
	(void)state;
	const struct instruction narrow[] = {LOAD_32, LOAD_8, COMPARE_8, COMPARE_32, TEST_8};
	for (unsigned minor = 18; minor <= 27; minor++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(narrow); i++) {
			struct search *search = make(minor, true);
			put_is_system(search, LOAD_64, DECOY); /* a pointer */
			put_is_system(search, ADDRESS_OF, DECOY + 8);
			put_is_system(search, COMPARE_64, DECOY + 16);
			put_is_system(search, LOAD_32, DATA_START + 0x810); /* a word of the module data */
			put_is_system(search, LOAD_32, 0x600000);           /* a constant */
			put_is_system(search, narrow[i], FLAG);
			struct gsd_finalizer_flag flag = find_flag(search);
			assert_u64(flag.address, FLAG);
			assert_int_equal(flag.size, minor <= 19 ? 1 : 4);
			assert_int_equal(flag.mask, minor <= 19 ? 0xff : 2);
			put_is_system(search, narrow[i], FLAG); /* used twice */
			assert_u64(find_flag(search).address, FLAG);
			drop(search);
		}
	}
}

static void of_two_candidates_for_the_finalizer_flag_none_is_guessed(void **state)
{
	(void)state;
	struct search *search = make(24, true);
	put_is_system(search, LOAD_32, FLAG);
	put_is_system(search, LOAD_32, FLAG + 4);
	assert_u64(find_flag(search).address, 0);
	drop(search);
}

static void a_finalizer_flag_that_is_not_found_is_no_error(void **state)
{
	(void)state;
	struct search *search = make(24, true);
	put_is_system(search, LOAD_64, FLAG);
	assert_u64(find_flag(search).address, 0);
	drop(search);
	search = make(24, false);
	assert_u64(find_flag(search).address, 0);
	drop(search);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slice_whose_three_words_allgadd_uses_is_the_list),
		cmocka_unit_test(the_pair_that_is_always_consistent_is_taken_where_it_says_the_same),
		cmocka_unit_test(two_words_of_three_are_not_enough),
		cmocka_unit_test(a_slice_that_is_not_in_the_programs_data_is_refused),
		cmocka_unit_test(without_its_code_the_list_is_found_by_a_scan),
		cmocka_unit_test(lists_of_what_are_no_goroutines_are_refused),
		cmocka_unit_test(dead_and_new_goroutines_do_not_spoil_the_list),
		cmocka_unit_test(a_list_in_which_no_goroutine_knows_itself_is_refused),
		cmocka_unit_test(a_list_with_hostile_words_is_refused),
		cmocka_unit_test(the_longest_list_of_goroutines_in_the_data_is_taken),
		cmocka_unit_test(a_list_at_the_very_end_of_the_data_is_found),
		cmocka_unit_test(a_list_across_the_border_of_what_is_scanned_at_once_is_found),
		cmocka_unit_test(hostile_bounds_of_the_data_do_not_make_the_scan_endless),
		cmocka_unit_test(the_only_narrow_variable_of_is_system_goroutine_is_the_finalizer_flag),
		cmocka_unit_test(of_two_candidates_for_the_finalizer_flag_none_is_guessed),
		cmocka_unit_test(a_finalizer_flag_that_is_not_found_is_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
