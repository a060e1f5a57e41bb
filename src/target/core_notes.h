/* SPDX-License-Identifier: BSD-3-Clause */
/* The notes of a core: its threads with their registers, the files that were mapped, the auxiliary vector. */
#ifndef GSD_TARGET_CORE_NOTES_H
#define GSD_TARGET_CORE_NOTES_H

#include "base/cursor.h"
#include "target/core.h"

/** Takes what @p notes say into @p core. What contradicts itself is left out and noted (notes_cut). */
GSD_MUST_CHECK struct gsd_error *gsd_core_take_notes(struct gsd_core *core, struct gsd_bytes notes);
#endif
