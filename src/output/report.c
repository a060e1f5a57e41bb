/* SPDX-License-Identifier: BSD-3-Clause */
/* The report for people: a summary, then groups of goroutines with the same stack in the same state, biggest first. */
#include "output/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "output/report_groups.h"
#include "output/text.h"

#define INDENT           4U
#define GAP              2U  /* between a function and its file */
#define FILE_COLUMNS_MIN 28U /* a file is not squeezed below that by long function names */
#define FLUSH_BYTES      ((size_t)64 * 1024)
#define NS_PER_SECOND    UINT64_C(1000000000)
#define NS_PER_MINUTE    (60 * NS_PER_SECOND)

#define STYLE_BOLD  "\x1b[1m"
#define STYLE_DIM   "\x1b[2m"
#define STYLE_PLAIN "\x1b[0m"

struct report {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_report_style style;
	struct gsd_groups groups;
	struct gsd_text text;     /* what is written next */
	struct gsd_text item;     /* of a list, quoted */
	struct gsd_text function; /* of the line at hand, quoted */
	struct gsd_text file;     /* its file and line, quoted */
};

static void add_style(struct report *report, const char *sequence)
{
	if (report->style.colour)
		gsd_text_add_style(&report->text, sequence);
}

static void quote_string(struct gsd_text *text, const char *string)
{
	gsd_text_quote(text, string, strlen(string));
}

static void add_count(struct gsd_text *text, uint64_t count, const char *one, const char *many)
{
	gsd_text_add_number(text, count);
	gsd_text_add(text, " ");
	gsd_text_add(text, count == 1 ? one : many);
}

/* Adds the item to the list that the text ends with, on a new line when it does not fit. */
static void add_list_item(struct report *report, bool first, unsigned indent)
{
	struct gsd_text *text = &report->text;
	if (!first) {
		gsd_text_add(text, ",");
		if (text->columns + 1 + report->item.columns + 1 > report->style.width) {
			gsd_text_add(text, "\n");
			gsd_text_pad(text, indent);
		} else {
			gsd_text_add(text, " ");
		}
	}
	/* One column stays free for the comma. */
	gsd_text_add_beginning(text, &report->item, report->style.width - indent - 1);
	gsd_text_clear(&report->item);
}

/* ---- the summary ------------------------------------------------------------------------------------------------ */

static void add_time(struct gsd_text *text, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm utc;
	char formatted[64];
	if (gmtime_r(&seconds, &utc) != NULL &&
	    strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S UTC", &utc) > 0)
		gsd_text_add(text, formatted);
}

static int compare_states(const void *left_state, const void *right_state)
{
	const struct gsd_state_count *left = left_state;
	const struct gsd_state_count *right = right_state;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* Groups refer to states by index: what is sorted is a copy. */
static struct gsd_error *add_states(struct report *report)
{
	const struct gsd_state_count_array *states = &report->groups.states;
	if (states->count == 0)
		return NULL;
	struct gsd_state_count *sorted = reallocarray(NULL, states->count, sizeof *sorted);
	if (sorted == NULL)
		return gsd_error_no_memory();
	memcpy(sorted, states->items, states->count * sizeof *sorted);
	qsort(sorted, states->count, sizeof *sorted, compare_states);
	for (size_t i = 0; i < states->count; i++) {
		gsd_text_add_number(&report->item, sorted[i].count);
		gsd_text_add(&report->item, " ");
		quote_string(&report->item, sorted[i].name);
		add_list_item(report, i == 0, 0);
	}
	gsd_text_add(&report->text, "\n");
	free(sorted);
	return NULL;
}

/* "12 of 10,006 goroutines" */
static void add_selection_count(struct report *report)
{
	const struct gsd_snapshot *snapshot = report->snapshot;
	bool selected = snapshot->selection.total != 0;
	add_style(report, STYLE_BOLD);
	if (selected) {
		gsd_text_add_number(&report->text, snapshot->goroutine_count);
		gsd_text_add(&report->text, " of ");
	}
	add_count(&report->text, selected ? snapshot->selection.total : snapshot->goroutine_count, "goroutine",
		  "goroutines");
	add_style(report, STYLE_PLAIN);
}

/* What they were selected by. */
static void add_selection(struct report *report)
{
	const struct gsd_snapshot_selection *selection = &report->snapshot->selection;
	struct gsd_text *text = &report->text;
	if (selection->filter != NULL) {
		gsd_text_add(text, "filter: ");
		quote_string(&report->item, selection->filter);
		add_list_item(report, true, 8);
		gsd_text_add(text, "\n");
	}
	if (selection->limit != 0) {
		gsd_text_add(text, "a sample of at most ");
		gsd_text_add_number(text, selection->limit);
		gsd_text_add(text, ", seed ");
		gsd_text_add_decimal(text, (int64_t)selection->seed);
		gsd_text_add(text, "\n");
	}
}

static struct gsd_error *add_summary(struct report *report)
{
	const struct gsd_snapshot *snapshot = report->snapshot;
	struct gsd_text *text = &report->text;
	const char *slash = strrchr(snapshot->exe, '/');
	quote_string(&report->item, slash == NULL ? snapshot->exe : slash + 1);
	add_style(report, STYLE_BOLD);
	add_list_item(report, true, 0);
	add_style(report, STYLE_PLAIN);
	gsd_text_add(&report->item, "pid ");
	gsd_text_add_decimal(&report->item, (int64_t)snapshot->pid);
	add_list_item(report, false, 0);
	quote_string(&report->item, snapshot->go_version);
	add_list_item(report, false, 0);
	add_time(&report->item, snapshot->time_unix_ns);
	add_list_item(report, false, 0);
	gsd_text_add(text, "\n");
	add_selection_count(report);
	gsd_text_add(text, ", ");
	add_count(text, report->groups.stacks.stacks.count, "distinct stack", "distinct stacks");
	gsd_text_add(text, "\n");
	add_selection(report);
	GSD_TRY(add_states(report));
	if (report->groups.unreadable > 0) {
		add_count(text, report->groups.unreadable, "stack", "stacks");
		gsd_text_add(text, " could not be read\n");
	}
	if (report->groups.ambiguous > 0) {
		add_count(text, report->groups.ambiguous, "goroutine", "goroutines");
		gsd_text_add(text, " changed while we looked: not from the same moment\n");
	}
	return NULL;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/* Puts a line's two halves, quoted, into function and file. */
static void make_halves(struct report *report, const struct gsd_line *line, const char *before)
{
	gsd_text_clear(&report->function);
	gsd_text_add(&report->function, before);
	quote_string(&report->function, line->function);
	gsd_text_clear(&report->file);
	if (line->file[0] != '\0') {
		quote_string(&report->file, line->file);
		gsd_text_add(&report->file, ":");
		gsd_text_add_decimal(&report->file, line->line);
	}
}

#define BEFORE_CREATOR "created by "

/* Calls visit for each line of a group: its frames, innermost first, then what created it (NULL function: nothing). */
static void each_line(struct report *report, const struct gsd_group *group, const struct gsd_line *creator,
		      void (*visit)(struct report *report, unsigned *columns), unsigned *columns)
{
	const struct gsd_distinct_stacks *stacks = &report->groups.stacks;
	for (size_t frame = 0; frame < stacks->stacks.items[group->stack].count; frame++) {
		const struct gsd_location *location = gsd_distinct_stacks_location(stacks, group->stack, frame);
		for (size_t i = 0; i < location->line_count; i++) {
			make_halves(report, &location->lines[i], "");
			visit(report, columns);
		}
	}
	if (creator->function != NULL) {
		make_halves(report, creator, BEFORE_CREATOR);
		visit(report, columns);
	}
}

static void measure_file(struct report *report, unsigned *longest)
{
	if (report->file.columns > *longest)
		*longest = report->file.columns;
}

/* columns[0]: the most that a function may take beside a file; columns[1]: the longest that takes no more. */
static void measure_function(struct report *report, unsigned *columns)
{
	if (report->function.columns <= columns[0] && report->function.columns > columns[1])
		columns[1] = report->function.columns;
}

/* columns: where the files begin. */
static void add_line(struct report *report, unsigned *columns)
{
	struct gsd_text *text = &report->text;
	gsd_text_pad(text, INDENT);
	gsd_text_add_text(text, &report->function);
	if (report->file.columns > 0) {
		if (text->columns + GAP > *columns)
			gsd_text_add(text, "\n");
		gsd_text_pad(text, *columns);
		add_style(report, STYLE_DIM);
		gsd_text_add_end(text, &report->file, report->style.width - *columns);
		add_style(report, STYLE_PLAIN);
	}
	gsd_text_add(text, "\n");
}

/*
 * Functions and files stand in two columns. Function names matter more: they get what they need, as long as files keep
 * FILE_COLUMNS_MIN (or as much as the longest file needs); a longer name takes a line for itself.
 */
static void add_frames(struct report *report, const struct gsd_group *group, const struct gsd_line *creator)
{
	unsigned longest_file = 0;
	each_line(report, group, creator, measure_file, &longest_file);
	unsigned room = report->style.width - INDENT - GAP;
	unsigned for_files = longest_file;
	if (for_files > FILE_COLUMNS_MIN)
		for_files = FILE_COLUMNS_MIN;
	if (for_files > room / 2)
		for_files = room / 2;
	unsigned function_columns[2] = {room - for_files, 0};
	each_line(report, group, creator, measure_function, function_columns);
	unsigned file_column = INDENT + function_columns[1] + GAP;
	each_line(report, group, creator, add_line, &file_column);
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static void add_labels(struct report *report, const struct gsd_group *group)
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
		add_list_item(report, first, indent);
		first = false;
	}
	gsd_text_add(text, "\n");
}

/* "9,990 goroutines: chan receive, up to 12 minutes" */
static void add_heading(struct report *report, const struct gsd_group *group)
{
	struct gsd_text *text = &report->text;
	add_style(report, STYLE_BOLD);
	add_count(text, group->count, "goroutine", "goroutines");
	add_style(report, STYLE_PLAIN);
	if (group->count == 1) {
		gsd_text_add(text, " (");
		gsd_text_add_decimal(text, (int64_t)group->goid);
		gsd_text_add(text, ")");
	}
	gsd_text_add(text, ": ");
	quote_string(text, report->groups.states.items[group->state].name);
	uint64_t minutes = group->longest_wait_ns / NS_PER_MINUTE;
	if (minutes > 0) {
		gsd_text_add(text, group->count == 1 ? ", for " : ", up to ");
		add_count(text, minutes, "minute", "minutes");
	}
	if (group->ambiguous > 0) {
		gsd_text_add(text, " (");
		gsd_text_add_number(text, group->ambiguous);
		gsd_text_add(text, " not settled)");
	}
	gsd_text_add(text, "\n");
}

static struct gsd_error *add_group(struct report *report, const struct gsd_group *group)
{
	struct gsd_line creator = {0};
	if (group->creator_pc != 0 && !group->several_creators)
		GSD_TRY(report->source->creator(report->source->context, group->creator_pc, &creator));
	gsd_text_add(&report->text, "\n");
	add_heading(report, group);
	add_labels(report, group);
	if (report->groups.stacks.stacks.items[group->stack].count == 0) {
		gsd_text_pad(&report->text, INDENT);
		gsd_text_add(&report->text, "(has not run yet)\n");
	}
	add_frames(report, group, &creator);
	if (group->several_creators) {
		gsd_text_pad(&report->text, INDENT);
		gsd_text_add(&report->text, BEFORE_CREATOR "several go statements\n");
	}
	return NULL;
}

/* ---- threads that ran no goroutine ------------------------------------------------------------------------------- */

static void add_thread_group(struct report *report, const struct gsd_group *group)
{
	static const struct gsd_line no_creator = {0};
	struct gsd_text *text = &report->text;
	gsd_text_add(text, "\n");
	add_style(report, STYLE_BOLD);
	add_count(text, group->count, "thread", "threads");
	add_style(report, STYLE_PLAIN);
	if (group->count == 1) {
		gsd_text_add(text, " (");
		gsd_text_add_decimal(text, (int64_t)group->goid);
		gsd_text_add(text, ")");
	}
	gsd_text_add(text, ": no goroutine\n");
	add_frames(report, group, &no_creator);
}

/* They are grouped as goroutines are: as such that have a thread's id, and its stack. */
static struct gsd_error *add_threads(struct report *report)
{
	const struct gsd_snapshot *snapshot = report->snapshot;
	struct gsd_snapshot threads = *snapshot;
	threads.goroutine_count = snapshot->thread_stack_count;
	threads.goroutines = calloc(snapshot->thread_stack_count + 1, sizeof *threads.goroutines);
	if (threads.goroutines == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < snapshot->thread_stack_count; i++)
		threads.goroutines[i] = (struct gsd_goroutine){.goid = (uint64_t)snapshot->thread_stacks[i].tid,
							       .stack = snapshot->thread_stacks[i].stack,
							       .status = GSD_STATUS_RUNNING,
							       .labels = GSD_NO_LABELS,
							       .thread = GSD_NO_THREAD,
							       .ancestry = GSD_NO_ANCESTRY,
							       .bubble = GSD_NO_BUBBLE};
	gsd_groups_free(&report->groups);
	report->groups = (struct gsd_groups){0};
	struct gsd_error *error = gsd_groups_create(&threads, report->source, &report->groups);
	for (size_t i = 0; error == NULL && i < report->groups.groups.count; i++)
		add_thread_group(report, &report->groups.groups.items[i]);
	free(threads.goroutines);
	return error;
}

static struct gsd_error *write_all(struct report *report, struct gsd_sink *sink)
{
	GSD_TRY(gsd_groups_create(report->snapshot, report->source, &report->groups));
	GSD_TRY(add_summary(report));
	for (size_t i = 0; i < report->groups.groups.count; i++) {
		GSD_TRY(add_group(report, &report->groups.groups.items[i]));
		if (report->text.length >= FLUSH_BYTES)
			GSD_TRY(gsd_text_emit(&report->text, sink));
	}
	if (report->snapshot->thread_stack_count > 0)
		GSD_TRY(add_threads(report));
	return gsd_text_emit(&report->text, sink);
}

struct gsd_error *gsd_write_report_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
					struct gsd_report_style style, struct gsd_sink *sink)
{
	if (style.width == 0)
		style.width = GSD_REPORT_WIDTH_DEFAULT;
	if (style.width < GSD_REPORT_WIDTH_MIN)
		style.width = GSD_REPORT_WIDTH_MIN;
	struct report report = {.snapshot = snapshot, .source = source, .style = style};
	struct gsd_error *error = write_all(&report, sink);
	gsd_groups_free(&report.groups);
	gsd_text_free(&report.text);
	gsd_text_free(&report.item);
	gsd_text_free(&report.function);
	gsd_text_free(&report.file);
	return error;
}

struct gsd_error *gsd_write_report(const struct gsd_snapshot *snapshot, struct gsd_sink *sink, unsigned width,
				   bool colour)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_report_from(snapshot, &source, (struct gsd_report_style){.width = width, .colour = colour},
				     sink);
}
