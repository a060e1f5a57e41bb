/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of the public header that describes goroutines one by one: views of the snapshot. */
#include <stdlib.h>

#include "base/error.h"
#include "capture.h"

size_t gsd_capture_goroutine_count(const struct gsd_capture *capture)
{
	return capture->snapshot.goroutine_count;
}

static struct gsd_error *find_goroutine(const struct gsd_capture *capture, size_t index,
					const struct gsd_goroutine **goroutine_ret)
{
	if (index >= capture->snapshot.goroutine_count)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_INVALID, 0, "describe goroutine number %zu of a capture", index),
			"it has %zu", capture->snapshot.goroutine_count);
	*goroutine_ret = &capture->snapshot.goroutines[index];
	return NULL;
}

/* ---- frames ---- */

static struct gsd_frame frame_of(const struct gsd_line *line, uint64_t pc)
{
	return (struct gsd_frame){.function = line->function,
				  .file = line->file,
				  .line = line->line,
				  .start_line = line->start_line,
				  .pc = pc,
				  .entry = line->entry,
				  .native = line->entry == 0 && pc != 0};
}

/* The file that code at @p address was mapped from, or NULL. */
static const char *object_at(const struct gsd_snapshot *snapshot, uint64_t address)
{
	const struct gsd_snapshot_mapping *mapping = gsd_snapshot_mapping_at(snapshot, address);
	return mapping == NULL ? NULL : mapping->file;
}

static struct gsd_error *add_location(const struct gsd_snapshot *snapshot, struct gsd_frame_array *frames,
				      const struct gsd_location *location)
{
	for (size_t i = 0; i < location->line_count; i++) {
		struct gsd_frame frame = frame_of(&location->lines[i], location->address);
		if (frame.native)
			frame.object = object_at(snapshot, frame.pc);
		frame.inlined = i + 1 < location->line_count || location->inlined;
		if (!gsd_frame_array_append(frames, frame))
			return gsd_error_no_memory();
	}
	return NULL;
}

/* One that never ran stands at its function's entry, also where the runtime's profile elides that function. */
static struct gsd_error *add_entry(struct gsd_capture *capture, const struct gsd_goroutine *goroutine)
{
	struct gsd_line line;
	GSD_TRY(gsd_symbolize_creator(capture->snapshot.symbolizer, goroutine->start_pc, &line));
	if (line.function != NULL && !gsd_frame_array_append(&capture->frames, frame_of(&line, goroutine->start_pc)))
		return gsd_error_no_memory();
	return NULL;
}

/* Puts the frames of a stack into capture->frames. */
static struct gsd_error *collect_frames(struct gsd_capture *capture, uint32_t stack)
{
	const struct gsd_snapshot *snapshot = &capture->snapshot;
	struct gsd_location_list locations = {0};
	struct gsd_error *error = gsd_symbolize_stack(snapshot->symbolizer, &snapshot->stacks[stack],
						      snapshot->go_frame_limit, &locations);
	capture->frames.count = 0;
	for (size_t i = 0; i < locations.count && error == NULL; i++)
		error = add_location(snapshot, &capture->frames, locations.items[i]);
	gsd_location_list_free(&locations);
	return error;
}

struct gsd_error *gsd_capture_frames(struct gsd_capture *capture, size_t index, const struct gsd_frame **frames_ret,
				     size_t *count_ret)
{
	const struct gsd_goroutine *goroutine;
	GSD_TRY(find_goroutine(capture, index, &goroutine));
	GSD_TRY(collect_frames(capture, goroutine->stack));
	if (capture->frames.count == 0 && goroutine->never_ran)
		GSD_TRY(add_entry(capture, goroutine));
	*frames_ret = capture->frames.items;
	*count_ret = capture->frames.count;
	return NULL;
}

/* ---- threads that ran no goroutine ---- */

size_t gsd_capture_thread_count(const struct gsd_capture *capture)
{
	return capture->snapshot.thread_stack_count;
}

struct gsd_error *gsd_capture_thread(struct gsd_capture *capture, size_t index, struct gsd_thread_info *thread_ret)
{
	size_t count = capture->snapshot.thread_stack_count;
	if (index >= count)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_INVALID, 0, "describe thread number %zu of a capture", index),
			"it has %zu without a goroutine", count);
	const struct gsd_thread_stack *thread = &capture->snapshot.thread_stacks[index];
	GSD_TRY(collect_frames(capture, thread->stack));
	*thread_ret = (struct gsd_thread_info){.tid = thread->tid,
					       .tid_inside = thread->tid_inside,
					       .frames = capture->frames.items,
					       .frame_count = capture->frames.count};
	return NULL;
}

/* The physical function at a pc; a frame without a function when there is none. */
static struct gsd_error *describe_pc(const struct gsd_capture *capture, uint64_t pc, struct gsd_frame *frame_ret)
{
	struct gsd_line line;
	GSD_TRY(gsd_symbolize_creator(capture->snapshot.symbolizer, pc, &line));
	*frame_ret = (struct gsd_frame){.file = ""};
	if (line.function != NULL)
		*frame_ret = frame_of(&line, pc == line.entry ? pc : pc - 1);
	return NULL;
}

/* ---- goroutines ---- */

static void describe_thread(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine,
			    struct gsd_goroutine_info *info)
{
	info->has_thread = goroutine->thread != GSD_NO_THREAD;
	if (!info->has_thread)
		return;
	const struct gsd_snapshot_thread *thread = &snapshot->threads[goroutine->thread];
	info->tid = thread->tid;
	info->tid_inside = thread->tid_inside;
	info->m_id = thread->m_id;
	info->p_id = thread->p_id;
}

static void describe_state(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine,
			   struct gsd_goroutine_info *info)
{
	info->goid = goroutine->goid;
	info->address = goroutine->address;
	info->state = gsd_goroutine_state(snapshot, goroutine);
	info->status = gsd_status_name(goroutine->status);
	info->wait_reason = gsd_goroutine_wait_reason(snapshot, goroutine);
	info->wait_known = gsd_goroutine_wait_ns(snapshot, goroutine, &info->wait_ns);
	info->system = goroutine->system;
	info->locked = goroutine->locked;
	info->scan = goroutine->scan;
	info->leaked = goroutine->status == GSD_STATUS_LEAKED;
	info->never_ran = goroutine->never_ran;
	info->ambiguous = goroutine->ambiguous;
	if (goroutine->unreadable != GSD_READABLE)
		info->unreadable = gsd_unreadable_name((enum gsd_unreadable)goroutine->unreadable);
	info->parent_goid = goroutine->parent_goid;
}

static void describe_extent(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine,
			    struct gsd_goroutine_info *info)
{
	if (goroutine->stack_size != 0) {
		info->stack_low = goroutine->stack_low;
		info->stack_high = goroutine->stack_low + goroutine->stack_size;
		info->stack_used = goroutine->stack_used;
	}
	info->in_bubble = goroutine->bubble != GSD_NO_BUBBLE;
	if (info->in_bubble)
		info->bubble_id = snapshot->bubbles[goroutine->bubble].id;
	if (goroutine->ancestry != GSD_NO_ANCESTRY) {
		info->ancestor_count = snapshot->ancestries[goroutine->ancestry].count;
		info->ancestors_unknown = !snapshot->ancestries[goroutine->ancestry].known;
	}
	info->has_labels = goroutine->labels != GSD_NO_LABELS;
	if (info->has_labels) {
		info->labels = snapshot->label_sets[goroutine->labels].labels;
		info->label_count = snapshot->label_sets[goroutine->labels].count;
	}
}

struct gsd_error *gsd_capture_goroutine(struct gsd_capture *capture, size_t index, struct gsd_goroutine_info *info_ret)
{
	const struct gsd_goroutine *goroutine;
	struct gsd_goroutine_info info = {0};
	GSD_TRY(find_goroutine(capture, index, &goroutine));
	describe_state(&capture->snapshot, goroutine, &info);
	describe_thread(&capture->snapshot, goroutine, &info);
	describe_extent(&capture->snapshot, goroutine, &info);
	GSD_TRY(describe_pc(capture, goroutine->creator_pc, &info.creator));
	GSD_TRY(describe_pc(capture, goroutine->start_pc, &info.start));
	*info_ret = info;
	return NULL;
}

/* ---- ancestors ---- */

struct gsd_error *gsd_capture_ancestor(struct gsd_capture *capture, size_t index, size_t number,
				       struct gsd_ancestor_info *ancestor_ret)
{
	const struct gsd_goroutine *goroutine;
	GSD_TRY(find_goroutine(capture, index, &goroutine));
	size_t count =
		goroutine->ancestry == GSD_NO_ANCESTRY ? 0 : capture->snapshot.ancestries[goroutine->ancestry].count;
	if (number >= count)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0,
							  "describe ancestor %zu of goroutine %llu", number,
							  (unsigned long long)goroutine->goid),
					 "%zu are known", count);
	const struct gsd_ancestor *ancestor = &capture->snapshot.ancestries[goroutine->ancestry].ancestors[number];
	struct gsd_ancestor_info info = {.goid = ancestor->goid};
	GSD_TRY(describe_pc(capture, ancestor->creator_pc, &info.creator));
	capture->frames.count = 0;
	for (size_t i = 0; i < ancestor->pc_count; i++) {
		struct gsd_line line;
		GSD_TRY(gsd_symbolize_call(capture->snapshot.symbolizer, ancestor->pcs[i], &line));
		if (line.function != NULL &&
		    !gsd_frame_array_append(&capture->frames, frame_of(&line, ancestor->pcs[i] - 1)))
			return gsd_error_no_memory();
	}
	info.frames = capture->frames.items;
	info.frame_count = capture->frames.count;
	*ancestor_ret = info;
	return NULL;
}
