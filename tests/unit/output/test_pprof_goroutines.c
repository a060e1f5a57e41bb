/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"
#include "output/pprof.h"
#include "profile_reader.h"

#define MINUTE UINT64_C(60000000000)

static struct profile *written(const struct gsd_snapshot *snapshot)
{
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_pprof_goroutines_from(snapshot, &table_source, &sink.sink));
	struct profile *profile = profile_read(sink.bytes, sink.length);
	gsd_memory_sink_free(&sink);
	return profile;
}

/* What the profile says of a label whose key may be there once only; NULL when it is not. */
static const struct read_label *label_of(const struct profile *profile, size_t sample, const char *key)
{
	const struct read_label *found = NULL;
	for (size_t i = 0; i < profile->samples[sample].label_count; i++) {
		const struct read_label *label = &profile->samples[sample].labels[i];
		const struct wire *text = &profile->strings[label->key];
		if ((size_t)(text->end - text->next) != strlen(key) || memcmp(text->next, key, strlen(key)) != 0)
			continue;
		assert_null(found);
		found = label;
	}
	return found;
}

static void assert_label(const struct profile *profile, size_t sample, const char *key, const char *value)
{
	const struct read_label *label = label_of(profile, sample, key);
	assert_non_null(label);
	assert_text(profile, label->value, value);
	assert_int_equal(label->unit, 0);
}

/* pprof takes a label for a number when it has a unit, or is not 0. */
static void assert_number(const struct profile *profile, size_t sample, const char *key, uint64_t number)
{
	const struct read_label *label = label_of(profile, sample, key);
	assert_non_null(label);
	assert_int_equal(label->value, 0);
	assert_int_equal(label->number, number);
	assert_text(profile, label->unit, "count");
}

static void goroutines_of_one_stack_are_samples_of_their_own_with_shared_locations(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, MAIN), STACK(START)};
	struct gsd_goroutine goroutines[] = {{.goid = 7, .stack = 0, .labels = GSD_NO_LABELS},
					     {.goid = 3, .stack = 1, .labels = GSD_NO_LABELS},
					     {.goid = 9, .stack = 0, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 3);
	assert_int_equal(profile->location_count, 3);
	assert_number(profile, 0, "goid", 7);
	assert_number(profile, 1, "goid", 3);
	assert_number(profile, 2, "goid", 9);
	assert_int_equal(profile->samples[0].location_count, 2);
	assert_memory_equal(profile->samples[0].locations, profile->samples[2].locations, 2 * sizeof(uint64_t));
	assert_int_equal(profile->samples[1].location_count, 1);
	profile_destroy(profile);
}

static void values_are_one_goroutine_and_the_bytes_of_its_stack(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS, .stack_used = 800, .stack_size = 2048}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	static const char *const types[][2] = {
		{"goroutine", "count"}, {"stack_inuse", "bytes"}, {"stack_reserved", "bytes"}};
	assert_int_equal(profile->sample_type_count, GSD_ARRAY_SIZE(types));
	for (size_t i = 0; i < GSD_ARRAY_SIZE(types); i++) {
		assert_text(profile, profile->sample_types[i].type, types[i][0]);
		assert_text(profile, profile->sample_types[i].unit, types[i][1]);
	}
	assert_text(profile, profile->default_sample_type, "goroutine");
	assert_text(profile, profile->period_type.type, "goroutine");
	assert_int_equal(profile->samples[0].value_count, 3);
	assert_int_equal(profile->samples[0].values[0], 1);
	assert_int_equal(profile->samples[0].values[1], 800);
	assert_int_equal(profile->samples[0].values[2], 2048);
	profile_destroy(profile);
}

static void labels_say_what_is_known_and_leave_out_what_is_not(void **state)
{
	(void)state;
	const uint64_t now = 900 * MINUTE; /* of SNAPSHOT */
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {
		{.goid = 1,
		 .status = WAITING,
		 .wait_reason = 14,
		 .wait_since = now - 5 * MINUTE,
		 .creator_pc = MAIN,
		 .labels = GSD_NO_LABELS},
		{.goid = 2, .status = WAITING, .wait_reason = 14, .wait_since = now - 1, .labels = GSD_NO_LABELS},
		{.goid = 3, .status = RUNNING, .wait_reason = 14, .wait_since = 1, .labels = GSD_NO_LABELS},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	const char *reason = gsd_wait_reason_name(26, 14);
	assert_label(profile, 0, "state", reason);
	assert_label(profile, 0, "wait_reason", reason);
	assert_number(profile, 0, "wait_minutes", 5);
	assert_label(profile, 0, "creator", "main.main");
	assert_number(profile, 1, "wait_minutes", 0);
	assert_null(label_of(profile, 1, "creator"));
	assert_label(profile, 2, "state", "running");
	assert_null(label_of(profile, 2, "wait_reason"));
	assert_null(label_of(profile, 2, "wait_minutes"));
	profile_destroy(profile);
}

static void labels_of_the_program_are_kept_and_never_pass_for_ours(void **state)
{
	(void)state;
	struct gsd_label labels[] = {LABEL("creator", "a"),    LABEL("goid", "b"),   LABEL("state", "running"),
				     LABEL("stat", "short"),   LABEL("tenant", "x"), LABEL("wait_minutes", "c"),
				     LABEL("wait_reason", "d")};
	struct gsd_label_set sets[] = {LABELS(labels)};
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {
		{.goid = 1, .status = WAITING, .wait_reason = 14, .labels = 0, .ambiguous = true}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	struct profile *profile = written(&snapshot);
	assert_label(profile, 0, "state", gsd_wait_reason_name(26, 14));
	assert_label(profile, 0, "label.state", "running");
	assert_number(profile, 0, "goid", 1);
	assert_label(profile, 0, "label.goid", "b");
	assert_label(profile, 0, "label.creator", "a");
	assert_label(profile, 0, "label.wait_minutes", "c");
	assert_label(profile, 0, "label.wait_reason", "d");
	assert_label(profile, 0, "stat", "short");
	assert_label(profile, 0, "tenant", "x");
	assert_label(profile, 0, "gostackdump", "ambiguous");
	assert_null(label_of(profile, 0, "creator"));
	profile_destroy(profile);
}

static void what_the_sink_says_is_handed_on(void **state)
{
	(void)state;
	assert_hands_on_what_the_sink_says(gsd_write_pprof_goroutines_from, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goroutines_of_one_stack_are_samples_of_their_own_with_shared_locations),
		cmocka_unit_test(values_are_one_goroutine_and_the_bytes_of_its_stack),
		cmocka_unit_test(labels_say_what_is_known_and_leave_out_what_is_not),
		cmocka_unit_test(labels_of_the_program_are_kept_and_never_pass_for_ours),
		cmocka_unit_test(what_the_sink_says_is_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
