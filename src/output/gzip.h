/* SPDX-License-Identifier: BSD-3-Clause */
/* A sink that compresses what is written to it, and writes that to another sink. */
#ifndef GSD_OUTPUT_GZIP_H
#define GSD_OUTPUT_GZIP_H

#include "output/output.h"

struct gsd_gzip;

/** A gzip stream into @p below, which it borrows. Fast rather than small, as Go compresses its profiles. */
GSD_MUST_CHECK struct gsd_error *gsd_gzip_create(struct gsd_sink *below, struct gsd_gzip **gzip_ret);
/** Frees @p gzip, finished or not; NULL is allowed. */
void gsd_gzip_destroy(struct gsd_gzip *gzip);
/** What to write to; belongs to @p gzip. */
struct gsd_sink *gsd_gzip_sink(struct gsd_gzip *gzip);
/** Ends the stream: without it the output is cut. Nothing may be written afterwards. */
GSD_MUST_CHECK struct gsd_error *gsd_gzip_finish(struct gsd_gzip *gzip);

#endif
