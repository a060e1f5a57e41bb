/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A snapshot: what analysis made of the copied bytes, and what every output format is written from. Goroutines in the
 * order of allgs; identical stacks and identical label sets are stored once.
 */
#ifndef GSD_GO_SNAPSHOT_H
#define GSD_GO_SNAPSHOT_H

#include "base/base.h"

struct gsd_c_names;
struct gsd_meter;
struct gsd_symbolizer;
struct gsd_traceback;

/*
 * A stack is a list of words, innermost frame first. A plain word is a return address: the line is that of the call
 * before it. With GSD_PC_EXACT the word is itself the instruction that was executing (the first frame of a running
 * goroutine, a frame interrupted by a signal). The words at the top of the range are frames that are no code.
 */
#define GSD_PC_EXACT         (UINT64_C(1) << 63)
#define GSD_PC_ADDRESS(word) ((word) & ~GSD_PC_EXACT)
#define GSD_PC_ELIDED        UINT64_MAX /**< frames were left out here: "gostackdump.elided" */
/** The only frame of a goroutine whose stack could not be read: "gostackdump.unreadable:REASON". */
#define GSD_PC_UNREADABLE(reason) (UINT64_MAX - 1 - (uint64_t)(reason))

/** Why a stack could not be read. The names (gsd_unreadable_name) are part of the output contract. */
enum gsd_unreadable {
	GSD_READABLE = 0,
	GSD_UNREADABLE_BOUNDS,     /**< "bounds": the stack's bounds and its stack pointer contradict each other */
	GSD_UNREADABLE_TOO_LARGE,  /**< "too-large": over the limit for one stack */
	GSD_UNREADABLE_UNMAPPED,   /**< "unmapped": the stack's memory could not be read */
	GSD_UNREADABLE_RUNNING,    /**< "running": running, and its thread was not stopped, or not on its stack */
	GSD_UNREADABLE_NO_THREAD,  /**< "no-thread": running, and its thread was not found or not stopped */
	GSD_UNREADABLE_UNKNOWN_PC, /**< "unknown-pc": where it is, is no code that the function tables know */
	GSD_UNREADABLE_BROKEN,     /**< "broken": the walk did not arrive at the goroutine's entry */
	GSD_UNREADABLE_STATUS,     /**< "status": a status that no Go version has */
	GSD_UNREADABLE_MOVED,      /**< "moved": read without a stop, and it had gone on each time */
	GSD_UNREADABLE_COUNT
};
const char *gsd_unreadable_name(enum gsd_unreadable reason);

/** The labels of pprof.Do: sorted by key. A goroutine may have a set that is empty. */
struct gsd_label_set {
	const struct gsd_label *labels;
	size_t count;
};
#define GSD_NO_LABELS UINT32_MAX

struct gsd_stack {
	const uint64_t *words;
	size_t count;
	uint64_t left_out; /**< frames for which GSD_PC_ELIDED stands in a traceback; 0: not counted */
};

/** What a goroutine had inherited from one that (directly or not) created it (GODEBUG=tracebackancestors=N). */
struct gsd_ancestor {
	uint64_t goid;
	uint64_t creator_pc; /**< return address of the `go` statement that made it; 0: none */
	/** Where it was when it created the next one: return addresses of logical frames, innermost first. */
	const uint64_t *pcs;
	size_t pc_count;
};

/** The ancestors of a goroutine, its parent first. */
struct gsd_ancestry {
	const struct gsd_ancestor *ancestors;
	size_t count;
	bool known; /**< false: they could not be read, or were dropped after the moment */
};
#define GSD_NO_ANCESTRY UINT32_MAX

/** A bubble of testing/synctest. */
struct gsd_bubble {
	uint64_t id; /**< Go 1.25 and later: its number; 1.24: the goid of its first goroutine. 0: could not be read */
};
#define GSD_NO_BUBBLE UINT32_MAX

/** A thread that was running a goroutine, or had one in a system call. */
struct gsd_snapshot_thread {
	uint64_t m;          /**< of its M in the target */
	int64_t m_id;        /**< number of the M */
	int64_t p_id;        /**< number of its P; −1: it had none, or it could not be read */
	uint64_t p;          /**< of its P in the target; 0: none */
	uint64_t tid_inside; /**< as the target sees it; 0: the M has no thread yet */
	pid_t tid;           /**< as this process sees it; 0: not found among the target's threads */
};
#define GSD_NO_THREAD UINT32_MAX

/** A thread that ran no goroutine, and where it was. Only with C frames. */
struct gsd_thread_stack {
	uint64_t tid_inside;
	pid_t tid;
	uint32_t stack; /**< index into gsd_snapshot.stacks */
};

#define GSD_NO_VALUES UINT64_MAX

struct gsd_goroutine {
	uint64_t goid;
	uint64_t address;     /**< of its g in the target */
	uint64_t parent_goid; /**< 0: unknown */
	uint64_t creator_pc;  /**< return address of the `go` statement; 0: none (the first goroutine) */
	uint64_t start_pc;    /**< entry of the goroutine's function; 0: made for a C thread */
	uint64_t wait_since;  /**< the target's CLOCK_MONOTONIC ns, set by the garbage collector; 0: unknown */
	uint64_t stack_low;   /**< its stack is [stack_low, stack_low + stack_size) */
	uint32_t stack_size;  /**< bytes reserved; 0: the bounds contradict each other */
	uint32_t stack_used;  /**< bytes from its stack pointer to the end; 0: not known */
	uint64_t values;      /**< where the values of its arguments are in gsd_snapshot.values; GSD_NO_VALUES */
	uint32_t status;      /**< raw, without the scan bit */
	uint32_t stack;       /**< index into gsd_snapshot.stacks */
	uint32_t labels;      /**< index into gsd_snapshot.label_sets, or GSD_NO_LABELS */
	uint32_t thread;      /**< index into gsd_snapshot.threads, or GSD_NO_THREAD */
	uint32_t ancestry;    /**< index into gsd_snapshot.ancestries, or GSD_NO_ANCESTRY */
	uint32_t bubble;      /**< index into gsd_snapshot.bubbles, or GSD_NO_BUBBLE */
	uint16_t wait_reason; /**< raw */
	uint16_t unreadable;  /**< enum gsd_unreadable */
	bool scan;            /**< the garbage collector held it */
	bool system;          /**< one of the runtime's own */
	bool locked;          /**< locked to its thread */
	bool never_ran;       /**< it still stands at the entry of its function */
	bool ambiguous;       /**< not settled at the moment */
	bool disagreed;       /**< the two ways of unwinding gave different stacks */
};

/** One executable mapping of the target, in order of address. */
struct gsd_snapshot_mapping {
	uint64_t start;
	uint64_t limit;
	uint64_t offset;
	const char *file;        /**< without " (deleted)" */
	const char *build_id;    /**< GNU build id in hex, "" when there is none */
	const char *go_build_id; /**< Go's own, "" when there is none */
};

/** Which goroutines of a capture a snapshot was narrowed to; all zero: to none, it has all of them. */
struct gsd_snapshot_selection {
	const char *filter; /**< expressions, joined; NULL: none */
	uint64_t limit;     /**< 0: none */
	uint64_t seed;      /**< of the sample that the limit made */
	uint64_t total;     /**< goroutines there were before */
};

struct gsd_snapshot {
	struct gsd_symbolizer *symbolizer;
	struct gsd_traceback *traceback;
	const struct gsd_values *values;  /**< of arguments */
	bool arguments;                   /**< whether those were asked for */
	struct gsd_goroutine *goroutines; /**< those to be output: system ones only when asked for */
	size_t goroutine_count;
	struct gsd_stack *stacks;
	size_t stack_count;
	struct gsd_label_set *label_sets;
	size_t label_set_count;
	struct gsd_snapshot_thread *threads;
	size_t thread_count;
	struct gsd_thread_stack *thread_stacks; /**< no goroutine has these stacks */
	size_t thread_stack_count;
	struct gsd_ancestry *ancestries;
	size_t ancestry_count;
	struct gsd_bubble *bubbles;
	size_t bubble_count;
	struct gsd_snapshot_mapping *mappings;
	size_t mapping_count;
	struct gsd_c_names *c_names; /**< NULL: there are no C frames */
	uint64_t time_unix_ns;       /**< wall clock of the moment */
	uint64_t time_monotonic_ns;  /**< the target's CLOCK_MONOTONIC in the moment, for wait_since */
	unsigned go_minor;           /**< 18 for Go 1.18 */
	const char *go_version;
	const char *exe;
	const char *mode; /**< how the moment was taken: "atomic" */
	uint64_t pid;
	struct gsd_snapshot_selection selection;
	struct gsd_meter *meter;   /**< of the selection or output at work; NULL: nobody wants to know */
	bool addresses_only;       /**< nothing is named: functions are "0x…" */
	uint32_t go_frame_limit;   /**< logical frames at which Go's own profile cuts; 0: no cut was asked for */
	uint32_t text_frame_limit; /**< the same for text, which is cut as Go does unless a depth was asked for */
	uint32_t traceback_inner;  /**< innermost frames of a traceback (struct gsd_traceback_rule); 0: all */
	uint32_t traceback_outer;  /**< outermost frames */
	bool traceback_labels;     /**< the program's own tracebacks have labels */
	bool threads_only;         /**< no Go is in the program: it has threads, and no goroutines */
};

/** Statuses of a goroutine (runtime/runtime2.go), without the scan bit. The last two exist from Go 1.26 on. */
enum gsd_status {
	GSD_STATUS_IDLE = 0,
	GSD_STATUS_RUNNABLE = 1,
	GSD_STATUS_RUNNING = 2,
	GSD_STATUS_SYSCALL = 3,
	GSD_STATUS_WAITING = 4,
	GSD_STATUS_DEAD = 6,
	GSD_STATUS_COPYSTACK = 8,
	GSD_STATUS_PREEMPTED = 9,
	GSD_STATUS_LEAKED = 10,
	GSD_STATUS_DEADEXTRA = 11
};
#define GSD_STATUS_SCAN_BIT 0x1000U

/** What was mapped at @p address; NULL: nothing that was noted. */
const struct gsd_snapshot_mapping *gsd_snapshot_mapping_at(const struct gsd_snapshot *snapshot, uint64_t address);

/** "running", "waiting", …; "unknown" for a status that no version has. */
const char *gsd_status_name(uint32_t status);
/** The runtime's words for a wait reason ("chan receive"), "" for none, "unknown wait reason" out of range. */
const char *gsd_wait_reason_name(unsigned go_minor, unsigned reason);
/**
 * What a person calls its state: the wait reason when it waits and has one, else the status; "thread" where threads
 * stand for goroutines (output/threads.h).
 */
const char *gsd_goroutine_state(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine);
/** The wait reason of one that waits; NULL when it does not, or has none. */
const char *gsd_goroutine_wait_reason(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine);
/**
 * How long it has been waiting or in a system call, as the runtime counts it: the first collection that finds it so
 * notes when the one before came to its end (runtime/mgcmark.go, markroot; mgc.go, gcMark). False when none has.
 */
bool gsd_goroutine_wait_ns(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine,
			   uint64_t *wait_ns_ret);

#endif
