/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walking a stack that was copied: by the function table (what the runtime itself uses: exact at every Go instruction)
 * and by frame pointers (cheap, also through C that has them). In auto mode the table leads, the frame pointers check
 * every return address, and cross where the table knows nothing. Pure: bytes in, words out.
 */
#ifndef GSD_GO_UNWIND_H
#define GSD_GO_UNWIND_H

#include "base/plan.h"
#include "go/c_frames.h"
#include "go/code.h"
#include "go/snapshot.h"
#include "go/stack_view.h"

/** Where a walk begins. */
struct gsd_walk_start {
	uint64_t pc;
	uint64_t sp;
	uint64_t bp;      /**< 0: unknown */
	bool exact;       /**< pc is the instruction that was executing, on this stack (a thread's registers) */
	bool system_call; /**< from g.syscallpc: the first function may write sp */
	bool moving;      /**< the stack is being copied: frame pointers say nothing */
	bool may_move;    /**< the stack may be being copied: frame pointers that point elsewhere say nothing */
	const struct gsd_c_frames *c_frames; /**< to be put between those of Go; NULL: none */
};

/** The words that are kept of a stack: the first `head` and the last `tail` frames. */
struct gsd_frame_buffer {
	uint64_t *words;
	size_t count;
	size_t head; /**< capacity for the innermost frames */
	size_t tail; /**< capacity for the outermost ones (a ring while walking); 0: only the innermost are kept */
	size_t total;
	uint64_t *ring;
	/** Per word the address of its frame's arguments, 0: unknown; NULL: they are not kept. */
	uint64_t *arguments;
	uint64_t *argument_ring;
	/** Told of each word that is left out, in order; NULL: nobody is. */
	void (*left_out)(void *context, uint64_t word);
	void *context;
};
/** Room for @p max_frames frames (half and half), or with @p innermost_only all of them the innermost. */
GSD_MUST_CHECK struct gsd_error *gsd_frame_buffer_init(struct gsd_frame_buffer *buffer, size_t max_frames,
						       bool innermost_only);
/** Keeps the addresses of arguments too. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_frame_buffer_keep_arguments(struct gsd_frame_buffer *buffer);
void gsd_frame_buffer_free(struct gsd_frame_buffer *buffer);

struct gsd_walk_result {
	enum gsd_unreadable unreadable;
	uint64_t table_steps;
	uint64_t fp_steps;
	bool disagreed; /**< the frame pointers gave another stack than the table */
};

/**
 * Walks from @p start over @p view and leaves the words in @p buffer (buffer->words, buffer->count), GSD_PC_ELIDED
 * standing for what did not fit. False without memory.
 */
bool gsd_walk(struct gsd_code *code, const struct gsd_stack_view *view, const struct gsd_walk_start *start,
	      enum gsd_unwind_mode mode, struct gsd_frame_buffer *buffer,
	      struct gsd_walk_result *result_ret) GSD_MUST_CHECK;

#endif
