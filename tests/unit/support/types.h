/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes type sections as the linker lays them out (internal/abi/type.go): up to Go 1.26 descriptors anywhere and sorted
 * links to the unnamed ones, from 1.27 on the unnamed ones first and in a row. Descriptors begin at offset 8, names lie
 * in the second half.
 */
#ifndef GSD_TEST_TYPES_H
#define GSD_TEST_TYPES_H

#include <stdio.h>

#include "base/memory.h"
#include "bytes.h"
#include "image/types.h"

#define SECTION_START     UINT64_C(0x600000)
#define LINKS_START       UINT64_C(0x680000)
#define SECTION_LENGTH    ((size_t)0x10000)
#define SECTION_NAMES     ((size_t)0x8000)
#define SECTION_MAX_LINKS 256

enum { KIND_UINTPTR = 12, KIND_ARRAY = 17, KIND_CHAN, KIND_FUNC, KIND_INTERFACE, KIND_MAP, KIND_POINTER, KIND_SLICE };
enum { KIND_STRUCT = 25, KIND_UNSAFE_POINTER = 26 };
enum { TFLAG_UNCOMMON = 1, TFLAG_EXTRA_STAR = 2, TFLAG_NAMED = 4 };

struct type_link {
	char name[512];
	uint32_t offset;
};

struct section {
	unsigned go_minor;
	struct bytes bytes;
	size_t next;      /* where the next descriptor goes */
	size_t next_name; /* and the next name */
	uint64_t descriptors_length;
	struct type_link links[SECTION_MAX_LINKS];
	size_t link_count;
	struct bytes link_bytes;
	struct gsd_segment segments[2];
	struct gsd_segment_memory memory;
	struct gsd_block_cache *cache;
};

static inline void section_init(struct section *section, unsigned go_minor)
{
	memset(section, 0, sizeof *section);
	section->go_minor = go_minor;
	put_zeroes(&section->bytes, SECTION_LENGTH);
	section->next = 8;
	section->next_name = SECTION_NAMES;
}

static inline void section_drop(struct section *section)
{
	gsd_block_cache_destroy(section->cache);
	drop_bytes(&section->bytes);
	drop_bytes(&section->link_bytes);
}

/* A name with the given flags; the offset of its first byte. A tag follows where the flags say so. */
static inline uint32_t put_name(struct section *section, uint8_t flags, const char *name)
{
	struct bytes blob = {0};
	put_u8(&blob, flags);
	put_uvarint(&blob, strlen(name));
	put(&blob, name, strlen(name));
	if ((flags & 2) != 0) {
		put_uvarint(&blob, 3);
		put(&blob, "tag", 3);
	}
	/* The linker stores each name once. */
	const uint8_t *names = section->bytes.data + SECTION_NAMES;
	const uint8_t *same = memmem(names, section->next_name - SECTION_NAMES, blob.data, blob.length);
	size_t at = same != NULL ? (size_t)(same - section->bytes.data) : section->next_name;
	if (same == NULL) {
		set_at(&section->bytes, at, blob.data, blob.length);
		section->next_name += blob.length;
	}
	drop_bytes(&blob);
	assert_int_equal(section->bytes.length, SECTION_LENGTH);
	return (uint32_t)at;
}

/* A descriptor's header with `size` bytes for all of it; its address. */
static inline uint64_t put_descriptor(struct section *section, uint8_t kind, uint8_t tflag, const char *string,
				      uint64_t type_size, size_t size)
{
	size_t at = (section->next + 7) & ~(size_t)7;
	section->next = at + size;
	assert_true(section->next <= SECTION_NAMES);
	set_u64(&section->bytes, at, type_size);
	set_u8(&section->bytes, at + 20, tflag);
	set_u8(&section->bytes, at + 23, section->go_minor < 26 ? kind | 0x20 : kind); /* flags of kind: until 1.25 */
	set_u32(&section->bytes, at + 40, put_name(section, 1, string));
	return SECTION_START + at;
}

/* The same for an unnamed type, which the links (or the row, from 1.27 on) list. */
static inline uint64_t put_listed(struct section *section, uint8_t kind, const char *string, size_t size)
{
	uint64_t address = put_descriptor(section, kind, 0, string, 8, size);
	assert_true(section->link_count < SECTION_MAX_LINKS);
	struct type_link *link = &section->links[section->link_count++];
	snprintf(link->name, sizeof link->name, "%s", string);
	link->offset = (uint32_t)(address - SECTION_START);
	return address;
}

static inline uint64_t put_pointer(struct section *section, const char *string)
{
	return put_listed(section, KIND_POINTER, string, 56);
}

/* Ends the row of unnamed descriptors: what follows is named. */
static inline void end_of_listed(struct section *section)
{
	section->descriptors_length = section->go_minor >= 27 ? section->next : 0;
}

static inline uint64_t put_basic(struct section *section, const char *name, uint64_t size)
{
	return put_descriptor(section, KIND_UINTPTR, TFLAG_NAMED, name, size, 48);
}

static inline void set_word_of(struct section *section, uint64_t descriptor, size_t offset, uint64_t value)
{
	set_u64(&section->bytes, (size_t)(descriptor - SECTION_START) + offset, value);
}

/* What a pointer, slice, array or channel is of. */
static inline void set_element(struct section *section, uint64_t descriptor, uint64_t element)
{
	set_word_of(section, descriptor, 48, element);
}

struct made_field {
	const char *name;
	uint64_t type;
	uint64_t offset;
};

/* A named struct: its string has the extra star, its fields lie behind the uncommon part. */
static inline uint64_t put_struct(struct section *section, const char *name, uint64_t size,
				  const struct made_field *fields, size_t count)
{
	char string[512];
	snprintf(string, sizeof string, "*%s", name);
	uint64_t address = put_descriptor(section, KIND_STRUCT, TFLAG_UNCOMMON | TFLAG_EXTRA_STAR | TFLAG_NAMED, string,
					  size, 96 + 24 * count);
	set_word_of(section, address, 56, address + 96);
	set_word_of(section, address, 64, count);
	set_word_of(section, address, 72, count);
	for (size_t i = 0; i < count; i++) {
		size_t at = 96 + 24 * i;
		set_word_of(section, address, at, SECTION_START + put_name(section, 0, fields[i].name));
		set_word_of(section, address, at + 8, fields[i].type);
		set_word_of(section, address, at + 16,
			    section->go_minor == 18 ? fields[i].offset << 1 : fields[i].offset);
	}
	return address;
}

static inline int by_link_name(const void *left, const void *right)
{
	return strcmp(((const struct type_link *)left)->name, ((const struct type_link *)right)->name);
}

/* The finished section as the code under test sees it. */
static inline struct gsd_types section_types(struct section *section)
{
	qsort(section->links, section->link_count, sizeof section->links[0], by_link_name);
	section->link_bytes.length = 0;
	for (size_t i = 0; i < section->link_count; i++)
		put_u32(&section->link_bytes, section->links[i].offset);
	section->segments[0] = (struct gsd_segment){SECTION_START, section->bytes.length, section->bytes.data};
	section->segments[1] = (struct gsd_segment){LINKS_START, section->link_bytes.length, section->link_bytes.data};
	gsd_segment_memory_init(&section->memory, section->segments, 2);
	gsd_block_cache_destroy(section->cache);
	assert_success(gsd_block_cache_create(&section->memory.memory, 64 << 20, &section->cache));
	bool links = section->go_minor < 27;
	return (struct gsd_types){.cache = section->cache,
				  .start = SECTION_START,
				  .end = SECTION_START + section->bytes.length,
				  .links = links ? LINKS_START : 0,
				  .links_count = links ? section->link_count : 0,
				  .descriptors_length = section->descriptors_length,
				  .go_minor = section->go_minor};
}

#endif
