/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of commands: help, manual and parser are made from it and from the table of options. */
#ifndef GSD_CLI_COMMANDS_H
#define GSD_CLI_COMMANDS_H

#include "cli/cli.h"

struct status_row {
	const char *status;
	const char *meaning;
};

struct command_row {
	enum command bit;
	const char *name;
	const char *usage;      /**< what follows "gostackdump " */
	const char *help;       /**< one line in the list of commands */
	const char *about;      /**< what its own help begins with; lines of 80 columns at most */
	bool takes_operands;    /**< words that are no options */
	bool operands_anywhere; /**< between options, too; else all that follows the first is theirs */
	/** Completes what the arguments say, and refuses what contradicts itself, with a message. */
	bool (*check)(struct invocation *invocation);
	enum status (*run)(const struct invocation *invocation);
	const struct status_row *statuses; /**< ends with a NULL status */
	const char *examples;              /**< lines of 80 columns at most */
};

/** The first is the default command; ends with a NULL name. */
extern const struct command_row command_table[];

#endif
