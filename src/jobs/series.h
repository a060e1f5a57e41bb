/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots of one process over time, and which of its groups look like leaks. */
#ifndef GSD_JOBS_SERIES_H
#define GSD_JOBS_SERIES_H

#include "jobs/diff.h"
#include "jobs/problem.h"

#define SERIES_SUSPECTS_MAX 100U

/** One snapshot of a series. */
struct series_point {
	char *path;
	uint64_t time_ns; /**< Unix; 0: not known */
	uint64_t goroutine_count;
	struct snapshot_group *groups; /**< by stack */
	size_t group_count;
};

/** A group that has grown. */
struct series_suspect {
	uint32_t stack;
	uint32_t state;
	uint32_t creator;
	uint64_t longest_wait_ns; /**< at the end; 0: not known */
	uint64_t first, last;     /**< goroutines */
	uint64_t fallen;          /**< by how much it fell, all falls together: a leak never falls */
	double growth_share;      /**< of up to 8 parts of the series, in how many it grew: 0 to 1 */
	double score;             /**< goroutines; more is more suspicious */
};

struct series {
	char *comm;   /**< of the files' names; NULL: the two files were given */
	uint64_t pid; /**< 0: not known */
	struct series_point *points;
	size_t point_count;
	size_t capacity;
	struct snapshot first, last;     /**< what is known of the first and the last one; groups are in the points */
	struct series_suspect *suspects; /**< most suspicious first, at most SERIES_SUSPECTS_MAX */
	size_t suspect_count;
	struct diff diff;         /**< from the first to the last one; of a series of one there is none */
	size_t unread;            /**< captures that could not be read */
	uint64_t longest_wait_ns; /**< of any goroutine in the last one; SNAPSHOT_NO_WAIT: not known */
};

/** All of them. A zeroed struct is an empty one. */
struct series_set {
	struct stack_names names;
	struct series *items; /**< by comm, then by the time of the first snapshot */
	size_t count;
	size_t without_go; /**< captures of programs without Go, which are in none of them */
};

/** What is told of captures of a directory that cannot be read; the others are compared. */
typedef void series_complain(const struct problem *problem);

/**
 * Reads the captures in @p directory (their names say which they are: capture_name.h) as one series for each process.
 * Of a moment in several formats the first one that can be read is taken. Captures of programs without Go are left out.
 * False with @p problem when there are none to compare, or none can be read. Nothing is to be freed then.
 */
bool series_read_directory(const char *directory, const struct gsd_capture_options *options, series_complain *complain,
			   struct series_set *set_ret, struct problem *problem);
/** Reads two files as one series. False with @p problem, as above. */
bool series_read_pair(const char *old, const char *new, const struct gsd_capture_options *options,
		      struct series_set *set_ret, struct problem *problem);
void series_set_free(struct series_set *set);

/** How many goroutines stand on @p stack at @p point. */
uint64_t series_count(const struct series *series, uint32_t stack, size_t point);
/** How long the series lasts, in ns; 0: not known. */
uint64_t series_duration(const struct series *series);
/**
 * The number of the point that a plot of @p columns columns shows in @p column: the last one until then, by time, or by
 * number when times are not known.
 */
size_t series_point_at(const struct series *series, size_t column, size_t columns);

#endif
