/* SPDX-License-Identifier: BSD-3-Clause */
/* Text for people: quoted, measured in columns, shortened. */
#ifndef GSD_OUTPUT_TEXT_H
#define GSD_OUTPUT_TEXT_H

#include "output/output.h"

/** A growing text. A zeroed struct is an empty one. */
struct gsd_text {
	char *bytes;
	size_t length;
	size_t capacity;
	unsigned columns; /**< columns used since the last newline */
	bool failed;      /**< no memory: what follows is not added, and gsd_text_emit() says so */
};

/** Empties @p text and keeps its memory. */
void gsd_text_clear(struct gsd_text *text);
void gsd_text_free(struct gsd_text *text);

/** Adds our own words, ASCII: one column a byte but for newlines. What the target says goes to gsd_text_quote(). */
void gsd_text_add(struct gsd_text *text, const char *words);
/** Adds @p number as it is: an id, a line. */
void gsd_text_add_decimal(struct gsd_text *text, int64_t number);
/** Adds @p number with a comma between thousands: a count. */
void gsd_text_add_number(struct gsd_text *text, uint64_t number);
/** Adds a time of the wall clock, in UTC to the second; nothing when it is none. */
void gsd_text_add_time(struct gsd_text *text, uint64_t unix_ns);
/** Adds what takes no column: a terminal sequence. */
void gsd_text_add_style(struct gsd_text *text, const char *sequence);
/** Adds spaces until @p column; none when the line is already there. */
void gsd_text_pad(struct gsd_text *text, unsigned column);
/**
 * Adds a string of the target: control characters and bytes that are not UTF-8 as \xNN, characters that change the
 * direction of text or break lines as \u{NNNN}; nothing that a terminal acts on is left.
 */
void gsd_text_quote(struct gsd_text *text, const void *bytes, size_t length);
/** Adds @p other, whose columns count as the same number here (it has no newline). */
void gsd_text_add_text(struct gsd_text *text, const struct gsd_text *other);
/** Adds the end of @p other, begun with "…" and after a '/' if it has one there, in at most @p columns; or all of it.
 */
void gsd_text_add_end(struct gsd_text *text, const struct gsd_text *other, unsigned columns);
/** Adds the beginning of @p other, ended with "…", in at most @p columns; or all of it. */
void gsd_text_add_beginning(struct gsd_text *text, const struct gsd_text *other, unsigned columns);

/** Writes @p text to @p sink and empties it. */
GSD_MUST_CHECK struct gsd_error *gsd_text_emit(struct gsd_text *text, struct gsd_sink *sink);

#endif
