/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as Go quotes them. */
#ifndef GSD_OUTPUT_QUOTE_H
#define GSD_OUTPUT_QUOTE_H

#include "output/writer.h"

/** Whether strconv.IsPrint of Go 1.@p go_minor says so of @p character. */
bool gsd_go_is_printable(uint32_t character, unsigned go_minor);

/** Adds a string as strconv.Quote does, and fmt's %q. */
void gsd_quote_go(struct gsd_writer *writer, const char *bytes, size_t length, unsigned go_minor);
/**
 * Adds a string as the runtime does in tracebacks: what is not printable ASCII is escaped (runtime/print.go). What is
 * not UTF-8 is U+FFFD in Go 1.26, and from 1.27 on told byte by byte.
 */
void gsd_quote_runtime(struct gsd_writer *writer, const char *bytes, size_t length, unsigned go_minor);
/** The same, but as it is where it needs no quotes in Go 1.27 (runtime/traceback.go, tracebackStringNeedsQuoting). */
void gsd_quote_runtime_if_needed(struct gsd_writer *writer, const char *bytes, size_t length);

#endif
