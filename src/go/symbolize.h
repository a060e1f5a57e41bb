/* SPDX-License-Identifier: BSD-3-Clause */
/* From the words of a stack to functions, files and lines, expanded and elided as the runtime does it. */
#ifndef GSD_GO_SYMBOLIZE_H
#define GSD_GO_SYMBOLIZE_H

#include "go/c_frames.h"
#include "go/snapshot.h"

struct gsd_code;

/** A symbolizer over @p code, which is borrowed and must outlive it. */
GSD_MUST_CHECK struct gsd_error *gsd_symbolizer_create(struct gsd_code *code, struct gsd_symbolizer **symbolizer_ret);
void gsd_symbolizer_destroy(struct gsd_symbolizer *symbolizer);
/** From now on C code is named by @p names, which are borrowed; NULL: by its address. */
void gsd_symbolizer_name_c(struct gsd_symbolizer *symbolizer, const struct gsd_c_name_source *names);

/** From now on nothing is named: each physical frame is a location called by its address, "0x4011ab". */
void gsd_symbolizer_keep_addresses(struct gsd_symbolizer *symbolizer);

/** One logical frame: a function, inlined or not, at a line. Strings belong to the symbolizer. */
struct gsd_line {
	const char *function; /**< full name, as pclntab has it (type arguments included from Go 1.21 on) */
	const char *file;     /**< "" when unknown */
	int64_t line;         /**< signed: the runtime has negative ones */
	int64_t start_line;   /**< line of the `func` keyword; 0: unknown (Go 1.18, 1.19) */
	uint64_t entry;       /**< entry of the physical function that contains it; 0: no code */
};

/**
 * One physical frame with what is inlined into it, innermost first (several locations where a function is inlined
 * into itself). Locations are made once: the same place is the same
 * pointer, and `index` counts them from 0 in order of creation.
 */
struct gsd_location {
	uint32_t index;
	uint64_t address; /**< as pprof has it: the return address − 1, or the instruction itself; 0: no code */
	uint64_t return_address; /**< as the runtime has it in its list: address + 1 */
	const struct gsd_line *lines;
	size_t line_count; /**< at least 1 */
	bool inlined;      /**< the last line, too, is inlined: into the next location, or a wrapper that is left out */
};

/** Locations of a stack; reused from call to call. */
struct gsd_location_list {
	const struct gsd_location **items;
	size_t count;
	size_t capacity;
};
void gsd_location_list_free(struct gsd_location_list *list);

/**
 * The locations of @p stack as the runtime's goroutine profile would have them: wrappers elided, runtime.goexit
 * dropped, cut at @p frame_limit logical frames (0: not cut). An empty list is a legal result (a goroutine that never
 * ran).
 */
GSD_MUST_CHECK struct gsd_error *gsd_symbolize_stack(struct gsd_symbolizer *symbolizer, const struct gsd_stack *stack,
						     uint32_t frame_limit, struct gsd_location_list *list);

/** The physical function at @p pc with the line of @p pc − 1 (for "created by"); NULL function when not known. */
GSD_MUST_CHECK struct gsd_error *gsd_symbolize_creator(struct gsd_symbolizer *symbolizer, uint64_t pc,
						       struct gsd_line *line_ret);

/** The innermost function, inlined or not, of the call before @p pc; NULL function when not known. */
GSD_MUST_CHECK struct gsd_error *gsd_symbolize_call(struct gsd_symbolizer *symbolizer, uint64_t pc,
						    struct gsd_line *line_ret);

#endif
