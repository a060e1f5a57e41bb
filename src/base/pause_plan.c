/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/pause_plan.h"

#include "base/clock.h"

/* Stops of 5, 16, 50 and 500 threads took 0.11, 0.27, 0.65 and 6.3 ms on the slowest machine that was measured. */
#define STOP_NS   50000U
#define THREAD_NS 12500U

/* What a byte costs beside its range, and between what bounds a range costs; the looks say where between. */
#define BYTE_PS      200U
#define RANGE_NS     400U
#define RANGE_MIN_NS 150U
#define RANGE_MAX_NS 3000U
#define ENOUGH       256U /* ranges of which a cost can be told */

#define SCALE_ONE 1024U
#define SCALE_MIN (SCALE_ONE / 4)
#define SCALE_MAX (SCALE_ONE * 8)

#define MOST_NS (UINT64_MAX / (SCALE_MAX * 4))

static uint64_t product(uint64_t left, uint64_t right)
{
	uint64_t result;
	return __builtin_mul_overflow(left, right, &result) || result > MOST_NS ? MOST_NS : result;
}

static uint64_t bytes_ns(uint64_t bytes)
{
	return product(bytes / 1000, BYTE_PS) + bytes % 1000 * BYTE_PS / 1000;
}

static uint64_t range_ns(const struct gsd_read_cost *reads)
{
	if (reads->ranges < ENOUGH)
		return RANGE_NS;
	uint64_t for_bytes = bytes_ns(reads->bytes);
	uint64_t each = reads->ns > for_bytes ? (reads->ns - for_bytes) / reads->ranges : 0;
	return each < RANGE_MIN_NS ? RANGE_MIN_NS : each > RANGE_MAX_NS ? RANGE_MAX_NS : each;
}

/* By the costs alone. */
static uint64_t by_cost(const struct gsd_pause_plan *plan, const struct gsd_pause_work *work)
{
	uint64_t sum = STOP_NS + product(work->threads, THREAD_NS) + product(work->ranges, range_ns(&plan->reads)) +
		       bytes_ns(work->bytes);
	return sum < MOST_NS ? sum : MOST_NS;
}

uint64_t gsd_pause_estimate(const struct gsd_pause_plan *plan, const struct gsd_pause_work *work)
{
	uint64_t cost = by_cost(plan, work);
	return plan->scale == 0 ? cost : cost * plan->scale / SCALE_ONE; /* MOST_NS leaves room for it */
}

bool gsd_pause_allowed(struct gsd_pause_plan *plan, const struct gsd_pause_work *work)
{
	uint64_t estimate = gsd_pause_estimate(plan, work);
	if (estimate <= plan->limit_ns)
		return true;
	plan->refused_ns = estimate;
	return false;
}

void gsd_pause_learn(struct gsd_pause_plan *plan, const struct gsd_pause_work *work, uint64_t pause_ns)
{
	uint64_t scale = product(pause_ns, SCALE_ONE) / by_cost(plan, work);
	plan->scale = scale < SCALE_MIN ? SCALE_MIN : scale > SCALE_MAX ? SCALE_MAX : scale;
}

/* ---- measuring ---- */

static void timed_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	struct gsd_timed_memory *timed = (struct gsd_timed_memory *)memory;
	uint64_t start = gsd_clock_ns(CLOCK_MONOTONIC);
	gsd_memory_read_ranges(timed->inner, ranges, count);
	timed->cost->ns += gsd_clock_ns(CLOCK_MONOTONIC) - start;
	for (size_t i = 0; i < count; i++) {
		timed->cost->ranges += ranges[i].length != 0 ? 1 : 0;
		timed->cost->bytes += ranges[i].length;
	}
}

void gsd_timed_memory_init(struct gsd_timed_memory *timed, struct gsd_memory *inner, struct gsd_read_cost *cost)
{
	*timed = (struct gsd_timed_memory){.memory = {.read = timed_read}, .inner = inner, .cost = cost};
}
