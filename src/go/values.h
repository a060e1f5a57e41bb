/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of arguments, goroutine by goroutine: each as a variable-length number, since most are small or addresses of
 * six bytes. They are read in the order in which they were written.
 */
#ifndef GSD_GO_VALUES_H
#define GSD_GO_VALUES_H

#include "base/cursor.h"

struct gsd_values {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};

/** Adds a value. False without memory. */
bool gsd_values_add(struct gsd_values *values, uint64_t value) GSD_MUST_CHECK;
/** Reads on from @p place; the place may be any number. */
struct gsd_cursor gsd_values_at(const struct gsd_values *values, uint64_t place);
void gsd_values_free(struct gsd_values *values);

#endif
