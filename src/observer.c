/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of the public header that counts goroutines without stopping anything. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "capture.h"
#include "go/census.h"
#include "program.h"
#include "target/process.h"

struct gsd_observer {
	struct gsd_target *target;
	struct gsd_object object;
	bool has_object;
	struct gsd_runtime runtime;
	struct gsd_program_info program;
};

static struct gsd_error *open_observer(struct gsd_observer *observer, pid_t pid)
{
	static const struct gsd_capture_options anywhere = {.size = sizeof anywhere};
	GSD_TRY(gsd_target_open_process(pid, &observer->target));
	GSD_TRY(gsd_find_runtime(observer->target, &anywhere, &observer->object, &observer->runtime));
	observer->has_object = true;
	observer->program = (struct gsd_program_info){.exe = observer->target->exe_path,
						      .go_version = observer->runtime.version,
						      .symbols = gsd_elf_has_symbols(observer->object.elf)};
	return NULL;
}

/* What went wrong with a process that is not what it was went wrong because of that. */
static struct gsd_error *blame_its_end(struct gsd_observer *observer, struct gsd_error *error)
{
	const char *change = error == NULL || observer->target == NULL ? NULL : gsd_target_change(observer->target);
	if (change == NULL)
		return error;
	gsd_error_destroy(error);
	return gsd_error_because(gsd_error_create(GSD_ERROR_GONE, 0, "count the goroutines of %s (%s)",
						  observer->target->name, observer->target->exe_path),
				 "%s", change);
}

struct gsd_error *gsd_observer_open(pid_t pid, struct gsd_observer **observer_ret)
{
	struct gsd_observer *observer = calloc(1, sizeof *observer);
	if (observer == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = blame_its_end(observer, open_observer(observer, pid));
	if (error != NULL)
		gsd_observer_close(observer);
	else
		*observer_ret = observer;
	return error;
}

void gsd_observer_close(struct gsd_observer *observer)
{
	if (observer == NULL)
		return;
	gsd_runtime_free(&observer->runtime);
	if (observer->has_object)
		gsd_object_close(&observer->object);
	if (observer->target != NULL)
		gsd_target_destroy(observer->target);
	free(observer);
}

const struct gsd_program_info *gsd_observer_program(const struct gsd_observer *observer)
{
	return &observer->program;
}

struct gsd_error *gsd_observer_count(struct gsd_observer *observer, struct gsd_count *count_ret)
{
	struct gsd_census census;
	struct gsd_target *target = observer->target;
	struct gsd_error *error = gsd_census_take(&observer->runtime, target->memory, &census);
	/* A process that called execve may have memory at the same places. */
	if (error == NULL && gsd_target_change(target) != NULL)
		error = gsd_error_create(GSD_ERROR_GONE, 0, "count goroutines");
	GSD_TRY(blame_its_end(observer, error));
	uint64_t now = gsd_clock_ns(CLOCK_MONOTONIC) + (uint64_t)gsd_process_clock_ahead_ns(target->process);
	*count_ret = (struct gsd_count){.goroutines = census.running + census.runnable + census.syscall +
						      census.waiting + census.other,
					.running = census.running,
					.runnable = census.runnable,
					.syscall = census.syscall,
					.waiting = census.waiting,
					.system_goroutines = census.system,
					.wait_known = census.first_since != 0 && census.first_since <= now};
	if (count_ret->wait_known)
		count_ret->longest_wait_ns = now - census.first_since;
	return NULL;
}
