/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The goroutine profile as text, as runtime/pprof writes it for debug=1 (runtime/pprof/pprof.go, printCountProfile and
 * printStackRecord; text/tabwriter for the columns).
 */
#include "output/output.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "go/traceback.h"
#include "output/aggregate.h"
#include "output/quote.h"
#include "output/writer.h"

#define CELLS     4 /* "#", address, function, place */
#define TAB_WIDTH 8

/* Goroutines that Go counts together. */
struct group {
	uint64_t count;
	uint32_t stack;
	uint32_t labels; /* canonical label set or GSD_NO_LABELS */
	bool ambiguous;
	size_t key; /* its key is [key, key + key_length) of the keys */
	size_t key_length;
};
GSD_DEFINE_ARRAY(group_array, struct group)

/* A line of a stack: cells of the bytes of `cells`, the last one ends the line. */
struct row {
	size_t cells[CELLS + 1];
	size_t cell_count;
};
GSD_DEFINE_ARRAY(row_array, struct row)

struct printer {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	uint32_t *canonical_labels;
	struct group_array groups;
	struct gsd_memory_sink keys;
	struct gsd_memory_sink cells;
	struct gsd_traceback_list list;
	struct gsd_location_list locations;
	struct row_array rows;
	struct gsd_writer out; /* to the sink */
	struct gsd_writer key; /* to keys */
	struct gsd_writer cell;
};

/* ---- the addresses of a stack ---- */

/* A logical frame of Go's list; `frame` NULL: the word is none of Go's. */
typedef struct gsd_error *frame_visitor(struct printer *printer, const struct gsd_traceback_place *place,
					const struct gsd_traceback_frame *frame);

/* Visits what Go's list has of a stack: no wrappers, and no more frames than it has room for. */
static struct gsd_error *visit_frames(struct printer *printer, uint32_t index, frame_visitor *visit)
{
	static const struct gsd_traceback_rule all = {0};
	const struct gsd_stack *stack = &printer->snapshot->stacks[index];
	uint32_t limit = printer->snapshot->text_frame_limit;
	struct gsd_traceback_list *list = &printer->list;
	uint8_t callee = GSD_SPECIAL_NONE;
	uint32_t count = 0;
	GSD_TRY(gsd_traceback_expand(printer->snapshot->traceback, stack->words, stack->count, &all, list));
	for (size_t i = 0; i < list->count && (limit == 0 || count < limit); i++) {
		const struct gsd_traceback_place *place = list->items[i].place;
		if (place->entry == 0)
			GSD_TRY(visit(printer, place, NULL));
		for (size_t k = 0; k < place->frame_count && (limit == 0 || count < limit); k++) {
			bool elided = gsd_traceback_elides(&place->frames[k], callee);
			callee = place->frames[k].special;
			if (elided)
				continue;
			count++;
			GSD_TRY(visit(printer, place, &place->frames[k]));
		}
	}
	return NULL;
}

static struct gsd_error *add_to_key(struct printer *printer, const struct gsd_traceback_place *place,
				    const struct gsd_traceback_frame *frame)
{
	gsd_writer_add(&printer->key, " ", 1);
	gsd_writer_add_hex(&printer->key, frame != NULL ? frame->return_pc : place->pc);
	return NULL;
}

/* ---- labels ---- */

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* A pair as it is printed; the caller frees it. Quoted text holds no NUL. */
static struct gsd_error *quote_pair(const struct gsd_label *label, unsigned go_minor, char **text_ret)
{
	struct gsd_memory_sink sink;
	struct gsd_writer *writer = malloc(sizeof *writer);
	if (writer == NULL)
		return gsd_error_no_memory();
	gsd_memory_sink_init(&sink);
	gsd_writer_init(writer, &sink.sink);
	gsd_quote_go(writer, label->key, label->key_length, go_minor);
	gsd_writer_add(writer, ":", 1);
	gsd_quote_go(writer, label->value, label->value_length, go_minor);
	gsd_writer_add(writer, "", 1);
	struct gsd_error *error = gsd_writer_finish(writer);
	free(writer);
	if (error != NULL)
		gsd_memory_sink_free(&sink);
	else
		*text_ret = (char *)sink.bytes;
	return error;
}

/* {"key":"value", …}, the pairs in the order of their text (runtime/pprof/label.go, labelMap.String). */
static struct gsd_error *add_labels(struct printer *printer, const struct group *group)
{
	static const struct gsd_label ambiguous = {
		.key = "gostackdump", .key_length = 11, .value = "ambiguous", .value_length = 9};
	const struct gsd_label_set none = {0};
	const struct gsd_label_set *set =
		group->labels == GSD_NO_LABELS ? &none : &printer->snapshot->label_sets[group->labels];
	if (group->labels == GSD_NO_LABELS && !group->ambiguous)
		return NULL;
	char **texts = calloc(set->count + 1, sizeof *texts);
	struct gsd_error *error = texts == NULL ? gsd_error_no_memory() : NULL;
	size_t count = set->count + (group->ambiguous ? 1 : 0);
	for (size_t i = 0; i < count && error == NULL; i++)
		error = quote_pair(i < set->count ? &set->labels[i] : &ambiguous, printer->snapshot->go_minor,
				   &texts[i]);
	if (error == NULL) {
		qsort(texts, count, sizeof *texts, compare_texts);
		gsd_writer_add_text(&printer->key, "\n# labels: {");
		for (size_t i = 0; i < count; i++) {
			gsd_writer_add_text(&printer->key, i == 0 ? "" : ", ");
			gsd_writer_add_text(&printer->key, texts[i]);
		}
		gsd_writer_add_text(&printer->key, "}");
	}
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
	return error;
}

/* ---- groups ---- */

static struct gsd_error *count_goroutines(struct printer *printer, struct gsd_hash *group_of[2])
{
	const struct gsd_snapshot *snapshot = printer->snapshot;
	for (size_t i = 0; i < snapshot->goroutine_count; i++) {
		const struct gsd_goroutine *goroutine = &snapshot->goroutines[i];
		uint32_t labels = goroutine->labels == GSD_NO_LABELS ? GSD_NO_LABELS
								     : printer->canonical_labels[goroutine->labels];
		uint64_t key = (uint64_t)goroutine->stack << 32 | labels;
		struct gsd_hash *hash = group_of[goroutine->ambiguous];
		uint64_t index;
		if (!gsd_hash_find(hash, key, &index)) {
			struct group group = {
				.stack = goroutine->stack, .labels = labels, .ambiguous = goroutine->ambiguous};
			index = printer->groups.count;
			if (!group_array_append(&printer->groups, group) || !gsd_hash_insert(hash, key, index))
				return gsd_error_no_memory();
		}
		printer->groups.items[index].count++;
	}
	return NULL;
}

static struct gsd_error *make_keys(struct printer *printer)
{
	for (size_t i = 0; i < printer->groups.count; i++) {
		struct group *group = &printer->groups.items[i];
		group->key = printer->keys.length;
		gsd_writer_init(&printer->key, &printer->keys.sink);
		gsd_writer_add(&printer->key, "@", 1);
		GSD_TRY(visit_frames(printer, group->stack, add_to_key));
		GSD_TRY(add_labels(printer, group));
		GSD_TRY(gsd_writer_finish(&printer->key));
		group->key_length = printer->keys.length - group->key;
	}
	return NULL;
}

static int compare_keys(const struct printer *printer, const struct group *left, const struct group *right)
{
	size_t shorter = left->key_length < right->key_length ? left->key_length : right->key_length;
	int order = memcmp(printer->keys.bytes + left->key, printer->keys.bytes + right->key, shorter);
	return order != 0 ? order : (left->key_length > right->key_length) - (left->key_length < right->key_length);
}

static int by_key(const void *left, const void *right, void *printer)
{
	return compare_keys(printer, left, right);
}

/* Most first, then by key (keysByCount). */
static int by_count(const void *left_group, const void *right_group, void *printer)
{
	const struct group *left = left_group;
	const struct group *right = right_group;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return compare_keys(printer, left, right);
}

/* Stacks that differ only where Go cuts them are one. */
static void merge_groups(struct printer *printer)
{
	struct group *groups = printer->groups.items;
	size_t kept = 0;
	for (size_t i = 0; i < printer->groups.count; i++) {
		if (kept > 0 && compare_keys(printer, &groups[kept - 1], &groups[i]) == 0)
			groups[kept - 1].count += groups[i].count;
		else
			groups[kept++] = groups[i];
	}
	printer->groups.count = kept;
}

static struct gsd_error *make_groups(struct printer *printer)
{
	struct gsd_hash *group_of[2] = {gsd_hash_create(64), gsd_hash_create(0)};
	gsd_meter_begin(printer->snapshot->meter, GSD_PHASE_GROUPING, 0);
	struct gsd_error *error = group_of[0] == NULL || group_of[1] == NULL ? gsd_error_no_memory()
									     : count_goroutines(printer, group_of);
	gsd_hash_destroy(group_of[0]);
	gsd_hash_destroy(group_of[1]);
	if (error == NULL)
		error = make_keys(printer);
	if (error != NULL || printer->groups.count < 2)
		return error;
	qsort_r(printer->groups.items, printer->groups.count, sizeof(struct group), by_key, printer);
	merge_groups(printer);
	qsort_r(printer->groups.items, printer->groups.count, sizeof(struct group), by_count, printer);
	return NULL;
}

/* ---- the lines of a stack ---- */

static struct gsd_error *begin_row(struct printer *printer)
{
	struct row row = {.cells = {printer->cells.length}};
	gsd_writer_init(&printer->cell, &printer->cells.sink);
	return row_array_append(&printer->rows, row) ? NULL : gsd_error_no_memory();
}

static struct gsd_error *end_cell(struct printer *printer)
{
	struct row *row = &printer->rows.items[printer->rows.count - 1];
	GSD_TRY(gsd_writer_finish(&printer->cell));
	row->cells[++row->cell_count] = printer->cells.length;
	return NULL;
}

static struct gsd_error *add_row(struct printer *printer, uint64_t address, const char *function, uint64_t entry,
				 const char *file, int64_t line)
{
	struct gsd_writer *cell = &printer->cell;
	GSD_TRY(begin_row(printer));
	gsd_writer_add(cell, "#", 1);
	GSD_TRY(end_cell(printer));
	gsd_writer_add_hex(cell, address);
	GSD_TRY(end_cell(printer));
	if (function == NULL)
		return NULL;
	gsd_writer_add_text(cell, function);
	if (entry != 0) {
		gsd_writer_add(cell, "+", 1);
		gsd_writer_add_hex(cell, address - entry);
	}
	GSD_TRY(end_cell(printer));
	if (file[0] == '\0')
		return NULL;
	gsd_writer_add_text(cell, file);
	gsd_writer_add(cell, ":", 1);
	gsd_writer_add_integer(cell, line);
	return end_cell(printer);
}

/* What is no code of Go's: C, and our own marks. */
static struct gsd_error *add_other(struct printer *printer, const struct gsd_traceback_place *place)
{
	const struct gsd_stack stack = {.words = &place->word, .count = 1};
	GSD_TRY(printer->source->locate(printer->source->context, &stack, &printer->locations));
	for (size_t i = 0; i < printer->locations.count; i++) {
		const struct gsd_location *location = printer->locations.items[i];
		for (size_t k = 0; k < location->line_count; k++) {
			const struct gsd_line *line = &location->lines[k];
			bool named = strncmp(line->function, "0x", 2) != 0;
			GSD_TRY(add_row(printer, location->address, named ? line->function : NULL, 0, line->file,
					line->line));
		}
	}
	return NULL;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The innermost functions of the runtime are hidden until another one is shown. */
static bool is_hidden(const struct printer *printer, const char *name)
{
	return has_prefix(name, "runtime.") ||
	       (printer->snapshot->go_minor >= 24 && has_prefix(name, "internal/runtime/"));
}

static struct gsd_error *add_frame(struct printer *printer, const struct gsd_traceback_place *place,
				   const struct gsd_traceback_frame *frame)
{
	if (frame == NULL)
		return add_other(printer, place);
	if (strcmp(frame->function, "runtime.goexit") == 0)
		return NULL;
	return add_row(printer, frame->return_pc - 1, frame->function, place->entry, frame->file, frame->line);
}

static struct gsd_error *add_shown_frame(struct printer *printer, const struct gsd_traceback_place *place,
					 const struct gsd_traceback_frame *frame)
{
	bool hidden = printer->rows.count == 0 && frame != NULL && is_hidden(printer, frame->function);
	return hidden ? NULL : add_frame(printer, place, frame);
}

static unsigned characters(const uint8_t *bytes, size_t length)
{
	unsigned count = 0;
	for (size_t i = 0; i < length; i++)
		count += (bytes[i] & 0xc0) != 0x80 ? 1 : 0;
	return count;
}

static unsigned cell_width(const struct printer *printer, const struct row *row, size_t cell)
{
	return characters(printer->cells.bytes + row->cells[cell], row->cells[cell + 1] - row->cells[cell]);
}

/*
 * How wide a column is at row @p first, and to which row: neighbours that have something behind it are aligned
 * (text/tabwriter with tabs of eight).
 */
static unsigned column_width(const struct printer *printer, size_t first, size_t cell, size_t *end_ret)
{
	unsigned widest = 0;
	size_t row = first;
	for (; row < printer->rows.count && printer->rows.items[row].cell_count > cell + 1; row++) {
		unsigned width = cell_width(printer, &printer->rows.items[row], cell);
		widest = width > widest ? width : widest;
	}
	*end_ret = row;
	return (widest + 1 + TAB_WIDTH - 1) / TAB_WIDTH * TAB_WIDTH;
}

static void print_rows(struct printer *printer)
{
	unsigned widths[CELLS] = {0};
	size_t ends[CELLS] = {0};
	for (size_t i = 0; i < printer->rows.count; i++) {
		const struct row *row = &printer->rows.items[i];
		for (size_t cell = 0; cell < row->cell_count; cell++) {
			size_t length = row->cells[cell + 1] - row->cells[cell];
			gsd_writer_add(&printer->out, printer->cells.bytes + row->cells[cell], length);
			if (cell + 1 == row->cell_count)
				break;
			if (i >= ends[cell])
				widths[cell] = column_width(printer, i, cell, &ends[cell]);
			unsigned missing = widths[cell] - cell_width(printer, row, cell);
			for (unsigned k = 0; k < (missing + TAB_WIDTH - 1) / TAB_WIDTH; k++)
				gsd_writer_add(&printer->out, "\t", 1);
		}
		gsd_writer_add(&printer->out, "\n", 1);
	}
}

static struct gsd_error *print_group(struct printer *printer, const struct group *group)
{
	struct gsd_writer *out = &printer->out;
	gsd_writer_add_unsigned(out, group->count);
	gsd_writer_add(out, " ", 1);
	gsd_writer_add(out, printer->keys.bytes + group->key, group->key_length);
	gsd_writer_add(out, "\n", 1);
	printer->rows.count = 0;
	printer->cells.length = 0;
	GSD_TRY(visit_frames(printer, group->stack, add_shown_frame));
	if (printer->rows.count == 0)
		GSD_TRY(visit_frames(printer, group->stack, add_frame));
	print_rows(printer);
	gsd_writer_add(out, "\n", 1);
	return NULL;
}

/* ---- all of it ---- */

static struct gsd_error *print_profile(struct printer *printer)
{
	GSD_TRY(gsd_canonical_labels(printer->snapshot, &printer->canonical_labels));
	GSD_TRY(make_groups(printer));
	gsd_meter_begin(printer->snapshot->meter, GSD_PHASE_WRITING, printer->groups.count);
	gsd_writer_add_text(&printer->out, "goroutine profile: total ");
	gsd_writer_add_unsigned(&printer->out, printer->snapshot->goroutine_count);
	gsd_writer_add(&printer->out, "\n", 1);
	for (size_t i = 0; i < printer->groups.count && printer->out.error == NULL; i++) {
		gsd_meter_count(printer->snapshot->meter, i);
		GSD_TRY(print_group(printer, &printer->groups.items[i]));
	}
	return NULL;
}

struct gsd_error *gsd_write_text(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	struct printer *printer = calloc(1, sizeof *printer);
	if (printer == NULL)
		return gsd_error_no_memory();
	printer->snapshot = snapshot;
	printer->source = &source;
	gsd_memory_sink_init(&printer->keys);
	gsd_memory_sink_init(&printer->cells);
	gsd_writer_init(&printer->out, sink);
	struct gsd_error *error = print_profile(printer);
	error = gsd_error_first(error, gsd_writer_finish(&printer->out));
	free(printer->canonical_labels);
	group_array_free(&printer->groups);
	row_array_free(&printer->rows);
	gsd_memory_sink_free(&printer->keys);
	gsd_memory_sink_free(&printer->cells);
	gsd_traceback_list_free(&printer->list);
	gsd_location_list_free(&printer->locations);
	free(printer);
	return error;
}
