/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/c_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

GSD_DEFINE_ARRAY(place_array, struct gsd_c_place)
GSD_DEFINE_ARRAY(line_array, struct gsd_c_line)

struct gsd_c_names {
	struct gsd_arena arena;
	struct gsd_hash *places_at; /* address -> index into places */
	struct place_array places;
	struct line_array lines;
	const struct gsd_c_name_source *asked;
};

struct gsd_error *gsd_c_names_create(struct gsd_c_names **names_ret)
{
	struct gsd_c_names *names = calloc(1, sizeof *names);
	if (names == NULL)
		return gsd_error_no_memory();
	names->places_at = gsd_hash_create(64);
	if (names->places_at == NULL) {
		gsd_c_names_destroy(names);
		return gsd_error_no_memory();
	}
	*names_ret = names;
	return NULL;
}

void gsd_c_names_destroy(struct gsd_c_names *names)
{
	if (names == NULL)
		return;
	gsd_hash_destroy(names->places_at);
	place_array_free(&names->places);
	line_array_free(&names->lines);
	gsd_arena_free(&names->arena);
	free(names);
}

/* A copy; NULL stays NULL. False without memory. */
static bool copy_text(struct gsd_c_names *names, const char **text)
{
	if (*text != NULL)
		*text = gsd_arena_string(&names->arena, *text, strlen(*text));
	else
		return true;
	return *text != NULL;
}

struct gsd_error *gsd_c_names_keep(struct gsd_c_names *names, uint64_t address, const struct gsd_c_line *lines,
				   size_t count)
{
	struct gsd_c_place place = {.address = address, .first_line = names->lines.count, .line_count = count};
	for (size_t i = 0; i < count; i++) {
		struct gsd_c_line line = lines[i];
		if (!copy_text(names, &line.function) || !copy_text(names, &line.file) ||
		    !line_array_append(&names->lines, line))
			return gsd_error_no_memory();
	}
	if (!place_array_append(&names->places, place) ||
	    !gsd_hash_insert(names->places_at, address, names->places.count - 1))
		return gsd_error_no_memory();
	return NULL;
}

void gsd_c_names_ask(struct gsd_c_names *names, const struct gsd_c_name_source *source)
{
	names->asked = source;
}

/* gsd_c_name_source.find */
static struct gsd_error *find(void *context, uint64_t address, const struct gsd_c_line **lines_ret, size_t *count_ret)
{
	struct gsd_c_names *names = context;
	uint64_t index;
	*count_ret = 0;
	if (!gsd_hash_find(names->places_at, address, &index)) {
		const struct gsd_c_line *lines;
		size_t count;
		if (names->asked == NULL)
			return NULL;
		GSD_TRY(names->asked->find(names->asked->context, address, &lines, &count));
		index = names->places.count;
		GSD_TRY(gsd_c_names_keep(names, address, lines, count));
	}
	*lines_ret = names->lines.items + names->places.items[index].first_line;
	*count_ret = names->places.items[index].line_count;
	return NULL;
}

struct gsd_c_name_source gsd_c_names_source(struct gsd_c_names *names)
{
	return (struct gsd_c_name_source){.find = find, .context = names};
}

const struct gsd_c_place *gsd_c_names_places(const struct gsd_c_names *names, size_t *count_ret)
{
	*count_ret = names->places.count;
	return names->places.items;
}

const struct gsd_c_line *gsd_c_names_lines(const struct gsd_c_names *names, size_t *count_ret)
{
	*count_ret = names->lines.count;
	return names->lines.items;
}
