/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/settle.h"

#include <limits.h>
#include <string.h>

#include "base/cursor.h"
#include "go/snapshot.h"

#define MAX_REASONS 256

static unsigned reason_named(unsigned go_minor, const char *name)
{
	for (unsigned reason = 0; reason < MAX_REASONS; reason++)
		if (strcmp(gsd_wait_reason_name(go_minor, reason), name) == 0)
			return reason;
	return UINT_MAX;
}

struct gsd_sights gsd_sights_of(const struct gsd_layout *layout)
{
	return (struct gsd_sights){.layout = layout,
				   .coroutine_reason = reason_named(layout->go_minor, "coroutine"),
				   .preempted_reason = reason_named(layout->go_minor, "preempted")};
}

static bool waits_settled(const struct gsd_sights *sights, const uint8_t *g, const struct gsd_validator *validator)
{
	if (validator->status != GSD_STATUS_WAITING && validator->status != GSD_STATUS_LEAKED)
		return false;
	/* Still on its M: it is parking, and what counts it may not have happened yet (runtime/proc.go, park_m). */
	return gsd_u64_at(g, sights->layout->m) == 0 && gsd_u64_at(g, sights->layout->syscallsp) == 0 &&
	       validator->wait_reason != sights->coroutine_reason && validator->wait_reason != sights->preempted_reason;
}

struct gsd_sight gsd_sight_of(const struct gsd_sights *sights, const uint8_t *g)
{
	const struct gsd_layout *layout = sights->layout;
	uint32_t status = (uint32_t)gsd_u64_at(g, layout->atomicstatus) & ~GSD_STATUS_SCAN_BIT;
	uint64_t high = gsd_u64_at(g, layout->stack_high);
	uint64_t sp = gsd_u64_at(g, layout->sched_sp);
	struct gsd_sight sight = {.validator = {.goid = gsd_u64_at(g, layout->goid),
						.pc = gsd_u64_at(g, layout->sched_pc),
						.labels = gsd_u64_at(g, layout->labels),
						.bp_distance = high - gsd_u64_at(g, layout->sched_bp),
						.sp_distance = (uint32_t)(high - sp),
						.status = (uint16_t)status,
						.sequence = (uint8_t)gsd_u64_at(g, layout->tracking_seq),
						.wait_reason = (uint8_t)gsd_u64_at(g, layout->waitreason)},
				  .low = gsd_u64_at(g, layout->stack_low),
				  .high = high,
				  .sp = sp,
				  .start_pc = gsd_u64_at(g, layout->startpc),
				  .dead = status == GSD_STATUS_DEAD || status == GSD_STATUS_DEADEXTRA,
				  .scan_done = layout->gcscandone != GSD_NO_FIELD &&
					       (gsd_u64_at(g, layout->gcscandone) & 0xff) != 0,
				  .in_bubble = layout->bubble != GSD_NO_FIELD && gsd_u64_at(g, layout->bubble) != 0};
	if (sight.dead) {
		/* Where a dead one was, is nothing: its stack may be freed and its registers stay. */
		sight.validator.pc = sight.validator.labels = sight.validator.bp_distance = 0;
		sight.validator.sp_distance = 0;
	}
	/* A dead one that keeps its M is a C thread's: it comes to life under the same goid (runtime/proc.go, needm).
	 */
	sight.settleable = sight.dead ? status == GSD_STATUS_DEAD && gsd_u64_at(g, layout->m) == 0
				      : waits_settled(sights, g, &sight.validator);
	return sight;
}

bool gsd_validator_equal(const struct gsd_validator *left, const struct gsd_validator *right)
{
	return memcmp(left, right, sizeof *left) == 0;
}

bool gsd_sight_equal(const struct gsd_sight *left, const struct gsd_sight *right)
{
	return gsd_validator_equal(&left->validator, &right->validator) && left->low == right->low &&
	       left->high == right->high && left->sp == right->sp && left->settleable == right->settleable &&
	       left->dead == right->dead;
}

/* Rule 3. What it printed is compared by the caller, who reads the stack again. */
static bool may_be_one_step(const struct gsd_past *past, const struct gsd_sight *now, bool scanned_alike)
{
	return !past->dead && !now->dead && now->settleable && now->validator.goid == past->validator.goid &&
	       (uint8_t)(now->validator.sequence - past->validator.sequence) == 1 &&
	       (!scanned_alike || now->scan_done == past->scan_done) && !now->in_bubble;
}

enum gsd_verdict gsd_settle(const struct gsd_past *past, const struct gsd_sight *now,
			    const struct gsd_settle_rules *rules)
{
	if (now->settleable && gsd_validator_equal(&past->validator, &now->validator)) {
		if (!past->dead)
			return GSD_VERDICT_SAME;
		if (rules->births && !rules->handed_out(rules->context, past->validator.goid))
			return GSD_VERDICT_NOT_THERE;
		return GSD_VERDICT_AMBIGUOUS;
	}
	if (rules->one_step && may_be_one_step(past, now, rules->scanned_alike))
		return GSD_VERDICT_ONE_STEP;
	if (rules->births && past->dead && rules->handed_out_later(rules->context, now->validator.goid))
		return GSD_VERDICT_BORN;
	return GSD_VERDICT_AMBIGUOUS;
}
