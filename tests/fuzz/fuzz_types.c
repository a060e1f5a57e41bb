/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is a type section: the first byte chooses the Go version, the next words where links and descriptors end.
 */
#include "fuzz_memory.h"
#include "go/layout.h"
#include "image/types.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8)
		return 0;
	unsigned minor = 18 + data[0] % 10;
	struct fuzz_memory fuzz;
	struct gsd_block_cache *cache;
	fuzz_memory_init(&fuzz, data, size);
	if (gsd_block_cache_create(&fuzz.memory.memory, (size_t)1 << 24, &cache) != NULL)
		return 0;
	struct gsd_types types = {.cache = cache, .start = FUZZ_BASE, .end = FUZZ_BASE + size, .go_minor = minor};
	if (minor >= 27) {
		types.descriptors_length = (uint64_t)data[1] << 4 | 1;
	} else if ((data[1] & 1) != 0) {
		types.links = FUZZ_BASE + data[2];
		types.links_count = data[3];
	}
	struct gsd_field *fields;
	size_t count;
	struct gsd_layout layout;
	bool confirmed;
	if (gsd_layout_queries(minor, &fields, &count) == NULL) {
		gsd_error_destroy(gsd_types_fields(&types, fields, count));
		gsd_error_destroy(gsd_layout_make(minor, fields, count, &layout));
		free(fields);
	}
	gsd_error_destroy(gsd_types_confirm_layout(&types, minor, &confirmed));
	gsd_block_cache_destroy(cache);
	return 0;
}
