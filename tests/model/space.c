/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Breadth first over all states, so that the first counterexample is a shortest one. A state keeps only its
 * predecessor: the names of the steps are found again by repeating them.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_STATE = 0xffffffff };

struct space {
	struct steps steps;
	const struct model *model;
	struct state *states;
	uint32_t *parents;
	uint32_t *slots; /* open addressing, NO_STATE is free */
	size_t count, room, slot_count;
	uint32_t current;
};

static void *must(void *memory)
{
	if (memory == NULL) {
		fputs("model: out of memory\n", stderr);
		exit(2);
	}
	return memory;
}

static uint64_t hash(const struct state *state)
{
	const unsigned char *bytes = (const unsigned char *)state;
	uint64_t value = 0;
	for (size_t i = 0; i < sizeof *state; i += sizeof value) {
		uint64_t word = 0;
		size_t left = sizeof *state - i;
		memcpy(&word, bytes + i, left < sizeof word ? left : sizeof word);
		value = (value ^ word) * 0x9e3779b97f4a7c15u;
		value ^= value >> 32;
	}
	return value;
}

static uint32_t *find(struct space *space, const struct state *state)
{
	size_t at = hash(state) & (space->slot_count - 1);
	while (space->slots[at] != NO_STATE && memcmp(&space->states[space->slots[at]], state, sizeof *state) != 0)
		at = (at + 1) & (space->slot_count - 1);
	return &space->slots[at];
}

static void grow(struct space *space)
{
	space->room = space->room ? space->room * 2 : 1 << 12;
	space->states = must(realloc(space->states, space->room * sizeof *space->states));
	space->parents = must(realloc(space->parents, space->room * sizeof *space->parents));
	free(space->slots);
	space->slot_count = space->room * 2;
	space->slots = must(malloc(space->slot_count * sizeof *space->slots));
	memset(space->slots, 0xff, space->slot_count * sizeof *space->slots);
	for (size_t i = 0; i < space->count; i++)
		*find(space, &space->states[i]) = (uint32_t)i;
}

static void keep(struct steps *steps, const struct state *next, const char *name)
{
	struct space *space = (struct space *)steps;
	struct state normal = *next;
	(void)name;
	reader_normalise(space->model, &normal);
	uint32_t *slot = find(space, &normal);
	if (*slot != NO_STATE)
		return;
	if (space->count == space->room) {
		grow(space);
		slot = find(space, &normal);
	}
	*slot = (uint32_t)space->count;
	space->states[space->count] = normal;
	space->parents[space->count++] = space->current;
}

struct namer {
	struct steps steps;
	const struct model *model;
	const struct state *wanted;
	const char *name;
};

static void name_if_wanted(struct steps *steps, const struct state *next, const char *name)
{
	struct namer *namer = (struct namer *)steps;
	struct state normal = *next;
	reader_normalise(namer->model, &normal);
	if (namer->name == NULL && memcmp(namer->wanted, &normal, sizeof normal) == 0)
		namer->name = name;
}

static void all_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	reader_steps(model, state, steps);
	target_steps(model, state, steps);
}

static void print_trace(const struct model *model, const struct space *space, uint32_t last)
{
	size_t length = 0;
	for (uint32_t i = last; i != NO_STATE; i = space->parents[i])
		length++;
	uint32_t *path = must(malloc(length * sizeof *path));
	for (uint32_t i = last, left = (uint32_t)length; i != NO_STATE; i = space->parents[i])
		path[--left] = i;
	for (size_t i = 1; i < length; i++) {
		struct namer namer = {{name_if_wanted}, model, &space->states[path[i]], NULL};
		all_steps(model, &space->states[path[i - 1]], &namer.steps);
		printf("      %2zu %s\n", i, namer.name ? namer.name : "?");
	}
	printf("      => %s\n", reader_judge(model, &space->states[last]));
	free(path);
}

struct result space_walk(const struct model *model, size_t cap, bool with_trace)
{
	struct space space = {.steps = {keep}, .model = model, .current = NO_STATE};
	struct result result = {.exhausted = true};
	struct state initial[16];
	grow(&space);
	size_t count = target_initial(model->scenario, initial, sizeof initial / sizeof *initial);
	for (size_t i = 0; i < count; i++)
		keep(&space.steps, &initial[i], "start");
	for (size_t i = 0; i < space.count && result.exhausted; i++) {
		struct state state = space.states[i]; /* a copy: the array moves when it grows */
		space.current = (uint32_t)i;
		if (!reader_is_done(model, &state)) {
			all_steps(model, &state, &space.steps);
		} else if (reader_judge(model, &state) != NULL) {
			result.counterexample = true;
			result.exhausted = false;
			if (with_trace)
				print_trace(model, &space, (uint32_t)i);
		}
		if (space.count > cap)
			result.exhausted = false;
	}
	result.states = space.count;
	free(space.states);
	free(space.parents);
	free(space.slots);
	return result;
}
