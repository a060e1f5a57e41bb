/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The build info that the Go linker writes (cmd/link/internal/ld/data.go, buildinfo): 32 bytes of header, then two
 * strings, each a uvarint length and its bytes. Since Go 1.18 the strings are inline, which flag bit 1 says; the older
 * form with pointers is not read (debug/buildinfo/buildinfo.go, readRawBuildInfo, reads both).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "image/elf.h"

#define MAGIC         "\xff Go buildinf:"
#define MAGIC_BYTES   (sizeof MAGIC - 1)
#define ALIGNMENT     16
#define HEADER_BYTES  32
#define FLAGS_OFFSET  15
#define FLAG_INLINE   2
#define MODINFO_GUARD 16 /* bytes around the module information (cmd/go/internal/modload/build.go, infoStart) */
#define MAX_VERSION   1024
#define MAX_MODINFO   (16U << 20)
/* Without section headers: how much of the data segment is searched. Large programs whose types were made writable for
   relocation (PIE by an external linker) have the build info behind those. */
#define MAX_SEARCH_BYTES ((uint64_t)64 << 20)
#define PIECE_BYTES      ((size_t)256 << 10) /* a multiple of ALIGNMENT */

/* Where build info may be: [start, end), as linked. */
struct area {
	uint64_t start;
	uint64_t end;
};

static bool find_area(const struct gsd_elf *elf, struct area *area_ret)
{
	uint64_t size;
	if (gsd_elf_section(elf, ".go.buildinfo", &area_ret->start, &size) && size <= UINT64_MAX - area_ret->start) {
		area_ret->end = area_ret->start + size;
		return true;
	}
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(elf, &count);
	for (size_t i = 0; i < count; i++) {
		if (segments[i].writable && !segments[i].executable) {
			area_ret->start = segments[i].address;
			area_ret->end = segments[i].address + segments[i].memory_size;
			return true;
		}
	}
	return false;
}

/* Drops an error that says that bytes are not there: then there is no build info. Others stay. */
static struct gsd_error *absent_if_unreadable(struct gsd_error *error)
{
	if (error == NULL || gsd_error_code(error) != GSD_ERROR_READ)
		return error;
	gsd_error_destroy(error);
	return NULL;
}

/* Searches for the header; *header_ret is 0 when there is none. */
static GSD_MUST_CHECK struct gsd_error *find_header(struct gsd_memory *memory, struct area area, uint64_t bias,
						    uint64_t *header_ret)
{
	*header_ret = 0;
	uint8_t *piece = malloc(PIECE_BYTES);
	if (piece == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	uint64_t position = (area.start + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
	if (position >= area.start && area.end > position && area.end - position > MAX_SEARCH_BYTES)
		area.end = position + MAX_SEARCH_BYTES;
	while (*header_ret == 0 && position >= area.start && position < area.end && area.end - position >= ALIGNMENT) {
		size_t length = area.end - position < PIECE_BYTES ? (size_t)(area.end - position) : PIECE_BYTES;
		error = gsd_memory_read(memory, position + bias, piece, length);
		if (error != NULL)
			break;
		for (size_t i = 0; i + MAGIC_BYTES <= length; i += ALIGNMENT) {
			if (memcmp(piece + i, MAGIC, MAGIC_BYTES) == 0) {
				*header_ret = position + i + bias;
				break;
			}
		}
		position += length;
	}
	free(piece);
	return absent_if_unreadable(error);
}

/* Reads the length of a string; the target's bytes end where they end, so one at a time. */
static GSD_MUST_CHECK struct gsd_error *read_length(struct gsd_memory *memory, uint64_t *address, uint64_t *length_ret)
{
	uint8_t bytes[10];
	size_t count = 0;
	do {
		GSD_TRY(gsd_memory_read(memory, *address, &bytes[count], 1));
		(*address)++;
	} while ((bytes[count++] & 0x80) != 0 && count < sizeof bytes);
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = bytes, .length = count}, 0);
	uint64_t length = gsd_cursor_uvarint(&cursor);
	*length_ret = cursor.failed ? UINT64_MAX : length;
	return NULL;
}

/* Module information without its guards, as debug/buildinfo takes them off; NULL in *text_ret when there is none. */
static GSD_MUST_CHECK struct gsd_error *read_modinfo(struct gsd_memory *memory, uint64_t address, char **text_ret)
{
	uint64_t length;
	GSD_TRY(read_length(memory, &address, &length));
	if (length <= 2 * MODINFO_GUARD || length > MAX_MODINFO)
		return NULL;
	size_t inner = (size_t)length - 2 * MODINFO_GUARD;
	char *text = malloc(inner + 1);
	if (text == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_memory_read(memory, address + MODINFO_GUARD, text, inner);
	if (error != NULL || text[inner - 1] != '\n') {
		free(text);
		return error;
	}
	text[inner] = '\0';
	*text_ret = text;
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *read_strings(struct gsd_memory *memory, uint64_t header,
						     struct gsd_buildinfo *info)
{
	uint8_t flags;
	GSD_TRY(gsd_memory_read(memory, header + FLAGS_OFFSET, &flags, 1));
	if ((flags & FLAG_INLINE) == 0)
		return NULL;
	uint64_t address = header + HEADER_BYTES;
	uint64_t length;
	GSD_TRY(read_length(memory, &address, &length));
	if (length > MAX_VERSION)
		return NULL;
	/* A development version with experiments can be longer than the room: what matters is at its beginning. */
	size_t kept = length < sizeof info->version ? (size_t)length : sizeof info->version - 1;
	char version[sizeof info->version] = "";
	GSD_TRY(gsd_memory_read(memory, address, version, kept));
	memcpy(info->version, version, sizeof version);
	return read_modinfo(memory, address + length, &info->modinfo);
}

struct gsd_error *gsd_elf_buildinfo(struct gsd_elf *elf, struct gsd_memory *memory, uint64_t bias,
				    struct gsd_buildinfo *info_ret)
{
	struct gsd_buildinfo info = {.version = "", .modinfo = NULL};
	struct area area;
	if (find_area(elf, &area)) {
		uint64_t header;
		GSD_TRY(find_header(memory, area, bias, &header));
		if (header != 0)
			GSD_TRY(absent_if_unreadable(read_strings(memory, header, &info)));
	}
	*info_ret = info;
	return NULL;
}

void gsd_buildinfo_free(struct gsd_buildinfo *info)
{
	free(info->modinfo);
	memset(info, 0, sizeof *info);
}
