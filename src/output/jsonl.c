/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON Lines: an object for the capture, then one for each goroutine with everything that is known of it. */
#include "output/jsonl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/json.h"

#define SCHEMA        1
#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MINUTE (60 * NS_PER_SECOND)

struct writer {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_location_list locations;
	struct gsd_json json;
};

/* ---- the capture ---- */

void gsd_json_selection(struct gsd_json *json, const struct gsd_snapshot *snapshot)
{
	const struct gsd_snapshot_selection *selection = &snapshot->selection;
	if (selection->filter == NULL && selection->limit == 0) {
		gsd_json_null(json, "selection");
		return;
	}
	gsd_json_open(json, "selection", '{');
	gsd_json_unsigned(json, "of", selection->total);
	gsd_json_string(json, "filter", selection->filter);
	if (selection->limit != 0) {
		gsd_json_unsigned(json, "limit", selection->limit);
		gsd_json_unsigned(json, "seed", selection->seed);
	} else {
		gsd_json_null(json, "limit");
		gsd_json_null(json, "seed");
	}
	gsd_json_close(json, '}');
}

static void write_capture(struct writer *writer)
{
	const struct gsd_snapshot *snapshot = writer->snapshot;
	struct gsd_json *json = &writer->json;
	gsd_json_open(json, NULL, '{');
	gsd_json_string(json, "type", "capture");
	gsd_json_integer(json, "schema", SCHEMA);
	gsd_json_time(json, "time", snapshot->time_unix_ns);
	gsd_json_unsigned(json, "pid", snapshot->pid);
	gsd_json_string(json, "exe", snapshot->exe);
	gsd_json_string(json, "go_version", snapshot->threads_only ? NULL : snapshot->go_version);
	gsd_json_string(json, "mode", snapshot->mode);
	gsd_json_unsigned(json, "goroutines", snapshot->goroutine_count);
	gsd_json_selection(json, snapshot);
	gsd_json_close(json, '}');
	gsd_json_end_line(json);
}

/* ---- frames ---- */

static void write_frame(struct gsd_json *json, const struct gsd_line *line, uint64_t pc)
{
	gsd_json_string(json, "function", line->function);
	gsd_json_string(json, "file", line->file[0] == '\0' ? NULL : line->file);
	if (line->line != 0)
		gsd_json_integer(json, "line", line->line);
	else
		gsd_json_null(json, "line");
	if (pc != 0)
		gsd_json_address(json, "pc", pc);
	else
		gsd_json_null(json, "pc");
}

static void write_location(struct gsd_json *json, const struct gsd_location *location)
{
	for (size_t i = 0; i < location->line_count; i++) {
		const struct gsd_line *line = &location->lines[i];
		gsd_json_open(json, NULL, '{');
		write_frame(json, line, location->address);
		gsd_json_bool(json, "inlined", i + 1 < location->line_count || location->inlined);
		gsd_json_bool(json, "native", line->entry == 0 && location->address != 0);
		gsd_json_close(json, '}');
	}
}

/* The physical function that @p pc is in: "creator", "start". */
static struct gsd_error *write_function(struct writer *writer, const char *key, uint64_t pc)
{
	struct gsd_json *json = &writer->json;
	struct gsd_line line = {0};
	if (pc != 0)
		GSD_TRY(writer->source->creator(writer->source->context, pc, &line));
	if (line.function == NULL) {
		gsd_json_null(json, key);
		return NULL;
	}
	gsd_json_open(json, key, '{');
	write_frame(json, &line, pc == line.entry ? pc : pc - 1);
	gsd_json_close(json, '}');
	return NULL;
}

/* One that never ran stands at its function's entry, also where the runtime's profile elides that function. */
static struct gsd_error *write_entry_frame(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	struct gsd_line line = {0};
	GSD_TRY(writer->source->creator(writer->source->context, goroutine->start_pc, &line));
	if (line.function == NULL)
		return NULL;
	const struct gsd_location location = {.address = goroutine->start_pc, .lines = &line, .line_count = 1};
	write_location(&writer->json, &location);
	return NULL;
}

/* A thread that ran no goroutine. */
static struct gsd_error *write_thread_stack(struct writer *writer, const struct gsd_thread_stack *thread)
{
	struct gsd_json *json = &writer->json;
	const struct gsd_stack *stack = &writer->snapshot->stacks[thread->stack];
	GSD_TRY(writer->source->locate(writer->source->context, stack, &writer->locations));
	gsd_json_open(json, NULL, '{');
	gsd_json_string(json, "type", "thread");
	gsd_json_integer(json, "tid", thread->tid);
	if (thread->tid_inside != 0)
		gsd_json_unsigned(json, "tid_inside", thread->tid_inside);
	else
		gsd_json_null(json, "tid_inside");
	gsd_json_open(json, "frames", '[');
	for (size_t i = 0; i < writer->locations.count; i++)
		write_location(json, writer->locations.items[i]);
	gsd_json_close(json, ']');
	gsd_json_close(json, '}');
	gsd_json_end_line(json);
	return NULL;
}

static struct gsd_error *write_frames(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	const struct gsd_stack *stack = &writer->snapshot->stacks[goroutine->stack];
	GSD_TRY(writer->source->locate(writer->source->context, stack, &writer->locations));
	gsd_json_open(&writer->json, "frames", '[');
	for (size_t i = 0; i < writer->locations.count; i++)
		write_location(&writer->json, writer->locations.items[i]);
	if (writer->locations.count == 0 && goroutine->never_ran)
		GSD_TRY(write_entry_frame(writer, goroutine));
	gsd_json_close(&writer->json, ']');
	return NULL;
}

/* ---- what else is known of a goroutine ---- */

static struct gsd_error *write_ancestor(struct writer *writer, const struct gsd_ancestor *ancestor)
{
	struct gsd_json *json = &writer->json;
	gsd_json_open(json, NULL, '{');
	gsd_json_unsigned(json, "goid", ancestor->goid);
	GSD_TRY(write_function(writer, "creator", ancestor->creator_pc));
	gsd_json_open(json, "frames", '[');
	for (size_t i = 0; i < ancestor->pc_count; i++) {
		struct gsd_line line = {0};
		GSD_TRY(writer->source->call(writer->source->context, ancestor->pcs[i], &line));
		if (line.function == NULL)
			continue;
		gsd_json_open(json, NULL, '{');
		write_frame(json, &line, ancestor->pcs[i] - 1);
		gsd_json_close(json, '}');
	}
	gsd_json_close(json, ']');
	gsd_json_close(json, '}');
	return NULL;
}

static struct gsd_error *write_ancestors(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	struct gsd_json *json = &writer->json;
	const struct gsd_ancestry *ancestry =
		goroutine->ancestry == GSD_NO_ANCESTRY ? NULL : &writer->snapshot->ancestries[goroutine->ancestry];
	if (ancestry != NULL && !ancestry->known) {
		gsd_json_null(json, "ancestors");
		return NULL;
	}
	gsd_json_open(json, "ancestors", '[');
	for (size_t i = 0; ancestry != NULL && i < ancestry->count; i++)
		GSD_TRY(write_ancestor(writer, &ancestry->ancestors[i]));
	gsd_json_close(json, ']');
	return NULL;
}

static void write_labels(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	struct gsd_json *json = &writer->json;
	if (goroutine->labels == GSD_NO_LABELS) {
		gsd_json_null(json, "labels");
		return;
	}
	const struct gsd_label_set *set = &writer->snapshot->label_sets[goroutine->labels];
	gsd_json_open(json, "labels", '{');
	for (size_t i = 0; i < set->count; i++) {
		gsd_json_key(json, set->labels[i].key, set->labels[i].key_length);
		gsd_json_bytes(json, NULL, set->labels[i].value, set->labels[i].value_length);
	}
	gsd_json_close(json, '}');
}

static void write_number(struct gsd_json *json, const char *key, int64_t number, bool known)
{
	if (known)
		gsd_json_integer(json, key, number);
	else
		gsd_json_null(json, key);
}

static void write_thread(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	struct gsd_json *json = &writer->json;
	if (goroutine->thread == GSD_NO_THREAD) {
		gsd_json_null(json, "thread");
		return;
	}
	const struct gsd_snapshot_thread *thread = &writer->snapshot->threads[goroutine->thread];
	gsd_json_open(json, "thread", '{');
	write_number(json, "tid", thread->tid, thread->tid != 0);
	if (thread->tid_inside != 0)
		gsd_json_unsigned(json, "tid_inside", thread->tid_inside);
	else
		gsd_json_null(json, "tid_inside");
	write_number(json, "m", thread->m_id, thread->m_id >= 0);
	write_number(json, "p", thread->p_id, thread->p_id >= 0);
	gsd_json_close(json, '}');
}

static void write_extent(struct gsd_json *json, const struct gsd_goroutine *goroutine)
{
	if (goroutine->stack_size == 0) {
		gsd_json_null(json, "stack");
		return;
	}
	uint64_t high = goroutine->stack_low + goroutine->stack_size;
	gsd_json_open(json, "stack", '{');
	gsd_json_address(json, "low", goroutine->stack_low);
	gsd_json_address(json, "high", high);
	gsd_json_unsigned(json, "reserved", goroutine->stack_size);
	if (goroutine->stack_used != 0) {
		gsd_json_address(json, "sp", high - goroutine->stack_used);
		gsd_json_unsigned(json, "used", goroutine->stack_used);
	} else {
		gsd_json_null(json, "sp");
		gsd_json_null(json, "used");
	}
	gsd_json_close(json, '}');
}

static void write_state(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	const struct gsd_snapshot *snapshot = writer->snapshot;
	struct gsd_json *json = &writer->json;
	uint64_t wait_ns = 0;
	bool wait_known = gsd_goroutine_wait_ns(snapshot, goroutine, &wait_ns);
	gsd_json_string(json, "state", gsd_goroutine_state(snapshot, goroutine));
	gsd_json_string(json, "status", gsd_status_name(goroutine->status));
	gsd_json_string(json, "wait_reason", gsd_goroutine_wait_reason(snapshot, goroutine));
	write_number(json, "wait_minutes", (int64_t)(wait_ns / NS_PER_MINUTE), wait_known);
	write_number(json, "wait_ns", (int64_t)wait_ns, wait_known);
	gsd_json_bool(json, "system", goroutine->system);
	gsd_json_bool(json, "locked", goroutine->locked);
	gsd_json_bool(json, "scan", goroutine->scan);
	gsd_json_bool(json, "leaked", goroutine->status == GSD_STATUS_LEAKED);
	gsd_json_bool(json, "never_run", goroutine->never_ran);
	gsd_json_bool(json, "ambiguous", goroutine->ambiguous);
	gsd_json_string(json, "unreadable",
			goroutine->unreadable == GSD_READABLE
				? NULL
				: gsd_unreadable_name((enum gsd_unreadable)goroutine->unreadable));
	if (goroutine->bubble != GSD_NO_BUBBLE)
		gsd_json_unsigned(json, "bubble", snapshot->bubbles[goroutine->bubble].id);
	else
		gsd_json_null(json, "bubble");
}

static struct gsd_error *write_goroutine(struct writer *writer, const struct gsd_goroutine *goroutine)
{
	struct gsd_json *json = &writer->json;
	gsd_json_open(json, NULL, '{');
	gsd_json_string(json, "type", "goroutine");
	gsd_json_unsigned(json, "goid", goroutine->goid);
	gsd_json_address(json, "g", goroutine->address);
	write_state(writer, goroutine);
	if (goroutine->parent_goid != 0)
		gsd_json_unsigned(json, "parent", goroutine->parent_goid);
	else
		gsd_json_null(json, "parent");
	GSD_TRY(write_function(writer, "creator", goroutine->creator_pc));
	GSD_TRY(write_function(writer, "start", goroutine->start_pc));
	write_thread(writer, goroutine);
	write_extent(json, goroutine);
	write_labels(writer, goroutine);
	GSD_TRY(write_ancestors(writer, goroutine));
	GSD_TRY(write_frames(writer, goroutine));
	gsd_json_close(json, '}');
	gsd_json_end_line(json);
	return NULL;
}

/* ---- all of it ---- */

struct gsd_error *gsd_write_jsonl_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				       struct gsd_sink *sink)
{
	struct writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return gsd_error_no_memory();
	writer->snapshot = snapshot;
	writer->source = source;
	gsd_json_init(&writer->json, sink);
	gsd_meter_begin(snapshot->meter, GSD_PHASE_WRITING, snapshot->goroutine_count);
	write_capture(writer);
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < snapshot->goroutine_count && error == NULL && writer->json.out.error == NULL; i++) {
		gsd_meter_count(snapshot->meter, i);
		error = write_goroutine(writer, &snapshot->goroutines[i]);
	}
	for (size_t i = 0; i < snapshot->thread_stack_count && error == NULL && writer->json.out.error == NULL; i++)
		error = write_thread_stack(writer, &snapshot->thread_stacks[i]);
	error = gsd_error_first(error, gsd_json_finish(&writer->json));
	gsd_location_list_free(&writer->locations);
	free(writer);
	return error;
}

struct gsd_error *gsd_write_jsonl(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_jsonl_from(snapshot, &source, sink);
}
