/* SPDX-License-Identifier: BSD-3-Clause */
/* The ps command: the Go processes of this machine. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/messages.h"
#include "cli/utf8.h"
#include "cli/values.h"
#include "jobs/processes.h"

/* A process and what could be learned of it. */
struct row {
	const struct process *process;
	struct gsd_inspection inspection;
};

struct table {
	struct row *rows;
	size_t count;
	size_t hidden; /* processes of which it could not even be seen what they run */
};

static void free_table(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		gsd_error_destroy(table->rows[i].inspection.refused);
	free(table->rows);
}

static bool inspect_all(const struct processes *processes, struct table *table)
{
	table->rows = calloc(processes->count + 1, sizeof *table->rows);
	for (size_t i = 0; table->rows != NULL && i < processes->count; i++) {
		struct row *row = &table->rows[table->count];
		const struct process *process = &processes->items[i];
		*row = (struct row){.process = process};
		struct gsd_error *error =
			process->pid == getpid() ? NULL : gsd_inspect_process(process->pid, &row->inspection);
		gsd_error_destroy(error); /* it has ended: then it is not listed */
		if (row->inspection.go) {
			table->count++;
			continue;
		}
		table->hidden += row->inspection.refused != NULL ? 1 : 0;
		gsd_error_destroy(row->inspection.refused);
	}
	return table->rows != NULL;
}

/* Of the first write to standard output that failed. */
static int output_errnum;

static void note_failure(bool failed)
{
	if (failed && output_errnum == 0)
		output_errnum = errno;
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

static unsigned columns(void)
{
	const char *text = getenv("COLUMNS");
	uint64_t width;
	struct winsize size;
	if (text != NULL && value_number(text, 1, 10000, &width))
		return (unsigned)width;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return isatty(STDOUT_FILENO) ? 80 : 0;
}

/* Prints at most @p width columns of @p text; 0: all of it. */
static void print_cut(const char *text, unsigned width)
{
	unsigned printed = 0;
	while (*text != '\0' && (width == 0 || printed < width)) {
		size_t length = utf8_length(text);
		fwrite(text, 1, length == 0 ? 1 : length, stdout);
		text += length == 0 ? 1 : length;
		printed++;
	}
}

static const char *stripped_word(const struct gsd_inspection *inspection)
{
	return inspection->symbols ? "no" : inspection->counted ? "yes" : "-";
}

static void print_row(const struct row *row, unsigned width)
{
	char age[32], goroutines[24] = "-";
	const struct gsd_inspection *inspection = &row->inspection;
	duration_format(row->process->age_ns, age, sizeof age);
	if (inspection->counted)
		snprintf(goroutines, sizeof goroutines, "%" PRIu64, inspection->count.goroutines);
	int used = printf("%7d %-9s %10s %7" PRIu64 " %7s %-8s %-6s ", row->process->pid,
			  inspection->go_version[0] != '\0' ? inspection->go_version : "-", goroutines,
			  row->process->threads, age, stripped_word(inspection),
			  inspection->refused == NULL ? "yes" : "no");
	const char *command = row->process->command[0] != '\0' ? row->process->command : row->process->comm;
	char *quoted = quote(command);
	unsigned left = width > (unsigned)used ? width - (unsigned)used : 1;
	print_cut(quoted != NULL ? quoted : "", width == 0 ? 0 : left);
	putchar('\n');
	note_failure(ferror(stdout) != 0);
	free(quoted);
}

/* Why some may not be looked at. What to do about it is said once for each advice. */
static void explain_refusals(const struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct gsd_error *error = table->rows[i].inspection.refused;
		if (error == NULL)
			continue;
		const char *hint = gsd_error_hint(error);
		bool said = false;
		for (size_t k = 0; k < i && !said && hint != NULL; k++) {
			const struct gsd_error *other = table->rows[k].inspection.refused;
			const char *before = other != NULL ? gsd_error_hint(other) : NULL;
			said = before != NULL && strcmp(before, hint) == 0;
		}
		message("%s", gsd_error_message(error));
		if (!said)
			message_hints(error);
	}
}

static void print_table(const struct table *table, bool quiet)
{
	unsigned width = columns();
	if (table->count > 0)
		printf("%7s %-9s %10s %7s %7s %-8s %-6s %s\n", "PID", "GO", "GOROUTINES", "THREADS", "AGE", "STRIPPED",
		       "ATTACH", "COMMAND");
	for (size_t i = 0; i < table->count; i++)
		print_row(&table->rows[i], width);
	note_failure(fflush(stdout) != 0);
	explain_refusals(table);
	if (table->count == 0 && !quiet)
		message("no Go process can be seen from here");
	if (table->hidden > 0 && !quiet) {
		message("%zu other process%s may not be looked at, so it is not known what %s", table->hidden,
			table->hidden == 1 ? "" : "es", table->hidden == 1 ? "it runs" : "they run");
		if (geteuid() != 0)
			message_hint("sudo gostackdump ps sees them all");
	}
}

/* ---- for programs ----------------------------------------------------------------------------------------------- */

static void print_member(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	if (text != NULL)
		json_print_string(stdout, text);
	else
		fputs("null", stdout);
}

static void print_number(const char *name, bool known, uint64_t number)
{
	if (known)
		printf(",\"%s\":%" PRIu64, name, number);
	else
		printf(",\"%s\":null", name);
}

static void print_json(const struct row *row)
{
	const struct gsd_inspection *inspection = &row->inspection;
	const struct gsd_count *count = &inspection->count;
	const struct gsd_error *refused = inspection->refused;
	printf("{\"pid\":%d", row->process->pid);
	print_member("comm", row->process->comm);
	print_member("command", row->process->command);
	print_number("uid", true, row->process->user);
	print_member("go_version", inspection->go_version[0] != '\0' ? inspection->go_version : NULL);
	print_number("goroutines", inspection->counted, count->goroutines);
	print_number("running", inspection->counted, count->running);
	print_number("runnable", inspection->counted, count->runnable);
	print_number("syscall", inspection->counted, count->syscall);
	print_number("waiting", inspection->counted, count->waiting);
	print_number("system_goroutines", inspection->counted, count->system_goroutines);
	print_number("longest_wait_ns", inspection->counted && count->wait_known, count->longest_wait_ns);
	print_number("threads", true, row->process->threads);
	print_number("age_ns", true, row->process->age_ns);
	printf(",\"stripped\":%s,\"may_attach\":%s",
	       inspection->symbols   ? "false"
	       : inspection->counted ? "true"
				     : "null",
	       refused == NULL ? "true" : "false");
	print_member("reason", refused != NULL ? gsd_error_message(refused) : NULL);
	print_member("advice", refused != NULL ? gsd_error_hint(refused) : NULL);
	puts("}");
	note_failure(ferror(stdout) != 0);
}

enum status ps_run(const struct invocation *invocation)
{
	struct processes processes;
	struct table table = {0};
	if (!processes_list(&processes)) {
		message_errno(errno, "list the processes in /proc");
		return STATUS_NOTHING;
	}
	bool inspected = inspect_all(&processes, &table);
	if (!inspected)
		message("no memory for the list of processes");
	for (size_t i = 0; i < table.count && invocation->json; i++)
		print_json(&table.rows[i]);
	if (inspected && !invocation->json)
		print_table(&table, invocation->quiet);
	free_table(&table);
	processes_free(&processes);
	note_failure(fflush(stdout) != 0);
	if (output_errnum != 0 && output_errnum != EPIPE) {
		message_not_written(output_errnum, "write to standard output");
		return STATUS_NOTHING;
	}
	return inspected ? STATUS_COMPLETE : STATUS_NOTHING;
}
