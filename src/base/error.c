/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gsd_error {
	enum gsd_error_code code;
	int errnum;
	bool constant;
	char *attempt;
	char *reason;
	char *hint;
	char *message; /* "cannot ATTEMPT: REASON", composed whenever a part changes */
};

static struct gsd_error no_memory = {
	.code = GSD_ERROR_NO_MEMORY, .constant = true, .message = (char *)"cannot allocate memory: none is left"};

struct gsd_error *gsd_error_no_memory(void)
{
	return &no_memory;
}

struct gsd_error *gsd_error_first(struct gsd_error *error, struct gsd_error *later)
{
	if (error == NULL)
		return later;
	gsd_error_destroy(later);
	return error;
}

static GSD_PRINTF(1, 0) char *format_text(const char *format, va_list arguments)
{
	char *text;
	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

static struct gsd_error *compose(struct gsd_error *error)
{
	const char *reason = error->reason;
	if (reason == NULL && error->errnum != 0)
		reason = strerror(error->errnum);
	char *message;
	int length = reason != NULL ? asprintf(&message, "cannot %s: %s", error->attempt, reason)
				    : asprintf(&message, "cannot %s", error->attempt);
	if (length < 0) {
		gsd_error_destroy(error);
		return &no_memory;
	}
	free(error->message);
	error->message = message;
	return error;
}

struct gsd_error *gsd_error_create(enum gsd_error_code code, int errnum, const char *attempt, ...)
{
	struct gsd_error *error = calloc(1, sizeof *error);
	if (error == NULL)
		return &no_memory;
	error->code = code;
	error->errnum = errnum;
	va_list arguments;
	va_start(arguments, attempt);
	error->attempt = format_text(attempt, arguments);
	va_end(arguments);
	if (error->attempt == NULL) {
		gsd_error_destroy(error);
		return &no_memory;
	}
	return compose(error);
}

struct gsd_error *gsd_error_because(struct gsd_error *error, const char *reason, ...)
{
	if (error->constant)
		return error;
	va_list arguments;
	va_start(arguments, reason);
	char *text = format_text(reason, arguments);
	va_end(arguments);
	if (text == NULL) {
		gsd_error_destroy(error);
		return &no_memory;
	}
	free(error->reason);
	error->reason = text;
	return compose(error);
}

struct gsd_error *gsd_error_advise(struct gsd_error *error, const char *hint, ...)
{
	if (error->constant)
		return error;
	va_list arguments;
	va_start(arguments, hint);
	char *text = format_text(hint, arguments);
	va_end(arguments);
	if (text != NULL && error->hint != NULL) {
		char *joined;
		if (asprintf(&joined, "%s\n%s", error->hint, text) < 0)
			joined = NULL;
		free(text);
		text = joined;
	}
	if (text == NULL) {
		gsd_error_destroy(error);
		return &no_memory;
	}
	free(error->hint);
	error->hint = text;
	return error;
}

enum gsd_error_code gsd_error_code(const struct gsd_error *error)
{
	return error->code;
}

int gsd_error_errno(const struct gsd_error *error)
{
	return error->errnum;
}

const char *gsd_error_message(const struct gsd_error *error)
{
	return error->message;
}

const char *gsd_error_hint(const struct gsd_error *error)
{
	return error->hint;
}

void gsd_error_destroy(struct gsd_error *error)
{
	if (error == NULL || error->constant)
		return;
	free(error->attempt);
	free(error->reason);
	free(error->hint);
	free(error->message);
	free(error);
}
