/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/aggregate.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"

#define NONE     SIZE_MAX
#define NO_STACK UINT32_MAX

static struct gsd_error *locate_in_snapshot(void *context, const struct gsd_stack *stack,
					    struct gsd_location_list *list)
{
	const struct gsd_snapshot *snapshot = context;
	return gsd_symbolize_stack(snapshot->symbolizer, stack, snapshot->go_frame_limit, list);
}

static struct gsd_error *creator_in_snapshot(void *context, uint64_t pc, struct gsd_line *line_ret)
{
	const struct gsd_snapshot *snapshot = context;
	return gsd_symbolize_creator(snapshot->symbolizer, pc, line_ret);
}

static struct gsd_error *call_in_snapshot(void *context, uint64_t pc, struct gsd_line *line_ret)
{
	const struct gsd_snapshot *snapshot = context;
	return gsd_symbolize_call(snapshot->symbolizer, pc, line_ret);
}

struct gsd_location_source gsd_snapshot_locations(const struct gsd_snapshot *snapshot)
{
	return (struct gsd_location_source){.locate = locate_in_snapshot,
					    .creator = creator_in_snapshot,
					    .call = call_in_snapshot,
					    .context = (void *)snapshot};
}

/* ---- distinct stacks -------------------------------------------------------------------------------------------- */

/* What lives only while the stacks are collected. */
struct collector {
	const struct gsd_location_source *source;
	struct gsd_distinct_stacks *stacks;
	struct gsd_location_list list;
	struct gsd_hash *newest; /* from a hash to the newest distinct stack that has it */
};

/* Appends the locations in the list to the frames. */
static bool append_frames(struct collector *collector)
{
	struct gsd_distinct_stacks *stacks = collector->stacks;
	for (size_t i = 0; i < collector->list.count; i++) {
		const struct gsd_location *location = collector->list.items[i];
		while (stacks->locations.count <= location->index) {
			if (!gsd_location_array_append(&stacks->locations, NULL))
				return false;
		}
		stacks->locations.items[location->index] = location;
		if (!gsd_u32_array_append(&stacks->frames, location->index))
			return false;
	}
	return true;
}

/* Makes a distinct stack of the frames from first on, or takes them away again when there is one like it. */
static struct gsd_error *intern_frames(struct collector *collector, size_t first, uint32_t *index_ret)
{
	struct gsd_distinct_stacks *stacks = collector->stacks;
	const uint32_t *frames = stacks->frames.items;
	size_t count = stacks->frames.count - first;
	uint64_t hash = count == 0 ? 0 : gsd_hash_bytes(frames + first, count * sizeof *frames, 0);
	uint64_t newest = NONE;
	(void)gsd_hash_find(collector->newest, hash, &newest);
	for (size_t i = (size_t)newest; i != NONE; i = stacks->stacks.items[i].next_same_hash) {
		const struct gsd_distinct_stack *other = &stacks->stacks.items[i];
		if (other->count == count &&
		    (count == 0 || memcmp(frames + other->first, frames + first, count * sizeof *frames) == 0)) {
			stacks->frames.count = first;
			*index_ret = (uint32_t)i;
			return NULL;
		}
	}
	size_t index = stacks->stacks.count;
	struct gsd_distinct_stack stack = {.first = first, .count = count, .next_same_hash = (size_t)newest};
	if (!gsd_distinct_stack_array_append(&stacks->stacks, stack) ||
	    !gsd_hash_insert(collector->newest, hash, index))
		return gsd_error_no_memory();
	*index_ret = (uint32_t)index;
	return NULL;
}

static struct gsd_error *collect(struct collector *collector, const struct gsd_snapshot *snapshot)
{
	struct gsd_distinct_stacks *stacks = collector->stacks;
	gsd_meter_begin(snapshot->meter, GSD_PHASE_GROUPING, snapshot->goroutine_count);
	for (size_t i = 0; i < snapshot->goroutine_count; i++) {
		gsd_meter_count(snapshot->meter, i);
		const struct gsd_goroutine *goroutine = &snapshot->goroutines[i];
		if (goroutine->stack >= snapshot->stack_count ||
		    (goroutine->labels != GSD_NO_LABELS && goroutine->labels >= snapshot->label_set_count))
			return gsd_error_create(GSD_ERROR_INTERNAL, 0, "write goroutine %llu, whose stack is not there",
						(unsigned long long)goroutine->goid);
		uint32_t *distinct = &stacks->of_stack[goroutine->stack];
		if (*distinct != NO_STACK)
			continue;
		size_t first = stacks->frames.count;
		collector->list.count = 0;
		GSD_TRY(collector->source->locate(collector->source->context, &snapshot->stacks[goroutine->stack],
						  &collector->list));
		if (!append_frames(collector))
			return gsd_error_no_memory();
		GSD_TRY(intern_frames(collector, first, distinct));
	}
	return NULL;
}

struct gsd_error *gsd_distinct_stacks_create(const struct gsd_snapshot *snapshot,
					     const struct gsd_location_source *source,
					     struct gsd_distinct_stacks *stacks_ret)
{
	struct gsd_distinct_stacks stacks = {0};
	struct collector collector = {.source = source, .stacks = &stacks, .newest = gsd_hash_create(64)};
	size_t count = snapshot->stack_count == 0 ? 1 : snapshot->stack_count;
	stacks.of_stack = reallocarray(NULL, count, sizeof *stacks.of_stack);
	struct gsd_error *error = NULL;
	if (collector.newest == NULL || stacks.of_stack == NULL) {
		error = gsd_error_no_memory();
	} else {
		memset(stacks.of_stack, 0xff, count * sizeof *stacks.of_stack); /* NO_STACK */
		error = collect(&collector, snapshot);
	}
	gsd_location_list_free(&collector.list);
	gsd_hash_destroy(collector.newest);
	if (error != NULL) {
		gsd_distinct_stacks_free(&stacks);
		return error;
	}
	*stacks_ret = stacks;
	return NULL;
}

void gsd_distinct_stacks_free(struct gsd_distinct_stacks *stacks)
{
	gsd_distinct_stack_array_free(&stacks->stacks);
	gsd_u32_array_free(&stacks->frames);
	gsd_location_array_free(&stacks->locations);
	free(stacks->of_stack);
	stacks->of_stack = NULL;
}

const struct gsd_location *gsd_distinct_stacks_location(const struct gsd_distinct_stacks *stacks, uint32_t stack,
							size_t frame)
{
	return stacks->locations.items[stacks->frames.items[stacks->stacks.items[stack].first + frame]];
}

static int compare_locations(const struct gsd_location *left, const struct gsd_location *right)
{
	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	return strcmp(left->lines[0].function, right->lines[0].function);
}

int gsd_distinct_stacks_compare(const struct gsd_distinct_stacks *stacks, uint32_t left, uint32_t right)
{
	size_t left_count = stacks->stacks.items[left].count;
	size_t right_count = stacks->stacks.items[right].count;
	for (size_t i = 0; left != right && i < left_count && i < right_count; i++) {
		const struct gsd_location *left_location = gsd_distinct_stacks_location(stacks, left, i);
		const struct gsd_location *right_location = gsd_distinct_stacks_location(stacks, right, i);
		int order = left_location == right_location ? 0 : compare_locations(left_location, right_location);
		if (order != 0)
			return order;
	}
	return (left_count > right_count) - (left_count < right_count);
}

/* ---- labels ----------------------------------------------------------------------------------------------------- */

static int compare_bytes(const char *left, size_t left_length, const char *right, size_t right_length)
{
	size_t shorter = left_length < right_length ? left_length : right_length;
	int order = shorter == 0 ? 0 : memcmp(left, right, shorter);
	return order != 0 ? order : (left_length > right_length) - (left_length < right_length);
}

static int compare_label(const struct gsd_label *left, const struct gsd_label *right)
{
	int order = compare_bytes(left->key, left->key_length, right->key, right->key_length);
	return order != 0 ? order : compare_bytes(left->value, left->value_length, right->value, right->value_length);
}

bool gsd_label_equal(const struct gsd_label *left, const struct gsd_label *right)
{
	return left->key_length == right->key_length && left->value_length == right->value_length &&
	       compare_label(left, right) == 0;
}

static int compare_sets(const struct gsd_label_set *left, const struct gsd_label_set *right)
{
	for (size_t i = 0; i < left->count && i < right->count; i++) {
		int order = compare_label(&left->labels[i], &right->labels[i]);
		if (order != 0)
			return order;
	}
	return (left->count > right->count) - (left->count < right->count);
}

int gsd_labels_compare(const struct gsd_snapshot *snapshot, uint32_t left, uint32_t right)
{
	if (left == right)
		return 0;
	if (left == GSD_NO_LABELS || right == GSD_NO_LABELS)
		return left == GSD_NO_LABELS ? -1 : 1;
	return compare_sets(&snapshot->label_sets[left], &snapshot->label_sets[right]);
}

static uint64_t hash_labels(const struct gsd_label_set *set)
{
	uint64_t hash = set->count;
	for (size_t i = 0; i < set->count; i++) {
		hash = gsd_hash_bytes(set->labels[i].key, set->labels[i].key_length, hash);
		hash = gsd_hash_bytes(set->labels[i].value, set->labels[i].value_length, hash);
	}
	return hash;
}

/* Different sets whose hashes are equal take neighbouring keys, as in open addressing. */
static struct gsd_error *canonicalize(const struct gsd_snapshot *snapshot, struct gsd_hash *first_of,
				      uint32_t *canonical)
{
	for (size_t i = 0; i < snapshot->label_set_count; i++) {
		const struct gsd_label_set *set = &snapshot->label_sets[i];
		uint64_t key = hash_labels(set);
		uint64_t first;
		while (gsd_hash_find(first_of, key, &first) && compare_sets(&snapshot->label_sets[first], set) != 0)
			key++;
		if (!gsd_hash_find(first_of, key, &first)) {
			first = i;
			if (!gsd_hash_insert(first_of, key, first))
				return gsd_error_no_memory();
		}
		canonical[i] = (uint32_t)first;
	}
	return NULL;
}

struct gsd_error *gsd_canonical_labels(const struct gsd_snapshot *snapshot, uint32_t **canonical_ret)
{
	size_t count = snapshot->label_set_count == 0 ? 1 : snapshot->label_set_count;
	uint32_t *canonical = reallocarray(NULL, count, sizeof *canonical);
	struct gsd_hash *first_of = gsd_hash_create(64);
	struct gsd_error *error = canonical == NULL || first_of == NULL ? gsd_error_no_memory()
									: canonicalize(snapshot, first_of, canonical);
	gsd_hash_destroy(first_of);
	if (error != NULL) {
		free(canonical);
		return error;
	}
	*canonical_ret = canonical;
	return NULL;
}
