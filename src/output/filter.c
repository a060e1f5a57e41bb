/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of a filter mean for a goroutine. */
#include "output/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "output/names.h"

enum answer { NOT_ASKED, NO, YES };

/* The answers that a test has given. */
struct memory {
	uint8_t *of_stack;        /* enum answer, by stack of the snapshot */
	struct gsd_hash *of_word; /* by a pc, or by a status with its wait reason */
};

struct gsd_matcher {
	const struct gsd_filter *filter;
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_location_list locations;
	struct memory *memories; /* one a test */
	bool *values;            /* of the steps under way: no more than there are steps */
};

struct gsd_error *gsd_matcher_create(const struct gsd_filter *filter, const struct gsd_snapshot *snapshot,
				     const struct gsd_location_source *source, struct gsd_matcher **matcher_ret)
{
	struct gsd_matcher *matcher = calloc(1, sizeof *matcher);
	if (matcher == NULL)
		return gsd_error_no_memory();
	matcher->filter = filter;
	matcher->snapshot = snapshot;
	matcher->source = source;
	matcher->memories = calloc(filter->tests.count + 1, sizeof *matcher->memories);
	matcher->values = calloc(filter->steps.count + 1, sizeof *matcher->values);
	bool complete = matcher->memories != NULL && matcher->values != NULL;
	for (size_t i = 0; i < filter->tests.count && complete; i++) {
		enum gsd_filter_key key = filter->tests.items[i].key;
		struct memory *memory = &matcher->memories[i];
		memory->of_word = gsd_hash_create(16);
		complete = memory->of_word != NULL;
		if (complete && (key == GSD_KEY_FUNCTION || key == GSD_KEY_PACKAGE)) {
			memory->of_stack = calloc(snapshot->stack_count + 1, 1);
			complete = memory->of_stack != NULL;
		}
	}
	if (!complete) {
		gsd_matcher_destroy(matcher);
		return gsd_error_no_memory();
	}
	*matcher_ret = matcher;
	return NULL;
}

void gsd_matcher_destroy(struct gsd_matcher *matcher)
{
	if (matcher == NULL)
		return;
	for (size_t i = 0; matcher->memories != NULL && i < matcher->filter->tests.count; i++) {
		free(matcher->memories[i].of_stack);
		gsd_hash_destroy(matcher->memories[i].of_word);
	}
	gsd_location_list_free(&matcher->locations);
	free(matcher->memories);
	free(matcher->values);
	free(matcher);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static bool text_passes(const struct gsd_filter_test *test, const char *bytes, size_t length)
{
	if (test->relation == GSD_EQUAL)
		return strlen(test->text) == length && memcmp(test->text, bytes, length) == 0;
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)length};
	return regexec(&test->regex, bytes, 0, &range, REG_STARTEND) == 0;
}

static bool string_passes(const struct gsd_filter_test *test, const char *string)
{
	return string != NULL && text_passes(test, string, strlen(string));
}

static bool package_passes(const struct gsd_filter_test *test, const char *function)
{
	struct gsd_function_name name;
	gsd_function_name_parse(function, &name);
	return text_passes(test, name.package, name.package_length);
}

static bool function_passes(const struct gsd_filter_test *test, const char *function)
{
	return test->key == GSD_KEY_PACKAGE ? package_passes(test, function) : string_passes(test, function);
}

/* ---- stacks and functions ---------------------------------------------------------------------------------------- */

static bool any_line_passes(const struct gsd_filter_test *test, const struct gsd_location_list *locations)
{
	for (size_t i = 0; i < locations->count; i++)
		for (size_t k = 0; k < locations->items[i]->line_count; k++)
			if (function_passes(test, locations->items[i]->lines[k].function))
				return true;
	return false;
}

/* The function that a pc is in: a creator's, or that of one that has not run yet. */
static struct gsd_error *pc_passes(struct gsd_matcher *matcher, size_t number, uint64_t pc, bool *passes_ret)
{
	const struct gsd_filter_test *test = &matcher->filter->tests.items[number];
	struct gsd_hash *known = matcher->memories[number].of_word;
	uint64_t answer;
	if (!gsd_hash_find(known, pc, &answer)) {
		struct gsd_line line = {0};
		if (pc != 0)
			GSD_TRY(matcher->source->creator(matcher->source->context, pc, &line));
		answer = line.function != NULL && function_passes(test, line.function) ? YES : NO;
		if (!gsd_hash_insert(known, pc, answer))
			return gsd_error_no_memory();
	}
	*passes_ret = answer == YES;
	return NULL;
}

static struct gsd_error *stack_passes(struct gsd_matcher *matcher, size_t number, const struct gsd_goroutine *goroutine,
				      bool *passes_ret)
{
	if (goroutine->never_ran)
		return pc_passes(matcher, number, goroutine->start_pc, passes_ret);
	uint8_t *answer = &matcher->memories[number].of_stack[goroutine->stack];
	if (*answer == NOT_ASKED) {
		GSD_TRY(matcher->source->locate(matcher->source->context, &matcher->snapshot->stacks[goroutine->stack],
						&matcher->locations));
		*answer = any_line_passes(&matcher->filter->tests.items[number], &matcher->locations) ? YES : NO;
	}
	*passes_ret = *answer == YES;
	return NULL;
}

/* ---- what else there is of a goroutine --------------------------------------------------------------------------- */

/* A state has two names: "waiting", and what it waits for. */
static struct gsd_error *state_passes(struct gsd_matcher *matcher, size_t number, const struct gsd_goroutine *goroutine,
				      bool *passes_ret)
{
	const struct gsd_filter_test *test = &matcher->filter->tests.items[number];
	struct gsd_hash *known = matcher->memories[number].of_word;
	uint64_t key = (uint64_t)goroutine->status << 16 | goroutine->wait_reason;
	uint64_t answer;
	if (!gsd_hash_find(known, key, &answer)) {
		const char *reason = gsd_goroutine_wait_reason(matcher->snapshot, goroutine);
		bool passes = string_passes(test, reason);
		if (test->key == GSD_KEY_STATE)
			passes = passes || string_passes(test, gsd_status_name(goroutine->status));
		answer = passes ? YES : NO;
		if (!gsd_hash_insert(known, key, answer))
			return gsd_error_no_memory();
	}
	*passes_ret = answer == YES;
	return NULL;
}

static bool label_passes(const struct gsd_matcher *matcher, const struct gsd_filter_test *test,
			 const struct gsd_goroutine *goroutine)
{
	if (goroutine->labels == GSD_NO_LABELS)
		return false;
	const struct gsd_label_set *set = &matcher->snapshot->label_sets[goroutine->labels];
	size_t length = strlen(test->label);
	for (size_t i = 0; i < set->count; i++) {
		const struct gsd_label *label = &set->labels[i];
		if (label->key_length == length && memcmp(label->key, test->label, length) == 0)
			return test->relation == GSD_IS_SET || text_passes(test, label->value, label->value_length);
	}
	return false;
}

static bool number_passes(const struct gsd_filter_test *test, uint64_t number)
{
	switch (test->relation) {
	case GSD_EQUAL: return number == test->number;
	case GSD_LESS: return number < test->number;
	case GSD_LESS_OR_EQUAL: return number <= test->number;
	case GSD_GREATER: return number > test->number;
	case GSD_GREATER_OR_EQUAL: return number >= test->number;
	case GSD_IS_SET:
	case GSD_MATCHES: break;
	}
	return false;
}

static bool age_passes(const struct gsd_matcher *matcher, const struct gsd_filter_test *test,
		       const struct gsd_goroutine *goroutine)
{
	uint64_t age;
	return gsd_goroutine_wait_ns(matcher->snapshot, goroutine, &age) && number_passes(test, age);
}

static struct gsd_error *test_passes(struct gsd_matcher *matcher, size_t number, const struct gsd_goroutine *goroutine,
				     bool *passes_ret)
{
	const struct gsd_filter_test *test = &matcher->filter->tests.items[number];
	bool passes = false;
	switch (test->key) {
	case GSD_KEY_STATE:
	case GSD_KEY_WAIT: return state_passes(matcher, number, goroutine, passes_ret);
	case GSD_KEY_FUNCTION:
	case GSD_KEY_PACKAGE: return stack_passes(matcher, number, goroutine, passes_ret);
	case GSD_KEY_CREATOR: return pc_passes(matcher, number, goroutine->creator_pc, passes_ret);
	case GSD_KEY_LABEL: passes = label_passes(matcher, test, goroutine); break;
	case GSD_KEY_GOID: passes = number_passes(test, goroutine->goid); break;
	case GSD_KEY_PARENT: passes = goroutine->parent_goid != 0 && number_passes(test, goroutine->parent_goid); break;
	case GSD_KEY_AGE: passes = age_passes(matcher, test, goroutine); break;
	case GSD_KEY_LOCKED: passes = goroutine->locked; break;
	case GSD_KEY_SYSTEM: passes = goroutine->system; break;
	case GSD_KEY_LEAKED: passes = goroutine->status == GSD_STATUS_LEAKED; break;
	case GSD_KEY_AMBIGUOUS: passes = goroutine->ambiguous; break;
	case GSD_KEY_UNREADABLE: passes = goroutine->unreadable != GSD_READABLE; break;
	}
	*passes_ret = passes;
	return NULL;
}

struct gsd_error *gsd_matcher_ask(struct gsd_matcher *matcher, const struct gsd_goroutine *goroutine, bool *passes_ret)
{
	const struct gsd_filter_step_array *steps = &matcher->filter->steps;
	bool *values = matcher->values;
	size_t depth = 0;
	for (size_t i = 0; i < steps->count; i++) {
		switch (steps->items[i].kind) {
		case GSD_STEP_TEST:
			GSD_TRY(test_passes(matcher, steps->items[i].test, goroutine, &values[depth]));
			depth++;
			break;
		case GSD_STEP_NOT: values[depth - 1] = !values[depth - 1]; break;
		case GSD_STEP_AND:
			depth--;
			values[depth - 1] = values[depth - 1] && values[depth];
			break;
		case GSD_STEP_OR:
			depth--;
			values[depth - 1] = values[depth - 1] || values[depth];
			break;
		}
	}
	*passes_ret = values[0];
	return NULL;
}
