/* SPDX-License-Identifier: BSD-3-Clause */
/* The program that a target runs: its file or a library in it, whichever holds the Go runtime. */
#ifndef GSD_PROGRAM_H
#define GSD_PROGRAM_H

#include "go/runtime.h"
#include "gostackdump.h"
#include "target/target.h"

/**
 * The target's memory, with the program's own file behind it: read-only parts stay readable when the target ends while
 * its stacks are being named.
 */
struct gsd_backed_memory {
	struct gsd_memory memory;
	struct gsd_memory *target;
	struct gsd_memory *file;
	uint64_t bias;
};

/** A file that is mapped into the target: the program itself, or a library that holds Go code. */
struct gsd_object {
	struct gsd_backed_memory memory;
	struct gsd_elf *elf;
	int own_fd; /**< to be closed, or -1 */
	struct gsd_region *regions;
	struct gsd_program program;
};

/**
 * Finds the Go runtime of @p target: in its program, or in a library that is mapped into it. @p object is where it
 * was found, to be closed with gsd_object_close() after the last use of @p runtime. GSD_ERROR_NOT_GO: there is none.
 */
GSD_MUST_CHECK struct gsd_error *gsd_find_runtime(struct gsd_target *target, const struct gsd_capture_options *options,
						  struct gsd_object *object, struct gsd_runtime *runtime);
void gsd_object_close(struct gsd_object *object);

#endif
