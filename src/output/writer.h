/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes on their way to a sink, in pieces that are worth a write. The first error is kept; what follows it is dropped.
 */
#ifndef GSD_OUTPUT_WRITER_H
#define GSD_OUTPUT_WRITER_H

#include <string.h>

#include "output/output.h"

#define GSD_WRITER_BUFFER 65536

struct gsd_writer {
	struct gsd_sink *sink;
	struct gsd_error *error;
	size_t length;
	char buffer[GSD_WRITER_BUFFER];
};

/** @p sink is borrowed. */
void gsd_writer_init(struct gsd_writer *writer, struct gsd_sink *sink);
void gsd_writer_add(struct gsd_writer *writer, const void *bytes, size_t length);
void gsd_writer_add_unsigned(struct gsd_writer *writer, uint64_t number);
void gsd_writer_add_integer(struct gsd_writer *writer, int64_t number);
/** As "0x1f". */
void gsd_writer_add_hex(struct gsd_writer *writer, uint64_t number);
static inline void gsd_writer_add_text(struct gsd_writer *writer, const char *text)
{
	gsd_writer_add(writer, text, strlen(text));
}
/** Writes what is left; the first error of all. */
GSD_MUST_CHECK struct gsd_error *gsd_writer_finish(struct gsd_writer *writer);

#endif
