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

static void print_options(void)
{
	for (int group = 0; group < GROUP_COUNT; group++) {
		printf("\n%s:\n", option_groups[group]);
		for (const struct option_row *row = option_table; row->name != NULL; row++) {
			if ((int)row->group != group || row->help == NULL)
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

static const struct {
	const char *status;
	const char *meaning;
} statuses[] = {
	{"0", "complete"},
	{"1", "partial: some goroutines could not be read or settled, or a process or file is missing; standard error "
	      "says what and why"},
	{"2", "nothing captured or nothing written"},
	{"64", "wrong usage"},
};

void help_print(void)
{
	printf("Says what every goroutine of a running Go program is doing, from outside: no\n"
	       "code in the program, no symbols, no restart. Stops it for a moment only.\n\n");
	for (const struct command_row *row = command_table; row->name != NULL; row++)
		printf("%s %s\n", row == command_table ? "Usage:" : "      ", row->usage);
	print_options();
	print_formats();
	printf("\nExit status:\n");
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		print_entry(statuses[i].status, statuses[i].meaning);
	printf("\nExamples:\n"
	       "  gostackdump -p 4242                        the report, here\n"
	       "  gostackdump -p 4242 -o goroutine.pb.gz     a profile for go tool pprof\n"
	       "  gostackdump -p 4242 -o a.pb.gz -o report:a.out\n"
	       "                                             both, of the same moment\n"
	       "  gostackdump -p 4242 -p 4343 -o dumps/      two processes, into a directory\n"
	       "  gostackdump -p 4242 | ssh host 'cat > goroutine.pb.gz'\n");
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

void help_print_manual(void)
{
	printf(".SH OPTIONS\n");
	for (int group = 0; group < GROUP_COUNT; group++) {
		printf(".SS %s\n", option_groups[group]);
		for (const struct option_row *row = option_table; row->name != NULL; row++)
			if ((int)row->group == group && row->help != NULL)
				print_roff_option(row);
	}
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
	printf(".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		printf(".TP\n.B %s\n%s.\n", statuses[i].status, statuses[i].meaning);
}
