/* SPDX-License-Identifier: BSD-3-Clause */
/* A core file as a target: what it lacks of the files that were mapped is read from those files. */
#ifndef GSD_CORE_TARGET_H
#define GSD_CORE_TARGET_H

#include "target/target.h"

/**
 * Opens the core at @p path. The program and its libraries are looked for in @p options->exes and where they were. A
 * program that is not found is no error yet: a core may hold all of it. Errors: those of gsd_core_open() and
 * gsd_binaries_create(). To be freed with gsd_target_destroy().
 */
GSD_MUST_CHECK struct gsd_error *gsd_target_open_core(const char *path, const struct gsd_capture_options *options,
						      struct gsd_target **target_ret);

#endif
