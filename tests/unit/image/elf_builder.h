/* SPDX-License-Identifier: BSD-3-Clause */
/* Small ELF files, made in memory for the tests: what is wanted of segments and sections, and no more. */
#ifndef GSD_TEST_ELF_BUILDER_H
#define GSD_TEST_ELF_BUILDER_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes that grow: the content of a section, or a file. */
struct blob {
	uint8_t *bytes;
	size_t length;
};

static inline void blob_add(struct blob *blob, const void *bytes, size_t length)
{
	blob->bytes = realloc(blob->bytes, blob->length + length + 1);
	assert_non_null(blob->bytes);
	if (length > 0)
		memcpy(blob->bytes + blob->length, bytes, length);
	blob->length += length;
}

/* The low @size bytes of @value, little-endian. */
static inline void blob_number(struct blob *blob, uint64_t value, size_t size)
{
	blob_add(blob, &value, size);
}

static inline void blob_string(struct blob *blob, const char *text)
{
	blob_add(blob, text, strlen(text) + 1);
}

static inline void blob_uvarint(struct blob *blob, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		blob_number(blob, (value & 0x7f) | 0x80, 1);
	blob_number(blob, value, 1);
}

static inline void blob_free(struct blob *blob)
{
	free(blob->bytes);
	memset(blob, 0, sizeof *blob);
}

struct elf_part {
	/* of a section */
	const char *name; /* NULL: a segment */
	uint32_t type;
	uint64_t flags;
	uint64_t address;
	uint32_t link; /* section numbers begin at 1, in the order given */
	/* of both */
	const void *bytes;
	size_t length;
	/* of a segment */
	uint64_t memory_size; /* 0: as long as in the file */
	uint64_t alignment;
};

/* Header, program headers, contents, section names, section headers. A file without sections has no section headers. */
static inline struct blob build_elf(const struct elf_part *parts, size_t count)
{
	struct blob file = {0};
	struct blob names = {0};
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_type = ET_EXEC,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_ehsize = sizeof header,
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_shentsize = sizeof(Elf64_Shdr)};
	Elf64_Shdr *sections = calloc(count + 2, sizeof *sections);
	Elf64_Phdr *segments = calloc(count + 1, sizeof *segments);
	assert_non_null(sections);
	assert_non_null(segments);
	for (size_t i = 0; i < count; i++)
		header.e_phnum = (uint16_t)(header.e_phnum + (parts[i].name == NULL));
	header.e_phoff = header.e_phnum == 0 ? 0 : sizeof header;
	blob_add(&file, &header, sizeof header);
	blob_add(&file, segments, header.e_phnum * sizeof *segments);
	blob_number(&names, 0, 1);
	size_t section_count = 1;
	size_t segment_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct elf_part *part = &parts[i];
		while (file.length % 8 != 0)
			blob_number(&file, 0, 1);
		if (part->name == NULL) {
			segments[segment_count++] =
				(Elf64_Phdr){.p_type = part->type,
					     .p_flags = (uint32_t)part->flags,
					     .p_offset = file.length,
					     .p_vaddr = part->address,
					     .p_filesz = part->length,
					     .p_memsz = part->memory_size == 0 ? part->length : part->memory_size,
					     .p_align = part->alignment};
		} else {
			sections[section_count++] = (Elf64_Shdr){
				.sh_name = (uint32_t)names.length,
				.sh_type = part->type,
				.sh_flags = part->flags,
				.sh_addr = part->address,
				.sh_offset = file.length,
				.sh_size = part->length,
				.sh_link = part->link,
				.sh_addralign = part->alignment == 0 ? 1 : part->alignment,
				.sh_entsize =
					part->type == SHT_SYMTAB || part->type == SHT_DYNSYM ? sizeof(Elf64_Sym) : 0};
			blob_string(&names, part->name);
		}
		blob_add(&file, part->bytes, part->length);
	}
	if (section_count > 1) {
		header.e_shstrndx = (uint16_t)section_count;
		sections[section_count++] = (Elf64_Shdr){.sh_name = (uint32_t)names.length,
							 .sh_type = SHT_STRTAB,
							 .sh_offset = file.length,
							 .sh_size = names.length + sizeof ".shstrtab",
							 .sh_addralign = 1};
		blob_string(&names, ".shstrtab");
		blob_add(&file, names.bytes, names.length);
		while (file.length % 8 != 0)
			blob_number(&file, 0, 1);
		header.e_shoff = file.length;
		header.e_shnum = (uint16_t)section_count;
		blob_add(&file, sections, section_count * sizeof *sections);
	}
	memcpy(file.bytes, &header, sizeof header);
	memcpy(file.bytes + sizeof header, segments, segment_count * sizeof *segments);
	free(sections);
	free(segments);
	blob_free(&names);
	return file;
}

/* A file with these bytes. Close it. */
static inline int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("gsd-test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	return fd;
}

static inline int elf_file(const struct elf_part *parts, size_t count)
{
	struct blob file = build_elf(parts, count);
	int fd = file_of(file.bytes, file.length);
	blob_free(&file);
	return fd;
}

/* Fails the test, with the message, when there is an error. */
static inline void check_no_error(struct gsd_error *error)
{
	if (error != NULL)
		fail_msg("%s", gsd_error_message(error));
}

static inline void check_error(struct gsd_error *error, enum gsd_error_code code)
{
	assert_non_null(error);
	if (gsd_error_code(error) != code)
		fail_msg("code %d instead of %d: %s", gsd_error_code(error), code, gsd_error_message(error));
	gsd_error_destroy(error);
}

#endif
