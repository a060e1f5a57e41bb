/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in the full name of a Go function. */
#ifndef GSD_OUTPUT_NAMES_H
#define GSD_OUTPUT_NAMES_H

#include "base/base.h"

/** Bytes of a package's path that are looked at. */
#define GSD_PACKAGE_MAX 1024U

/** A function's name in two parts. */
struct gsd_function_name {
	char package[GSD_PACKAGE_MAX]; /**< its path, as source code writes it: "net/http"; no NUL at the end */
	size_t package_length;         /**< 0: the name has no package, as those of C */
	size_t element;                /**< where the last element of the path begins: 4 */
	const char *rest; /**< of the name, from the dot on: ".(*conn).serve"; all of it without a package */
};

/** Takes @p function apart. */
void gsd_function_name_parse(const char *function, struct gsd_function_name *name_ret);

/**
 * Whether it is plumbing of the runtime that a person need not see: what parks a goroutine, starts it, gives it memory.
 * What programs call themselves, and what panics or ends them, is none.
 */
bool gsd_function_is_plumbing(const char *function);

#endif
