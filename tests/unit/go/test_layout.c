/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/layout.h"

#include "../support/runtime.h"

/* The queries of a version, answered; to be freed. */
static struct gsd_field *answered(unsigned minor, size_t *count)
{
	struct gsd_field *fields;
	assert_success(gsd_layout_queries(minor, &fields, count));
	answer_queries(minor, fields, *count);
	return fields;
}

static void every_offset_is_the_one_that_was_measured_in_every_version(void **state)
{
	(void)state;
	static const struct {
		const char *structure, *name;
		size_t member;
	} members[] = {
		{"runtime.g", "m", offsetof(struct gsd_layout, m)},
		{"runtime.g", "syscallsp", offsetof(struct gsd_layout, syscallsp)},
		{"runtime.g", "syscallpc", offsetof(struct gsd_layout, syscallpc)},
		{"runtime.g", "syscallbp", offsetof(struct gsd_layout, syscallbp)},
		{"runtime.g", "atomicstatus", offsetof(struct gsd_layout, atomicstatus)},
		{"runtime.g", "goid", offsetof(struct gsd_layout, goid)},
		{"runtime.g", "waitsince", offsetof(struct gsd_layout, waitsince)},
		{"runtime.g", "waitreason", offsetof(struct gsd_layout, waitreason)},
		{"runtime.g", "lockedm", offsetof(struct gsd_layout, lockedm)},
		{"runtime.g", "runningCleanups", offsetof(struct gsd_layout, running_cleanups)},
		{"runtime.g", "parentGoid", offsetof(struct gsd_layout, parent_goid)},
		{"runtime.g", "gopc", offsetof(struct gsd_layout, gopc)},
		{"runtime.g", "startpc", offsetof(struct gsd_layout, startpc)},
		{"runtime.g", "labels", offsetof(struct gsd_layout, labels)},
		{"runtime.g", NULL, offsetof(struct gsd_layout, g_size)},
		{"runtime.m", "g0", offsetof(struct gsd_layout, m_g0)},
		{"runtime.m", "procid", offsetof(struct gsd_layout, m_procid)},
		{"runtime.m", "gsignal", offsetof(struct gsd_layout, m_gsignal)},
		{"runtime.m", "curg", offsetof(struct gsd_layout, m_curg)},
		{"runtime.g", "ancestors", offsetof(struct gsd_layout, ancestors)},
		{"runtime.g", "trackingSeq", offsetof(struct gsd_layout, tracking_seq)},
		{"runtime.g", "gcscandone", offsetof(struct gsd_layout, gcscandone)},
		{"runtime.m", "alllink", offsetof(struct gsd_layout, m_alllink)},
		{"runtime.p", "goidcache", offsetof(struct gsd_layout, p_goidcache)},
		{"runtime.p", "goidcacheend", offsetof(struct gsd_layout, p_goidcacheend)},
		{"runtime.m", "id", offsetof(struct gsd_layout, m_id)},
		{"runtime.m", "p", offsetof(struct gsd_layout, m_p)},
		{"runtime.p", "id", offsetof(struct gsd_layout, p_id)},
		{"runtime.ancestorInfo", "pcs", offsetof(struct gsd_layout, ancestor_pcs)},
		{"runtime.ancestorInfo", "goid", offsetof(struct gsd_layout, ancestor_goid)},
		{"runtime.ancestorInfo", "gopc", offsetof(struct gsd_layout, ancestor_gopc)},
		{"runtime.ancestorInfo", NULL, offsetof(struct gsd_layout, ancestor_size)},
		{"runtime.synctestGroup", "root", offsetof(struct gsd_layout, bubble_root)},
		{"runtime.synctestBubble", "id", offsetof(struct gsd_layout, bubble_id)},
		{"runtime.m", "vdsoSP", offsetof(struct gsd_layout, m_vdso_sp)},
		{"runtime.m", "vdsoPC", offsetof(struct gsd_layout, m_vdso_pc)},
	};
	for (unsigned minor = 18; minor <= 27; minor++) {
		struct gsd_layout layout = made_layout(minor);
		assert_int_equal(layout.go_minor, minor);
		for (size_t i = 0; i < GSD_ARRAY_SIZE(members); i++) {
			int offset = made_offset(minor, members[i].structure, members[i].name);
			uint32_t made;
			memcpy(&made, (const char *)&layout + members[i].member, sizeof made);
			if (made != (offset == NOT_THERE ? GSD_NO_FIELD : (uint32_t)offset))
				fail_msg("%s of Go 1.%u is %u", members[i].name, minor, made);
		}
	}
}

static void the_fields_of_inner_structs_are_counted_from_the_start_of_the_g(void **state)
{
	(void)state;
	struct gsd_field *fields;
	size_t count;
	struct gsd_layout layout;
	fields = answered(26, &count);
	for (size_t i = 0; i < count; i++)
		if (fields[i].name != NULL && strcmp(fields[i].name, "stack") == 0)
			fields[i].offset = 32;
	assert_success(gsd_layout_make(26, fields, count, &layout));
	free(fields);
	assert_int_equal(layout.stack_low, 32);
	assert_int_equal(layout.stack_high, 40);
	assert_int_equal(layout.sched_sp, 56);
	assert_int_equal(layout.sched_pc, 64);
	assert_int_equal(layout.sched_g, 72);
	assert_int_equal(layout.sched_bp, 96);
	assert_int_equal(made_layout(24).sched_bp, 104);
}

/* Stacks can be read without these. */
static bool is_optional(const struct gsd_field *field)
{
	static const struct {
		const char *structure, *name;
	} optional[] = {{"runtime.g", "ancestors"},
			{"runtime.g", "trackingSeq"},
			{"runtime.g", "gcscandone"},
			{"runtime.m", "alllink"},
			{"runtime.g", "syncGroup"},
			{"runtime.g", "bubble"},
			{"runtime.m", "id"},
			{"runtime.m", "p"},
			{"runtime.p", NULL},
			{"runtime.ancestorInfo", NULL},
			{"runtime.synctestGroup", NULL},
			{"runtime.synctestBubble", NULL}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(optional); i++)
		if (strcmp(field->structure, optional[i].structure) == 0 &&
		    (optional[i].name == NULL || (field->name != NULL && strcmp(field->name, optional[i].name) == 0)))
			return true;
	return false;
}

static void what_stacks_can_be_read_without_may_be_missing(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		size_t count;
		struct gsd_layout layout;
		struct gsd_field *fields = answered(minor, &count);
		for (size_t i = 0; i < count; i++)
			fields[i].found = !is_optional(&fields[i]);
		assert_success(gsd_layout_make(minor, fields, count, &layout));
		assert_int_equal(layout.ancestors, GSD_NO_FIELD);
		assert_int_equal(layout.bubble, GSD_NO_FIELD);
		assert_int_equal(layout.m_id, GSD_NO_FIELD);
		assert_int_equal(layout.p_id, GSD_NO_FIELD);
		assert_int_equal(layout.ancestor_size, GSD_NO_FIELD);
		assert_int_equal(layout.bubble_id, GSD_NO_FIELD);
		assert_int_not_equal(layout.goid, GSD_NO_FIELD);
		free(fields);
	}
}

static void each_field_that_is_missing_is_named_in_the_error(void **state)
{
	(void)state;
	for (unsigned minor = 18; minor <= 27; minor++) {
		size_t count;
		struct gsd_field *fields = answered(minor, &count);
		for (size_t i = 0; i < count; i++) {
			if (is_optional(&fields[i]))
				continue;
			struct gsd_layout layout = {.go_minor = 99};
			char name[100];
			snprintf(name, sizeof name, "cannot find the offset of %s%s%s: Go 1.%u must have it",
				 fields[i].structure, fields[i].name == NULL ? "" : ".",
				 fields[i].name == NULL ? "" : fields[i].name, minor);
			for (size_t k = 0; k < count; k++) /* the same query may stand there several times */
				if (fields[k].name == fields[i].name && fields[k].structure == fields[i].structure)
					fields[k].found = false;
			assert_failure(gsd_layout_make(minor, fields, count, &layout), GSD_ERROR_MISSING, name);
			assert_int_equal(layout.go_minor, 99);
			answer_queries(minor, fields, count);
		}
		free(fields);
	}
}

static void a_field_of_another_size_is_refused(void **state)
{
	(void)state;
	size_t count;
	struct gsd_field *fields = answered(27, &count);
	size_t refused = 0;
	for (size_t i = 0; i < count; i++) {
		if (fields[i].name == NULL || strcmp(fields[i].name, "stack") == 0 ||
		    strcmp(fields[i].name, "sched") == 0)
			continue; /* structs, of which only the fields matter */
		for (int change = -1; change <= 1; change += 2) {
			struct gsd_layout layout;
			for (size_t k = 0; k < count; k++)
				if (fields[k].name == fields[i].name && fields[k].structure == fields[i].structure)
					fields[k].size += (uint64_t)change;
			assert_failure(gsd_layout_make(27, fields, count, &layout), GSD_ERROR_CORRUPT,
				       "which no Go version has");
			answer_queries(27, fields, count);
			refused++;
		}
	}
	assert_true(refused > 40);
	free(fields);
}

static void an_offset_that_no_struct_can_have_is_refused(void **state)
{
	(void)state;
	static const uint64_t offsets[] = {65537, UINT64_C(1) << 32, UINT64_MAX, UINT64_MAX - 55};
	size_t count;
	struct gsd_field *fields = answered(27, &count);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < GSD_ARRAY_SIZE(offsets); k++) {
			struct gsd_layout layout;
			for (size_t n = 0; n < count; n++) {
				if (fields[n].name != fields[i].name || fields[n].structure != fields[i].structure)
					continue;
				*(fields[n].name == NULL ? &fields[n].size : &fields[n].offset) = offsets[k];
			}
			struct gsd_error *error = gsd_layout_make(27, fields, count, &layout);
			assert_non_null(error);
			assert_null(strstr(gsd_error_message(error), "(null)"));
			bool in_g = strcmp(fields[i].structure, "runtime.stack") == 0 ||
				    strcmp(fields[i].structure, "runtime.gobuf") == 0;
			assert_failure(error, GSD_ERROR_CORRUPT, in_g ? "runtime.g" : fields[i].structure);
			answer_queries(27, fields, count);
		}
	}
	free(fields);
}

static void offsets_whose_sum_wraps_around_are_refused(void **state)
{
	(void)state;
	size_t count;
	struct gsd_layout layout;
	struct gsd_field *fields = answered(27, &count);
	for (size_t i = 0; i < count; i++) {
		if (fields[i].name != NULL && strcmp(fields[i].name, "stack") == 0)
			fields[i].offset = UINT64_MAX - 7;
		if (strcmp(fields[i].structure, "runtime.stack") == 0)
			fields[i].offset += 8;
	}
	assert_failure(gsd_layout_make(27, fields, count, &layout), GSD_ERROR_CORRUPT, "runtime.g.stack");
	free(fields);
}

static void what_a_version_does_not_have_is_not_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned since;
	} fields_of_g[] = {{"syscallbp", 23}, {"parentGoid", 21}, {"runningCleanups", 25}};
	for (unsigned minor = 18; minor <= 28; minor++) {
		struct gsd_field *fields;
		size_t count;
		assert_success(gsd_layout_queries(minor, &fields, &count));
		for (size_t i = 0; i < GSD_ARRAY_SIZE(fields_of_g); i++) {
			bool asked = false;
			for (size_t k = 0; k < count; k++)
				asked |= fields[k].name != NULL && strcmp(fields[k].name, fields_of_g[i].name) == 0;
			assert_int_equal(asked, minor >= fields_of_g[i].since);
		}
		free(fields);
	}
	assert_u64(made_layout(22).syscallbp, GSD_NO_FIELD);
	assert_u64(made_layout(20).parent_goid, GSD_NO_FIELD);
	assert_u64(made_layout(24).running_cleanups, GSD_NO_FIELD);
	assert_u64(made_layout(25).running_cleanups, 218);
}

static void all_fields_lie_in_the_bytes_that_are_read(void **state)
{
	(void)state;
	struct gsd_layout layout = made_layout(27);
	assert_int_equal(gsd_layout_g_bytes(&layout), 392 + 8); /* bubble is the last one */
	assert_int_equal(gsd_layout_m_bytes(&layout), 904 + 8); /* vdsoPC */
	layout.waitreason = 408;                                /* a byte, of which eight are read */
	assert_int_equal(gsd_layout_g_bytes(&layout), 416);
	layout = made_layout(18); /* what is not there does not count */
	assert_int_equal(gsd_layout_g_bytes(&layout), 360 + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_offset_is_the_one_that_was_measured_in_every_version),
		cmocka_unit_test(the_fields_of_inner_structs_are_counted_from_the_start_of_the_g),
		cmocka_unit_test(what_stacks_can_be_read_without_may_be_missing),
		cmocka_unit_test(each_field_that_is_missing_is_named_in_the_error),
		cmocka_unit_test(a_field_of_another_size_is_refused),
		cmocka_unit_test(an_offset_that_no_struct_can_have_is_refused),
		cmocka_unit_test(offsets_whose_sum_wraps_around_are_refused),
		cmocka_unit_test(what_a_version_does_not_have_is_not_asked_for),
		cmocka_unit_test(all_fields_lie_in_the_bytes_that_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
