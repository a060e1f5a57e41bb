/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report for people: a summary, then groups of goroutines with the same stack in the same state, biggest first. On
 * a screen of so many lines: all of it if it fits; else the biggest groups with what matters of their stacks, more of
 * them in one line each, and how many are left.
 */
#include "output/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/report_parts.h"
#include "output/threads.h"

#define FLUSH_BYTES  ((size_t)64 * 1024)
#define SCREEN_MIN   16U /* lines: a smaller screen gets more than it holds */
#define STACK_FRAMES 8U  /* of a stack on a screen that does not hold everything */

/* ---- threads that ran no goroutine ------------------------------------------------------------------------------- */

/* A thread that runs no goroutine and is in Go code does the runtime's own business: it looks for work, or sleeps. */
static bool is_in_runtime(const struct gsd_report *report, const struct gsd_group *group)
{
	const struct gsd_distinct_stacks *stacks = &report->groups.stacks;
	return stacks->stacks.items[group->stack].count > 0 &&
	       gsd_distinct_stacks_location(stacks, group->stack, 0)->lines[0].entry != 0;
}

/* They are grouped as goroutines are. */
static struct gsd_error *add_threads(struct gsd_report *report)
{
	struct gsd_snapshot threads;
	GSD_TRY(gsd_threads_view(report->snapshot, &threads));
	threads.meter = NULL;
	gsd_groups_free(&report->groups);
	report->groups = (struct gsd_groups){0};
	struct gsd_error *error = gsd_groups_create(&threads, report->source, &report->groups);
	uint64_t idle = 0;
	for (size_t i = 0; error == NULL && i < report->groups.groups.count; i++) {
		const struct gsd_group *group = &report->groups.groups.items[i];
		if (!report->style.runtime_frames && is_in_runtime(report, group))
			idle += group->count;
		else
			error = gsd_report_add_thread_group(report, group);
	}
	if (error == NULL && idle > 0)
		gsd_report_add_idle_threads(report, idle);
	gsd_threads_view_free(&threads);
	return error;
}

static struct gsd_error *write_everything(struct gsd_report *report, struct gsd_sink *sink)
{
	for (size_t i = 0; i < report->groups.groups.count; i++) {
		gsd_meter_count(report->snapshot->meter, i);
		GSD_TRY(gsd_report_add_group(report, &report->groups.groups.items[i]));
		if (report->text.length >= FLUSH_BYTES)
			GSD_TRY(gsd_text_emit(&report->text, sink));
	}
	return report->snapshot->thread_stack_count > 0 ? add_threads(report) : NULL;
}

/* ---- one screen ---------------------------------------------------------------------------------------------------
 */

static size_t lines_from(const struct gsd_text *text, size_t start)
{
	size_t lines = 0;
	for (size_t i = start; i < text->length; i++)
		lines += text->bytes[i] == '\n';
	return lines;
}

/* Adds groups while they fit into @p lines, and returns how many it added. */
static struct gsd_error *add_fitting(struct gsd_report *report, size_t lines, size_t *added_ret)
{
	size_t start = report->text.length;
	size_t added = 0;
	for (; added < report->groups.groups.count; added++) {
		size_t before = report->text.length;
		GSD_TRY(gsd_report_add_group(report, &report->groups.groups.items[added]));
		if (lines_from(&report->text, start) > lines) {
			report->text.length = before;
			break;
		}
	}
	*added_ret = added;
	return NULL;
}

/* What is left from group @p first on, and how to see it. */
static void add_rest(struct gsd_report *report, size_t first)
{
	const struct gsd_group_array *groups = &report->groups.groups;
	struct gsd_text *text = &report->text;
	static const char advice[] = "--full shows every whole stack";
	uint64_t goroutines = 0;
	for (size_t i = first; i < groups->count; i++)
		goroutines += groups->items[i].count;
	gsd_report_add_style(report, GSD_STYLE_DIM);
	if (first < groups->count) {
		gsd_text_add(text, "and ");
		gsd_report_add_goroutines(report, goroutines);
		gsd_text_add(text, " in ");
		gsd_report_add_count(text, groups->count - first, "more group", "more groups");
		gsd_text_add(text, text->columns + 2 + sizeof advice - 1 > report->style.width ? "\n" : "; ");
	}
	gsd_text_add(text, advice);
	gsd_report_add_style(report, GSD_STYLE_PLAIN);
	gsd_text_add(text, "\n");
}

/* The biggest groups in two thirds of the lines, then as many as fit in one line each. */
static struct gsd_error *add_some(struct gsd_report *report, size_t lines)
{
	const struct gsd_group_array *groups = &report->groups.groups;
	size_t start = report->text.length;
	size_t next = 0;
	report->frame_limit = STACK_FRAMES;
	GSD_TRY(add_fitting(report, lines * 2 / 3, &next));
	gsd_text_add(&report->text, "\n");
	size_t used = lines_from(&report->text, start);
	size_t rest = report->style.width < 80 ? 2 : 1; /* lines of add_rest() */
	size_t room = lines > used + rest ? lines - used - rest : 0;
	size_t end = room < groups->count - next ? next + room : groups->count;
	struct gsd_report_columns columns = {.count = 4};
	for (size_t i = next; i < end; i++)
		gsd_report_measure_group_line(report, &groups->items[i], &columns);
	if (columns.state > report->style.width * 2 / 5)
		columns.state = report->style.width * 2 / 5;
	for (; next < end; next++)
		GSD_TRY(gsd_report_add_group_line(report, &groups->items[next], &columns));
	add_rest(report, next);
	return NULL;
}

static struct gsd_error *write_screen(struct gsd_report *report)
{
	size_t summary = report->text.length;
	size_t used = lines_from(&report->text, 0);
	size_t lines = report->style.height > used + SCREEN_MIN / 2 ? report->style.height - used : SCREEN_MIN / 2;
	size_t added = 0;
	GSD_TRY(add_fitting(report, lines, &added));
	if (added == report->groups.groups.count)
		return NULL;
	report->text.length = summary;
	return add_some(report, lines);
}

static struct gsd_error *write_all(struct gsd_report *report, struct gsd_sink *sink)
{
	GSD_TRY(gsd_groups_create(report->snapshot, report->source, &report->groups));
	gsd_meter_begin(report->snapshot->meter, GSD_PHASE_WRITING, report->groups.groups.count);
	GSD_TRY(gsd_report_add_summary(report));
	/* Threads without a goroutine are there because somebody asked for more than an overview. */
	bool screen = report->style.height != 0 && report->snapshot->thread_stack_count == 0;
	GSD_TRY(screen ? write_screen(report) : write_everything(report, sink));
	return gsd_text_emit(&report->text, sink);
}

struct gsd_error *gsd_write_report_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
					struct gsd_report_style style, struct gsd_sink *sink)
{
	if (style.width == 0)
		style.width = GSD_REPORT_WIDTH_DEFAULT;
	if (style.width < GSD_REPORT_WIDTH_MIN)
		style.width = GSD_REPORT_WIDTH_MIN;
	struct gsd_report report = {.snapshot = snapshot, .source = source, .style = style};
	struct gsd_error *error = write_all(&report, sink);
	gsd_groups_free(&report.groups);
	gsd_text_free(&report.text);
	gsd_text_free(&report.item);
	gsd_text_free(&report.function);
	gsd_text_free(&report.file);
	return error;
}

struct gsd_error *gsd_write_report(const struct gsd_snapshot *snapshot, struct gsd_sink *sink,
				   struct gsd_report_style style)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_report_from(snapshot, &source, style, sink);
}
