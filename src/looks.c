/* SPDX-License-Identifier: BSD-3-Clause */
#include "looks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct gsd_error *gsd_looks_open(struct gsd_capture *capture, struct gsd_target *target,
				 const struct gsd_analysis_options *how, struct gsd_read_cost *cost,
				 struct gsd_looks *looks_ret)
{
	*looks_ret = (struct gsd_looks){.target = target, .capture = capture};
	GSD_TRY(gsd_analyst_create(&capture->runtime, how, &looks_ret->analyst));
	looks_ret->parallel = gsd_parallel_memory_create(target->process);
	gsd_timed_memory_init(&looks_ret->timed, gsd_parallel_memory(looks_ret->parallel, target->process), cost);
	GSD_TRY(gsd_survey_create(&capture->runtime, looks_ret->analyst, &looks_ret->timed.memory, &looks_ret->survey));
	gsd_survey_measure(looks_ret->survey, &capture->meter);
	return NULL;
}

void gsd_looks_close(struct gsd_looks *looks)
{
	gsd_survey_destroy(looks->survey);
	gsd_analyst_destroy(looks->analyst);
	gsd_parallel_memory_destroy(looks->parallel, looks->target->process);
}

void gsd_looks_finish(struct gsd_looks *looks)
{
	struct gsd_capture *capture = looks->capture;
	struct gsd_stats *stats = &capture->stats;
	struct gsd_survey_figures figures;
	gsd_survey_finish(looks->survey, &figures);
	stats->read_at_stop = figures.read_at_stop;
	stats->one_step = figures.one_step;
	stats->births = figures.births;
	capture->analysis = gsd_analyst_take(looks->analyst);
	for (size_t i = 0; i < capture->analysis.goroutines.count; i++)
		stats->unsettled += capture->analysis.goroutines.items[i].ambiguous ? 1 : 0;
	stats->ambiguous += stats->unsettled;
}

static uint64_t count_running(const struct gsd_goroutine_array *goroutines)
{
	uint64_t count = 0;
	for (size_t i = 0; i < goroutines->count; i++)
		count += goroutines->items[i].unreadable == GSD_UNREADABLE_RUNNING ? 1 : 0;
	return count;
}

/* The runtime's flag as it is now: it changes only while the finalizer goroutine runs, which has no stack then. */
static void read_flag(struct gsd_looks *looks, struct gsd_around *around)
{
	const struct gsd_runtime *runtime = &looks->capture->runtime;
	uint8_t bytes[8] = {0};
	uint32_t flag;
	struct gsd_range range = {
		.address = runtime->finalizer.address, .length = runtime->finalizer.size, .buffer = bytes};
	if (range.address == 0)
		return;
	gsd_memory_read_ranges(looks->target->memory, &range, 1);
	memcpy(&flag, bytes, sizeof flag);
	around->finalizer_known = range.errnum == 0;
	around->finalizer_running = (flag & runtime->finalizer.mask) != 0;
}

struct gsd_error *gsd_looks_give_up(struct gsd_looks *looks, bool mark, struct gsd_stop_figures *figures)
{
	struct gsd_threads threads = {0};
	struct gsd_stop_figures now;
	struct gsd_around around = {.threads = &threads};
	GSD_TRY(gsd_target_list_threads(looks->target, &threads, &now));
	read_flag(looks, &around);
	struct gsd_error *error = gsd_survey_give_up(looks->survey, &around, mark);
	free(threads.items);
	GSD_TRY(error);
	gsd_looks_finish(looks);
	if (gsd_survey_has_moment(looks->survey))
		return NULL;
	*figures = now;
	looks->capture->snapshot.mode = "nonblocking";
	looks->capture->stats.unread_running = count_running(&looks->capture->analysis.goroutines);
	return NULL;
}

static struct gsd_error *look(struct gsd_looks *looks, bool mark, struct gsd_stop_figures *figures_ret)
{
	GSD_TRY(gsd_survey_first_look(looks->survey));
	GSD_TRY(gsd_survey_look(looks->survey));
	GSD_TRY(gsd_survey_look(looks->survey));
	return gsd_looks_give_up(looks, mark, figures_ret);
}

struct gsd_error *gsd_looks_only(struct gsd_capture *capture, struct gsd_target *target,
				 const struct gsd_analysis_options *how, bool mark,
				 struct gsd_stop_figures *figures_ret)
{
	struct gsd_looks looks;
	struct gsd_read_cost cost = {0};
	if (capture->runtime.layout.tracking_seq == GSD_NO_FIELD)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_MISSING, 0, "look at %s without stopping it", target->name),
			"its runtime.g has no trackingSeq, which tells whether a goroutine went on");
	struct gsd_error *error = gsd_looks_open(capture, target, how, &cost, &looks);
	if (error == NULL)
		error = look(&looks, mark, figures_ret);
	gsd_looks_close(&looks);
	return error;
}
