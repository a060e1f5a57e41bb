/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/screen.h"
#include "jobs/clock.h"

#define NS_PER_S   UINT64_C(1000000000)
#define PATIENCE   (NS_PER_S / 2)  /* work that is done before that is not worth a line */
#define BETWEEN    (NS_PER_S / 10) /* drawings */
#define LINE_WIDTH 79
#define BAR_WIDTH  30

static const char *const phases[] = {
	[GSD_PHASE_LOADING] = "loading the capture",   [GSD_PHASE_RUNTIME] = "finding the Go runtime",
	[GSD_PHASE_LOOKING] = "looking at goroutines", [GSD_PHASE_LABELS] = "reading labels",
	[GSD_PHASE_NAMING] = "naming functions",       [GSD_PHASE_SELECTING] = "selecting goroutines",
	[GSD_PHASE_GROUPING] = "finding equal stacks", [GSD_PHASE_WRITING] = "writing",
};

/* The line: there is one standard error. */
static struct {
	bool always;
	uint64_t started_ns;
	uint64_t drawn_ns;
	enum gsd_phase phase; /* of the last drawing */
	unsigned columns;     /* that it takes; 0: it is not there */
} line;

void progress_erase(void)
{
	if (line.columns == 0)
		return;
	fprintf(stderr, "\r%*s\r", (int)line.columns, "");
	line.columns = 0;
}

/* Without the last column: a terminal may go on to the next line after it. */
static unsigned line_width(void)
{
	unsigned columns, lines;
	bool colour;
	screen_of(STDERR_FILENO, &columns, &lines, &colour);
	return columns == 0 || columns > LINE_WIDTH + 1 ? LINE_WIDTH : columns - 1;
}

/* A job in the background does not write into what its user does now. */
static bool is_in_background(void)
{
	pid_t foreground = tcgetpgrp(STDERR_FILENO);
	return foreground > 0 && foreground != getpgrp();
}

static void add_bar(char *text, size_t size, const struct gsd_progress *progress)
{
	char bar[BAR_WIDTH + 1] = "";
	uint64_t done = progress->done < progress->total ? progress->done : progress->total;
	double part = (double)done / (double)progress->total;
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)(part * BAR_WIDTH));
	size_t length = strlen(text);
	snprintf(text + length, size - length, "%*s [%s] %3u%% of %" PRIu64, (int)(22 - length), "", bar,
		 (unsigned)(part * 100), progress->total);
}

static void draw(const struct gsd_progress *progress)
{
	char text[128];
	snprintf(text, sizeof text, "%s", phases[progress->phase]);
	if (progress->total > 0)
		add_bar(text, sizeof text, progress);
	unsigned width = line_width();
	unsigned length = (unsigned)strlen(text) < width ? (unsigned)strlen(text) : width;
	unsigned before = line.columns > length ? line.columns - length : 0;
	/* What is left of a longer line is overwritten; then back, so that what others write does not follow it. */
	fprintf(stderr, "\r%.*s%*s\r", (int)length, text, (int)before, "");
	line.columns = length;
	line.phase = progress->phase;
}

/* gsd_progress_function */
static void show(void *context, const struct gsd_progress *progress)
{
	(void)context;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool new_phase = line.columns == 0 || line.phase != progress->phase;
	if ((!line.always && now - line.started_ns < PATIENCE) || (!new_phase && now - line.drawn_ns < BETWEEN) ||
	    (unsigned)progress->phase >= sizeof phases / sizeof phases[0] || is_in_background())
		return;
	draw(progress);
	line.drawn_ns = now;
}

/* The same, for what others show. */
static void show_until_written(void *context, const struct gsd_progress *progress)
{
	if (progress->phase == GSD_PHASE_WRITING)
		progress_erase();
	else
		show(context, progress);
}

void progress_decide(struct invocation *invocation)
{
	enum progress_wish wish = invocation->progress;
	if (!isatty(STDERR_FILENO) || wish == PROGRESS_NEVER || (invocation->quiet && wish != PROGRESS_ALWAYS))
		return;
	line.always = wish == PROGRESS_ALWAYS;
	line.started_ns = clock_ns(CLOCK_MONOTONIC);
	invocation->capture.progress = show;
}

void progress_of_output(const struct invocation *invocation, int descriptor, struct gsd_write_options *options)
{
	struct stat status;
	if (invocation->capture.progress == NULL)
		return;
	bool file = descriptor < 0 || (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode));
	options->progress = file ? show : show_until_written;
}
