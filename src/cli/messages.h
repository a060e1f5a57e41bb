/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person reads on standard error: always "gostackdump: ", one line, then hints that are indented. */
#ifndef GSD_CLI_MESSAGES_H
#define GSD_CLI_MESSAGES_H

#include <stdio.h>

#include "cli/cli.h"

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/** One line. Whatever could move a terminal's cursor is shown as \xNN, wherever in the text it comes from. */
void message(const char *format, ...) PRINTF_LIKE(1, 2);
/** A line of advice under the last message. */
void message_hint(const char *format, ...) PRINTF_LIKE(1, 2);
/** An error of the library with its hints. */
void message_error(const struct gsd_error *error);
/** Its hints alone. */
void message_hints(const struct gsd_error *error);
/** "cannot ATTEMPT: strerror(errnum)". */
void message_errno(int errnum, const char *attempt, ...) PRINTF_LIKE(2, 3);
/** The same about something that cannot be written, and what to do about it. */
void message_not_written(int errnum, const char *attempt, ...) PRINTF_LIKE(2, 3);
/** A message about wrong usage. Returns false, for the parser. */
bool usage_error(const char *format, ...) PRINTF_LIKE(1, 2);

/**
 * From here on each message begins with the time (UTC) instead of the program's name; with @p json each is an object in
 * a line of its own: {"time":…,"event":"message","text":…}, and hints are {"time":…,"event":"hint",…}.
 */
void messages_timed(bool json);
/**
 * A line of JSON of another event: its members can be printed to what is returned, each with a comma before it. Never
 * NULL; ends with message_end().
 */
FILE *message_begin(const char *event);
void message_end(FILE *line);

#endif
