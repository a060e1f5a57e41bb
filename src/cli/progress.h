/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line on standard error that says how far long work has come, on a terminal only. It is drawn when the library says
 * how far it is, and gone before anything else is written there.
 */
#ifndef GSD_CLI_PROGRESS_H
#define GSD_CLI_PROGRESS_H

#include "cli/cli.h"

/** Decides whether it is shown, and has captures tell how far they are if so. Time counts from here. */
void progress_decide(struct invocation *invocation);
/** Has an output tell, too. What goes to a terminal or a pipe is shown by others once it is being written. */
void progress_of_output(const struct invocation *invocation, int descriptor, struct gsd_write_options *options);
/** Takes the line away, if there is one. */
void progress_erase(void);

#endif
