/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/build_id.h"

#include <elf.h>
#include <string.h>

#define MAX_HEADERS 64 /* program headers of a file that is looked at in memory */

/* cmd/internal/buildid, note.go: its name and type. */
static const char go_name[] = {'G', 'o', '\0', '\0'};
#define GO_BUILD_ID_TYPE 4

static void take_gnu(struct gsd_build_ids *ids, const uint8_t *value, uint32_t size)
{
	if (ids->gnu[0] != '\0' || size > (sizeof ids->gnu - 1) / 2)
		return;
	for (uint32_t i = 0; i < size; i++) {
		ids->gnu[2 * i] = "0123456789abcdef"[value[i] >> 4];
		ids->gnu[2 * i + 1] = "0123456789abcdef"[value[i] & 15];
	}
}

static void take_go(struct gsd_build_ids *ids, const uint8_t *value, uint32_t size)
{
	if (ids->go[0] != '\0' || size >= sizeof ids->go)
		return;
	for (uint32_t i = 0; i < size; i++)
		if (value[i] <= ' ' || value[i] >= 0x7f)
			return;
	memcpy(ids->go, value, size);
}

void gsd_build_ids_add(struct gsd_build_ids *ids, struct gsd_bytes notes, size_t alignment)
{
	size_t padding = alignment == 8 ? 7 : 3;
	struct gsd_cursor cursor = gsd_cursor_at(notes, 0);
	while (!cursor.failed && cursor.position < cursor.length) {
		uint32_t name_size = gsd_cursor_u32(&cursor);
		uint32_t value_size = gsd_cursor_u32(&cursor);
		uint32_t type = gsd_cursor_u32(&cursor);
		const uint8_t *name = gsd_cursor_take(&cursor, name_size);
		gsd_cursor_take(&cursor, -cursor.position & padding);
		const uint8_t *value = gsd_cursor_take(&cursor, value_size);
		if (name == NULL || value == NULL)
			return;
		if (type == NT_GNU_BUILD_ID && name_size == sizeof ELF_NOTE_GNU &&
		    memcmp(name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
			take_gnu(ids, value, value_size);
		if (type == GO_BUILD_ID_TYPE && name_size == sizeof go_name &&
		    memcmp(name, go_name, sizeof go_name) == 0)
			take_go(ids, value, value_size);
		gsd_cursor_take(&cursor, -cursor.position & padding);
	}
}

/* What is added to linked addresses: from the segment that begins the file. */
static bool find_bias(const Elf64_Phdr *headers, size_t count, uint64_t address, uint64_t *bias_ret)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type != PT_LOAD || headers[i].p_offset >= 4096)
			continue;
		*bias_ret = address - (headers[i].p_vaddr - headers[i].p_offset);
		return true;
	}
	return false;
}

static bool read_range(struct gsd_memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer};
	gsd_memory_read_ranges(memory, &range, 1);
	return range.errnum == 0;
}

void gsd_build_ids_in_memory(struct gsd_memory *memory, uint64_t address, struct gsd_build_ids *ids_ret)
{
	Elf64_Ehdr header;
	Elf64_Phdr headers[MAX_HEADERS];
	uint8_t notes[4096];
	uint64_t bias;
	*ids_ret = (struct gsd_build_ids){0};
	if (!read_range(memory, address, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > MAX_HEADERS || header.e_phoff > 4096 ||
	    !read_range(memory, address + header.e_phoff, headers, header.e_phnum * sizeof *headers) ||
	    !find_bias(headers, header.e_phnum, address, &bias))
		return;
	for (size_t i = 0; i < header.e_phnum; i++) {
		if (headers[i].p_type != PT_NOTE || headers[i].p_filesz > sizeof notes ||
		    !read_range(memory, headers[i].p_vaddr + bias, notes, (size_t)headers[i].p_filesz))
			continue;
		gsd_build_ids_add(ids_ret, (struct gsd_bytes){.data = notes, .length = (size_t)headers[i].p_filesz},
				  (size_t)headers[i].p_align);
	}
}

enum gsd_same_build gsd_build_ids_same(const struct gsd_build_ids *wanted, const struct gsd_build_ids *ids)
{
	if (wanted->gnu[0] != '\0')
		return strcmp(wanted->gnu, ids->gnu) == 0 ? GSD_SAME_BUILD_YES : GSD_SAME_BUILD_NO;
	if (wanted->go[0] != '\0')
		return strcmp(wanted->go, ids->go) == 0 ? GSD_SAME_BUILD_YES : GSD_SAME_BUILD_NO;
	return GSD_SAME_BUILD_UNKNOWN;
}
