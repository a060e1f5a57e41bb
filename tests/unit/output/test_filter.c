/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/filter.h"

#include <stdio.h>

#include "fixture.h"
#include "output/select.h"

#define MINUTE (UINT64_C(60) * 1000000000)

/* Goroutines 1 to 8, each different from the others. */
static const struct gsd_label alice[] = {LABEL("tenant id", "a\0b"), LABEL("user", "alice")};
static const struct gsd_label bob[] = {LABEL("user", "bob")};

static struct gsd_stack stacks[] = {STACK(WORKER, START), STACK(MAIN), STACK(LONG), STACK(UNREADABLE)};

struct world {
	struct gsd_goroutine goroutines[8];
	struct gsd_label_set sets[2];
	struct gsd_snapshot snapshot;
	struct gsd_arena arena;
};

static void make_world(struct world *world)
{
	*world = (struct world){
		.goroutines =
			{
				{.goid = 1, .status = RUNNING, .labels = GSD_NO_LABELS, .stack = 1},
				{.goid = 2,
				 .status = WAITING,
				 .wait_reason = 14, /* chan receive, in Go 1.25 */
				 .labels = 0,
				 .parent_goid = 1,
				 .creator_pc = MAIN,
				 .wait_since = 888 * MINUTE},
				{.goid = 3,
				 .status = WAITING,
				 .wait_reason = 9, /* select */
				 .labels = 1,
				 .parent_goid = 1,
				 .creator_pc = START,
				 .wait_since = 899 * MINUTE},
				{.goid = 4, .status = WAITING, .labels = GSD_NO_LABELS, .locked = true},
				{.goid = 5, .status = GSD_STATUS_LEAKED, .labels = GSD_NO_LABELS, .stack = 2},
				{.goid = 6,
				 .status = 1,
				 .labels = GSD_NO_LABELS,
				 .stack = 3,
				 .never_ran = true,
				 .start_pc = MAIN,
				 .ambiguous = true},
				{.goid = 7, .status = 3, .labels = GSD_NO_LABELS, .stack = 2, .system = true},
				{.goid = 8,
				 .status = RUNNING,
				 .labels = GSD_NO_LABELS,
				 .stack = 3,
				 .unreadable = GSD_UNREADABLE_BOUNDS},
			},
		.sets = {LABELS(alice), LABELS(bob)},
	};
	struct gsd_snapshot snapshot = SNAPSHOT(world->goroutines, stacks);
	world->snapshot = snapshot;
	world->snapshot.go_minor = 25;
	world->snapshot.label_sets = world->sets;
	world->snapshot.label_set_count = 2;
}

static struct gsd_error *select_by(struct world *world, const char *const *filters, size_t count, uint64_t limit,
				   uint64_t seed)
{
	const struct gsd_selection selection = {
		.size = sizeof selection, .filters = filters, .filter_count = count, .limit = limit, .seed = seed};
	return gsd_select(&world->snapshot, &table_source, &selection, &world->arena);
}

/* The goids that pass, as text: "2 3". */
static void assert_passes(const char *filter, const char *expected)
{
	struct world world;
	char goids[64] = "";
	make_world(&world);
	struct gsd_error *error = select_by(&world, &filter, 1, 0, 0);
	if (error != NULL)
		fail_msg("%s: %s", filter, gsd_error_message(error));
	for (size_t i = 0; i < world.snapshot.goroutine_count; i++)
		snprintf(goids + strlen(goids), sizeof goids - strlen(goids), "%s%d", i == 0 ? "" : " ",
			 (int)world.snapshot.goroutines[i].goid);
	if (strcmp(goids, expected) != 0)
		fail_msg("%s: passed by \"%s\" instead of \"%s\"", filter, goids, expected);
	assert_string_equal(world.snapshot.selection.filter, filter);
	assert_int_equal(world.snapshot.selection.total, 8);
	gsd_arena_free(&world.arena);
}

static void each_test_looks_at_what_it_is_called_after(void **state)
{
	(void)state;
	assert_passes("state=running", "1 8");
	assert_passes("state=waiting", "2 3 4");
	assert_passes("state='chan receive'", "2");
	assert_passes("state~^chan", "2");
	assert_passes("wait=select", "3");
	assert_passes("wait~.", "2 3");
	assert_passes("wait=waiting", "");
	assert_passes("func=main.helper", "2 3 4");
	assert_passes("func~main", "1 2 3 4 6");
	assert_passes("func=main.main", "1 6");
	assert_passes("func~unreadable", "8");
	assert_passes("package=main", "1 2 3 4 6");
	assert_passes("package=net/http", "5 7");
	assert_passes("package=github.com/example/some/quite/long/module/path/internal/server", "5 7");
	assert_passes("package~^net", "5 7");
	assert_passes("creator=main.main", "2");
	assert_passes("creator~start", "3");
	assert_passes("label.user=alice", "2");
	assert_passes("label.user~'^(alice|bob)$'", "2 3");
	assert_passes("label.user", "2 3");
	assert_passes("label.\"tenant id\"~'b$'", "2");
	assert_passes("label.tenant", "");
	assert_passes("goid=3", "3");
	assert_passes("goid>=3 and goid<5", "3 4");
	assert_passes("goid>7 or goid<=1", "1 8");
	assert_passes("parent=1", "2 3");
	assert_passes("parent<9", "2 3");
	assert_passes("age>10m", "2");
	assert_passes("age<=1m", "3");
	assert_passes("age>=1m", "2 3");
	assert_passes("age<1h30m1s1ms1us1ns", "2 3");
	assert_passes("locked", "4");
	assert_passes("system", "7");
	assert_passes("leaked", "5");
	assert_passes("ambiguous", "6");
	assert_passes("unreadable", "8");
}

static void expressions_bind_as_everywhere(void **state)
{
	(void)state;
	assert_passes("goid=1 or goid=2 and goid=3", "1");
	assert_passes("(goid=1 or goid=2) and goid=2", "2");
	assert_passes("goid=1||goid=2&&goid=2", "1 2");
	assert_passes("not goid=1 and goid<3", "2");
	assert_passes("not (goid=1 or goid=2) and goid<4", "3");
	assert_passes("!goid>1", "1");
	assert_passes("!!locked", "4");
	assert_passes("not not not goid>1", "1");
	assert_passes("!(!locked)", "4");
	assert_passes("goid!=1 and goid != 2 and ! goid = 3 and goid<5", "4");
	assert_passes("func!~main and !system", "5 8");
	assert_passes("label.user!=alice and goid<4", "1 3");
	assert_passes("  goid == 1  ", "1");
	assert_passes("wait =~ ^sel", "3");
}

static void values_without_quotes_keep_their_parentheses(void **state)
{
	(void)state;
	assert_passes("(func~(helper|inner))", "2 3 4");
	assert_passes("(func=main.(*Pool).worker)", "2 3 4");
	assert_passes("((func~Pool)and(locked))", "4");
	assert_passes("label.user='alice'and(goid=2)", "2");
}

static void assert_refused(const char *filter, const char *reason, int column)
{
	struct gsd_filter *parsed = NULL;
	struct gsd_error *error = gsd_filter_parse(filter, &parsed);
	if (error == NULL)
		fail_msg("%s: understood", filter);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_INVALID);
	if (strstr(gsd_error_message(error), reason) == NULL)
		fail_msg("%s: %s", filter, gsd_error_message(error));
	if (column >= 0) {
		const char *caret = strchr(gsd_error_hint(error), '\n');
		assert_non_null(caret);
		assert_int_equal(strspn(caret + 1, " "), column);
		assert_int_equal(caret[1 + column], '^');
	}
	gsd_error_destroy(error);
}

static void what_cannot_be_understood_is_pointed_at(void **state)
{
	(void)state;
	assert_refused("", "a test is missing", 0);
	assert_refused("locked and", "a test is missing", 10);
	assert_refused("locked or or system", "no test is called so", 10);
	assert_refused("locked system", "'and', 'or' or the end", 7);
	assert_refused("=x", "begins with a word", 0);
	assert_refused("stat=x", "no test is called so", 0);
	assert_refused("state", "needs a comparison", 5);
	assert_refused("state = ", "a value is missing", 8);
	assert_refused("(state= )", "a value is missing", 8);
	assert_refused("state='x", "does not end", 6);
	assert_refused("state<x", "takes =, !=, ~ and !~", 5);
	assert_refused("goid~1", "takes =, !=, <", 4);
	assert_refused("goid=-1", "not a number", 5);
	assert_refused("goid=99999999999999999999", "not a number", 5);
	assert_refused("age=1m", "takes <, <=", 3);
	assert_refused("age>5", "not a duration", 4);
	assert_refused("age>m", "not a duration", 4);
	assert_refused("age>1.5h", "not a duration", 4);
	assert_refused("age>99999999999999999999h", "not a duration", 4);
	assert_refused("locked=true", "stands for itself", 6);
	assert_refused("label=x", "name of the label", 5);
	assert_refused("label.=x", "name of the label", 6);
	assert_refused("func~[", "not a regular expression", 5);
	assert_refused("func~'(a)\\1'", "refer back", 5);
	assert_refused("func~a{99}{99}", "repeats more than", 5);
	assert_refused("func~a{1,99}{1,99}", "repeats more than", 5);
	assert_refused("func~a{99999999999999999999999}", "repeats more than", 5);
	assert_refused("(locked", "not closed", 0);
	assert_refused("(locked system)", "'and', 'or' or ')'", 8);
	assert_refused("locked)", "closes nothing", 6);
	/* The caret stands under what is shown, not under what was given. */
	assert_refused("label.'\x1b\xc3\xa9'=1 or x", "no test is called so", 19);
}

static void hostile_expressions_are_bounded(void **state)
{
	(void)state;
	char text[GSD_FILTER_LENGTH_MAX + 2];
	memset(text, '(', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_refused(text, "longer than", -1);
	text[GSD_FILTER_LENGTH_MAX] = '\0';
	assert_refused(text, "more than 64 levels", 64);
	memset(text, '!', GSD_FILTER_LENGTH_MAX);
	assert_refused(text, "more than 64 levels", 64);
	strcpy(text, "func~");
	memset(text + 5, 'a', GSD_FILTER_REGEX_MAX + 1);
	text[5 + GSD_FILTER_REGEX_MAX + 1] = '\0';
	assert_refused(text, "more than 512 bytes", 5);
	/* As long as it may be, and as deep. */
	text[0] = '\0';
	for (int i = 0; i < 64; i++)
		strcat(text, i % 2 == 0 ? "!" : "(");
	strcat(text, "goid=1");
	while (strlen(text) < 4000)
		strcat(text, " or goid=1");
	for (int i = 0; i < 32; i++)
		strcat(text, ")");
	assert_passes(text, "1");
}

/* Words of the language in any order: understood or refused, and never anything else. */
static void anything_is_understood_or_refused(void **state)
{
	(void)state;
	static const char *const words[] = {"state", "label.", "label.a", "goid", "age", "locked", "=",   "!=", "~",
					    "!~",    "<",      ">=",      "(",    ")",   "!",      "and", "or", "not",
					    "&&",    "||",     "'",       "\"",   " ",   "x",      "10",  "1m", "[",
					    "a{9}",  "\\1",    "\xff",    "\x1b", "\n",  ".",      "*",   "|",  "&"};
	uint32_t random = 1;
	for (int round = 0; round < 50000; round++) {
		char text[256] = "";
		for (unsigned count = 1 + (unsigned)round % 12; count > 0; count--) {
			random = random * 1664525 + 1013904223;
			strcat(text, words[(random >> 16) % GSD_ARRAY_SIZE(words)]);
		}
		struct gsd_filter *filter = NULL;
		struct gsd_error *error = gsd_filter_parse(text, &filter);
		assert_true((error == NULL) != (filter == NULL));
		if (error != NULL) {
			assert_int_equal(gsd_error_code(error), GSD_ERROR_INVALID);
			assert_non_null(gsd_error_hint(error));
		}
		gsd_error_destroy(error);
		gsd_filter_destroy(filter);
	}
}

static void several_filters_must_all_hold(void **state)
{
	(void)state;
	struct world world;
	make_world(&world);
	static const char *const filters[] = {"goid=1 or goid=2", "goid=2 or goid=3"};
	assert_success(select_by(&world, filters, 2, 0, 0));
	assert_int_equal(world.snapshot.goroutine_count, 1);
	assert_int_equal(world.snapshot.goroutines[0].goid, 2);
	assert_string_equal(world.snapshot.selection.filter, "(goid=1 or goid=2) and (goid=2 or goid=3)");
	gsd_arena_free(&world.arena);
}

static void names_are_not_asked_for_when_there_are_none(void **state)
{
	(void)state;
	static const char *const texts[] = {"func~x", "locked or package=x", "creator=x"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(texts); i++) {
		const struct gsd_selection selection = {
			.size = sizeof selection, .filters = &texts[i], .filter_count = 1};
		assert_success(gsd_selection_examine(&selection, true));
		struct gsd_error *error = gsd_selection_examine(&selection, false);
		assert_non_null(error);
		assert_int_equal(gsd_error_code(error), GSD_ERROR_INVALID);
		gsd_error_destroy(error);
	}
}

/* A source whose one stack is the function that the context names. */
static struct gsd_error *locate_one(void *context, const struct gsd_stack *stack, struct gsd_location_list *list)
{
	static struct gsd_line line;
	static const struct gsd_location location = {.address = 1, .lines = &line, .line_count = 1};
	line = (struct gsd_line){.function = context, .file = ""};
	list->items = reallocarray(list->items, 1, sizeof *list->items);
	assert_non_null(list->items);
	list->items[0] = &location;
	list->count = stack->count;
	list->capacity = 1;
	return NULL;
}

static void ages_that_nothing_knows_are_said_to_be_unknown(void **state)
{
	(void)state;
	static const struct {
		const char *filter;
		uint64_t now;
		bool unknown;
	} cases[] = {
		{"age>10m", 0, true},
		{"state=running or !(age<1s)", 0, true},
		{"state=running", 0, false},
		{"age>10m", 1000000000, false},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		struct world world;
		make_world(&world);
		world.snapshot.time_monotonic_ns = cases[i].now;
		assert_success(select_by(&world, &cases[i].filter, 1, 0, 0));
		assert_int_equal(gsd_selection_lacks_ages(&world.snapshot), cases[i].unknown);
		gsd_arena_free(&world.arena);
	}
}

static void package_paths_are_unescaped(void **state)
{
	(void)state;
	static const struct {
		const char *function;
		const char *package;
	} cases[] = {
		{"gopkg.in/yaml%2ev3.(*Decoder).Decode", "gopkg.in/yaml.v3"},
		{"example.com/x.F[example.com/y.T]", "example.com/x"},
		{"example.com/x.(*T[example.com/y.U]).M", "example.com/x"},
		{"main.main.func1.2", "main"},
		{"write", ""},
		{"100%/x%2.F", "100%/x%2"},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		char text[64];
		const char *filter = text;
		struct gsd_stack one_stack[] = {STACK(1)};
		struct gsd_goroutine goroutines[] = {{.labels = GSD_NO_LABELS}};
		struct gsd_snapshot snapshot = SNAPSHOT(goroutines, one_stack);
		struct gsd_arena arena = {0};
		const struct gsd_location_source source = {.locate = locate_one, .context = (void *)cases[i].function};
		const struct gsd_selection selection = {
			.size = sizeof selection, .filters = &filter, .filter_count = 1};
		snprintf(text, sizeof text, "package='%s'", cases[i].package);
		assert_success(gsd_select(&snapshot, &source, &selection, &arena));
		if (snapshot.goroutine_count != 1)
			fail_msg("%s is not in %s", cases[i].function, cases[i].package);
		gsd_arena_free(&arena);
	}
}

/* ---- the sample -------------------------------------------------------------------------------------------------- */

enum { CROWD = 5000 };

/* The goids of a sample of @p limit among goids from @p first on, as flags. */
static void sample(unsigned first, uint64_t limit, uint64_t seed, bool *chosen)
{
	struct gsd_goroutine *crowd = calloc(CROWD, sizeof *crowd);
	assert_non_null(crowd);
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i] = (struct gsd_goroutine){.goid = first + i, .labels = GSD_NO_LABELS};
	struct gsd_snapshot snapshot = {.goroutines = crowd, .goroutine_count = CROWD};
	const struct gsd_selection selection = {.size = sizeof selection, .limit = limit, .seed = seed};
	struct gsd_arena arena = {0};
	assert_success(gsd_select(&snapshot, &table_source, &selection, &arena));
	assert_int_equal(snapshot.goroutine_count, limit < CROWD ? limit : CROWD);
	for (size_t i = 0; i < snapshot.goroutine_count; i++) {
		assert_true(i == 0 || crowd[i].goid > crowd[i - 1].goid);
		chosen[crowd[i].goid] = true;
	}
	gsd_arena_free(&arena);
	free(crowd);
}

static unsigned common(const bool *left, const bool *right)
{
	unsigned count = 0;
	for (unsigned i = 0; i < 2 * CROWD; i++)
		count += left[i] && right[i];
	return count;
}

static void a_seed_prefers_the_same_goroutines_everywhere(void **state)
{
	(void)state;
	static bool one[2 * CROWD], again[2 * CROWD], later[2 * CROWD], other[2 * CROWD], more[2 * CROWD];
	sample(1, 500, 7, one);
	sample(1, 500, 7, again);
	sample(1, 500, 8, other);
	sample(1, 800, 7, more);
	sample(1 + CROWD / 10, 500, 7, later); /* a tenth has ended, as many are new */
	assert_int_equal(common(one, again), 500);
	assert_int_equal(common(one, more), 500);
	assert_in_range(common(one, later), 400, 499);
	assert_in_range(common(one, other), 20, 90); /* by chance 50 */
	unsigned low_half = 0;
	for (unsigned i = 0; i <= CROWD / 2; i++)
		low_half += one[i];
	assert_in_range(low_half, 200, 300);
}

static void a_limit_above_the_number_keeps_all(void **state)
{
	(void)state;
	static bool all[2 * CROWD];
	sample(1, CROWD + 1, 0, all);
	sample(1, CROWD, 0, all);
}

static void goroutines_of_one_id_do_not_exceed_the_limit(void **state)
{
	(void)state;
	struct gsd_goroutine same[10] = {{0}};
	struct gsd_snapshot snapshot = {.goroutines = same, .goroutine_count = 10, .thread_stack_count = 3};
	const struct gsd_selection selection = {.size = sizeof selection, .limit = 4};
	struct gsd_arena arena = {0};
	assert_success(gsd_select(&snapshot, &table_source, &selection, &arena));
	assert_int_equal(snapshot.goroutine_count, 4);
	assert_int_equal(snapshot.thread_stack_count, 0);
	gsd_arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_test_looks_at_what_it_is_called_after),
		cmocka_unit_test(expressions_bind_as_everywhere),
		cmocka_unit_test(values_without_quotes_keep_their_parentheses),
		cmocka_unit_test(what_cannot_be_understood_is_pointed_at),
		cmocka_unit_test(hostile_expressions_are_bounded),
		cmocka_unit_test(anything_is_understood_or_refused),
		cmocka_unit_test(several_filters_must_all_hold),
		cmocka_unit_test(names_are_not_asked_for_when_there_are_none),
		cmocka_unit_test(package_paths_are_unescaped),
		cmocka_unit_test(ages_that_nothing_knows_are_said_to_be_unknown),
		cmocka_unit_test(a_seed_prefers_the_same_goroutines_everywhere),
		cmocka_unit_test(a_limit_above_the_number_keeps_all),
		cmocka_unit_test(goroutines_of_one_id_do_not_exceed_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
