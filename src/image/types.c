/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/types.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"

/* A descriptor's header (abi.Type) and what follows it, by kind. */
enum { HEADER_SIZE = 48, SIZE_OFFSET = 0, TFLAG_OFFSET = 20, KIND_OFFSET = 23, NAME_OFFSET = 40 };
enum { ELEMENT_OFFSET = 48, STRUCT_FIELDS_OFFSET = 56, STRUCT_COUNT_OFFSET = 64, STRUCT_SIZE = 80 };
enum { FIELD_SIZE = 24, FIELD_TYPE_OFFSET = 8, FIELD_WORD_OFFSET = 16 };
enum { KIND_MASK = 0x1f, KIND_ARRAY = 17, KIND_CHAN, KIND_FUNC, KIND_INTERFACE, KIND_MAP, KIND_POINTER, KIND_SLICE };
enum { KIND_STRING = 24, KIND_STRUCT = 25 };
enum { TFLAG_UNCOMMON = 1, TFLAG_EXTRA_STAR = 2 };

#define MAX_NAME          256
#define MAX_STRUCT_FIELDS 4096
#define MAX_REACHED       4096 /* descriptors looked at from the roots */
#define MAX_LINKS         ((uint64_t)1 << 26)
#define SEARCH_CHUNK      ((size_t)1 << 20)

struct gsd_types gsd_types_of_module(struct gsd_block_cache *cache, const struct gsd_module *module, unsigned go_minor)
{
	const struct gsd_moduledata *data = &module->data;
	return (struct gsd_types){.cache = cache,
				  .start = data->types,
				  .end = data->etypes,
				  .links = data->typelinks,
				  .links_count = data->typelinks_length,
				  .descriptors_length = data->typedesclen,
				  .go_minor = go_minor};
}

static bool inside(const struct gsd_types *types, uint64_t address)
{
	return address >= types->start && address < types->end && (address & 3) == 0;
}

static struct gsd_error *read_u64(const struct gsd_types *types, uint64_t address, uint64_t *value_ret)
{
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(types->cache, address, 8, &bytes));
	memcpy(value_ret, bytes, 8);
	return NULL;
}

/* A name: a flag byte, a variable-length length, the bytes. Too long for a name that is looked for: "". */
static struct gsd_error *read_name(const struct gsd_types *types, uint64_t address, char name[MAX_NAME])
{
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(types->cache, address + 1, 2, &bytes));
	size_t length = bytes[0] & 0x7f;
	uint64_t start = address + 2;
	if ((bytes[0] & 0x80) != 0) {
		length |= (size_t)(bytes[1] & 0x7f) << 7;
		start++;
		if ((bytes[1] & 0x80) != 0)
			length = MAX_NAME;
	}
	name[0] = '\0';
	if (length >= MAX_NAME)
		return NULL;
	GSD_TRY(gsd_block_cache_read(types->cache, start, length, &bytes));
	memcpy(name, bytes, length);
	name[length] = '\0';
	return NULL;
}

struct descriptor {
	uint64_t address;
	uint64_t size;
	uint32_t name_offset;
	uint8_t tflag;
	uint8_t kind;
};

static struct gsd_error *read_descriptor(const struct gsd_types *types, uint64_t address,
					 struct descriptor *descriptor_ret)
{
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(types->cache, address, HEADER_SIZE, &bytes));
	struct descriptor descriptor = {
		.address = address, .tflag = bytes[TFLAG_OFFSET], .kind = bytes[KIND_OFFSET] & KIND_MASK};
	memcpy(&descriptor.size, bytes + SIZE_OFFSET, sizeof descriptor.size);
	memcpy(&descriptor.name_offset, bytes + NAME_OFFSET, sizeof descriptor.name_offset);
	*descriptor_ret = descriptor;
	return NULL;
}

/* The type's string without its extra star. */
static struct gsd_error *read_type_string(const struct gsd_types *types, const struct descriptor *descriptor,
					  char name[MAX_NAME])
{
	if (descriptor->name_offset >= types->end - types->start) {
		name[0] = '\0';
		return NULL;
	}
	GSD_TRY(read_name(types, types->start + descriptor->name_offset, name));
	if ((descriptor->tflag & TFLAG_EXTRA_STAR) != 0 && name[0] == '*')
		memmove(name, name + 1, strlen(name));
	return NULL;
}

/* ---- finding the descriptor of a pointer type by its string ---- */

static struct gsd_error *link_target(const struct gsd_types *types, uint64_t index, uint64_t *address_ret)
{
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(types->cache, types->links + 4 * index, 4, &bytes));
	int32_t offset;
	memcpy(&offset, bytes, sizeof offset);
	*address_ret = types->start + (uint64_t)(int64_t)offset;
	return NULL;
}

/* Up to Go 1.26: the type links are sorted by type string. */
static struct gsd_error *search_links(const struct gsd_types *types, const char *wanted, uint64_t *address_ret)
{
	uint64_t low = 0;
	uint64_t high = types->links_count < MAX_LINKS ? types->links_count : 0;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		uint64_t address;
		GSD_TRY(link_target(types, middle, &address));
		if (!inside(types, address))
			return NULL;
		struct descriptor descriptor;
		char name[MAX_NAME];
		GSD_TRY(read_descriptor(types, address, &descriptor));
		GSD_TRY(read_type_string(types, &descriptor, name));
		int order = strcmp(name, wanted);
		if (order == 0) {
			*address_ret = address;
			return NULL;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Bytes of a descriptor with all that belongs to it, from Go 1.27 on (abi.Type.DescriptorSize). 0: not a kind. */
static struct gsd_error *descriptor_size(const struct gsd_types *types, const struct descriptor *descriptor,
					 uint64_t *size_ret)
{
	static const uint8_t base_sizes[KIND_STRUCT + 1] = {
		[KIND_ARRAY] = 72, [KIND_CHAN] = 64,    [KIND_FUNC] = 56,  [KIND_INTERFACE] = 80,
		[KIND_MAP] = 136,  [KIND_POINTER] = 56, [KIND_SLICE] = 56, [KIND_STRUCT] = STRUCT_SIZE};
	uint64_t base = descriptor->kind <= KIND_STRUCT && base_sizes[descriptor->kind] != 0
				? base_sizes[descriptor->kind]
				: HEADER_SIZE;
	uint64_t extra = 0;
	uint64_t count = 0;
	if (descriptor->kind == KIND_FUNC) {
		const uint8_t *bytes;
		GSD_TRY(gsd_block_cache_read(types->cache, descriptor->address + HEADER_SIZE, 4, &bytes));
		uint16_t in;
		uint16_t out;
		memcpy(&in, bytes, sizeof in);
		memcpy(&out, bytes + 2, sizeof out);
		extra = 8 * ((uint64_t)in + (out & 0x7fff));
	} else if (descriptor->kind == KIND_INTERFACE) {
		GSD_TRY(read_u64(types, descriptor->address + 64, &count));
		extra = 8 * count;
	} else if (descriptor->kind == KIND_STRUCT) {
		GSD_TRY(read_u64(types, descriptor->address + STRUCT_COUNT_OFFSET, &count));
		extra = FIELD_SIZE * count;
	}
	/* More than the section has room for: a size beyond its end, before the product wraps around. */
	if (count > (types->end - types->start) / FIELD_SIZE)
		extra = UINT64_MAX / 2;
	if ((descriptor->tflag & TFLAG_UNCOMMON) != 0) {
		const uint8_t *bytes;
		GSD_TRY(gsd_block_cache_read(types->cache, descriptor->address + base + 4, 2, &bytes));
		uint16_t methods;
		memcpy(&methods, bytes, sizeof methods);
		extra += 16 + 16 * (uint64_t)methods;
	}
	*size_ret = base + extra;
	return NULL;
}

/* From Go 1.27 on: the descriptors themselves lie in a row, sorted by type string. */
static struct gsd_error *walk_descriptors(const struct gsd_types *types, const char *wanted, uint64_t *address_ret)
{
	uint64_t end = types->descriptors_length < types->end - types->start ? types->start + types->descriptors_length
									     : types->end;
	uint64_t address = types->start + 8;
	while (address < end) {
		address = (address + 7) & ~UINT64_C(7);
		struct descriptor descriptor;
		GSD_TRY(read_descriptor(types, address, &descriptor));
		if (descriptor.kind == KIND_POINTER) {
			char name[MAX_NAME];
			GSD_TRY(read_type_string(types, &descriptor, name));
			if (strcmp(name, wanted) == 0) {
				*address_ret = address;
				return NULL;
			}
		}
		uint64_t size;
		GSD_TRY(descriptor_size(types, &descriptor, &size));
		if (size > end - address)
			return NULL;
		address += size;
	}
	return NULL;
}

/* ---- the same without links: by the bytes of the name, anywhere in the section ---- */

struct byte_search {
	const struct gsd_types *types;
	uint8_t *chunk;
	size_t chunk_length;
	uint64_t chunk_address;
	uint64_t next;
};

/* The section in overlapping chunks; false at its end. Bytes that cannot be read end it too. */
static bool next_chunk(struct byte_search *search)
{
	const struct gsd_types *types = search->types;
	if (search->next >= types->end)
		return false;
	uint64_t left = types->end - search->next;
	search->chunk_length = left < SEARCH_CHUNK ? (size_t)left : SEARCH_CHUNK;
	search->chunk_address = search->next;
	for (size_t done = 0; done < search->chunk_length;) {
		size_t part = search->chunk_length - done < 4096 ? search->chunk_length - done : 4096;
		const uint8_t *bytes;
		struct gsd_error *error =
			gsd_block_cache_read(types->cache, search->chunk_address + done, part, &bytes);
		if (error != NULL) {
			gsd_error_destroy(error);
			return false;
		}
		memcpy(search->chunk + done, bytes, part);
		done += part;
	}
	search->next += search->chunk_length > HEADER_SIZE && left > SEARCH_CHUNK ? search->chunk_length - 64
										  : search->chunk_length;
	return true;
}

/* The offset of the name blob (exported or not, no tag) of `wanted`. */
static bool find_name_blob(struct byte_search *search, const char *wanted, uint32_t *offset_ret)
{
	char blob[MAX_NAME + 1];
	size_t length = strlen(wanted);
	if (length >= 128)
		return false;
	blob[0] = (char)length;
	memcpy(blob + 1, wanted, length);
	search->next = search->types->start;
	while (next_chunk(search)) {
		const uint8_t *hit = memmem(search->chunk, search->chunk_length, blob, length + 1);
		if (hit != NULL && hit > search->chunk) {
			*offset_ret = (uint32_t)(search->chunk_address + (uint64_t)(hit - search->chunk) - 1 -
						 search->types->start);
			return true;
		}
	}
	return false;
}

/* The struct whose string is `*wanted` with the extra star, that is, the struct named `wanted`. */
static struct gsd_error *search_bytes(const struct gsd_types *types, const char *pointer_string, uint64_t *address_ret)
{
	struct byte_search search = {.types = types, .chunk = malloc(SEARCH_CHUNK)};
	if (search.chunk == NULL)
		return gsd_error_no_memory();
	uint32_t offset;
	bool done = !find_name_blob(&search, pointer_string, &offset);
	search.next = (types->start + 7) & ~UINT64_C(7);
	while (!done && next_chunk(&search)) {
		for (size_t i = 0; i + HEADER_SIZE <= search.chunk_length && !done; i += 8) {
			uint32_t name;
			memcpy(&name, search.chunk + i + NAME_OFFSET, sizeof name);
			if (name == offset && (search.chunk[i + KIND_OFFSET] & KIND_MASK) == KIND_STRUCT &&
			    (search.chunk[i + TFLAG_OFFSET] & TFLAG_EXTRA_STAR) != 0) {
				*address_ret = search.chunk_address + i;
				done = true;
			}
		}
	}
	free(search.chunk);
	return NULL;
}

/* The struct named `name` (as "runtime.g"), through the pointer to it. 0: not found. */
static struct gsd_error *find_struct(const struct gsd_types *types, const char *name, uint64_t *address_ret)
{
	char pointer_string[MAX_NAME];
	size_t length = strlen(name);
	*address_ret = 0;
	if (length + 2 > sizeof pointer_string)
		return NULL;
	pointer_string[0] = '*';
	memcpy(pointer_string + 1, name, length + 1);
	uint64_t pointer = 0;
	if (types->descriptors_length != 0)
		GSD_TRY(walk_descriptors(types, pointer_string, &pointer));
	else if (types->links != 0)
		GSD_TRY(search_links(types, pointer_string, &pointer));
	if (pointer == 0)
		return search_bytes(types, pointer_string, address_ret);
	uint64_t element;
	GSD_TRY(read_u64(types, pointer + ELEMENT_OFFSET, &element));
	if (inside(types, element))
		*address_ret = element;
	return NULL;
}

/* ---- following field types from the roots ---- */

struct reach {
	const struct gsd_types *types;
	struct gsd_u64_array pending;
	struct gsd_hash *seen;
};

static struct gsd_error *reach_add(struct reach *reach, uint64_t address)
{
	if (!inside(reach->types, address) || gsd_hash_find(reach->seen, address, NULL) ||
	    gsd_hash_count(reach->seen) >= MAX_REACHED)
		return NULL;
	if (!gsd_hash_insert(reach->seen, address, 1) || !gsd_u64_array_append(&reach->pending, address))
		return gsd_error_no_memory();
	return NULL;
}

static void answer(struct gsd_field *fields, size_t count, const char *structure, const char *name, uint64_t offset,
		   uint64_t size)
{
	for (size_t i = 0; i < count; i++) {
		struct gsd_field *field = &fields[i];
		if (field->found || strcmp(field->structure, structure) != 0 ||
		    (field->name == NULL) != (name == NULL) || (name != NULL && strcmp(field->name, name) != 0))
			continue;
		field->offset = offset;
		field->size = size;
		field->found = true;
	}
}

static bool wanted(const struct gsd_field *fields, size_t count, const char *structure)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].structure, structure) == 0)
			return true;
	return false;
}

static struct gsd_error *visit_struct(struct reach *reach, const struct descriptor *descriptor,
				      struct gsd_field *fields, size_t count)
{
	const struct gsd_types *types = reach->types;
	char structure[MAX_NAME];
	GSD_TRY(read_type_string(types, descriptor, structure));
	bool named = wanted(fields, count, structure);
	if (named)
		answer(fields, count, structure, NULL, 0, descriptor->size);
	uint64_t array;
	uint64_t length;
	GSD_TRY(read_u64(types, descriptor->address + STRUCT_FIELDS_OFFSET, &array));
	GSD_TRY(read_u64(types, descriptor->address + STRUCT_COUNT_OFFSET, &length));
	if (length > MAX_STRUCT_FIELDS)
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0,
							  "read the type descriptor of %s at 0x%" PRIx64, structure,
							  descriptor->address),
					 "it claims to have %" PRIu64 " fields", length);
	for (uint64_t i = 0; i < length; i++) {
		uint64_t name_address;
		uint64_t type;
		uint64_t offset;
		GSD_TRY(read_u64(types, array + i * FIELD_SIZE, &name_address));
		GSD_TRY(read_u64(types, array + i * FIELD_SIZE + FIELD_TYPE_OFFSET, &type));
		GSD_TRY(read_u64(types, array + i * FIELD_SIZE + FIELD_WORD_OFFSET, &offset));
		if (types->go_minor == 18)
			offset >>= 1; /* the low bit says "embedded" */
		GSD_TRY(reach_add(reach, type));
		if (!named || !inside(types, type))
			continue;
		char name[MAX_NAME];
		struct descriptor member;
		GSD_TRY(read_name(types, name_address, name));
		GSD_TRY(read_descriptor(types, type, &member));
		answer(fields, count, structure, name, offset, member.size);
	}
	return NULL;
}

static struct gsd_error *visit(struct reach *reach, uint64_t address, struct gsd_field *fields, size_t count)
{
	struct descriptor descriptor;
	GSD_TRY(read_descriptor(reach->types, address, &descriptor));
	switch (descriptor.kind) {
	case KIND_STRUCT: return visit_struct(reach, &descriptor, fields, count);
	case KIND_POINTER:
	case KIND_SLICE:
	case KIND_ARRAY:
	case KIND_CHAN: {
		uint64_t element;
		GSD_TRY(read_u64(reach->types, address + ELEMENT_OFFSET, &element));
		return reach_add(reach, element);
	}
	default: return NULL;
	}
}

static bool all_found(const struct gsd_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!fields[i].found)
			return false;
	return true;
}

static struct gsd_error *add_root(struct reach *reach, const char *structure)
{
	uint64_t address;
	GSD_TRY(find_struct(reach->types, structure, &address));
	return address == 0 ? NULL : reach_add(reach, address);
}

/* Visits what has been reached since @p next. */
static struct gsd_error *follow(struct reach *reach, size_t *next, struct gsd_field *fields, size_t count)
{
	for (; *next < reach->pending.count && !all_found(fields, count); ++*next)
		GSD_TRY(visit(reach, reach->pending.items[*next], fields, count));
	return NULL;
}

/* Nearly all structs can be reached from two of them; a P cannot up to Go 1.22, and has a descriptor all the same. */
static struct gsd_error *find_all(struct reach *reach, struct gsd_field *fields, size_t count)
{
	size_t next = 0;
	GSD_TRY(add_root(reach, "runtime.g"));
	GSD_TRY(add_root(reach, "runtime.moduledata"));
	GSD_TRY(follow(reach, &next, fields, count));
	for (size_t i = 0; i < count; i++) {
		bool asked = false;
		for (size_t k = 0; k < i && !asked; k++)
			asked = strcmp(fields[k].structure, fields[i].structure) == 0;
		if (fields[i].found || asked)
			continue;
		GSD_TRY(add_root(reach, fields[i].structure));
		GSD_TRY(follow(reach, &next, fields, count));
	}
	return NULL;
}

struct gsd_error *gsd_types_fields(const struct gsd_types *types, struct gsd_field *fields, size_t count)
{
	struct reach reach = {.types = types, .seen = gsd_hash_create(1024)};
	for (size_t i = 0; i < count; i++)
		fields[i].found = false;
	struct gsd_error *error = reach.seen == NULL ? gsd_error_no_memory() : find_all(&reach, fields, count);
	gsd_u64_array_free(&reach.pending);
	gsd_hash_destroy(reach.seen);
	return error;
}

struct gsd_error *gsd_types_confirm_layout(const struct gsd_types *types, unsigned minor, bool *confirmed_ret)
{
	struct gsd_field fields[] = {
		{.structure = "runtime.moduledata", .name = "types"},
		{.structure = "runtime.moduledata", .name = "etypes"},
		{.structure = "runtime.moduledata", .name = "gofunc"},
		{.structure = "runtime.moduledata", .name = "textsectmap"},
		{.structure = "runtime.moduledata", .name = "next"},
	};
	GSD_TRY(gsd_types_fields(types, fields, GSD_ARRAY_SIZE(fields)));
	*confirmed_ret = false;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(fields); i++) {
		uint64_t offset;
		if (!fields[i].found || !gsd_moduledata_offset(minor, fields[i].name, &offset) ||
		    offset != fields[i].offset)
			return NULL;
	}
	*confirmed_ret = true;
	return NULL;
}
