/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/goroutine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "go/walk_start.h"

/* ---- state of an analysis ---- */

/* What a start pc says of a goroutine: decided once per function. */
enum origin { ORIGIN_USER = 1, ORIGIN_SYSTEM, ORIGIN_FINALIZERS, ORIGIN_CLEANUPS };

/* Frames of a stack that are not kept, as a traceback counts them. */
struct left_out {
	uint64_t frames;
	uint8_t callee; /* enum gsd_special of what the next word called */
	bool begun;
	struct gsd_error *error;
};

struct gsd_analyst {
	const struct gsd_runtime *runtime;
	struct gsd_analysis_options options;
	struct gsd_analysis result;
	struct gsd_frame_buffer frames;
	struct gsd_hash *origins;       /* start pc -> enum origin */
	struct gsd_hash *stack_hashes;  /* hash of words -> index of a stack */
	struct gsd_hash *label_indexes; /* pointer -> index, as the next two */
	struct gsd_hash *ancestry_indexes;
	struct gsd_hash *bubble_indexes;
	struct gsd_c_frames c_frames; /* of the goroutine at hand */
	struct gsd_traceback_list traceback_list;
	struct left_out left_out;
};

/* ---- the runtime's own goroutines (runtime/traceback.go, isSystemGoroutine) ---- */

static enum origin classify(const struct gsd_code *code, uint64_t start_pc)
{
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(code, start_pc, &module, &function, &offset))
		return ORIGIN_USER;
	switch (gsd_code_special(code, function.id)) {
	case GSD_SPECIAL_RUNTIME_MAIN:
	case GSD_SPECIAL_HANDLE_ASYNC_EVENT:
	case GSD_SPECIAL_COROSTART: return ORIGIN_USER;
	case GSD_SPECIAL_RUN_FINALIZERS: return ORIGIN_FINALIZERS;
	case GSD_SPECIAL_RUN_CLEANUPS: return ORIGIN_CLEANUPS;
	default: break;
	}
	return gsd_code_is_runtime(code, start_pc) ? ORIGIN_SYSTEM : ORIGIN_USER;
}

/*
 * Whether the finalizer goroutine runs a finalizer: the runtime's flag says it; without the flag it does unless it
 * waits for work.
 */
static bool finalizer_runs(const struct gsd_analyst *analyst, const struct gsd_header *header)
{
	const struct gsd_goroutine *goroutine = &header->goroutine;
	if (header->around->finalizer_known)
		return header->around->finalizer_running;
	return goroutine->status != GSD_STATUS_WAITING ||
	       strcmp(gsd_wait_reason_name(analyst->runtime->go_minor, goroutine->wait_reason), "finalizer wait") != 0;
}

static struct gsd_error *find_origin(struct gsd_analyst *analyst, uint64_t start_pc, enum origin *origin_ret)
{
	uint64_t origin;
	if (!gsd_hash_find(analyst->origins, start_pc, &origin)) {
		origin = (uint64_t)classify(analyst->runtime->code, start_pc);
		if (!gsd_hash_insert(analyst->origins, start_pc, origin))
			return gsd_error_no_memory();
	}
	*origin_ret = (enum origin)origin;
	return NULL;
}

static struct gsd_error *decide_system(struct gsd_analyst *analyst, struct gsd_header *header)
{
	enum origin origin;
	GSD_TRY(find_origin(analyst, header->goroutine.start_pc, &origin));
	switch (origin) {
	case ORIGIN_USER: header->goroutine.system = false; break;
	case ORIGIN_SYSTEM: header->goroutine.system = true; break;
	case ORIGIN_FINALIZERS: header->goroutine.system = !finalizer_runs(analyst, header); break;
	case ORIGIN_CLEANUPS: header->goroutine.system = !header->running_cleanups; break;
	}
	return NULL;
}

/* ---- stacks, each once ---- */

static struct gsd_error *intern_stack(struct gsd_analyst *analyst, const uint64_t *words, size_t count,
				      uint64_t left_out, uint32_t *index_ret)
{
	struct gsd_analysis *result = &analyst->result;
	/* Different stacks with one hash: the next seed. */
	for (uint64_t seed = left_out;; seed++) {
		uint64_t hash = gsd_hash_bytes(words, count * sizeof *words, seed);
		uint64_t index;
		if (!gsd_hash_find(analyst->stack_hashes, hash, &index)) {
			index = result->stacks.count;
			struct gsd_pooled_stack stack = {
				.first = result->words.count, .count = count, .left_out = left_out};
			for (size_t i = 0; i < count; i++)
				if (!gsd_u64_array_append(&result->words, words[i]))
					return gsd_error_no_memory();
			if (!gsd_pooled_stacks_append(&result->stacks, stack) ||
			    !gsd_hash_insert(analyst->stack_hashes, hash, index))
				return gsd_error_no_memory();
			*index_ret = (uint32_t)index;
			return NULL;
		}
		const struct gsd_pooled_stack *stack = &result->stacks.items[index];
		if (stack->count == count && stack->left_out == left_out &&
		    memcmp(result->words.items + stack->first, words, count * sizeof *words) == 0) {
			*index_ret = (uint32_t)index;
			return NULL;
		}
	}
}

/* The index of a pointer that several goroutines may share; @p index_ret is left alone for 0. */
static struct gsd_error *intern_pointer(struct gsd_hash *indexes, struct gsd_u64_array *pointers, uint64_t pointer,
					uint32_t *index_ret)
{
	uint64_t index;
	if (pointer == 0)
		return NULL;
	if (!gsd_hash_find(indexes, pointer, &index)) {
		index = pointers->count;
		if (!gsd_u64_array_append(pointers, pointer) || !gsd_hash_insert(indexes, pointer, index))
			return gsd_error_no_memory();
	}
	*index_ret = (uint32_t)index;
	return NULL;
}

static struct gsd_error *intern_pointers(struct gsd_analyst *analyst, struct gsd_header *header)
{
	struct gsd_analysis *result = &analyst->result;
	struct gsd_goroutine *goroutine = &header->goroutine;
	GSD_TRY(intern_pointer(analyst->label_indexes, &result->label_pointers, header->labels, &goroutine->labels));
	GSD_TRY(intern_pointer(analyst->ancestry_indexes, &result->ancestry_pointers, header->ancestors,
			       &goroutine->ancestry));
	return intern_pointer(analyst->bubble_indexes, &result->bubble_pointers, header->bubble, &goroutine->bubble);
}

/* The thread, M and P of a goroutine that has an M. */
static struct gsd_error *add_thread(struct gsd_analyst *analyst, struct gsd_header *header)
{
	const struct gsd_layout *layout = &analyst->runtime->layout;
	struct gsd_snapshot_threads *threads = &analyst->result.threads;
	const uint8_t *m = header->copied->m;
	if (m == NULL)
		return NULL;
	const struct gsd_thread *thread = gsd_header_thread(header, &analyst->runtime->layout);
	struct gsd_snapshot_thread item = {
		.m = header->copied->m_address,
		.m_id = layout->m_id == GSD_NO_FIELD ? -1 : (int64_t)gsd_layout_word(m, layout->m_id),
		.p_id = -1,
		.p = gsd_layout_word(m, layout->m_p),
		.tid_inside = gsd_layout_word(m, layout->m_procid),
		.tid = thread == NULL ? 0 : thread->tid};
	header->goroutine.thread = (uint32_t)threads->count;
	return gsd_snapshot_threads_append(threads, item) ? NULL : gsd_error_no_memory();
}

/* ---- one goroutine ---- */

static struct gsd_error *mark_unreadable(struct gsd_analyst *analyst, struct gsd_goroutine *goroutine,
					 enum gsd_unreadable reason)
{
	uint64_t word_of_reason = GSD_PC_UNREADABLE(reason);
	goroutine->unreadable = (uint16_t)reason;
	return intern_stack(analyst, &word_of_reason, 1, 0, &goroutine->stack);
}

/* The C frames around those of Go, when they were asked for. */
static struct gsd_error *find_c_frames(struct gsd_analyst *analyst, const struct gsd_header *header,
				       struct gsd_walk_start *start)
{
	const struct gsd_c_frame_source *source = analyst->options.c_frames;
	const struct gsd_copied_goroutine *copied = header->copied;
	if (source == NULL)
		return NULL;
	const struct gsd_c_frame_query query = {
		.m = copied->m_address != 0 ? copied->m_address : header->locked_m,
		.tid = copied->m == NULL ? 0 : gsd_layout_word(copied->m, analyst->runtime->layout.m_procid),
		.low = header->low,
		.high = header->high};
	gsd_c_frames_clear(&analyst->c_frames);
	start->c_frames = &analyst->c_frames;
	return source->find(source->context, &query, &analyst->c_frames);
}

/* ---- arguments, when they are kept ---- */

/* Counts what a traceback would show of a word that is not kept (struct gsd_frame_buffer, left_out). */
static void count_left_out(void *context, uint64_t word)
{
	struct gsd_analyst *analyst = context;
	struct left_out *left_out = &analyst->left_out;
	const struct gsd_traceback_place *place = NULL;
	if (left_out->error == NULL && !left_out->begun) {
		const uint64_t *before = &analyst->frames.words[analyst->frames.head - 1];
		left_out->begun = true;
		left_out->error = gsd_traceback_place(analyst->options.traceback, *before, &place);
		if (left_out->error == NULL && place->frame_count > 0)
			left_out->callee = place->frames[place->frame_count - 1].special;
	}
	if (left_out->error == NULL)
		left_out->error = gsd_traceback_place(analyst->options.traceback, word, &place);
	for (size_t i = 0; left_out->error == NULL && i < place->frame_count; i++) {
		const struct gsd_traceback_frame *frame = &place->frames[i];
		left_out->frames += gsd_traceback_shows(frame, false, left_out->callee) ? 1 : 0;
		left_out->callee = frame->special;
	}
}

/* Up to eight bytes at an address of the stack, of which @p size are meant; 0 outside of it. */
static uint64_t argument_at(const struct gsd_header *header, uint64_t address, uint8_t size)
{
	uint64_t value = 0;
	return gsd_stack_view_read(&header->copied->stack, address, size, &value) ? value : 0;
}

/* The values that the recipe of a place names, of a frame whose arguments are at @p arguments. */
static bool add_values(struct gsd_values *values, const struct gsd_header *header,
		       const struct gsd_traceback_place *place, uint64_t arguments)
{
	for (const uint8_t *next = place->arguments; *next != GSD_ARGUMENTS_END; next++) {
		if (*next >= GSD_ARGUMENTS_TOO_FAR)
			continue;
		uint64_t address = arguments + *next++;
		if (!gsd_values_add(values, arguments == 0 ? 0 : argument_at(header, address, *next)))
			return false;
	}
	return true;
}

/* First how many there are, then each. */
static struct gsd_error *keep_values(struct gsd_analyst *analyst, struct gsd_header *header)
{
	struct gsd_frame_buffer *frames = &analyst->frames;
	struct gsd_traceback_list *list = &analyst->traceback_list;
	struct gsd_values *values = &analyst->result.values;
	uint64_t count = 0;
	if (analyst->options.traceback == NULL)
		return NULL;
	GSD_TRY(gsd_traceback_expand(analyst->options.traceback, frames->words, frames->count,
				     &analyst->options.traceback_rule, list));
	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].values ? list->items[i].place->value_count : 0;
	if (count == 0)
		return NULL;
	header->goroutine.values = values->length;
	bool good = gsd_values_add(values, count);
	for (size_t i = 0; i < list->count && good; i++)
		good = !list->items[i].values || add_values(values, header, list->items[i].place, frames->arguments[i]);
	return good ? NULL : gsd_error_no_memory();
}

bool gsd_analyst_same_values(const struct gsd_analyst *analyst, const struct gsd_goroutine *left,
			     const struct gsd_goroutine *right)
{
	if (left->values == GSD_NO_VALUES || right->values == GSD_NO_VALUES)
		return left->values == right->values;
	struct gsd_cursor left_values = gsd_values_at(&analyst->result.values, left->values);
	struct gsd_cursor right_values = gsd_values_at(&analyst->result.values, right->values);
	uint64_t count = gsd_cursor_uvarint(&left_values);
	if (gsd_cursor_uvarint(&right_values) != count)
		return false;
	for (uint64_t i = 0; i < count && !left_values.failed && !right_values.failed; i++)
		if (gsd_cursor_uvarint(&left_values) != gsd_cursor_uvarint(&right_values))
			return false;
	return true;
}

static struct gsd_error *walk_stack(struct gsd_analyst *analyst, struct gsd_header *header)
{
	struct gsd_walk_start start = {0};
	struct gsd_goroutine *goroutine = &header->goroutine;
	enum gsd_unreadable reason = gsd_walk_start_find(analyst->runtime, header, &start);
	if (reason == GSD_UNREADABLE_COUNT)
		return gsd_error_no_memory();
	if (reason != GSD_READABLE)
		return mark_unreadable(analyst, goroutine, reason);
	if (gsd_header_has_sp(header, start.sp))
		goroutine->stack_used = (uint32_t)(header->high - start.sp);
	struct gsd_walk_result walked;
	GSD_TRY(find_c_frames(analyst, header, &start));
	analyst->left_out = (struct left_out){0};
	if (!gsd_walk(analyst->runtime->code, &header->copied->stack, &start, analyst->options.unwind, &analyst->frames,
		      &walked))
		return gsd_error_no_memory();
	analyst->result.frames += analyst->frames.total;
	analyst->result.table_steps += walked.table_steps;
	analyst->result.fp_steps += walked.fp_steps;
	goroutine->disagreed = walked.disagreed;
	if (walked.unreadable != GSD_READABLE)
		return mark_unreadable(analyst, goroutine, walked.unreadable);
	GSD_TRY(gsd_take(analyst->left_out.error));
	GSD_TRY(keep_values(analyst, header));
	return intern_stack(analyst, analyst->frames.words, analyst->frames.count, analyst->left_out.frames,
			    &goroutine->stack);
}

struct gsd_error *gsd_analyst_goroutine(struct gsd_analyst *analyst, const struct gsd_copied_goroutine *copied,
					const struct gsd_around *around, struct gsd_goroutine *goroutine_ret,
					bool *exists_ret)
{
	struct gsd_header header = gsd_header_of(copied, around, &analyst->runtime->layout);
	*exists_ret = true;
	if (copied->g == NULL) {
		/* A g that could not be read is still a goroutine: it is in the result, marked. */
		GSD_TRY(mark_unreadable(analyst, &header.goroutine,
					copied->outcome == GSD_STACK_MOVED ? GSD_UNREADABLE_MOVED
									   : GSD_UNREADABLE_UNMAPPED));
		*goroutine_ret = header.goroutine;
		return NULL;
	}
	*exists_ret = gsd_header_exists(&header);
	if (!*exists_ret)
		return NULL;
	GSD_TRY(decide_system(analyst, &header));
	bool wanted = !header.goroutine.system || analyst->options.system_goroutines;
	if (wanted && !analyst->options.headers_only) {
		GSD_TRY(walk_stack(analyst, &header));
		GSD_TRY(intern_pointers(analyst, &header));
		GSD_TRY(add_thread(analyst, &header));
	}
	*goroutine_ret = header.goroutine;
	return NULL;
}

bool gsd_analyst_counts(struct gsd_analyst *analyst, const struct gsd_goroutine *goroutine)
{
	struct gsd_analysis *result = &analyst->result;
	result->system_goroutines += goroutine->system ? 1 : 0;
	if (goroutine->system && !analyst->options.system_goroutines)
		return false;
	result->unreadable += goroutine->unreadable != GSD_READABLE ? 1 : 0;
	result->disagreements += goroutine->disagreed ? 1 : 0;
	return true;
}

void gsd_analyst_adopt(struct gsd_analyst *analyst, struct gsd_goroutine *goroutines, size_t count, size_t capacity)
{
	gsd_goroutine_array_free(&analyst->result.goroutines);
	analyst->result.goroutines =
		(struct gsd_goroutine_array){.items = goroutines, .count = count, .capacity = capacity};
}

static struct gsd_error *keep(struct gsd_analyst *analyst, const struct gsd_goroutine *goroutine)
{
	if (gsd_analyst_counts(analyst, goroutine) &&
	    !gsd_goroutine_array_append(&analyst->result.goroutines, *goroutine))
		return gsd_error_no_memory();
	return NULL;
}

bool gsd_analyst_depends_on_runtime(struct gsd_analyst *analyst, uint64_t start_pc)
{
	enum origin origin;
	struct gsd_error *error = find_origin(analyst, start_pc, &origin);
	bool depends = error != NULL || origin == ORIGIN_FINALIZERS || origin == ORIGIN_CLEANUPS;
	gsd_error_destroy(error);
	return depends;
}

/* ---- all of a moment ---- */

static struct gsd_error *add_all(struct gsd_analyst *analyst, const struct gsd_plan *plan,
				 const struct gsd_around *around)
{
	size_t link = 0;
	gsd_meter_begin(analyst->options.meter, GSD_PHASE_LOOKING, plan->element_count);
	for (size_t i = 0; i < plan->element_count; i++) {
		gsd_meter_count(analyst->options.meter, i);
		if (plan->elements[i] == 0)
			continue; /* the list is longer than what has been stored into it */
		struct gsd_copied_goroutine copied = gsd_copied_from_plan(plan, &analyst->runtime->layout, i, &link);
		struct gsd_goroutine goroutine;
		bool there;
		GSD_TRY(gsd_analyst_goroutine(analyst, &copied, around, &goroutine, &there));
		if (there)
			GSD_TRY(keep(analyst, &goroutine));
	}
	return NULL;
}

void gsd_analysis_free(struct gsd_analysis *analysis)
{
	gsd_goroutine_array_free(&analysis->goroutines);
	gsd_u64_array_free(&analysis->words);
	gsd_pooled_stacks_free(&analysis->stacks);
	gsd_u64_array_free(&analysis->label_pointers);
	gsd_u64_array_free(&analysis->ancestry_pointers);
	gsd_u64_array_free(&analysis->bubble_pointers);
	gsd_snapshot_threads_free(&analysis->threads);
	gsd_values_free(&analysis->values);
	memset(analysis, 0, sizeof *analysis);
}

struct gsd_error *gsd_analyst_create(const struct gsd_runtime *runtime, const struct gsd_analysis_options *options,
				     struct gsd_analyst **analyst_ret)
{
	struct gsd_analyst *analyst = calloc(1, sizeof *analyst);
	if (analyst == NULL)
		return gsd_error_no_memory();
	*analyst = (struct gsd_analyst){.runtime = runtime,
					.options = *options,
					.origins = gsd_hash_create(64),
					.stack_hashes = gsd_hash_create(256),
					.label_indexes = gsd_hash_create(64),
					.ancestry_indexes = gsd_hash_create(64),
					.bubble_indexes = gsd_hash_create(64)};
	struct gsd_error *error = gsd_frame_buffer_init(&analyst->frames, options->max_frames, options->innermost_only);
	if (error == NULL && options->traceback != NULL) {
		error = gsd_frame_buffer_keep_arguments(&analyst->frames);
		analyst->frames.left_out = count_left_out;
		analyst->frames.context = analyst;
	}
	if (error == NULL &&
	    (analyst->origins == NULL || analyst->stack_hashes == NULL || analyst->label_indexes == NULL ||
	     analyst->ancestry_indexes == NULL || analyst->bubble_indexes == NULL))
		error = gsd_error_no_memory();
	if (error != NULL)
		gsd_analyst_destroy(analyst);
	else
		*analyst_ret = analyst;
	return error;
}

void gsd_analyst_destroy(struct gsd_analyst *analyst)
{
	if (analyst == NULL)
		return;
	gsd_frame_buffer_free(&analyst->frames);
	gsd_c_frames_free(&analyst->c_frames);
	gsd_traceback_list_free(&analyst->traceback_list);
	gsd_error_destroy(analyst->left_out.error);
	gsd_hash_destroy(analyst->origins);
	gsd_hash_destroy(analyst->stack_hashes);
	gsd_hash_destroy(analyst->label_indexes);
	gsd_hash_destroy(analyst->ancestry_indexes);
	gsd_hash_destroy(analyst->bubble_indexes);
	gsd_analysis_free(&analyst->result);
	free(analyst);
}

struct gsd_analysis gsd_analyst_take(struct gsd_analyst *analyst)
{
	struct gsd_analysis result = analyst->result;
	memset(&analyst->result, 0, sizeof analyst->result);
	return result;
}

struct gsd_error *gsd_goroutines_analyse(const struct gsd_runtime *runtime, const struct gsd_plan *plan,
					 const struct gsd_around *around, const struct gsd_analysis_options *options,
					 struct gsd_analysis *analysis_ret)
{
	struct gsd_analyst *analyst;
	GSD_TRY(gsd_analyst_create(runtime, options, &analyst));
	struct gsd_error *error = add_all(analyst, plan, around);
	if (error == NULL)
		*analysis_ret = gsd_analyst_take(analyst);
	gsd_analyst_destroy(analyst);
	return error;
}
