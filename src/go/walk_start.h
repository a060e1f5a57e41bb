/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the walk over a copied stack begins: with a goroutine that runs this takes its thread's registers. */
#ifndef GSD_GO_WALK_START_H
#define GSD_GO_WALK_START_H

#include "go/header.h"
#include "go/unwind.h"

/** Finds it, without C frames, or says why there is none; GSD_UNREADABLE_COUNT: no memory. */
enum gsd_unreadable gsd_walk_start_find(const struct gsd_runtime *runtime, const struct gsd_header *header,
					struct gsd_walk_start *start);

#endif
