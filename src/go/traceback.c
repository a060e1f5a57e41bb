/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/traceback.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "go/expansion.h"
#include "go/function_name.h"

#define MAX_ARGUMENT_BYTES 171 /* internal/abi/symtab.go, TraceArgsMaxLen */

GSD_DEFINE_ARRAY(frame_array, struct gsd_traceback_frame)

struct gsd_traceback {
	struct gsd_code *code;
	struct gsd_arena arena;
	struct gsd_hash *places; /* word -> address of its place */
	struct frame_array scratch;
};

struct gsd_error *gsd_traceback_create(struct gsd_code *code, struct gsd_traceback **traceback_ret)
{
	struct gsd_traceback *traceback = calloc(1, sizeof *traceback);
	if (traceback == NULL)
		return gsd_error_no_memory();
	traceback->code = code;
	traceback->places = gsd_hash_create(1024);
	if (traceback->places == NULL) {
		gsd_traceback_destroy(traceback);
		return gsd_error_no_memory();
	}
	*traceback_ret = traceback;
	return NULL;
}

void gsd_traceback_destroy(struct gsd_traceback *traceback)
{
	if (traceback == NULL)
		return;
	gsd_hash_destroy(traceback->places);
	gsd_arena_free(&traceback->arena);
	frame_array_free(&traceback->scratch);
	free(traceback);
}

void gsd_traceback_list_free(struct gsd_traceback_list *list)
{
	free(list->items);
	memset(list, 0, sizeof *list);
}

/* ---- logical frames ---- */

static enum gsd_shown shown_of(const struct gsd_traceback *traceback, const char *name, enum gsd_special special)
{
	unsigned minor = gsd_code_go_minor(traceback->code);
	/* What runs finalizers and cleanups is shown from Go 1.25 on, as the context of those. */
	if (minor >= 25 && (special == GSD_SPECIAL_RUN_FINALIZERS || special == GSD_SPECIAL_RUN_CLEANUPS))
		return GSD_SHOWN_ALWAYS;
	if (strcmp(name, "runtime.gopanic") == 0)
		return GSD_SHOWN_NOT_FIRST;
	return gsd_function_is_hidden(name, minor) ? GSD_SHOWN_NEVER : GSD_SHOWN_ALWAYS;
}

static struct gsd_error *make_frame(struct gsd_traceback *traceback, const struct gsd_expansion *expansion,
				    const struct gsd_expanded_call *call, struct gsd_traceback_frame *frame_ret)
{
	struct gsd_line line = {0};
	const char *name =
		gsd_function_name_for_print(call->name, gsd_code_go_minor(traceback->code), &traceback->arena);
	if (name == NULL)
		return gsd_error_no_memory();
	gsd_expansion_file_line(expansion, &line);
	*frame_ret = (struct gsd_traceback_frame){
		.function = name,
		.file = line.file,
		.line = line.line,
		.return_pc = gsd_module_text_address(expansion->module, expansion->offset) + 1,
		.special = (uint8_t)call->special,
		.shown = (uint8_t)shown_of(traceback, call->name, call->special),
		.inlined = call->inlined};
	return NULL;
}

bool gsd_traceback_elides(const struct gsd_traceback_frame *frame, uint8_t callee)
{
	return gsd_is_elided((enum gsd_special)frame->special, gsd_is_panic((enum gsd_special)callee));
}

bool gsd_traceback_shows(const struct gsd_traceback_frame *frame, bool first, uint8_t callee)
{
	if (gsd_traceback_elides(frame, callee))
		return false;
	return frame->shown == GSD_SHOWN_ALWAYS || (frame->shown == GSD_SHOWN_NOT_FIRST && !first);
}

struct gsd_error *gsd_traceback_function(struct gsd_traceback *traceback, uint64_t pc, bool call, bool innermost,
					 struct gsd_traceback_frame *frame_ret, uint64_t *entry_ret)
{
	struct gsd_expansion expansion;
	struct gsd_expanded_call expanded;
	*frame_ret = (struct gsd_traceback_frame){0};
	*entry_ret = 0;
	if (!gsd_expansion_begin(traceback->code, pc, call, &expansion))
		return NULL;
	struct gsd_expansion physical = expansion;
	physical.tree = 0;
	GSD_TRY(gsd_expansion_call(traceback->code, &physical, &expanded));
	GSD_TRY(make_frame(traceback, &physical, &expanded, frame_ret));
	*entry_ret = gsd_module_text_address(expansion.module, expansion.function.entry);
	if (!innermost)
		return NULL;
	enum gsd_shown shown = (enum gsd_shown)frame_ret->shown;
	uint8_t special = frame_ret->special;
	GSD_TRY(gsd_expansion_call(traceback->code, &expansion, &expanded));
	GSD_TRY(make_frame(traceback, &expansion, &expanded, frame_ret));
	frame_ret->shown = (uint8_t)shown;
	frame_ret->special = special;
	return NULL;
}

/* ---- arguments ---- */

/*
 * Reads up to and including the byte that ends the recipe. False when it has no end, or cannot be read; @p error_ret:
 * no memory.
 */
static bool read_recipe(struct gsd_traceback *traceback, uint64_t address, uint8_t *recipe, size_t *length_ret,
			size_t *values_ret)
{
	struct gsd_block_cache *cache = gsd_code_cache(traceback->code);
	bool size_follows = false;
	*values_ret = 0;
	for (size_t i = 0; i < MAX_ARGUMENT_BYTES; i++) {
		const uint8_t *byte;
		struct gsd_error *error = gsd_block_cache_read(cache, address + i, 1, &byte);
		if (error != NULL) {
			gsd_error_destroy(error);
			return false;
		}
		recipe[i] = *byte;
		if (size_follows && (*byte == 0 || *byte > sizeof(uint64_t)))
			return false;
		if (!size_follows && *byte == GSD_ARGUMENTS_END) {
			*length_ret = i + 1;
			return true;
		}
		size_follows = !size_follows && *byte < GSD_ARGUMENTS_TOO_FAR;
		*values_ret += size_follows ? 1 : 0;
	}
	return false;
}

/* The bits that say which values live at text offset @p offset. */
static struct gsd_error *find_live(struct gsd_traceback *traceback, const struct gsd_expansion *expansion,
				   uint64_t offset, struct gsd_traceback_place *place)
{
	const struct gsd_pclntab *table = &expansion->module->table;
	struct gsd_block_cache *cache = gsd_code_cache(traceback->code);
	uint32_t info;
	const uint8_t *bytes;
	place->live_from = UINT8_MAX;
	if (!gsd_pclntab_funcdata(table, &expansion->function, GSD_FUNCDATA_ARG_LIVE, &info))
		return NULL;
	uint64_t address = expansion->module->data.gofunc + info;
	int32_t index = gsd_pclntab_pcdata(table, &expansion->function, GSD_PCDATA_ARG_LIVE, offset);
	size_t length = (place->value_count + 7) / 8;
	struct gsd_error *error = gsd_block_cache_read(cache, address, 1, &bytes);
	if (error == NULL) {
		place->live_from = *bytes;
		if (index > 0 && length > 0)
			error = gsd_block_cache_read(cache, address + (uint64_t)index, length, &bytes);
	}
	if (error != NULL || index <= 0 || length == 0) {
		gsd_error_destroy(error);
		return NULL;
	}
	uint8_t *live = gsd_arena_allocate(&traceback->arena, length);
	if (live == NULL)
		return gsd_error_no_memory();
	memcpy(live, bytes, length);
	place->live = live;
	return NULL;
}

/* The recipe for the arguments of a function; what cannot be read is as if it said nothing. */
static struct gsd_error *find_arguments(struct gsd_traceback *traceback, const struct gsd_expansion *expansion,
					uint64_t offset, struct gsd_traceback_place *place)
{
	uint32_t info;
	uint8_t recipe[MAX_ARGUMENT_BYTES];
	size_t length;
	if (!gsd_pclntab_funcdata(&expansion->module->table, &expansion->function, GSD_FUNCDATA_ARG_INFO, &info) ||
	    !read_recipe(traceback, expansion->module->data.gofunc + info, recipe, &length, &place->value_count)) {
		place->value_count = 0;
		return NULL;
	}
	uint8_t *kept = gsd_arena_allocate(&traceback->arena, length);
	if (kept == NULL)
		return gsd_error_no_memory();
	memcpy(kept, recipe, length);
	place->arguments = kept;
	return find_live(traceback, expansion, offset, place);
}

/* ---- places ---- */

static struct gsd_error *expand_place(struct gsd_traceback *traceback, struct gsd_traceback_place *place)
{
	struct gsd_expansion expansion;
	if (!gsd_expansion_begin(traceback->code, place->pc, (place->word & GSD_PC_EXACT) == 0, &expansion))
		return NULL;
	const uint64_t innermost = expansion.offset;
	bool inlined = true;
	traceback->scratch.count = 0;
	for (int depth = 0; inlined && depth <= GSD_MAX_INLINED; depth++) {
		const struct gsd_expansion here = expansion;
		struct gsd_expanded_call call;
		struct gsd_traceback_frame frame;
		GSD_TRY(gsd_expansion_next(traceback->code, &expansion, &call));
		GSD_TRY(make_frame(traceback, &here, &call, &frame));
		if (!frame_array_append(&traceback->scratch, frame))
			return gsd_error_no_memory();
		inlined = call.inlined;
	}
	size_t count = traceback->scratch.count;
	struct gsd_traceback_frame *frames = gsd_arena_allocate(&traceback->arena, count * sizeof *frames);
	if (frames == NULL)
		return gsd_error_no_memory();
	memcpy(frames, traceback->scratch.items, count * sizeof *frames);
	place->entry = gsd_module_text_address(expansion.module, expansion.function.entry);
	place->frames = frames;
	place->frame_count = count;
	place->counts = gsd_traceback_shows(&frames[count - 1], true, GSD_SPECIAL_NONE);
	/* Up to Go 1.20 what lives is looked up where the outermost inlined call is (gentraceback). */
	bool outermost = gsd_code_go_minor(traceback->code) <= 20;
	return find_arguments(traceback, &expansion, outermost ? expansion.offset : innermost, place);
}

struct gsd_error *gsd_traceback_place(struct gsd_traceback *traceback, uint64_t word,
				      const struct gsd_traceback_place **place_ret)
{
	uint64_t found;
	if (gsd_hash_find(traceback->places, word, &found)) {
		*place_ret = (const struct gsd_traceback_place *)(uintptr_t)found;
		return NULL;
	}
	struct gsd_traceback_place *place = gsd_arena_allocate(&traceback->arena, sizeof *place);
	if (place == NULL)
		return gsd_error_no_memory();
	place->word = word;
	place->index = (uint32_t)gsd_hash_count(traceback->places);
	if (word < GSD_PC_UNREADABLE(GSD_UNREADABLE_COUNT)) {
		place->pc = GSD_PC_ADDRESS(word);
		GSD_TRY(expand_place(traceback, place));
	}
	if (!gsd_hash_insert(traceback->places, word, (uint64_t)(uintptr_t)place))
		return gsd_error_no_memory();
	*place_ret = place;
	return NULL;
}

/* ---- stacks ---- */

struct gsd_traceback_rule gsd_traceback_rule_of(unsigned go_minor)
{
	return go_minor <= 20 ? (struct gsd_traceback_rule){.inner = 100}
			      : (struct gsd_traceback_rule){.inner = 50, .outer = 50};
}

static bool reserve(struct gsd_traceback_list *list, size_t count)
{
	if (count <= list->capacity)
		return true;
	struct gsd_traceback_item *items = reallocarray(list->items, count, sizeof *items);
	if (items == NULL)
		return false;
	list->items = items;
	list->capacity = count;
	return true;
}

/*
 * Values are kept of the frames that a traceback can show: by their functions, and by the rule. Each function that
 * counts is a frame that is shown, so that the innermost so many frames are among the innermost so many functions.
 */
static void choose_values(const struct gsd_traceback_rule *rule, struct gsd_traceback_list *list)
{
	size_t total = 0;
	for (size_t i = 0; i < list->count; i++)
		total += list->items[i].place->counts ? 1 : 0;
	bool all = total == 0; /* then a traceback shows what it hides otherwise */
	if (all)
		total = list->count;
	size_t before = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct gsd_traceback_item *item = &list->items[i];
		bool counts = all || item->place->counts;
		bool inside = rule->inner == 0 || (rule->outer == 0 ? i : before) < rule->inner ||
			      (rule->outer != 0 && total - before <= rule->outer);
		/* A wrapper is shown below a panic. */
		bool shown = counts || (item->place->frame_count > 0 &&
					item->place->frames[item->place->frame_count - 1].shown != GSD_SHOWN_NEVER);
		item->values = inside && shown && item->place->value_count > 0;
		before += counts ? 1 : 0;
	}
}

struct gsd_error *gsd_traceback_expand(struct gsd_traceback *traceback, const uint64_t *words, size_t count,
				       const struct gsd_traceback_rule *rule, struct gsd_traceback_list *list)
{
	if (!reserve(list, count))
		return gsd_error_no_memory();
	list->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct gsd_traceback_item item = {0};
		GSD_TRY(gsd_traceback_place(traceback, words[i], &item.place));
		list->items[list->count++] = item;
	}
	choose_values(rule, list);
	return NULL;
}
