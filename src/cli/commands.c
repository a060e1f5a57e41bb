/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/commands.h"

#include <string.h>

#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/progress.h"

/* The option that says how to capture, where one is given; NULL: none is. */
static const char *capturing_option(const struct gsd_capture_options *capture)
{
	return capture->max_pause_ns != 0           ? "--max-pause"
	       : capture->unwind != GSD_UNWIND_AUTO ? "--unwind"
	       : capture->nonblocking               ? "--nonblocking"
	       : capture->native                    ? "--native"
	       : capture->max_frames != 0           ? "--max-frames"
	       : capture->system_goroutines         ? "--system"
						    : NULL;
}

static bool check_from(const struct invocation *invocation)
{
	const char *option = capturing_option(&invocation->capture);
	if (option == NULL)
		return true;
	usage_error("%s says how to capture: --from shows what has been captured", option);
	message_hint("give it with -p when the capture is taken");
	return false;
}

static bool check_core(const struct gsd_capture_options *capture)
{
	const char *option = capture->max_pause_ns != 0 ? "--max-pause" : capture->nonblocking ? "--nonblocking" : NULL;
	return option == NULL || usage_error("%s means nothing with --core: nothing is stopped", option);
}

static bool check_sources(const struct invocation *invocation)
{
	int sources = (invocation->pid_count > 0) + (invocation->core != NULL) + (invocation->from != NULL);
	if (sources == 0) {
		usage_error("which process? Give its id with -p PID");
		message_hint("or a core of it: --core FILE; or a capture that was written with -f raw: --from FILE");
		return false;
	}
	if (sources > 1)
		return usage_error("-p, --core and --from: one of them");
	if (invocation->pid_count > 0 && invocation->capture.exe_count > 0)
		return usage_error("--exe belongs to --core and --from");
	if (invocation->core != NULL)
		return check_core(&invocation->capture);
	return invocation->from == NULL || check_from(invocation);
}

static bool check_capture(const struct gsd_capture_options *capture)
{
	return !capture->nonblocking || !capture->native ||
	       usage_error("--native needs the registers of stopped threads, and --nonblocking stops none");
}

static bool check_dump(struct invocation *invocation)
{
	if (!check_sources(invocation) || !check_capture(&invocation->capture) || !outputs_decide(invocation))
		return false;
	progress_decide(invocation);
	return true;
}

static const struct status_row dump_statuses[] = {
	{"0", "complete"},
	{"1", "partial: some goroutines could not be read or settled, or a process or file is missing; standard error "
	      "says what and why"},
	{"2", "nothing captured or nothing written"},
	{"64", "wrong usage"},
	{NULL, NULL},
};

static bool check_ps(struct invocation *invocation)
{
	(void)invocation;
	return true;
}

static const struct status_row ps_statuses[] = {
	{"0", "done, whether or not there are any"},
	{"2", "the processes could not be listed"},
	{"64", "wrong usage"},
	{NULL, NULL},
};

/* Captures go to directories, whatever they are called. */
static bool check_watch(struct invocation *invocation)
{
	const struct watch_plan *watch = &invocation->watch;
	int kinds = (invocation->pid_count > 0) + (watch->name != NULL) + watch->all;
	if (kinds != 1)
		return usage_error(kinds == 0 ? "which processes? Give -p PID, --name COMM or --all"
					      : "-p, --name and --all exclude each other");
	if ((watch->every_ns != 0) + watch->once != 1)
		return usage_error("when? Give either --every D or --once");
	if (invocation->output_count == 0)
		return usage_error("where to? Give a directory with -o DIR");
	for (size_t i = 0; i < invocation->output_count; i++) {
		if (invocation->outputs[i].kind == OUTPUT_DESCRIPTOR)
			return usage_error("-o '%s': watch writes files into a directory", invocation->outputs[i].path);
		invocation->outputs[i].kind = OUTPUT_DIRECTORY;
	}
	return check_capture(&invocation->capture) && outputs_decide(invocation);
}

static bool check_run(struct invocation *invocation)
{
	if (invocation->operand_count == 0)
		return usage_error("which command? Give it after --, as in run --timeout 9m -- go test ./...");
	for (size_t i = 0; i < invocation->output_count; i++) {
		if (invocation->outputs[i].kind == OUTPUT_DESCRIPTOR)
			return usage_error("-o '%s': run writes files into a directory, and a report to standard error",
					   invocation->outputs[i].path);
		invocation->outputs[i].kind = OUTPUT_DIRECTORY;
	}
	if (invocation->stats_path != NULL && strcmp(invocation->stats_path, "-") == 0)
		return usage_error("--stats -: standard output is the command's");
	return invocation->output_count == 0 || outputs_decide(invocation);
}

static const struct status_row run_statuses[] = {
	{"", "the command's own, or 128 and the signal that ended it"},
	{"124", "time was up"},
	{"125", "run itself failed"},
	{"126", "the command could not be started"},
	{"127", "the command was not found"},
	{"64", "wrong usage"},
	{NULL, NULL},
};

static const struct status_row watch_statuses[] = {
	{"0", "ended by SIGTERM, SIGINT or SIGHUP, or the process of -p has ended after a whole capture; with --once: "
	      "complete"},
	{"1", "some capture was partial or failed, or a tick was skipped"},
	{"2", "nothing captured, or another watch has the process"},
	{"64", "wrong usage"},
	{NULL, NULL},
};

static bool check_diff(struct invocation *invocation)
{
	if (invocation->operand_count == 0 || invocation->operand_count > 2)
		return usage_error("which captures? Give two files, or one directory of them");
	return outputs_decide_pages(invocation);
}

static const struct status_row diff_statuses[] = {
	{"0", "compared, whether or not something has changed"},
	{"1",
	 "some captures of the directory could not be read, the others were compared; or a condition cannot be told"},
	{"2", "nothing compared or nothing written"},
	{"3", "a condition of --fail-on holds"},
	{"64", "wrong usage"},
	{NULL, NULL},
};

const struct command_row command_table[] = {
	{.bit = COMMAND_DUMP,
	 .name = "dump",
	 .usage = "[dump] -p PID | --core FILE | --from FILE [options]",
	 .help = "what every goroutine of a process is doing; the default command",
	 .about = "Says what every goroutine of a running Go program is doing, from outside: no\n"
		  "code in the program, no symbols, no restart. Stops it for a moment only.\n",
	 .check = check_dump,
	 .run = dump_run,
	 .statuses = dump_statuses,
	 .examples = "  gostackdump -p 4242                        the report, here\n"
		     "  gostackdump -p 4242 -o goroutine.pb.gz     a profile for go tool pprof\n"
		     "  gostackdump -p 4242 -o a.pb.gz -o report:a.out\n"
		     "                                             both, of the same moment\n"
		     "  gostackdump -p 4242 -p 4343 -o dumps/      two processes, into a directory\n"
		     "  gostackdump --core core.4242 --exe ./server\n"
		     "                                             after a crash: see core(5)\n"
		     "  gostackdump -p 4242 -o moment.gsd          to look at it later, in any format:\n"
		     "  gostackdump --from moment.gsd --exe ./server -f report\n"
		     "  gostackdump -p 4242 | ssh host 'cat > goroutine.pb.gz'\n"},
	{.bit = COMMAND_PS,
	 .name = "ps",
	 .usage = "ps [--json]",
	 .help = "the Go processes here, and whether they may be looked at",
	 .about = "Lists the Go processes of this machine. None is stopped.\n",
	 .check = check_ps,
	 .run = ps_run,
	 .statuses = ps_statuses,
	 .examples = "  gostackdump ps                             those that can be seen from here\n"
		     "  sudo gostackdump ps                        all of them\n"
		     "  gostackdump ps --json | jq 'select(.goroutines > 10000).pid'\n"},
	{.bit = COMMAND_WATCH,
	 .name = "watch",
	 .usage = "watch -p PID|--name COMM|--all --every D|--once -o DIR\n"
		  "                         [options]",
	 .help = "captures again and again, into a directory",
	 .about = "Captures at every tick, or when it matters, into a directory that does not\n"
		  "outgrow its limits. SIGUSR1 captures now; SIGTERM ends it after the current\n"
		  "file.\n",
	 .check = check_watch,
	 .run = watch_run,
	 .statuses = watch_statuses,
	 .examples = "  gostackdump watch -p 4242 --every 60s -o dumps --keep-for 168h --max-disk 2G\n"
		     "  gostackdump watch --name server --every 10s -o dumps --on 'growth>20%' \\\n"
		     "      --on 'age>10m' --keep 100              only when it matters\n"
		     "  gostackdump watch -p 4242 --once -q -o dumps\n"
		     "                                             for cron: silent unless in trouble\n"},
	{.bit = COMMAND_RUN,
	 .name = "run",
	 .usage = "run [--timeout D] [--idle D] [-o DIR] [options] -- CMD ...",
	 .help = "runs a command; says why it hangs when its time is up",
	 .about = "Runs a command with its own standard streams, and returns its status. When time\n"
		  "is up, every Go process that it started is captured and reported on standard\n"
		  "error, and then all of them are ended. SIGUSR1 reports, and nothing else.\n",
	 .takes_operands = true,
	 .check = check_run,
	 .run = run_run,
	 .statuses = run_statuses,
	 .examples = "  gostackdump run --timeout 9m -- go test ./...\n"
		     "  gostackdump run --timeout 25m --idle 3m -o dumps -- make check\n"
		     "                                             and a profile of each for later\n"},
	{.bit = COMMAND_DIFF,
	 .name = "diff",
	 .usage = "diff [options] OLD NEW | DIR",
	 .help = "what grew, shrank, appeared, vanished between captures",
	 .about = "Compares two captures (raw, jsonl, pprof, pprof-goroutines; also goroutine\n"
		  "profiles that Go programs wrote themselves), or all that watch has written into\n"
		  "a directory: there each process is a series, and its groups are ranked as leak\n"
		  "suspects.\n",
	 .takes_operands = true,
	 .operands_anywhere = true,
	 .check = check_diff,
	 .run = diff_run,
	 .statuses = diff_statuses,
	 .examples = "  gostackdump diff before.jsonl after.jsonl\n"
		     "  gostackdump diff --fail-on 'growth>20%' --fail-on 'group>50' a.pb.gz b.pb.gz\n"
		     "                                             for CI: status 3 when it leaks\n"
		     "  gostackdump diff dumps                     all snapshots of watch -o dumps\n"
		     "  gostackdump diff -o leaks.html dumps       the same as a page with plots\n"},
	{.name = NULL},
};
