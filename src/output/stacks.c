/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack of every goroutine, as runtime.Stack writes it and runtime/pprof for debug=2 (runtime/traceback.go:
 * goroutineheader, traceback1, traceback2, printArgs, printcreatedby, printAncestorTraceback). Goroutine by goroutine:
 * what is kept meanwhile is one stack.
 */
#include "output/output.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/meter.h"
#include "go/traceback.h"
#include "go/values.h"
#include "output/aggregate.h"
#include "output/quote.h"
#include "output/writer.h"

#define NS_PER_MINUTE UINT64_C(60000000000)

/* A frame that is printed; `frame` NULL: what the place is, is not Go code. */
struct shown {
	const struct gsd_traceback_place *place;
	const struct gsd_traceback_frame *frame;
	size_t values; /* where those of the place are in the printer's */
	bool has_values;
};
GSD_DEFINE_ARRAY(shown_array, struct shown)

/* A function by a pc that the runtime keeps. */
struct origin {
	struct gsd_traceback_frame frame;
	uint64_t offset; /* of the pc in its function */
};
GSD_DEFINE_ARRAY(origin_array, struct origin)

struct printer {
	const struct gsd_snapshot *snapshot;
	const struct gsd_location_source *source;
	struct gsd_traceback_rule rule;
	struct gsd_traceback_list list;
	struct gsd_location_list locations;
	struct gsd_u64_array values;
	struct shown_array shown;
	struct gsd_hash *creator_index; /* pc -> index */
	struct origin_array creators;
	struct gsd_writer out;
};

static void add(struct printer *printer, const char *text)
{
	gsd_writer_add_text(&printer->out, text);
}

/* ---- the header ---- */

/* The runtime's word for a status (gStatusStrings). */
static const char *status_word(const struct printer *printer, const struct gsd_goroutine *goroutine)
{
	bool newest = goroutine->status != GSD_STATUS_LEAKED || printer->snapshot->go_minor >= 26;
	const char *name = gsd_status_name(goroutine->status);
	return newest && strcmp(name, "unknown") != 0 ? name : "???";
}

/* waitReason.isIdleInSynctest (runtime/runtime2.go). */
static bool is_idle_in_bubble(const char *reason)
{
	static const char *const idle[] = {
		"chan receive (nil chan)", "chan send (nil chan)",          "select (no cases)",   "sleep",
		"sync.Cond.Wait",          "sync.WaitGroup.Wait (durable)", "coroutine",           "synctest.Run",
		"synctest.Wait",           "chan receive (durable)",        "chan send (durable)", "select (durable)",
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(idle); i++)
		if (strcmp(reason, idle[i]) == 0)
			return true;
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t wanted = strlen(end);
	return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* From Go 1.25 on, where the reason does not say it itself; 1.25 says it of one that does not wait too. */
static bool is_durable(const struct printer *printer, const struct gsd_goroutine *goroutine, const char *status)
{
	unsigned minor = printer->snapshot->go_minor;
	return goroutine->bubble != GSD_NO_BUBBLE && minor >= 25 &&
	       (minor == 25 || goroutine->status == GSD_STATUS_WAITING) &&
	       is_idle_in_bubble(gsd_wait_reason_name(minor, goroutine->wait_reason)) &&
	       !ends_with(status, "(durable)");
}

static uint64_t minutes_waiting(const struct printer *printer, const struct gsd_goroutine *goroutine)
{
	uint64_t wait_ns = 0;
	bool counted = goroutine->status == GSD_STATUS_WAITING || goroutine->status == GSD_STATUS_SYSCALL;
	if (!counted || !gsd_goroutine_wait_ns(printer->snapshot, goroutine, &wait_ns))
		return 0;
	return wait_ns / NS_PER_MINUTE;
}

static void add_label_text(struct printer *printer, const char *bytes, size_t length)
{
	if (printer->snapshot->go_minor >= 27)
		gsd_quote_runtime_if_needed(&printer->out, bytes, length);
	else
		gsd_quote_runtime(&printer->out, bytes, length, printer->snapshot->go_minor);
}

/* Where the program's own tracebacks have labels: inside of the brackets in Go 1.26, behind them from 1.27 on. */
static void print_labels(struct printer *printer, const struct gsd_goroutine *goroutine, bool inside)
{
	const struct gsd_snapshot *snapshot = printer->snapshot;
	if (!snapshot->traceback_labels || inside != (snapshot->go_minor == 26) || goroutine->labels == GSD_NO_LABELS)
		return;
	const struct gsd_label_set *set = &snapshot->label_sets[goroutine->labels];
	if (set->count == 0)
		return;
	add(printer, inside ? " labels:{" : " {");
	for (size_t i = 0; i < set->count; i++) {
		add(printer, i == 0 ? "" : ", ");
		add_label_text(printer, set->labels[i].key, set->labels[i].key_length);
		add(printer, ": ");
		add_label_text(printer, set->labels[i].value, set->labels[i].value_length);
	}
	add(printer, "}");
}

static void print_bubble(struct printer *printer, const struct gsd_goroutine *goroutine)
{
	if (goroutine->bubble == GSD_NO_BUBBLE)
		return;
	add(printer, printer->snapshot->go_minor >= 25 ? ", synctest bubble " : ", synctest group ");
	gsd_writer_add_unsigned(&printer->out, printer->snapshot->bubbles[goroutine->bubble].id);
}

static void print_header(struct printer *printer, const struct gsd_goroutine *goroutine)
{
	const char *reason = gsd_goroutine_wait_reason(printer->snapshot, goroutine);
	const char *status = reason != NULL ? reason : status_word(printer, goroutine);
	uint64_t minutes = minutes_waiting(printer, goroutine);
	add(printer, "goroutine ");
	gsd_writer_add_unsigned(&printer->out, goroutine->goid);
	add(printer, " [");
	add(printer, status);
	add(printer, goroutine->status == GSD_STATUS_LEAKED ? " (leaked)" : "");
	add(printer, goroutine->scan ? " (scan)" : "");
	add(printer, is_durable(printer, goroutine, status) ? " (durable)" : "");
	if (minutes >= 1) {
		add(printer, ", ");
		gsd_writer_add_unsigned(&printer->out, minutes);
		add(printer, " minutes");
	}
	add(printer, goroutine->locked ? ", locked to thread" : "");
	print_bubble(printer, goroutine);
	print_labels(printer, goroutine, true);
	add(printer, "]");
	print_labels(printer, goroutine, false);
	add(printer, ":\n");
}

/* ---- frames ---- */

/* The values of a goroutine's arguments, in order. */
static struct gsd_error *read_values(struct printer *printer, const struct gsd_goroutine *goroutine)
{
	printer->values.count = 0;
	if (goroutine->values == GSD_NO_VALUES)
		return NULL;
	struct gsd_cursor cursor = gsd_values_at(printer->snapshot->values, goroutine->values);
	uint64_t count = gsd_cursor_uvarint(&cursor);
	for (uint64_t i = 0; i < count && !cursor.failed; i++)
		if (!gsd_u64_array_append(&printer->values, gsd_cursor_uvarint(&cursor)))
			return gsd_error_no_memory();
	return NULL;
}

/* Lists the frames that a traceback shows; @p all: those that it hides too. */
static struct gsd_error *list_frames(struct printer *printer, bool all)
{
	const struct gsd_traceback_list *list = &printer->list;
	/* Without outermost frames the rule counts physical ones, hidden or not. */
	size_t end = printer->rule.inner != 0 && printer->rule.outer == 0 && printer->rule.inner < list->count
			     ? printer->rule.inner
			     : list->count;
	uint8_t callee = GSD_SPECIAL_NONE;
	size_t values = 0;
	printer->shown.count = 0;
	for (size_t i = 0; i < end; i++) {
		const struct gsd_traceback_item *item = &list->items[i];
		struct shown shown = {.place = item->place, .values = values, .has_values = item->values};
		if (item->place->entry == 0 && !shown_array_append(&printer->shown, shown))
			return gsd_error_no_memory();
		for (size_t k = 0; k < item->place->frame_count; k++) {
			shown.frame = &item->place->frames[k];
			bool visible = all || gsd_traceback_shows(shown.frame, printer->shown.count == 0, callee);
			callee = shown.frame->special;
			if (visible && !shown_array_append(&printer->shown, shown))
				return gsd_error_no_memory();
		}
		values += item->values ? item->place->value_count : 0;
	}
	return NULL;
}

static bool is_live(const struct gsd_traceback_place *place, uint8_t offset, size_t slot)
{
	return place->live == NULL || offset < place->live_from || slot / 8 >= (place->value_count + 7) / 8 ||
	       (place->live[slot / 8] >> slot % 8 & 1) != 0;
}

static void print_value(struct printer *printer, const struct shown *shown, size_t number)
{
	size_t at = shown->values + number;
	if (shown->has_values && at < printer->values.count)
		gsd_writer_add_hex(&printer->out, printer->values.items[at]);
	else
		add(printer, "_");
}

/* By the recipe of the function (printArgs). */
static void print_arguments(struct printer *printer, const struct shown *shown)
{
	const struct gsd_traceback_place *place = shown->place;
	bool start = true;
	size_t number = 0;
	size_t slot = 0;
	for (const uint8_t *next = place->arguments; next != NULL && *next != GSD_ARGUMENTS_END; next++) {
		if (*next != GSD_ARGUMENTS_CLOSE && !start)
			add(printer, ", ");
		start = *next == GSD_ARGUMENTS_OPEN;
		switch (*next) {
		case GSD_ARGUMENTS_OPEN: add(printer, "{"); break;
		case GSD_ARGUMENTS_CLOSE: add(printer, "}"); break;
		case GSD_ARGUMENTS_MORE: add(printer, "..."); break;
		case GSD_ARGUMENTS_TOO_FAR: add(printer, "_"); break;
		default:
			print_value(printer, shown, number++);
			add(printer, is_live(place, *next, slot) ? "" : "?");
			slot += *next >= place->live_from ? 1 : 0;
			next++; /* its size */
		}
	}
}

static void print_place(struct printer *printer, const char *file, int64_t line, uint64_t offset)
{
	struct gsd_writer *out = &printer->out;
	gsd_writer_add(out, "\t", 1);
	gsd_writer_add_text(out, file);
	gsd_writer_add(out, ":", 1);
	gsd_writer_add_integer(out, line);
	if (offset != 0) {
		gsd_writer_add(out, " +", 2);
		gsd_writer_add_hex(out, offset);
	}
	gsd_writer_add(out, "\n", 1);
}

static const char *printed_name(const struct gsd_traceback_frame *frame)
{
	return strcmp(frame->function, "runtime.gopanic") == 0 ? "panic" : frame->function;
}

static void print_frame(struct printer *printer, const struct shown *shown)
{
	const struct gsd_traceback_frame *frame = shown->frame;
	gsd_writer_add_text(&printer->out, printed_name(frame));
	gsd_writer_add(&printer->out, "(", 1);
	if (frame->inlined || !printer->snapshot->arguments)
		add(printer, "...");
	else
		print_arguments(printer, shown);
	gsd_writer_add(&printer->out, ")\n", 2);
	print_place(printer, frame->file, frame->line, frame->inlined ? 0 : shown->place->pc - shown->place->entry);
}

/* What is no code of Go's: C as the runtime prints it with a symbolizer (printOneCgoTraceback), and our own marks. */
static struct gsd_error *print_other(struct printer *printer, const struct gsd_traceback_place *place)
{
	const struct gsd_stack stack = {.words = &place->word, .count = 1};
	GSD_TRY(printer->source->locate(printer->source->context, &stack, &printer->locations));
	for (size_t i = 0; i < printer->locations.count; i++) {
		const struct gsd_location *location = printer->locations.items[i];
		for (size_t k = 0; k < location->line_count; k++) {
			const struct gsd_line *line = &location->lines[k];
			add(printer, strncmp(line->function, "0x", 2) == 0 ? "non-Go function" : line->function);
			add(printer, location->address == 0 ? "(...)\n\t" : "\n\t");
			if (location->address == 0) {
				add(printer, "?:0\n");
				continue;
			}
			if (line->file[0] != '\0') {
				add(printer, line->file);
				add(printer, ":");
				gsd_writer_add_integer(&printer->out, line->line);
				add(printer, " ");
			}
			add(printer, "pc=");
			gsd_writer_add_hex(&printer->out, place->pc);
			add(printer, "\n");
		}
	}
	return NULL;
}

static bool is_gap(const struct shown *shown)
{
	return shown->place->word == GSD_PC_ELIDED;
}

static void print_gap(struct printer *printer, uint64_t frames)
{
	if (frames == 0) {
		add(printer, "...additional frames elided...\n");
		return;
	}
	add(printer, "...");
	gsd_writer_add_unsigned(&printer->out, frames);
	add(printer, " frames elided...\n");
}

/* Prints listed frames [first, end). */
static struct gsd_error *print_range(struct printer *printer, size_t first, size_t end, uint64_t left_out)
{
	for (size_t i = first; i < end; i++) {
		const struct shown *shown = &printer->shown.items[i];
		if (is_gap(shown))
			print_gap(printer, left_out);
		else if (shown->frame != NULL)
			print_frame(printer, shown);
		else
			GSD_TRY(print_other(printer, shown->place));
	}
	return NULL;
}

/* The innermost and the outermost frames that the rule allows, with the number of the others between them. */
static struct gsd_error *print_both_ends(struct printer *printer, uint64_t left_out)
{
	const struct gsd_traceback_rule *rule = &printer->rule;
	size_t count = printer->shown.count;
	size_t gap = 0;
	while (gap < count && !is_gap(&printer->shown.items[gap]))
		gap++;
	uint64_t total = gap < count ? count - 1 + left_out : count;
	if (total <= (uint64_t)rule->inner + rule->outer)
		return print_range(printer, 0, count, left_out);
	size_t inner = gap < rule->inner ? gap : rule->inner;
	size_t behind = gap < count ? count - gap - 1 : count;
	size_t outer = behind < rule->outer ? behind : rule->outer;
	GSD_TRY(print_range(printer, 0, inner, left_out));
	print_gap(printer, gap < count && left_out == 0 ? 0 : total - inner - outer);
	return print_range(printer, count - outer, count, left_out);
}

static struct gsd_error *print_stack(struct printer *printer, const struct gsd_goroutine *goroutine)
{
	const struct gsd_snapshot *snapshot = printer->snapshot;
	const struct gsd_stack *stack = &snapshot->stacks[goroutine->stack];
	const struct gsd_traceback_rule *rule = &printer->rule;
	GSD_TRY(gsd_traceback_expand(snapshot->traceback, stack->words, stack->count, rule, &printer->list));
	GSD_TRY(read_values(printer, goroutine));
	GSD_TRY(list_frames(printer, false));
	if (printer->shown.count == 0)
		GSD_TRY(list_frames(printer, true));
	if (rule->outer != 0)
		return print_both_ends(printer, stack->left_out);
	GSD_TRY(print_range(printer, 0, printer->shown.count, stack->left_out));
	/* That many were printed: whether there are more, the runtime does not look. */
	if (rule->inner != 0 && printer->shown.count == rule->inner)
		print_gap(printer, 0);
	return NULL;
}

/* ---- where it comes from ---- */

/* The function that a goroutine was created in; the pointer is valid until the next call. */
static struct gsd_error *find_creator(struct printer *printer, uint64_t pc, const struct origin **origin_ret)
{
	uint64_t index;
	if (!gsd_hash_find(printer->creator_index, pc, &index)) {
		struct origin origin = {0};
		uint64_t entry;
		GSD_TRY(gsd_traceback_function(printer->snapshot->traceback, pc, true, false, &origin.frame, &entry));
		origin.offset = pc - entry;
		index = printer->creators.count;
		if (!origin_array_append(&printer->creators, origin) ||
		    !gsd_hash_insert(printer->creator_index, pc, index))
			return gsd_error_no_memory();
	}
	*origin_ret = &printer->creators.items[index];
	return NULL;
}

static struct gsd_error *print_creator(struct printer *printer, uint64_t pc, uint64_t parent)
{
	const struct origin *origin;
	if (pc == 0)
		return NULL;
	GSD_TRY(find_creator(printer, pc, &origin));
	const struct gsd_traceback_frame *frame = &origin->frame;
	if (frame->function == NULL || !gsd_traceback_shows(frame, false, GSD_SPECIAL_NONE))
		return NULL;
	add(printer, "created by ");
	add(printer, printed_name(frame));
	if (parent != 0) {
		add(printer, " in goroutine ");
		gsd_writer_add_unsigned(&printer->out, parent);
	}
	add(printer, "\n");
	print_place(printer, frame->file, frame->line, origin->offset);
	return NULL;
}

static struct gsd_error *print_ancestor(struct printer *printer, const struct gsd_ancestor *ancestor)
{
	/* As many as the runtime keeps of one: a rule of its own in each family (tracebackPCs, gcallers). */
	size_t most = printer->snapshot->go_minor <= 20 ? 100 : 50;
	add(printer, "[originating from goroutine ");
	gsd_writer_add_unsigned(&printer->out, ancestor->goid);
	add(printer, "]:\n");
	for (size_t i = 0; i < ancestor->pc_count; i++) {
		struct gsd_traceback_frame frame;
		uint64_t entry;
		GSD_TRY(gsd_traceback_function(printer->snapshot->traceback, ancestor->pcs[i], false, true, &frame,
					       &entry));
		if (frame.function == NULL || !gsd_traceback_shows(&frame, i == 0, GSD_SPECIAL_NONE))
			continue;
		add(printer, printed_name(&frame));
		add(printer, "(...)\n");
		print_place(printer, frame.file, frame.line, ancestor->pcs[i] - entry);
	}
	if (ancestor->pc_count == most)
		print_gap(printer, 0);
	return print_creator(printer, ancestor->goid == 1 ? 0 : ancestor->creator_pc, 0);
}

static struct gsd_error *print_goroutine(struct printer *printer, const struct gsd_goroutine *goroutine)
{
	print_header(printer, goroutine);
	GSD_TRY(print_stack(printer, goroutine));
	GSD_TRY(print_creator(printer, goroutine->creator_pc, goroutine->parent_goid));
	if (goroutine->ancestry == GSD_NO_ANCESTRY)
		return NULL;
	const struct gsd_ancestry *ancestry = &printer->snapshot->ancestries[goroutine->ancestry];
	for (size_t i = 0; i < ancestry->count; i++)
		GSD_TRY(print_ancestor(printer, &ancestry->ancestors[i]));
	return NULL;
}

/* ---- all of it ---- */

struct gsd_error *gsd_write_stacks(const struct gsd_snapshot *snapshot, struct gsd_sink *sink)
{
	struct gsd_location_source source = gsd_snapshot_locations(snapshot);
	struct printer *printer = calloc(1, sizeof *printer);
	if (printer == NULL)
		return gsd_error_no_memory();
	printer->snapshot = snapshot;
	printer->source = &source;
	printer->rule =
		(struct gsd_traceback_rule){.inner = snapshot->traceback_inner, .outer = snapshot->traceback_outer};
	printer->creator_index = gsd_hash_create(64);
	gsd_writer_init(&printer->out, sink);
	struct gsd_error *error = printer->creator_index == NULL ? gsd_error_no_memory() : NULL;
	gsd_meter_begin(snapshot->meter, GSD_PHASE_WRITING, snapshot->goroutine_count);
	for (size_t i = 0; i < snapshot->goroutine_count && error == NULL && printer->out.error == NULL; i++) {
		gsd_meter_count(snapshot->meter, i);
		add(printer, i == 0 ? "" : "\n");
		error = print_goroutine(printer, &snapshot->goroutines[i]);
	}
	error = gsd_error_first(error, gsd_writer_finish(&printer->out));
	gsd_hash_destroy(printer->creator_index);
	origin_array_free(&printer->creators);
	shown_array_free(&printer->shown);
	gsd_u64_array_free(&printer->values);
	gsd_traceback_list_free(&printer->list);
	gsd_location_list_free(&printer->locations);
	free(printer);
	return error;
}
