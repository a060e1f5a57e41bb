/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is a core file; what was mapped into it is found as far as it tells. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_memory.h"
#include "core_files.h"
#include "fuzz_memory.h"
#include "target/core.h"

/* The files that the core lists or leads to are in order, and none of them is looked for. */
static void list_files(struct gsd_core *core)
{
	struct gsd_binaries *binaries;
	struct gsd_file_memory memory;
	struct gsd_file_span *spans = calloc(core->segments.count + 1, sizeof *spans);
	size_t count = 0;
	uint64_t reached = 0;
	if (spans == NULL || gsd_binaries_create(NULL, 0, &binaries) != NULL)
		abort();
	for (size_t i = 0; i < core->segments.count; i++) {
		const struct gsd_core_segment *segment = &core->segments.items[i];
		if (segment->length > 0)
			spans[count++] = (struct gsd_file_span){.start = segment->start,
								.end = segment->start + segment->length,
								.offset = segment->offset,
								.fd = core->fd};
	}
	gsd_file_memory_init(&memory, spans, count);
	gsd_error_destroy(gsd_core_list_files(core, &memory.memory, binaries));
	for (size_t i = 0; i < core->files.count; i++) {
		if (core->files.items[i].start < reached || core->files.items[i].start >= core->files.items[i].end)
			abort();
		reached = core->files.items[i].end;
	}
	gsd_binaries_destroy(binaries);
	free(spans);
}

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
	if (core != NULL)
		list_files(core);
	gsd_error_destroy(error);
	gsd_core_destroy(core);
	return 0;
}
