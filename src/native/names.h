/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of C code: DWARF (functions, lines, what is inlined), else the symbol table. Debug information that was taken
 * out of a file is looked for by build id in our own file system, never where the target says.
 */
#ifndef GSD_NATIVE_NAMES_H
#define GSD_NATIVE_NAMES_H

#include "go/c_frames.h"

GSD_DEFINE_ARRAY(gsd_native_line_array, struct gsd_c_line)

struct gsd_native_names;
/** Names of the ELF file behind @p fd (borrowed). @p build_id in hex, "" for none. NULL without memory. */
struct gsd_native_names *gsd_native_names_create(int fd, const char *build_id);
void gsd_native_names_destroy(struct gsd_native_names *names);

/**
 * What is at linked address @p address, innermost first; none when nothing is known. False without memory.
 */
bool gsd_native_names_find(struct gsd_native_names *names, uint64_t address,
			   struct gsd_native_line_array *lines) GSD_MUST_CHECK;

#endif
