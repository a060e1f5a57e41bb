/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/symbolize.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "go/expansion.h"

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
	bool keeps_addresses;
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

void gsd_symbolizer_keep_addresses(struct gsd_symbolizer *symbolizer)
{
	symbolizer->keeps_addresses = true;
}

void gsd_location_list_free(struct gsd_location_list *list)
{
	free(list->items);
	memset(list, 0, sizeof *list);
}

/* ---- lines ---- */

static struct gsd_error *append_line(struct gsd_symbolizer *symbolizer, const struct gsd_expansion *expansion,
				     const struct gsd_expanded_call *call)
{
	const struct gsd_module *module = expansion->module;
	struct gsd_line line = {.function = call->name,
				.start_line = call->start_line,
				.entry = gsd_module_text_address(module, expansion->function.entry)};
	gsd_expansion_file_line(expansion, &line);
	struct placed_line placed = {.line = line, .address = gsd_module_text_address(module, expansion->offset)};
	return line_array_append(&symbolizer->scratch, placed) ? NULL : gsd_error_no_memory();
}

/* Expands the frame at `offset` into scratch lines, innermost first. */
static struct gsd_error *expand(struct gsd_symbolizer *symbolizer, struct gsd_expansion *expansion,
				bool called_by_panic, struct place *place)
{
	bool done = false;
	for (int depth = 0; !done && depth <= GSD_MAX_INLINED; depth++) {
		const struct gsd_expansion here = *expansion;
		struct gsd_expanded_call call;
		GSD_TRY(gsd_expansion_next(symbolizer->code, expansion, &call));
		place->inlined = gsd_is_elided(call.special, called_by_panic);
		if (!place->inlined) {
			place->logical_frames++;
			GSD_TRY(append_line(symbolizer, &here, &call));
		}
		called_by_panic = gsd_is_panic(call.special);
		place->special = (uint8_t)call.special;
		done = !call.inlined;
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
	struct gsd_expansion expansion;
	if (!gsd_expansion_begin(symbolizer->code, pc, !exact, &expansion)) {
		GSD_TRY(append_c_lines(symbolizer, pc, exact ? pc : pc - 1, place));
		return make_locations(symbolizer, place);
	}
	if (gsd_code_special(symbolizer->code, expansion.function.id) == GSD_SPECIAL_GOEXIT) {
		place->logical_frames = 1; /* it counts in the runtime's list, and is never shown */
		return NULL;
	}
	GSD_TRY(expand(symbolizer, &expansion, called_by_panic, place));
	return make_locations(symbolizer, place);
}

/* A physical frame called by its address; runtime.goexit is not shown without names either. */
static struct gsd_error *make_address_place(struct gsd_symbolizer *symbolizer, uint64_t word, struct place *place)
{
	char name[32];
	bool exact = (word & GSD_PC_EXACT) != 0;
	uint64_t pc = GSD_PC_ADDRESS(word);
	struct gsd_expansion expansion;
	struct placed_line placed = {.line = {.file = ""}, .address = exact ? pc : pc - 1};
	place->logical_frames = 1;
	if (gsd_expansion_begin(symbolizer->code, pc, !exact, &expansion)) {
		if (gsd_code_special(symbolizer->code, expansion.function.id) == GSD_SPECIAL_GOEXIT)
			return NULL;
		placed.line.entry = gsd_module_text_address(expansion.module, expansion.function.entry);
	}
	snprintf(name, sizeof name, "0x%" PRIx64, placed.address);
	placed.line.function = gsd_arena_string(&symbolizer->arena, name, strlen(name));
	if (placed.line.function == NULL || !line_array_append(&symbolizer->scratch, placed))
		return gsd_error_no_memory();
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
	else if (symbolizer->keeps_addresses)
		GSD_TRY(make_address_place(symbolizer, word, &place));
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
		called_by_panic = gsd_is_panic((enum gsd_special)place.special);
		logical_frames += place.logical_frames;
		for (size_t k = 0; k < place.location_count; k++)
			if (!append_location(list, symbolizer->locations.items[place.first_location + k]))
				return gsd_error_no_memory();
	}
	return NULL;
}

/* The line of a pc without names: an entry is itself, anything else the call before it. */
static struct gsd_error *keep_address(struct gsd_symbolizer *symbolizer, uint64_t pc, struct gsd_line *line_ret)
{
	struct gsd_expansion expansion;
	struct place place = {0};
	*line_ret = (struct gsd_line){.file = ""};
	if (!gsd_expansion_begin(symbolizer->code, pc, true, &expansion))
		return NULL;
	bool exact = gsd_module_text_address(expansion.module, expansion.function.entry) == pc;
	GSD_TRY(find_place(symbolizer, exact ? pc | GSD_PC_EXACT : pc, false, &place));
	if (place.location_count > 0)
		*line_ret = symbolizer->locations.items[place.first_location]->lines[0];
	return NULL;
}

struct gsd_error *gsd_symbolize_creator(struct gsd_symbolizer *symbolizer, uint64_t pc, struct gsd_line *line_ret)
{
	struct gsd_expansion expansion;
	struct gsd_line line = {.file = ""};
	if (symbolizer->keeps_addresses)
		return keep_address(symbolizer, pc, line_ret);
	if (gsd_expansion_begin(symbolizer->code, pc, true, &expansion)) {
		const char *name = gsd_pclntab_name(&expansion.module->table, expansion.function.name);
		line.function = name != NULL ? name : "?";
		line.start_line = expansion.function.start_line;
		line.entry = gsd_module_text_address(expansion.module, expansion.function.entry);
		gsd_expansion_file_line(&expansion, &line);
	}
	*line_ret = line;
	return NULL;
}

struct gsd_error *gsd_symbolize_call(struct gsd_symbolizer *symbolizer, uint64_t pc, struct gsd_line *line_ret)
{
	struct gsd_expansion expansion;
	struct gsd_expanded_call call;
	GSD_TRY(gsd_symbolize_creator(symbolizer, pc, line_ret));
	if (symbolizer->keeps_addresses || !gsd_expansion_begin(symbolizer->code, pc, true, &expansion))
		return NULL;
	GSD_TRY(gsd_expansion_call(symbolizer->code, &expansion, &call));
	line_ret->function = call.name;
	line_ret->start_line = call.start_line;
	return NULL;
}
