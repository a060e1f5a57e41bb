/* SPDX-License-Identifier: BSD-3-Clause */
/* The first lines of a report. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/report_parts.h"
#include "output/select.h"
#include "output/threads.h"

static int compare_states(const void *left_state, const void *right_state)
{
	const struct gsd_state_count *left = left_state;
	const struct gsd_state_count *right = right_state;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* Groups refer to states by index: what is sorted is a copy. */
static struct gsd_error *add_states(struct gsd_report *report)
{
	const struct gsd_state_count_array *states = &report->groups.states;
	if (states->count == 0 || report->snapshot->threads_only)
		return NULL;
	struct gsd_state_count *sorted = reallocarray(NULL, states->count, sizeof *sorted);
	if (sorted == NULL)
		return gsd_error_no_memory();
	memcpy(sorted, states->items, states->count * sizeof *sorted);
	qsort(sorted, states->count, sizeof *sorted, compare_states);
	for (size_t i = 0; i < states->count; i++) {
		gsd_text_add_number(&report->item, sorted[i].count);
		gsd_text_add(&report->item, " ");
		gsd_report_quote(&report->item, sorted[i].name);
		gsd_report_add_item(report, i == 0, 0);
	}
	gsd_text_add(&report->text, "\n");
	free(sorted);
	return NULL;
}

/* "12 of 10,006 goroutines" */
static void add_selection_count(struct gsd_report *report)
{
	const struct gsd_snapshot *snapshot = report->snapshot;
	bool selected = snapshot->selection.total != 0;
	gsd_report_add_style(report, GSD_STYLE_BOLD);
	if (selected) {
		gsd_text_add_number(&report->text, snapshot->goroutine_count);
		gsd_text_add(&report->text, " of ");
	}
	gsd_report_add_goroutines(report, selected ? snapshot->selection.total : snapshot->goroutine_count);
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
}

/* What they were selected by. */
static void add_selection(struct gsd_report *report)
{
	const struct gsd_snapshot_selection *selection = &report->snapshot->selection;
	struct gsd_text *text = &report->text;
	if (selection->filter != NULL) {
		gsd_text_add(text, "filter: ");
		gsd_report_quote(&report->item, selection->filter);
		gsd_report_add_item(report, true, 8);
		gsd_text_add(text,
			     gsd_selection_lacks_ages(report->snapshot) ? "\nhow long they wait is not known\n" : "\n");
	}
	if (selection->limit != 0) {
		gsd_text_add(text, "a sample of at most ");
		gsd_text_add_number(text, selection->limit);
		gsd_text_add(text, ", seed ");
		gsd_text_add_decimal(text, (int64_t)selection->seed);
		gsd_text_add(text, "\n");
	}
}

struct gsd_error *gsd_report_add_summary(struct gsd_report *report)
{
	const struct gsd_snapshot *snapshot = report->snapshot;
	struct gsd_text *text = &report->text;
	const char *slash = strrchr(snapshot->exe, '/');
	gsd_report_quote(&report->item, slash == NULL ? snapshot->exe : slash + 1);
	gsd_report_add_style(report, GSD_STYLE_BOLD);
	gsd_report_add_item(report, true, 0);
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
	if (snapshot->pid != 0) {
		gsd_text_add(&report->item, "pid ");
		gsd_text_add_decimal(&report->item, (int64_t)snapshot->pid);
		gsd_report_add_item(report, false, 0);
	}
	gsd_report_quote(&report->item, gsd_snapshot_maker(snapshot));
	gsd_report_add_item(report, false, 0);
	gsd_text_add_time(&report->item, snapshot->time_unix_ns);
	gsd_report_add_item(report, false, 0);
	gsd_text_add(text, "\n");
	add_selection_count(report);
	gsd_text_add(text, ", ");
	gsd_report_add_count(text, report->groups.stacks.stacks.count, "distinct stack", "distinct stacks");
	gsd_text_add(text, "\n");
	add_selection(report);
	GSD_TRY(add_states(report));
	if (report->groups.unreadable > 0) {
		gsd_report_add_count(text, report->groups.unreadable, "stack", "stacks");
		gsd_text_add(text, " could not be read\n");
	}
	if (report->groups.ambiguous > 0) {
		gsd_report_add_count(text, report->groups.ambiguous, "goroutine", "goroutines");
		gsd_text_add(text, " changed while we looked: not from the same moment\n");
	}
	return NULL;
}
