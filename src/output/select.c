/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/filter.h"

/* ---- the filters ------------------------------------------------------------------------------------------------ */

static struct gsd_error *parse_filter(const char *text, bool names, struct gsd_filter **filter_ret)
{
	struct gsd_filter *filter = NULL;
	GSD_TRY(gsd_filter_parse(text, &filter));
	if (!names && gsd_filter_needs_names(filter)) {
		gsd_filter_destroy(filter);
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "use the filter \"%s\"", text),
					 "func, package and creator ask for names, and there are none");
	}
	*filter_ret = filter;
	return NULL;
}

struct gsd_error *gsd_selection_examine(const struct gsd_selection *selection, bool names)
{
	for (size_t i = 0; i < selection->filter_count; i++) {
		struct gsd_filter *filter = NULL;
		GSD_TRY(parse_filter(selection->filters[i], names, &filter));
		gsd_filter_destroy(filter);
	}
	return NULL;
}

/* Takes from @p keep (a byte a goroutine) those that do not pass. */
static struct gsd_error *apply_filter(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				      const char *text, uint8_t *keep)
{
	struct gsd_filter *filter = NULL;
	struct gsd_matcher *matcher = NULL;
	GSD_TRY(parse_filter(text, !snapshot->addresses_only, &filter));
	struct gsd_error *error = gsd_matcher_create(filter, snapshot, source, &matcher);
	gsd_meter_begin(snapshot->meter, GSD_PHASE_SELECTING, snapshot->goroutine_count);
	for (size_t i = 0; i < snapshot->goroutine_count && error == NULL; i++) {
		bool passes = false;
		gsd_meter_count(snapshot->meter, i);
		if (keep[i] == 0)
			continue;
		error = gsd_matcher_ask(matcher, &snapshot->goroutines[i], &passes);
		keep[i] = passes;
	}
	gsd_matcher_destroy(matcher);
	gsd_filter_destroy(filter);
	return error;
}

/* ---- the sample -------------------------------------------------------------------------------------------------- */

/*
 * A goroutine's rank under a seed, the finalizer of MurmurHash3: as it does not depend on the other goroutines, those
 * that a sample has in one capture it has in the next one, while they live.
 */
static uint64_t rank_of(uint64_t goid, uint64_t seed)
{
	uint64_t rank = goid + (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	rank = (rank ^ rank >> 33) * UINT64_C(0xff51afd7ed558ccd);
	rank = (rank ^ rank >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return rank ^ rank >> 33;
}

/* A heap with the greatest on top: puts @p rank where it belongs, from the top down. */
static void sift_down(uint64_t *heap, size_t count, uint64_t rank)
{
	size_t place = 0;
	for (size_t child = 1; child < count; child = 2 * place + 1) {
		if (child + 1 < count && heap[child + 1] > heap[child])
			child++;
		if (heap[child] <= rank)
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = rank;
}

static void sift_up(uint64_t *heap, size_t place, uint64_t rank)
{
	while (place > 0 && heap[(place - 1) / 2] < rank) {
		heap[place] = heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	heap[place] = rank;
}

/* The greatest of the @p limit smallest ranks of those that are kept. */
static uint64_t find_threshold(const struct gsd_snapshot *snapshot, const struct gsd_selection *selection,
			       const uint8_t *keep, uint64_t *heap)
{
	size_t count = 0;
	for (size_t i = 0; i < snapshot->goroutine_count; i++) {
		if (keep[i] == 0)
			continue;
		uint64_t rank = rank_of(snapshot->goroutines[i].goid, selection->seed);
		if (count < selection->limit)
			sift_up(heap, count++, rank);
		else if (rank < heap[0])
			sift_down(heap, count, rank);
	}
	return heap[0];
}

static struct gsd_error *apply_limit(const struct gsd_snapshot *snapshot, const struct gsd_selection *selection,
				     uint8_t *keep)
{
	uint64_t kept = 0;
	for (size_t i = 0; i < snapshot->goroutine_count; i++)
		kept += keep[i];
	if (selection->limit == 0 || kept <= selection->limit)
		return NULL;
	uint64_t *heap = reallocarray(NULL, (size_t)selection->limit, sizeof *heap);
	if (heap == NULL)
		return gsd_error_no_memory();
	uint64_t threshold = find_threshold(snapshot, selection, keep, heap);
	free(heap);
	uint64_t left = selection->limit;
	for (size_t i = 0; i < snapshot->goroutine_count; i++) {
		if (keep[i] == 0)
			continue;
		/* The same rank twice is the same goid twice, as of several whose g could not be read. */
		keep[i] = left > 0 && rank_of(snapshot->goroutines[i].goid, selection->seed) <= threshold;
		left -= keep[i];
	}
	return NULL;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* "(A) and (B)"; a filter alone stands as it is. */
static struct gsd_error *join_filters(const struct gsd_selection *selection, struct gsd_arena *arena,
				      const char **joined_ret)
{
	size_t size = 1;
	for (size_t i = 0; i < selection->filter_count; i++)
		size += strlen(selection->filters[i]) + sizeof "() and ";
	char *joined = gsd_arena_allocate(arena, size);
	if (joined == NULL)
		return gsd_error_no_memory();
	size_t length = 0;
	for (size_t i = 0; i < selection->filter_count; i++)
		length += (size_t)snprintf(joined + length, size - length,
					   selection->filter_count == 1 ? "%s%s" : "%s(%s)", i == 0 ? "" : " and ",
					   selection->filters[i]);
	*joined_ret = selection->filter_count == 0 ? NULL : joined;
	return NULL;
}

static void compact(struct gsd_snapshot *snapshot, const uint8_t *keep)
{
	size_t count = 0;
	for (size_t i = 0; i < snapshot->goroutine_count; i++)
		if (keep[i] != 0)
			snapshot->goroutines[count++] = snapshot->goroutines[i];
	snapshot->goroutine_count = count;
	snapshot->thread_stack_count = 0;
}

struct gsd_error *gsd_select(struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
			     const struct gsd_selection *selection, struct gsd_arena *arena)
{
	const char *filter = NULL;
	GSD_TRY(join_filters(selection, arena, &filter));
	uint8_t *keep = malloc(snapshot->goroutine_count + 1);
	if (keep == NULL)
		return gsd_error_no_memory();
	memset(keep, 1, snapshot->goroutine_count + 1);
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < selection->filter_count && error == NULL; i++)
		error = apply_filter(snapshot, source, selection->filters[i], keep);
	if (error == NULL)
		error = apply_limit(snapshot, selection, keep);
	if (error == NULL) {
		snapshot->selection = (struct gsd_snapshot_selection){.filter = filter,
								      .limit = selection->limit,
								      .seed = selection->seed,
								      .total = snapshot->goroutine_count};
		compact(snapshot, keep);
	}
	free(keep);
	return error;
}

bool gsd_selection_lacks_ages(const struct gsd_snapshot *snapshot)
{
	struct gsd_filter *filter = NULL;
	if (snapshot->time_monotonic_ns != 0 || snapshot->selection.filter == NULL)
		return false;
	struct gsd_error *error = gsd_filter_parse(snapshot->selection.filter, &filter);
	bool lacks = error == NULL && gsd_filter_needs_ages(filter);
	gsd_error_destroy(error);
	gsd_filter_destroy(filter);
	return lacks;
}
