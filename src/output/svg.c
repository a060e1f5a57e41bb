/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flame graph as a picture: a box is a function, as wide as its share of the goroutines, below its caller. It can be
 * read as it is, in an <img>, too; where scripts run, svg.js lets one zoom and search.
 */
#include "output/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/call_tree.h"
#include "output/names.h"
#include "output/text.h"
#include "output/threads.h"

#define FLUSH_BYTES ((size_t)64 * 1024)

/* Pixels. */
#define WIDTH       1200U
#define MARGIN      10U
#define TOP         52U /* of the first row of boxes: the title is above */
#define ROW         18U
#define BASELINE    13U /* of a name, from the top of its box */
#define PADDING     3U
#define COLUMNS_MIN 3U /* a shorter beginning of a name says nothing */

/* Hundredths of a pixel. */
#define SPAN      ((uint64_t)(WIDTH - 2 * MARGIN) * 100)
#define COLUMN    725U /* a character of the font */
#define NARROWEST 30U  /* what is narrower becomes one box with its like */
#define GAP       50U

/* Columns that have room in the lines above, beside what svg.js adds to the first. */
#define NAME_COLUMNS  80U
#define FACTS_COLUMNS 160U

#define DEPTH_MAX   250U /* a picture of 4096 levels is for nobody */
#define REST_COLOUR 0xb9bec6U
#define ROOT        0U

/* A box that is to be drawn. */
struct box {
	uint32_t node; /* if it stands for one function */
	uint32_t depth;
	uint64_t before;    /* goroutines to the left of it */
	uint64_t count;     /* goroutines in it */
	uint64_t functions; /* that it stands for, which are not drawn; 0: for node */
};
GSD_DEFINE_ARRAY(box_array, struct box)

struct drawing {
	const struct gsd_snapshot *snapshot;
	struct gsd_call_tree tree;
	struct box_array todo;         /* the next one last */
	struct gsd_u32_array children; /* of the box at hand, widest first */
	struct gsd_text text;          /* what is written next */
	struct gsd_text name;
	struct gsd_text shown; /* of the name */
	struct gsd_sink *sink;
};

/* ---- text in XML ---- */

/* Adds a string of the target, quoted, for an element's content. */
static void add_escaped(struct gsd_text *text, const char *bytes, size_t length)
{
	while (length > 0) {
		size_t run = 0;
		while (run < length && strchr("&<>", bytes[run]) == NULL)
			run++;
		gsd_text_quote(text, bytes, run);
		if (run == length)
			return;
		gsd_text_add(text, bytes[run] == '&' ? "&amp;" : bytes[run] == '<' ? "&lt;" : "&gt;");
		bytes += run + 1;
		length -= run + 1;
	}
}

/* The decimal point is a point in every locale. */
static void add_hundredths(struct gsd_text *text, uint64_t hundredths)
{
	char digits[32];
	snprintf(digits, sizeof digits, "%u.%02u", (unsigned)(hundredths / 100), (unsigned)(hundredths % 100));
	gsd_text_add(text, digits);
}

/* "12 goroutines" */
static void add_count(struct gsd_text *text, const struct gsd_snapshot *snapshot, uint64_t count)
{
	gsd_text_add_number(text, count);
	gsd_text_add(text, " ");
	gsd_text_add(text, gsd_snapshot_noun(snapshot, count));
}

/* "12 goroutines, 0.1 %". What is there is never 0.0 %, and what is not all never 100.0 %. */
static void add_share(struct drawing *drawing, uint64_t count)
{
	uint64_t total = drawing->tree.nodes.items[ROOT].total;
	uint64_t tenths = total == 0 ? 0 : (count * 1000 + total / 2) / total;
	add_count(&drawing->text, drawing->snapshot, count);
	gsd_text_add(&drawing->text, ", ");
	if (tenths == 0 && count > 0) {
		gsd_text_add(&drawing->text, "&lt;0.1");
	} else if (tenths == 1000 && count != total) {
		gsd_text_add(&drawing->text, "&gt;99.9");
	} else {
		gsd_text_add_decimal(&drawing->text, (int64_t)tenths / 10);
		if (count != total) {
			gsd_text_add(&drawing->text, ".");
			gsd_text_add_decimal(&drawing->text, (int64_t)tenths % 10);
		}
	}
	gsd_text_add(&drawing->text, " %");
}

/* ---- colours ---- */

static bool begins(const char *path, size_t length, const char *beginning)
{
	return length >= strlen(beginning) && memcmp(path, beginning, strlen(beginning)) == 0;
}

static bool is_runtime(const char *path, size_t length)
{
	return length == 0 || (length == 7 && begins(path, length, "runtime")) || begins(path, length, "runtime/") ||
	       begins(path, length, "internal/") || (length == 11 && begins(path, length, "gostackdump"));
}

/* The part of a colour of hue @p hue (degrees), in hsl(hue 62% 80%), that red, green or blue (n = 0, 8, 4) has. */
static unsigned channel(unsigned hue, unsigned n)
{
	/* CSS Color 4, section 7.1, in thousandths: l - a * max(-1, min(k - 3, 9 - k, 1)), k = (n + hue / 30) mod 12 */
	int k = (int)((n * 30 + hue) % 360) * 1000 / 30;
	int slope = k - 3000 < 9000 - k ? k - 3000 : 9000 - k;
	slope = slope > 1000 ? 1000 : slope < -1000 ? -1000 : slope;
	return (unsigned)(((800000 - 124 * slope) * 255 + 500000) / 1000000);
}

/* The same package has the same colour in every picture, and in the html format (flame.js, hueOf). */
static unsigned colour(const char *function, size_t path_length)
{
	uint32_t hash = 2166136261U; /* FNV-1a */
	if (is_runtime(function, path_length))
		return 0xdfe2e6;
	for (size_t i = 0; i < path_length; i++)
		hash = (hash ^ (unsigned char)function[i]) * 16777619U;
	unsigned hue = hash % 360;
	return channel(hue, 0) << 16 | channel(hue, 8) << 8 | channel(hue, 4);
}

/* ---- boxes ---- */

/* How wide so many goroutines are. An empty picture has one box, as wide as all. */
static uint64_t width_of(const struct drawing *drawing, uint64_t goroutines)
{
	uint64_t total = drawing->tree.nodes.items[ROOT].total;
	return total == 0 ? SPAN : goroutines * SPAN / total;
}

static uint64_t left_of(const struct drawing *drawing, const struct box *box)
{
	return MARGIN * 100 + (box->before == 0 ? 0 : width_of(drawing, box->before));
}

static void add_rect(struct drawing *drawing, const struct box *box, unsigned fill)
{
	uint64_t width = width_of(drawing, box->count);
	struct gsd_text *text = &drawing->text;
	char colour_words[32];
	snprintf(colour_words, sizeof colour_words, "\" fill=\"#%06x\"/>", fill);
	gsd_text_add(text, "<rect x=\"");
	add_hundredths(text, left_of(drawing, box));
	gsd_text_add(text, "\" y=\"");
	gsd_text_add_decimal(text, TOP + (int64_t)box->depth * ROW);
	gsd_text_add(text, "\" width=\"");
	add_hundredths(text, width > 200 ? width - GAP : width);
	gsd_text_add(text, "\" height=\"17\" rx=\"2");
	gsd_text_add(text, colour_words);
}

/* "http.(*conn).serve", as much of it as has room. */
static void add_label(struct drawing *drawing, const struct box *box, const struct gsd_function_name *name)
{
	struct gsd_text *text = &drawing->text;
	uint64_t width = width_of(drawing, box->count);
	uint64_t columns = width < 200 * PADDING ? 0 : (width - 200 * PADDING) / COLUMN;
	if (columns < COLUMNS_MIN)
		return;
	gsd_text_clear(&drawing->name);
	gsd_text_quote(&drawing->name, name->package + name->element, name->package_length - name->element);
	gsd_text_quote(&drawing->name, name->rest, strlen(name->rest));
	gsd_text_clear(&drawing->shown);
	gsd_text_add_beginning(&drawing->shown, &drawing->name, (unsigned)columns);
	gsd_text_add(text, "<text x=\"");
	add_hundredths(text, left_of(drawing, box) + PADDING * 100);
	gsd_text_add(text, "\" y=\"");
	gsd_text_add_decimal(text, TOP + BASELINE + (int64_t)box->depth * ROW);
	gsd_text_add(text, "\">");
	add_escaped(text, drawing->shown.bytes, drawing->shown.length);
	gsd_text_add(text, "</text>");
}

static void add_function(struct drawing *drawing, const struct box *box)
{
	uint32_t name_index = drawing->tree.nodes.items[box->node].name;
	const char *everything = drawing->snapshot->threads_only ? "all threads" : "all goroutines";
	const char *function = box->node == ROOT ? everything : drawing->tree.names.items[name_index];
	struct gsd_text *text = &drawing->text;
	struct gsd_function_name name;
	gsd_function_name_parse(function, &name);
	gsd_text_add(text, "<g class=\"box\"><title>");
	add_escaped(text, function, strlen(function));
	gsd_text_add(text, "\n");
	add_share(drawing, box->count);
	gsd_text_add(text, "</title>");
	add_rect(drawing, box, colour(function, (size_t)(name.rest - function)));
	add_label(drawing, box, &name);
	gsd_text_add(text, "</g>\n");
}

static void add_rest(struct drawing *drawing, const struct box *box)
{
	struct gsd_text *text = &drawing->text;
	gsd_text_add(text, "<g class=\"box rest\"><title>");
	gsd_text_add_number(text, box->functions);
	gsd_text_add(text, box->functions == 1 ? " function not drawn" : " functions not drawn");
	gsd_text_add(text, box->depth == DEPTH_MAX ? ", too deep\n" : ", too narrow\n");
	add_share(drawing, box->count);
	gsd_text_add(text, "</title>");
	add_rect(drawing, box, REST_COLOUR);
	gsd_text_add(text, "</g>\n");
}

/* ---- the tree ---- */

static int compare_nodes(const void *left_index, const void *right_index, void *context)
{
	const struct gsd_call_tree *tree = context;
	const struct gsd_call_node *left = &tree->nodes.items[*(const uint32_t *)left_index];
	const struct gsd_call_node *right = &tree->nodes.items[*(const uint32_t *)right_index];
	if (left->total != right->total)
		return left->total > right->total ? -1 : 1;
	return strcmp(tree->names.items[left->name], tree->names.items[right->name]);
}

static struct gsd_error *sort_children(struct drawing *drawing, uint32_t node)
{
	const struct gsd_call_node *nodes = drawing->tree.nodes.items;
	drawing->children.count = 0;
	for (uint32_t child = nodes[node].first_child; child != 0; child = nodes[child].next_sibling) {
		if (!gsd_u32_array_append(&drawing->children, child))
			return gsd_error_no_memory();
	}
	if (drawing->children.count > 1)
		qsort_r(drawing->children.items, drawing->children.count, sizeof *drawing->children.items,
			compare_nodes, &drawing->tree);
	return NULL;
}

static bool is_drawn(const struct drawing *drawing, uint32_t node, uint32_t depth)
{
	return depth < DEPTH_MAX && width_of(drawing, drawing->tree.nodes.items[node].total) >= NARROWEST;
}

/* What is called by a box comes next: the widest first, at the end all that is not drawn, as one. */
static struct gsd_error *push_children(struct drawing *drawing, const struct box *parent)
{
	const struct gsd_call_node *nodes = drawing->tree.nodes.items;
	const struct gsd_u32_array *children = &drawing->children;
	struct box rest = {.depth = parent->depth + 1, .before = parent->before};
	GSD_TRY(sort_children(drawing, parent->node));
	size_t wide = 0;
	for (; wide < children->count && is_drawn(drawing, children->items[wide], rest.depth); wide++)
		rest.before += nodes[children->items[wide]].total;
	rest.functions = children->count - wide;
	for (size_t i = wide; i < children->count; i++)
		rest.count += nodes[children->items[i]].total;
	if (rest.functions > 0 && !box_array_append(&drawing->todo, rest))
		return gsd_error_no_memory();
	uint64_t before = rest.before;
	while (wide-- > 0) {
		uint32_t node = children->items[wide];
		before -= nodes[node].total;
		struct box box = {node, rest.depth, before, nodes[node].total, 0};
		if (!box_array_append(&drawing->todo, box))
			return gsd_error_no_memory();
	}
	return NULL;
}

static struct gsd_error *write_boxes(struct drawing *drawing)
{
	struct box all = {.count = drawing->tree.nodes.items[ROOT].total};
	if (!box_array_append(&drawing->todo, all))
		return gsd_error_no_memory();
	while (drawing->todo.count > 0) {
		struct box box = drawing->todo.items[--drawing->todo.count];
		if (box.functions > 0) {
			add_rest(drawing, &box);
		} else {
			add_function(drawing, &box);
			GSD_TRY(push_children(drawing, &box));
		}
		if (drawing->text.length >= FLUSH_BYTES)
			GSD_TRY(gsd_text_emit(&drawing->text, drawing->sink));
	}
	return NULL;
}

/* ---- what is above the boxes ---- */

static void add_selection(struct gsd_text *text, const struct gsd_snapshot_selection *selection)
{
	if (selection->filter != NULL) {
		gsd_text_add(text, ", filter: ");
		gsd_text_quote(text, selection->filter, strlen(selection->filter));
	}
	if (selection->limit != 0) {
		gsd_text_add(text, ", a sample of at most ");
		gsd_text_add_number(text, selection->limit);
		gsd_text_add(text, ", seed ");
		gsd_text_add_decimal(text, (int64_t)selection->seed);
	}
}

/* "12 of 10,006 goroutines, pid 4242, go1.26.8, 2025-01-31 12:00:00 UTC" */
static void add_facts(struct gsd_text *text, const struct gsd_snapshot *snapshot)
{
	uint64_t all = snapshot->goroutine_count;
	if (snapshot->selection.total != 0) {
		all = snapshot->selection.total;
		gsd_text_add_number(text, snapshot->goroutine_count);
		gsd_text_add(text, " of ");
	}
	add_count(text, snapshot, all);
	if (snapshot->pid != 0) {
		gsd_text_add(text, ", pid ");
		gsd_text_add_decimal(text, (int64_t)snapshot->pid);
	}
	gsd_text_add(text, ", ");
	gsd_text_quote(text, gsd_snapshot_maker(snapshot), strlen(gsd_snapshot_maker(snapshot)));
	gsd_text_add(text, ", ");
	gsd_text_add_time(text, snapshot->time_unix_ns);
	add_selection(text, &snapshot->selection);
}

/* A line of text, cut where the picture ends, with the whole of it under the pointer. */
static void add_line(struct drawing *drawing, const char *attributes, const char *whole, size_t length,
		     unsigned columns)
{
	struct gsd_text *text = &drawing->text;
	gsd_text_clear(&drawing->shown);
	gsd_text_add_beginning(&drawing->shown, &drawing->name, columns);
	gsd_text_add(text, "<text x=\"10\" ");
	gsd_text_add(text, attributes);
	gsd_text_add(text, "><title>");
	add_escaped(text, whole, length);
	gsd_text_add(text, "</title>");
	add_escaped(text, drawing->shown.bytes, drawing->shown.length);
	gsd_text_add(text, "</text>\n");
}

static void add_heading(struct drawing *drawing)
{
	const struct gsd_snapshot *snapshot = drawing->snapshot;
	struct gsd_text *text = &drawing->text, *line = &drawing->name;
	const char *slash = strrchr(snapshot->exe, '/');
	const char *program = slash == NULL ? snapshot->exe : slash + 1;
	gsd_text_add(text, "<title>");
	add_escaped(text, program, strlen(program));
	gsd_text_add(text, ": ");
	add_count(text, snapshot, snapshot->goroutine_count);
	gsd_text_add(text, "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
	gsd_text_clear(line);
	gsd_text_quote(line, program, strlen(program));
	add_line(drawing, "y=\"20\" class=\"name\"", snapshot->exe, strlen(snapshot->exe), NAME_COLUMNS);
	gsd_text_clear(line);
	add_facts(line, snapshot);
	add_line(drawing, "y=\"40\" class=\"facts\"", line->bytes, line->length, FACTS_COLUMNS);
}

static struct gsd_error *write_picture(struct drawing *drawing)
{
	struct gsd_text *text = &drawing->text;
	char opening[256];
	unsigned deepest = drawing->tree.depth < DEPTH_MAX ? drawing->tree.depth : DEPTH_MAX;
	unsigned height = TOP + (deepest + 1) * ROW + MARGIN;
	snprintf(opening, sizeof opening,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
		 "height=\"%u\" viewBox=\"0 0 %u %u\">\n",
		 WIDTH, height, WIDTH, height);
	gsd_meter_begin(drawing->snapshot->meter, GSD_PHASE_WRITING, 0);
	gsd_text_add(text, opening);
	add_heading(drawing);
	gsd_text_add(text, "<style>");
	GSD_TRY(gsd_text_emit(text, drawing->sink));
	GSD_TRY(gsd_sink_write(drawing->sink, gsd_svg_style, gsd_svg_style_size));
	gsd_text_add(text, "</style>\n");
	GSD_TRY(write_boxes(drawing));
	gsd_text_add(text, "<script><![CDATA[");
	GSD_TRY(gsd_text_emit(text, drawing->sink));
	GSD_TRY(gsd_sink_write(drawing->sink, gsd_svg_script, gsd_svg_script_size));
	gsd_text_add(text, "]]></script>\n</svg>\n");
	return gsd_text_emit(text, drawing->sink);
}

struct gsd_error *gsd_write_svg_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				     struct gsd_sink *sink)
{
	struct drawing drawing = {.snapshot = snapshot, .sink = sink};
	GSD_TRY(gsd_call_tree_create(snapshot, source, &drawing.tree));
	struct gsd_error *error = write_picture(&drawing);
	gsd_call_tree_free(&drawing.tree);
	box_array_free(&drawing.todo);
	gsd_u32_array_free(&drawing.children);
	gsd_text_free(&drawing.text);
	gsd_text_free(&drawing.name);
	gsd_text_free(&drawing.shown);
	return error;
}

struct gsd_error *gsd_write_svg(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_svg_from(snapshot, &source, sink);
}
