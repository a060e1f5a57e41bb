/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture saved and taken up again: gsd_capture_load() and its counterpart. */
#ifndef GSD_LOAD_H
#define GSD_LOAD_H

#include "capture.h"

/** Writes the record of @p capture. Fails as gsd_record_write(). */
GSD_MUST_CHECK struct gsd_error *gsd_capture_record(const struct gsd_capture *capture, struct gsd_sink *sink);

#endif
