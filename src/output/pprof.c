/* SPDX-License-Identifier: BSD-3-Clause */
/* The profile of debug=0 (runtime/pprof/pprof.go, printCountProfile): goroutines with equal stacks and labels counted.
 */
#include "output/pprof.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "output/profile.h"
#include "output/threads.h"

/* Goroutines that make one sample. */
struct sample {
	uint64_t count;
	uint32_t stack;  /* of the distinct stacks */
	uint32_t labels; /* canonical label set or GSD_NO_LABELS */
	bool ambiguous;
};
GSD_DEFINE_ARRAY(sample_array, struct sample)

struct counting {
	struct gsd_profile profile;
	uint32_t *canonical_labels;
	struct sample_array samples;
};

static struct gsd_error *count_samples(struct counting *counting, struct gsd_hash *sample_of[2])
{
	for (size_t i = 0; i < counting->profile.snapshot->goroutine_count; i++) {
		const struct gsd_goroutine *goroutine = &counting->profile.snapshot->goroutines[i];
		uint32_t stack = counting->profile.stacks.of_stack[goroutine->stack];
		uint32_t labels = goroutine->labels == GSD_NO_LABELS ? GSD_NO_LABELS
								     : counting->canonical_labels[goroutine->labels];
		struct gsd_hash *hash = sample_of[goroutine->ambiguous];
		uint64_t key = (uint64_t)stack << 32 | labels;
		uint64_t index;
		if (!gsd_hash_find(hash, key, &index)) {
			struct sample sample = {.stack = stack, .labels = labels, .ambiguous = goroutine->ambiguous};
			index = counting->samples.count;
			if (!sample_array_append(&counting->samples, sample) || !gsd_hash_insert(hash, key, index))
				return gsd_error_no_memory();
		}
		counting->samples.items[index].count++;
	}
	return NULL;
}

/* Most first; what is equal, in an order that every capture of the same goroutines gives. */
static int compare_samples(const void *left_sample, const void *right_sample, void *context)
{
	const struct sample *left = left_sample;
	const struct sample *right = right_sample;
	const struct counting *counting = context;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	int order = gsd_distinct_stacks_compare(&counting->profile.stacks, left->stack, right->stack);
	if (order == 0)
		order = gsd_labels_compare(counting->profile.snapshot, left->labels, right->labels);
	return order != 0 ? order : left->ambiguous - right->ambiguous;
}

static struct gsd_error *aggregate(struct counting *counting)
{
	/* Settled and ambiguous goroutines: a stack and a label set already fill the 64 bits of a key. */
	struct gsd_hash *sample_of[2] = {gsd_hash_create(64), gsd_hash_create(0)};
	struct gsd_error *error = sample_of[0] == NULL || sample_of[1] == NULL ? gsd_error_no_memory()
									       : count_samples(counting, sample_of);
	gsd_hash_destroy(sample_of[0]);
	gsd_hash_destroy(sample_of[1]);
	if (error == NULL && counting->samples.count > 1)
		qsort_r(counting->samples.items, counting->samples.count, sizeof(struct sample), compare_samples,
			counting);
	return error;
}

static struct gsd_error *write_sample(struct gsd_profile *profile, const struct sample *sample)
{
	GSD_TRY(gsd_profile_begin_sample(profile, &sample->count, 1, sample->stack));
	if (sample->labels != GSD_NO_LABELS) {
		const struct gsd_label_set *set = &profile->snapshot->label_sets[sample->labels];
		for (size_t i = 0; i < set->count; i++)
			GSD_TRY(gsd_profile_add_label(profile, &set->labels[i]));
	}
	if (sample->ambiguous)
		GSD_TRY(gsd_profile_add_label(profile, &gsd_profile_ambiguous));
	return gsd_profile_end_sample(profile);
}

static struct gsd_error *write_profile(struct counting *counting)
{
	struct gsd_profile *profile = &counting->profile;
	const struct gsd_profile_type counted = {gsd_snapshot_noun(profile->snapshot, 1), "count"};
	GSD_TRY(gsd_canonical_labels(profile->snapshot, &counting->canonical_labels));
	GSD_TRY(aggregate(counting));
	gsd_meter_begin(profile->snapshot->meter, GSD_PHASE_WRITING, counting->samples.count);
	GSD_TRY(gsd_profile_begin(profile, &counted, 1));
	for (size_t i = 0; i < counting->samples.count; i++) {
		gsd_meter_count(profile->snapshot->meter, i);
		GSD_TRY(write_sample(profile, &counting->samples.items[i]));
	}
	return gsd_profile_finish(profile);
}

struct gsd_error *gsd_write_pprof_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source,
				       struct gsd_sink *sink)
{
	struct counting counting = {0};
	GSD_TRY(gsd_profile_create(snapshot, source, sink, &counting.profile));
	struct gsd_error *error = write_profile(&counting);
	free(counting.canonical_labels);
	sample_array_free(&counting.samples);
	gsd_profile_free(&counting.profile);
	return error;
}

struct gsd_error *gsd_write_pprof(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	return gsd_write_pprof_from(snapshot, &source, sink);
}
