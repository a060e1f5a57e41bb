/* SPDX-License-Identifier: BSD-3-Clause */
/* What -o and -f mean: formats, their endings, and how a capture is written. */
#ifndef GSD_CLI_OUTPUTS_H
#define GSD_CLI_OUTPUTS_H

#include "cli/cli.h"

/** An output format. Those that are not built yet are here so that their endings are refused, not misunderstood. */
struct format {
	const char *name;
	const char *endings[2]; /**< the first one is given to the files of a directory */
	enum gsd_format id;     /**< 0: not built yet */
	bool binary;
	const char *help;
};

/** One -o. */
struct output {
	const char *path;            /**< without the FORMAT: before it */
	const struct format *format; /**< NULL until outputs_decide() */
	enum output_kind { OUTPUT_FILE, OUTPUT_DIRECTORY, OUTPUT_DESCRIPTOR } kind;
	int descriptor; /**< OUTPUT_DESCRIPTOR: where to write */
};

/** The table of formats, built or not; ends with a NULL name. */
extern const struct format formats[];

/** The format called @p name, or NULL after a message about wrong usage that names @p where ("-f"). */
const struct format *format_find(const char *name, const char *where);

/** What `-o TEXT` says. False after a message. */
bool output_parse(const char *text, struct output *output);

/** Gives each output its format and kind once all arguments are known. False after a message about wrong usage. */
bool outputs_decide(struct invocation *invocation);

/**
 * The same for a command that compares captures: its outputs are reports and pages, and go to files and descriptors.
 */
bool outputs_decide_pages(struct invocation *invocation);

/** Narrows @p capture to what of it is to be written. Errors: as gsd_capture_select(). */
struct gsd_error *output_select(const struct invocation *invocation, struct gsd_capture *capture);

/** Writes @p capture to @p path (made by output_place()) as @p invocation wants it. False after a message. */
bool output_write(const struct invocation *invocation, const struct output *output, const char *path,
		  struct gsd_capture *capture);

/** How a capture is written to @p descriptor: as wide and colourful as what is behind it. */
struct gsd_write_options output_options(const struct invocation *invocation, int descriptor);

/** Writes @p size bytes of @p text to PATH as the library writes captures: whole or not at all. False after a message.
 */
bool text_write(const char *path, const char *text, size_t size);

#endif
