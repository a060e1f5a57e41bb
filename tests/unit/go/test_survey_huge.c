/* SPDX-License-Identifier: BSD-3-Clause */
/* Replays of goroutines whose stacks are read while they are walked (go/stack_view.h). */
#include "../support/replay.h"

#define HUGE_LOW   UINT64_C(0x7f0000000000)
#define HUGE_BYTES ((size_t)12 << 20)
#define FRAME      24 /* of main.park and main.a, with the return address */

/* A goroutine in main.park, called by main.a, called by main.a and so on, over the whole stack. */
static size_t add_huge(struct replay *replay, uint64_t goid, uint8_t *bytes)
{
	size_t index = add_waiting(replay, goid);
	uint64_t sp = HUGE_LOW + 64;
	size_t frames = (HUGE_BYTES - 64) / FRAME;
	for (size_t i = 0; i < frames; i++)
		set_field(bytes + 64, (uint32_t)((i + 1) * FRAME - 8), AT(i + 1 == frames ? GOEXIT + 1 : OF_A), 8);
	process_add_segment(replay->process, HUGE_LOW, bytes, HUGE_BYTES);
	SET(replay, index, stack_low, HUGE_LOW, 8);
	SET(replay, index, stack_high, HUGE_LOW + HUGE_BYTES, 8);
	SET(replay, index, sched_sp, sp, 8);
	return index;
}

static void a_huge_stack_that_stands_still_is_walked_to_its_end(void **state)
{
	(void)state;
	uint8_t *bytes = calloc(1, HUGE_BYTES);
	struct replay *replay = make(27, false);
	assert_non_null(bytes);
	add_huge(replay, 1, bytes);
	add_waiting(replay, 2);
	begin(replay);
	assert_int_equal(before(replay), 0);
	stop(replay);
	assert_int_equal(settle(replay), 0);
	assert_parked_in(replay, 1, OF_A);
	assert_parked_in(replay, 2, OF_A);
	struct gsd_stack stack = stack_of(replay->process, goroutine_of(replay->process, 1));
	assert_int_equal(GSD_PC_ADDRESS(stack.words[0]), AT(IN_PARK));
	assert_int_equal(GSD_PC_ADDRESS(stack.words[stack.count - 1]), AT(GOEXIT + 1));
	assert_true(replay->process->analysis.frames > (HUGE_BYTES - 64) / FRAME);
	drop(replay);
	free(bytes);
}

static void counts_a_state_change(struct replay *replay)
{
	count(replay, 0);
}

/* Whether it is noticed must not depend on when: the watched word is read in the first window or in a later one. */
static void one_that_moves_while_its_huge_stack_is_walked_is_busy(void **state)
{
	(void)state;
	void (*const stories[])(struct replay *) = {moves_its_stack, counts_a_state_change};
	const uint64_t when[] = {HUGE_LOW + 64, HUGE_LOW + HUGE_BYTES - 64};
	for (size_t i = 0; i < 4; i++) {
		uint8_t *bytes = calloc(1, HUGE_BYTES);
		struct replay *replay = make(27, false);
		assert_non_null(bytes);
		add_huge(replay, 1, bytes);
		replay->watched = when[i / 2];
		replay->happens = stories[i % 2];
		begin(replay);
		assert_null(replay->happens);
		assert_int_equal(before(replay), 1);
		drop(replay);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_huge_stack_that_stands_still_is_walked_to_its_end),
		cmocka_unit_test(one_that_moves_while_its_huge_stack_is_walked_is_busy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
