/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/condition.h"

#include <string.h>

/* A decimal number; what follows it is in @p end_ret. */
static bool read_number(const char *text, uint64_t *number_ret, const char **end_ret)
{
	uint64_t number = 0;
	const char *digit = text;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*digit - '0'), &number))
			return false;
	*number_ret = number;
	*end_ret = digit;
	return digit != text;
}

static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

bool condition_parse(const char *text, bool (*duration)(const char *text, uint64_t *ns_ret),
		     struct condition *condition_ret)
{
	struct condition condition = {.text = text};
	const char *value;
	const char *end = "";
	bool good = false;
	if ((value = after(text, "goroutines>")) != NULL) {
		condition.kind = CONDITION_GOROUTINES;
		good = read_number(value, &condition.limit, &end) && *end == '\0';
	} else if ((value = after(text, "growth>")) != NULL) {
		good = read_number(value, &condition.limit, &end);
		condition.kind = good && strcmp(end, "%") == 0 ? CONDITION_GROWTH_PERCENT : CONDITION_GROWTH;
		good = good && (condition.kind == CONDITION_GROWTH_PERCENT || *end == '\0');
	} else if ((value = after(text, "group>")) != NULL) {
		condition.kind = CONDITION_GROUP;
		good = read_number(value, &condition.limit, &end) && *end == '\0';
	} else if ((value = after(text, "age>")) != NULL) {
		condition.kind = CONDITION_AGE;
		good = duration(value, &condition.limit);
	}
	if (good)
		*condition_ret = condition;
	return good;
}

bool condition_holds(const struct condition *condition, const struct condition_facts *facts)
{
	bool grown = facts->base_known && facts->goroutines > facts->base;
	uint64_t more = grown ? facts->goroutines - facts->base : 0;
	switch (condition->kind) {
	case CONDITION_GOROUTINES: return facts->goroutines > condition->limit;
	case CONDITION_GROWTH: return more > condition->limit;
	case CONDITION_GROWTH_PERCENT:
		return grown && (double)more * 100 > (double)condition->limit * (double)facts->base;
	case CONDITION_GROUP: return facts->group_growth > condition->limit;
	case CONDITION_AGE: return facts->wait_known && facts->longest_wait_ns > condition->limit;
	}
	return false;
}
