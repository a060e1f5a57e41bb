/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/json.h"

#include <string.h>

#include "cli/utf8.h"

/* RFC 8259, section 7. */
static void print_string(FILE *stream, const char *text, const char *escaped)
{
	fputc('"', stream);
	while (*text != '\0') {
		size_t length = utf8_length(text);
		if (length == 0)
			fputs("\\ufffd", stream);
		else if (*text == '"' || *text == '\\')
			fprintf(stream, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f || strchr(escaped, *text) != NULL)
			fprintf(stream, "\\u%04x", (unsigned)*text);
		else
			fwrite(text, 1, length, stream);
		text += length == 0 ? 1 : length;
	}
	fputc('"', stream);
}

void json_print_string(FILE *stream, const char *text)
{
	print_string(stream, text, "");
}

void json_print_script_string(FILE *stream, const char *text)
{
	print_string(stream, text, "<>&");
}
