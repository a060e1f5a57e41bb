/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_native.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "native/names.h"

/* Of one stack, from its stack pointer up. In a Go program without cgo there are only Go's own small stacks
 * (runtime/proc.go, malg). */
#define PIECE_WITH_C    ((size_t)256 << 10)
#define PIECE_WITHOUT_C ((size_t)32 << 10)
/* Room for each thread at first: a thread that waits in a system call has used less. */
#define ROOM_PER_THREAD ((size_t)16 << 10)
#define ROOM_SLACK      ((size_t)1 << 20)

struct gsd_capture_native {
	struct gsd_target *target;
	struct gsd_native_mapping *mappings;
	size_t mapping_count;
	struct gsd_span *mapped;
	const struct gsd_runtime *runtime;
	struct gsd_plan *plan;
	const struct gsd_threads *threads;
	struct gsd_native_images *images;
	struct gsd_native_unwinder *unwinder;
	struct gsd_native_stacks *stacks;
	struct gsd_native_line_array lines;
	struct gsd_c_frame_source frames;
	struct gsd_c_name_source names;
};

/* ---- before the stop ---- */

struct gsd_error *gsd_capture_native_create(struct gsd_target *target, const struct gsd_runtime *runtime,
					    struct gsd_plan *plan, struct gsd_capture_native **native_ret)
{
	size_t count = target->mapping_count;
	struct gsd_capture_native *native = calloc(1, sizeof *native);
	if (native == NULL)
		return gsd_error_no_memory();
	native->target = target;
	native->mappings = calloc(count + 1, sizeof *native->mappings);
	native->mapped = calloc(count + 1, sizeof *native->mapped);
	if (native->mappings == NULL || native->mapped == NULL) {
		gsd_capture_native_destroy(native);
		return gsd_error_no_memory();
	}
	native->mapping_count = count;
	size_t readable = 0;
	for (size_t i = 0; i < count; i++) {
		const struct gsd_mapping *mapping = &target->mappings[i];
		native->mappings[i] = (struct gsd_native_mapping){.start = mapping->start,
								  .end = mapping->end,
								  .offset = mapping->offset,
								  .path = mapping->path,
								  .executable = mapping->executable,
								  .readable = mapping->readable};
		if (mapping->readable)
			native->mapped[readable++] = (struct gsd_span){.start = mapping->start, .end = mapping->end};
	}
	uint64_t start;
	uint64_t end;
	bool callbacks = gsd_code_function_named(runtime->code, "crosscall2", &start, &end);
	bool with_c = callbacks || !gsd_runtime_is_go(runtime);
	plan->native = (struct gsd_native_plan){.piece_limit = with_c ? PIECE_WITH_C : PIECE_WITHOUT_C,
						.callbacks = callbacks,
						.lock_offset = runtime->layout.lockedm,
						.link_stack_offset = runtime->layout.m_g0,
						.stack_sp_offset = runtime->layout.sched_sp,
						.mapped = native->mapped,
						.mapped_count = readable};
	*native_ret = native;
	return NULL;
}

void gsd_capture_native_destroy(struct gsd_capture_native *native)
{
	if (native == NULL)
		return;
	gsd_native_stacks_destroy(native->stacks);
	gsd_native_unwinder_destroy(native->unwinder);
	gsd_native_images_destroy(native->images);
	gsd_native_line_array_free(&native->lines);
	free(native->mappings);
	free(native->mapped);
	free(native);
}

struct gsd_error *gsd_capture_native_reserve(struct gsd_plan *plan, size_t threads)
{
	struct gsd_native_plan *native = &plan->native;
	if (native->piece_limit == 0)
		return NULL;
	return gsd_native_plan_reserve(native, threads + native->piece_count, 2 * native->link_count + threads + 64,
				       threads * ROOM_PER_THREAD + ROOM_SLACK + 2 * native->bytes_needed);
}

/* ---- after it ---- */

static struct gsd_error *open_file(void *context, size_t mapping, int *fd_ret)
{
	const struct gsd_capture_native *native = context;
	return gsd_target_open_mapping(native->target, &native->target->mappings[mapping], fd_ret);
}

/* gsd_c_name_source.find */
static struct gsd_error *find_names(void *context, uint64_t address, const struct gsd_c_line **lines_ret,
				    size_t *count_ret)
{
	struct gsd_capture_native *native = context;
	struct gsd_native_image *image = gsd_native_images_find(native->images, address);
	native->lines.count = 0;
	if (image != NULL && image->elf != NULL && !image->names_tried) {
		image->names_tried = true;
		image->names = gsd_native_names_create(image->fd, gsd_elf_build_id(image->elf));
		if (image->names == NULL)
			return gsd_error_no_memory();
	}
	if (image != NULL && image->names != NULL &&
	    !gsd_native_names_find(image->names, address - image->bias, &native->lines))
		return gsd_error_no_memory();
	*lines_ret = native->lines.items;
	*count_ret = native->lines.count;
	return NULL;
}

struct gsd_error *gsd_capture_native_open(struct gsd_capture_native *native, const struct gsd_runtime *runtime,
					  struct gsd_plan *plan, const struct gsd_threads *threads,
					  const struct gsd_c_frame_source **source_ret)
{
	const struct gsd_native_files files = {.open = open_file, .context = native, .memory = native->target->memory};
	gsd_native_plan_sort(&plan->native);
	native->runtime = runtime;
	native->plan = plan;
	native->threads = threads;
	GSD_TRY(gsd_native_images_create(native->mappings, native->mapping_count, &files, &native->images));
	GSD_TRY(gsd_native_unwinder_create(native->images, &plan->native, &native->unwinder));
	GSD_TRY(gsd_native_stacks_create(runtime->code, plan, threads, native->unwinder, &native->stacks));
	native->frames = (struct gsd_c_frame_source){.find = gsd_native_find_c_frames, .context = native->stacks};
	native->names = (struct gsd_c_name_source){.find = find_names, .context = native};
	*source_ret = &native->frames;
	return NULL;
}

const struct gsd_c_name_source *gsd_capture_native_names(const struct gsd_capture_native *native)
{
	return &native->names;
}

/* ---- threads that run no goroutine ---- */

/* The ids of threads whose Ms goroutines have. */
static bool collect_busy(const struct gsd_capture_native *native, struct gsd_hash *busy)
{
	const struct gsd_plan *plan = native->plan;
	for (size_t i = 0; i < plan->link_count; i++) {
		if (plan->link_ranges[i].errnum != 0)
			continue;
		uint64_t tid = gsd_u64_at(plan->link_bytes + i * plan->link_size, native->runtime->layout.m_procid);
		if (!gsd_hash_insert(busy, tid, 1))
			return false;
	}
	return true;
}

/* Leaves the innermost and outermost halves of @p most words from @p first on; 0: all. */
static void cut_stack(struct gsd_u64_array *words, size_t first, size_t most)
{
	size_t count = words->count - first;
	size_t kept = most < 2 ? 2 : most;
	if (most == 0 || count <= kept)
		return;
	size_t outermost = kept / 2;
	uint64_t *middle = words->items + first + (kept - outermost);
	middle[0] = GSD_PC_ELIDED;
	memmove(middle + 1, words->items + words->count - outermost, outermost * sizeof *middle);
	words->count = first + kept + 1;
}

static struct gsd_error *add_thread(struct gsd_capture_native *native, struct gsd_capture *capture,
				    const struct gsd_thread *thread, size_t max_frames)
{
	struct gsd_analysis *analysis = &capture->analysis;
	struct gsd_pooled_stack stack = {.first = analysis->words.count};
	struct gsd_thread_stack *item = &capture->snapshot.thread_stacks[capture->snapshot.thread_stack_count++];
	GSD_TRY(gsd_native_walk_thread(native->stacks, thread, &analysis->words));
	if (thread->state != GSD_THREAD_STOPPED) {
		analysis->unreadable++;
		if (!gsd_u64_array_append(&analysis->words, GSD_PC_UNREADABLE(GSD_UNREADABLE_NO_THREAD)))
			return gsd_error_no_memory();
	}
	cut_stack(&analysis->words, stack.first, max_frames);
	stack.count = analysis->words.count - stack.first;
	*item = (struct gsd_thread_stack){
		.tid = thread->tid, .tid_inside = thread->tid_inside, .stack = (uint32_t)analysis->stacks.count};
	return gsd_pooled_stacks_append(&analysis->stacks, stack) ? NULL : gsd_error_no_memory();
}

struct gsd_error *gsd_capture_native_threads(struct gsd_capture_native *native, struct gsd_capture *capture,
					     size_t max_frames)
{
	const struct gsd_threads *threads = native->threads;
	struct gsd_hash *busy = gsd_hash_create(threads->count);
	capture->snapshot.thread_stacks =
		gsd_arena_allocate(&capture->arena, (threads->count + 1) * sizeof *capture->snapshot.thread_stacks);
	struct gsd_error *error = NULL;
	if (busy == NULL || capture->snapshot.thread_stacks == NULL || !collect_busy(native, busy))
		error = gsd_error_no_memory();
	for (size_t i = 0; i < threads->count && error == NULL; i++) {
		const struct gsd_thread *thread = &threads->items[i];
		/* Of a program without Go none is passed over: what it waits for may be why it could not be stopped. */
		bool wanted = thread->state == GSD_THREAD_STOPPED ||
			      (thread->state != GSD_THREAD_GONE && !gsd_runtime_is_go(native->runtime));
		if (wanted && !gsd_hash_find(busy, thread->tid_inside, NULL))
			error = add_thread(native, capture, thread, max_frames);
	}
	gsd_hash_destroy(busy);
	return error;
}
