/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/values.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gostackdump.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool value_number(const char *text, uint64_t low, uint64_t high, uint64_t *number_ret)
{
	uint64_t number = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!is_digit(*text) || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return false;
	}
	if (number < low || number > high)
		return false;
	*number_ret = number;
	return true;
}

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	/* time.ParseDuration takes both the micro sign and the Greek mu. */
	{"ns", 1},       {"us", 1000},      {"\u00b5s", 1000},  {"\u03bcs", 1000},
	{"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
};

static const struct unit *find_unit(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0)
			return &units[i];
	return NULL;
}

/* Reads "3.5s" off @p text and adds it to @p total. Returns what follows, or NULL. */
static const char *take_part(const char *text, uint64_t *total)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	const char *start = text;
	for (; is_digit(*text); text++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return NULL;
	size_t digits = (size_t)(text - start);
	if (*text == '.') {
		for (text++; is_digit(*text); text++, digits++) {
			if (scale < 100000000) { /* finer than a nanosecond of an hour is noise */
				fraction = fraction * 10 + (uint64_t)(*text - '0');
				scale *= 10;
			}
		}
	}
	if (digits == 0)
		return NULL;
	size_t length = strcspn(text, ".0123456789");
	const struct unit *unit = find_unit(text, length);
	uint64_t ns;
	if (unit == NULL || __builtin_mul_overflow(whole, unit->ns, &ns))
		return NULL;
	uint64_t rest = (uint64_t)((double)fraction * ((double)unit->ns / (double)scale));
	if (__builtin_add_overflow(ns, rest, &ns) || __builtin_add_overflow(*total, ns, total))
		return NULL;
	return text + length;
}

bool value_duration(const char *text, uint64_t *ns_ret)
{
	uint64_t total = 0;
	do
		text = take_part(text, &total);
	while (text != NULL && *text != '\0');
	if (text == NULL || total == 0 || total > INT64_MAX)
		return false;
	*ns_ret = total;
	return true;
}

bool value_size(const char *text, uint64_t *bytes_ret)
{
	static const char letters[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	char number[24];
	uint64_t bytes;
	if (digits >= sizeof number)
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	const char *unit = text + digits;
	const char *letter = *unit != '\0' ? strchr(letters, *unit) : NULL;
	if (!value_number(number, 1, UINT64_MAX, &bytes))
		return false;
	if (letter != NULL && (unit[1] == '\0' || strcmp(unit + 1, "iB") == 0)) {
		uint64_t scale = UINT64_C(1) << (10 * (letter - letters + 1));
		if (__builtin_mul_overflow(bytes, scale, &bytes))
			return false;
	} else if (*unit != '\0') {
		return false;
	}
	*bytes_ret = bytes;
	return true;
}

struct source_name {
	const char *name;
	unsigned bit;
};

static const struct source_name allgs_names[] = {{"symbol", GSD_ALLGS_SYMBOL},
						 {"code", GSD_ALLGS_CODE},
						 {"dwarf", GSD_ALLGS_DWARF},
						 {"scan", GSD_ALLGS_SCAN},
						 {NULL, 0}};
static const struct source_name layout_names[] = {{"types", GSD_LAYOUT_TYPES}, {"dwarf", GSD_LAYOUT_DWARF}, {NULL, 0}};

/* "symbol+code" up to a comma or the end. */
static const char *take_set(const char *text, const struct source_name *names, unsigned *set)
{
	for (;;) {
		size_t length = strcspn(text, "+,");
		const struct source_name *name = names;
		while (name->name != NULL && (strlen(name->name) != length || memcmp(name->name, text, length) != 0))
			name++;
		if (name->name == NULL)
			return NULL;
		*set |= name->bit;
		text += length;
		if (*text != '+')
			return text;
		text++;
	}
}

bool value_sources(const char *text, unsigned *allgs_ret, unsigned *layout_ret)
{
	unsigned allgs = 0, layout = 0;
	while (text != NULL && *text != '\0') {
		if (strncmp(text, "allgs=", 6) == 0)
			text = take_set(text + 6, allgs_names, &allgs);
		else if (strncmp(text, "layout=", 7) == 0)
			text = take_set(text + 7, layout_names, &layout);
		else
			text = NULL;
		if (text != NULL && *text == ',')
			text++;
	}
	if (text == NULL)
		return false;
	*allgs_ret = allgs;
	*layout_ret = layout;
	return true;
}

void duration_format(uint64_t ns, char *text, size_t size)
{
	uint64_t seconds = ns / UINT64_C(1000000000);
	if (seconds >= 86400)
		snprintf(text, size, "%" PRIu64 "d%" PRIu64 "h", seconds / 86400, seconds / 3600 % 24);
	else if (seconds >= 3600)
		snprintf(text, size, "%" PRIu64 "h%" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		snprintf(text, size, "%" PRIu64 "m%" PRIu64 "s", seconds / 60, seconds % 60);
	else
		snprintf(text, size, "%" PRIu64 "s", seconds);
}

bool value_signal(const char *text, int *signal_ret)
{
	uint64_t number;
	if (value_number(text, 1, 31, &number)) {
		*signal_ret = (int)number;
		return true;
	}
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);
		if (name != NULL && strcmp(name, text) == 0) {
			*signal_ret = i;
			return true;
		}
	}
	return false;
}
