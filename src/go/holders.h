/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether what was read after the stop still is what goroutines held in the moment. Label sets, ancestries and bubbles
 * never change and live as long as a goroutine holds them: when one of those that held a pointer in the moment holds it
 * still after the reading, what was read was it.
 */
#ifndef GSD_GO_HOLDERS_H
#define GSD_GO_HOLDERS_H

#include "base/memory.h"
#include "go/layout.h"
#include "go/snapshot.h"

/** Which pointers of goroutines are asked about. */
struct gsd_held {
	uint32_t g_offset;        /**< of the pointer in a g */
	size_t index_member;      /**< in struct gsd_goroutine: the uint32_t index into `pointers` */
	uint32_t no_index;        /**< what it is when there is none */
	const uint64_t *pointers; /**< what was held in the moment */
	size_t count;
};

/**
 * Reads the goid and the pointer of goroutines again. `readable[i]` becomes false when none of @p goroutines that held
 * `pointers[i]` does so still. Errors: GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_holders_confirm(struct gsd_memory *memory, const struct gsd_layout *layout,
						     const struct gsd_held *held,
						     const struct gsd_goroutine *goroutines, size_t goroutine_count,
						     bool *readable);

#endif
