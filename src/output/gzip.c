/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/error.h"

#define OUTPUT_CHUNK   ((size_t)64 * 1024)
#define WINDOW_BITS    15
#define GZIP_FORMAT    16 /* added to the window bits: a gzip header instead of zlib's */
#define DEFAULT_MEMORY 8  /* zlib's own default */

struct gsd_gzip {
	struct gsd_sink sink;
	struct gsd_sink *below;
	z_stream stream;
	uint8_t output[OUTPUT_CHUNK];
};

/* Compresses what the stream's input holds and passes on every chunk that is full, with Z_FINISH all of them. */
static struct gsd_error *compress_input(struct gsd_gzip *gzip, int flush)
{
	int result;
	do {
		if (gzip->stream.avail_out == 0 || flush == Z_FINISH) {
			GSD_TRY(gsd_sink_write(gzip->below, gzip->output, OUTPUT_CHUNK - gzip->stream.avail_out));
			gzip->stream.next_out = gzip->output;
			gzip->stream.avail_out = OUTPUT_CHUNK;
		}
		result = deflate(&gzip->stream, flush);
		if (result == Z_STREAM_ERROR)
			return gsd_error_create(GSD_ERROR_INTERNAL, 0, "compress the profile");
	} while (gzip->stream.avail_out == 0 || (flush == Z_FINISH && result != Z_STREAM_END));
	return NULL;
}

static struct gsd_error *gzip_write(struct gsd_sink *sink, const void *bytes, size_t length)
{
	struct gsd_gzip *gzip = (struct gsd_gzip *)sink;
	const uint8_t *next = bytes;
	while (length > 0) {
		size_t part = length < UINT_MAX ? length : UINT_MAX;
		gzip->stream.next_in = (Bytef *)next;
		gzip->stream.avail_in = (uInt)part;
		GSD_TRY(compress_input(gzip, Z_NO_FLUSH));
		next += part;
		length -= part;
	}
	return NULL;
}

struct gsd_error *gsd_gzip_create(struct gsd_sink *below, struct gsd_gzip **gzip_ret)
{
	struct gsd_gzip *gzip = calloc(1, sizeof *gzip);
	if (gzip == NULL)
		return gsd_error_no_memory();
	if (deflateInit2(&gzip->stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS + GZIP_FORMAT, DEFAULT_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gzip);
		return gsd_error_no_memory();
	}
	gzip->sink.write = gzip_write;
	gzip->below = below;
	gzip->stream.next_out = gzip->output;
	gzip->stream.avail_out = OUTPUT_CHUNK;
	*gzip_ret = gzip;
	return NULL;
}

void gsd_gzip_destroy(struct gsd_gzip *gzip)
{
	if (gzip == NULL)
		return;
	deflateEnd(&gzip->stream);
	free(gzip);
}

struct gsd_sink *gsd_gzip_sink(struct gsd_gzip *gzip)
{
	return &gzip->sink;
}

struct gsd_error *gsd_gzip_finish(struct gsd_gzip *gzip)
{
	gzip->stream.next_in = NULL;
	gzip->stream.avail_in = 0;
	GSD_TRY(compress_input(gzip, Z_FINISH));
	return gsd_sink_write(gzip->below, gzip->output, OUTPUT_CHUNK - gzip->stream.avail_out);
}
