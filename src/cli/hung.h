/* SPDX-License-Identifier: BSD-3-Clause */
/* Which test, or else which function, a process hangs in. */
#ifndef GSD_CLI_HUNG_H
#define GSD_CLI_HUNG_H

#include "gostackdump.h"

/**
 * Says a line for each test that has begun and not ended (those that only wait for their subtests, or for their turn
 * to run in parallel, are left out): its name, what it waits for, since when, and where. Returns how many there are.
 * @p who: the process, for the beginning of the lines.
 */
size_t hung_say_tests(struct gsd_capture *capture, const char *who);
/** The same of the first goroutine. */
void hung_say_main(struct gsd_capture *capture, const char *who);

/** Says of a process without Go, as a hint, which call its first thread is in, and on whose behalf. */
void hung_say_thread(struct gsd_capture *capture);
/** Whether a process without Go does nothing but wait for its children, as a shell does. */
bool hung_waits_for_children(struct gsd_capture *capture);

#endif
