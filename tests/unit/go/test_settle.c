/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/settle.h"

#include "../support/runtime.h"
#include "go/snapshot.h"

#define HIGH UINT64_C(0xc000008000)

struct header {
	struct gsd_layout layout;
	uint8_t g[512];
};

static void set(struct header *header, uint32_t offset, uint64_t value, size_t size)
{
	if (offset != GSD_NO_FIELD)
		memcpy(header->g + offset, &value, size);
}

/* One that waits, in a function, with labels. */
static struct header waiting(unsigned minor)
{
	struct header header = {.layout = made_layout(minor)};
	const struct gsd_layout *layout = &header.layout;
	set(&header, layout->stack_low, HIGH - 0x2000, 8);
	set(&header, layout->stack_high, HIGH, 8);
	set(&header, layout->sched_sp, HIGH - 0x100, 8);
	set(&header, layout->sched_bp, HIGH - 0x80, 8);
	set(&header, layout->sched_pc, 0x401234, 8);
	set(&header, layout->atomicstatus, GSD_STATUS_WAITING, 4);
	set(&header, layout->goid, 0x123456789a, 8);
	set(&header, layout->labels, 0xc000001000, 8);
	set(&header, layout->waitreason, 1, 1);
	set(&header, layout->tracking_seq, 255, 1);
	set(&header, layout->startpc, 0x402000, 8);
	set(&header, layout->waitsince, 99, 8);
	return header;
}

static struct gsd_sight sight_of(const struct header *header)
{
	struct gsd_sights sights = gsd_sights_of(&header->layout);
	return gsd_sight_of(&sights, header->g);
}

static unsigned reason_named(unsigned minor, const char *name)
{
	unsigned reason = 0;
	while (reason < 256 && strcmp(gsd_wait_reason_name(minor, reason), name) != 0)
		reason++;
	return reason;
}

/* ---- sights ---- */

static void a_sight_has_what_stays_and_what_must_not_move(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct header header = waiting(minor);
		struct gsd_sight sight = sight_of(&header);
		assert_true(sight.settleable);
		assert_false(sight.dead || sight.scan_done || sight.in_bubble);
		assert_u64(sight.validator.goid, 0x123456789a);
		assert_u64(sight.validator.pc, 0x401234);
		assert_u64(sight.validator.labels, 0xc000001000);
		assert_u64(sight.validator.bp_distance, 0x80);
		assert_int_equal(sight.validator.sp_distance, 0x100);
		assert_int_equal(sight.validator.status, GSD_STATUS_WAITING);
		assert_int_equal(sight.validator.sequence, 255);
		assert_int_equal(sight.validator.wait_reason, 1);
		assert_u64(sight.low, HIGH - 0x2000);
		assert_u64(sight.high, HIGH);
		assert_u64(sight.sp, HIGH - 0x100);
		assert_u64(sight.start_pc, 0x402000);
		set(&header, header.layout.gcscandone, 1, 1);
		set(&header, header.layout.bubble, 0xc000002000, 8);
		sight = sight_of(&header);
		assert_true(sight.scan_done);
		assert_int_equal(sight.in_bubble, minor >= 24);
	}
}

static void what_the_collector_writes_into_those_that_stand_still_is_not_compared(void **state)
{
	(void)state;
	struct header header = waiting(27);
	struct gsd_sight before = sight_of(&header);
	const struct gsd_layout *layout = &header.layout;
	set(&header, layout->atomicstatus, GSD_STATUS_WAITING | GSD_STATUS_SCAN_BIT, 4);
	set(&header, layout->waitsince, 12345, 8);
	set(&header, layout->gcscandone, 1, 1);
	set(&header, layout->stack_low, HIGH + 0x1000, 8); /* half as large, and elsewhere */
	set(&header, layout->stack_high, HIGH + 0x2000, 8);
	set(&header, layout->sched_sp, HIGH + 0x2000 - 0x100, 8);
	set(&header, layout->sched_bp, HIGH + 0x2000 - 0x80, 8);
	struct gsd_sight after = sight_of(&header);
	assert_true(after.settleable);
	assert_true(gsd_validator_equal(&before.validator, &after.validator));
}

static void every_word_of_the_validator_is_compared(void **state)
{
	(void)state;
	static const struct {
		size_t member;
		uint64_t value;
		size_t size;
	} changes[] = {
		{offsetof(struct gsd_layout, goid), 1, 8},
		{offsetof(struct gsd_layout, sched_pc), 0x401235, 8},
		{offsetof(struct gsd_layout, sched_sp), HIGH - 0x108, 8},
		{offsetof(struct gsd_layout, sched_bp), HIGH - 0x88, 8},
		{offsetof(struct gsd_layout, labels), 0, 8},
		{offsetof(struct gsd_layout, atomicstatus), GSD_STATUS_LEAKED, 4},
		{offsetof(struct gsd_layout, tracking_seq), 0, 1},
		{offsetof(struct gsd_layout, waitreason), 2, 1},
	};
	for (unsigned minor = 18; minor <= 27; minor++)
		for (size_t i = 0; i < GSD_ARRAY_SIZE(changes); i++) {
			struct header header = waiting(minor);
			struct gsd_sight before = sight_of(&header);
			uint32_t offset;
			memcpy(&offset, (const char *)&header.layout + changes[i].member, sizeof offset);
			set(&header, offset, changes[i].value, changes[i].size);
			struct gsd_sight after = sight_of(&header);
			assert_false(gsd_validator_equal(&before.validator, &after.validator));
		}
}

static void only_who_waits_where_leaving_is_counted_or_is_dead_is_settleable(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++)
		for (uint32_t status = 0; status < 16; status++) {
			struct header header = waiting(minor);
			const struct gsd_layout *layout = &header.layout;
			bool waits = status == GSD_STATUS_WAITING || status == GSD_STATUS_LEAKED;
			set(&header, layout->atomicstatus, status, 4);
			assert_int_equal(sight_of(&header).settleable, waits || status == GSD_STATUS_DEAD);
			assert_int_equal(sight_of(&header).dead,
					 status == GSD_STATUS_DEAD || status == GSD_STATUS_DEADEXTRA);
			set(&header, layout->syscallsp, HIGH - 8, 8);
			assert_int_equal(sight_of(&header).settleable, status == GSD_STATUS_DEAD);
			set(&header, layout->syscallsp, 0, 8);
			set(&header, layout->m, 0xc000003000, 8);
			assert_false(sight_of(&header).settleable);
		}
}

static void reasons_that_are_left_uncounted_are_not_settleable(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct header header = waiting(minor);
		unsigned preempted = reason_named(minor, "preempted");
		unsigned coroutine = reason_named(minor, "coroutine");
		assert_true(preempted < 256);
		assert_int_equal(coroutine < 256, minor >= 22); /* 1.22 has it, for iter.Pull in runtime */
		for (unsigned reason = 0; reason < 64; reason++) {
			set(&header, header.layout.waitreason, reason, 1);
			assert_int_equal(sight_of(&header).settleable, reason != preempted && reason != coroutine);
		}
	}
}

static void where_a_dead_one_was_is_not_compared(void **state)
{
	(void)state;
	struct header header = waiting(27);
	const struct gsd_layout *layout = &header.layout;
	set(&header, layout->atomicstatus, GSD_STATUS_DEAD, 4);
	struct gsd_sight before = sight_of(&header);
	set(&header, layout->stack_high, 0, 8); /* its stack is freed */
	set(&header, layout->sched_pc, 7, 8);
	set(&header, layout->labels, 7, 8);
	struct gsd_sight after = sight_of(&header);
	assert_true(gsd_validator_equal(&before.validator, &after.validator));
	set(&header, layout->goid, 7, 8);
	after = sight_of(&header);
	assert_false(gsd_validator_equal(&before.validator, &after.validator));
}

/* ---- rules ---- */

/* goid 100 was handed out between, those from 200 on after it. */
static bool is_100(const void *context, uint64_t goid)
{
	assert_non_null(context);
	return goid == 100;
}
static bool is_over_200(const void *context, uint64_t goid)
{
	assert_non_null(context);
	return goid >= 200;
}

static struct gsd_settle_rules all_rules(void)
{
	return (struct gsd_settle_rules){.one_step = true,
					 .scanned_alike = true,
					 .births = true,
					 .handed_out = is_100,
					 .handed_out_later = is_over_200,
					 .context = "some"};
}

static struct gsd_sight live(uint64_t goid, uint8_t sequence)
{
	return (struct gsd_sight){.validator = {.goid = goid, .sequence = sequence, .status = GSD_STATUS_WAITING},
				  .settleable = true};
}

static struct gsd_sight dead(uint64_t goid)
{
	return (struct gsd_sight){
		.validator = {.goid = goid, .status = GSD_STATUS_DEAD}, .settleable = true, .dead = true};
}

static struct gsd_past past_of(const struct gsd_sight *sight)
{
	return (struct gsd_past){.validator = sight->validator, .dead = sight->dead, .scan_done = sight->scan_done};
}

static void what_is_the_same_is_settled_without_any_rule(void **state)
{
	(void)state;
	const struct gsd_settle_rules none = {0};
	struct gsd_sight sight = live(100, 5);
	struct gsd_past past = past_of(&sight);
	assert_int_equal(gsd_settle(&past, &sight, &none), GSD_VERDICT_SAME);
	sight.settleable = false;
	assert_int_equal(gsd_settle(&past, &sight, &none), GSD_VERDICT_AMBIGUOUS);
}

static void the_dead_are_not_there_unless_their_goid_was_handed_out(void **state)
{
	(void)state;
	struct gsd_settle_rules rules = all_rules();
	struct gsd_sight sight = dead(40);
	struct gsd_past past = past_of(&sight);
	assert_int_equal(gsd_settle(&past, &sight, &rules), GSD_VERDICT_NOT_THERE);
	rules.births = false;
	assert_int_equal(gsd_settle(&past, &sight, &rules), GSD_VERDICT_AMBIGUOUS);
	rules.births = true;
	sight.settleable = false;
	assert_int_equal(gsd_settle(&past, &sight, &rules), GSD_VERDICT_AMBIGUOUS);
	sight = dead(100);
	past = past_of(&sight);
	assert_int_equal(gsd_settle(&past, &sight, &rules), GSD_VERDICT_AMBIGUOUS);
	sight = dead(41); /* another one has died there */
	assert_int_equal(gsd_settle(&past, &sight, &rules), GSD_VERDICT_AMBIGUOUS);
}

static void one_step_is_one_of_the_same_goroutine_that_waits_again(void **state)
{
	(void)state;
	static const struct {
		uint8_t from, to;
		bool step;
	} sequences[] = {{5, 6, true}, {255, 0, true}, {5, 7, false}, {6, 5, false}, {5, 4, false}, {5, 5, false}};
	struct gsd_settle_rules rules = all_rules();
	for (size_t i = 0; i < GSD_ARRAY_SIZE(sequences); i++) {
		struct gsd_sight before = live(1, sequences[i].from);
		struct gsd_sight now = live(1, sequences[i].to);
		struct gsd_past past = past_of(&before);
		now.validator.pc = 7; /* what the registers say is left to the stack */
		assert_int_equal(gsd_settle(&past, &now, &rules),
				 sequences[i].step ? GSD_VERDICT_ONE_STEP : GSD_VERDICT_AMBIGUOUS);
	}
	struct gsd_sight before = live(1, 5);
	struct gsd_past past = past_of(&before);
	for (int what = 0; what < 7; what++) {
		struct gsd_sight now = live(1, 6);
		rules = all_rules();
		rules.one_step = what != 0;
		now.settleable = what != 1;
		now.validator.goid = what == 2 ? 2 : 1;
		now.scan_done = what == 3 || what == 6;
		now.in_bubble = what == 4;
		now.dead = what == 5;
		rules.scanned_alike = what != 6;
		assert_int_equal(gsd_settle(&past, &now, &rules),
				 what == 6 ? GSD_VERDICT_ONE_STEP : GSD_VERDICT_AMBIGUOUS);
	}
	before = dead(1);
	past = past_of(&before);
	struct gsd_sight now = live(1, 1);
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_AMBIGUOUS);
}

static void born_is_who_was_dead_and_has_a_goid_that_was_handed_out_later(void **state)
{
	(void)state;
	struct gsd_settle_rules rules = all_rules();
	struct gsd_sight before = dead(40);
	struct gsd_past past = past_of(&before);
	struct gsd_sight now = live(200, 9);
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_BORN);
	now.settleable = false; /* it runs already */
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_BORN);
	now = dead(200); /* or is dead again */
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_BORN);
	now = live(199, 9);
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_AMBIGUOUS);
	now = live(200, 9);
	rules.births = false;
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_AMBIGUOUS);
	rules.births = true;
	before = live(41, 9); /* it has died since, which may have been before the stop */
	past = past_of(&before);
	assert_int_equal(gsd_settle(&past, &now, &rules), GSD_VERDICT_AMBIGUOUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sight_has_what_stays_and_what_must_not_move),
		cmocka_unit_test(what_the_collector_writes_into_those_that_stand_still_is_not_compared),
		cmocka_unit_test(every_word_of_the_validator_is_compared),
		cmocka_unit_test(only_who_waits_where_leaving_is_counted_or_is_dead_is_settleable),
		cmocka_unit_test(reasons_that_are_left_uncounted_are_not_settleable),
		cmocka_unit_test(where_a_dead_one_was_is_not_compared),
		cmocka_unit_test(what_is_the_same_is_settled_without_any_rule),
		cmocka_unit_test(the_dead_are_not_there_unless_their_goid_was_handed_out),
		cmocka_unit_test(one_step_is_one_of_the_same_goroutine_that_waits_again),
		cmocka_unit_test(born_is_who_was_dead_and_has_a_goid_that_was_handed_out_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
