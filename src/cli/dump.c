/* SPDX-License-Identifier: BSD-3-Clause */
/* The dump command: for each process one capture, its files, its line of statistics, its summary. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/stats.h"

/* How one process went. */
struct result {
	size_t written;
	size_t failed;
	bool partial; /* goroutines are marked in what was written */
};

static void free_places(char **places, size_t count)
{
	for (size_t i = 0; places != NULL && i < count; i++)
		free(places[i]);
	free(places);
}

/* The path of every output, or NULL: then it is said why, and the process need not be stopped. */
static char **find_places(const struct invocation *invocation, const struct origin *origin)
{
	char **places = calloc(invocation->output_count, sizeof *places);
	for (size_t i = 0; places != NULL && i < invocation->output_count; i++) {
		places[i] = output_place(&invocation->outputs[i], origin);
		if (places[i] == NULL) {
			free_places(places, invocation->output_count);
			return NULL;
		}
	}
	return places;
}

static const char *program_name(const struct gsd_stats *stats)
{
	const char *exe = stats->exe != NULL ? stats->exe : "";
	const char *slash = strrchr(exe, '/');
	return slash != NULL ? slash + 1 : exe;
}

static void warn_of_unsettled(const struct gsd_stats *stats)
{
	if (stats->unsettled == 0)
		return;
	if (stats->refused_pause_ns > 0)
		message("%" PRIu64 " of %" PRIu64
			" goroutines are not settled to be of one moment: the stop that it takes "
			"lasts about %.2f ms, longer than --max-pause allows",
			stats->unsettled, stats->goroutines, (double)stats->refused_pause_ns / 1e6);
	else
		message("%" PRIu64 " of %" PRIu64 " goroutines are not settled to be of one moment: the threads of the "
			"process could not be attached to in time",
			stats->unsettled, stats->goroutines);
	message_hint("each carries the label gostackdump=ambiguous: it was read while the process ran");
}

static void warn_of_marked(const struct gsd_stats *stats)
{
	uint64_t unreadable = stats->unreadable - stats->unread_running;
	uint64_t of_labels = stats->ambiguous - stats->unsettled;
	if (unreadable > 0) {
		message("the stacks of %" PRIu64 " of %" PRIu64 " %s could not be read", unreadable,
			stats_is_go(stats) ? stats->goroutines : stats->threads,
			stats_is_go(stats) ? "goroutines" : "threads");
		message_hint("each stands in the output as gostackdump.unreadable:REASON");
	}
	warn_of_unsettled(stats);
	if (of_labels > 0) {
		message("the labels of %" PRIu64 " of %" PRIu64
			" goroutines changed, or the process ended, before they were read",
			of_labels, stats->goroutines);
		message_hint("each carries the label gostackdump=ambiguous in their place; its stack is right");
	}
}

static void print_moment(FILE *stream, const struct gsd_stats *stats)
{
	char text[64] = "";
	struct tm utc;
	time_t second = (time_t)(stats->time_unix_ns / 1000000000);
	if (gmtime_r(&second, &utc) != NULL)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	fprintf(stream, "captured %s", text);
}

/* What was captured, and of what. */
static void print_subject(FILE *stream, const struct gsd_stats *stats, size_t selected)
{
	uint64_t count = stats_is_go(stats) ? stats->goroutines : stats->threads;
	if (stats_is_go(stats) && selected != stats->goroutines)
		fprintf(stream, "%zu of ", selected);
	fprintf(stream, "%" PRIu64 " %s%s of %s (", count, stats_is_go(stats) ? "goroutine" : "thread",
		count == 1 ? "" : "s", program_name(stats));
	if (stats->pid != 0)
		fprintf(stream, "pid %" PRIu64 ", ", stats->pid);
	fprintf(stream, "%s), ", stats_is_go(stats) ? stats->go_version : "not a Go program");
}

/* What it cost the process. */
static void print_pause(FILE *stream, const struct gsd_stats *stats)
{
	if (stats->stops == 0)
		fprintf(stream, "not paused");
	else if (stats->threads == 0)
		fprintf(stream, "paused %.2f ms in vain", (double)stats->pause_ns / 1e6);
	else if (!stats_is_go(stats))
		fprintf(stream, "paused %.2f ms", (double)stats->pause_ns / 1e6);
	else
		fprintf(stream, "%" PRIu64 " thread%s paused %.2f ms", stats->threads, stats->threads == 1 ? "" : "s",
			(double)stats->pause_ns / 1e6);
	if (stats->stops > 1)
		fprintf(stream, " (%" PRIu64 " times, %.2f ms in all)", stats->stops,
			(double)stats->pause_total_ns / 1e6);
	if (stats->unread_running > 0)
		fprintf(stream, ", %" PRIu64 " running without a stack", stats->unread_running);
}

static void summarize(const struct invocation *invocation, const struct gsd_stats *stats, size_t selected,
		      char **places, const bool *written)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	if (stream == NULL)
		return;
	print_subject(stream, stats, selected);
	if (invocation->from != NULL)
		print_moment(stream, stats);
	else if (invocation->core != NULL)
		fprintf(stream, "%" PRIu64 " thread%s in the core %s", stats->threads, stats->threads == 1 ? "" : "s",
			invocation->core);
	else
		print_pause(stream, stats);
	const char *before = ", wrote ";
	for (size_t i = 0; i < invocation->output_count; i++) {
		if (!written[i] || invocation->outputs[i].kind == OUTPUT_DESCRIPTOR)
			continue;
		fprintf(stream, "%s%s", before, places[i]);
		before = " ";
	}
	if (fclose(stream) == 0)
		message("%s", text);
	free(text);
}

static void write_outputs(const struct invocation *invocation, struct gsd_capture *capture, char **places,
			  FILE *stats_stream, struct result *result)
{
	bool *written = calloc(invocation->output_count, sizeof *written);
	if (written == NULL) {
		message("no memory to write the outputs");
		result->failed += invocation->output_count;
		return;
	}
	for (size_t i = 0; i < invocation->output_count; i++) {
		written[i] = output_write(invocation, &invocation->outputs[i], places[i], capture);
		*(written[i] ? &result->written : &result->failed) += 1;
	}
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	if (stats_stream != NULL)
		stats_print(stats_stream, stats);
	result->partial |= stats_partial(stats);
	for (size_t i = 0; gsd_capture_warning(capture, i) != NULL; i++)
		message("%s", gsd_capture_warning(capture, i));
	warn_of_marked(stats);
	if (!invocation->quiet && result->written > 0)
		summarize(invocation, stats, gsd_capture_goroutine_count(capture), places, written);
	if (invocation->verbose)
		stats_say_details(stats);
	free(written);
}

/* Narrows a capture to what was asked for and writes it to its places, unless there is an @p error. Frees them all. */
static void conclude(const struct invocation *invocation, struct gsd_capture *capture, struct gsd_error *error,
		     char **places, FILE *stats_stream, struct result *result)
{
	if (capture != NULL)
		error = output_select(invocation, capture);
	if (error != NULL)
		message_error(error);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NOT_GO && !invocation->capture.native)
		message_hint("--native shows where its threads are, with their C stacks");
	if (capture != NULL && places != NULL && error == NULL)
		write_outputs(invocation, capture, places, stats_stream, result);
	else
		result->failed++;
	gsd_error_destroy(error);
	gsd_capture_destroy(capture);
	free_places(places, invocation->output_count);
}

/* Whoever asks for C frames of a program without Go wants its threads. */
static struct gsd_capture_options capture_options(const struct invocation *invocation)
{
	struct gsd_capture_options options = invocation->capture;
	options.not_go = options.native;
	return options;
}

static void dump_process(const struct invocation *invocation, pid_t pid, FILE *stats_stream, struct result *result)
{
	const struct gsd_capture_options options = capture_options(invocation);
	struct origin origin;
	origin_take(pid, &origin);
	char **places = find_places(invocation, &origin);
	struct gsd_capture *capture = NULL;
	struct gsd_error *error = NULL;
	if (places != NULL)
		error = gsd_capture_process(pid, &options, &capture);
	conclude(invocation, capture, error, places, stats_stream, result);
}

/* A core or a saved capture says itself of which process and moment it is: outputs are named after it was read. */
static void dump_saved(const struct invocation *invocation, FILE *stats_stream, struct result *result)
{
	char **places = NULL;
	struct gsd_capture *capture = NULL;
	const struct gsd_capture_options options = capture_options(invocation);
	struct gsd_error *error = invocation->core != NULL ? gsd_capture_core(invocation->core, &options, &capture)
							   : gsd_capture_load(invocation->from, &options, &capture);
	if (error == NULL) {
		struct origin origin;
		origin_of_capture(gsd_capture_stats(capture), &origin);
		places = find_places(invocation, &origin);
	}
	conclude(invocation, capture, error, places, stats_stream, result);
}

static enum status result_status(const struct result *result)
{
	if (result->written == 0)
		return STATUS_NOTHING;
	return result->failed > 0 || result->partial ? STATUS_PARTIAL : STATUS_COMPLETE;
}

enum status dump_run(const struct invocation *invocation)
{
	struct result result = {0};
	char *lines = NULL;
	size_t size = 0;
	FILE *stats_stream = invocation->stats_path != NULL ? open_memstream(&lines, &size) : NULL;
	if (invocation->stats_path != NULL && stats_stream == NULL) {
		message("no memory for the statistics");
		return STATUS_NOTHING;
	}
	if (invocation->core != NULL || invocation->from != NULL)
		dump_saved(invocation, stats_stream, &result);
	for (size_t i = 0; i < invocation->pid_count; i++)
		dump_process(invocation, invocation->pids[i], stats_stream, &result);
	progress_erase();
	if (stats_stream != NULL) {
		bool complete = fclose(stats_stream) == 0;
		if (!complete)
			message("no memory for the statistics");
		if (!complete || (size > 0 && !text_write(invocation->stats_path, lines, size)))
			result.failed++;
		free(lines);
	}
	return result_status(&result);
}
