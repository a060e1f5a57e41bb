/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of options, and the parser that it drives. */
#ifndef GSD_CLI_OPTIONS_H
#define GSD_CLI_OPTIONS_H

#include "cli/commands.h"

/** Headings of --help, in its order. */
enum option_group { GROUP_TARGET, GROUP_WHEN, GROUP_OUTPUT, GROUP_KEEP, GROUP_CAPTURE, GROUP_MESSAGES, GROUP_COUNT };

struct option_row {
	int letter; /**< the short option, or a number above 255 when there is none */
	const char *name;
	const char *argument; /**< its name in the help; NULL when the option takes none */
	enum option_group group;
	unsigned commands; /**< enum command bits: who takes it */
	bool (*take)(struct invocation *invocation, const char *argument);
	const char *help; /**< NULL: for developers, not in the help */
};

extern const char *const option_groups[GROUP_COUNT];
extern const struct option_row option_table[]; /* ends with a NULL name */

/** Reads arguments and environment. False after a message about wrong usage. */
bool invocation_parse(int argc, char **argv, struct invocation *invocation);
void invocation_clear(struct invocation *invocation);

#endif
