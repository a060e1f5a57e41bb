/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Folded stacks, a line each: `outermost;…;innermost COUNT`, as flamegraph.pl, inferno and speedscope read them. They
 * split at semicolons and take what stands behind the last space for the count.
 */
#include "output/folded.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/call_tree.h"
#include "output/text.h"

#define FLUSH_BYTES ((size_t)64 * 1024)

struct folder {
	struct gsd_meter *meter;
	struct gsd_call_tree tree;
	struct gsd_text path;  /* the functions down to the node at hand */
	size_t *lengths;       /* by depth: of the path so far */
	struct gsd_text lines; /* what is written next */
	struct gsd_sink *sink;
};

/* Where the space stands that would make a number at the end of a name a count; SIZE_MAX: there is none. */
static size_t space_before_number(const char *name)
{
	size_t end = strlen(name);
	size_t start = end;
	while (start > 0 && strchr("0123456789.", name[start - 1]) != NULL)
		start--;
	return start < end && start > 0 && name[start - 1] == ' ' ? start - 1 : SIZE_MAX;
}

/* stackcollapse-perf.pl, too, makes colons of semicolons. */
static void add_name(struct gsd_text *path, const char *name)
{
	size_t space = space_before_number(name);
	for (size_t start = 0;;) {
		size_t length = strcspn(name + start, ";");
		if (space < start + length && space >= start)
			length = space - start;
		gsd_text_quote(path, name + start, length);
		start += length;
		if (name[start] == '\0')
			return;
		gsd_text_add(path, start == space ? "_" : ":");
		start++;
	}
}

static struct gsd_error *write_line(struct folder *folder, uint64_t count)
{
	gsd_text_add_text(&folder->lines, &folder->path);
	gsd_text_add(&folder->lines, " ");
	gsd_text_add_decimal(&folder->lines, (int64_t)count);
	gsd_text_add(&folder->lines, "\n");
	return folder->lines.length < FLUSH_BYTES ? NULL : gsd_text_emit(&folder->lines, folder->sink);
}

static struct gsd_error *write_lines(struct folder *folder)
{
	const struct gsd_call_tree *tree = &folder->tree;
	uint32_t depth = 0;
	uint64_t done = 0;
	struct gsd_meter *meter = folder->meter;
	gsd_meter_begin(meter, GSD_PHASE_WRITING, tree->nodes.count);
	folder->lengths = calloc((size_t)tree->depth + 1, sizeof *folder->lengths);
	if (folder->lengths == NULL)
		return gsd_error_no_memory();
	for (uint32_t i = gsd_call_tree_next(tree, 0, &depth); i != 0; i = gsd_call_tree_next(tree, i, &depth)) {
		const struct gsd_call_node *node = &tree->nodes.items[i];
		gsd_meter_count(meter, done++);
		folder->path.length = folder->lengths[depth - 1];
		if (depth > 1)
			gsd_text_add(&folder->path, ";");
		add_name(&folder->path, tree->names.items[node->name]);
		folder->lengths[depth] = folder->path.length;
		if (node->self != 0)
			GSD_TRY(write_line(folder, node->self));
	}
	return gsd_text_emit(&folder->lines, folder->sink);
}

struct gsd_error *gsd_write_folded_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
					struct gsd_sink *sink)
{
	struct folder folder = {.sink = sink, .meter = snapshot->meter};
	GSD_TRY(gsd_call_tree_create(snapshot, source, &folder.tree));
	struct gsd_error *error = write_lines(&folder);
	gsd_call_tree_free(&folder.tree);
	gsd_text_free(&folder.path);
	gsd_text_free(&folder.lines);
	free(folder.lengths);
	return error;
}

struct gsd_error *gsd_write_folded(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_folded_from(snapshot, &source, sink);
}
