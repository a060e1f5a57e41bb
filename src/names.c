/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of functions and files as reports have them. */
#include "output/names.h"

#include <stdio.h>
#include <string.h>

bool gsd_function_is_folded(const char *function)
{
	return gsd_function_is_plumbing(function);
}

size_t gsd_function_short_name(const char *function, char *text, size_t size)
{
	struct gsd_function_name name;
	gsd_function_name_parse(function, &name);
	return (size_t)snprintf(text, size, "%.*s%s", (int)(name.package_length - name.element),
				name.package + name.element, name.rest);
}

size_t gsd_file_short_name(const char *function, const char *file, char *text, size_t size)
{
	struct gsd_function_name name;
	const char *slash = strrchr(file, '/');
	gsd_function_name_parse(function, &name);
	if (name.package_length == 0 || slash == NULL)
		return (size_t)snprintf(text, size, "%s", file);
	if (name.package_length == 4 && memcmp(name.package, "main", 4) == 0)
		return (size_t)snprintf(text, size, "%s", slash + 1);
	return (size_t)snprintf(text, size, "%.*s%s", (int)name.package_length, name.package, slash);
}
