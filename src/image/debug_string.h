/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strings that libdw hands out. Those of string sections end inside them; one that is written in .debug_info itself
 * (DW_FORM_string) may reach beyond its end in a damaged file, which libdw 0.188 does not look at.
 */
#ifndef GSD_IMAGE_DEBUG_STRING_H
#define GSD_IMAGE_DEBUG_STRING_H

#include <libelf.h>

#include "base/cursor.h"

/** The bytes of .debug_info in @p elf as libdw has them; empty when there are none. After dwarf_begin_elf(). */
struct gsd_bytes gsd_debug_info_bytes(Elf *elf);
/** @p string, or NULL when it does not end within @p info, where it begins. */
const char *gsd_debug_string(struct gsd_bytes info, const char *string);

#endif
