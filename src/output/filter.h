/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filters: which goroutines a person wants to see, as an expression over what is known of one. docs/filters.md has the
 * language; the parser is in filter_parse.c, what its tests mean in filter.c.
 */
#ifndef GSD_OUTPUT_FILTER_H
#define GSD_OUTPUT_FILTER_H

#include <regex.h>

#include "base/array.h"
#include "output/aggregate.h"

#define GSD_FILTER_LENGTH_MAX  4096U /**< bytes of an expression */
#define GSD_FILTER_DEPTH_MAX   64U   /**< parentheses and negations in each other */
#define GSD_FILTER_REGEX_MAX   512U  /**< bytes of one regular expression */
#define GSD_FILTER_REPEATS_MAX 1000U /**< what its {n,m} make of it, multiplied */

/** What a test looks at. */
enum gsd_filter_key {
	GSD_KEY_STATE,
	GSD_KEY_WAIT,
	GSD_KEY_FUNCTION,
	GSD_KEY_PACKAGE,
	GSD_KEY_CREATOR,
	GSD_KEY_LABEL,
	GSD_KEY_GOID,
	GSD_KEY_PARENT,
	GSD_KEY_AGE,
	GSD_KEY_LOCKED,
	GSD_KEY_SYSTEM,
	GSD_KEY_LEAKED,
	GSD_KEY_AMBIGUOUS,
	GSD_KEY_UNREADABLE
};

enum gsd_filter_relation {
	GSD_IS_SET, /**< the key alone */
	GSD_EQUAL,
	GSD_MATCHES,
	GSD_LESS,
	GSD_LESS_OR_EQUAL,
	GSD_GREATER,
	GSD_GREATER_OR_EQUAL
};

/** One test, such as `label.user=alice`. */
struct gsd_filter_test {
	enum gsd_filter_key key;
	enum gsd_filter_relation relation;
	char *label;     /**< GSD_KEY_LABEL: its key */
	char *text;      /**< GSD_EQUAL with a text, GSD_MATCHES: the value */
	uint64_t number; /**< the other comparisons: the value, a duration in ns */
	regex_t regex;   /**< when compiled */
	bool compiled;
};
GSD_DEFINE_ARRAY(gsd_filter_test_array, struct gsd_filter_test)

/** A step of an expression in reverse Polish notation. */
struct gsd_filter_step {
	enum { GSD_STEP_TEST, GSD_STEP_NOT, GSD_STEP_AND, GSD_STEP_OR } kind;
	size_t test; /**< GSD_STEP_TEST: index of the test */
};
GSD_DEFINE_ARRAY(gsd_filter_step_array, struct gsd_filter_step)

struct gsd_filter {
	struct gsd_filter_test_array tests;
	struct gsd_filter_step_array steps;
};

/**
 * Understands @p text. Fails with GSD_ERROR_INVALID, a reason, and a hint of two lines: the expression, and a caret
 * under the place; or with GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_filter_parse(const char *text, struct gsd_filter **filter_ret);
void gsd_filter_destroy(struct gsd_filter *filter);
/** Whether it asks for names of functions, which a capture without names cannot answer. */
bool gsd_filter_needs_names(const struct gsd_filter *filter);
/** Whether it asks how long goroutines wait, which a core does not say. */
bool gsd_filter_needs_ages(const struct gsd_filter *filter);

struct gsd_matcher;

/** Something that answers @p filter for the goroutines of @p snapshot. Borrows all three. */
GSD_MUST_CHECK struct gsd_error *gsd_matcher_create(const struct gsd_filter *filter,
						    const struct gsd_snapshot *snapshot,
						    const struct gsd_location_source *source,
						    struct gsd_matcher **matcher_ret);
void gsd_matcher_destroy(struct gsd_matcher *matcher);
/** Whether @p goroutine passes. Each stack is looked at once a test. Fails as the source does. */
GSD_MUST_CHECK struct gsd_error *gsd_matcher_ask(struct gsd_matcher *matcher, const struct gsd_goroutine *goroutine,
						 bool *passes_ret);

#endif
