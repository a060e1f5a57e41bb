/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is the file of a capture as diff gets it, in any format; compared with itself nothing has changed, and
 * compared with its first half nothing breaks. A raw one is packed first, as in fuzz_record.c, behind an 0x89: no
 * fuzzer finds a checksum. Its program is not to be had.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_record.h"
#include "jobs/diff.h"
#include "jobs/snapshot_file.h"
#include "record/record.h"

static bool read_bytes(const uint8_t *bytes, size_t length, struct stack_names *names, struct snapshot *snapshot)
{
	char path[64];
	struct problem problem = {0};
	int fd = fuzz_file_of(bytes, length);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	bool read = snapshot_read(path, NULL, names, snapshot, &problem);
	close(fd);
	if (!read && problem.text[0] == '\0')
		abort();
	return read;
}

static void compare(const struct stack_names *names, const struct snapshot *old, const struct snapshot *new, bool same)
{
	struct diff diff;
	if (!diff_make(names, old, new, &diff))
		abort();
	if (same && (diff.grown + diff.shrunk + diff.appeared + diff.vanished != 0 ||
		     diff.unchanged != new->group_count || diff.old_count != diff.new_count))
		abort();
	diff_free(&diff);
}

static void check(const uint8_t *bytes, size_t length)
{
	struct stack_names names = {0};
	struct snapshot whole, again, half;
	if (read_bytes(bytes, length, &names, &whole)) {
		if (!read_bytes(bytes, length, &names, &again))
			abort();
		compare(&names, &whole, &again, true);
		snapshot_free(&again);
		if (read_bytes(bytes, length / 2, &names, &half)) {
			compare(&names, &half, &whole, false);
			snapshot_free(&half);
		}
		snapshot_free(&whole);
	}
	stack_names_free(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsd_memory_sink packed;
	if (size == 0 || data[0] != 0x89) {
		check(data, size);
		return 0;
	}
	gsd_memory_sink_init(&packed);
	fuzz_pack(data + 1, size - 1, &packed);
	check(packed.bytes, packed.length);
	gsd_memory_sink_free(&packed);
	return 0;
}
