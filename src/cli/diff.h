/* SPDX-License-Identifier: BSD-3-Clause */
/* What the diff command shows, as a report or as a page. */
#ifndef GSD_CLI_DIFF_H
#define GSD_CLI_DIFF_H

#include <stdio.h>

#include "cli/cli.h"
#include "jobs/series.h"

/** How a report looks. */
struct diff_style {
	unsigned width; /**< columns */
	bool colour;
	bool utf8;           /**< plots and arrows may use more than ASCII */
	unsigned height;     /**< lines for what is most important; 0: everything */
	bool runtime_frames; /**< frames of the runtime, too */
};

void diff_report(const struct series_set *set, const struct diff_style *style, FILE *stream);
/** One page that loads nothing. False without memory. */
bool diff_html(const struct series_set *set, FILE *stream);

/** The page up to its data, and from there on: diff_page.html with diff_page.css and diff_page.js. */
extern const unsigned char diff_page_head[];
extern const size_t diff_page_head_size;
extern const unsigned char diff_page_tail[];
extern const size_t diff_page_tail_size;

/**
 * Doubt @p number about a series, if it is one of it: a line of text, which the caller frees, else NULL. False behind
 * the last number.
 */
bool diff_doubt(const struct series *series, size_t number, char **text_ret);

#endif
