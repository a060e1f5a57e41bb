/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel runs a program by its program headers alone; section headers may be missing or rubbish. So the ELF header
 * and the program headers are read here, with bounds, and must be right; sections come from libelf and are simply
 * absent when it cannot make sense of them. Large tables (symbols, strings) are searched piece by piece: a symbol table
 * of half a million entries costs one pass and no more memory than one piece.
 */
#include "image/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cursor.h"
#include "base/error.h"

/* The kernel's own limit: 64 KiB of program headers (fs/binfmt_elf.c, load_elf_phdrs). */
#define MAX_PROGRAM_HEADERS (65536 / sizeof(Elf64_Phdr))
#define MAX_TABLE_BYTES     ((uint64_t)1 << 32) /* of symbols or of their names */
#define PIECE_BYTES         (64 * 1024)

struct gsd_elf {
	struct gsd_memory memory; /* first: the memory is the ELF file */
	int fd;
	char *name;
	uint64_t file_size;
	bool relocatable;
	struct gsd_elf_segment *segments;
	size_t segment_count;
	uint64_t frame_table;
	uint64_t frame_table_size; /* 0: there is none */
	Elf *sections;             /* NULL when libelf does not understand the section headers */
	bool without_code;         /* only the debug information of a program */
	struct gsd_build_ids build_ids;
};

/* ---- reading the file ---- */

/* Reads exactly @length bytes at @offset; returns 0, an errno, or ENODATA when the file ends before. */
static int read_file(int fd, uint64_t offset, void *buffer, size_t length)
{
	uint8_t *bytes = buffer;
	if (offset > INT64_MAX || length > INT64_MAX - offset)
		return ENODATA;
	while (length > 0) {
		ssize_t got = pread(fd, bytes, length, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			return ENODATA;
		bytes += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

static bool within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static GSD_MUST_CHECK struct gsd_error *corrupt(const struct gsd_elf *elf, const char *reason)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the program %s", elf->name), "%s",
				 reason);
}

/* Reads a table that must be there. */
static GSD_MUST_CHECK struct gsd_error *read_table(const struct gsd_elf *elf, uint64_t offset, void *buffer,
						   size_t length)
{
	int errnum = read_file(elf->fd, offset, buffer, length);
	if (errnum == ENODATA)
		return corrupt(elf, "it ends in the middle of its headers");
	if (errnum != 0)
		return gsd_error_create(GSD_ERROR_IO, errnum, "read the program %s", elf->name);
	return NULL;
}

/* ---- memory ---- */

/* Reads a part of @segment: what is beyond the file's part is zero. */
static int read_segment(const struct gsd_elf *elf, const struct gsd_elf_segment *segment, uint64_t skip, void *buffer,
			size_t length)
{
	size_t in_file = 0;
	if (skip < segment->file_size)
		in_file = segment->file_size - skip < length ? (size_t)(segment->file_size - skip) : length;
	if (in_file > 0 && read_file(elf->fd, segment->file_offset + skip, buffer, in_file) != 0)
		return EFAULT;
	memset((uint8_t *)buffer + in_file, 0, length - in_file);
	return 0;
}

static void elf_memory_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	const struct gsd_elf *elf = (const struct gsd_elf *)memory;
	for (size_t i = 0; i < count; i++) {
		struct gsd_range *range = &ranges[i];
		range->errnum = EFAULT;
		for (size_t k = 0; k < elf->segment_count && range->errnum != 0; k++) {
			const struct gsd_elf_segment *segment = &elf->segments[k];
			if (range->address >= segment->address &&
			    within(range->address - segment->address, range->length, segment->memory_size))
				range->errnum = read_segment(elf, segment, range->address - segment->address,
							     range->buffer, range->length);
		}
	}
}

struct gsd_memory *gsd_elf_memory(struct gsd_elf *elf)
{
	return &elf->memory;
}

/* ---- headers ---- */

static GSD_MUST_CHECK struct gsd_error *read_header(struct gsd_elf *elf, Elf64_Ehdr *header)
{
	int errnum = read_file(elf->fd, 0, header->e_ident, sizeof header->e_ident);
	if (errnum != 0 && errnum != ENODATA)
		return gsd_error_create(GSD_ERROR_IO, errnum, "read the program %s", elf->name);
	if (errnum == ENODATA || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_NOT_GO, 0, "read the program %s", elf->name),
					 "it is no ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the program %s", elf->name),
					 "it is not a 64-bit little-endian program");
	GSD_TRY(read_table(elf, 0, header, sizeof *header));
	if (header->e_machine != EM_X86_64)
		return gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the program %s", elf->name),
					 "its architecture (ELF machine %u) is not x86-64", header->e_machine);
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return corrupt(elf, "it is neither a program nor a shared library");
	if (header->e_phnum > MAX_PROGRAM_HEADERS)
		return corrupt(elf, "it has too many program headers");
	if (header->e_phnum > 0 && header->e_phentsize != sizeof(Elf64_Phdr))
		return corrupt(elf, "its program headers have a wrong size");
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *add_segment(struct gsd_elf *elf, const Elf64_Phdr *header)
{
	if (header->p_filesz > header->p_memsz)
		return corrupt(elf, "a segment is longer in the file than in memory");
	if (header->p_memsz > UINT64_MAX - header->p_vaddr)
		return corrupt(elf, "a segment does not fit into the address space");
	if (!within(header->p_offset, header->p_filesz, elf->file_size))
		return corrupt(elf, "a segment lies beyond the end of the file");
	elf->segments[elf->segment_count++] = (struct gsd_elf_segment){
		.address = header->p_vaddr,
		.memory_size = header->p_memsz,
		.file_offset = header->p_offset,
		.file_size = header->p_filesz,
		.readable = (header->p_flags & PF_R) != 0,
		.writable = (header->p_flags & PF_W) != 0,
		.executable = (header->p_flags & PF_X) != 0,
	};
	return NULL;
}

/* ---- notes ---- */

/* Looks for build ids in @size bytes of notes at @offset. Notes that cannot be read are no notes. */
static void read_notes(struct gsd_elf *elf, uint64_t offset, uint64_t size, uint64_t alignment)
{
	if (size > GSD_NOTE_MAX_BYTES || !within(offset, size, elf->file_size))
		return;
	uint8_t *bytes = malloc((size_t)size + 1);
	if (bytes != NULL && read_file(elf->fd, offset, bytes, (size_t)size) == 0)
		gsd_build_ids_add(&elf->build_ids, (struct gsd_bytes){.data = bytes, .length = (size_t)size},
				  (size_t)alignment);
	free(bytes);
}

static GSD_MUST_CHECK struct gsd_error *read_program_headers(struct gsd_elf *elf, const Elf64_Ehdr *header)
{
	size_t count = header->e_phnum;
	Elf64_Phdr *headers = calloc(count + 1, sizeof *headers);
	elf->segments = calloc(count + 1, sizeof *elf->segments);
	struct gsd_error *error = NULL;
	if (headers == NULL || elf->segments == NULL)
		error = gsd_error_no_memory();
	if (error == NULL)
		error = read_table(elf, header->e_phoff, headers, count * sizeof *headers);
	for (size_t i = 0; i < count && error == NULL; i++) {
		if (headers[i].p_type == PT_LOAD && headers[i].p_memsz > 0)
			error = add_segment(elf, &headers[i]);
		if (headers[i].p_type == PT_GNU_EH_FRAME) {
			elf->frame_table = headers[i].p_vaddr;
			elf->frame_table_size = headers[i].p_memsz;
		}
		if (headers[i].p_type == PT_NOTE)
			read_notes(elf, headers[i].p_offset, headers[i].p_filesz, headers[i].p_align);
	}
	free(headers);
	return error;
}

/* ---- sections ---- */

/* The sections after @section (the first one after NULL), with their headers; NULL after the last. */
static Elf_Scn *next_section(const struct gsd_elf *elf, Elf_Scn *section, const Elf64_Shdr **header_ret)
{
	while (elf->sections != NULL && (section = elf_nextscn(elf->sections, section)) != NULL) {
		*header_ret = elf64_getshdr(section);
		if (*header_ret != NULL)
			return section;
	}
	return NULL;
}

static void open_sections(struct gsd_elf *elf)
{
	elf_version(EV_CURRENT);
	elf->sections = elf_begin(elf->fd, ELF_C_READ, NULL);
	if (elf->sections != NULL && elf_kind(elf->sections) != ELF_K_ELF) {
		elf_end(elf->sections);
		elf->sections = NULL;
	}
	const Elf64_Shdr *header;
	for (Elf_Scn *section = next_section(elf, NULL, &header); section != NULL;
	     section = next_section(elf, section, &header)) {
		if (header->sh_type == SHT_NOTE)
			read_notes(elf, header->sh_offset, header->sh_size, header->sh_addralign);
		if (header->sh_type == SHT_NOBITS && (header->sh_flags & SHF_EXECINSTR) != 0)
			elf->without_code = true;
	}
}

static const char *section_name(const struct gsd_elf *elf, const Elf64_Shdr *header)
{
	size_t strings;
	if (elf_getshdrstrndx(elf->sections, &strings) != 0)
		return NULL;
	return elf_strptr(elf->sections, strings, header->sh_name);
}

bool gsd_elf_section(const struct gsd_elf *elf, const char *name, uint64_t *address_ret, uint64_t *size_ret)
{
	const Elf64_Shdr *header;
	for (Elf_Scn *section = next_section(elf, NULL, &header); section != NULL;
	     section = next_section(elf, section, &header)) {
		const char *candidate = header->sh_addr == 0 ? NULL : section_name(elf, header);
		if (candidate != NULL && strcmp(candidate, name) == 0) {
			*address_ret = header->sh_addr;
			*size_ret = header->sh_size;
			return true;
		}
	}
	return false;
}

/* ---- symbols ---- */

bool gsd_elf_has_symbols(const struct gsd_elf *elf)
{
	const Elf64_Shdr *header;
	Elf_Scn *section = next_section(elf, NULL, &header);
	while (section != NULL && header->sh_type != SHT_SYMTAB)
		section = next_section(elf, section, &header);
	return section != NULL;
}

/*
 * Collects, in ascending order, the offsets in a string table at which @name begins and ends. There can be several: a
 * linker may let a name share the tail of a longer one.
 */
static GSD_MUST_CHECK struct gsd_error *find_name(const struct gsd_elf *elf, const Elf64_Shdr *strings,
						  const char *name, uint8_t *piece, struct gsd_u64_array *offsets)
{
	size_t wanted = strlen(name) + 1;
	uint64_t position = 0;
	while (wanted <= PIECE_BYTES / 2 && position < strings->sh_size && strings->sh_size - position >= wanted) {
		uint64_t left = strings->sh_size - position;
		size_t length = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		int errnum = read_file(elf->fd, strings->sh_offset + position, piece, length);
		if (errnum != 0)
			return gsd_error_create(GSD_ERROR_IO, errnum == ENODATA ? 0 : errnum,
						"read the symbol names of %s", elf->name);
		const uint8_t *from = piece;
		const uint8_t *hit;
		while ((hit = memmem(from, length - (size_t)(from - piece), name, wanted)) != NULL) {
			if (!gsd_u64_array_append(offsets, position + (uint64_t)(hit - piece)))
				return gsd_error_no_memory();
			from = hit + 1;
		}
		/* The next piece begins where a name could still begin that this one cut. */
		position += length - (wanted - 1);
	}
	return NULL;
}

static int compare_offsets(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

/* Looks through a symbol table for a defined symbol whose name is one of @names. */
static GSD_MUST_CHECK struct gsd_error *find_symbol(const struct gsd_elf *elf, const Elf64_Shdr *table,
						    const struct gsd_u64_array *names, uint8_t *piece,
						    uint64_t *value_ret, bool *found_ret)
{
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	for (uint64_t first = 0; first < count;) {
		size_t some = PIECE_BYTES / sizeof(Elf64_Sym);
		if (some > count - first)
			some = (size_t)(count - first);
		int errnum = read_file(elf->fd, table->sh_offset + first * sizeof(Elf64_Sym), piece,
				       some * sizeof(Elf64_Sym));
		if (errnum != 0)
			return gsd_error_create(GSD_ERROR_IO, errnum == ENODATA ? 0 : errnum, "read the symbols of %s",
						elf->name);
		for (size_t i = 0; i < some; i++) {
			Elf64_Sym symbol;
			memcpy(&symbol, piece + i * sizeof symbol, sizeof symbol);
			uint64_t name = symbol.st_name;
			if (symbol.st_shndx == SHN_UNDEF ||
			    bsearch(&name, names->items, names->count, sizeof name, compare_offsets) == NULL)
				continue;
			*value_ret = symbol.st_value;
			*found_ret = true;
			return NULL;
		}
		first += some;
	}
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *search_symbols(const struct gsd_elf *elf, const Elf64_Shdr *table,
						       const char *name, uint8_t *piece, uint64_t *value_ret,
						       bool *found_ret)
{
	Elf_Scn *section = elf_getscn(elf->sections, table->sh_link);
	const Elf64_Shdr *strings = section == NULL ? NULL : elf64_getshdr(section);
	/* A table that is not wholly in the file has no symbols: so do those of a file with only debug information. */
	if (strings == NULL || strings->sh_type != SHT_STRTAB || table->sh_size > MAX_TABLE_BYTES ||
	    strings->sh_size > MAX_TABLE_BYTES || !within(table->sh_offset, table->sh_size, elf->file_size) ||
	    !within(strings->sh_offset, strings->sh_size, elf->file_size))
		return NULL;
	struct gsd_u64_array names = {0};
	struct gsd_error *error = find_name(elf, strings, name, piece, &names);
	if (error == NULL && names.count > 0)
		error = find_symbol(elf, table, &names, piece, value_ret, found_ret);
	gsd_u64_array_free(&names);
	return error;
}

struct gsd_error *gsd_elf_symbol(struct gsd_elf *elf, const char *name, uint64_t *value_ret, bool *found_ret)
{
	static const Elf64_Word tables[] = {SHT_SYMTAB, SHT_DYNSYM};
	uint8_t *piece = malloc(PIECE_BYTES);
	if (piece == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	bool found = false;
	uint64_t value = 0;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(tables); i++) {
		const Elf64_Shdr *header;
		for (Elf_Scn *section = next_section(elf, NULL, &header); section != NULL && error == NULL && !found;
		     section = next_section(elf, section, &header)) {
			if (header->sh_type == tables[i])
				error = search_symbols(elf, header, name, piece, &value, &found);
		}
	}
	free(piece);
	if (error != NULL)
		return error;
	if (found)
		*value_ret = value;
	*found_ret = found;
	return NULL;
}

/* ---- the file ---- */

static GSD_MUST_CHECK struct gsd_error *open_file(struct gsd_elf *elf)
{
	struct stat status;
	if (fstat(elf->fd, &status) != 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the program %s", elf->name);
	if (!S_ISREG(status.st_mode))
		return gsd_error_because(gsd_error_create(GSD_ERROR_NOT_GO, 0, "read the program %s", elf->name),
					 "it is not a regular file");
	elf->file_size = (uint64_t)status.st_size;
	Elf64_Ehdr header;
	GSD_TRY(read_header(elf, &header));
	elf->relocatable = header.e_type == ET_DYN;
	GSD_TRY(read_program_headers(elf, &header));
	open_sections(elf);
	return NULL;
}

struct gsd_error *gsd_elf_open(int fd, const char *name, struct gsd_elf **elf_ret)
{
	struct gsd_elf *elf = calloc(1, sizeof *elf);
	if (elf == NULL)
		return gsd_error_no_memory();
	elf->memory.read = elf_memory_read;
	elf->fd = fd;
	elf->name = strdup(name);
	struct gsd_error *error = elf->name == NULL ? gsd_error_no_memory() : open_file(elf);
	if (error != NULL) {
		gsd_elf_destroy(elf);
		return error;
	}
	*elf_ret = elf;
	return NULL;
}

void gsd_elf_destroy(struct gsd_elf *elf)
{
	if (elf == NULL)
		return;
	elf_end(elf->sections);
	free(elf->segments);
	free(elf->name);
	free(elf);
}

const struct gsd_elf_segment *gsd_elf_segments(const struct gsd_elf *elf, size_t *count_ret)
{
	*count_ret = elf->segment_count;
	return elf->segments;
}

bool gsd_elf_is_relocatable(const struct gsd_elf *elf)
{
	return elf->relocatable;
}

bool gsd_elf_frame_table(const struct gsd_elf *elf, uint64_t *address_ret, uint64_t *size_ret)
{
	*address_ret = elf->frame_table;
	*size_ret = elf->frame_table_size;
	return elf->frame_table_size != 0;
}

const char *gsd_elf_build_id(const struct gsd_elf *elf)
{
	return elf->build_ids.gnu;
}

const struct gsd_build_ids *gsd_elf_build_ids(const struct gsd_elf *elf)
{
	return &elf->build_ids;
}

bool gsd_elf_has_code(const struct gsd_elf *elf)
{
	return !elf->without_code;
}
