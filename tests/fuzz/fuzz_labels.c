/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is memory with label sets in it: the first byte chooses the layout, the second where the sets are. */
#include "fuzz_memory.h"
#include "go/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct fuzz_memory fuzz;
	struct gsd_arena arena = {0};
	uint64_t pointers[2] = {FUZZ_BASE + data[1], FUZZ_BASE + data[1] * 8U};
	struct gsd_label_set sets[2];
	bool readable[2];
	fuzz_memory_init(&fuzz, data, size);
	struct gsd_error *error =
		gsd_labels_read(&fuzz.memory.memory, (data[0] & 1) != 0 ? 26 : 20, pointers, 2, &arena, sets, readable);
	for (size_t i = 0; error == NULL && i < 2; i++)
		for (size_t k = 0; k < sets[i].count; k++)
			if (sets[i].labels[k].key[sets[i].labels[k].key_length] != '\0')
				__builtin_trap();
	gsd_error_destroy(error);
	gsd_arena_free(&arena);
	return 0;
}
