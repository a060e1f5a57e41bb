/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/still_stacks.h"

#include <stdlib.h>

#include "base/error.h"

#define ALL_BYTES ((size_t)8 << 20) /* of stacks at a time; a larger one is read while it is walked */

struct gsd_still_stacks {
	struct gsd_analyst *analyst;
	struct gsd_memory *memory;
	struct gsd_sights sights;
	size_t header_size;
	uint8_t *bytes;                  /* ALL_BYTES */
	struct gsd_stack_stream *stream; /* for a stack that does not fit in there */
	struct gsd_copied_goroutine *copies;
	struct gsd_range *ranges;
};

struct gsd_error *gsd_still_stacks_create(struct gsd_analyst *analyst, struct gsd_memory *memory,
					  const struct gsd_layout *layout, size_t capacity,
					  struct gsd_still_stacks **stacks_ret)
{
	struct gsd_still_stacks *stacks = malloc(sizeof *stacks);
	if (stacks == NULL)
		return gsd_error_no_memory();
	*stacks = (struct gsd_still_stacks){.analyst = analyst,
					    .memory = memory,
					    .sights = gsd_sights_of(layout),
					    .header_size = gsd_layout_g_bytes(layout),
					    .bytes = malloc(ALL_BYTES),
					    .stream = gsd_stack_stream_create(memory),
					    .copies = calloc(capacity, sizeof *stacks->copies),
					    .ranges = calloc(capacity, sizeof *stacks->ranges)};
	if (stacks->bytes == NULL || stacks->stream == NULL || stacks->copies == NULL || stacks->ranges == NULL) {
		gsd_still_stacks_destroy(stacks);
		return gsd_error_no_memory();
	}
	*stacks_ret = stacks;
	return NULL;
}

void gsd_still_stacks_destroy(struct gsd_still_stacks *stacks)
{
	if (stacks == NULL)
		return;
	free(stacks->bytes);
	gsd_stack_stream_destroy(stacks->stream);
	free(stacks->copies);
	free(stacks->ranges);
	free(stacks);
}

/* Whether there is a stack to read. */
static enum gsd_stack_outcome outcome_of(const struct gsd_sight *sight)
{
	if (sight->low >= sight->high || sight->sp <= sight->low || sight->sp > sight->high)
		return GSD_STACK_BAD;
	return sight->high - sight->sp > GSD_MAX_STACK_BYTES ? GSD_STACK_TOO_LARGE : GSD_STACK_READ;
}

size_t gsd_still_stacks_plan(struct gsd_still_stacks *stacks, const struct gsd_sight *sights, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const struct gsd_sight *sight = &sights[i];
		struct gsd_copied_goroutine *copy = &stacks->copies[i];
		*copy = (struct gsd_copied_goroutine){0};
		stacks->ranges[i] = (struct gsd_range){0};
		if (!sight->settleable || sight->dead)
			continue;
		copy->outcome = outcome_of(sight);
		if (copy->outcome != GSD_STACK_READ)
			continue;
		copy->stack = (struct gsd_stack_view){.start = sight->sp, .length = (size_t)(sight->high - sight->sp)};
		if (copy->stack.length > ALL_BYTES) {
			copy->stack.stream = stacks->stream;
			continue;
		}
		if (bytes + copy->stack.length > ALL_BYTES)
			return i;
		stacks->ranges[i] = (struct gsd_range){.address = sight->sp, .length = copy->stack.length};
		bytes += copy->stack.length;
	}
	return count;
}

void gsd_still_stacks_read(struct gsd_still_stacks *stacks, size_t count)
{
	uint8_t *buffer = stacks->bytes;
	for (size_t i = 0; i < count; i++) {
		stacks->ranges[i].buffer = buffer;
		stacks->copies[i].stack.bytes = buffer;
		buffer += stacks->ranges[i].length;
	}
	gsd_memory_read_ranges(stacks->memory, stacks->ranges, count);
	for (size_t i = 0; i < count; i++) {
		struct gsd_copied_goroutine *copy = &stacks->copies[i];
		if (copy->outcome == GSD_STACK_READ && copy->stack.stream == NULL && stacks->ranges[i].errnum != 0)
			copy->outcome = GSD_STACK_UNMAPPED;
	}
}

static struct gsd_error *make_goroutine(struct gsd_still_stacks *stacks, struct gsd_copied_goroutine *copy,
					const uint8_t *header, struct gsd_goroutine *goroutine_ret)
{
	static const struct gsd_threads no_threads = {0};
	const struct gsd_around around = {.threads = &no_threads};
	bool there;
	copy->g = header;
	GSD_TRY(gsd_analyst_goroutine(stacks->analyst, copy, &around, goroutine_ret, &there));
	goroutine_ret->scan = false; /* whether it was being scanned at the stop is not known */
	return NULL;
}

/* Reads the header at @p address again; whether it still says what @p sight does. */
static bool still_says(struct gsd_still_stacks *stacks, uint64_t address, const struct gsd_sight *sight,
		       uint8_t *header)
{
	struct gsd_range range = {.address = address, .length = stacks->header_size, .buffer = header};
	gsd_memory_read_ranges(stacks->memory, &range, 1);
	if (range.errnum != 0)
		return false;
	struct gsd_sight now = gsd_sight_of(&stacks->sights, header);
	return gsd_sight_equal(sight, &now);
}

/* Walks a stack that is too large to be copied, with two readings of the header around that. */
static struct gsd_error *walk_streamed(struct gsd_still_stacks *stacks, struct gsd_copied_goroutine *copy,
				       const uint8_t *header, struct gsd_goroutine *goroutine_ret, bool *same_ret)
{
	struct gsd_sight sight = gsd_sight_of(&stacks->sights, header);
	uint8_t *again = malloc(stacks->header_size);
	if (again == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	copy->stack = gsd_stack_stream_view(stacks->stream, copy->stack.start, copy->stack.length);
	*same_ret = still_says(stacks, copy->address, &sight, again);
	if (*same_ret) {
		error = make_goroutine(stacks, copy, again, goroutine_ret);
		*same_ret = error == NULL && still_says(stacks, copy->address, &sight, again);
	}
	free(again);
	return error;
}

struct gsd_error *gsd_still_stacks_walk(struct gsd_still_stacks *stacks, size_t i, uint64_t address,
					const uint8_t *header, struct gsd_goroutine *goroutine_ret, bool *same_ret)
{
	struct gsd_copied_goroutine *copy = &stacks->copies[i];
	copy->address = address;
	if (copy->stack.stream != NULL)
		return walk_streamed(stacks, copy, header, goroutine_ret, same_ret);
	*same_ret = true;
	return make_goroutine(stacks, copy, header, goroutine_ret);
}
