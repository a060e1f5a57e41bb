/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/completion.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/suggestion.h"
#include "cli/values.h"

const char *const option_groups[GROUP_COUNT] = {
	[GROUP_TARGET] = "What to look at",       [GROUP_WHEN] = "When to capture",
	[GROUP_OUTPUT] = "Where the result goes", [GROUP_KEEP] = "How much to keep",
	[GROUP_CAPTURE] = "How to capture",       [GROUP_MESSAGES] = "Messages and help",
};

enum {
	LETTERLESS = 256,
	OPTION_MAX_PAUSE,
	OPTION_UNWIND,
	OPTION_SYSTEM,
	OPTION_FILTER,
	OPTION_LIMIT,
	OPTION_NATIVE,
	OPTION_NONBLOCKING,
	OPTION_MAX_FRAMES,
	OPTION_STATS,
	OPTION_NO_SYMBOLIZE,
	OPTION_FULL,
	OPTION_RUNTIME_FRAMES,
	OPTION_CORE,
	OPTION_FROM,
	OPTION_EXE,
	OPTION_PROGRESS,
	OPTION_NO_PROGRESS,
	OPTION_JSON,
	OPTION_TIMEOUT,
	OPTION_IDLE,
	OPTION_SIGNAL,
	OPTION_GRACE,
	OPTION_NAME,
	OPTION_ALL,
	OPTION_EVERY,
	OPTION_ONCE,
	OPTION_ON,
	OPTION_FAIL_ON,
	OPTION_KEEP,
	OPTION_KEEP_FOR,
	OPTION_MAX_DISK,
	OPTION_LOG_FORMAT,
	OPTION_COMPLETION,
	OPTION_MANUAL
};

static bool take_pid(struct invocation *invocation, const char *argument)
{
	uint64_t pid;
	if (!value_number(argument, 1, INT_MAX, &pid))
		return usage_error("-p '%s': a process id is a positive number", argument);
	for (size_t i = 0; i < invocation->pid_count; i++)
		if (invocation->pids[i] == (pid_t)pid)
			return usage_error("-p %s is given twice", argument);
	invocation->pids[invocation->pid_count++] = (pid_t)pid;
	return true;
}

static bool take_core(struct invocation *invocation, const char *argument)
{
	if (*argument == '\0')
		return usage_error("--core needs the name of a file");
	if (invocation->core != NULL)
		return usage_error("--core is given twice");
	invocation->core = argument;
	return true;
}

static bool take_from(struct invocation *invocation, const char *argument)
{
	if (*argument == '\0')
		return usage_error("--from needs the name of a file");
	if (invocation->from != NULL)
		return usage_error("--from is given twice");
	invocation->from = argument;
	return true;
}

static bool take_exe(struct invocation *invocation, const char *argument)
{
	if (*argument == '\0')
		return usage_error("--exe needs the name of a file or directory");
	invocation->exes[invocation->capture.exe_count++] = argument;
	return true;
}

static bool take_output(struct invocation *invocation, const char *argument)
{
	return output_parse(argument, &invocation->outputs[invocation->output_count++]);
}

static bool take_format(struct invocation *invocation, const char *argument)
{
	invocation->format = format_find(argument, "-f");
	return invocation->format != NULL;
}

static bool take_max_pause(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->capture.max_pause_ns))
		return true;
	return usage_error("--max-pause '%s': not a positive duration such as 250ms or 1.5s", argument);
}

static bool take_unwind(struct invocation *invocation, const char *argument)
{
	static const struct {
		const char *name;
		enum gsd_unwind_mode mode;
	} modes[] = {{"auto", GSD_UNWIND_AUTO}, {"fp", GSD_UNWIND_FP}, {"table", GSD_UNWIND_TABLE}};
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(argument, modes[i].name) == 0) {
			invocation->capture.unwind = modes[i].mode;
			return true;
		}
	}
	return usage_error("--unwind '%s': it is auto, fp or table", argument);
}

static bool take_system(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->capture.system_goroutines = true;
	return true;
}

static bool take_filter(struct invocation *invocation, const char *argument)
{
	invocation->filters[invocation->selection.filter_count++] = argument;
	return true;
}

/* N[:SEED] */
static bool take_limit(struct invocation *invocation, const char *argument)
{
	char number[32];
	size_t length = strcspn(argument, ":");
	snprintf(number, sizeof number, "%.*s", (int)length, argument);
	if (length < sizeof number && value_number(number, 1, UINT32_MAX, &invocation->selection.limit) &&
	    (argument[length] == '\0' ||
	     value_number(argument + length + 1, 0, UINT64_MAX, &invocation->selection.seed)))
		return true;
	return usage_error("--limit '%s': it is a positive number, or two such as 100:7, the second a seed", argument);
}

static bool take_native(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->capture.native = true;
	return true;
}

static bool take_nonblocking(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->capture.nonblocking = true;
	return true;
}

static bool take_max_frames(struct invocation *invocation, const char *argument)
{
	uint64_t frames = GSD_MAX_FRAMES_GO;
	if (strcmp(argument, "go") != 0 && !value_number(argument, 1, GSD_MAX_FRAMES_GO - 1, &frames))
		return usage_error("--max-frames '%s': it is a positive number or go", argument);
	invocation->capture.max_frames = (uint32_t)frames;
	return true;
}

static bool take_stats(struct invocation *invocation, const char *argument)
{
	if (*argument == '\0')
		return usage_error("--stats needs the name of a file");
	invocation->stats_path = argument;
	return true;
}

static bool take_no_symbolize(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->capture.no_symbolize = true;
	return true;
}

static bool take_full(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->full = true;
	return true;
}

static bool take_runtime_frames(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->runtime_frames = true;
	return true;
}

static bool take_quiet(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->quiet = true;
	return true;
}

static bool take_verbose(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->verbose = true;
	return true;
}

static bool take_progress(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->progress = PROGRESS_ALWAYS;
	return true;
}

static bool take_no_progress(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->progress = PROGRESS_NEVER;
	return true;
}

static bool take_json(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->json = true;
	return true;
}

static bool take_every(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->watch.every_ns))
		return true;
	return usage_error("--every '%s': not a positive duration such as 60s or 1m30s", argument);
}

static bool take_once(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->watch.once = true;
	return true;
}

static bool take_name(struct invocation *invocation, const char *argument)
{
	if (*argument == '\0')
		return usage_error("--name '': a process's name is not empty");
	invocation->watch.name = argument;
	return true;
}

static bool take_all(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->watch.all = true;
	return true;
}

static bool take_keep(struct invocation *invocation, const char *argument)
{
	if (value_number(argument, 1, UINT32_MAX, &invocation->watch.limits.keep))
		return true;
	return usage_error("--keep '%s': it is a positive number of captures", argument);
}

static bool take_keep_for(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->watch.limits.keep_for_ns))
		return true;
	return usage_error("--keep-for '%s': not a positive duration such as 168h", argument);
}

static bool take_max_disk(struct invocation *invocation, const char *argument)
{
	if (value_size(argument, &invocation->watch.limits.max_bytes))
		return true;
	return usage_error("--max-disk '%s': not a positive size such as 500M or 2G", argument);
}

static bool take_on(struct invocation *invocation, const char *argument)
{
	struct watch_plan *watch = &invocation->watch;
	struct condition *condition = &watch->conditions[watch->condition_count];
	/* Counting tells no groups apart. */
	if (condition_parse(argument, value_duration, condition) && condition->kind != CONDITION_GROUP) {
		watch->condition_count++;
		return true;
	}
	usage_error("--on '%s': no condition", argument);
	message_hint("conditions are like goroutines>10000, growth>20%%, growth>500, age>10m");
	return false;
}

static bool take_fail_on(struct invocation *invocation, const char *argument)
{
	struct diff_plan *diff = &invocation->diff;
	if (condition_parse(argument, value_duration, &diff->conditions[diff->condition_count])) {
		diff->condition_count++;
		return true;
	}
	usage_error("--fail-on '%s': no condition", argument);
	message_hint("conditions are like growth>500, growth>20%%, group>50, goroutines>10000, age>10m");
	return false;
}

static bool take_log_format(struct invocation *invocation, const char *argument)
{
	invocation->json = strcmp(argument, "json") == 0;
	if (invocation->json || strcmp(argument, "plain") == 0)
		return true;
	return usage_error("--log-format '%s': it is plain or json", argument);
}

static bool take_timeout(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->run.timeout_ns))
		return true;
	return usage_error("--timeout '%s': not a positive duration such as 9m or 90s", argument);
}

static bool take_idle(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->run.idle_ns))
		return true;
	return usage_error("--idle '%s': not a positive duration such as 2m", argument);
}

static bool take_grace(struct invocation *invocation, const char *argument)
{
	if (value_duration(argument, &invocation->run.grace_ns))
		return true;
	return usage_error("--grace '%s': not a positive duration such as 10s", argument);
}

static bool take_signal(struct invocation *invocation, const char *argument)
{
	if (value_signal(argument, &invocation->run.signal))
		return true;
	return usage_error("--signal '%s': it is a name such as TERM or QUIT, or a number from 1 to 31", argument);
}

static bool take_help(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->show = SHOW_HELP;
	return true;
}

static bool take_version(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->show = SHOW_VERSION;
	return true;
}

static bool take_completion(struct invocation *invocation, const char *argument)
{
	if (!completion_exists(argument))
		return usage_error("--completion '%s': it is bash, zsh or fish", argument);
	invocation->show = SHOW_COMPLETION;
	invocation->shell = argument;
	return true;
}

static bool take_manual(struct invocation *invocation, const char *argument)
{
	(void)argument;
	invocation->show = SHOW_MANUAL;
	return true;
}

const struct option_row option_table[] = {
	{'p', "pid", "PID", GROUP_TARGET, COMMAND_DUMP, take_pid,
	 "the process; repeatable, then -o names a directory or contains %p"},
	{'p', "pid", "PID", GROUP_TARGET, COMMAND_WATCH, take_pid, "the process, until it ends; repeatable"},
	{OPTION_CORE, "core", "FILE", GROUP_TARGET, COMMAND_DUMP, take_core,
	 "a core of the process: the kernel's, gcore's or delve's"},
	{OPTION_FROM, "from", "FILE", GROUP_TARGET, COMMAND_DUMP, take_from,
	 "a capture that -f raw has written earlier, here or elsewhere; - is standard input"},
	{OPTION_EXE, "exe", "PATH", GROUP_TARGET, COMMAND_DUMP, take_exe,
	 "with --core and --from: the program or a library of it, or a directory that is searched for them by build "
	 "id; repeatable. Without it they are looked for where they were"},
	{OPTION_EXE, "exe", "PATH", GROUP_TARGET, COMMAND_DIFF, take_exe,
	 "with raw captures: the program or a library of it, or a directory that is searched for them by build id; "
	 "repeatable. Without it they are looked for where they were"},
	{OPTION_NAME, "name", "COMM", GROUP_TARGET, COMMAND_WATCH, take_name,
	 "every Go process of that name, as ps -o comm shows it, also those that start later"},
	{OPTION_ALL, "all", NULL, GROUP_TARGET, COMMAND_WATCH, take_all,
	 "every Go process that may be looked at, also those that start later"},
	{OPTION_SYSTEM, "system", NULL, GROUP_TARGET, COMMAND_CAPTURES, take_system,
	 "also the runtime's own goroutines"},
	{OPTION_FILTER, "filter", "EXPR", GROUP_TARGET, COMMAND_DUMP | COMMAND_WATCH, take_filter,
	 "only goroutines for which EXPR holds, in every format; repeatable: all must hold. Tests are state, wait, "
	 "func, package, creator, label.NAME (= equals, ~ regular expression, != and !~ negated), goid, parent, age "
	 "(= < <= > >=), locked, system, leaked, ambiguous, unreadable; joined by and, or, not and parentheses"},
	{OPTION_LIMIT, "limit", "N[:SEED]", GROUP_TARGET, COMMAND_DUMP | COMMAND_WATCH, take_limit,
	 "only a sample of N of them; the same SEED (default 0) prefers the same goroutines in every capture"},
	{OPTION_TIMEOUT, "timeout", "D", GROUP_WHEN, COMMAND_RUN, take_timeout,
	 "time is up D after the start, such as 9m: a minute less than what the CI system allows"},
	{OPTION_IDLE, "idle", "D", GROUP_WHEN, COMMAND_RUN, take_idle,
	 "time is up when the command and all that it started have used no processor time for D"},
	{OPTION_SIGNAL, "signal", "S", GROUP_WHEN, COMMAND_RUN, take_signal,
	 "what ends the processes when time is up (default TERM)"},
	{OPTION_GRACE, "grace", "D", GROUP_WHEN, COMMAND_RUN, take_grace,
	 "how long they may take to end; then they are killed (default 10s)"},
	{OPTION_EVERY, "every", "D", GROUP_WHEN, COMMAND_WATCH, take_every,
	 "capture now and then once every D, such as 60s; what is missed because a capture took longer is skipped"},
	{OPTION_ONCE, "once", NULL, GROUP_WHEN, COMMAND_WATCH, take_once, "capture once and end: for cron"},
	{OPTION_ON, "on", "COND", GROUP_WHEN, COMMAND_WATCH, take_on,
	 "capture only when goroutines>N, growth>N or growth>N% (since the last capture), or age>D (the longest wait); "
	 "repeatable: any of them. The check stops nothing"},
	{'o', "output", "[FORMAT:]PATH", GROUP_OUTPUT, COMMAND_DUMP, take_output,
	 "write there; repeatable: one capture, several files. The ending of PATH chooses the format unless FORMAT: "
	 "does. - is standard output; a directory (or a path ending in /, made if missing) gets a file named after "
	 "time, process and pid; %p in PATH becomes the pid"},
	{'f', "format", "FORMAT", GROUP_OUTPUT, COMMAND_DUMP, take_format,
	 "the format where the ending says nothing: standard output, the files of a directory, any other ending"},
	{'o', "output", "[FORMAT:]DIR", GROUP_OUTPUT, COMMAND_WATCH | COMMAND_RUN, take_output,
	 "write files named after time, process and pid into that directory, which is made if missing; repeatable: one "
	 "capture in several formats. %p in DIR becomes the pid"},
	{'f', "format", "FORMAT", GROUP_OUTPUT, COMMAND_WATCH | COMMAND_RUN, take_format,
	 "the format of files where -o says none (default pprof)"},
	{OPTION_NO_SYMBOLIZE, "no-symbolize", NULL, GROUP_OUTPUT, COMMAND_DUMP | COMMAND_WATCH, take_no_symbolize,
	 "addresses instead of names, for what names them by itself: pprof then has mappings with build ids, and "
	 "neither functions nor lines"},
	{'o', "output", "[FORMAT:]PATH", GROUP_OUTPUT, COMMAND_DIFF, take_output,
	 "write there; repeatable. FORMAT: is report or html, else the ending of PATH says it; - is standard output"},
	{'f', "format", "report|html", GROUP_OUTPUT, COMMAND_DIFF, take_format,
	 "for people in a terminal (report, the default), or one page without network (html)"},
	{OPTION_FAIL_ON, "fail-on", "COND", GROUP_OUTPUT, COMMAND_DIFF, take_fail_on,
	 "end with status 3 when growth>N or growth>N% (of all goroutines, first to last), group>N (growth of some "
	 "group), goroutines>N or age>D (the longest wait, both at the end); repeatable: any of them"},
	{OPTION_FULL, "full", NULL, GROUP_OUTPUT, COMMAND_DUMP | COMMAND_DIFF, take_full,
	 "a report on a terminal shows every group and whole stacks, not only what one screen holds"},
	{OPTION_RUNTIME_FRAMES, "runtime-frames", NULL, GROUP_OUTPUT, COMMAND_DUMP | COMMAND_RUN | COMMAND_DIFF,
	 take_runtime_frames, "a report shows the frames of the runtime, too"},
	{OPTION_STATS, "stats", "FILE", GROUP_OUTPUT, COMMAND_DUMP, take_stats,
	 "write what each capture cost and how it was made, one JSON object a line; - is standard output"},
	{OPTION_STATS, "stats", "FILE", GROUP_OUTPUT, COMMAND_WATCH, take_stats,
	 "add to FILE what each capture cost and how it was made, one JSON object a line; - is standard output"},
	{OPTION_STATS, "stats", "FILE", GROUP_OUTPUT, COMMAND_RUN, take_stats,
	 "add to FILE what each capture cost and how it was made, one JSON object a line"},
	{OPTION_JSON, "json", NULL, GROUP_OUTPUT, COMMAND_PS, take_json, "one JSON object a process, a line each"},
	{OPTION_KEEP, "keep", "N", GROUP_KEEP, COMMAND_WATCH, take_keep,
	 "keep the newest N captures of each program name in the directory"},
	{OPTION_KEEP_FOR, "keep-for", "D", GROUP_KEEP, COMMAND_WATCH, take_keep_for,
	 "remove captures that are older than D, such as 168h"},
	{OPTION_MAX_DISK, "max-disk", "SIZE", GROUP_KEEP, COMMAND_WATCH, take_max_disk,
	 "remove the oldest captures when all together take more than SIZE, such as 500M; the newest one stays"},
	{OPTION_MAX_PAUSE, "max-pause", "D", GROUP_CAPTURE, COMMAND_CAPTURES, take_max_pause,
	 "never stop the process for longer; a duration such as 250ms or 1.5s (default 1s). Goroutines that cannot be "
	 "settled then to be of one moment are marked, with the label gostackdump=ambiguous"},
	{OPTION_NONBLOCKING, "nonblocking", NULL, GROUP_CAPTURE, COMMAND_CAPTURES, take_nonblocking,
	 "never stop the process at all: each stack is right in itself, but they are not of one moment, and goroutines "
	 "that run have none. Needs the same permission as a stop"},
	{OPTION_UNWIND, "unwind", "MODE", GROUP_CAPTURE, COMMAND_CAPTURES, take_unwind,
	 "how stacks are walked: by the program's function table (table), by frame pointers (fp), or by the table "
	 "checked by frame pointers (auto, the default)"},
	{OPTION_NATIVE, "native", NULL, GROUP_CAPTURE, COMMAND_CAPTURES, take_native,
	 "C frames too, between those of Go, and in jsonl and the report the threads that run no goroutine; with -p, "
	 "--core and run also programs without Go, by their threads"},
	{OPTION_MAX_FRAMES, "max-frames", "N|go", GROUP_CAPTURE, COMMAND_CAPTURES, take_max_frames,
	 "frames kept of a stack, its innermost and outermost halves (default 4096); go cuts where that Go version's "
	 "own profile cuts"},
	{'q', "quiet", NULL, GROUP_MESSAGES, COMMAND_DUMP | COMMAND_WATCH, take_quiet,
	 "no summary; errors and warnings only"},
	{OPTION_LOG_FORMAT, "log-format", "plain|json", GROUP_MESSAGES, COMMAND_WATCH, take_log_format,
	 "how the log on standard error is written (default plain)"},
	{'v', "verbose", NULL, GROUP_MESSAGES, COMMAND_CAPTURES, take_verbose,
	 "also say how the runtime was found and where the time went"},
	{OPTION_PROGRESS, "progress", NULL, GROUP_MESSAGES, COMMAND_DUMP, take_progress,
	 "show on a terminal from the start how far the work is; without it, when it lasts over half a second"},
	{OPTION_NO_PROGRESS, "no-progress", NULL, GROUP_MESSAGES, COMMAND_DUMP, take_no_progress, "never show that"},
	{'h', "help", NULL, GROUP_MESSAGES, COMMAND_ALL, take_help, "show this help"},
	{'V', "version", NULL, GROUP_MESSAGES, COMMAND_ALL, take_version, "show the version"},
	{OPTION_COMPLETION, "completion", "bash|zsh|fish", GROUP_MESSAGES, COMMAND_DUMP, take_completion,
	 "print a completion script for that shell"},
	{OPTION_MANUAL, "help-manual", NULL, GROUP_MESSAGES, COMMAND_ALL, take_manual, NULL},
	{0, NULL, NULL, GROUP_COUNT, 0, NULL, NULL},
};

enum { OPTION_ROWS = sizeof option_table / sizeof option_table[0] - 1 };

static bool unknown_option(const char *text)
{
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(text + 2, "="), text + 2);
	struct suggestion suggestion = {.word = name};
	for (const struct option_row *row = option_table; row->name != NULL; row++)
		if (row->help != NULL)
			suggestion_offer(&suggestion, row->name);
	if (suggestion.best != NULL)
		return usage_error("unknown option '--%s': did you mean --%s?", name, suggestion.best);
	return usage_error("unknown option '--%s'", name);
}

/* An option means different things to some commands: its row is the command's, if that has one. */
static const struct option_row *find_row(int letter, const struct command_row *command)
{
	const struct option_row *found = NULL;
	for (const struct option_row *row = option_table; row->name != NULL; row++)
		if (row->letter == letter && (found == NULL || (row->commands & command->bit) != 0))
			found = row;
	return found;
}

/* What getopt_long() could not take: @p word is the argument that it was looking at. */
static bool refuse_option(int problem, const char *word, const struct command_row *command)
{
	const struct option_row *row = find_row(optopt, command);
	if (problem == ':' && row != NULL)
		return usage_error("%s needs %s", word, row->argument);
	if (strncmp(word, "--", 2) != 0)
		return usage_error("unknown option '-%c'", optopt);
	if (row != NULL)
		return usage_error("--%s takes no argument", row->name);
	return unknown_option(word);
}

static void make_getopt_tables(const struct command_row *command, char *letters, struct option *options)
{
	/* The first word that is no option ends them; or is one of several, given back as an option of letter 1. */
	*letters++ = command->operands_anywhere ? '-' : '+';
	*letters++ = ':'; /* tell a missing argument from an unknown option */
	for (const struct option_row *row = option_table; row->name != NULL; row++, options++) {
		*options = (struct option){row->name, row->argument != NULL, NULL, row->letter};
		if (row->letter > LETTERLESS)
			continue;
		*letters++ = (char)row->letter;
		if (row->argument != NULL)
			*letters++ = ':';
	}
	*letters = '\0';
	*options = (struct option){0};
}

static bool parse_options(int argc, char **argv, struct invocation *invocation)
{
	char letters[2 + 2 * OPTION_ROWS + 1];
	struct option options[OPTION_ROWS + 1];
	size_t operands = 0;
	make_getopt_tables(invocation->command, letters, options);
	optind = 1;
	opterr = 0;
	while (invocation->show == SHOW_NOTHING) {
		int before = optind;
		int letter = getopt_long(argc, argv, letters, options, NULL);
		if (letter == -1)
			break;
		if (letter == '?' || letter == ':')
			return refuse_option(letter, argv[before], invocation->command);
		if (letter == 1) {
			argv[1 + operands++] = optarg; /* where a word was that has been looked at */
			continue;
		}
		const struct option_row *row = find_row(letter, invocation->command);
		if (!(row->commands & invocation->command->bit))
			return usage_error("--%s does not belong to the command %s", row->name,
					   invocation->command->name);
		if (!row->take(invocation, optarg))
			return false;
	}
	for (int i = optind; i < argc && invocation->command->operands_anywhere; i++)
		argv[1 + operands++] = argv[i];
	bool collected = invocation->command->operands_anywhere;
	invocation->operands = collected ? argv + 1 : argv + optind;
	invocation->operand_count = collected ? operands : (size_t)(argc - optind);
	if (invocation->show != SHOW_NOTHING || optind >= argc || invocation->command->takes_operands)
		return true;
	uint64_t pid;
	usage_error("unexpected argument '%s'", argv[optind]);
	if (value_number(argv[optind], 1, INT_MAX, &pid))
		message_hint("a process is given by -p %s", argv[optind]);
	return false;
}

/* The command is the first word, if that is no option. */
static bool parse_command(int *argc, char ***argv, struct invocation *invocation)
{
	invocation->command = command_table;
	if (*argc < 2 || (*argv)[1][0] == '-')
		return true;
	const char *name = (*argv)[1];
	uint64_t pid;
	if (value_number(name, 1, INT_MAX, &pid)) {
		usage_error("unknown command '%s'", name);
		message_hint("a process is given by -p %s", name);
		return false;
	}
	struct suggestion suggestion = {.word = name};
	for (const struct command_row *row = command_table; row->name != NULL; row++) {
		if (strcmp(row->name, name) == 0) {
			invocation->command = row;
			(*argc)--;
			(*argv)++;
			return true;
		}
		suggestion_offer(&suggestion, row->name);
	}
	if (suggestion.best != NULL)
		return usage_error("unknown command '%s': did you mean %s?", name, suggestion.best);
	return usage_error("unknown command '%s'", name);
}

static bool parse_environment(struct invocation *invocation)
{
	const char *sources = getenv("GOSTACKDUMP_SOURCES");
	const char *tracer = getenv("GOSTACKDUMP_TRACER");
	invocation->run.by_thread = tracer != NULL && strcmp(tracer, "thread") == 0;
	if (sources == NULL ||
	    value_sources(sources, &invocation->capture.allgs_sources, &invocation->capture.layout_sources))
		return true;
	return usage_error("GOSTACKDUMP_SOURCES='%s': it is like allgs=symbol+code+dwarf+scan,layout=types+dwarf",
			   sources);
}

static bool check_selection(const struct invocation *invocation)
{
	struct gsd_error *error = gsd_selection_check(&invocation->selection, !invocation->capture.no_symbolize);
	bool good = error == NULL;
	if (!good)
		message_error(error);
	gsd_error_destroy(error);
	return good;
}

bool invocation_parse(int argc, char **argv, struct invocation *invocation)
{
	*invocation = (struct invocation){.capture.size = sizeof invocation->capture};
	invocation->pids = calloc((size_t)argc + 1, sizeof *invocation->pids);
	invocation->outputs = calloc((size_t)argc + 1, sizeof *invocation->outputs);
	invocation->exes = calloc((size_t)argc + 1, sizeof *invocation->exes);
	invocation->filters = calloc((size_t)argc + 1, sizeof *invocation->filters);
	invocation->selection =
		(struct gsd_selection){.size = sizeof invocation->selection, .filters = invocation->filters};
	invocation->watch.conditions = calloc((size_t)argc + 1, sizeof *invocation->watch.conditions);
	invocation->diff.conditions = calloc((size_t)argc + 1, sizeof *invocation->diff.conditions);
	if (invocation->pids == NULL || invocation->outputs == NULL || invocation->filters == NULL ||
	    invocation->exes == NULL || invocation->watch.conditions == NULL || invocation->diff.conditions == NULL)
		return usage_error("no memory for the arguments");
	invocation->capture.exes = invocation->exes;
	if (!parse_command(&argc, &argv, invocation) || !parse_options(argc, argv, invocation))
		return false;
	return invocation->show != SHOW_NOTHING ||
	       (parse_environment(invocation) && check_selection(invocation) && invocation->command->check(invocation));
}

void invocation_clear(struct invocation *invocation)
{
	free(invocation->pids);
	free(invocation->outputs);
	free(invocation->filters);
	free(invocation->exes);
	free(invocation->watch.conditions);
	free(invocation->diff.conditions);
	*invocation = (struct invocation){0};
}
