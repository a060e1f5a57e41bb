/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/messages.h"

enum { SCHEMA = 1 };

struct key {
	const char *name;
	size_t offset;
};

#define KEY(name)                                                                                                      \
	{                                                                                                              \
#name, offsetof(struct gsd_stats, name)                                                                \
	}

static const struct key numbers[] = {
	KEY(pid),
	KEY(goroutines),
	KEY(system_goroutines),
	KEY(unreadable),
	KEY(ambiguous),
	KEY(unsettled),
	KEY(unread_running),
	KEY(refused_pause_ns),
	KEY(threads),
	KEY(pause_ns),
	KEY(pause_total_ns),
	KEY(stops),
	KEY(read_at_stop),
	KEY(one_step),
	KEY(births),
	KEY(rounds),
	KEY(prepare_ns),
	KEY(capture_ns),
	KEY(total_ns),
	KEY(cpu_ns),
	KEY(bytes_read),
	KEY(missing_bytes),
	KEY(rss_peak_bytes),
	KEY(frames),
	KEY(unwind_table),
	KEY(unwind_fp),
	KEY(unwind_disagreements),
};

static const struct key strings[] = {
	KEY(exe), KEY(go_version), KEY(mode), KEY(layout_source), KEY(allgs_source),
};

bool stats_is_go(const struct gsd_stats *stats)
{
	return *stats->go_version != '\0';
}

bool stats_partial(const struct gsd_stats *stats)
{
	return stats->unreadable > stats->unread_running || stats->ambiguous > 0 || stats->missing_bytes > 0;
}

void stats_print(FILE *stream, const struct gsd_stats *stats)
{
	const char *base = (const char *)stats;
	fprintf(stream, "{\"schema\":%d", SCHEMA);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		fprintf(stream, ",\"%s\":%" PRIu64, numbers[i].name, *(const uint64_t *)(base + numbers[i].offset));
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		const char *text = *(const char *const *)(base + strings[i].offset);
		fprintf(stream, ",\"%s\":", strings[i].name);
		if (text != NULL && *text != '\0')
			json_print_string(stream, text);
		else
			fputs("null", stream);
	}
	fputs("}\n", stream);
}

void stats_say_details(const struct gsd_stats *stats)
{
	message_hint("program %s", stats->exe);
	if (stats_is_go(stats))
		message_hint("layouts from %s, goroutines from %s, mode %s", stats->layout_source, stats->allgs_source,
			     stats->mode);
	message_hint("preparing %.1f ms, capturing %.1f ms, in all %.1f ms; processor %.1f ms",
		     (double)stats->prepare_ns / 1e6, (double)stats->capture_ns / 1e6, (double)stats->total_ns / 1e6,
		     (double)stats->cpu_ns / 1e6);
	message_hint("%" PRIu64 " stop%s, %.2f ms in all; read %.1f MiB, peak memory %.1f MiB", stats->stops,
		     stats->stops == 1 ? "" : "s", (double)stats->pause_total_ns / 1e6,
		     (double)stats->bytes_read / 1048576, (double)stats->rss_peak_bytes / 1048576);
	if (stats_is_go(stats))
		message_hint("%" PRIu64 " frames: %" PRIu64 " by table, %" PRIu64 " by frame pointer; %" PRIu64
			     " goroutines on which they disagree",
			     stats->frames, stats->unwind_table, stats->unwind_fp, stats->unwind_disagreements);
}

static int open_end(const char *path)
{
	return strcmp(path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
				      : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
}

static bool say_failure(const char *path, int errnum)
{
	message_errno(errnum, "write %s", path);
	message_hint("%s", gsd_write_hint(errnum));
	return false;
}

bool stats_check(const char *path)
{
	int descriptor = path != NULL ? open_end(path) : -1;
	if (descriptor < 0)
		return path == NULL || say_failure(path, errno);
	close(descriptor);
	return true;
}

/* A line is one write(2): whoever reads along never sees half of one. */
static int write_line(int descriptor, const char *line, size_t size)
{
	ssize_t written;
	do
		written = write(descriptor, line, size);
	while (written < 0 && errno == EINTR);
	return written == (ssize_t)size ? 0 : written < 0 ? errno : ENOSPC;
}

bool stats_append(const char *path, const struct gsd_stats *stats)
{
	char *line = NULL;
	size_t size = 0;
	FILE *stream = path != NULL ? open_memstream(&line, &size) : NULL;
	if (stream == NULL)
		return path == NULL || say_failure(path, ENOMEM);
	stats_print(stream, stats);
	int errnum = fclose(stream) == 0 ? 0 : ENOMEM;
	int descriptor = errnum == 0 ? open_end(path) : -1;
	if (errnum == 0)
		errnum = descriptor >= 0 ? write_line(descriptor, line, size) : errno;
	if (descriptor >= 0)
		close(descriptor);
	free(line);
	return errnum == 0 || say_failure(path, errnum);
}
