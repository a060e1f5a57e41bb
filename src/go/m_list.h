/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of Ms, runtime.allm, as it is while the program runs. */
#ifndef GSD_GO_M_LIST_H
#define GSD_GO_M_LIST_H

#include "base/array.h"
#include "base/memory.h"
#include "go/globals.h"

/**
 * Their addresses, in the order of the list, into the empty @p ms_ret: so that the stop need not read them one by one.
 * When one of them goes away meanwhile, what is read of it may lead anywhere, or nowhere: then the list is empty. The
 * stop follows the list as it is then, and reads what is not known of it. Errors: GSD_ERROR_NO_MEMORY, GSD_ERROR_READ
 * (the head).
 */
GSD_MUST_CHECK struct gsd_error *gsd_m_list_read(struct gsd_memory *memory, const struct gsd_layout *layout,
						 const struct gsd_globals *globals, struct gsd_u64_array *ms_ret);

#endif
