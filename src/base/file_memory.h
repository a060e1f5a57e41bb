/* SPDX-License-Identifier: BSD-3-Clause */
/* A memory made of parts of files: what is mapped from files, or the segments of a core. Read with pread, as needed. */
#ifndef GSD_BASE_FILE_MEMORY_H
#define GSD_BASE_FILE_MEMORY_H

#include "base/memory.h"

/** Addresses [start, end) are the bytes of a file from @ref offset on. */
struct gsd_file_span {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	int fd;         /**< borrowed; −1: these bytes cannot be had */
	bool zero_tail; /**< of the page that the end of the file cuts the rest is zero, as in a mapping of it */
};

struct gsd_file_memory {
	struct gsd_memory memory;
	const struct gsd_file_span *spans; /**< borrowed; in order of address, they do not overlap */
	size_t count;
	uint64_t bytes_read;
};

/** Initialises @p memory over @p spans. A read may go over several spans that follow each other without a gap. */
void gsd_file_memory_init(struct gsd_file_memory *memory, const struct gsd_file_span *spans, size_t count);

#endif
