/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/pprof.h"

#include <stdio.h>

#include "fixture.h"
#include "profile_reader.h"

static struct profile *written_from(const struct gsd_snapshot *snapshot, const struct gsd_location_source *source)
{
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_pprof_from(snapshot, source, &sink.sink));
	const char *keep = getenv("GSD_TEST_KEEP");
	FILE *file = keep == NULL ? NULL : fopen(keep, "wb");
	if (file != NULL) {
		fwrite(sink.bytes, 1, sink.length, file);
		fclose(file);
	}
	struct profile *profile = profile_read(sink.bytes, sink.length);
	gsd_memory_sink_free(&sink);
	return profile;
}

static struct profile *written(const struct gsd_snapshot *snapshot)
{
	return written_from(snapshot, &table_source);
}

/* The location of frame number frame of sample number sample. */
static const struct read_location *frame_of(const struct profile *profile, size_t sample, size_t frame)
{
	assert_true(frame < profile->samples[sample].location_count);
	return location_with(profile, profile->samples[sample].locations[frame]);
}

static void assert_line(const struct profile *profile, const struct read_location *location, size_t line,
			const char *function, int64_t number)
{
	assert_true(line < location->line_count);
	assert_text(profile, function_with(profile, location->functions[line])->name, function);
	assert_int_equal(location->lines[line], number);
}

static void a_profile_has_the_types_period_and_time_that_go_writes(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.goid = 1, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_type_count, 1);
	assert_text(profile, profile->sample_type.type, "goroutine");
	assert_text(profile, profile->sample_type.unit, "count");
	assert_text(profile, profile->period_type.type, "goroutine");
	assert_text(profile, profile->period_type.unit, "count");
	assert_int_equal(profile->period, 1);
	assert_int_equal(profile->time_nanos, SNAPSHOT_TIME);
	assert_text(profile, 0, "");
	profile_destroy(profile);
}

static void an_empty_snapshot_is_a_profile_without_samples(void **state)
{
	(void)state;
	struct gsd_snapshot snapshot = {.time_unix_ns = 1, .exe = "", .go_version = ""};
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 0);
	assert_int_equal(profile->location_count, 0);
	assert_int_equal(profile->sample_type_count, 1);
	profile_destroy(profile);
}

static void goroutines_with_the_same_locations_are_one_sample(void **state)
{
	(void)state;
	size_t calls = 0;
	struct gsd_stack stacks[] = {STACK(WORKER, MAIN), STACK(WORKER | OTHER_WORD, MAIN), STACK(WORKER), STACK(MAIN)};
	struct gsd_goroutine goroutines[] = {{.stack = 2, .labels = GSD_NO_LABELS},
					     {.stack = 0, .labels = GSD_NO_LABELS},
					     {.stack = 1, .labels = GSD_NO_LABELS},
					     {.stack = 0, .labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct gsd_location_source source = {.locate = table_locate, .creator = table_creator, .context = &calls};
	struct profile *profile = written_from(&snapshot, &source);
	assert_int_equal(calls, 3); /* each stack that a goroutine has, once */
	assert_int_equal(profile->sample_count, 2);
	assert_int_equal(profile->samples[0].count, 3);
	assert_int_equal(profile->samples[0].location_count, 2);
	assert_line(profile, frame_of(profile, 0, 0), 0, "main.(*Pool).worker", 55);
	assert_line(profile, frame_of(profile, 0, 1), 0, "main.main", 44);
	assert_int_equal(profile->samples[1].count, 1);
	assert_int_equal(profile->location_count, 2);
	profile_destroy(profile);
}

static void equal_counts_come_in_an_order_that_does_not_depend_on_the_goroutines_order(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(MAIN), STACK(WORKER), STACK(WORKER, MAIN), STACK(ELIDED), STACK(UNREADABLE)};
	struct gsd_goroutine forward[] = {{.stack = 0, .labels = GSD_NO_LABELS},
					  {.stack = 1, .labels = GSD_NO_LABELS},
					  {.stack = 2, .labels = GSD_NO_LABELS},
					  {.stack = 3, .labels = GSD_NO_LABELS},
					  {.stack = 4, .labels = GSD_NO_LABELS}};
	struct gsd_goroutine backward[5];
	for (size_t i = 0; i < 5; i++)
		backward[i] = forward[4 - i];
	struct gsd_snapshot one = SNAPSHOT(forward, stacks);
	struct gsd_snapshot other = SNAPSHOT(backward, stacks);
	struct profile *first = written(&one);
	struct profile *second = written(&other);
	assert_int_equal(first->length, second->length);
	assert_memory_equal(first->bytes, second->bytes, first->length);
	assert_line(first, frame_of(first, 2, 0), 0, "main.(*Pool).worker", 55);
	assert_int_equal(first->samples[2].location_count, 1);
	assert_int_equal(first->samples[3].location_count, 2);
	profile_destroy(first);
	profile_destroy(second);
}

static void inlined_calls_are_lines_of_one_location_innermost_first(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(START)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	const struct read_location *location = frame_of(profile, 0, 0);
	assert_int_equal(location->address, 0x402020);
	assert_int_equal(location->line_count, 3);
	assert_line(profile, location, 0, "main.inner", 12);
	assert_line(profile, location, 1, "main.helper", 22);
	assert_line(profile, location, 2, "main.start", 33);
	const struct read_function *inner = function_with(profile, location->functions[0]);
	assert_text(profile, inner->system_name, "main.inner");
	assert_text(profile, inner->file, "/src/app/main.go");
	assert_int_equal(inner->start_line, 10);
	profile_destroy(profile);
}

static void a_function_is_one_by_its_name_and_keeps_the_file_seen_first(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, RECURSION)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->function_count, 1);
	assert_text(profile, profile->functions[0].file, "/src/app/pool.go");
	assert_int_equal(profile->location_count, 2);
	assert_int_equal(frame_of(profile, 0, 0)->functions[0], frame_of(profile, 0, 1)->functions[0]);
	profile_destroy(profile);
}

static void a_location_is_in_the_mapping_of_its_return_address(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, LIBRARY, OUTSIDE)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(frame_of(profile, 0, 0)->mapping, 1);
	assert_int_equal(frame_of(profile, 0, 1)->address, 0x7f0000001fff);
	assert_int_equal(frame_of(profile, 0, 1)->mapping,
			 3); /* its last byte is the second's, its return the third's */
	assert_int_equal(frame_of(profile, 0, 2)->mapping, 0);
	profile_destroy(profile);
}

static void every_executable_mapping_is_there_and_has_functions_only_when_all_were_resolved(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, LIBRARY)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->mapping_count, 3);
	const struct read_mapping *program = &profile->mappings[0];
	assert_int_equal(program->id, 1);
	assert_int_equal(program->start, 0x400000);
	assert_int_equal(program->limit, 0x500000);
	assert_text(profile, program->file, "/src/app/server");
	assert_text(profile, program->build_id, "abcdef0123456789");
	assert_int_equal(program->has_functions, 1);
	assert_int_equal(profile->mappings[1].offset, 0x3000);
	assert_int_equal(profile->mappings[1].has_functions, 0); /* no location */
	assert_int_equal(profile->mappings[2].has_functions, 0); /* a location without a file */
	profile_destroy(profile);
}

static void without_mappings_one_is_made_up_for_all_code(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, ELIDED)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.mapping_count = 0;
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->mapping_count, 1);
	assert_int_equal(profile->mappings[0].id, 1);
	assert_int_equal(profile->mappings[0].limit, 0);
	assert_int_equal(profile->mappings[0].has_functions, 1);
	assert_int_equal(frame_of(profile, 0, 0)->mapping, 1);
	assert_int_equal(frame_of(profile, 0, 1)->mapping, 0);
	profile_destroy(profile);
}

static void elided_and_unreadable_frames_have_neither_address_nor_mapping(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, ELIDED, MAIN), STACK(UNREADABLE)};
	struct gsd_goroutine goroutines[] = {
		{.stack = 0, .labels = GSD_NO_LABELS},
		{.stack = 0, .labels = GSD_NO_LABELS},
		{.stack = 1, .labels = GSD_NO_LABELS, .unreadable = GSD_UNREADABLE_BOUNDS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 2);
	assert_line(profile, frame_of(profile, 0, 1), 0, "gostackdump.elided", 0);
	assert_line(profile, frame_of(profile, 1, 0), 0, "gostackdump.unreadable:bounds", 0);
	assert_int_equal(profile->samples[1].label_count, 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(frame_of(profile, i, 1 - i)->address, 0);
		assert_int_equal(frame_of(profile, i, 1 - i)->mapping, 0);
	}
	assert_int_equal(profile->mappings[0].has_functions, 1);
	profile_destroy(profile);
}

static void a_goroutine_that_never_ran_is_a_sample_without_locations(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {{.count = 0}};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}, {.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 1);
	assert_int_equal(profile->samples[0].count, 2);
	assert_int_equal(profile->samples[0].location_count, 0);
	profile_destroy(profile);
}

static void labels_split_samples_by_content_and_keep_their_order(void **state)
{
	(void)state;
	static const struct gsd_label acme[] = {LABEL("tenant", "acme"), LABEL("zone", "eu")};
	static const struct gsd_label acme_again[] = {LABEL("tenant", "acme"), LABEL("zone", "eu")};
	static const struct gsd_label other[] = {LABEL("tenant", "acme"), LABEL("zone", "us")};
	struct gsd_label_set sets[] = {LABELS(acme), LABELS(acme_again), LABELS(other), {.count = 0}};
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.labels = 0},
					     {.labels = 1},
					     {.labels = 2},
					     {.labels = 1},
					     {.labels = 3},
					     {.labels = 2},
					     {.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = GSD_ARRAY_SIZE(sets);
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 4);
	assert_int_equal(profile->samples[0].count, 3);
	assert_int_equal(profile->samples[0].label_count, 2);
	assert_text(profile, profile->samples[0].labels[0].key, "tenant");
	assert_text(profile, profile->samples[0].labels[0].value, "acme");
	assert_text(profile, profile->samples[0].labels[1].key, "zone");
	assert_text(profile, profile->samples[0].labels[1].value, "eu");
	assert_text(profile, profile->samples[1].labels[1].value, "us");
	assert_int_equal(profile->samples[1].count, 2);
	/* The runtime counts goroutines without labels and those with an empty set apart. */
	assert_int_equal(profile->samples[2].count, 1);
	assert_int_equal(profile->samples[2].label_count, 0);
	assert_int_equal(profile->samples[3].count, 1);
	assert_int_equal(profile->samples[3].label_count, 0);
	profile_destroy(profile);
}

static void an_ambiguous_goroutine_is_marked_by_a_label_after_its_own(void **state)
{
	(void)state;
	static const struct gsd_label acme[] = {LABEL("tenant", "acme")};
	struct gsd_label_set sets[] = {LABELS(acme)};
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {
		{.labels = 0}, {.labels = 0, .ambiguous = true}, {.labels = 0}, {.labels = 0, .ambiguous = false}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	struct profile *profile = written(&snapshot);
	assert_int_equal(profile->sample_count, 2);
	assert_int_equal(profile->samples[0].count, 3);
	assert_int_equal(profile->samples[0].label_count, 1);
	assert_int_equal(profile->samples[1].label_count, 2);
	assert_text(profile, profile->samples[1].labels[0].key, "tenant");
	assert_text(profile, profile->samples[1].labels[1].key, "gostackdump");
	assert_text(profile, profile->samples[1].labels[1].value, "ambiguous");
	profile_destroy(profile);
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
	(void)state;
	static const struct gsd_label broken[] = {LABEL("k\xc0\x80", "\xed\xa0\x80v\xf0\x9f")};
	struct gsd_label_set sets[] = {LABELS(broken)};
	struct gsd_stack stacks[] = {STACK(STRANGE)};
	struct gsd_goroutine goroutines[] = {{.labels = 0}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	snapshot.label_sets = sets;
	snapshot.label_set_count = 1;
	struct profile *profile = written(&snapshot);
	assert_text(profile, profile->samples[0].labels[0].key, "k\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(profile, profile->samples[0].labels[0].value,
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdv\xef\xbf\xbd\xef\xbf\xbd");
	assert_line(profile, frame_of(profile, 0, 0), 0, "main.\xef\xbf\xbd\x1b[31mred", -3);
	profile_destroy(profile);
}

/* A sink that takes a number of bytes and then no more. */
static void what_the_sink_says_is_handed_on(void **state)
{
	(void)state;
	assert_hands_on_what_the_sink_says(gsd_write_pprof_from, 20);
}

static struct gsd_error *locate_nothing(void *context, const struct gsd_stack *stack, struct gsd_location_list *list)
{
	(void)context;
	(void)stack;
	(void)list;
	return gsd_error_create(GSD_ERROR_CORRUPT, 0, "symbolize");
}

static void what_the_symbolizer_says_is_handed_on(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER)};
	struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
	struct gsd_snapshot snapshot = SNAPSHOT(goroutines, stacks);
	struct gsd_location_source source = {.locate = locate_nothing};
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	struct gsd_error *error = gsd_write_pprof_from(&snapshot, &source, &sink.sink);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_CORRUPT);
	assert_int_equal(sink.length, 0);
	gsd_error_destroy(error);
	gsd_memory_sink_free(&sink);
}

#define MANY 300000U

/* Each goroutine with a label of its own: more output than any buffer, more strings than any first table. */
static void hundreds_of_thousands_of_samples_pass_through_the_buffers(void **state)
{
	(void)state;
	struct gsd_stack stacks[] = {STACK(WORKER, START, MAIN)};
	struct gsd_goroutine *goroutines = calloc(MANY, sizeof *goroutines);
	struct gsd_label_set *sets = calloc(MANY, sizeof *sets);
	struct gsd_label *labels = calloc(MANY, sizeof *labels);
	char(*values)[16] = calloc(MANY, sizeof *values);
	assert_true(goroutines != NULL && sets != NULL && labels != NULL && values != NULL);
	for (uint32_t i = 0; i < MANY; i++) {
		int length = snprintf(values[i], sizeof values[i], "%u", i * 2654435761U);
		labels[i] = (struct gsd_label){"request", 7, values[i], (size_t)length};
		sets[i] = (struct gsd_label_set){&labels[i], 1};
		goroutines[i].labels = i;
	}
	struct gsd_snapshot snapshot = {.goroutines = goroutines,
					.goroutine_count = MANY,
					.stacks = stacks,
					.stack_count = 1,
					.label_sets = sets,
					.label_set_count = MANY,
					.exe = "",
					.go_version = ""};
	struct gsd_memory_sink sink;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_write_pprof_from(&snapshot, &table_source, &sink.sink));
	uint8_t *inflated;
	size_t length, samples = 0, strings = 0;
	inflate_all(sink.bytes, sink.length, &inflated, &length);
	struct wire wire = {inflated, inflated + length};
	struct wire_field field;
	while (wire_next(&wire, &field)) {
		samples += field.number == 2;
		strings += field.number == 6;
	}
	assert_int_equal(samples, MANY);
	assert_in_range(strings, MANY, MANY + 32);
	free(inflated);
	gsd_memory_sink_free(&sink);
	free(goroutines);
	free(sets);
	free(labels);
	free(values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_has_the_types_period_and_time_that_go_writes),
		cmocka_unit_test(an_empty_snapshot_is_a_profile_without_samples),
		cmocka_unit_test(goroutines_with_the_same_locations_are_one_sample),
		cmocka_unit_test(equal_counts_come_in_an_order_that_does_not_depend_on_the_goroutines_order),
		cmocka_unit_test(inlined_calls_are_lines_of_one_location_innermost_first),
		cmocka_unit_test(a_function_is_one_by_its_name_and_keeps_the_file_seen_first),
		cmocka_unit_test(a_location_is_in_the_mapping_of_its_return_address),
		cmocka_unit_test(every_executable_mapping_is_there_and_has_functions_only_when_all_were_resolved),
		cmocka_unit_test(without_mappings_one_is_made_up_for_all_code),
		cmocka_unit_test(elided_and_unreadable_frames_have_neither_address_nor_mapping),
		cmocka_unit_test(a_goroutine_that_never_ran_is_a_sample_without_locations),
		cmocka_unit_test(an_ambiguous_goroutine_is_marked_by_a_label_after_its_own),
		cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
		cmocka_unit_test(what_the_sink_says_is_handed_on),
		cmocka_unit_test(what_the_symbolizer_says_is_handed_on),
		cmocka_unit_test(hundreds_of_thousands_of_samples_pass_through_the_buffers),
		cmocka_unit_test(labels_split_samples_by_content_and_keep_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
