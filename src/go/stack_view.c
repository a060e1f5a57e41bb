/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/stack_view.h"

#include <stdlib.h>
#include <string.h>

#define WORD 8
/* In pieces, so that two processors can read them. */
#define PIECE_BYTES ((size_t)256 << 10)
#define PIECES      16
/* The window moves on when less than this is left above the walk: most frames and their callers' are smaller. */
#define REACH_BYTES ((uint64_t)64 << 10)
#define ASIDE_BYTES ((size_t)4096)

/* What was read: [start, start + length). */
struct window {
	uint64_t start;
	size_t length;
	uint8_t *bytes;
};

struct gsd_stack_stream {
	struct gsd_memory *memory;
	struct window window; /* where the walk is */
	struct window aside;  /* where a frame pointer led out of it */
	bool failed;
};

static bool read_window(const struct window *window, uint64_t address, size_t size, void *bytes_ret)
{
	if (address < window->start || window->length < size || address - window->start > window->length - size)
		return false;
	memcpy(bytes_ret, window->bytes + (address - window->start), size);
	return true;
}

/* Reads what the view has from @p address on, @p most bytes at most. */
static void fill(struct gsd_stack_stream *stream, const struct gsd_stack_view *view, struct window *window,
		 uint64_t address, size_t most)
{
	struct gsd_range ranges[PIECES];
	size_t left = view->length - (size_t)(address - view->start);
	size_t length = left < most ? left : most;
	size_t count = 0;
	for (size_t done = 0; done < length; count++) {
		size_t bytes = length - done < PIECE_BYTES ? length - done : PIECE_BYTES;
		ranges[count] =
			(struct gsd_range){.address = address + done, .length = bytes, .buffer = window->bytes + done};
		done += bytes;
	}
	gsd_memory_read_ranges(stream->memory, ranges, count);
	window->start = address;
	window->length = length;
	for (size_t i = 0; i < count; i++)
		if (ranges[i].errnum != 0) {
			stream->failed = true;
			window->length = 0;
		}
}

bool gsd_stack_view_read(const struct gsd_stack_view *view, uint64_t address, size_t size, void *bytes_ret)
{
	if (address < view->start || address - view->start > view->length ||
	    view->length - (address - view->start) < size)
		return false;
	struct gsd_stack_stream *stream = view->stream;
	if (stream == NULL) {
		memcpy(bytes_ret, view->bytes + (address - view->start), size);
		return true;
	}
	if (read_window(&stream->window, address, size, bytes_ret) ||
	    read_window(&stream->aside, address, size, bytes_ret))
		return true;
	fill(stream, view, &stream->aside, address, ASIDE_BYTES);
	return read_window(&stream->aside, address, size, bytes_ret);
}

bool gsd_stack_view_word(const struct gsd_stack_view *view, uint64_t address, uint64_t *word_ret)
{
	return gsd_stack_view_read(view, address, WORD, word_ret);
}

void gsd_stack_view_follow(const struct gsd_stack_view *view, uint64_t sp)
{
	struct gsd_stack_stream *stream = view->stream;
	if (stream == NULL || sp < view->start || sp - view->start >= view->length)
		return;
	const struct window *window = &stream->window;
	uint64_t end = window->start + window->length;
	bool all = end == view->start + view->length;
	if (sp < window->start || sp >= end || (end - sp < REACH_BYTES && !all))
		fill(stream, view, &stream->window, sp, PIECES * PIECE_BYTES);
}

struct gsd_stack_stream *gsd_stack_stream_create(struct gsd_memory *memory)
{
	struct gsd_stack_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return NULL;
	stream->memory = memory;
	stream->window.bytes = malloc(PIECES * PIECE_BYTES);
	stream->aside.bytes = malloc(ASIDE_BYTES);
	if (stream->window.bytes != NULL && stream->aside.bytes != NULL)
		return stream;
	gsd_stack_stream_destroy(stream);
	return NULL;
}

void gsd_stack_stream_destroy(struct gsd_stack_stream *stream)
{
	if (stream == NULL)
		return;
	free(stream->window.bytes);
	free(stream->aside.bytes);
	free(stream);
}

struct gsd_stack_view gsd_stack_stream_view(struct gsd_stack_stream *stream, uint64_t start, size_t length)
{
	stream->window.length = 0;
	stream->aside.length = 0;
	stream->failed = false;
	return (struct gsd_stack_view){.start = start, .length = length, .stream = stream};
}

bool gsd_stack_stream_failed(const struct gsd_stack_stream *stream)
{
	return stream->failed;
}
