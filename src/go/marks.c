/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAX_PS 65536 /* runtime/proc.go allows 1<<10 up to Go 1.23 or so; a bound is all that matters */

static void add_range(struct gsd_marks *marks, uint64_t address, size_t length, void *buffer)
{
	if (address != 0)
		marks->ranges[marks->range_count++] =
			(struct gsd_range){.address = address, .length = length, .buffer = buffer};
}

static bool has_batches(const struct gsd_layout *layout, const struct gsd_globals *globals)
{
	return globals->allp != 0 && globals->goidgen != 0 && layout->p_goidcache != GSD_NO_FIELD &&
	       layout->p_goidcacheend == layout->p_goidcache + 8;
}

/* The addresses of all Ps; none when they cannot be read. */
static struct gsd_error *read_ps(struct gsd_memory *memory, const struct gsd_globals *globals, struct gsd_marks *marks,
				 uint64_t **ps_ret)
{
	struct gsd_range list = {.address = globals->allp, .length = sizeof marks->allp, .buffer = marks->allp};
	gsd_memory_read_ranges(memory, &list, 1);
	uint64_t count = list.errnum == 0 ? marks->allp[1] : 0;
	if (count > MAX_PS)
		count = 0;
	uint64_t *ps = calloc((size_t)count + 1, sizeof *ps);
	if (ps == NULL)
		return gsd_error_no_memory();
	struct gsd_range array = {
		.address = marks->allp[0], .length = (size_t)count * sizeof *ps, .buffer = count == 0 ? NULL : ps};
	if (count > 0)
		gsd_memory_read_ranges(memory, &array, 1);
	marks->p_count = array.errnum == 0 ? (size_t)count : 0;
	memcpy(marks->allp_expected, marks->allp, sizeof marks->allp);
	*ps_ret = ps;
	return NULL;
}

struct gsd_error *gsd_marks_create(struct gsd_memory *memory, const struct gsd_layout *layout,
				   const struct gsd_globals *globals, struct gsd_marks *marks_ret)
{
	struct gsd_marks *marks = marks_ret;
	uint64_t *ps = NULL;
	memset(marks, 0, sizeof *marks);
	if (has_batches(layout, globals))
		GSD_TRY(read_ps(memory, globals, marks, &ps));
	marks->batches = calloc(marks->p_count + 1, sizeof *marks->batches);
	marks->ranges = calloc(marks->p_count + GSD_MARKS_FIXED, sizeof *marks->ranges);
	if (marks->batches == NULL || marks->ranges == NULL) {
		free(ps);
		gsd_marks_free(marks);
		return gsd_error_no_memory();
	}
	add_range(marks, globals->goidgen, 8, &marks->goidgen);
	add_range(marks, globals->allp, sizeof marks->allp, marks->allp);
	add_range(marks, globals->gc_cycles, 4, &marks->gc_cycles);
	add_range(marks, globals->mark_term, 8, &marks->mark_term);
	add_range(marks, globals->gc_phase, 4, &marks->gc_phase);
	add_range(marks, globals->trace_generation, sizeof marks->trace_generation, marks->trace_generation);
	for (size_t i = 0; i < marks->p_count; i++)
		add_range(marks, ps[i] + layout->p_goidcache, sizeof marks->batches[i], &marks->batches[i]);
	free(ps);
	return NULL;
}

void gsd_marks_free(struct gsd_marks *marks)
{
	free(marks->batches);
	free(marks->ranges);
	memset(marks, 0, sizeof *marks);
}

void gsd_marks_read(struct gsd_memory *memory, struct gsd_marks *marks)
{
	if (marks->range_count == 0)
		return;
	gsd_memory_read_ranges(memory, marks->ranges, 1);
	gsd_memory_read_ranges(memory, marks->ranges + 1, marks->range_count - 1);
}

static bool read_whole(const struct gsd_marks *marks)
{
	for (size_t i = 0; i < marks->range_count; i++)
		if (marks->ranges[i].errnum != 0)
			return false;
	return true;
}

bool gsd_marks_know_goids(const struct gsd_globals *globals, const struct gsd_marks *before,
			  const struct gsd_marks *after)
{
	return globals->goidgen != 0 && before->p_count > 0 && before->p_count == after->p_count &&
	       read_whole(before) && read_whole(after) &&
	       memcmp(before->allp, before->allp_expected, sizeof before->allp) == 0 &&
	       memcmp(after->allp, before->allp, sizeof after->allp) == 0;
}

static bool in_batches(const struct gsd_marks *marks, uint64_t goid)
{
	for (size_t i = 0; i < marks->p_count; i++)
		if (goid >= marks->batches[i].next && goid < marks->batches[i].end)
			return true;
	return false;
}

bool gsd_marks_not_yet(const struct gsd_marks *marks, uint64_t goid)
{
	return goid > marks->goidgen || in_batches(marks, goid);
}

bool gsd_marks_handed_out(const struct gsd_marks *before, const struct gsd_marks *after, uint64_t goid)
{
	return gsd_marks_not_yet(before, goid) && !gsd_marks_not_yet(after, goid);
}

static bool list_range(const struct gsd_marks *before, const struct gsd_marks *after, uint64_t first, uint64_t end,
		       size_t most, struct gsd_u64_array *goids)
{
	if (end < first || end - first > most)
		return end < first;
	for (uint64_t goid = first; goid < end; goid++)
		if (gsd_marks_handed_out(before, after, goid) &&
		    (goids->count == most || !gsd_u64_array_append(goids, goid)))
			return false;
	return true;
}

bool gsd_marks_list(const struct gsd_marks *before, const struct gsd_marks *after, size_t most,
		    struct gsd_u64_array *goids_ret)
{
	for (size_t i = 0; i < before->p_count; i++) {
		const struct gsd_goid_batch *batch = &before->batches[i];
		uint64_t end = batch->end <= before->goidgen ? batch->end : before->goidgen + 1;
		if (!list_range(before, after, batch->next, end, most, goids_ret))
			return false;
	}
	return list_range(before, after, before->goidgen + 1, after->goidgen + 1, most, goids_ret);
}

bool gsd_marks_batch_was_fetched(const struct gsd_marks *before, const struct gsd_marks *after)
{
	for (size_t i = 0; i < before->p_count && i < after->p_count; i++)
		if (before->batches[i].next >= before->batches[i].end &&
		    before->batches[i].end != after->batches[i].end)
			return true;
	return false;
}

bool gsd_marks_same_cycle(const struct gsd_globals *globals, const struct gsd_marks *before,
			  const struct gsd_marks *after)
{
	return globals->gc_cycles != 0 && globals->mark_term != 0 && read_whole(before) && read_whole(after) &&
	       before->gc_cycles == after->gc_cycles && before->mark_term == after->mark_term;
}

bool gsd_marks_no_collection(const struct gsd_globals *globals, const struct gsd_marks *before,
			     const struct gsd_marks *stop)
{
	return globals->gc_phase != 0 && stop->gc_phase == 0 && gsd_marks_same_cycle(globals, before, stop);
}

bool gsd_marks_tracer_off(const struct gsd_globals *globals, unsigned go_minor, const struct gsd_marks *before,
			  const struct gsd_marks *stop)
{
	if (go_minor < 22)
		return true;
	return globals->trace_generation != 0 && read_whole(before) && read_whole(stop) &&
	       stop->trace_generation[0] == 0 &&
	       memcmp(before->trace_generation, stop->trace_generation, sizeof stop->trace_generation) == 0;
}
