/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * output: from a snapshot to bytes. Aggregates goroutines whose stacks are the same, writes each format (pprof.c,
 * report.c), and puts what was written where it belongs: a descriptor, memory, or a file that is replaced whole.
 *
 * What may be here: formats, their encoders, and files that this tool writes. A format gets a snapshot and a sink and
 * does not know what is behind either.
 * What may not: a pid, the target's memory, ELF, options and messages for the terminal. Which goroutines are in a
 * snapshot and what their words mean was decided below, in go; where output goes and in which format, is decided above.
 * Every string of a snapshot comes from the target and may hold any bytes: each format says what it does about that.
 */
#ifndef GSD_OUTPUT_H
#define GSD_OUTPUT_H

#include "base/base.h"
#include "go/snapshot.h"

/** Somewhere bytes go. Formats write in order and never go back. */
struct gsd_sink {
	/** Takes all @p length bytes or fails; after a failure no more is written to it. */
	struct gsd_error *(*write)(struct gsd_sink *sink, const void *bytes, size_t length);
};

/** Writes @p length bytes (0 is allowed) to @p sink, whole. Fails with what that sink fails with. */
GSD_MUST_CHECK struct gsd_error *gsd_sink_write(struct gsd_sink *sink, const void *bytes, size_t length);

/**
 * A sink over a descriptor. Short writes and EINTR are continued, a non-blocking descriptor is waited for. Fails with
 * GSD_ERROR_IO and the errno of write(2); EPIPE and EFBIG only when the caller ignores SIGPIPE and SIGXFSZ.
 */
struct gsd_fd_sink {
	struct gsd_sink sink;
	int fd;
	const char *name;
};
/** @p fd and @p name (for errors: "standard output", a path) are borrowed. Nothing is to be freed. */
void gsd_fd_sink_init(struct gsd_fd_sink *fd_sink, int fd, const char *name);

/** A sink that keeps @ref length bytes at @ref bytes (NULL while empty). Fails only with GSD_ERROR_NO_MEMORY. */
struct gsd_memory_sink {
	struct gsd_sink sink;
	uint8_t *bytes;
	size_t length;
	size_t capacity;
};
void gsd_memory_sink_init(struct gsd_memory_sink *memory_sink);
void gsd_memory_sink_free(struct gsd_memory_sink *memory_sink);

/** What gsd_file_replace() asks to produce the content. Its error is handed on. */
typedef struct gsd_error *gsd_file_writer(struct gsd_sink *sink, void *context);

/**
 * Makes @p path a file of mode 0600, whatever the umask, with the content that @p writer produces. The content is
 * written to a file beside it, synced and renamed: at any moment, and after any failure, @p path is the old file or the
 * whole new one, and the file beside it is removed (a process that is killed leaves ".gostackdump-….tmp"). A symbolic
 * link at @p path is replaced, not followed. The rename itself is not synced: after a power cut the old file may be
 * back.
 *
 * What cannot be replaced is written to directly: a device, a FIFO (waits for its reader), and what a link in /dev or
 * /proc stands for (/dev/stdout, /proc/self/fd/3), appending when that is a file.
 *
 * Fails with GSD_ERROR_IO, an errno and mostly a hint, or with the error of @p writer.
 */
GSD_MUST_CHECK struct gsd_error *gsd_file_replace(const char *path, gsd_file_writer *writer, void *context);

/**
 * Writes gzipped profile.proto with the content of pprof.Lookup("goroutine").WriteTo(w, 0). In strings, each byte that
 * is not part of valid UTF-8 becomes U+FFFD. Fails as @p sink does, or with GSD_ERROR_NO_MEMORY, or as the symbolizer.
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_pprof(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes gzipped profile.proto with a sample for each goroutine, in the order of the snapshot: its stack, its own
 * labels, and the labels and values that docs/formats.md lists. Strings and errors as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_pprof_goroutines(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes folded stacks: `outermost;…;innermost COUNT`, a line for each of them, in the order of their names. In names, a
 * semicolon becomes a colon; control characters, what changes the direction of text, and bytes that are not UTF-8 are
 * shown as \xNN or \u{NNNN}. Fails as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_folded(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes an HTML page with a flame graph and a table of groups, which loads nothing. In strings, each byte that is not
 * part of valid UTF-8 becomes U+FFFD. Fails as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_html(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes a flame graph as a picture (SVG 1.1, UTF-8) that loads nothing; its own script adds zoom and search where
 * scripts run. In strings, control characters, what changes the direction of text, and bytes that are not UTF-8 are shown
 * as \xNN or \u{NNNN}. Fails as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_svg(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes JSON Lines: an object for the capture, then one for each goroutine (docs/jsonl.md). In strings, each byte that
 * is not part of valid UTF-8 becomes U+FFFD. Fails as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_jsonl(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes the goroutine profile as pprof.Lookup("goroutine").WriteTo(w, 1) of that Go version does, from the target's own
 * bytes. A stack that could not be read has the address 0x0 and the line "gostackdump.unreadable:REASON". Fails as
 * gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_text(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/**
 * Writes the stack of each goroutine as pprof.Lookup("goroutine").WriteTo(w, 2) of that Go version does, from the
 * target's own bytes. A stack that could not be read has one frame, gostackdump.unreadable:REASON. Fails as
 * gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_stacks(const struct gsd_snapshot *snapshot, struct gsd_sink *sink);

/** Columns of a report: the default, and the fewest that it is laid out for (fewer count as these). */
#define GSD_REPORT_WIDTH_DEFAULT 80U
#define GSD_REPORT_WIDTH_MIN     40U

/** How a report looks. */
struct gsd_report_style {
	unsigned width;      /**< columns; 0: the default */
	unsigned height;     /**< lines of the screen that it is to fit; 0: every group with its whole stack */
	bool colour;         /**< with terminal sequences */
	bool runtime_frames; /**< also the runtime's own frames */
};

/**
 * Writes a report for people, UTF-8, in lines of at most width columns. Only a function's name or a state may be longer
 * than that. In strings, control characters, what changes the direction of text, and bytes that are not UTF-8 are shown
 * as \xNN or \u{NNNN}. Fails as gsd_write_pprof().
 */
GSD_MUST_CHECK struct gsd_error *gsd_write_report(const struct gsd_snapshot *snapshot, struct gsd_sink *sink,
						  struct gsd_report_style style);

#endif
