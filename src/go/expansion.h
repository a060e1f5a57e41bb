/* SPDX-License-Identifier: BSD-3-Clause */
/* One place in the code and the calls that are inlined into it: what symbolizing and tracebacks are made of. */
#ifndef GSD_GO_EXPANSION_H
#define GSD_GO_EXPANSION_H

#include "go/code.h"
#include "go/symbolize.h"

#define GSD_MAX_INLINED 256 /* calls inlined into one place */

/** A logical frame on the way from the innermost to the physical function. */
struct gsd_expansion {
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset; /**< of the call, in the text */
	uint64_t tree;   /**< address of the inline tree, 0: none */
};

/** A function, inlined or not, that is at the expansion's offset. */
struct gsd_expanded_call {
	const char *name; /**< "?" when unknown */
	int32_t start_line;
	enum gsd_special special;
	bool inlined;
};

/**
 * Begins at @p pc, or with @p call at the instruction before it (not before the entry). False when no function table
 * knows it.
 */
bool gsd_expansion_begin(const struct gsd_code *code, uint64_t pc, bool call, struct gsd_expansion *expansion_ret);
/**
 * The function at the expansion's offset; the one before the last that is not inlined. The inline tree is read through
 * @p code's cache: errors of that, and GSD_ERROR_CORRUPT.
 */
GSD_MUST_CHECK struct gsd_error *gsd_expansion_call(struct gsd_code *code, const struct gsd_expansion *expansion,
						    struct gsd_expanded_call *call_ret);
/** As gsd_expansion_call(), and goes on to the caller when the function is inlined. */
GSD_MUST_CHECK struct gsd_error *gsd_expansion_next(struct gsd_code *code, struct gsd_expansion *expansion,
						    struct gsd_expanded_call *call_ret);
/** File and line at the expansion's offset: "?" and 0 when either is not known (runtime/symtab.go, funcline1). */
void gsd_expansion_file_line(const struct gsd_expansion *expansion, struct gsd_line *line);

/** A wrapper is not shown, unless a panic called it (runtime/traceback.go, elideWrapperCalling). */
bool gsd_is_elided(enum gsd_special special, bool called_by_panic);
/** Whether a wrapper that calls it is shown. */
bool gsd_is_panic(enum gsd_special special);

#endif
