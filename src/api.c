/* SPDX-License-Identifier: BSD-3-Clause */
/* The rest of the public header: a capture's life, its figures and its outputs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/error.h"
#include "capture.h"
#include "load.h"
#include "output/io_error.h"
#include "output/output.h"
#include "output/select.h"
#include "output/threads.h"

const char *gsd_version(void)
{
	return GSD_VERSION;
}

const char *gsd_write_hint(int errnum)
{
	return gsd_io_hint(errnum);
}

/* ---- its life ---- */

/* Processor time of this process and of its ended children. */
static uint64_t cpu_ns(void)
{
	struct rusage children;
	uint64_t cpu = gsd_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (getrusage(RUSAGE_CHILDREN, &children) == 0)
		cpu += ((uint64_t)children.ru_utime.tv_sec + (uint64_t)children.ru_stime.tv_sec) * 1000000000U +
		       ((uint64_t)children.ru_utime.tv_usec + (uint64_t)children.ru_stime.tv_usec) * 1000U;
	return cpu;
}

struct gsd_error *gsd_capture_create(const struct gsd_capture_options **options, struct gsd_capture **capture_ret)
{
	static const struct gsd_capture_options defaults = {.size = sizeof defaults};
	if (*options == NULL)
		*options = &defaults;
	if ((*options)->size < sizeof defaults)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "take the options of a capture"),
					 "their size field is not set");
	struct gsd_capture *capture = calloc(1, sizeof *capture);
	if (capture == NULL)
		return gsd_error_no_memory();
	capture->started_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	capture->cpu_started_ns = cpu_ns();
	capture->meter = (struct gsd_meter){.tell = (*options)->progress, .context = (*options)->progress_context};
	*capture_ret = capture;
	return NULL;
}

struct gsd_error *gsd_capture_finish(struct gsd_capture *capture, struct gsd_error *error,
				     struct gsd_capture **capture_ret)
{
	if (error != NULL)
		gsd_capture_destroy(capture);
	else
		*capture_ret = capture;
	return error;
}

void gsd_capture_destroy(struct gsd_capture *capture)
{
	if (capture == NULL)
		return;
	gsd_frame_array_free(&capture->frames);
	gsd_symbolizer_destroy(capture->snapshot.symbolizer);
	gsd_traceback_destroy(capture->snapshot.traceback);
	gsd_analysis_free(&capture->analysis);
	gsd_runtime_free(&capture->runtime);
	gsd_c_names_destroy(capture->c_names);
	gsd_loaded_record_free(&capture->record);
	gsd_objects_close(capture->objects);
	gsd_arena_free(&capture->arena);
	free(capture);
}

/* ---- its figures ---- */

const char *gsd_capture_warning(const struct gsd_capture *capture, size_t index)
{
	return index < capture->warning_count ? capture->warnings[index] : NULL;
}

/* VmHWM, since ru_maxrss also counts what this process was before its exec: as large as whoever started it. 0: unknown.
 */
static uint64_t peak_resident_bytes(void)
{
	char line[256];
	uint64_t kib = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1)
			break;
	if (status != NULL)
		fclose(status);
	return kib * 1024;
}

const struct gsd_stats *gsd_capture_stats(struct gsd_capture *capture)
{
	capture->stats.total_ns = gsd_clock_ns(CLOCK_MONOTONIC) - capture->started_ns;
	capture->stats.cpu_ns = cpu_ns() - capture->cpu_started_ns;
	capture->stats.rss_peak_bytes = peak_resident_bytes();
	return &capture->stats;
}

/* ---- its outputs ---- */

struct gsd_error *gsd_selection_check(const struct gsd_selection *selection, bool names)
{
	if (selection->size < sizeof *selection)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "take a selection"),
					 "its size field is not set");
	return gsd_selection_examine(selection, names);
}

struct gsd_error *gsd_capture_select(struct gsd_capture *capture, const struct gsd_selection *selection)
{
	struct gsd_snapshot *snapshot = &capture->snapshot;
	GSD_TRY(gsd_selection_check(selection, !snapshot->addresses_only));
	if (snapshot->threads_only)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_NOT_GO, 0, "select goroutines of %s", snapshot->exe),
			"it is not a Go program and has none: its threads are not selected");
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	snapshot->meter = &capture->meter;
	struct gsd_error *error = gsd_select(snapshot, &source, selection, &capture->arena);
	snapshot->meter = NULL;
	return error;
}

struct writing {
	struct gsd_capture *capture;
	enum gsd_format format;
	struct gsd_write_options options;
};

static struct gsd_error *write_snapshot(const struct writing *writing, const struct gsd_snapshot *snapshot,
					struct gsd_sink *sink)
{
	switch (writing->format) {
	case GSD_FORMAT_PPROF: return gsd_write_pprof(snapshot, sink);
	case GSD_FORMAT_PPROF_GOROUTINES: return gsd_write_pprof_goroutines(snapshot, sink);
	case GSD_FORMAT_FOLDED: return gsd_write_folded(snapshot, sink);
	case GSD_FORMAT_SVG: return gsd_write_svg(snapshot, sink);
	case GSD_FORMAT_HTML: return gsd_write_html(snapshot, sink);
	case GSD_FORMAT_JSONL: return gsd_write_jsonl(snapshot, sink);
	case GSD_FORMAT_TEXT: return gsd_write_text(snapshot, sink);
	case GSD_FORMAT_STACKS: return gsd_write_stacks(snapshot, sink);
	case GSD_FORMAT_RAW: return gsd_capture_record(writing->capture, sink);
	case GSD_FORMAT_REPORT:
		return gsd_write_report(snapshot, sink,
					(struct gsd_report_style){.width = writing->options.width,
								  .height = writing->options.height,
								  .colour = writing->options.colour,
								  .runtime_frames = writing->options.runtime_frames});
	}
	return gsd_error_create(GSD_ERROR_INVALID, 0, "write format number %d", (int)writing->format);
}

static struct gsd_error *refuse_threads(const struct gsd_snapshot *snapshot, const char *format)
{
	return gsd_error_advise(
		gsd_error_because(gsd_error_create(GSD_ERROR_NOT_GO, 0, "write %s of %s", format, snapshot->exe),
				  "it is not a Go program, and that format has nothing but goroutines"),
		"its threads can be written as report, pprof, jsonl, folded, svg, html and raw");
}

/* A program without Go: formats that count and draw stacks have its threads. */
static struct gsd_error *write_threads(const struct writing *writing, struct gsd_sink *sink)
{
	const struct gsd_snapshot *snapshot = &writing->capture->snapshot;
	struct gsd_snapshot threads;
	switch (writing->format) {
	case GSD_FORMAT_PPROF_GOROUTINES: return refuse_threads(snapshot, "pprof-goroutines");
	case GSD_FORMAT_TEXT: return refuse_threads(snapshot, "text");
	case GSD_FORMAT_STACKS: return refuse_threads(snapshot, "stacks");
	case GSD_FORMAT_JSONL:
	case GSD_FORMAT_RAW: return write_snapshot(writing, snapshot, sink);
	default: break;
	}
	GSD_TRY(gsd_threads_view(snapshot, &threads));
	struct gsd_error *error = write_snapshot(writing, &threads, sink);
	gsd_threads_view_free(&threads);
	return error;
}

static struct gsd_error *write_format(struct gsd_sink *sink, void *context)
{
	const struct writing *writing = context;
	struct gsd_capture *capture = writing->capture;
	struct gsd_meter meter = {.tell = writing->options.progress, .context = writing->options.progress_context};
	capture->snapshot.meter = &meter;
	struct gsd_error *error = capture->snapshot.threads_only ? write_threads(writing, sink)
								 : write_snapshot(writing, &capture->snapshot, sink);
	capture->snapshot.meter = NULL;
	return error;
}

static struct gsd_error *make_writing(struct gsd_capture *capture, enum gsd_format format,
				      const struct gsd_write_options *options, struct writing *writing_ret)
{
	*writing_ret = (struct writing){.capture = capture, .format = format};
	if (options == NULL)
		return NULL;
	if (options->size < sizeof *options)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "take the options of an output"),
					 "their size field is not set");
	writing_ret->options = *options;
	return NULL;
}

struct gsd_error *gsd_capture_write(struct gsd_capture *capture, enum gsd_format format, int fd,
				    const struct gsd_write_options *options)
{
	struct writing writing;
	struct gsd_fd_sink sink;
	GSD_TRY(make_writing(capture, format, options, &writing));
	gsd_fd_sink_init(&sink, fd, "the output");
	return write_format(&sink.sink, &writing);
}

struct gsd_error *gsd_capture_write_file(struct gsd_capture *capture, enum gsd_format format, const char *path,
					 const struct gsd_write_options *options)
{
	struct writing writing;
	GSD_TRY(make_writing(capture, format, options, &writing));
	return gsd_file_replace(path, write_format, &writing);
}
