/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/code.h"

#include "../support/program.h"

static void function_ids_mean_what_they_mean_in_their_version(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum gsd_special special;
	} expected[] = {
		{"runtime.asyncPreempt", GSD_SPECIAL_ASYNC_PREEMPT},
		{"runtime.cgocallback", GSD_SPECIAL_CGOCALLBACK},
		{"runtime.corostart", GSD_SPECIAL_COROSTART},
		{"runtime.debugCallV2", GSD_SPECIAL_DEBUG_CALL},
		{"runtime.goexit", GSD_SPECIAL_GOEXIT},
		{"runtime.gopanic", GSD_SPECIAL_PANIC},
		{"runtime.panicwrap", GSD_SPECIAL_PANIC},
		{"runtime.handleAsyncEvent", GSD_SPECIAL_HANDLE_ASYNC_EVENT},
		{"runtime.runfinq", GSD_SPECIAL_RUN_FINALIZERS},
		{"runtime.runFinalizers", GSD_SPECIAL_RUN_FINALIZERS},
		{"runtime.runCleanups", GSD_SPECIAL_RUN_CLEANUPS},
		{"runtime.main", GSD_SPECIAL_RUNTIME_MAIN},
		{"runtime.sigpanic", GSD_SPECIAL_SIGPANIC},
		{"wrapper", GSD_SPECIAL_WRAPPER},
	};
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct program program;
		program_init(&program, minor);
		add_function(&program, "main.main", 0, 0x10, 0);
		program_finish(&program, 0x10);
		assert_int_equal(gsd_code_go_minor(program.code), minor);
		for (unsigned id = 0; id < 256; id++) {
			enum gsd_special special = id == 0 ? GSD_SPECIAL_NONE : GSD_SPECIAL_OTHER;
			for (size_t i = 0; i < GSD_ARRAY_SIZE(expected); i++)
				if (made_id(minor, expected[i].name) == (int)id)
					special = expected[i].special;
			if (gsd_code_special(program.code, (uint8_t)id) != special)
				fail_msg("id %u of Go 1.%u", id, minor);
		}
		program_drop(&program);
	}
}

static void a_known_function_with_the_id_of_another_version_is_refused_by_name(void **state)
{
	(void)state;
	static const char *const names[] = {"runtime.goexit", "runtime.sigpanic", "runtime.main", "runtime.gopanic",
					    "runtime.asyncPreempt"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(names); i++) {
		struct table table;
		struct gsd_module module;
		struct gsd_code *code = NULL;
		table_init(&table, GSD_PCLNTAB_MAGIC_120);
		table_function(&table, names[i], 0)->id = (uint8_t)(made_id(27, names[i]) + 1);
		table_finish(&table, 0x10);
		module = made_module(&table, TEXT, 0x10);
		assert_failure(gsd_code_create(&module, 1, 27, NULL, &code), GSD_ERROR_UNSUPPORTED, names[i]);
		assert_null(code);
		gsd_module_free(&module); /* on failure the modules stay with the caller */
		table_drop(&table);
	}
}

static void a_pc_belongs_to_the_module_that_has_it(void **state)
{
	(void)state;
	struct table first;
	struct table second;
	struct gsd_code *code;
	table_init(&first, GSD_PCLNTAB_MAGIC_120);
	table_function(&first, "main.one", 0x10);
	table_finish(&first, 0x100);
	table_init(&second, GSD_PCLNTAB_MAGIC_120);
	table_function(&second, "plugin.two", 0);
	table_function(&second, "plugin.three", 0x20);
	table_finish(&second, 0x100);
	struct gsd_module *modules = malloc(2 * sizeof *modules);
	modules[0] = made_module(&first, 0x401000, 0x100);
	modules[1] = made_module(&second, 0x7f0000001000, 0x100);
	assert_success(gsd_code_create(modules, 2, 27, NULL, &code));
	static const struct {
		uint64_t pc;
		const char *name;
	} cases[] = {{0x401000, NULL},
		     {0x401010, "main.one"},
		     {0x4010ff, "main.one"},
		     {0x401100, NULL},
		     {0x7f0000001000, "plugin.two"},
		     {0x7f000000101f, "plugin.two"},
		     {0x7f0000001020, "plugin.three"},
		     {0x7f0000001100, NULL},
		     {0, NULL},
		     {UINT64_MAX, NULL}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		const struct gsd_module *module = NULL;
		struct gsd_function function;
		uint64_t offset;
		bool found = gsd_code_find(code, cases[i].pc, &module, &function, &offset);
		assert_int_equal(found, cases[i].name != NULL);
		if (found) {
			assert_string_equal(gsd_pclntab_name(&module->table, function.name), cases[i].name);
			assert_u64(gsd_module_text_address(module, offset), cases[i].pc);
		}
	}
	size_t count;
	assert_ptr_equal(gsd_code_modules(code, &count), modules);
	assert_int_equal(count, 2);
	uint64_t start;
	uint64_t end;
	assert_false(gsd_code_function_named(code, "plugin.two", &start, &end)); /* only of the runtime's module */
	assert_true(gsd_code_function_named(code, "main.one", &start, &end));
	assert_u64(start, 0x401010);
	assert_u64(end, 0x401100);
	gsd_code_destroy(code);
	gsd_code_destroy(NULL);
	table_drop(&first);
	table_drop(&second);
}

static void a_pc_is_described_by_its_function_and_the_same_when_asked_again(void **state)
{
	(void)state;
	struct program program;
	program_init(&program, 24);
	add_function(&program, "main.work", 0x100, 0x200, 40);
	add_function(&program, "runtime.goexit", 0x200, 0x210, 0)->flags = GSD_FUNCTION_TOP_FRAME;
	struct made_function *without = add_function(&program, "main.without", 0x210, 0x220, 8);
	without->stack_depths = 0;
	const struct made_value half[] = {{0x228, 16}};
	struct made_function *short_one = add_function(&program, "main.short", 0x220, 0x230, 8);
	short_one->stack_depths = table_values(&program.table, 0x220, half, 1);
	program_finish(&program, 0x230);
	static const struct {
		uint64_t offset, entry;
		int32_t depth;
		uint8_t flags;
		enum gsd_special special;
	} cases[] = {
		{0x100, 0x100, 0, 0, GSD_SPECIAL_NONE},
		{0x101, 0x100, 8, 0, GSD_SPECIAL_NONE},
		{0x108, 0x100, 40, 0, GSD_SPECIAL_NONE},
		{0x1fe, 0x100, 8, 0, GSD_SPECIAL_NONE},
		{0x1ff, 0x100, 0, 0, GSD_SPECIAL_NONE},
		{0x201, 0x200, 0, GSD_FUNCTION_TOP_FRAME, GSD_SPECIAL_GOEXIT},
		{0x211, 0x210, -1, 0, GSD_SPECIAL_NONE}, /* no table of depths */
		{0x227, 0x220, 16, 0, GSD_SPECIAL_NONE},
		{0x228, 0x220, -1, 0, GSD_SPECIAL_NONE}, /* the table ends before */
	};
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
			struct gsd_pc_info info;
			assert_true(gsd_code_pc(program.code, AT(cases[i].offset), &info));
			assert_u64(info.entry, AT(cases[i].entry));
			assert_int_equal(info.stack_depth, cases[i].depth);
			assert_int_equal(info.flags, cases[i].flags);
			assert_int_equal(info.special, cases[i].special);
		}
		struct gsd_pc_info info = {.entry = 77};
		assert_true(gsd_code_pc(program.code, AT(0xff), &info));
		assert_u64(info.entry, 0);
		assert_int_equal(info.stack_depth, -1);
	}
	program_drop(&program);
}

static void the_end_of_gogo_is_known_by_its_name_since_it_has_no_id(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t flags;
		enum gsd_special special;
	} cases[] = {{"gogo", GSD_FUNCTION_SP_WRITE, GSD_SPECIAL_GOGO},
		     {"runtime.gogo", GSD_FUNCTION_SP_WRITE, GSD_SPECIAL_GOGO},
		     {"main.gogo", GSD_FUNCTION_SP_WRITE, GSD_SPECIAL_NONE},
		     {"gogo", 0, GSD_SPECIAL_NONE}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct program program;
		struct gsd_pc_info info;
		program_init(&program, 27);
		struct made_function *function = add_function(&program, cases[i].name, 0, 0x10, 0);
		function->flags = cases[i].flags;
		function->id = 0;
		program_finish(&program, 0x10);
		assert_true(gsd_code_pc(program.code, AT(4), &info));
		assert_int_equal(info.special, cases[i].special);
		program_drop(&program);
	}
}

static void functions_without_an_id_are_known_by_their_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum gsd_special special;
	} cases[] = {{"runtime.sigpanic0", GSD_SPECIAL_SIGPANIC},
		     {"runtime.recovery", GSD_SPECIAL_RECOVERY},
		     {"runtime.sigpanic1", GSD_SPECIAL_NONE},
		     {"main.sigpanic0", GSD_SPECIAL_NONE},
		     {"main.recovery", GSD_SPECIAL_NONE}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct program program;
		struct gsd_pc_info info;
		program_init(&program, 27);
		add_function(&program, cases[i].name, 0, 0x10, 0)->id = 0;
		program_finish(&program, 0x10);
		assert_true(gsd_code_pc(program.code, AT(4), &info));
		assert_int_equal(info.special, cases[i].special);
		program_drop(&program);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(function_ids_mean_what_they_mean_in_their_version),
		cmocka_unit_test(a_known_function_with_the_id_of_another_version_is_refused_by_name),
		cmocka_unit_test(a_pc_belongs_to_the_module_that_has_it),
		cmocka_unit_test(a_pc_is_described_by_its_function_and_the_same_when_asked_again),
		cmocka_unit_test(the_end_of_gogo_is_known_by_its_name_since_it_has_no_id),
		cmocka_unit_test(functions_without_an_id_are_known_by_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
