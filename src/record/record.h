/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record: a capture as a file, written and read (docs/raw.md). A file is a sequence of blocks (blocks.h), each a piece
 * of a table (table.h); which tables there are, and which struct each is a view of, is in tables.h.
 *
 * What may be here: the format raw, its encoder and its decoder. Everything that a file says is hostile: counts are
 * capped and never believed before the bytes are there, and what refers to something is checked.
 * What may not: a pid, a target, the program's own file (whoever loads a record finds that), options, names of Go code.
 */
#ifndef GSD_RECORD_H
#define GSD_RECORD_H

#include "base/array.h"
#include "go/c_names.h"
#include "go/snapshot.h"
#include "go/values.h"
#include "image/module.h"
#include "output/output.h"
#include "record/tables.h"

/** What is written. All borrowed. */
struct gsd_record {
	const struct gsd_snapshot *snapshot;
	const struct gsd_stats *stats;
	const struct gsd_module_place *modules; /**< those with Go code, the runtime's first */
	size_t module_count;
};

/** Writes @p record: the format raw. Fails as @p sink does, or with GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_record_write(const struct gsd_record *record, struct gsd_sink *sink);

/** What was read. Owns what it refers to. */
struct gsd_loaded_record {
	struct gsd_arena arena;
	struct gsd_snapshot snapshot; /**< without a symbolizer */
	struct gsd_stats stats;
	struct gsd_module_place *modules;
	size_t module_count;
	struct gsd_c_names *c_names;
	struct gsd_rows rows[GSD_TABLE_COUNT]; /**< what the members above refer to */
};

/**
 * Reads a record to its end from @p fd, from where that stands; a pipe will do. @p name is for messages. Errors:
 * GSD_ERROR_CORRUPT (says at which byte), GSD_ERROR_UNSUPPORTED (of a newer version), GSD_ERROR_IO,
 * GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_record_read(int fd, const char *name, struct gsd_loaded_record *record_ret);
void gsd_loaded_record_free(struct gsd_loaded_record *record);

#endif
