/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that may be anything: what of it is UTF-8, and may be shown. */
#ifndef GSD_CLI_UTF8_H
#define GSD_CLI_UTF8_H

#include <stddef.h>

/**
 * @p text with everything quoted that is not printable UTF-8; the caller frees it. NULL without memory.
 */
char *quote(const char *text);

/** The bytes of the UTF-8 character at @p text, 0 when it is malformed. */
size_t utf8_length(const char *text);

#endif
