/* SPDX-License-Identifier: BSD-3-Clause */
/* What C code was called, kept: where the answers came from may go away. */
#ifndef GSD_GO_C_NAMES_H
#define GSD_GO_C_NAMES_H

#include "go/c_frames.h"

/** What is at an address: lines [first_line, first_line + line_count), innermost first. */
struct gsd_c_place {
	uint64_t address;
	size_t first_line;
	size_t line_count;
};

struct gsd_c_names;
GSD_MUST_CHECK struct gsd_error *gsd_c_names_create(struct gsd_c_names **names_ret);
void gsd_c_names_destroy(struct gsd_c_names *names);
/** Keeps that @p lines, which are copied, are at @p address. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_c_names_keep(struct gsd_c_names *names, uint64_t address,
						  const struct gsd_c_line *lines, size_t count);
/**
 * Who is asked about what is not kept; its answers are kept from then on. Borrowed. NULL, as at first: nobody.
 */
void gsd_c_names_ask(struct gsd_c_names *names, const struct gsd_c_name_source *source);
/** Answers out of what is kept, or through who is asked. */
struct gsd_c_name_source gsd_c_names_source(struct gsd_c_names *names);

/** Everything that is kept, in the order in which it came. Valid until more is. */
const struct gsd_c_place *gsd_c_names_places(const struct gsd_c_names *names, size_t *count_ret);
const struct gsd_c_line *gsd_c_names_lines(const struct gsd_c_names *names, size_t *count_ret);

#endif
