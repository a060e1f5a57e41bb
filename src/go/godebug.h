/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of GODEBUG: what a program was started with, and what was linked into it. */
#ifndef GSD_GO_GODEBUG_H
#define GSD_GO_GODEBUG_H

#include "base/base.h"

/**
 * The number that @p key has in @p settings ("a=1,b=2", up to the end of the line; NULL: none); the last one counts
 * (runtime/runtime1.go, parsegodebug). False, and @p value_ret not touched, when it has none.
 */
bool gsd_godebug_number(const char *settings, const char *key, uint32_t *value_ret);
/** The settings that were linked into a program, in its module information @p modinfo (may be NULL); NULL: none. */
const char *gsd_godebug_built_in(const char *modinfo);

#endif
