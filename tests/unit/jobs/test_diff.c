/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

/* A stack of one function. */
static uint32_t stack(struct stack_names *names, const char *function, int64_t line)
{
	const struct stack_frame frame = {function, "file.go", line};
	uint32_t number;
	stack_names_begin(names);
	assert_true(stack_names_frame(names, &frame, &number));
	assert_true(stack_names_push(names, number));
	assert_true(stack_names_end(names, &number));
	return number;
}

static void add(struct snapshot *snapshot, uint64_t goid, uint32_t where, uint64_t wait_ns)
{
	const struct snapshot_goroutine goroutine = {.goid = goid,
						     .wait_ns = wait_ns,
						     .stack = where,
						     .state = SNAPSHOT_NO_STRING,
						     .creator = SNAPSHOT_NO_STRING};
	assert_true(snapshot_add(snapshot, &goroutine));
}

static void stacks_are_the_same_by_function_and_line(void **state)
{
	(void)state;
	struct stack_names names = {0};
	uint32_t one = stack(&names, "main.a", 1);
	assert_int_equal(stack(&names, "main.a", 1), one);
	assert_int_not_equal(stack(&names, "main.a", 2), one);
	assert_int_not_equal(stack(&names, "main.b", 1), one);
	const struct stack_frame elsewhere = {"main.a", "other.go", 1};
	uint32_t number;
	stack_names_begin(&names);
	assert_true(stack_names_frame(&names, &elsewhere, &number) && stack_names_push(&names, number));
	assert_true(stack_names_end(&names, &number));
	assert_int_equal(number, one);
	assert_string_equal(stack_names_get(&names, one, 0).file, "file.go");
	stack_names_free(&names);
}

static void many_strings_keep_their_numbers(void **state)
{
	(void)state;
	struct interner interner = {0};
	uint32_t number;
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 100000; i++) {
			assert_true(interner_add(&interner, &i, i % 5, &number));
			assert_true(interner_add(&interner, &i, sizeof i, &number));
		}
	}
	size_t length;
	for (uint32_t i = 0; i < interner.count; i++) {
		const void *bytes = interner_get(&interner, i, &length);
		uint32_t again;
		unsigned char copy[8];
		memcpy(copy, bytes, length);
		assert_int_equal(((const char *)bytes)[length], '\0');
		assert_true(interner_add(&interner, copy, length, &again));
		assert_int_equal(again, i);
	}
	assert_true(interner.count >= 100000);
	interner_free(&interner);
}

static void groups_grow_shrink_appear_and_vanish(void **state)
{
	(void)state;
	struct stack_names names = {0};
	struct snapshot old = {0}, new = {0};
	struct diff diff;
	static const struct {
		const char *function;
		uint64_t old, new;
	} groups[] = {{"same", 4, 4}, {"grew", 10, 13}, {"shrank", 9, 2}, {"appeared", 0, 8}, {"vanished", 1, 0}};
	for (size_t i = 0; i < 5; i++) {
		uint32_t where = stack(&names, groups[i].function, 1);
		/* A profile has the same stack several times, with other labels. */
		for (uint64_t k = 0; k < groups[i].old; k++)
			assert_true(snapshot_add_many(&old, where, 1));
		if (groups[i].new > 0)
			assert_true(snapshot_add_many(&new, where, groups[i].new));
	}
	assert_true(snapshot_finish(&old) && snapshot_finish(&new));
	assert_true(diff_make(&names, &old, &new, &diff));
	assert_int_equal(diff.old_count, 24);
	assert_int_equal(diff.new_count, 27);
	assert_int_equal(diff.unchanged, 1);
	assert_int_equal(diff.grown + diff.shrunk * 10 + diff.appeared * 100 + diff.vanished * 1000, 1111);
	assert_int_equal(diff.largest_growth, 8);
	static const char *const order[] = {"appeared", "grew", "shrank", "vanished"};
	assert_int_equal(diff.group_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(stack_names_get(&names, diff.groups[i].stack, 0).function, order[i]);
	assert_false(diff.matched);
	diff_free(&diff);
	snapshot_free(&old);
	snapshot_free(&new);
	stack_names_free(&names);
}

static void a_goroutine_has_stayed_if_nothing_says_that_it_moved(void **state)
{
	(void)state;
	struct stack_names names = {0};
	struct snapshot old = {.time_ns = 100 * SECOND}, new = {.time_ns = 160 * SECOND};
	struct diff diff;
	uint32_t here = stack(&names, "here", 1), there = stack(&names, "there", 1);
	static const uint64_t goids[] = {0, 1, 2, 3, 4, 5};
	for (size_t i = 0; i < 6; i++)
		add(&old, goids[5 - i], here, SNAPSHOT_NO_WAIT);
	add(&new, 0, here, 1000 * SECOND);    /* its g could not be read */
	add(&new, 1, here, SNAPSHOT_NO_WAIT); /* nothing is known */
	add(&new, 2, here, 60 * SECOND);      /* since the first capture, or longer */
	add(&new, 3, here, 60 * SECOND - 1);  /* it has moved and come back */
	add(&new, 4, there, 1000 * SECOND);   /* elsewhere */
	add(&new, 6, here, 1000 * SECOND);    /* another one */
	assert_true(snapshot_finish(&old) && snapshot_finish(&new));
	assert_true(diff_make(&names, &old, &new, &diff));
	assert_true(diff.matched);
	assert_int_equal(diff.stayed, 2);
	assert_int_equal(diff.stay_count, 1);
	assert_int_equal(diff.stays[0].goids[0], 1);
	assert_int_equal(diff.stays[0].goids[1], 2);
	assert_int_equal(diff.stays[0].longest_wait_ns, 60 * SECOND);
	diff_free(&diff);
	/* Where waits are whole minutes, 59 seconds may be 119. */
	new.wait_step_ns = 60 * SECOND;
	assert_true(diff_make(&names, &old, &new, &diff));
	assert_int_equal(diff.stayed, 3);
	diff_free(&diff);
	/* Ids of another process say nothing. */
	old.pid = 1;
	new.pid = 2;
	assert_true(diff_make(&names, &old, &new, &diff));
	assert_int_equal(diff.doubts, DIFF_OTHER_PID);
	assert_int_equal(diff.stayed, 0);
	diff_free(&diff);
	snapshot_free(&old);
	snapshot_free(&new);
	stack_names_free(&names);
}

static void programs_are_the_same_by_their_file_names(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		bool other;
	} pairs[] = {{"/srv/a/shop", "/srv/b/shop", false},
		     {"/srv/shop", "/srv/shop (deleted)", false},
		     {"shop", "/srv/shop", false},
		     {"/srv/shop", "/srv/shops", true},
		     {"", "/srv/shop", false},
		     {"/srv/shop", "/srv/stop", true}};
	struct stack_names names = {0};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char exes[2][32];
		strcpy(exes[0], pairs[i].old);
		strcpy(exes[1], pairs[i].new);
		const struct snapshot old = {.exe = exes[0]}, new = {.exe = exes[1]};
		struct diff diff;
		assert_true(diff_make(&names, &old, &new, &diff));
		assert_int_equal(diff.doubts, pairs[i].other ? DIFF_OTHER_PROGRAM : 0);
		diff_free(&diff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_the_same_by_function_and_line),
		cmocka_unit_test(many_strings_keep_their_numbers),
		cmocka_unit_test(groups_grow_shrink_appear_and_vanish),
		cmocka_unit_test(a_goroutine_has_stayed_if_nothing_says_that_it_moved),
		cmocka_unit_test(programs_are_the_same_by_their_file_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
