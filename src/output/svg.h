/* SPDX-License-Identifier: BSD-3-Clause */
/* The svg format behind gsd_write_svg(), with the source of locations left open; and what embed.cmake makes for it. */
#ifndef GSD_OUTPUT_SVG_H
#define GSD_OUTPUT_SVG_H

#include "output/aggregate.h"
#include "output/output.h"

/** As gsd_write_svg(), with locations from @p source. */
GSD_MUST_CHECK struct gsd_error *gsd_write_svg_from(const struct gsd_snapshot *snapshot,
						    const struct gsd_location_source *source, struct gsd_sink *sink);

/** The style and the script of the picture: svg.css and svg.js. */
extern const unsigned char gsd_svg_style[];
extern const size_t gsd_svg_style_size;
extern const unsigned char gsd_svg_script[];
extern const size_t gsd_svg_script_size;

#endif
