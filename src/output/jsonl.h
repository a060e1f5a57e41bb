/* SPDX-License-Identifier: BSD-3-Clause */
/* The jsonl format behind gsd_write_jsonl(), with the source of locations left open. */
#ifndef GSD_OUTPUT_JSONL_H
#define GSD_OUTPUT_JSONL_H

#include "output/aggregate.h"
#include "output/json.h"
#include "output/output.h"

/** As gsd_write_jsonl(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_jsonl_from(const struct gsd_snapshot *snapshot,
						      const struct gsd_location_source *source, struct gsd_sink *sink);

/** Adds "selection": what the goroutines of @p snapshot were selected by (docs/jsonl.md), or null. */
void gsd_json_selection(struct gsd_json *json, const struct gsd_snapshot *snapshot);

#endif
