/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/godebug.h"

#include <stdlib.h>
#include <string.h>

bool gsd_godebug_number(const char *settings, const char *key, uint32_t *value_ret)
{
	size_t length = strlen(key);
	bool found = false;
	for (const char *next = settings; next != NULL && *next != '\0' && *next != '\n';) {
		size_t setting = strcspn(next, ",\n");
		if (setting > length + 1 && strncmp(next, key, length) == 0 && next[length] == '=' &&
		    next[length + 1] >= '0' && next[length + 1] <= '9') {
			unsigned long value = strtoul(next + length + 1, NULL, 10);
			*value_ret = value > INT32_MAX ? INT32_MAX : (uint32_t)value;
			found = true;
		}
		next += setting;
		next += *next == ',' ? 1 : 0;
	}
	return found;
}

const char *gsd_godebug_built_in(const char *modinfo)
{
	static const char key[] = "DefaultGODEBUG=";
	const char *found = modinfo == NULL ? NULL : strstr(modinfo, key);
	return found == NULL ? NULL : found + sizeof key - 1;
}
