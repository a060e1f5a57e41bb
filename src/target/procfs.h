/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded reading of /proc files, and the parsers of the two that are needed: status and stat. */
#ifndef GSD_TARGET_PROCFS_H
#define GSD_TARGET_PROCFS_H

#include <sys/types.h>

#include "base/error.h"

/** Room for a whole /proc/PID/status; its lists of groups and CPUs may be long, the fields used here come first or fit.
 */
#define GSD_STATUS_SIZE ((size_t)32 * 1024)

/** The fields of /proc/PID/status that matter here. A field the kernel did not print is zero. */
struct gsd_status {
	char state; /**< 'R', 'S', 'D', 'T', 't', 'Z', 'X', ... */
	pid_t tgid;
	pid_t pid;
	pid_t ppid;
	pid_t tracer;  /**< 0: none, or one that this pid namespace does not see */
	uid_t uids[3]; /**< real, effective, saved */
	gid_t gids[3];
	uint64_t threads;
	uint64_t memory_bytes; /**< resident and swapped; 0 for what has no address space */
	uint64_t cap_permitted;
	uint64_t cap_effective;
	unsigned seccomp;          /**< 0 off, 1 strict, 2 filter */
	unsigned namespace_levels; /**< how many numbers NSpid has: 1 is the pid namespace of this /proc */
	pid_t pid_innermost;       /**< the last number of NSpid */
};

/**
 * Reads the file @p name below @p directory into @p buffer, at most @p capacity - 1 bytes (the rest is left out), and
 * ends it with a NUL. Returns 0 or an errno.
 */
int gsd_procfs_read(int directory, const char *name, char *buffer, size_t capacity, size_t *length_ret);

/**
 * Reads a whole file of at most @p max_bytes. Returns 0 or an errno (ENOMEM, EFBIG included); the caller frees
 * `*bytes_ret`, which ends with a NUL that is not counted.
 */
int gsd_procfs_read_all(int directory, const char *name, size_t max_bytes, char **bytes_ret, size_t *length_ret);

/** Reads and parses the status file @p name ("status", "task/7/status") below @p directory. Returns 0 or an errno. */
int gsd_procfs_status(int directory, const char *name, struct gsd_status *status_ret);

/** Parses the NUL-terminated @p text of a status file. False when it has no State, Tgid and Pid. */
bool gsd_status_parse(const char *text, struct gsd_status *status_ret);

/** The state letter in the NUL-terminated @p text of a stat file, whatever the name in it looks like; 0 if none. */
char gsd_stat_state(const char *text);

/**
 * The offset of CLOCK_MONOTONIC in the NUL-terminated @p text of a timens_offsets file, in ns; 0 when it has none or is
 * not plausible.
 */
int64_t gsd_clock_offset_parse(const char *text);

/** Whether the stat file's @p text is that of a kernel thread. */
bool gsd_stat_is_kernel_thread(const char *text);

/**
 * Where a thread left user code, in the NUL-terminated @p text of its `syscall` file. False when it was running, or
 * never was in user code.
 */
bool gsd_syscall_parse(const char *text, uint64_t *pc_ret, uint64_t *sp_ret);

/**
 * The same from the @p text of its stat file, where the kernel puts it for threads that end or wait for a core dump.
 * False when it does not.
 */
bool gsd_stat_registers(const char *text, uint64_t *pc_ret, uint64_t *sp_ret);

/** Whether the @p text of a status file (Linux 4.15 or newer) says that its process is writing a core dump. */
bool gsd_status_dumps_core(const char *text);

#endif
