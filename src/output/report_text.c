/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "output/report_parts.h"
#include "output/threads.h"

#define NS_PER_MINUTE (UINT64_C(60) * 1000000000)
#define HOUR          UINT64_C(60) /* minutes */
#define DAY           (24 * HOUR)

void gsd_report_add_style(struct gsd_report *report, const char *sequence)
{
	if (report->style.colour)
		gsd_text_add_style(&report->text, sequence);
}

void gsd_report_quote(struct gsd_text *text, const char *string)
{
	gsd_text_quote(text, string, strlen(string));
}

void gsd_report_add_count(struct gsd_text *text, uint64_t count, const char *one, const char *many)
{
	gsd_text_add_number(text, count);
	gsd_text_add(text, " ");
	gsd_text_add(text, count == 1 ? one : many);
}

void gsd_report_add_goroutines(struct gsd_report *report, uint64_t count)
{
	gsd_text_add_number(&report->text, count);
	gsd_text_add(&report->text, " ");
	gsd_text_add(&report->text, gsd_snapshot_noun(report->snapshot, count));
}

/* Adds the item to the list that the text ends with, on a new line when it does not fit. */
void gsd_report_add_item(struct gsd_report *report, bool first, unsigned indent)
{
	struct gsd_text *text = &report->text;
	if (!first) {
		gsd_text_add(text, ",");
		if (text->columns + 1 + report->item.columns + 1 > report->style.width) {
			gsd_text_add(text, "\n");
			gsd_text_pad(text, indent);
		} else {
			gsd_text_add(text, " ");
		}
	}
	/* One column stays free for the comma. */
	gsd_text_add_beginning(text, &report->item, report->style.width - indent - 1);
	gsd_text_clear(&report->item);
}

/* To about two digits: that is as much as a person needs, and more than the runtime knows. */
bool gsd_report_add_age(struct gsd_text *text, uint64_t ns, const char *before)
{
	uint64_t minutes = ns / NS_PER_MINUTE;
	if (minutes == 0)
		return false;
	gsd_text_add(text, before);
	if (minutes < 2 * HOUR)
		gsd_report_add_count(text, minutes, "minute", "minutes");
	else if (minutes < 2 * DAY)
		gsd_report_add_count(text, minutes / HOUR, "hour", "hours");
	else
		gsd_report_add_count(text, minutes / DAY, "day", "days");
	return true;
}
