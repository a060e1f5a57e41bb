/* SPDX-License-Identifier: BSD-3-Clause */
/* Names as Go prints them: what runtime.funcNameForPrint of each version makes of them. */

#include "go/function_name.h"

#include "../support/bytes.h"

static void assert_printed(unsigned minor, const char *name, const char *printed)
{
	struct gsd_arena arena = {0};
	const char *got = gsd_function_name_for_print(name, minor, &arena);
	assert_non_null(got);
	assert_string_equal(printed, got);
	gsd_arena_free(&arena);
}

static void type_arguments_are_dots(void **state)
{
	(void)state;
	for (unsigned minor = 21; minor <= 27; minor++) {
		assert_printed(minor, "main.f", "main.f");
		assert_printed(minor, "main.f[go.shape.int]", "main.f[...]");
		assert_printed(minor, "main.f[go.shape.int].func1", "main.f[...].func1");
		assert_printed(minor, "main.(*box[go.shape.string]).each", "main.(*box[...]).each");
		assert_printed(minor, "main.]strange[", "main.]strange[");
		assert_printed(minor, "", "");
	}
}

static void up_to_go_1_20_names_are_left_alone(void **state)
{
	(void)state;
	assert_printed(18, "main.f[...]", "main.f[...]");
	assert_printed(20, "main.f[int]", "main.f[int]");
}

/* A generic method of a generic type has two lists of type arguments from Go 1.27 on. */
static void generic_methods_keep_their_name_from_go_1_27_on(void **state)
{
	(void)state;
	assert_printed(27, "main.box[int].map[string]", "main.box[...].map[...]");
	assert_printed(27, "main.box[int].map[string].func1", "main.box[...].map[...].func1");
	assert_printed(26, "main.box[int].map[string]", "main.box[...]");
	assert_printed(27, "main.f[[]int]", "main.f[...]");
	assert_printed(27, "main.f[map[string][]int].func2", "main.f[...].func2");
	assert_printed(27, "main.box[[]int].map[map[int]int]", "main.box[...].map[...]");
}

static void names_whose_brackets_do_not_match_are_left_alone_from_go_1_27_on(void **state)
{
	(void)state;
	assert_printed(27, "main.f[a]b]c[d]", "main.f[a]b]c[d]");
	assert_printed(27, "main.f[[int]", "main.f[[int]");
	assert_printed(26, "main.f[[int]", "main.f[...]");
}

static void the_runtime_is_hidden_unless_it_is_exported(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		assert_false(gsd_function_is_hidden("main.main", minor));
		assert_false(gsd_function_is_hidden("runtime.GC", minor));
		assert_false(gsd_function_is_hidden("runtime/pprof.writeGoroutine", minor));
		assert_false(gsd_function_is_hidden("runtimes.f", minor));
		assert_true(gsd_function_is_hidden("runtime.gopark", minor));
		assert_true(gsd_function_is_hidden("runtime.", minor));
		assert_true(gsd_function_is_hidden("gogo", minor));
		assert_true(gsd_function_is_hidden("", minor));
	}
}

static void exported_methods_are_shown_from_go_1_23_on(void **state)
{
	(void)state;
	assert_true(gsd_function_is_hidden("runtime.(*Func).Entry", 22));
	assert_false(gsd_function_is_hidden("runtime.(*Func).Entry", 23));
	assert_false(gsd_function_is_hidden("runtime.Error.Error", 23));
	assert_true(gsd_function_is_hidden("runtime.(*mheap).Alloc", 23));
	assert_true(gsd_function_is_hidden("runtime.(*Func).raw", 23));
	assert_false(gsd_function_is_hidden("runtime.GC.func1", 22));
	assert_true(gsd_function_is_hidden("runtime.GC.func1", 23));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type_arguments_are_dots),
		cmocka_unit_test(up_to_go_1_20_names_are_left_alone),
		cmocka_unit_test(generic_methods_keep_their_name_from_go_1_27_on),
		cmocka_unit_test(names_whose_brackets_do_not_match_are_left_alone_from_go_1_27_on),
		cmocka_unit_test(the_runtime_is_hidden_unless_it_is_exported),
		cmocka_unit_test(exported_methods_are_shown_from_go_1_23_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
