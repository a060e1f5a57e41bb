/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/reread.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/hash.h"

#define BATCH       16
#define BATCH_BYTES ((size_t)1 << 20) /* of stacks; a larger one makes a batch for itself */
#define READINGS    3                 /* of each header */

/* How many are read together in each attempt: fewer make the time between two headers shorter. */
static const size_t attempts[] = {BATCH, BATCH, 4, 1, 1, 1, 1, 1};

/* What a header must not change of while the stack is read. */
struct view {
	struct gsd_sight sight;
	uint64_t m, syscall_sp, syscall_pc, syscall_bp;
	bool scanned; /* the garbage collector holds it */
	bool read;
};

struct item {
	size_t entry;
	struct view views[READINGS];
	const uint8_t *headers[READINGS];
	enum gsd_stack_outcome outcome;
	uint64_t start;
	size_t length;
	uint64_t hash; /* of the stack's first reading */
	bool same;     /* the second one was the same */
	const uint8_t *m;
};

struct batch {
	const struct gsd_reread *how;
	struct gsd_survey_table *table;
	struct item items[BATCH];
	size_t count;
	uint8_t *header_bytes; /* READINGS * BATCH */
	uint8_t *m_bytes;      /* BATCH */
	size_t m_size;
	uint8_t *stack_bytes;
	size_t stack_capacity;
	struct gsd_range ranges[2 * BATCH];
	bool last; /* it is not tried again */
};

/* ---- headers ---- */

static struct view view_of(const struct gsd_reread *how, const uint8_t *g)
{
	const struct gsd_layout *layout = how->layout;
	return (struct view){.sight = gsd_sight_of(how->sights, g),
			     .m = gsd_layout_word(g, layout->m),
			     .syscall_sp = gsd_layout_word(g, layout->syscallsp),
			     .syscall_pc = gsd_layout_word(g, layout->syscallpc),
			     .syscall_bp = gsd_layout_word(g, layout->syscallbp),
			     .scanned = (gsd_layout_word(g, layout->atomicstatus) & GSD_STATUS_SCAN_BIT) != 0,
			     .read = true};
}

static void read_headers(struct batch *batch, size_t reading)
{
	size_t size = batch->table->header_size;
	for (size_t i = 0; i < batch->count; i++) {
		uint8_t *bytes = batch->header_bytes + (reading * BATCH + i) * size;
		batch->items[i].headers[reading] = bytes;
		batch->ranges[i] = (struct gsd_range){
			.address = batch->table->addresses[batch->items[i].entry], .length = size, .buffer = bytes};
	}
	gsd_memory_read_ranges(batch->how->memory, batch->ranges, batch->count);
	for (size_t i = 0; i < batch->count; i++)
		batch->items[i].views[reading] = batch->ranges[i].errnum == 0
							 ? view_of(batch->how, batch->items[i].headers[reading])
							 : (struct view){0};
}

static bool same_view(const struct view *left, const struct view *right)
{
	return left->read && right->read && gsd_sight_equal(&left->sight, &right->sight) && left->m == right->m &&
	       left->syscall_sp == right->syscall_sp && left->syscall_pc == right->syscall_pc &&
	       left->syscall_bp == right->syscall_bp;
}

/* Around a collection one says that it waits while it runs (runtime/proc.go, casGToWaitingForSuspendG). */
static bool runs(const struct view *view)
{
	unsigned status = view->sight.validator.status;
	return status == GSD_STATUS_RUNNING || (status == GSD_STATUS_WAITING && view->m != 0);
}

/* ---- stacks ---- */

/* Where its stack is by its first header. */
static void place_stack(struct item *item)
{
	const struct view *view = &item->views[0];
	uint64_t sp = view->syscall_sp != 0 ? view->syscall_sp : view->sight.sp;
	item->start = sp;
	item->length = 0;
	item->outcome = GSD_STACK_NONE;
	if (!view->read || view->sight.dead || runs(view))
		return;
	item->outcome = GSD_STACK_BAD;
	if (view->sight.low >= view->sight.high || sp <= view->sight.low || sp > view->sight.high)
		return;
	item->outcome = GSD_STACK_TOO_LARGE;
	if (view->sight.high - sp > GSD_MAX_STACK_BYTES)
		return;
	item->outcome = GSD_STACK_READ;
	item->length = (size_t)(view->sight.high - sp);
}

/* Makes room for the stacks of as many items as fit, at least one; the batch has no more then. */
static struct gsd_error *place_stacks(struct batch *batch)
{
	size_t bytes = 0;
	size_t count = 0;
	for (; count < batch->count; count++) {
		place_stack(&batch->items[count]);
		if (count > 0 && bytes + batch->items[count].length > BATCH_BYTES)
			break;
		bytes += batch->items[count].length;
	}
	batch->count = count;
	if (bytes <= batch->stack_capacity)
		return NULL;
	free(batch->stack_bytes);
	batch->stack_capacity = 0;
	batch->stack_bytes = malloc(bytes);
	if (batch->stack_bytes == NULL)
		return gsd_error_no_memory();
	batch->stack_capacity = bytes;
	return NULL;
}

/* Reads the stacks, and the Ms beside them. */
static void read_stacks(struct batch *batch)
{
	uint8_t *stack = batch->stack_bytes;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		uint64_t m = item->views[0].m;
		batch->ranges[i] = (struct gsd_range){.address = item->start, .length = item->length, .buffer = stack};
		batch->ranges[batch->count + i] = (struct gsd_range){.address = m,
								     .length = m == 0 ? 0 : batch->m_size,
								     .buffer = batch->m_bytes + i * batch->m_size};
		stack += item->length;
	}
	gsd_memory_read_ranges(batch->how->memory, batch->ranges, 2 * batch->count);
}

/* What the first reading gave, or whether the second one gave the same. */
static void note_stacks(struct batch *batch, bool first)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const struct gsd_range *range = &batch->ranges[i];
		const struct gsd_range *m = &batch->ranges[batch->count + i];
		uint64_t hash = range->errnum == 0 ? gsd_hash_bytes(range->buffer, range->length, 0) : 0;
		item->same = !first && hash == item->hash;
		item->hash = hash;
		if (!first && item->outcome == GSD_STACK_READ && range->errnum != 0)
			item->outcome = GSD_STACK_UNMAPPED;
		item->m = m->length != 0 && m->errnum == 0 ? m->buffer : NULL;
	}
}

/* ---- what it comes to ---- */

/* Which header counts; NULL: none does, it had gone on. */
static const uint8_t *header_that_counts(struct item *item)
{
	const struct view *views = item->views;
	if (runs(&views[0]) && runs(&views[1]) && views[0].sight.validator.goid == views[1].sight.validator.goid) {
		item->outcome = GSD_STACK_IN_USE;
		return item->headers[1];
	}
	if (!same_view(&views[0], &views[1]) || !same_view(&views[1], &views[2]) || !item->same)
		return NULL;
	/* While the collector holds a goroutine, its frame pointers may be those of another place. */
	for (size_t i = 0; i < READINGS; i++)
		if (views[i].scanned)
			return item->headers[i];
	return item->headers[2];
}

/* Makes a goroutine of what counts. */
static struct gsd_error *take(struct batch *batch, size_t i, const uint8_t *header)
{
	const struct item *item = &batch->items[i];
	struct gsd_survey_slot *slot = &batch->table->slots[item->entry];
	struct gsd_goroutine goroutine;
	bool there;
	struct gsd_copied_goroutine copy = {.address = batch->table->addresses[item->entry],
					    .g = header,
					    .outcome = item->outcome,
					    .m_address =
						    header == NULL ? 0 : gsd_layout_word(header, batch->how->layout->m),
					    .stack = {.start = batch->ranges[i].address,
						      .bytes = batch->ranges[i].buffer,
						      .length = batch->ranges[i].length}};
	copy.m = copy.m_address != 0 && copy.m_address == item->views[0].m ? item->m : NULL;
	GSD_TRY(gsd_analyst_goroutine(batch->how->analyst, &copy, batch->how->around, &goroutine, &there));
	slot->outcome = there ? GSD_OUTCOME_THERE : GSD_OUTCOME_NOT_THERE;
	if (!there)
		return NULL;
	goroutine.scan = false; /* it was at some of the readings only, if at all */
	batch->table->goroutines[item->entry] = goroutine;
	return NULL;
}

/* Reads the batch; those that had gone on are put into @p again. */
static struct gsd_error *read_batch(struct batch *batch, size_t *again, size_t *again_count)
{
	read_headers(batch, 0);
	GSD_TRY(place_stacks(batch));
	read_stacks(batch);
	note_stacks(batch, true);
	read_headers(batch, 1);
	read_stacks(batch);
	note_stacks(batch, false);
	struct gsd_range read[BATCH];
	memcpy(read, batch->ranges, batch->count * sizeof *read);
	read_headers(batch, 2);
	memcpy(batch->ranges, read, batch->count * sizeof *read);
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const uint8_t *header = header_that_counts(item);
		bool unreadable = !item->views[0].read && !item->views[2].read;
		if (header == NULL && !unreadable && !batch->last) {
			again[(*again_count)++] = item->entry;
			continue;
		}
		if (header == NULL && !unreadable) {
			item->outcome = GSD_STACK_MOVED;
			header = item->views[2].read ? item->headers[2] : item->headers[0];
		}
		GSD_TRY(take(batch, i, header));
	}
	return NULL;
}

static struct gsd_error *read_all(struct batch *batch, size_t *entries, size_t count)
{
	for (size_t attempt = 0; attempt < GSD_ARRAY_SIZE(attempts) && count > 0; attempt++) {
		size_t again = 0;
		batch->last = attempt + 1 == GSD_ARRAY_SIZE(attempts);
		for (size_t done = 0; done < count; done += batch->count) {
			size_t left = count - done;
			batch->count = left < attempts[attempt] ? left : attempts[attempt];
			for (size_t i = 0; i < batch->count; i++)
				batch->items[i] = (struct item){.entry = entries[done + i]};
			/* What goes on is written where it was read before: it is never more. */
			GSD_TRY(read_batch(batch, entries, &again));
		}
		count = again;
	}
	return NULL;
}

static struct gsd_error *reread(const struct gsd_reread *how, struct gsd_survey_table *table, size_t *entries,
				size_t count)
{
	struct batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return gsd_error_no_memory();
	batch->how = how;
	batch->table = table;
	batch->m_size = gsd_layout_m_bytes(how->layout);
	batch->stack_bytes = malloc(BATCH_BYTES);
	batch->stack_capacity = BATCH_BYTES;
	batch->header_bytes = calloc((size_t)READINGS * BATCH, table->header_size);
	batch->m_bytes = calloc(BATCH, batch->m_size);
	struct gsd_error *error = NULL;
	if (batch->stack_bytes == NULL || batch->header_bytes == NULL || batch->m_bytes == NULL)
		error = gsd_error_no_memory();
	else
		error = read_all(batch, entries, count);
	free(batch->header_bytes);
	free(batch->m_bytes);
	free(batch->stack_bytes);
	free(batch);
	return error;
}

/* ---- a moment that is given up ---- */

void gsd_reread_conclude_looks(struct gsd_survey_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct gsd_survey_slot *slot = &table->slots[i];
		slot->outcome = slot->state != GSD_SLOT_STILL ? GSD_OUTCOME_AMBIGUOUS
				: slot->dead                  ? GSD_OUTCOME_NOT_THERE
							      : GSD_OUTCOME_THERE;
	}
}

/* One that was alive in a look, may have been so in the moment, and had ended before it was read: as far as known. */
static struct gsd_error *keep_ended(const struct gsd_reread *how, struct gsd_survey_table *table, size_t index)
{
	struct gsd_survey_slot *slot = &table->slots[index];
	struct gsd_goroutine *goroutine = &table->goroutines[index];
	const struct gsd_copied_goroutine unread = {.address = table->addresses[index], .outcome = GSD_STACK_MOVED};
	bool there;
	if (slot->dead)
		return NULL;
	slot->outcome = GSD_OUTCOME_THERE;
	if (goroutine->address != 0)
		return NULL; /* where an earlier look found it */
	GSD_TRY(gsd_analyst_goroutine(how->analyst, &unread, how->around, goroutine, &there));
	goroutine->goid = slot->validator.goid;
	goroutine->status = slot->validator.status;
	return NULL;
}

/* Marks what was not settled. */
static struct gsd_error *mark_all(const struct gsd_reread *how, struct gsd_survey_table *table, size_t *marked_ret)
{
	for (size_t i = 0; i < table->count; i++) {
		struct gsd_survey_slot *slot = &table->slots[i];
		if (!slot->unsettled)
			continue;
		if (slot->outcome == GSD_OUTCOME_NOT_THERE)
			GSD_TRY(keep_ended(how, table, i));
		table->goroutines[i].ambiguous = true;
		*marked_ret += slot->outcome == GSD_OUTCOME_THERE ? 1 : 0;
	}
	return NULL;
}

struct gsd_error *gsd_reread_unsettled(const struct gsd_reread *how, struct gsd_survey_table *table, bool mark,
				       size_t *marked_ret)
{
	size_t count = 0;
	size_t *entries = reallocarray(NULL, table->count + 1, sizeof *entries);
	if (entries == NULL)
		return gsd_error_no_memory();
	for (size_t i = 0; i < table->count; i++) {
		table->slots[i].unsettled = table->slots[i].outcome == GSD_OUTCOME_AMBIGUOUS;
		if (table->slots[i].unsettled)
			entries[count++] = i;
	}
	struct gsd_error *error = reread(how, table, entries, count);
	free(entries);
	*marked_ret = 0;
	return error == NULL && mark ? mark_all(how, table, marked_ret) : error;
}
