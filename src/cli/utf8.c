/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
