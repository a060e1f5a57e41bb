/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flow of a capture: prepare while the target runs (find the runtime, look at the goroutines to size the buffers),
 * stop it and copy (stop_window, the only code that runs while the target stands still), let it go, then think.
 */
#include "capture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "capture_native.h"
#include "core_target.h"
#include "describe.h"
#include "load.h"
#include "looks.h"
#include "program.h"
#include "rules.h"
#include "target/stop.h"

#define DEFAULT_MAX_PAUSE_NS UINT64_C(1000000000)
#define DEFAULT_MAX_FRAMES   4096
#define MAX_MAX_FRAMES       (1U << 24)
#define MAX_STOPS            5  /* a buffer was too small: enlarge, again */
#define FEW_AMBIGUOUS        64 /* so many come and go by chance: another round costs less than stopping for all */
#define MAX_ROUNDS           5  /* of looks around a stop */
#define FIRST_LOOKS          8  /* more of them after the second round that settled all but a few; then twice as many */
#define MAX_PIECES           256 /* running goroutines whose threads are on other stacks */
#define STACK_SLACK          ((size_t)1 << 20)
#define CLAIM_SLACK          ((uint64_t)128 << 20)

/* ---- the stop ---- */

struct window {
	struct gsd_plan *plan;
	struct gsd_memory *memory;
	struct gsd_threads *threads;
};

/* The stop window: the target stands still between halt and release. Nothing is allocated, logged or parsed here. */
static void stop_window(struct gsd_stop *stop, void *context)
{
	struct window *window = context;
	if (gsd_stop_halt(stop))
		gsd_plan_run(window->plan, window->memory, window->threads);
	gsd_stop_release(stop);
}

/* ---- copying ---- */

struct copy {
	struct gsd_plan plan;
	struct gsd_threads threads;
	struct gsd_range flag_range; /* the finalizer flag: the first of the plan's fixed ranges */
	size_t flag_count;           /* 1, or 0 where it was not found */
	uint8_t flag[8];
	struct gsd_capture_native *native; /* NULL: C frames are not wanted */
	struct gsd_pause_plan pause;
	bool given_up;                   /* the last stop was refused, or ended */
	struct gsd_stop_figures last;    /* of the last stop */
	struct gsd_stop_figures figures; /* of the moment */
	size_t thread_count;             /* stopped in the moment */
};

static void copy_free(struct copy *copy)
{
	gsd_capture_native_destroy(copy->native);
	gsd_plan_free(&copy->plan);
	free(copy->threads.items);
}

/*
 * Stacks are copied from where their goroutines are, which was written once: a target that claims far more than it has
 * memory makes its goroutines up. Twice, since a running one is copied whole before its thread has stopped.
 */
static struct gsd_error *check_claim(const struct gsd_target *target, const struct gsd_plan *plan)
{
	uint64_t has = gsd_target_memory_bytes(target);
	if (has == 0 || plan->stack_bytes_needed / 2 <= has + CLAIM_SLACK)
		return NULL;
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "make room for the stacks of %s", target->name),
				 "its goroutines claim %zu MiB of them, and it has %" PRIu64 " MiB of memory",
				 plan->stack_bytes_needed >> 20, has >> 20);
}

/* Sizes the plan by a look at the running target. */
static struct gsd_error *size_plan(struct gsd_target *target, const struct gsd_runtime *runtime, size_t threads,
				   struct gsd_plan *plan)
{
	uint64_t *known = NULL;
	size_t count = 0;
	struct gsd_memory *memory = target->memory;
	if (gsd_runtime_is_go(runtime))
		GSD_TRY(gsd_allgs_read(memory, &runtime->allgs, &known, &count));
	struct gsd_plan_room room = {.elements = count + count / 16 + 1024,
				     .links = count / 8 + 2 * threads + 64,
				     .pieces = threads < MAX_PIECES ? threads : MAX_PIECES};
	struct gsd_error *error = gsd_plan_reserve(plan, &room, known, count);
	free(known);
	GSD_TRY(error);
	struct gsd_threads none = {0};
	gsd_plan_run(plan, memory, &none);
	if (plan->list_errnum != 0)
		return gsd_error_create(GSD_ERROR_READ, plan->list_errnum, "read the list of goroutines");
	GSD_TRY(check_claim(target, plan));
	GSD_TRY(gsd_capture_native_reserve(plan, threads));
	return gsd_plan_enlarge(plan, plan->link_count + plan->link_count / 4 + 2 * threads + 64,
				plan->stack_bytes_needed + plan->stack_bytes_needed / 16 + STACK_SLACK);
}

static struct gsd_error *make_threads(struct gsd_target *target, struct gsd_threads *threads)
{
	size_t capacity;
	GSD_TRY(gsd_target_thread_capacity(target, &capacity));
	free(threads->items);
	*threads = (struct gsd_threads){.items = calloc(capacity, sizeof *threads->items), .capacity = capacity};
	return threads->items == NULL ? gsd_error_no_memory() : NULL;
}

/* Makes larger what was too small in the last stop. */
static struct gsd_error *enlarge(struct gsd_target *target, const struct gsd_runtime *runtime, struct copy *copy)
{
	if (copy->threads.overflow)
		GSD_TRY(make_threads(target, &copy->threads));
	if (copy->plan.element_overflow)
		return size_plan(target, runtime, copy->threads.capacity, &copy->plan);
	GSD_TRY(check_claim(target, &copy->plan));
	GSD_TRY(gsd_capture_native_reserve(&copy->plan, copy->threads.capacity));
	return gsd_plan_enlarge(&copy->plan, 2 * copy->plan.link_count + 64,
				2 * copy->plan.stack_bytes_needed + STACK_SLACK);
}

static void prepare_copy(const struct gsd_runtime *runtime, struct copy *copy)
{
	gsd_plan_free(&copy->plan);
	copy->plan = (struct gsd_plan){0};
	gsd_goroutines_plan(runtime, &copy->plan);
	copy->flag_range = (struct gsd_range){
		.address = runtime->finalizer.address, .length = runtime->finalizer.size, .buffer = copy->flag};
	copy->flag_count = runtime->finalizer.address != 0 ? 1 : 0;
	copy->plan.fixed = &copy->flag_range;
	copy->plan.fixed_count = copy->flag_count;
}

/* What stopping for the plan means, as far as the last look told. */
static struct gsd_pause_work work_of(const struct copy *copy, size_t threads, size_t goroutines, size_t stack_bytes)
{
	return (struct gsd_pause_work){.threads = threads > copy->threads.count ? threads : copy->threads.count,
				       .ranges = 2 * (uint64_t)goroutines + copy->plan.fixed_count,
				       .bytes = stack_bytes + (uint64_t)goroutines * copy->plan.header_size};
}

/* What does not live stands still: there is nothing to pause. */
static struct gsd_error *read_still(struct gsd_target *target, struct copy *copy)
{
	struct window window = {.plan = &copy->plan, .memory = target->memory, .threads = &copy->threads};
	return gsd_target_stop(target, copy->pause.limit_ns, &copy->threads, stop_window, &window, &copy->last);
}

/*
 * Stops the target; when that would last too long, does, or does not come about, copy->given_up says so. C frames are
 * nowhere but in a stop: there that is an error.
 */
static struct gsd_error *stop(struct gsd_target *target, const struct gsd_pause_work *work, struct gsd_stats *stats,
			      struct copy *copy)
{
	struct window window = {.plan = &copy->plan, .memory = target->memory, .threads = &copy->threads};
	struct gsd_stop_figures figures = {0};
	copy->given_up = !gsd_pause_allowed(&copy->pause, work);
	if (copy->given_up)
		return NULL;
	struct gsd_error *error =
		gsd_target_stop(target, copy->pause.limit_ns, &copy->threads, stop_window, &window, &figures);
	stats->pause_total_ns += figures.pause_ns;
	if (figures.pause_ns > stats->pause_ns)
		stats->pause_ns = figures.pause_ns;
	if (error != NULL && (gsd_error_code(error) != GSD_ERROR_TIMEOUT || copy->native != NULL))
		return error;
	copy->given_up = error != NULL;
	gsd_error_destroy(error);
	if (copy->given_up)
		copy->pause.refused_ns = figures.pause_ns;
	if (figures.pause_ns == 0)
		return NULL; /* no thread was stopped */
	stats->stops++;
	gsd_pause_learn(&copy->pause, work, figures.pause_ns);
	copy->last = figures;
	return NULL;
}

/* What was copied last is the moment. */
static void note_moment(struct copy *copy)
{
	copy->figures = copy->last;
	copy->thread_count = copy->threads.count;
}

/* Stops the target until everything fitted, or a stop was refused. */
static struct gsd_error *copy_moment(struct gsd_target *target, const struct gsd_runtime *runtime,
				     const struct gsd_capture_options *options, struct gsd_stats *stats,
				     struct copy *copy)
{
	prepare_copy(runtime, copy);
	if (options->native)
		GSD_TRY(gsd_capture_native_create(target, runtime, &copy->plan, &copy->native));
	GSD_TRY(make_threads(target, &copy->threads));
	GSD_TRY(size_plan(target, runtime, copy->threads.capacity, &copy->plan));
	for (size_t tries = 1;; tries++) {
		const struct gsd_pause_work work = work_of(copy, (copy->threads.capacity - 64) * 4 / 5,
							   copy->plan.element_count, copy->plan.stack_bytes_needed);
		GSD_TRY(target->process == NULL ? read_still(target, copy) : stop(target, &work, stats, copy));
		if (copy->given_up)
			return NULL;
		if (!copy->threads.overflow && !gsd_plan_overflowed(&copy->plan))
			break;
		if (tries == MAX_STOPS)
			return gsd_error_because(
				gsd_error_create(GSD_ERROR_INTERNAL, 0, "copy the goroutines of %s", target->name),
				"they outgrew the room that was made for them %d times", MAX_STOPS);
		GSD_TRY(enlarge(target, runtime, copy));
	}
	if (copy->plan.list_errnum != 0)
		return gsd_error_create(GSD_ERROR_READ, copy->plan.list_errnum, "read the list of goroutines");
	return NULL;
}

/* ---- how stacks are walked ---- */

static uint64_t stacks_read(const struct gsd_plan *plan)
{
	uint64_t count = 0;
	for (size_t i = 0; i < plan->element_count; i++)
		count += plan->stacks[i].outcome == GSD_STACK_READ ? 1 : 0;
	return count;
}

static struct gsd_error *analysis_options(struct gsd_capture *capture, struct gsd_target *target,
					  const struct gsd_capture_options *options,
					  struct gsd_analysis_options *how_ret)
{
	struct gsd_snapshot *snapshot = &capture->snapshot;
	bool like_go = options->max_frames == GSD_MAX_FRAMES_GO && gsd_runtime_is_go(&capture->runtime);
	/* A traceback has the outermost frames too. */
	bool innermost_only = like_go && !options->arguments;
	if (like_go)
		GSD_TRY(gsd_rules_frame_limit(target, &capture->runtime, &snapshot->go_frame_limit));
	gsd_rules_fill(capture, target, options);
	snapshot->arguments = options->arguments;
	*how_ret = (struct gsd_analysis_options){
		.unwind = options->unwind,
		/*
		 * Elided wrappers do not count in Go's cut, and each is called by a frame that does. Elsewhere the
		 * outermost one, runtime.goexit, is kept and never shown.
		 */
		.max_frames = innermost_only ? 2 * snapshot->go_frame_limit + 2
			      : options->max_frames == 0 || options->max_frames == GSD_MAX_FRAMES_GO
				      ? DEFAULT_MAX_FRAMES + 1
				      : options->max_frames,
		.innermost_only = innermost_only,
		.system_goroutines = options->system_goroutines,
		.traceback = options->arguments ? snapshot->traceback : NULL,
		.traceback_rule = {.inner = snapshot->traceback_inner, .outer = snapshot->traceback_outer}};
	return NULL;
}

/* What the stop read beside goroutines: threads, and the finalizer's flag. */
static struct gsd_around around_of(const struct gsd_runtime *runtime, const struct copy *copy)
{
	uint32_t flag;
	memcpy(&flag, copy->flag, sizeof flag);
	return (struct gsd_around){.threads = &copy->threads,
				   .finalizer_known = copy->flag_count > 0 && copy->plan.fixed[0].errnum == 0,
				   .finalizer_running = (flag & runtime->finalizer.mask) != 0};
}

/* ---- the moment in one stop: everything is copied in it ---- */

/* Nothing is in the analysis when copy->given_up. */
static struct gsd_error *take_one_stop(struct gsd_capture *capture, struct gsd_target *target,
				       const struct gsd_capture_options *options, struct copy *copy)
{
	struct gsd_analysis_options how;
	GSD_TRY(copy_moment(target, &capture->runtime, options, &capture->stats, copy));
	if (copy->given_up)
		return NULL;
	note_moment(copy);
	GSD_TRY(analysis_options(capture, target, options, &how));
	if (copy->native != NULL)
		GSD_TRY(gsd_capture_native_open(copy->native, &capture->runtime, &copy->plan, &copy->threads,
						&how.c_frames));
	const struct gsd_around around = around_of(&capture->runtime, copy);
	how.meter = &capture->meter;
	capture->stats.read_at_stop = stacks_read(&copy->plan);
	return gsd_goroutines_analyse(&capture->runtime, &copy->plan, &around, &how, &capture->analysis);
}

/* ---- the moment by looks around a stop (go/survey.h) ---- */

/* Room for what is busy, and for what becomes so until the stop. */
static struct gsd_plan_room room_for(const struct gsd_survey_size *size, size_t threads, size_t factor)
{
	return (struct gsd_plan_room){.elements = factor * (size->goroutines + 512),
				      .links = factor * (size->goroutines + 2 * threads + 64),
				      .stack_bytes = factor * (size->stack_bytes + 2 * STACK_SLACK),
				      .pieces = threads < MAX_PIECES ? threads : MAX_PIECES,
				      .chain = size->threads + 1};
}

/* One round: a last look, the stop, the look after. @p ambiguous_ret: SIZE_MAX when the stop gave nothing. */
static struct gsd_error *take_round(struct gsd_looks *looks, struct copy *copy, size_t *factor, size_t *ambiguous_ret)
{
	struct gsd_survey *survey = looks->survey;
	GSD_TRY(make_threads(looks->target, &copy->threads));
	GSD_TRY(gsd_survey_before_stop(survey));
	struct gsd_survey_size size = gsd_survey_size(survey);
	struct gsd_plan_room room = room_for(&size, copy->threads.capacity, *factor);
	prepare_copy(&looks->capture->runtime, copy);
	GSD_TRY(gsd_survey_plan(survey, &room, &copy->flag_range, copy->flag_count, &copy->plan));
	const struct gsd_pause_work work = work_of(copy, size.threads, size.goroutines, size.likely_bytes);
	*ambiguous_ret = SIZE_MAX;
	GSD_TRY(stop(looks->target, &work, &looks->capture->stats, copy));
	if (copy->given_up)
		return NULL;
	looks->capture->stats.rounds++;
	if (copy->plan.list_errnum != 0)
		return gsd_error_create(GSD_ERROR_READ, copy->plan.list_errnum, "read the list of goroutines");
	if (copy->threads.overflow || gsd_plan_overflowed(&copy->plan)) {
		*factor *= 2;
		return NULL;
	}
	if (copy->plan.chain_broken)
		return NULL;
	const struct gsd_around around = around_of(&looks->capture->runtime, copy);
	GSD_TRY(gsd_survey_take_stop(survey, &copy->plan, &around));
	note_moment(copy);
	return gsd_survey_after_stop(survey, ambiguous_ret);
}

/*
 * The few that are left are others in every round: goroutines that move now and then, and that no look has seen move.
 * The longer the looks, the more of those are known to be busy.
 */
static struct gsd_error *look_for_longer(struct gsd_survey *survey, int count)
{
	for (int i = 0; i < count; i++)
		GSD_TRY(gsd_survey_look(survey));
	return NULL;
}

static struct gsd_error *take_rounds(struct gsd_looks *looks, struct copy *copy, size_t *ambiguous_ret)
{
	size_t factor = 1;
	size_t before = SIZE_MAX;
	GSD_TRY(gsd_survey_first_look(looks->survey));
	GSD_TRY(gsd_survey_look(looks->survey));
	for (int round = 0; round < MAX_ROUNDS; round++) {
		GSD_TRY(take_round(looks, copy, &factor, ambiguous_ret));
		if (*ambiguous_ret == 0 || copy->given_up)
			return NULL;
		if (*ambiguous_ret != SIZE_MAX && *ambiguous_ret > before && *ambiguous_ret > FEW_AMBIGUOUS)
			return NULL; /* they do not get fewer */
		before = *ambiguous_ret;
		if (round > 0 && round + 1 < MAX_ROUNDS && *ambiguous_ret <= FEW_AMBIGUOUS)
			GSD_TRY(look_for_longer(looks->survey, FIRST_LOOKS << (round - 1)));
	}
	return NULL;
}

static struct gsd_error *take_survey(struct gsd_looks *looks, const struct gsd_capture_options *options,
				     struct copy *copy)
{
	size_t ambiguous = SIZE_MAX;
	GSD_TRY(take_rounds(looks, copy, &ambiguous));
	if (ambiguous == 0) {
		gsd_looks_finish(looks);
		return NULL;
	}
	if (!copy->given_up)
		GSD_TRY(take_one_stop(looks->capture, looks->target, options, copy));
	if (copy->given_up)
		return gsd_looks_give_up(looks, true, &copy->figures);
	looks->capture->snapshot.mode = "atomic-fallback";
	return NULL;
}

static struct gsd_error *refusal(const struct gsd_target *target, const struct gsd_pause_plan *pause)
{
	struct gsd_error *error = gsd_error_because(
		gsd_error_create(GSD_ERROR_TIMEOUT, 0, "stop %s", target->name),
		"with the stacks of its threads that lasts about %.2f ms, and the limit is %g ms; it was let go",
		(double)pause->refused_ns / 1e6, (double)pause->limit_ns / 1e6);
	return gsd_error_advise(error, "allow a longer pause with --max-pause, or look without --native");
}

static struct gsd_error *take_moment(struct gsd_capture *capture, struct gsd_target *target,
				     const struct gsd_capture_options *options, struct copy *copy)
{
	struct gsd_analysis_options how;
	struct gsd_looks looks;
	GSD_TRY(analysis_options(capture, target, options, &how));
	capture->snapshot.mode = target->process != NULL ? "atomic" : "core";
	if (target->process == NULL)
		return take_one_stop(capture, target, options, copy);
	if (options->nonblocking)
		return gsd_looks_only(capture, target, &how, false, &copy->figures);
	/* C stacks are copied with everything else. */
	if (gsd_survey_possible(&capture->runtime) && !options->native) {
		struct gsd_error *error = gsd_looks_open(capture, target, &how, &copy->pause.reads, &looks);
		if (error == NULL)
			error = take_survey(&looks, options, copy);
		gsd_looks_close(&looks);
		return error;
	}
	GSD_TRY(take_one_stop(capture, target, options, copy));
	if (!copy->given_up)
		return NULL;
	return options->native ? refusal(target, &copy->pause)
			       : gsd_looks_only(capture, target, &how, true, &copy->figures);
}

/* ---- all of it ---- */

static struct gsd_error *check_options(const struct gsd_capture_options *options)
{
	if (options->max_frames != GSD_MAX_FRAMES_GO && options->max_frames > MAX_MAX_FRAMES)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_INVALID, 0, "keep %u frames of each stack", options->max_frames),
			"%u is the most", MAX_MAX_FRAMES);
	if (options->unwind > GSD_UNWIND_TABLE)
		return gsd_error_create(GSD_ERROR_INVALID, 0, "walk stacks in mode %d", (int)options->unwind);
	if (options->not_go && !options->native)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "capture what is not Go"),
					 "only its C frames can be, and those are not asked for");
	if (options->nonblocking && options->native)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "find C frames without a stop"),
					 "the registers of a thread, where they begin, are known only while it is "
					 "stopped");
	return NULL;
}

/* No program is without goroutines or threads: what says so is a core that lacks them. */
static struct gsd_error *check_moment(const struct gsd_capture *capture, const struct gsd_target *target,
				      const struct copy *copy)
{
	if (!gsd_runtime_is_go(&capture->runtime) && copy->thread_count == 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_READ, 0, "read the threads of %s (%s)",
							  target->name, target->exe_path),
					 "it has none");
	if (!gsd_runtime_is_go(&capture->runtime) ||
	    capture->analysis.goroutines.count + capture->analysis.system_goroutines > 0)
		return NULL;
	return gsd_error_because(
		gsd_error_create(GSD_ERROR_READ, 0, "read the goroutines of %s (%s)", target->name, target->exe_path),
		"there is none that has not ended, which no running program has: what holds them is "
		"missing");
}

/* The runtime of a Go program; of another one, where its threads will do, none. */
static struct gsd_error *find_runtime(struct gsd_capture *capture, struct gsd_target *target,
				      const struct gsd_capture_options *options, struct gsd_object *object)
{
	struct gsd_error *error = gsd_find_runtime(target, options, object, &capture->runtime);
	bool looked = target->process != NULL || target->exe >= 0; /* a core without its program tells nothing */
	if (error == NULL || gsd_error_code(error) != GSD_ERROR_NOT_GO || !options->not_go || !looked)
		return error;
	gsd_error_destroy(error);
	gsd_object_close(object);
	return gsd_runtime_none(target->memory, &capture->runtime);
}

static struct gsd_error *capture_from(struct gsd_capture *capture, struct gsd_target *target,
				      const struct gsd_capture_options *options)
{
	struct gsd_object object;
	gsd_meter_begin(&capture->meter, GSD_PHASE_RUNTIME, 0);
	GSD_TRY(find_runtime(capture, target, options, &object));
	uint64_t prepared_ns = gsd_clock_ns(CLOCK_MONOTONIC);
	capture->stats.prepare_ns = prepared_ns - capture->started_ns;
	struct copy copy = {.pause.limit_ns =
				    options->max_pause_ns != 0 ? options->max_pause_ns : DEFAULT_MAX_PAUSE_NS};
	struct gsd_error *error = gsd_traceback_create(capture->runtime.code, &capture->snapshot.traceback);
	if (error == NULL)
		error = take_moment(capture, target, options, &copy);
	if (error == NULL)
		error = check_moment(capture, target, &copy);
	capture->stats.capture_ns = gsd_clock_ns(CLOCK_MONOTONIC) - prepared_ns;
	capture->stats.refused_pause_ns = copy.pause.refused_ns;
	if (error == NULL)
		error = gsd_describe(capture, target,
				     &(struct gsd_taken){.figures = &copy.figures,
							 .native = copy.native,
							 .thread_count = copy.thread_count,
							 .max_frames = options->max_frames == GSD_MAX_FRAMES_GO
									       ? 0
									       : options->max_frames,
							 .no_symbolize = options->no_symbolize});
	copy_free(&copy);
	gsd_block_cache_seal(capture->runtime.cache);
	gsd_object_close(&object);
	return error;
}

static struct gsd_error *keep_warnings(struct gsd_capture *capture, const struct gsd_target *target)
{
	size_t count = target->warning_count;
	capture->warnings = gsd_arena_allocate(&capture->arena, (count + 1) * sizeof *capture->warnings);
	if (capture->warnings == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		const char *text = target->warnings[i];
		capture->warnings[i] = gsd_arena_string(&capture->arena, text, strlen(text));
		if (capture->warnings[i] == NULL)
			return gsd_error_no_memory();
	}
	capture->warning_count = count;
	return NULL;
}

static struct gsd_error *capture_target(struct gsd_capture *capture, struct gsd_target *target,
					const struct gsd_capture_options *options)
{
	capture->stats.pid = (uint64_t)target->pid;
	capture->stats.missing_bytes = target->missing_bytes;
	capture->stats.exe = gsd_arena_string(&capture->arena, target->exe_path, strlen(target->exe_path));
	capture->stats.comm = gsd_arena_string(&capture->arena, target->comm, strlen(target->comm));
	if (capture->stats.exe == NULL || capture->stats.comm == NULL)
		return gsd_error_no_memory();
	GSD_TRY(keep_warnings(capture, target));
	struct gsd_error *error = capture_from(capture, target, options);
	return error == NULL ? NULL : gsd_target_explain(target, error);
}

/* Begins a capture with @p options that make sense; NULL: the defaults, which take their place. */
static struct gsd_error *begin(const struct gsd_capture_options **options, struct gsd_capture **capture_ret)
{
	struct gsd_capture *capture;
	GSD_TRY(gsd_capture_create(options, &capture));
	return gsd_capture_finish(capture, check_options(*options), capture_ret);
}

/* Captures @p target, which is let go of on every path; @p error: it was not opened. */
static struct gsd_error *capture_opened(struct gsd_capture *capture, struct gsd_target *target, struct gsd_error *error,
					const struct gsd_capture_options *options, struct gsd_capture **capture_ret)
{
	if (error == NULL) {
		error = capture_target(capture, target, options);
		gsd_target_destroy(target);
	}
	return gsd_capture_finish(capture, error, capture_ret);
}

static struct gsd_error *open_process(pid_t pid, const struct gsd_capture_options *options,
				      struct gsd_target **target_ret)
{
	if (options->exe_count > 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "look at process %d", (int)pid),
					 "the files of a live process are not looked for elsewhere (exes)");
	GSD_TRY(gsd_target_open_process(pid, target_ret));
	if (options->stopped_since != NULL)
		gsd_process_stop_by_thread((*target_ret)->process, (_Atomic uint64_t *)options->stopped_since);
	return NULL;
}

struct gsd_error *gsd_capture_process(pid_t pid, const struct gsd_capture_options *options,
				      struct gsd_capture **capture_ret)
{
	struct gsd_capture *capture;
	struct gsd_target *target = NULL;
	GSD_TRY(begin(&options, &capture));
	struct gsd_error *error = open_process(pid, options, &target);
	return capture_opened(capture, target, error, options, capture_ret);
}

struct gsd_error *gsd_capture_core(const char *path, const struct gsd_capture_options *options,
				   struct gsd_capture **capture_ret)
{
	struct gsd_capture *capture;
	struct gsd_target *target = NULL;
	GSD_TRY(begin(&options, &capture));
	struct gsd_error *error = gsd_target_open_core(path, options, &target);
	return capture_opened(capture, target, error, options, capture_ret);
}
