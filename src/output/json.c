/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "output/utf8.h"

#define NS_PER_SECOND UINT64_C(1000000000)

void gsd_json_init(struct gsd_json *json, struct gsd_sink *sink)
{
	json->sink = sink;
	json->error = NULL;
	json->length = 0;
	json->comma = false;
	json->html = false;
}

static void flush(struct gsd_json *json)
{
	if (json->error == NULL && json->length > 0)
		json->error = gsd_sink_write(json->sink, json->buffer, json->length);
	json->length = 0;
}

struct gsd_error *gsd_json_finish(struct gsd_json *json)
{
	flush(json);
	return json->error;
}

static void put(struct gsd_json *json, const void *bytes, size_t length)
{
	const char *from = bytes;
	while (length > 0) {
		if (json->length == GSD_JSON_BUFFER)
			flush(json);
		size_t room = GSD_JSON_BUFFER - json->length;
		size_t part = length < room ? length : room;
		memcpy(json->buffer + json->length, from, part);
		json->length += part;
		from += part;
		length -= part;
	}
}

static void put_text(struct gsd_json *json, const char *text)
{
	put(json, text, strlen(text));
}

/* What ends a script element or begins a comment in it, and what ended a line of JavaScript before it was changed. */
static bool is_html(uint32_t character)
{
	return character == '<' || character == '>' || character == '&' || character == 0x2028 || character == 0x2029;
}

/* A run of bytes that need no escape; those that do are rare. */
static void put_string(struct gsd_json *json, const void *bytes, size_t length)
{
	const char *text = bytes;
	size_t plain = 0;
	put(json, "\"", 1);
	for (size_t i = 0; i < length;) {
		unsigned char byte = (unsigned char)text[i];
		uint32_t character = byte;
		size_t size = byte < 0x80 ? 1 : gsd_utf8_decode(text + i, length - i, &character);
		bool escaped = size == 0 || byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\' ||
			       (json->html && is_html(character));
		if (!escaped) {
			i += size;
			continue;
		}
		char escape[8] = "\\ufffd";
		if (byte == '"' || byte == '\\')
			snprintf(escape, sizeof escape, "\\%c", byte);
		else if (size != 0)
			snprintf(escape, sizeof escape, "\\u%04x", (unsigned)character & 0xffffU);
		put(json, text + plain, i - plain);
		put_text(json, escape);
		i += size == 0 ? 1 : size;
		plain = i;
	}
	put(json, text + plain, length - plain);
	put(json, "\"", 1);
}

static void begin(struct gsd_json *json, const char *key)
{
	if (json->comma)
		put(json, ",", 1);
	json->comma = true;
	if (key == NULL)
		return;
	put(json, "\"", 1);
	put_text(json, key);
	put(json, "\":", 2);
}

void gsd_json_open(struct gsd_json *json, const char *key, char bracket)
{
	begin(json, key);
	put(json, &bracket, 1);
	json->comma = false;
}

void gsd_json_close(struct gsd_json *json, char bracket)
{
	put(json, &bracket, 1);
	json->comma = true;
}

void gsd_json_end_line(struct gsd_json *json)
{
	put(json, "\n", 1);
	json->comma = false;
}

void gsd_json_bytes(struct gsd_json *json, const char *key, const void *bytes, size_t length)
{
	begin(json, key);
	put_string(json, bytes, length);
}

void gsd_json_key(struct gsd_json *json, const void *bytes, size_t length)
{
	begin(json, NULL);
	put_string(json, bytes, length);
	put(json, ":", 1);
	json->comma = false;
}

void gsd_json_string(struct gsd_json *json, const char *key, const char *string)
{
	if (string == NULL)
		gsd_json_null(json, key);
	else
		gsd_json_bytes(json, key, string, strlen(string));
}

void gsd_json_integer(struct gsd_json *json, const char *key, int64_t number)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%" PRId64, number);
	begin(json, key);
	put_text(json, digits);
}

void gsd_json_unsigned(struct gsd_json *json, const char *key, uint64_t number)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%" PRIu64, number);
	begin(json, key);
	put_text(json, digits);
}

void gsd_json_time(struct gsd_json *json, const char *key, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm utc;
	char date[32];
	char text[64];
	if (gmtime_r(&seconds, &utc) == NULL || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0) {
		gsd_json_null(json, key);
		return;
	}
	snprintf(text, sizeof text, "%s.%09" PRIu64 "Z", date, unix_ns % NS_PER_SECOND);
	gsd_json_string(json, key, text);
}

void gsd_json_address(struct gsd_json *json, const char *key, uint64_t address)
{
	char digits[24];
	snprintf(digits, sizeof digits, "\"0x%" PRIx64 "\"", address);
	begin(json, key);
	put_text(json, digits);
}

void gsd_json_bool(struct gsd_json *json, const char *key, bool value)
{
	begin(json, key);
	put_text(json, value ? "true" : "false");
}

void gsd_json_null(struct gsd_json *json, const char *key)
{
	begin(json, key);
	put_text(json, "null");
}
