/* SPDX-License-Identifier: BSD-3-Clause */
/* The watch command: captures again and again, of processes that come and go. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/place.h"
#include "cli/stats.h"
#include "jobs/clock.h"
#include "jobs/processes.h"
#include "jobs/target_lock.h"
#include "jobs/ticker.h"

/* What a process runs. */
struct program_id {
	dev_t device;
	ino_t inode;
};

/* A process that is followed. */
struct followed {
	pid_t pid;
	uint64_t started;
	char comm[17];
	int end;                       /* a descriptor of the process, readable when it has ended; -1: there is none */
	int lock;                      /* -1: not ours yet */
	struct gsd_observer *observer; /* for conditions; opened when first needed */
	uint64_t base;                 /* goroutines at its last capture; 0: none yet */
	bool left_alone;               /* it was said why */
	bool hopeless;                 /* nothing can be captured as long as it runs that program */
	struct program_id program;     /* at the last look */
	bool there;                    /* the last list had it */
};

struct watch {
	const struct invocation *invocation;
	struct ticker ticker;
	struct followed *items;
	size_t count;
	size_t capacity;
	const char *reason; /* why the capture that is being made is made */
	uint64_t captured;  /* whole ones */
	uint64_t partial;
	uint64_t failed;
	uint64_t skipped; /* ticks that were missed */
	uint64_t locked;  /* processes that another watch has */
};

/* ---- who is followed -------------------------------------------------------------------------------------------- */

static void release(struct followed *followed)
{
	gsd_observer_close(followed->observer);
	if (followed->lock >= 0)
		close(followed->lock);
	if (followed->end >= 0)
		close(followed->end);
	followed->observer = NULL;
	followed->lock = followed->end = -1;
}

/* Zeros when it may not be seen. */
static struct program_id program_of(pid_t pid)
{
	struct stat status;
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	if (stat(path, &status) != 0)
		return (struct program_id){0};
	return (struct program_id){.device = status.st_dev, .inode = status.st_ino};
}

/* Without a descriptor of the process the next tick notices its end. */
static void listen_for_end(struct watch *watch, struct followed *followed)
{
	followed->end = pidfd_open(followed->pid, 0);
	if (followed->end >= 0)
		(void)ticker_add(&watch->ticker, followed->end);
}

static struct followed *find_followed(struct watch *watch, const struct process *process)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->items[i].pid == process->pid && watch->items[i].started == process->started)
			return &watch->items[i];
	return NULL;
}

static bool follow(struct watch *watch, const struct process *process)
{
	struct followed *known = find_followed(watch, process);
	if (known != NULL) {
		known->there = true;
		memcpy(known->comm, process->comm, sizeof known->comm); /* execve and prctl change it */
		return true;
	}
	if (watch->count == watch->capacity) {
		watch->capacity = watch->capacity == 0 ? 16 : 2 * watch->capacity;
		struct followed *items = reallocarray(watch->items, watch->capacity, sizeof *items);
		if (items == NULL)
			return false;
		watch->items = items;
	}
	struct followed *followed = &watch->items[watch->count++];
	*followed = (struct followed){.pid = process->pid, .started = process->started, .lock = -1, .there = true};
	memcpy(followed->comm, process->comm, sizeof followed->comm);
	followed->end = -1;
	return true;
}

/* The kernel keeps 15 bytes of a name; a longer one is compared with the program's. */
static bool has_name(const struct process *process, const char *name)
{
	if (strlen(name) < sizeof process->comm - 1)
		return strcmp(process->comm, name) == 0;
	size_t length = strcspn(process->command, " ");
	const char *base = process->command;
	for (size_t i = 0; i < length; i++)
		if (process->command[i] == '/')
			base = process->command + i + 1;
	length -= (size_t)(base - process->command);
	return strlen(name) == length && memcmp(base, name, length) == 0;
}

static bool is_wanted(const struct watch *watch, const struct process *process)
{
	const struct watch_plan *plan = &watch->invocation->watch;
	return process->pid != getpid() && (plan->all || has_name(process, plan->name));
}

/* At the start: a number that is given means the process that has it now, for ever. */
static bool follow_given(struct watch *watch)
{
	for (size_t i = 0; i < watch->invocation->pid_count; i++) {
		struct process process;
		if (!process_read(watch->invocation->pids[i], &process)) {
			message("cannot watch process %d: there is no such process", watch->invocation->pids[i]);
			watch->failed++;
			continue;
		}
		bool good = follow(watch, &process);
		free(process.command);
		if (!good)
			return false;
	}
	return true;
}

static void see_given(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct process process;
		if (!process_read(watch->items[i].pid, &process))
			continue;
		watch->items[i].there = process.started == watch->items[i].started;
		if (watch->items[i].there)
			memcpy(watch->items[i].comm, process.comm, sizeof process.comm);
		free(process.command);
	}
}

static bool see_listed(struct watch *watch)
{
	struct processes processes;
	if (!processes_list(&processes))
		return false;
	bool good = true;
	for (size_t i = 0; i < processes.count && good; i++)
		if (is_wanted(watch, &processes.items[i]))
			good = follow(watch, &processes.items[i]);
	processes_free(&processes);
	return good;
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

/* Says that signals are listened to from here on. */
static void log_start(const struct watch *watch)
{
	const struct invocation *invocation = watch->invocation;
	double every = (double)invocation->watch.every_ns / 1e9;
	if (invocation->quiet || invocation->watch.once)
		return;
	if (invocation->json) {
		FILE *line = message_begin("start");
		fprintf(line, ",\"pid\":%d,\"every_ns\":%" PRIu64, getpid(), invocation->watch.every_ns);
		message_end(line);
	} else if (invocation->watch.name != NULL) {
		message("watching processes named %s every %g s", invocation->watch.name, every);
	} else if (invocation->watch.all) {
		message("watching all Go processes every %g s", every);
	} else {
		message("watching %zu process%s every %g s", watch->count, watch->count == 1 ? "" : "es", every);
	}
}

static void log_ended(const struct watch *watch, const struct followed *followed)
{
	if (watch->invocation->quiet || followed->left_alone)
		return;
	if (!watch->invocation->json) {
		message("%s %d: it has ended", followed->comm, followed->pid);
		return;
	}
	FILE *line = message_begin("ended");
	fprintf(line, ",\"pid\":%d,\"comm\":", followed->pid);
	json_print_string(line, followed->comm);
	message_end(line);
}

static uint64_t file_bytes(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;
}

static void log_capture_json(const struct watch *watch, const struct followed *followed, const struct gsd_stats *stats,
			     char *const *places, const bool *written)
{
	FILE *line = message_begin("capture");
	fprintf(line, ",\"pid\":%d,\"comm\":", followed->pid);
	json_print_string(line, followed->comm);
	fputs(",\"reason\":", line);
	json_print_string(line, watch->reason);
	fprintf(line,
		",\"goroutines\":%" PRIu64 ",\"unreadable\":%" PRIu64 ",\"ambiguous\":%" PRIu64 ",\"pause_ns\":%" PRIu64
		",\"total_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"files\":[",
		stats->goroutines, stats->unreadable, stats->ambiguous, stats->pause_ns, stats->total_ns,
		stats->cpu_ns);
	const char *comma = "";
	for (size_t i = 0; i < watch->invocation->output_count; i++) {
		if (!written[i])
			continue;
		fprintf(line, "%s{\"path\":", comma);
		json_print_string(line, places[i]);
		fprintf(line, ",\"bytes\":%" PRIu64 "}", file_bytes(places[i]));
		comma = ",";
	}
	fputs("]", line);
	message_end(line);
}

static void log_capture(const struct watch *watch, const struct followed *followed, const struct gsd_stats *stats,
			char *const *places, const bool *written)
{
	char *text = NULL;
	size_t size = 0;
	if (watch->invocation->json) {
		log_capture_json(watch, followed, stats, places, written);
		return;
	}
	FILE *stream = open_memstream(&text, &size);
	if (stream == NULL)
		return;
	fprintf(stream, "%s %d: %" PRIu64 " goroutine%s, paused %.2f ms, took %.0f ms", followed->comm, followed->pid,
		stats->goroutines, stats->goroutines == 1 ? "" : "s", (double)stats->pause_ns / 1e6,
		(double)stats->total_ns / 1e6);
	if (stats_partial(stats))
		fprintf(stream, ", %" PRIu64 " unreadable, %" PRIu64 " ambiguous", stats->unreadable, stats->ambiguous);
	if (strcmp(watch->reason, "tick") != 0)
		fprintf(stream, " (%s)", watch->reason);
	const char *before = ", wrote ";
	for (size_t i = 0; i < watch->invocation->output_count; i++) {
		if (!written[i])
			continue;
		fprintf(stream, "%s%s", before, places[i]);
		before = " ";
	}
	if (fclose(stream) == 0)
		message("%s", text);
	free(text);
}

/* ---- one capture ------------------------------------------------------------------------------------------------ */

/* Writes every output of a capture. False when one is missing. */
static bool write_all_outputs(const struct watch *watch, struct followed *followed, struct gsd_capture *capture)
{
	const struct invocation *invocation = watch->invocation;
	size_t count = invocation->output_count;
	char **places = calloc(count, sizeof *places);
	bool *written = calloc(count, sizeof *written);
	struct origin origin;
	size_t good = 0;
	origin_take(followed->pid, &origin);
	for (size_t i = 0; places != NULL && written != NULL && i < count; i++) {
		places[i] = output_place(&invocation->outputs[i], &origin);
		written[i] = places[i] != NULL && output_write(invocation, &invocation->outputs[i], places[i], capture);
		good += written[i] ? 1 : 0;
	}
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	bool odd = stats_partial(stats);
	if (good > 0 && (!invocation->quiet || odd))
		log_capture(watch, followed, stats, places, written);
	if (invocation->verbose)
		stats_say_details(stats);
	bool counted = stats_append(invocation->stats_path, stats);
	for (size_t i = 0; places != NULL && i < count; i++)
		free(places[i]);
	free(places);
	free(written);
	return counted && good == count;
}

/* Something of a process could not be done. Said once for one that is watched because of its name. */
static void complain(struct watch *watch, struct followed *followed, struct gsd_error *error)
{
	const struct watch_plan *plan = &watch->invocation->watch;
	enum gsd_error_code code = gsd_error_code(error);
	bool given = plan->name == NULL && !plan->all;
	bool hopeless = code == GSD_ERROR_NOT_GO || code == GSD_ERROR_UNSUPPORTED || code == GSD_ERROR_PERMISSION;
	bool known = followed->left_alone;
	followed->left_alone = followed->hopeless = hopeless && !given;
	if (followed->hopeless)
		release(followed); /* there may be more of those than descriptors */
	/* --all means those that can be captured. */
	bool expected = plan->all && hopeless;
	if (!expected && code != GSD_ERROR_GONE)
		watch->failed++;
	if (!expected && !known && code != GSD_ERROR_GONE)
		message_error(error);
	gsd_error_destroy(error);
}

static void capture_one(struct watch *watch, struct followed *followed)
{
	struct gsd_capture *capture = NULL;
	struct gsd_error *error = gsd_capture_process(followed->pid, &watch->invocation->capture, &capture);
	if (error == NULL)
		error = output_select(watch->invocation, capture);
	if (error != NULL) {
		gsd_capture_destroy(capture);
		complain(watch, followed, error);
		return;
	}
	bool whole = write_all_outputs(watch, followed, capture);
	const struct gsd_stats *stats = gsd_capture_stats(capture);
	followed->base = stats->goroutines;
	followed->left_alone = followed->hopeless = false;
	if (!whole)
		watch->failed++;
	else if (stats_partial(stats))
		watch->partial++;
	watch->captured += whole ? 1 : 0;
	gsd_capture_destroy(capture);
}

/* The first condition that holds; NULL: none, or it could not be seen. */
static const char *find_reason(struct watch *watch, struct followed *followed)
{
	const struct watch_plan *plan = &watch->invocation->watch;
	struct gsd_count count;
	struct gsd_error *error = NULL;
	if (followed->observer == NULL)
		error = gsd_observer_open(followed->pid, &followed->observer);
	if (error == NULL)
		error = gsd_observer_count(followed->observer, &count);
	if (error != NULL) {
		gsd_observer_close(followed->observer); /* after execve another program has to be looked for */
		followed->observer = NULL;
		if (gsd_error_code(error) == GSD_ERROR_GONE)
			followed->base = 0; /* which begins with its own number of goroutines */
		complain(watch, followed, error);
		return NULL;
	}
	if (followed->base == 0)
		followed->base = count.goroutines;
	const struct condition_facts facts = {.goroutines = count.goroutines,
					      .base_known = followed->base != 0,
					      .base = followed->base,
					      .wait_known = count.wait_known,
					      .longest_wait_ns = count.longest_wait_ns};
	for (size_t i = 0; i < plan->condition_count; i++)
		if (condition_holds(&plan->conditions[i], &facts))
			return plan->conditions[i].text;
	return NULL;
}

/* One watch at a time. */
static bool take_lock(struct watch *watch, struct followed *followed)
{
	pid_t holder;
	if (followed->lock >= 0)
		return true;
	followed->lock = target_lock(followed->pid, &holder);
	if (followed->lock >= 0)
		return true;
	if (errno != EWOULDBLOCK)
		return false; /* it has ended */
	watch->locked++;
	if (followed->left_alone)
		return false;
	followed->left_alone = true;
	if (holder != 0)
		message("process %d (%s) is watched already, by process %d", followed->pid, followed->comm, holder);
	else
		message("process %d (%s) is watched already, by another process", followed->pid, followed->comm);
	message_hint("two watches would stop it twice as often: end that one first");
	return false;
}

/* Whether there is reason to believe that it can be captured: after execve it may have become a Go program. */
static bool is_promising(struct followed *followed)
{
	struct program_id program = program_of(followed->pid);
	bool same = program.device == followed->program.device && program.inode == followed->program.inode;
	followed->program = program;
	if (!followed->hopeless)
		return true;
	if (same)
		return false;
	followed->hopeless = followed->left_alone = false;
	return true;
}

static void visit(struct watch *watch, struct followed *followed, bool now)
{
	if (!is_promising(followed) && !now)
		return;
	if (!take_lock(watch, followed))
		return;
	followed->left_alone = followed->hopeless;
	if (followed->end < 0)
		listen_for_end(watch, followed);
	watch->reason = "tick";
	/* Also before a capture that needs no reason: of which program it was is known when its growth is asked for. */
	if (watch->invocation->watch.condition_count > 0)
		watch->reason = find_reason(watch, followed);
	if (now)
		watch->reason = "signal";
	if (watch->reason != NULL)
		capture_one(watch, followed);
}

/* ---- rounds ----------------------------------------------------------------------------------------------------- */

static void drop_ended(struct watch *watch)
{
	size_t kept = 0;
	for (size_t i = 0; i < watch->count; i++) {
		struct followed *followed = &watch->items[i];
		if (followed->there) {
			watch->items[kept++] = *followed;
			continue;
		}
		log_ended(watch, followed);
		release(followed);
	}
	watch->count = kept;
}

static bool look_for_processes(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		watch->items[i].there = false;
	if (watch->invocation->pid_count > 0)
		see_given(watch);
	else if (!see_listed(watch)) {
		message_errno(errno, "list the processes in /proc");
		watch->failed++;
		return false;
	}
	drop_ended(watch);
	return true;
}

static bool is_capture_ending(const char *ending)
{
	for (const struct format *format = formats; format->name != NULL; format++)
		if (format->endings[0] != NULL && strcmp(ending, format->endings[0]) == 0)
			return true;
	return *ending == '\0';
}

static void keep_limits(struct watch *watch)
{
	const struct invocation *invocation = watch->invocation;
	const struct retention *limits = &invocation->watch.limits;
	uint64_t now_ns = clock_ns(CLOCK_REALTIME);
	for (size_t i = 0; i < invocation->output_count; i++) {
		bool again = false;
		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(invocation->outputs[k].path, invocation->outputs[i].path) == 0;
		if (again)
			continue;
		const char *directory = invocation->outputs[i].path;
		struct retention_result result = retention_apply(directory, limits, now_ns, is_capture_ending);
		if (result.errnum != 0 && result.errnum != ENOENT) {
			message_not_written(result.errnum, "remove old captures from %s", directory);
			watch->failed++;
		}
	}
}

/* @p now: captures all, whatever the conditions say. */
static void make_round(struct watch *watch, bool now)
{
	watch->locked = 0;
	if (!look_for_processes(watch))
		return;
	for (size_t i = 0; i < watch->count && !ticker_end_pending(); i++)
		visit(watch, &watch->items[i], now);
	keep_limits(watch);
}

static bool is_over(const struct watch *watch)
{
	return watch->invocation->watch.once || (watch->invocation->pid_count > 0 && watch->count == 0) ||
	       (watch->invocation->pid_count > 0 && watch->locked == watch->count);
}

static void run_ticks(struct watch *watch)
{
	for (;;) {
		uint64_t missed;
		enum ticker_event event = ticker_wait(&watch->ticker, &missed);
		if (event == TICKER_END)
			return;
		if (event == TICKER_ERROR) {
			message_errno(errno, "wait for the next tick");
			watch->failed++;
			return;
		}
		if (missed > 0) {
			message("skipped %" PRIu64 " tick%s: capturing takes longer than --every", missed,
				missed == 1 ? "" : "s");
			watch->skipped += missed;
		}
		if (event == TICKER_DESCRIPTOR)
			(void)look_for_processes(watch);
		else
			make_round(watch, event == TICKER_NOW);
		if (is_over(watch))
			return;
	}
}

static enum status watch_status(const struct watch *watch)
{
	bool odd = watch->failed + watch->partial + watch->skipped > 0;
	/* With conditions, no capture may mean that all was well. */
	bool nothing = watch->captured + watch->partial == 0 && watch->invocation->watch.condition_count == 0;
	if (watch->locked > 0 && watch->locked == watch->count)
		return STATUS_NOTHING;
	if (watch->captured == 0 && (nothing || watch->failed > 0))
		return STATUS_NOTHING;
	return odd ? STATUS_PARTIAL : STATUS_COMPLETE;
}

/* Each process that is watched takes some descriptors. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_none_found(const char *name)
{
	static const char found[] = "no Go process to capture was found";
	if (name != NULL)
		message("%s: none that may be looked at is called %s", found, name);
	else
		message("%s", found);
}

enum status watch_run(const struct invocation *invocation)
{
	struct watch watch = {.invocation = invocation};
	messages_timed(invocation->json);
	if (!places_check(invocation) || !stats_check(invocation->stats_path))
		return STATUS_NOTHING;
	allow_descriptors();
	if (!ticker_open(&watch.ticker, invocation->watch.every_ns)) {
		message_errno(errno, "make a clock that ticks");
		return STATUS_NOTHING;
	}
	if (!follow_given(&watch)) {
		message("no memory for the processes to watch");
		watch.failed++;
	} else if (invocation->watch.once) {
		make_round(&watch, false);
	} else if (invocation->pid_count == 0 || watch.count > 0) {
		log_start(&watch);
		run_ticks(&watch);
	}
	enum status status = watch_status(&watch);
	if (invocation->pid_count == 0 && watch.captured + watch.failed == 0 && invocation->watch.once &&
	    watch.locked == 0 && invocation->watch.condition_count == 0)
		say_none_found(invocation->watch.name);
	for (size_t i = 0; i < watch.count; i++)
		release(&watch.items[i]);
	free(watch.items);
	ticker_close(&watch.ticker);
	return status;
}
