/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/names.h"

#include <stdio.h>
#include <string.h>

/* The byte that "%2e" stands for; −1: it is no escape. */
static int escaped_byte(const char *text, size_t length)
{
	unsigned byte;
	char digits[3] = "";
	if (length < 3 || text[0] != '%')
		return -1;
	memcpy(digits, text + 1, 2);
	return strspn(digits, "0123456789abcdef") == 2 && sscanf(digits, "%x", &byte) == 1 ? (int)byte : -1;
}

/*
 * The path of a function's package ends at the first dot of its last element, before any type arguments. The linker
 * writes a dot in that element as %2e (cmd/internal/objabi, PathToPrefix).
 */
void gsd_function_name_parse(const char *function, struct gsd_function_name *name_ret)
{
	size_t end = strcspn(function, "[(");
	size_t element = end;
	while (element > 0 && function[element - 1] != '/')
		element--;
	const char *dot = memchr(function + element, '.', end - element);
	size_t length = dot != NULL ? (size_t)(dot - function) : 0;
	size_t used = 0;
	name_ret->element = 0;
	for (size_t i = 0; i < length && used < GSD_PACKAGE_MAX; used++) {
		int byte = escaped_byte(function + i, length - i);
		name_ret->package[used] = byte < 0 ? function[i] : (char)byte;
		i += byte < 0 ? 1 : 3;
		if (i == element)
			name_ret->element = used + 1;
	}
	name_ret->package_length = used;
	name_ret->rest = function + length;
}

static bool begins(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

bool gsd_function_is_plumbing(const char *function)
{
	static const char *const news[] = {"gopanic", "sigpanic", "panic", "goPanic", "throw", "fatal", "crash"};
	if (begins(function, "internal/runtime/") || begins(function, "runtime/internal/"))
		return true;
	if (!begins(function, "runtime.")) {
		/* What the runtime gives to other packages under their name: internal/poll.runtime_pollWait. */
		const char *dot = strrchr(function, '.');
		return dot != NULL && begins(dot, ".runtime_");
	}
	const char *name = function + strlen("runtime.");
	if (*name >= 'A' && *name <= 'Z')
		return false; /* what programs call */
	for (size_t i = 0; i < GSD_ARRAY_SIZE(news); i++)
		if (begins(name, news[i]))
			return false;
	return true;
}
