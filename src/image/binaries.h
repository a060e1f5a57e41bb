/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding the file that a program or library was, where the program itself does not run (any more) here: among files
 * and in directories that the user names, by build id, and at the path that it had.
 */
#ifndef GSD_IMAGE_BINARIES_H
#define GSD_IMAGE_BINARIES_H

#include "image/build_id.h"

struct gsd_binaries;

/** A file that is wanted. */
struct gsd_wanted_binary {
	const char *path;            /**< where it was; "" when that is not known. Hostile */
	struct gsd_build_ids ids;    /**< what is known of them */
	bool program;                /**< it is the program itself: a single file that was given may be taken for it */
	const char *why_no_build_id; /**< said where its build id is not known: "its first page is not in the core" */
};

struct gsd_found_binary {
	int fd;           /**< for the caller to close */
	bool verified;    /**< by its build id; otherwise only its name speaks for it */
	const char *path; /**< where it was found; belongs to the binaries, or is that of what was wanted */
};

/**
 * Takes the paths that the user gives: each a file or a directory. Directories are searched, within bounds, when they
 * are first needed. Errors: GSD_ERROR_IO and those of gsd_elf_open() for a file that is none of ours.
 */
GSD_MUST_CHECK struct gsd_error *gsd_binaries_create(const char *const *paths, size_t count,
						     struct gsd_binaries **binaries_ret);
void gsd_binaries_destroy(struct gsd_binaries *binaries);
/**
 * Opens the wanted file: one that was given or is in a directory that was given and has its build id; else the file at
 * its path, unless it has another build id. Where no build id is known, a file that was given counts when its name is
 * the same, or when it is the only one and the program is wanted. Errors: GSD_ERROR_MISSING says what was looked at
 * and what to give.
 */
GSD_MUST_CHECK struct gsd_error *gsd_binaries_open(struct gsd_binaries *binaries,
						   const struct gsd_wanted_binary *wanted,
						   struct gsd_found_binary *found_ret);

#endif
