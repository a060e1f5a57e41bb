/* SPDX-License-Identifier: BSD-3-Clause */
/* A report on its way: what its parts share. */
#ifndef GSD_OUTPUT_REPORT_PARTS_H
#define GSD_OUTPUT_REPORT_PARTS_H

#include "base/error.h"
#include "output/report.h"
#include "output/report_groups.h"
#include "output/text.h"

#define GSD_STYLE_BOLD  "\x1b[1m"
#define GSD_STYLE_DIM   "\x1b[2m"
#define GSD_STYLE_PLAIN "\x1b[0m"

struct gsd_report {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_report_style style;
	struct gsd_groups groups;
	struct gsd_text text;     /**< what is written next */
	struct gsd_text item;     /**< of a list, quoted */
	struct gsd_text function; /**< of the line at hand, quoted */
	struct gsd_text file;     /**< its file and line, quoted */
	size_t frame_limit;       /**< lines of a stack that are shown; 0: all */
};

/* report_text.c */

/** A terminal sequence, if there is to be colour. */
void gsd_report_add_style(struct gsd_report *report, const char *sequence);
/** Adds "1,234 goroutines" or "1 goroutine". */
void gsd_report_add_count(struct gsd_text *text, uint64_t count, const char *one, const char *many);
/** Adds "1,234 goroutines" of the report, or threads where it has those. */
void gsd_report_add_goroutines(struct gsd_report *report, uint64_t count);
/** Adds a string of the target. */
void gsd_report_quote(struct gsd_text *text, const char *string);
/** Adds the item to the list that the text ends with, on a new line, @p indent in, when it does not fit. */
void gsd_report_add_item(struct gsd_report *report, bool first, unsigned indent);
/** "12 minutes"; nothing under a minute: then it returns false. */
bool gsd_report_add_age(struct gsd_text *text, uint64_t ns, const char *before);

/* report_summary.c */

/** Adds what the process is and how many goroutines are in which state. */
GSD_MUST_CHECK struct gsd_error *gsd_report_add_summary(struct gsd_report *report);

/* report_group.c */

/** Adds a group with its stack, after an empty line. */
GSD_MUST_CHECK struct gsd_error *gsd_report_add_group(struct gsd_report *report, const struct gsd_group *group);
/** Adds a group of threads that run no goroutine; their ids stand where those of goroutines do. */
GSD_MUST_CHECK struct gsd_error *gsd_report_add_thread_group(struct gsd_report *report, const struct gsd_group *group);
/** Adds that there are @p count threads of the Go runtime. */
void gsd_report_add_idle_threads(struct gsd_report *report, uint64_t count);
/** Of groups that are shown in one line each: the columns of counts, and of states with ages. */
struct gsd_report_columns {
	unsigned count, state;
};
/** Widens @p columns to what @p group takes. */
void gsd_report_measure_group_line(struct gsd_report *report, const struct gsd_group *group,
				   struct gsd_report_columns *columns);
/** Adds a group as one line. A state that does not fit into its columns is cut; a count does. */
GSD_MUST_CHECK struct gsd_error *gsd_report_add_group_line(struct gsd_report *report, const struct gsd_group *group,
							   const struct gsd_report_columns *columns);

#endif
