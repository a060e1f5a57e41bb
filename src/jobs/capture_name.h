/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of files that captures are written to: STAMP.COMM.PID with an ending, or STAMP.COMM.PID.N. */
#ifndef GSD_JOBS_CAPTURE_NAME_H
#define GSD_JOBS_CAPTURE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where the parts of a name are. */
struct capture_name {
	size_t comm; /**< where COMM begins */
	size_t comm_length;
	size_t key;       /**< so long is what all files of a capture share; the ending follows */
	uint64_t pid;     /**< 0: its digits are no number of 64 bits */
	uint64_t time_ns; /**< what the stamp says, Unix; 0: it says none */
};

/** Whether @p name is one, whatever its ending. */
bool capture_name_parse(const char *name, struct capture_name *parts_ret);

#endif
