/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules.h"

#include <stdlib.h>

#include "base/error.h"
#include "go/godebug.h"

#define FRAMES_OLD     32 /* runtime/mprof.go, up to Go 1.22 */
#define FRAMES_DEFAULT 128
#define FRAMES_MOST    1024

/* A setting of GODEBUG: of the environment, else built in, else @p otherwise. */
static uint32_t setting(const char *environment, const struct gsd_runtime *runtime, const char *key, uint32_t otherwise)
{
	uint32_t value = otherwise;
	if (!gsd_godebug_number(environment, key, &value))
		(void)gsd_godebug_number(gsd_godebug_built_in(runtime->modinfo), key, &value);
	return value;
}

/* 32 frames up to Go 1.22, then the setting (runtime/runtime1.go, runtime/mprof.go). */
static uint32_t frame_limit(const char *environment, const struct gsd_runtime *runtime)
{
	if (runtime->go_minor < 23)
		return FRAMES_OLD;
	uint32_t limit = setting(environment, runtime, "profstackdepth", FRAMES_DEFAULT);
	return limit == 0 ? FRAMES_DEFAULT : limit < FRAMES_MOST ? limit : FRAMES_MOST;
}

struct gsd_error *gsd_rules_frame_limit(struct gsd_target *target, const struct gsd_runtime *runtime,
					uint32_t *frame_limit_ret)
{
	char *environment = NULL;
	if (runtime->go_minor >= 23)
		GSD_TRY(gsd_target_environment(target, "GODEBUG", &environment));
	*frame_limit_ret = frame_limit(environment, runtime);
	free(environment);
	return NULL;
}

void gsd_rules_fill(struct gsd_capture *capture, struct gsd_target *target, const struct gsd_capture_options *options)
{
	const struct gsd_runtime *runtime = &capture->runtime;
	struct gsd_snapshot *snapshot = &capture->snapshot;
	char *environment = NULL;
	gsd_error_destroy(gsd_target_environment(target, "GODEBUG", &environment));
	/* Labels: on request in Go 1.26, by default from 1.27 on (runtime/runtime1.go, tracebacklabels). */
	uint32_t by_default = runtime->go_minor >= 27 ? 1 : 0;
	snapshot->traceback_labels =
		runtime->go_minor >= 26 && setting(environment, runtime, "tracebacklabels", by_default) == 1;
	if (options->max_frames == GSD_MAX_FRAMES_DEFAULT || options->max_frames == GSD_MAX_FRAMES_GO) {
		const struct gsd_traceback_rule rule = gsd_traceback_rule_of(runtime->go_minor);
		snapshot->text_frame_limit = frame_limit(environment, runtime);
		snapshot->traceback_inner = rule.inner;
		snapshot->traceback_outer = rule.outer;
	}
	free(environment);
}
