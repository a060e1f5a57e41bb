/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/native_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/plan.h"
#include "base/touched.h"

#define PAGE_SIZE     4096
#define RED_ZONE      128 /* below sp, and in use: System V ABI, AMD64 supplement, 3.2.2 */
#define UNKNOWN_PAGES 8   /* read above an sp that is in no known mapping: its stack is younger than the list */

/* ---- preparing ---- */

struct gsd_error *gsd_native_plan_reserve(struct gsd_native_plan *native, size_t threads, size_t links, size_t bytes)
{
	if (links > GSD_PLAN_MAX_ELEMENTS || threads > GSD_PLAN_MAX_ELEMENTS || bytes > GSD_NATIVE_MAX_BYTES)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "make room for the C stacks of %zu threads", threads),
			"they have %zu MiB", bytes >> 20);
	gsd_native_plan_free(native);
	native->piece_capacity = threads + links + UNKNOWN_PAGES * 16;
	native->link_capacity = links + 1;
	native->bytes_capacity = bytes + 1;
	native->pieces = gsd_allocate_touched(native->piece_capacity, sizeof *native->pieces);
	native->ranges = gsd_allocate_touched(native->piece_capacity, sizeof *native->ranges);
	native->links = gsd_allocate_touched(native->link_capacity, sizeof *native->links);
	native->own = gsd_allocate_touched(native->link_capacity, sizeof *native->own);
	native->bytes = gsd_allocate_touched(native->bytes_capacity, 1);
	return native->pieces == NULL || native->ranges == NULL || native->links == NULL || native->own == NULL ||
			       native->bytes == NULL
		       ? gsd_error_no_memory()
		       : NULL;
}

void gsd_native_plan_free(struct gsd_native_plan *native)
{
	free(native->pieces);
	free(native->ranges);
	free(native->links);
	free(native->own);
	free(native->bytes);
	native->pieces = NULL;
	native->ranges = NULL;
	native->links = NULL;
	native->own = NULL;
	native->bytes = NULL;
	native->piece_capacity = native->link_capacity = native->bytes_capacity = 0;
	native->piece_count = native->link_count = native->bytes_needed = 0;
}

/* ---- carrying out: what follows runs while the target is stopped; qsort() may allocate, so the sort is here ---- */

/* Spans and pieces both begin with the address that they are ordered by. */
static uint64_t key_at(const uint8_t *items, size_t size, size_t i)
{
	return gsd_u64_at(items, i * size);
}

static void swap(uint8_t *items, size_t size, size_t i, size_t k)
{
	uint8_t kept[sizeof(struct gsd_stack_piece)];
	memcpy(kept, items + i * size, size);
	memcpy(items + i * size, items + k * size, size);
	memcpy(items + k * size, kept, size);
}

static void sink(uint8_t *items, size_t size, size_t root, size_t count)
{
	for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
		if (child + 1 < count && key_at(items, size, child) < key_at(items, size, child + 1))
			child++;
		if (key_at(items, size, root) >= key_at(items, size, child))
			return;
		swap(items, size, root, child);
		root = child;
	}
}

static void heap_sort(void *array, size_t size, size_t count)
{
	uint8_t *items = array;
	for (size_t root = count / 2; root-- > 0;)
		sink(items, size, root, count);
	for (size_t last = count; last-- > 1;) {
		swap(items, size, 0, last);
		sink(items, size, 0, last);
	}
}

/* The last of items ordered by address that begins at or below @p address; SIZE_MAX: none does. */
static size_t find_last(const void *items, size_t size, size_t count, uint64_t address)
{
	size_t low = 0;
	for (size_t high = count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (key_at(items, size, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? SIZE_MAX : low - 1;
}

static const struct gsd_span *span_of(const struct gsd_span *spans, size_t count, uint64_t address)
{
	size_t i = find_last(spans, sizeof *spans, count, address);
	return i != SIZE_MAX && address < spans[i].end ? &spans[i] : NULL;
}

/* The elements that have a thread: its struct, and the stack that it may be on. */
static void collect_links(struct gsd_plan *plan)
{
	struct gsd_native_plan *native = &plan->native;
	native->link_count = 0;
	for (size_t i = 0; i < plan->element_count; i++) {
		const uint8_t *header = plan->headers[i];
		uint64_t link = header == NULL ? 0 : gsd_u64_at(header, plan->link_offset);
		if (header != NULL && link == 0)
			link = gsd_u64_at(header, native->lock_offset);
		if (link == 0)
			continue;
		size_t slot = native->link_count++;
		if (slot >= native->link_capacity)
			continue;
		/* sp is in (low, high] */
		uint64_t low = gsd_u64_at(header, plan->stack_rule.low_offset);
		uint64_t high = gsd_u64_at(header, plan->stack_rule.high_offset);
		native->links[slot] = (struct gsd_native_link){.link = link};
		native->own[slot] = (struct gsd_span){.start = low + 1, .end = high + 1};
	}
}

/* Reads one word per link, at @p offset of what link_field points to, in one batch. */
static void read_words(struct gsd_native_plan *native, struct gsd_memory *memory, size_t from, size_t offset, size_t to)
{
	for (size_t i = 0; i < native->link_count; i++) {
		uint8_t *link = (uint8_t *)&native->links[i];
		uint64_t base = gsd_u64_at(link, from);
		native->ranges[i] = (struct gsd_range){
			.address = base + offset, .length = base == 0 ? 0 : sizeof(uint64_t), .buffer = link + to};
	}
	gsd_memory_read_ranges(memory, native->ranges, native->link_count);
	for (size_t i = 0; i < native->link_count; i++)
		if (native->ranges[i].errnum != 0)
			memset(native->ranges[i].buffer, 0, sizeof(uint64_t));
}

static void plan_piece(struct gsd_native_plan *native, uint64_t address, uint64_t end)
{
	size_t length = (size_t)(end - address);
	size_t slot = native->piece_count++;
	if (slot < native->piece_capacity)
		native->pieces[slot] =
			(struct gsd_stack_piece){.address = address, .offset = native->bytes_needed, .length = length};
	native->bytes_needed += length;
}

/* A stack whose extent is not known, page by page: each is read or not for itself. */
static void plan_pages(struct gsd_native_plan *native, uint64_t address, uint64_t end)
{
	for (int page = 0; page < UNKNOWN_PAGES && address < end; page++) {
		uint64_t next = (address | (PAGE_SIZE - 1)) + 1;
		plan_piece(native, address, next < end ? next : end);
		address = next;
	}
}

/* From @p start up to what belongs to a stack whose stack pointer is @p sp. */
static void plan_stack(struct gsd_native_plan *native, uint64_t start, uint64_t sp)
{
	uint64_t end = sp + native->piece_limit;
	start &= ~UINT64_C(7);
	if (sp < PAGE_SIZE || end < sp)
		return;
	const struct gsd_span *mapped = span_of(native->mapped, native->mapped_count, sp);
	if (mapped == NULL) {
		plan_pages(native, start, end);
		return;
	}
	if (start < mapped->start)
		start = mapped->start;
	if (end > mapped->end)
		end = mapped->end;
	if (start < end)
		plan_piece(native, start, end);
}

static void plan_threads(struct gsd_native_plan *native, const struct gsd_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++) {
		const struct gsd_thread *thread = &threads->items[i];
		uint64_t sp = thread->registers.sp;
		if (thread->state == GSD_THREAD_STOPPED && span_of(native->own, native->link_count, sp) == NULL)
			plan_stack(native, sp - RED_ZONE, sp);
	}
}

/* What the threads' own pieces have not yet of the C stacks below Go code. */
static void plan_links(struct gsd_native_plan *native)
{
	size_t count = native->piece_count; /* those of the threads */
	heap_sort(native->pieces, sizeof *native->pieces, count);
	for (size_t i = 0; i < native->link_count; i++) {
		uint64_t sp = native->links[i].sp;
		if (sp == 0)
			continue;
		size_t above = find_last(native->pieces, sizeof *native->pieces, count, sp);
		const struct gsd_stack_piece *piece = above == SIZE_MAX ? NULL : &native->pieces[above];
		uint64_t start = sp;
		if (piece != NULL && sp - piece->address < piece->length)
			start = piece->address + piece->length;
		if (start < sp + native->piece_limit)
			plan_stack(native, start, sp);
		if (native->piece_count > native->piece_capacity)
			return;
	}
}

void gsd_native_plan_run(struct gsd_plan *plan, struct gsd_memory *memory, const struct gsd_threads *threads)
{
	struct gsd_native_plan *native = &plan->native;
	native->piece_count = native->bytes_needed = 0;
	collect_links(plan);
	if (gsd_native_plan_overflowed(native))
		return;
	heap_sort(native->own, sizeof *native->own, native->link_count);
	plan_threads(native, threads);
	if (native->callbacks && native->piece_count <= native->piece_capacity) {
		read_words(native, memory, offsetof(struct gsd_native_link, link), native->link_stack_offset,
			   offsetof(struct gsd_native_link, stack));
		read_words(native, memory, offsetof(struct gsd_native_link, stack), native->stack_sp_offset,
			   offsetof(struct gsd_native_link, sp));
		plan_links(native);
	}
	if (gsd_native_plan_overflowed(native))
		return;
	for (size_t i = 0; i < native->piece_count; i++)
		native->ranges[i] = (struct gsd_range){.address = native->pieces[i].address,
						       .length = native->pieces[i].length,
						       .buffer = native->bytes + native->pieces[i].offset};
	gsd_memory_read_ranges(memory, native->ranges, native->piece_count);
	for (size_t i = 0; i < native->piece_count; i++)
		if (native->ranges[i].errnum != 0)
			native->pieces[i].length = 0;
}

bool gsd_native_plan_overflowed(const struct gsd_native_plan *native)
{
	return native->piece_count > native->piece_capacity || native->link_count > native->link_capacity ||
	       native->bytes_needed > native->bytes_capacity;
}

/* ---- afterwards ---- */

void gsd_native_plan_sort(struct gsd_native_plan *native)
{
	size_t kept = 0;
	for (size_t i = 0; i < native->piece_count; i++)
		if (native->pieces[i].length != 0)
			native->pieces[kept++] = native->pieces[i];
	native->piece_count = kept;
	heap_sort(native->pieces, sizeof *native->pieces, kept);
}

bool gsd_native_plan_read(const struct gsd_native_plan *native, uint64_t address, void *buffer, size_t length)
{
	uint8_t *to = buffer;
	while (length > 0) {
		size_t i = find_last(native->pieces, sizeof *native->pieces, native->piece_count, address);
		/* Pieces may overlap: an earlier one can reach further. One step back is enough for what is planned. */
		if (i != SIZE_MAX && i > 0 && address - native->pieces[i].address >= native->pieces[i].length)
			i--;
		if (i == SIZE_MAX || address - native->pieces[i].address >= native->pieces[i].length)
			return false;
		const struct gsd_stack_piece *piece = &native->pieces[i];
		size_t skip = (size_t)(address - piece->address);
		size_t part = piece->length - skip < length ? piece->length - skip : length;
		memcpy(to, native->bytes + piece->offset + skip, part);
		to += part;
		address += part;
		length -= part;
	}
	return true;
}
