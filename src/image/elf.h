/* SPDX-License-Identifier: BSD-3-Clause */
/* An ELF file: segments, symbols, build ids. Read with libelf from a descriptor. */
#ifndef GSD_IMAGE_ELF_H
#define GSD_IMAGE_ELF_H

#include "image/build_id.h"
#include "image/fields.h"

struct gsd_elf;

/** A PT_LOAD segment. */
struct gsd_elf_segment {
	uint64_t address; /**< as linked */
	uint64_t memory_size;
	uint64_t file_offset;
	uint64_t file_size;
	bool readable, writable, executable;
};

/**
 * Opens the ELF file behind @p fd, which is borrowed and must stay open. @p name is for messages. Fails with
 * GSD_ERROR_UNSUPPORTED for another architecture or word size, GSD_ERROR_CORRUPT, GSD_ERROR_IO, GSD_ERROR_NOT_GO when
 * it is no ELF file at all.
 */
GSD_MUST_CHECK struct gsd_error *gsd_elf_open(int fd, const char *name, struct gsd_elf **elf_ret);
void gsd_elf_destroy(struct gsd_elf *elf);

const struct gsd_elf_segment *gsd_elf_segments(const struct gsd_elf *elf, size_t *count_ret);
/** Whether it is ET_DYN: then addresses are relative to where it was loaded. */
bool gsd_elf_is_relocatable(const struct gsd_elf *elf);
/** Address (as linked) and size of section @p name; false when there is none of that name with an address. */
bool gsd_elf_section(const struct gsd_elf *elf, const char *name, uint64_t *address_ret, uint64_t *size_ret);
/** Whether it has a table of symbols (.symtab): otherwise it is stripped. */
bool gsd_elf_has_symbols(const struct gsd_elf *elf);
/** Value of the defined symbol @p name in .symtab or .dynsym; @p found_ret says whether there is one. */
GSD_MUST_CHECK struct gsd_error *gsd_elf_symbol(struct gsd_elf *elf, const char *name, uint64_t *value_ret,
						bool *found_ret);
/** Address (as linked) and size of the table of call frame information (PT_GNU_EH_FRAME); false when there is none. */
bool gsd_elf_frame_table(const struct gsd_elf *elf, uint64_t *address_ret, uint64_t *size_ret);
/** GNU build id in lower-case hex, "" when there is none; owned by @p elf. */
const char *gsd_elf_build_id(const struct gsd_elf *elf);
/** That and Go's own; owned by @p elf. */
const struct gsd_build_ids *gsd_elf_build_ids(const struct gsd_elf *elf);
/** False for a file that holds only the debug information of a program: it has the program's build ids. */
bool gsd_elf_has_code(const struct gsd_elf *elf);
/**
 * The bytes of the file's segments at the addresses as linked, as a memory (zeroes where a segment is longer than the
 * file). Not relocated. Owned by @p elf.
 */
struct gsd_memory *gsd_elf_memory(struct gsd_elf *elf);

/** What the linker wrote into the program about its making. */
struct gsd_buildinfo {
	char version[64]; /**< "go1.26.8"; cut when longer; "" when there is none */
	char *modinfo;    /**< module information and settings as text, without its guards; NULL when there is none */
};
/** Reads the build info (section .go.buildinfo, else the first writable segment) from @p memory at load bias @p bias.
 */
GSD_MUST_CHECK struct gsd_error *gsd_elf_buildinfo(struct gsd_elf *elf, struct gsd_memory *memory, uint64_t bias,
						   struct gsd_buildinfo *info_ret);
void gsd_buildinfo_free(struct gsd_buildinfo *info);

#endif
