/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page of the diff command. All that depends on the captures is one JSON object in a script element that is no
 * script; diff_page.js makes the page of it. Nothing that a capture says becomes markup here.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/diff.h"
#include "cli/json.h"

#define NAME_SIZE 2048U
#define ROWS_MAX  1000U /* groups of a kind; who has more looks for the first ones */
#define NS_PER_MS UINT64_C(1000000)

struct page {
	const struct series_set *set;
	FILE *stream;
	uint32_t *stack_numbers; /* by stack: the number of it in the page + 1, or 0 */
	uint32_t *stacks;        /* by number in the page */
	uint32_t stack_count;
};

static void print_text(const struct page *page, const char *key, const char *text)
{
	fprintf(page->stream, "\"%s\":", key);
	if (text != NULL)
		json_print_script_string(page->stream, text);
	else
		fputs("null", page->stream);
}

/* A string of all captures. */
static void print_string(const struct page *page, const char *key, uint32_t number)
{
	print_text(page, key, number != SNAPSHOT_NO_STRING ? stack_names_string(&page->set->names, number) : NULL);
}

static uint32_t number_of(struct page *page, uint32_t stack)
{
	if (page->stack_numbers[stack] == 0) {
		page->stacks[page->stack_count++] = stack;
		page->stack_numbers[stack] = page->stack_count;
	}
	return page->stack_numbers[stack] - 1;
}

/* ---- series ----------------------------------------------------------------------------------------------------- */

static void print_about(struct page *page, uint32_t stack, uint32_t state, uint32_t creator, uint64_t wait_ns)
{
	fprintf(page->stream, "{\"stack\":%" PRIu32 ",", number_of(page, stack));
	print_string(page, "state", state);
	putc(',', page->stream);
	char name[NAME_SIZE];
	if (creator != SNAPSHOT_NO_STRING)
		(void)gsd_function_short_name(stack_names_string(&page->set->names, creator), name, sizeof name);
	print_text(page, "creator", creator != SNAPSHOT_NO_STRING ? name : NULL);
	fprintf(page->stream, ",\"wait\":%" PRIu64, wait_ns / NS_PER_MS);
}

static void print_points(const struct page *page, const struct series *series)
{
	fputs("\"points\":[", page->stream);
	for (size_t i = 0; i < series->point_count; i++) {
		const struct series_point *point = &series->points[i];
		fprintf(page->stream, "%s{\"time\":%" PRIu64 ",\"goroutines\":%" PRIu64 ",", i == 0 ? "" : ",",
			point->time_ns / NS_PER_MS, point->goroutine_count);
		print_text(page, "path", point->path);
		putc('}', page->stream);
	}
	putc(']', page->stream);
}

static void print_suspects(struct page *page, const struct series *series)
{
	fputs(",\"suspects\":[", page->stream);
	for (size_t i = 0; i < series->suspect_count; i++) {
		const struct series_suspect *suspect = &series->suspects[i];
		fputs(i == 0 ? "" : ",", page->stream);
		print_about(page, suspect->stack, suspect->state, suspect->creator, suspect->longest_wait_ns);
		fprintf(page->stream, ",\"was\":%" PRIu64 ",\"now\":%" PRIu64 ",\"fallen\":%" PRIu64 ",\"counts\":[",
			suspect->first, suspect->last, suspect->fallen);
		for (size_t k = 0; k < series->point_count; k++)
			fprintf(page->stream, "%s%" PRIu64, k == 0 ? "" : ",", series_count(series, suspect->stack, k));
		fputs("]}", page->stream);
	}
	putc(']', page->stream);
}

static void print_groups(struct page *page, const struct series *series)
{
	const struct diff *diff = &series->diff;
	fputs(",\"groups\":[", page->stream);
	for (size_t i = 0; i < diff->group_count && i < ROWS_MAX; i++) {
		const struct diff_group *group = &diff->groups[i];
		bool suspect = false;
		for (size_t k = 0; k < series->suspect_count && !suspect; k++)
			suspect = series->suspects[k].stack == group->stack;
		fputs(i == 0 ? "" : ",", page->stream);
		print_about(page, group->stack, group->state, group->creator, group->longest_wait_ns);
		fprintf(page->stream, ",\"was\":%" PRIu64 ",\"now\":%" PRIu64 ",\"suspect\":%s}", group->old_count,
			group->new_count, suspect ? "true" : "false");
	}
	fprintf(page->stream, "],\"groupCount\":%zu", diff->group_count);
}

static void print_stays(struct page *page, const struct diff *diff)
{
	fputs(",\"stays\":[", page->stream);
	for (size_t i = 0; i < diff->stay_count && i < ROWS_MAX; i++) {
		const struct diff_stay *stay = &diff->stays[i];
		fputs(i == 0 ? "" : ",", page->stream);
		print_about(page, stay->stack, stay->state, stay->creator, stay->longest_wait_ns);
		fprintf(page->stream, ",\"count\":%" PRIu64 ",\"goids\":[", stay->count);
		for (uint64_t k = 0; k < stay->count && k < DIFF_STAY_GOIDS; k++)
			fprintf(page->stream, "%s%" PRIu64, k == 0 ? "" : ",", stay->goids[k]);
		fputs("]}", page->stream);
	}
	fprintf(page->stream, "],\"stayCount\":%zu,\"stayed\":%" PRIu64, diff->stay_count, diff->stayed);
}

static void print_doubts(const struct page *page, const struct series *series)
{
	fputs(",\"doubts\":[", page->stream);
	for (size_t i = 0, printed = 0;; i++) {
		char *doubt;
		if (!diff_doubt(series, i, &doubt))
			break;
		if (doubt == NULL)
			continue;
		fputs(printed++ == 0 ? "" : ",", page->stream);
		json_print_script_string(page->stream, doubt);
		free(doubt);
	}
	putc(']', page->stream);
}

static void print_series(struct page *page, const struct series *series)
{
	const struct snapshot *known = series->point_count > 1 ? &series->last : &series->first;
	putc('{', page->stream);
	print_text(page, "comm", series->comm);
	fprintf(page->stream, ",\"pid\":%" PRIu64 ",", series->pid);
	print_text(page, "exe", known->exe);
	putc(',', page->stream);
	print_text(page, "go", known->go_version);
	fprintf(page->stream, ",\"was\":%" PRIu64 ",\"now\":%" PRIu64 ",", series->diff.old_count,
		series->diff.new_count);
	print_points(page, series);
	print_doubts(page, series);
	print_suspects(page, series);
	print_groups(page, series);
	print_stays(page, &series->diff);
	putc('}', page->stream);
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

/* [function, file, line, whether a report folds it away] */
static void print_frame(const struct page *page, uint32_t number)
{
	char name[NAME_SIZE];
	struct stack_frame frame = stack_names_frame_of(&page->set->names, number);
	(void)gsd_function_short_name(frame.function, name, sizeof name);
	fputs(number == 0 ? "[" : ",[", page->stream);
	json_print_script_string(page->stream, name);
	(void)gsd_file_short_name(frame.function, frame.file, name, sizeof name);
	putc(',', page->stream);
	json_print_script_string(page->stream, name);
	fprintf(page->stream, ",%" PRId64 ",%s]", frame.line,
		gsd_function_is_folded(frame.function) ? "true" : "false");
}

static void print_stacks(const struct page *page)
{
	const struct stack_names *names = &page->set->names;
	fputs("],\"frames\":[", page->stream);
	for (uint32_t i = 0; i < names->frames.count; i++)
		print_frame(page, i);
	fputs("],\"stacks\":[", page->stream);
	for (uint32_t i = 0; i < page->stack_count; i++) {
		size_t depth = stack_names_depth(names, page->stacks[i]);
		const uint32_t *frames = interner_get(&names->stacks, page->stacks[i], NULL);
		fputs(i == 0 ? "[" : ",[", page->stream);
		for (size_t k = 0; k < depth; k++)
			fprintf(page->stream, "%s%" PRIu32, k == 0 ? "" : ",", frames[k]);
		putc(']', page->stream);
	}
	fputs("]}", page->stream);
}

bool diff_html(const struct series_set *set, FILE *stream)
{
	struct page page = {.set = set, .stream = stream};
	page.stack_numbers = calloc((size_t)set->names.stacks.count + 1, sizeof *page.stack_numbers);
	page.stacks = calloc((size_t)set->names.stacks.count + 1, sizeof *page.stacks);
	bool good = page.stack_numbers != NULL && page.stacks != NULL;
	if (good) {
		fwrite(diff_page_head, 1, diff_page_head_size, stream);
		fputs("{\"series\":[", stream);
		bool first = true;
		for (size_t i = 0; i < set->count; i++) {
			if (set->items[i].point_count == 0)
				continue;
			fputs(first ? "" : ",", stream);
			print_series(&page, &set->items[i]);
			first = false;
		}
		print_stacks(&page);
		fwrite(diff_page_tail, 1, diff_page_tail_size, stream);
	}
	free(page.stack_numbers);
	free(page.stacks);
	return good;
}
