/* SPDX-License-Identifier: BSD-3-Clause */
/* Cores made by hand: segments and notes as a test wants them, true or not. */
#ifndef GSD_TEST_CORE_BUILDER_H
#define GSD_TEST_CORE_BUILDER_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

struct core_bytes {
	uint8_t *bytes;
	size_t length;
};

static inline void core_add(struct core_bytes *to, const void *bytes, size_t length)
{
	to->bytes = realloc(to->bytes, to->length + length + 1);
	assert_non_null(to->bytes);
	if (length > 0)
		memcpy(to->bytes + to->length, bytes, length);
	to->length += length;
}

static inline void core_word(struct core_bytes *to, uint64_t word)
{
	core_add(to, &word, sizeof word);
}

static inline void core_note(struct core_bytes *notes, const char *name, uint32_t type, const void *value,
			     uint32_t length)
{
	uint32_t name_size = name[0] == '\0' ? 0 : (uint32_t)strlen(name) + 1;
	const uint32_t header[3] = {name_size, length, type};
	core_add(notes, header, sizeof header);
	core_add(notes, name, name_size);
	core_add(notes, "\0\0\0", -notes->length & 3);
	core_add(notes, value, length);
	core_add(notes, "\0\0\0", -notes->length & 3);
}

static inline void core_note_thread(struct core_bytes *notes, const char *name, int tid, uint64_t pc, uint64_t sp)
{
	struct elf_prstatus status = {.pr_pid = tid};
	const struct user_regs_struct user = {.rip = pc, .rsp = sp, .rbp = sp + 8, .r15 = 15, .r8 = 8, .rax = 1};
	memcpy(&status.pr_reg, &user, sizeof user);
	core_note(notes, name, NT_PRSTATUS, &status, sizeof status);
}

/* A list of one file. */
static inline void core_note_file(struct core_bytes *notes, uint64_t start, uint64_t end, uint64_t page, uint64_t unit,
				  const char *path)
{
	struct core_bytes value = {0};
	core_word(&value, 1);
	core_word(&value, unit);
	core_word(&value, start);
	core_word(&value, end);
	core_word(&value, page);
	core_add(&value, path, strlen(path) + 1);
	core_note(notes, "CORE", NT_FILE, value.bytes, (uint32_t)value.length);
	free(value.bytes);
}

/* A core of these segments: `bytes` of each are p_filesz long unless NULL. Contents follow the headers, then the notes.
 */
struct core_part {
	uint64_t address;
	uint64_t memory_size;
	uint64_t file_size;
	uint32_t flags;
	const void *bytes;
	uint64_t offset; /* 0: where its bytes are */
};

static inline struct core_bytes core_build(const struct core_part *parts, size_t count, const struct core_bytes *notes)
{
	struct core_bytes core = {0};
	Elf64_Phdr headers[16] = {0};
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_type = ET_CORE,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_phoff = sizeof header,
			     .e_ehsize = sizeof header,
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = (uint16_t)(count + 1)};
	assert_true(count < 16);
	core_add(&core, &header, sizeof header);
	core_add(&core, headers, (count + 1) * sizeof headers[0]);
	headers[0] = (Elf64_Phdr){.p_type = PT_NOTE,
				  .p_offset = core.length,
				  .p_filesz = notes == NULL ? 0 : notes->length,
				  .p_align = 4};
	if (notes != NULL)
		core_add(&core, notes->bytes, notes->length);
	for (size_t i = 0; i < count; i++) {
		headers[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
					      .p_flags = parts[i].flags,
					      .p_offset = parts[i].offset != 0 ? parts[i].offset : core.length,
					      .p_vaddr = parts[i].address,
					      .p_filesz = parts[i].file_size,
					      .p_memsz = parts[i].memory_size};
		if (parts[i].bytes != NULL)
			core_add(&core, parts[i].bytes, (size_t)parts[i].file_size);
	}
	memcpy(core.bytes + sizeof header, headers, (count + 1) * sizeof headers[0]);
	return core;
}

/* A file with these bytes. */
static inline int core_file(const struct core_bytes *core)
{
	int fd = memfd_create("gsd-core", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, core->bytes, core->length), (ssize_t)core->length);
	return fd;
}

#endif
