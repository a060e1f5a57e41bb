/* SPDX-License-Identifier: BSD-3-Clause */
/* Function symbols of ELF files by address. */
#ifndef GSD_NATIVE_SYMBOLS_H
#define GSD_NATIVE_SYMBOLS_H

#include <libelf.h>

#include "base/base.h"

struct gsd_native_symbols;
struct gsd_native_symbols *gsd_native_symbols_create(void);
void gsd_native_symbols_destroy(struct gsd_native_symbols *symbols);
/** Takes in .symtab and .dynsym of @p elf (borrowed, and must stay open; NULL is allowed). False without memory. */
bool gsd_native_symbols_add(struct gsd_native_symbols *symbols, Elf *elf) GSD_MUST_CHECK;
/** After the last one was added. */
void gsd_native_symbols_finish(struct gsd_native_symbols *symbols);
/** The function at @p address; of several names at one address the one that programs use. NULL: unknown. */
const char *gsd_native_symbols_find(const struct gsd_native_symbols *symbols, uint64_t address);

#endif
