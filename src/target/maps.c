/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/maps.h"

#include <string.h>

static const char deleted_suffix[] = " (deleted)";

/* A number of the line, followed by @p terminator, which is taken too. */
static bool take_number(const char **position, const char *end, unsigned base, char terminator, uint64_t *value_ret)
{
	uint64_t value = 0;
	const char *digit = *position;
	for (; digit < end && *digit != terminator; digit++) {
		unsigned number;
		if (*digit >= '0' && *digit <= '9')
			number = (unsigned)(*digit - '0');
		else if (base == 16 && *digit >= 'a' && *digit <= 'f')
			number = (unsigned)(*digit - 'a') + 10;
		else
			return false;
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, number, &value))
			return false;
	}
	if (digit == *position || digit == end)
		return false;
	*position = digit + 1;
	*value_ret = value;
	return true;
}

static bool take_permissions(const char **position, const char *end, struct gsd_mapping *mapping)
{
	const char *flags = *position;
	if (end - flags < 5 || flags[4] != ' ')
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (flags[i] != "rwx"[i] && flags[i] != '-')
			return false;
	}
	mapping->readable = flags[0] == 'r';
	mapping->writable = flags[1] == 'w';
	mapping->executable = flags[2] == 'x';
	*position = flags + 5;
	return true;
}

/* The inode is the last number: a line without a path may end right behind it. */
static bool take_inode(const char **position, const char *end, uint64_t *inode_ret)
{
	uint64_t inode = 0;
	const char *digit = *position;
	for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
		if (__builtin_mul_overflow(inode, 10U, &inode) ||
		    __builtin_add_overflow(inode, (unsigned)(*digit - '0'), &inode))
			return false;
	}
	if (digit == *position || (digit < end && *digit != ' '))
		return false;
	*position = digit;
	*inode_ret = inode;
	return true;
}

/*
 * Undoes what the kernel does to a path: newlines, and only they, are written as \012 (fs/proc/task_mmu.c,
 * show_map_vma; a backslash is not escaped, so a file with a literal \012 in its name reads as one with a newline. The
 * path is for people and for finding the file, where the inode decides).
 */
void gsd_maps_undo_escapes(char *path)
{
	size_t length = strlen(path);
	size_t out = 0;
	for (size_t in = 0; in < length; in++) {
		if (length - in >= 4 && memcmp(path + in, "\\012", 4) == 0) {
			path[out++] = '\n';
			in += 3;
		} else {
			path[out++] = path[in];
		}
	}
	path[out] = '\0';
}

static bool set_path(struct gsd_mapping *mapping, const char *path, const char *end, const struct gsd_mapping *previous,
		     struct gsd_arena *strings)
{
	size_t length = (size_t)(end - path);
	size_t suffix = sizeof deleted_suffix - 1;
	if (length > suffix && path[0] == '/' && memcmp(end - suffix, deleted_suffix, suffix) == 0) {
		mapping->deleted = true;
		length -= suffix;
	}
	if (length == 0) {
		mapping->path = "";
		return true;
	}
	/* The segments of a file follow each other: they share a string. */
	if (previous != NULL && strlen(previous->path) == length && memcmp(previous->path, path, length) == 0) {
		mapping->path = previous->path;
		return true;
	}
	char *copy = gsd_arena_string(strings, path, length);
	if (copy == NULL)
		return false;
	gsd_maps_undo_escapes(copy);
	mapping->path = copy;
	return true;
}

static bool parse_numbers(const char **position, const char *end, struct gsd_mapping *mapping)
{
	uint64_t major;
	uint64_t minor;
	if (!take_number(position, end, 16, '-', &mapping->start) ||
	    !take_number(position, end, 16, ' ', &mapping->end) || !take_permissions(position, end, mapping) ||
	    !take_number(position, end, 16, ' ', &mapping->offset) || !take_number(position, end, 16, ':', &major) ||
	    !take_number(position, end, 16, ' ', &minor) || !take_inode(position, end, &mapping->inode))
		return false;
	if (mapping->start >= mapping->end || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	mapping->device_major = (unsigned)major;
	mapping->device_minor = (unsigned)minor;
	return true;
}

/*
 * A running program may have a mapping grow or merge between two reads of its maps: the next line then begins inside
 * the one before. What is already known is cut off; false when nothing is left.
 */
static bool cut_overlap(struct gsd_mapping *mapping, const struct gsd_mapping *previous)
{
	if (mapping->end <= previous->end)
		return false;
	if (mapping->start < previous->end) {
		mapping->offset += mapping->inode != 0 ? previous->end - mapping->start : 0;
		mapping->start = previous->end;
	}
	return true;
}

static struct gsd_error *corrupt(size_t line, const char *reason)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read line %zu of the target's maps", line),
				 "%s", reason);
}

struct gsd_error *gsd_maps_parse(const char *text, size_t length, struct gsd_arena *strings,
				 struct gsd_mapping_array *mappings)
{
	const char *end = text + length;
	size_t number = 0;
	for (const char *line = text; line < end;) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		if (line_end == NULL)
			line_end = end;
		if (++number > GSD_MAPS_MAX_LINES)
			return corrupt(number, "there are too many");
		const struct gsd_mapping *previous = mappings->count > 0 ? &mappings->items[mappings->count - 1] : NULL;
		struct gsd_mapping mapping = {0};
		const char *position = line;
		if (!parse_numbers(&position, line_end, &mapping))
			return corrupt(number, "it is not in the kernel's format");
		line = line_end + 1;
		if (previous != NULL && !cut_overlap(&mapping, previous))
			continue;
		while (position < line_end && *position == ' ')
			position++;
		if (!set_path(&mapping, position, line_end, previous, strings) ||
		    !gsd_mapping_array_append(mappings, mapping))
			return gsd_error_no_memory();
	}
	return NULL;
}
