/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime: what writes to a goroutine's slot, one word a step, in the order of the source. Sources are those of Go
 * 1.18.10 to 1.27.3, src/runtime. Three act at once: the owner of the goroutine (its M, or who wakes it), who suspends
 * it (the GC's mark workers, the execution tracer), and the rest of the program (coroutine peer, other births).
 */
#include "model.h"

#include <string.h>

enum at {
	AT_PARKED,
	AT_WOKEN, /* ready: the status is changed, the queue is not */
	AT_QUEUED,
	AT_TAKEN, /* out of the queue, on no M yet */
	AT_EXECUTE_M,
	AT_EXECUTE_STATUS,
	AT_GOGO,
	AT_RUNNING,
	AT_PARK_STATUS,
	AT_PARK_COUNT,
	AT_PARK_M,
	AT_PARK_CURG,
	AT_PARK_UNLOCK,
	AT_YIELD_STATUS,
	AT_YIELD_COUNT,
	AT_YIELD_M,
	AT_YIELD_CURG,
	AT_YIELD_QUEUE,
	AT_SYSCALL_STATUS,
	AT_SYSCALL_COUNT,
	AT_IN_SYSCALL,
	AT_NO_P, /* Go >= 1.26: running without a P */
	AT_GROW_COUNT,
	AT_GROW_MOVE,
	AT_GROW_BACK,
	AT_MARK_STATUS, /* casGToWaitingForSuspendG */
	AT_MARK_COUNT,
	AT_MARK_BACK,
	AT_PREEMPT_STATUS,
	AT_PREEMPT_M,
	AT_PREEMPT_CURG,
	AT_PREEMPT_SCAN,
	AT_SUSPENDED, /* the suspender has it */
	AT_SWITCH_STATUS,
	AT_SWITCH_COUNT,
	AT_SWITCH_M,
	AT_SWITCH_CURG,
	AT_SWITCHED,
	AT_BACK_CURG,
	AT_BACK_M,
	AT_BACK_STATUS,
	AT_EXIT_STATUS,
	AT_EXIT_COUNT,
	AT_EXIT_M,
	AT_EXIT_REASON,
	AT_EXIT_CURG,
	AT_FREE,
	AT_BIRTH_COUNT,
	AT_BIRTH_EARLY_STATUS,
	AT_BIRTH_REFILL,
	AT_BIRTH_CACHE,
	AT_BIRTH_END,
	AT_BIRTH_GOID,
	AT_BIRTH_STATUS,
	AT_BIRTH_NEXT,
	AT_BIRTH_QUEUE,
	AT_EXTRA_FREE,
	AT_EXTRA_LEAVE,
	AT_EXTRA_COUNT,
	AT_EXTRA_DEAD,
};

enum suspender {
	NOBODY,
	AWAITS,
	CLAIMS_REASON,
	CLAIMS_STATUS,
	CLAIMS_SCAN,
	HOLDS,
	HOLDS_SHRUNK,
	SCANNED,
	WAKES,
	QUEUES
};

static uint8_t registers_of(enum stack stack)
{
	static const uint8_t registers[] = {
		[AT_X] = 1,         [AT_Y] = 1,      [AT_Z] = 2,       [AT_PREEMPT_1] = 3,
		[AT_PREEMPT_2] = 3, [AT_SWITCH] = 4, [AT_SYSCALL] = 5, [AT_ENTRY] = 6,
	};
	return registers[stack];
}

static void give(struct steps *steps, struct state next, uint8_t at, const char *name)
{
	next.at = at;
	steps->take(steps, &next, name);
}

static void set(struct steps *steps, struct state next, enum word word, uint8_t value, uint8_t at, const char *name)
{
	next.g.word[word] = value;
	give(steps, next, at, name);
}

static void count(const struct model *model, struct steps *steps, struct state next, uint8_t at)
{
	uint8_t *word = &next.g.word[W_COUNT];
	uint8_t modulus = model->scenario->modulus;
	if (modulus)
		*word = (uint8_t)((*word + 1) % modulus);
	else if (*word < many(model->scenario))
		(*word)++;
	give(steps, next, at, "trackingSeq++");
}

static void stand(struct state *state, enum stack stack)
{
	state->g.word[W_REGISTERS] = registers_of(stack);
	state->memory = (uint8_t)stack;
	state->true_stack = (uint8_t)stack;
}

/* A stack of another place: bit 0 is the place, the rest the size. */
static uint8_t moved(uint8_t place, int size)
{
	return (uint8_t)((((place >> 1) + size) << 1) | (~place & 1));
}

static void park(struct steps *steps, const struct state *state, enum stack stack, const char *name)
{
	struct state next = *state;
	stand(&next, stack);
	next.g.word[W_REASON] = ON_CHANNEL;
	give(steps, next, AT_PARK_STATUS, name);
}

static void leave_cpu(struct steps *steps, const struct state *state, enum stack stack, uint8_t at, const char *name)
{
	struct state next = *state;
	stand(&next, stack);
	give(steps, next, at, name);
}

static void ask_to_stop(const struct scenario *scenario, const struct state *state, struct steps *steps)
{
	bool gc = scenario->gc && state->marking && !state->g.word[W_SCANDONE];
	bool tracer = scenario->tracer && state->tracing && !state->traced;
	if (state->suspender != NOBODY || (!gc && !tracer))
		return;
	struct state next = *state;
	next.suspender = AWAITS;
	leave_cpu(steps, &next, AT_PREEMPT_1, AT_PREEMPT_STATUS, "suspendG asks; mcall(preemptPark) at P1");
	leave_cpu(steps, &next, AT_PREEMPT_2, AT_PREEMPT_STATUS, "suspendG asks; mcall(preemptPark) at P2");
}

/* What a running goroutine may do next. A scenario leaves out what is walked in another one. */
static void run(const struct model *model, const struct state *state, struct steps *steps)
{
	const struct scenario *scenario = model->scenario;
	struct state next = *state;
	park(steps, state, AT_X, "mcall(park_m) at X");
	if (scenario->extra_m) {
		leave_cpu(steps, state, AT_SYSCALL, AT_EXTRA_LEAVE, "the callback returns: entersyscall");
		return;
	}
	if (scenario->births) {
		next.true_stack = ON_CPU;
		give(steps, next, AT_EXIT_STATUS, "mcall(goexit0)");
		return;
	}
	park(steps, state, AT_Y, "mcall(park_m) at Y (the registers of X)");
	leave_cpu(steps, state, AT_PREEMPT_1, AT_YIELD_STATUS, "mcall(gosched_m)");
	if (scenario->syscalls) {
		park(steps, state, AT_Z, "mcall(park_m) at Z");
		leave_cpu(steps, state, AT_SYSCALL, AT_SYSCALL_STATUS, "entersyscall saves its registers");
	}
	if (scenario->growth && (state->g.word[W_PLACE] >> 1) < 2)
		set(steps, next, W_STATUS, COPYSTACK, AT_GROW_COUNT, "newstack: status = copystack");
	if (scenario->labels)
		set(steps, next, W_LABELS, !state->g.word[W_LABELS], AT_RUNNING, "sets its labels");
	if (scenario->gc && state->marking)
		set(steps, next, W_REASON, FOR_GC, AT_MARK_STATUS, "casGToWaitingForSuspendG: wait reason");
	ask_to_stop(scenario, state, steps);
	if (scenario->coroutines && state->peer == PEER_NEW) {
		stand(&next, AT_SWITCH);
		next.g.word[W_REASON] = ON_COROUTINE;
		give(steps, next, AT_SWITCH_STATUS, "mcall(coroswitch_m)");
	} else if (scenario->coroutines && state->peer == NO_PEER && state->batch == CACHED) {
		next.peer = PEER_NEW;
		next.peer_is_late =
			!state->batch_is_early && (model->rules.lost_since_a ? state->since_a : state->between);
		give(steps, next, AT_RUNNING, "newcoro: the peer is born");
	}
}

/* runtime/proc.go: ready, execute (mp.curg and g.m before the status), park_m, dropg (g.m, then curg). */
static void schedule_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool locked = state->g.word[W_STATUS] & SCAN; /* casgstatus spins while somebody holds the scan bit */
	switch (state->at) {
	case AT_PARKED:
		if (!locked && status_of(&state->g) == WAITING)
			set(steps, next, W_STATUS, RUNNABLE, AT_WOKEN, "ready: status = runnable");
		break;
	case AT_WOKEN:
		next.queued = 1;
		give(steps, next, AT_QUEUED, "runqput");
		break;
	case AT_QUEUED:
		next.queued = 0;
		give(steps, next, AT_TAKEN, "taken from the run queue");
		break;
	case AT_TAKEN:
		next.curg = 1;
		give(steps, next, AT_EXECUTE_M, "execute: mp.curg = g");
		break;
	case AT_EXECUTE_M: set(steps, next, W_M, 1, AT_EXECUTE_STATUS, "g.m = mp"); break;
	case AT_EXECUTE_STATUS:
		if (!locked)
			set(steps, next, W_STATUS, RUNNING, AT_GOGO, "status = running");
		break;
	case AT_GOGO:
		next.memory = ON_CPU;
		next.true_stack = ON_CPU;
		give(steps, next, AT_RUNNING, "gogo");
		break;
	case AT_PARK_STATUS:
		if (!locked)
			set(steps, next, W_STATUS, WAITING, AT_PARK_COUNT, "park_m: status = waiting");
		break;
	case AT_PARK_COUNT: count(model, steps, next, AT_PARK_M); break;
	case AT_PARK_M: set(steps, next, W_M, 0, AT_PARK_CURG, "dropg: g.m = nil"); break;
	case AT_PARK_CURG:
		next.curg = 0;
		give(steps, next, AT_PARK_UNLOCK, "dropg: mp.curg = nil");
		break;
	case AT_PARK_UNLOCK: /* waitunlockf says whether it stays */
		give(steps, next, AT_PARKED, "parked");
		if (!locked && model->scenario->syscalls)
			set(steps, next, W_STATUS, RUNNABLE, AT_TAKEN, "waitunlockf refuses: status = runnable");
		break;
	default: break;
	}
}

/* goschedImpl; exitsyscall0 (<= 1.25) and exitsyscallNoP (>= 1.26) end in the same steps. */
static void yield_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool locked = state->g.word[W_STATUS] & SCAN;
	bool go26 = model->scenario->go26;
	switch (state->at) {
	case AT_YIELD_STATUS:
		if (!locked)
			set(steps, next, W_STATUS, RUNNABLE, AT_YIELD_COUNT, "status = runnable");
		break;
	case AT_YIELD_COUNT: count(model, steps, next, AT_YIELD_M); break;
	case AT_YIELD_M: set(steps, next, W_M, 0, AT_YIELD_CURG, "dropg: g.m = nil"); break;
	case AT_YIELD_CURG:
		next.curg = 0;
		give(steps, next, AT_YIELD_QUEUE, "dropg: mp.curg = nil");
		break;
	case AT_YIELD_QUEUE:
		next.queued = 1;
		give(steps, next, AT_QUEUED, "globrunqput");
		break;
	case AT_SYSCALL_STATUS:
		if (!locked)
			set(steps, next, W_STATUS, SYSCALL, go26 ? AT_IN_SYSCALL : AT_SYSCALL_COUNT,
			    "status = syscall");
		break;
	case AT_SYSCALL_COUNT: /* casgstatus: only <= 1.25 counts running -> syscall */
		count(model, steps, next, AT_IN_SYSCALL);
		break;
	case AT_IN_SYSCALL:
		if (locked)
			break;
		next.g.word[W_STATUS] = RUNNING;
		if (go26)
			give(steps, next, AT_NO_P, "exitsyscall: status = running");
		next.memory = next.true_stack = ON_CPU;
		give(steps, next, AT_RUNNING, "exitsyscall: status = running, has a P");
		if (!go26) /* exitsyscall0: syscall -> runnable is not counted */
			set(steps, *state, W_STATUS, RUNNABLE, AT_YIELD_M, "exitsyscall0: status = runnable");
		break;
	case AT_NO_P: give(steps, next, AT_YIELD_STATUS, "mcall(exitsyscallNoP)"); break;
	default: break;
	}
}

/* newstack; casGToWaitingForSuspendG keeps g.m; preemptPark. */
static void stack_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool locked = state->g.word[W_STATUS] & SCAN;
	switch (state->at) {
	case AT_GROW_COUNT: count(model, steps, next, AT_GROW_MOVE); break;
	case AT_GROW_MOVE:
		set(steps, next, W_PLACE, moved(next.g.word[W_PLACE], 1), AT_GROW_BACK,
		    "copystack: moved, the old one freed");
		break;
	case AT_GROW_BACK: set(steps, next, W_STATUS, RUNNING, AT_RUNNING, "status = running"); break;
	case AT_MARK_STATUS:
		if (!locked)
			set(steps, next, W_STATUS, WAITING, AT_MARK_COUNT, "status = waiting, g.m stays");
		break;
	case AT_MARK_COUNT: count(model, steps, next, AT_MARK_BACK); break;
	case AT_MARK_BACK:
		if (!locked)
			set(steps, next, W_STATUS, RUNNING, AT_RUNNING, "status = running");
		break;
	case AT_PREEMPT_STATUS:
		set(steps, next, W_STATUS, PREEMPTED | SCAN, AT_PREEMPT_M, "status = scan|preempted (not counted)");
		break;
	case AT_PREEMPT_M: set(steps, next, W_M, 0, AT_PREEMPT_CURG, "dropg: g.m = nil"); break;
	case AT_PREEMPT_CURG:
		next.curg = 0;
		give(steps, next, AT_PREEMPT_SCAN, "dropg: mp.curg = nil");
		break;
	case AT_PREEMPT_SCAN: set(steps, next, W_STATUS, PREEMPTED, AT_SUSPENDED, "status = preempted"); break;
	default: break;
	}
}

/* runtime/coro.go, coroswitch_m: the raw CAS is not counted; when it fails, or in a bubble, casgstatus counts. */
static void switch_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	switch (state->at) {
	case AT_SWITCH_STATUS:
		set(steps, next, W_STATUS, WAITING, AT_SWITCH_M, "raw CAS: status = waiting");
		set(steps, next, W_STATUS, WAITING, AT_SWITCH_COUNT, "casgstatus (bubble, scan bit): status = waiting");
		break;
	case AT_SWITCH_COUNT: count(model, steps, next, AT_SWITCH_M); break;
	case AT_SWITCH_M: set(steps, next, W_M, 0, AT_SWITCH_CURG, "g.m = nil"); break;
	case AT_SWITCH_CURG:
		next.curg = 0;
		next.peer = PEER_RUNS;
		next.peer_is_curg = 1;
		give(steps, next, AT_SWITCHED, "mp.curg = the peer");
		break;
	case AT_SWITCHED:
		if (state->peer != PEER_RUNS)
			break;
		next.peer_is_curg = 0;
		next.peer = PEER_NEW;
		give(steps, next, AT_BACK_CURG, "the peer switches back");
		next.peer = PEER_DEAD;
		give(steps, next, AT_BACK_CURG, "the peer ends (coroexit)");
		break;
	case AT_BACK_CURG:
		next.curg = 1;
		give(steps, next, AT_BACK_M, "mp.curg = g");
		break;
	case AT_BACK_M: set(steps, next, W_M, 1, AT_BACK_STATUS, "g.m = mp"); break;
	case AT_BACK_STATUS: set(steps, next, W_STATUS, RUNNING, AT_GOGO, "raw CAS: status = running"); break;
	default: break;
	}
	struct state other = *state;
	other.peer = state->peer == PEER_RUNS ? PEER_PARKED : PEER_RUNS;
	other.peer_is_curg = !state->peer_is_curg;
	if (state->at == AT_SWITCHED && (state->peer == PEER_RUNS || state->peer == PEER_PARKED))
		give(steps, other, AT_SWITCHED,
		     state->peer == PEER_RUNS ? "the peer parks elsewhere" : "the peer runs again");
	if (state->peer == PEER_DEAD) {
		other = *state;
		other.peer = NO_PEER;
		other.peer_lost |= state->peer_is_late;
		other.peer_is_late = 0;
		give(steps, other, state->at, "the peer's slot is used by another goroutine");
	}
}

/* newproc1, of whoever is born on that P: it has no ids left, and takes a batch. */
static void batch_steps(const struct state *state, struct steps *steps)
{
	struct state next = *state;
	if (state->batch == CACHED)
		return;
	if (state->batch == NO_BATCH) {
		next.batch = state->since_a ? FETCHED_SINCE_A : FETCHED_BEFORE_A;
		give(steps, next, state->at, "goidgen.Add(batch), the cache is not refilled yet");
		return;
	}
	next.batch = CACHED;
	next.batch_is_early = state->batch == FETCHED_BEFORE_A && state->since_a;
	next.batch_came = state->since_a;
	give(steps, next, state->at, "goidcache and goidcacheend of the batch");
}

/* goexit0 (gdestroy), newproc1. The order of goid and status is that of the version. */
static void life_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool late = model->scenario->goid_late;
	switch (state->at) {
	case AT_EXIT_STATUS:
		next.true_goid = 0;
		next.true_stack = NO_STACK;
		set(steps, next, W_STATUS, DEAD, AT_EXIT_COUNT, "status = dead");
		break;
	case AT_EXIT_COUNT: count(model, steps, next, AT_EXIT_M); break;
	case AT_EXIT_M: set(steps, next, W_M, 0, AT_EXIT_REASON, "g.m = nil"); break;
	case AT_EXIT_REASON: set(steps, next, W_REASON, NO_REASON, AT_EXIT_CURG, "wait reason = none"); break;
	case AT_EXIT_CURG:
		next.curg = 0;
		give(steps, next, AT_FREE, "dropg: mp.curg = nil; gfput");
		break;
	case AT_FREE:
		if (state->goidgen + BATCH > LAST_ID && state->cache == state->cache_end)
			break;
		next.memory = AT_ENTRY;
		set(steps, next, W_REGISTERS, registers_of(AT_ENTRY), AT_BIRTH_COUNT, "newproc1: gfget, sched = entry");
		break;
	case AT_BIRTH_COUNT: /* cheaprand: as it was in A, near it, or far */
		for (uint8_t value = 0; value <= many(model->scenario); value++) {
			static const char *const names[] = {"trackingSeq = random: one below that of A",
							    "trackingSeq = random: that of A",
							    "trackingSeq = random: one above that of A"};
			set(steps, next, W_COUNT, value, late ? AT_BIRTH_EARLY_STATUS : AT_BIRTH_REFILL,
			    value < 3 ? names[value] : "trackingSeq = random: another");
		}
		break;
	case AT_BIRTH_EARLY_STATUS:
		set(steps, next, W_STATUS, RUNNABLE, AT_BIRTH_REFILL,
		    "status = runnable, the goid is still the old one");
		break;
	case AT_BIRTH_REFILL:
		if (state->cache != state->cache_end) {
			set(steps, next, W_GOID, state->cache, late ? AT_BIRTH_NEXT : AT_BIRTH_STATUS,
			    "goid = goidcache");
			break;
		}
		if (state->goidgen + BATCH > LAST_ID)
			break; /* the walk ends where the ids do */
		next.goidgen = (uint8_t)(state->goidgen + BATCH);
		next.filled = next.goidgen;
		give(steps, next, AT_BIRTH_CACHE, "goidgen.Add(batch), the cache is not refilled yet");
		break;
	case AT_BIRTH_CACHE:
		next.cache = (uint8_t)(state->filled - BATCH + 1);
		give(steps, next, AT_BIRTH_END, "goidcache = first of the batch");
		break;
	case AT_BIRTH_END:
		next.cache_end = (uint8_t)(state->filled + 1);
		next.filled = 0;
		give(steps, next, AT_BIRTH_GOID, "goidcacheend = end of the batch");
		break;
	case AT_BIRTH_GOID:
		set(steps, next, W_GOID, state->cache, late ? AT_BIRTH_NEXT : AT_BIRTH_STATUS, "goid = goidcache");
		break;
	case AT_BIRTH_STATUS: set(steps, next, W_STATUS, RUNNABLE, AT_BIRTH_NEXT, "status = runnable"); break;
	case AT_BIRTH_NEXT:
		next.true_goid = state->cache;
		next.true_stack = AT_ENTRY;
		next.cache++;
		give(steps, next, AT_BIRTH_QUEUE, "goidcache++ (born)");
		break;
	case AT_BIRTH_QUEUE:
		next.queued = 1;
		give(steps, next, AT_QUEUED, "runqput");
		break;
	default: break;
	}
}

/* Other goroutines take ids too, from the same P while it is not in newproc1, or one by one (oneNewExtraM). */
static void other_births(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	if (model->scenario->single_ids && state->goidgen < LAST_ID) {
		next.goidgen++;
		next.elsewhere |= (uint8_t)(1 << next.goidgen);
		give(steps, next, state->at, "oneNewExtraM takes an id");
	}
	if (state->at >= AT_BIRTH_COUNT && state->at <= AT_BIRTH_NEXT)
		return;
	for (int lives = 0; lives < 2; lives++) {
		next = *state;
		if (state->cache == state->cache_end) {
			if (state->goidgen + BATCH > LAST_ID)
				return;
			next.goidgen = (uint8_t)(state->goidgen + BATCH);
			next.cache = (uint8_t)(next.goidgen - BATCH + 1);
			next.cache_end = (uint8_t)(next.goidgen + 1);
		}
		if (lives)
			next.elsewhere |= (uint8_t)(1 << next.cache);
		next.cache++;
		give(steps, next, state->at,
		     lives ? "another goroutine is born elsewhere" : "another is born elsewhere and ends");
	}
}

/* needm and dropm: the goroutine of a thread made by C, of which the goid never changes. */
static void extra_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool go26 = model->scenario->go26;
	switch (state->at) {
	case AT_EXTRA_FREE:
		next.true_goid = state->g.word[W_GOID];
		stand(&next, AT_SYSCALL);
		set(steps, next, W_STATUS, SYSCALL, AT_IN_SYSCALL, "needm: status = syscall (not counted)");
		break;
	case AT_EXTRA_LEAVE:
		set(steps, next, W_STATUS, SYSCALL, go26 ? AT_EXTRA_DEAD : AT_EXTRA_COUNT, "status = syscall");
		break;
	case AT_EXTRA_COUNT: /* running -> syscall (<= 1.25), syscall -> deadextra (>= 1.26) */
		count(model, steps, next, go26 ? AT_EXTRA_FREE : AT_EXTRA_DEAD);
		break;
	case AT_EXTRA_DEAD:
		next.true_goid = 0;
		next.true_stack = NO_STACK;
		set(steps, next, W_STATUS, DEAD, go26 ? AT_EXTRA_COUNT : AT_EXTRA_FREE, "dropm: status = dead");
		break;
	default: break;
	}
}

/* runtime/preempt.go: suspendG and resumeG, by the GC (markroot, once a cycle) or by the tracer (traceAdvance, once a
 * generation). A stack is shrunk only while it is held. */
static void suspend_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	uint8_t status = state->g.word[W_STATUS];
	switch (state->suspender) {
	case NOBODY: {
		bool gc = state->marking && !state->g.word[W_SCANDONE];
		bool tracer = state->tracing && !state->traced;
		next.suspender = HOLDS;
		if ((gc || tracer) &&
		    (status == RUNNABLE || status == WAITING || status == SYSCALL || status == LEAKED))
			set(steps, next, W_STATUS, status | SCAN, state->at, "suspendG: status |= scan");
		break;
	}
	case AWAITS:
		next.suspender = CLAIMS_STATUS;
		next.stopped = 1;
		if (status == PREEMPTED)
			set(steps, next, W_REASON, BY_PREEMPTION, state->at, "suspendG: wait reason = preempted");
		break;
	case CLAIMS_STATUS:
		next.suspender = CLAIMS_SCAN;
		set(steps, next, W_STATUS, WAITING, state->at, "suspendG: status = waiting (not counted)");
		break;
	case CLAIMS_SCAN:
		next.suspender = HOLDS;
		set(steps, next, W_STATUS, WAITING | SCAN, state->at, "suspendG: status |= scan");
		break;
	case HOLDS:
		next.suspender = HOLDS_SHRUNK;
		give(steps, next, state->at, "the stack is looked at");
		if (model->scenario->shrinking && (state->g.word[W_PLACE] >> 1) > 0 && status_of(&state->g) != SYSCALL)
			set(steps, next, W_PLACE, moved(state->g.word[W_PLACE], -1), state->at,
			    "shrinkstack: moved, the old one freed");
		break;
	case HOLDS_SHRUNK:
		next.suspender = SCANNED;
		next.traced = state->tracing;
		if (model->scenario->gc)
			set(steps, next, W_SCANDONE, 1, state->at, "gcscandone = true");
		else
			give(steps, next, state->at, "the tracer has its stack");
		break;
	case SCANNED:
		next.suspender = state->stopped ? WAKES : NOBODY;
		set(steps, next, W_STATUS, (uint8_t)(status & ~SCAN), state->at, "resumeG: status &= ~scan");
		break;
	case WAKES:
		next.suspender = QUEUES;
		set(steps, next, W_STATUS, RUNNABLE, state->at, "resumeG: ready, status = runnable");
		break;
	case QUEUES:
		next.suspender = NOBODY;
		next.stopped = 0;
		next.queued = 1;
		give(steps, next, AT_QUEUED, "runqput");
		break;
	default: break;
	}
}

static void collector_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	struct state next = *state;
	bool still = state->suspender == NOBODY; /* a suspender is not preempted: its phase cannot end before it does */
	if (model->scenario->gc && state->resetting) {
		next.resetting = 0;
		next.marking = 1;
		next.cycled = 1;
		give(steps, next, state->at, "GC: work.cycles++, marking");
	} else if (model->scenario->gc && !state->marking) { /* gcStart: the program still runs here */
		next.resetting = 1;
		set(steps, next, W_SCANDONE, 0, state->at, "GC: gcResetMarkState, gcscandone = false");
	} else if (model->scenario->gc && still) {
		next.marking = 0;
		next.ended = 1;
		give(steps, next, state->at, "GC: marking ends, work.tMarkTerm is set");
	}
	next = *state;
	if (model->scenario->leaks && state->marking && state->at == AT_PARKED && still) {
		if (state->g.word[W_STATUS] == WAITING)
			set(steps, next, W_STATUS, LEAKED, state->at, "GC: status = leaked");
		else if (state->g.word[W_STATUS] == LEAKED)
			set(steps, next, W_STATUS, WAITING, state->at, "GC: leaked no more: status = waiting");
	}
}

/* traceAdvance stops the goroutines first and counts its generation afterwards. */
static void tracer_steps(const struct state *state, struct steps *steps)
{
	struct state next = *state;
	if (!state->tracing) {
		next.tracing = 1;
		next.advanced = 1;
		next.traced = 0;
		give(steps, next, state->at, "the tracer starts: gen = 1");
	} else if (state->suspender == NOBODY) {
		next.traced = 0;
		next.advanced = 1;
		give(steps, next, state->at, "traceAdvance ends: gen++");
		next.tracing = 0;
		give(steps, next, state->at, "the tracer stops: gen = 0");
	}
}

void target_steps(const struct model *model, const struct state *state, struct steps *steps)
{
	if (reader_is_hopeless(state))
		return;
	if (state->at == AT_RUNNING)
		run(model, state, steps);
	schedule_steps(model, state, steps);
	yield_steps(model, state, steps);
	stack_steps(model, state, steps);
	if (model->scenario->coroutines)
		switch_steps(model, state, steps);
	if (model->scenario->batches)
		batch_steps(state, steps);
	life_steps(model, state, steps);
	extra_steps(model, state, steps);
	if (model->scenario->births)
		other_births(model, state, steps);
	if (model->scenario->gc || model->scenario->tracer)
		suspend_steps(model, state, steps);
	if (model->scenario->gc)
		collector_steps(model, state, steps);
	if (model->scenario->tracer)
		tracer_steps(state, steps);
}

static struct state parked(void)
{
	struct state state = {.at = AT_PARKED, .true_goid = 1};
	state.g.word[W_STATUS] = WAITING;
	state.g.word[W_GOID] = 1;
	state.g.word[W_REASON] = ON_CHANNEL;
	stand(&state, AT_X);
	return state;
}

static struct state unused(uint8_t at)
{
	struct state state = {.at = at};
	state.g.word[W_STATUS] = DEAD;
	state.g.word[W_GOID] = 1;
	stand(&state, AT_X);
	state.true_stack = NO_STACK;
	return state;
}

/* Where a walk begins; what happened before A is part of it, so that few beginnings are enough. */
size_t target_initial(const struct scenario *scenario, struct state *states, size_t room)
{
	size_t count = 0;
	struct state first = parked();
	if (scenario->shrinking)
		first.g.word[W_PLACE] = (uint8_t)(scenario->shrinking << 1);
	if (scenario->batches)
		first.batch = NO_BATCH;
	if (scenario->extra_m) {
		first = unused(AT_EXTRA_FREE);
		first.g.word[W_M] = 1;
		first.goidgen = LAST_ID;
		first.curg = 1;
	}
	if (scenario->births) {
		first = unused(AT_FREE);
		first.goidgen = 3;
		first.cache = 2;
		first.cache_end = 4;
		if (count < room)
			states[count++] = first;
		first.cache = 4;
		first.elsewhere = 1 << 2 | 1 << 3;
	}
	if (count < room)
		states[count++] = first;
	return count;
}
