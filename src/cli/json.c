/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/json.h"

#include "cli/messages.h"

/* RFC 8259, section 7. */
void json_print_string(FILE *stream, const char *text)
{
	fputc('"', stream);
	while (*text != '\0') {
		size_t length = utf8_length(text);
		if (length == 0)
			fputs("\\ufffd", stream);
		else if (*text == '"' || *text == '\\')
			fprintf(stream, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fprintf(stream, "\\u%04x", (unsigned)*text);
		else
			fwrite(text, 1, length, stream);
		text += length == 0 ? 1 : length;
	}
	fputc('"', stream);
}
