/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/names.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/regular_file.h"
#include "image/debug_string.h"
#include "native/symbols.h"

#define MAX_INLINED 256
#define MAX_UNITS   ((size_t)1 << 20)
#define MAX_RANGES  ((ptrdiff_t)1 << 20) /* of one unit */
#define DEBUG_FILES "/usr/lib/debug/.build-id"

/* Code of a compilation unit that .debug_aranges does not list. */
struct unit_range {
	uint64_t start;
	uint64_t end;
	Dwarf_Off unit;
};
GSD_DEFINE_ARRAY(unit_ranges, struct unit_range)

/* A file with debug information or symbols. */
struct source {
	int own_fd; /* or -1 */
	Elf *elf;
	Dwarf *dwarf;
};

struct gsd_native_names {
	struct source sources[2]; /* the file, and its debug information when that is in a file of its own */
	struct gsd_native_symbols *symbols;
	Dwarf *dwarf;
	struct gsd_bytes info; /* of it */
	struct unit_ranges units;
	bool units_listed;
	struct gsd_arena arena;
};

/* ---- opening ---- */

static void source_close(struct source *source)
{
	if (source->dwarf != NULL)
		dwarf_end(source->dwarf);
	if (source->elf != NULL)
		elf_end(source->elf);
	if (source->own_fd >= 0)
		close(source->own_fd);
	*source = (struct source){.own_fd = -1};
}

/* Reads, and does not map: a file that is cut while it is mapped would end us. */
static void source_open(struct source *source, int fd)
{
	source->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (source->elf != NULL && elf_kind(source->elf) == ELF_K_ELF)
		source->dwarf = dwarf_begin_elf(source->elf, DWARF_C_READ, NULL);
}

/* The debug information with this build id (hex) that is installed here. */
static int open_debug_file(const char *build_id)
{
	char path[sizeof DEBUG_FILES + 192];
	size_t length = strlen(build_id);
	if (length < 3 || length > 128)
		return -1;
	snprintf(path, sizeof path, DEBUG_FILES "/%.2s/%s.debug", build_id, build_id + 2);
	return gsd_open_regular(AT_FDCWD, path);
}

struct gsd_native_names *gsd_native_names_create(int fd, const char *build_id)
{
	struct gsd_native_names *names = calloc(1, sizeof *names);
	if (names == NULL)
		return NULL;
	elf_version(EV_CURRENT);
	names->sources[0].own_fd = names->sources[1].own_fd = -1;
	source_open(&names->sources[0], fd);
	names->dwarf = names->sources[0].dwarf;
	if (names->dwarf == NULL && (names->sources[1].own_fd = open_debug_file(build_id)) >= 0) {
		source_open(&names->sources[1], names->sources[1].own_fd);
		names->dwarf = names->sources[1].dwarf;
	}
	if (names->dwarf != NULL)
		names->info = gsd_debug_info_bytes(dwarf_getelf(names->dwarf));
	names->symbols = gsd_native_symbols_create();
	bool complete = names->symbols != NULL && gsd_native_symbols_add(names->symbols, names->sources[0].elf) &&
			gsd_native_symbols_add(names->symbols, names->sources[1].elf);
	if (!complete) {
		gsd_native_names_destroy(names);
		return NULL;
	}
	gsd_native_symbols_finish(names->symbols);
	return names;
}

void gsd_native_names_destroy(struct gsd_native_names *names)
{
	if (names == NULL)
		return;
	gsd_native_symbols_destroy(names->symbols);
	source_close(&names->sources[0]);
	source_close(&names->sources[1]);
	unit_ranges_free(&names->units);
	gsd_arena_free(&names->arena);
	free(names);
}

/* ---- the unit ---- */

static int compare_ranges(const void *left, const void *right)
{
	const struct unit_range *a = left;
	const struct unit_range *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

static bool add_ranges(struct gsd_native_names *names, Dwarf_Die *unit)
{
	Dwarf_Addr base;
	Dwarf_Addr start;
	Dwarf_Addr end;
	ptrdiff_t at = 0;
	for (ptrdiff_t i = 0; i < MAX_RANGES && (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0; i++) {
		struct unit_range range = {.start = start, .end = end, .unit = dwarf_dieoffset(unit)};
		if (!unit_ranges_append(&names->units, range))
			return false;
	}
	return true;
}

/* All units but those of Go: the function table knows them better, and there are many. */
static bool list_units(struct gsd_native_names *names)
{
	Dwarf_CU *unit = NULL;
	Dwarf_CU *next;
	Dwarf_Die die;
	uint8_t type;
	names->units_listed = true;
	for (size_t i = 0; i < MAX_UNITS; i++, unit = next) {
		if (dwarf_get_units(names->dwarf, unit, &next, NULL, &type, &die, NULL) != 0)
			break;
		if (type == DW_UT_compile && dwarf_srclang(&die) != DW_LANG_Go && !add_ranges(names, &die))
			return false;
	}
	if (names->units.count > 1)
		qsort(names->units.items, names->units.count, sizeof *names->units.items, compare_ranges);
	return true;
}

static bool find_unit(struct gsd_native_names *names, uint64_t address, Dwarf_Die *unit, bool *found_ret)
{
	*found_ret = dwarf_addrdie(names->dwarf, address, unit) != NULL;
	if (*found_ret)
		return true;
	if (!names->units_listed && !list_units(names))
		return false;
	size_t low = 0;
	for (size_t high = names->units.count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (names->units.items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= names->units.items[low - 1].end)
		return true;
	*found_ret = dwarf_offdie(names->dwarf, names->units.items[low - 1].unit, unit) != NULL;
	return true;
}

/* ---- functions and lines ---- */

/* The name that a linker has for it where that differs (C++), so that readers can demangle it. */
static const char *function_name(const struct gsd_native_names *names, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	static const unsigned kinds[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const char *name = dwarf_formstring(dwarf_attr_integrate(die, kinds[i], &attribute));
		name = gsd_debug_string(names->info, name);
		if (name != NULL)
			return name;
	}
	return NULL;
}

static int64_t number(Dwarf_Die *die, unsigned kind)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Attribute *found = dwarf_attr_integrate(die, kind, &attribute);
	return found != NULL && dwarf_formudata(found, &value) == 0 && value <= INT32_MAX ? (int64_t)value : 0;
}

/* A name as an absolute path where the unit says where it was compiled, as debuggers show it. */
static bool keep_file(struct gsd_native_names *names, Dwarf_Die *unit, const char *file, const char **kept_ret)
{
	Dwarf_Attribute attribute;
	*kept_ret = NULL;
	if (file == NULL)
		return true;
	const char *folder =
		gsd_debug_string(names->info, dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute)));
	if (file[0] == '/' || folder == NULL)
		folder = "";
	size_t length = strlen(folder) + 1 + strlen(file);
	char *path = gsd_arena_allocate(&names->arena, length + 1);
	if (path == NULL)
		return false;
	snprintf(path, length + 1, "%s%s%s", folder, *folder != '\0' ? "/" : "", file);
	*kept_ret = path;
	return true;
}

static bool is_function(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram || tag == DW_TAG_entry_point;
}

/* The functions around an address, innermost first: each is at the line where the one before it was inlined. */
static bool add_functions(struct gsd_native_names *names, Dwarf_Die *unit, Dwarf_Die *scopes, int count,
			  struct gsd_c_line line, struct gsd_native_line_array *lines)
{
	Dwarf_Files *files = NULL;
	(void)dwarf_getsrcfiles(unit, &files, NULL);
	for (int i = 0; i < count && lines->count < MAX_INLINED; i++) {
		if (!is_function(&scopes[i]))
			continue;
		line.function = function_name(names, &scopes[i]);
		line.start_line = number(&scopes[i], DW_AT_decl_line);
		if (!gsd_native_line_array_append(lines, line))
			return false;
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			break;
		int64_t file = number(&scopes[i], DW_AT_call_file);
		const char *name = files == NULL ? NULL : dwarf_filesrc(files, (size_t)file, NULL, NULL);
		line = (struct gsd_c_line){.line = number(&scopes[i], DW_AT_call_line)};
		if (!keep_file(names, unit, name, &line.file))
			return false;
	}
	return true;
}

static bool find_in_dwarf(struct gsd_native_names *names, uint64_t address, struct gsd_native_line_array *lines)
{
	Dwarf_Die unit;
	Dwarf_Die *around = NULL;
	Dwarf_Die *scopes = NULL;
	bool found;
	if (!find_unit(names, address, &unit, &found))
		return false;
	if (!found)
		return true;
	struct gsd_c_line line = {0};
	Dwarf_Line *source = dwarf_getsrc_die(&unit, address);
	int number_of_line = 0;
	if (source != NULL && !keep_file(names, &unit, dwarf_linesrc(source, NULL, NULL), &line.file))
		return false;
	if (source != NULL && dwarf_lineno(source, &number_of_line) == 0)
		line.line = number_of_line;
	/* The scopes around the innermost one as they are nested in code; the first call follows inlined ones to where
	 * they were written. */
	int count = dwarf_getscopes(&unit, address, &around);
	if (count > 0)
		count = dwarf_getscopes_die(&around[0], &scopes);
	bool complete = count <= 0 || add_functions(names, &unit, scopes, count, line, lines);
	if (complete && lines->count == 0 && line.file != NULL)
		complete = gsd_native_line_array_append(lines, line); /* assembly: a line, and no function */
	free(around);
	free(scopes);
	return complete;
}

bool gsd_native_names_find(struct gsd_native_names *names, uint64_t address, struct gsd_native_line_array *lines)
{
	lines->count = 0;
	if (names->dwarf != NULL && !find_in_dwarf(names, address, lines))
		return false;
	const char *symbol = gsd_native_symbols_find(names->symbols, address);
	if (lines->count == 0 && symbol != NULL)
		return gsd_native_line_array_append(lines, (struct gsd_c_line){.function = symbol});
	if (lines->count > 0 && lines->items[lines->count - 1].function == NULL)
		lines->items[lines->count - 1].function = symbol;
	return true;
}
