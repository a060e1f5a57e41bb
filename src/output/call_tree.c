/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/call_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

#define ROOT 0U

/* What lives only while the tree grows. */
struct grower {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_call_tree *tree;
	struct gsd_distinct_stacks stacks;
	struct gsd_hash *child_of; /* from (parent, name) */
	struct gsd_hash *name_of;  /* from a hash of the name; different names take neighbouring keys */
	uint32_t *leaf_of;         /* by distinct stack; ROOT: not in the tree yet */
};

static struct gsd_error *intern(struct grower *grower, const char *name, uint32_t *index_ret)
{
	struct gsd_name_array *names = &grower->tree->names;
	uint64_t key = gsd_hash_bytes(name, strlen(name), 0), index;
	while (gsd_hash_find(grower->name_of, key, &index) && strcmp(names->items[index], name) != 0)
		key++;
	if (!gsd_hash_find(grower->name_of, key, &index)) {
		index = names->count;
		if (!gsd_name_array_append(names, name) || !gsd_hash_insert(grower->name_of, key, index))
			return gsd_error_no_memory();
	}
	*index_ret = (uint32_t)index;
	return NULL;
}

/* Goes from *node to its child of that name, which is made if there is none. */
static struct gsd_error *descend(struct grower *grower, const char *function, uint32_t *node)
{
	uint32_t name = 0;
	uint64_t child;
	GSD_TRY(intern(grower, function, &name));
	uint64_t key = (uint64_t)*node << 32 | name;
	if (!gsd_hash_find(grower->child_of, key, &child)) {
		struct gsd_call_node_array *nodes = &grower->tree->nodes;
		child = nodes->count;
		if (child >= UINT32_MAX ||
		    !gsd_call_node_array_append(nodes, (struct gsd_call_node){.parent = *node, .name = name}) ||
		    !gsd_hash_insert(grower->child_of, key, child))
			return gsd_error_no_memory();
	}
	*node = (uint32_t)child;
	return NULL;
}

/* The node of a stack's innermost function. */
static struct gsd_error *descend_stack(struct grower *grower, uint32_t stack, uint32_t *leaf_ret)
{
	uint32_t node = ROOT;
	for (size_t i = grower->stacks.stacks.items[stack].count; i-- > 0;) {
		const struct gsd_location *location = gsd_distinct_stacks_location(&grower->stacks, stack, i);
		for (size_t k = location->line_count; k-- > 0;)
			GSD_TRY(descend(grower, location->lines[k].function, &node));
	}
	*leaf_ret = node;
	return NULL;
}

static struct gsd_error *descend_start(struct grower *grower, const struct gsd_goroutine *goroutine, uint32_t *leaf_ret)
{
	struct gsd_line line = {0};
	uint32_t node = ROOT;
	if (goroutine->never_ran && goroutine->start_pc != 0)
		GSD_TRY(grower->source->creator(grower->source->context, goroutine->start_pc, &line));
	GSD_TRY(descend(grower, line.function != NULL ? line.function : GSD_EMPTY_STACK, &node));
	*leaf_ret = node;
	return NULL;
}

static struct gsd_error *grow(struct grower *grower)
{
	for (size_t i = 0; i < grower->snapshot->goroutine_count; i++) {
		const struct gsd_goroutine *goroutine = &grower->snapshot->goroutines[i];
		uint32_t stack = grower->stacks.of_stack[goroutine->stack];
		uint32_t leaf = grower->leaf_of[stack];
		if (leaf == ROOT) {
			if (grower->stacks.stacks.items[stack].count == 0)
				GSD_TRY(descend_start(grower, goroutine, &leaf));
			else
				GSD_TRY(descend_stack(grower, stack, &leaf));
			if (grower->stacks.stacks.items[stack].count != 0)
				grower->leaf_of[stack] = leaf;
		}
		grower->tree->nodes.items[leaf].self++;
	}
	return NULL;
}

/* ---- once it is grown ---- */

static void sum_up(struct gsd_call_tree *tree)
{
	for (size_t i = tree->nodes.count; i-- > 0;) {
		struct gsd_call_node *node = &tree->nodes.items[i];
		node->total += node->self;
		if (i != ROOT)
			tree->nodes.items[node->parent].total += node->total;
	}
}

static int compare_names(const void *left, const void *right, void *context)
{
	const struct gsd_call_tree *tree = context;
	const struct gsd_call_node *left_node = &tree->nodes.items[*(const uint32_t *)left];
	const struct gsd_call_node *right_node = &tree->nodes.items[*(const uint32_t *)right];
	return strcmp(tree->names.items[left_node->name], tree->names.items[right_node->name]);
}

/* Whatever the order of goroutines, the tree is the same. */
static struct gsd_error *link_siblings(struct gsd_call_tree *tree)
{
	size_t count = tree->nodes.count - 1;
	uint32_t *order = reallocarray(NULL, count + 1, sizeof *order);
	if (order == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i + 1;
	qsort_r(order, count, sizeof *order, compare_names, tree);
	for (size_t i = count; i-- > 0;) {
		struct gsd_call_node *node = &tree->nodes.items[order[i]];
		struct gsd_call_node *parent = &tree->nodes.items[node->parent];
		node->next_sibling = parent->first_child;
		parent->first_child = order[i];
	}
	free(order);
	return NULL;
}

uint32_t gsd_call_tree_next(const struct gsd_call_tree *tree, uint32_t node, uint32_t *depth)
{
	const struct gsd_call_node *nodes = tree->nodes.items;
	if (nodes[node].first_child != 0) {
		++*depth;
		return nodes[node].first_child;
	}
	for (; node != ROOT; node = nodes[node].parent, --*depth) {
		if (nodes[node].next_sibling != 0)
			return nodes[node].next_sibling;
	}
	return 0;
}

static void measure_depth(struct gsd_call_tree *tree)
{
	uint32_t depth = 0, node = ROOT;
	do {
		if (depth > tree->depth)
			tree->depth = depth;
		node = gsd_call_tree_next(tree, node, &depth);
	} while (node != 0);
}

static struct gsd_error *make(struct grower *grower)
{
	struct gsd_call_tree *tree = grower->tree;
	GSD_TRY(gsd_distinct_stacks_create(grower->snapshot, grower->source, &grower->stacks));
	grower->child_of = gsd_hash_create(1024);
	grower->name_of = gsd_hash_create(1024);
	grower->leaf_of = calloc(grower->stacks.stacks.count + 1, sizeof *grower->leaf_of);
	uint32_t root_name;
	if (grower->child_of == NULL || grower->name_of == NULL || grower->leaf_of == NULL)
		return gsd_error_no_memory();
	GSD_TRY(intern(grower, "", &root_name));
	if (!gsd_call_node_array_append(&tree->nodes, (struct gsd_call_node){.name = root_name}))
		return gsd_error_no_memory();
	GSD_TRY(grow(grower));
	sum_up(tree);
	GSD_TRY(link_siblings(tree));
	measure_depth(tree);
	return NULL;
}

struct gsd_error *gsd_call_tree_create(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				       struct gsd_call_tree *tree_ret)
{
	struct gsd_call_tree tree = {0};
	struct grower grower = {.snapshot = snapshot, .source = source, .tree = &tree};
	struct gsd_error *error = make(&grower);
	gsd_distinct_stacks_free(&grower.stacks);
	gsd_hash_destroy(grower.child_of);
	gsd_hash_destroy(grower.name_of);
	free(grower.leaf_of);
	if (error != NULL)
		gsd_call_tree_free(&tree);
	else
		*tree_ret = tree;
	return error;
}

void gsd_call_tree_free(struct gsd_call_tree *tree)
{
	gsd_call_node_array_free(&tree->nodes);
	gsd_name_array_free(&tree->names);
}
