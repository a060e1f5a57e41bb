/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Variables of the runtime that tell what happened between two looks at it. None is needed to read goroutines; what is
 * not found is 0, and the rules of a survey that need it are off.
 */
#ifndef GSD_GO_GLOBALS_H
#define GSD_GO_GLOBALS_H

#include "go/allgs.h"

/** Addresses in the target. */
struct gsd_globals {
	uint64_t allm;             /**< a word: the first M */
	uint64_t goidgen;          /**< a word: the last goid that was handed to a P (runtime.sched's first field) */
	uint64_t allp;             /**< a slice header of pointers to Ps */
	uint64_t gc_cycles;        /**< 32 bits: garbage collections begun (runtime.work.cycles) */
	uint64_t mark_term;        /**< a word: when marking last came to its end (runtime.work.tMarkTerm) */
	uint64_t gc_phase;         /**< 32 bits: 0 while no garbage collection is under way (runtime.gcphase) */
	uint64_t trace_generation; /**< two words: of the execution tracer, now and the last one; Go 1.22 and later */
};

/**
 * Finds what can be found: by the symbol table unless @p code_only, then in functions that use it. What is found is
 * verified as far as that is possible. Errors: GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_globals_find(const struct gsd_program *program, const struct gsd_code *code,
						  const struct gsd_layout *layout, bool code_only,
						  struct gsd_globals *globals_ret);

#endif
