/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"

uint64_t gsd_clock_ns(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
