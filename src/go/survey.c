/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "go/m_list.h"
#include "go/marks.h"
#include "go/reread.h"
#include "go/still_stacks.h"
#include "go/survey_table.h"

#define MAX_STEPS      65536 /* goroutines that are looked at for a single step, in a round */
#define STEPS_AT_ONCE  64
#define MAX_HANDED_OUT ((size_t)1 << 17) /* goids that are followed, in a round */
#define MOVED_AT_ONCE  64                /* goroutines of which the first look reads the stacks again */
#define MOVED_AGAIN    3                 /* ... and how often */

/* A goroutine that may have made one step: its header after the stop. */
struct step {
	uint32_t slot;
	struct gsd_sight sight;
};
GSD_DEFINE_ARRAY(step_array, struct step)

/* Goids whose goroutines are to be found in the stop or after it. */
struct followed {
	struct gsd_hash *goids; /* 1, or 2 when it was found */
	size_t not_found;
	bool known; /* which ones they are */
};

struct gsd_survey {
	const struct gsd_runtime *runtime;
	struct gsd_analyst *analyst;
	struct gsd_memory *memory;
	struct gsd_meter *meter; /* NULL: nobody wants to know */
	struct gsd_sights sights;
	uint64_t corostart; /* entry of runtime.corostart; 0: there is none */

	struct gsd_survey_table table;
	struct gsd_still_stacks *stacks; /* room for those of a chunk */

	struct gsd_u64_array ms; /* allm before the stop */
	uint64_t *busy;          /* addresses for the plan */
	size_t busy_stack_bytes, likely_stack_bytes;
	size_t moved; /* goroutines whose stacks were moved while the first look read them */
	struct gsd_range *fixed;
	struct gsd_marks first, before, stop, after; /* before the first look, the last one, in the stop, at the end */

	bool coroutines;        /* one was seen: whoever waits as one leaves uncounted */
	struct gsd_hash *seen;  /* goids that a look saw and that were not given out at the first one */
	bool no_collection;     /* none has suspended anyone between the last look and the stop */
	struct followed recent; /* goids that were given out between the last look and the stop */
	struct followed all;    /* ... since the first look, and that no look saw */
	struct step_array steps;
	bool has_moment; /* a round was concluded */
	struct gsd_survey_figures figures;
};

/* ---- making and unmaking ---- */

bool gsd_survey_possible(const struct gsd_runtime *runtime)
{
	const struct gsd_layout *layout = &runtime->layout;
	return runtime->globals.allm != 0 && layout->tracking_seq != GSD_NO_FIELD && layout->m_alllink != GSD_NO_FIELD;
}

struct gsd_error *gsd_survey_create(const struct gsd_runtime *runtime, struct gsd_analyst *analyst,
				    struct gsd_memory *memory, struct gsd_survey **survey_ret)
{
	struct gsd_survey *survey = calloc(1, sizeof *survey);
	uint64_t end;
	if (survey == NULL)
		return gsd_error_no_memory();
	survey->runtime = runtime;
	survey->analyst = analyst;
	survey->memory = memory;
	survey->sights = gsd_sights_of(&runtime->layout);
	(void)gsd_code_function_named(runtime->code, "runtime.corostart", &survey->corostart, &end);
	survey->seen = gsd_hash_create(64);
	struct gsd_error *error = survey->seen == NULL ? gsd_error_no_memory() : NULL;
	if (error == NULL)
		error = gsd_survey_table_init(&survey->table, memory, gsd_layout_g_bytes(&runtime->layout));
	if (error == NULL)
		error = gsd_still_stacks_create(analyst, memory, &runtime->layout, GSD_CHUNK_SLOTS, &survey->stacks);
	if (error != NULL)
		gsd_survey_destroy(survey);
	else
		*survey_ret = survey;
	return error;
}

void gsd_survey_destroy(struct gsd_survey *survey)
{
	if (survey == NULL)
		return;
	gsd_survey_table_free(&survey->table);
	gsd_still_stacks_destroy(survey->stacks);
	gsd_u64_array_free(&survey->ms);
	free(survey->busy);
	free(survey->fixed);
	gsd_marks_free(&survey->first);
	gsd_marks_free(&survey->before);
	gsd_marks_free(&survey->stop);
	gsd_marks_free(&survey->after);
	gsd_hash_destroy(survey->seen);
	gsd_hash_destroy(survey->recent.goids);
	gsd_hash_destroy(survey->all.goids);
	step_array_free(&survey->steps);
	free(survey);
}

void gsd_survey_measure(struct gsd_survey *survey, struct gsd_meter *meter)
{
	survey->meter = meter;
}

/* Notes what every look must notice, whatever it looks for. */
static struct gsd_error *notice(struct gsd_survey *survey, const struct gsd_sight *sight)
{
	uint64_t goid = sight->validator.goid;
	if (survey->corostart == 0)
		return NULL;
	if (sight->start_pc == survey->corostart)
		survey->coroutines = true;
	if (goid == 0 || !gsd_marks_not_yet(&survey->first, goid))
		return NULL;
	return gsd_hash_insert(survey->seen, goid, 1) ? NULL : gsd_error_no_memory();
}

/* ---- the first look ---- */

/* Takes in one entry of the chunk, which was seen before and after its stack was read. */
static struct gsd_error *take_first_sight(struct gsd_survey *survey, size_t i, const struct gsd_sight *before)
{
	size_t index = survey->table.order[survey->table.chunk.first + i];
	struct gsd_survey_slot *slot = &survey->table.slots[index];
	const uint8_t *header = survey->table.chunk.headers[1][i];
	*slot = (struct gsd_survey_slot){.state = GSD_SLOT_BUSY};
	if (header == NULL)
		return NULL;
	struct gsd_sight after = gsd_sight_of(&survey->sights, header);
	GSD_TRY(notice(survey, &after));
	slot->dead = after.dead;
	slot->validator = after.validator;
	slot->moved = before->settleable && !after.dead && !gsd_sight_equal(before, &after) &&
		      gsd_validator_equal(&before->validator, &after.validator);
	survey->moved += slot->moved ? 1 : 0;
	/* Whether it is a system one is decided by what the stop reads. */
	if (!before->settleable || !gsd_sight_equal(before, &after) ||
	    gsd_analyst_depends_on_runtime(survey->analyst, after.start_pc))
		return NULL;
	bool still = true;
	struct gsd_error *error = NULL;
	if (!after.dead)
		error = gsd_still_stacks_walk(survey->stacks, i, survey->table.addresses[index], header,
					      &survey->table.goroutines[index], &still);
	slot->state = error == NULL && still ? GSD_SLOT_STILL : GSD_SLOT_BUSY;
	slot->scan_done = after.scan_done;
	return error;
}

/* One chunk of the first look, of @p most entries; @p done_ret: how many it covered. */
static struct gsd_error *look_first(struct gsd_survey *survey, size_t first, size_t most, struct gsd_sight *sights,
				    size_t *done_ret)
{
	struct gsd_survey_chunk *chunk = &survey->table.chunk;
	gsd_survey_table_make_chunk(&survey->table, first, most);
	gsd_survey_table_read_chunk(&survey->table, 0);
	for (size_t i = 0; i < chunk->count; i++) {
		const uint8_t *header = chunk->headers[0][i];
		sights[i] = header == NULL ? (struct gsd_sight){0} : gsd_sight_of(&survey->sights, header);
		GSD_TRY(notice(survey, &sights[i]));
	}
	size_t count = gsd_still_stacks_plan(survey->stacks, sights, chunk->count);
	if (count < chunk->count)
		gsd_survey_table_make_chunk(&survey->table, first, count);
	gsd_still_stacks_read(survey->stacks, count);
	gsd_survey_table_read_chunk(&survey->table, 1);
	for (size_t i = 0; i < count; i++)
		GSD_TRY(take_first_sight(survey, i, &sights[i]));
	*done_ret = count;
	return NULL;
}

/* How many entries in order from @p first on have a stack that was moved. */
static size_t moved_from(const struct gsd_survey *survey, size_t first)
{
	const struct gsd_survey_table *table = &survey->table;
	size_t count = 0;
	while (count < MOVED_AT_ONCE && first + count < table->ordered &&
	       table->slots[table->order[first + count]].moved)
		count++;
	return count;
}

/*
 * The garbage collector moves the stacks of goroutines that stand still. What was moved while a whole chunk was read is
 * read again, a few at a time: that takes less time than a collection.
 */
static struct gsd_error *look_at_moved(struct gsd_survey *survey, struct gsd_sight *sights)
{
	size_t done;
	survey->moved = 0;
	for (size_t first = 0; first < survey->table.ordered; first += done) {
		size_t count = moved_from(survey, first);
		done = 1;
		if (count > 0)
			GSD_TRY(look_first(survey, first, count, sights, &done));
	}
	return NULL;
}

struct gsd_error *gsd_survey_first_look(struct gsd_survey *survey)
{
	const struct gsd_runtime *runtime = survey->runtime;
	GSD_TRY(gsd_marks_create(survey->memory, &runtime->layout, &runtime->globals, &survey->first));
	gsd_marks_read(survey->memory, &survey->first);
	GSD_TRY(gsd_survey_table_read_list(&survey->table, &runtime->allgs));
	GSD_TRY(gsd_survey_table_sort(&survey->table));
	struct gsd_sight *sights = calloc(GSD_CHUNK_SLOTS, sizeof *sights);
	if (sights == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	size_t done;
	gsd_meter_begin(survey->meter, GSD_PHASE_LOOKING, survey->table.ordered);
	for (size_t first = 0; first < survey->table.ordered && error == NULL; first += done) {
		gsd_meter_count(survey->meter, first);
		error = look_first(survey, first, GSD_CHUNK_SLOTS, sights, &done);
	}
	for (int i = 0; i < MOVED_AGAIN && survey->moved > 0 && error == NULL; i++)
		error = look_at_moved(survey, sights);
	free(sights);
	return error;
}

/* ---- looking again ---- */

/* Calls @p visit with every entry and what it looks like now (NULL: unreadable). */
static struct gsd_error *look_at_all(struct gsd_survey *survey,
				     struct gsd_error *(*visit)(struct gsd_survey *survey, size_t index,
								const struct gsd_sight *sight))
{
	struct gsd_survey_chunk *chunk = &survey->table.chunk;
	GSD_TRY(gsd_survey_table_sort(&survey->table));
	for (size_t first = 0; first < survey->table.ordered; first += chunk->count) {
		gsd_survey_table_make_chunk(&survey->table, first, GSD_CHUNK_SLOTS);
		gsd_survey_table_read_chunk(&survey->table, 0);
		for (size_t i = 0; i < chunk->count; i++) {
			size_t index = survey->table.order[first + i];
			if (chunk->headers[0][i] == NULL) {
				GSD_TRY(visit(survey, index, NULL));
				continue;
			}
			struct gsd_sight sight = gsd_sight_of(&survey->sights, chunk->headers[0][i]);
			GSD_TRY(notice(survey, &sight));
			GSD_TRY(visit(survey, index, &sight));
		}
	}
	return NULL;
}

static bool still_the_same(const struct gsd_survey_slot *slot, const struct gsd_sight *sight)
{
	return slot->state == GSD_SLOT_STILL && sight->settleable &&
	       gsd_validator_equal(&slot->validator, &sight->validator);
}

/* How much of a busy one's stack the stop will read, at most (base/plan.c, stack_start). */
static size_t busy_bytes(const struct gsd_sight *sight)
{
	uint64_t size = sight->high > sight->low ? sight->high - sight->low : 0;
	uint64_t used = sight->sp > sight->low && sight->sp <= sight->high ? sight->high - sight->sp : size;
	uint64_t bytes = size <= GSD_WHOLE_STACK_BYTES ? size : used;
	return sight->dead || bytes > GSD_MAX_STACK_BYTES ? 0 : (size_t)bytes;
}

/* How much of it if it is no more in motion then than now. */
static size_t likely_bytes(const struct gsd_sight *sight)
{
	if (sight->validator.status == GSD_STATUS_RUNNING || sight->sp <= sight->low || sight->sp > sight->high)
		return busy_bytes(sight);
	return sight->dead || sight->high - sight->sp > GSD_MAX_STACK_BYTES ? 0 : (size_t)(sight->high - sight->sp);
}

static struct gsd_error *visit_before(struct gsd_survey *survey, size_t index, const struct gsd_sight *sight)
{
	struct gsd_survey_slot *slot = &survey->table.slots[index];
	if (sight != NULL && still_the_same(slot, sight)) {
		slot->scan_done = sight->scan_done;
		return NULL;
	}
	slot->state = GSD_SLOT_BUSY;
	if (sight == NULL)
		return NULL;
	slot->dead = sight->dead;
	slot->validator = sight->validator;
	survey->busy_stack_bytes += busy_bytes(sight);
	survey->likely_stack_bytes += likely_bytes(sight);
	return NULL;
}

struct gsd_error *gsd_survey_look(struct gsd_survey *survey)
{
	survey->busy_stack_bytes = survey->likely_stack_bytes = 0;
	return look_at_all(survey, visit_before);
}

/* ---- before the stop ---- */

struct gsd_error *gsd_survey_before_stop(struct gsd_survey *survey)
{
	const struct gsd_runtime *runtime = survey->runtime;
	struct gsd_marks *all[] = {&survey->before, &survey->stop, &survey->after};
	survey->ms.count = 0;
	GSD_TRY(gsd_m_list_read(survey->memory, &runtime->layout, &runtime->globals, &survey->ms));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(all); i++) {
		gsd_marks_free(all[i]);
		GSD_TRY(gsd_marks_create(survey->memory, &runtime->layout, &runtime->globals, all[i]));
	}
	gsd_marks_read(survey->memory, &survey->stop); /* touches what the stop will write */
	gsd_marks_read(survey->memory, &survey->before);
	return gsd_survey_look(survey);
}

struct gsd_survey_size gsd_survey_size(const struct gsd_survey *survey)
{
	struct gsd_survey_size size = {.stack_bytes = survey->busy_stack_bytes,
				       .likely_bytes = survey->likely_stack_bytes,
				       .threads = survey->ms.count};
	for (size_t i = 0; i < survey->table.count; i++)
		size.goroutines += survey->table.slots[i].state != GSD_SLOT_STILL ? 1 : 0;
	return size;
}

struct gsd_error *gsd_survey_plan(struct gsd_survey *survey, const struct gsd_plan_room *room,
				  const struct gsd_range *extra, size_t extra_count, struct gsd_plan *plan)
{
	const struct gsd_layout *layout = &survey->runtime->layout;
	size_t busy = 0;
	uint64_t *addresses = reallocarray(survey->busy, survey->table.count + 1, sizeof *addresses);
	if (addresses == NULL)
		return gsd_error_no_memory();
	survey->busy = addresses;
	for (size_t i = 0; i < survey->table.ordered; i++)
		if (survey->table.slots[survey->table.order[i]].state != GSD_SLOT_STILL)
			survey->busy[busy++] = survey->table.addresses[survey->table.order[i]];
	size_t fixed = extra_count + survey->stop.range_count;
	free(survey->fixed);
	survey->fixed = calloc(fixed + 1, sizeof *survey->fixed);
	if (survey->fixed == NULL)
		return gsd_error_no_memory();
	if (extra_count > 0)
		memcpy(survey->fixed, extra, extra_count * sizeof *extra);
	memcpy(survey->fixed + extra_count, survey->stop.ranges, survey->stop.range_count * sizeof *survey->fixed);
	GSD_TRY(gsd_plan_reserve(plan, room, survey->busy, busy));
	plan->fixed = survey->fixed;
	plan->fixed_count = fixed;
	plan->settled_count = survey->table.count - busy;
	plan->chain.head_address = survey->runtime->globals.allm;
	plan->chain.next_offset = layout->m_alllink;
	plan->chain.element_offset = layout->m_curg;
	plan->chain.known = survey->ms.items;
	plan->chain.known_count = survey->ms.count;
	return NULL;
}

/* ---- the stop ---- */

/* Follows the goids that were given out between @p before and the stop, but those in @p except (NULL: none). */
static struct gsd_error *follow(struct gsd_survey *survey, const struct gsd_marks *before, struct gsd_hash *except,
				struct followed *followed)
{
	struct gsd_u64_array goids = {0};
	gsd_hash_destroy(followed->goids);
	*followed = (struct followed){.goids = gsd_hash_create(64)};
	if (followed->goids == NULL)
		return gsd_error_no_memory();
	followed->known = gsd_marks_know_goids(&survey->runtime->globals, before, &survey->stop) &&
			  gsd_marks_list(before, &survey->stop, MAX_HANDED_OUT, &goids);
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < goids.count && error == NULL; i++) {
		uint64_t seen;
		if (except != NULL && gsd_hash_find(except, goids.items[i], &seen))
			continue;
		followed->not_found++;
		if (!gsd_hash_insert(followed->goids, goids.items[i], 1))
			error = gsd_error_no_memory();
	}
	gsd_u64_array_free(&goids);
	return error;
}

static struct gsd_error *found_in(struct followed *followed, uint64_t goid)
{
	uint64_t state;
	if (followed->not_found == 0 || !gsd_hash_find(followed->goids, goid, &state) || state != 1)
		return NULL;
	followed->not_found--;
	return gsd_hash_insert(followed->goids, goid, 2) ? NULL : gsd_error_no_memory();
}

static struct gsd_error *found_goid(struct gsd_survey *survey, uint64_t goid)
{
	GSD_TRY(found_in(&survey->recent, goid));
	return found_in(&survey->all, goid);
}

/*
 * Up to Go 1.23 a slot becomes runnable before the new goid is stored in it (runtime/proc.go, newproc1): what is there
 * is the goid of one that has ended. One that is being born has no M yet; the goroutine of a C thread always has one,
 * and comes back to life under the goid that it had.
 */
static bool is_being_born(const struct gsd_survey_slot *slot, const struct gsd_copied_goroutine *copy, uint64_t goid)
{
	return goid == 0 || (slot->dead && copy->m_address == 0 && slot->validator.goid == goid);
}

/* Takes in one element of the plan: an entry that is known, one that has come to the list, or no entry at all. */
static struct gsd_error *take_element(struct gsd_survey *survey, const struct gsd_plan *plan, size_t element,
				      size_t *link, const struct gsd_around *around, size_t known)
{
	struct gsd_copied_goroutine copy = gsd_copied_from_plan(plan, &survey->runtime->layout, element, link);
	size_t index;
	bool there;
	if (copy.address == 0)
		return NULL;
	size_t tail = known + (element - plan->known_count);
	if (element >= plan->known_count && tail < survey->table.count)
		index = tail;
	else if (!gsd_survey_table_find(&survey->table, copy.address, &index))
		return NULL; /* pulled in by an M that is no more, or in the list's tail too */
	struct gsd_survey_slot *slot = &survey->table.slots[index];
	GSD_TRY(gsd_analyst_goroutine(survey->analyst, &copy, around, &survey->table.goroutines[index], &there));
	slot->state = GSD_SLOT_READ;
	slot->outcome = there ? GSD_OUTCOME_THERE : GSD_OUTCOME_NOT_THERE;
	if (copy.g == NULL)
		return NULL;
	struct gsd_sight sight = gsd_sight_of(&survey->sights, copy.g);
	GSD_TRY(notice(survey, &sight));
	if (there && is_being_born(slot, &copy, sight.validator.goid))
		survey->table.goroutines[index].goid = 0;
	survey->figures.read_at_stop += there && plan->stacks[element].outcome == GSD_STACK_READ ? 1 : 0;
	return found_goid(survey, sight.validator.goid);
}

struct gsd_error *gsd_survey_take_stop(struct gsd_survey *survey, const struct gsd_plan *plan,
				       const struct gsd_around *around)
{
	size_t known = survey->table.count;
	size_t link = 0;
	size_t extra = plan->fixed_count - survey->stop.range_count;
	survey->figures = (struct gsd_survey_figures){0};
	for (size_t i = 0; i < survey->stop.range_count; i++)
		survey->stop.ranges[i].errnum = plan->fixed[extra + i].errnum;
	survey->no_collection = gsd_marks_no_collection(&survey->runtime->globals, &survey->before, &survey->stop);
	GSD_TRY(follow(survey, &survey->before, NULL, &survey->recent));
	if (survey->corostart != 0)
		GSD_TRY(follow(survey, &survey->first, survey->seen, &survey->all));
	GSD_TRY(gsd_survey_table_reserve(&survey->table, plan->list_length));
	/* The last entries may not have been stored yet. */
	for (size_t i = known; i < plan->list_length && plan->elements[plan->known_count + (i - known)] != 0; i++)
		gsd_survey_table_add(&survey->table, plan->elements[plan->known_count + (i - known)]);
	for (size_t i = 0; i < survey->table.count; i++)
		survey->table.slots[i].outcome = GSD_OUTCOME_UNDECIDED;
	for (size_t element = 0; element < plan->element_count; element++)
		GSD_TRY(take_element(survey, plan, element, &link, around, known));
	return NULL;
}

/* ---- after the stop ---- */

static bool handed_out(const void *context, uint64_t goid)
{
	const struct gsd_survey *survey = context;
	return gsd_marks_handed_out(&survey->before, &survey->stop, goid);
}

static bool handed_out_later(const void *context, uint64_t goid)
{
	const struct gsd_survey *survey = context;
	return gsd_marks_not_yet(&survey->stop, goid);
}

static struct gsd_error *take_verdict(struct gsd_survey *survey, size_t index, const struct gsd_sight *sight,
				      enum gsd_verdict verdict)
{
	struct gsd_survey_slot *slot = &survey->table.slots[index];
	switch (verdict) {
	case GSD_VERDICT_SAME: slot->outcome = slot->dead ? GSD_OUTCOME_NOT_THERE : GSD_OUTCOME_THERE; return NULL;
	case GSD_VERDICT_NOT_THERE: slot->outcome = GSD_OUTCOME_NOT_THERE; return NULL;
	case GSD_VERDICT_BORN:
		slot->outcome = GSD_OUTCOME_NOT_THERE;
		slot->born = true;
		return NULL;
	case GSD_VERDICT_ONE_STEP:
		slot->outcome = GSD_OUTCOME_AMBIGUOUS;
		if (survey->steps.count < MAX_STEPS &&
		    !step_array_append(&survey->steps, (struct step){.slot = (uint32_t)index, .sight = *sight}))
			return gsd_error_no_memory();
		return NULL;
	case GSD_VERDICT_AMBIGUOUS: slot->outcome = GSD_OUTCOME_AMBIGUOUS; return NULL;
	}
	return NULL;
}

static struct gsd_error *visit_after(struct gsd_survey *survey, size_t index, const struct gsd_sight *sight)
{
	struct gsd_survey_slot *slot = &survey->table.slots[index];
	slot->born = false;
	slot->stepped = false;
	if (sight != NULL)
		GSD_TRY(found_goid(survey, sight->validator.goid));
	if (slot->state == GSD_SLOT_READ)
		return NULL;
	/* One that was to be read and was not: only a list that contradicts itself has that. */
	if (sight == NULL || slot->state != GSD_SLOT_STILL)
		return take_verdict(survey, index, sight, GSD_VERDICT_AMBIGUOUS);
	const struct gsd_settle_rules rules = {.one_step = true,
					       .scanned_alike = !survey->no_collection,
					       .births = survey->recent.known,
					       .handed_out = handed_out,
					       .handed_out_later = handed_out_later,
					       .context = survey};
	const struct gsd_past past = {.validator = slot->validator, .dead = slot->dead, .scan_done = slot->scan_done};
	return take_verdict(survey, index, sight, gsd_settle(&past, sight, &rules));
}

static bool same_cycle(const struct gsd_survey *survey)
{
	return gsd_marks_same_cycle(&survey->runtime->globals, &survey->before, &survey->after);
}

/* Rule 3 is off where something could leave and come back uncounted. */
static bool steps_are_believed(const struct gsd_survey *survey)
{
	const struct gsd_globals *globals = &survey->runtime->globals;
	bool hidden_coroutine = survey->corostart != 0 && (!survey->all.known || survey->all.not_found > 0 ||
							   gsd_marks_batch_was_fetched(&survey->first, &survey->stop));
	return !survey->coroutines && !hidden_coroutine && (survey->no_collection || same_cycle(survey)) &&
	       gsd_marks_tracer_off(globals, survey->runtime->layout.go_minor, &survey->before, &survey->stop);
}

/* Everything that an output prints of a goroutine that made a step, and that could tell another one apart. */
static bool same_goroutine(const struct gsd_goroutine *left, const struct gsd_goroutine *right)
{
	return left->stack == right->stack && left->labels == right->labels &&
	       left->wait_reason == right->wait_reason && left->status == right->status &&
	       left->locked == right->locked && left->bubble == right->bubble && left->ancestry == right->ancestry &&
	       left->unreadable == GSD_READABLE && right->unreadable == GSD_READABLE;
}

/* Settles a step whose stack was read again, if its @p header behind that and the stack have not changed. */
static struct gsd_error *settle_step(struct gsd_survey *survey, const struct step *step, size_t i,
				     const uint8_t *header)
{
	struct gsd_survey_slot *slot = &survey->table.slots[step->slot];
	struct gsd_goroutine *before = &survey->table.goroutines[step->slot];
	struct gsd_goroutine now = {0};
	struct gsd_sight again = gsd_sight_of(&survey->sights, header);
	bool same;
	if (!gsd_sight_equal(&step->sight, &again) || (!survey->no_collection && again.scan_done != slot->scan_done))
		return NULL;
	GSD_TRY(gsd_still_stacks_walk(survey->stacks, i, survey->table.addresses[step->slot], header, &now, &same));
	/* A set of labels that was dropped may be another one's place after a collection. */
	bool same_labels = now.labels == GSD_NO_LABELS || same_cycle(survey);
	if (!same || !same_goroutine(before, &now) || !same_labels ||
	    !gsd_analyst_same_values(survey->analyst, before, &now))
		return NULL;
	slot->outcome = GSD_OUTCOME_THERE;
	slot->stepped = true;
	slot->validator = again.validator;
	*before = now;
	before->wait_since = 0; /* of which of the two waits is not known */
	return NULL;
}

/* Reads the stacks of @p count steps again, and their headers behind that, into @p bytes. */
static struct gsd_error *settle_batch(struct gsd_survey *survey, const struct step *steps, size_t count, uint8_t *bytes)
{
	struct gsd_sight sights[STEPS_AT_ONCE] = {0};
	struct gsd_range headers[STEPS_AT_ONCE];
	for (size_t i = 0; i < count; i++)
		sights[i] = steps[i].sight;
	if (gsd_still_stacks_plan(survey->stacks, sights, count) < count)
		return NULL; /* many megabytes: the next stop reads them */
	gsd_still_stacks_read(survey->stacks, count);
	for (size_t i = 0; i < count; i++)
		headers[i] = (struct gsd_range){.address = survey->table.addresses[steps[i].slot],
						.length = survey->table.header_size,
						.buffer = bytes + i * survey->table.header_size};
	gsd_memory_read_ranges(survey->memory, headers, count);
	for (size_t i = 0; i < count; i++)
		if (headers[i].errnum == 0)
			GSD_TRY(settle_step(survey, &steps[i], i, headers[i].buffer));
	return NULL;
}

static struct gsd_error *settle_steps(struct gsd_survey *survey)
{
	const struct step_array *steps = &survey->steps;
	if (steps->count == 0)
		return NULL;
	uint8_t *bytes = calloc(STEPS_AT_ONCE, survey->table.header_size);
	struct gsd_error *error = bytes == NULL ? gsd_error_no_memory() : NULL;
	for (size_t i = 0; i < steps->count && error == NULL && steps_are_believed(survey); i += STEPS_AT_ONCE) {
		size_t left = steps->count - i;
		error = settle_batch(survey, steps->items + i, left < STEPS_AT_ONCE ? left : STEPS_AT_ONCE, bytes);
	}
	free(bytes);
	return error;
}

/* Ends a round for one entry; false: it is ambiguous. */
static bool conclude(struct gsd_survey *survey, struct gsd_survey_slot *slot, bool births, bool steps)
{
	if (slot->outcome == GSD_OUTCOME_UNDECIDED || (slot->born && !births) || (slot->stepped && !steps))
		slot->outcome = GSD_OUTCOME_AMBIGUOUS;
	bool settled = slot->outcome != GSD_OUTCOME_AMBIGUOUS;
	survey->figures.births += slot->born && settled ? 1 : 0;
	survey->figures.one_step += slot->stepped && settled ? 1 : 0;
	if (!settled || slot->born || slot->state == GSD_SLOT_READ)
		slot->state = GSD_SLOT_BUSY; /* for the next round */
	return settled;
}

struct gsd_error *gsd_survey_after_stop(struct gsd_survey *survey, size_t *ambiguous_ret)
{
	survey->steps.count = 0;
	GSD_TRY(look_at_all(survey, visit_after));
	gsd_marks_read(survey->memory, &survey->after);
	GSD_TRY(settle_steps(survey));
	/* What happened while the steps were looked at counts too. */
	gsd_marks_read(survey->memory, &survey->after);
	bool births = survey->recent.known && survey->recent.not_found == 0 &&
		      !gsd_marks_batch_was_fetched(&survey->before, &survey->stop);
	bool steps = steps_are_believed(survey);
	*ambiguous_ret = 0;
	for (size_t i = 0; i < survey->table.count; i++)
		*ambiguous_ret += conclude(survey, &survey->table.slots[i], births, steps) ? 0 : 1;
	survey->figures.ambiguous = *ambiguous_ret;
	survey->has_moment = true;
	return NULL;
}

/* ---- without a moment ---- */

bool gsd_survey_has_moment(const struct gsd_survey *survey)
{
	return survey->has_moment;
}

struct gsd_error *gsd_survey_give_up(struct gsd_survey *survey, const struct gsd_around *around, bool mark)
{
	const struct gsd_reread how = {.layout = &survey->runtime->layout,
				       .sights = &survey->sights,
				       .analyst = survey->analyst,
				       .memory = survey->memory,
				       .around = around};
	size_t marked;
	if (!survey->has_moment)
		gsd_reread_conclude_looks(&survey->table);
	GSD_TRY(gsd_reread_unsettled(&how, &survey->table, mark, &marked));
	survey->figures.ambiguous = marked;
	return NULL;
}

/* Whether it is among the goroutines of the moment. */
static bool is_there(const struct gsd_survey *survey, size_t i)
{
	const struct gsd_survey_slot *slot = &survey->table.slots[i];
	bool unknown = slot->dead || survey->table.goroutines[i].address == 0; /* it was never read */
	return slot->outcome != GSD_OUTCOME_NOT_THERE && !(slot->outcome == GSD_OUTCOME_AMBIGUOUS && unknown);
}

void gsd_survey_finish(struct gsd_survey *survey, struct gsd_survey_figures *figures_ret)
{
	struct gsd_survey_table *table = &survey->table;
	size_t kept = 0;
	for (size_t i = 0; i < table->count; i++) {
		struct gsd_goroutine *goroutine = &table->goroutines[i];
		if (!is_there(survey, i))
			continue;
		if (table->slots[i].outcome == GSD_OUTCOME_AMBIGUOUS)
			goroutine->ambiguous = true;
		if (gsd_analyst_counts(survey->analyst, goroutine))
			table->goroutines[kept++] = *goroutine;
	}
	gsd_analyst_adopt(survey->analyst, table->goroutines, kept, table->capacity);
	table->goroutines = NULL;
	*figures_ret = survey->figures;
}
