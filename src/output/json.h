/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing JSON (RFC 8259) as it is produced: nothing is kept but a buffer. */
#ifndef GSD_OUTPUT_JSON_H
#define GSD_OUTPUT_JSON_H

#include "output/writer.h"

/**
 * A writer. Every function takes a key, our own words, or NULL inside an array; commas are put where they belong. After
 * a failure of the sink nothing more is written, and gsd_json_finish() says so.
 */
struct gsd_json {
	struct gsd_writer out;
	bool comma; /**< something stands before, on the same level */
	bool html;  /**< strings also without what HTML or a script could take for its own: < > & U+2028 U+2029 */
};

void gsd_json_init(struct gsd_json *json, struct gsd_sink *sink);
/** Writes what is left in the buffer. Fails as the sink did. */
GSD_MUST_CHECK struct gsd_error *gsd_json_finish(struct gsd_json *json);

/** Begins an object ('{') or an array ('['); ends it ('}', ']'). */
void gsd_json_open(struct gsd_json *json, const char *key, char bracket);
void gsd_json_close(struct gsd_json *json, char bracket);
/** Ends a line of JSON Lines: the next object stands for itself. */
void gsd_json_end_line(struct gsd_json *json);

/** Any bytes as a string: what is not valid UTF-8 becomes U+FFFD, byte for byte. */
void gsd_json_bytes(struct gsd_json *json, const char *key, const void *bytes, size_t length);
/** The same for a key that the target chose; a value must follow, with the key NULL. */
void gsd_json_key(struct gsd_json *json, const void *bytes, size_t length);
/** A string; NULL becomes null. */
void gsd_json_string(struct gsd_json *json, const char *key, const char *string);
void gsd_json_integer(struct gsd_json *json, const char *key, int64_t number);
void gsd_json_unsigned(struct gsd_json *json, const char *key, uint64_t number);
/** A time of the wall clock, as RFC 3339 in UTC with nanoseconds; null when it is none. */
void gsd_json_time(struct gsd_json *json, const char *key, uint64_t unix_ns);
/** An address, as a string: "0x401000". JSON's readers keep 53 bits of a number. */
void gsd_json_address(struct gsd_json *json, const char *key, uint64_t address);
void gsd_json_bool(struct gsd_json *json, const char *key, bool value);
void gsd_json_null(struct gsd_json *json, const char *key);

#endif
