/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tracer (tracer.c, in the child) and its guard (stop.c, in the parent) share. They share all memory, errno
 * and thread-local storage included, and run at the same time: while the tracer runs, the parent's thread does nothing
 * but wait, by raw system calls; the tracer neither allocates nor uses stdio or a cancellation point.
 */
#ifndef GSD_TARGET_TRACER_H
#define GSD_TARGET_TRACER_H

#include <signal.h>
#include <stdatomic.h>

#include "target/private.h"
#include "target/stop.h"

/** What the tracer did last to a thread; parallel to gsd_threads.items. */
enum gsd_tracee_state {
	GSD_TRACEE_LISTED,      /**< seen in /proc/PID/task */
	GSD_TRACEE_SEIZED,      /**< traced, still running */
	GSD_TRACEE_INTERRUPTED, /**< will stop */
	GSD_TRACEE_STOPPED,     /**< stop collected, registers read */
	GSD_TRACEE_STUCK,       /**< traced, in D state: traps before it runs user code */
	GSD_TRACEE_GONE,        /**< ended */
	GSD_TRACEE_RELEASED     /**< detached */
};

struct gsd_tracee {
	enum gsd_tracee_state state;
	int signal; /**< the one that it was about to receive, handed back when it is let go; 0: none */
};

/** Where the tracer failed. */
enum gsd_tracer_step {
	GSD_TRACER_FINE = 0,
	GSD_TRACER_ORPHANED, /**< our parent ended before we could be tied to it */
	GSD_TRACER_LIST,
	GSD_TRACER_SEIZE,
	GSD_TRACER_INTERRUPT,
	GSD_TRACER_WAIT,
	GSD_TRACER_REGISTERS,
	GSD_TRACER_ENDED /**< no thread is left */
};

/** How far the tracer is; the guard reads it. */
enum gsd_tracer_stage {
	GSD_STAGE_BEFORE,   /**< nothing of the target was touched */
	GSD_STAGE_SEIZING,  /**< threads are traced and run */
	GSD_STAGE_STOPPING, /**< from the first interrupt on */
	GSD_STAGE_RELEASED
};

#define GSD_ENTRY_BUFFER_SIZE ((size_t)64 * 1024)

struct gsd_tracer {
	/* inputs, made by the parent */
	pid_t parent;
	pid_t pid;                /**< the target */
	int tasks;                /**< /proc/PID/task, for reading */
	bool other_pid_namespace; /**< the target numbers its threads differently than we do */
	struct gsd_threads *threads;
	struct gsd_tracee *tracees;
	gsd_stop_window *window;
	void *context;
	char *entries; /**< room for directory entries */

	/* progress, read by the guard while the tracer runs */
	atomic_int stage;
	atomic_uint_least64_t stage_ns;  /**< when it was reached; for STOPPING: the first interrupt */
	_Atomic uint64_t *stopped_since; /**< when the present stop began, 0: none; NULL: nobody wants to know */

	/* results, read by the parent after the tracer's end */
	uint64_t start_ns;   /**< the first interrupt; 0: none was sent */
	uint64_t release_ns; /**< all let go; meaningless when some were left to the tracer's end */
	bool left_to_end;    /**< some threads are let go only by the tracer's end */
	bool finished;       /**< the window returned */
	struct gsd_stop_figures figures;
	enum gsd_tracer_step failed;
	int errnum;
	pid_t failed_thread;
};

/** The tracer's life, in the child: @p argument is its struct gsd_tracer. */
int gsd_tracer_main(void *argument);
/** The same in a thread of this process, whose end lets go what is still held. */
void *gsd_tracer_thread(void *argument);

#endif
