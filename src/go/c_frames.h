/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the folder above (native) can add to goroutines: C frames between those of Go, and names for them. Here are only
 * the two interfaces through which it is asked; without them a stack is Go's alone.
 */
#ifndef GSD_GO_C_FRAMES_H
#define GSD_GO_C_FRAMES_H

#include "base/array.h"

/** Of which goroutine C frames are wanted. */
struct gsd_c_frame_query {
	uint64_t m;   /**< address of the M that it is on, or locked to; 0: none */
	uint64_t tid; /**< id of the thread that is on its behalf somewhere, as the target sees it; 0: none is */
	uint64_t low; /**< its own stack: (low, high] */
	uint64_t high;
};

/**
 * C frames as words of a stack, in segments: number 0 goes before the innermost Go frame (its thread is in C), number n
 * behind the n-th runtime.cgocallback from there: the C code that called Go. Segments may be empty.
 */
struct gsd_c_frames {
	struct gsd_u64_array words;
	struct gsd_u64_array ends; /**< per segment: where it ends in words; it begins where the one before ends */
};
static inline void gsd_c_frames_clear(struct gsd_c_frames *frames)
{
	frames->words.count = 0;
	frames->ends.count = 0;
}
static inline void gsd_c_frames_free(struct gsd_c_frames *frames)
{
	gsd_u64_array_free(&frames->words);
	gsd_u64_array_free(&frames->ends);
}

/** Who knows C frames. */
struct gsd_c_frame_source {
	/** Appends to @p frames, which are empty. Errors: GSD_ERROR_NO_MEMORY. */
	struct gsd_error *(*find)(void *context, const struct gsd_c_frame_query *query, struct gsd_c_frames *frames);
	void *context;
};

/** A C function at a line. */
struct gsd_c_line {
	const char *function; /**< NULL: unknown */
	const char *file;     /**< NULL: unknown */
	int64_t line;         /**< 0: unknown */
	int64_t start_line;   /**< 0: unknown */
};

/** Who knows names of C code. */
struct gsd_c_name_source {
	/**
	 * What is at @p address, innermost first (inlined functions); none when nothing is known. The lines are valid
	 * until the next call. Errors: GSD_ERROR_NO_MEMORY.
	 */
	struct gsd_error *(*find)(void *context, uint64_t address, const struct gsd_c_line **lines_ret,
				  size_t *count_ret);
	void *context;
};

#endif
