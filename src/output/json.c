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
	gsd_writer_init(&json->out, sink);
	json->comma = false;
	json->html = false;
}

struct gsd_error *gsd_json_finish(struct gsd_json *json)
{
	return gsd_writer_finish(&json->out);
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
	gsd_writer_add(&json->out, "\"", 1);
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
		gsd_writer_add(&json->out, text + plain, i - plain);
		gsd_writer_add_text(&json->out, escape);
		i += size == 0 ? 1 : size;
		plain = i;
	}
	gsd_writer_add(&json->out, text + plain, length - plain);
	gsd_writer_add(&json->out, "\"", 1);
}

static void begin(struct gsd_json *json, const char *key)
{
	if (json->comma)
		gsd_writer_add(&json->out, ",", 1);
	json->comma = true;
	if (key == NULL)
		return;
	gsd_writer_add(&json->out, "\"", 1);
	gsd_writer_add_text(&json->out, key);
	gsd_writer_add(&json->out, "\":", 2);
}

void gsd_json_open(struct gsd_json *json, const char *key, char bracket)
{
	begin(json, key);
	gsd_writer_add(&json->out, &bracket, 1);
	json->comma = false;
}

void gsd_json_close(struct gsd_json *json, char bracket)
{
	gsd_writer_add(&json->out, &bracket, 1);
	json->comma = true;
}

void gsd_json_end_line(struct gsd_json *json)
{
	gsd_writer_add(&json->out, "\n", 1);
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
	gsd_writer_add(&json->out, ":", 1);
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
	begin(json, key);
	gsd_writer_add_integer(&json->out, number);
}

void gsd_json_unsigned(struct gsd_json *json, const char *key, uint64_t number)
{
	begin(json, key);
	gsd_writer_add_unsigned(&json->out, number);
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
	begin(json, key);
	gsd_writer_add(&json->out, "\"", 1);
	gsd_writer_add_hex(&json->out, address);
	gsd_writer_add(&json->out, "\"", 1);
}

void gsd_json_bool(struct gsd_json *json, const char *key, bool value)
{
	begin(json, key);
	gsd_writer_add_text(&json->out, value ? "true" : "false");
}

void gsd_json_null(struct gsd_json *json, const char *key)
{
	begin(json, key);
	gsd_writer_add_text(&json->out, "null");
}
