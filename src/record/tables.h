/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of a record, and of which struct each is a view. What has a list of others (a stack its words, a set its
 * labels) says how many; those are rows of the table behind it, one after the other.
 */
#ifndef GSD_RECORD_TABLES_H
#define GSD_RECORD_TABLES_H

#include "record/table.h"

enum gsd_record_table {
	GSD_TABLE_CAPTURE,       /**< struct gsd_snapshot: one row */
	GSD_TABLE_FIGURES,       /**< struct gsd_figure */
	GSD_TABLE_MAPPINGS,      /**< struct gsd_snapshot_mapping */
	GSD_TABLE_MODULES,       /**< struct gsd_module_place */
	GSD_TABLE_TEXT_SECTIONS, /**< struct gsd_text_section, of modules */
	GSD_TABLE_STACKS,        /**< struct gsd_stack */
	GSD_TABLE_WORDS,         /**< uint64_t, of stacks */
	GSD_TABLE_LABEL_SETS,    /**< struct gsd_label_set */
	GSD_TABLE_LABELS,        /**< struct gsd_label, of label sets */
	GSD_TABLE_THREADS,       /**< struct gsd_snapshot_thread */
	GSD_TABLE_THREAD_STACKS, /**< struct gsd_thread_stack */
	GSD_TABLE_ANCESTRIES,    /**< struct gsd_ancestry */
	GSD_TABLE_ANCESTORS,     /**< struct gsd_ancestor, of ancestries */
	GSD_TABLE_ANCESTOR_PCS,  /**< uint64_t, of ancestors */
	GSD_TABLE_BUBBLES,       /**< struct gsd_bubble */
	GSD_TABLE_C_PLACES,      /**< struct gsd_c_place */
	GSD_TABLE_C_LINES,       /**< struct gsd_c_line, of C places */
	GSD_TABLE_VALUES,        /**< struct gsd_value_part, of all values of arguments */
	GSD_TABLE_GOROUTINES,    /**< struct gsd_goroutine */
	GSD_TABLE_COUNT
};
extern const struct gsd_table gsd_record_tables[GSD_TABLE_COUNT];

/** A piece of struct gsd_values. */
struct gsd_value_part {
	const char *bytes;
	size_t length;
};

/** A figure of struct gsd_stats. */
struct gsd_figure {
	const char *name;
	uint64_t number; /**< when text is NULL */
	const char *text;
};
/** A member of struct gsd_stats that is recorded. Times and memory of the run that reads or writes are not. */
struct gsd_figure_member {
	const char *name;
	size_t offset;
	bool text;
};
extern const struct gsd_figure_member gsd_figure_members[]; /* ends with a NULL name */

#endif
