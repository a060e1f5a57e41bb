/* SPDX-License-Identifier: BSD-3-Clause */
/* What identifies a linked file: GNU's build id and Go's own, both in ELF notes. */
#ifndef GSD_IMAGE_BUILD_ID_H
#define GSD_IMAGE_BUILD_ID_H

#include "base/cursor.h"
#include "base/memory.h"

/** More bytes of notes than this are not looked at. */
#define GSD_NOTE_MAX_BYTES ((size_t)64 * 1024)

struct gsd_build_ids {
	char gnu[129]; /**< in lower-case hex; "": there is none, or it is not known */
	char go[257];  /**< as `go tool buildid` prints it; printable; "": likewise */
};

enum gsd_same_build {
	GSD_SAME_BUILD_YES,
	GSD_SAME_BUILD_NO,
	GSD_SAME_BUILD_UNKNOWN /**< nothing is known of what is wanted */
};

/** Adds what is in @p notes, whose sizes are padded to @p alignment (8, else 4). What is known already stays. */
void gsd_build_ids_add(struct gsd_build_ids *ids, struct gsd_bytes notes, size_t alignment);
/**
 * Those of the file whose first page is mapped at @p address of @p memory: by its header, program headers and notes, as
 * far as they are there.
 */
void gsd_build_ids_in_memory(struct gsd_memory *memory, uint64_t address, struct gsd_build_ids *ids_ret);
/** Whether a file with @p ids is the one that has @p wanted: GNU's decides, else Go's. */
enum gsd_same_build gsd_build_ids_same(const struct gsd_build_ids *wanted, const struct gsd_build_ids *ids);

#endif
