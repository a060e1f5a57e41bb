/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GSD_BASE_CLOCK_H
#define GSD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of @p clock (clock_gettime(2)); 0 when there is no such clock. Allocates nothing: for a stop, too. */
uint64_t gsd_clock_ns(clockid_t clock);

#endif
