/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many captures stay in a directory. Captures are recognised by their names (STAMP.COMM.PID.ENDING); nothing else
 * is ever removed. Files of one moment and one process, in several formats, are one capture.
 */
#ifndef GSD_JOBS_RETENTION_H
#define GSD_JOBS_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** 0: no limit of that kind. */
struct retention {
	uint64_t keep;        /**< captures of each COMM */
	uint64_t keep_for_ns; /**< age by the stamp in the name */
	uint64_t max_bytes;   /**< all captures together; the newest one stays whatever its size */
};

struct retention_result {
	size_t removed; /**< files */
	uint64_t bytes; /**< of what has stayed */
	int errnum;     /**< of the first file that could not be removed, or of reading the directory; 0: none */
};

/**
 * Removes from @p directory what is beyond the limits, oldest first, and what a killed writer has left there.
 * @p now_unix_ns: wall clock. @p is_ending: whether a text such as ".pb.gz" ends the files that are written.
 */
struct retention_result retention_apply(const char *directory, const struct retention *retention, uint64_t now_unix_ns,
					bool (*is_ending)(const char *ending));

#endif
