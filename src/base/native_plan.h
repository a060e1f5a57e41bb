/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of a plan that is there only when C frames are asked for: bounded pieces of the stacks that threads are on,
 * and of the C stacks below Go code that C has called. Without it (piece_limit 0) a plan makes no other reads.
 */
#ifndef GSD_BASE_NATIVE_PLAN_H
#define GSD_BASE_NATIVE_PLAN_H

#include "base/memory.h"

struct gsd_plan;
struct gsd_threads;

/** A run of addresses [start, end). */
struct gsd_span {
	uint64_t start;
	uint64_t end;
};

/** A copied piece of a stack: @ref length bytes that were at @ref address; 0 bytes: they could not be read. */
struct gsd_stack_piece {
	uint64_t address;
	size_t offset; /**< of its bytes in gsd_native_plan.bytes */
	size_t length;
};

/** The scheduling stack of the thread that an element is linked or locked to. */
struct gsd_native_link {
	uint64_t link;  /**< address of the thread's struct */
	uint64_t stack; /**< of the header of its scheduling stack (g0); 0: could not be read */
	uint64_t sp;    /**< that header's saved stack pointer; 0: could not be read */
};

struct gsd_native_plan {
	/* inputs */
	size_t piece_limit;            /**< bytes of one stack from its stack pointer up; 0: nothing native is wanted */
	bool callbacks;                /**< C may have called Go: also what lies below the Go code that runs */
	size_t lock_offset;            /**< in a header: the thread that it is locked to, where it has no link */
	size_t link_stack_offset;      /**< in a thread's struct: address of the header of its scheduling stack */
	size_t stack_sp_offset;        /**< in a header: the saved stack pointer */
	const struct gsd_span *mapped; /**< what can be read, in order of address: a piece ends with it. Borrowed */
	size_t mapped_count;

	/* room */
	struct gsd_stack_piece *pieces;
	struct gsd_range *ranges; /**< per piece and per link */
	size_t piece_capacity;
	struct gsd_native_link *links;
	struct gsd_span *own; /**< stacks of linked elements: their threads' pieces are not wanted */
	size_t link_capacity;
	uint8_t *bytes;
	size_t bytes_capacity;

	/* results */
	size_t piece_count;
	size_t link_count;
	size_t bytes_needed;
};

#define GSD_NATIVE_MAX_BYTES ((size_t)1 << 34)

/**
 * Makes room, and touches it, for @p threads threads, @p links linked or locked elements and @p bytes bytes. What was
 * there before is lost. Errors: GSD_ERROR_NO_MEMORY, GSD_ERROR_CORRUPT (more than GSD_NATIVE_MAX_BYTES).
 */
GSD_MUST_CHECK struct gsd_error *gsd_native_plan_reserve(struct gsd_native_plan *native, size_t threads, size_t links,
							 size_t bytes);
void gsd_native_plan_free(struct gsd_native_plan *native);

/** Carries it out, after the rest of @p plan: in the stop. */
void gsd_native_plan_run(struct gsd_plan *plan, struct gsd_memory *memory, const struct gsd_threads *threads);
bool gsd_native_plan_overflowed(const struct gsd_native_plan *native);

/** Puts the pieces that were read into order of address. After the stop. */
void gsd_native_plan_sort(struct gsd_native_plan *native);
/** Reads @p length bytes at @p address from sorted pieces; false when they were not copied. */
bool gsd_native_plan_read(const struct gsd_native_plan *native, uint64_t address, void *buffer, size_t length);

#endif
