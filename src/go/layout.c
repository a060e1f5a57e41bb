/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAX_STRUCT_BYTES 65536
#define MEMBER(name)     offsetof(struct gsd_layout, name)

/*
 * A member of gsd_layout is the offset of `field` in `structure`, plus that of `inner_field` in `inner` where the field
 * is a struct itself. `since` is the first Go minor version that has it (0: all), `until` the last one (0: it still
 * has it). Where a field was renamed, both names lead to one member. Stacks can be read without the optional ones:
 * where a version that we do not know lacks one, what it says is unknown.
 */
static const struct member {
	const char *structure;
	const char *field; /* NULL: the size of the struct */
	const char *inner;
	const char *inner_field;
	size_t member;
	unsigned since;
	uint64_t size; /* in bytes */
	unsigned until;
	bool optional;
} members[] = {
	{"runtime.g", "stack", "runtime.stack", "lo", MEMBER(stack_low), 0, 8, 0, false},
	{"runtime.g", "stack", "runtime.stack", "hi", MEMBER(stack_high), 0, 8, 0, false},
	{"runtime.g", "m", NULL, NULL, MEMBER(m), 0, 8, 0, false},
	{"runtime.g", "sched", "runtime.gobuf", "sp", MEMBER(sched_sp), 0, 8, 0, false},
	{"runtime.g", "sched", "runtime.gobuf", "pc", MEMBER(sched_pc), 0, 8, 0, false},
	{"runtime.g", "sched", "runtime.gobuf", "g", MEMBER(sched_g), 0, 8, 0, false},
	{"runtime.g", "sched", "runtime.gobuf", "bp", MEMBER(sched_bp), 0, 8, 0, false},
	{"runtime.g", "syscallsp", NULL, NULL, MEMBER(syscallsp), 0, 8, 0, false},
	{"runtime.g", "syscallpc", NULL, NULL, MEMBER(syscallpc), 0, 8, 0, false},
	{"runtime.g", "syscallbp", NULL, NULL, MEMBER(syscallbp), 23, 8, 0, false},
	{"runtime.g", "atomicstatus", NULL, NULL, MEMBER(atomicstatus), 0, 4, 0, false},
	{"runtime.g", "goid", NULL, NULL, MEMBER(goid), 0, 8, 0, false},
	{"runtime.g", "waitsince", NULL, NULL, MEMBER(waitsince), 0, 8, 0, false},
	{"runtime.g", "waitreason", NULL, NULL, MEMBER(waitreason), 0, 1, 0, false},
	{"runtime.g", "lockedm", NULL, NULL, MEMBER(lockedm), 0, 8, 0, false},
	{"runtime.g", "runningCleanups", NULL, NULL, MEMBER(running_cleanups), 25, 1, 0, false},
	{"runtime.g", "parentGoid", NULL, NULL, MEMBER(parent_goid), 21, 8, 0, false},
	{"runtime.g", "gopc", NULL, NULL, MEMBER(gopc), 0, 8, 0, false},
	{"runtime.g", "startpc", NULL, NULL, MEMBER(startpc), 0, 8, 0, false},
	{"runtime.g", "labels", NULL, NULL, MEMBER(labels), 0, 8, 0, false},
	{"runtime.g", "ancestors", NULL, NULL, MEMBER(ancestors), 0, 8, 0, true},
	{"runtime.g", "trackingSeq", NULL, NULL, MEMBER(tracking_seq), 0, 1, 0, true},
	{"runtime.g", "gcscandone", NULL, NULL, MEMBER(gcscandone), 0, 1, 0, true},
	{"runtime.g", "syncGroup", NULL, NULL, MEMBER(bubble), 24, 8, 24, true},
	{"runtime.g", "bubble", NULL, NULL, MEMBER(bubble), 25, 8, 0, true},
	{"runtime.g", NULL, NULL, NULL, MEMBER(g_size), 0, 0, 0, false},
	{"runtime.m", "g0", NULL, NULL, MEMBER(m_g0), 0, 8, 0, false},
	{"runtime.m", "procid", NULL, NULL, MEMBER(m_procid), 0, 8, 0, false},
	{"runtime.m", "gsignal", NULL, NULL, MEMBER(m_gsignal), 0, 8, 0, false},
	{"runtime.m", "curg", NULL, NULL, MEMBER(m_curg), 0, 8, 0, false},
	{"runtime.m", "alllink", NULL, NULL, MEMBER(m_alllink), 0, 8, 0, true},
	{"runtime.m", "id", NULL, NULL, MEMBER(m_id), 0, 8, 0, true},
	{"runtime.m", "p", NULL, NULL, MEMBER(m_p), 0, 8, 0, true},
	{"runtime.m", "vdsoSP", NULL, NULL, MEMBER(m_vdso_sp), 0, 8, 0, false},
	{"runtime.m", "vdsoPC", NULL, NULL, MEMBER(m_vdso_pc), 0, 8, 0, false},
	{"runtime.p", "id", NULL, NULL, MEMBER(p_id), 0, 4, 0, true},
	{"runtime.p", "goidcache", NULL, NULL, MEMBER(p_goidcache), 0, 8, 0, true},
	{"runtime.p", "goidcacheend", NULL, NULL, MEMBER(p_goidcacheend), 0, 8, 0, true},
	{"runtime.ancestorInfo", "pcs", NULL, NULL, MEMBER(ancestor_pcs), 0, 24, 0, true},
	{"runtime.ancestorInfo", "goid", NULL, NULL, MEMBER(ancestor_goid), 0, 8, 0, true},
	{"runtime.ancestorInfo", "gopc", NULL, NULL, MEMBER(ancestor_gopc), 0, 8, 0, true},
	{"runtime.ancestorInfo", NULL, NULL, NULL, MEMBER(ancestor_size), 0, 0, 0, true},
	{"runtime.synctestGroup", "root", NULL, NULL, MEMBER(bubble_root), 24, 8, 24, true},
	{"runtime.synctestBubble", "id", NULL, NULL, MEMBER(bubble_id), 25, 8, 0, true},
};

static bool in_version(const struct member *member, unsigned go_minor)
{
	return go_minor >= member->since && (member->until == 0 || go_minor <= member->until);
}

/* Two queries per member at most: the field and the inner field. */
struct gsd_error *gsd_layout_queries(unsigned go_minor, struct gsd_field **fields_ret, size_t *count_ret)
{
	struct gsd_field *fields = calloc(2 * GSD_ARRAY_SIZE(members), sizeof *fields);
	if (fields == NULL)
		return gsd_error_no_memory();
	size_t count = 0;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(members); i++) {
		const struct member *member = &members[i];
		if (!in_version(member, go_minor))
			continue;
		fields[count++] = (struct gsd_field){.structure = member->structure, .name = member->field};
		if (member->inner != NULL)
			fields[count++] = (struct gsd_field){.structure = member->inner, .name = member->inner_field};
	}
	*fields_ret = fields;
	*count_ret = count;
	return NULL;
}

static const struct gsd_field *find_answer(const struct gsd_field *fields, size_t count, const char *structure,
					   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].found && strcmp(fields[i].structure, structure) == 0 &&
		    (name == NULL ? fields[i].name == NULL
				  : fields[i].name != NULL && strcmp(fields[i].name, name) == 0))
			return &fields[i];
	return NULL;
}

static struct gsd_error *missing(unsigned go_minor, const char *structure, const char *name)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_MISSING, 0, "find the offset of %s%s%s", structure,
						  name == NULL ? "" : ".", name == NULL ? "" : name),
				 "Go 1.%u must have it, but this program's description of its runtime does not",
				 go_minor);
}

static struct gsd_error *make_member(unsigned go_minor, const struct gsd_field *fields, size_t count,
				     const struct member *member, struct gsd_layout *layout)
{
	const struct gsd_field *field = find_answer(fields, count, member->structure, member->field);
	if (field == NULL && member->optional)
		return NULL;
	if (field == NULL)
		return missing(go_minor, member->structure, member->field);
	uint64_t offset = member->field == NULL ? field->size : field->offset;
	const struct gsd_field *last = field;
	if (member->inner != NULL) {
		last = find_answer(fields, count, member->inner, member->inner_field);
		if (last == NULL)
			return missing(go_minor, member->inner, member->inner_field);
		offset += last->offset;
	}
	if (offset > MAX_STRUCT_BYTES || field->offset > MAX_STRUCT_BYTES || last->offset > MAX_STRUCT_BYTES ||
	    (member->size != 0 && last->size != member->size))
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "use the offset of %s.%s",
							  member->structure,
							  member->field == NULL ? "(size)" : member->field),
					 "this program says offset %llu and %llu bytes, which no Go version has",
					 (unsigned long long)offset, (unsigned long long)last->size);
	*(uint32_t *)((char *)layout + member->member) = (uint32_t)offset;
	return NULL;
}

struct gsd_error *gsd_layout_make(unsigned go_minor, const struct gsd_field *fields, size_t count,
				  struct gsd_layout *layout_ret)
{
	struct gsd_layout layout = {.go_minor = go_minor};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(members); i++)
		*(uint32_t *)((char *)&layout + members[i].member) = GSD_NO_FIELD;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(members); i++)
		if (in_version(&members[i], go_minor))
			GSD_TRY(make_member(go_minor, fields, count, &members[i], &layout));
	*layout_ret = layout;
	return NULL;
}

/* The end of the last field of `structure`; 8 bytes are read of each field, whatever its size. */
static size_t bytes_of(const struct gsd_layout *layout, const char *structure)
{
	size_t end = 0;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(members); i++) {
		uint32_t offset = *(const uint32_t *)((const char *)layout + members[i].member);
		if (members[i].field != NULL && offset != GSD_NO_FIELD &&
		    strcmp(members[i].structure, structure) == 0 && offset + 8 > end)
			end = offset + 8;
	}
	return end;
}

size_t gsd_layout_g_bytes(const struct gsd_layout *layout)
{
	return bytes_of(layout, "runtime.g");
}

size_t gsd_layout_m_bytes(const struct gsd_layout *layout)
{
	return bytes_of(layout, "runtime.m");
}
