/* SPDX-License-Identifier: BSD-3-Clause */
/* Records as an input of fuzzers. */
#ifndef GSD_FUZZ_RECORD_H
#define GSD_FUZZ_RECORD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/blocks.h"

/** A file of its own with the input, to be closed. */
static inline int fuzz_file_of(const uint8_t *bytes, size_t length)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

/** Packs blocks, `tag, u16 length, bytes` each, as a record has them: no fuzzer finds a checksum. */
static inline void fuzz_pack(const uint8_t *data, size_t size, struct gsd_memory_sink *sink)
{
	struct gsd_block_writer *writer;
	struct gsd_error *error = gsd_block_writer_create(&sink->sink, &writer);
	while (error == NULL && size >= 6) {
		uint32_t tag;
		uint16_t length;
		memcpy(&tag, data, sizeof tag);
		memcpy(&length, data + 4, sizeof length);
		length = length < size - 6 ? length : (uint16_t)(size - 6);
		error = gsd_block_write(writer, tag, data + 6, length);
		data += 6 + length;
		size -= 6U + length;
	}
	if (error == NULL)
		error = gsd_block_writer_finish(writer);
	if (error != NULL)
		abort();
	gsd_block_writer_destroy(writer);
}

#endif
