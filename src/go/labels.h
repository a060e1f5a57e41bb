/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Profiler labels, from what g.labels points to: up to Go 1.23 a pointer to a map[string]string, from 1.24 on a sorted
 * slice of pairs. Sources: runtime/pprof/label.go, runtime/map.go (≤ 1.23), internal/runtime/pprof/label (≥ 1.26).
 */
#ifndef GSD_GO_LABELS_H
#define GSD_GO_LABELS_H

#include "base/array.h"
#include "base/memory.h"
#include "go/layout.h"
#include "go/snapshot.h"

/**
 * Reads the label sets at @p pointers (each once, none 0) into @p sets_ret[0..count), with the bytes in @p arena.
 * @p readable_ret[i] is false when a set could not be read or breaks a limit; it is then empty.
 */
GSD_MUST_CHECK struct gsd_error *gsd_labels_read(struct gsd_memory *memory, unsigned go_minor, const uint64_t *pointers,
						 size_t count, struct gsd_arena *arena, struct gsd_label_set *sets_ret,
						 bool *readable_ret);

/**
 * Looks again at who holds the sets that were read: a set never changes, and lives as long as a goroutine holds it.
 * `readable[i]` becomes false when none of @p goroutines that held `pointers[i]` does so still: what was read may be
 * another set. gsd_goroutine.labels is an index into @p pointers.
 */
GSD_MUST_CHECK struct gsd_error *gsd_labels_confirm(struct gsd_memory *memory, const struct gsd_layout *layout,
						    const struct gsd_goroutine *goroutines, size_t goroutine_count,
						    const uint64_t *pointers, size_t count, bool *readable);

#endif
