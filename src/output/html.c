/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A page with a flame graph and the groups of goroutines. All that depends on the capture is one JSON object in a
 * script element that is no script; flame.js makes the graph of it. Nothing that the target says becomes markup here.
 */
#include "output/html.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/call_tree.h"
#include "output/json.h"
#include "output/jsonl.h"
#include "output/report_groups.h"
#include "output/threads.h"

struct page {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_groups groups;
	uint64_t *first_frame; /* by gsd_location.index: the number of its innermost line among all frames */
	uint64_t empty_frame;  /* the number of the only frame of an empty stack */
	struct gsd_json json;
};

static void write_line(struct gsd_json *json, const char *key, const struct gsd_line *line)
{
	gsd_json_open(json, key, '[');
	gsd_json_string(json, NULL, line->function);
	gsd_json_string(json, NULL, line->file);
	gsd_json_integer(json, NULL, line->line);
	gsd_json_close(json, ']');
}

/* [[function, file, line], ...]: every line of every location. */
static struct gsd_error *write_frames(struct page *page)
{
	static const struct gsd_line empty = {.function = GSD_EMPTY_STACK, .file = ""};
	const struct gsd_location_array *locations = &page->groups.stacks.locations;
	uint64_t count = 0;
	page->first_frame = calloc(locations->count + 1, sizeof *page->first_frame);
	if (page->first_frame == NULL)
		return gsd_error_no_memory();
	gsd_json_open(&page->json, "frames", '[');
	for (size_t i = 0; i < locations->count; i++) {
		const struct gsd_location *location = locations->items[i];
		page->first_frame[i] = count;
		for (size_t k = 0; location != NULL && k < location->line_count; k++, count++)
			write_line(&page->json, NULL, &location->lines[k]);
	}
	write_line(&page->json, NULL, &empty);
	page->empty_frame = count;
	gsd_json_close(&page->json, ']');
	return NULL;
}

/* Numbers of frames, outermost first. */
static void write_stack(struct page *page, uint32_t stack)
{
	const struct gsd_distinct_stacks *stacks = &page->groups.stacks;
	size_t count = stacks->stacks.items[stack].count;
	gsd_json_open(&page->json, NULL, '[');
	for (size_t i = count; i-- > 0;) {
		const struct gsd_location *location = gsd_distinct_stacks_location(stacks, stack, i);
		for (size_t k = location->line_count; k-- > 0;)
			gsd_json_unsigned(&page->json, NULL, page->first_frame[location->index] + k);
	}
	if (count == 0)
		gsd_json_unsigned(&page->json, NULL, page->empty_frame);
	gsd_json_close(&page->json, ']');
}

/* [[key, value], ...]: those that all of the group have. */
static void write_labels(struct page *page, const struct gsd_group *group)
{
	gsd_json_open(&page->json, "labels", '[');
	for (size_t i = 0; i < GSD_GROUP_LABELS_MAX && group->common_labels >> i != 0; i++) {
		if ((group->common_labels >> i & 1) == 0)
			continue;
		const struct gsd_label *label = &page->snapshot->label_sets[group->label_set].labels[i];
		gsd_json_open(&page->json, NULL, '[');
		gsd_json_bytes(&page->json, NULL, label->key, label->key_length);
		gsd_json_bytes(&page->json, NULL, label->value, label->value_length);
		gsd_json_close(&page->json, ']');
	}
	gsd_json_close(&page->json, ']');
}

/* [function, file, line], or null: what a goroutine was created by, or begins with. */
static struct gsd_error *write_place(struct page *page, const char *key, uint64_t pc)
{
	struct gsd_line line = {0};
	if (pc != 0)
		GSD_TRY(page->source->creator(page->source->context, pc, &line));
	if (line.function != NULL)
		write_line(&page->json, key, &line);
	else
		gsd_json_null(&page->json, key);
	return NULL;
}

static struct gsd_error *write_group(struct page *page, const struct gsd_group *group)
{
	struct gsd_json *json = &page->json;
	bool empty = page->groups.stacks.stacks.items[group->stack].count == 0;
	gsd_json_open(json, NULL, '{');
	gsd_json_unsigned(json, "stack", group->stack);
	gsd_json_unsigned(json, "state", group->state);
	gsd_json_unsigned(json, "count", group->count);
	gsd_json_unsigned(json, "goid", group->goid);
	if (group->longest_wait_ns != 0)
		gsd_json_unsigned(json, "wait", group->longest_wait_ns);
	else
		gsd_json_null(json, "wait");
	GSD_TRY(write_place(page, "creator", group->creator_pc));
	GSD_TRY(write_place(page, "start", empty ? group->start_pc : 0));
	gsd_json_bool(json, "several", group->several_creators);
	write_labels(page, group);
	gsd_json_close(json, '}');
	return NULL;
}

static void write_capture(struct page *page)
{
	const struct gsd_snapshot *snapshot = page->snapshot;
	struct gsd_json *json = &page->json;
	gsd_json_string(json, "exe", snapshot->exe);
	gsd_json_unsigned(json, "pid", snapshot->pid);
	gsd_json_string(json, "go", gsd_snapshot_maker(snapshot));
	gsd_json_string(json, "noun", gsd_snapshot_noun(snapshot, 1));
	gsd_json_time(json, "time", snapshot->time_unix_ns);
	gsd_json_selection(json, snapshot);
	gsd_json_unsigned(json, "unreadable", page->groups.unreadable);
	gsd_json_unsigned(json, "ambiguous", page->groups.ambiguous);
}

static struct gsd_error *write_data(struct page *page)
{
	const struct gsd_groups *groups = &page->groups;
	struct gsd_json *json = &page->json;
	gsd_json_open(json, NULL, '{');
	write_capture(page);
	GSD_TRY(write_frames(page));
	gsd_json_open(json, "stacks", '[');
	for (uint32_t i = 0; i < groups->stacks.stacks.count; i++)
		write_stack(page, i);
	gsd_json_close(json, ']');
	gsd_json_open(json, "states", '[');
	for (size_t i = 0; i < groups->states.count; i++)
		gsd_json_string(json, NULL, groups->states.items[i].name);
	gsd_json_close(json, ']');
	gsd_json_open(json, "groups", '[');
	for (size_t i = 0; i < groups->groups.count; i++) {
		gsd_meter_count(page->snapshot->meter, i);
		GSD_TRY(write_group(page, &groups->groups.items[i]));
	}
	gsd_json_close(json, ']');
	gsd_json_close(json, '}');
	return NULL;
}

struct gsd_error *gsd_write_html_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				      struct gsd_sink *sink)
{
	struct page *page = calloc(1, sizeof *page);
	if (page == NULL)
		return gsd_error_no_memory();
	page->snapshot = snapshot;
	page->source = source;
	gsd_json_init(&page->json, sink);
	page->json.html = true;
	struct gsd_error *error = gsd_groups_create(snapshot, source, &page->groups);
	if (error == NULL) {
		gsd_meter_begin(snapshot->meter, GSD_PHASE_WRITING, page->groups.groups.count);
		error = gsd_sink_write(sink, gsd_html_head, gsd_html_head_size);
	}
	if (error == NULL)
		error = write_data(page);
	error = gsd_error_first(error, gsd_json_finish(&page->json));
	if (error == NULL)
		error = gsd_sink_write(sink, gsd_html_tail, gsd_html_tail_size);
	gsd_groups_free(&page->groups);
	free(page->first_frame);
	free(page);
	return error;
}

struct gsd_error *gsd_write_html(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_html_from(snapshot, &source, sink);
}
