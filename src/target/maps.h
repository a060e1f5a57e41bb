/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/PID/maps: text in, mappings out. Knows no pid. */
#ifndef GSD_TARGET_MAPS_H
#define GSD_TARGET_MAPS_H

#include "base/array.h"
#include "base/error.h"
#include "target/process.h"

/** More lines than this are not believed (vm.max_map_count is 65530 by default). */
#define GSD_MAPS_MAX_LINES ((size_t)1 << 20)
/** More bytes than this are not read. */
#define GSD_MAPS_MAX_BYTES ((size_t)256 << 20)

GSD_DEFINE_ARRAY(gsd_mapping_array, struct gsd_mapping)

/**
 * Parses @p length bytes of a maps file. The paths live in @p strings. GSD_ERROR_CORRUPT names the line that is not as
 * the kernel writes it, or whose addresses contradict each other. The mappings come out in order and do not overlap.
 */
GSD_MUST_CHECK struct gsd_error *gsd_maps_parse(const char *text, size_t length, struct gsd_arena *strings,
						struct gsd_mapping_array *mappings);

/** Undoes in place what the kernel does to a path in maps. A path from elsewhere is comparable when treated alike. */
void gsd_maps_undo_escapes(char *path);

#endif
