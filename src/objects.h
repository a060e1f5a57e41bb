/* SPDX-License-Identifier: BSD-3-Clause */
/* The files that the code of a saved capture was in, found again, and a memory that they make together. */
#ifndef GSD_OBJECTS_H
#define GSD_OBJECTS_H

#include "record/record.h"

struct gsd_objects;

/**
 * Opens the files that the modules of @p record were mapped from: those of gsd_capture_options.exes, else those where
 * they were. They keep to @p record. Fails as gsd_binaries_open(), or with GSD_ERROR_CORRUPT.
 */
GSD_MUST_CHECK struct gsd_error *gsd_objects_open(const struct gsd_loaded_record *record,
						  const struct gsd_capture_options *options,
						  struct gsd_objects **objects_ret);
void gsd_objects_close(struct gsd_objects *objects);

/** What was mapped from them, as far as it does not change, at the addresses where it was. */
struct gsd_memory *gsd_objects_memory(struct gsd_objects *objects);

#endif
