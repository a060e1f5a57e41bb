/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of files and descriptors, in words for a person. */
#ifndef GSD_OUTPUT_IO_ERROR_H
#define GSD_OUTPUT_IO_ERROR_H

#include "base/base.h"

/** GSD_ERROR_IO: "cannot write NAME: REASON" with gsd_io_hint(). */
struct gsd_error *gsd_io_error(int errnum, const char *name) GSD_MUST_CHECK;
/** What a person does about a file or descriptor that cannot be written because of @p errnum. Never NULL. */
const char *gsd_io_hint(int errnum);

#endif
