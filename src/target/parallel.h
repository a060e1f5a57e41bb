/* SPDX-License-Identifier: BSD-3-Clause */
/* A process's memory, read by two threads where there are two processors. */
#ifndef GSD_TARGET_PARALLEL_H
#define GSD_TARGET_PARALLEL_H

#include "target/process.h"

struct gsd_parallel_memory;

/** NULL where it would not help, or there is no memory or thread for it: gsd_parallel_memory() makes do then. */
struct gsd_parallel_memory *gsd_parallel_memory_create(struct gsd_process *process);
/** Ends the thread. @p process, which must live until here, gets what it has read added to its count. */
void gsd_parallel_memory_destroy(struct gsd_parallel_memory *parallel, struct gsd_process *process);
/**
 * The memory to read with, by the thread that made it; the process's own where @p parallel is NULL. Not in a stop.
 * While it is read with, nothing else is read of @p process.
 */
struct gsd_memory *gsd_parallel_memory(struct gsd_parallel_memory *parallel, struct gsd_process *process);

#endif
