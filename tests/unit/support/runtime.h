/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the runtime's structs have the fields that matter here, measured on programs of Go 1.18 to 1.27 by their type
 * descriptors: answers for the queries of a layout, and descriptors for a made-up program.
 */
#ifndef GSD_TEST_RUNTIME_H
#define GSD_TEST_RUNTIME_H

#include "go/layout.h"
#include "types.h"

#define MADE_VERSIONS 10 /* Go 1.18 to 1.27 */
#define NOT_THERE     (-1)

struct made_runtime_field {
	const char *structure;
	const char *name; /* NULL: the size of the struct */
	uint16_t size;
	int16_t offsets[MADE_VERSIONS];
};

/* clang-format off */
static const struct made_runtime_field made_runtime_fields[] = {
	{"runtime.stack", "lo", 8, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.stack", "hi", 8, {8, 8, 8, 8, 8, 8, 8, 8, 8, 8}},
	{"runtime.gobuf", "sp", 8, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.gobuf", "pc", 8, {8, 8, 8, 8, 8, 8, 8, 8, 8, 8}},
	{"runtime.gobuf", "g", 8, {16, 16, 16, 16, 16, 16, 16, 16, 16, 16}},
	{"runtime.gobuf", "bp", 8, {48, 48, 48, 48, 48, 48, 48, 40, 40, 40}},
	{"runtime.g", "stack", 16, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.g", "m", 8, {48, 48, 48, 48, 48, 48, 48, 48, 48, 48}},
	{"runtime.g", "sched", 56, {56, 56, 56, 56, 56, 56, 56, 56, 56, 56}},
	{"runtime.g", "syscallsp", 8, {112, 112, 112, 112, 112, 112, 112, 104, 104, 104}},
	{"runtime.g", "syscallpc", 8, {120, 120, 120, 120, 120, 120, 120, 112, 112, 112}},
	{"runtime.g", "syscallbp", 8,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 128, 128, 120, 120, 120}},
	{"runtime.g", "atomicstatus", 4, {144, 144, 144, 144, 144, 152, 152, 144, 144, 144}},
	{"runtime.g", "goid", 8, {152, 152, 152, 152, 152, 160, 160, 152, 152, 152}},
	{"runtime.g", "waitsince", 8, {168, 168, 168, 168, 168, 176, 176, 168, 168, 168}},
	{"runtime.g", "waitreason", 1, {176, 176, 176, 176, 176, 184, 184, 176, 176, 176}},
	{"runtime.g", "lockedm", 8, {232, 232, 232, 208, 208, 216, 216, 208, 208, 208}},
	{"runtime.g", "runningCleanups", 1,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 218, 220, 220}},
	{"runtime.g", "parentGoid", 8, {NOT_THERE, NOT_THERE, NOT_THERE, 272, 272, 280, 280, 272, 280, 280}},
	{"runtime.g", "gopc", 8, {296, 296, 296, 280, 280, 288, 288, 280, 288, 288}},
	{"runtime.g", "startpc", 8, {312, 312, 312, 296, 296, 304, 304, 296, 304, 304}},
	{"runtime.g", "labels", 8, {360, 360, 360, 344, 344, 352, 352, 344, 352, 352}},
	{"runtime.g", "ancestors", 8, {304, 304, 304, 288, 288, 296, 296, 288, 296, 296}},
	{"runtime.g", "trackingSeq", 1, {189, 189, 189, 188, 191, 199, 199, 191, 191, 191}},
	{"runtime.g", "gcscandone", 1, {182, 182, 182, 182, 182, 190, 190, 182, 182, 182}},
	{"runtime.g", "syncGroup", 8,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 392, NOT_THERE, NOT_THERE, NOT_THERE}},
	{"runtime.g", "bubble", 8,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 384, 392, 392}},
	{"runtime.g", NULL, 0, {392, 392, 392, 408, 424, 432, 440, 440, 456, 456}},
	{"runtime.m", "g0", 8, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.m", "procid", 8, {72, 72, 72, 72, 72, 72, 72, 64, 64, 64}},
	{"runtime.m", "gsignal", 8, {80, 80, 80, 80, 80, 80, 80, 72, 72, 72}},
	{"runtime.m", "curg", 8, {192, 192, 192, 192, 192, 192, 192, 184, 184, 184}},
	{"runtime.m", "alllink", 8, {336, 336, 336, 336, 328, 352, 352, 344, 352, 352}},
	{"runtime.m", "id", 8, {232, 232, 232, 232, 232, 232, 232, 224, 232, 232}},
	{"runtime.m", "p", 8, {208, 208, 208, 208, 208, 208, 208, 200, 208, 208}},
	{"runtime.m", "vdsoSP", 8, {800, 800, 800, 808, 1120, 880, 904, 896, 896, 896}},
	{"runtime.p", "id", 4, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.p", "goidcache", 8, {384, 384, 384, 384, 384, 376, 376, 376, 384, 384}},
	{"runtime.p", "goidcacheend", 8, {392, 392, 392, 392, 392, 384, 384, 384, 392, 392}},
	{"runtime.ancestorInfo", "pcs", 24, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	{"runtime.ancestorInfo", "goid", 8, {24, 24, 24, 24, 24, 24, 24, 24, 24, 24}},
	{"runtime.ancestorInfo", "gopc", 8, {32, 32, 32, 32, 32, 32, 32, 32, 32, 32}},
	{"runtime.ancestorInfo", NULL, 0, {40, 40, 40, 40, 40, 40, 40, 40, 40, 40}},
	{"runtime.synctestGroup", "root", 8,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 88, NOT_THERE, NOT_THERE, NOT_THERE}},
	{"runtime.synctestBubble", "id", 8,
	 {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, 72, 72, 72}},
	{"runtime.m", "vdsoPC", 8, {808, 808, 808, 816, 1128, 888, 912, 904, 904, 904}},
};
/* clang-format on */

static inline int made_offset(unsigned minor, const char *structure, const char *name)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(made_runtime_fields); i++) {
		const struct made_runtime_field *field = &made_runtime_fields[i];
		bool same_name =
			name == NULL || field->name == NULL ? name == field->name : strcmp(name, field->name) == 0;
		if (strcmp(field->structure, structure) == 0 && same_name)
			return field->offsets[minor - 18];
	}
	return NOT_THERE;
}

/* Answers queries as a program of Go 1.minor does. */
static inline void answer_queries(unsigned minor, struct gsd_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int offset = made_offset(minor, fields[i].structure, fields[i].name);
		fields[i].found = offset != NOT_THERE;
		if (fields[i].name == NULL) {
			fields[i].size = (uint64_t)offset;
			continue;
		}
		fields[i].offset = (uint64_t)offset;
		for (size_t k = 0; k < GSD_ARRAY_SIZE(made_runtime_fields); k++)
			if (made_runtime_fields[k].name != NULL &&
			    strcmp(made_runtime_fields[k].structure, fields[i].structure) == 0 &&
			    strcmp(made_runtime_fields[k].name, fields[i].name) == 0)
				fields[i].size = made_runtime_fields[k].size;
	}
}

static inline struct gsd_layout made_layout(unsigned minor)
{
	struct gsd_field *fields;
	size_t count;
	struct gsd_layout layout;
	assert_success(gsd_layout_queries(minor, &fields, &count));
	answer_queries(minor, fields, count);
	assert_success(gsd_layout_make(minor, fields, count, &layout));
	free(fields);
	return layout;
}

/* ---- the same as type descriptors ---- */

/* The struct `name` with its measured fields; those whose type is a struct get it from `inner`. */
static inline uint64_t put_runtime_struct(struct section *section, const char *name, uint64_t size,
					  const struct made_field *inner, size_t inner_count)
{
	struct made_field fields[32];
	size_t count = 0;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(made_runtime_fields); i++) {
		const struct made_runtime_field *field = &made_runtime_fields[i];
		int16_t offset = field->offsets[section->go_minor - 18];
		if (strcmp(field->structure, name) != 0 || field->name == NULL || offset == NOT_THERE)
			continue;
		uint64_t type = 0;
		for (size_t k = 0; k < inner_count; k++)
			if (strcmp(inner[k].name, field->name) == 0)
				type = inner[k].type;
		if (type == 0)
			type = put_basic(section,
					 field->size == 1   ? "uint8"
					 : field->size == 4 ? "uint32"
							    : "uintptr",
					 field->size);
		fields[count++] = (struct made_field){field->name, type, (uint64_t)offset};
	}
	return put_struct(section, name, size, fields, count);
}

/* Describes runtime.g and what it refers to, and runtime.moduledata. */
static inline void put_runtime_types(struct section *section, unsigned minor)
{
	section_init(section, minor);
	uint64_t pointer_to_g = put_pointer(section, "*runtime.g");
	uint64_t pointer_to_m = put_pointer(section, "*runtime.m");
	uint64_t pointer_to_moduledata = put_pointer(section, "*runtime.moduledata");
	end_of_listed(section);
	const struct made_field of_g[] = {
		{"stack", put_runtime_struct(section, "runtime.stack", 16, NULL, 0), 0},
		{"sched", put_runtime_struct(section, "runtime.gobuf", minor < 25 ? 56 : 48, NULL, 0), 0},
		{"m", pointer_to_m, 0},
	};
	const struct made_field of_m[] = {
		{"g0", pointer_to_g, 0}, {"gsignal", pointer_to_g, 0}, {"curg", pointer_to_g, 0}};
	uint64_t g_size = (uint64_t)made_offset(minor, "runtime.g", NULL);
	set_element(section, pointer_to_g, put_runtime_struct(section, "runtime.g", g_size, of_g, 3));
	set_element(section, pointer_to_m, put_runtime_struct(section, "runtime.m", 1832, of_m, 3));
	struct made_field fields[64];
	size_t count = 0;
	const char *name;
	uint64_t word = put_basic(section, "uintptr", 8);
	for (size_t i = 0; (name = gsd_moduledata_field(i)) != NULL; i++) {
		uint64_t offset;
		if (gsd_moduledata_offset(minor, name, &offset))
			fields[count++] = (struct made_field){name, word, offset};
	}
	set_element(section, pointer_to_moduledata, put_struct(section, "runtime.moduledata", 592, fields, count));
}

#endif
