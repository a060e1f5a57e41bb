/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that must be known of a program's runtime before its goroutines can be read. */
#ifndef GSD_GO_RUNTIME_H
#define GSD_GO_RUNTIME_H

#include "go/allgs.h"
#include "go/globals.h"

struct gsd_runtime {
	char version[64];  /**< "go1.26.8" */
	unsigned go_minor; /**< 26 */
	char *modinfo;     /**< the linker's module information, or NULL */
	struct gsd_block_cache *cache;
	struct gsd_code *code;
	struct gsd_layout layout;
	enum gsd_layout_source layout_source;
	struct gsd_allgs allgs;
	struct gsd_finalizer_flag finalizer;
	struct gsd_globals globals;
};

/**
 * Finds the runtime of @p program. @p allgs_sources and @p layout_sources restrict where it looks (0: everywhere).
 * @p found_ret is false, and nothing else set, when the program holds no Go function table. Errors:
 * GSD_ERROR_NOT_GO (Go code, but the runtime is elsewhere), GSD_ERROR_UNSUPPORTED (too old), GSD_ERROR_MISSING (names
 * what could not be derived), and those of reading.
 */
GSD_MUST_CHECK struct gsd_error *gsd_runtime_find(const struct gsd_program *program, unsigned allgs_sources,
						  unsigned layout_sources, struct gsd_runtime *runtime_ret,
						  bool *found_ret);
/** What a program without Go has of a runtime: no function and no goroutine. @p memory is borrowed. */
GSD_MUST_CHECK struct gsd_error *gsd_runtime_none(struct gsd_memory *memory, struct gsd_runtime *runtime_ret);
/** False for gsd_runtime_none(). */
static inline bool gsd_runtime_is_go(const struct gsd_runtime *runtime)
{
	return runtime->go_minor != 0;
}
void gsd_runtime_free(struct gsd_runtime *runtime);

/** The minor version in "go1.26.8", "go1.27rc1", "devel go1.28-abc"; 0 when there is none. */
unsigned gsd_parse_go_minor(const char *version);

#endif
