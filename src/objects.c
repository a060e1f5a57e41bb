/* SPDX-License-Identifier: BSD-3-Clause */
#include "objects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "image/binaries.h"
#include "image/elf.h"

/* A file that was mapped, found again. Addresses are what they were. */
struct object {
	const struct gsd_snapshot_mapping *mapping; /* the first one of it that a module's text is in */
	int fd;
	struct gsd_elf *elf;
	uint64_t bias;
};

/* What was mapped, as far as it came from files that do not change. */
struct gsd_objects {
	struct gsd_memory memory;
	struct object *items;
	size_t count;
};

static void objects_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	struct gsd_objects *objects = (struct gsd_objects *)memory;
	for (size_t i = 0; i < count; i++) {
		ranges[i].errnum = EFAULT;
		for (size_t k = 0; k < objects->count && ranges[i].errnum != 0; k++) {
			struct gsd_range range = ranges[i];
			range.address -= objects->items[k].bias;
			gsd_memory_read_ranges(gsd_elf_memory(objects->items[k].elf), &range, 1);
			ranges[i].errnum = range.errnum;
		}
	}
}

void gsd_objects_close(struct gsd_objects *objects)
{
	if (objects == NULL)
		return;
	for (size_t i = 0; i < objects->count; i++) {
		gsd_elf_destroy(objects->items[i].elf);
		close(objects->items[i].fd);
	}
	free(objects->items);
	free(objects);
}

/* What was added to linked addresses: from the segment that the mapping is of. */
static bool find_bias(const struct gsd_elf *elf, const struct gsd_snapshot_mapping *mapping, uint64_t *bias_ret)
{
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(elf, &count);
	const uint64_t page = 4095;
	for (size_t i = 0; i < count; i++) {
		const struct gsd_elf_segment *segment = &segments[i];
		uint64_t offset = mapping->offset;
		if (!segment->executable || offset < (segment->file_offset & ~page) ||
		    (offset > segment->file_offset && offset - segment->file_offset >= segment->file_size))
			continue;
		*bias_ret = mapping->start - (segment->address - segment->file_offset + offset);
		return true;
	}
	return false;
}

static struct gsd_error *object_open(struct gsd_binaries *binaries, const struct gsd_snapshot *snapshot,
				     const struct gsd_snapshot_mapping *mapping, struct gsd_objects *objects)
{
	struct gsd_wanted_binary wanted = {.path = mapping->file,
					   .program = strcmp(mapping->file, snapshot->exe) == 0,
					   .why_no_build_id = "it has none"};
	struct gsd_found_binary found;
	if (strlen(mapping->build_id) < sizeof wanted.ids.gnu)
		strcpy(wanted.ids.gnu, mapping->build_id);
	if (strlen(mapping->go_build_id) < sizeof wanted.ids.go)
		strcpy(wanted.ids.go, mapping->go_build_id);
	GSD_TRY(gsd_binaries_open(binaries, &wanted, &found));
	struct object object = {.mapping = mapping, .fd = found.fd};
	struct gsd_error *error = gsd_elf_open(found.fd, mapping->file, &object.elf);
	if (error == NULL && !find_bias(object.elf, mapping, &object.bias)) {
		error = gsd_error_because(
			gsd_error_create(GSD_ERROR_CORRUPT, 0, "find where %s was loaded", mapping->file),
			"none of its segments is at offset 0x%" PRIx64, mapping->offset);
		gsd_elf_destroy(object.elf);
	}
	if (error != NULL) {
		close(found.fd);
		return error;
	}
	objects->items[objects->count++] = object;
	return NULL;
}

static bool is_open(const struct gsd_objects *objects, const struct gsd_snapshot_mapping *mapping)
{
	for (size_t i = 0; i < objects->count; i++)
		if (strcmp(objects->items[i].mapping->file, mapping->file) == 0 &&
		    strcmp(objects->items[i].mapping->build_id, mapping->build_id) == 0)
			return true;
	return false;
}

/* Opens the files that the modules' text was mapped from. */
static struct gsd_error *open_all(struct gsd_objects *objects, const struct gsd_loaded_record *record,
				  struct gsd_binaries *binaries)
{
	for (size_t i = 0; i < record->module_count; i++) {
		const struct gsd_snapshot_mapping *mapping =
			gsd_snapshot_mapping_at(&record->snapshot, record->modules[i].text);
		if (mapping == NULL)
			return gsd_error_because(
				gsd_error_create(GSD_ERROR_MISSING, 0, "find the program of %s", record->snapshot.exe),
				"the code at 0x%" PRIx64 " was mapped from no file", record->modules[i].text);
		if (!is_open(objects, mapping))
			GSD_TRY(object_open(binaries, &record->snapshot, mapping, objects));
	}
	return NULL;
}

struct gsd_error *gsd_objects_open(const struct gsd_loaded_record *record, const struct gsd_capture_options *options,
				   struct gsd_objects **objects_ret)
{
	struct gsd_objects *objects = calloc(1, sizeof *objects);
	struct gsd_binaries *binaries = NULL;
	if (objects == NULL)
		return gsd_error_no_memory();
	objects->memory.read = objects_read;
	objects->items = calloc(record->module_count + 1, sizeof *objects->items);
	struct gsd_error *error = objects->items == NULL ? gsd_error_no_memory() : NULL;
	if (error == NULL)
		error = gsd_binaries_create(options->exes, options->exe_count, &binaries);
	if (error == NULL)
		error = open_all(objects, record, binaries);
	gsd_binaries_destroy(binaries);
	if (error != NULL)
		gsd_objects_close(objects);
	else
		*objects_ret = objects;
	return error;
}

struct gsd_memory *gsd_objects_memory(struct gsd_objects *objects)
{
	return &objects->memory;
}
