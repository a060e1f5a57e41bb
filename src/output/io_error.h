/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of files and descriptors, in words for a person. */
#ifndef GSD_OUTPUT_IO_ERROR_H
#define GSD_OUTPUT_IO_ERROR_H

#include "base/base.h"

/** GSD_ERROR_IO: "cannot write NAME: REASON" with the hint that fits @p errnum, if one does. */
struct gsd_error *gsd_io_error(int errnum, const char *name) GSD_MUST_CHECK;

#endif
