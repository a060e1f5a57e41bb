/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program's code: all modules with their function tables, and what unwinding and symbolizing ask of a pc. Answers
 * are memoised per pc, so that a frame costs one hash look-up.
 */
#ifndef GSD_GO_CODE_H
#define GSD_GO_CODE_H

#include "image/module.h"

/** The functions that are special to unwinding and to what the runtime prints. */
enum gsd_special {
	GSD_SPECIAL_NONE = 0,
	GSD_SPECIAL_WRAPPER,
	GSD_SPECIAL_PANIC, /**< gopanic, panicwrap: a wrapper that they are called from is shown */
	GSD_SPECIAL_SIGPANIC,
	GSD_SPECIAL_ASYNC_PREEMPT,
	GSD_SPECIAL_DEBUG_CALL,
	GSD_SPECIAL_CGOCALLBACK,
	GSD_SPECIAL_GOEXIT,
	GSD_SPECIAL_RUNTIME_MAIN,
	GSD_SPECIAL_HANDLE_ASYNC_EVENT,
	GSD_SPECIAL_COROSTART,
	GSD_SPECIAL_RUN_FINALIZERS,
	GSD_SPECIAL_RUN_CLEANUPS,
	GSD_SPECIAL_GOGO, /**< the jump back to a goroutine; known by name, only in gsd_pc_info */
	/** Another function of the runtime that writes sp: it goes to another stack; also known by name. */
	GSD_SPECIAL_STACK_SWITCH,
	GSD_SPECIAL_RECOVERY,  /**< sets a goroutine's saved registers to those of a function that recovers; by name */
	GSD_SPECIAL_COPYSTACK, /**< moves a stack; by name */
	GSD_SPECIAL_OTHER
};

struct gsd_code;

/**
 * Takes over @p modules (an array from malloc, first the one with the runtime). @p cache reads the target's read-only
 * memory (inline trees) and is borrowed.
 */
GSD_MUST_CHECK struct gsd_error *gsd_code_create(struct gsd_module *modules, size_t count, unsigned go_minor,
						 struct gsd_block_cache *cache, struct gsd_code **code_ret);
void gsd_code_destroy(struct gsd_code *code);

const struct gsd_module *gsd_code_modules(const struct gsd_code *code, size_t *count_ret);
struct gsd_block_cache *gsd_code_cache(const struct gsd_code *code);
unsigned gsd_code_go_minor(const struct gsd_code *code);

/** The meaning of function id @p id in this Go version. */
enum gsd_special gsd_code_special(const struct gsd_code *code, uint8_t id);

/** Finds the module and the function that @p pc belongs to; false when no function table knows it. */
bool gsd_code_find(const struct gsd_code *code, uint64_t pc, const struct gsd_module **module_ret,
		   struct gsd_function *function_ret, uint64_t *offset_ret);

/** Whether @p pc belongs to a function of package runtime. */
bool gsd_code_is_runtime(const struct gsd_code *code, uint64_t pc);

/** What the walk needs to know of a pc. */
struct gsd_pc_info {
	uint64_t entry;      /**< of its function; 0: no function table knows the pc */
	int32_t stack_depth; /**< bytes from sp to the return address; −1: unknown */
	uint8_t flags;       /**< GSD_FUNCTION_* */
	uint8_t special;     /**< enum gsd_special */
	bool defers;         /**< it has a place to go on after recover */
};
/** Memoised. False without memory. */
bool gsd_code_pc(struct gsd_code *code, uint64_t pc, struct gsd_pc_info *info_ret) GSD_MUST_CHECK;

/** Finds a function of the runtime's module by name: its code is [start, end). */
bool gsd_code_function_named(const struct gsd_code *code, const char *name, uint64_t *start_ret, uint64_t *end_ret);

#endif
