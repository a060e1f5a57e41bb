/* SPDX-License-Identifier: BSD-3-Clause */
/* The html format behind gsd_write_html(), with the source of locations left open; and the page that embed.cmake makes.
 */
#ifndef GSD_OUTPUT_HTML_H
#define GSD_OUTPUT_HTML_H

#include "output/aggregate.h"
#include "output/output.h"

/** As gsd_write_html(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_html_from(const struct gsd_snapshot *snapshot,
						     const struct gsd_location_source *source, struct gsd_sink *sink);

/** The page up to its data, and from there on: flame.html with flame.css and flame.js. */
extern const unsigned char gsd_html_head[];
extern const size_t gsd_html_head_size;
extern const unsigned char gsd_html_tail[];
extern const size_t gsd_html_tail_size;

#endif
