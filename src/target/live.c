/* SPDX-License-Identifier: BSD-3-Clause */
/* A live process as a target. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "target/stop.h"

struct live {
	struct gsd_target target; /* first: the target is the live process */
	char name[32];
};

static void live_destroy(struct gsd_target *target)
{
	gsd_process_destroy(target->process);
	free(target);
}

/* ---- the stop ---- */

struct live_stop {
	struct gsd_stop stop;
	struct gsd_tracer *tracer;
	gsd_target_window *window;
	void *context;
};

static bool live_halt(struct gsd_stop *stop)
{
	return gsd_tracer_halt(((struct live_stop *)stop)->tracer);
}

static void live_release(struct gsd_stop *stop)
{
	gsd_tracer_release(((struct live_stop *)stop)->tracer);
}

/* In the tracer. */
static void live_window(struct gsd_tracer *tracer, void *context)
{
	struct live_stop *stop = context;
	stop->tracer = tracer;
	stop->window(&stop->stop, stop->context);
}

static struct gsd_error *live_stop(struct gsd_target *target, uint64_t max_pause_ns, struct gsd_threads *threads,
				   gsd_target_window *window, void *context, struct gsd_stop_figures *figures_ret)
{
	struct live_stop stop = {
		.stop = {.halt = live_halt, .release = live_release}, .window = window, .context = context};
	GSD_TRY(gsd_process_stop(target->process, max_pause_ns, threads, live_window, &stop, figures_ret));
	figures_ret->halted_monotonic_ns += (uint64_t)gsd_process_clock_ahead_ns(target->process);
	return NULL;
}

/* ---- no stop ---- */

static struct gsd_error *live_list_threads(struct gsd_target *target, struct gsd_threads *threads_ret,
					   struct gsd_stop_figures *figures_ret)
{
	uint64_t unix_ns = gsd_clock_ns(CLOCK_REALTIME);
	uint64_t monotonic_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	GSD_TRY(gsd_process_list_threads(target->process, threads_ret));
	*figures_ret = (struct gsd_stop_figures){
		.halted_unix_ns = unix_ns,
		.halted_monotonic_ns = monotonic_ns + (uint64_t)gsd_process_clock_ahead_ns(target->process)};
	return NULL;
}

static struct gsd_error *live_thread_capacity(struct gsd_target *target, size_t *capacity_ret)
{
	return gsd_process_thread_capacity(target->process, capacity_ret);
}

/* ---- asking it ---- */

static struct gsd_error *live_open_mapping(struct gsd_target *target, const struct gsd_mapping *mapping, int *fd_ret)
{
	return gsd_process_open_mapping(target->process, mapping, fd_ret);
}

static struct gsd_error *live_environment(struct gsd_target *target, const char *name, char **value_ret)
{
	return gsd_process_environment(target->process, name, value_ret);
}

static uint64_t live_memory_bytes(const struct gsd_target *target)
{
	return gsd_process_memory_bytes(target->process);
}

static uint64_t live_bytes_read(const struct gsd_target *target)
{
	return gsd_process_bytes_read(target->process);
}

static const char *live_change(const struct gsd_target *target)
{
	if (gsd_process_replaced(target->process))
		return "it called execve while we looked, and runs another program now: try again";
	return gsd_process_ended(target->process) ? "it exited while we looked" : NULL;
}

static struct gsd_error *live_explain(const struct gsd_target *target, struct gsd_error *error)
{
	const char *change = live_change(target);
	if (change == NULL)
		return error;
	gsd_error_destroy(error);
	return gsd_error_because(
		gsd_error_create(GSD_ERROR_GONE, 0, "read the goroutines of %s (%s)", target->name, target->exe_path),
		"%s", change);
}

static const struct gsd_target_operations live_operations = {
	.destroy = live_destroy,
	.stop = live_stop,
	.list_threads = live_list_threads,
	.thread_capacity = live_thread_capacity,
	.open_mapping = live_open_mapping,
	.environment = live_environment,
	.memory_bytes = live_memory_bytes,
	.bytes_read = live_bytes_read,
	.change = live_change,
	.explain = live_explain,
};

struct gsd_error *gsd_target_open_process(pid_t pid, struct gsd_target **target_ret)
{
	struct live *live = calloc(1, sizeof *live);
	if (live == NULL)
		return gsd_error_no_memory();
	struct gsd_target *target = &live->target;
	struct gsd_error *error = gsd_process_open(pid, &target->process);
	if (error != NULL) {
		free(live);
		return error;
	}
	snprintf(live->name, sizeof live->name, "process %d", (int)pid);
	target->operations = &live_operations;
	target->name = live->name;
	target->exe_path = gsd_process_exe_path(target->process);
	target->exe = gsd_process_exe(target->process);
	target->pid = pid;
	gsd_process_comm(target->process, target->comm);
	target->memory = gsd_process_memory(target->process);
	target->mappings = gsd_process_mappings(target->process, &target->mapping_count);
	*target_ret = target;
	return NULL;
}
