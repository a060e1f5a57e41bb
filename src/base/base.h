/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base: what every other folder stands on. Errors, growable arrays, a string arena, a hash table, the bounded byte
 * cursor, and the two interfaces through which analysis reaches a target: memory (read these ranges) and the plan of a
 * stop (read these ranges in one moment).
 *
 * Nothing here knows Go, ELF or a process id. Remote addresses are uint64_t and never pointers. Nothing here prints.
 */
#ifndef GSD_BASE_H
#define GSD_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gostackdump.h"

#define GSD_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#define GSD_ARRAY_SIZE(array)                 (sizeof(array) / sizeof((array)[0]))

/** Moves ownership out of @p pointer: returns its value and leaves NULL. */
#define gsd_take(pointer)                                                                                              \
	({                                                                                                             \
		__typeof__(pointer) gsd_taken = (pointer);                                                             \
		(pointer) = NULL;                                                                                      \
		gsd_taken;                                                                                             \
	})

#endif
