/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pclntab, the function table that every Go binary carries: which function a pc belongs to, and per pc the stack depth,
 * file, line and inlining. Two formats are supported: Go 1.18–1.19 (magic 0xfffffff0) and 1.20–1.27 (0xfffffff1).
 * Pure functions over a copy of its bytes. Sources: internal/abi/symtab.go, runtime/symtab.go,
 * cmd/link/internal/ld/pcln.go.
 */
#ifndef GSD_IMAGE_PCLNTAB_H
#define GSD_IMAGE_PCLNTAB_H

#include "base/cursor.h"

#define GSD_PCLNTAB_MAGIC_118   0xfffffff0U
#define GSD_PCLNTAB_MAGIC_120   0xfffffff1U
#define GSD_PCLNTAB_HEADER_SIZE 72

/** Where the parts of a function table lie, as its header says; offsets from the header. */
struct gsd_pclntab_header {
	uint32_t magic;
	uint8_t instruction_quantum; /**< 1 on amd64 */
	uint64_t function_count;
	uint64_t text_start; /**< up to Go 1.25 the address of the text, from 1.26 on zero */
	uint64_t names;
	uint64_t units;
	uint64_t files;
	uint64_t values;
	uint64_t functions;
};

/** Whether the GSD_PCLNTAB_HEADER_SIZE bytes at @p bytes are the header of a supported table for 64-bit x86. */
bool gsd_pclntab_parse_header(struct gsd_bytes bytes, struct gsd_pclntab_header *header_ret);

/** A function table: the header and a borrowed copy of its bytes. */
struct gsd_pclntab {
	struct gsd_pclntab_header header;
	struct gsd_bytes bytes;
};

/** PCDATA tables and FUNCDATA entries that are used here (internal/abi/symtab.go). */
enum { GSD_PCDATA_INLINE_TREE = 2, GSD_PCDATA_ARG_LIVE = 3 };
enum { GSD_FUNCDATA_INLINE_TREE = 3, GSD_FUNCDATA_ARG_INFO = 5, GSD_FUNCDATA_ARG_LIVE = 6 };

/** Function flags (internal/abi/symtab.go, FuncFlag). */
enum { GSD_FUNCTION_TOP_FRAME = 1, GSD_FUNCTION_SP_WRITE = 2, GSD_FUNCTION_ASSEMBLY = 4 };

/** A function's record. Offsets are those of the table; `entry` is an offset into the module's text. */
struct gsd_function {
	uint64_t index;
	uint32_t entry;
	uint32_t end; /**< where the next function begins */
	int32_t name;
	uint32_t deferreturn;  /**< offset from the entry of its call of deferreturn; 0: it has none */
	uint32_t stack_depths; /**< value tables: 0 means none */
	uint32_t file_numbers;
	uint32_t line_numbers;
	uint32_t pcdata_count;
	uint32_t unit;
	int32_t start_line; /**< 0 before Go 1.20 */
	uint8_t id;
	uint8_t flags;
	uint8_t funcdata_count;
	size_t pcdata_position; /**< of the array of pcdata tables in the bytes */
};

/** The function whose code holds text offset @p offset; false when there is none. */
bool gsd_pclntab_find(const struct gsd_pclntab *table, uint64_t offset, struct gsd_function *function_ret);
/** The function with index @p index (0 to function_count − 1). */
bool gsd_pclntab_function(const struct gsd_pclntab *table, uint64_t index, struct gsd_function *function_ret);
/**
 * The value that @p values (one of a function's value tables) has at text offset @p offset, −1 when it has none.
 */
int32_t gsd_pclntab_value(const struct gsd_pclntab *table, const struct gsd_function *function, uint32_t values,
			  uint64_t offset);
/** The value of the function's pcdata table number @p number at @p offset, −1 when there is none. */
int32_t gsd_pclntab_pcdata(const struct gsd_pclntab *table, const struct gsd_function *function, unsigned number,
			   uint64_t offset);
/** The offset of funcdata @p number from the module's gofunc; false when absent. */
bool gsd_pclntab_funcdata(const struct gsd_pclntab *table, const struct gsd_function *function, unsigned number,
			  uint32_t *offset_ret);
/** The NUL-terminated name at name offset @p name, inside the table's bytes; NULL when it is out of bounds. */
const char *gsd_pclntab_name(const struct gsd_pclntab *table, int32_t name);
/** The file that @p function's file table has at @p offset; NULL when unknown. */
const char *gsd_pclntab_file(const struct gsd_pclntab *table, const struct gsd_function *function, uint64_t offset);
/** Looks a function up by its exact name; false when there is none. */
bool gsd_pclntab_find_name(const struct gsd_pclntab *table, const char *name, struct gsd_function *function_ret);

/** Whether a name begins at offset @p name: what points into the middle of one is no name. */
bool gsd_pclntab_is_name(const struct gsd_pclntab *table, int32_t name);

/** A record of a function's inline tree. */
struct gsd_inlined_call {
	uint8_t id;         /**< function id of the inlined function */
	int32_t name;       /**< its name offset */
	int32_t parent_pc;  /**< offset from the physical function's entry to the call it replaced */
	int32_t start_line; /**< 0 before Go 1.20 */
};
/** Bytes of one record of the inline tree in this table's format. */
size_t gsd_inlined_call_size(const struct gsd_pclntab *table);
/** Reads a record from gsd_inlined_call_size() bytes. */
struct gsd_inlined_call gsd_inlined_call_parse(const struct gsd_pclntab *table, const uint8_t *bytes);

#endif
