/* SPDX-License-Identifier: BSD-3-Clause */
/* Sinks over a descriptor and over memory. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "output/io_error.h"
#include "output/output.h"

struct gsd_error *gsd_sink_write(struct gsd_sink *sink, const void *bytes, size_t length)
{
	return length == 0 ? NULL : sink->write(sink, bytes, length);
}

/* Waits until fd takes bytes again. What poll finds wrong, the next write will say. */
static void wait_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};
	(void)poll(&poller, 1, -1);
}

static struct gsd_error *fd_sink_write(struct gsd_sink *sink, const void *bytes, size_t length)
{
	struct gsd_fd_sink *fd_sink = (struct gsd_fd_sink *)sink;
	const char *next = bytes;
	while (length > 0) {
		ssize_t written = write(fd_sink->fd, next, length);
		if (written >= 0) {
			next += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			wait_writable(fd_sink->fd);
		} else if (errno != EINTR) {
			return gsd_io_error(errno, fd_sink->name);
		}
	}
	return NULL;
}

void gsd_fd_sink_init(struct gsd_fd_sink *fd_sink, int fd, const char *name)
{
	*fd_sink = (struct gsd_fd_sink){.sink = {.write = fd_sink_write}, .fd = fd, .name = name};
}

static struct gsd_error *memory_sink_write(struct gsd_sink *sink, const void *bytes, size_t length)
{
	struct gsd_memory_sink *memory_sink = (struct gsd_memory_sink *)sink;
	if (length > memory_sink->capacity - memory_sink->length) {
		size_t capacity = memory_sink->capacity == 0 ? 4096 : memory_sink->capacity;
		while (capacity - memory_sink->length < length) {
			if (capacity > SIZE_MAX / 2)
				return gsd_error_no_memory();
			capacity *= 2;
		}
		uint8_t *grown = realloc(memory_sink->bytes, capacity);
		if (grown == NULL)
			return gsd_error_no_memory();
		memory_sink->bytes = grown;
		memory_sink->capacity = capacity;
	}
	memcpy(memory_sink->bytes + memory_sink->length, bytes, length);
	memory_sink->length += length;
	return NULL;
}

void gsd_memory_sink_init(struct gsd_memory_sink *memory_sink)
{
	*memory_sink = (struct gsd_memory_sink){.sink = {.write = memory_sink_write}};
}

void gsd_memory_sink_free(struct gsd_memory_sink *memory_sink)
{
	free(memory_sink->bytes);
	gsd_memory_sink_init(memory_sink);
}
