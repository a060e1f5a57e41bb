/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stopping a process. The tracer is a short-lived child that shares our memory (clone with CLONE_VM): its results land
 * in place, and its end, however it comes, lets every thread of the target go. Its parent kills it when the stop lasts
 * too long. It is in its own session with signals blocked.
 */
#ifndef GSD_TARGET_STOP_H
#define GSD_TARGET_STOP_H

#include "target/process.h"

struct gsd_tracer;

/**
 * What is done around and in the stop, in the tracer: it calls gsd_tracer_halt() and gsd_tracer_release() once each, in
 * that order. It must not allocate, log or parse.
 */
typedef void gsd_stop_window(struct gsd_tracer *tracer, void *context);

/**
 * Runs @p window in the tracer. @p threads has its array made by the caller (see gsd_process_thread_capacity()) and
 * receives the threads with their registers. Errors: GSD_ERROR_PERMISSION (with the cause), _GONE, _TIMEOUT (the stop
 * reached @p max_pause_ns and was ended, and @p figures_ret->pause_ns says how long it was then; 0: it had not begun).
 * On any error the target runs on.
 *
 * More threads than fit is not an error: gsd_tracer_halt() fails, nothing is read, and NULL is returned with
 * `threads->overflow` set: enlarge the array and stop again.
 *
 * The calling thread waits meanwhile with all its signals blocked, since the tracer works on its errno and thread-local
 * storage. Nothing is left for the caller's wait(), and no SIGCHLD is sent.
 */
GSD_MUST_CHECK struct gsd_error *gsd_process_stop(struct gsd_process *process, uint64_t max_pause_ns,
						  struct gsd_threads *threads, gsd_stop_window *window, void *context,
						  struct gsd_stop_figures *figures_ret);
/** Its threads by their ids, as GSD_THREAD_RUNS, without touching them: a new array that the caller frees. */
GSD_MUST_CHECK struct gsd_error *gsd_process_list_threads(struct gsd_process *process, struct gsd_threads *threads_ret);
/**
 * From here on a stop of @p process is made by a thread of this process instead of a child: where Yama lets only
 * ancestors trace, a child of an ancestor is none. Then @p max_pause_ns does not hold: whoever guards this process
 * reads in @p stopped_since (borrowed) since when a stop has been lasting (CLOCK_MONOTONIC ns; 0: there is none), and
 * ends it by ending this process.
 */
void gsd_process_stop_by_thread(struct gsd_process *process, _Atomic uint64_t *stopped_since);
/** How many threads the process has now, with slack for those that start meanwhile. */
GSD_MUST_CHECK struct gsd_error *gsd_process_thread_capacity(struct gsd_process *process, size_t *capacity_ret);

/**
 * Seizes all threads, interrupts them, rescans until none is new, collects every stop (waitid, WNOWAIT) and reads the
 * registers. False: it did not succeed, and the window is to go straight to gsd_tracer_release().
 */
bool gsd_tracer_halt(struct gsd_tracer *tracer);
/** Lets every thread go, handing over the signals that were pending. */
void gsd_tracer_release(struct gsd_tracer *tracer);

#endif
