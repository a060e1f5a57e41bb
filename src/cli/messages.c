/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/messages.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/progress.h"

/* RFC 3629, section 4: the well-formed sequences, by the range of their second byte. */
size_t utf8_length(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t length;
	unsigned char low = 0x80, high = 0xbf;
	if (byte[0] < 0x80)
		return 1;
	if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
		length = 2;
	} else if ((byte[0] & 0xf0) == 0xe0) {
		length = 3;
		low = byte[0] == 0xe0 ? 0xa0 : 0x80;
		high = byte[0] == 0xed ? 0x9f : 0xbf;
	} else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
		length = 4;
		low = byte[0] == 0xf0 ? 0x90 : 0x80;
		high = byte[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (byte[1] < low || byte[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static uint32_t utf8_decode(const char *text, size_t length)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t character = (unsigned char)text[0] & mask[length];
	for (size_t i = 1; i < length; i++)
		character = character << 6 | ((unsigned char)text[i] & 0x3f);
	return character;
}

/* Controls of both sets, and the marks that reorder or hide what stands around them (Unicode, section 23.2). */
static bool is_harmless(uint32_t character)
{
	return character >= 0x20 && !(character >= 0x7f && character < 0xa0) &&
	       !(character >= 0x200b && character <= 0x200f) && !(character >= 0x2028 && character <= 0x202e) &&
	       !(character >= 0x2060 && character <= 0x206f) && character != 0xfeff;
}

char *quote(const char *text)
{
	char *quoted = malloc(strlen(text) * 4 + 1);
	if (quoted == NULL)
		return NULL;
	char *end = quoted;
	while (*text != '\0') {
		size_t length = utf8_length(text);
		if (length != 0 && is_harmless(utf8_decode(text, length))) {
			memcpy(end, text, length);
			end += length;
		} else {
			length = length == 0 ? 1 : length;
			for (size_t i = 0; i < length; i++)
				end += sprintf(end, "\\x%02x", (unsigned char)text[i]);
		}
		text += length;
	}
	*end = '\0';
	return quoted;
}

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
