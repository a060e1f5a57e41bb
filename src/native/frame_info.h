/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Call frame information (.eh_frame: LSB Core 5, 10.6; DWARF 5, 6.4): which record speaks of a pc, found through
 * .eh_frame_hdr, or in a list where the linker has written none (gcc -static), and whether it is one that libunwind
 * survives. libunwind 1.6.2 reads records well but trusts them: an expression may divide INT64_MIN by −1, name a
 * register that there is not, or loop. Such a record is refused here.
 */
#ifndef GSD_NATIVE_FRAME_INFO_H
#define GSD_NATIVE_FRAME_INFO_H

#include "base/array.h"

/** Reads target addresses; false when they cannot be read. */
typedef bool gsd_frame_reader(void *context, uint64_t address, void *buffer, size_t length);

struct gsd_frame_table {
	uint64_t address; /**< of .eh_frame_hdr, or of .eh_frame where that is said */
	uint64_t size;
	gsd_frame_reader *read;
	void *context;
};

/** The record that speaks of a pc. */
struct gsd_frame_record {
	uint64_t start; /**< code [start, end) */
	uint64_t end;
	uint64_t address; /**< its own */
};

/** Finds the record for @p pc; false when there is none, or none that can be used. */
bool gsd_frame_table_find(const struct gsd_frame_table *table, uint64_t pc, struct gsd_frame_record *record_ret);

/** Where the code of a record begins. */
struct gsd_frame_entry {
	uint64_t start;
	uint64_t record;
};
GSD_DEFINE_ARRAY(gsd_frame_list, struct gsd_frame_entry)

/**
 * Lists the records of an .eh_frame itself, @p section. What is not a record ends the list. False without memory.
 */
bool gsd_frame_list_fill(const struct gsd_frame_table *section, struct gsd_frame_list *list) GSD_MUST_CHECK;
/** Finds the record for @p pc in a list that was filled from @p section. */
bool gsd_frame_list_find(const struct gsd_frame_table *section, const struct gsd_frame_list *list, uint64_t pc,
			 struct gsd_frame_record *record_ret);

#endif
