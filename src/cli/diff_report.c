/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of the diff command: what has changed, most growth first. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/diff.h"
#include "cli/messages.h"
#include "cli/utf8.h"

#define INDENT        4U
#define GAP           2U
#define FILE_COLUMNS  28U /* a file is not squeezed below that by long function names */
#define NAME_SIZE     2048U
#define PLOT_COLUMNS  60U
#define NS_PER_SECOND UINT64_C(1000000000)

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

/* How much of each part is shown. */
struct extent {
	size_t suspects, groups, stays, frames; /* frames of a stack, at least 4 */
};

static const struct extent everything = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};

/* On a terminal: the first of these that fits it; the last one where none does. */
static const struct extent extents[] = {
	{40, 40, 20, 40}, {20, 20, 10, 20}, {10, 10, 10, 10}, {10, 10, 5, 10}, {7, 7, 5, 10}, {5, 5, 3, 10},
	{5, 3, 2, 8},     {4, 3, 2, 6},     {4, 2, 1, 6},     {3, 2, 1, 6},    {3, 1, 1, 5},  {2, 1, 1, 5},
	{2, 1, 0, 5},     {2, 1, 0, 4},     {1, 1, 0, 4},     {1, 0, 0, 4},    {0, 0, 0, 4},
};

struct report {
	const struct series_set *set;
	const struct diff_style *style;
	const struct extent *extent;
	FILE *stream;
};

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void style(const struct report *report, const char *sequence)
{
	if (report->style->colour)
		fputs(sequence, report->stream);
}

static const char *arrow(const struct report *report)
{
	return report->style->utf8 ? "\xe2\x86\x92" : "->";
}

/* "1,234,567" */
static const char *grouped(uint64_t number, char *text, size_t size)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
	size_t used = 0;
	for (int i = 0; i < length && used + 2 < size; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
	return text;
}

static void print_number(const struct report *report, uint64_t number)
{
	char text[32];
	fputs(grouped(number, text, sizeof text), report->stream);
}

static void print_counted(const struct report *report, uint64_t number, const char *one, const char *many)
{
	print_number(report, number);
	fprintf(report->stream, " %s", number == 1 ? one : many);
}

/* "+2,000" or "-12". */
static void print_change(const struct report *report, uint64_t old, uint64_t new)
{
	fputs(new >= old ? "+" : "-", report->stream);
	print_number(report, new >= old ? new - old : old - new);
}

static void print_quoted(const struct report *report, const char *text)
{
	char *quoted = quote(text);
	fputs(quoted != NULL ? quoted : "?", report->stream);
	free(quoted);
}

/* To about two digits: more than that a person does not need. */
static void print_duration(const struct report *report, uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_SECOND, minutes = seconds / 60;
	if (minutes >= 48 * 60)
		print_counted(report, minutes / 60 / 24, "day", "days");
	else if (minutes >= 120)
		print_counted(report, minutes / 60, "hour", "hours");
	else if (minutes >= 2)
		print_counted(report, minutes, "minute", "minutes");
	else if (seconds >= 2)
		print_counted(report, seconds, "second", "seconds");
	else if (ns >= NS_PER_SECOND / 10 * 9)
		fprintf(report->stream, "%.1f seconds", (double)ns / 1e9);
	else
		fprintf(report->stream, "%.3g ms", (double)ns / 1e6);
}

static void format_time(uint64_t unix_ns, char *text, size_t size)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm utc;
	text[0] = '\0';
	if (unix_ns != 0 && gmtime_r(&seconds, &utc) != NULL)
		(void)strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &utc);
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

static size_t columns_of(const char *text)
{
	size_t columns = 0;
	for (; *text != '\0'; columns++) {
		size_t length = utf8_length(text);
		text += length == 0 ? 1 : length;
	}
	return columns;
}

/* Quoted; the caller frees it. */
static char *function_text(const char *function)
{
	char name[NAME_SIZE];
	(void)gsd_function_short_name(function, name, sizeof name);
	return quote(name);
}

/* "net/http/server.go:2103", quoted; the caller frees it. */
static char *file_text(const struct stack_frame *frame)
{
	char name[NAME_SIZE + 24];
	if (*frame->file == '\0')
		return strdup("");
	(void)gsd_file_short_name(frame->function, frame->file, name, NAME_SIZE);
	size_t length = strlen(name);
	snprintf(name + length, sizeof name - length, ":%" PRId64, frame->line);
	return quote(name);
}

/* The lines of a stack that are shown. */
struct shown {
	uint32_t stack;
	bool plumbing; /* frames of the runtime, too */
	size_t count;
	size_t first, last; /* so many of the innermost and outermost ones, if there are more; 0: all */
};

static bool is_shown(const struct report *report, const struct shown *shown, size_t index)
{
	return shown->plumbing ||
	       !gsd_function_is_folded(stack_names_get(&report->set->names, shown->stack, index).function);
}

static struct shown choose(const struct report *report, uint32_t stack)
{
	struct shown shown = {.stack = stack, .plumbing = report->style->runtime_frames};
	size_t depth = stack_names_depth(&report->set->names, stack);
	for (size_t i = 0; i < depth; i++)
		shown.count += is_shown(report, &shown, i) ? 1 : 0;
	if (shown.count == 0) { /* nothing else is there */
		shown.plumbing = true;
		shown.count = depth;
	}
	if (shown.count > report->extent->frames) {
		shown.last = report->extent->frames / 4;
		shown.first = report->extent->frames - shown.last - 1;
	}
	return shown;
}

static bool is_omitted(const struct shown *shown, size_t number)
{
	return shown->first != 0 && number >= shown->first && number < shown->count - shown->last;
}

/* The end of @p file in @p room columns. */
static void print_file(const struct report *report, const char *file, size_t room)
{
	const char *ellipsis = report->style->utf8 ? "\xe2\x80\xa6" : "~";
	size_t columns = columns_of(file);
	style(report, DIM);
	if (columns > room && room > 1) {
		fputs(ellipsis, report->stream);
		for (size_t skip = columns - room + 1; skip > 0; skip--) {
			size_t length = utf8_length(file);
			file += length == 0 ? 1 : length;
		}
	}
	fputs(file, report->stream);
	style(report, PLAIN);
}

/* Where files begin: behind the longest function that leaves them enough room. */
static size_t file_column(const struct report *report, const struct shown *shown)
{
	size_t most = 0;
	size_t room = report->style->width > INDENT + GAP + FILE_COLUMNS + 8
			      ? report->style->width - INDENT - GAP - FILE_COLUMNS
			      : 8;
	size_t depth = stack_names_depth(&report->set->names, shown->stack);
	for (size_t i = 0, number = 0; i < depth; i++) {
		if (!is_shown(report, shown, i) || is_omitted(shown, number++))
			continue;
		char *function = function_text(stack_names_get(&report->set->names, shown->stack, i).function);
		size_t columns = function != NULL ? columns_of(function) : 0;
		if (columns <= room && columns > most)
			most = columns;
		free(function);
	}
	return INDENT + most + GAP;
}

static void print_frame(const struct report *report, const struct stack_frame *frame, size_t column)
{
	char *function = function_text(frame->function);
	char *file = file_text(frame);
	if (function != NULL && file != NULL) {
		size_t used = INDENT + columns_of(function);
		fprintf(report->stream, "%*s%s", (int)INDENT, "", function);
		if (*file != '\0') {
			if (used + GAP > column) {
				putc('\n', report->stream);
				used = 0;
			}
			fprintf(report->stream, "%*s", (int)(column - used), "");
			print_file(report, file, report->style->width - column);
		}
		putc('\n', report->stream);
	}
	free(function);
	free(file);
}

static void print_stack(const struct report *report, uint32_t stack, uint32_t creator)
{
	const struct stack_names *names = &report->set->names;
	struct shown shown = choose(report, stack);
	size_t column = file_column(report, &shown);
	size_t depth = stack_names_depth(names, stack);
	if (depth == 0)
		fprintf(report->stream, "%*s(no frames)\n", (int)INDENT, "");
	for (size_t i = 0, number = 0; i < depth; i++) {
		if (!is_shown(report, &shown, i))
			continue;
		if (shown.first != 0 && number == shown.first) {
			fprintf(report->stream, "%*s%s ", (int)INDENT, "",
				report->style->utf8 ? "\xe2\x80\xa6" : "...");
			print_counted(report, shown.count - shown.first - shown.last, "more frame", "more frames");
			putc('\n', report->stream);
		}
		if (is_omitted(&shown, number++))
			continue;
		struct stack_frame frame = stack_names_get(names, stack, i);
		print_frame(report, &frame, column);
	}
	char *function = creator != SNAPSHOT_NO_STRING ? function_text(stack_names_string(names, creator)) : NULL;
	if (function != NULL)
		fprintf(report->stream, "%*screated by %s\n", (int)INDENT, "", function);
	free(function);
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

/* ", chan receive, up to 12 minutes" */
static void print_state(const struct report *report, uint32_t state, uint64_t wait_ns, bool single)
{
	if (state != SNAPSHOT_NO_STRING) {
		fputs(", ", report->stream);
		print_quoted(report, stack_names_string(&report->set->names, state));
	}
	if (wait_ns >= 60 * NS_PER_SECOND) {
		fputs(single ? ", for " : ", up to ", report->stream);
		print_duration(report, wait_ns);
	}
}

/* "+2,000 goroutines: 1,000 → 3,000, chan receive, up to 12 minutes" */
static void print_group(const struct report *report, const struct diff_group *group)
{
	bool grew = group->new_count > group->old_count;
	uint64_t change = grew ? group->new_count - group->old_count : group->old_count - group->new_count;
	putc('\n', report->stream);
	style(report, BOLD);
	style(report, grew ? RED : GREEN);
	print_change(report, group->old_count, group->new_count);
	fprintf(report->stream, " goroutine%s", change == 1 ? "" : "s");
	style(report, PLAIN);
	fputs(group->old_count == 0 ? " appeared: " : group->new_count == 0 ? " vanished: " : ": ", report->stream);
	print_number(report, group->old_count);
	fprintf(report->stream, " %s ", arrow(report));
	print_number(report, group->new_count);
	print_state(report, group->state, group->longest_wait_ns, group->new_count == 1);
	putc('\n', report->stream);
	print_stack(report, group->stack, group->creator);
}

static void print_part(const struct report *report, const char **comma, size_t count, const char *one, const char *many)
{
	if (count == 0)
		return;
	fputs(*comma, report->stream);
	print_counted(report, count, one, many);
	*comma = ", ";
}

/* "2 groups grew, 1 appeared; 41 did not change" */
static void print_kinds(const struct report *report, const struct diff *diff)
{
	const char *comma = "groups of identical stacks: ";
	if (diff->group_count == 0) {
		fprintf(report->stream, "nothing changed: %s", diff->unchanged == 1 ? "the " : "all ");
		print_counted(report, diff->unchanged, "group of identical stacks has its size",
			      "groups of identical stacks have their sizes");
		putc('\n', report->stream);
		return;
	}
	print_part(report, &comma, diff->grown, "grew", "grew");
	print_part(report, &comma, diff->appeared, "appeared", "appeared");
	print_part(report, &comma, diff->shrunk, "shrank", "shrank");
	print_part(report, &comma, diff->vanished, "vanished", "vanished");
	print_part(report, &comma, diff->unchanged, "did not change", "did not change");
	putc('\n', report->stream);
}

static void print_more(const struct report *report, size_t count)
{
	style(report, DIM);
	fputs("\nand ", report->stream);
	print_counted(report, count, "more; --full shows it\n", "more; --full shows all of them\n");
	style(report, PLAIN);
}

static bool is_suspect(const struct series *series, uint32_t stack)
{
	for (size_t i = 0; i < series->suspect_count; i++)
		if (series->suspects[i].stack == stack)
			return true;
	return false;
}

/* In a series those that are suspects have been shown. */
static void print_groups(const struct report *report, const struct series *series)
{
	const struct diff *diff = &series->diff;
	size_t printed = 0, left = 0;
	for (size_t i = 0; i < diff->group_count; i++) {
		if (series->point_count > 2 && is_suspect(series, diff->groups[i].stack))
			continue;
		if (series->point_count > 2 && printed + left == 0)
			fputs("\nOther groups, from the first snapshot to the last\n", report->stream);
		if (printed == report->extent->groups) {
			left++;
			continue;
		}
		printed++;
		print_group(report, &diff->groups[i]);
	}
	if (left > 0)
		print_more(report, left);
}

static void print_goids(const struct report *report, const struct diff_stay *stay)
{
	fputs(" (", report->stream);
	for (uint64_t i = 0; i < stay->count && i < DIFF_STAY_GOIDS; i++)
		fprintf(report->stream, "%s%" PRIu64, i == 0 ? "" : " ", stay->goids[i]);
	if (stay->count > DIFF_STAY_GOIDS)
		fputs(report->style->utf8 ? " \xe2\x80\xa6" : " ...", report->stream);
	fputs(")", report->stream);
}

/* Goroutines that are where they were. */
static void print_stays(const struct report *report, const struct series *series)
{
	const struct diff *diff = &series->diff;
	size_t limit = diff->stay_count < report->extent->stays ? diff->stay_count : report->extent->stays;
	if (diff->stay_count == 0)
		return;
	putc('\n', report->stream);
	style(report, BOLD);
	print_counted(report, diff->stayed, "goroutine is where it was", "goroutines are where they were");
	style(report, PLAIN);
	if (diff->interval_ns != 0) {
		fputs(" ", report->stream);
		print_duration(report, diff->interval_ns);
		fputs(" before", report->stream);
	}
	putc('\n', report->stream);
	for (size_t i = 0; i < limit; i++) {
		const struct diff_stay *stay = &diff->stays[i];
		putc('\n', report->stream);
		print_counted(report, stay->count, "goroutine", "goroutines");
		print_goids(report, stay);
		print_state(report, stay->state, stay->longest_wait_ns, stay->count == 1);
		putc('\n', report->stream);
		print_stack(report, stay->stack, stay->creator);
	}
	if (limit < diff->stay_count)
		print_more(report, diff->stay_count - limit);
}

/* ---- plots ------------------------------------------------------------------------------------------------------ */

/* Goroutines on @p stack at a point; of all, when @p all is set. */
static uint64_t value_at(const struct series *series, uint32_t stack, bool all, size_t point)
{
	return all ? series->points[point].goroutine_count : series_count(series, stack, point);
}

/* A column for each moment, from 0 to the most that there ever was. */
static void print_plot(const struct report *report, const struct series *series, uint32_t stack, bool all)
{
	static const char *const blocks[] = {" ",
					     "\xe2\x96\x81",
					     "\xe2\x96\x82",
					     "\xe2\x96\x83",
					     "\xe2\x96\x84",
					     "\xe2\x96\x85",
					     "\xe2\x96\x86",
					     "\xe2\x96\x87",
					     "\xe2\x96\x88"};
	static const char *const letters[] = {" ", "_", ".", "-", "=", "+", "*", "%", "#"};
	size_t columns = report->style->width - 2 * INDENT;
	if (columns > PLOT_COLUMNS)
		columns = PLOT_COLUMNS;
	if (columns > series->point_count && series_duration(series) == 0)
		columns = series->point_count;
	uint64_t most = 1;
	for (size_t i = 0; i < series->point_count; i++) {
		uint64_t value = value_at(series, stack, all, i);
		most = value > most ? value : most;
	}
	fprintf(report->stream, "%*s%s", (int)INDENT, "", report->style->utf8 ? "\xe2\x96\x95" : "|");
	for (size_t i = 0; i < columns; i++) {
		uint64_t value = value_at(series, stack, all, series_point_at(series, i, columns));
		size_t level = value == 0 ? 0 : 1 + (size_t)((double)value / (double)most * 7.0);
		fputs(report->style->utf8 ? blocks[level] : letters[level], report->stream);
	}
	fprintf(report->stream, "%s\n", report->style->utf8 ? "\xe2\x96\x8f" : "|");
}

/* ", 83 an hour" */
static void print_rate(const struct report *report, const struct series *series, uint64_t growth)
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = {{1, "a second"}, {60, "a minute"}, {3600, "an hour"}, {86400, "a day"}};
	double seconds = (double)series_duration(series) / 1e9;
	for (size_t i = 0; i < 4 && seconds > 0; i++) {
		double rate = (double)growth / seconds * units[i].seconds;
		if (rate < 1 && i < 3)
			continue;
		fputs(", ", report->stream);
		if (rate < 100)
			fprintf(report->stream, "%.3g", rate);
		else
			print_number(report, (uint64_t)rate);
		fprintf(report->stream, " %s", units[i].name);
		return;
	}
}

static void print_suspect(const struct report *report, const struct series *series, size_t index)
{
	const struct series_suspect *suspect = &series->suspects[index];
	fprintf(report->stream, "\n%zu. ", index + 1);
	style(report, BOLD);
	style(report, RED);
	print_change(report, suspect->first, suspect->last);
	style(report, PLAIN);
	fputs(": ", report->stream);
	print_number(report, suspect->first);
	fprintf(report->stream, " %s ", arrow(report));
	print_number(report, suspect->last);
	print_rate(report, series, suspect->last - suspect->first);
	if (suspect->fallen == 0)
		fputs(", never fell", report->stream);
	print_state(report, suspect->state, suspect->longest_wait_ns, suspect->last == 1);
	putc('\n', report->stream);
	print_plot(report, series, suspect->stack, false);
	print_stack(report, suspect->stack, suspect->creator);
}

static void print_suspects(const struct report *report, const struct series *series)
{
	size_t limit = series->suspect_count;
	if (limit > report->extent->suspects)
		limit = report->extent->suspects;
	if (series->suspect_count == 0) {
		fputs("\nNo group has grown: no leak is suspected\n", report->stream);
		return;
	}
	putc('\n', report->stream);
	style(report, BOLD);
	fputs("Leak suspects", report->stream);
	style(report, PLAIN);
	fputs(", the most suspicious first\n", report->stream);
	for (size_t i = 0; i < limit; i++)
		print_suspect(report, series, i);
	if (limit < series->suspect_count)
		print_more(report, series->suspect_count - limit);
}

/* ---- what is compared ------------------------------------------------------------------------------------------- */

static void print_file_line(const struct report *report, const char *word, const struct series_point *point)
{
	char time[64];
	format_time(point->time_ns, time, sizeof time);
	fputs(word, report->stream);
	print_quoted(report, point->path);
	fprintf(report->stream, "\n     %s%s", time, *time != '\0' ? ", " : "");
	print_counted(report, point->goroutine_count, "goroutine\n", "goroutines\n");
}

/* "server 4242, go1.26.8: 14 snapshots in 12 minutes" */
static void print_process(const struct report *report, const struct series *series)
{
	char first[64], last[64];
	style(report, BOLD);
	print_quoted(report, series->comm);
	fprintf(report->stream, " %" PRIu64, series->pid);
	style(report, PLAIN);
	if (series->last.go_version != NULL && series->last.go_version[0] != '\0') {
		fputs(", ", report->stream);
		print_quoted(report, series->last.go_version);
	}
	fputs(": ", report->stream);
	print_counted(report, series->point_count, "snapshot", "snapshots");
	if (series_duration(series) != 0) {
		fputs(" in ", report->stream);
		print_duration(report, series_duration(series));
	}
	putc('\n', report->stream);
	format_time(series->points[0].time_ns, first, sizeof first);
	format_time(series->points[series->point_count - 1].time_ns, last, sizeof last);
	if (series->point_count > 1 && *first != '\0')
		fprintf(report->stream, "%s to %s\n", first, last);
}

/* ", +1.5%" */
static void print_percent(const struct report *report, const struct diff *diff)
{
	double old = (double)diff->old_count;
	double percent = ((double)diff->new_count - old) / old * 100;
	fprintf(report->stream, percent < 10 && percent > -10 ? ", %+.1f%%" : ", %+.0f%%", percent);
}

static void print_total(const struct report *report, const struct series *series)
{
	const struct diff *diff = &series->diff;
	print_number(report, diff->old_count);
	fprintf(report->stream, " %s ", arrow(report));
	style(report, BOLD);
	print_counted(report, diff->new_count, "goroutine", "goroutines");
	style(report, PLAIN);
	if (diff->new_count != diff->old_count) {
		fputs(" (", report->stream);
		print_change(report, diff->old_count, diff->new_count);
		if (diff->old_count != 0)
			print_percent(report, diff);
		fputs(")", report->stream);
	}
	if (diff->interval_ns != 0 && series->comm == NULL) {
		fputs(" in ", report->stream);
		print_duration(report, diff->interval_ns);
	}
	putc('\n', report->stream);
	if (series->point_count > 2)
		print_plot(report, series, 0, true);
}

static void print_doubts(const struct report *report, const struct series *series)
{
	char *doubt;
	for (size_t i = 0; diff_doubt(series, i, &doubt); i++) {
		if (doubt == NULL)
			continue;
		fputs("note: ", report->stream);
		print_quoted(report, doubt);
		putc('\n', report->stream);
		free(doubt);
	}
}

static void print_series(const struct report *report, const struct series *series)
{
	if (series->comm != NULL) {
		print_process(report, series);
	} else {
		print_file_line(report, "old  ", &series->points[0]);
		print_file_line(report, "new  ", &series->points[1]);
	}
	if (series->point_count < 2) {
		fputs("one snapshot alone: there is nothing to compare it with\n", report->stream);
		return;
	}
	print_doubts(report, series);
	print_total(report, series);
	print_kinds(report, &series->diff);
	if (series->point_count > 2)
		print_suspects(report, series);
	print_groups(report, series);
	print_stays(report, series);
}

static void print_set(const struct series_set *set, const struct diff_style *look, const struct extent *extent,
		      FILE *stream)
{
	const struct report report = {set, look, extent, stream};
	bool first = true;
	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].point_count == 0)
			continue;
		if (!first)
			putc('\n', stream);
		print_series(&report, &set->items[i]);
		first = false;
	}
}

/* ---- how much of it --------------------------------------------------------------------------------------------- */

/* Lines that @p text takes on a screen of @p width columns; colours take no room. */
static size_t lines_of(const char *text, unsigned width)
{
	size_t lines = 0, columns = 0;
	while (*text != '\0') {
		size_t length = utf8_length(text);
		if (*text == '\033') {
			text += strcspn(text, "m") + 1;
			continue;
		}
		if (*text == '\n') {
			lines += columns == 0 ? 1 : (columns + width - 1) / width;
			columns = 0;
		} else {
			columns++;
		}
		text += length == 0 ? 1 : length;
	}
	return lines;
}

/* Prints it if it is the last choice or fits. */
static bool print_fitting(const struct series_set *set, const struct diff_style *look, const struct extent *extent,
			  bool is_last, FILE *stream)
{
	char *text = NULL;
	size_t size = 0;
	FILE *page = open_memstream(&text, &size);
	if (page == NULL) {
		print_set(set, look, extent, stream);
		return true;
	}
	print_set(set, look, extent, page);
	if (fclose(page) != 0) {
		print_set(set, look, extent, stream);
		free(text);
		return true;
	}
	bool fits = is_last || lines_of(text, look->width) <= look->height;
	if (fits)
		fputs(text, stream);
	free(text);
	return fits;
}

void diff_report(const struct series_set *set, const struct diff_style *look, FILE *stream)
{
	const size_t count = sizeof extents / sizeof extents[0];
	if (look->height == 0) {
		print_set(set, look, &everything, stream);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (print_fitting(set, look, &extents[i], i + 1 == count, stream))
			return;
}
