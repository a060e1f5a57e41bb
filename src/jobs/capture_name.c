/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/capture_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STAMP_LENGTH (sizeof "20250131T120000.123456Z" - 1)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_stamp(const char *name)
{
	static const char pattern[] = "ddddddddTdddddd.ddddddZ.";
	for (size_t i = 0; pattern[i] != '\0'; i++)
		if (pattern[i] == 'd' ? !is_digit(name[i]) : name[i] != pattern[i])
			return false;
	return true;
}

/* Skips ".digits"; 0 when there are none. */
static size_t dotted_number(const char *text)
{
	size_t length = *text == '.' ? 1 : 0;
	while (length > 0 && is_digit(text[length]))
		length++;
	return length > 1 ? length : 0;
}

static uint64_t stamp_ns(const char *name)
{
	struct tm tm = {0};
	const char *end = strptime(name, "%Y%m%dT%H%M%S", &tm);
	time_t seconds = end != NULL ? timegm(&tm) : -1;
	if (seconds < 0)
		return 0;
	return (uint64_t)seconds * UINT64_C(1000000000) + strtoull(end + 1, NULL, 10) * 1000;
}

bool capture_name_parse(const char *name, struct capture_name *parts_ret)
{
	struct capture_name parts = {.comm = STAMP_LENGTH + 1};
	if (!is_stamp(name))
		return false;
	parts.comm_length = strcspn(name + parts.comm, ".");
	parts.key = parts.comm + parts.comm_length;
	size_t pid = dotted_number(name + parts.key);
	if (parts.comm_length == 0 || pid == 0)
		return false;
	errno = 0;
	parts.pid = strtoull(name + parts.key + 1, NULL, 10);
	if (errno != 0)
		parts.pid = 0;
	parts.key += pid;
	parts.key += dotted_number(name + parts.key);
	parts.time_ns = stamp_ns(name);
	*parts_ret = parts;
	return true;
}
