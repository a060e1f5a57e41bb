/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/quote.h"

#include <stdio.h>

#include "output/utf8.h"

/* A byte that is not UTF-8, or a character by its number. */
static void add_byte(struct gsd_writer *writer, unsigned byte)
{
	char text[8];
	gsd_writer_add(writer, text, (size_t)snprintf(text, sizeof text, "\\x%02x", byte & 0xff));
}

static void add_character(struct gsd_writer *writer, uint32_t character)
{
	char text[16];
	const char *format = character < 0x10000 ? "\\u%04x" : "\\U%08x";
	gsd_writer_add(writer, text, (size_t)snprintf(text, sizeof text, format, character));
}

/* The letter that stands behind a backslash; 0: none does. */
static char escape_letter(uint32_t character, const char *characters, const char *letters)
{
	const char *found = character != 0 && character < 0x80 ? strchr(characters, (int)character) : NULL;
	return found == NULL ? 0 : letters[found - characters];
}

static void add_escape(struct gsd_writer *writer, char letter)
{
	const char text[] = {'\\', letter};
	gsd_writer_add(writer, text, sizeof text);
}

/* strconv/quote.go, appendEscapedRune. */
static void quote_character_go(struct gsd_writer *writer, const char *bytes, size_t size, uint32_t character,
			       unsigned go_minor)
{
	char letter = escape_letter(character, "\"\\\a\b\f\n\r\t\v", "\"\\abfnrtv");
	if (letter != 0)
		add_escape(writer, letter);
	else if (gsd_go_is_printable(character, go_minor))
		gsd_writer_add(writer, bytes, size);
	else if (character < 0x20 || (character == 0x7f && go_minor >= 19))
		add_byte(writer, character);
	else
		add_character(writer, character);
}

void gsd_quote_go(struct gsd_writer *writer, const char *bytes, size_t length, unsigned go_minor)
{
	gsd_writer_add(writer, "\"", 1);
	for (size_t i = 0; i < length;) {
		uint32_t character;
		size_t size = gsd_utf8_decode(bytes + i, length - i, &character);
		if (size == 0)
			add_byte(writer, (unsigned char)bytes[i]);
		else
			quote_character_go(writer, bytes + i, size, character, go_minor);
		i += size == 0 ? 1 : size;
	}
	gsd_writer_add(writer, "\"", 1);
}

void gsd_quote_runtime(struct gsd_writer *writer, const char *bytes, size_t length, unsigned go_minor)
{
	gsd_writer_add(writer, "\"", 1);
	for (size_t i = 0; i < length;) {
		uint32_t character = 0xfffd;
		size_t size = gsd_utf8_decode(bytes + i, length - i, &character);
		char letter = size == 0 ? 0 : escape_letter(character, "\"\\\n\r\t", "\"\\nrt");
		if (letter != 0)
			add_escape(writer, letter);
		else if (size == 1 && character >= ' ' && character <= '~')
			gsd_writer_add(writer, bytes + i, 1);
		else if ((size == 0 && go_minor >= 27) || character < 0x7f)
			add_byte(writer, (unsigned char)bytes[i]);
		else
			add_character(writer, character);
		i += size == 0 ? 1 : size;
	}
	gsd_writer_add(writer, "\"", 1);
}

static bool is_plain(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '.' || byte == '/' || byte == '_';
}

void gsd_quote_runtime_if_needed(struct gsd_writer *writer, const char *bytes, size_t length)
{
	size_t plain = 0;
	while (plain < length && is_plain((unsigned char)bytes[plain]))
		plain++;
	if (plain < length)
		gsd_quote_runtime(writer, bytes, length, 27);
	else
		gsd_writer_add(writer, bytes, length);
}
