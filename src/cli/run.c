/* SPDX-License-Identifier: BSD-3-Clause */
/* The run command: what is done when the time of a command is up. */
#include "jobs/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hung.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/place.h"
#include "cli/stats.h"
#include "cli/values.h"

#define DEFAULT_GRACE_NS     UINT64_C(10000000000)
#define DEFAULT_MAX_PAUSE_NS UINT64_C(1000000000)

/* A process of the tree that was captured. */
struct captured {
	const struct process *process;
	struct gsd_capture *capture;
	size_t tests; /* that hang in it */
	bool parent;  /* it only waits for others that were captured */
	bool go;
};

static void say(void *context, const char *text)
{
	(void)context;
	message("%s", text);
}

/* As a child makes the stop it can be ended when it lasts too long; where only an ancestor may, this process does. */
static struct gsd_error *capture_process(const struct invocation *invocation, pid_t pid, uint64_t *stopped_since,
					 struct gsd_capture **capture_ret)
{
	struct gsd_capture_options options = invocation->capture;
	struct gsd_error *error = NULL;
	options.not_go = options.native;
	if (!invocation->run.by_thread) {
		error = gsd_capture_process(pid, &options, capture_ret);
		if (error == NULL || gsd_error_code(error) != GSD_ERROR_PERMISSION)
			return error;
		gsd_error_destroy(error);
	}
	options.stopped_since = stopped_since;
	return gsd_capture_process(pid, &options, capture_ret);
}

static bool has_go_below(const struct processes *tree, const struct captured *captured, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (captured[i].go && process_descends(tree, captured[i].process, pid))
			return true;
	return false;
}

/* Of Go programs, those with others below them; of the rest, those that are seen to wait. */
static void mark_parents(const struct processes *tree, struct captured *captured, size_t count)
{
	for (size_t i = 0; i < count; i++)
		captured[i].parent = captured[i].go ? has_go_below(tree, captured, count, captured[i].process->pid)
						    : hung_waits_for_children(captured[i].capture);
}

/* Formats that have nothing but goroutines. */
static bool format_is_of_goroutines(const struct format *format)
{
	return format->id == GSD_FORMAT_TEXT || format->id == GSD_FORMAT_STACKS ||
	       format->id == GSD_FORMAT_PPROF_GOROUTINES;
}

static void write_files(const struct invocation *invocation, const struct captured *captured)
{
	struct origin origin;
	origin_take(captured->process->pid, &origin);
	for (size_t i = 0; i < invocation->output_count; i++) {
		char *place = NULL;
		if (captured->go || !format_is_of_goroutines(invocation->outputs[i].format))
			place = output_place(&invocation->outputs[i], &origin);
		if (place != NULL && output_write(invocation, &invocation->outputs[i], place, captured->capture))
			message_hint("wrote %s", place);
		free(place);
	}
}

static void print_report(const struct invocation *invocation, struct gsd_capture *capture)
{
	struct gsd_write_options options = output_options(invocation, STDERR_FILENO);
	options.height = 0;
	(void)!write(STDERR_FILENO, "\n", 1);
	struct gsd_error *error = gsd_capture_write(capture, GSD_FORMAT_REPORT, STDERR_FILENO, &options);
	if (error != NULL && gsd_error_errno(error) != EPIPE)
		message_error(error);
	gsd_error_destroy(error);
}

static void name_process(const struct process *process, char *name, size_t size)
{
	snprintf(name, size, "%s (pid %d)", process->comm, process->pid);
}

/* Why a process could not be captured, and what it is. */
static void complain(const struct gsd_error *error, const char *name, const struct process *process)
{
	message_error(error);
	if (gsd_error_code(error) != GSD_ERROR_GONE)
		message_hint("it is %s: %s", name, process->command);
}

/* Captures first and talks later: all of the tree is seen within as short a time as can be. */
static size_t capture_tree(const struct invocation *invocation, const struct processes *tree, uint64_t *stopped_since,
			   struct captured *captured)
{
	size_t count = 0;
	bool others = false;
	for (size_t i = 0; i < tree->count; i++) {
		const struct process *process = &tree->items[i];
		struct gsd_capture *capture = NULL;
		char name[64];
		name_process(process, name, sizeof name);
		struct gsd_error *error = capture_process(invocation, process->pid, stopped_since, &capture);
		if (error == NULL)
			captured[count++] = (struct captured){.process = process,
							      .capture = capture,
							      .go = *gsd_capture_stats(capture)->go_version != '\0'};
		else if (gsd_error_code(error) == GSD_ERROR_NOT_GO)
			message("%s: not a Go program: %s", name, process->command);
		else
			complain(error, name, process);
		others |= error != NULL && gsd_error_code(error) == GSD_ERROR_NOT_GO;
		gsd_error_destroy(error);
	}
	if (others && !invocation->capture.native)
		message_hint("--native shows where the threads of such processes are");
	return count;
}

/* Those that have ended, and whose parents do not know it, or do not care. */
static void name_ended(const struct processes *tree)
{
	struct processes ended;
	if (!processes_list_ended(&ended))
		return;
	for (size_t i = 0; i < ended.count; i++)
		for (size_t k = 0; k < tree->count; k++)
			if (tree->items[k].pid == ended.items[i].parent)
				message("%s (pid %d) has ended, and %s (pid %d) has not asked for its status",
					ended.items[i].comm, ended.items[i].pid, tree->items[k].comm,
					tree->items[k].pid);
	processes_free(&ended);
}

/* What hangs, one line a process. */
static void say_what_hangs(struct captured *captured)
{
	char name[64];
	name_process(captured->process, name, sizeof name);
	if (!captured->go)
		message("%s: not a Go program: %s", name, captured->process->command);
	if (!captured->go && !captured->parent)
		hung_say_thread(captured->capture);
	if (!captured->go)
		return;
	captured->tests = hung_say_tests(captured->capture, name);
	if (captured->tests == 0 && !captured->parent)
		hung_say_main(captured->capture, name);
}

/* First those in which a test hangs, then those at the ends of the tree, then those that wait for them. */
static int rank(const struct captured *captured)
{
	return captured->tests > 0 ? 0 : captured->parent ? 2 : 1;
}

static int by_rank(const void *left, const void *right)
{
	const struct captured *a = left;
	const struct captured *b = right;
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	return (a->process->pid > b->process->pid) - (a->process->pid < b->process->pid);
}

static void dump(void *context, enum run_occasion occasion, uint64_t elapsed_ns, const struct processes *tree,
		 uint64_t *stopped_since)
{
	static const char *const occasions[] = {
		[RUN_TIMEOUT] = "time is up", [RUN_IDLE] = "nothing has moved", [RUN_SIGNAL] = "SIGUSR1"};
	const struct invocation *invocation = context;
	struct captured *captured = calloc(tree->count + 1, sizeof *captured);
	char age[32];
	duration_format(elapsed_ns, age, sizeof age);
	message("%s: %s has been running for %s, in %zu process%s", occasions[occasion], invocation->operands[0], age,
		tree->count, tree->count == 1 ? "" : "es");
	if (occasion == RUN_IDLE) {
		duration_format(invocation->run.idle_ns, age, sizeof age);
		message_hint("none of them has used processor time for %s (--idle)", age);
	}
	size_t count = captured == NULL ? 0 : capture_tree(invocation, tree, stopped_since, captured);
	mark_parents(tree, captured, count);
	name_ended(tree);
	for (size_t i = 0; i < count; i++)
		say_what_hangs(&captured[i]);
	if (count > 1)
		qsort(captured, count, sizeof *captured, by_rank);
	for (size_t i = 0; i < count; i++) {
		if (captured[i].parent && captured[i].tests == 0 && rank(&captured[0]) < 2)
			message("%s (pid %d) waits for those: %s", captured[i].process->comm, captured[i].process->pid,
				captured[i].process->command);
		else
			print_report(invocation, captured[i].capture);
		write_files(invocation, &captured[i]);
		(void)stats_append(invocation->stats_path, gsd_capture_stats(captured[i].capture));
		if (invocation->verbose)
			stats_say_details(gsd_capture_stats(captured[i].capture));
		gsd_capture_destroy(captured[i].capture);
	}
	free(captured);
}

enum status run_run(const struct invocation *invocation)
{
	const struct run_plan plan = {
		.command = invocation->operands,
		.timeout_ns = invocation->run.timeout_ns,
		.idle_ns = invocation->run.idle_ns,
		.signal = invocation->run.signal != 0 ? invocation->run.signal : SIGTERM,
		.grace_ns = invocation->run.grace_ns != 0 ? invocation->run.grace_ns : DEFAULT_GRACE_NS,
		.ignores_sigpipe = invocation->run.ignores_sigpipe,
		.ignores_sigxfsz = invocation->run.ignores_sigxfsz,
		.shown_command = invocation->run.shown_command,
		.shown_size = invocation->run.shown_size,
		.max_pause_ns = invocation->capture.max_pause_ns != 0 ? invocation->capture.max_pause_ns
								      : DEFAULT_MAX_PAUSE_NS};
	if (!places_check(invocation) || !stats_check(invocation->stats_path))
		return (enum status)RUN_FAILED;
	const struct run_hooks hooks = {.dump = dump, .say = say, .context = (void *)(uintptr_t)invocation};
	return (enum status)run_command(&plan, &hooks);
}
