/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/report_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

struct grouping {
	const struct gsd_snapshot *snapshot;
	struct gsd_groups *groups;
	struct gsd_hash *group_of; /* from (stack, state) */
	struct gsd_hash *fresh_of; /* from (function, state): those that have not run yet */
	struct gsd_hash *state_of; /* from (status, wait reason), which are many to one state */
};

static struct gsd_error *find_state(struct grouping *grouping, const struct gsd_goroutine *goroutine,
				    uint32_t *state_ret)
{
	struct gsd_state_count_array *states = &grouping->groups->states;
	uint64_t key = (uint64_t)goroutine->status << 16 | goroutine->wait_reason;
	uint64_t state;
	if (!gsd_hash_find(grouping->state_of, key, &state)) {
		const char *name = gsd_goroutine_state(grouping->snapshot, goroutine);
		state = 0;
		while (state < states->count && strcmp(states->items[state].name, name) != 0)
			state++;
		if (state == states->count &&
		    !gsd_state_count_array_append(states, (struct gsd_state_count){.name = name}))
			return gsd_error_no_memory();
		if (!gsd_hash_insert(grouping->state_of, key, state))
			return gsd_error_no_memory();
	}
	*state_ret = (uint32_t)state;
	return NULL;
}

static uint64_t waited_ns(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine)
{
	/* In other statuses the collector's note of when a wait began means nothing (runtime.goroutineheader). */
	bool waits = goroutine->status == GSD_STATUS_WAITING || goroutine->status == GSD_STATUS_SYSCALL;
	if (!waits || goroutine->wait_since == 0 || goroutine->wait_since > snapshot->time_monotonic_ns)
		return 0;
	return snapshot->time_monotonic_ns - goroutine->wait_since;
}

static uint64_t all_labels(const struct gsd_snapshot *snapshot, uint32_t label_set)
{
	size_t count = label_set == GSD_NO_LABELS ? 0 : snapshot->label_sets[label_set].count;
	return count >= GSD_GROUP_LABELS_MAX ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static bool has_label(const struct gsd_label_set *set, const struct gsd_label *label)
{
	for (size_t i = 0; i < set->count && i < GSD_GROUP_LABELS_MAX; i++) {
		if (gsd_label_equal(&set->labels[i], label))
			return true;
	}
	return false;
}

/* Takes from the group's common labels those that are not in label_set. */
static void intersect_labels(const struct gsd_snapshot *snapshot, struct gsd_group *group, uint32_t label_set)
{
	if (group->common_labels == 0 || label_set == group->last_label_set)
		return;
	group->last_label_set = label_set;
	if (label_set == GSD_NO_LABELS) {
		group->common_labels = 0;
		return;
	}
	const struct gsd_label_set *first = &snapshot->label_sets[group->label_set];
	for (size_t i = 0; i < first->count && i < GSD_GROUP_LABELS_MAX; i++) {
		if ((group->common_labels >> i & 1) != 0 &&
		    !has_label(&snapshot->label_sets[label_set], &first->labels[i]))
			group->common_labels &= ~(UINT64_C(1) << i);
	}
}

static struct gsd_group group_of_one(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine)
{
	return (struct gsd_group){
		.creator_pc = goroutine->creator_pc,
		.common_labels = all_labels(snapshot, goroutine->labels),
		.goid = goroutine->goid,
		.label_set = goroutine->labels,
		.last_label_set = goroutine->labels,
	};
}

static void group_add(const struct gsd_snapshot *snapshot, struct gsd_group *group,
		      const struct gsd_goroutine *goroutine)
{
	uint64_t waited = waited_ns(snapshot, goroutine);
	group->count++;
	if (waited > group->longest_wait_ns)
		group->longest_wait_ns = waited;
	if (goroutine->creator_pc != group->creator_pc)
		group->several_creators = true;
	if (goroutine->ambiguous)
		group->ambiguous++;
	intersect_labels(snapshot, group, goroutine->labels);
}

static struct gsd_error *add_goroutine(struct grouping *grouping, const struct gsd_goroutine *goroutine)
{
	struct gsd_groups *groups = grouping->groups;
	uint32_t state = 0;
	GSD_TRY(find_state(grouping, goroutine, &state));
	uint32_t stack = groups->stacks.of_stack[goroutine->stack];
	/* One that has not run has no frames, or the same ones as all: its function tells it apart. */
	bool fresh = goroutine->never_ran && goroutine->start_pc != 0;
	struct gsd_hash *known = fresh ? grouping->fresh_of : grouping->group_of;
	uint64_t key = fresh ? goroutine->start_pc : (uint64_t)stack << 32 | state;
	uint64_t index;
	if (!gsd_hash_find(known, key, &index)) {
		struct gsd_group group = group_of_one(grouping->snapshot, goroutine);
		group.stack = stack;
		group.state = state;
		group.start_pc = fresh ? goroutine->start_pc : 0;
		index = groups->groups.count;
		if (!gsd_group_array_append(&groups->groups, group) || !gsd_hash_insert(known, key, index))
			return gsd_error_no_memory();
	}
	group_add(grouping->snapshot, &groups->groups.items[index], goroutine);
	groups->states.items[state].count++;
	groups->ambiguous += goroutine->ambiguous;
	groups->unreadable += goroutine->unreadable != GSD_READABLE;
	return NULL;
}

static int compare_groups(const void *left_group, const void *right_group, void *context)
{
	const struct gsd_group *left = left_group;
	const struct gsd_group *right = right_group;
	const struct gsd_groups *groups = context;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	int order = gsd_distinct_stacks_compare(&groups->stacks, left->stack, right->stack);
	if (order == 0)
		order = (left->start_pc > right->start_pc) - (left->start_pc < right->start_pc);
	if (order != 0)
		return order;
	return strcmp(groups->states.items[left->state].name, groups->states.items[right->state].name);
}

static struct gsd_error *group_all(struct grouping *grouping)
{
	if (grouping->group_of == NULL || grouping->fresh_of == NULL || grouping->state_of == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < grouping->snapshot->goroutine_count; i++)
		GSD_TRY(add_goroutine(grouping, &grouping->snapshot->goroutines[i]));
	struct gsd_group_array *groups = &grouping->groups->groups;
	if (groups->count > 1)
		qsort_r(groups->items, groups->count, sizeof *groups->items, compare_groups, grouping->groups);
	return NULL;
}

struct gsd_error *gsd_groups_create(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				    struct gsd_groups *groups_ret)
{
	struct gsd_groups groups = {0};
	GSD_TRY(gsd_distinct_stacks_create(snapshot, source, &groups.stacks));
	struct grouping grouping = {.snapshot = snapshot,
				    .groups = &groups,
				    .group_of = gsd_hash_create(64),
				    .fresh_of = gsd_hash_create(0),
				    .state_of = gsd_hash_create(64)};
	struct gsd_error *error = group_all(&grouping);
	gsd_hash_destroy(grouping.group_of);
	gsd_hash_destroy(grouping.fresh_of);
	gsd_hash_destroy(grouping.state_of);
	if (error != NULL) {
		gsd_groups_free(&groups);
		return error;
	}
	*groups_ret = groups;
	return NULL;
}

void gsd_groups_free(struct gsd_groups *groups)
{
	gsd_distinct_stacks_free(&groups->stacks);
	gsd_group_array_free(&groups->groups);
	gsd_state_count_array_free(&groups->states);
}
