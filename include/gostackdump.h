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
/** What to do when a file or descriptor cannot be written because of @p errnum, for those that write one themselves;
   what the errors of gsd_capture_write() and gsd_capture_write_file() advise. One line, never NULL. */
GSD_API const char *gsd_write_hint(int errnum);
/** The same for a file that cannot be opened or read. One line, never NULL. */
GSD_API const char *gsd_read_hint(int errnum);

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

/** What is being done; the order is that of time. */
enum gsd_phase {
	GSD_PHASE_LOADING = 1, /**< reading a saved capture */
	GSD_PHASE_RUNTIME,     /**< finding the Go runtime in a process */
	GSD_PHASE_LOOKING,     /**< looking at its goroutines and walking their stacks */
	GSD_PHASE_LABELS,      /**< reading labels */
	GSD_PHASE_NAMING,      /**< naming the functions of stacks */
	GSD_PHASE_SELECTING,   /**< finding the goroutines that a selection leaves; once a filter */
	GSD_PHASE_GROUPING,    /**< of an output: finding equal stacks */
	GSD_PHASE_WRITING      /**< of an output: writing it */
};

/** How far something has come. */
struct gsd_progress {
	enum gsd_phase phase;
	uint64_t done;  /**< items of this phase; what they are depends on the phase and on the format */
	uint64_t total; /**< how many there are; 0: not known */
};

/**
 * Is told what is being done: at the beginning of each phase, and every few hundred items. Called by the thread that
 * called the library, never while the target is stopped; what it costs, the capture lasts longer. It must not call the
 * library. A phase may come again, and a phase of few items, or an empty one, may not come to its total.
 */
typedef void gsd_progress_function(void *context, const struct gsd_progress *progress);

/** What to capture and how. Zero in every field (apart from @ref size) is the default. */
struct gsd_capture_options {
	size_t size;                 /**< sizeof(struct gsd_capture_options), so that the struct can grow */
	uint64_t max_pause_ns;       /**< longest stop allowed; 0: one second. A stop that would last longer is not
					  made, and one that does is ended: what is not settled then is marked */
	uint32_t max_frames;         /**< physical frames kept per stack, or one of GSD_MAX_FRAMES_* */
	enum gsd_unwind_mode unwind; /**< how stacks are walked */
	bool system_goroutines;      /**< also the runtime's own goroutines */
	bool nonblocking;            /**< never stop the target: each goroutine is consistent in itself, all of them are
					  not of one moment, and running ones have no stack; not with native */
	bool native;                 /**< C frames too, and threads that run no goroutine; the stop copies C stacks */
	bool not_go;                 /**< with native: a program without Go is no GSD_ERROR_NOT_GO. Its capture has its
					  threads and no goroutine, and an empty gsd_stats.go_version */
	bool arguments;              /**< also the values of arguments, which GSD_FORMAT_STACKS prints */
	bool no_symbolize;           /**< no names: functions are called by their addresses, "0x4011ab" */
	unsigned allgs_sources;      /**< enum gsd_allgs_source bits that may be used; 0: all. For tests */
	unsigned layout_sources;     /**< enum gsd_layout_source bits that may be used; 0: all. For tests */
	/**
	 * Where a program that does not run is to be had: files (the program itself, its libraries) and directories
	 * that are searched by build id. Borrowed for the call; not for a live process.
	 */
	const char *const *exes;
	size_t exe_count;
	/**
	 * NULL (the default): a short-lived child makes the stop, and is killed when it reaches @ref max_pause_ns.
	 * Otherwise a thread of this process makes it, which is the only way where the kernel lets only ancestors trace
	 * (Yama's ptrace_scope 1) and this process is one: then whoever guards this process has to end it when the
	 * stop lasts too long. Here stands meanwhile since when it has been lasting (CLOCK_MONOTONIC ns; 0: there is
	 * no stop); the word may be shared with another process. Written atomically.
	 */
	uint64_t *stopped_since;
	gsd_progress_function *progress; /**< told how far it has come; NULL: nobody is */
	void *progress_context;          /**< its first argument */
};

struct gsd_capture;

/**
 * Captures process @p pid. @p options may be NULL for the defaults.
 * The target is let go again on every path. Errors: every code of enum gsd_error_code.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_process(pid_t pid, const struct gsd_capture_options *options,
							     struct gsd_capture **capture_ret);
/**
 * Loads a capture that was written in GSD_FORMAT_RAW from @p path ("-": standard input), and names its stacks out of
 * the program's own files: those of gsd_capture_options.exes, else those at the paths where they were; found by build
 * id. Every format is then written with the same bytes as it was, or would have been, where the capture was taken. Of
 * @p options, which may be NULL, the others have been decided then, and are not looked at. Errors:
 * GSD_ERROR_MISSING (a file is not found: which, and what to do), GSD_ERROR_CORRUPT (at which byte),
 * GSD_ERROR_UNSUPPORTED (of a newer version), GSD_ERROR_IO, GSD_ERROR_NO_MEMORY.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_load(const char *path, const struct gsd_capture_options *options,
							  struct gsd_capture **capture_ret);
/**
 * Captures the process of which @p path is a core: the kernel's, gcore's or delve's. What the core lacks of the program
 * and its libraries is read from gsd_capture_options.exes, else from where they were, when their build ids are right.
 * max_pause_ns and nonblocking mean nothing here. Errors: GSD_ERROR_MISSING (the program is not found: which, and what
 * to do), GSD_ERROR_INVALID (it is no core), and the other codes but GSD_ERROR_GONE, _PERMISSION and _TIMEOUT.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_core(const char *path, const struct gsd_capture_options *options,
							  struct gsd_capture **capture_ret);
/**
 * What a person should know of @p capture, one line: that a core is cut short, that nothing tells whether the program
 * that was found is the right one, or that gsd_capture_select() asked for ages that a core does not have. NULL after
 * the last; lives as long as the capture.
 */
GSD_API const char *gsd_capture_warning(const struct gsd_capture *capture, size_t index);
/** Frees @p capture; NULL is allowed. */
GSD_API void gsd_capture_destroy(struct gsd_capture *capture);

/** What a capture cost and how it was made. Times in ns. The keys of --stats have the same names. */
struct gsd_stats {
	uint64_t pid;
	uint64_t goroutines;           /**< goroutines in the capture, unreadable ones included */
	uint64_t system_goroutines;    /**< the runtime's own, whether or not they were asked for */
	uint64_t unreadable;           /**< goroutines (without Go: threads) whose stack could not be read: in the
					    capture, marked */
	uint64_t ambiguous;            /**< goroutines not settled at the moment: in the capture, marked */
	uint64_t unsettled;            /**< of those: not of the moment, but read while the target ran */
	uint64_t unread_running;       /**< of the unreadable ones: those that ran when nothing was stopped */
	uint64_t refused_pause_ns;     /**< about how long the stop lasts that max_pause_ns forbade; 0: none, or threads
					  could not be attached to in time */
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
	uint64_t missing_bytes;        /**< bytes of a core that lie beyond its end: it was cut short */
	uint64_t rss_peak_bytes;       /**< largest resident size of this process so far */
	uint64_t frames;               /**< physical frames walked */
	uint64_t unwind_table;         /**< frames stepped by the function table */
	uint64_t unwind_fp;            /**< frames stepped by frame pointer */
	uint64_t unwind_disagreements; /**< goroutines for which the two ways gave different stacks */
	const char *exe;               /**< the program's path as the kernel names it; UTF-8 not guaranteed */
	const char *go_version;        /**< as the program says it, e.g. "go1.26.8"; "": it is not a Go program */
	const char *comm;              /**< the process's name as the kernel has it; UTF-8 not guaranteed */
	uint64_t time_unix_ns;         /**< wall clock of the moment; of a core: when it was last written */
	const char *mode;              /**< "atomic"; "atomic-fallback": all was read in one stop, because looks had not
					    settled it; "nonblocking": no stop, not one moment; "core"; "raw": loaded by
					  gsd_capture_load() */
	const char *layout_source;     /**< "types" or "dwarf"; "" without Go, as the next */
	const char *allgs_source;      /**< "symbol", "code", "dwarf" or "scan" */
};

/**
 * The figures of @p capture so far; valid until the capture is destroyed. total_ns, cpu_ns and rss_peak_bytes are
 * brought up to date by each call.
 */
GSD_API const struct gsd_stats *gsd_capture_stats(struct gsd_capture *capture);

/* ---- counting without stopping ---------------------------------------------------------------------------------- */

/** A process whose goroutines are counted again and again; it is never stopped. */
struct gsd_observer;

/** What a process runs. Strings live as long as the observer. */
struct gsd_program_info {
	const char *exe;        /**< the program's path as the kernel names it; UTF-8 not guaranteed */
	const char *go_version; /**< as the program says it, e.g. "go1.26.8" */
	bool symbols;           /**< false: it is stripped */
};

/** Goroutines by state. Each was looked at once, all within some milliseconds, but not in one moment. */
struct gsd_count {
	uint64_t goroutines; /**< all but the runtime's own */
	uint64_t running, runnable, syscall, waiting;
	uint64_t system_goroutines; /**< the runtime's own */
	bool wait_known;            /**< whether the runtime has noted since when any of them waits: it does at
					 garbage collections */
	uint64_t longest_wait_ns;   /**< the longest that one of them has been waiting, or in a system call */
};

/**
 * Opens process @p pid and finds its Go runtime, once for all counts. It needs the permission that a capture needs, and
 * fails as gsd_capture_process() does before its stop.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_observer_open(pid_t pid, struct gsd_observer **observer_ret);
/** Frees @p observer; NULL is allowed. */
GSD_API void gsd_observer_close(struct gsd_observer *observer);
GSD_API const struct gsd_program_info *gsd_observer_program(const struct gsd_observer *observer);
/** Counts the goroutines. GSD_ERROR_GONE: the process has ended, or runs another program since. */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_observer_count(struct gsd_observer *observer, struct gsd_count *count_ret);

/** What can be learned of a process without stopping it. */
struct gsd_inspection {
	bool go;                   /**< it is known to be a Go program, or to have Go code in it */
	char go_version[64];       /**< "" when unknown */
	bool symbols;              /**< false: its program is stripped, or could not be read */
	bool counted;              /**< whether @ref count is set */
	struct gsd_count count;    /**< its goroutines */
	struct gsd_error *refused; /**< why it cannot be captured (no permission, another tracer, a Go too old); NULL:
					as far as can be seen it can. Owned by the caller */
};

/** Looks at process @p pid. Not to be a Go program is no error. Errors: GSD_ERROR_GONE, GSD_ERROR_NO_MEMORY. */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_inspect_process(pid_t pid, struct gsd_inspection *inspection_ret);

/* ---- selecting -------------------------------------------------------------------------------------------------- */

/** Which goroutines of a capture are wanted. Zero in every field (apart from @ref size) is all of them. */
struct gsd_selection {
	size_t size;                /**< sizeof(struct gsd_selection) */
	const char *const *filters; /**< expressions as of --filter (docs/filters.md): a goroutine must pass each */
	size_t filter_count;
	uint64_t limit; /**< a sample of so many of those that pass; 0: all */
	uint64_t seed;  /**< of the sample: the same seed prefers the same goids, in every capture */
};

/**
 * Whether @p selection can be understood. GSD_ERROR_INVALID if not: its hint shows the expression with a caret under
 * the place. @p names: whether functions will have names; a filter that asks for them needs that.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_selection_check(const struct gsd_selection *selection, bool names);
/**
 * Narrows @p capture to the goroutines of @p selection: from now on they are all that it counts, describes and writes.
 * The others are gone: a second selection narrows what the first one left. Threads without a goroutine go, too. The
 * figures of gsd_capture_stats() stay those of the whole capture. gsd_capture_options.progress is told how far it has
 * come. Errors: as gsd_selection_check(), GSD_ERROR_NOT_GO (it has no goroutines) and GSD_ERROR_NO_MEMORY; the capture
 * is as before then.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_select(struct gsd_capture *capture,
							    const struct gsd_selection *selection);

/* ---- goroutines ------------------------------------------------------------------------------------------------- */

/** A function on a stack. Strings are the target's: any bytes, NUL-terminated; they live as long as the capture. */
struct gsd_frame {
	const char *function; /**< full name; "0x…" where nothing names the code, "gostackdump.elided" for frames that
				   were left out, "gostackdump.unreadable:REASON" for a stack that could not be read */
	const char *file;     /**< "" when unknown */
	int64_t line;         /**< 0 when unknown; the runtime has negative ones */
	int64_t start_line;   /**< of the `func` keyword; 0: unknown (Go 1.18, 1.19) */
	uint64_t pc;        /**< the call, as pprof has it: return address − 1; or the instruction that was executing
				 when the innermost frame's thread was stopped or interrupted. 0: no code */
	uint64_t entry;     /**< of the function that contains the code; 0: not known */
	bool inlined;       /**< its code is part of the next frame's, or of a wrapper that is left out */
	bool native;        /**< not Go code */
	const char *object; /**< native: the file that its code was mapped from; NULL: not known, or Go code */
};

/** A label of pprof.Do. Key and value are any bytes, NULs possible, and NUL-terminated. */
struct gsd_label {
	const char *key;
	size_t key_length;
	const char *value;
	size_t value_length;
};

/** One goroutine in the moment. Strings and arrays live as long as the capture. */
struct gsd_goroutine_info {
	uint64_t goid;    /**< 0: its g could not be read */
	uint64_t address; /**< of its g in the target */

	const char *state;       /**< what a person calls it: the wait reason when it has one, else the status */
	const char *status;      /**< "runnable", "running", "syscall", "waiting", "copystack", "preempted", "leaked";
				      "unknown": a number that no Go version has */
	const char *wait_reason; /**< the runtime's words ("chan receive"); NULL when it does not wait, or has none */
	bool wait_known;  /**< whether the runtime has noted since when it has been waiting or in its system call:
			       it does in the first garbage collection that finds it so */
	uint64_t wait_ns; /**< for how long, when noted: since the end of the collection before that one, so it is
			       too long by less than the time between two collections */

	bool system;            /**< one of the runtime's own */
	bool locked;            /**< locked to its thread */
	bool scan;              /**< the garbage collector was looking at its stack */
	bool leaked;            /**< found unreachable by the runtime's search for leaks (Go 1.26 and later) */
	bool never_ran;         /**< it still stands at the entry of its function */
	bool ambiguous;         /**< something of it is not settled to be of the moment */
	const char *unreadable; /**< why its stack could not be read ("no-thread"); NULL: it was read */

	bool in_bubble;     /**< in a bubble of testing/synctest */
	uint64_t bubble_id; /**< its number (Go 1.24: the goid of its first goroutine); 0: unknown */

	uint64_t parent_goid;     /**< who created it; 0: unknown (Go 1.20 and earlier; the first goroutine) */
	struct gsd_frame creator; /**< the `go` statement; function NULL: none (the first goroutine; made for C) */
	struct gsd_frame start;   /**< the function that it was started with; function NULL: none (made for C) */
	size_t ancestor_count;    /**< for gsd_capture_ancestor(); 0 without GODEBUG=tracebackancestors */
	bool ancestors_unknown;   /**< it has some, but they could not be read, or were dropped after the moment */

	bool has_thread;     /**< running, or in a system call or in C: it has an M. The next fields are valid then */
	pid_t tid;           /**< its thread as this process sees it; 0: not found */
	uint64_t tid_inside; /**< its thread as the target sees it (its innermost pid namespace); 0: none yet */
	int64_t m_id;        /**< number of the M; −1: unknown */
	int64_t p_id;        /**< number of the M's P; −1: it had none, or it is unknown */

	uint64_t stack_low; /**< its stack is [stack_low, stack_high); both 0 when its bounds contradict each other */
	uint64_t stack_high;
	uint64_t stack_used; /**< bytes in use; 0: unknown */

	bool has_labels;                /**< a set of labels, which may be empty */
	const struct gsd_label *labels; /**< sorted by key */
	size_t label_count;
};

/** Goroutines in the capture: the runtime's own only when they were asked for. */
GSD_API size_t gsd_capture_goroutine_count(const struct gsd_capture *capture);
/** Describes goroutine @p index, in the order of the runtime's list. Errors: GSD_ERROR_INVALID, GSD_ERROR_NO_MEMORY. */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_goroutine(struct gsd_capture *capture, size_t index,
							       struct gsd_goroutine_info *info_ret);
/**
 * The stack of goroutine @p index, innermost frame first, as the runtime's own profile shows it (without wrappers and
 * runtime.goexit). @p frames_ret is valid until the next call for this capture.
 */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_frames(struct gsd_capture *capture, size_t index,
							    const struct gsd_frame **frames_ret, size_t *count_ret);

/** One of the goroutines that led to another one (GODEBUG=tracebackancestors=N). */
struct gsd_ancestor_info {
	uint64_t goid;
	struct gsd_frame creator;       /**< the `go` statement that made it; function NULL: none */
	const struct gsd_frame *frames; /**< where it was when it created the next; valid until the next call */
	size_t frame_count;
};
/** Ancestor @p number of goroutine @p index; 0 is its parent. Errors as for gsd_capture_goroutine(). */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_ancestor(struct gsd_capture *capture, size_t index, size_t number,
							      struct gsd_ancestor_info *ancestor_ret);

/** A thread that ran no goroutine in the moment; all threads of a program without Go. */
struct gsd_thread_info {
	pid_t tid;                      /**< as this process sees it */
	uint64_t tid_inside;            /**< as the target sees it; 0: unknown */
	const struct gsd_frame *frames; /**< innermost first; valid until the next call for this capture */
	size_t frame_count;
};
/** Such threads in the capture; 0 unless C frames were asked for (gsd_capture_options.native). */
GSD_API size_t gsd_capture_thread_count(const struct gsd_capture *capture);
/** Describes thread @p index. Errors as for gsd_capture_goroutine(). */
GSD_API GSD_MUST_CHECK struct gsd_error *gsd_capture_thread(struct gsd_capture *capture, size_t index,
							    struct gsd_thread_info *thread_ret);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/** Output formats. */
enum gsd_format {
	GSD_FORMAT_PPROF = 1, /**< gzipped profile.proto, as pprof.Lookup("goroutine").WriteTo(w, 0) */
	GSD_FORMAT_REPORT,    /**< for people: identical stacks grouped, biggest first */
	GSD_FORMAT_JSONL,     /**< one JSON object a line: the capture, then each goroutine with all that is known */
	GSD_FORMAT_PPROF_GOROUTINES, /**< gzipped profile.proto with a sample for each goroutine, labelled */
	GSD_FORMAT_TEXT,             /**< byte for byte pprof.Lookup("goroutine").WriteTo(w, 1) of that Go version */
	GSD_FORMAT_STACKS,           /**< byte for byte the same with 2: wants gsd_capture_options.arguments */
	GSD_FORMAT_FOLDED,           /**< "outermost;…;innermost COUNT", a line for each distinct stack */
	GSD_FORMAT_RAW,              /**< the capture itself, minus names of Go code, for gsd_capture_load(); STACKS can
					  be made of it if it was taken with gsd_capture_options.arguments */
	GSD_FORMAT_HTML,             /**< one page: a flame graph with search and zoom, and a table of groups */
	GSD_FORMAT_SVG               /**< a flame graph as a picture */
};

/** How to write. Zero in every field (apart from @ref size) is the default. */
struct gsd_write_options {
	size_t size;    /**< sizeof(struct gsd_write_options) */
	unsigned width; /**< columns of a report; 0: 80 */
	bool colour;    /**< colour a report */
	/** Lines of the screen that a report is to fit, shortening what does not matter most; 0: it says everything. */
	unsigned height;
	bool runtime_frames;             /**< a report shows the runtime's own frames, which it folds away else */
	gsd_progress_function *progress; /**< told how far it has come; NULL: nobody is */
	void *progress_context;          /**< its first argument */
};

/**
 * Writes @p capture in @p format to the descriptor @p fd, whole. Of a program without Go, its threads stand where
 * goroutines do. Errors: GSD_ERROR_IO (with errno, EPIPE included; the caller decides about SIGPIPE),
 * GSD_ERROR_NOT_GO (PPROF_GOROUTINES, TEXT and STACKS of such a program), GSD_ERROR_NO_MEMORY, GSD_ERROR_INVALID.
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

/* ---- names for people ------------------------------------------------------------------------------------------- */

/**
 * Whether a report folds frames of @p function away: plumbing of the runtime that parks a goroutine, starts it, gives
 * it memory. What programs call themselves, and what panics or ends them, is none.
 */
GSD_API bool gsd_function_is_folded(const char *function);
/**
 * Writes the name that a report has for @p function into @p text of @p size bytes, as snprintf() would, and returns
 * what that would: with the last element of its package's path only, "http.(*conn).serve".
 */
GSD_API size_t gsd_function_short_name(const char *function, char *text, size_t size);
/** The same for the file of a frame in @p function: in its package, "net/http/server.go"; what has none stays whole. */
GSD_API size_t gsd_file_short_name(const char *function, const char *file, char *text, size_t size);

/** The version of this library, e.g. "0.1.0". */
GSD_API const char *gsd_version(void);

#ifdef __cplusplus
}
#endif

#endif
