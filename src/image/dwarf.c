/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where Go puts things (cmd/link/internal/ld/dwarf.go, dwarfGenerateDebugInfo and dwarfcreateUnits): each package has a
 * compile unit that is named after it; variables are in their package's unit, and the types of the whole program are in
 * the unit "runtime". So the units are passed header by header, looking at their root alone, and only the children of
 * the one that is wanted are read, until everything has been found.
 *
 * libdwarf does not get the file, only those sections that this needs, read and inflated by libelf. Its own inflating
 * (20210528, dwarf_init_finish.c, do_decompress_zlib) refuses what shrank to less than a sixteenth, uses the offset of
 * the borrowed descriptor, and would copy sections that nobody looks at; libelf also covers both kinds of compression:
 * .zdebug_* (Go 1.18) and SHF_COMPRESSED (Go 1.19 and on).
 */
#include "image/dwarf.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <libdwarf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "base/error.h"

#define GO_LANGUAGE       DW_LANG_Go
#define POINTER_BYTES     8
#define MAX_SECTION_BYTES ((uint64_t)1 << 30) /* inflated; a program of 100 MB has about 30 MB of .debug_info */
#define MAX_TYPE_STEPS    16                  /* typedefs and qualifiers between a member and its size */

/* The sections that libdwarf may see, without their dot and prefix. */
static const char *const section_names[] = {"info", "abbrev", "str", "line_str", "str_offsets", "addr"};
#define SECTION_COUNT (GSD_ARRAY_SIZE(section_names) + 1) /* number 0 is none, as in ELF */

struct section {
	Elf_Scn *handle; /* NULL: there is none */
	uint64_t size;   /* inflated */
	bool zdebug;     /* compressed in the older way, which the name says */
	bool compressed; /* compressed by SHF_COMPRESSED */
	Dwarf_Small *bytes;
};

struct debug_info {
	const char *name; /* of the program, borrowed */
	Elf *elf;
	struct section sections[SECTION_COUNT];
	Dwarf_Obj_Access_Interface access;
	Dwarf_Debug debug; /* NULL when the program has no debug information */
};

/* ---- errors ---- */

static GSD_MUST_CHECK struct gsd_error *corrupt(const struct debug_info *info, const char *reason)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the debug information of %s", info->name),
				 "%s", reason);
}

/* Turns what libdwarf says into an error of ours, and frees it. */
static GSD_MUST_CHECK struct gsd_error *dwarf_failure(const struct debug_info *info, Dwarf_Error failure)
{
	struct gsd_error *error;
	if (failure == NULL)
		error = corrupt(info, "libdwarf gives no reason");
	else if (dwarf_errno(failure) == DW_DLE_ALLOC_FAIL)
		error = gsd_error_no_memory();
	else
		error = corrupt(info, dwarf_errmsg(failure));
	if (failure != NULL)
		dwarf_dealloc_error(info->debug, failure);
	return error;
}

/*
 * Evaluates a libdwarf call that may say "no entry": sets @present, and returns the error of a failed one. The call
 * stores into a variable `failure`.
 */
#define TRY_DWARF(info, present, call)                                                                                 \
	do {                                                                                                           \
		Dwarf_Error failure = NULL;                                                                            \
		int status = (call);                                                                                   \
		if (status == DW_DLV_ERROR)                                                                            \
			return dwarf_failure(info, failure);                                                           \
		(present) = status == DW_DLV_OK;                                                                       \
	} while (0)

static void die_cleanup(Dwarf_Die *die)
{
	if (*die != NULL)
		dwarf_dealloc_die(*die);
}

static void attribute_cleanup(Dwarf_Attribute *attribute)
{
	if (*attribute != NULL)
		dwarf_dealloc_attribute(*attribute);
}

#define SCOPED_DIE       GSD_CLEANUP(die_cleanup) Dwarf_Die
#define SCOPED_ATTRIBUTE GSD_CLEANUP(attribute_cleanup) Dwarf_Attribute

/* ---- sections, for libdwarf ---- */

/* The number of section @name, ".debug_*" or ".zdebug_*"; 0 when it is not wanted. */
static size_t section_number(const char *name, bool *zdebug_ret)
{
	static const char plain[] = ".debug_";
	static const char zipped[] = ".zdebug_";
	*zdebug_ret = strncmp(name, zipped, sizeof zipped - 1) == 0;
	if (!*zdebug_ret && strncmp(name, plain, sizeof plain - 1) != 0)
		return 0;
	name += *zdebug_ret ? sizeof zipped - 1 : sizeof plain - 1;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(section_names); i++) {
		if (strcmp(name, section_names[i]) == 0)
			return i + 1;
	}
	return 0;
}

/* The inflated size of a section, which it says itself; libelf checks it when it inflates. */
static bool measure(struct section *section, const GElf_Shdr *header)
{
	section->size = header->sh_size;
	section->compressed = (header->sh_flags & SHF_COMPRESSED) != 0;
	if (section->compressed) {
		GElf_Chdr compression;
		if (gelf_getchdr(section->handle, &compression) == NULL)
			return false;
		section->size = compression.ch_size;
	} else if (section->zdebug) {
		/* "ZLIB", then the size as a big-endian number. A section that is not so begins plainly. */
		Elf_Data *data = elf_rawdata(section->handle, NULL);
		if (data == NULL || data->d_buf == NULL || data->d_size < 12)
			return false;
		const uint8_t *bytes = data->d_buf;
		section->zdebug = memcmp(bytes, "ZLIB", 4) == 0;
		if (section->zdebug) {
			section->size = 0;
			for (size_t i = 4; i < 12; i++)
				section->size = section->size << 8 | bytes[i];
		}
	}
	return section->size <= MAX_SECTION_BYTES;
}

static GSD_MUST_CHECK struct gsd_error *find_sections(struct debug_info *info)
{
	size_t strings;
	if (elf_getshdrstrndx(info->elf, &strings) != 0)
		return NULL; /* no section headers, no debug information */
	for (Elf_Scn *handle = elf_nextscn(info->elf, NULL); handle != NULL; handle = elf_nextscn(info->elf, handle)) {
		GElf_Shdr header;
		if (gelf_getshdr(handle, &header) == NULL || header.sh_type == SHT_NOBITS || header.sh_size == 0)
			continue;
		const char *name = elf_strptr(info->elf, strings, header.sh_name);
		bool zdebug = false;
		size_t number = name == NULL ? 0 : section_number(name, &zdebug);
		struct section *section = &info->sections[number];
		if (number == 0 || section->handle != NULL)
			continue;
		section->handle = handle;
		section->zdebug = zdebug;
		if (!measure(section, &header))
			return corrupt(info, "the size of a section is impossible");
	}
	return NULL;
}

static int section_info(void *object, Dwarf_Half number, Dwarf_Obj_Access_Section *section_ret, int *error)
{
	static const char *const names[] = {"",           ".debug_info",     ".debug_abbrev",
					    ".debug_str", ".debug_line_str", ".debug_str_offsets",
					    ".debug_addr"};
	_Static_assert(GSD_ARRAY_SIZE(names) == SECTION_COUNT, "one full name for each section");
	const struct debug_info *info = object;
	(void)error;
	if (number >= SECTION_COUNT)
		return DW_DLV_NO_ENTRY;
	memset(section_ret, 0, sizeof *section_ret);
	/* A section that the program lacks has no name: libdwarf then passes it by. */
	section_ret->name = info->sections[number].handle == NULL ? "" : names[number];
	section_ret->type = SHT_PROGBITS;
	section_ret->size = info->sections[number].size;
	return DW_DLV_OK;
}

/* Reads and inflates a section: exactly as many bytes as section_info() said, or an error. */
static int load_section(void *object, Dwarf_Half number, Dwarf_Small **bytes_ret, int *error)
{
	struct debug_info *info = object;
	if (number >= SECTION_COUNT || info->sections[number].handle == NULL)
		return DW_DLV_NO_ENTRY;
	struct section *section = &info->sections[number];
	if (section->bytes == NULL) {
		Elf_Data *data = NULL;
		int status = 0;
		if (section->compressed)
			status = elf_compress(section->handle, 0, 0);
		else if (section->zdebug)
			status = elf_compress_gnu(section->handle, 0, 0);
		if (status >= 0)
			data = elf_rawdata(section->handle, NULL);
		if (data == NULL || data->d_buf == NULL || data->d_size != section->size) {
			*error = DW_DLE_ELF_SECT_ERR;
			return DW_DLV_ERROR;
		}
		section->bytes = data->d_buf;
	}
	*bytes_ret = section->bytes;
	return DW_DLV_OK;
}

static Dwarf_Endianness byte_order(void *object)
{
	(void)object;
	return DW_OBJECT_LSB;
}

static Dwarf_Small length_size(void *object)
{
	(void)object;
	return 4;
}

static Dwarf_Small pointer_size(void *object)
{
	(void)object;
	return POINTER_BYTES;
}

static Dwarf_Unsigned section_count(void *object)
{
	(void)object;
	return SECTION_COUNT;
}

static const Dwarf_Obj_Access_Methods access_methods = {
	.get_section_info = section_info,
	.get_byte_order = byte_order,
	.get_length_size = length_size,
	.get_pointer_size = pointer_size,
	.get_section_count = section_count,
	.load_section = load_section,
	.relocate_a_section = NULL, /* programs are linked */
};

static void close_debug_info(struct debug_info *info)
{
	if (info->debug != NULL) {
		Dwarf_Error failure = NULL;
		dwarf_object_finish(info->debug, &failure);
	}
	elf_end(info->elf);
}

/* Opens @info, which is zeroed. Close it afterwards whatever this returns. */
static GSD_MUST_CHECK struct gsd_error *open_debug_info(struct debug_info *info, int fd, const char *name)
{
	info->name = name;
	struct stat file;
	if (fstat(fd, &file) != 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the debug information of %s", name);
	elf_version(EV_CURRENT);
	info->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (info->elf == NULL || elf_kind(info->elf) != ELF_K_ELF)
		return corrupt(info, "it is no ELF file, or its section headers are damaged");
	GSD_TRY(find_sections(info));
	/* Both are needed for anything; a file that kept neither or one (strip) has no debug information. */
	if (info->sections[1].handle == NULL || info->sections[2].handle == NULL)
		return NULL;
	info->access.object = info;
	info->access.methods = &access_methods;
	Dwarf_Debug debug = NULL;
	bool present;
	TRY_DWARF(info, present, dwarf_object_init_b(&info->access, NULL, NULL, DW_GROUPNUMBER_ANY, &debug, &failure));
	if (present)
		info->debug = debug;
	return NULL;
}

/* ---- entries ---- */

/* The next sibling of @die, or its first child: moves on in @die, NULL after the last. */
static GSD_MUST_CHECK struct gsd_error *move(struct debug_info *info, Dwarf_Die *die, bool to_child)
{
	Dwarf_Die next = NULL;
	bool present;
	if (to_child)
		TRY_DWARF(info, present, dwarf_child(*die, &next, &failure));
	else
		TRY_DWARF(info, present, dwarf_siblingof_b(info->debug, *die, true, &next, &failure));
	Dwarf_Off before = 0;
	Dwarf_Off after = 1;
	if (present) {
		SCOPED_DIE guard = next;
		bool known;
		TRY_DWARF(info, known, dwarf_dieoffset(*die, &before, &failure));
		TRY_DWARF(info, known, dwarf_dieoffset(next, &after, &failure));
		(void)known;
		/* Entries only ever go forwards, so that no chain of them is endless. */
		if (after <= before)
			return corrupt(info, "an entry refers back to itself");
		guard = NULL;
	}
	dwarf_dealloc_die(*die);
	*die = present ? next : NULL;
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *read_tag(struct debug_info *info, Dwarf_Die die, Dwarf_Half *tag_ret)
{
	bool present;
	TRY_DWARF(info, present, dwarf_tag(die, tag_ret, &failure));
	(void)present;
	return NULL;
}

/* The name of an entry, borrowed from a section; "" when it has none. */
static GSD_MUST_CHECK struct gsd_error *read_name(struct debug_info *info, Dwarf_Die die, const char **name_ret)
{
	char *name = NULL;
	bool present;
	TRY_DWARF(info, present, dwarf_diename(die, &name, &failure));
	*name_ret = present && name != NULL ? name : "";
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *read_attribute(struct debug_info *info, Dwarf_Die die, Dwarf_Half code,
						       Dwarf_Attribute *attribute_ret)
{
	bool present;
	TRY_DWARF(info, present, dwarf_attr(die, code, attribute_ret, &failure));
	if (!present)
		*attribute_ret = NULL;
	return NULL;
}

/* The bytes of an expression: DW_FORM_exprloc, or the block that DWARF 2 and 3 used (and Go before 1.25 does). */
static GSD_MUST_CHECK struct gsd_error *read_expression(struct debug_info *info, Dwarf_Attribute attribute,
							uint8_t *buffer, size_t capacity, size_t *length_ret)
{
	Dwarf_Half form = 0;
	bool present;
	*length_ret = 0;
	TRY_DWARF(info, present, dwarf_whatform(attribute, &form, &failure));
	if (form == DW_FORM_exprloc) {
		Dwarf_Unsigned length = 0;
		Dwarf_Ptr bytes = NULL;
		TRY_DWARF(info, present, dwarf_formexprloc(attribute, &length, &bytes, &failure));
		if (present && length > 0 && length <= capacity) {
			memcpy(buffer, bytes, (size_t)length);
			*length_ret = (size_t)length;
		}
	} else if (form == DW_FORM_block || form == DW_FORM_block1 || form == DW_FORM_block2 ||
		   form == DW_FORM_block4) {
		Dwarf_Block *block = NULL;
		TRY_DWARF(info, present, dwarf_formblock(attribute, &block, &failure));
		if (present && block->bl_len > 0 && block->bl_len <= capacity) {
			memcpy(buffer, block->bl_data, (size_t)block->bl_len);
			*length_ret = (size_t)block->bl_len;
		}
		if (present)
			dwarf_dealloc(info->debug, block, DW_DLA_BLOCK);
	}
	return NULL;
}

/* ---- units ---- */

typedef struct gsd_error *(*visit_child)(struct debug_info *info, Dwarf_Die child, void *context, bool *done_ret);

/* Whether @root is the unit of the Go package @package. */
static GSD_MUST_CHECK struct gsd_error *is_package(struct debug_info *info, Dwarf_Die root, const char *package,
						   bool *answer_ret)
{
	*answer_ret = false;
	Dwarf_Half tag = 0;
	GSD_TRY(read_tag(info, root, &tag));
	if (tag != DW_TAG_compile_unit)
		return NULL;
	Dwarf_Unsigned language = 0;
	bool present;
	TRY_DWARF(info, present, dwarf_srclang(root, &language, &failure));
	if (!present || language != GO_LANGUAGE)
		return NULL;
	const char *name;
	GSD_TRY(read_name(info, root, &name));
	*answer_ret = strcmp(name, package) == 0;
	return NULL;
}

/* Hands the children of @root to @visit until it is done. */
static GSD_MUST_CHECK struct gsd_error *visit_children(struct debug_info *info, Dwarf_Die root, visit_child visit,
						       void *context, bool *done_ret)
{
	SCOPED_DIE child = NULL;
	bool present;
	TRY_DWARF(info, present, dwarf_child(root, &child, &failure));
	if (!present)
		child = NULL;
	while (child != NULL && !*done_ret) {
		GSD_TRY(visit(info, child, context, done_ret));
		if (!*done_ret)
			GSD_TRY(move(info, &child, false));
	}
	return NULL;
}

/* The next unit's root; NULL in *root_ret after the last unit. */
static GSD_MUST_CHECK struct gsd_error *next_unit(struct debug_info *info, Dwarf_Die *root_ret)
{
	Dwarf_Unsigned length, type_offset, next;
	Dwarf_Half version, address_size, offset_size, extension_size, kind;
	Dwarf_Off abbreviations;
	Dwarf_Sig8 signature;
	bool present;
	TRY_DWARF(info, present,
		  dwarf_next_cu_header_d(info->debug, true, &length, &version, &abbreviations, &address_size,
					 &offset_size, &extension_size, &signature, &type_offset, &next, &kind,
					 &failure));
	if (present)
		TRY_DWARF(info, present, dwarf_siblingof_b(info->debug, NULL, true, root_ret, &failure));
	if (!present)
		*root_ret = NULL;
	return NULL;
}

/* Hands the top-level entries of package @package to @visit until it is done. */
static GSD_MUST_CHECK struct gsd_error *visit_package(struct debug_info *info, const char *package, visit_child visit,
						      void *context)
{
	bool done = false;
	while (!done) {
		SCOPED_DIE root = NULL;
		GSD_TRY(next_unit(info, &root));
		if (root == NULL)
			return NULL;
		bool wanted;
		GSD_TRY(is_package(info, root, package, &wanted));
		if (wanted)
			GSD_TRY(visit_children(info, root, visit, context, &done));
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

/* Follows attribute DW_AT_type of @die; NULL in *type_ret when it has none. */
static GSD_MUST_CHECK struct gsd_error *read_type(struct debug_info *info, Dwarf_Die die, Dwarf_Die *type_ret)
{
	*type_ret = NULL;
	SCOPED_ATTRIBUTE attribute = NULL;
	GSD_TRY(read_attribute(info, die, DW_AT_type, &attribute));
	if (attribute == NULL)
		return NULL;
	Dwarf_Off offset = 0;
	bool present;
	TRY_DWARF(info, present, dwarf_global_formref(attribute, &offset, &failure));
	if (present)
		TRY_DWARF(info, present, dwarf_offdie_b(info->debug, offset, true, type_ret, &failure));
	if (!present)
		*type_ret = NULL;
	return NULL;
}

/*
 * The size of the type of @member. Go gives pointers and funcs none (both are one word), and names types by typedefs
 * (cmd/link/internal/ld/dwarf.go, newtype).
 */
static GSD_MUST_CHECK struct gsd_error *read_type_size(struct debug_info *info, Dwarf_Die member, uint64_t *size_ret,
						       bool *known_ret)
{
	*known_ret = false;
	SCOPED_DIE type = NULL;
	GSD_TRY(read_type(info, member, &type));
	for (size_t step = 0; type != NULL && step < MAX_TYPE_STEPS; step++) {
		Dwarf_Half tag = 0;
		GSD_TRY(read_tag(info, type, &tag));
		Dwarf_Unsigned size = 0;
		TRY_DWARF(info, *known_ret, dwarf_bytesize(type, &size, &failure));
		if (!*known_ret && (tag == DW_TAG_pointer_type || tag == DW_TAG_subroutine_type)) {
			size = POINTER_BYTES;
			*known_ret = true;
		}
		*size_ret = size;
		if (*known_ret || (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type))
			return NULL;
		Dwarf_Die next;
		GSD_TRY(read_type(info, type, &next));
		dwarf_dealloc_die(type);
		type = next;
	}
	return NULL;
}

/* The offset of a member: a number, or the expression "add this number" of older producers. */
static GSD_MUST_CHECK struct gsd_error *read_member_offset(struct debug_info *info, Dwarf_Die member,
							   uint64_t *offset_ret, bool *known_ret)
{
	*known_ret = false;
	SCOPED_ATTRIBUTE attribute = NULL;
	GSD_TRY(read_attribute(info, member, DW_AT_data_member_location, &attribute));
	if (attribute == NULL)
		return NULL;
	uint8_t bytes[16];
	size_t length;
	GSD_TRY(read_expression(info, attribute, bytes, sizeof bytes, &length));
	if (length == 0) {
		Dwarf_Unsigned offset = 0;
		TRY_DWARF(info, *known_ret, dwarf_formudata(attribute, &offset, &failure));
		*offset_ret = offset;
		return NULL;
	}
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = bytes, .length = length}, 0);
	uint8_t operation = gsd_cursor_u8(&cursor);
	*offset_ret = gsd_cursor_uvarint(&cursor);
	*known_ret = operation == DW_OP_plus_uconst && !cursor.failed && cursor.position == length;
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *answer_member(struct debug_info *info, struct field_query *query,
						      const char *structure, Dwarf_Die member)
{
	const char *name;
	GSD_TRY(read_name(info, member, &name));
	for (size_t i = 0; i < query->count; i++) {
		struct gsd_field *field = &query->fields[i];
		if (field->found || field->name == NULL || strcmp(field->name, name) != 0 ||
		    strcmp(field->structure, structure) != 0)
			continue;
		bool offset_known;
		bool size_known;
		GSD_TRY(read_member_offset(info, member, &field->offset, &offset_known));
		GSD_TRY(read_type_size(info, member, &field->size, &size_known));
		field->found = offset_known && size_known;
	}
	return NULL;
}

static GSD_MUST_CHECK struct gsd_error *answer_members(struct debug_info *info, struct field_query *query,
						       const char *structure, Dwarf_Die structure_die)
{
	SCOPED_DIE member = NULL;
	bool present;
	TRY_DWARF(info, present, dwarf_child(structure_die, &member, &failure));
	if (!present)
		member = NULL;
	while (member != NULL) {
		Dwarf_Half tag = 0;
		GSD_TRY(read_tag(info, member, &tag));
		if (tag == DW_TAG_member)
			GSD_TRY(answer_member(info, query, structure, member));
		GSD_TRY(move(info, &member, false));
	}
	return NULL;
}

/* visit_child: answers what is asked about the struct @child, if it is one. */
static GSD_MUST_CHECK struct gsd_error *answer_structure(struct debug_info *info, Dwarf_Die child, void *context,
							 bool *done_ret)
{
	struct field_query *query = context;
	Dwarf_Half tag = 0;
	GSD_TRY(read_tag(info, child, &tag));
	if (tag != DW_TAG_structure_type)
		return NULL;
	const char *name;
	GSD_TRY(read_name(info, child, &name));
	bool asked = false;
	for (size_t i = 0; i < query->count; i++)
		asked |= !query->answered[i] && strcmp(query->fields[i].structure, name) == 0;
	if (!asked)
		return NULL;
	Dwarf_Unsigned size = 0;
	bool sized;
	TRY_DWARF(info, sized, dwarf_bytesize(child, &size, &failure));
	if (!sized)
		return NULL; /* a declaration */
	GSD_TRY(answer_members(info, query, name, child));
	for (size_t i = 0; i < query->count; i++) {
		struct gsd_field *field = &query->fields[i];
		if (query->answered[i] || strcmp(field->structure, name) != 0)
			continue;
		query->answered[i] = true;
		query->unanswered--;
		if (field->name == NULL) {
			field->size = size;
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
static GSD_MUST_CHECK struct gsd_error *read_address(struct debug_info *info, Dwarf_Die variable, uint64_t *address_ret,
						     bool *known_ret)
{
	*known_ret = false;
	SCOPED_ATTRIBUTE attribute = NULL;
	GSD_TRY(read_attribute(info, variable, DW_AT_location, &attribute));
	if (attribute == NULL)
		return NULL;
	uint8_t bytes[16];
	size_t length;
	GSD_TRY(read_expression(info, attribute, bytes, sizeof bytes, &length));
	struct gsd_cursor cursor = gsd_cursor_at((struct gsd_bytes){.data = bytes, .length = length}, 0);
	uint8_t operation = gsd_cursor_u8(&cursor);
	if (operation == DW_OP_addr) {
		*address_ret = gsd_cursor_u64(&cursor);
		*known_ret = !cursor.failed && cursor.position == length;
	} else if (operation == DW_OP_addrx || operation == DW_OP_GNU_addr_index) {
		uint64_t index = gsd_cursor_uvarint(&cursor);
		Dwarf_Addr address = 0;
		if (cursor.failed || cursor.position != length)
			return NULL;
		TRY_DWARF(info, *known_ret, dwarf_debug_addr_index_to_addr(variable, index, &address, &failure));
		*address_ret = address;
	}
	return NULL;
}

/* visit_child: whether @child is the variable. */
static GSD_MUST_CHECK struct gsd_error *answer_variable(struct debug_info *info, Dwarf_Die child, void *context,
							bool *done_ret)
{
	struct variable_query *query = context;
	Dwarf_Half tag = 0;
	GSD_TRY(read_tag(info, child, &tag));
	if (tag != DW_TAG_variable)
		return NULL;
	const char *name;
	GSD_TRY(read_name(info, child, &name));
	if (strcmp(name, query->name) != 0)
		return NULL;
	GSD_TRY(read_address(info, child, &query->address, &query->found));
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
