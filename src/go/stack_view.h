/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes of a stack as a walk sees them: all copied before, or, where that would be hundreds of megabytes, read as
 * the walk goes up: a window that follows it, and a small one for what lies elsewhere.
 */
#ifndef GSD_GO_STACK_VIEW_H
#define GSD_GO_STACK_VIEW_H

#include "base/memory.h"

struct gsd_stack_stream;

/** Bytes of a stack: [start, start + length) of the target. */
struct gsd_stack_view {
	uint64_t start;
	const uint8_t *bytes;
	size_t length;
	struct gsd_stack_stream *stream; /**< NULL: all are at `bytes`; else they are read when they are asked for */
};

/** @p size bytes of the stack, a word at most. False: they are not in the view, or could not be read. */
bool gsd_stack_view_read(const struct gsd_stack_view *view, uint64_t address, size_t size, void *bytes_ret);
/** A word of it. */
bool gsd_stack_view_word(const struct gsd_stack_view *view, uint64_t address, uint64_t *word_ret);
/** The walk has come to @p sp, and most of what it asks for next is just above. */
void gsd_stack_view_follow(const struct gsd_stack_view *view, uint64_t sp);

/** Reads from @p memory, which is borrowed. NULL without memory of our own. */
struct gsd_stack_stream *gsd_stack_stream_create(struct gsd_memory *memory);
void gsd_stack_stream_destroy(struct gsd_stack_stream *stream);
/** A view of [start, start + length) by @p stream, which serves one view at a time: those from before end. */
struct gsd_stack_view gsd_stack_stream_view(struct gsd_stack_stream *stream, uint64_t start, size_t length);
/** Whether something in the view could not be read. */
bool gsd_stack_stream_failed(const struct gsd_stack_stream *stream);

#endif
