/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/outputs.h"

/* ---- what an argument can be ------------------------------------------------------------------------------------ */

enum values { VALUES_NONE, VALUES_FILES, VALUES_PIDS, VALUES_NAMES, VALUES_FORMATS, VALUES_SIGNALS, VALUES_WORDS };

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words != NULL && strcmp(text, *words) != 0)
		words++;
	return *words != NULL;
}

static enum values values_of(const struct option_row *row)
{
	static const char *const files[] = {"FILE", "PATH", "DIR", "[FORMAT:]PATH", "[FORMAT:]DIR", NULL};
	if (row->argument == NULL)
		return VALUES_NONE;
	if (is_one_of(row->argument, files))
		return VALUES_FILES;
	if (strcmp(row->argument, "PID") == 0)
		return VALUES_PIDS;
	if (strcmp(row->argument, "COMM") == 0)
		return VALUES_NAMES;
	if (strcmp(row->argument, "FORMAT") == 0)
		return VALUES_FORMATS;
	if (strcmp(row->argument, "S") == 0)
		return VALUES_SIGNALS;
	if (strcmp(row->argument, "MODE") == 0 || strchr(row->argument, '|') != NULL)
		return VALUES_WORDS;
	return VALUES_NONE;
}

/* The words of "plain|json", without names such as N. */
static void print_words(const struct option_row *row)
{
	const char *word = strcmp(row->argument, "MODE") == 0 ? "auto|fp|table" : row->argument;
	for (const char *before = ""; *word != '\0';) {
		size_t length = strcspn(word, "|");
		if (word[0] >= 'a' && word[0] <= 'z') {
			printf("%s%.*s", before, (int)length, word);
			before = " ";
		}
		word += length + (word[length] == '|');
	}
}

static void print_formats(void)
{
	const char *before = "";
	for (const struct format *format = formats; format->name != NULL; format++) {
		if (format->id == 0)
			continue;
		printf("%s%s", before, format->name);
		before = " ";
	}
}

static void print_signals(void)
{
	const char *before = "";
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);
		if (name == NULL)
			continue;
		printf("%s%s", before, name);
		before = " ";
	}
}

/* The words that an argument is one of. */
static void print_choices(const struct option_row *row)
{
	switch (values_of(row)) {
	case VALUES_FORMATS: print_formats(); break;
	case VALUES_SIGNALS: print_signals(); break;
	case VALUES_WORDS: print_words(row); break;
	default: break;
	}
}

/* Processes as gostackdump itself sees them, in a form that every shell runs. */
static const char pids[] = "gostackdump ps --json 2>/dev/null | sed -n 's/^{\"pid\":\\([0-9]*\\),.*/\\1/p'";
static const char names[] = "gostackdump ps --json 2>/dev/null | sed -n 's/.*,\"comm\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

static bool is_shown(const struct option_row *row, const struct command_row *command)
{
	return row->help != NULL && (row->commands & command->bit) != 0;
}

/* ---- bash ------------------------------------------------------------------------------------------------------- */

static void print_bash_values(const struct option_row *row)
{
	switch (values_of(row)) {
	case VALUES_FILES: printf("mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")"); break;
	case VALUES_PIDS: printf("COMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))", pids); break;
	case VALUES_NAMES: printf("COMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))", names); break;
	case VALUES_FORMATS:
	case VALUES_SIGNALS:
	case VALUES_WORDS:
		printf("COMPREPLY=($(compgen -W '");
		print_choices(row);
		printf("' -- \"$cur\"))");
		break;
	case VALUES_NONE: printf(":"); break;
	}
}

/* Whether commands differ in what they mean by it. */
static bool is_ambiguous(const struct option_row *row)
{
	for (const struct option_row *other = option_table; other->name != NULL; other++)
		if (other != row && other->help != NULL && strcmp(other->name, row->name) == 0)
			return true;
	return false;
}

/* "*:-p | *:--pid": the command and the word before the one that is completed. */
static void print_bash_pattern(const struct option_row *row, const char *before, const char *command)
{
	printf("%s", before);
	if (row->letter < 256)
		printf("%s:-%c | ", command, row->letter);
	printf("%s:--%s", command, row->name);
}

static void print_bash_cases(void)
{
	for (const struct option_row *row = option_table; row->name != NULL; row++) {
		if (row->help == NULL || row->argument == NULL)
			continue;
		const char *before = "\t";
		for (const struct command_row *command = command_table; command->name != NULL; command++) {
			if (!is_ambiguous(row) || !is_shown(row, command))
				continue;
			print_bash_pattern(row, before, command->name);
			before = " | ";
		}
		if (!is_ambiguous(row))
			print_bash_pattern(row, before, "*");
		printf(") ");
		print_bash_values(row);
		printf("; return ;;\n");
	}
}

static void print_bash_options(const struct command_row *command)
{
	printf("\t%s) words='", command->name);
	const char *before = "";
	for (const struct option_row *row = option_table; row->name != NULL; row++) {
		if (!is_shown(row, command))
			continue;
		printf("%s--%s", before, row->name);
		before = " ";
	}
	printf("' ;;\n");
}

static void print_bash(void)
{
	printf("# bash completion for gostackdump, written by gostackdump --completion bash\n"
	       "_gostackdump() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=%s words i\n"
	       "\tCOMPREPLY=()\n"
	       "\tcase ${COMP_WORDS[1]} in\n",
	       command_table[0].name);
	for (const struct command_row *command = command_table; command->name != NULL; command++)
		printf("%s%s", command == command_table ? "\t" : " | ", command->name);
	printf(") ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]} ;;\n\tesac\n"
	       "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	       "\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
	       "\t\t\tmapfile -t COMPREPLY < <(compgen -c -f -- \"$cur\")\n\t\t\treturn\n\t\tfi\n\tdone\n"
	       "\tcase $command:$prev in\n");
	print_bash_cases();
	printf("\tesac\n\tcase $command in\n");
	for (const struct command_row *command = command_table; command->name != NULL; command++)
		print_bash_options(command);
	printf("\tesac\n\tif ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then\n\t\twords='");
	for (const struct command_row *command = command_table; command->name != NULL; command++)
		printf("%s%s", command == command_table ? "" : " ", command->name);
	printf("'\n\telif [[ $cur != -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -f -- "
	       "\"$cur\")\n\t\treturn\n\tfi\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "}\ncomplete -o filenames -F _gostackdump gostackdump\n");
}

/* ---- zsh -------------------------------------------------------------------------------------------------------- */

/* Inside '...[...]...': what ends them is written in another way. */
static void print_zsh_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			printf("'\\''");
		else if (strchr("[]:\\", *text) != NULL)
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void print_zsh_values(const struct option_row *row)
{
	switch (values_of(row)) {
	case VALUES_FILES: printf(":_files"); break;
	case VALUES_PIDS: printf(":_gostackdump_pids"); break;
	case VALUES_NAMES: printf(":_gostackdump_names"); break;
	case VALUES_FORMATS:
	case VALUES_SIGNALS:
	case VALUES_WORDS:
		printf(":(");
		print_choices(row);
		printf(")");
		break;
	case VALUES_NONE: printf(": "); break;
	}
}

static void print_zsh_option(const struct option_row *row)
{
	printf("\t\t\t'*--%s%s[", row->name, row->argument != NULL ? "=" : "");
	print_zsh_text(row->help);
	printf("]");
	if (row->argument != NULL) {
		printf(":");
		print_zsh_text(row->argument);
		print_zsh_values(row);
	}
	printf("' \\\n");
	if (row->letter >= 256)
		return;
	printf("\t\t\t'*-%c%s[", row->letter, row->argument != NULL ? "+" : "");
	print_zsh_text(row->help);
	printf("]");
	if (row->argument != NULL) {
		printf(":");
		print_zsh_text(row->argument);
		print_zsh_values(row);
	}
	printf("' \\\n");
}

static void print_zsh(void)
{
	printf("#compdef gostackdump\n# written by gostackdump --completion zsh\n"
	       "_gostackdump_pids() {\n\tlocal -a found\n\tfound=(${(f)\"$(%s)\"})\n"
	       "\t_values pid $found\n}\n"
	       "_gostackdump_names() {\n\tlocal -a found\n\tfound=(${(f)\"$(%s)\"})\n"
	       "\tcompadd -a found\n}\n"
	       "_gostackdump() {\n\tlocal command=%s\n\tlocal -a commands\n\tcommands=(\n",
	       pids, names, command_table[0].name);
	for (const struct command_row *command = command_table; command->name != NULL; command++) {
		printf("\t\t'%s:", command->name);
		print_zsh_text(command->help);
		printf("'\n");
	}
	printf("\t)\n\tif ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then\n\t\t_describe command commands\n"
	       "\t\treturn\n\tfi\n"
	       "\tif ((${commands[(I)$words[2]:*]})); then\n\t\tcommand=$words[2]\n"
	       "\t\twords=($words[1] $words[3,-1])\n\t\t((CURRENT--))\n\tfi\n\tcase $command in\n");
	for (const struct command_row *command = command_table; command->name != NULL; command++) {
		printf("\t%s)\n\t\t_arguments -s -S \\\n", command->name);
		for (const struct option_row *row = option_table; row->name != NULL; row++)
			if (is_shown(row, command))
				print_zsh_option(row);
		printf("\t\t\t'%s'\n\t\t;;\n", command->bit == COMMAND_RUN ? "*::command:_normal" : "*:file:_files");
	}
	printf("\tesac\n}\n_gostackdump \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------------------------- */

static void print_fish_text(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void print_fish_values(const struct option_row *row)
{
	switch (values_of(row)) {
	case VALUES_FILES: printf(" -r -F"); break;
	case VALUES_PIDS: printf(" -x -a '(__gostackdump_pids)'"); break;
	case VALUES_NAMES: printf(" -x -a '(__gostackdump_names)'"); break;
	case VALUES_FORMATS:
	case VALUES_SIGNALS:
	case VALUES_WORDS:
		printf(" -x -a '");
		print_choices(row);
		printf("'");
		break;
	case VALUES_NONE:
		if (row->argument != NULL)
			printf(" -x");
		break;
	}
}

static void print_fish(void)
{
	printf("# fish completion for gostackdump, written by gostackdump --completion fish\n"
	       "function __gostackdump_pids\n\t%s\nend\n"
	       "function __gostackdump_names\n\t%s\nend\n"
	       "function __gostackdump_command\n\tset -l words (commandline -opc)\n\tset -l command %s\n"
	       "\tif set -q words[2]; and not string match -q -- '-*' $words[2]\n"
	       "\t\tset command $words[2]\n\tend\n\tcontains -- $command $argv\nend\n"
	       "complete -c gostackdump -f\n",
	       pids, names, command_table[0].name);
	for (const struct command_row *command = command_table; command->name != NULL; command++) {
		printf("complete -c gostackdump -n __fish_use_subcommand -a %s -d ", command->name);
		print_fish_text(command->help);
		putchar('\n');
	}
	for (const struct option_row *row = option_table; row->name != NULL; row++) {
		if (row->help == NULL)
			continue;
		printf("complete -c gostackdump -n '__gostackdump_command");
		for (const struct command_row *command = command_table; command->name != NULL; command++)
			if (is_shown(row, command))
				printf(" %s", command->name);
		printf("' -l %s", row->name);
		if (row->letter < 256)
			printf(" -s %c", row->letter);
		print_fish_values(row);
		printf(" -d ");
		print_fish_text(row->help);
		putchar('\n');
	}
}

/* ---- which ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *shell;
	void (*print)(void);
} scripts[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

bool completion_exists(const char *shell)
{
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
		if (strcmp(scripts[i].shell, shell) == 0)
			return true;
	return false;
}

void completion_print(const char *shell)
{
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
		if (strcmp(scripts[i].shell, shell) == 0)
			scripts[i].print();
}
