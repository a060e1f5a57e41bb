/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks of goroutines that stand still, read while the program runs: many at a time, between two looks at each header.
 * The caller looks; a stack that is too large to be copied is read while it is walked, with looks of its own.
 */
#ifndef GSD_GO_STILL_STACKS_H
#define GSD_GO_STILL_STACKS_H

#include "go/goroutine.h"
#include "go/settle.h"

struct gsd_still_stacks;

/** Room for the stacks of @p capacity goroutines at a time. What is given is borrowed. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_still_stacks_create(struct gsd_analyst *analyst, struct gsd_memory *memory,
							 const struct gsd_layout *layout, size_t capacity,
							 struct gsd_still_stacks **stacks_ret);
void gsd_still_stacks_destroy(struct gsd_still_stacks *stacks);

/**
 * Plans the stacks of goroutines as they were seen, borrowed until they are walked; those that are dead or in motion
 * have none. Returns how many of the @p count there is room for, at least one.
 */
size_t gsd_still_stacks_plan(struct gsd_still_stacks *stacks, const struct gsd_sight *sights, size_t count);
/** Reads the stacks of the first @p count that were planned. */
void gsd_still_stacks_read(struct gsd_still_stacks *stacks, size_t count);
/**
 * Makes a goroutine of number @p i, whose @p header was read after the stack, and says what was planned. @p same_ret:
 * it was still so behind the walk, where that read the stack; without it @p goroutine_ret says nothing. Errors:
 * GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_still_stacks_walk(struct gsd_still_stacks *stacks, size_t i, uint64_t address,
						       const uint8_t *header, struct gsd_goroutine *goroutine_ret,
						       bool *same_ret);

#endif
