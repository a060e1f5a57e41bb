/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/outputs.h"

enum { COLUMNS = 80, TEXT_COLUMN = 29 };

/* @p text wrapped behind @p label, which stands in a line of its own when it is too long. */
static void print_entry(const char *label, const char *text)
{
	int column = printf("  %s", label);
	if (column > TEXT_COLUMN - 2) {
		putchar('\n');
		column = 0;
	}
	column += printf("%*s", TEXT_COLUMN - column, "");
	for (bool first = true; *text != '\0'; first = false) {
		size_t length = strcspn(text, " ");
		if (!first && (size_t)column + 1 + length > COLUMNS) {
			printf("\n%*s", TEXT_COLUMN, "");
			column = TEXT_COLUMN;
		} else if (!first) {
			column += printf(" ");
		}
		column += printf("%.*s", (int)length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

static bool in_group(const struct option_row *row, int group, const struct command_row *command)
{
	return (int)row->group == group && row->help != NULL && (row->commands & command->bit) != 0;
}

static bool has_group(int group, const struct command_row *command)
{
	const struct option_row *row = option_table;
	while (row->name != NULL && !in_group(row, group, command))
		row++;
	return row->name != NULL;
}

static void print_options(const struct command_row *command)
{
	for (int group = 0; group < GROUP_COUNT; group++) {
		if (has_group(group, command))
			printf("\n%s:\n", option_groups[group]);
		for (const struct option_row *row = option_table; row->name != NULL; row++) {
			if (!in_group(row, group, command))
				continue;
			char label[64], letter[8] = "    ";
			if (row->letter < 256)
				snprintf(letter, sizeof letter, "-%c, ", row->letter);
			snprintf(label, sizeof label, "%s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
				 row->argument != NULL ? row->argument : "");
			print_entry(label, row->help);
		}
	}
}

static void format_label(const struct format *format, char *label, size_t size)
{
	int length = snprintf(label, size, "%s", format->name);
	for (size_t i = 0; i < 2 && format->endings[i] != NULL; i++)
		length += snprintf(label + length, size - (size_t)length, "%s%s", i == 0 ? " (" : " ",
				   format->endings[i]);
	snprintf(label + length, size - (size_t)length, ")");
}

static void print_formats(void)
{
	printf("\nFormats and the endings that choose them:\n");
	for (const struct format *format = formats; format->name != NULL; format++) {
		char label[64];
		format_label(format, label, sizeof label);
		if (format->id != 0)
			print_entry(label, format->help);
	}
	printf("\n"
	       "Without -o and -f a terminal gets the report, a pipe or a file gzipped pprof.\n");
}

/* What there is to choose from, under the default command's own help. */
static void print_commands(void)
{
	if (command_table[1].name == NULL)
		return;
	printf("\nCommands ('gostackdump COMMAND --help' says more):\n");
	for (const struct command_row *row = command_table; row->name != NULL; row++)
		print_entry(row->name, row->help);
}

void help_print(const struct command_row *command)
{
	printf("%s\nUsage: gostackdump %s\n", command->about, command->usage);
	if (command == command_table)
		print_commands();
	print_options(command);
	if (command->bit == COMMAND_DUMP)
		print_formats();
	printf("\nExit status:\n");
	for (const struct status_row *row = command->statuses; row->status != NULL; row++)
		print_entry(row->status, row->meaning);
	printf("\nExamples:\n%s", command->examples);
}

/* Text for roff: hyphens that are to be typed as they are, and no line that begins with a control character. */
static void print_roff(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-')
			printf("\\-");
		else if (*text == '\\')
			printf("\\e");
		else
			putchar(*text);
	}
}

static void print_roff_option(const struct option_row *row)
{
	printf(".TP\n.BR ");
	if (row->letter < 256)
		printf("\\-%c \", \" ", row->letter);
	printf("\\-\\-");
	print_roff(row->name);
	if (row->argument != NULL) {
		printf(" \" \\fI");
		print_roff(row->argument);
		printf("\\fP\"");
	}
	printf("\n");
	print_roff(row->help);
	printf(".\n");
}

static void print_roff_options(const struct command_row *command)
{
	printf(".SH OPTIONS");
	if (command_table[1].name != NULL)
		printf(" OF %s", command->name);
	printf("\n");
	for (int group = 0; group < GROUP_COUNT; group++) {
		if (has_group(group, command))
			printf(".SS %s\n", option_groups[group]);
		for (const struct option_row *row = option_table; row->name != NULL; row++)
			if (in_group(row, group, command))
				print_roff_option(row);
	}
}

static void print_roff_formats(void)
{
	printf(".SH FORMATS\n");
	for (const struct format *format = formats; format->name != NULL; format++) {
		char label[64];
		format_label(format, label, sizeof label);
		if (format->id == 0)
			continue;
		printf(".TP\n\\fB");
		print_roff(label);
		printf("\\fP\n");
		print_roff(format->help);
		printf(".\n");
	}
}

void help_print_manual(void)
{
	for (const struct command_row *command = command_table; command->name != NULL; command++)
		print_roff_options(command);
	print_roff_formats();
	printf(".SH EXIT STATUS\n");
	for (const struct command_row *command = command_table; command->name != NULL; command++) {
		if (command_table[1].name != NULL)
			printf(".SS Of %s\n", command->name);
		for (const struct status_row *row = command->statuses; row->status != NULL; row++)
			printf(".TP\n.B %s\n%s.\n", row->status, row->meaning);
	}
}
