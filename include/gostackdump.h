/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libgostackdump: what every goroutine of a running Go program is doing, seen from outside.
 *
 * A capture is one moment of one process. It is taken by gsd_capture_process(), which stops the target for as short as
 * it can, lets it go, and only then analyses what it copied. A capture owns everything that it returns; nothing in it
 * refers to the target any more.
 *
 * Functions that can fail return a `struct gsd_error *`: NULL is success, anything else is owned by the caller and is
 * freed with gsd_error_destroy(). Results come last, are named `*_ret`, and are not touched on failure.
 *
 * The library prints nothing, installs no signal handler and keeps no global state. One capture may be used by one
 * thread at a time; different captures are independent.
 */
#ifndef GOSTACKDUMP_H
#define GOSTACKDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GSD_API        __attribute__((visibility("default")))
#define GSD_MUST_CHECK __attribute__((warn_unused_result))
#else
#define GSD_API
#define GSD_MUST_CHECK
#endif

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/** Why something failed, as far as a program can act on it. */
enum gsd_error_code {
	GSD_ERROR_INTERNAL = 1, /**< a broken promise of this library: please report it */
	GSD_ERROR_NO_MEMORY,    /**< this process could not allocate */
	GSD_ERROR_INVALID,      /**< an argument is out of its range */
	GSD_ERROR_GONE,         /**< the target does not exist, or ended while we looked */
	GSD_ERROR_PERMISSION,   /**< the kernel does not let us look at the target */
	GSD_ERROR_NOT_GO,       /**< the target is not a Go program */
	GSD_ERROR_UNSUPPORTED,  /**< a Go program, but of an architecture or version that is not supported */
	GSD_ERROR_MISSING,      /**< something that must be known of the target could not be derived from it */
	GSD_ERROR_CORRUPT,      /**< bytes of the target or of a file contradict each other */
	GSD_ERROR_READ,         /**< the target's memory could not be read */
	GSD_ERROR_TIMEOUT,      /**< the stop would have lasted longer than allowed; the target was let go */
	GSD_ERROR_IO            /**< a file could not be read or written */
};

struct gsd_error;

/** The class of @p error. */
GSD_API enum gsd_error_code gsd_error_code(const struct gsd_error *error);
/** The errno that caused it, or 0. */
GSD_API int gsd_error_errno(const struct gsd_error *error);
/** One line: what was attempted, on what, and why it failed. Never NULL; lives as long as @p error. */
GSD_API const char *gsd_error_message(const struct gsd_error *error);
/** What to do about it, or NULL when there is nothing to advise. May have several lines. */
GSD_API const char *gsd_error_hint(const struct gsd_error *error);
/** Frees @p error; NULL is allowed. */
GSD_API void gsd_error_destroy(struct gsd_error *error);

/* ---- capturing -------------------------------------------------------------------------------------------------- */

/** How stacks are walked (shared vocabulary with --unwind). */
enum gsd_unwind_mode {
	GSD_UNWIND_AUTO = 0, /**< the function table, checked by frame pointers */
	GSD_UNWIND_FP,       /**< frame pointers only */
	GSD_UNWIND_TABLE     /**< the function table only */
};

/** Places where the list of goroutines can be found; a bit set. */
enum gsd_allgs_source {
	GSD_ALLGS_SYMBOL = 1, /**< the ELF symbol table */
	GSD_ALLGS_CODE = 2,   /**< the operands of runtime.allgadd */
	GSD_ALLGS_DWARF = 4,  /**< debug information */
	GSD_ALLGS_SCAN = 8    /**< a search through the data segments */
};

/** Places where the layout of the runtime's structs can be found; a bit set. */
enum gsd_layout_source {
	GSD_LAYOUT_TYPES = 1, /**< the program's own type descriptors */
	GSD_LAYOUT_DWARF = 2  /**< debug information */
};

/** Special values of gsd_capture_options.max_frames. */
#define GSD_MAX_FRAMES_DEFAULT 0U         /**< 4096 */
#define GSD_MAX_FRAMES_GO      UINT32_MAX /**< cut exactly where that Go version cuts */

/** What to capture and how. Zero in every field (apart from @ref size) is the default. */
struct gsd_capture_options {
	size_t size;                 /**< sizeof(struct gsd_capture_options), so that the struct can grow */
	uint64_t max_pause_ns;       /**< longest stop allowed; 0: one second */
	uint32_t max_frames;         /**< physical frames kept per stack, or one of GSD_MAX_FRAMES_* */
	enum gsd_unwind_mode unwind; /**< how stacks are walked */
	bool system_goroutines;      /**< also the runtime's own goroutines */
	unsigned allgs_sources;      /**< enum gsd_allgs_source bits that may be used; 0: all. For tests */
	unsigned layout_sources;     /**< enum gsd_layout_source bits that may be used; 0: all. For tests */
};

struct gsd_capture;

/**
 * Captures process @p pid. @p options may be NULL for the defaults.
 * The target is let go again on every path. Errors: every code of enum gsd_error_code.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_process(pid_t pid, const struct gsd_capture_options *options,
							     struct gsd_capture **capture_ret);
/** Frees @p capture; NULL is allowed. */
GSD_API void gsd_capture_destroy(struct gsd_capture *capture);

/** What a capture cost and how it was made. Times in ns. The keys of --stats have the same names. */
struct gsd_stats {
	uint64_t pid;
	uint64_t goroutines;           /**< goroutines in the capture, unreadable ones included */
	uint64_t system_goroutines;    /**< the runtime's own, whether or not they were asked for */
	uint64_t unreadable;           /**< goroutines whose stack could not be read: in the capture, marked */
	uint64_t ambiguous;            /**< goroutines not settled at the moment: in the capture, marked */
	uint64_t threads;              /**< threads stopped */
	uint64_t pause_ns;             /**< longest stop: first interrupt sent to last thread let go */
	uint64_t pause_total_ns;       /**< all stops together */
	uint64_t stops;                /**< how often the target was stopped */
	uint64_t read_at_stop;         /**< goroutines whose stack was read while the target was stopped */
	uint64_t one_step;             /**< goroutines settled by the one-step rule */
	uint64_t births;               /**< goroutines born after the moment and left out */
	uint64_t rounds;               /**< rounds of looking around the stop */
	uint64_t prepare_ns;           /**< finding the runtime, before the first stop */
	uint64_t capture_ns;           /**< looks and stops */
	uint64_t total_ns;             /**< from the call to the last output written */
	uint64_t cpu_ns;               /**< processor time of this process for it */
	uint64_t bytes_read;           /**< bytes read from the target */
	uint64_t rss_peak_bytes;       /**< largest resident size of this process so far */
	uint64_t frames;               /**< physical frames walked */
	uint64_t unwind_table;         /**< frames stepped by the function table */
	uint64_t unwind_fp;            /**< frames stepped by frame pointer */
	uint64_t unwind_disagreements; /**< goroutines for which the two ways gave different stacks */
	const char *exe;               /**< the program's path as the kernel names it; UTF-8 not guaranteed */
	const char *go_version;        /**< as the program says it, e.g. "go1.26.8" */
	const char *mode;              /**< "atomic" today */
	const char *layout_source;     /**< "types" or "dwarf" */
	const char *allgs_source;      /**< "symbol", "code", "dwarf" or "scan" */
};

/**
 * The figures of @p capture so far; valid until the capture is destroyed. total_ns, cpu_ns and rss_peak_bytes are
 * brought up to date by each call.
 */
GSD_API const struct gsd_stats *gsd_capture_stats(struct gsd_capture *capture);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/** Output formats. */
enum gsd_format {
	GSD_FORMAT_PPROF = 1, /**< gzipped profile.proto, as pprof.Lookup("goroutine").WriteTo(w, 0) */
	GSD_FORMAT_REPORT     /**< for people: identical stacks grouped, biggest first */
};

/** How to write. Zero in every field (apart from @ref size) is the default. */
struct gsd_write_options {
	size_t size;    /**< sizeof(struct gsd_write_options) */
	unsigned width; /**< columns of a report; 0: 80 */
	bool colour;    /**< colour a report */
};

/**
 * Writes @p capture in @p format to the descriptor @p fd, whole. Errors: GSD_ERROR_IO (with errno, EPIPE included; the
 * caller decides about SIGPIPE), GSD_ERROR_NO_MEMORY, GSD_ERROR_INVALID.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_write(struct gsd_capture *capture, enum gsd_format format, int fd,
							   const struct gsd_write_options *options);
/**
 * The same into a file of mode 0600 that is written beside @p path and renamed: @p path has the old content or the
 * whole new one, never half. A symbolic link at @p path is replaced, not followed.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_write_file(struct gsd_capture *capture, enum gsd_format format,
								const char *path,
								const struct gsd_write_options *options);

/** The version of this library, e.g. "0.1.0". */
GSD_API const char *gsd_version(void);

#ifdef __cplusplus
}
#endif

#endif
