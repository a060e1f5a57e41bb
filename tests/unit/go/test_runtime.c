/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/runtime.h"

#include <stdio.h>

#include "../support/code.h"
#include "../support/process.h"
#include "go/symbolize.h"

/*
 * A whole made-up process without an ELF file: code, function table, types, module data, variables and goroutines. The
 * version is in runtime.buildVersion, which runtime.schedinit uses.
 */
enum {
	GOEXIT = 0x000,
	RUNTIME_MAIN = 0x100,
	MAIN = 0x200,
	WORK = 0x300,
	SCHEDINIT = 0x400,
	ALLGADD = 0x500,
	SWEEPER = 0x600,
	END = 0x700
};
enum { DEPTH = 24, BODY = 0x40 };
#define DATA_START    UINT64_C(0x700000)
#define DATA_LENGTH   ((size_t)0x1000)
#define MODULE_AT     ((size_t)0x100)
#define SECOND_AT     ((size_t)0x500)
#define BUILD_VERSION (DATA_START + 0x10)
#define VERSION_TEXT  (DATA_START + 0x40)
#define RETURN(f)     AT((f) + BODY)

struct world {
	struct process *process;
	struct section section;
	struct bytes code;
	struct bytes data;
	struct gsd_region regions[3];
	struct gsd_program program;
	bool ready; /* its runtime is found */
};

static void set_version(struct world *world, const char *version)
{
	set_at(&world->data, VERSION_TEXT - DATA_START, version, strlen(version) + 1);
	set_u64(&world->data, BUILD_VERSION - DATA_START, VERSION_TEXT);
	set_u64(&world->data, BUILD_VERSION - DATA_START + 8, strlen(version));
}

static void put_functions(struct world *world, unsigned minor)
{
	struct program *program = &world->process->program;
	static const struct {
		const char *name;
		uint32_t entry, end;
		int32_t depth, line;
	} functions[] = {
		{"runtime.goexit", GOEXIT, RUNTIME_MAIN, 0, 1},
		{"runtime.main", RUNTIME_MAIN, MAIN, DEPTH, 270},
		{"main.main", MAIN, WORK, DEPTH, 10},
		{"main.work", WORK, SCHEDINIT, DEPTH, 20},
		{"runtime.schedinit", SCHEDINIT, ALLGADD, DEPTH, 800},
		{"runtime.allgadd", ALLGADD, SWEEPER, DEPTH, 600},
		{"runtime.bgsweep", SWEEPER, END, DEPTH, 40},
	};
	const int32_t file = table_file(&program->table, "main.go");
	for (size_t i = 0; i < GSD_ARRAY_SIZE(functions); i++) {
		struct made_function *function = add_function(program, functions[i].name, functions[i].entry,
							      functions[i].end, functions[i].depth);
		const struct made_value files[] = {{functions[i].end, file}};
		const struct made_value lines[] = {{functions[i].end, functions[i].line}};
		function->file_numbers = table_values(&program->table, functions[i].entry, files, 1);
		function->line_numbers = table_values(&program->table, functions[i].entry, lines, 1);
	}
	program->table.functions[0].flags = GSD_FUNCTION_TOP_FRAME;
	program->table.text_start = minor < 26 ? TEXT : 0;
}

static void put_code(struct world *world)
{
	put_zeroes(&world->code, END);
	size_t schedinit = SCHEDINIT;
	put_instruction(&world->code, &schedinit, TEXT, LOAD_64, DATA_START + 0x80);
	put_instruction(&world->code, &schedinit, TEXT, COMPARE_64, BUILD_VERSION + 8);
	size_t allgadd = ALLGADD;
	for (uint64_t word = 0; word < 3; word++)
		put_instruction(&world->code, &allgadd, TEXT, LOAD_64, VARIABLES + 8 * word);
}

/* `described` is the version whose moduledata and types the program has. */
static struct world *make(unsigned described)
{
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	struct process *process = world->process = process_create(described);
	put_functions(world, described);
	process_ready(process, END);
	put_code(world);
	put_runtime_types(&world->section, described);
	section_types(&world->section); /* sorts its links */
	put_zeroes(&world->data, DATA_LENGTH);
	struct places places = usual_places;
	places.text_end = TEXT + END;
	put_moduledata(&world->data, MODULE_AT, described, &process->program.table, &places);
	if (described < 27)
		set_module_slice(&world->data, MODULE_AT, described, "typelinks", LINKS_START,
				 world->section.link_count);
	else
		set_module_word(&world->data, MODULE_AT, described, "typedesclen", world->section.descriptors_length);
	char version[32];
	snprintf(version, sizeof version, "go1.%u.3", described);
	set_version(world, version);
	struct table *table = &process->program.table;
	process_add_segment(process, TEXT, world->code.data, world->code.length);
	process_add_segment(process, usual_places.table, table->bytes.data, table->bytes.length);
	process_add_segment(process, SECTION_START, world->section.bytes.data, world->section.bytes.length);
	process_add_segment(process, LINKS_START, world->section.link_bytes.data, world->section.link_bytes.length);
	process_add_segment(process, DATA_START, world->data.data, world->data.length);
	world->regions[0] = (struct gsd_region){.start = TEXT, .end = TEXT + END, .executable = true};
	world->regions[1] =
		(struct gsd_region){.start = usual_places.table, .end = usual_places.table + table->bytes.length};
	world->regions[2] = (struct gsd_region){.start = DATA_START, .end = DATA_START + DATA_LENGTH, .writable = true};
	world->program = (struct gsd_program){.memory = &process->memory.memory,
					      .name = "made up",
					      .regions = world->regions,
					      .region_count = GSD_ARRAY_SIZE(world->regions)};
	add_goroutine(process, 1, GSD_STATUS_WAITING); /* without one there is no list */
	return world;
}

static void drop(struct world *world)
{
	if (world->ready)
		gsd_runtime_free(&world->process->runtime);
	process_destroy(world->process);
	section_drop(&world->section);
	drop_bytes(&world->code);
	drop_bytes(&world->data);
	free(world);
}

static struct gsd_error *find(struct world *world, unsigned allgs_sources, unsigned layout_sources, bool *found)
{
	struct gsd_runtime runtime = {0};
	*found = false;
	struct gsd_error *error = gsd_runtime_find(&world->program, allgs_sources, layout_sources, &runtime, found);
	if (error == NULL && *found) {
		world->process->runtime = runtime;
		world->ready = true;
	}
	return error;
}

static void assert_found(struct world *world)
{
	bool found;
	assert_success(find(world, 0, 0, &found));
	assert_true(found);
}

static void assert_not_found(struct world *world, enum gsd_error_code code, const char *words)
{
	bool found;
	assert_failure(find(world, 0, 0, &found), code, words);
	assert_false(found);
}

/* ---- the whole way ---- */

static size_t add_working(struct process *process, uint64_t goid, uint32_t entry)
{
	size_t index = add_goroutine(process, goid, GSD_STATUS_WAITING);
	struct made_stack *stack = &process->stacks[index];
	push_call(stack, AT(GOEXIT + 1));
	push_frame(stack, DEPTH);
	push_call(stack, RETURN(entry));
	push_frame(stack, DEPTH);
	save_registers(process, index, RETURN(WORK));
	set_field(process->g[index], process->runtime.layout.startpc, AT(entry), 8);
	return index;
}

/* All goroutines with their stacks as text. */
static const char *dump(struct process *process)
{
	static char text[4096];
	struct gsd_symbolizer *symbolizer;
	struct gsd_location_list list = {0};
	assert_success(gsd_symbolizer_create(process->runtime.code, &symbolizer));
	text[0] = '\0';
	for (size_t i = 0; i < process->analysis.goroutines.count; i++) {
		const struct gsd_goroutine *goroutine = &process->analysis.goroutines.items[i];
		const struct gsd_snapshot snapshot = {.go_minor = process->runtime.go_minor};
		struct gsd_stack stack = stack_of(process, goroutine);
		assert_success(gsd_symbolize_stack(symbolizer, &stack, 0, &list));
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "%llu [%s]:", (unsigned long long)goroutine->goid,
			 gsd_goroutine_state(&snapshot, goroutine));
		for (size_t k = 0; k < list.count; k++) {
			used = strlen(text);
			snprintf(text + used, sizeof text - used, " %s:%lld", list.items[k]->lines[0].function,
				 (long long)list.items[k]->lines[0].line);
		}
		strncat(text, "\n", sizeof text - strlen(text) - 1);
	}
	gsd_location_list_free(&list);
	gsd_symbolizer_destroy(symbolizer);
	return text;
}

static void the_goroutines_of_a_process_are_read_from_its_bytes_alone_in_every_version(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct world *world = make(minor);
		struct process *process = world->process;
		assert_found(world);
		assert_int_equal(process->runtime.go_minor, minor);
		assert_int_equal(process->runtime.layout_source, GSD_LAYOUT_TYPES);
		assert_int_equal(process->runtime.allgs.source, GSD_ALLGS_CODE);
		process->count = 0;
		size_t first = add_working(process, 1, RUNTIME_MAIN);
		set_field(process->g[first], process->runtime.layout.waitreason, minor >= 26 ? 19 : 14, 1);
		add_working(process, 2, SWEEPER); /* the runtime's own */
		size_t running = add_working(process, 18, MAIN);
		set_field(process->g[running], process->runtime.layout.atomicstatus, GSD_STATUS_RUNNING, 4);
		add_thread(process, running, 4711, AT(WORK + 0x50));
		add_working(process, 19, 0x9000); /* of code that no table knows: the frame pointer crosses it */
		set_field(process->g[add_working(process, 20, MAIN)], process->runtime.layout.sched_sp, 0, 8);
		look(process);
		assert_string_equal(dump(process), "1 [chan receive]: main.work:20 runtime.main:270\n"
						   "18 [running]: main.work:20 main.main:10\n"
						   "19 [waiting]: main.work:20 0x40a040:0\n"
						   "20 [waiting]: gostackdump.unreadable:bounds:0\n");
		assert_u64(process->analysis.system_goroutines, 1);
		assert_u64(process->analysis.disagreements, 0);
		drop(world);
	}
}

/* ---- versions ---- */

static void the_version_is_found_in_schedinit_whatever_follows_the_operand(void **state)
{
	(void)state;
	const struct instruction instructions[] = {COMPARE_64, COMPARE_64_4, LOAD_64};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(instructions); i++) {
		struct world *world = make(26);
		size_t at = SCHEDINIT;
		memset(world->code.data + SCHEDINIT, 0, ALLGADD - SCHEDINIT);
		put_instruction(&world->code, &at, TEXT, instructions[i], BUILD_VERSION + 8);
		set_version(world, "go1.26rc1 X:nodwarf5");
		assert_found(world);
		assert_string_equal(world->process->runtime.version, "go1.26rc1 X:nodwarf5");
		assert_int_equal(world->process->runtime.go_minor, 26);
		drop(world);
	}
}

static void a_version_that_is_not_there_is_missed_by_name(void **state)
{
	(void)state;
	static const char *const versions[] = {"", "go1", "unknown", "go2.0.0"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(versions); i++) {
		struct world *world = make(26);
		set_version(world, versions[i]);
		assert_not_found(world, GSD_ERROR_MISSING, "cannot find runtime.buildVersion");
		drop(world);
	}
	struct world *world = make(26);
	set_u64(&world->data, BUILD_VERSION - DATA_START, 0x999000);
	assert_not_found(world, GSD_ERROR_MISSING, "cannot find runtime.buildVersion");
	set_version(world, "go1.26.1");
	set_u64(&world->data, BUILD_VERSION - DATA_START + 8, 64); /* longer than any */
	assert_not_found(world, GSD_ERROR_MISSING, "cannot find runtime.buildVersion");
	drop(world);
}

static void a_go_that_is_too_old_is_refused_by_its_name(void **state)
{
	(void)state;
	struct world *world = make(18);
	set_version(world, "go1.17.13");
	assert_not_found(world, GSD_ERROR_UNSUPPORTED, "it was built with go1.17.13");
	drop(world);
}

static void a_newer_go_is_read_when_its_own_description_confirms_a_layout(void **state)
{
	(void)state;
	static const unsigned described[] = {25, 26, 27};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(described); i++) {
		struct world *world = make(described[i]);
		set_version(world, "devel go1.28-0123abc");
		assert_found(world);
		size_t count;
		const struct gsd_module *modules = gsd_code_modules(world->process->runtime.code, &count);
		struct gsd_moduledata expected;
		struct gsd_module module;
		assert_success(gsd_module_read(world->program.memory, DATA_START + MODULE_AT, described[i], &module));
		expected = module.data;
		gsd_module_free(&module);
		assert_memory_equal(&modules[0].data, &expected, sizeof expected);
		drop(world);
	}
}

static void a_newer_go_whose_layout_nothing_confirms_is_refused(void **state)
{
	(void)state;
	struct world *world = make(27);
	set_version(world, "go1.28.0");
	/* the descriptor of moduledata says that its last word is elsewhere */
	const uint8_t *name = memmem(world->section.bytes.data, world->section.bytes.length, "\x04next", 5);
	assert_non_null(name);
	set_u8(&world->section.bytes, (size_t)(name - world->section.bytes.data) + 1, 'N');
	assert_not_found(world, GSD_ERROR_MISSING, "find the layout of runtime.moduledata");
	drop(world);
}

static void the_minor_version_is_read_from_every_form_of_a_version(void **state)
{
	(void)state;
	static const struct {
		const char *version;
		unsigned minor;
	} cases[] = {{"go1.26.8", 26},
		     {"go1.18", 18},
		     {"go1.27rc1", 27},
		     {"devel go1.28-abcdef Mon", 28},
		     {"go1.22.4 X:rangefunc", 22},
		     {"go1.26.1-X:nodwarf5", 26},
		     {"go1.21.0-acme", 21},
		     {"go1.999", 999},
		     {"", 0},
		     {"go1.", 0},
		     {"go1.x", 0},
		     {"go2.1", 0},
		     {"devel +0123abc", 0},
		     {"go1.1000", 0},
		     {"go1.99999999999999999999999", 0},
		     {"go1.-5", 0}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++)
		assert_int_equal(gsd_parse_go_minor(cases[i].version), cases[i].minor);
}

/* ---- what is missing is said ---- */

static void a_process_without_a_go_function_table_is_not_found_and_that_is_no_error(void **state)
{
	(void)state;
	bool found = true;
	struct world *world = make(26);
	set_u8(&world->process->program.table.bytes, 0, 0);
	assert_success(find(world, 0, 0, &found));
	assert_false(found);
	drop(world);
}

static void a_field_that_the_types_do_not_have_is_named(void **state)
{
	(void)state;
	struct world *world = make(26);
	const uint8_t *name = memmem(world->section.bytes.data, world->section.bytes.length, "\x04goid", 5);
	assert_non_null(name);
	set_u8(&world->section.bytes, (size_t)(name - world->section.bytes.data) + 1, 'G');
	assert_not_found(world, GSD_ERROR_MISSING, "find the offset of runtime.g.goid");
	drop(world);
}

static void only_the_sources_that_are_asked_for_are_used(void **state)
{
	(void)state;
	struct world *world = make(26);
	bool found;
	assert_success(find(world, GSD_ALLGS_SCAN, GSD_LAYOUT_TYPES, &found));
	assert_int_equal(world->process->runtime.allgs.source, GSD_ALLGS_SCAN);
	drop(world);
	world = make(26);
	assert_failure(find(world, GSD_ALLGS_SYMBOL, 0, &found), GSD_ERROR_MISSING, "was found by: symbol table");
	assert_failure(find(world, 0, GSD_LAYOUT_DWARF, &found), GSD_ERROR_MISSING, "in DWARF");
	drop(world);
}

/* ---- modules ---- */

/* A plugin: a second table with its own moduledata behind the first one. */
static void put_second_module(struct world *world, struct table *table, uint64_t next)
{
	table_init(table, GSD_PCLNTAB_MAGIC_120);
	table_function(table, "plugin.f", 0);
	table_finish(table, 0x100);
	process_add_segment(world->process, 0x580000, table->bytes.data, table->bytes.length);
	struct places places = usual_places;
	places.table = 0x580000;
	places.text = 0x481000;
	places.text_end = 0x481100;
	put_moduledata(&world->data, SECOND_AT, 26, table, &places);
	set_module_word(&world->data, SECOND_AT, 26, "next", next);
	set_module_word(&world->data, MODULE_AT, 26, "next", DATA_START + SECOND_AT);
}

static void the_modules_that_were_loaded_later_are_found_through_the_first(void **state)
{
	(void)state;
	struct world *world = make(26);
	struct table table;
	put_second_module(world, &table, 0);
	assert_found(world);
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	assert_true(gsd_code_find(world->process->runtime.code, 0x481010, &module, &function, &offset));
	assert_string_equal(gsd_pclntab_name(&module->table, function.name), "plugin.f");
	assert_true(gsd_code_find(world->process->runtime.code, RETURN(MAIN), &module, &function, &offset));
	assert_string_equal(gsd_pclntab_name(&module->table, function.name), "main.main");
	drop(world);
	table_drop(&table);
}

static void a_list_of_modules_that_leads_in_a_circle_is_refused(void **state)
{
	(void)state;
	static const uint64_t nexts[] = {DATA_START + MODULE_AT, DATA_START + SECOND_AT};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(nexts); i++) {
		struct world *world = make(26);
		struct table table;
		put_second_module(world, &table, nexts[i]);
		assert_not_found(world, GSD_ERROR_CORRUPT, "is in the list twice");
		drop(world);
		table_drop(&table);
	}
}

static void a_module_that_is_none_is_an_error(void **state)
{
	(void)state;
	struct world *world = make(26);
	set_module_word(&world->data, MODULE_AT, 26, "next", 0x999000);
	assert_not_found(world, GSD_ERROR_READ, "0x999000");
	set_module_word(&world->data, MODULE_AT, 26, "next", DATA_START + 8);
	assert_not_found(world, GSD_ERROR_READ, "read 72 bytes");
	drop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_goroutines_of_a_process_are_read_from_its_bytes_alone_in_every_version),
		cmocka_unit_test(the_version_is_found_in_schedinit_whatever_follows_the_operand),
		cmocka_unit_test(a_version_that_is_not_there_is_missed_by_name),
		cmocka_unit_test(a_go_that_is_too_old_is_refused_by_its_name),
		cmocka_unit_test(a_newer_go_is_read_when_its_own_description_confirms_a_layout),
		cmocka_unit_test(a_newer_go_whose_layout_nothing_confirms_is_refused),
		cmocka_unit_test(the_minor_version_is_read_from_every_form_of_a_version),
		cmocka_unit_test(a_process_without_a_go_function_table_is_not_found_and_that_is_no_error),
		cmocka_unit_test(a_field_that_the_types_do_not_have_is_named),
		cmocka_unit_test(only_the_sources_that_are_asked_for_are_used),
		cmocka_unit_test(the_modules_that_were_loaded_later_are_found_through_the_first),
		cmocka_unit_test(a_list_of_modules_that_leads_in_a_circle_is_refused),
		cmocka_unit_test(a_module_that_is_none_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
