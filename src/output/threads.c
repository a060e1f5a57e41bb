/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/threads.h"

#include <stdlib.h>

#include "base/error.h"

/* Why a stack that is only a mark could not be read. */
static uint16_t unreadable(const struct gsd_stack *stack)
{
	for (uint16_t reason = GSD_READABLE + 1; reason < GSD_UNREADABLE_COUNT; reason++)
		if (stack->count == 1 && stack->words[0] == GSD_PC_UNREADABLE(reason))
			return reason;
	return GSD_READABLE;
}

struct gsd_error *gsd_threads_view(const struct gsd_snapshot *snapshot, struct gsd_snapshot *view_ret)
{
	size_t count = snapshot->thread_stack_count;
	struct gsd_goroutine *threads = calloc(count + 1, sizeof *threads);
	if (threads == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		const struct gsd_thread_stack *thread = &snapshot->thread_stacks[i];
		threads[i] = (struct gsd_goroutine){.goid = (uint64_t)thread->tid,
						    .stack = thread->stack,
						    .status = GSD_STATUS_RUNNING,
						    .unreadable = unreadable(&snapshot->stacks[thread->stack]),
						    .values = GSD_NO_VALUES,
						    .labels = GSD_NO_LABELS,
						    .thread = GSD_NO_THREAD,
						    .ancestry = GSD_NO_ANCESTRY,
						    .bubble = GSD_NO_BUBBLE};
	}
	*view_ret = *snapshot;
	view_ret->goroutines = threads;
	view_ret->goroutine_count = count;
	view_ret->thread_stacks = NULL;
	view_ret->thread_stack_count = 0;
	return NULL;
}

void gsd_threads_view_free(struct gsd_snapshot *view)
{
	free(view->goroutines);
	view->goroutines = NULL;
	view->goroutine_count = 0;
}
