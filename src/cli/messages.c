/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/progress.h"
#include "cli/utf8.h"

/* How messages begin. */
static enum { STYLE_NAME, STYLE_TIME, STYLE_JSON } style;

void messages_timed(bool json)
{
	style = json ? STYLE_JSON : STYLE_TIME;
}

static void print_time(FILE *stream)
{
	struct timespec now;
	struct tm utc;
	char text[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	fprintf(stream, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

/* Collected, so that it is written at once; without memory for that, as it comes. */
static char *line_text;
static size_t line_size;

FILE *message_begin(const char *event)
{
	FILE *line = open_memstream(&line_text, &line_size);
	if (line == NULL)
		line = stderr;
	fputs("{\"time\":\"", line);
	print_time(line);
	fprintf(line, "\",\"event\":\"%s\"", event);
	return line;
}

void message_end(FILE *line)
{
	fputs("}\n", line);
	if (line == stderr)
		return;
	if (fclose(line) == 0)
		fwrite(line_text, 1, line_size, stderr);
	free(line_text);
}

static void print_line(bool hint, const char *text)
{
	progress_erase();
	if (style == STYLE_JSON) {
		FILE *line = message_begin(hint ? "hint" : "message");
		fputs(",\"text\":", line);
		json_print_string(line, text);
		message_end(line);
		return;
	}
	char *quoted = quote(text);
	if (hint)
		fputs("  ", stderr);
	else if (style == STYLE_NAME)
		fputs("gostackdump: ", stderr);
	else
		print_time(stderr);
	fprintf(stderr, "%s%s\n", style == STYLE_TIME && !hint ? " " : "",
		quoted != NULL ? quoted : "(no memory for the message)");
	free(quoted);
}

static void print_format(bool hint, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
static void print_format(bool hint, const char *format, va_list arguments)
{
	char *text;
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	print_line(hint, text != NULL ? text : format);
	free(text);
}

void message(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_format(false, format, arguments);
	va_end(arguments);
}

void message_hint(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_format(true, format, arguments);
	va_end(arguments);
}

void message_error(const struct gsd_error *error)
{
	message("%s", gsd_error_message(error));
	message_hints(error);
}

void message_hints(const struct gsd_error *error)
{
	const char *hint = gsd_error_hint(error);
	while (hint != NULL && *hint != '\0') {
		size_t length = strcspn(hint, "\n");
		message_hint("%.*s", (int)length, hint);
		hint += length + (hint[length] == '\n');
	}
}

static void print_errno(int errnum, const char *attempt, va_list arguments) PRINTF_LIKE(2, 0);
static void print_errno(int errnum, const char *attempt, va_list arguments)
{
	char *text;
	if (vasprintf(&text, attempt, arguments) < 0)
		text = NULL;
	message("cannot %s: %s", text != NULL ? text : attempt, strerror(errnum));
	free(text);
}

void message_errno(int errnum, const char *attempt, ...)
{
	va_list arguments;
	va_start(arguments, attempt);
	print_errno(errnum, attempt, arguments);
	va_end(arguments);
}

void message_not_written(int errnum, const char *attempt, ...)
{
	va_list arguments;
	va_start(arguments, attempt);
	print_errno(errnum, attempt, arguments);
	va_end(arguments);
	message_hint("%s", gsd_write_hint(errnum));
}

bool usage_error(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_format(false, format, arguments);
	va_end(arguments);
	return false;
}
