/* SPDX-License-Identifier: BSD-3-Clause */
/* What was mapped into the process of a core, and where, when the core does not list it (NT_FILE). */
#ifndef GSD_CORE_FILES_H
#define GSD_CORE_FILES_H

#include "image/binaries.h"
#include "target/core.h"

/** The path of a program that is in the memory of the core, and is nowhere else known. */
#define GSD_CORE_UNKNOWN_PROGRAM "[program]"

/**
 * Adds the mapped files to @p core, unless it lists them: those to which its auxiliary vector and the dynamic linker's
 * list lead; without that vector, the programs and libraries whose first pages are in @p dumped, the memory that is in
 * the core, as far as @p binaries has them, and the program in any case. What is not found is no error.
 */
GSD_MUST_CHECK struct gsd_error *gsd_core_list_files(struct gsd_core *core, struct gsd_memory *dumped,
						     struct gsd_binaries *binaries);

#endif
