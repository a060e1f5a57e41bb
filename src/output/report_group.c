/* SPDX-License-Identifier: BSD-3-Clause */
/* A group of a report: what its goroutines have in common, and their stack. */
#include <string.h>

#include "output/names.h"
#include "output/report_parts.h"

#define INDENT           4U
#define GAP              2U  /* between a function and its file, a state and a function */
#define FILE_COLUMNS_MIN 28U /* a file is not squeezed below that by long function names */
#define BEFORE_CREATOR   "created by "
#define ELLIPSIS         "\xe2\x80\xa6"

/* ---- functions and files ----------------------------------------------------------------------------------------- */

/* "http.(*conn).serve": with the last element of its package's path. */
static void quote_function(struct gsd_text *text, const struct gsd_function_name *name)
{
	gsd_text_quote(text, name->package + name->element, name->package_length - name->element);
	gsd_report_quote(text, name->rest);
}

/* The file that code at @p address was mapped from, without its folder; "" when that is not known. */
static const char *object_at(const struct gsd_snapshot *snapshot, uint64_t address)
{
	const struct gsd_snapshot_mapping *mapping = gsd_snapshot_mapping_at(snapshot, address);
	const char *slash = mapping == NULL ? NULL : strrchr(mapping->file, '/');
	return mapping == NULL ? "" : slash == NULL ? mapping->file : slash + 1;
}

/* "net/http/server.go:2103": in its package; of what has none, the whole path. */
static void quote_file(struct gsd_text *text, const struct gsd_function_name *name, const struct gsd_line *line)
{
	const char *slash = strrchr(line->file, '/');
	if (line->file[0] == '\0')
		return;
	if (name->package_length == 0 || slash == NULL) {
		gsd_report_quote(text, line->file);
	} else if (name->package_length == 4 && memcmp(name->package, "main", 4) == 0) {
		gsd_report_quote(text, slash + 1);
	} else {
		gsd_text_quote(text, name->package, name->package_length);
		gsd_report_quote(text, slash);
	}
	gsd_text_add(text, ":");
	gsd_text_add_decimal(text, line->line);
}

/* Puts a line's two halves, quoted, into function and file. */
static void make_halves(struct gsd_report *report, const struct gsd_line *line, const char *before)
{
	struct gsd_function_name name;
	gsd_function_name_parse(line->function, &name);
	gsd_text_clear(&report->function);
	gsd_text_add(&report->function, before);
	quote_function(&report->function, &name);
	gsd_text_clear(&report->file);
	quote_file(&report->file, &name, line);
}

/* The same for a line of a stack: of C code without debug information it is at least known which library it is of. */
static void make_frame(struct gsd_report *report, const struct gsd_line *line, uint64_t address)
{
	make_halves(report, line, "");
	if (line->file[0] == '\0' && line->entry == 0 && address != 0)
		gsd_report_quote(&report->file, object_at(report->snapshot, address));
}

/* ---- which lines of a stack are shown ---------------------------------------------------------------------------- */

/* What a group shows below its heading. */
struct shown {
	const struct gsd_group *group;
	struct gsd_line start;   /* of those that have not run yet; function NULL: they have */
	struct gsd_line creator; /* function NULL: none */
	bool plumbing;           /* frames of the runtime, too */
	size_t count;            /* lines of the stack that are shown */
	size_t first, last;      /* so many of the innermost and outermost of them, if there are more */
};

typedef void visitor(struct gsd_report *report, unsigned *columns);

/* A place in a stack; zero: before its first line. */
struct place {
	size_t frame;
	size_t line;
	uint64_t address; /* of the line that was given last */
	bool in_main;     /* that was C's main: what called it is plumbing */
};

/* The next line of a group's stack, innermost first, or NULL behind the last. */
static const struct gsd_line *next_line(struct gsd_report *report, const struct shown *shown, struct place *place)
{
	const struct gsd_distinct_stacks *stacks = &report->groups.stacks;
	size_t count = place->in_main && !shown->plumbing ? 0 : stacks->stacks.items[shown->group->stack].count;
	while (place->frame < count) {
		const struct gsd_location *location =
			gsd_distinct_stacks_location(stacks, shown->group->stack, place->frame);
		while (place->line < location->line_count) {
			const struct gsd_line *found = &location->lines[place->line++];
			place->address = location->address;
			place->in_main = found->entry == 0 && strcmp(found->function, "main") == 0;
			if (shown->plumbing || !gsd_function_is_plumbing(found->function))
				return found;
		}
		place->line = 0;
		place->frame++;
	}
	return NULL;
}

static size_t count_lines(struct gsd_report *report, const struct shown *shown)
{
	size_t count = 0;
	for (struct place place = {0}; next_line(report, shown, &place) != NULL;)
		count++;
	return count;
}

static struct gsd_error *show(struct gsd_report *report, const struct gsd_group *group, struct shown *shown)
{
	*shown = (struct shown){.group = group, .plumbing = report->style.runtime_frames};
	if (group->creator_pc != 0 && !group->several_creators)
		GSD_TRY(report->source->creator(report->source->context, group->creator_pc, &shown->creator));
	if (group->start_pc != 0 && report->groups.stacks.stacks.items[group->stack].count == 0)
		GSD_TRY(report->source->creator(report->source->context, group->start_pc, &shown->start));
	shown->count = count_lines(report, shown);
	if (shown->count == 0 && !shown->plumbing) {
		shown->plumbing = true; /* nothing else is there */
		shown->count = count_lines(report, shown);
	}
	if (report->frame_limit != 0 && shown->count > report->frame_limit) {
		shown->last = report->frame_limit / 4;
		shown->first = report->frame_limit - shown->last - 1;
	}
	return NULL;
}

static void make_omission(struct gsd_report *report, size_t count)
{
	gsd_text_clear(&report->function);
	gsd_text_clear(&report->file);
	gsd_report_quote(&report->function, ELLIPSIS " ");
	gsd_report_add_count(&report->function, count, "more frame", "more frames");
}

/* Calls @p visit for each line that is shown: frames, innermost first, then what created it. */
static void each_line(struct gsd_report *report, const struct shown *shown, visitor *visit, unsigned *columns)
{
	const struct gsd_line *line;
	size_t number = 0;
	for (struct place place = {0}; (line = next_line(report, shown, &place)) != NULL; number++) {
		if (shown->first != 0 && number == shown->first) {
			make_omission(report, shown->count - shown->first - shown->last);
			visit(report, columns);
		}
		if (shown->first != 0 && number >= shown->first && number < shown->count - shown->last)
			continue;
		make_frame(report, line, place.address);
		visit(report, columns);
	}
	if (shown->start.function != NULL) {
		make_halves(report, &shown->start, "");
		visit(report, columns);
	}
	if (shown->creator.function != NULL) {
		make_halves(report, &shown->creator, BEFORE_CREATOR);
		visit(report, columns);
	}
}

/* ---- lines in two columns ---------------------------------------------------------------------------------------- */

static void measure_file(struct gsd_report *report, unsigned *longest)
{
	if (report->file.columns > *longest)
		*longest = report->file.columns;
}

/* columns[0]: the most that a function may take beside a file; columns[1]: the longest that takes no more. */
static void measure_function(struct gsd_report *report, unsigned *columns)
{
	if (report->function.columns <= columns[0] && report->function.columns > columns[1])
		columns[1] = report->function.columns;
}

/* columns: where the files begin. */
static void add_line(struct gsd_report *report, unsigned *columns)
{
	struct gsd_text *text = &report->text;
	gsd_text_pad(text, INDENT);
	gsd_text_add_text(text, &report->function);
	if (report->file.columns > 0) {
		if (text->columns + GAP > *columns)
			gsd_text_add(text, "\n");
		gsd_text_pad(text, *columns);
		gsd_report_add_style(report, GSD_STYLE_DIM);
		gsd_text_add_end(text, &report->file, report->style.width - *columns);
		gsd_report_add_style(report, GSD_STYLE_PLAIN);
	}
	gsd_text_add(text, "\n");
}

/*
 * Functions and files stand in two columns. Function names matter more: they get what they need, as long as files keep
 * FILE_COLUMNS_MIN (or as much as the longest file needs); a longer name takes a line for itself.
 */
static void add_frames(struct gsd_report *report, const struct shown *shown)
{
	unsigned longest_file = 0;
	each_line(report, shown, measure_file, &longest_file);
	unsigned room = report->style.width - INDENT - GAP;
	unsigned for_files = longest_file;
	if (for_files > FILE_COLUMNS_MIN)
		for_files = FILE_COLUMNS_MIN;
	if (for_files > room / 2)
		for_files = room / 2;
	unsigned function_columns[2] = {room - for_files, 0};
	each_line(report, shown, measure_function, function_columns);
	unsigned file_column = INDENT + function_columns[1] + GAP;
	each_line(report, shown, add_line, &file_column);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static void add_labels(struct gsd_report *report, const struct gsd_group *group)
{
	if (group->common_labels == 0)
		return;
	struct gsd_text *text = &report->text;
	gsd_text_pad(text, INDENT);
	gsd_text_add(text, "labels: ");
	unsigned indent = text->columns;
	bool first = true;
	const struct gsd_label_set *set = &report->snapshot->label_sets[group->label_set];
	for (size_t i = 0; i < set->count && i < GSD_GROUP_LABELS_MAX; i++) {
		if ((group->common_labels >> i & 1) == 0)
			continue;
		gsd_text_quote(&report->item, set->labels[i].key, set->labels[i].key_length);
		gsd_text_add(&report->item, "=");
		gsd_text_quote(&report->item, set->labels[i].value, set->labels[i].value_length);
		gsd_report_add_item(report, first, indent);
		first = false;
	}
	gsd_text_add(text, "\n");
}

/* "9,990 goroutines", "1 goroutine (17)" */
static void add_number(struct gsd_report *report, const struct gsd_group *group, const char *one, const char *many)
{
	struct gsd_text *text = &report->text;
	gsd_report_add_style(report, GSD_STYLE_BOLD);
	gsd_report_add_count(text, group->count, one, many);
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
	if (group->count == 1) {
		gsd_text_add(text, " (");
		gsd_text_add_decimal(text, (int64_t)group->goid);
		gsd_text_add(text, ")");
	}
}

/* "9,990 goroutines: chan receive, up to 12 minutes" */
static void add_heading(struct gsd_report *report, const struct gsd_group *group)
{
	struct gsd_text *text = &report->text;
	if (report->snapshot->threads_only) {
		add_number(report, group, "thread", "threads");
		gsd_text_add(text, "\n");
		return;
	}
	add_number(report, group, "goroutine", "goroutines");
	gsd_text_add(text, ": ");
	gsd_report_quote(text, report->groups.states.items[group->state].name);
	(void)gsd_report_add_age(text, group->longest_wait_ns, group->count == 1 ? ", for " : ", up to ");
	if (group->ambiguous > 0) {
		gsd_text_add(text, " (");
		gsd_text_add_number(text, group->ambiguous);
		gsd_text_add(text, " not settled)");
	}
	gsd_text_add(text, "\n");
}

struct gsd_error *gsd_report_add_group(struct gsd_report *report, const struct gsd_group *group)
{
	struct shown shown;
	GSD_TRY(show(report, group, &shown));
	gsd_text_add(&report->text, "\n");
	add_heading(report, group);
	add_labels(report, group);
	if (shown.count == 0) {
		gsd_text_pad(&report->text, INDENT);
		gsd_text_add(&report->text, "(has not run yet)\n");
	}
	add_frames(report, &shown);
	if (group->several_creators) {
		gsd_text_pad(&report->text, INDENT);
		gsd_text_add(&report->text, BEFORE_CREATOR "several go statements\n");
	}
	return NULL;
}

struct gsd_error *gsd_report_add_thread_group(struct gsd_report *report, const struct gsd_group *group)
{
	struct shown shown;
	GSD_TRY(show(report, group, &shown));
	gsd_text_add(&report->text, "\n");
	add_number(report, group, "thread", "threads");
	gsd_text_add(&report->text, ": no goroutine\n");
	add_frames(report, &shown);
	return NULL;
}

void gsd_report_add_idle_threads(struct gsd_report *report, uint64_t count)
{
	gsd_text_add(&report->text, "\n");
	gsd_report_add_style(report, GSD_STYLE_BOLD);
	gsd_report_add_count(&report->text, count, "thread", "threads");
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
	gsd_text_add(&report->text, ": no goroutine\n");
	gsd_text_pad(&report->text, INDENT);
	gsd_text_add(&report->text, "in the Go runtime (--runtime-frames shows where)\n");
}

/* ---- a group in one line ----------------------------------------------------------------------------------------- */

static bool is_internal(const struct gsd_line *line)
{
	return strncmp(line->function, "internal/", 9) == 0;
}

/* Puts the innermost function that a program can call, and the outermost one, into item. */
static void make_ends(struct gsd_report *report, const struct shown *shown)
{
	const struct gsd_line *line;
	size_t number = 0, innermost = SIZE_MAX;
	for (struct place place = {0}; (line = next_line(report, shown, &place)) != NULL; number++) {
		bool last = number + 1 == shown->count;
		if (!last && (innermost != SIZE_MAX || is_internal(line)))
			continue;
		make_halves(report, line, "");
		if (innermost == SIZE_MAX)
			innermost = number;
		else
			gsd_report_quote(&report->item, number == innermost + 1 ? " < " : " " ELLIPSIS " ");
		gsd_text_add_text(&report->item, &report->function);
	}
	if (shown->count == 0 && shown->start.function != NULL) {
		make_halves(report, &shown->start, "");
		gsd_text_add_text(&report->item, &report->function);
	}
	if (shown->count == 0)
		gsd_text_add(&report->item, shown->start.function != NULL ? " (has not run yet)" : "(has not run yet)");
}

/* "chan receive, 12 minutes" in at most @p columns: the age is whole, what leads to it is cut. */
static void add_state(struct gsd_report *report, const struct gsd_group *group, unsigned columns)
{
	struct gsd_text *state = &report->item, *age = &report->function;
	gsd_text_clear(age);
	gsd_report_quote(state, report->groups.states.items[group->state].name);
	(void)gsd_report_add_age(age, group->longest_wait_ns, ", ");
	gsd_text_add_beginning(&report->text, state, columns > age->columns ? columns - age->columns : 1);
	gsd_text_add_text(&report->text, age);
	gsd_text_clear(state);
}

void gsd_report_measure_group_line(struct gsd_report *report, const struct gsd_group *group,
				   struct gsd_report_columns *columns)
{
	struct gsd_text *item = &report->item;
	gsd_text_add_number(item, group->count);
	if (item->columns > columns->count)
		columns->count = item->columns;
	gsd_text_clear(item);
	gsd_report_quote(item, report->groups.states.items[group->state].name);
	(void)gsd_report_add_age(item, group->longest_wait_ns, ", ");
	if (item->columns > columns->state)
		columns->state = item->columns;
	gsd_text_clear(item);
}

struct gsd_error *gsd_report_add_group_line(struct gsd_report *report, const struct gsd_group *group,
					    const struct gsd_report_columns *columns)
{
	struct shown shown;
	struct gsd_text *text = &report->text;
	GSD_TRY(show(report, group, &shown));
	gsd_text_add_number(&report->item, group->count);
	gsd_text_pad(text, columns->count - report->item.columns);
	gsd_report_add_style(report, GSD_STYLE_BOLD);
	gsd_text_add_text(text, &report->item);
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
	gsd_text_clear(&report->item);
	gsd_text_add(text, " ");
	add_state(report, group, columns->state);
	gsd_text_pad(text, columns->count + 1 + columns->state + GAP);
	make_ends(report, &shown);
	if (text->columns < report->style.width)
		gsd_text_add_beginning(text, &report->item, report->style.width - text->columns);
	gsd_text_clear(&report->item);
	gsd_text_add(text, "\n");
	return NULL;
}
