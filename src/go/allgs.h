/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding the runtime's variables, runtime.allgs above all, in four ways; each answer is verified before it is
 * believed. */
#ifndef GSD_GO_ALLGS_H
#define GSD_GO_ALLGS_H

#include "go/code.h"
#include "go/layout.h"
#include "image/elf.h"

/** What is looked at: one program in a memory. All borrowed. */
struct gsd_program {
	struct gsd_memory *memory;
	struct gsd_elf *elf; /**< its file; NULL when there is none: then symbols and DWARF are not asked */
	int fd;              /**< the same file's descriptor, for DWARF */
	const char *name;    /**< for messages */
	uint64_t bias;       /**< what is added to addresses as linked */
	const struct gsd_region *regions; /**< its mappings */
	size_t region_count;
	bool incomplete; /**< parts of its memory are missing: what cannot be read is not wrong */
};

/** Where the list of goroutines is kept. */
struct gsd_allgs {
	uint64_t pointer_address; /**< of the word with the array's address */
	uint64_t length_address;  /**< of the word with its length */
	enum gsd_allgs_source source;
};

/**
 * Finds the list by the first of @p sources (enum gsd_allgs_source bits; 0: all) that gives a list of valid
 * goroutines. GSD_ERROR_MISSING names runtime.allgs and the sources that were tried.
 */
GSD_MUST_CHECK struct gsd_error *gsd_allgs_find(const struct gsd_program *program, const struct gsd_code *code,
						const struct gsd_layout *layout, unsigned sources,
						struct gsd_allgs *allgs_ret);

/**
 * The list as it is while the program runs: entries never change, and more may come. Up to the first that has not been
 * stored yet. @p goroutines_ret is an array for the caller to free. Errors: GSD_ERROR_READ, _CORRUPT, _NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_allgs_read(struct gsd_memory *memory, const struct gsd_allgs *allgs,
						uint64_t **goroutines_ret, size_t *count_ret);

/** The runtime's word for "a finalizer is running", which decides whether its goroutine is the user's. */
struct gsd_finalizer_flag {
	uint64_t address; /**< 0: not found; then the goroutine's wait reason decides */
	unsigned size;    /**< in bytes */
	uint32_t mask;    /**< bits that mean "running" */
};
/** Finds it: fingRunning up to Go 1.19, fingStatus from 1.20 on; by symbol, else in runtime.isSystemGoroutine. */
GSD_MUST_CHECK struct gsd_error *gsd_finalizer_flag_find(const struct gsd_program *program, const struct gsd_code *code,
							 struct gsd_finalizer_flag *flag_ret);

#endif
