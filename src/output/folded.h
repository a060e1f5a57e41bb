/* SPDX-License-Identifier: BSD-3-Clause */
/* The folded format behind gsd_write_folded(), with the source of locations left open. */
#ifndef GSD_OUTPUT_FOLDED_H
#define GSD_OUTPUT_FOLDED_H

#include "output/aggregate.h"
#include "output/output.h"

/** As gsd_write_folded(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_folded_from(const struct gsd_snapshot *snapshot,
						       const struct gsd_location_source *source, struct gsd_sink *sink);

#endif
