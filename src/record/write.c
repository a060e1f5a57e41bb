/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "record/record.h"
#include "record/tables.h"

#define GATHERED_BYTES ((size_t)256 << 10)
#define VALUE_PART     ((size_t)64 << 10)

/* Rows that lie here and there, gathered into blocks. */
struct gathering {
	struct gsd_block_writer *writer;
	const struct gsd_table *table;
	uint8_t *rows;
	size_t count;
	size_t room;
};

static struct gsd_error *gathering_start(struct gathering *gathering, struct gsd_block_writer *writer,
					 enum gsd_record_table table)
{
	*gathering = (struct gathering){.writer = writer, .table = &gsd_record_tables[table]};
	gathering->room = GATHERED_BYTES / gathering->table->row_size;
	gathering->rows = malloc(GATHERED_BYTES);
	return gathering->rows == NULL ? gsd_error_no_memory() : NULL;
}

static struct gsd_error *gathering_flush(struct gathering *gathering)
{
	size_t count = gathering->count;
	gathering->count = 0;
	return gsd_table_write(gathering->writer, gathering->table, gathering->rows, count);
}

static struct gsd_error *gather(struct gathering *gathering, const void *rows, size_t count)
{
	const uint8_t *next = rows;
	while (count > 0) {
		size_t size = gathering->table->row_size;
		size_t free_rows = gathering->room - gathering->count;
		size_t part = count < free_rows ? count : free_rows;
		memcpy(gathering->rows + gathering->count * size, next, part * size);
		gathering->count += part;
		next += part * size;
		count -= part;
		if (gathering->count == gathering->room)
			GSD_TRY(gathering_flush(gathering));
	}
	return NULL;
}

/* Writes what is left, unless @p error says that it is over already. */
static struct gsd_error *gathering_finish(struct gathering *gathering, struct gsd_error *error)
{
	if (error == NULL)
		error = gathering_flush(gathering);
	free(gathering->rows);
	return error;
}

static struct gsd_error *write_rows(struct gsd_block_writer *writer, enum gsd_record_table table, const void *rows,
				    size_t count)
{
	return gsd_table_write(writer, &gsd_record_tables[table], rows, count);
}

static struct gsd_error *write_figures(struct gsd_block_writer *writer, const struct gsd_stats *stats)
{
	struct gathering figures;
	GSD_TRY(gathering_start(&figures, writer, GSD_TABLE_FIGURES));
	struct gsd_error *error = NULL;
	for (const struct gsd_figure_member *member = gsd_figure_members; member->name != NULL && error == NULL;
	     member++) {
		struct gsd_figure figure = {.name = member->name};
		const uint8_t *at = (const uint8_t *)stats + member->offset;
		if (member->text)
			memcpy(&figure.text, at, sizeof figure.text);
		else
			memcpy(&figure.number, at, sizeof figure.number);
		error = gather(&figures, &figure, 1);
	}
	return gathering_finish(&figures, error);
}

static struct gsd_error *write_modules(struct gsd_block_writer *writer, const struct gsd_record *record)
{
	struct gathering sections;
	GSD_TRY(write_rows(writer, GSD_TABLE_MODULES, record->modules, record->module_count));
	GSD_TRY(gathering_start(&sections, writer, GSD_TABLE_TEXT_SECTIONS));
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < record->module_count && error == NULL; i++)
		error = gather(&sections, record->modules[i].text_sections, record->modules[i].text_section_count);
	return gathering_finish(&sections, error);
}

static struct gsd_error *write_stacks(struct gsd_block_writer *writer, const struct gsd_snapshot *snapshot)
{
	struct gathering words;
	GSD_TRY(write_rows(writer, GSD_TABLE_STACKS, snapshot->stacks, snapshot->stack_count));
	GSD_TRY(gathering_start(&words, writer, GSD_TABLE_WORDS));
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < snapshot->stack_count && error == NULL; i++)
		error = gather(&words, snapshot->stacks[i].words, snapshot->stacks[i].count);
	return gathering_finish(&words, error);
}

static struct gsd_error *write_labels(struct gsd_block_writer *writer, const struct gsd_snapshot *snapshot)
{
	struct gathering labels;
	GSD_TRY(write_rows(writer, GSD_TABLE_LABEL_SETS, snapshot->label_sets, snapshot->label_set_count));
	GSD_TRY(gathering_start(&labels, writer, GSD_TABLE_LABELS));
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < snapshot->label_set_count && error == NULL; i++)
		error = gather(&labels, snapshot->label_sets[i].labels, snapshot->label_sets[i].count);
	return gathering_finish(&labels, error);
}

static struct gsd_error *write_ancestors(struct gsd_block_writer *writer, const struct gsd_snapshot *snapshot)
{
	struct gathering ancestors;
	struct gathering pcs;
	GSD_TRY(write_rows(writer, GSD_TABLE_ANCESTRIES, snapshot->ancestries, snapshot->ancestry_count));
	GSD_TRY(gathering_start(&ancestors, writer, GSD_TABLE_ANCESTORS));
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < snapshot->ancestry_count && error == NULL; i++)
		error = gather(&ancestors, snapshot->ancestries[i].ancestors, snapshot->ancestries[i].count);
	GSD_TRY(gathering_finish(&ancestors, error));
	GSD_TRY(gathering_start(&pcs, writer, GSD_TABLE_ANCESTOR_PCS));
	for (size_t i = 0; i < snapshot->ancestry_count && error == NULL; i++)
		for (size_t k = 0; k < snapshot->ancestries[i].count && error == NULL; k++)
			error = gather(&pcs, snapshot->ancestries[i].ancestors[k].pcs,
				       snapshot->ancestries[i].ancestors[k].pc_count);
	return gathering_finish(&pcs, error);
}

static struct gsd_error *write_c_names(struct gsd_block_writer *writer, const struct gsd_c_names *names)
{
	size_t count;
	if (names == NULL)
		return NULL;
	const void *places = gsd_c_names_places(names, &count);
	GSD_TRY(write_rows(writer, GSD_TABLE_C_PLACES, places, count));
	const void *lines = gsd_c_names_lines(names, &count);
	return write_rows(writer, GSD_TABLE_C_LINES, lines, count);
}

static struct gsd_error *write_values(struct gsd_block_writer *writer, const struct gsd_values *values)
{
	struct gathering parts;
	size_t length = values == NULL ? 0 : values->length;
	GSD_TRY(gathering_start(&parts, writer, GSD_TABLE_VALUES));
	struct gsd_error *error = NULL;
	for (size_t at = 0; at < length && error == NULL; at += VALUE_PART) {
		struct gsd_value_part part = {.bytes = (const char *)values->bytes + at,
					      .length = length - at < VALUE_PART ? length - at : VALUE_PART};
		error = gather(&parts, &part, 1);
	}
	return gathering_finish(&parts, error);
}

static struct gsd_error *write_tables(struct gsd_block_writer *writer, const struct gsd_record *record)
{
	const struct gsd_snapshot *snapshot = record->snapshot;
	GSD_TRY(write_rows(writer, GSD_TABLE_CAPTURE, snapshot, 1));
	GSD_TRY(write_figures(writer, record->stats));
	GSD_TRY(write_rows(writer, GSD_TABLE_MAPPINGS, snapshot->mappings, snapshot->mapping_count));
	GSD_TRY(write_modules(writer, record));
	GSD_TRY(write_stacks(writer, snapshot));
	GSD_TRY(write_labels(writer, snapshot));
	GSD_TRY(write_rows(writer, GSD_TABLE_THREADS, snapshot->threads, snapshot->thread_count));
	GSD_TRY(write_rows(writer, GSD_TABLE_THREAD_STACKS, snapshot->thread_stacks, snapshot->thread_stack_count));
	GSD_TRY(write_ancestors(writer, snapshot));
	GSD_TRY(write_rows(writer, GSD_TABLE_BUBBLES, snapshot->bubbles, snapshot->bubble_count));
	GSD_TRY(write_c_names(writer, snapshot->c_names));
	GSD_TRY(write_values(writer, snapshot->values));
	return write_rows(writer, GSD_TABLE_GOROUTINES, snapshot->goroutines, snapshot->goroutine_count);
}

struct gsd_error *gsd_record_write(const struct gsd_record *record, struct gsd_sink *sink)
{
	struct gsd_block_writer *writer;
	GSD_TRY(gsd_block_writer_create(sink, &writer));
	gsd_block_writer_measure(writer, record->snapshot->meter);
	struct gsd_error *error = write_tables(writer, record);
	if (error == NULL)
		error = gsd_block_writer_finish(writer);
	gsd_block_writer_destroy(writer);
	return error;
}
