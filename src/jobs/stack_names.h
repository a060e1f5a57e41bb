/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks of several captures under common numbers. A stack is its functions and lines: addresses and labels say nothing
 * about what is compared, files only help to find the line.
 */
#ifndef GSD_JOBS_STACK_NAMES_H
#define GSD_JOBS_STACK_NAMES_H

#include "jobs/interner.h"

/** A line of a stack. Strings are any bytes, NUL-terminated. */
struct stack_frame {
	const char *function;
	const char *file; /**< of the first capture that had this frame; "" when unknown */
	int64_t line;
};

/** A zeroed struct is an empty one. */
struct stack_names {
	struct interner strings;
	struct interner frames;
	struct interner stacks;
	uint32_t *files; /**< by frame */
	size_t file_capacity;
	uint32_t *building; /**< frames of the stack that is being put together */
	size_t built;
	size_t building_capacity;
};

/** Frames that a stack may have; what is deeper is no capture of ours nor of Go's. */
#define STACK_FRAMES_MAX (1U << 20)

/** The number of a frame. False without memory. */
bool stack_names_frame(struct stack_names *names, const struct stack_frame *frame, uint32_t *number_ret);
/** Begins a stack; frames follow, innermost first. */
void stack_names_begin(struct stack_names *names);
/** Adds a frame by number. False without memory or beyond STACK_FRAMES_MAX. */
bool stack_names_push(struct stack_names *names, uint32_t frame);
/** The number of the stack that has been put together. False without memory. */
bool stack_names_end(struct stack_names *names, uint32_t *stack_ret);

/** How many frames @p stack has. */
size_t stack_names_depth(const struct stack_names *names, uint32_t stack);
/** Frame @p index of @p stack, innermost first. Valid until something is added. */
struct stack_frame stack_names_get(const struct stack_names *names, uint32_t stack, size_t index);
/** The frame with @p number. Valid until something is added. */
struct stack_frame stack_names_frame_of(const struct stack_names *names, uint32_t number);
/** The string with @p number. Valid until something is added. */
const char *stack_names_string(const struct stack_names *names, uint32_t number);
/** An order that depends on names and lines only: <0, 0, >0. */
int stack_names_compare(const struct stack_names *names, uint32_t left, uint32_t right);
void stack_names_free(struct stack_names *names);

#endif
