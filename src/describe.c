/* SPDX-License-Identifier: BSD-3-Clause */
#include "describe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "go/labels.h"
#include "go/references.h"
#include "go/symbolize.h"
#include "go/traceback.h"

static struct gsd_error *read_labels(struct gsd_capture *capture, struct gsd_memory *memory)
{
	struct gsd_analysis *analysis = &capture->analysis;
	size_t count = analysis->label_pointers.count;
	struct gsd_label_set *sets = gsd_arena_allocate(&capture->arena, (count + 1) * sizeof *sets);
	bool *readable = calloc(count + 1, sizeof *readable);
	if (sets == NULL || readable == NULL) {
		free(readable);
		return gsd_error_no_memory();
	}
	gsd_meter_begin(&capture->meter, GSD_PHASE_LABELS, 0);
	struct gsd_error *error = gsd_labels_read(memory, capture->runtime.go_minor, analysis->label_pointers.items,
						  count, &capture->arena, sets, readable);
	if (error == NULL)
		error = gsd_labels_confirm(memory, &capture->runtime.layout, analysis->goroutines.items,
					   analysis->goroutines.count, analysis->label_pointers.items, count, readable);
	for (size_t i = 0; i < analysis->goroutines.count && error == NULL; i++) {
		struct gsd_goroutine *goroutine = &analysis->goroutines.items[i];
		if (goroutine->labels == GSD_NO_LABELS || readable[goroutine->labels])
			continue;
		sets[goroutine->labels] = (struct gsd_label_set){0};
		goroutine->ambiguous = true; /* the set was dropped, and maybe overwritten, after the moment */
		capture->stats.ambiguous++;
	}
	free(readable);
	capture->snapshot.label_sets = sets;
	capture->snapshot.label_set_count = count;
	return error;
}

/* What else goroutines lead to. What is not there any more is unknown, which is no reason to doubt the stack. */
static struct gsd_error *read_references(struct gsd_capture *capture, struct gsd_memory *memory)
{
	struct gsd_analysis *analysis = &capture->analysis;
	const struct gsd_layout *layout = &capture->runtime.layout;
	struct gsd_snapshot *snapshot = &capture->snapshot;
	const struct gsd_goroutine_array *goroutines = &analysis->goroutines;
	snapshot->threads = analysis->threads.items;
	snapshot->thread_count = analysis->threads.count;
	snapshot->ancestry_count = analysis->ancestry_pointers.count;
	snapshot->bubble_count = analysis->bubble_pointers.count;
	snapshot->ancestries =
		gsd_arena_allocate(&capture->arena, (snapshot->ancestry_count + 1) * sizeof *snapshot->ancestries);
	snapshot->bubbles =
		gsd_arena_allocate(&capture->arena, (snapshot->bubble_count + 1) * sizeof *snapshot->bubbles);
	if (snapshot->ancestries == NULL || snapshot->bubbles == NULL)
		return gsd_error_no_memory();
	GSD_TRY(gsd_threads_read_ps(memory, layout, snapshot->threads, snapshot->thread_count));
	GSD_TRY(gsd_bubbles_read(memory, layout, goroutines->items, goroutines->count, analysis->bubble_pointers.items,
				 snapshot->bubble_count, snapshot->bubbles));
	return gsd_ancestries_read(memory, layout, goroutines->items, goroutines->count,
				   analysis->ancestry_pointers.items, snapshot->ancestry_count, &capture->arena,
				   snapshot->ancestries);
}

static const char *keep(struct gsd_arena *arena, const char *text)
{
	return gsd_arena_string(arena, text, strlen(text));
}

/* The build ids of the file behind a mapping; "" when it has none or cannot be opened, NULL without memory. */
static void fill_build_ids(struct gsd_target *target, const struct gsd_mapping *mapping, struct gsd_arena *arena,
			   struct gsd_snapshot_mapping *kept)
{
	int fd;
	struct gsd_elf *elf = NULL;
	kept->build_id = kept->go_build_id = "";
	if (mapping->path[0] != '/')
		return;
	struct gsd_error *error = gsd_target_open_mapping(target, mapping, &fd);
	if (error != NULL) {
		gsd_error_destroy(error);
		return;
	}
	error = gsd_elf_open(fd, mapping->path, &elf);
	if (error == NULL) {
		kept->build_id = keep(arena, gsd_elf_build_ids(elf)->gnu);
		kept->go_build_id = keep(arena, gsd_elf_build_ids(elf)->go);
	}
	gsd_error_destroy(error);
	gsd_elf_destroy(elf);
	close(fd);
}

/* What runtime/pprof lists (proto.go, parseProcSelfMaps): executable mappings that have a name. */
static struct gsd_error *list_mappings(struct gsd_capture *capture, struct gsd_target *target)
{
	size_t count = target->mapping_count;
	struct gsd_snapshot *snapshot = &capture->snapshot;
	snapshot->mappings = gsd_arena_allocate(&capture->arena, (count + 1) * sizeof *snapshot->mappings);
	if (snapshot->mappings == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		const struct gsd_mapping *mapping = &target->mappings[i];
		if (!mapping->executable || (mapping->inode == 0 && mapping->path[0] == '\0'))
			continue;
		struct gsd_snapshot_mapping *kept = &snapshot->mappings[snapshot->mapping_count++];
		*kept = (struct gsd_snapshot_mapping){.start = mapping->start,
						      .limit = mapping->end,
						      .offset = mapping->offset,
						      .file = keep(&capture->arena, mapping->path)};
		fill_build_ids(target, mapping, &capture->arena, kept);
		if (kept->file == NULL || kept->build_id == NULL || kept->go_build_id == NULL)
			return gsd_error_no_memory();
	}
	return NULL;
}

static struct gsd_error *symbolize_ancestry(struct gsd_capture *capture, const struct gsd_ancestry *ancestry)
{
	for (size_t i = 0; i < ancestry->count; i++)
		for (size_t k = 0; k < ancestry->ancestors[i].pc_count; k++) {
			uint64_t pc = ancestry->ancestors[i].pcs[k], entry;
			struct gsd_line line;
			struct gsd_traceback_frame frame;
			GSD_TRY(gsd_symbolize_call(capture->snapshot.symbolizer, pc, &line));
			GSD_TRY(gsd_traceback_function(capture->snapshot.traceback, pc, false, true, &frame, &entry));
		}
	return NULL;
}

static struct gsd_error *symbolize_all(struct gsd_capture *capture)
{
	struct gsd_location_list list = {0};
	struct gsd_error *error = NULL;
	gsd_meter_begin(&capture->meter, GSD_PHASE_NAMING, capture->snapshot.stack_count);
	for (size_t i = 0; i < capture->snapshot.stack_count && error == NULL; i++) {
		gsd_meter_count(&capture->meter, i);
		error = gsd_symbolize_stack(capture->snapshot.symbolizer, &capture->snapshot.stacks[i],
					    capture->snapshot.go_frame_limit, &list);
	}
	gsd_location_list_free(&list);
	for (size_t i = 0; i < capture->snapshot.ancestry_count && error == NULL; i++)
		error = symbolize_ancestry(capture, &capture->snapshot.ancestries[i]);
	return error;
}

struct gsd_error *gsd_describe_names(struct gsd_capture *capture)
{
	struct gsd_snapshot *snapshot = &capture->snapshot;
	GSD_TRY(gsd_symbolizer_create(capture->runtime.code, &snapshot->symbolizer));
	if (snapshot->c_names != NULL) {
		capture->c_name_source = gsd_c_names_source(snapshot->c_names);
		gsd_symbolizer_name_c(snapshot->symbolizer, &capture->c_name_source);
	}
	return symbolize_all(capture);
}

static struct gsd_error *fill_stacks(struct gsd_capture *capture)
{
	struct gsd_analysis *analysis = &capture->analysis;
	struct gsd_snapshot *snapshot = &capture->snapshot;
	size_t count = analysis->stacks.count;
	snapshot->stacks = gsd_arena_allocate(&capture->arena, (count + 1) * sizeof *snapshot->stacks);
	if (snapshot->stacks == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++)
		snapshot->stacks[i] =
			(struct gsd_stack){.words = analysis->words.items + analysis->stacks.items[i].first,
					   .count = analysis->stacks.items[i].count,
					   .left_out = analysis->stacks.items[i].left_out};
	snapshot->stack_count = count;
	snapshot->goroutines = analysis->goroutines.items;
	snapshot->goroutine_count = analysis->goroutines.count;
	snapshot->values = &analysis->values;
	return NULL;
}

/* What C code is called is found out while its files are open, and kept. */
static struct gsd_error *name_everything(struct gsd_capture *capture, const struct gsd_capture_native *native)
{
	if (native == NULL)
		return gsd_describe_names(capture);
	GSD_TRY(gsd_c_names_create(&capture->c_names));
	gsd_c_names_ask(capture->c_names, gsd_capture_native_names(native));
	capture->snapshot.c_names = capture->c_names;
	struct gsd_error *error = gsd_describe_names(capture);
	gsd_c_names_ask(capture->c_names, NULL);
	return error;
}

static struct gsd_error *fill_snapshot(struct gsd_capture *capture, struct gsd_target *target,
				       const struct gsd_taken *taken)
{
	struct gsd_snapshot *snapshot = &capture->snapshot;
	snapshot->time_unix_ns = taken->figures->halted_unix_ns;
	snapshot->time_monotonic_ns = taken->figures->halted_monotonic_ns;
	snapshot->go_minor = capture->runtime.go_minor;
	snapshot->go_version = capture->runtime.version;
	snapshot->threads_only = !gsd_runtime_is_go(&capture->runtime);
	snapshot->exe = capture->stats.exe;
	snapshot->pid = capture->stats.pid;
	if (taken->native != NULL)
		GSD_TRY(gsd_capture_native_threads(taken->native, capture, taken->max_frames));
	GSD_TRY(fill_stacks(capture));
	GSD_TRY(list_mappings(capture, target));
	snapshot->addresses_only = taken->no_symbolize;
	if (!taken->no_symbolize)
		return name_everything(capture, taken->native);
	GSD_TRY(gsd_symbolizer_create(capture->runtime.code, &snapshot->symbolizer));
	gsd_symbolizer_keep_addresses(snapshot->symbolizer);
	return NULL;
}

static const char *layout_source_name(enum gsd_layout_source source)
{
	switch (source) {
	case GSD_LAYOUT_TYPES: return "types";
	case GSD_LAYOUT_DWARF: return "dwarf";
	}
	return ""; /* no Go, no layouts */
}

static const char *allgs_source_name(enum gsd_allgs_source source)
{
	switch (source) {
	case GSD_ALLGS_SYMBOL: return "symbol";
	case GSD_ALLGS_CODE: return "code";
	case GSD_ALLGS_DWARF: return "dwarf";
	case GSD_ALLGS_SCAN: return "scan";
	}
	return ""; /* no Go, no goroutines */
}

static void fill_stats(struct gsd_capture *capture, struct gsd_target *target, const struct gsd_taken *taken)
{
	struct gsd_stats *stats = &capture->stats;
	const struct gsd_analysis *analysis = &capture->analysis;
	stats->goroutines = analysis->goroutines.count;
	stats->system_goroutines = analysis->system_goroutines;
	stats->unreadable = analysis->unreadable;
	stats->threads = taken->thread_count;
	stats->bytes_read = gsd_target_bytes_read(target);
	stats->frames = analysis->frames;
	stats->unwind_table = analysis->table_steps;
	stats->unwind_fp = analysis->fp_steps;
	stats->unwind_disagreements = analysis->disagreements;
	stats->time_unix_ns = capture->snapshot.time_unix_ns;
	stats->go_version = capture->runtime.version;
	stats->mode = capture->snapshot.mode;
	stats->layout_source = layout_source_name(capture->runtime.layout_source);
	stats->allgs_source = allgs_source_name(capture->runtime.allgs.source);
}

struct gsd_error *gsd_describe(struct gsd_capture *capture, struct gsd_target *target, const struct gsd_taken *taken)
{
	GSD_TRY(read_labels(capture, target->memory));
	GSD_TRY(read_references(capture, target->memory));
	GSD_TRY(fill_snapshot(capture, target, taken));
	fill_stats(capture, target, taken);
	return NULL;
}
