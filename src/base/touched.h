/* SPDX-License-Identifier: BSD-3-Clause */
/* What is used in a stop: its pages are there before. */
#ifndef GSD_BASE_TOUCHED_H
#define GSD_BASE_TOUCHED_H

#include "base/base.h"

/** @p count times @p size bytes (at least one byte) that have been written once. For free(); NULL without memory. */
void *gsd_allocate_touched(size_t count, size_t size);

/** Touches our code and constants and those of the C library. What they call must be bound already (`-z now`). */
void gsd_touch_code(void);

#endif
