/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of options from text. Each returns false when the text is not one. */
#ifndef GSD_CLI_VALUES_H
#define GSD_CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** A whole decimal number from @p low to @p high: digits only. */
bool value_number(const char *text, uint64_t low, uint64_t high, uint64_t *number_ret);
/** A positive duration as Go writes and reads it: "1h2m3.5s", "250ms", "1.5µs". */
bool value_duration(const char *text, uint64_t *ns_ret);
/** A positive size in bytes: a whole number with K, M, G or T (powers of 1024; KiB, MiB, … too). */
bool value_size(const char *text, uint64_t *bytes_ret);
/** A signal by its name ("TERM", "SIGTERM") or number. */
bool value_signal(const char *text, int *signal_ret);
/** Writes a duration as people say it, in its two largest units: "3d4h", "12m5s". */
void duration_format(uint64_t ns, char *text, size_t size);
/** GOSTACKDUMP_SOURCES: "allgs=scan,layout=types+dwarf". */
bool value_sources(const char *text, unsigned *allgs_ret, unsigned *layout_ret);

#endif
