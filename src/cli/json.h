/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GSD_CLI_JSON_H
#define GSD_CLI_JSON_H

#include <stdio.h>

/** @p text as a JSON string. A byte that is not part of UTF-8 becomes the replacement character. */
void json_print_string(FILE *stream, const char *text);
/** The same for a script element of a page: nothing in it can end that. */
void json_print_script_string(FILE *stream, const char *text);

#endif
