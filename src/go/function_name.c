/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/function_name.h"

#include <string.h>

/* ---- type arguments ---- */

/* Where a generic method of a generic type (Go 1.27) has the brackets of its type and its own: "a[X].m[Y]". */
struct brackets {
	size_t close; /* of the type's */
	size_t open;  /* of its own */
	bool two;
	bool malformed;
};

/* Looks at what is between the first '[' and the last ']' of a name. */
static struct brackets find_brackets(const char *inside, size_t length)
{
	struct brackets found = {0};
	bool closed = false;
	int depth = 1;
	for (size_t i = 0; i < length && depth >= 0; i++) {
		if (inside[i] == '[' && ++depth == 1) {
			found.open = i;
			found.two = closed;
			found.malformed = !closed;
			return found;
		}
		if (inside[i] == ']' && --depth == 0) {
			found.close = i;
			closed = true;
		}
	}
	found.malformed = depth != 1 || closed;
	return found;
}

static const char *shortened(const char *name, size_t open, size_t close, const struct brackets *brackets,
			     struct gsd_arena *arena)
{
	static const char dots[] = "[...]";
	size_t dots_length = sizeof dots - 1;
	size_t between = brackets->two ? brackets->open - brackets->close - 1 : 0;
	size_t rest = strlen(name + close + 1);
	char *text = gsd_arena_allocate(arena, open + 2 * dots_length + between + rest + 1);
	if (text == NULL)
		return NULL;
	char *next = mempcpy(text, name, open);
	next = mempcpy(next, dots, dots_length);
	if (brackets->two) {
		next = mempcpy(next, name + open + 1 + brackets->close + 1, between);
		next = mempcpy(next, dots, dots_length);
	}
	memcpy(next, name + close + 1, rest + 1);
	return text;
}

const char *gsd_function_name_for_print(const char *name, unsigned go_minor, struct gsd_arena *arena)
{
	const char *first = strchr(name, '[');
	const char *last = strrchr(name, ']');
	if (go_minor <= 20 || first == NULL || last == NULL || last <= first)
		return name;
	size_t inside = (size_t)(last - first) - 1;
	struct brackets brackets = {0};
	if (go_minor >= 27 && memchr(first + 1, '[', inside) != NULL)
		brackets = find_brackets(first + 1, inside);
	if (brackets.malformed)
		return name;
	return shortened(name, (size_t)(first - name), (size_t)(last - name), &brackets, arena);
}

/* ---- the runtime's own ---- */

static bool is_capital(char letter)
{
	return letter >= 'A' && letter <= 'Z';
}

/* Of a name without "runtime.": up to Go 1.22 methods count as not exported. */
static bool is_exported(const char *name, unsigned go_minor)
{
	if (go_minor <= 22)
		return is_capital(name[0]);
	const char *dot = strrchr(name, '.');
	if (dot == NULL)
		return is_capital(name[0]);
	size_t receiver = (size_t)(dot - name);
	bool pointer = receiver >= 3 && name[0] == '(' && name[1] == '*' && dot[-1] == ')';
	const char *type = pointer ? name + 2 : name;
	return is_capital(dot[1]) && (receiver == 0 || is_capital(*type));
}

bool gsd_function_is_hidden(const char *name, unsigned go_minor)
{
	static const char prefix[] = "runtime.";
	if (strchr(name, '.') == NULL)
		return true;
	return strncmp(name, prefix, sizeof prefix - 1) == 0 && !is_exported(name + sizeof prefix - 1, go_minor);
}
