/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/census.h"

#include <stdlib.h>

#include "base/error.h"
#include "go/survey_table.h"

static void note_wait(struct gsd_census *census, const struct gsd_goroutine *goroutine)
{
	uint64_t since = goroutine->wait_since;
	if (since != 0 && (census->first_since == 0 || since < census->first_since))
		census->first_since = since;
}

static void count(struct gsd_census *census, const struct gsd_goroutine *goroutine)
{
	if (goroutine->system) {
		census->system++;
		return;
	}
	switch (goroutine->status) {
	case GSD_STATUS_RUNNING: census->running++; return;
	case GSD_STATUS_RUNNABLE: census->runnable++; return;
	case GSD_STATUS_SYSCALL:
		census->syscall++;
		note_wait(census, goroutine);
		return;
	case GSD_STATUS_WAITING:
	case GSD_STATUS_LEAKED:
		census->waiting++;
		note_wait(census, goroutine);
		return;
	default: census->other++;
	}
}

static struct gsd_error *count_chunk(struct gsd_analyst *analyst, const struct gsd_survey_table *table,
				     struct gsd_census *census)
{
	static const struct gsd_threads no_threads = {0};
	const struct gsd_around around = {.threads = &no_threads};
	const struct gsd_survey_chunk *chunk = &table->chunk;
	for (size_t i = 0; i < chunk->count; i++) {
		struct gsd_goroutine goroutine;
		bool there;
		const struct gsd_copied_goroutine copied = {.address = table->addresses[table->order[chunk->first + i]],
							    .g = chunk->headers[0][i]};
		if (copied.g == NULL) {
			census->other++;
			continue;
		}
		GSD_TRY(gsd_analyst_goroutine(analyst, &copied, &around, &goroutine, &there));
		if (there)
			count(census, &goroutine);
	}
	return NULL;
}

static struct gsd_error *count_all(const struct gsd_runtime *runtime, struct gsd_analyst *analyst,
				   struct gsd_survey_table *table, struct gsd_census *census)
{
	GSD_TRY(gsd_survey_table_read_list(table, &runtime->allgs));
	GSD_TRY(gsd_survey_table_sort(table));
	for (size_t first = 0; first < table->ordered; first += table->chunk.count) {
		gsd_survey_table_make_chunk(table, first, GSD_CHUNK_SLOTS);
		gsd_survey_table_read_chunk(table, 0);
		GSD_TRY(count_chunk(analyst, table, census));
	}
	return NULL;
}

struct gsd_error *gsd_census_take(const struct gsd_runtime *runtime, struct gsd_memory *memory,
				  struct gsd_census *census_ret)
{
	const struct gsd_analysis_options options = {.headers_only = true};
	struct gsd_analyst *analyst = NULL;
	struct gsd_census census = {0};
	struct gsd_survey_table *table = calloc(1, sizeof *table);
	if (table == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_analyst_create(runtime, &options, &analyst);
	if (error == NULL)
		error = gsd_survey_table_init(table, memory, gsd_layout_g_bytes(&runtime->layout));
	if (error == NULL)
		error = count_all(runtime, analyst, table, &census);
	gsd_survey_table_free(table);
	free(table);
	gsd_analyst_destroy(analyst);
	if (error == NULL)
		*census_ret = census;
	return error;
}
