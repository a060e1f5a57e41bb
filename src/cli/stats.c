/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/stats.h"

#include <inttypes.h>
#include <stddef.h>

#include "cli/json.h"

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
