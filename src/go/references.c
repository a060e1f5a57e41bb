/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "go/holders.h"

#define MAX_ANCESTORS      1000              /* of one goroutine */
#define MAX_ANCESTOR_PCS   1000              /* of one ancestor; the runtime keeps 100 at most */
#define MAX_ALL_ANCESTORS  ((size_t)1 << 20) /* of a capture: what is over these two is not read */
#define MAX_ALL_PCS        ((size_t)1 << 24)
#define MAX_ANCESTOR_BYTES 512
#define MAX_P              INT32_MAX

/* ---- words, one at each of several addresses ---- */

/* @p errnums may be NULL: then a word that cannot be read is 0. */
static struct gsd_error *read_words(struct gsd_memory *memory, const uint64_t *addresses, size_t count,
				    uint64_t *words_ret, int *errnums)
{
	struct gsd_range *ranges = calloc(count + 1, sizeof *ranges);
	if (ranges == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		words_ret[i] = 0;
		ranges[i] = (struct gsd_range){
			.address = addresses[i], .length = sizeof words_ret[i], .buffer = &words_ret[i]};
	}
	gsd_memory_read_ranges(memory, ranges, count);
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].errnum != 0)
			words_ret[i] = 0;
		if (errnums != NULL)
			errnums[i] = ranges[i].errnum;
	}
	free(ranges);
	return NULL;
}

/* ---- Ps ---- */

struct gsd_error *gsd_threads_read_ps(struct gsd_memory *memory, const struct gsd_layout *layout,
				      struct gsd_snapshot_thread *threads, size_t count)
{
	if (layout->p_id == GSD_NO_FIELD || count == 0)
		return NULL;
	uint64_t *addresses = calloc(count, sizeof *addresses);
	uint64_t *words = calloc(count, sizeof *words);
	int *errnums = calloc(count, sizeof *errnums);
	struct gsd_error *error = addresses == NULL || words == NULL || errnums == NULL ? gsd_error_no_memory() : NULL;
	for (size_t i = 0; i < count && error == NULL; i++)
		addresses[i] = threads[i].p + layout->p_id;
	if (error == NULL)
		error = read_words(memory, addresses, count, words, errnums);
	for (size_t i = 0; i < count && error == NULL; i++) {
		uint64_t id = words[i] & UINT32_MAX;
		if (threads[i].p != 0 && errnums[i] == 0 && id <= MAX_P)
			threads[i].p_id = (int64_t)id;
	}
	free(addresses);
	free(words);
	free(errnums);
	return error;
}

/* ---- bubbles ---- */

static struct gsd_error *confirm_bubbles(struct gsd_memory *memory, const struct gsd_layout *layout,
					 const struct gsd_goroutine *goroutines, size_t goroutine_count,
					 const uint64_t *pointers, size_t count, struct gsd_bubble *bubbles)
{
	const struct gsd_held held = {.g_offset = layout->bubble,
				      .index_member = offsetof(struct gsd_goroutine, bubble),
				      .no_index = GSD_NO_BUBBLE,
				      .pointers = pointers,
				      .count = count};
	bool *readable = malloc(count * sizeof *readable);
	if (readable == NULL)
		return gsd_error_no_memory();
	memset(readable, true, count * sizeof *readable);
	struct gsd_error *error = gsd_holders_confirm(memory, layout, &held, goroutines, goroutine_count, readable);
	for (size_t i = 0; i < count && error == NULL; i++)
		if (!readable[i])
			bubbles[i].id = 0;
	free(readable);
	return error;
}

/* Go 1.24 has no number: its headers name the goid of the bubble's first goroutine (runtime/traceback.go). */
struct gsd_error *gsd_bubbles_read(struct gsd_memory *memory, const struct gsd_layout *layout,
				   const struct gsd_goroutine *goroutines, size_t goroutine_count,
				   const uint64_t *pointers, size_t count, struct gsd_bubble *bubbles_ret)
{
	bool numbered = layout->bubble_id != GSD_NO_FIELD;
	if (count == 0)
		return NULL;
	memset(bubbles_ret, 0, count * sizeof *bubbles_ret);
	if (!numbered && layout->bubble_root == GSD_NO_FIELD)
		return NULL;
	uint64_t *addresses = calloc(count, sizeof *addresses);
	uint64_t *words = calloc(count, sizeof *words);
	struct gsd_error *error = addresses == NULL || words == NULL ? gsd_error_no_memory() : NULL;
	for (size_t i = 0; i < count && error == NULL; i++)
		addresses[i] = pointers[i] + (numbered ? layout->bubble_id : layout->bubble_root);
	if (error == NULL)
		error = read_words(memory, addresses, count, words, NULL);
	for (size_t i = 0; i < count && error == NULL && !numbered; i++)
		addresses[i] = words[i] + layout->goid;
	if (error == NULL && !numbered)
		error = read_words(memory, addresses, count, words, NULL);
	for (size_t i = 0; i < count && error == NULL; i++)
		bubbles_ret[i].id = words[i];
	free(addresses);
	free(words);
	return error != NULL
		       ? error
		       : confirm_bubbles(memory, layout, goroutines, goroutine_count, pointers, count, bubbles_ret);
}

/* ---- ancestors ---- */

struct slice {
	uint64_t address;
	uint64_t length;
	uint64_t capacity;
};

struct ancestry_reader {
	struct gsd_memory *memory;
	const struct gsd_layout *layout;
	struct gsd_arena *arena;
	struct gsd_ancestry *ancestries;
	size_t count;
	struct slice *slices;
	uint8_t *infos; /* all ancestorInfos, one ancestry after the other */
	size_t info_count;
	struct gsd_range *ranges;
};

/* How many ancestors there are in all; an ancestry that is not plausible is unknown. */
static size_t count_ancestors(struct ancestry_reader *reader)
{
	size_t total = 0;
	for (size_t i = 0; i < reader->count; i++) {
		const struct slice *slice = &reader->slices[i];
		struct gsd_ancestry *ancestry = &reader->ancestries[i];
		ancestry->known = reader->ranges[i].errnum == 0 && slice->length <= slice->capacity &&
				  slice->length <= MAX_ANCESTORS && total + slice->length <= MAX_ALL_ANCESTORS;
		ancestry->count = ancestry->known ? (size_t)slice->length : 0;
		total += ancestry->count;
	}
	return total;
}

static struct gsd_error *read_slices(struct ancestry_reader *reader, const uint64_t *pointers)
{
	reader->slices = calloc(reader->count, sizeof *reader->slices);
	reader->ranges = calloc(reader->count, sizeof *reader->ranges);
	if (reader->slices == NULL || reader->ranges == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < reader->count; i++)
		reader->ranges[i] = (struct gsd_range){
			.address = pointers[i], .length = sizeof *reader->slices, .buffer = &reader->slices[i]};
	gsd_memory_read_ranges(reader->memory, reader->ranges, reader->count);
	reader->info_count = count_ancestors(reader);
	return NULL;
}

static struct gsd_error *read_infos(struct ancestry_reader *reader)
{
	size_t size = reader->layout->ancestor_size;
	reader->infos = calloc(reader->info_count + 1, size);
	if (reader->infos == NULL)
		return gsd_error_no_memory();
	size_t first = 0;
	for (size_t i = 0; i < reader->count; i++) {
		size_t count = reader->ancestries[i].count;
		reader->ranges[i] = (struct gsd_range){.address = reader->slices[i].address,
						       .length = count * size,
						       .buffer = count == 0 ? NULL : reader->infos + first * size};
		first += count;
	}
	gsd_memory_read_ranges(reader->memory, reader->ranges, reader->count);
	for (size_t i = 0; i < reader->count; i++)
		if (reader->ancestries[i].count > 0 && reader->ranges[i].errnum != 0)
			reader->ancestries[i].known = false;
	return NULL;
}

/* Decodes one ancestor and says where its pcs are. */
static struct gsd_error *decode_ancestor(struct ancestry_reader *reader, const uint8_t *info, size_t *words,
					 struct gsd_ancestry *ancestry, struct gsd_ancestor *ancestor,
					 struct gsd_range *range)
{
	const struct gsd_layout *layout = reader->layout;
	uint64_t length = gsd_u64_at(info, layout->ancestor_pcs + 8);
	ancestor->goid = gsd_u64_at(info, layout->ancestor_goid);
	ancestor->creator_pc = gsd_u64_at(info, layout->ancestor_gopc);
	*range = (struct gsd_range){0};
	if (length > MAX_ANCESTOR_PCS || *words + length > MAX_ALL_PCS)
		ancestry->known = false;
	if (!ancestry->known || length == 0)
		return NULL;
	*words += (size_t)length;
	uint64_t *pcs = gsd_arena_allocate(reader->arena, (size_t)length * sizeof *pcs);
	if (pcs == NULL)
		return gsd_error_no_memory();
	ancestor->pcs = pcs;
	ancestor->pc_count = (size_t)length;
	*range = (struct gsd_range){.address = gsd_u64_at(info, layout->ancestor_pcs),
				    .length = (size_t)length * sizeof *pcs,
				    .buffer = pcs};
	return NULL;
}

static struct gsd_error *decode_ancestries(struct ancestry_reader *reader, struct gsd_range *ranges)
{
	const uint8_t *info = reader->infos;
	size_t words = 0;
	size_t range = 0;
	for (size_t i = 0; i < reader->count; i++) {
		struct gsd_ancestry *ancestry = &reader->ancestries[i];
		struct gsd_ancestor *ancestors =
			gsd_arena_allocate(reader->arena, (ancestry->count + 1) * sizeof *ancestors);
		if (ancestors == NULL)
			return gsd_error_no_memory();
		ancestry->ancestors = ancestors;
		for (size_t k = 0; k < ancestry->count; k++, info += reader->layout->ancestor_size)
			GSD_TRY(decode_ancestor(reader, info, &words, ancestry, &ancestors[k], &ranges[range++]));
	}
	return NULL;
}

static struct gsd_error *read_pcs(struct ancestry_reader *reader)
{
	struct gsd_range *ranges = calloc(reader->info_count + 1, sizeof *ranges);
	if (ranges == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = decode_ancestries(reader, ranges);
	if (error == NULL)
		gsd_memory_read_ranges(reader->memory, ranges, reader->info_count);
	const struct gsd_range *range = ranges;
	for (size_t i = 0; i < reader->count && error == NULL; i++)
		for (size_t k = 0; k < reader->ancestries[i].count; k++, range++)
			if (range->length > 0 && range->errnum != 0)
				reader->ancestries[i].known = false;
	free(ranges);
	return error;
}

static struct gsd_error *confirm_ancestries(struct ancestry_reader *reader, const struct gsd_goroutine *goroutines,
					    size_t goroutine_count, const uint64_t *pointers)
{
	const struct gsd_held held = {.g_offset = reader->layout->ancestors,
				      .index_member = offsetof(struct gsd_goroutine, ancestry),
				      .no_index = GSD_NO_ANCESTRY,
				      .pointers = pointers,
				      .count = reader->count};
	bool *known = calloc(reader->count, sizeof *known);
	if (known == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < reader->count; i++)
		known[i] = reader->ancestries[i].known;
	struct gsd_error *error =
		gsd_holders_confirm(reader->memory, reader->layout, &held, goroutines, goroutine_count, known);
	for (size_t i = 0; i < reader->count && error == NULL; i++)
		if (!known[i])
			reader->ancestries[i] = (struct gsd_ancestry){0};
	free(known);
	return error;
}

static bool knows_ancestors(const struct gsd_layout *layout)
{
	return layout->ancestor_pcs != GSD_NO_FIELD && layout->ancestor_goid != GSD_NO_FIELD &&
	       layout->ancestor_gopc != GSD_NO_FIELD && layout->ancestor_size != GSD_NO_FIELD &&
	       layout->ancestor_size <= MAX_ANCESTOR_BYTES && layout->ancestor_pcs + 16 <= layout->ancestor_size &&
	       layout->ancestor_goid + 8 <= layout->ancestor_size && layout->ancestor_gopc + 8 <= layout->ancestor_size;
}

struct gsd_error *gsd_ancestries_read(struct gsd_memory *memory, const struct gsd_layout *layout,
				      const struct gsd_goroutine *goroutines, size_t goroutine_count,
				      const uint64_t *pointers, size_t count, struct gsd_arena *arena,
				      struct gsd_ancestry *ancestries_ret)
{
	if (count == 0)
		return NULL;
	memset(ancestries_ret, 0, count * sizeof *ancestries_ret);
	if (!knows_ancestors(layout))
		return NULL;
	struct ancestry_reader reader = {
		.memory = memory, .layout = layout, .arena = arena, .ancestries = ancestries_ret, .count = count};
	struct gsd_error *error = read_slices(&reader, pointers);
	if (error == NULL)
		error = read_infos(&reader);
	if (error == NULL)
		error = read_pcs(&reader);
	if (error == NULL)
		error = confirm_ancestries(&reader, goroutines, goroutine_count, pointers);
	free(reader.slices);
	free(reader.infos);
	free(reader.ranges);
	return error;
}
