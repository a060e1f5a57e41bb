/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/marks.h"

#include "../support/runtime.h"

#define VARIABLES UINT64_C(0x700000)
#define PS        UINT64_C(0x800000)
#define P_BYTES   ((size_t)512)
enum { GOIDGEN = 0, ALLP = 8, CYCLES = 32, PHASE = 40, MARK_TERM = 64, TRACE = 72, VARIABLE_BYTES = 128 };

struct target {
	struct gsd_segment segments[3];
	struct gsd_segment_memory memory;
	uint8_t variables[VARIABLE_BYTES];
	uint64_t list[4];
	uint8_t p[4][P_BYTES];
	struct gsd_layout layout;
	struct gsd_globals globals;
	struct gsd_marks before, after;
};

static void set(struct target *target, size_t at, uint64_t value)
{
	memcpy(target->variables + at, &value, sizeof value);
}

static void set_batch(struct target *target, size_t p, uint64_t next, uint64_t end)
{
	memcpy(target->p[p] + target->layout.p_goidcache, &next, sizeof next);
	memcpy(target->p[p] + target->layout.p_goidcacheend, &end, sizeof end);
}

/* goidgen is 64; the three Ps have [20, 33), [40, 49), [60, 65). */
static int make_target(void **state)
{
	struct target *target = calloc(1, sizeof *target);
	assert_non_null(target);
	target->layout = made_layout(27);
	target->globals = (struct gsd_globals){.goidgen = VARIABLES + GOIDGEN,
					       .allp = VARIABLES + ALLP,
					       .gc_cycles = VARIABLES + CYCLES,
					       .mark_term = VARIABLES + MARK_TERM,
					       .gc_phase = VARIABLES + PHASE,
					       .trace_generation = VARIABLES + TRACE};
	target->segments[0] = (struct gsd_segment){VARIABLES, sizeof target->variables, target->variables};
	target->segments[1] = (struct gsd_segment){PS, sizeof target->list, target->list};
	target->segments[2] = (struct gsd_segment){PS + 0x1000, sizeof target->p, target->p};
	gsd_segment_memory_init(&target->memory, target->segments, 3);
	for (size_t i = 0; i < 4; i++)
		target->list[i] = PS + 0x1000 + i * P_BYTES;
	set(target, GOIDGEN, 64);
	set(target, ALLP, PS);
	set(target, ALLP + 8, 3);
	set_batch(target, 0, 20, 33);
	set_batch(target, 1, 40, 49);
	set_batch(target, 2, 60, 65);
	*state = target;
	return 0;
}

static int drop_target(void **state)
{
	struct target *target = *state;
	gsd_marks_free(&target->before);
	gsd_marks_free(&target->after);
	free(target);
	return 0;
}

static void note(struct target *target, struct gsd_marks *marks)
{
	gsd_marks_free(marks);
	assert_success(gsd_marks_create(&target->memory.memory, &target->layout, &target->globals, marks));
	gsd_marks_read(&target->memory.memory, marks);
}

static bool knows(const struct target *target)
{
	return gsd_marks_know_goids(&target->globals, &target->before, &target->after);
}

/* The list between the two times is exactly this. */
static void assert_handed_out(const struct target *target, const uint64_t *goids, size_t count)
{
	struct gsd_u64_array list = {0};
	assert_true(gsd_marks_list(&target->before, &target->after, 100, &list));
	assert_int_equal(list.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list.items[i], goids[i]);
	for (uint64_t goid = 0; goid < 200; goid++) {
		bool expected = false;
		for (size_t i = 0; i < count; i++)
			expected = expected || goids[i] == goid;
		assert_int_equal(gsd_marks_handed_out(&target->before, &target->after, goid), expected);
	}
	gsd_u64_array_free(&list);
}
#define ASSERT_HANDED_OUT(target, ...)                                                                                 \
	assert_handed_out(target, (const uint64_t[]){__VA_ARGS__},                                                     \
			  sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void goids_are_not_handed_out_while_they_are_in_a_batch_or_in_none(void **state)
{
	struct target *target = *state;
	note(target, &target->before);
	static const struct {
		uint64_t goid;
		bool not_yet;
	} cases[] = {{1, false}, {19, false}, {20, true},  {32, true}, {33, false}, {39, false}, {40, true},
		     {48, true}, {49, false}, {59, false}, {60, true}, {64, true},  {65, true},  {UINT64_MAX, true}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++)
		assert_int_equal(gsd_marks_not_yet(&target->before, cases[i].goid), cases[i].not_yet);
}

static void what_was_handed_out_between_is_listed_each_once(void **state)
{
	struct target *target = *state;
	note(target, &target->before);
	note(target, &target->after);
	assert_true(knows(target));
	assert_handed_out(target, NULL, 0);
	set_batch(target, 0, 22, 33); /* two of its batch */
	set(target, GOIDGEN, 64 + 17);
	set_batch(target, 2, 68, 81); /* the rest, and three of a new one */
	note(target, &target->after); /* 81 went to an M of C, without a batch */
	assert_true(knows(target));
	ASSERT_HANDED_OUT(target, 20, 21, 60, 61, 62, 63, 64, 65, 66, 67, 81);
}

static void goidgen_is_read_before_the_batches(void **state)
{
	struct target *target = *state;
	gsd_marks_free(&target->before);
	assert_success(gsd_marks_create(&target->memory.memory, &target->layout, &target->globals, &target->before));
	assert_int_equal(target->before.ranges[0].address, target->globals.goidgen);
	/* A batch that was fetched while they were read: what it has is not handed out. */
	set_batch(target, 2, 65, 81);
	gsd_marks_read(&target->memory.memory, &target->before);
	set(target, GOIDGEN, 80);
	set_batch(target, 2, 67, 81);
	note(target, &target->after);
	ASSERT_HANDED_OUT(target, 65, 66);
}

static void more_than_was_asked_for_are_not_listed(void **state)
{
	struct target *target = *state;
	struct gsd_u64_array list = {0};
	note(target, &target->before);
	set_batch(target, 0, 30, 33);
	set_batch(target, 1, 46, 49);
	note(target, &target->after);
	assert_true(gsd_marks_list(&target->before, &target->after, 16, &list));
	assert_int_equal(list.count, 16);
	list.count = 0;
	assert_false(gsd_marks_list(&target->before, &target->after, 15, &list));
	set(target, GOIDGEN, UINT64_MAX - 1); /* no memory for what a hostile counter says */
	note(target, &target->after);
	list.count = 0;
	assert_false(gsd_marks_list(&target->before, &target->after, 1000, &list));
	set_batch(target, 0, 30, UINT64_C(1) << 60); /* nor time for what a hostile batch says */
	note(target, &target->before);
	note(target, &target->after);
	assert_false(gsd_marks_list(&target->before, &target->after, 1000, &list));
	gsd_u64_array_free(&list);
}

static void goids_are_known_only_with_every_p_of_both_times(void **state)
{
	struct target *target = *state;
	note(target, &target->before);
	note(target, &target->after);
	assert_true(knows(target));
	target->globals.goidgen = 0;
	assert_false(knows(target));
	target->globals.goidgen = VARIABLES + GOIDGEN;
	set(target, ALLP + 8, 4); /* GOMAXPROCS has grown */
	note(target, &target->after);
	assert_false(knows(target));
	set(target, ALLP + 8, 3);
	note(target, &target->after);
	assert_true(knows(target));
	set(target, ALLP, PS + 8); /* as many, but others */
	note(target, &target->after);
	assert_false(knows(target));
	set(target, ALLP, PS);
	note(target, &target->after);
	set(target, ALLP, PS + 8); /* between making and reading */
	gsd_marks_read(&target->memory.memory, &target->after);
	assert_false(knows(target));
	set(target, ALLP, PS);
	note(target, &target->before);
	set(target, ALLP, PS + 8); /* the same at the time before */
	gsd_marks_read(&target->memory.memory, &target->before);
	note(target, &target->after);
	assert_false(knows(target));
	set(target, ALLP, PS);
	target->list[1] = 0x999000; /* a P that cannot be read */
	note(target, &target->before);
	note(target, &target->after);
	assert_false(knows(target));
	set(target, ALLP + 8, UINT64_MAX);
	note(target, &target->before);
	note(target, &target->after);
	assert_int_equal(target->before.p_count, 0);
	assert_false(knows(target));
}

static void without_what_leads_to_batches_no_goids_are_known(void **state)
{
	struct target *target = *state;
	target->layout.p_goidcache = GSD_NO_FIELD;
	note(target, &target->before);
	note(target, &target->after);
	assert_false(knows(target));
	target->layout = made_layout(27);
	target->layout.p_goidcacheend += 8; /* not beside it: two words are read */
	note(target, &target->before);
	assert_int_equal(target->before.p_count, 0);
	target->layout = made_layout(27);
	target->globals = (struct gsd_globals){0};
	note(target, &target->before); /* nothing at all to read */
	assert_int_equal(target->before.range_count, 0);
}

static void an_empty_batch_that_has_another_end_later_was_being_fetched(void **state)
{
	struct target *target = *state;
	note(target, &target->before);
	set_batch(target, 1, 65, 81);
	note(target, &target->after);
	assert_false(gsd_marks_batch_was_fetched(&target->before, &target->after)); /* it was not empty */
	set_batch(target, 1, 81, 81);
	note(target, &target->before);
	note(target, &target->after);
	assert_false(gsd_marks_batch_was_fetched(&target->before, &target->after)); /* it still is */
	set_batch(target, 1, 82, 97);
	note(target, &target->after);
	assert_true(gsd_marks_batch_was_fetched(&target->before, &target->after));
}

static void the_cycle_is_the_same_if_none_began_and_none_ended_marking(void **state)
{
	struct target *target = *state;
	note(target, &target->before);
	note(target, &target->after);
	const struct gsd_globals *globals = &target->globals;
	assert_true(gsd_marks_same_cycle(globals, &target->before, &target->after));
	assert_true(gsd_marks_no_collection(globals, &target->before, &target->after));
	set(target, PHASE, 1);
	note(target, &target->after);
	assert_true(gsd_marks_same_cycle(globals, &target->before, &target->after));
	assert_false(gsd_marks_no_collection(globals, &target->before, &target->after));
	set(target, PHASE, 0);
	set(target, CYCLES, 1);
	note(target, &target->after);
	assert_false(gsd_marks_same_cycle(globals, &target->before, &target->after));
	assert_false(gsd_marks_no_collection(globals, &target->before, &target->after));
	set(target, CYCLES, 0);
	set(target, MARK_TERM, 1);
	note(target, &target->after);
	assert_false(gsd_marks_same_cycle(globals, &target->before, &target->after));
	set(target, MARK_TERM, 0);
	note(target, &target->after);
	assert_true(gsd_marks_same_cycle(globals, &target->before, &target->after));
	for (int missing = 0; missing < 4; missing++) {
		struct gsd_globals some = target->globals;
		struct gsd_range *range = &target->after.ranges[target->after.range_count - 1];
		some.gc_cycles = missing == 0 ? 0 : some.gc_cycles;
		some.mark_term = missing == 1 ? 0 : some.mark_term;
		some.gc_phase = missing == 2 ? 0 : some.gc_phase;
		range->errnum = missing == 3 ? 14 : 0;
		assert_int_equal(gsd_marks_same_cycle(&some, &target->before, &target->after), missing == 2);
		assert_false(gsd_marks_no_collection(&some, &target->before, &target->after));
		range->errnum = 0;
	}
}

static void the_tracer_is_off_if_it_is_and_was_and_has_not_run_between(void **state)
{
	struct target *target = *state;
	const struct gsd_globals *globals = &target->globals;
	set(target, TRACE + 8, 7); /* the last one */
	note(target, &target->before);
	note(target, &target->after);
	assert_true(gsd_marks_tracer_off(globals, 22, &target->before, &target->after));
	set(target, TRACE, 8);
	note(target, &target->after);
	assert_false(gsd_marks_tracer_off(globals, 22, &target->before, &target->after));
	assert_true(gsd_marks_tracer_off(globals, 21, &target->before, &target->after));
	note(target, &target->before); /* it was on all the time */
	assert_false(gsd_marks_tracer_off(globals, 27, &target->before, &target->after));
	set(target, TRACE, 0);
	note(target, &target->after); /* it has been stopped */
	assert_false(gsd_marks_tracer_off(globals, 27, &target->before, &target->after));
	note(target, &target->before);
	assert_true(gsd_marks_tracer_off(globals, 27, &target->before, &target->after));
	set(target, TRACE + 8, 9); /* it has been started and stopped */
	note(target, &target->after);
	assert_false(gsd_marks_tracer_off(globals, 27, &target->before, &target->after));
	target->globals.trace_generation = 0;
	note(target, &target->before);
	note(target, &target->after);
	assert_false(gsd_marks_tracer_off(globals, 27, &target->before, &target->after)); /* not known */
	assert_true(gsd_marks_tracer_off(globals, 21, &target->before, &target->after));
}

#define WITH_TARGET(test) cmocka_unit_test_setup_teardown(test, make_target, drop_target)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TARGET(goids_are_not_handed_out_while_they_are_in_a_batch_or_in_none),
		WITH_TARGET(what_was_handed_out_between_is_listed_each_once),
		WITH_TARGET(goidgen_is_read_before_the_batches),
		WITH_TARGET(more_than_was_asked_for_are_not_listed),
		WITH_TARGET(goids_are_known_only_with_every_p_of_both_times),
		WITH_TARGET(without_what_leads_to_batches_no_goids_are_known),
		WITH_TARGET(an_empty_batch_that_has_another_end_later_was_being_fetched),
		WITH_TARGET(the_cycle_is_the_same_if_none_began_and_none_ended_marking),
		WITH_TARGET(the_tracer_is_off_if_it_is_and_was_and_has_not_run_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
