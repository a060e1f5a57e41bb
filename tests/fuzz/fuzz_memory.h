/* SPDX-License-Identifier: BSD-3-Clause */
/* A target's memory made of a fuzzer's input: the bytes lie at FUZZ_BASE, so that the input can hold pointers to
 * itself. */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include "base/error.h"
#include "base/memory.h"

#define FUZZ_BASE UINT64_C(0x10000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_memory {
	struct gsd_segment segment;
	struct gsd_segment_memory memory;
};

static inline void fuzz_memory_init(struct fuzz_memory *fuzz, const uint8_t *data, size_t size)
{
	fuzz->segment = (struct gsd_segment){.address = FUZZ_BASE, .length = size, .bytes = data};
	gsd_segment_memory_init(&fuzz->memory, &fuzz->segment, 1);
}

#endif
