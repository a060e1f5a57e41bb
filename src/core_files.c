/* SPDX-License-Identifier: BSD-3-Clause */
#include "core_files.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "image/elf.h"

#define PAGE_SIZE   UINT64_C(4096)
#define MAX_FILES   1024 /* that are looked for */
#define MAX_HEADERS 64   /* program headers of a program in memory */
#define MAX_DYNAMIC 1024 /* entries of a dynamic section */

/* Where they are added, and what of the process is known. */
struct lister {
	struct gsd_core *core;
	struct gsd_memory *memory;
	struct gsd_binaries *binaries;
};

/* A program or library whose first page is in the core. */
struct image {
	uint64_t address; /* of that page */
	uint64_t bias;    /* what is added to its addresses as linked */
	Elf64_Ehdr header;
	Elf64_Phdr headers[MAX_HEADERS];
};

static bool read_memory(const struct lister *lister, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer};
	gsd_memory_read_ranges(lister->memory, &range, 1);
	return range.errnum == 0;
}

/* A string of the process, cut at @p size; false when it is not in the core. */
static bool read_string(const struct lister *lister, uint64_t address, char *text, size_t size)
{
	size_t length = 0;
	while (length < size - 1 && read_memory(lister, address + length, text + length, 1) && text[length] != '\0')
		length++;
	text[length] = '\0';
	return length > 0;
}

static const Elf64_Phdr *header_of_type(const Elf64_Phdr *headers, size_t count, uint32_t type)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == type)
			return &headers[i];
	return NULL;
}

/* Adds the parts of a program or library that is loaded at @p bias. */
static struct gsd_error *add_parts(const struct lister *lister, const Elf64_Phdr *headers, size_t count, uint64_t bias,
				   const char *path)
{
	struct gsd_core *core = lister->core;
	const char *kept = gsd_arena_string(&core->strings, path, strlen(path));
	if (kept == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		uint64_t start = (headers[i].p_vaddr + bias) & ~(PAGE_SIZE - 1);
		uint64_t end = (headers[i].p_vaddr + bias + headers[i].p_filesz + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		struct gsd_core_file file = {
			.start = start, .end = end, .offset = headers[i].p_offset & ~(PAGE_SIZE - 1), .path = kept};
		if (headers[i].p_type == PT_LOAD && start < end && !gsd_core_files_append(&core->files, file))
			return gsd_error_no_memory();
	}
	return NULL;
}

/* ---- images: what begins with an ELF header in memory ---- */

static bool read_image(const struct lister *lister, uint64_t address, struct image *image)
{
	Elf64_Ehdr *header = &image->header;
	image->address = address;
	if (!read_memory(lister, address, header, sizeof *header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_phentsize != sizeof image->headers[0] || header->e_phnum > MAX_HEADERS ||
	    !read_memory(lister, address + header->e_phoff, image->headers, header->e_phnum * sizeof image->headers[0]))
		return false;
	const Elf64_Phdr *first = header_of_type(image->headers, header->e_phnum, PT_LOAD);
	if (first == NULL || first->p_offset >= PAGE_SIZE)
		return false;
	image->bias = address - (first->p_vaddr - first->p_offset);
	return header->e_type == ET_DYN || (header->e_type == ET_EXEC && image->bias == 0);
}

static struct gsd_error *add_image(const struct lister *lister, const struct image *image, const char *path)
{
	return add_parts(lister, image->headers, image->header.e_phnum, image->bias, path);
}

/* ---- the dynamic linker's list ---- */

/* A library that the dynamic linker knows: its program headers are in its first page. */
static struct gsd_error *add_library(const struct lister *lister, const struct link_map *link)
{
	struct image image;
	char path[PATH_MAX];
	if (!read_string(lister, (uint64_t)(uintptr_t)link->l_name, path, sizeof path) ||
	    !read_image(lister, link->l_addr, &image))
		return NULL;
	return add_image(lister, &image, path);
}

/* Follows the dynamic linker's list (link.h), to which the program's dynamic section at @p dynamic leads. */
static struct gsd_error *add_libraries(const struct lister *lister, uint64_t dynamic)
{
	Elf64_Dyn entry = {0};
	struct r_debug debug;
	for (size_t i = 0; i < MAX_DYNAMIC && entry.d_tag != DT_DEBUG; i++)
		if (!read_memory(lister, dynamic + i * sizeof entry, &entry, sizeof entry) || entry.d_tag == DT_NULL)
			return NULL;
	if (entry.d_tag != DT_DEBUG || !read_memory(lister, entry.d_un.d_ptr, &debug, sizeof debug))
		return NULL;
	struct link_map link = {.l_next = debug.r_map};
	for (size_t i = 0; i < MAX_FILES && link.l_next != NULL; i++) {
		if (!read_memory(lister, (uint64_t)(uintptr_t)link.l_next, &link, sizeof link))
			return NULL;
		GSD_TRY(add_library(lister, &link));
	}
	return NULL;
}

static struct gsd_error *add_needed(const struct lister *lister, const Elf64_Phdr *headers, size_t count, uint64_t bias)
{
	const Elf64_Phdr *dynamic = header_of_type(headers, count, PT_DYNAMIC);
	return dynamic == NULL ? NULL : add_libraries(lister, dynamic->p_vaddr + bias);
}

/* ---- with the auxiliary vector: delve's cores have it, and no list of files ---- */

/* The program's own program headers are in memory, and lead to the rest. */
static struct gsd_error *list_by_vector(const struct lister *lister)
{
	const struct gsd_core *core = lister->core;
	Elf64_Phdr headers[MAX_HEADERS];
	size_t count = core->program_header_count < MAX_HEADERS ? (size_t)core->program_header_count : MAX_HEADERS;
	char path[PATH_MAX];
	if (!read_string(lister, core->exec_name, path, sizeof path) ||
	    !read_memory(lister, core->program_headers, headers, count * sizeof headers[0]))
		return NULL;
	const Elf64_Phdr *self = header_of_type(headers, count, PT_PHDR);
	uint64_t bias = self == NULL ? 0 : core->program_headers - self->p_vaddr;
	GSD_TRY(add_parts(lister, headers, count, bias, path));
	return add_needed(lister, headers, count, bias);
}

/* ---- without: gcore's that were cut short have lost it with all notes ---- */

/* How much speaks for an image being the program: its addresses, a dynamic linker, a Go build id. */
static unsigned rank(const struct lister *lister, const struct image *image)
{
	struct gsd_build_ids ids;
	if (image->header.e_type == ET_EXEC)
		return 4;
	gsd_build_ids_in_memory(lister->memory, image->address, &ids);
	return (header_of_type(image->headers, image->header.e_phnum, PT_INTERP) != NULL ? 2U : 0U) +
	       (ids.go[0] != '\0' ? 1U : 0U);
}

/* The program: of the best, that at the lowest address. Below it are no libraries, unless it was loaded as one. */
static bool find_program(const struct lister *lister, struct image *program)
{
	struct image image;
	unsigned best = 0;
	size_t images = 0;
	for (size_t i = 0; i < lister->core->segments.count && images < MAX_FILES; i++) {
		if (!read_image(lister, lister->core->segments.items[i].start, &image))
			continue;
		unsigned found = rank(lister, &image);
		if (found > best)
			*program = image;
		best = found > best ? found : best;
		images++;
	}
	return best > 0;
}

/* Where a file of the same build is; "": it was not found. */
static struct gsd_error *find_path(const struct lister *lister, const struct image *image, char path[PATH_MAX])
{
	struct gsd_wanted_binary wanted = {.path = "", .why_no_build_id = ""};
	struct gsd_found_binary found;
	gsd_build_ids_in_memory(lister->memory, image->address, &wanted.ids);
	path[0] = '\0';
	struct gsd_error *error = gsd_binaries_open(lister->binaries, &wanted, &found);
	if (error == NULL) {
		close(found.fd);
		if (strlen(found.path) < PATH_MAX && realpath(found.path, path) == NULL)
			strcpy(path, found.path);
	}
	if (error == NULL || gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	gsd_error_destroy(error);
	return NULL;
}

static bool is_listed(const struct gsd_core *core, uint64_t address)
{
	for (size_t i = 0; i < core->files.count; i++)
		if (address >= core->files.items[i].start && address < core->files.items[i].end)
			return true;
	return false;
}

/* The program is named as it is found: where it was is lost. */
static struct gsd_error *list_by_images(const struct lister *lister)
{
	struct gsd_core *core = lister->core;
	struct image image;
	char path[PATH_MAX];
	size_t added = 0;
	if (!find_program(lister, &image))
		return NULL;
	GSD_TRY(find_path(lister, &image, path));
	GSD_TRY(add_image(lister, &image, path[0] == '\0' ? GSD_CORE_UNKNOWN_PROGRAM : path));
	core->program_headers = image.address + image.header.e_phoff;
	GSD_TRY(add_needed(lister, image.headers, image.header.e_phnum, image.bias));
	for (size_t i = 0; i < core->segments.count && added < MAX_FILES; i++) {
		uint64_t start = core->segments.items[i].start;
		if (is_listed(core, start) || !read_image(lister, start, &image))
			continue;
		GSD_TRY(find_path(lister, &image, path));
		if (path[0] != '\0')
			GSD_TRY(add_image(lister, &image, path));
		added++;
	}
	return NULL;
}

struct gsd_error *gsd_core_list_files(struct gsd_core *core, struct gsd_memory *dumped, struct gsd_binaries *binaries)
{
	const struct lister lister = {.core = core, .memory = dumped, .binaries = binaries};
	if (core->files.count == 0)
		GSD_TRY(list_by_vector(&lister));
	if (core->files.count == 0)
		GSD_TRY(list_by_images(&lister));
	gsd_core_order_files(core);
	return NULL;
}
