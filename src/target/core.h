/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A core file: what the kernel, gcore or delve wrote of a process. Bytes in, facts out; it is read by range as needed,
 * never whole, since it may have many gigabytes, holes, or a missing end. Everything in it is hostile.
 */
#ifndef GSD_TARGET_CORE_H
#define GSD_TARGET_CORE_H

#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/plan.h"

/** Addresses [start, end) of the process (PT_LOAD). In order of address; they do not overlap. */
struct gsd_core_segment {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /**< of its bytes in the core */
	uint64_t length; /**< bytes that are there, from @ref start on: fewer where they were not dumped, or cut off */
	bool readable, writable, executable;
};
GSD_DEFINE_ARRAY(gsd_core_segments, struct gsd_core_segment)

/** A file that was mapped (NT_FILE). In order of address; they do not overlap. */
struct gsd_core_file {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	bool deleted;     /**< the kernel said " (deleted)" */
	const char *path; /**< without that */
};
GSD_DEFINE_ARRAY(gsd_core_files, struct gsd_core_file)
GSD_DEFINE_ARRAY(gsd_core_threads, struct gsd_thread)

struct gsd_core {
	int fd;
	char *name; /**< for messages: "core FILE" */
	uint64_t size;
	uint64_t disk_bytes;      /**< what it takes on the disk: holes take nothing */
	struct timespec modified; /**< when it was last written */
	struct gsd_core_segments segments;
	uint64_t cut_bytes;        /**< bytes that should be in it and lie beyond its end, as far as that is known */
	size_t unfinished_headers; /**< program headers behind an ELF header that was not written; 0: it was */
	struct gsd_core_files files;
	struct gsd_core_threads threads;
	bool notes_cut; /**< notes lie beyond its end, or contradict themselves */
	pid_t pid;      /**< as the process saw itself; 0: unknown */
	char comm[17];  /**< the process's name; "" when unknown */

	/* the auxiliary vector; 0: unknown */
	uint64_t program_headers; /**< address of the program's (AT_PHDR) */
	uint64_t program_header_count;
	uint64_t vdso;      /**< AT_SYSINFO_EHDR */
	uint64_t exec_name; /**< address of the path that was given to execve (AT_EXECFN) */
	struct gsd_arena strings;
};

/** More segments than this are not believed (vm.max_map_count is 65530 by default). */
#define GSD_CORE_MAX_SEGMENTS ((size_t)1 << 20)
/** More bytes of notes than this are not read. */
#define GSD_CORE_MAX_NOTES ((size_t)256 << 20)

/**
 * Opens the core at @p path. Errors: GSD_ERROR_IO; GSD_ERROR_INVALID when it is no core (empty, a program, compressed,
 * text), GSD_ERROR_UNSUPPORTED for another architecture, GSD_ERROR_CORRUPT when its headers are cut or contradict
 * themselves.
 */
GSD_MUST_CHECK struct gsd_error *gsd_core_open(const char *path, struct gsd_core **core_ret);
/** The same for the file behind @p fd, which it takes over; @p path is for messages. */
GSD_MUST_CHECK struct gsd_error *gsd_core_read(int fd, const char *path, struct gsd_core **core_ret);
void gsd_core_destroy(struct gsd_core *core);
/** Puts the files into order of address and makes them disjoint, after some were added. */
void gsd_core_order_files(struct gsd_core *core);

#endif
