/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modules: each piece of Go code in a process (the program, a plugin, a shared library) has a moduledata that says
 * where its tables, types and data are. The first one is found by its pointer to the function table; the others are
 * linked. Source: runtime/symtab.go (moduledata, moduledataverify1), cmd/link/internal/ld/symtab.go.
 */
#ifndef GSD_IMAGE_MODULE_H
#define GSD_IMAGE_MODULE_H

#include "base/memory.h"
#include "image/pclntab.h"

#define GSD_GO_MINOR_OLDEST 18
#define GSD_GO_MINOR_NEWEST 27

/** A part of an object's memory, in order of address. */
struct gsd_region {
	uint64_t start;
	uint64_t end;
	bool writable;
	bool executable;
};

/** Text that the linker split: offset range [vaddr, end) lies at `address`. */
struct gsd_text_section {
	uint64_t start;
	uint64_t end;
	uint64_t address;
};

/** The words of a moduledata that matter here; addresses are the target's. */
struct gsd_moduledata {
	uint64_t pcHeader, funcnametab, cutab, filetab, pctab, pclntable, pclntable_length, ftab, ftab_length;
	uint64_t minpc, maxpc, text, etext;
	uint64_t noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t types, etypes, typedesclen;
	uint64_t gofunc, textsectmap, textsectmap_length, typelinks, typelinks_length;
	uint64_t next;
};

struct gsd_module {
	uint64_t address;      /**< of its moduledata */
	unsigned layout_minor; /**< a Go version whose moduledata has this layout */
	struct gsd_moduledata data;
	struct gsd_pclntab table; /**< over table_bytes */
	uint8_t *table_bytes;
	struct gsd_text_section *text_sections; /**< NULL when the text is in one piece */
	size_t text_section_count;
};

/**
 * Where a module and its tables lie, without the tables themselves: enough to read these again from the program's file,
 * and to tell whether that is the right one.
 */
struct gsd_module_place {
	uint64_t address;
	uint64_t table, functions, functions_length; /**< of the function table and of the functions in it */
	uint64_t minpc, maxpc, text, etext;
	uint64_t gofunc;
	uint32_t layout_minor;
	uint32_t table_checksum;
	struct gsd_text_section *text_sections; /**< borrowed; NULL when the text is in one piece */
	size_t text_section_count;
};

/** Frees what @p module owns. */
void gsd_module_free(struct gsd_module *module);

/** Offset of a moduledata field in the layout of Go 1.@p minor, for the tests; false when that version has no such
 * field. */
bool gsd_moduledata_offset(unsigned minor, const char *field, uint64_t *offset_ret);
/** Names of the fields of the newest layout, in order; NULL after the last. */
const char *gsd_moduledata_field(size_t index);

/**
 * Finds and reads the first module in @p regions (one object's mappings): every function table header, then the words
 * that point to it, then all invariants of a moduledata. @p minor is the Go version where it is known, else 0: then
 * every layout is tried. @p hint is the address of the function table or 0. Sets @p found_ret to false when no
 * function table is there. Errors: GSD_ERROR_MISSING (a table, but no moduledata), GSD_ERROR_READ, …
 */
GSD_MUST_CHECK struct gsd_error *gsd_module_find(struct gsd_memory *memory, const struct gsd_region *regions,
						 size_t region_count, unsigned minor, uint64_t hint,
						 struct gsd_module *module_ret, bool *found_ret);
/** Reads the module whose moduledata is at @p address. */
GSD_MUST_CHECK struct gsd_error *gsd_module_read(struct gsd_memory *memory, uint64_t address, unsigned layout_minor,
						 struct gsd_module *module_ret);

/** Where @p module lies. Its text sections stay its own. */
struct gsd_module_place gsd_module_place(const struct gsd_module *module);
/**
 * Reads a module's tables again, from the bytes of the program's file as they were mapped. Its gsd_moduledata has only
 * the words that @p place has. GSD_ERROR_CORRUPT: that is not the table that it was.
 */
GSD_MUST_CHECK struct gsd_error *gsd_module_restore(struct gsd_memory *memory, const struct gsd_module_place *place,
						    struct gsd_module *module_ret);

/** The offset in the text that pclntab uses for @p pc; false when @p pc is not this module's. */
bool gsd_module_text_offset(const struct gsd_module *module, uint64_t pc, uint64_t *offset_ret);
/** The address of text offset @p offset. */
uint64_t gsd_module_text_address(const struct gsd_module *module, uint64_t offset);

#endif
