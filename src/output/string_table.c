/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/string_table.h"

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "output/protobuf.h"
#include "output/utf8.h"

#define NO_ENTRY           SIZE_MAX
#define REPLACEMENT        "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LENGTH 3

struct entry {
	const char *bytes;
	size_t length;
	size_t next; /* the entry before this one with the same hash, or NO_ENTRY */
};

GSD_DEFINE_ARRAY(entry_array, struct entry)

struct gsd_string_table {
	struct entry_array entries;
	struct gsd_hash *newest; /* from a hash to the newest entry that has it */
	struct gsd_arena repaired;
};

/* What a zero-length string without bytes is kept as. */
static const char empty[] = "";

struct gsd_string_table *gsd_string_table_create(void)
{
	struct gsd_string_table *table = calloc(1, sizeof *table);
	uint64_t index;
	if (table == NULL)
		return NULL;
	table->newest = gsd_hash_create(1024);
	struct gsd_error *error =
		table->newest == NULL ? gsd_error_no_memory() : gsd_string_table_index(table, empty, 0, &index);
	if (error != NULL) {
		gsd_error_destroy(error);
		gsd_string_table_destroy(table);
		return NULL;
	}
	return table;
}

void gsd_string_table_destroy(struct gsd_string_table *table)
{
	if (table == NULL)
		return;
	entry_array_free(&table->entries);
	gsd_hash_destroy(table->newest);
	gsd_arena_free(&table->repaired);
	free(table);
}

/* Replaces *bytes, which is not valid UTF-8, by a copy that is. False without memory. */
static bool repair(struct gsd_string_table *table, const char **bytes, size_t *length)
{
	if (*length > SIZE_MAX / REPLACEMENT_LENGTH)
		return false;
	char *copy = gsd_arena_allocate(&table->repaired, *length * REPLACEMENT_LENGTH);
	if (copy == NULL)
		return false;
	size_t used = 0;
	for (size_t i = 0; i < *length;) {
		uint32_t character;
		size_t size = gsd_utf8_decode(*bytes + i, *length - i, &character);
		if (size == 0) {
			memcpy(copy + used, REPLACEMENT, REPLACEMENT_LENGTH);
			used += REPLACEMENT_LENGTH;
			i++;
		} else {
			memcpy(copy + used, *bytes + i, size);
			used += size;
			i += size;
		}
	}
	*bytes = copy;
	*length = used;
	return true;
}

struct gsd_error *gsd_string_table_index(struct gsd_string_table *table, const void *bytes, size_t length,
					 uint64_t *index_ret)
{
	const char *text = length == 0 ? empty : bytes;
	if (!gsd_utf8_valid(text, length) && !repair(table, &text, &length))
		return gsd_error_no_memory();
	uint64_t hash = gsd_hash_bytes(text, length, 0);
	uint64_t newest = NO_ENTRY;
	(void)gsd_hash_find(table->newest, hash, &newest);
	for (size_t i = (size_t)newest; i != NO_ENTRY; i = table->entries.items[i].next) {
		const struct entry *entry = &table->entries.items[i];
		if (entry->length == length && memcmp(entry->bytes, text, length) == 0) {
			*index_ret = i;
			return NULL;
		}
	}
	size_t index = table->entries.count;
	struct entry entry = {.bytes = text, .length = length, .next = (size_t)newest};
	if (!entry_array_append(&table->entries, entry) || !gsd_hash_insert(table->newest, hash, index))
		return gsd_error_no_memory();
	*index_ret = index;
	return NULL;
}

struct gsd_error *gsd_string_table_emit(const struct gsd_string_table *table, unsigned field, struct gsd_sink *sink)
{
	struct gsd_message message = {0};
	struct gsd_error *error = NULL;
	for (size_t i = 0; error == NULL && i < table->entries.count; i++) {
		gsd_message_add_bytes(&message, field, table->entries.items[i].bytes, table->entries.items[i].length);
		error = gsd_message_emit(&message, sink);
	}
	gsd_message_free(&message);
	return error;
}
