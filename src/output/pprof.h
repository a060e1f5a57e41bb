/* SPDX-License-Identifier: BSD-3-Clause */
/* The pprof formats behind gsd_write_pprof() and gsd_write_pprof_goroutines(), with the source of locations left open.
 */
#ifndef GSD_OUTPUT_PPROF_H
#define GSD_OUTPUT_PPROF_H

#include "output/aggregate.h"
#include "output/output.h"

/** As gsd_write_pprof(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_pprof_from(const struct gsd_snapshot *snapshot,
						      const struct gsd_location_source *source, struct gsd_sink *sink);
/** As gsd_write_pprof_goroutines(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_pprof_goroutines_from(const struct gsd_snapshot *snapshot,
								 const struct gsd_location_source *source,
								 struct gsd_sink *sink);

#endif
