/* SPDX-License-Identifier: BSD-3-Clause */
/* The rest of the public header: what is selected of a capture, and its outputs. */
#include <string.h>

#include "base/error.h"
#include "base/read_hint.h"
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

const char *gsd_read_hint(int errnum)
{
	return gsd_reading_hint(errnum);
}

struct gsd_error *gsd_selection_check(const struct gsd_selection *selection, bool names)
{
	if (selection->size < sizeof *selection)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "take a selection"),
					 "its size field is not set");
	return gsd_selection_examine(selection, names);
}

/* Adds that warning behind those that there are. */
static struct gsd_error *warn_of_ages(struct gsd_capture *capture)
{
	size_t count = capture->warning_count;
	const char **warnings = gsd_arena_allocate(&capture->arena, (count + 1) * sizeof *warnings);
	if (warnings == NULL)
		return gsd_error_no_memory();
	if (count > 0)
		memcpy(warnings, capture->warnings, count * sizeof *warnings);
	warnings[count] = "a core does not say how long goroutines wait: age is neither more nor less than anything";
	capture->warnings = warnings;
	capture->warning_count = count + 1;
	return NULL;
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
	return error != NULL || !gsd_selection_lacks_ages(snapshot) ? error : warn_of_ages(capture);
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
