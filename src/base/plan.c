/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/touched.h"

#define RUN_GAP      1024      /* headers closer than this are read in one run */
#define RUN_BYTES    (1 << 20) /* a run does not get longer, so that one unreadable page costs little */
#define PAGE_SIZE    4096
#define CHAIN_GROWTH 4096 /* structs that the linked list may have got since it was looked at */

/* ---- preparing ---- */

struct placed {
	uint64_t address;
	size_t element;
};

static int by_address(const void *left, const void *right)
{
	const struct placed *a = left;
	const struct placed *b = right;
	return (a->address > b->address) - (a->address < b->address);
}

/* Sorts the known headers and joins neighbours to runs; headers[] then point into run_bytes. */
static struct gsd_error *make_runs(struct gsd_plan *plan, const uint64_t *known, size_t known_count)
{
	struct placed *placed = reallocarray(NULL, known_count == 0 ? 1 : known_count, sizeof *placed);
	plan->runs = gsd_allocate_touched(known_count, sizeof *plan->runs);
	if (placed == NULL || plan->runs == NULL) {
		free(placed);
		return gsd_error_no_memory();
	}
	for (size_t i = 0; i < known_count; i++)
		placed[i] = (struct placed){.address = known[i], .element = i};
	qsort(placed, known_count, sizeof *placed, by_address);
	size_t bytes = 0;
	for (size_t i = 0; i < known_count; i++) {
		struct gsd_range *run = plan->run_count > 0 ? &plan->runs[plan->run_count - 1] : NULL;
		uint64_t end = run != NULL ? run->address + run->length : 0;
		if (run != NULL && placed[i].address - run->address < RUN_BYTES && placed[i].address < end + RUN_GAP) {
			uint64_t length = placed[i].address + plan->header_size - run->address;
			bytes += (size_t)length - run->length;
			run->length = (size_t)length;
		} else {
			plan->runs[plan->run_count++] =
				(struct gsd_range){.address = placed[i].address, .length = plan->header_size};
			bytes += plan->header_size;
		}
	}
	plan->run_bytes = gsd_allocate_touched(bytes, 1);
	if (plan->run_bytes == NULL) {
		free(placed);
		return gsd_error_no_memory();
	}
	uint8_t *buffer = plan->run_bytes;
	size_t next = 0;
	for (size_t r = 0; r < plan->run_count; r++) {
		struct gsd_range *run = &plan->runs[r];
		run->buffer = buffer;
		buffer += run->length;
		uint64_t last = run->length - plan->header_size; /* where the last header of the run begins */
		for (; next < known_count && placed[next].address - run->address <= last; next++)
			plan->headers[placed[next].element] =
				(uint8_t *)run->buffer + (placed[next].address - run->address);
	}
	free(placed);
	return NULL;
}

static struct gsd_error *too_many(size_t count, size_t stack_bytes)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0,
						  "make room for %zu goroutines with %zu bytes of stack", count,
						  stack_bytes),
				 "no Go program has that many");
}

struct gsd_error *gsd_plan_enlarge(struct gsd_plan *plan, size_t links, size_t stack_bytes)
{
	if (links > GSD_PLAN_MAX_ELEMENTS || stack_bytes > GSD_PLAN_MAX_STACK_BYTES)
		return too_many(links, stack_bytes);
	if (stack_bytes > plan->stack_bytes_capacity) {
		free(plan->stack_bytes);
		plan->stack_bytes = gsd_allocate_touched(stack_bytes, 1);
		plan->stack_bytes_capacity = stack_bytes;
	}
	if (links > plan->link_capacity) {
		free(plan->links);
		free(plan->link_ranges);
		free(plan->link_bytes);
		plan->links = gsd_allocate_touched(links, sizeof *plan->links);
		plan->link_ranges = gsd_allocate_touched(links, sizeof *plan->link_ranges);
		plan->link_bytes = gsd_allocate_touched(links, plan->link_size == 0 ? 1 : plan->link_size);
		plan->link_capacity = links;
	}
	return plan->stack_bytes == NULL || plan->links == NULL || plan->link_ranges == NULL || plan->link_bytes == NULL
		       ? gsd_error_no_memory()
		       : NULL;
}

struct gsd_error *gsd_plan_reserve(struct gsd_plan *plan, const struct gsd_plan_room *room, const uint64_t *known,
				   size_t known_count)
{
	if (room->elements > GSD_PLAN_MAX_ELEMENTS || known_count > room->elements)
		return too_many(room->elements, room->stack_bytes);
	uint64_t *elements = gsd_allocate_touched(room->elements, sizeof *elements);
	if (elements != NULL && known_count > 0)
		memcpy(elements, known, known_count * sizeof *known);
	gsd_plan_free(plan);
	size_t unknown = room->elements - known_count;
	plan->elements = elements;
	plan->known_count = known_count;
	plan->capacity = room->elements;
	plan->headers = gsd_allocate_touched(room->elements, sizeof *plan->headers);
	plan->new_headers = gsd_allocate_touched(unknown, plan->header_size);
	plan->new_ranges = gsd_allocate_touched(unknown, sizeof *plan->new_ranges);
	plan->stacks = gsd_allocate_touched(room->elements, sizeof *plan->stacks);
	plan->stack_ranges = gsd_allocate_touched(room->elements, sizeof *plan->stack_ranges);
	plan->pieces = gsd_allocate_touched(room->pieces, sizeof *plan->pieces);
	plan->piece_bytes = gsd_allocate_touched(room->pieces, GSD_PIECE_BYTES);
	plan->piece_capacity = room->pieces;
	plan->chain.ranges = gsd_allocate_touched(2 * room->chain + 1, sizeof *plan->chain.ranges);
	plan->chain.words = gsd_allocate_touched(2 * room->chain, sizeof *plan->chain.words);
	plan->chain.known_count = 0;
	if (plan->chain.ranges == NULL || plan->chain.words == NULL || plan->pieces == NULL ||
	    plan->piece_bytes == NULL || plan->elements == NULL || plan->headers == NULL || plan->new_headers == NULL ||
	    plan->new_ranges == NULL || plan->stacks == NULL || plan->stack_ranges == NULL)
		return gsd_error_no_memory();
	GSD_TRY(gsd_plan_enlarge(plan, room->links + 1, room->stack_bytes + 1));
	return make_runs(plan, plan->elements, known_count);
}

void gsd_plan_free(struct gsd_plan *plan)
{
	free(plan->elements);
	free(plan->runs);
	free(plan->headers);
	free(plan->run_bytes);
	free(plan->new_headers);
	free(plan->new_ranges);
	free(plan->stacks);
	free(plan->stack_ranges);
	free(plan->stack_bytes);
	free(plan->links);
	free(plan->link_ranges);
	free(plan->link_bytes);
	free(plan->pieces);
	free(plan->piece_bytes);
	gsd_native_plan_free(&plan->native);
	free(plan->chain.ranges);
	free(plan->chain.words);
	plan->chain.ranges = NULL;
	plan->chain.words = NULL;
	plan->chain.known_count = 0;
	plan->pieces = NULL;
	plan->piece_bytes = NULL;
	plan->elements = NULL;
	plan->runs = NULL;
	plan->run_count = 0;
	plan->headers = NULL;
	plan->run_bytes = NULL;
	plan->new_headers = NULL;
	plan->new_ranges = NULL;
	plan->stacks = NULL;
	plan->stack_ranges = NULL;
	plan->stack_bytes = NULL;
	plan->links = NULL;
	plan->link_ranges = NULL;
	plan->link_bytes = NULL;
	plan->known_count = plan->capacity = plan->stack_bytes_capacity = plan->link_capacity = plan->piece_capacity =
		0;
}

/* ---- carrying out: what follows runs while the target is stopped ---- */

static void read_list(struct gsd_plan *plan, struct gsd_memory *memory)
{
	uint64_t length = 0;
	uint64_t array = 0;
	/* The length first: the array may grow while the target runs, and a longer array has all of a shorter one. */
	struct gsd_range words[2] = {
		{.address = plan->list_length_address, .length = sizeof length, .buffer = &length},
		{.address = plan->list_pointer_address, .length = sizeof array, .buffer = &array},
	};
	plan->element_count = plan->list_length = 0;
	plan->element_overflow = false;
	plan->list_errnum = 0;
	if (plan->list_length_address == 0)
		return;
	gsd_memory_read_ranges(memory, &words[0], 1);
	gsd_memory_read_ranges(memory, &words[1], 1);
	plan->list_errnum = words[0].errnum != 0 ? words[0].errnum : words[1].errnum;
	if (plan->list_errnum != 0)
		return;
	if (length > GSD_PLAN_MAX_ELEMENTS) {
		plan->list_errnum = EOVERFLOW;
		return;
	}
	plan->list_length = (size_t)length;
	plan->element_count = plan->known_count;
	size_t before = plan->known_count + plan->settled_count;
	if (length <= before && (plan->settled_count > 0 || plan->chain.head_address != 0))
		return;
	plan->element_count = (size_t)length - plan->settled_count;
	if (plan->element_count > plan->capacity) {
		plan->element_overflow = true;
		return;
	}
	if (length <= before)
		return;
	struct gsd_range tail = {.address = array + 8 * before,
				 .length = 8 * ((size_t)length - before),
				 .buffer = plan->elements + plan->known_count};
	gsd_memory_read_ranges(memory, &tail, 1);
	plan->list_errnum = tail.errnum;
}

static bool is_known(const struct gsd_plan *plan, uint64_t address)
{
	size_t low = 0;
	size_t high = plan->known_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (plan->elements[middle] == address)
			return true;
		if (plan->elements[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = plan->known_count; i < plan->element_count; i++)
		if (plan->elements[i] == address)
			return true;
	return false;
}

static void pull_in(struct gsd_plan *plan, uint64_t address)
{
	if (address == 0 || is_known(plan, address))
		return;
	if (plan->element_count == plan->capacity)
		plan->element_overflow = true;
	else
		plan->elements[plan->element_count++] = address;
}

/*
 * The place of a struct of the linked list among those that were known before, known_count when it is none of them.
 * Most follow each other as they did, so that place @p next is nearly always it.
 */
static size_t place_in_chain(const struct gsd_chain *chain, uint64_t address, size_t next)
{
	if (next < chain->known_count && chain->known[next] == address)
		return next;
	for (size_t i = 0; i < chain->known_count; i++)
		if (chain->known[i] == address)
			return i;
	return chain->known_count;
}

/* Reads where the linked list begins, and of all structs that were known before what they lead to. */
static void read_known_of_chain(struct gsd_chain *chain, struct gsd_memory *memory, uint64_t *head)
{
	struct gsd_range *range = chain->ranges;
	*range++ = (struct gsd_range){.address = chain->head_address, .length = 8, .buffer = head};
	for (size_t i = 0; i < chain->known_count; i++) {
		*range++ = (struct gsd_range){
			.address = chain->known[i] + chain->next_offset, .length = 8, .buffer = &chain->words[2 * i]};
		*range++ = (struct gsd_range){.address = chain->known[i] + chain->element_offset,
					      .length = 8,
					      .buffer = &chain->words[2 * i + 1]};
	}
	gsd_memory_read_ranges(memory, chain->ranges, (size_t)(range - chain->ranges));
}

/* Both words of a struct that was not known. */
static bool read_unknown_of_chain(const struct gsd_chain *chain, struct gsd_memory *memory, uint64_t address,
				  uint64_t *words)
{
	struct gsd_range ranges[2] = {
		{.address = address + chain->next_offset, .length = 8, .buffer = &words[0]},
		{.address = address + chain->element_offset, .length = 8, .buffer = &words[1]},
	};
	gsd_memory_read_ranges(memory, ranges, 2);
	return ranges[0].errnum == 0 && ranges[1].errnum == 0;
}

/*
 * Follows the linked list as it is now, from its head to its end: what was known of it saves reading its structs one by
 * one, and is not believed.
 */
static void read_chain(struct gsd_plan *plan, struct gsd_memory *memory)
{
	struct gsd_chain *chain = &plan->chain;
	uint64_t at = 0;
	plan->chain_broken = false;
	if (chain->head_address == 0)
		return;
	read_known_of_chain(chain, memory, &at);
	plan->chain_broken = chain->ranges[0].errnum != 0 || at == 0;
	size_t next = 0;
	for (size_t steps = 0; !plan->chain_broken && at != 0; steps++) {
		uint64_t words[2] = {0, 0};
		size_t place = place_in_chain(chain, at, next);
		bool known = place < chain->known_count && chain->ranges[1 + 2 * place].errnum == 0 &&
			     chain->ranges[2 + 2 * place].errnum == 0;
		if (known)
			memcpy(words, &chain->words[2 * place], sizeof words);
		plan->chain_broken = steps == chain->known_count + CHAIN_GROWTH ||
				     (!known && !read_unknown_of_chain(chain, memory, at, words));
		if (plan->chain_broken)
			return;
		pull_in(plan, words[1]);
		at = words[0];
		next = place + 1;
	}
}

/* The run that a known header's copy lies in: the runs' buffers follow each other. */
static const struct gsd_range *run_of(const struct gsd_plan *plan, const uint8_t *header)
{
	size_t low = 0;
	size_t high = plan->run_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if ((const uint8_t *)plan->runs[middle].buffer <= header)
			low = middle;
		else
			high = middle;
	}
	return &plan->runs[low];
}

/* Drops the known headers whose run could not be read. */
static void forget_unread(struct gsd_plan *plan)
{
	size_t unread = 0;
	for (size_t r = 0; r < plan->run_count; r++)
		unread += plan->runs[r].errnum != 0 ? 1 : 0;
	for (size_t i = 0; unread > 0 && i < plan->known_count; i++)
		if (plan->headers[i] != NULL && run_of(plan, plan->headers[i])->errnum != 0)
			plan->headers[i] = NULL;
}

static void read_headers(struct gsd_plan *plan, struct gsd_memory *memory)
{
	gsd_memory_read_ranges(memory, plan->runs, plan->run_count);
	size_t unknown = plan->element_count > plan->known_count ? plan->element_count - plan->known_count : 0;
	for (size_t i = 0; i < unknown; i++) {
		uint8_t *header = plan->new_headers + i * plan->header_size;
		plan->headers[plan->known_count + i] = header;
		plan->new_ranges[i] = (struct gsd_range){.address = plan->elements[plan->known_count + i],
							 .length = plan->header_size,
							 .buffer = header};
	}
	gsd_memory_read_ranges(memory, plan->new_ranges, unknown);
	for (size_t i = 0; i < unknown; i++)
		if (plan->new_ranges[i].errnum != 0)
			plan->headers[plan->known_count + i] = NULL;
	forget_unread(plan);
}

/* Whether an element with this status runs, so that a thread's registers say where it is. */
static bool runs(const struct gsd_plan *plan, const uint8_t *header, uint32_t status)
{
	const struct gsd_stack_rule *rule = &plan->stack_rule;
	bool linked = plan->link_size != 0 && gsd_u64_at(header, plan->link_offset) != 0;
	uint64_t statuses = rule->running_statuses | (linked ? rule->linked_running_statuses : 0);
	return status < 64 && (statuses >> status & 1) != 0;
}

static const struct gsd_thread *thread_on(const struct gsd_threads *threads, uint64_t low, uint64_t high)
{
	for (size_t i = 0; i < threads->count; i++) {
		const struct gsd_thread *thread = &threads->items[i];
		if (thread->state == GSD_THREAD_STOPPED && thread->registers.sp > low && thread->registers.sp <= high)
			return thread;
	}
	return NULL;
}

/* The thread that the struct in link slot `link` belongs to. */
static const struct gsd_thread *thread_of_link(const struct gsd_plan *plan, const struct gsd_threads *threads,
					       size_t link)
{
	/* After an overflow no link was read, and there is no room for those beyond. */
	if (link >= plan->link_count || plan->link_count > plan->link_capacity || plan->link_ranges[link].errnum != 0)
		return NULL;
	uint64_t tid = gsd_u64_at(plan->link_bytes + link * plan->link_size, plan->stack_rule.link_tid_offset);
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].state == GSD_THREAD_STOPPED && threads->items[i].tid_inside == tid)
			return &threads->items[i];
	return NULL;
}

/* Copies what lies above a thread's sp, in pages so that the end of its stack ends it too. */
static void read_piece(struct gsd_plan *plan, struct gsd_memory *memory, size_t element,
		       const struct gsd_thread *thread)
{
	if (plan->piece_count == plan->piece_capacity)
		return;
	uint8_t *bytes = plan->piece_bytes + plan->piece_count * GSD_PIECE_BYTES;
	struct gsd_range ranges[GSD_PIECE_BYTES / PAGE_SIZE + 1];
	size_t count = 0;
	uint64_t address = thread->registers.sp;
	for (size_t done = 0; done < GSD_PIECE_BYTES; count++) {
		size_t length = PAGE_SIZE - (size_t)((address + done) & (PAGE_SIZE - 1));
		if (length > GSD_PIECE_BYTES - done)
			length = GSD_PIECE_BYTES - done;
		ranges[count] = (struct gsd_range){.address = address + done, .length = length, .buffer = bytes + done};
		done += length;
	}
	gsd_memory_read_ranges(memory, ranges, count);
	struct gsd_thread_piece *piece = &plan->pieces[plan->piece_count++];
	*piece = (struct gsd_thread_piece){.element = element, .address = address, .bytes = bytes};
	for (size_t i = 0; i < count && ranges[i].errnum == 0; i++)
		piece->length += ranges[i].length;
}

/*
 * Where a stack begins: at the saved stack pointer, or where a thread is on it. One that runs while its thread is on
 * another stack is read whole, if it is not too large for that: the saved stack pointer may be an old one.
 */
static uint64_t stack_start(const struct gsd_plan *plan, const uint8_t *header, bool running, uint64_t low,
			    uint64_t high, const struct gsd_threads *threads)
{
	const struct gsd_stack_rule *rule = &plan->stack_rule;
	const struct gsd_thread *thread = running ? thread_on(threads, low, high) : NULL;
	if (thread != NULL)
		return thread->registers.sp;
	uint64_t sp = gsd_u64_at(header, rule->sp_first_offset);
	if (sp == 0)
		sp = gsd_u64_at(header, rule->sp_offset);
	return running && (sp == 0 || high - low <= GSD_WHOLE_STACK_BYTES) ? low + 8 : sp;
}

/* Plans element's stack; true when its thread is on another one. */
static bool plan_stack(struct gsd_plan *plan, size_t element, const struct gsd_threads *threads)
{
	struct gsd_stack_copy *stack = &plan->stacks[element];
	*stack = (struct gsd_stack_copy){.outcome = GSD_STACK_NONE};
	const uint8_t *header = plan->headers[element];
	if (header == NULL)
		return false;
	const struct gsd_stack_rule *rule = &plan->stack_rule;
	uint32_t status = (uint32_t)gsd_u64_at(header, rule->status_offset) & rule->status_mask;
	if (status < 64 && (rule->skip_statuses >> status & 1) != 0)
		return false;
	bool running = runs(plan, header, status);
	uint64_t low = gsd_u64_at(header, rule->low_offset);
	uint64_t high = gsd_u64_at(header, rule->high_offset);
	uint64_t sp = stack_start(plan, header, running, low, high, threads);
	stack->high = high;
	stack->address = sp;
	if (low >= high || sp <= low || sp > high) {
		stack->outcome = GSD_STACK_BAD;
	} else if (high - sp > rule->max_stack_bytes) {
		stack->outcome = GSD_STACK_TOO_LARGE;
	} else {
		stack->length = (size_t)(high - sp);
		stack->offset = plan->stack_bytes_needed;
		plan->stack_bytes_needed += stack->length;
		stack->outcome =
			plan->stack_bytes_needed > plan->stack_bytes_capacity ? GSD_STACK_OVERFLOW : GSD_STACK_READ;
	}
	return running && sp == low + 8;
}

static void read_stacks(struct gsd_plan *plan, struct gsd_memory *memory, const struct gsd_threads *threads)
{
	size_t ranges = 0;
	size_t link = 0;
	plan->stack_bytes_needed = 0;
	plan->piece_count = 0;
	for (size_t i = 0; i < plan->element_count; i++) {
		bool elsewhere = plan_stack(plan, i, threads);
		bool linked = plan->headers[i] != NULL && gsd_u64_at(plan->headers[i], plan->link_offset) != 0;
		const struct gsd_thread *thread = elsewhere && linked ? thread_of_link(plan, threads, link) : NULL;
		if (thread != NULL)
			read_piece(plan, memory, i, thread);
		link += linked ? 1 : 0;
		const struct gsd_stack_copy *stack = &plan->stacks[i];
		if (stack->outcome == GSD_STACK_READ)
			plan->stack_ranges[ranges++] = (struct gsd_range){.address = stack->address,
									  .length = stack->length,
									  .buffer = plan->stack_bytes + stack->offset};
	}
	if (plan->stack_bytes_needed > plan->stack_bytes_capacity)
		return; /* it will be done again with more room */
	gsd_memory_read_ranges(memory, plan->stack_ranges, ranges);
	ranges = 0;
	for (size_t i = 0; i < plan->element_count; i++) {
		struct gsd_stack_copy *stack = &plan->stacks[i];
		if (stack->outcome == GSD_STACK_READ && plan->stack_ranges[ranges++].errnum != 0)
			stack->outcome = GSD_STACK_UNMAPPED;
	}
}

static void read_links(struct gsd_plan *plan, struct gsd_memory *memory)
{
	plan->link_count = 0;
	if (plan->link_size == 0)
		return;
	for (size_t i = 0; i < plan->element_count; i++) {
		uint64_t link = plan->headers[i] == NULL ? 0 : gsd_u64_at(plan->headers[i], plan->link_offset);
		if (link == 0)
			continue;
		size_t slot = plan->link_count++;
		if (slot >= plan->link_capacity)
			continue;
		plan->links[slot] = link;
		plan->link_ranges[slot] = (struct gsd_range){.address = link,
							     .length = plan->link_size,
							     .buffer = plan->link_bytes + slot * plan->link_size};
	}
	if (plan->link_count <= plan->link_capacity)
		gsd_memory_read_ranges(memory, plan->link_ranges, plan->link_count);
}

void gsd_plan_run(struct gsd_plan *plan, struct gsd_memory *memory, const struct gsd_threads *threads)
{
	gsd_memory_read_ranges(memory, plan->fixed, plan->fixed_count);
	plan->stack_bytes_needed = 0;
	plan->link_count = 0;
	read_list(plan, memory);
	if (plan->list_errnum != 0 || plan->element_overflow)
		return;
	read_chain(plan, memory);
	if (plan->element_overflow)
		return;
	read_headers(plan, memory);
	read_links(plan, memory);
	read_stacks(plan, memory, threads);
	if (plan->native.piece_limit != 0)
		gsd_native_plan_run(plan, memory, threads);
}

bool gsd_plan_overflowed(const struct gsd_plan *plan)
{
	return plan->element_overflow || plan->link_count > plan->link_capacity ||
	       plan->stack_bytes_needed > plan->stack_bytes_capacity || gsd_native_plan_overflowed(&plan->native);
}
