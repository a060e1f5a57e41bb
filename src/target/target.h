/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * target: what a capture needs of a program, wherever its bytes are, and the only folder that knows a pid. A live
 * process is one target (process.h); it opens, lists, reads and stops, and does not know what the bytes mean.
 */
#ifndef GSD_TARGET_TARGET_H
#define GSD_TARGET_TARGET_H

#include "base/plan.h"

/** A run of addresses and what is behind it: a line of /proc/PID/maps. */
struct gsd_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t inode;
	unsigned device_major;
	unsigned device_minor;
	bool readable;
	bool writable;
	bool executable;
	bool deleted;     /**< the kernel said " (deleted)" */
	const char *path; /**< without " (deleted)"; "" for anonymous memory; octal escapes of the kernel undone */
};

struct gsd_stop_figures {
	uint64_t pause_ns;            /**< first interrupt sent to last thread let go */
	uint64_t halted_unix_ns;      /**< wall clock when all threads had stopped; 0: unknown */
	uint64_t halted_monotonic_ns; /**< CLOCK_MONOTONIC of the same moment; 0: unknown */
};

/** A stop under way: how its window halts the target and lets it go. */
struct gsd_stop {
	bool (*halt)(struct gsd_stop *stop);
	void (*release)(struct gsd_stop *stop);
};

/** What is done around and in a stop: gsd_stop_halt(), gsd_stop_release(). It must not allocate, log or parse. */
typedef void gsd_target_window(struct gsd_stop *stop, void *context);

struct gsd_target;

struct gsd_target_operations {
	void (*destroy)(struct gsd_target *target);
	struct gsd_error *(*stop)(struct gsd_target *target, uint64_t max_pause_ns, struct gsd_threads *threads,
				  gsd_target_window *window, void *context, struct gsd_stop_figures *figures_ret);
	struct gsd_error *(*list_threads)(struct gsd_target *target, struct gsd_threads *threads_ret,
					  struct gsd_stop_figures *figures_ret);
	struct gsd_error *(*thread_capacity)(struct gsd_target *target, size_t *capacity_ret);
	struct gsd_error *(*open_mapping)(struct gsd_target *target, const struct gsd_mapping *mapping, int *fd_ret);
	struct gsd_error *(*environment)(struct gsd_target *target, const char *name, char **value_ret);
	uint64_t (*memory_bytes)(const struct gsd_target *target);
	uint64_t (*bytes_read)(const struct gsd_target *target);
	const char *(*change)(const struct gsd_target *target);
	struct gsd_error *(*explain)(const struct gsd_target *target, struct gsd_error *error);
};

/** A target that was opened. What it refers to is its own. */
struct gsd_target {
	const struct gsd_target_operations *operations;
	const char *name;     /**< for messages: "process 7" */
	const char *exe_path; /**< of its program, as the kernel names it, without " (deleted)" */
	int exe;              /**< a descriptor of the program's bytes; never opened by a path of the target's */
	pid_t pid;
	char comm[16]; /**< its name as the kernel has it; "": unknown */
	struct gsd_memory *memory;
	const struct gsd_mapping *mappings; /**< when it was opened, in order of address; they do not overlap */
	size_t mapping_count;
	struct gsd_process *process; /**< NULL: it does not live, and nothing of it moves */
	uint64_t missing_bytes;      /**< of its memory, that should be there and are not: a core was cut short */
	const char *const *warnings; /**< what a person should know of it, a line each */
	size_t warning_count;
};

/** Opens process @p pid; errors as of gsd_process_open(). To be freed with gsd_target_destroy(). */
GSD_MUST_CHECK struct gsd_error *gsd_target_open_process(pid_t pid, struct gsd_target **target_ret);
void gsd_target_destroy(struct gsd_target *target);

/**
 * Runs @p window; @p threads receives the threads. Errors and overflow as of gsd_process_stop(), and so is what
 * @p figures_ret says after GSD_ERROR_TIMEOUT.
 */
GSD_MUST_CHECK struct gsd_error *gsd_target_stop(struct gsd_target *target, uint64_t max_pause_ns,
						 struct gsd_threads *threads, gsd_target_window *window, void *context,
						 struct gsd_stop_figures *figures_ret);
/**
 * In the window: after it no thread runs, and those of gsd_target_stop() are there with their registers. False: it did
 * not succeed, and the window is to go straight to gsd_stop_release().
 */
bool gsd_stop_halt(struct gsd_stop *stop);
/** In the window: lets the target go. */
void gsd_stop_release(struct gsd_stop *stop);
/**
 * Its threads without a stop: nothing but their ids, in a new array that the caller frees; and the time now, as if that
 * were a moment without a pause.
 */
GSD_MUST_CHECK struct gsd_error *gsd_target_list_threads(struct gsd_target *target, struct gsd_threads *threads_ret,
							 struct gsd_stop_figures *figures_ret);
/** Room for its threads, with slack for those that start meanwhile. */
GSD_MUST_CHECK struct gsd_error *gsd_target_thread_capacity(struct gsd_target *target, size_t *capacity_ret);

/** A descriptor for the file behind @p mapping, for the caller to close. GSD_ERROR_IO when it cannot be had. */
GSD_MUST_CHECK struct gsd_error *gsd_target_open_mapping(struct gsd_target *target, const struct gsd_mapping *mapping,
							 int *fd_ret);
/** The value of an environment variable at the program's start, or NULL; the caller frees it. */
GSD_MUST_CHECK struct gsd_error *gsd_target_environment(struct gsd_target *target, const char *name, char **value_ret);
/** Bytes of memory that it really has: no more can have been written. 0: unknown. */
uint64_t gsd_target_memory_bytes(const struct gsd_target *target);
/** Bytes read from its memory so far. */
uint64_t gsd_target_bytes_read(const struct gsd_target *target);
/** What has become of it since it was opened, for a message ("it exited while we looked"); NULL: it is what it was. */
const char *gsd_target_change(const struct gsd_target *target);
/**
 * A better reason for @p error, of something that could not be found or read, where the target knows one: what has
 * become of it since it was opened, or what of it is missing. Consumes @p error; never NULL.
 */
GSD_MUST_CHECK struct gsd_error *gsd_target_explain(const struct gsd_target *target, struct gsd_error *error);

#endif
