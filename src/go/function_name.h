/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of functions as the runtime prints them, and those that its tracebacks hide (runtime/traceback.go). */
#ifndef GSD_GO_FUNCTION_NAME_H
#define GSD_GO_FUNCTION_NAME_H

#include "base/array.h"

/**
 * @p name with its type arguments as "[...]" (funcNameForPrint; up to Go 1.20 the linker had done that): itself or a
 * string in @p arena. NULL without memory.
 */
const char *gsd_function_name_for_print(const char *name, unsigned go_minor, struct gsd_arena *arena);

/** Whether a traceback hides a function of this name: the runtime's, unless they are exported (showfuncinfo). */
bool gsd_function_is_hidden(const char *name, unsigned go_minor);

#endif
