/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a record: as it stands where it begins like one, else blocks that are packed first, since no fuzzer
 * finds a checksum: `tag, u16 length, bytes` each. What can be read is written again, and that is read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_record.h"
#include "record/record.h"

static bool read_record(const uint8_t *bytes, size_t length, struct gsd_loaded_record *record)
{
	int fd = fuzz_file_of(bytes, length);
	struct gsd_error *error = gsd_record_read(fd, "the input", record);
	close(fd);
	bool read = error == NULL;
	gsd_error_destroy(error);
	return read;
}

static void write_record(const struct gsd_loaded_record *record, struct gsd_memory_sink *sink)
{
	struct gsd_record view = {.snapshot = &record->snapshot,
				  .stats = &record->stats,
				  .modules = record->modules,
				  .module_count = record->module_count};
	gsd_memory_sink_init(sink);
	struct gsd_error *error = gsd_record_write(&view, &sink->sink);
	if (error != NULL)
		abort();
}

static void check_round(const struct gsd_loaded_record *record)
{
	struct gsd_memory_sink first;
	struct gsd_memory_sink second;
	struct gsd_loaded_record again;
	write_record(record, &first);
	if (!read_record(first.bytes, first.length, &again))
		abort();
	write_record(&again, &second);
	if (first.length != second.length || memcmp(first.bytes, second.bytes, first.length) != 0)
		abort();
	gsd_loaded_record_free(&again);
	gsd_memory_sink_free(&first);
	gsd_memory_sink_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsd_memory_sink packed;
	struct gsd_loaded_record record;
	gsd_memory_sink_init(&packed);
	if (size > 0 && data[0] == 0x89) {
		if (read_record(data, size, &record)) {
			check_round(&record);
			gsd_loaded_record_free(&record);
		}
		return 0;
	}
	fuzz_pack(data, size, &packed);
	if (read_record(packed.bytes, packed.length, &record)) {
		check_round(&record);
		gsd_loaded_record_free(&record);
	}
	gsd_memory_sink_free(&packed);
	return 0;
}
