/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A profile with a sample for each goroutine, written one by one. Labels that a person filters by range (goid,
 * wait_minutes) are numbers: pprof takes `-tagfocus=goid=42` for a number, never for a string.
 */
#include "output/pprof.h"

#include <string.h>

#include "base/error.h"
#include "base/meter.h"
#include "output/profile.h"

#define NS_PER_MINUTE (UINT64_C(60) * 1000000000)

/* pprof leaves out a number that is 0 and has no unit, and shows those of unknown units with the unit behind. */
#define NO_UNIT "count"

/* A label of the program that has the name of one of ours gets another: a filter for ours must find ours only. */
static const char *const our_labels[][2] = {
	{"goid", "label.goid"},
	{"state", "label.state"},
	{"wait_reason", "label.wait_reason"},
	{"wait_minutes", "label.wait_minutes"},
	{"creator", "label.creator"},
};

static struct gsd_label renamed(const struct gsd_label *label)
{
	struct gsd_label ours = *label;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(our_labels); i++) {
		if (strlen(our_labels[i][0]) != label->key_length ||
		    memcmp(our_labels[i][0], label->key, label->key_length) != 0)
			continue;
		ours.key = our_labels[i][1];
		ours.key_length = strlen(our_labels[i][1]);
	}
	return ours;
}

static struct gsd_error *add_text(struct gsd_profile *profile, const char *key, const char *value)
{
	const struct gsd_label label = {
		.key = key, .key_length = strlen(key), .value = value, .value_length = strlen(value)};
	return gsd_profile_add_label(profile, &label);
}

static struct gsd_error *add_wait(struct gsd_profile *profile, const struct gsd_goroutine *goroutine)
{
	const char *reason = gsd_goroutine_wait_reason(profile->snapshot, goroutine);
	uint64_t wait_ns;
	if (reason != NULL)
		GSD_TRY(add_text(profile, "wait_reason", reason));
	if (!gsd_goroutine_wait_ns(profile->snapshot, goroutine, &wait_ns))
		return NULL;
	return gsd_profile_add_number(profile, "wait_minutes", wait_ns / NS_PER_MINUTE, NO_UNIT);
}

static struct gsd_error *add_creator(struct gsd_profile *profile, const struct gsd_location_source *source,
				     const struct gsd_goroutine *goroutine)
{
	struct gsd_line line = {0};
	if (goroutine->creator_pc != 0)
		GSD_TRY(source->creator(source->context, goroutine->creator_pc, &line));
	return line.function == NULL ? NULL : add_text(profile, "creator", line.function);
}

static struct gsd_error *add_own_labels(struct gsd_profile *profile, uint32_t labels)
{
	if (labels == GSD_NO_LABELS)
		return NULL;
	const struct gsd_label_set *set = &profile->snapshot->label_sets[labels];
	for (size_t i = 0; i < set->count; i++) {
		const struct gsd_label label = renamed(&set->labels[i]);
		GSD_TRY(gsd_profile_add_label(profile, &label));
	}
	return NULL;
}

static struct gsd_error *write_goroutine(struct gsd_profile *profile, const struct gsd_location_source *source,
					 const struct gsd_goroutine *goroutine)
{
	const uint64_t values[] = {1, goroutine->stack_used, goroutine->stack_size};
	GSD_TRY(gsd_profile_begin_sample(profile, values, GSD_ARRAY_SIZE(values),
					 profile->stacks.of_stack[goroutine->stack]));
	GSD_TRY(gsd_profile_add_number(profile, "goid", goroutine->goid, NO_UNIT));
	GSD_TRY(add_text(profile, "state", gsd_goroutine_state(profile->snapshot, goroutine)));
	GSD_TRY(add_wait(profile, goroutine));
	GSD_TRY(add_creator(profile, source, goroutine));
	GSD_TRY(add_own_labels(profile, goroutine->labels));
	if (goroutine->ambiguous)
		GSD_TRY(gsd_profile_add_label(profile, &gsd_profile_ambiguous));
	return gsd_profile_end_sample(profile);
}

static struct gsd_error *write_goroutines(struct gsd_profile *profile, const struct gsd_location_source *source)
{
	static const struct gsd_profile_type types[] = {
		{"goroutine", "count"}, {"stack_inuse", "bytes"}, {"stack_reserved", "bytes"}};
	gsd_meter_begin(profile->snapshot->meter, GSD_PHASE_WRITING, profile->snapshot->goroutine_count);
	GSD_TRY(gsd_profile_begin(profile, types, GSD_ARRAY_SIZE(types)));
	for (size_t i = 0; i < profile->snapshot->goroutine_count; i++) {
		gsd_meter_count(profile->snapshot->meter, i);
		GSD_TRY(write_goroutine(profile, source, &profile->snapshot->goroutines[i]));
	}
	return gsd_profile_finish(profile);
}

struct gsd_error *gsd_write_pprof_goroutines_from(const struct gsd_snapshot *snapshot,
						  const struct gsd_location_source *source, struct gsd_sink *sink)
{
	struct gsd_profile profile;
	GSD_TRY(gsd_profile_create(snapshot, source, sink, &profile));
	struct gsd_error *error = write_goroutines(&profile, source);
	gsd_profile_free(&profile);
	return error;
}

struct gsd_error *gsd_write_pprof_goroutines(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_pprof_goroutines_from(snapshot, &source, sink);
}
