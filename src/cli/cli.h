/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line: the first client of libgostackdump, and a client like any other.
 *
 * Lives here: the tables of commands (commands.c) and options (options.c), the help and the manual's OPTIONS made from
 * it (help.c), what -o means (outputs.c), messages and quoting (messages.c), the --stats line (stats.c), the commands
 * (dump.c) and the exit statuses. May use: the public header gostackdump.h, jobs and libc. May not use: anything else
 * of src/. Nothing here knows what a goroutine looks like, and nothing outside of here prints.
 */
#ifndef GSD_CLI_CLI_H
#define GSD_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "gostackdump.h"
#include "jobs/condition.h"
#include "jobs/retention.h"

/** What the process returns; --help lists them. */
enum status {
	STATUS_COMPLETE = 0,
	STATUS_PARTIAL = 1, /**< some goroutine, process or file is missing from what was asked for */
	STATUS_NOTHING = 2, /**< nothing captured or nothing written */
	STATUS_HOLDS = 3,   /**< a condition of --fail-on holds */
	STATUS_USAGE = 64   /**< wrong usage, as EX_USAGE of sysexits.h */
};

enum command {
	/* a bit set: an option says which commands take it */
	COMMAND_DUMP = 1,
	COMMAND_PS = 2,
	COMMAND_WATCH = 4,
	COMMAND_RUN = 8,
	COMMAND_DIFF = 16,
	COMMAND_CAPTURES = COMMAND_DUMP | COMMAND_WATCH | COMMAND_RUN,
	COMMAND_ALL = COMMAND_DUMP | COMMAND_PS | COMMAND_WATCH | COMMAND_RUN | COMMAND_DIFF
};

/** What the person asked to be told instead of a command. */
enum show { SHOW_NOTHING, SHOW_HELP, SHOW_VERSION, SHOW_MANUAL, SHOW_COMPLETION };

/** Whether the progress of long work is shown. */
enum progress_wish { PROGRESS_WHEN_LONG, PROGRESS_ALWAYS, PROGRESS_NEVER };

/** What watch is to do. Strings belong to argv. */
struct watch_plan {
	uint64_t every_ns; /**< 0: once */
	bool once;
	bool all;
	const char *name; /**< --name, or NULL */
	struct retention limits;
	struct condition *conditions; /**< --on: any of them; none: always */
	size_t condition_count;
};

/** What run is to do. */
struct run_options {
	uint64_t timeout_ns; /**< 0: none, as below */
	uint64_t idle_ns;
	uint64_t grace_ns;
	int signal;
	bool ignores_sigpipe; /**< so did the caller, and so will the command */
	bool ignores_sigxfsz;
	char *shown_command; /**< what /proc shows as the command line of this process; nothing else lies there */
	size_t shown_size;
	bool by_thread; /**< for tests: stops as where only an ancestor may make them */
};

/** When diff is to fail. Strings belong to argv. */
struct diff_plan {
	struct condition *conditions; /**< --fail-on: any of them */
	size_t condition_count;
};

/** Everything that the arguments and the environment say. Strings belong to argv. */
struct invocation {
	const struct command_row *command;
	enum show show;
	const char *shell; /**< SHOW_COMPLETION: for which */
	pid_t *pids;
	size_t pid_count;
	const char *core; /**< --core, or NULL */
	const char *from; /**< --from, or NULL */
	const char **exes;
	struct output *outputs;
	size_t output_count;
	char **operands; /**< what follows the options, for commands that take some */
	size_t operand_count;
	const struct format *format; /**< -f, or NULL */
	const char *stats_path;      /**< --stats, or NULL */
	bool full;                   /**< --full */
	bool runtime_frames;         /**< --runtime-frames */
	bool quiet;
	bool verbose;
	enum progress_wish progress;
	bool json; /**< ps: --json; watch: --log-format json */
	struct watch_plan watch;
	struct run_options run;
	struct diff_plan diff;
	struct gsd_capture_options capture;
	const char **filters;           /**< --filter */
	struct gsd_selection selection; /**< over filters */
};

/** The commands. Each returns the exit status. */
enum status dump_run(const struct invocation *invocation);
enum status ps_run(const struct invocation *invocation);
enum status watch_run(const struct invocation *invocation);
enum status run_run(const struct invocation *invocation); /**< also the command's own status */
enum status diff_run(const struct invocation *invocation);

#endif
