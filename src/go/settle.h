/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules by which a goroutine that was not read in the stop is settled: what its header was in the looks before,
 * what it is in the look after, and what that proves of the moment between. Pure, and one function a rule:
 * docs/capture.md says why each holds, tests/model finds what goes wrong without it.
 */
#ifndef GSD_GO_SETTLE_H
#define GSD_GO_SETTLE_H

#include "go/layout.h"

/**
 * What stays the same in a header while a goroutine stays where it is, whatever the garbage collector does to its stack
 * (it moves stacks and notes waitsince on goroutines that stand still). No padding: compared as bytes.
 */
struct gsd_validator {
	uint64_t goid;
	uint64_t pc;
	uint64_t labels;
	uint64_t bp_distance; /**< from the end of the stack */
	uint32_t sp_distance;
	uint16_t status;  /**< without the scan bit */
	uint8_t sequence; /**< trackingSeq: counted when it leaves running; eight bits */
	uint8_t wait_reason;
};

/** A header as a look sees it. */
struct gsd_sight {
	struct gsd_validator validator;
	uint64_t low, high, sp; /**< raw: must not change around the reading of a stack */
	uint64_t start_pc;
	bool settleable; /**< waits where leaving is counted, or is dead; and has left its M */
	bool dead;
	bool scan_done; /**< the garbage collector has scanned it in this cycle */
	bool in_bubble;
};

/** What is constant for a program: where the fields are, and two wait reasons. */
struct gsd_sights {
	const struct gsd_layout *layout;
	unsigned coroutine_reason; /**< leaves and returns uncounted, as does the next; UINT_MAX: none */
	unsigned preempted_reason;
};
struct gsd_sights gsd_sights_of(const struct gsd_layout *layout);
struct gsd_sight gsd_sight_of(const struct gsd_sights *sights, const uint8_t *g);

/** Whether both are the same goroutine in the same place. */
bool gsd_validator_equal(const struct gsd_validator *left, const struct gsd_validator *right);

/** Whether it is also on the same stack, so that what was read of that between the two is its own. */
bool gsd_sight_equal(const struct gsd_sight *left, const struct gsd_sight *right);

/** What the looks before the stop have left of a goroutine that stood still in all of them. */
struct gsd_past {
	struct gsd_validator validator;
	bool dead;
	bool scan_done; /**< in the last of them */
};

/** Which rules may be used in this round, and what they ask. */
struct gsd_settle_rules {
	bool one_step;      /**< rule 3 */
	bool scanned_alike; /**< ... only for those that the garbage collector has scanned, or has not, at both looks */
	bool births;        /**< rules 2 and 4: it is known which goids were handed out */
	/** Whether @p goid was handed out between the last look and the stop; whether only after it. */
	bool (*handed_out)(const void *context, uint64_t goid);
	bool (*handed_out_later)(const void *context, uint64_t goid);
	const void *context;
};

enum gsd_verdict {
	GSD_VERDICT_SAME,      /**< rule 1: at the stop it was as it was before */
	GSD_VERDICT_NOT_THERE, /**< rule 2: it is dead, and was */
	GSD_VERDICT_ONE_STEP,  /**< rule 3: as before, if its whole stack is still the same */
	GSD_VERDICT_BORN, /**< rule 4: made after the stop, if all others that were made meanwhile are accounted for */
	GSD_VERDICT_AMBIGUOUS
};
/** What @p now, seen after the stop, proves. It was no M's current goroutine in the stop. */
enum gsd_verdict gsd_settle(const struct gsd_past *past, const struct gsd_sight *now,
			    const struct gsd_settle_rules *rules);

#endif
