/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/holders.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* What is looked at of a goroutine. */
struct holder {
	uint64_t goid;
	uint64_t pointer;
};

struct confirmation {
	struct gsd_memory *memory;
	const struct gsd_layout *layout;
	const struct gsd_held *held;
	struct holder *holders;
	struct gsd_range *ranges; /* two of each holder */
	const struct gsd_goroutine **asked;
	size_t asked_count;
	bool *confirmed;
	bool *asked_for;
};

static uint32_t index_of(const struct gsd_held *held, const struct gsd_goroutine *goroutine)
{
	uint32_t index;
	memcpy(&index, (const char *)goroutine + held->index_member, sizeof index);
	return index;
}

static void ask(struct confirmation *confirmation, const struct gsd_goroutine *goroutine)
{
	size_t i = confirmation->asked_count++;
	struct holder *holder = &confirmation->holders[i];
	confirmation->asked[i] = goroutine;
	confirmation->ranges[2 * i] = (struct gsd_range){
		.address = goroutine->address + confirmation->layout->goid, .length = 8, .buffer = &holder->goid};
	confirmation->ranges[2 * i + 1] = (struct gsd_range){
		.address = goroutine->address + confirmation->held->g_offset, .length = 8, .buffer = &holder->pointer};
}

static void take_answers(struct confirmation *confirmation)
{
	const struct gsd_held *held = confirmation->held;
	gsd_memory_read_ranges(confirmation->memory, confirmation->ranges, 2 * confirmation->asked_count);
	for (size_t i = 0; i < confirmation->asked_count; i++) {
		const struct gsd_goroutine *goroutine = confirmation->asked[i];
		const struct holder *holder = &confirmation->holders[i];
		uint32_t index = index_of(held, goroutine);
		if (confirmation->ranges[2 * i].errnum == 0 && confirmation->ranges[2 * i + 1].errnum == 0 &&
		    holder->goid == goroutine->goid && holder->pointer == held->pointers[index])
			confirmation->confirmed[index] = true;
	}
	confirmation->asked_count = 0;
}

/* First one goroutine of each pointer: one that many share is asked for once. Then all of those that are left. */
static void ask_holders(struct confirmation *confirmation, const struct gsd_goroutine *goroutines, size_t count)
{
	const struct gsd_held *held = confirmation->held;
	for (size_t i = 0; i < count; i++) {
		uint32_t index = index_of(held, &goroutines[i]);
		if (index == held->no_index || confirmation->asked_for[index])
			continue;
		confirmation->asked_for[index] = true;
		ask(confirmation, &goroutines[i]);
	}
	take_answers(confirmation);
	for (size_t i = 0; i < count; i++) {
		uint32_t index = index_of(held, &goroutines[i]);
		if (index != held->no_index && !confirmation->confirmed[index])
			ask(confirmation, &goroutines[i]);
	}
	take_answers(confirmation);
}

struct gsd_error *gsd_holders_confirm(struct gsd_memory *memory, const struct gsd_layout *layout,
				      const struct gsd_held *held, const struct gsd_goroutine *goroutines,
				      size_t goroutine_count, bool *readable)
{
	if (held->count == 0)
		return NULL;
	struct confirmation confirmation = {.memory = memory, .layout = layout, .held = held};
	confirmation.holders = reallocarray(NULL, goroutine_count + 1, sizeof *confirmation.holders);
	confirmation.ranges = reallocarray(NULL, goroutine_count + 1, 2 * sizeof *confirmation.ranges);
	confirmation.asked =
		(const struct gsd_goroutine **)reallocarray(NULL, goroutine_count + 1, sizeof *confirmation.asked);
	confirmation.confirmed = calloc(held->count, sizeof *confirmation.confirmed);
	confirmation.asked_for = calloc(held->count, sizeof *confirmation.asked_for);
	struct gsd_error *error = NULL;
	if (confirmation.holders == NULL || confirmation.ranges == NULL || confirmation.asked == NULL ||
	    confirmation.confirmed == NULL || confirmation.asked_for == NULL) {
		error = gsd_error_no_memory();
	} else {
		ask_holders(&confirmation, goroutines, goroutine_count);
		for (size_t i = 0; i < held->count; i++)
			readable[i] = readable[i] && confirmation.confirmed[i];
	}
	free(confirmation.holders);
	free(confirmation.ranges);
	free((void *)confirmation.asked);
	free(confirmation.confirmed);
	free(confirmation.asked_for);
	return error;
}
