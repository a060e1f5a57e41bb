/* SPDX-License-Identifier: BSD-3-Clause */
/* The diff command: two captures, or all that a watch has written, and what has changed between them. */
#include "cli/diff.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/screen.h"

#define WIDTH_MIN      40U
#define WIDTH_DEFAULT  80U
#define HEIGHT_DEFAULT 21U /* of a terminal that does not say how large it is */

static void complain(const struct problem *problem)
{
	message("%s", problem->text);
	if (problem->hint[0] != '\0')
		message_hint("%s", problem->hint);
}

/* ---- outputs ---------------------------------------------------------------------------------------------------- */

static bool locale_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	if (locale == (locale_t)0)
		return false;
	bool utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return utf8;
}

static struct diff_style style_for(const struct invocation *invocation, int descriptor)
{
	struct diff_style style = {
		.width = WIDTH_DEFAULT, .utf8 = locale_is_utf8(), .runtime_frames = invocation->runtime_frames};
	if (descriptor < 0 || !isatty(descriptor))
		return style;
	screen_of(descriptor, &style.width, &style.height, &style.colour);
	if (style.width < WIDTH_MIN)
		style.width = style.width == 0 ? WIDTH_DEFAULT : WIDTH_MIN;
	if (invocation->full)
		style.height = 0;
	else if (style.height == 0)
		style.height = HEIGHT_DEFAULT;
	return style;
}

static bool write_output(const struct invocation *invocation, const struct output *output, const struct series_set *set)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	if (stream == NULL) {
		message_errno(errno, "make the report");
		return false;
	}
	bool good = true;
	if (output->format->id == GSD_FORMAT_HTML) {
		good = diff_html(set, stream);
	} else {
		struct diff_style style = style_for(invocation, output->descriptor);
		diff_report(set, &style, stream);
	}
	good = good && !ferror(stream);
	if (fclose(stream) != 0 || !good) {
		message("no memory for the report");
		good = false;
	}
	good = good && text_write(output->path, text, size);
	free(text);
	return good;
}

/* ---- conditions ------------------------------------------------------------------------------------------------- */

static void say_condition(const struct series *series, const struct condition *condition)
{
	if (series->comm != NULL)
		message("%s %llu: %s holds", series->comm, (unsigned long long)series->pid, condition->text);
	else
		message("%s holds", condition->text);
}

/*
 * Whether one of the conditions holds; each that does is said. So is one that cannot be told, and then *untold_ret is
 * set.
 */
static bool conditions_hold(const struct invocation *invocation, const struct series *series, bool *untold_ret)
{
	bool held = false;
	const struct condition_facts facts = {.goroutines = series->diff.new_count,
					      .base_known = true,
					      .base = series->diff.old_count,
					      .group_growth = series->diff.largest_growth,
					      .wait_known = series->longest_wait_ns != SNAPSHOT_NO_WAIT,
					      .longest_wait_ns = series->longest_wait_ns};
	for (size_t i = 0; i < invocation->diff.condition_count; i++) {
		const struct condition *condition = &invocation->diff.conditions[i];
		if (condition->kind == CONDITION_AGE && !facts.wait_known) {
			message("%s cannot be told: the captures do not say how long goroutines wait", condition->text);
			*untold_ret = true;
		}
		if (!condition_holds(condition, &facts))
			continue;
		say_condition(series, condition);
		held = true;
	}
	return held;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static bool read_captures(const struct invocation *invocation, struct series_set *set)
{
	struct problem problem;
	char *const *paths = invocation->operands;
	bool good = invocation->operand_count == 1
			    ? series_read_directory(paths[0], &invocation->capture, complain, set, &problem)
			    : series_read_pair(paths[0], paths[1], &invocation->capture, set, &problem);
	if (!good)
		complain(&problem);
	else if (set->without_go > 0)
		message("left out %zu capture%s of programs without Go: goroutines are compared", set->without_go,
			set->without_go == 1 ? "" : "s");
	return good;
}

enum status diff_run(const struct invocation *invocation)
{
	struct series_set set;
	if (!read_captures(invocation, &set))
		return STATUS_NOTHING;
	bool partial = false, held = false, written = true;
	for (size_t i = 0; i < set.count; i++) {
		partial = partial || set.items[i].unread > 0;
		if (set.items[i].point_count > 1)
			held = conditions_hold(invocation, &set.items[i], &partial) || held;
	}
	for (size_t i = 0; i < invocation->output_count; i++)
		written = write_output(invocation, &invocation->outputs[i], &set) && written;
	series_set_free(&set);
	if (!written)
		return STATUS_NOTHING;
	return held ? STATUS_HOLDS : partial ? STATUS_PARTIAL : STATUS_COMPLETE;
}
