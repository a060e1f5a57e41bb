/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture from its beginning to its end, whatever it is of, and the figures of that time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/error.h"
#include "capture.h"
#include "objects.h"

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
