/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a capture's file says, as far as captures are compared: how many goroutines stand on each stack, and where each
 * one stands when the file tells them apart. Whatever the format was.
 */
#ifndef GSD_JOBS_SNAPSHOT_H
#define GSD_JOBS_SNAPSHOT_H

#include "jobs/stack_names.h"

#define SNAPSHOT_NO_STRING UINT32_MAX
#define SNAPSHOT_NO_WAIT   UINT64_MAX

/** Goroutines with the same stack. Strings are numbers of stack_names.strings. */
struct snapshot_group {
	uint32_t stack;
	uint32_t state;   /**< of all of them; SNAPSHOT_NO_STRING: not known, or not the same */
	uint32_t creator; /**< the function that created all of them; SNAPSHOT_NO_STRING: not known, or not the same */
	uint64_t count;
	uint64_t longest_wait_ns; /**< 0: not known of any */
};

/** One goroutine. */
struct snapshot_goroutine {
	uint64_t goid;
	uint64_t wait_ns; /**< for how long it has been waiting, at most; SNAPSHOT_NO_WAIT: not known */
	uint32_t stack;
	uint32_t state;
	uint32_t creator;
};

/** A zeroed struct is an empty one. */
struct snapshot {
	char *exe;             /**< NULL: not known */
	char *go_version;      /**< NULL: not known */
	char *build_id;        /**< NULL: not known */
	uint64_t pid;          /**< 0: not known */
	uint64_t time_ns;      /**< of the moment, Unix; 0: not known */
	uint64_t wait_step_ns; /**< waits are rounded down to whole ones of these; 0: they are exact */
	uint64_t goroutine_count;
	struct snapshot_group *groups; /**< by stack */
	size_t group_count;
	bool has_ids;                          /**< it tells goroutines apart */
	struct snapshot_goroutine *goroutines; /**< by goid; none without ids */
	size_t id_count;
	size_t capacity; /**< of goroutines, while it is read */
	size_t group_capacity;
};

/** Adds a goroutine. False without memory. */
bool snapshot_add(struct snapshot *snapshot, const struct snapshot_goroutine *goroutine);
/** Adds @p count goroutines that nothing tells apart; all together fit into 64 bits. False without memory. */
bool snapshot_add_many(struct snapshot *snapshot, uint32_t stack, uint64_t count);
/** Puts in order what has been added; nothing is added afterwards. False without memory. */
bool snapshot_finish(struct snapshot *snapshot);
/** Goroutines on @p stack, or NULL. */
struct snapshot_group *snapshot_group_of(const struct snapshot *snapshot, uint32_t stack);
/** The longest wait of any goroutine; SNAPSHOT_NO_WAIT: not known of any. */
uint64_t snapshot_longest_wait(const struct snapshot *snapshot);
/** Forgets single goroutines; the groups stay. */
void snapshot_forget_goroutines(struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

#endif
