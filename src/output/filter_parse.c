/* SPDX-License-Identifier: BSD-3-Clause */
/* The language of filters: recursive descent into steps in reverse Polish notation. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/filter.h"
#include "output/text.h"

#define NS_PER_SECOND UINT64_C(1000000000)

enum value_kind { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_DURATION };

static const struct {
	const char *name;
	enum gsd_filter_key key;
	enum value_kind value;
} keys[] = {
	{"state", GSD_KEY_STATE, VALUE_TEXT},         {"wait", GSD_KEY_WAIT, VALUE_TEXT},
	{"func", GSD_KEY_FUNCTION, VALUE_TEXT},       {"package", GSD_KEY_PACKAGE, VALUE_TEXT},
	{"creator", GSD_KEY_CREATOR, VALUE_TEXT},     {"label", GSD_KEY_LABEL, VALUE_TEXT},
	{"goid", GSD_KEY_GOID, VALUE_NUMBER},         {"parent", GSD_KEY_PARENT, VALUE_NUMBER},
	{"age", GSD_KEY_AGE, VALUE_DURATION},         {"locked", GSD_KEY_LOCKED, VALUE_NONE},
	{"system", GSD_KEY_SYSTEM, VALUE_NONE},       {"leaked", GSD_KEY_LEAKED, VALUE_NONE},
	{"ambiguous", GSD_KEY_AMBIGUOUS, VALUE_NONE}, {"unreadable", GSD_KEY_UNREADABLE, VALUE_NONE},
};

#define KEY_NAMES                                                                                                      \
	"state, wait, func, package, creator, label.NAME, goid, parent, age, locked, system, leaked, ambiguous, "      \
	"unreadable"

/* The longer one before the one that it begins with. */
static const struct {
	const char *text;
	enum gsd_filter_relation relation;
	bool negated;
} operators[] = {
	{"==", GSD_EQUAL, false},         {"=~", GSD_MATCHES, false}, {"=", GSD_EQUAL, false},
	{"!=", GSD_EQUAL, true},          {"!~", GSD_MATCHES, true},  {"~", GSD_MATCHES, false},
	{"<=", GSD_LESS_OR_EQUAL, false}, {"<", GSD_LESS, false},     {">=", GSD_GREATER_OR_EQUAL, false},
	{">", GSD_GREATER, false},
};

struct parser {
	const char *text;
	const char *next;
	unsigned depth;
	struct gsd_filter *filter;
};

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static GSD_PRINTF(3, 4) GSD_MUST_CHECK
	struct gsd_error *refuse(const struct parser *parser, const char *place, const char *reason, ...)
{
	struct gsd_text shown = {0};
	char *why = NULL;
	va_list arguments;
	va_start(arguments, reason);
	if (vasprintf(&why, reason, arguments) < 0)
		why = NULL;
	va_end(arguments);
	struct gsd_error *error = gsd_error_create(GSD_ERROR_INVALID, 0, "understand the filter");
	if (why != NULL)
		error = gsd_error_because(error, "%s", why);
	gsd_text_quote(&shown, parser->text, (size_t)(place - parser->text));
	unsigned column = shown.columns;
	gsd_text_quote(&shown, place, strlen(place));
	if (!shown.failed) {
		error = gsd_error_advise(error, "%.*s", (int)shown.length, shown.bytes);
		error = gsd_error_advise(error, "%*s^", (int)column, "");
	}
	gsd_text_free(&shown);
	free(why);
	return error;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void skip_spaces(struct parser *parser)
{
	while (isspace((unsigned char)*parser->next))
		parser->next++;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Takes a word that stands for itself ("and") or its sign ("&&"). */
static bool take(struct parser *parser, const char *word, const char *sign)
{
	skip_spaces(parser);
	size_t length = strlen(word);
	if (strncmp(parser->next, sign, strlen(sign)) == 0)
		length = strlen(sign);
	else if (strncmp(parser->next, word, length) != 0 || is_word(parser->next[length]))
		return false;
	parser->next += length;
	return true;
}

static struct gsd_error *copy_word(const char *start, size_t length, char **word_ret)
{
	*word_ret = strndup(start, length);
	return *word_ret == NULL ? gsd_error_no_memory() : NULL;
}

/* In quotes of either kind: anything but the same quote. */
static struct gsd_error *take_quoted(struct parser *parser, char **word_ret)
{
	const char *start = parser->next;
	const char *end = strchr(start + 1, *start);
	if (end == NULL)
		return refuse(parser, start, "a quote that begins here does not end");
	parser->next = end + 1;
	return copy_word(start + 1, (size_t)(end - start - 1), word_ret);
}

/* A value without quotes ends at a space, at && or ||, or at a parenthesis that it did not open itself. */
static size_t bare_length(const char *text)
{
	size_t length = 0;
	for (size_t open = 0; text[length] != '\0' && !isspace((unsigned char)text[length]); length++) {
		char c = text[length];
		if ((c == '&' || c == '|') && text[length + 1] == c)
			break;
		if (c == '(')
			open++;
		else if (c == ')' && open-- == 0)
			break;
	}
	return length;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static struct gsd_error *take_value(struct parser *parser, char **value_ret)
{
	skip_spaces(parser);
	const char *start = parser->next;
	if (is_quote(*start))
		return take_quoted(parser, value_ret);
	size_t length = bare_length(start);
	if (length == 0)
		return refuse(parser, start, "a value is missing");
	parser->next += length;
	return copy_word(start, length, value_ret);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* What the intervals of @p pattern multiply to: regcomp() copies what they repeat. */
static uint64_t repeats(const char *pattern)
{
	uint64_t product = 1;
	for (const char *open = strchr(pattern, '{'); open != NULL; open = strchr(open + 1, '{')) {
		uint64_t most = 1;
		for (const char *digit = open + 1; *digit == ',' || isdigit((unsigned char)*digit);) {
			char *end = (char *)digit + 1;
			uint64_t count = *digit == ',' ? 0 : strtoull(digit, &end, 10);
			most = count > most ? count : most;
			digit = end;
		}
		if (__builtin_mul_overflow(product, most, &product))
			return UINT64_MAX;
	}
	return product;
}

static bool has_back_reference(const char *pattern)
{
	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '\\')
			continue;
		if (isdigit((unsigned char)pattern[1]))
			return true;
		if (pattern[1] != '\0')
			pattern++;
	}
	return false;
}

static struct gsd_error *compile(const struct parser *parser, const char *place, struct gsd_filter_test *test)
{
	if (strlen(test->text) > GSD_FILTER_REGEX_MAX)
		return refuse(parser, place, "a regular expression of more than %u bytes", GSD_FILTER_REGEX_MAX);
	if (has_back_reference(test->text))
		return refuse(parser, place, "a regular expression may not refer back to a part of itself");
	if (repeats(test->text) > GSD_FILTER_REPEATS_MAX)
		return refuse(parser, place, "a regular expression that repeats more than %u times",
			      GSD_FILTER_REPEATS_MAX);
	int problem = regcomp(&test->regex, test->text, REG_EXTENDED | REG_NOSUB);
	test->compiled = problem == 0;
	if (test->compiled)
		return NULL;
	char reason[128];
	regerror(problem, &test->regex, reason, sizeof reason);
	return problem == REG_ESPACE ? gsd_error_no_memory()
				     : refuse(parser, place, "not a regular expression: %s", reason);
}

static bool parse_number(const char *text, uint64_t *number_ret)
{
	uint64_t number = 0;
	if (*text == '\0')
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return false;
	}
	*number_ret = number;
	return *text == '\0';
}

/* Whole numbers of Go's units: "1h30m", "90s", "250ms". */
static bool parse_duration(const char *text, uint64_t *ns_ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"h", 3600 * NS_PER_SECOND},
		     {"m", 60 * NS_PER_SECOND},
		     {"s", NS_PER_SECOND},
		     {"ms", 1000000},
		     {"us", 1000},
		     {"ns", 1}};
	uint64_t total = 0;
	if (*text == '\0')
		return false;
	while (*text != '\0') {
		char digits[24];
		uint64_t part;
		size_t length = strspn(text, "0123456789");
		size_t unit_length = strcspn(text + length, "0123456789");
		size_t unit = 0;
		snprintf(digits, sizeof digits, "%.*s", (int)(length < 23 ? length : 23), text);
		while (unit < GSD_ARRAY_SIZE(units) && (strlen(units[unit].name) != unit_length ||
							memcmp(units[unit].name, text + length, unit_length) != 0))
			unit++;
		if (unit == GSD_ARRAY_SIZE(units) || !parse_number(digits, &part) ||
		    __builtin_mul_overflow(part, units[unit].ns, &part) || __builtin_add_overflow(total, part, &total))
			return false;
		text += length + unit_length;
	}
	*ns_ret = total;
	return true;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static struct gsd_error *add_step(struct parser *parser, struct gsd_filter_step step)
{
	return gsd_filter_step_array_append(&parser->filter->steps, step) ? NULL : gsd_error_no_memory();
}

/* The name behind "label.": in quotes, or up to a comparison. */
static struct gsd_error *take_label(struct parser *parser, char **label_ret)
{
	if (*parser->next != '.')
		return refuse(parser, parser->next, "the name of the label is missing: label.NAME");
	const char *start = ++parser->next;
	if (is_quote(*start))
		return take_quoted(parser, label_ret);
	size_t length = strcspn(start, "=!~<>()&| \t\r\n\v\f'\"");
	if (length == 0)
		return refuse(parser, start, "the name of the label is missing: label.NAME");
	parser->next += length;
	return copy_word(start, length, label_ret);
}

/* The comparison that stands here, if any. */
static bool take_operator(struct parser *parser, enum gsd_filter_relation *operator_ret, bool *negated_ret)
{
	skip_spaces(parser);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(operators); i++) {
		if (strncmp(parser->next, operators[i].text, strlen(operators[i].text)) != 0)
			continue;
		parser->next += strlen(operators[i].text);
		*operator_ret = operators[i].relation;
		*negated_ret = operators[i].negated;
		return true;
	}
	return false;
}

static struct gsd_error *check_operator(const struct parser *parser, const char *place, size_t key,
					enum gsd_filter_relation relation)
{
	const char *name = keys[key].name;
	switch (keys[key].value) {
	case VALUE_NONE: return refuse(parser, place, "%s stands for itself, without a value", name);
	case VALUE_TEXT:
		if (relation != GSD_EQUAL && relation != GSD_MATCHES)
			return refuse(parser, place, "%s is a text: it takes =, !=, ~ and !~", name);
		return NULL;
	case VALUE_NUMBER:
		if (relation == GSD_MATCHES)
			return refuse(parser, place, "%s is a number: it takes =, !=, <, <=, > and >=", name);
		return NULL;
	case VALUE_DURATION:
		if (relation == GSD_MATCHES || relation == GSD_EQUAL)
			return refuse(parser, place, "%s is a duration: it takes <, <=, > and >=", name);
		return NULL;
	}
	return NULL;
}

static struct gsd_error *read_value(struct parser *parser, size_t key, struct gsd_filter_test *test)
{
	skip_spaces(parser);
	const char *place = parser->next;
	GSD_TRY(take_value(parser, &test->text));
	if (test->relation == GSD_MATCHES)
		return compile(parser, place, test);
	if (keys[key].value == VALUE_NUMBER && !parse_number(test->text, &test->number))
		return refuse(parser, place, "not a number");
	if (keys[key].value == VALUE_DURATION && !parse_duration(test->text, &test->number))
		return refuse(parser, place, "not a duration such as 10m, 1h30m or 250ms");
	return NULL;
}

static struct gsd_error *parse_comparison(struct parser *parser, size_t key, struct gsd_filter_test *test)
{
	bool negated = false;
	if (test->key == GSD_KEY_LABEL)
		GSD_TRY(take_label(parser, &test->label));
	skip_spaces(parser);
	const char *place = parser->next;
	if (take_operator(parser, &test->relation, &negated)) {
		GSD_TRY(check_operator(parser, place, key, test->relation));
		GSD_TRY(read_value(parser, key, test));
	} else if (keys[key].value != VALUE_NONE && test->key != GSD_KEY_LABEL) {
		return refuse(parser, place, "%s needs a comparison and a value, such as %s%s", keys[key].name,
			      keys[key].name,
			      keys[key].value == VALUE_TEXT     ? "~TEXT"
			      : keys[key].value == VALUE_NUMBER ? "=1"
								: ">10m");
	}
	GSD_TRY(add_step(parser,
			 (struct gsd_filter_step){.kind = GSD_STEP_TEST, .test = parser->filter->tests.count - 1}));
	return negated ? add_step(parser, (struct gsd_filter_step){.kind = GSD_STEP_NOT}) : NULL;
}

static struct gsd_error *parse_test(struct parser *parser)
{
	const char *start = parser->next;
	size_t length = 0;
	while (is_word(start[length]))
		length++;
	if (length == 0)
		return refuse(parser, start, *start == '\0' ? "a test is missing" : "a test begins with a word");
	size_t key = 0;
	while (key < GSD_ARRAY_SIZE(keys) &&
	       (strlen(keys[key].name) != length || memcmp(keys[key].name, start, length) != 0))
		key++;
	if (key == GSD_ARRAY_SIZE(keys))
		return gsd_error_advise(refuse(parser, start, "no test is called so"), "tests: %s", KEY_NAMES);
	parser->next += length;
	/* The filter owns it from now on, whatever becomes of the rest. */
	if (!gsd_filter_test_array_append(&parser->filter->tests, (struct gsd_filter_test){.key = keys[key].key}))
		return gsd_error_no_memory();
	return parse_comparison(parser, key, &parser->filter->tests.items[parser->filter->tests.count - 1]);
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

static struct gsd_error *parse_or(struct parser *parser);

static struct gsd_error *parse_parentheses(struct parser *parser, const char *open)
{
	GSD_TRY(parse_or(parser));
	skip_spaces(parser);
	if (*parser->next == '\0')
		return refuse(parser, open, "this parenthesis is not closed");
	if (*parser->next != ')')
		return refuse(parser, parser->next, "here should be 'and', 'or' or ')'");
	parser->next++;
	return NULL;
}

static struct gsd_error *parse_unary(struct parser *parser)
{
	skip_spaces(parser);
	const char *start = parser->next;
	bool open = *start == '(';
	parser->next += open ? 1 : 0;
	if (!open && !take(parser, "not", "!"))
		return parse_test(parser);
	if (++parser->depth > GSD_FILTER_DEPTH_MAX)
		return refuse(parser, start, "more than %u levels", GSD_FILTER_DEPTH_MAX);
	GSD_TRY(open ? parse_parentheses(parser, start) : parse_unary(parser));
	parser->depth--;
	return open ? NULL : add_step(parser, (struct gsd_filter_step){.kind = GSD_STEP_NOT});
}

static struct gsd_error *parse_and(struct parser *parser)
{
	GSD_TRY(parse_unary(parser));
	while (take(parser, "and", "&&")) {
		GSD_TRY(parse_unary(parser));
		GSD_TRY(add_step(parser, (struct gsd_filter_step){.kind = GSD_STEP_AND}));
	}
	return NULL;
}

static struct gsd_error *parse_or(struct parser *parser)
{
	GSD_TRY(parse_and(parser));
	while (take(parser, "or", "||")) {
		GSD_TRY(parse_and(parser));
		GSD_TRY(add_step(parser, (struct gsd_filter_step){.kind = GSD_STEP_OR}));
	}
	return NULL;
}

static struct gsd_error *parse_all(struct parser *parser)
{
	if (strlen(parser->text) > GSD_FILTER_LENGTH_MAX)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "understand the filter"),
					 "it is longer than %u bytes", GSD_FILTER_LENGTH_MAX);
	GSD_TRY(parse_or(parser));
	skip_spaces(parser);
	if (*parser->next == ')')
		return refuse(parser, parser->next, "this parenthesis closes nothing");
	if (*parser->next != '\0')
		return refuse(parser, parser->next, "here should be 'and', 'or' or the end");
	return NULL;
}

struct gsd_error *gsd_filter_parse(const char *text, struct gsd_filter **filter_ret)
{
	struct parser parser = {.text = text, .next = text, .filter = calloc(1, sizeof *parser.filter)};
	if (parser.filter == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = parse_all(&parser);
	if (error != NULL) {
		gsd_filter_destroy(parser.filter);
		return error;
	}
	*filter_ret = parser.filter;
	return NULL;
}

void gsd_filter_destroy(struct gsd_filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t i = 0; i < filter->tests.count; i++) {
		struct gsd_filter_test *test = &filter->tests.items[i];
		if (test->compiled)
			regfree(&test->regex);
		free(test->label);
		free(test->text);
	}
	gsd_filter_test_array_free(&filter->tests);
	gsd_filter_step_array_free(&filter->steps);
	free(filter);
}

bool gsd_filter_needs_names(const struct gsd_filter *filter)
{
	for (size_t i = 0; i < filter->tests.count; i++) {
		enum gsd_filter_key key = filter->tests.items[i].key;
		if (key == GSD_KEY_FUNCTION || key == GSD_KEY_PACKAGE || key == GSD_KEY_CREATOR)
			return true;
	}
	return false;
}

bool gsd_filter_needs_ages(const struct gsd_filter *filter)
{
	for (size_t i = 0; i < filter->tests.count; i++)
		if (filter->tests.items[i].key == GSD_KEY_AGE)
			return true;
	return false;
}
