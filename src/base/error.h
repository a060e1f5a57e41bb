/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors: made where something fails, completed on the way up, printed only by the command line. */
#ifndef GSD_BASE_ERROR_H
#define GSD_BASE_ERROR_H

#include "base/base.h"

#define GSD_NEVER_NULL __attribute__((returns_nonnull))

/**
 * A new error: @p attempt says what was attempted and on what ("read 16 bytes at 0x4000"), in the infinitive so that
 * "cannot " can stand before it. @p errnum is an errno or 0. Never returns NULL: without memory it is a constant.
 */
struct gsd_error *gsd_error_create(enum gsd_error_code code, int errnum, const char *attempt, ...)
	GSD_PRINTF(3, 4) GSD_MUST_CHECK GSD_NEVER_NULL;
/** Says why @p error happened (default: the text of its errno). Returns @p error. */
struct gsd_error *gsd_error_because(struct gsd_error *error, const char *reason, ...)
	GSD_PRINTF(2, 3) GSD_MUST_CHECK GSD_NEVER_NULL;
/** Says what to do about it; a second call adds a line. Returns @p error. */
struct gsd_error *gsd_error_advise(struct gsd_error *error, const char *hint, ...)
	GSD_PRINTF(2, 3) GSD_MUST_CHECK GSD_NEVER_NULL;
/** The first of two: @p error and then @p later, either NULL for none. The other one is destroyed. */
struct gsd_error *gsd_error_first(struct gsd_error *error, struct gsd_error *later) GSD_MUST_CHECK;
/** The constant error for a failed allocation. */
struct gsd_error *gsd_error_no_memory(void) GSD_MUST_CHECK GSD_NEVER_NULL;

/** Returns the error of @p expression to the caller, if there is one. */
#define GSD_TRY(expression)                                                                                            \
	do {                                                                                                           \
		struct gsd_error *gsd_try_error = (expression);                                                        \
		if (gsd_try_error != NULL)                                                                             \
			return gsd_try_error;                                                                          \
	} while (0)

#endif
