/* SPDX-License-Identifier: BSD-3-Clause */
/* What the clocks say. Jobs are clients of the public header: the library's own is not theirs. */
#ifndef GSD_JOBS_CLOCK_H
#define GSD_JOBS_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of @p clock (clock_gettime(2)); 0 when there is no such clock. */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

#endif
