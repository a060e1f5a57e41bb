/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a survey keeps of each entry of the list of goroutines, their order in memory, and the reading of their headers
 * a chunk at a time: neighbours together, so that a look at 100,000 of them costs some hundred system calls.
 */
#ifndef GSD_GO_SURVEY_TABLE_H
#define GSD_GO_SURVEY_TABLE_H

#include "go/allgs.h"
#include "go/settle.h"
#include "go/snapshot.h"

#define GSD_CHUNK_SLOTS 2048

enum gsd_slot_state {
	GSD_SLOT_STILL, /**< the same in every look so far */
	GSD_SLOT_BUSY,  /**< moved, or not settleable: to be read in the stop */
	GSD_SLOT_READ   /**< was read in the last stop */
};

enum gsd_outcome { GSD_OUTCOME_UNDECIDED, GSD_OUTCOME_THERE, GSD_OUTCOME_NOT_THERE, GSD_OUTCOME_AMBIGUOUS };

/** What is kept of an entry of the list. */
struct gsd_survey_slot {
	struct gsd_validator validator;
	uint8_t state;   /**< enum gsd_slot_state */
	uint8_t outcome; /**< enum gsd_outcome, of the last stop */
	bool dead;
	bool scan_done;
	bool moved;     /**< stands still, on a stack that was moved while it was read in the first look */
	bool born;      /**< settled by rule 4, if that holds */
	bool stepped;   /**< settled by rule 3, if that holds */
	bool unsettled; /**< was read while the program ran, because no round had settled it */
};

/** Neighbours in memory, which are read together. */
struct gsd_survey_chunk {
	size_t first; /**< in `order` */
	size_t count;
	struct gsd_range runs[GSD_CHUNK_SLOTS];
	size_t run_count;
	uint8_t *bytes[2];                          /**< two readings */
	const uint8_t *headers[2][GSD_CHUNK_SLOTS]; /**< where each header is in them; NULL: it could not be read */
};

struct gsd_survey_table {
	struct gsd_memory *memory; /**< borrowed */
	size_t header_size;        /**< bytes of a g that are read */

	size_t count; /**< entries of the list that are known */
	size_t capacity;
	uint64_t *addresses; /**< per entry, as all of these */
	struct gsd_survey_slot *slots;
	struct gsd_goroutine *goroutines; /**< of what is there */
	uint32_t *order;                  /**< entries by address; rebuilt when the list has grown */
	size_t ordered;

	struct gsd_survey_chunk chunk;
};

/** Errors: GSD_ERROR_NO_MEMORY, as of all below; what was made is freed with gsd_survey_table_free(). */
GSD_MUST_CHECK struct gsd_error *gsd_survey_table_init(struct gsd_survey_table *table, struct gsd_memory *memory,
						       size_t header_size);
void gsd_survey_table_free(struct gsd_survey_table *table);

/** Makes room for @p count entries. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_table_reserve(struct gsd_survey_table *table, size_t count);
/** An entry more, for which there is room: busy until a look says otherwise. */
void gsd_survey_table_add(struct gsd_survey_table *table, uint64_t address);
/**
 * The list as it is while the program runs: entries never change, and more may come. Errors also: GSD_ERROR_READ,
 * _CORRUPT.
 */
GSD_MUST_CHECK struct gsd_error *gsd_survey_table_read_list(struct gsd_survey_table *table,
							    const struct gsd_allgs *allgs);

/** Puts all entries in their order in memory. */
GSD_MUST_CHECK struct gsd_error *gsd_survey_table_sort(struct gsd_survey_table *table);
/** The entry at @p address, if it has been put in order. */
bool gsd_survey_table_find(const struct gsd_survey_table *table, uint64_t address, size_t *index_ret);

/** Entries from @p first on in order, as many as fit and @p most at most: their runs, and where headers will be. */
void gsd_survey_table_make_chunk(struct gsd_survey_table *table, size_t first, size_t most);
/** Reads the headers of the chunk for the first or the second time. */
void gsd_survey_table_read_chunk(struct gsd_survey_table *table, int reading);

#endif
