/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plan of a stop: which ranges are read in one moment. It is data, so that it can be handed to another process; it
 * knows structs, lists and stacks by offsets only. Carrying it out computes no more than a stack's range from words of
 * a header just read, allocates nothing, and writes only into buffers that were made and touched before.
 */
#ifndef GSD_BASE_PLAN_H
#define GSD_BASE_PLAN_H

#include <sys/types.h>

#include "base/memory.h"
#include "base/native_plan.h"

/** General registers of a stopped thread. */
struct gsd_registers {
	uint64_t pc;
	uint64_t sp;
	uint64_t bp; /**< 0: not known (of a thread in D state or in a core dump) */
	uint64_t ax, bx, cx, dx, si, di;
	uint64_t r8_15[8]; /**< r8 to r15 */
};

/** What is known of a thread in the moment. */
enum gsd_thread_state {
	GSD_THREAD_STOPPED,         /**< runs no user code, registers known */
	GSD_THREAD_UNINTERRUPTIBLE, /**< in vfork or D state: runs no user code; registers unknown */
	GSD_THREAD_GONE,            /**< ended while we looked */
	GSD_THREAD_RUNS             /**< was not stopped: nothing is known but its ids */
};

struct gsd_thread {
	pid_t tid;           /**< as this process sees it */
	uint64_t tid_inside; /**< as the target sees it (its innermost pid namespace) */
	enum gsd_thread_state state;
	struct gsd_registers registers; /**< valid when stopped */
};

/** The threads of the moment; the array belongs to the caller and does not grow inside the stop. */
struct gsd_threads {
	struct gsd_thread *items;
	size_t count;
	size_t capacity;
	bool overflow; /**< there were more than fit */
};

/** How the range of an element's stack follows from its header. All offsets are into the header. */
struct gsd_stack_rule {
	size_t status_offset;      /**< a 32-bit status */
	uint32_t status_mask;      /**< applied to it first */
	uint64_t skip_statuses;    /**< bit n: a header with status n has no stack */
	uint64_t running_statuses; /**< bit n: the stack of one with status n begins where a thread's sp is in it */
	uint64_t linked_running_statuses; /**< the same, for headers that lead to a thread */
	size_t link_tid_offset; /**< in the struct that link_offset leads to: its thread's id, as the target sees it */
	size_t low_offset;      /**< stack bounds: [low, high) */
	size_t high_offset;
	size_t sp_first_offset; /**< saved stack pointer that counts when it is not 0 (a goroutine in a system call) */
	size_t sp_offset;       /**< saved stack pointer otherwise */
	uint64_t max_stack_bytes; /**< a longer stack is not read */
};

/** What became of a stack. */
enum gsd_stack_outcome {
	GSD_STACK_NONE,      /**< skipped: the status has no stack */
	GSD_STACK_READ,      /**< in the buffer */
	GSD_STACK_BAD,       /**< the header's bounds contradict each other */
	GSD_STACK_TOO_LARGE, /**< over max_stack_bytes */
	GSD_STACK_UNMAPPED,  /**< its memory could not be read */
	GSD_STACK_OVERFLOW,  /**< no room was left in the buffer */
	GSD_STACK_IN_USE,    /**< a thread that was not stopped runs on it */
	GSD_STACK_MOVED      /**< it was not stopped, and had gone on each time that it was read */
};

/** Where a copied stack lies: @ref length bytes that were at @ref address, at @ref offset of the stack buffer. */
struct gsd_stack_copy {
	uint64_t address;
	uint64_t high;
	size_t offset;
	size_t length;
	enum gsd_stack_outcome outcome;
};

/**
 * The top of the stack that the thread of a running element is on when that is not the element's own: a signal
 * handler's holds the registers that it interrupted.
 */
#define GSD_PIECE_BYTES ((size_t)32 * 1024)
struct gsd_thread_piece {
	size_t element;
	uint64_t address;
	const uint8_t *bytes;
	size_t length; /**< may be less than GSD_PIECE_BYTES: up to what could not be read */
};

/** What to read, and the room for it: offsets and addresses by the caller, arrays by the functions below. */
struct gsd_plan {
	/* single words and small ranges */
	struct gsd_range *fixed;
	size_t fixed_count;

	/* the list: an array of pointers to headers that only grows and whose entries never change */
	uint64_t list_pointer_address; /* where the address of the array is kept */
	uint64_t list_length_address;  /* where its length is kept; 0: there is no list */
	size_t header_size;
	uint64_t *elements; /* addresses of headers; the first known_count are inputs */
	size_t known_count;
	size_t settled_count;   /* entries of the list that are known beside those, and not to be read */
	size_t capacity;        /* of elements and everything per element */
	struct gsd_range *runs; /* where the known headers lie, several in a run */
	size_t run_count;
	const uint8_t **headers; /* per element: its header's copy (known ones point into runs) */
	uint8_t *run_bytes;      /* what the runs read */
	uint8_t *new_headers;    /* headers of elements that are not known yet: capacity - known_count of them */
	struct gsd_range *new_ranges;
	struct gsd_stack_rule stack_rule;
	struct gsd_stack_copy *stacks; /* per element */
	struct gsd_range *stack_ranges;
	uint8_t *stack_bytes;
	size_t stack_bytes_capacity;

	/*
	 * Words that hold the address of a header that is to be read too, wherever it is in the list: one in each
	 * struct of a linked list. It is followed from its head to its end. Structs that were in it before are read all
	 * at once, the others one by one. Where they are used, the known elements are in ascending order.
	 */
	struct gsd_chain {
		uint64_t head_address;    /* of the word that leads to the first struct; 0: there is no such list */
		size_t next_offset;       /* in a struct: the next one */
		size_t element_offset;    /* in a struct: the header's address, or 0 */
		const uint64_t *known;    /* structs that were in the list before; borrowed */
		size_t known_count;       /* ... in the order of the list */
		struct gsd_range *ranges; /* the head, two of each; room made by gsd_plan_reserve() */
		uint64_t *words;
	} chain;

	/* structs that headers point to (a goroutine's thread) */
	size_t link_offset;            /* of the pointer in a header; 0 there: none */
	size_t link_size;              /* bytes of each struct that are wanted */
	uint64_t *links;               /* results: their addresses, in the order of the elements, repetitions left in */
	uint8_t *link_bytes;           /* link_capacity * link_size */
	struct gsd_range *link_ranges; /* errnum per link: whether it was read */
	size_t link_capacity;

	/* stacks of threads, for running elements only */
	struct gsd_thread_piece *pieces;
	uint8_t *piece_bytes;
	size_t piece_capacity;

	struct gsd_native_plan native; /* stacks of threads for C frames; not looked at unless asked for */

	/* results */
	size_t piece_count;
	size_t element_count;
	size_t link_count;         /* links that were wanted: more than link_capacity is an overflow */
	size_t stack_bytes_needed; /* more than capacity: overflow */
	bool element_overflow;     /* the list is longer than capacity: element_count says how long */
	int list_errnum;           /* why the list could not be read, or 0 */
	size_t list_length;        /* of the list */
	bool chain_broken;         /* the linked list could not be followed to its end */
};

/** What the arrays of a plan must have room for. */
struct gsd_plan_room {
	size_t elements;
	size_t links;
	size_t stack_bytes;
	size_t pieces; /**< running elements whose thread is on another stack */
	size_t chain;  /**< structs of the linked list */
};

/**
 * Makes room, and touches all of it so that the stop meets no page fault. @p known_count addresses of headers in
 * @p known (borrowed for the call) have been seen before: they are read in runs. What was there before is lost.
 * Errors: GSD_ERROR_NO_MEMORY, GSD_ERROR_CORRUPT (more than GSD_PLAN_MAX_ELEMENTS).
 */
GSD_MUST_CHECK struct gsd_error *gsd_plan_reserve(struct gsd_plan *plan, const struct gsd_plan_room *room,
						  const uint64_t *known, size_t known_count);
/** Enlarges the room for links and for stack bytes alone; what they held is lost. */
GSD_MUST_CHECK struct gsd_error *gsd_plan_enlarge(struct gsd_plan *plan, size_t links, size_t stack_bytes);
/** Frees the arrays of @p plan, apart from `fixed`. */
void gsd_plan_free(struct gsd_plan *plan);

/** The stack of a running element without a thread on it is read whole up to here. */
#define GSD_WHOLE_STACK_BYTES ((uint64_t)1 << 20)

#define GSD_PLAN_MAX_ELEMENTS    ((size_t)1 << 26)
#define GSD_PLAN_MAX_STACK_BYTES ((size_t)1 << 36)

/** Carries the plan out on a stopped target. @p threads have their registers. Results go into the plan. */
void gsd_plan_run(struct gsd_plan *plan, struct gsd_memory *memory, const struct gsd_threads *threads);

/** Whether a buffer was too small: then release the target, enlarge and stop again. */
bool gsd_plan_overflowed(const struct gsd_plan *plan);

#endif
