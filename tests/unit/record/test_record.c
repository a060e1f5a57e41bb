/* SPDX-License-Identifier: BSD-3-Clause */
#include "../support/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "record/record.h"

/* ---- a capture in which every member has a value of its own ---- */

enum { GOROUTINES = 40000, STACKS = 3 };

struct sample {
	struct gsd_snapshot snapshot;
	struct gsd_stats stats;
	struct gsd_goroutine *goroutines;
	struct gsd_module_place modules[2];
	struct gsd_c_names *c_names;
	struct gsd_values values;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return *state >> 11 ^ *state << 42;
}

static bool chance(uint64_t *state)
{
	return (next_random(state) & 64) != 0;
}

/* A reference that is there or not. */
static uint32_t reference(uint64_t *state, size_t count)
{
	return chance(state) ? UINT32_MAX : (uint32_t)(next_random(state) % count);
}

static void fill_goroutine(struct gsd_goroutine *goroutine, uint64_t *state)
{
	memset(goroutine, 0, sizeof *goroutine);
	goroutine->goid = next_random(state);
	goroutine->address = next_random(state);
	goroutine->parent_goid = next_random(state);
	goroutine->creator_pc = next_random(state);
	goroutine->start_pc = next_random(state);
	goroutine->wait_since = next_random(state);
	goroutine->stack_low = next_random(state);
	goroutine->stack_size = (uint32_t)next_random(state);
	goroutine->stack_used = (uint32_t)next_random(state);
	goroutine->status = (uint32_t)next_random(state);
	goroutine->stack = (uint32_t)(next_random(state) % STACKS);
	goroutine->labels = reference(state, 3);
	goroutine->thread = reference(state, 2);
	goroutine->ancestry = reference(state, 2);
	goroutine->bubble = reference(state, 1);
	goroutine->wait_reason = (uint16_t)next_random(state);
	goroutine->unreadable = (uint16_t)(next_random(state) % GSD_UNREADABLE_COUNT);
	goroutine->scan = chance(state);
	goroutine->system = chance(state);
	goroutine->locked = chance(state);
	goroutine->never_ran = chance(state);
	goroutine->ambiguous = chance(state);
	goroutine->disagreed = chance(state);
	goroutine->values = chance(state) ? GSD_NO_VALUES : next_random(state);
}

static const uint64_t words[] = {0x401000, GSD_PC_EXACT | 0x402000, GSD_PC_ELIDED};
static const uint64_t other_words[] = {GSD_PC_UNREADABLE(GSD_UNREADABLE_BROKEN)};
static struct gsd_stack stacks[STACKS] = {{words, 3, 7}, {NULL, 0, 0}, {other_words, 1, 0}};
static const struct gsd_label labels[] = {{"key", 3, "va\0lue", 6}, {"", 0, "", 0}};
static struct gsd_label_set label_sets[] = {{labels, 2}, {NULL, 0}, {labels + 1, 1}};
static struct gsd_snapshot_thread threads[] = {{.m = 1, .m_id = -1, .p_id = -7, .p = 2, .tid_inside = 3, .tid = 4},
					       {.m = UINT64_MAX, .m_id = INT64_MAX, .p_id = 5, .tid = 0x7fffffff}};
static struct gsd_thread_stack thread_stacks[] = {{.tid_inside = 9, .tid = 10, .stack = 2}};
static const uint64_t pcs[] = {5, 4, UINT64_MAX};
static const struct gsd_ancestor ancestors[] = {{7, 8, pcs, 3}, {9, 0, NULL, 0}, {10, 11, pcs + 1, 1}};
static struct gsd_ancestry ancestries[] = {{ancestors, 3, true}, {NULL, 0, false}};
static struct gsd_bubble bubbles[] = {{.id = 77}};
static struct gsd_snapshot_mapping mappings[] = {
	{.start = 0x400000, .limit = 0x500000, .file = "/a", .build_id = "ab", .go_build_id = "x/y"},
	{.start = 0x600000, .limit = 0x700000, .offset = 4096, .file = "[vdso]", .build_id = "", .go_build_id = ""}};
static struct gsd_text_section sections[] = {{0, 10, 0x401000}, {10, 20, 0x501000}};

static void sample_create(struct sample *sample)
{
	uint64_t state = 7;
	memset(sample, 0, sizeof *sample);
	sample->goroutines = calloc(GOROUTINES, sizeof *sample->goroutines);
	assert_non_null(sample->goroutines);
	for (size_t i = 0; i < GOROUTINES; i++)
		fill_goroutine(&sample->goroutines[i], &state);
	assert_success(gsd_c_names_create(&sample->c_names));
	struct gsd_c_line lines[] = {{"f", "f.c", -3, 1}, {NULL, NULL, 0, 0}};
	assert_success(gsd_c_names_keep(sample->c_names, 0x1000, lines, 2));
	assert_success(gsd_c_names_keep(sample->c_names, 0x2000, NULL, 0));
	sample->snapshot = (struct gsd_snapshot){.goroutines = sample->goroutines,
						 .goroutine_count = GOROUTINES,
						 .stacks = stacks,
						 .stack_count = STACKS,
						 .label_sets = label_sets,
						 .label_set_count = 3,
						 .threads = threads,
						 .thread_count = 2,
						 .thread_stacks = thread_stacks,
						 .thread_stack_count = 1,
						 .ancestries = ancestries,
						 .ancestry_count = 2,
						 .bubbles = bubbles,
						 .bubble_count = 1,
						 .mappings = mappings,
						 .mapping_count = 2,
						 .c_names = sample->c_names,
						 .time_unix_ns = 1,
						 .time_monotonic_ns = 2,
						 .go_minor = 26,
						 .go_version = "go1.26.8",
						 .exe = "/a",
						 .mode = "atomic",
						 .pid = 12,
						 .go_frame_limit = 128,
						 .values = &sample->values,
						 .arguments = true,
						 .text_frame_limit = 32,
						 .traceback_inner = 50,
						 .traceback_outer = 51,
						 .traceback_labels = true,
						 .selection = {"state=x", 3, 4, 5}};
	for (uint64_t value = 0; value < 100000; value++)
		assert_true(gsd_values_add(&sample->values, value * value));
	sample->stats = (struct gsd_stats){.goroutines = 3,
					   .pause_ns = UINT64_MAX,
					   .unwind_fp = 4,
					   .total_ns = 5,
					   .layout_source = "types",
					   .allgs_source = "code",
					   .comm = "name"};
	for (unsigned i = 0; i < 2; i++)
		sample->modules[i] = (struct gsd_module_place){.address = 1 + i,
							       .table = 2,
							       .functions = 3,
							       .functions_length = 4,
							       .minpc = 5,
							       .maxpc = 6,
							       .text = 7,
							       .etext = 8,
							       .gofunc = 9,
							       .layout_minor = 23,
							       .table_checksum = 0xffffffff};
	sample->modules[1].text_sections = sections;
	sample->modules[1].text_section_count = 2;
}

static void sample_free(struct sample *sample)
{
	free(sample->goroutines);
	gsd_c_names_destroy(sample->c_names);
	gsd_values_free(&sample->values);
}

static void write_sample(const struct sample *sample, struct gsd_memory_sink *sink)
{
	struct gsd_record record = {
		.snapshot = &sample->snapshot, .stats = &sample->stats, .modules = sample->modules, .module_count = 2};
	gsd_memory_sink_init(sink);
	assert_success(gsd_record_write(&record, &sink->sink));
}

static struct gsd_error *read_bytes(const void *bytes, size_t length, struct gsd_loaded_record *record_ret)
{
	int fd = memfd_create("record", MFD_CLOEXEC);
	assert_true(fd >= 0 && write(fd, bytes, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0);
	struct gsd_error *error = gsd_record_read(fd, "a file", record_ret);
	close(fd);
	return error;
}

/* ---- what is written comes back ---- */

static void assert_same_lists(const struct gsd_snapshot *loaded)
{
	for (size_t i = 0; i < STACKS; i++) {
		assert_int_equal(loaded->stacks[i].count, stacks[i].count);
		assert_u64(loaded->stacks[i].left_out, stacks[i].left_out);
		for (size_t k = 0; k < stacks[i].count; k++)
			assert_u64(loaded->stacks[i].words[k], stacks[i].words[k]);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(loaded->label_sets[i].count, label_sets[i].count);
		for (size_t k = 0; k < label_sets[i].count; k++) {
			const struct gsd_label *label = &loaded->label_sets[i].labels[k];
			const struct gsd_label *expected = &label_sets[i].labels[k];
			assert_int_equal(label->key_length, expected->key_length);
			assert_int_equal(label->value_length, expected->value_length);
			assert_memory_equal(label->key, expected->key, expected->key_length + 1);
			assert_memory_equal(label->value, expected->value, expected->value_length + 1);
		}
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(loaded->ancestries[i].count, ancestries[i].count);
		assert_int_equal(loaded->ancestries[i].known, ancestries[i].known);
		for (size_t k = 0; k < ancestries[i].count; k++) {
			const struct gsd_ancestor *ancestor = &loaded->ancestries[i].ancestors[k];
			assert_u64(ancestor->goid, ancestors[k].goid);
			assert_u64(ancestor->creator_pc, ancestors[k].creator_pc);
			assert_int_equal(ancestor->pc_count, ancestors[k].pc_count);
			for (size_t m = 0; m < ancestor->pc_count; m++)
				assert_u64(ancestor->pcs[m], ancestors[k].pcs[m]);
		}
	}
}

static void assert_same_capture(const struct gsd_snapshot *loaded, const struct gsd_snapshot *expected)
{
	assert_u64(loaded->pid, expected->pid);
	assert_u64(loaded->time_unix_ns, expected->time_unix_ns);
	assert_u64(loaded->time_monotonic_ns, expected->time_monotonic_ns);
	assert_int_equal(loaded->go_minor, expected->go_minor);
	assert_int_equal(loaded->go_frame_limit, expected->go_frame_limit);
	assert_int_equal(loaded->arguments, expected->arguments);
	assert_int_equal(loaded->text_frame_limit, expected->text_frame_limit);
	assert_int_equal(loaded->traceback_inner, expected->traceback_inner);
	assert_int_equal(loaded->traceback_outer, expected->traceback_outer);
	assert_int_equal(loaded->traceback_labels, expected->traceback_labels);
	assert_string_equal(loaded->selection.filter, expected->selection.filter);
	assert_u64(loaded->selection.limit, expected->selection.limit);
	assert_u64(loaded->selection.seed, expected->selection.seed);
	assert_u64(loaded->selection.total, expected->selection.total);
	assert_string_equal(loaded->go_version, expected->go_version);
	assert_string_equal(loaded->exe, expected->exe);
	assert_string_equal(loaded->mode, expected->mode);
	assert_int_equal(loaded->mapping_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_u64(loaded->mappings[i].start, mappings[i].start);
		assert_u64(loaded->mappings[i].limit, mappings[i].limit);
		assert_u64(loaded->mappings[i].offset, mappings[i].offset);
		assert_string_equal(loaded->mappings[i].file, mappings[i].file);
		assert_string_equal(loaded->mappings[i].build_id, mappings[i].build_id);
		assert_string_equal(loaded->mappings[i].go_build_id, mappings[i].go_build_id);
	}
}

static void assert_same_c_names(struct gsd_c_names *names)
{
	struct gsd_c_name_source source = gsd_c_names_source(names);
	const struct gsd_c_line *lines;
	size_t count;
	assert_success(source.find(source.context, 0x1000, &lines, &count));
	assert_int_equal(count, 2);
	assert_string_equal(lines[0].function, "f");
	assert_string_equal(lines[0].file, "f.c");
	assert_int_equal(lines[0].line, -3);
	assert_int_equal(lines[0].start_line, 1);
	assert_null(lines[1].function);
	assert_null(lines[1].file);
	assert_success(source.find(source.context, 0x2000, &lines, &count));
	assert_int_equal(count, 0);
}

static void every_member_comes_back(void **state)
{
	(void)state;
	struct sample sample;
	struct gsd_memory_sink sink;
	struct gsd_loaded_record loaded;
	sample_create(&sample);
	write_sample(&sample, &sink);
	assert_success(read_bytes(sink.bytes, sink.length, &loaded));
	assert_same_capture(&loaded.snapshot, &sample.snapshot);
	/* Whole structs, so that a member without a column is noticed. */
	assert_int_equal(loaded.snapshot.goroutine_count, GOROUTINES);
	assert_memory_equal(loaded.snapshot.goroutines, sample.goroutines, GOROUTINES * sizeof *sample.goroutines);
	assert_memory_equal(loaded.snapshot.threads, threads, sizeof threads);
	assert_memory_equal(loaded.snapshot.thread_stacks, thread_stacks, sizeof thread_stacks);
	assert_memory_equal(loaded.snapshot.bubbles, bubbles, sizeof bubbles);
	assert_same_lists(&loaded.snapshot);
	assert_int_equal(loaded.snapshot.values->length, sample.values.length);
	assert_memory_equal(loaded.snapshot.values->bytes, sample.values.bytes, sample.values.length);
	assert_same_c_names(loaded.snapshot.c_names);
	assert_int_equal(loaded.module_count, 2);
	assert_memory_equal(loaded.modules, sample.modules, sizeof sample.modules[0]);
	assert_int_equal(loaded.modules[1].text_section_count, 2);
	assert_memory_equal(loaded.modules[1].text_sections, sections, sizeof sections);
	gsd_loaded_record_free(&loaded);
	gsd_memory_sink_free(&sink);
	sample_free(&sample);
}

static void statistics_come_back_but_for_those_of_the_run(void **state)
{
	(void)state;
	struct sample sample;
	struct gsd_memory_sink sink;
	struct gsd_loaded_record loaded;
	sample_create(&sample);
	write_sample(&sample, &sink);
	assert_success(read_bytes(sink.bytes, sink.length, &loaded));
	assert_u64(loaded.stats.goroutines, 3);
	assert_u64(loaded.stats.pause_ns, UINT64_MAX);
	assert_u64(loaded.stats.unwind_fp, 4);
	assert_u64(loaded.stats.total_ns, 0);
	assert_u64(loaded.stats.pid, 12);
	assert_u64(loaded.stats.time_unix_ns, 1);
	assert_string_equal(loaded.stats.layout_source, "types");
	assert_string_equal(loaded.stats.allgs_source, "code");
	assert_string_equal(loaded.stats.comm, "name");
	assert_string_equal(loaded.stats.mode, "raw");
	assert_string_equal(loaded.snapshot.mode, "atomic");
	gsd_loaded_record_free(&loaded);
	gsd_memory_sink_free(&sink);
	sample_free(&sample);
}

static void what_was_read_is_written_with_the_same_bytes(void **state)
{
	(void)state;
	struct sample sample;
	struct gsd_memory_sink sink;
	struct gsd_memory_sink again;
	struct gsd_loaded_record loaded;
	sample_create(&sample);
	write_sample(&sample, &sink);
	assert_success(read_bytes(sink.bytes, sink.length, &loaded));
	struct gsd_record record = {.snapshot = &loaded.snapshot,
				    .stats = &loaded.stats,
				    .modules = loaded.modules,
				    .module_count = loaded.module_count};
	gsd_memory_sink_init(&again);
	assert_success(gsd_record_write(&record, &again.sink));
	assert_int_equal(again.length, sink.length);
	assert_memory_equal(again.bytes, sink.bytes, sink.length);
	gsd_loaded_record_free(&loaded);
	gsd_memory_sink_free(&again);
	gsd_memory_sink_free(&sink);
	sample_free(&sample);
}

/* ---- files made by hand ---- */

struct file {
	struct gsd_memory_sink sink;
	struct gsd_block_writer *writer;
};

static void file_begin(struct file *file)
{
	gsd_memory_sink_init(&file->sink);
	assert_success(gsd_block_writer_create(&file->sink.sink, &file->writer));
}

static void file_rows(struct file *file, enum gsd_record_table table, const void *rows, size_t count)
{
	assert_success(gsd_table_write(file->writer, &gsd_record_tables[table], rows, count));
}

static void file_block(struct file *file, const char *tag, const void *bytes, size_t length)
{
	assert_success(gsd_block_write(file->writer, GSD_RECORD_TAG(tag[0], tag[1], tag[2], tag[3]), bytes, length));
}

/* What every capture has. */
static void file_minimum(struct file *file)
{
	struct gsd_snapshot snapshot = {.go_minor = 26, .go_version = "go1.26", .exe = "/a", .mode = "atomic"};
	struct gsd_module_place module = {.address = 1};
	file_rows(file, GSD_TABLE_CAPTURE, &snapshot, 1);
	file_rows(file, GSD_TABLE_MODULES, &module, 1);
}

static void file_free(struct file *file)
{
	gsd_block_writer_destroy(file->writer);
	gsd_memory_sink_free(&file->sink);
}

static struct gsd_error *file_read(struct file *file, struct gsd_loaded_record *loaded_ret)
{
	assert_success(gsd_block_writer_finish(file->writer));
	struct gsd_error *error = read_bytes(file->sink.bytes, file->sink.length, loaded_ret);
	file_free(file);
	return error;
}

static void assert_file_refused(struct file *file, const char *message)
{
	struct gsd_loaded_record loaded;
	assert_failure(file_read(file, &loaded), GSD_ERROR_CORRUPT, message);
}

static void blocks_and_columns_of_later_versions_are_passed_over(void **state)
{
	(void)state;
	struct file file;
	struct gsd_loaded_record loaded;
	file_begin(&file);
	file_minimum(&file);
	file_block(&file, "new!", "anything", 8);
	/* Two bubbles: column 99 with three bytes before, and after, the one that is known. */
	static const uint8_t block[] = {2, 1, 2, 5, 6, 99, 3, 1, 2, 3};
	file_block(&file, "BUBL", block, sizeof block);
	assert_success(file_read(&file, &loaded));
	assert_int_equal(loaded.snapshot.bubble_count, 2);
	assert_u64(loaded.snapshot.bubbles[1].id, 6);
	gsd_loaded_record_free(&loaded);
}

static void a_capture_says_once_of_what_it_is(void **state)
{
	(void)state;
	struct file file;
	file_begin(&file);
	assert_file_refused(&file, "of which process");
	file_begin(&file);
	file_minimum(&file);
	file_minimum(&file);
	assert_file_refused(&file, "twice");
	struct gsd_snapshot nameless = {.go_minor = 26, .go_version = "go1.26", .mode = "atomic"};
	file_begin(&file);
	file_rows(&file, GSD_TABLE_CAPTURE, &nameless, 1);
	assert_file_refused(&file, "of which program");
	struct gsd_snapshot no_modules = {.go_minor = 26, .go_version = "go1.26", .exe = "/a", .mode = "atomic"};
	file_begin(&file);
	file_rows(&file, GSD_TABLE_CAPTURE, &no_modules, 1);
	assert_file_refused(&file, "module");
}

static void a_program_without_go_has_threads_and_nothing_of_go(void **state)
{
	(void)state;
	struct file file;
	struct gsd_loaded_record loaded;
	struct gsd_snapshot snapshot = {.go_version = "", .exe = "/a", .mode = "atomic", .threads_only = true};
	struct gsd_stack stack = {0};
	struct gsd_thread_stack thread = {.tid = 7};
	struct gsd_module_place module = {.address = 1};
	struct gsd_goroutine goroutine = {
		.labels = UINT32_MAX, .thread = UINT32_MAX, .ancestry = UINT32_MAX, .bubble = UINT32_MAX};
	file_begin(&file);
	file_rows(&file, GSD_TABLE_CAPTURE, &snapshot, 1);
	file_rows(&file, GSD_TABLE_STACKS, &stack, 1);
	file_rows(&file, GSD_TABLE_THREAD_STACKS, &thread, 1);
	assert_success(file_read(&file, &loaded));
	assert_true(loaded.snapshot.threads_only);
	assert_int_equal(loaded.snapshot.thread_stacks[0].tid, 7);
	gsd_loaded_record_free(&loaded);
	file_begin(&file);
	file_rows(&file, GSD_TABLE_CAPTURE, &snapshot, 1);
	file_rows(&file, GSD_TABLE_MODULES, &module, 1);
	assert_file_refused(&file, "says that it has none");
	file_begin(&file);
	file_rows(&file, GSD_TABLE_CAPTURE, &snapshot, 1);
	file_rows(&file, GSD_TABLE_STACKS, &stack, 1);
	file_rows(&file, GSD_TABLE_GOROUTINES, &goroutine, 1);
	assert_file_refused(&file, "goroutines of a program without Go");
}

static void rows_that_are_not_there_are_not_believed(void **state)
{
	(void)state;
	static const uint8_t many[] = {0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 5, 6};
	static const uint8_t none[] = {0};
	static const uint8_t other_column[] = {1, 2, 1, 7};
	static const uint8_t long_column[] = {1, 1, 1, 7, 2, 200};
	static const uint8_t too_many_values[] = {1, 1, 2, 7, 7};
	static const uint8_t half_a_number[] = {1, 1, 1, 0x80};
	static const struct {
		const uint8_t *bytes;
		size_t length;
	} blocks[] = {{many, sizeof many},
		      {none, sizeof none},
		      {none, 0},
		      {other_column, sizeof other_column},
		      {long_column, sizeof long_column},
		      {too_many_values, sizeof too_many_values},
		      {half_a_number, sizeof half_a_number}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(blocks); i++) {
		struct file file;
		file_begin(&file);
		file_minimum(&file);
		file_block(&file, "BUBL", blocks[i].bytes, blocks[i].length);
		assert_file_refused(&file, "block BUBL at byte ");
	}
}

static void values_without_room_in_memory_are_refused(void **state)
{
	(void)state;
	struct file file;
	/* Column 2 of an ancestry is a flag; column 11 of a goroutine has 32 bits. */
	static const uint8_t flag[] = {1, 1, 1, 0, 2, 1, 2};
	static const uint8_t wide[] = {1, 1, 1, 0, 11, 5, 0x80, 0x80, 0x80, 0x80, 0x10};
	file_begin(&file);
	file_minimum(&file);
	file_block(&file, "ALST", flag, sizeof flag);
	assert_file_refused(&file, "column 2");
	file_begin(&file);
	file_minimum(&file);
	file_block(&file, "GORO", wide, sizeof wide);
	assert_file_refused(&file, "column 11");
}

static void lists_have_exactly_the_rows_that_they_claim(void **state)
{
	(void)state;
	struct file file;
	file_begin(&file);
	file_minimum(&file);
	file_rows(&file, GSD_TABLE_STACKS, stacks, 1);
	file_rows(&file, GSD_TABLE_WORDS, words, 2);
	assert_file_refused(&file, "fewer words");
	file_begin(&file);
	file_minimum(&file);
	file_rows(&file, GSD_TABLE_STACKS, stacks, 1);
	file_rows(&file, GSD_TABLE_WORDS, words, 3);
	file_rows(&file, GSD_TABLE_WORDS, words, 1);
	assert_file_refused(&file, "more words");
	file_begin(&file);
	file_minimum(&file);
	file_rows(&file, GSD_TABLE_LABEL_SETS, label_sets, 1);
	assert_file_refused(&file, "fewer labels");
	file_begin(&file);
	file_minimum(&file);
	file_rows(&file, GSD_TABLE_ANCESTRIES, ancestries, 1);
	assert_file_refused(&file, "fewer ancestors");
	file_begin(&file);
	file_minimum(&file);
	file_rows(&file, GSD_TABLE_ANCESTRIES, ancestries, 1);
	file_rows(&file, GSD_TABLE_ANCESTORS, ancestors, 3);
	assert_file_refused(&file, "frames of ancestors");
}

static void goroutines_refer_to_what_is_there(void **state)
{
	(void)state;
	static const struct gsd_goroutine wrong[] = {
		{.stack = 1, .labels = UINT32_MAX, .thread = UINT32_MAX, .ancestry = UINT32_MAX, .bubble = UINT32_MAX},
		{.labels = 0, .thread = UINT32_MAX, .ancestry = UINT32_MAX, .bubble = UINT32_MAX},
		{.labels = UINT32_MAX, .thread = 0, .ancestry = UINT32_MAX, .bubble = UINT32_MAX},
		{.labels = UINT32_MAX, .thread = UINT32_MAX, .ancestry = 0, .bubble = UINT32_MAX},
		{.labels = UINT32_MAX, .thread = UINT32_MAX, .ancestry = UINT32_MAX, .bubble = 0},
		{.labels = UINT32_MAX,
		 .thread = UINT32_MAX,
		 .ancestry = UINT32_MAX,
		 .bubble = UINT32_MAX,
		 .unreadable = GSD_UNREADABLE_COUNT},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(wrong); i++) {
		struct file file;
		file_begin(&file);
		file_minimum(&file);
		file_rows(&file, GSD_TABLE_STACKS, &stacks[1], 1);
		file_rows(&file, GSD_TABLE_GOROUTINES, &wrong[i], 1);
		assert_file_refused(&file, "refers to what is not there");
	}
}

/* ---- the frame ---- */

static void a_block_does_not_say_how_much_memory_is_taken(void **state)
{
	(void)state;
	struct file file;
	file_begin(&file);
	file_block(&file, "BUBL", "abc", 3);
	assert_success(gsd_block_writer_finish(file.writer));
	static const uint32_t lengths[] = {UINT32_MAX, (64 << 20) + 1, 60 << 20, 4, 2, 0};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(lengths); i++) {
		struct gsd_loaded_record loaded;
		memcpy(file.sink.bytes + 16 + 4, &lengths[i], 4);
		assert_failure(read_bytes(file.sink.bytes, file.sink.length, &loaded), GSD_ERROR_CORRUPT,
			       "block BUBL at byte 16");
	}
	file_free(&file);
}

static void file_whole(struct file *file)
{
	file_begin(file);
	file_minimum(file);
	file_rows(file, GSD_TABLE_BUBBLES, bubbles, 1);
	assert_success(gsd_block_writer_finish(file->writer));
}

static void every_length_that_is_not_the_whole_is_refused(void **state)
{
	(void)state;
	struct file file;
	struct gsd_loaded_record loaded;
	file_whole(&file);
	for (size_t length = 0; length < file.sink.length; length++)
		assert_failure(read_bytes(file.sink.bytes, length, &loaded), GSD_ERROR_CORRUPT, "a file");
	assert_success(read_bytes(file.sink.bytes, file.sink.length, &loaded));
	gsd_loaded_record_free(&loaded);
	file_free(&file);
}

static void every_byte_that_changes_is_noticed(void **state)
{
	(void)state;
	struct file file;
	struct gsd_loaded_record loaded;
	file_whole(&file);
	for (size_t i = 0; i < file.sink.length; i++) {
		file.sink.bytes[i] ^= 0x10;
		struct gsd_error *error = read_bytes(file.sink.bytes, file.sink.length, &loaded);
		assert_non_null(error);
		gsd_error_destroy(error);
		file.sink.bytes[i] ^= 0x10;
	}
	file_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_comes_back),
		cmocka_unit_test(statistics_come_back_but_for_those_of_the_run),
		cmocka_unit_test(what_was_read_is_written_with_the_same_bytes),
		cmocka_unit_test(blocks_and_columns_of_later_versions_are_passed_over),
		cmocka_unit_test(a_program_without_go_has_threads_and_nothing_of_go),
		cmocka_unit_test(a_capture_says_once_of_what_it_is),
		cmocka_unit_test(rows_that_are_not_there_are_not_believed),
		cmocka_unit_test(values_without_room_in_memory_are_refused),
		cmocka_unit_test(lists_have_exactly_the_rows_that_they_claim),
		cmocka_unit_test(goroutines_refer_to_what_is_there),
		cmocka_unit_test(a_block_does_not_say_how_much_memory_is_taken),
		cmocka_unit_test(every_length_that_is_not_the_whole_is_refused),
		cmocka_unit_test(every_byte_that_changes_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
