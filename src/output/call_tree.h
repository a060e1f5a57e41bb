/* SPDX-License-Identifier: BSD-3-Clause */
/* What flame graphs are made of: the functions of all stacks as a tree, from those that goroutines began with inwards.
 */
#ifndef GSD_OUTPUT_CALL_TREE_H
#define GSD_OUTPUT_CALL_TREE_H

#include "output/aggregate.h"

/** A function called by those on the way to it. Nodes come after their parents, node 0 is the root: all goroutines. */
struct gsd_call_node {
	uint32_t parent;
	uint32_t name;         /**< index into gsd_call_tree.names */
	uint32_t first_child;  /**< 0: none */
	uint32_t next_sibling; /**< 0: none; siblings are in the order of their names */
	uint64_t self;         /**< goroutines whose innermost function it is */
	uint64_t total;        /**< those and the ones of all nodes below */
};
GSD_DEFINE_ARRAY(gsd_call_node_array, struct gsd_call_node)
GSD_DEFINE_ARRAY(gsd_name_array, const char *)

/** The tree of a snapshot. Names are borrowed from it; the root's is "". */
struct gsd_call_tree {
	struct gsd_call_node_array nodes;
	struct gsd_name_array names;
	uint32_t depth; /**< levels below the root */
};

/** The only function of a goroutine without any: one that ended up with an empty stack. */
#define GSD_EMPTY_STACK "gostackdump.empty"

/**
 * The tree of @p snapshot's goroutines, inlined functions as nodes of their own. One that never ran stands in its start
 * function. Fails as @p source does, or with GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_call_tree_create(const struct gsd_snapshot *snapshot,
						      const struct gsd_location_source *source,
						      struct gsd_call_tree *tree_ret);
void gsd_call_tree_free(struct gsd_call_tree *tree);

/**
 * The node after @p node in a walk that sees parents before children; 0 at the end. *depth is that of @p node (the
 * root's is 0) and becomes that of the next.
 */
uint32_t gsd_call_tree_next(const struct gsd_call_tree *tree, uint32_t node, uint32_t *depth);

#endif
