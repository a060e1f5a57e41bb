/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "base/error.h"
#include "record/record.h"
#include "record/tables.h"

#define MAX_STACK_WORDS   ((size_t)1 << 25)
#define MAX_TEXT_SECTIONS 4096
#define MAX_MODULES       1024
#define MAX_FRAME_LIMIT   1024 /* no Go version keeps more */

/* What is read, and how errors name it. */
struct reading {
	const char *name;
	struct gsd_loaded_record *record;
};

static struct gsd_error *contradiction(const struct reading *reading, const char *what)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the capture %s", reading->name), "%s",
				 what);
}

static const struct gsd_rows *rows_of(const struct reading *reading, enum gsd_record_table table)
{
	return &reading->record->rows[table];
}

/* ---- lists: rows that have so many of the rows of another table each ---- */

/* Takes the next @p count of the rows of @p table; NULL when there are not so many. */
static void *take_rows(const struct reading *reading, enum gsd_record_table table, size_t count, size_t *taken)
{
	const struct gsd_rows *rows = rows_of(reading, table);
	static uint64_t none;
	if (count > rows->count - *taken)
		return NULL;
	uint8_t *first =
		count == 0 ? (uint8_t *)&none : (uint8_t *)rows->items + *taken * gsd_record_tables[table].row_size;
	*taken += count;
	return first;
}

static struct gsd_error *link_stacks(const struct reading *reading)
{
	struct gsd_snapshot *snapshot = &reading->record->snapshot;
	size_t taken = 0;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct gsd_stack *stack = &snapshot->stacks[i];
		stack->words = take_rows(reading, GSD_TABLE_WORDS, stack->count, &taken);
		if (stack->words == NULL || stack->count > MAX_STACK_WORDS)
			return contradiction(reading, "it has fewer words than its stacks together");
	}
	return taken == rows_of(reading, GSD_TABLE_WORDS)->count
		       ? NULL
		       : contradiction(reading, "it has more words than its stacks together");
}

static bool terminated(const struct gsd_label *label)
{
	return label->key != NULL && label->value != NULL;
}

static struct gsd_error *link_labels(const struct reading *reading)
{
	struct gsd_snapshot *snapshot = &reading->record->snapshot;
	size_t taken = 0;
	for (size_t i = 0; i < snapshot->label_set_count; i++) {
		struct gsd_label_set *set = &snapshot->label_sets[i];
		set->labels = take_rows(reading, GSD_TABLE_LABELS, set->count, &taken);
		if (set->labels == NULL)
			return contradiction(reading, "it has fewer labels than its sets together");
		for (size_t k = 0; k < set->count; k++)
			if (!terminated(&set->labels[k]))
				return contradiction(reading, "a label has no key or no value");
	}
	return NULL;
}

static struct gsd_error *link_ancestors(const struct reading *reading)
{
	struct gsd_snapshot *snapshot = &reading->record->snapshot;
	size_t taken = 0;
	size_t pcs_taken = 0;
	for (size_t i = 0; i < snapshot->ancestry_count; i++) {
		struct gsd_ancestry *ancestry = &snapshot->ancestries[i];
		struct gsd_ancestor *ancestors = take_rows(reading, GSD_TABLE_ANCESTORS, ancestry->count, &taken);
		if (ancestors == NULL)
			return contradiction(reading, "it has fewer ancestors than its goroutines together");
		for (size_t k = 0; k < ancestry->count; k++) {
			ancestors[k].pcs =
				take_rows(reading, GSD_TABLE_ANCESTOR_PCS, ancestors[k].pc_count, &pcs_taken);
			if (ancestors[k].pcs == NULL)
				return contradiction(reading, "it has fewer frames of ancestors than these together");
		}
		ancestry->ancestors = ancestors;
	}
	return NULL;
}

static struct gsd_error *link_modules(const struct reading *reading)
{
	struct gsd_loaded_record *record = reading->record;
	size_t taken = 0;
	bool is_go = !record->snapshot.threads_only;
	if ((record->module_count > 0) != is_go || record->module_count > MAX_MODULES)
		return contradiction(reading, is_go ? "it has no module with Go code, or far too many"
						    : "it has Go code, and says that it has none");
	for (size_t i = 0; i < record->module_count; i++) {
		struct gsd_module_place *module = &record->modules[i];
		module->text_sections = take_rows(reading, GSD_TABLE_TEXT_SECTIONS, module->text_section_count, &taken);
		if (module->text_sections == NULL || module->text_section_count > MAX_TEXT_SECTIONS)
			return contradiction(reading, "it has fewer pieces of text than its modules together");
		if (module->text_section_count == 0)
			module->text_sections = NULL;
	}
	return NULL;
}

static struct gsd_error *keep_c_names(const struct reading *reading)
{
	struct gsd_loaded_record *record = reading->record;
	const struct gsd_rows *rows = rows_of(reading, GSD_TABLE_C_PLACES);
	const struct gsd_c_place *places = rows->items;
	size_t taken = 0;
	if (rows->count == 0)
		return NULL;
	GSD_TRY(gsd_c_names_create(&record->c_names));
	for (size_t i = 0; i < rows->count; i++) {
		const struct gsd_c_line *lines = take_rows(reading, GSD_TABLE_C_LINES, places[i].line_count, &taken);
		if (lines == NULL)
			return contradiction(reading, "it has fewer lines of C than its places together");
		GSD_TRY(gsd_c_names_keep(record->c_names, places[i].address, lines, places[i].line_count));
	}
	record->snapshot.c_names = record->c_names;
	return NULL;
}

static struct gsd_error *join_values(const struct reading *reading)
{
	struct gsd_loaded_record *record = reading->record;
	const struct gsd_rows *rows = rows_of(reading, GSD_TABLE_VALUES);
	const struct gsd_value_part *parts = rows->items;
	struct gsd_values *values = gsd_arena_allocate(&record->arena, sizeof *values);
	if (values == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < rows->count; i++)
		values->capacity += parts[i].length;
	values->bytes = gsd_arena_allocate(&record->arena, values->capacity + 1);
	if (values->bytes == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < rows->count; i++) {
		if (parts[i].bytes == NULL)
			return contradiction(reading, "a part of the values of arguments is not there");
		memcpy(values->bytes + values->length, parts[i].bytes, parts[i].length);
		values->length += parts[i].length;
	}
	record->snapshot.values = values;
	return NULL;
}

/* ---- what refers to something ---- */

static bool refers(uint32_t index, size_t count)
{
	return index == UINT32_MAX || index < count;
}

static struct gsd_error *check_goroutines(const struct reading *reading)
{
	const struct gsd_snapshot *snapshot = &reading->record->snapshot;
	if (snapshot->threads_only && snapshot->goroutine_count > 0)
		return contradiction(reading, "it has goroutines of a program without Go");
	for (size_t i = 0; i < snapshot->goroutine_count; i++) {
		const struct gsd_goroutine *goroutine = &snapshot->goroutines[i];
		if (goroutine->stack >= snapshot->stack_count || goroutine->unreadable >= GSD_UNREADABLE_COUNT ||
		    !refers(goroutine->labels, snapshot->label_set_count) ||
		    !refers(goroutine->thread, snapshot->thread_count) ||
		    !refers(goroutine->ancestry, snapshot->ancestry_count) ||
		    !refers(goroutine->bubble, snapshot->bubble_count))
			return contradiction(reading, "a goroutine refers to what is not there");
	}
	for (size_t i = 0; i < snapshot->thread_stack_count; i++)
		if (snapshot->thread_stacks[i].stack >= snapshot->stack_count)
			return contradiction(reading, "a thread refers to a stack that is not there");
	return NULL;
}

static struct gsd_error *check_mappings(const struct reading *reading)
{
	const struct gsd_snapshot *snapshot = &reading->record->snapshot;
	for (size_t i = 0; i < snapshot->mapping_count; i++) {
		struct gsd_snapshot_mapping *mapping = &snapshot->mappings[i];
		if (mapping->file == NULL || mapping->build_id == NULL || mapping->go_build_id == NULL ||
		    mapping->start > mapping->limit)
			return contradiction(reading, "a mapping has no file or ends before its start");
	}
	return NULL;
}

/* ---- statistics ---- */

static const struct gsd_figure_member *find_member(const struct gsd_figure *figure)
{
	for (const struct gsd_figure_member *member = gsd_figure_members; member->name != NULL; member++)
		if (figure->name != NULL && strcmp(figure->name, member->name) == 0 &&
		    member->text == (figure->text != NULL))
			return member;
	return NULL;
}

/* A figure that this version does not know is passed over; one that is missing is 0 or "". */
static void fill_stats(const struct reading *reading)
{
	struct gsd_stats *stats = &reading->record->stats;
	const struct gsd_snapshot *snapshot = &reading->record->snapshot;
	const struct gsd_rows *rows = rows_of(reading, GSD_TABLE_FIGURES);
	const struct gsd_figure *figures = rows->items;
	stats->layout_source = stats->allgs_source = stats->comm = "";
	for (size_t i = 0; i < rows->count; i++) {
		const struct gsd_figure_member *member = find_member(&figures[i]);
		if (member == NULL)
			continue;
		uint8_t *at = (uint8_t *)stats + member->offset;
		if (member->text)
			memcpy(at, &figures[i].text, sizeof figures[i].text);
		else
			memcpy(at, &figures[i].number, sizeof figures[i].number);
	}
	stats->pid = snapshot->pid;
	stats->exe = snapshot->exe;
	stats->go_version = snapshot->go_version;
	stats->time_unix_ns = snapshot->time_unix_ns;
	stats->mode = "raw";
}

/* ---- all of it ---- */

static struct gsd_error *take_snapshot(const struct reading *reading)
{
	struct gsd_loaded_record *record = reading->record;
	const struct gsd_rows *rows = record->rows;
	if (rows[GSD_TABLE_CAPTURE].count != 1)
		return contradiction(reading, "it does not say of which process it is, or says it twice");
	struct gsd_snapshot *snapshot = &record->snapshot;
	*snapshot = *(const struct gsd_snapshot *)rows[GSD_TABLE_CAPTURE].items;
	if (snapshot->pid > INT32_MAX || snapshot->go_version == NULL || snapshot->exe == NULL ||
	    snapshot->mode == NULL || snapshot->go_frame_limit > MAX_FRAME_LIMIT ||
	    (snapshot->go_minor < GSD_GO_MINOR_OLDEST && !snapshot->threads_only))
		return contradiction(reading, "it does not say of which program or Go version it is");
	snapshot->goroutines = rows[GSD_TABLE_GOROUTINES].items;
	snapshot->goroutine_count = rows[GSD_TABLE_GOROUTINES].count;
	snapshot->stacks = rows[GSD_TABLE_STACKS].items;
	snapshot->stack_count = rows[GSD_TABLE_STACKS].count;
	snapshot->label_sets = rows[GSD_TABLE_LABEL_SETS].items;
	snapshot->label_set_count = rows[GSD_TABLE_LABEL_SETS].count;
	snapshot->threads = rows[GSD_TABLE_THREADS].items;
	snapshot->thread_count = rows[GSD_TABLE_THREADS].count;
	snapshot->thread_stacks = rows[GSD_TABLE_THREAD_STACKS].items;
	snapshot->thread_stack_count = rows[GSD_TABLE_THREAD_STACKS].count;
	snapshot->ancestries = rows[GSD_TABLE_ANCESTRIES].items;
	snapshot->ancestry_count = rows[GSD_TABLE_ANCESTRIES].count;
	snapshot->bubbles = rows[GSD_TABLE_BUBBLES].items;
	snapshot->bubble_count = rows[GSD_TABLE_BUBBLES].count;
	snapshot->mappings = rows[GSD_TABLE_MAPPINGS].items;
	snapshot->mapping_count = rows[GSD_TABLE_MAPPINGS].count;
	record->modules = rows[GSD_TABLE_MODULES].items;
	record->module_count = rows[GSD_TABLE_MODULES].count;
	return NULL;
}

static struct gsd_error *link_all(const struct reading *reading)
{
	GSD_TRY(take_snapshot(reading));
	GSD_TRY(link_stacks(reading));
	GSD_TRY(link_labels(reading));
	GSD_TRY(link_ancestors(reading));
	GSD_TRY(link_modules(reading));
	GSD_TRY(keep_c_names(reading));
	GSD_TRY(join_values(reading));
	GSD_TRY(check_goroutines(reading));
	GSD_TRY(check_mappings(reading));
	fill_stats(reading);
	return NULL;
}

static struct gsd_error *read_blocks(struct gsd_block_reader *reader, struct gsd_loaded_record *record)
{
	struct gsd_block block;
	bool more;
	for (;;) {
		GSD_TRY(gsd_block_read(reader, &block, &more));
		if (!more)
			return NULL;
		for (size_t i = 0; i < GSD_TABLE_COUNT; i++)
			if (gsd_record_tables[i].tag == block.tag)
				GSD_TRY(gsd_table_read(reader, &block, &gsd_record_tables[i], &record->arena,
						       &record->rows[i]));
	}
}

struct gsd_error *gsd_record_read(int fd, const char *name, struct gsd_loaded_record *record_ret)
{
	struct gsd_loaded_record record = {0};
	const struct reading reading = {.name = name, .record = &record};
	struct gsd_block_reader *reader;
	GSD_TRY(gsd_block_reader_create(fd, name, &reader));
	struct gsd_error *error = read_blocks(reader, &record);
	gsd_block_reader_destroy(reader);
	if (error == NULL)
		error = link_all(&reading);
	if (error != NULL) {
		gsd_loaded_record_free(&record);
		return error;
	}
	*record_ret = record;
	return NULL;
}

void gsd_loaded_record_free(struct gsd_loaded_record *record)
{
	for (size_t i = 0; i < GSD_TABLE_COUNT; i++)
		free(record->rows[i].items);
	gsd_c_names_destroy(record->c_names);
	gsd_arena_free(&record->arena);
	memset(record, 0, sizeof *record);
}
