/* SPDX-License-Identifier: BSD-3-Clause */
/* Debug information, by libdw: only the compile unit "runtime", never a walk through a whole program's DWARF. */
#ifndef GSD_IMAGE_DWARF_H
#define GSD_IMAGE_DWARF_H

#include "image/fields.h"

/**
 * Answers @p fields from the debug information of the ELF file behind @p fd (DWARF 2 to 5, compressed sections too).
 * @p has_debug_ret is false when the file has none; then no field is found. Errors: GSD_ERROR_CORRUPT, GSD_ERROR_IO.
 */
GSD_MUST_CHECK struct gsd_error *gsd_dwarf_fields(int fd, const char *name, struct gsd_field *fields, size_t count,
						  bool *has_debug_ret);
/** Address (as linked) of the Go variable @p variable, e.g. "runtime.allgs". */
GSD_MUST_CHECK struct gsd_error *gsd_dwarf_variable(int fd, const char *name, const char *variable,
						    uint64_t *address_ret, bool *found_ret);

#endif
