/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/file_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE UINT64_C(4096)

/* The span that holds @p address, or NULL. */
static const struct gsd_file_span *span_at(const struct gsd_file_memory *memory, uint64_t address)
{
	size_t low = 0;
	for (size_t high = memory->count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (memory->spans[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < memory->count && memory->spans[low].start <= address ? &memory->spans[low] : NULL;
}

/* Reads up to @p length bytes of a file; fewer at its end. −1: it cannot be read. */
static ssize_t read_file(int fd, uint64_t offset, uint8_t *buffer, size_t length)
{
	size_t done = 0;
	if (offset > INT64_MAX || length > INT64_MAX - offset)
		return 0;
	while (done < length) {
		ssize_t got = pread(fd, buffer + done, length - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Reads a part of a span whole. */
static bool read_part(struct gsd_file_memory *memory, const struct gsd_file_span *span, uint64_t address,
		      uint8_t *buffer, size_t length)
{
	uint64_t skip = address - span->start;
	if (span->fd < 0 || skip > UINT64_MAX - span->offset)
		return false;
	uint64_t offset = span->offset + skip;
	ssize_t got = read_file(span->fd, offset, buffer, length);
	if (got < 0)
		return false;
	memory->bytes_read += (uint64_t)got;
	if ((size_t)got == length)
		return true;
	/* Nothing beyond the page in which the file ends. */
	struct stat status;
	if (!span->zero_tail || fstat(span->fd, &status) != 0 ||
	    offset + length > (((uint64_t)status.st_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)))
		return false;
	memset(buffer + got, 0, length - (size_t)got);
	return true;
}

static int read_range(struct gsd_file_memory *memory, const struct gsd_range *range)
{
	uint8_t *buffer = range->buffer;
	uint64_t address = range->address;
	size_t left = range->length;
	if (left > UINT64_MAX - address)
		return EFAULT;
	while (left > 0) {
		const struct gsd_file_span *span = span_at(memory, address);
		if (span == NULL)
			return EFAULT;
		size_t part = span->end - address < left ? (size_t)(span->end - address) : left;
		if (!read_part(memory, span, address, buffer, part))
			return EFAULT;
		buffer += part;
		address += part;
		left -= part;
	}
	return 0;
}

static void file_memory_read(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct gsd_file_memory *memory = (struct gsd_file_memory *)base;
	for (size_t i = 0; i < count; i++)
		ranges[i].errnum = read_range(memory, &ranges[i]);
}

void gsd_file_memory_init(struct gsd_file_memory *memory, const struct gsd_file_span *spans, size_t count)
{
	*memory = (struct gsd_file_memory){.memory = {.read = file_memory_read}, .spans = spans, .count = count};
}
