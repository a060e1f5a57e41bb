/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Call frame information (.eh_frame, found through .eh_frame_hdr: LSB Core 5, 10.6; DWARF 5, 6.4): which record speaks
 * of a pc, and whether it is one that libunwind survives. libunwind 1.6.2 reads records well but trusts them: an
 * expression may divide INT64_MIN by −1, name a register that there is not, or loop. Such a record is refused here.
 */
#ifndef GSD_NATIVE_FRAME_INFO_H
#define GSD_NATIVE_FRAME_INFO_H

#include "base/base.h"

/** Reads target addresses; false when they cannot be read. */
typedef bool gsd_frame_reader(void *context, uint64_t address, void *buffer, size_t length);

struct gsd_frame_table {
	uint64_t address; /**< of .eh_frame_hdr */
	uint64_t size;
	gsd_frame_reader *read;
	void *context;
};

/** The record that speaks of a pc. */
struct gsd_frame_record {
	uint64_t start; /**< code [start, end) */
	uint64_t end;
	uint64_t entry; /**< address of its entry in the table */
};

/** Finds the record for @p pc; false when there is none, or none that can be used. */
bool gsd_frame_table_find(const struct gsd_frame_table *table, uint64_t pc, struct gsd_frame_record *record_ret);

#endif
