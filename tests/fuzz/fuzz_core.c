/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is a core file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_memory.h"
#include "target/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsd_core *core = NULL;
	int fd = memfd_create("gsd-fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	struct gsd_error *error = gsd_core_read(fd, "fuzzed", &core);
	uint64_t reached = 0;
	for (size_t i = 0; core != NULL && i < core->segments.count; i++) {
		const struct gsd_core_segment *segment = &core->segments.items[i];
		if (segment->start < reached || segment->start >= segment->end ||
		    segment->length > segment->end - segment->start ||
		    (segment->length > 0 && segment->length > size - segment->offset))
			abort();
		reached = segment->end;
	}
	gsd_error_destroy(error);
	gsd_core_destroy(core);
	return 0;
}
