/* SPDX-License-Identifier: BSD-3-Clause */
/* A goroutine as it was copied: its g (the header), its stack, its M. And what the header says. */
#ifndef GSD_GO_HEADER_H
#define GSD_GO_HEADER_H

#include "base/plan.h"
#include "go/runtime.h"
#include "go/snapshot.h"
#include "go/stack_view.h"

/** A longer stack is not read: twice the runtime's own limit on 64-bit machines. */
#define GSD_MAX_STACK_BYTES ((uint64_t)1 << 31)

/** Fills in what @p plan must know of the runtime: the list, the stack rule, the links to threads. */
void gsd_goroutines_plan(const struct gsd_runtime *runtime, struct gsd_plan *plan);

/** A goroutine as it was copied. All borrowed. */
struct gsd_copied_goroutine {
	uint64_t address;               /**< of its g */
	const uint8_t *g;               /**< gsd_layout_g_bytes() of it; NULL: it could not be read */
	uint64_t m_address;             /**< of its M; 0: none */
	const uint8_t *m;               /**< gsd_layout_m_bytes() of that; NULL: none, or not read */
	enum gsd_stack_outcome outcome; /**< what became of its stack */
	struct gsd_stack_view stack;    /**< the copy, from its stack pointer (or below it) to the end */
	struct gsd_stack_view handler;  /**< the top of the other stack that its thread is on; empty: none */
};

/** Element @p element of a plan that was carried out. @p link counts those with an M: elements are asked in order. */
struct gsd_copied_goroutine gsd_copied_from_plan(const struct gsd_plan *plan, const struct gsd_layout *layout,
						 size_t element, size_t *link);

/** What is known of the moment beside goroutines. Borrowed. */
struct gsd_around {
	const struct gsd_threads *threads;
	bool finalizer_known;   /**< whether the runtime's flag could be read */
	bool finalizer_running; /**< its value */
};

/** A header decoded. */
struct gsd_header {
	struct gsd_goroutine goroutine; /**< what it says of it; the rest of it is not set, and its indexes say none */
	const struct gsd_copied_goroutine *copied;
	const struct gsd_around *around;
	uint64_t low, high;
	uint64_t sched_pc, sched_sp, sched_bp;
	uint64_t syscall_pc, syscall_sp, syscall_bp;
	uint64_t labels, ancestors, bubble;
	uint64_t locked_m; /**< address of the M that it is locked to; 0: none */
	bool running_cleanups;
};

/** Decodes @p copied. Without a g nothing is set but the address. */
struct gsd_header gsd_header_of(const struct gsd_copied_goroutine *copied, const struct gsd_around *around,
				const struct gsd_layout *layout);
/** Whether there is a goroutine: the g is not idle and not dead. */
bool gsd_header_exists(const struct gsd_header *header);
/** The thread of its M; NULL: it has none, or that is not known. */
const struct gsd_thread *gsd_header_thread(const struct gsd_header *header, const struct gsd_layout *layout);
/** Whether @p sp can be a stack pointer in its stack. */
static inline bool gsd_header_has_sp(const struct gsd_header *header, uint64_t sp)
{
	return sp > header->low && sp <= header->high;
}

#endif
