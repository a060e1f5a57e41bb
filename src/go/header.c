/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/header.h"

/* ---- copying ---- */

#define STATUS_BIT(status) (UINT64_C(1) << (status))

void gsd_goroutines_plan(const struct gsd_runtime *runtime, struct gsd_plan *plan)
{
	const struct gsd_layout *layout = &runtime->layout;
	plan->list_pointer_address = runtime->allgs.pointer_address;
	plan->list_length_address = runtime->allgs.length_address;
	plan->header_size = gsd_layout_g_bytes(layout);
	plan->link_offset = layout->m;
	plan->link_size = gsd_layout_m_bytes(layout);
	plan->stack_rule =
		(struct gsd_stack_rule){.status_offset = layout->atomicstatus,
					.status_mask = ~GSD_STATUS_SCAN_BIT,
					.skip_statuses = STATUS_BIT(GSD_STATUS_IDLE) | STATUS_BIT(GSD_STATUS_DEAD) |
							 STATUS_BIT(GSD_STATUS_DEADEXTRA),
					.running_statuses = STATUS_BIT(GSD_STATUS_RUNNING),
					.linked_running_statuses = STATUS_BIT(GSD_STATUS_WAITING),
					.link_tid_offset = layout->m_procid,
					.low_offset = layout->stack_low,
					.high_offset = layout->stack_high,
					.sp_first_offset = layout->syscallsp,
					.sp_offset = layout->sched_sp,
					.max_stack_bytes = GSD_MAX_STACK_BYTES};
}

/* The handler's stack that was copied for element @p element. */
static struct gsd_stack_view handler_of(const struct gsd_plan *plan, size_t element)
{
	for (size_t i = 0; i < plan->piece_count; i++)
		if (plan->pieces[i].element == element)
			return (struct gsd_stack_view){.start = plan->pieces[i].address,
						       .bytes = plan->pieces[i].bytes,
						       .length = plan->pieces[i].length};
	return (struct gsd_stack_view){0};
}

struct gsd_copied_goroutine gsd_copied_from_plan(const struct gsd_plan *plan, const struct gsd_layout *layout,
						 size_t element, size_t *link)
{
	const uint8_t *g = plan->headers[element];
	struct gsd_copied_goroutine copied = {.address = plan->elements[element], .g = g};
	if (g == NULL)
		return copied;
	const struct gsd_stack_copy *stack = &plan->stacks[element];
	copied.outcome = stack->outcome;
	copied.stack = (struct gsd_stack_view){
		.start = stack->address, .bytes = plan->stack_bytes + stack->offset, .length = stack->length};
	copied.handler = handler_of(plan, element);
	copied.m_address = gsd_layout_word(g, layout->m);
	if (copied.m_address == 0)
		return copied;
	if (*link < plan->link_count && plan->link_ranges[*link].errnum == 0)
		copied.m = plan->link_bytes + *link * plan->link_size;
	++*link;
	return copied;
}

/* ---- decoding ---- */

static void forget_indexes(struct gsd_goroutine *goroutine)
{
	goroutine->labels = GSD_NO_LABELS;
	goroutine->ancestry = GSD_NO_ANCESTRY;
	goroutine->bubble = GSD_NO_BUBBLE;
	goroutine->thread = GSD_NO_THREAD;
	goroutine->values = GSD_NO_VALUES;
}

static void decode(const struct gsd_layout *layout, const uint8_t *g, struct gsd_header *header)
{
	uint32_t status = (uint32_t)gsd_layout_word(g, layout->atomicstatus);
	struct gsd_goroutine *goroutine = &header->goroutine;
	goroutine->status = status & ~GSD_STATUS_SCAN_BIT;
	goroutine->scan = (status & GSD_STATUS_SCAN_BIT) != 0;
	goroutine->goid = gsd_layout_word(g, layout->goid);
	goroutine->parent_goid = gsd_layout_word(g, layout->parent_goid);
	/* The first goroutine was made by the start-up code, which nobody wants to read about (runtime/traceback.go,
	 * printcreatedby). */
	goroutine->creator_pc = goroutine->goid == 1 ? 0 : gsd_layout_word(g, layout->gopc);
	goroutine->start_pc = gsd_layout_word(g, layout->startpc);
	goroutine->wait_since = gsd_layout_word(g, layout->waitsince);
	goroutine->wait_reason = (uint8_t)gsd_layout_word(g, layout->waitreason);
	header->locked_m = gsd_layout_word(g, layout->lockedm);
	goroutine->locked = header->locked_m != 0;
	header->low = gsd_layout_word(g, layout->stack_low);
	header->high = gsd_layout_word(g, layout->stack_high);
	header->sched_pc = gsd_layout_word(g, layout->sched_pc);
	header->sched_sp = gsd_layout_word(g, layout->sched_sp);
	header->sched_bp = gsd_layout_word(g, layout->sched_bp);
	header->syscall_pc = gsd_layout_word(g, layout->syscallpc);
	header->syscall_sp = gsd_layout_word(g, layout->syscallsp);
	header->syscall_bp = gsd_layout_word(g, layout->syscallbp);
	header->labels = gsd_layout_word(g, layout->labels);
	header->ancestors = gsd_layout_word(g, layout->ancestors);
	header->bubble = gsd_layout_word(g, layout->bubble);
	goroutine->stack_low = header->low;
	if (header->high > header->low && header->high - header->low <= GSD_MAX_STACK_BYTES)
		goroutine->stack_size = (uint32_t)(header->high - header->low);
	/* A new goroutine's saved pc is its entry; one that has run was saved behind a call. */
	goroutine->never_ran = goroutine->status != GSD_STATUS_RUNNING && header->syscall_sp == 0 &&
			       header->sched_pc == goroutine->start_pc && goroutine->start_pc != 0;
	header->running_cleanups = (gsd_layout_word(g, layout->running_cleanups) & 0xff) != 0;
}

struct gsd_header gsd_header_of(const struct gsd_copied_goroutine *copied, const struct gsd_around *around,
				const struct gsd_layout *layout)
{
	struct gsd_header header = {.copied = copied, .around = around, .goroutine = {.address = copied->address}};
	forget_indexes(&header.goroutine);
	if (copied->g != NULL)
		decode(layout, copied->g, &header);
	return header;
}

bool gsd_header_exists(const struct gsd_header *header)
{
	unsigned status = header->goroutine.status;
	return status != GSD_STATUS_IDLE && status != GSD_STATUS_DEAD && status != GSD_STATUS_DEADEXTRA;
}

const struct gsd_thread *gsd_header_thread(const struct gsd_header *header, const struct gsd_layout *layout)
{
	if (header->copied->m == NULL)
		return NULL;
	uint64_t tid = gsd_layout_word(header->copied->m, layout->m_procid);
	const struct gsd_threads *threads = header->around->threads;
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].tid_inside == tid)
			return &threads->items[i];
	return NULL;
}
