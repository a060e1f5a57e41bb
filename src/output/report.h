/* SPDX-License-Identifier: BSD-3-Clause */
/* The report behind gsd_write_report(), with the source of locations left open. */
#ifndef GSD_OUTPUT_REPORT_H
#define GSD_OUTPUT_REPORT_H

#include "output/aggregate.h"
#include "output/output.h"

/** As gsd_write_report(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_report_from(const struct gsd_snapshot *snapshot,
						       const struct gsd_location_source *source,
						       struct gsd_report_style style, struct gsd_sink *sink);

#endif
