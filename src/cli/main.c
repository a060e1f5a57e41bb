/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/messages.h"
#include "cli/options.h"

/*
 * A descriptor 0, 1 or 2 that the caller closed must not become that of a file that we open: it is taken by one on
 * which every write fails.
 */
static bool occupy_standard_descriptors(void)
{
	for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++)
		if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != descriptor)
			return false;
	return true;
}

/*
 * A reader that leaves and a file that may not grow are errors of write(), not the end of this process. Whether the
 * caller had it so.
 */
static bool ignore(int number)
{
	return signal(number, SIG_IGN) == SIG_IGN;
}

static enum status show(const struct invocation *invocation)
{
	if (invocation->show == SHOW_HELP)
		help_print(invocation->command);
	else if (invocation->show == SHOW_MANUAL)
		help_print_manual();
	else if (invocation->show == SHOW_COMPLETION)
		completion_print(invocation->shell);
	else
		printf("gostackdump %s\n", gsd_version());
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return STATUS_COMPLETE;
	if (errno != EPIPE)
		message_not_written(errno, "write to standard output");
	return STATUS_NOTHING;
}

/* The arguments, so that what /proc shows of this process is free to be changed. One block; NULL: no memory. */
static char **copy_arguments(int argc, char **argv, size_t *bytes_ret)
{
	size_t bytes = 0;
	for (int i = 0; i < argc; i++)
		bytes += strlen(argv[i]) + 1;
	char **copy = malloc(((size_t)argc + 1) * sizeof *copy + bytes);
	char *text = (char *)(copy + argc + 1);
	for (int i = 0; copy != NULL && i < argc; i++) {
		copy[i] = text;
		text = stpcpy(text, argv[i]) + 1;
	}
	if (copy != NULL)
		copy[argc] = NULL;
	*bytes_ret = bytes;
	return copy;
}

/* Where the options are that were not understood: those of watch are not in the help of dump, the default command. */
static void hint_at_help(const struct command_row *command)
{
	if (command == NULL || command == command_table)
		message_hint("'gostackdump --help' lists the options and commands");
	else
		message_hint("'gostackdump %s --help' lists the options", command->name);
}

int main(int argc, char **argv)
{
	size_t argument_bytes;
	if (!occupy_standard_descriptors())
		return STATUS_NOTHING;
	bool ignores_sigpipe = ignore(SIGPIPE);
	bool ignores_sigxfsz = ignore(SIGXFSZ);
	struct invocation invocation;
	enum status status = STATUS_USAGE;
	char **arguments = copy_arguments(argc, argv, &argument_bytes);
	if (arguments == NULL)
		return STATUS_NOTHING;
	bool understood = invocation_parse(argc, arguments, &invocation);
	invocation.run.shown_command = argv[0];
	invocation.run.shown_size = argument_bytes;
	invocation.run.ignores_sigpipe = ignores_sigpipe;
	invocation.run.ignores_sigxfsz = ignores_sigxfsz;
	if (!understood)
		hint_at_help(invocation.command);
	else if (invocation.show != SHOW_NOTHING)
		status = show(&invocation);
	else
		status = invocation.command->run(&invocation);
	invocation_clear(&invocation);
	free(arguments);
	return (int)status;
}
