/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "../support/check.h"

static void an_error_says_what_was_attempted_and_why_the_system_refused(void **state)
{
	(void)state;
	struct gsd_error *error = gsd_error_create(GSD_ERROR_READ, EFAULT, "read %d bytes at 0x%x", 16, 0x4000U);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_READ);
	assert_int_equal(gsd_error_errno(error), EFAULT);
	assert_string_equal(gsd_error_message(error), "cannot read 16 bytes at 0x4000: Bad address");
	assert_null(gsd_error_hint(error));
	gsd_error_destroy(error);
}

static void an_error_without_errno_says_only_what_was_attempted(void **state)
{
	(void)state;
	struct gsd_error *error = gsd_error_create(GSD_ERROR_MISSING, 0, "find %s", "runtime.allgs");
	assert_int_equal(gsd_error_errno(error), 0);
	assert_string_equal(gsd_error_message(error), "cannot find runtime.allgs");
	gsd_error_destroy(error);
}

static void a_reason_takes_the_place_of_the_errno_and_the_last_reason_counts(void **state)
{
	(void)state;
	struct gsd_error *error = gsd_error_create(GSD_ERROR_PERMISSION, EPERM, "attach to process %d", 42);
	struct gsd_error *same = gsd_error_because(error, "Yama is at %d", 2);
	assert_ptr_equal(same, error);
	assert_string_equal(gsd_error_message(same), "cannot attach to process 42: Yama is at 2");
	assert_int_equal(gsd_error_errno(same), EPERM);
	same = gsd_error_because(same, "%s", "another tracer is there");
	assert_string_equal(gsd_error_message(same), "cannot attach to process 42: another tracer is there");
	gsd_error_destroy(same);
}

static void a_second_hint_is_a_second_line(void **state)
{
	(void)state;
	struct gsd_error *error = gsd_error_create(GSD_ERROR_PERMISSION, 0, "attach");
	struct gsd_error *same = gsd_error_advise(error, "run as user %d", 1000);
	assert_ptr_equal(same, error);
	assert_string_equal(gsd_error_hint(same), "run as user 1000");
	same = gsd_error_advise(same, "or grant %s", "CAP_SYS_PTRACE");
	assert_string_equal(gsd_error_hint(same), "run as user 1000\nor grant CAP_SYS_PTRACE");
	assert_string_equal(gsd_error_message(same), "cannot attach");
	gsd_error_destroy(same);
}

static void the_error_for_no_memory_is_a_constant_that_nothing_changes_or_frees(void **state)
{
	(void)state;
	struct gsd_error *error = gsd_error_no_memory();
	assert_ptr_equal(gsd_error_no_memory(), error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_NO_MEMORY);
	assert_ptr_equal(gsd_error_because(error, "of %s", "a reason"), error);
	assert_ptr_equal(gsd_error_advise(error, "buy %d GB", 64), error);
	gsd_error_destroy(error);
	assert_string_equal(gsd_error_message(error), "cannot allocate memory: none is left");
	assert_null(gsd_error_hint(error));
}

static void destroying_no_error_is_allowed(void **state)
{
	(void)state;
	gsd_error_destroy(NULL);
}

static struct gsd_error *fails_when(bool failing, bool *reached)
{
	GSD_TRY(failing ? gsd_error_create(GSD_ERROR_INTERNAL, 0, "go on") : NULL);
	*reached = true;
	return NULL;
}

static void try_returns_the_first_error_and_goes_on_without_one(void **state)
{
	(void)state;
	bool reached = false;
	assert_failure(fails_when(true, &reached), GSD_ERROR_INTERNAL, "cannot go on");
	assert_false(reached);
	assert_success(fails_when(false, &reached));
	assert_true(reached);
}

static void of_two_errors_the_first_stays(void **state)
{
	(void)state;
	assert_success(gsd_error_first(NULL, NULL));
	struct gsd_error *first = gsd_error_create(GSD_ERROR_IO, 0, "begin");
	assert_ptr_equal(gsd_error_first(first, NULL), first);
	assert_ptr_equal(gsd_error_first(NULL, first), first);
	struct gsd_error *later = gsd_error_create(GSD_ERROR_IO, 0, "end");
	assert_failure(gsd_error_first(first, later), GSD_ERROR_IO, "cannot begin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_says_what_was_attempted_and_why_the_system_refused),
		cmocka_unit_test(an_error_without_errno_says_only_what_was_attempted),
		cmocka_unit_test(a_reason_takes_the_place_of_the_errno_and_the_last_reason_counts),
		cmocka_unit_test(a_second_hint_is_a_second_line),
		cmocka_unit_test(the_error_for_no_memory_is_a_constant_that_nothing_changes_or_frees),
		cmocka_unit_test(destroying_no_error_is_allowed),
		cmocka_unit_test(of_two_errors_the_first_stays),
		cmocka_unit_test(try_returns_the_first_error_and_goes_on_without_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
