/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image: ELF, DWARF, pclntab, type descriptors and build info: bytes in, facts out. No process id, no meaning of the
 * runtime's structs. Files are read through descriptors with bounds, never mapped.
 *
 * A field query: which member of which struct is wanted, and where it turned out to be. The type descriptors and DWARF
 * answer the same queries, so that each can be held against the other.
 */
#ifndef GSD_IMAGE_FIELDS_H
#define GSD_IMAGE_FIELDS_H

#include "base/base.h"

struct gsd_field {
	const char *structure; /**< "runtime.g" */
	const char *name;      /**< "goid"; NULL asks for the size of the struct alone (in `size`) */
	uint64_t offset;       /**< result: bytes from the start of the struct */
	uint64_t size;         /**< result: bytes of the member, or of the struct */
	bool found;            /**< result: whether the struct exists and has it */
};

#endif
