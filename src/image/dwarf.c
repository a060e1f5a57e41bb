/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where Go puts things (cmd/link/internal/ld/dwarf.go, dwarfGenerateDebugInfo and dwarfcreateUnits): each package has a
 * compile unit that is named after it; variables are in their package's unit, and the types of the whole program are in
 * the unit "runtime". So the units are passed header by header, looking at their root alone, and only the children of
 * the one that is wanted are read, until everything has been found.
 *
 * libdw inflates sections itself, by the size that they say: that is looked at before.
 */
#include "image/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "base/error.h"
#include "image/debug_string.h"

#define GO_LANGUAGE       DW_LANG_Go
#define POINTER_BYTES     8
#define MAX_SECTION_BYTES ((uint64_t)1 << 30) /* inflated; a program of 100 MB has about 30 MB of .debug_info */
#define MAX_TYPE_STEPS    16                  /* typedefs and qualifiers between a member and its size */

struct debug_info {
	const char *name; /* of the program, borrowed */
	Elf *elf;
	Dwarf *debug; /* NULL when the program has no debug information */
	struct gsd_bytes bytes;
};

/* ---- errors ---- */

static GSD_MUST_CHECK struct gsd_error *corrupt(const struct debug_info *info, const char *reason)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the debug information of %s", info->name),
				 "%s", reason);
}

static GSD_MUST_CHECK struct gsd_error *dwarf_failure(const struct debug_info *info)
{
	const char *reason = dwarf_errmsg(-1);
	return corrupt(info, reason != NULL ? reason : "libdw gives no reason");
}

/* ---- opening ---- */

/* Whether a section may be inflated: its size as it says it, ".zdebug_*" in Go 1.18, SHF_COMPRESSED later. */
static bool size_is_possible(Elf_Scn *section, const GElf_Shdr *header, const char *name)
{
	if ((header->sh_flags & SHF_COMPRESSED) != 0) {
		GElf_Chdr compression;
		return gelf_getchdr(section, &compression) != NULL && compression.ch_size <= MAX_SECTION_BYTES;
	}
	if (strncmp(name, ".zdebug_", 8) == 0) {
		/* "ZLIB", then the size as a big-endian number. A section that is not so begins plainly. */
		Elf_Data *data = elf_rawdata(section, NULL);
		if (data == NULL || data->d_buf == NULL || data->d_size < 12)
			return false;
		const uint8_t *bytes = data->d_buf;
		uint64_t size = 0;
		for (size_t i = 4; i < 12; i++)
			size = size << 8 | bytes[i];
		return memcmp(bytes, "ZLIB", 4) != 0 || size <= MAX_SECTION_BYTES;
	}
	return header->sh_size <= MAX_SECTION_BYTES;
}

/* Looks at the sections: whether there is debug information at all, and whether their sizes are possible. */
static GSD_MUST_CHECK struct gsd_error *look_at_sections(const struct debug_info *info, bool *present_ret)
{
	size_t strings;
	bool has_info = false;
	bool has_abbreviations = false;
	*present_ret = false;
	if (elf_getshdrstrndx(info->elf, &strings) != 0)
		return NULL; /* no section headers, no debug information */
	for (Elf_Scn *section = elf_nextscn(info->elf, NULL); section != NULL;
	     section = elf_nextscn(info->elf, section)) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS || header.sh_size == 0)
			continue;
		const char *name = elf_strptr(info->elf, strings, header.sh_name);
		if (name == NULL || (strncmp(name, ".debug_", 7) != 0 && strncmp(name, ".zdebug_", 8) != 0))
			continue;
		if (!size_is_possible(section, &header, name))
			return corrupt(info, "the size of a section is impossible");
		const char *kind = strchr(name, '_') + 1;
		has_info |= strcmp(kind, "info") == 0;
		has_abbreviations |= strcmp(kind, "abbrev") == 0;
	}
	/* Both are needed for anything; a file that kept neither or one (strip) has no debug information. */
	*present_ret = has_info && has_abbreviations;
	return NULL;
}

static void close_debug_info(struct debug_info *info)
{
	if (info->debug != NULL)
		dwarf_end(info->debug);
	elf_end(info->elf);
}

/* Opens @info, which is zeroed. Close it afterwards whatever this returns. */
static GSD_MUST_CHECK struct gsd_error *open_debug_info(struct debug_info *info, int fd, const char *name)
{
	info->name = name;
	struct stat file;
	bool present;
	if (fstat(fd, &file) != 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the debug information of %s", name);
	elf_version(EV_CURRENT);
	info->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (info->elf == NULL || elf_kind(info->elf) != ELF_K_ELF)
		return corrupt(info, "it is no ELF file, or its section headers are damaged");
	GSD_TRY(look_at_sections(info, &present));
	if (!present)
		return NULL;
	info->debug = dwarf_begin_elf(info->elf, DWARF_C_READ, NULL);
	info->bytes = gsd_debug_info_bytes(info->elf);
	return info->debug == NULL ? dwarf_failure(info) : NULL;
}

/* ---- entries ---- */

/* The next sibling of @die, or its first child: moves on in @die; *present_ret is false after the last. */
static GSD_MUST_CHECK struct gsd_error *move(const struct debug_info *info, Dwarf_Die *die, bool to_child,
					     bool *present_ret)
{
	Dwarf_Die next;
	int found = to_child ? dwarf_child(die, &next) : dwarf_siblingof(die, &next);
	if (found < 0)
		return dwarf_failure(info);
	*present_ret = found == 0;
	if (found != 0)
		return NULL;
	/* Entries only ever go forwards, so that no chain of them is endless. */
	if (dwarf_dieoffset(&next) <= dwarf_dieoffset(die))
		return corrupt(info, "an entry refers back to itself");
	*die = next;
	return NULL;
}

/* The tag of an entry; one that cannot be read is damage. */
static GSD_MUST_CHECK struct gsd_error *read_tag(const struct debug_info *info, Dwarf_Die *die, int *tag_ret)
{
	*tag_ret = dwarf_tag(die);
	return *tag_ret == DW_TAG_invalid ? dwarf_failure(info) : NULL;
}

/* The name of an entry, borrowed from a section; "" when it has none. */
static const char *name_of(const struct debug_info *info, Dwarf_Die *die)
{
	const char *name = gsd_debug_string(info->bytes, dwarf_diename(die));
	return name != NULL ? name : "";
}

/* ---- units ---- */

typedef struct gsd_error *(*visit_child)(struct debug_info *info, Dwarf_Die *child, void *context, bool *done_ret);

/* Whether @root is the unit of the Go package @package. */
static bool is_package(const struct debug_info *info, Dwarf_Die *root, const char *package)
{
	return dwarf_tag(root) == DW_TAG_compile_unit && dwarf_srclang(root) == GO_LANGUAGE &&
	       strcmp(name_of(info, root), package) == 0;
}

/* Hands the children of @root to @visit until it is done. */
static GSD_MUST_CHECK struct gsd_error *visit_children(struct debug_info *info, Dwarf_Die *root, visit_child visit,
						       void *context, bool *done_ret)
{
	Dwarf_Die child = *root;
	bool present;
	GSD_TRY(move(info, &child, true, &present));
	while (present && !*done_ret) {
		GSD_TRY(visit(info, &child, context, done_ret));
		if (!*done_ret)
			GSD_TRY(move(info, &child, false, &present));
	}
	return NULL;
}

/* Hands the top-level entries of package @package to @visit until it is done. */
static GSD_MUST_CHECK struct gsd_error *visit_package(struct debug_info *info, const char *package, visit_child visit,
						      void *context)
{
	bool done = false;
	Dwarf_CU *unit = NULL;
	while (!done) {
		Dwarf_CU *next;
		Dwarf_Die root;
		uint8_t kind;
		int found = dwarf_get_units(info->debug, unit, &next, NULL, &kind, &root, NULL);
		if (found < 0)
			return dwarf_failure(info);
		if (found > 0)
			return NULL;
		unit = next;
		if (is_package(info, &root, package))
			GSD_TRY(visit_children(info, &root, visit, context, &done));
	}
	return NULL;
}

/* ---- structs ---- */

struct field_query {
	struct gsd_field *fields;
	size_t count;
	size_t unanswered; /* fields whose struct has not been seen */
	bool *answered;    /* per field */
};

/* Moves on from @die to what its attribute DW_AT_type says; false when it has none. */
static bool follow_type(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type;
	if (dwarf_attr(die, DW_AT_type, &attribute) == NULL || dwarf_formref_die(&attribute, &type) == NULL)
		return false;
	*die = type;
	return true;
}

/*
 * The size of the type of @member. Go gives pointers and funcs none (both are one word), and names types by typedefs
 * (cmd/link/internal/ld/dwarf.go, newtype).
 */
static bool read_type_size(Dwarf_Die *member, uint64_t *size_ret)
{
	Dwarf_Die type = *member;
	for (size_t step = 0; step < MAX_TYPE_STEPS && follow_type(&type); step++) {
		int tag = dwarf_tag(&type);
		int size = dwarf_bytesize(&type);
		if (size < 0 && (tag == DW_TAG_pointer_type || tag == DW_TAG_subroutine_type))
			size = POINTER_BYTES;
		if (size >= 0) {
			*size_ret = (uint64_t)size;
			return true;
		}
		if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type)
			return false;
	}
	return false;
}

/* The offset of a member: a number, or the expression "add this number" of older producers. */
static bool read_member_offset(Dwarf_Die *member, uint64_t *offset_ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Block block;
	if (dwarf_attr(member, DW_AT_data_member_location, &attribute) == NULL)
		return false;
	if (dwarf_formblock(&attribute, &block) != 0) {
		Dwarf_Word offset;
		if (dwarf_formudata(&attribute, &offset) != 0)
			return false;
		*offset_ret = offset;
		return true;
	}
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = block.data, .length = block.length}, 0);
	uint8_t operation = gsd_cursor_u8(&cursor);
	*offset_ret = gsd_cursor_uvarint(&cursor);
	return operation == DW_OP_plus_uconst && !cursor.failed && cursor.position == cursor.length;
}

static void answer_member(const struct debug_info *info, struct field_query *query, const char *structure,
			  Dwarf_Die *member)
{
	const char *name = name_of(info, member);
	for (size_t i = 0; i < query->count; i++) {
		struct gsd_field *field = &query->fields[i];
		if (field->found || field->name == NULL || strcmp(field->name, name) != 0 ||
		    strcmp(field->structure, structure) != 0)
			continue;
		field->found = read_member_offset(member, &field->offset) && read_type_size(member, &field->size);
	}
}

static GSD_MUST_CHECK struct gsd_error *answer_members(struct debug_info *info, struct field_query *query,
						       const char *structure, Dwarf_Die *structure_die)
{
	Dwarf_Die member = *structure_die;
	bool present;
	GSD_TRY(move(info, &member, true, &present));
	while (present) {
		int tag;
		GSD_TRY(read_tag(info, &member, &tag));
		if (tag == DW_TAG_member)
			answer_member(info, query, structure, &member);
		GSD_TRY(move(info, &member, false, &present));
	}
	return NULL;
}

/* visit_child: answers what is asked about the struct @child, if it is one. */
static GSD_MUST_CHECK struct gsd_error *answer_structure(struct debug_info *info, Dwarf_Die *child, void *context,
							 bool *done_ret)
{
	struct field_query *query = context;
	int tag;
	GSD_TRY(read_tag(info, child, &tag));
	if (tag != DW_TAG_structure_type)
		return NULL;
	const char *name = name_of(info, child);
	bool asked = false;
	for (size_t i = 0; i < query->count; i++)
		asked |= !query->answered[i] && strcmp(query->fields[i].structure, name) == 0;
	if (!asked)
		return NULL;
	int size = dwarf_bytesize(child);
	if (size < 0)
		return NULL; /* a declaration */
	GSD_TRY(answer_members(info, query, name, child));
	for (size_t i = 0; i < query->count; i++) {
		struct gsd_field *field = &query->fields[i];
		if (query->answered[i] || strcmp(field->structure, name) != 0)
			continue;
		query->answered[i] = true;
		query->unanswered--;
		if (field->name == NULL) {
			field->size = (uint64_t)size;
			field->found = true;
		}
	}
	*done_ret = query->unanswered == 0;
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *answer_fields(struct debug_info *info, struct gsd_field *fields, size_t count)
{
	struct field_query query = {.fields = fields, .count = count, .unanswered = count};
	if (count == 0)
		return NULL;
	query.answered = calloc(count, sizeof *query.answered);
	if (query.answered == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = visit_package(info, "runtime", answer_structure, &query);
	free(query.answered);
	return error;
}

static void forget_fields(struct gsd_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fields[i].offset = 0;
		fields[i].size = 0;
		fields[i].found = false;
	}
}

struct gsd_error *gsd_dwarf_fields(int fd, const char *name, struct gsd_field *fields, size_t count,
				   bool *has_debug_ret)
{
	struct debug_info info = {0};
	forget_fields(fields, count);
	struct gsd_error *error = open_debug_info(&info, fd, name);
	bool has_debug = info.debug != NULL;
	if (error == NULL && has_debug)
		error = answer_fields(&info, fields, count);
	close_debug_info(&info);
	if (error != NULL) {
		forget_fields(fields, count);
		return error;
	}
	for (size_t i = 0; i < count; i++) {
		if (!fields[i].found)
			fields[i].offset = fields[i].size = 0;
	}
	*has_debug_ret = has_debug;
	return NULL;
}

/* ---- variables ---- */

struct variable_query {
	const char *name;
	uint64_t address;
	bool found;
};

/* The address that a variable's location says: directly, or by its number in .debug_addr (DWARF 5). */
static bool read_address(Dwarf_Die *variable, uint64_t *address_ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Attribute indirect;
	Dwarf_Block block;
	Dwarf_Addr address;
	if (dwarf_attr(variable, DW_AT_location, &attribute) == NULL || dwarf_formblock(&attribute, &block) != 0)
		return false;
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = block.data, .length = block.length}, 0);
	uint8_t operation = gsd_cursor_u8(&cursor);
	if (operation == DW_OP_addr) {
		*address_ret = gsd_cursor_u64(&cursor);
		return !cursor.failed && cursor.position == cursor.length;
	}
	const Dwarf_Op index = {.atom = operation, .number = gsd_cursor_uvarint(&cursor)};
	if ((operation != DW_OP_addrx && operation != DW_OP_GNU_addr_index) || cursor.failed ||
	    cursor.position != cursor.length || dwarf_getlocation_attr(&attribute, &index, &indirect) != 0 ||
	    dwarf_formaddr(&indirect, &address) != 0)
		return false;
	*address_ret = address;
	return true;
}

/* visit_child: whether @child is the variable. */
static GSD_MUST_CHECK struct gsd_error *answer_variable(struct debug_info *info, Dwarf_Die *child, void *context,
							bool *done_ret)
{
	struct variable_query *query = context;
	int tag;
	GSD_TRY(read_tag(info, child, &tag));
	if (tag != DW_TAG_variable || strcmp(name_of(info, child), query->name) != 0)
		return NULL;
	query->found = read_address(child, &query->address);
	*done_ret = query->found;
	return NULL;
}

/* The package of "net/http.DefaultClient": what is before the first dot after the last slash. NULL without memory. */
static char *package_of(const char *variable)
{
	const char *slash = strrchr(variable, '/');
	const char *dot = strchr(slash == NULL ? variable : slash, '.');
	return dot == NULL ? strdup(variable) : strndup(variable, (size_t)(dot - variable));
}

struct gsd_error *gsd_dwarf_variable(int fd, const char *name, const char *variable, uint64_t *address_ret,
				     bool *found_ret)
{
	struct variable_query query = {.name = variable};
	char *package = package_of(variable);
	if (package == NULL)
		return gsd_error_no_memory();
	struct debug_info info = {0};
	struct gsd_error *error = open_debug_info(&info, fd, name);
	if (error == NULL && info.debug != NULL)
		error = visit_package(&info, package, answer_variable, &query);
	close_debug_info(&info);
	free(package);
	if (error != NULL)
		return error;
	if (query.found)
		*address_ret = query.address;
	*found_ret = query.found;
	return NULL;
}
