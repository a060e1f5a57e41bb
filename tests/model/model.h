/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of docs/capture-model.md: one goroutine's slot of runtime.allgs, word by word as the runtime writes it, and
 * a reader that looks at it at A, B, T and C and settles what it was at T. Every interleaving of the two is walked.
 * Here live the state, the rules that can be left out one by one, and the scenarios; target.c holds the runtime,
 * reader.c the looks and the settling, space.c the walk, main.c the tables of variants. Nothing here may use the
 * library: it is a judge of it.
 */
#ifndef GSD_MODEL_H
#define GSD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status { RUNNABLE = 1, RUNNING, SYSCALL, WAITING, DEAD, COPYSTACK, PREEMPTED, LEAKED, SCAN = 0x40 };

/* What a stack holds: two callers X and Y of one function leave the same registers, Z others; UNKNOWN is a freed stack.
 */
enum stack { NO_STACK, AT_X, AT_Y, AT_Z, AT_PREEMPT_1, AT_PREEMPT_2, AT_SWITCH, AT_SYSCALL, AT_ENTRY, ON_CPU, UNKNOWN };

enum reason { NO_REASON, ON_CHANNEL, BY_PREEMPTION, ON_COROUTINE, FOR_GC };

/* The highest goroutine id of a scenario; sets of ids are bits of a byte. */
enum { LAST_ID = 6, BATCH = 2 };

/* The coroutine that the goroutine may switch to. */
enum peer { NO_PEER, PEER_NEW, PEER_RUNS, PEER_PARKED, PEER_DEAD };

/* The ids of the P that the coroutine is born on, where they come in batches (runtime/proc.go, newproc1). */
enum batch { CACHED, NO_BATCH, FETCHED_BEFORE_A, FETCHED_SINCE_A };

/* The words of a header, in the order of their addresses. */
enum word { W_PLACE, W_M, W_REGISTERS, W_STATUS, W_GOID, W_REASON, W_SCANDONE, W_COUNT, W_LABELS, WORDS };

struct header {
	uint8_t word[WORDS];
};

struct state {
	struct header g; /* what a look can see */

	/* what the machine knows besides */
	uint8_t at;         /* where the owner of the goroutine is: enum at in target.c */
	uint8_t memory;     /* what the stack at the slot's sp holds */
	uint8_t true_stack; /* the goroutine's stack in truth */
	uint8_t true_goid;  /* 0: no goroutine lives in the slot */
	uint8_t curg;       /* some M's curg is this slot */
	uint8_t queued;     /* it is on a run queue */

	uint8_t resetting, marking, cycled, ended, suspender, stopped, tracing, traced, advanced;
	uint8_t peer, peer_is_curg, peer_is_late, peer_lost;
	uint8_t batch, batch_is_early,
		batch_came; /* early: its ids count as handed out before A; since A and before T */
	uint8_t goidgen, cache, cache_end, filled, elsewhere;

	/* the reader */
	uint8_t phase, step;
	struct header seen; /* the header being read */
	struct header a, c; /* the headers of A and C */
	uint8_t a_stack, c_stack;
	uint8_t since_a;   /* after the ids of A, before T */
	uint8_t between;   /* after the ids of B2, before T */
	uint8_t peer_seen; /* a slot with startpc corostart has been seen */
	uint8_t peer_look; /* this pass has looked at the peer's slot */
	uint8_t b_scandone, b_goidgen, b_cache, b_end;
	uint8_t taken;                              /* at T: bits of enum taken in reader.c */
	uint8_t quiet;                              /* at T: the GC has not marked since the ids of B2 */
	uint8_t unborn, handed_out, cache_refilled; /* at T: sets of ids */
};

/* The clauses of the rules. One left out is a mutant. */
struct rules {
	bool m_zero;          /* settleable: waiting only with g.m == 0 */
	bool dead_m_zero;     /* settleable: dead only with g.m == 0 */
	bool not_preempted;   /* settleable: not with the wait reason preempted */
	bool not_coroutine;   /* settleable: not with the wait reason coroutine */
	bool two_reads;       /* a header is two reads of it that agree */
	bool raw_bounds;      /* lo, hi and sp themselves are equal around a stack read */
	bool again;           /* the header is read again after its stack */
	bool counts;          /* validator: trackingSeq */
	bool registers;       /* validator: sp, pc, bp */
	bool reason;          /* validator: wait reason */
	bool goid;            /* validator: goid */
	bool not_curg;        /* what is an M's curg is read at T, not settled */
	bool dead_goid;       /* rule 2: the goid was not handed out between B2 and T */
	bool step_stack;      /* one step: return pcs are compared, not registers */
	bool step_one;        /* one step: exactly one */
	bool step_goid;       /* one step: same goid */
	bool step_labels;     /* one step: same labels */
	bool step_scandone;   /* one step: gcscandone is equal in B2 and C */
	bool step_cycles;     /* one step: work.cycles is equal in B2 and C */
	bool step_mark_end;   /* one step: work.tMarkTerm is equal in B2 and C */
	bool step_quiet;      /* ... nothing of the three if the GC does not mark at T, cycles and tMarkTerm as in B2 */
	bool step_gc_phase;   /* an idea that fails: it is enough that the GC does not mark at T */
	bool step_generation; /* one step: the tracer's generation is equal in B2 and at T */
	bool step_tracer;     /* one step: the tracer is off at T */
	bool step_seen;       /* one step: no slot with startpc corostart in a look or at T */
	bool seen_dead;       /* ... slots of dead coroutines too */
	bool step_lost;       /* one step: every goid handed out between the ids of A and T is found in a look */
	bool step_batch;      /* one step: off when a cache that was empty at A has been refilled at T */
	bool lost_since_a;    /* ... without it: between the ids of B2 and T, as section 5 had it */
	bool born_found;      /* rule 4: every goid handed out between B2 and T is found in C */
	bool ids_first;       /* goidgen and the caches are read before the headers of B2 */
	bool goidgen_first;   /* goidgen is read before the caches */
	bool empty_cache;     /* rule 4: off when a cache that was empty at B2 has been refilled at T */
	bool strict_state;    /* not a rule: judge "waiting" against "runnable on no queue" too */
};

struct scenario {
	const char *name;
	bool go26;      /* syscalls are not counted; extra Ms are deadextra */
	bool goid_late; /* a new goroutine's status changes before its goid (up to Go 1.23) */
	bool syscalls, growth, labels, gc, leaks, tracer, coroutines, batches, births, single_ids, extra_m;
	uint8_t torn;      /* pieces in which a header is read; 1: at once */
	bool backwards;    /* the pieces come in descending order of address */
	uint8_t shrinking; /* how often the GC can halve the stack */
	uint8_t modulus;   /* the count wraps there; 0: never */
	bool large;        /* only with GSD_LONG */
};

struct model {
	const struct scenario *scenario;
	struct rules rules;
};

/* Takes each state that one step leads to, and what the step is called. */
struct steps {
	void (*take)(struct steps *steps, const struct state *next, const char *name);
};

static inline uint8_t status_of(const struct header *header)
{
	return header->word[W_STATUS] & (uint8_t)~SCAN;
}

/* Counts are relative to that of A, FIRST_COUNT: a birth can begin one below it. */
enum { FIRST_COUNT = 1 };

/* The count when it does not wrap: what reaches this is never equal to anything. A torn header of A can hold a count
 * that is one higher than at the beginning of A. */
static inline uint8_t many(const struct scenario *scenario)
{
	return FIRST_COUNT + (scenario->torn > 1 ? 3 : 2);
}

/* reader.c */
/* States that differ in nothing that can matter become one. */
void reader_normalise(const struct model *model, struct state *state);
void reader_steps(const struct model *model, const struct state *state, struct steps *steps);
bool reader_is_done(const struct model *model, const struct state *state);
/* Nothing can be settled any more. */
bool reader_is_hopeless(const struct state *state);
/* What is wrong with what the rules say of a state that reader_is_done(), NULL when nothing is. */
const char *reader_judge(const struct model *model, const struct state *state);

/* target.c */
size_t target_initial(const struct scenario *scenario, struct state *states, size_t room);
void target_steps(const struct model *model, const struct state *state, struct steps *steps);

/* space.c */
struct result {
	size_t states;
	bool exhausted; /* false: ended at a counterexample or at the cap */
	bool counterexample;
};
struct result space_walk(const struct model *model, size_t cap, bool print_trace);

#endif
