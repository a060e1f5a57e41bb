/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * go: what the bytes mean. Runtime layout, the list of goroutines, goroutines, unwinding, symbols, labels, waits: pure
 * functions over memory that they are handed. Nothing here knows a pid, stops a process or writes an output.
 *
 * The layout: where the fields of the runtime's structs are in this very program. Every offset is derived from the
 * program itself; what cannot be derived is refused by name. Fields and the versions that have them:
 * runtime/runtime2.go.
 */
#ifndef GSD_GO_LAYOUT_H
#define GSD_GO_LAYOUT_H

#include "base/cursor.h"
#include "image/fields.h"

#define GSD_NO_FIELD UINT32_MAX /**< this version has no such field */

/** Offsets in bytes from the start of the struct. */
struct gsd_layout {
	unsigned go_minor;
	uint32_t stack_low, stack_high;
	uint32_t m;
	uint32_t sched_sp, sched_pc, sched_g, sched_bp;
	uint32_t syscallsp, syscallpc, syscallbp;
	uint32_t atomicstatus, goid, waitsince, waitreason, lockedm;
	uint32_t running_cleanups;
	uint32_t parent_goid, gopc, startpc, labels, ancestors;
	uint32_t tracking_seq; /* counts how often it left running */
	uint32_t gcscandone;
	uint32_t bubble; /* the bubble of testing/synctest; in Go 1.24 its group */
	uint32_t g_size;
	uint32_t m_g0, m_procid, m_gsignal, m_curg, m_alllink, m_id, m_p, m_vdso_sp, m_vdso_pc;
	uint32_t p_id;
	uint32_t p_goidcache, p_goidcacheend;
	uint32_t ancestor_pcs, ancestor_goid, ancestor_gopc, ancestor_size;
	uint32_t bubble_id;   /* Go 1.25 and later */
	uint32_t bubble_root; /* Go 1.24: a *g */
};

/** The fields that the layout is made of, as queries. @p fields_ret is an array for the caller to free. */
GSD_MUST_CHECK struct gsd_error *gsd_layout_queries(unsigned go_minor, struct gsd_field **fields_ret,
						    size_t *count_ret);
/**
 * Makes a layout of answered queries. Fails with GSD_ERROR_MISSING and the name of the first field that this version
 * must have and that was not found, or with GSD_ERROR_CORRUPT for offsets that no struct can have.
 */
GSD_MUST_CHECK struct gsd_error *gsd_layout_make(unsigned go_minor, const struct gsd_field *fields, size_t count,
						 struct gsd_layout *layout_ret);

/** The word at @p offset of a struct; 0 when this version has no such field. */
static inline uint64_t gsd_layout_word(const uint8_t *bytes, uint32_t offset)
{
	return offset == GSD_NO_FIELD ? 0 : gsd_u64_at(bytes, offset);
}

/** Bytes of a g that must be read to see every field of the layout. */
size_t gsd_layout_g_bytes(const struct gsd_layout *layout);
/** The same for an m. */
size_t gsd_layout_m_bytes(const struct gsd_layout *layout);

#endif
