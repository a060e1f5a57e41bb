/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/snapshot.h"

#include <stdlib.h>
#include <string.h>

bool snapshot_add(struct snapshot *snapshot, const struct snapshot_goroutine *goroutine)
{
	if (snapshot->id_count == snapshot->capacity) {
		size_t capacity = snapshot->capacity == 0 ? 256 : 2 * snapshot->capacity;
		struct snapshot_goroutine *grown = reallocarray(snapshot->goroutines, capacity, sizeof *grown);
		if (grown == NULL)
			return false;
		snapshot->goroutines = grown;
		snapshot->capacity = capacity;
	}
	snapshot->goroutines[snapshot->id_count++] = *goroutine;
	snapshot->has_ids = true;
	return true;
}

static bool append_group(struct snapshot *snapshot, const struct snapshot_group *group)
{
	if (snapshot->group_count == snapshot->group_capacity) {
		size_t capacity = snapshot->group_capacity == 0 ? 64 : 2 * snapshot->group_capacity;
		struct snapshot_group *grown = reallocarray(snapshot->groups, capacity, sizeof *grown);
		if (grown == NULL)
			return false;
		snapshot->groups = grown;
		snapshot->group_capacity = capacity;
	}
	snapshot->groups[snapshot->group_count++] = *group;
	return true;
}

bool snapshot_add_many(struct snapshot *snapshot, uint32_t stack, uint64_t count)
{
	const struct snapshot_group group = {
		.stack = stack, .state = SNAPSHOT_NO_STRING, .creator = SNAPSHOT_NO_STRING, .count = count};
	snapshot->goroutine_count += count;
	return append_group(snapshot, &group);
}

static int by_stack(const void *left, const void *right)
{
	uint32_t a = ((const struct snapshot_group *)left)->stack, b = ((const struct snapshot_group *)right)->stack;
	return (a > b) - (a < b);
}

static int goroutines_by_stack(const void *left, const void *right)
{
	uint32_t a = ((const struct snapshot_goroutine *)left)->stack;
	uint32_t b = ((const struct snapshot_goroutine *)right)->stack;
	return (a > b) - (a < b);
}

static int by_goid(const void *left, const void *right)
{
	uint64_t a = ((const struct snapshot_goroutine *)left)->goid;
	uint64_t b = ((const struct snapshot_goroutine *)right)->goid;
	return (a > b) - (a < b);
}

/* Groups of the same stack become one: a profile has a sample for each set of labels. */
static void merge_groups(struct snapshot *snapshot)
{
	size_t kept = 0;
	if (snapshot->group_count > 1)
		qsort(snapshot->groups, snapshot->group_count, sizeof *snapshot->groups, by_stack);
	for (size_t i = 0; i < snapshot->group_count; i++) {
		if (kept > 0 && snapshot->groups[kept - 1].stack == snapshot->groups[i].stack)
			snapshot->groups[kept - 1].count += snapshot->groups[i].count;
		else
			snapshot->groups[kept++] = snapshot->groups[i];
	}
	snapshot->group_count = kept;
}

static void group_goroutine(struct snapshot_group *group, const struct snapshot_goroutine *goroutine)
{
	group->count++;
	if (group->state != goroutine->state)
		group->state = SNAPSHOT_NO_STRING;
	if (group->creator != goroutine->creator)
		group->creator = SNAPSHOT_NO_STRING;
	if (goroutine->wait_ns != SNAPSHOT_NO_WAIT && goroutine->wait_ns > group->longest_wait_ns)
		group->longest_wait_ns = goroutine->wait_ns;
}

static bool group_goroutines(struct snapshot *snapshot)
{
	struct snapshot_goroutine *goroutines = snapshot->goroutines;
	if (snapshot->id_count > 1)
		qsort(goroutines, snapshot->id_count, sizeof *goroutines, goroutines_by_stack);
	for (size_t i = 0; i < snapshot->id_count; i++) {
		const struct snapshot_group group = {
			.stack = goroutines[i].stack, .state = goroutines[i].state, .creator = goroutines[i].creator};
		if ((i == 0 || goroutines[i - 1].stack != goroutines[i].stack) && !append_group(snapshot, &group))
			return false;
		group_goroutine(&snapshot->groups[snapshot->group_count - 1], &goroutines[i]);
	}
	if (snapshot->id_count > 1)
		qsort(goroutines, snapshot->id_count, sizeof *goroutines, by_goid);
	snapshot->goroutine_count += snapshot->id_count;
	return true;
}

bool snapshot_finish(struct snapshot *snapshot)
{
	if (snapshot->has_ids)
		return group_goroutines(snapshot);
	merge_groups(snapshot);
	return true;
}

struct snapshot_group *snapshot_group_of(const struct snapshot *snapshot, uint32_t stack)
{
	const struct snapshot_group key = {.stack = stack};
	if (snapshot->group_count == 0)
		return NULL;
	return bsearch(&key, snapshot->groups, snapshot->group_count, sizeof key, by_stack);
}

uint64_t snapshot_longest_wait(const struct snapshot *snapshot)
{
	uint64_t longest = SNAPSHOT_NO_WAIT;
	for (size_t i = 0; i < snapshot->id_count; i++) {
		uint64_t wait_ns = snapshot->goroutines[i].wait_ns;
		if (wait_ns != SNAPSHOT_NO_WAIT && (longest == SNAPSHOT_NO_WAIT || wait_ns > longest))
			longest = wait_ns;
	}
	return longest;
}

void snapshot_forget_goroutines(struct snapshot *snapshot)
{
	free(snapshot->goroutines);
	snapshot->goroutines = NULL;
	snapshot->id_count = 0;
	snapshot->capacity = 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->exe);
	free(snapshot->go_version);
	free(snapshot->build_id);
	free(snapshot->groups);
	free(snapshot->goroutines);
	*snapshot = (struct snapshot){0};
}
