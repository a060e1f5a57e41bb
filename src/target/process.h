/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A live process. Rules: SEIZE, never a signal; every path lets the target go; what is read from /proc is bounded.
 */
#ifndef GSD_TARGET_PROCESS_H
#define GSD_TARGET_PROCESS_H

#include "target/target.h"

struct gsd_process;

/**
 * Opens process @p pid: checks that it exists, is 64-bit x86 Linux code and may be looked at (with the reason and the
 * remedy when not). Everything is opened through one descriptor of /proc/PID, so a reused pid is not mistaken for it.
 */
GSD_MUST_CHECK struct gsd_error *gsd_process_open(pid_t pid, struct gsd_process **process_ret);
void gsd_process_destroy(struct gsd_process *process);

/**
 * Why process @p pid cannot be stopped although it can be read: another tracer has it. NULL when none has, or when that
 * cannot be seen.
 */
struct gsd_error *gsd_process_tracer_error(pid_t pid) GSD_MUST_CHECK;

/** Whether it has ended since: no thread of it lives. */
bool gsd_process_ended(const struct gsd_process *process);
/** Whether it has called execve since: it lives, and what was opened is not what it runs. */
bool gsd_process_replaced(const struct gsd_process *process);
/** Its name as the kernel has it, "" when that cannot be read. */
void gsd_process_comm(const struct gsd_process *process, char comm[16]);
/** The executable's path as the kernel names it, without " (deleted)". */
const char *gsd_process_exe_path(const struct gsd_process *process);
/** A descriptor of the executable's bytes (never opened by path); owned by @p process. */
int gsd_process_exe(const struct gsd_process *process);
/** The target's memory: process_vm_readv in batches, /proc/PID/mem as the fallback. Lives as long as @p process. */
struct gsd_memory *gsd_process_memory(struct gsd_process *process);
/** Bytes of memory that it really has now, resident or swapped: no more can have been written. 0: unknown. */
uint64_t gsd_process_memory_bytes(const struct gsd_process *process);
/** Bytes read from the target's memory so far. */
uint64_t gsd_process_bytes_read(const struct gsd_process *process);
/** The mappings when it was opened, in order of address; owned by @p process. */
const struct gsd_mapping *gsd_process_mappings(const struct gsd_process *process, size_t *count_ret);
/**
 * A descriptor for the file behind @p mapping (the executable itself, or by /proc/PID/map_files, else by
 * /proc/PID/root with the inode compared). The caller closes it. GSD_ERROR_IO when it cannot be had.
 */
GSD_MUST_CHECK struct gsd_error *gsd_process_open_mapping(struct gsd_process *process,
							  const struct gsd_mapping *mapping, int *fd_ret);
/**
 * How far its CLOCK_MONOTONIC is ahead of that of this process, in ns: other time namespaces have other ones
 * (time_namespaces(7)). 0 where the kernel does not say.
 */
int64_t gsd_process_clock_ahead_ns(const struct gsd_process *process);
/** The value of an environment variable at the program's start, or NULL; the caller frees it. */
GSD_MUST_CHECK struct gsd_error *gsd_process_environment(struct gsd_process *process, const char *name,
							 char **value_ret);

#endif
