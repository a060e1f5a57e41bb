/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion scripts for shells, written from the tables of commands, options and formats. */
#ifndef GSD_CLI_COMPLETION_H
#define GSD_CLI_COMPLETION_H

#include <stdbool.h>

/** Whether there is a script for @p shell ("bash", "zsh", "fish"). */
bool completion_exists(const char *shell);
/** Prints it to standard output. */
void completion_print(const char *shell);

#endif
