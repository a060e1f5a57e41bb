/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One watch at a time on a process. The lock is a flock(2) on the process's own directory in /proc: it needs no file
 * that someone would have to clean up, ends with whoever holds it, and means that process and no later one with its
 * number.
 */
#ifndef GSD_JOBS_TARGET_LOCK_H
#define GSD_JOBS_TARGET_LOCK_H

#include <sys/types.h>

/**
 * A descriptor that holds the lock of process @p pid, to be closed with close(2). −1 with errno: EWOULDBLOCK when
 * another holds it (@p holder_ret: its pid, or 0 when that cannot be seen), ENOENT when there is no such process.
 */
int target_lock(pid_t pid, pid_t *holder_ret);

#endif
