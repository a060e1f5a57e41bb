/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/diff.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is compared ------------------------------------------------------------------------------------------- */

/* The last element of a path, without what the kernel says of a file that is no more. */
static size_t base_name(const char *path, const char **name_ret)
{
	static const char deleted[] = " (deleted)";
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t length = strlen(name);
	if (length > sizeof deleted - 1 && strcmp(name + length - (sizeof deleted - 1), deleted) == 0)
		length -= sizeof deleted - 1;
	*name_ret = name;
	return length;
}

static bool other_program(const char *old, const char *new)
{
	const char *names[2];
	if (old == NULL || new == NULL || *old == '\0' || *new == '\0')
		return false;
	size_t lengths[] = {base_name(old, &names[0]), base_name(new, &names[1])};
	return lengths[0] != lengths[1] || memcmp(names[0], names[1], lengths[0]) != 0;
}

static bool differ(const char *old, const char *new)
{
	return old != NULL && new != NULL &&*old != '\0' && *new != '\0' && strcmp(old, new) != 0;
}

static unsigned find_doubts(const struct snapshot *old, const struct snapshot *new)
{
	unsigned doubts = 0;
	if (other_program(old->exe, new->exe))
		doubts |= DIFF_OTHER_PROGRAM;
	else if (differ(old->build_id, new->build_id))
		doubts |= DIFF_OTHER_BUILD;
	if (old->pid != 0 && new->pid != 0 && old->pid != new->pid)
		doubts |= DIFF_OTHER_PID;
	if (differ(old->go_version, new->go_version))
		doubts |= DIFF_OTHER_GO;
	if (old->time_ns != 0 && new->time_ns != 0 && new->time_ns < old->time_ns)
		doubts |= DIFF_BACKWARDS;
	return doubts;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static void count_group(struct diff *diff, const struct snapshot_group *old, const struct snapshot_group *new)
{
	static const struct snapshot_group none = {0};
	const struct snapshot_group *there = new != NULL ? new : old;
	old = old != NULL ? old : &none;
	new = new != NULL ? new : &none;
	if (old->count == new->count) {
		diff->unchanged++;
		return;
	}
	if (new->count > old->count &&new->count - old->count > diff->largest_growth)
		diff->largest_growth = new->count - old->count;
	size_t *kind = old->count == 0           ? &diff->appeared
		       : new->count == 0         ? &diff->vanished
		       : new->count > old->count ? &diff->grown
						 : &diff->shrunk;
	++*kind;
	diff->groups[diff->group_count++] = (struct diff_group){.stack = there->stack,
								.state = there->state,
								.creator = there->creator,
								.old_count = old->count,
								.new_count = new->count,
								.longest_wait_ns = there->longest_wait_ns};
}

/* Both are in order of their stacks. */
static bool compare_groups(struct diff *diff, const struct snapshot *old, const struct snapshot *new)
{
	size_t i = 0, k = 0;
	diff->groups = calloc(old->group_count + new->group_count + 1, sizeof *diff->groups);
	if (diff->groups == NULL)
		return false;
	while (i < old->group_count || k < new->group_count) {
		const struct snapshot_group *a = i < old->group_count ? &old->groups[i] : NULL;
		const struct snapshot_group *b = k < new->group_count ? &new->groups[k] : NULL;
		if (a != NULL && b != NULL && a->stack != b->stack) {
			if (a->stack < b->stack)
				b = NULL;
			else
				a = NULL;
		}
		count_group(diff, a, b);
		i += a != NULL ? 1 : 0;
		k += b != NULL ? 1 : 0;
	}
	return true;
}

static int by_growth(const void *left, const void *right, void *context)
{
	const struct diff_group *a = left, *b = right;
	bool grew[] = {a->new_count > a->old_count, b->new_count > b->old_count};
	if (grew[0] != grew[1])
		return grew[0] ? -1 : 1;
	uint64_t changes[] = {grew[0] ? a->new_count - a->old_count : a->old_count - a->new_count,
			      grew[1] ? b->new_count - b->old_count : b->old_count - b->new_count};
	if (changes[0] != changes[1])
		return changes[0] > changes[1] ? -1 : 1;
	return stack_names_compare(context, a->stack, b->stack);
}

/* ---- goroutines ------------------------------------------------------------------------------------------------- */

/*
 * A goroutine with the same stack has moved all the same if it has been waiting for less than the time between the
 * moments. The runtime's note of a wait is too long rather than too short, apart from what the format rounds off.
 */
static bool has_stayed(const struct snapshot *snapshot, const struct snapshot_goroutine *old,
		       const struct snapshot_goroutine *new, uint64_t interval_ns)
{
	if (old->stack != new->stack || old->goid == 0)
		return false;
	return new->wait_ns == SNAPSHOT_NO_WAIT || new->wait_ns + snapshot->wait_step_ns >= interval_ns;
}

static void add_stay(struct diff *diff, const struct snapshot_goroutine *goroutine)
{
	struct diff_stay *stay = &diff->stays[diff->stay_count++];
	*stay = (struct diff_stay){.stack = goroutine->stack,
				   .state = goroutine->state,
				   .creator = goroutine->creator,
				   .count = 1,
				   .longest_wait_ns = goroutine->wait_ns == SNAPSHOT_NO_WAIT ? 0 : goroutine->wait_ns,
				   .goids = {goroutine->goid}};
	diff->stayed++;
}

static int stays_by_stack(const void *left, const void *right)
{
	const struct diff_stay *a = left, *b = right;
	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	return (a->goids[0] > b->goids[0]) - (a->goids[0] < b->goids[0]);
}

static int by_count(const void *left, const void *right, void *context)
{
	const struct diff_stay *a = left, *b = right;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return stack_names_compare(context, a->stack, b->stack);
}

/* Those with the same stack become one. */
static void merge_stays(struct diff *diff)
{
	size_t kept = 0;
	if (diff->stay_count > 1)
		qsort(diff->stays, diff->stay_count, sizeof *diff->stays, stays_by_stack);
	for (size_t i = 0; i < diff->stay_count; i++) {
		const struct diff_stay *stay = &diff->stays[i];
		struct diff_stay *last = kept > 0 ? &diff->stays[kept - 1] : NULL;
		if (last == NULL || last->stack != stay->stack) {
			diff->stays[kept++] = *stay;
			continue;
		}
		if (last->count < DIFF_STAY_GOIDS)
			last->goids[last->count] = stay->goids[0];
		last->count++;
		last->state = last->state == stay->state ? last->state : SNAPSHOT_NO_STRING;
		last->creator = last->creator == stay->creator ? last->creator : SNAPSHOT_NO_STRING;
		if (stay->longest_wait_ns > last->longest_wait_ns)
			last->longest_wait_ns = stay->longest_wait_ns;
	}
	diff->stay_count = kept;
}

/* Both are in order of their ids. */
static bool match_goroutines(struct diff *diff, const struct snapshot *old, const struct snapshot *new)
{
	size_t least = old->id_count < new->id_count ? old->id_count : new->id_count;
	diff->stays = calloc(least + 1, sizeof *diff->stays);
	if (diff->stays == NULL)
		return false;
	for (size_t i = 0, k = 0; i < old->id_count && k < new->id_count;) {
		const struct snapshot_goroutine *a = &old->goroutines[i], *b = &new->goroutines[k];
		if (a->goid == b->goid && has_stayed(new, a, b, diff->interval_ns))
			add_stay(diff, b);
		i += a->goid <= b->goid ? 1 : 0;
		k += b->goid <= a->goid ? 1 : 0;
	}
	merge_stays(diff);
	struct diff_stay *fitting = reallocarray(diff->stays, diff->stay_count + 1, sizeof *fitting);
	if (fitting != NULL)
		diff->stays = fitting;
	return true;
}

bool diff_make(const struct stack_names *names, const struct snapshot *old, const struct snapshot *new,
	       struct diff *diff_ret)
{
	struct diff diff = {
		.old_count = old->goroutine_count, .new_count = new->goroutine_count, .doubts = find_doubts(old, new)};
	if (old->time_ns != 0 && new->time_ns > old->time_ns)
		diff.interval_ns = new->time_ns - old->time_ns;
	diff.matched = old->has_ids && new->has_ids && (diff.doubts & ~(unsigned)DIFF_BACKWARDS) == 0;
	if (!compare_groups(&diff, old, new) || (diff.matched && !match_goroutines(&diff, old, new))) {
		diff_free(&diff);
		return false;
	}
	void *context = (void *)(uintptr_t)names;
	if (diff.group_count > 1)
		qsort_r(diff.groups, diff.group_count, sizeof *diff.groups, by_growth, context);
	if (diff.stay_count > 1)
		qsort_r(diff.stays, diff.stay_count, sizeof *diff.stays, by_count, context);
	*diff_ret = diff;
	return true;
}

void diff_free(struct diff *diff)
{
	free(diff->groups);
	free(diff->stays);
	*diff = (struct diff){0};
}
