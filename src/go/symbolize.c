/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/symbolize.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "go/code.h"

#define MAX_INLINED 256 /* calls inlined into one place */

/* A line on its way into a location, with the address that the location has if it is the innermost one. */
struct placed_line {
	struct gsd_line line;
	uint64_t address;
};
GSD_DEFINE_ARRAY(line_array, struct placed_line)
GSD_DEFINE_ARRAY(location_array, const struct gsd_location *)

/* A word expanded: its locations (none when every line of it is elided) and what the next frame must know of it. */
struct place {
	size_t first_location; /* index into locations */
	size_t location_count;
	uint32_t logical_frames; /* that the runtime's list counts */
	uint8_t special;         /* of its outermost function */
	bool inlined;            /* the outermost function is elided: what is left of the word is inlined into it */
};
GSD_DEFINE_ARRAY(place_array, struct place)

struct gsd_symbolizer {
	struct gsd_code *code;
	struct gsd_arena arena;
	struct gsd_hash *places[2]; /* word -> index into place_items; [1]: called by a panic */
	struct place_array place_items;
	struct line_array scratch;
	struct location_array locations; /* place by place */
	const struct gsd_c_name_source *c_names;
};

struct gsd_error *gsd_symbolizer_create(struct gsd_code *code, struct gsd_symbolizer **symbolizer_ret)
{
	struct gsd_symbolizer *symbolizer = calloc(1, sizeof *symbolizer);
	if (symbolizer == NULL)
		return gsd_error_no_memory();
	symbolizer->code = code;
	symbolizer->places[0] = gsd_hash_create(1024);
	symbolizer->places[1] = gsd_hash_create(16);
	if (symbolizer->places[0] == NULL || symbolizer->places[1] == NULL) {
		gsd_symbolizer_destroy(symbolizer);
		return gsd_error_no_memory();
	}
	*symbolizer_ret = symbolizer;
	return NULL;
}

void gsd_symbolizer_destroy(struct gsd_symbolizer *symbolizer)
{
	if (symbolizer == NULL)
		return;
	gsd_hash_destroy(symbolizer->places[0]);
	gsd_hash_destroy(symbolizer->places[1]);
	gsd_arena_free(&symbolizer->arena);
	place_array_free(&symbolizer->place_items);
	line_array_free(&symbolizer->scratch);
	location_array_free(&symbolizer->locations);
	free(symbolizer);
}

void gsd_symbolizer_name_c(struct gsd_symbolizer *symbolizer, const struct gsd_c_name_source *names)
{
	symbolizer->c_names = names;
}

void gsd_location_list_free(struct gsd_location_list *list)
{
	free(list->items);
	memset(list, 0, sizeof *list);
}

/* ---- lines ---- */

static const char *or_unknown(const char *text)
{
	return text != NULL ? text : "?";
}

/* File and line at a text offset: "?" and 0 when either is not known (runtime/symtab.go, funcline1). */
static void fill_file_line(const struct gsd_module *module, const struct gsd_function *function, uint64_t offset,
			   struct gsd_line *line)
{
	line->file = gsd_pclntab_file(&module->table, function, offset);
	line->line = gsd_pclntab_value(&module->table, function, function->line_numbers, offset);
	if (line->file == NULL || line->line == -1) {
		line->file = "?";
		line->line = 0;
	}
}

/* One logical frame on the way from the innermost to the physical function. */
struct expansion {
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset; /* of the call, in the text */
	uint64_t tree;   /* address of the inline tree, 0: none */
};

/* The address of the function's inline tree; 0: nothing is inlined into it. */
static uint64_t inline_tree(const struct expansion *expansion)
{
	uint32_t tree;
	bool found =
		gsd_pclntab_funcdata(&expansion->module->table, &expansion->function, GSD_FUNCDATA_INLINE_TREE, &tree);
	return found ? expansion->module->data.gofunc + tree : 0;
}

/* The inlined call at the expansion's offset; false when the physical function itself is there. */
static struct gsd_error *inlined_call(struct gsd_code *code, const struct expansion *expansion,
				      struct gsd_inlined_call *call_ret, bool *found_ret)
{
	*found_ret = false;
	if (expansion->tree == 0)
		return NULL;
	int32_t index = gsd_pclntab_pcdata(&expansion->module->table, &expansion->function, GSD_PCDATA_INLINE_TREE,
					   expansion->offset);
	if (index < 0)
		return NULL;
	size_t size = gsd_inlined_call_size(&expansion->module->table);
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(gsd_code_cache(code), expansion->tree + (uint64_t)index * size, size, &bytes));
	*call_ret = gsd_inlined_call_parse(&expansion->module->table, bytes);
	if (!gsd_pclntab_is_name(&expansion->module->table, call_ret->name))
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the calls inlined into %s",
							  or_unknown(gsd_pclntab_name(&expansion->module->table,
										      expansion->function.name))),
					 "record %" PRId32 " of its inline tree at 0x%" PRIx64 " names no function",
					 index, expansion->tree);
	*found_ret = true;
	return NULL;
}

/* A wrapper is not shown, unless a panic called it (runtime/traceback.go, elideWrapperCalling). */
static bool elided(enum gsd_special special, bool called_by_panic)
{
	return special == GSD_SPECIAL_WRAPPER && !called_by_panic;
}

static bool is_panic(enum gsd_special special)
{
	return special == GSD_SPECIAL_PANIC || special == GSD_SPECIAL_SIGPANIC;
}

struct logical_frame {
	int32_t name;
	int32_t start_line;
	enum gsd_special special;
};

static struct gsd_error *append_line(struct gsd_symbolizer *symbolizer, const struct expansion *expansion,
				     const struct logical_frame *frame)
{
	const struct gsd_module *module = expansion->module;
	struct gsd_line line = {.function = or_unknown(gsd_pclntab_name(&module->table, frame->name)),
				.start_line = frame->start_line,
				.entry = gsd_module_text_address(module, expansion->function.entry)};
	fill_file_line(module, &expansion->function, expansion->offset, &line);
	struct placed_line placed = {.line = line, .address = gsd_module_text_address(module, expansion->offset)};
	return line_array_append(&symbolizer->scratch, placed) ? NULL : gsd_error_no_memory();
}

/* Expands the frame at `offset` into scratch lines, innermost first. */
static struct gsd_error *expand(struct gsd_symbolizer *symbolizer, struct expansion *expansion, bool called_by_panic,
				struct place *place)
{
	bool done = false;
	for (int depth = 0; !done && depth <= MAX_INLINED; depth++) {
		struct gsd_inlined_call call;
		bool inlined;
		GSD_TRY(inlined_call(symbolizer->code, expansion, &call, &inlined));
		struct logical_frame frame = {
			.name = inlined ? call.name : expansion->function.name,
			.start_line = inlined ? call.start_line : expansion->function.start_line,
			.special = gsd_code_special(symbolizer->code, inlined ? call.id : expansion->function.id)};
		place->inlined = elided(frame.special, called_by_panic);
		if (!place->inlined) {
			place->logical_frames++;
			GSD_TRY(append_line(symbolizer, expansion, &frame));
		}
		called_by_panic = is_panic(frame.special);
		place->special = (uint8_t)frame.special;
		if (inlined)
			expansion->offset = (uint64_t)expansion->function.entry + (uint64_t)(int64_t)call.parent_pc;
		done = !inlined;
	}
	return NULL;
}

/* ---- places ---- */

/* A location of scratch lines [start, end). */
static struct gsd_error *make_location(struct gsd_symbolizer *symbolizer, size_t start, size_t end, bool inlined)
{
	size_t count = end - start;
	const struct placed_line *placed = symbolizer->scratch.items + start;
	struct gsd_location *location = gsd_arena_allocate(&symbolizer->arena, sizeof *location);
	struct gsd_line *lines = gsd_arena_allocate(&symbolizer->arena, count * sizeof *lines);
	if (location == NULL || lines == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++)
		lines[i] = placed[i].line;
	*location = (struct gsd_location){.index = (uint32_t)symbolizer->locations.count,
					  .address = placed->address,
					  .return_address = placed->address == 0 ? 0 : placed->address + 1,
					  .lines = lines,
					  .line_count = count,
					  .inlined = inlined};
	return location_array_append(&symbolizer->locations, location) ? NULL : gsd_error_no_memory();
}

/*
 * Makes the scratch lines into locations: one, unless a function is inlined into itself. Then the runtime's profile has
 * a location for each turn (runtime/pprof/proto.go, pcDeck.tryAdd: "maybe recursion").
 */
static struct gsd_error *make_locations(struct gsd_symbolizer *symbolizer, struct place *place)
{
	const struct line_array *scratch = &symbolizer->scratch;
	place->first_location = symbolizer->locations.count;
	for (size_t start = 0; start < scratch->count;) {
		size_t end = start + 1;
		while (end < scratch->count &&
		       strcmp(scratch->items[end].line.function, scratch->items[end - 1].line.function) != 0)
			end++;
		GSD_TRY(make_location(symbolizer, start, end, end < scratch->count || place->inlined));
		start = end;
	}
	place->location_count = symbolizer->locations.count - place->first_location;
	return NULL;
}

/* A frame that is no Go code: a name made up here. */
static struct gsd_error *make_named_place(struct gsd_symbolizer *symbolizer, const char *name, uint64_t address,
					  struct place *place)
{
	char *function = gsd_arena_string(&symbolizer->arena, name, strlen(name));
	if (function == NULL ||
	    !line_array_append(&symbolizer->scratch,
			       (struct placed_line){.line = {.function = function, .file = ""}, .address = address}))
		return gsd_error_no_memory();
	place->logical_frames = 1;
	return make_locations(symbolizer, place);
}

static struct gsd_error *make_special_place(struct gsd_symbolizer *symbolizer, uint64_t word, struct place *place)
{
	char name[64] = "gostackdump.elided";
	if (word != GSD_PC_ELIDED)
		snprintf(name, sizeof name, "gostackdump.unreadable:%s",
			 gsd_unreadable_name((enum gsd_unreadable)(UINT64_MAX - 1 - word)));
	return make_named_place(symbolizer, name, 0, place);
}

/* Appends the lines that are known of C code. */
static struct gsd_error *append_c_lines(struct gsd_symbolizer *symbolizer, uint64_t pc, uint64_t address,
					struct place *place)
{
	const struct gsd_c_line *lines = NULL;
	size_t count = 0;
	if (symbolizer->c_names != NULL)
		GSD_TRY(symbolizer->c_names->find(symbolizer->c_names->context, address, &lines, &count));
	for (size_t i = 0; i < count || i == 0; i++) {
		static const struct gsd_c_line unknown = {0};
		const struct gsd_c_line *found = i < count ? &lines[i] : &unknown;
		char hex[32];
		snprintf(hex, sizeof hex, "0x%" PRIx64, pc);
		const char *function = found->function != NULL ? found->function : hex;
		const char *file = found->file != NULL ? found->file : "";
		struct gsd_line line = {.function = gsd_arena_string(&symbolizer->arena, function, strlen(function)),
					.file = gsd_arena_string(&symbolizer->arena, file, strlen(file)),
					.line = found->line,
					.start_line = found->start_line};
		if (line.function == NULL || line.file == NULL ||
		    !line_array_append(&symbolizer->scratch, (struct placed_line){.line = line, .address = address}))
			return gsd_error_no_memory();
		place->logical_frames++;
	}
	return NULL;
}

static struct gsd_error *make_code_place(struct gsd_symbolizer *symbolizer, uint64_t word, bool called_by_panic,
					 struct place *place)
{
	uint64_t pc = GSD_PC_ADDRESS(word);
	bool exact = (word & GSD_PC_EXACT) != 0;
	struct expansion expansion = {0};
	if (!gsd_code_find(symbolizer->code, pc, &expansion.module, &expansion.function, &expansion.offset)) {
		GSD_TRY(append_c_lines(symbolizer, pc, exact ? pc : pc - 1, place));
		return make_locations(symbolizer, place);
	}
	if (gsd_code_special(symbolizer->code, expansion.function.id) == GSD_SPECIAL_GOEXIT) {
		place->logical_frames = 1; /* it counts in the runtime's list, and is never shown */
		return NULL;
	}
	if (!exact && expansion.offset > expansion.function.entry)
		expansion.offset--;
	expansion.tree = inline_tree(&expansion);
	GSD_TRY(expand(symbolizer, &expansion, called_by_panic, place));
	return make_locations(symbolizer, place);
}

static struct gsd_error *find_place(struct gsd_symbolizer *symbolizer, uint64_t word, bool called_by_panic,
				    struct place *place_ret)
{
	struct gsd_hash *places = symbolizer->places[called_by_panic ? 1 : 0];
	uint64_t index;
	if (gsd_hash_find(places, word, &index)) {
		*place_ret = symbolizer->place_items.items[index];
		return NULL;
	}
	struct place place = {0};
	symbolizer->scratch.count = 0;
	if (word >= GSD_PC_UNREADABLE(GSD_UNREADABLE_COUNT))
		GSD_TRY(make_special_place(symbolizer, word, &place));
	else
		GSD_TRY(make_code_place(symbolizer, word, called_by_panic, &place));
	index = symbolizer->place_items.count;
	if (!place_array_append(&symbolizer->place_items, place) || !gsd_hash_insert(places, word, index))
		return gsd_error_no_memory();
	*place_ret = place;
	return NULL;
}

static bool append_location(struct gsd_location_list *list, const struct gsd_location *location)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
		const struct gsd_location **items =
			(const struct gsd_location **)reallocarray(list->items, capacity, sizeof *list->items);
		if (items == NULL)
			return false;
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = location;
	return true;
}

struct gsd_error *gsd_symbolize_stack(struct gsd_symbolizer *symbolizer, const struct gsd_stack *stack,
				      uint32_t frame_limit, struct gsd_location_list *list)
{
	list->count = 0;
	bool called_by_panic = false;
	uint64_t logical_frames = 0;
	for (size_t i = 0; i < stack->count; i++) {
		/* The runtime's list ends inside the last frame; its reader then expands that frame to the end. */
		if (frame_limit != 0 && logical_frames >= frame_limit)
			break;
		struct place place = {0};
		GSD_TRY(find_place(symbolizer, stack->words[i], called_by_panic, &place));
		called_by_panic = is_panic((enum gsd_special)place.special);
		logical_frames += place.logical_frames;
		for (size_t k = 0; k < place.location_count; k++)
			if (!append_location(list, symbolizer->locations.items[place.first_location + k]))
				return gsd_error_no_memory();
	}
	return NULL;
}

struct gsd_error *gsd_symbolize_creator(struct gsd_symbolizer *symbolizer, uint64_t pc, struct gsd_line *line_ret)
{
	struct expansion expansion;
	struct gsd_line line = {.file = ""};
	if (gsd_code_find(symbolizer->code, pc, &expansion.module, &expansion.function, &expansion.offset)) {
		line.function = or_unknown(gsd_pclntab_name(&expansion.module->table, expansion.function.name));
		line.start_line = expansion.function.start_line;
		line.entry = gsd_module_text_address(expansion.module, expansion.function.entry);
		uint64_t offset = expansion.offset > expansion.function.entry ? expansion.offset - 1 : expansion.offset;
		fill_file_line(expansion.module, &expansion.function, offset, &line);
	}
	*line_ret = line;
	return NULL;
}

struct gsd_error *gsd_symbolize_call(struct gsd_symbolizer *symbolizer, uint64_t pc, struct gsd_line *line_ret)
{
	struct expansion expansion = {0};
	struct gsd_inlined_call call;
	bool inlined;
	*line_ret = (struct gsd_line){.file = ""};
	if (!gsd_code_find(symbolizer->code, pc, &expansion.module, &expansion.function, &expansion.offset))
		return NULL;
	if (expansion.offset > expansion.function.entry)
		expansion.offset--;
	expansion.tree = inline_tree(&expansion);
	GSD_TRY(gsd_symbolize_creator(symbolizer, pc, line_ret));
	GSD_TRY(inlined_call(symbolizer->code, &expansion, &call, &inlined));
	if (inlined) {
		line_ret->function = or_unknown(gsd_pclntab_name(&expansion.module->table, call.name));
		line_ret->start_line = call.start_line;
	}
	return NULL;
}
