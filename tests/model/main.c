/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is walked, and what must come out. `rules`: every scenario with all rules, no counterexample may be found.
 * `mutants`: each clause left out, or an older wording of it; the shortest counterexample is printed. `residue`: the
 * count wraps, what eight bits cannot tell. GSD_LONG=1 adds the large scenarios.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What bounds the memory: a state takes about 130 bytes with its places in the tables, twice that while they grow. */
enum { CAP = 6000000, LONG_CAP = 25000000 };

static const struct rules rules_now = {
	.m_zero = true,
	.dead_m_zero = true,
	.not_preempted = true,
	.not_coroutine = true,
	.two_reads = true,
	.raw_bounds = true,
	.again = true,
	.counts = true,
	.registers = true,
	.reason = true,
	.goid = true,
	.not_curg = true,
	.dead_goid = true,
	.step_stack = true,
	.step_one = true,
	.step_goid = true,
	.step_labels = true,
	.step_scandone = true,
	.step_cycles = true,
	.step_mark_end = true,
	.step_quiet = true,
	.step_generation = true,
	.step_tracer = true,
	.step_seen = true,
	.seen_dead = true,
	.step_lost = true,
	.step_batch = true,
	.lost_since_a = true,
	.born_found = true,
	.ids_first = true,
	.goidgen_first = true,
	.empty_cache = true,
};

static const struct scenario scenarios[] = {
	{.name = "scheduling, Go >= 1.26", .go26 = true, .syscalls = true, .growth = true, .labels = true, .torn = 1},
	{.name = "scheduling, Go <= 1.25", .syscalls = true, .growth = true, .labels = true, .torn = 1},
	{.name = "torn headers, Go >= 1.26", .go26 = true, .syscalls = true, .torn = 2},
	{.name = "torn headers, backwards", .syscalls = true, .torn = 2, .backwards = true},
	{.name = "GC", .gc = true, .torn = 1},
	{.name = "GC, stacks shrink", .gc = true, .shrinking = 1, .torn = 1},
	{.name = "GC, leaks", .gc = true, .leaks = true, .go26 = true, .torn = 1, .large = true},
	{.name = "tracer", .tracer = true, .torn = 1},
	{.name = "coroutines", .coroutines = true, .torn = 1},
	{.name = "coroutines, ids in batches", .coroutines = true, .batches = true, .torn = 1},
	{.name = "births, Go >= 1.24", .births = true, .torn = 1},
	{.name = "births, Go <= 1.23", .births = true, .goid_late = true, .torn = 1},
	{.name = "extra M, Go <= 1.25", .extra_m = true, .torn = 1},
	{.name = "extra M, Go >= 1.26", .extra_m = true, .go26 = true, .torn = 1},
	{.name = "torn word by word", .go26 = true, .torn = WORDS, .large = true},
	{.name = "torn backwards word by word", .torn = WORDS, .backwards = true, .large = true},
	{.name = "torn GC", .gc = true, .shrinking = 1, .torn = 2, .large = true},
	{.name = "GC, stacks shrink twice", .gc = true, .shrinking = 2, .leaks = true, .torn = 1, .large = true},
	{.name = "GC, syscalls, growth",
	 .gc = true,
	 .syscalls = true,
	 .growth = true,
	 .go26 = true,
	 .torn = 1,
	 .large = true},
	{.name = "births, extra Ms take ids", .births = true, .single_ids = true, .torn = 1, .large = true},
	{.name = "torn births, backwards",
	 .births = true,
	 .goid_late = true,
	 .torn = 2,
	 .backwards = true,
	 .large = true},
	{.name = "coroutines and GC", .coroutines = true, .gc = true, .torn = 1, .large = true},
	{.name = "coroutines and tracer", .coroutines = true, .tracer = true, .torn = 1, .large = true},
};

struct mutant {
	const char *name;
	const char *scenario;
	size_t clauses[3]; /* offsets of what is turned over */
	bool needed;       /* a counterexample must be found */
};

#define CLAUSE(NAME) offsetof(struct rules, NAME)
enum { NONE = sizeof(struct rules) };
#define ONE(A)                                                                                                         \
	{                                                                                                              \
		CLAUSE(A), NONE, NONE                                                                                  \
	}
#define THREE(A, B, C)                                                                                                 \
	{                                                                                                              \
		CLAUSE(A), CLAUSE(B), CLAUSE(C)                                                                        \
	}
#define TWO(A, B)                                                                                                      \
	{                                                                                                              \
		CLAUSE(A), CLAUSE(B), NONE                                                                             \
	}

static const struct mutant mutants[] = {
	{"waiting is settleable with g.m != 0", "scheduling, Go >= 1.26", ONE(m_zero), true},
	{"one step compares registers, not return pcs", "scheduling, Go >= 1.26", ONE(step_stack), true},
	{"a count that moved by any number", "scheduling, Go >= 1.26", ONE(step_one), true},
	{"the count is not compared", "scheduling, Go >= 1.26", ONE(counts), true},
	{"labels are not compared in one step", "scheduling, Go >= 1.26", ONE(step_labels), true},
	{"what is an M's curg is settled", "scheduling, Go >= 1.26", ONE(not_curg), true},
	{"no header after the stack", "scheduling, Go >= 1.26", ONE(again), true},
	{"a header is one reading, backwards", "torn headers, backwards", ONE(two_reads), true},
	{"one step during a GC mark phase", "GC", THREE(step_scandone, step_cycles, step_mark_end), true},
	{"... only gcscandone is compared", "GC", TWO(step_cycles, step_mark_end), true},
	{"... gcscandone is not compared", "GC", ONE(step_scandone), true},
	{"section 5: gcscandone and work.cycles", "GC", ONE(step_mark_end), true},
	{"... work.cycles is not compared", "GC", ONE(step_cycles), true},
	{"waiting with reason preempted is settleable", "GC", ONE(not_preempted), true},
	{"lo, hi and sp are not compared around a stack", "GC, stacks shrink", ONE(raw_bounds), true},
	{"... they matter only when the GC marks at T", "GC", ONE(step_gc_phase), true},
	{"one step while the tracer runs", "tracer", TWO(step_tracer, step_generation), true},
	{"section 5: only the tracer's generation", "tracer", ONE(step_tracer), true},
	{"... only whether the tracer is on at T", "tracer", ONE(step_generation), true},
	{"waiting with reason coroutine is settleable", "coroutines", ONE(not_coroutine), true},
	{"one step with coroutines about", "coroutines", TWO(step_seen, step_lost), true},
	{"... seen ones are not looked for", "coroutines", ONE(step_seen), true},
	{"... only living ones are looked for", "coroutines", ONE(seen_dead), true},
	{"... ids that are missing in C are ignored", "coroutines", ONE(step_lost), true},
	{"section 5: ids since B2 only", "coroutines", ONE(lost_since_a), true},
	{"a batch being fetched at A", "coroutines, ids in batches", ONE(step_batch), true},
	{"a dead goroutine is reused: rule 2 without ids", "births, Go >= 1.24", ONE(dead_goid), true},
	{"rule 4 without looking for every id", "births, Go >= 1.24", ONE(born_found), true},
	{"... ids are read after the headers of B2", "births, Go >= 1.24", ONE(ids_first), true},
	{"... the caches are read before goidgen", "births, Go >= 1.24", ONE(goidgen_first), true},
	{"section 5: a batch being fetched at B2", "births, Go >= 1.24", ONE(empty_cache), true},
	{"section 5: dead is settleable with g.m != 0", "extra M, Go <= 1.25", ONE(dead_m_zero), true},
	{"the state of one step is exact", "scheduling, Go >= 1.26", ONE(strict_state), true},
	{"one step compares no goid", "births, Go >= 1.24", ONE(step_goid), true},
	{"the validator has no goid", "births, Go >= 1.24", ONE(goid), true},
	{"a header is one reading, forwards", "torn headers, Go >= 1.26", ONE(two_reads), false},
	{"the validator has no registers", "scheduling, Go >= 1.26", ONE(registers), false},
	{"the validator has no wait reason", "scheduling, Go >= 1.26", ONE(reason), false},
};

static const struct scenario *find_scenario(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	}
	return NULL;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t cap(void)
{
	return getenv("GSD_LONG") != NULL ? LONG_CAP : CAP;
}

static struct result walk(const struct model *model, const char *name, const char *where)
{
	double start = now();
	printf("%-48s %-26s ", name, where);
	fflush(stdout);
	struct result result = space_walk(model, cap(), false);
	printf("%s in %zu states%s, %.1f s\n", result.counterexample ? "COUNTEREXAMPLE" : "no counterexample",
	       result.states, result.exhausted || result.counterexample ? "" : " (NOT EXHAUSTED)", now() - start);
	return result;
}

static int check_rules(const char *only)
{
	int failures = 0;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		struct model model = {&scenarios[i], rules_now};
		if (scenarios[i].large && getenv("GSD_LONG") == NULL)
			continue;
		if (only != NULL && strstr(scenarios[i].name, only) == NULL)
			continue;
		struct result result = walk(&model, "all rules", scenarios[i].name);
		if (result.counterexample)
			space_walk(&model, cap(), true);
		failures += result.counterexample || (!result.exhausted && !scenarios[i].large);
	}
	return failures;
}

static void turn_over(struct rules *rules, const size_t *clauses)
{
	for (size_t i = 0; i < 3 && clauses[i] != NONE; i++) {
		bool *clause = (bool *)((unsigned char *)rules + clauses[i]);
		*clause = !*clause;
	}
}

static int check_mutants(const char *only)
{
	int failures = 0;
	for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
		struct model model = {find_scenario(mutants[i].scenario), rules_now};
		if (only != NULL && strstr(mutants[i].name, only) == NULL)
			continue;
		turn_over(&model.rules, mutants[i].clauses);
		struct result result = walk(&model, mutants[i].name, mutants[i].scenario);
		if (result.counterexample)
			space_walk(&model, cap(), true);
		failures += result.counterexample != mutants[i].needed || (!result.exhausted && !result.counterexample);
	}
	return failures;
}

/* The count of the runtime wraps at 256. At 2, 3 and 4 the same counterexample is found by moving that many times. */
static int check_residue(void)
{
	int failures = 0;
	for (uint8_t modulus = 2; modulus <= 4; modulus++) {
		struct scenario scenario = {.name = "the count wraps", .go26 = true, .modulus = modulus, .torn = 1};
		char where[32];
		snprintf(where, sizeof where, "the count wraps at %d", modulus);
		struct model model = {&scenario, rules_now};
		struct result result = walk(&model, "all rules", where);
		if (result.counterexample)
			space_walk(&model, cap(), true);
		failures += !result.counterexample;
	}
	return failures;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int failures;
	if (strcmp(what, "rules") == 0)
		failures = check_rules(argc > 2 ? argv[2] : NULL);
	else if (strcmp(what, "mutants") == 0)
		failures = check_mutants(argc > 2 ? argv[2] : NULL);
	else if (strcmp(what, "residue") == 0)
		failures = check_residue();
	else {
		fputs("usage: capture_model rules|mutants [PART OF A NAME]\n       capture_model residue\n", stderr);
		return 64;
	}
	if (failures)
		printf("%d not as expected\n", failures);
	return failures ? 1 : 0;
}
