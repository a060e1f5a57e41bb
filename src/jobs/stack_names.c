/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/stack_names.h"

#include <stdlib.h>
#include <string.h>

/* What makes two frames the same; no padding. */
struct frame_key {
	uint64_t function;
	int64_t line;
};

static bool grow(uint32_t **items, size_t *capacity, size_t needed)
{
	if (needed < *capacity)
		return true;
	size_t more = *capacity == 0 ? 64 : 2 * *capacity;
	uint32_t *grown = reallocarray(*items, more, sizeof *grown);
	if (grown == NULL)
		return false;
	*items = grown;
	*capacity = more;
	return true;
}

bool stack_names_frame(struct stack_names *names, const struct stack_frame *frame, uint32_t *number_ret)
{
	uint32_t function, file;
	uint32_t before = names->frames.count;
	if (!interner_add(&names->strings, frame->function, strlen(frame->function), &function) ||
	    !interner_add(&names->strings, frame->file, strlen(frame->file), &file) ||
	    !grow(&names->files, &names->file_capacity, before))
		return false;
	const struct frame_key key = {.function = function, .line = frame->line};
	if (!interner_add(&names->frames, &key, sizeof key, number_ret))
		return false;
	if (*number_ret == before || *stack_names_string(names, names->files[*number_ret]) == '\0')
		names->files[*number_ret] = file;
	return true;
}

void stack_names_begin(struct stack_names *names)
{
	names->built = 0;
}

bool stack_names_push(struct stack_names *names, uint32_t frame)
{
	if (names->built == STACK_FRAMES_MAX || !grow(&names->building, &names->building_capacity, names->built))
		return false;
	names->building[names->built++] = frame;
	return true;
}

bool stack_names_end(struct stack_names *names, uint32_t *stack_ret)
{
	return interner_add(&names->stacks, names->building, names->built * sizeof *names->building, stack_ret);
}

size_t stack_names_depth(const struct stack_names *names, uint32_t stack)
{
	size_t length;
	(void)interner_get(&names->stacks, stack, &length);
	return length / sizeof(uint32_t);
}

struct stack_frame stack_names_frame_of(const struct stack_names *names, uint32_t number)
{
	const struct frame_key *key = interner_get(&names->frames, number, NULL);
	return (struct stack_frame){
		.function = stack_names_string(names, (uint32_t)key->function),
		.file = stack_names_string(names, names->files[number]),
		.line = key->line,
	};
}

struct stack_frame stack_names_get(const struct stack_names *names, uint32_t stack, size_t index)
{
	const uint32_t *frames = interner_get(&names->stacks, stack, NULL);
	return stack_names_frame_of(names, frames[index]);
}

const char *stack_names_string(const struct stack_names *names, uint32_t number)
{
	return interner_get(&names->strings, number, NULL);
}

int stack_names_compare(const struct stack_names *names, uint32_t left, uint32_t right)
{
	size_t depths[] = {stack_names_depth(names, left), stack_names_depth(names, right)};
	for (size_t i = 0; i < depths[0] && i < depths[1]; i++) {
		struct stack_frame a = stack_names_get(names, left, i), b = stack_names_get(names, right, i);
		int order = strcmp(a.function, b.function);
		if (order == 0)
			order = (a.line > b.line) - (a.line < b.line);
		if (order != 0)
			return order;
	}
	return (depths[0] > depths[1]) - (depths[0] < depths[1]);
}

void stack_names_free(struct stack_names *names)
{
	interner_free(&names->strings);
	interner_free(&names->frames);
	interner_free(&names->stacks);
	free(names->files);
	free(names->building);
	*names = (struct stack_names){0};
}
