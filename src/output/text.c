/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "output/utf8.h"

#define ELLIPSIS      "\xe2\x80\xa6" /* U+2026, one column */
#define NS_PER_SECOND UINT64_C(1000000000)

void gsd_text_clear(struct gsd_text *text)
{
	text->length = 0;
	text->columns = 0;
}

void gsd_text_free(struct gsd_text *text)
{
	free(text->bytes);
	memset(text, 0, sizeof *text);
}

static void append(struct gsd_text *text, const char *bytes, size_t length, unsigned columns)
{
	if (text->failed || length == 0)
		return;
	if (length > text->capacity - text->length) {
		size_t capacity = text->capacity == 0 ? 256 : text->capacity;
		while (capacity <= SIZE_MAX / 2 && capacity - text->length < length)
			capacity *= 2;
		char *grown = capacity - text->length < length ? NULL : realloc(text->bytes, capacity);
		if (grown == NULL) {
			text->failed = true;
			return;
		}
		text->bytes = grown;
		text->capacity = capacity;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->columns += columns;
}

void gsd_text_add(struct gsd_text *text, const char *words)
{
	const char *newline = strrchr(words, '\n');
	append(text, words, strlen(words), (unsigned)strlen(words));
	if (newline != NULL)
		text->columns = (unsigned)strlen(newline + 1);
}

void gsd_text_add_decimal(struct gsd_text *text, int64_t number)
{
	char digits[24];
	int count = snprintf(digits, sizeof digits, "%" PRId64, number);
	append(text, digits, (size_t)count, (unsigned)count);
}

void gsd_text_add_number(struct gsd_text *text, uint64_t number)
{
	char digits[24];
	int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			append(text, ",", 1, 1);
		append(text, &digits[i], 1, 1);
	}
}

void gsd_text_add_time(struct gsd_text *text, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm utc;
	char formatted[64];
	if (gmtime_r(&seconds, &utc) != NULL &&
	    strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S UTC", &utc) > 0)
		gsd_text_add(text, formatted);
}

void gsd_text_add_style(struct gsd_text *text, const char *sequence)
{
	append(text, sequence, strlen(sequence), 0);
}

void gsd_text_pad(struct gsd_text *text, unsigned column)
{
	while (!text->failed && text->columns < column)
		append(text, " ", 1, 1);
}

/* Invisible characters by which text can be made to look like another, line ends that are no control characters, and
 * what no XML document may have. */
static bool is_deceptive(uint32_t character)
{
	return character == 0x061c || (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x206f) ||
	       character == 0xfeff || character == 0xfffe || character == 0xffff;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Adds one character, or one byte that is none, quoted if need be; returns how many bytes that were. */
static size_t quote_character(struct gsd_text *text, const char *bytes, size_t length)
{
	char escape[16];
	int count = 0;
	uint32_t character;
	size_t size = gsd_utf8_decode(bytes, length, &character);
	if (size == 0)
		count = snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)*bytes);
	else if (is_control(character))
		count = snprintf(escape, sizeof escape, "\\x%02" PRIx32, character);
	else if (is_deceptive(character))
		count = snprintf(escape, sizeof escape, "\\u{%04" PRIx32 "}", character);
	if (count > 0)
		append(text, escape, (size_t)count, (unsigned)count);
	else
		append(text, bytes, size, gsd_utf8_columns(character));
	return size == 0 ? 1 : size;
}

void gsd_text_quote(struct gsd_text *text, const void *bytes, size_t length)
{
	const char *next = bytes;
	while (length > 0 && !text->failed) {
		/* Nearly all names are printable ASCII throughout. */
		size_t size = 0;
		while (size < length && next[size] >= 0x20 && next[size] < 0x7f)
			size++;
		if (size > 0)
			append(text, next, size, (unsigned)size);
		else
			size = quote_character(text, next, length);
		next += size;
		length -= size;
	}
}

void gsd_text_add_text(struct gsd_text *text, const struct gsd_text *other)
{
	text->failed |= other->failed;
	append(text, other->bytes, other->length, other->columns);
}

void gsd_text_add_end(struct gsd_text *text, const struct gsd_text *other, unsigned columns)
{
	if (other->columns <= columns || other->failed) {
		gsd_text_add_text(text, other);
		return;
	}
	/* From the left, past what must go; then to the next directory, so that no half name stands there. */
	size_t start = 0;
	unsigned left = other->columns;
	while (start < other->length && left + 1 > columns) {
		uint32_t character = 0;
		start += gsd_utf8_decode(other->bytes + start, other->length - start, &character);
		left -= gsd_utf8_columns(character);
	}
	const char *slash = memchr(other->bytes + start, '/', other->length - start);
	append(text, ELLIPSIS, strlen(ELLIPSIS), 1);
	while (slash != NULL && other->bytes + start < slash) {
		uint32_t character = 0;
		start += gsd_utf8_decode(other->bytes + start, other->length - start, &character);
		left -= gsd_utf8_columns(character);
	}
	append(text, other->bytes + start, other->length - start, left);
}

void gsd_text_add_beginning(struct gsd_text *text, const struct gsd_text *other, unsigned columns)
{
	if (other->columns <= columns || other->failed) {
		gsd_text_add_text(text, other);
		return;
	}
	size_t end = 0;
	unsigned used = 0;
	for (;;) {
		uint32_t character = 0;
		size_t size = gsd_utf8_decode(other->bytes + end, other->length - end, &character);
		if (size == 0 || used + gsd_utf8_columns(character) + 1 > columns)
			break;
		used += gsd_utf8_columns(character);
		end += size;
	}
	append(text, other->bytes, end, used);
	append(text, ELLIPSIS, strlen(ELLIPSIS), 1);
}

struct gsd_error *gsd_text_emit(struct gsd_text *text, struct gsd_sink *sink)
{
	if (text->failed)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_sink_write(sink, text->bytes, text->length);
	gsd_text_clear(text);
	return error;
}
