/* SPDX-License-Identifier: BSD-3-Clause */
/* A column that was published keeps its number and its meaning (docs/raw.md); what is new gets a new one. */
#include "record/tables.h"

#include "go/c_names.h"
#include "go/snapshot.h"
#include "image/module.h"

/* A member that is added to one of these structs needs a column here and a line in docs/raw.md. */
_Static_assert(sizeof(struct gsd_goroutine) == 112, "a goroutine has a member that is in no column");
_Static_assert(sizeof(struct gsd_snapshot) == 288, "a snapshot has a member that is in no column");
_Static_assert(sizeof(struct gsd_stats) == 272, "the statistics have a member that is not recorded");

static const struct gsd_column capture_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_snapshot, pid),
	GSD_COLUMN(2, NUMBER, struct gsd_snapshot, time_unix_ns),
	GSD_COLUMN(3, NUMBER, struct gsd_snapshot, time_monotonic_ns),
	GSD_COLUMN(4, NUMBER, struct gsd_snapshot, go_minor),
	GSD_COLUMN(5, TEXT, struct gsd_snapshot, go_version),
	GSD_COLUMN(6, TEXT, struct gsd_snapshot, exe),
	GSD_COLUMN(7, TEXT, struct gsd_snapshot, mode),
	GSD_COLUMN(8, NUMBER, struct gsd_snapshot, go_frame_limit),
	GSD_COLUMN(9, TEXT, struct gsd_snapshot, selection.filter),
	GSD_COLUMN(10, NUMBER, struct gsd_snapshot, selection.limit),
	GSD_COLUMN(11, NUMBER, struct gsd_snapshot, selection.seed),
	GSD_COLUMN(12, NUMBER, struct gsd_snapshot, selection.total),
	GSD_COLUMN(13, FLAG, struct gsd_snapshot, arguments),
	GSD_COLUMN(14, NUMBER, struct gsd_snapshot, text_frame_limit),
	GSD_COLUMN(15, NUMBER, struct gsd_snapshot, traceback_inner),
	GSD_COLUMN(16, NUMBER, struct gsd_snapshot, traceback_outer),
	GSD_COLUMN(17, FLAG, struct gsd_snapshot, traceback_labels),
	GSD_COLUMN(18, FLAG, struct gsd_snapshot, threads_only),
};

static const struct gsd_column figure_columns[] = {
	GSD_COLUMN(1, TEXT, struct gsd_figure, name),
	GSD_COLUMN(2, NUMBER, struct gsd_figure, number),
	GSD_COLUMN(3, TEXT, struct gsd_figure, text),
};

static const struct gsd_column mapping_columns[] = {
	GSD_COLUMN(1, DELTA, struct gsd_snapshot_mapping, start),
	GSD_COLUMN(2, DELTA, struct gsd_snapshot_mapping, limit),
	GSD_COLUMN(3, NUMBER, struct gsd_snapshot_mapping, offset),
	GSD_COLUMN(4, TEXT, struct gsd_snapshot_mapping, file),
	GSD_COLUMN(5, TEXT, struct gsd_snapshot_mapping, build_id),
	GSD_COLUMN(6, TEXT, struct gsd_snapshot_mapping, go_build_id),
};

static const struct gsd_column module_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_module_place, address),
	GSD_COLUMN(2, NUMBER, struct gsd_module_place, table),
	GSD_COLUMN(3, NUMBER, struct gsd_module_place, functions),
	GSD_COLUMN(4, NUMBER, struct gsd_module_place, functions_length),
	GSD_COLUMN(5, NUMBER, struct gsd_module_place, minpc),
	GSD_COLUMN(6, NUMBER, struct gsd_module_place, maxpc),
	GSD_COLUMN(7, NUMBER, struct gsd_module_place, text),
	GSD_COLUMN(8, NUMBER, struct gsd_module_place, etext),
	GSD_COLUMN(9, NUMBER, struct gsd_module_place, gofunc),
	GSD_COLUMN(10, NUMBER, struct gsd_module_place, layout_minor),
	GSD_COLUMN(11, NUMBER, struct gsd_module_place, table_checksum),
	GSD_COLUMN(12, NUMBER, struct gsd_module_place, text_section_count),
};

static const struct gsd_column text_section_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_text_section, start),
	GSD_COLUMN(2, NUMBER, struct gsd_text_section, end),
	GSD_COLUMN(3, NUMBER, struct gsd_text_section, address),
};

static const struct gsd_column stack_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_stack, count),
	GSD_COLUMN(2, NUMBER, struct gsd_stack, left_out),
};

static const struct gsd_column word_columns[] = {
	{1, GSD_COLUMN_DELTA, sizeof(uint64_t), 0, 0},
};

static const struct gsd_column label_set_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_label_set, count),
};

static const struct gsd_column label_columns[] = {
	{1, GSD_COLUMN_BYTES, sizeof(char *), offsetof(struct gsd_label, key), offsetof(struct gsd_label, key_length)},
	{2, GSD_COLUMN_BYTES, sizeof(char *), offsetof(struct gsd_label, value),
	 offsetof(struct gsd_label, value_length)},
};

static const struct gsd_column thread_columns[] = {
	GSD_COLUMN(1, DELTA, struct gsd_snapshot_thread, m),
	GSD_COLUMN(2, SIGNED, struct gsd_snapshot_thread, m_id),
	GSD_COLUMN(3, SIGNED, struct gsd_snapshot_thread, p_id),
	GSD_COLUMN(4, DELTA, struct gsd_snapshot_thread, p),
	GSD_COLUMN(5, NUMBER, struct gsd_snapshot_thread, tid_inside),
	GSD_COLUMN(6, NUMBER, struct gsd_snapshot_thread, tid),
};

static const struct gsd_column thread_stack_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_thread_stack, tid_inside),
	GSD_COLUMN(2, NUMBER, struct gsd_thread_stack, tid),
	GSD_COLUMN(3, NUMBER, struct gsd_thread_stack, stack),
};

static const struct gsd_column ancestry_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_ancestry, count),
	GSD_COLUMN(2, FLAG, struct gsd_ancestry, known),
};

static const struct gsd_column ancestor_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_ancestor, goid),
	GSD_COLUMN(2, DELTA, struct gsd_ancestor, creator_pc),
	GSD_COLUMN(3, NUMBER, struct gsd_ancestor, pc_count),
};

static const struct gsd_column bubble_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_bubble, id),
};

static const struct gsd_column c_place_columns[] = {
	GSD_COLUMN(1, NUMBER, struct gsd_c_place, address),
	GSD_COLUMN(2, NUMBER, struct gsd_c_place, line_count),
};

static const struct gsd_column c_line_columns[] = {
	GSD_COLUMN(1, TEXT, struct gsd_c_line, function),
	GSD_COLUMN(2, TEXT, struct gsd_c_line, file),
	GSD_COLUMN(3, SIGNED, struct gsd_c_line, line),
	GSD_COLUMN(4, SIGNED, struct gsd_c_line, start_line),
};

static const struct gsd_column value_columns[] = {
	{1, GSD_COLUMN_BYTES, sizeof(char *), offsetof(struct gsd_value_part, bytes),
	 offsetof(struct gsd_value_part, length)},
};

static const struct gsd_column goroutine_columns[] = {
	GSD_COLUMN(1, DELTA, struct gsd_goroutine, goid),
	GSD_COLUMN(2, DELTA, struct gsd_goroutine, address),
	GSD_COLUMN(3, DELTA, struct gsd_goroutine, parent_goid),
	GSD_COLUMN(4, DELTA, struct gsd_goroutine, creator_pc),
	GSD_COLUMN(5, DELTA, struct gsd_goroutine, start_pc),
	GSD_COLUMN(6, DELTA, struct gsd_goroutine, wait_since),
	GSD_COLUMN(7, DELTA, struct gsd_goroutine, stack_low),
	GSD_COLUMN(8, NUMBER, struct gsd_goroutine, stack_size),
	GSD_COLUMN(9, NUMBER, struct gsd_goroutine, stack_used),
	GSD_COLUMN(10, NUMBER, struct gsd_goroutine, status),
	GSD_COLUMN(11, NUMBER, struct gsd_goroutine, stack),
	GSD_COLUMN(12, INDEX, struct gsd_goroutine, labels),
	GSD_COLUMN(13, INDEX, struct gsd_goroutine, thread),
	GSD_COLUMN(14, INDEX, struct gsd_goroutine, ancestry),
	GSD_COLUMN(15, INDEX, struct gsd_goroutine, bubble),
	GSD_COLUMN(16, NUMBER, struct gsd_goroutine, wait_reason),
	GSD_COLUMN(17, NUMBER, struct gsd_goroutine, unreadable),
	GSD_COLUMN(18, FLAG, struct gsd_goroutine, scan),
	GSD_COLUMN(19, FLAG, struct gsd_goroutine, system),
	GSD_COLUMN(20, FLAG, struct gsd_goroutine, locked),
	GSD_COLUMN(21, FLAG, struct gsd_goroutine, never_ran),
	GSD_COLUMN(22, FLAG, struct gsd_goroutine, ambiguous),
	GSD_COLUMN(23, FLAG, struct gsd_goroutine, disagreed),
	GSD_COLUMN(24, PLACE, struct gsd_goroutine, values),
};

#define TABLE(type, row_columns, a, b, c, d)                                                                           \
	{                                                                                                              \
		.tag = GSD_RECORD_TAG(a, b, c, d), .row_size = sizeof(type), .columns = (row_columns),                 \
		.column_count = GSD_ARRAY_SIZE(row_columns)                                                            \
	}

const struct gsd_table gsd_record_tables[GSD_TABLE_COUNT] = {
	[GSD_TABLE_CAPTURE] = TABLE(struct gsd_snapshot, capture_columns, 'C', 'A', 'P', 'T'),
	[GSD_TABLE_FIGURES] = TABLE(struct gsd_figure, figure_columns, 'F', 'I', 'G', 'S'),
	[GSD_TABLE_MAPPINGS] = TABLE(struct gsd_snapshot_mapping, mapping_columns, 'M', 'A', 'P', 'S'),
	[GSD_TABLE_MODULES] = TABLE(struct gsd_module_place, module_columns, 'M', 'O', 'D', 'S'),
	[GSD_TABLE_TEXT_SECTIONS] = TABLE(struct gsd_text_section, text_section_columns, 'T', 'E', 'X', 'T'),
	[GSD_TABLE_STACKS] = TABLE(struct gsd_stack, stack_columns, 'S', 'T', 'A', 'K'),
	[GSD_TABLE_WORDS] = TABLE(uint64_t, word_columns, 'W', 'O', 'R', 'D'),
	[GSD_TABLE_LABEL_SETS] = TABLE(struct gsd_label_set, label_set_columns, 'L', 'S', 'E', 'T'),
	[GSD_TABLE_LABELS] = TABLE(struct gsd_label, label_columns, 'L', 'A', 'B', 'L'),
	[GSD_TABLE_THREADS] = TABLE(struct gsd_snapshot_thread, thread_columns, 'T', 'H', 'R', 'D'),
	[GSD_TABLE_THREAD_STACKS] = TABLE(struct gsd_thread_stack, thread_stack_columns, 'T', 'S', 'T', 'K'),
	[GSD_TABLE_ANCESTRIES] = TABLE(struct gsd_ancestry, ancestry_columns, 'A', 'L', 'S', 'T'),
	[GSD_TABLE_ANCESTORS] = TABLE(struct gsd_ancestor, ancestor_columns, 'A', 'N', 'C', 'E'),
	[GSD_TABLE_ANCESTOR_PCS] = TABLE(uint64_t, word_columns, 'A', 'P', 'C', 'S'),
	[GSD_TABLE_BUBBLES] = TABLE(struct gsd_bubble, bubble_columns, 'B', 'U', 'B', 'L'),
	[GSD_TABLE_C_PLACES] = TABLE(struct gsd_c_place, c_place_columns, 'C', 'P', 'L', 'A'),
	[GSD_TABLE_C_LINES] = TABLE(struct gsd_c_line, c_line_columns, 'C', 'L', 'I', 'N'),
	[GSD_TABLE_VALUES] = TABLE(struct gsd_value_part, value_columns, 'V', 'A', 'L', 'U'),
	[GSD_TABLE_GOROUTINES] = TABLE(struct gsd_goroutine, goroutine_columns, 'G', 'O', 'R', 'O'),
};

#define NUMBER(member)                                                                                                 \
	{                                                                                                              \
#member, offsetof(struct gsd_stats, member), false                                                     \
	}
#define TEXT(member)                                                                                                   \
	{                                                                                                              \
#member, offsetof(struct gsd_stats, member), true                                                      \
	}

const struct gsd_figure_member gsd_figure_members[] = {
	NUMBER(goroutines),
	NUMBER(system_goroutines),
	NUMBER(unreadable),
	NUMBER(ambiguous),
	NUMBER(unsettled),
	NUMBER(unread_running),
	NUMBER(refused_pause_ns),
	NUMBER(threads),
	NUMBER(pause_ns),
	NUMBER(pause_total_ns),
	NUMBER(stops),
	NUMBER(read_at_stop),
	NUMBER(one_step),
	NUMBER(births),
	NUMBER(rounds),
	NUMBER(prepare_ns),
	NUMBER(capture_ns),
	NUMBER(bytes_read),
	NUMBER(missing_bytes),
	NUMBER(frames),
	NUMBER(unwind_table),
	NUMBER(unwind_fp),
	NUMBER(unwind_disagreements),
	TEXT(layout_source),
	TEXT(allgs_source),
	TEXT(comm),
	{NULL, 0, false},
};
