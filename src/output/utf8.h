/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 as a reader of profiles and a terminal need it. */
#ifndef GSD_OUTPUT_UTF8_H
#define GSD_OUTPUT_UTF8_H

#include "base/base.h"

/**
 * How many of the @p length bytes at @p bytes are the first character, which goes to @p character_ret; 0 when they do
 * not begin with valid UTF-8 (overlong forms, surrogates and what is beyond U+10FFFF are not valid), or @p length is 0.
 */
size_t gsd_utf8_decode(const void *bytes, size_t length, uint32_t *character_ret);

/** Whether all @p length bytes are valid UTF-8. */
bool gsd_utf8_valid(const void *bytes, size_t length);

/** Columns that @p character takes on a terminal: 0, 1 or 2. Good enough to align, no promise. */
unsigned gsd_utf8_columns(uint32_t character);

#endif
