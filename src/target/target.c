/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/target.h"

void gsd_target_destroy(struct gsd_target *target)
{
	if (target != NULL)
		target->operations->destroy(target);
}

struct gsd_error *gsd_target_stop(struct gsd_target *target, uint64_t max_pause_ns, struct gsd_threads *threads,
				  gsd_target_window *window, void *context, struct gsd_stop_figures *figures_ret)
{
	return target->operations->stop(target, max_pause_ns, threads, window, context, figures_ret);
}

bool gsd_stop_halt(struct gsd_stop *stop)
{
	return stop->halt(stop);
}

void gsd_stop_release(struct gsd_stop *stop)
{
	stop->release(stop);
}

struct gsd_error *gsd_target_list_threads(struct gsd_target *target, struct gsd_threads *threads_ret,
					  struct gsd_stop_figures *figures_ret)
{
	return target->operations->list_threads(target, threads_ret, figures_ret);
}

struct gsd_error *gsd_target_thread_capacity(struct gsd_target *target, size_t *capacity_ret)
{
	return target->operations->thread_capacity(target, capacity_ret);
}

struct gsd_error *gsd_target_open_mapping(struct gsd_target *target, const struct gsd_mapping *mapping, int *fd_ret)
{
	return target->operations->open_mapping(target, mapping, fd_ret);
}

struct gsd_error *gsd_target_environment(struct gsd_target *target, const char *name, char **value_ret)
{
	return target->operations->environment(target, name, value_ret);
}

uint64_t gsd_target_memory_bytes(const struct gsd_target *target)
{
	return target->operations->memory_bytes(target);
}

uint64_t gsd_target_bytes_read(const struct gsd_target *target)
{
	return target->operations->bytes_read(target);
}

const char *gsd_target_change(const struct gsd_target *target)
{
	return target->operations->change(target);
}

struct gsd_error *gsd_target_explain(const struct gsd_target *target, struct gsd_error *error)
{
	return target->operations->explain(target, error);
}
