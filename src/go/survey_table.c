/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/survey_table.h"

#include <stdlib.h>

#include "base/error.h"

#define CHUNK_BYTES ((size_t)1 << 20) /* headers of a chunk: what stays in cache */
#define RUN_GAP     1024              /* headers closer than this are read in one run */
#define RUN_BYTES   ((size_t)1 << 16) /* a run does not get much longer: several can be read at once */

/* ---- entries ---- */

struct gsd_error *gsd_survey_table_init(struct gsd_survey_table *table, struct gsd_memory *memory, size_t header_size)
{
	table->memory = memory;
	table->header_size = header_size;
	for (int i = 0; i < 2; i++)
		table->chunk.bytes[i] = malloc(CHUNK_BYTES + header_size + RUN_GAP);
	return table->chunk.bytes[0] == NULL || table->chunk.bytes[1] == NULL ? gsd_error_no_memory() : NULL;
}

void gsd_survey_table_free(struct gsd_survey_table *table)
{
	free(table->addresses);
	free(table->slots);
	free(table->goroutines);
	free(table->order);
	free(table->chunk.bytes[0]);
	free(table->chunk.bytes[1]);
}

struct gsd_error *gsd_survey_table_reserve(struct gsd_survey_table *table, size_t count)
{
	if (count <= table->capacity)
		return NULL;
	size_t capacity = count + count / 8 + 64;
	uint64_t *addresses = reallocarray(table->addresses, capacity, sizeof *addresses);
	if (addresses != NULL)
		table->addresses = addresses;
	struct gsd_survey_slot *slots = reallocarray(table->slots, capacity, sizeof *slots);
	if (slots != NULL)
		table->slots = slots;
	struct gsd_goroutine *goroutines = reallocarray(table->goroutines, capacity, sizeof *goroutines);
	if (goroutines != NULL)
		table->goroutines = goroutines;
	uint32_t *order = reallocarray(table->order, capacity, sizeof *order);
	if (order != NULL)
		table->order = order;
	if (addresses == NULL || slots == NULL || goroutines == NULL || order == NULL)
		return gsd_error_no_memory();
	table->capacity = capacity;
	return NULL;
}

void gsd_survey_table_add(struct gsd_survey_table *table, uint64_t address)
{
	table->addresses[table->count] = address;
	table->slots[table->count] = (struct gsd_survey_slot){.state = GSD_SLOT_BUSY};
	table->goroutines[table->count] = (struct gsd_goroutine){0};
	table->count++;
}

struct gsd_error *gsd_survey_table_read_list(struct gsd_survey_table *table, const struct gsd_allgs *allgs)
{
	uint64_t *addresses;
	size_t count;
	GSD_TRY(gsd_allgs_read(table->memory, allgs, &addresses, &count));
	struct gsd_error *error = gsd_survey_table_reserve(table, count);
	while (error == NULL && table->count < count)
		gsd_survey_table_add(table, addresses[table->count]);
	free(addresses);
	return error;
}

/* ---- the order in memory ---- */

struct placed {
	uint64_t address;
	uint32_t slot;
};

static int by_address(const void *left, const void *right)
{
	const struct placed *a = left;
	const struct placed *b = right;
	return (a->address > b->address) - (a->address < b->address);
}

struct gsd_error *gsd_survey_table_sort(struct gsd_survey_table *table)
{
	if (table->ordered == table->count)
		return NULL;
	struct placed *placed = reallocarray(NULL, table->count, sizeof *placed);
	if (placed == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < table->count; i++)
		placed[i] = (struct placed){.address = table->addresses[i], .slot = (uint32_t)i};
	qsort(placed, table->count, sizeof *placed, by_address);
	for (size_t i = 0; i < table->count; i++)
		table->order[i] = placed[i].slot;
	table->ordered = table->count;
	free(placed);
	return NULL;
}

bool gsd_survey_table_find(const struct gsd_survey_table *table, uint64_t address, size_t *index_ret)
{
	size_t low = 0;
	size_t high = table->ordered;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t there = table->addresses[table->order[middle]];
		if (there == address) {
			*index_ret = table->order[middle];
			return true;
		}
		if (there < address)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* ---- chunks ---- */

void gsd_survey_table_make_chunk(struct gsd_survey_table *table, size_t first, size_t most)
{
	struct gsd_survey_chunk *chunk = &table->chunk;
	size_t used = 0;
	chunk->first = first;
	chunk->count = 0;
	chunk->run_count = 0;
	for (size_t i = first; i < table->ordered && chunk->count < most; i++) {
		uint64_t address = table->addresses[table->order[i]];
		struct gsd_range *run = chunk->run_count > 0 ? &chunk->runs[chunk->run_count - 1] : NULL;
		uint64_t end = run != NULL ? run->address + run->length : 0;
		size_t more = table->header_size;
		bool joins =
			run != NULL && address >= run->address && address < end + RUN_GAP && run->length < RUN_BYTES;
		if (joins)
			more = address + table->header_size > end ? (size_t)(address + table->header_size - end) : 0;
		if (used + more > CHUNK_BYTES)
			break;
		if (joins)
			run->length += more;
		else
			chunk->runs[chunk->run_count++] = (struct gsd_range){.address = address, .length = more};
		run = &chunk->runs[chunk->run_count - 1];
		used += more;
		size_t at = used - run->length + (size_t)(address - run->address);
		chunk->headers[0][chunk->count] = chunk->bytes[0] + at;
		chunk->headers[1][chunk->count] = chunk->bytes[1] + at;
		chunk->count++;
	}
}

void gsd_survey_table_read_chunk(struct gsd_survey_table *table, int reading)
{
	struct gsd_survey_chunk *chunk = &table->chunk;
	uint8_t *buffer = chunk->bytes[reading];
	for (size_t r = 0; r < chunk->run_count; r++) {
		chunk->runs[r].buffer = buffer;
		buffer += chunk->runs[r].length;
	}
	gsd_memory_read_ranges(table->memory, chunk->runs, chunk->run_count);
	size_t r = 0;
	for (size_t i = 0; i < chunk->count; i++) {
		uint64_t address = table->addresses[table->order[chunk->first + i]];
		while (r + 1 < chunk->run_count && address >= chunk->runs[r + 1].address)
			r++;
		if (chunk->runs[r].errnum != 0)
			chunk->headers[reading][i] = NULL;
	}
}
