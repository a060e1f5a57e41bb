/* SPDX-License-Identifier: BSD-3-Clause */
/* The help, and the manual's OPTIONS section: both written from the tables of options.h and outputs.h. */
#ifndef GSD_CLI_HELP_H
#define GSD_CLI_HELP_H

#include "cli/commands.h"

/** Prints the --help of @p command to standard output. */
void help_print(const struct command_row *command);
/** Prints the OPTIONS and FORMATS sections of docs/gostackdump.1 to standard output. */
void help_print_manual(void);

#endif
