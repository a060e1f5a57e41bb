/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/problem.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(struct problem *problem, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
	problem->hint[0] = '\0';
	problem->without_go = false;
	return false;
}

bool problem_hint(struct problem *problem, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem->hint, sizeof problem->hint, format, arguments);
	va_end(arguments);
	return false;
}

bool problem_take(struct problem *problem, struct gsd_error *error)
{
	const char *hint = gsd_error_hint(error);
	problem_set(problem, "%s", gsd_error_message(error));
	if (hint != NULL)
		problem_hint(problem, "%s", hint);
	gsd_error_destroy(error);
	return false;
}
