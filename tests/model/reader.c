/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader: docs/capture-model.md has the same rules as pseudo code. A path on which the reader would read the
 * goroutine at T ends there, because what is read at T is right by definition; only what is settled can be wrong.
 */
#include "model.h"

#include <string.h>

enum phase { A_IDS, A_HEADER, A_STACK, A_AGAIN, B_IDS, B_HEADER, AT_T, C_HEADER, C_STACK, C_AGAIN, END, HOPELESS };

enum taken {
	AS_IN_A = 1, /* the same goroutine with the stack and labels of A */
	LIVES = 2,
	WAITS = 4,
	IS_CURG = 8,
	ON_QUEUE = 16,
	MARKS = 32,
	TRACES = 64,
	TRACED = 128, /* the generation changed between B2 and T */
};

static bool settleable(const struct model *model, const struct header *header)
{
	const struct rules *rules = &model->rules;
	uint8_t reason = header->word[W_REASON];
	switch (status_of(header)) {
	case DEAD:
		if (model->scenario->extra_m && model->scenario->go26)
			return false; /* its status is deadextra */
		return !rules->dead_m_zero || header->word[W_M] == 0;
	case WAITING:
	case LEAKED:
		return (!rules->m_zero || header->word[W_M] == 0) &&
		       !(rules->not_preempted && reason == BY_PREEMPTION) &&
		       !(rules->not_coroutine && reason == ON_COROUTINE);
	default: return false;
	}
}

static bool same_word(const struct header *left, const struct header *right, enum word word, bool compared)
{
	return !compared || left->word[word] == right->word[word];
}

static bool valid(const struct model *model, const struct header *left, const struct header *right)
{
	const struct rules *rules = &model->rules;
	return status_of(left) == status_of(right) && same_word(left, right, W_GOID, rules->goid) &&
	       same_word(left, right, W_COUNT, rules->counts) &&
	       (!rules->counts || !rules->step_one || model->scenario->modulus ||
		left->word[W_COUNT] != many(model->scenario)) &&
	       same_word(left, right, W_REGISTERS, rules->registers) &&
	       same_word(left, right, W_REASON, rules->reason) && same_word(left, right, W_LABELS, true);
}

/* Of the dead only rule 2 is asked for more than the goid. */
static bool still(const struct model *model, const struct header *a, const struct header *now)
{
	if (!settleable(model, now))
		return false;
	if (status_of(a) == DEAD)
		return status_of(now) == DEAD && a->word[W_GOID] == now->word[W_GOID];
	return valid(model, a, now);
}

enum read { READING, READ, TORN };

/* Reads the next piece of a header into state->seen: in one or two readings, each in the scenario's pieces. */
static enum read read_piece(const struct model *model, struct state *state)
{
	uint8_t pieces = model->scenario->torn;
	uint8_t readings = model->rules.two_reads && pieces > 1 ? 2 : 1;
	uint8_t piece = state->step % pieces;
	bool second = state->step >= pieces;
	if (model->scenario->backwards)
		piece = (uint8_t)(pieces - 1 - piece);
	for (int word = 0; word < WORDS; word++) {
		uint8_t was = state->seen.word[word], is = state->g.word[word];
		if (word * pieces / WORDS != piece)
			continue;
		if (second && word != W_PLACE && word != W_SCANDONE && ((was ^ is) & ~SCAN))
			return TORN;
		state->seen.word[word] = is;
	}
	state->step++;
	if (state->step < pieces * readings)
		return READING;
	state->step = 0;
	return READ;
}

static void look(struct steps *steps, struct state next, uint8_t phase, const char *name)
{
	next.phase = phase;
	steps->take(steps, &next, name);
}

static uint8_t ids(int first, int end)
{
	uint8_t set = 0;
	for (int id = first; id < end; id++)
		set |= (uint8_t)(1 << id);
	return set;
}

static void look_at_ids(const struct model *model, struct state next, struct steps *steps)
{
	const struct rules *rules = &model->rules;
	uint8_t after = rules->ids_first ? B_HEADER : AT_T;
	bool goidgen = rules->goidgen_first ? next.step == 0 : next.step == 2;
	bool cache = rules->goidgen_first ? next.step == 1 : next.step == 0;
	if (model->scenario->coroutines && !next.peer_look)
		return; /* the pass of A has not come to the peer's slot yet */
	if (next.step == 0) {
		next.between = 1;
		next.peer_look = 0;
		next.cycled = 0;
		next.ended = 0;
		next.advanced = 0;
	}
	if (!model->scenario->births) {
		next.b_goidgen = next.goidgen;
		look(steps, next, after, "        look B2: work.cycles, generation, ids");
		return;
	}
	if (goidgen)
		next.b_goidgen = next.goidgen;
	else if (cache)
		next.b_cache = next.cache;
	else
		next.b_end = next.cache_end;
	next.step = (uint8_t)((next.step + 1) % 3);
	look(steps, next, next.step ? B_IDS : after,
	     goidgen ? "        look B2: goidgen"
	     : cache ? "        look B2: goidcache"
		     : "        look B2: goidcacheend");
}

static void take_moment(const struct model *model, struct state next, struct steps *steps)
{
	uint8_t status = status_of(&next.g);
	bool strict = model->rules.strict_state, phase = model->rules.step_gc_phase;
	if (model->scenario->coroutines && !next.peer_look)
		return; /* the pass of B2 has not come to the peer's slot yet */
	if (next.curg && model->rules.not_curg)
		return; /* read at T */
	next.taken =
		(uint8_t)((next.true_goid ? LIVES : 0) | (next.curg ? IS_CURG : 0) |
			  (strict && next.queued ? ON_QUEUE : 0) | (status == WAITING || status == LEAKED ? WAITS : 0) |
			  (phase && next.marking ? MARKS : 0) | (next.tracing ? TRACES : 0) |
			  (next.advanced ? TRACED : 0));
	if (next.true_goid == next.a.word[W_GOID] && next.true_stack == next.a_stack &&
	    next.g.word[W_LABELS] == next.a.word[W_LABELS])
		next.taken |= AS_IN_A;
	uint8_t cached = ids(next.cache, next.cache_end);
	uint8_t before = (uint8_t)(ids(1, next.b_goidgen + 1) & ~ids(next.b_cache, next.b_end));
	next.unborn = (uint8_t)(ids(next.goidgen + 1, LAST_ID + 1) | cached);
	next.handed_out = (uint8_t)(ids(1, next.goidgen + 1) & ~cached & ~before);
	next.cache_refilled = next.b_cache >= next.b_end && next.cache_end != next.b_end;
	next.quiet = model->scenario->gc && model->rules.step_quiet && !next.marking && !next.cycled && !next.ended;
	next.peer_seen |= next.peer_is_curg;
	next.between = 0;
	next.since_a = 0;
	next.peer_look = 0;
	look(steps, next, C_HEADER, "        T: stopped");
}

static void look_at_header(const struct model *model, struct state next, struct steps *steps)
{
	static const char *const names[] = {[A_HEADER] = "        look A: header",
					    [A_AGAIN] = "        look A: header again",
					    [B_HEADER] = "        look B2: header",
					    [C_HEADER] = "        look C: header",
					    [C_AGAIN] = "        look C: header again"};
	uint8_t phase = next.phase;
	enum read read = read_piece(model, &next);
	if (read == TORN)
		return;
	if (read == READING) {
		look(steps, next, phase, names[phase]);
		return;
	}
	bool dead = status_of(&next.a) == DEAD;
	switch (phase) {
	case A_HEADER:
		if (!settleable(model, &next.seen))
			return;
		next.a = next.seen;
		look(steps, next, status_of(&next.a) == DEAD ? (model->rules.ids_first ? B_IDS : B_HEADER) : A_STACK,
		     names[phase]);
		return;
	case A_AGAIN:
		if (still(model, &next.a, &next.seen) &&
		    same_word(&next.a, &next.seen, W_PLACE, model->rules.raw_bounds))
			look(steps, next, model->rules.ids_first ? B_IDS : B_HEADER, names[phase]);
		return;
	case B_HEADER:
		next.b_scandone = next.seen.word[W_SCANDONE];
		if (still(model, &next.a, &next.seen))
			look(steps, next, model->rules.ids_first ? AT_T : B_IDS, names[phase]);
		return;
	case C_HEADER:
		next.c = next.seen;
		if (dead || valid(model, &next.a, &next.seen))
			look(steps, next, END, names[phase]);
		else if (settleable(model, &next.seen))
			look(steps, next, C_STACK, names[phase]);
		return;
	default:
		if (settleable(model, &next.seen) && valid(model, &next.c, &next.seen) &&
		    same_word(&next.c, &next.seen, W_PLACE, model->rules.raw_bounds))
			look(steps, next, END, names[phase]);
		return;
	}
}

void reader_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	uint8_t after = model->rules.ids_first ? B_IDS : B_HEADER;
	bool in_pass = state->phase != A_IDS &&
		       state->phase != HOPELESS; /* each pass comes to the peer's slot once, at any time */
	if (model->scenario->coroutines && in_pass && !state->peer_look) {
		next.peer_look = 1;
		next.peer_seen |= state->peer != NO_PEER && (state->peer != PEER_DEAD || model->rules.seen_dead);
		look(steps, next, state->phase, "        the same pass reads the peer's slot");
		next = *state;
	}
	switch (state->phase) {
	case A_STACK:
		next.a_stack = next.g.word[W_PLACE] == next.a.word[W_PLACE] ? next.memory : UNKNOWN;
		look(steps, next, model->rules.again ? A_AGAIN : after, "        look A: stack");
		break;
	case C_STACK:
		next.c_stack = next.g.word[W_PLACE] == next.c.word[W_PLACE] ? next.memory : UNKNOWN;
		look(steps, next, model->rules.again ? C_AGAIN : END, "        look C: stack");
		break;
	case A_IDS:
		next.since_a = 1;
		look(steps, next, A_HEADER, "        look A: ids");
		break;
	case B_IDS: look_at_ids(model, next, steps); break;
	case AT_T: take_moment(model, next, steps); break;
	case END:
	case HOPELESS: break;
	default: look_at_header(model, next, steps); break;
	}
}

bool reader_is_done(const struct model *model, const struct state *state)
{
	return state->phase == END && (state->peer_look || !model->scenario->coroutines);
}

bool reader_is_hopeless(const struct state *state)
{
	return state->phase == HOPELESS;
}

static bool one_step(const struct model *model, const struct state *state)
{
	const struct rules *rules = &model->rules;
	const struct header *a = &state->a, *c = &state->c;
	uint8_t modulus = model->scenario->modulus;
	uint8_t one = (uint8_t)(a->word[W_COUNT] + 1);
	if (status_of(a) != WAITING || status_of(c) != WAITING || !settleable(model, c))
		return false;
	if (rules->step_one && c->word[W_COUNT] != (modulus ? one % modulus : one))
		return false;
	if (!modulus && rules->step_one && one >= many(model->scenario))
		return false;
	if (rules->step_stack ? state->a_stack != state->c_stack : a->word[W_REGISTERS] != c->word[W_REGISTERS])
		return false;
	if (!same_word(a, c, W_GOID, rules->step_goid) || !same_word(a, c, W_LABELS, rules->step_labels) ||
	    a->word[W_REASON] != c->word[W_REASON])
		return false;
	bool cycles = (rules->step_cycles && state->cycled) || (rules->step_mark_end && state->ended);
	bool scandone = rules->step_scandone && state->b_scandone != c->word[W_SCANDONE];
	if ((cycles || scandone) && !state->quiet && ((state->taken & MARKS) || !rules->step_gc_phase))
		return false;
	if ((rules->step_tracer && (state->taken & TRACES)) || (rules->step_generation && (state->taken & TRACED)))
		return false;
	return !(rules->step_seen && state->peer_seen) && !(rules->step_lost && state->peer_lost) &&
	       !(rules->step_batch && state->batch_came);
}

static bool born_after(const struct model *model, const struct state *state)
{
	const struct rules *rules = &model->rules;
	uint8_t found = (uint8_t)(state->elsewhere | 1 << state->c.word[W_GOID]);
	if (status_of(&state->a) != DEAD || !(state->unborn & 1 << state->c.word[W_GOID]))
		return false;
	if (rules->born_found && (state->handed_out & ~found))
		return false;
	return !(rules->empty_cache && state->cache_refilled);
}

const char *reader_judge(const struct model *model, const struct state *state)
{
	const struct header *a = &state->a, *c = &state->c;
	uint8_t taken = state->taken;
	if (status_of(a) == DEAD) {
		bool handed_out = model->rules.dead_goid && (state->handed_out & 1 << a->word[W_GOID]);
		if (still(model, a, c) && !handed_out)
			return taken & LIVES ? "rule 2 says that no goroutine was there; one lived in the slot" : NULL;
		if (born_after(model, state))
			return taken & LIVES ? "rule 4 says that no goroutine was there; another lived in the slot"
					     : NULL;
		return NULL;
	}
	if (still(model, a, c)) {
		if (!(taken & AS_IN_A))
			return "rule 1 says that it stood as in A; at T it was elsewhere";
		return taken & WAITS ? NULL : "rule 1 says that it waited; at T it did not";
	}
	if (!one_step(model, state))
		return NULL;
	if (!(taken & AS_IN_A))
		return "one step says that it stood as in A and C; at T it was elsewhere";
	if (model->rules.strict_state && !(taken & (WAITS | ON_QUEUE)))
		return "one step says that it waited; at T it was runnable, on no queue";
	return NULL;
}

/* Nothing can be settled any more: the walk need not go on. */
static bool hopeless(const struct model *model, const struct state *state)
{
	return model->rules.counts && model->rules.step_one && !model->scenario->modulus && !model->scenario->births &&
	       state->phase > A_AGAIN && state->phase <= C_HEADER && status_of(&state->a) != DEAD &&
	       state->g.word[W_COUNT] == many(model->scenario);
}

/* All is read: what the target does from here on cannot matter. */
static void forget_target(struct state *state)
{
	memset(&state->g, 0, sizeof state->g);
	state->c.word[W_PLACE] = 0;
	state->at = state->memory = state->resetting = state->marking = state->suspender = state->stopped =
		state->tracing = state->traced = 0;
	state->peer = state->peer_is_curg = state->peer_is_late = 0;
	state->goidgen = state->cache = state->cache_end = state->filled = 0;
}

void reader_normalise(const struct model *model, struct state *state)
{
	bool before = state->phase == A_IDS || (state->phase == A_HEADER && state->step == 0);
	bool dead = state->phase > A_HEADER && status_of(&state->a) == DEAD;
	if (hopeless(model, state)) {
		memset(state, 0, sizeof *state);
		state->phase = HOPELESS;
		return;
	}
	if (before || dead) /* only differences to A's count matter, and none when A saw a dead goroutine */
		state->g.word[W_COUNT] = state->a.word[W_COUNT] = state->c.word[W_COUNT] = FIRST_COUNT;
	if (state->step == 0 || state->phase == B_IDS)
		memset(&state->seen, 0, sizeof state->seen);
	if (!state->between && state->phase <= B_HEADER) /* nothing before the ids of B2 is compared with them */
		state->cycled = state->ended = state->advanced = 0;
	if (state->phase >= C_HEADER) { /* what was true at T is in taken */
		state->true_goid = state->true_stack = state->curg = state->queued = 0;
		state->b_goidgen = state->b_cache = state->b_end = state->advanced = 0;
		state->batch = state->batch_is_early = 0;
		if (state->quiet) /* what the GC does later does not matter */
			state->cycled = state->ended = state->b_scandone = 0;
	}
	if (!model->scenario->coroutines)
		state->since_a = 0;
	state->a.word[W_M] = state->a.word[W_SCANDONE] = 0; /* nothing is compared with them */
	if (state->phase > A_AGAIN)
		state->a.word[W_PLACE] = 0;
	if (reader_is_done(model, state))
		forget_target(state);
}
