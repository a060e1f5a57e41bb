/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A census: how many goroutines there are and in which state, from their headers alone, while the program runs. One
 * pass over the list; no stack is read.
 */
#ifndef GSD_GO_CENSUS_H
#define GSD_GO_CENSUS_H

#include "go/goroutine.h"

/** The runtime's own goroutines are counted in @ref system only. */
struct gsd_census {
	uint64_t running, runnable, syscall, waiting;
	uint64_t other;  /**< in a state that lasts a moment, or that no version has; a header that is unreadable */
	uint64_t system; /**< the runtime's own */
	uint64_t first_since; /**< smallest wait_since of one that waits or is in a system call; 0: none is known */
};

/**
 * Counts the goroutines of @p runtime by @p memory; each is seen once, not all in one moment. Errors:
 * GSD_ERROR_NO_MEMORY, GSD_ERROR_READ, GSD_ERROR_CORRUPT.
 */
GSD_MUST_CHECK struct gsd_error *gsd_census_take(const struct gsd_runtime *runtime, struct gsd_memory *memory,
						 struct gsd_census *census_ret);

#endif
