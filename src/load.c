/* SPDX-License-Identifier: BSD-3-Clause */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "describe.h"
#include "image/binaries.h"

#define MAX_CACHE_BYTES ((size_t)512 << 20) /* of inline trees, as in a capture */

/* ---- saving ---- */

struct gsd_error *gsd_capture_record(const struct gsd_capture *capture, struct gsd_sink *sink)
{
	struct gsd_record record = {.snapshot = &capture->snapshot,
				    .stats = &capture->stats,
				    .modules = capture->record.modules,
				    .module_count = capture->record.module_count};
	struct gsd_module_place *places = NULL;
	if (record.modules == NULL) {
		const struct gsd_module *modules = gsd_code_modules(capture->runtime.code, &record.module_count);
		places = calloc(record.module_count + 1, sizeof *places);
		if (places == NULL)
			return gsd_error_no_memory();
		for (size_t i = 0; i < record.module_count; i++)
			places[i] = gsd_module_place(&modules[i]);
		record.modules = places;
	}
	struct gsd_error *error = gsd_record_write(&record, sink);
	free(places);
	return error;
}

/* ---- the files of the modules ---- */

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

static const struct gsd_snapshot_mapping *mapping_at(const struct gsd_snapshot *snapshot, uint64_t address)
{
	for (size_t i = 0; i < snapshot->mapping_count; i++)
		if (address >= snapshot->mappings[i].start && address < snapshot->mappings[i].limit)
			return &snapshot->mappings[i];
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
static struct gsd_error *open_objects(const struct gsd_capture *capture, const struct gsd_capture_options *options,
				      struct gsd_objects *objects)
{
	const struct gsd_loaded_record *record = &capture->record;
	struct gsd_binaries *binaries;
	objects->items = calloc(record->module_count + 1, sizeof *objects->items);
	if (objects->items == NULL)
		return gsd_error_no_memory();
	GSD_TRY(gsd_binaries_create(options->exes, options->exe_count, &binaries));
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < record->module_count && error == NULL; i++) {
		const struct gsd_snapshot_mapping *mapping = mapping_at(&record->snapshot, record->modules[i].text);
		if (mapping == NULL)
			error = gsd_error_because(
				gsd_error_create(GSD_ERROR_MISSING, 0, "find the program of %s", record->snapshot.exe),
				"the code at 0x%" PRIx64 " was mapped from no file", record->modules[i].text);
		else if (!is_open(objects, mapping))
			error = object_open(binaries, &record->snapshot, mapping, objects);
	}
	gsd_binaries_destroy(binaries);
	return error;
}

/* ---- its code ---- */

static struct gsd_error *wrong_file(const struct gsd_snapshot *snapshot, uint64_t text, struct gsd_error *error)
{
	const struct gsd_snapshot_mapping *mapping = mapping_at(snapshot, text);
	if (gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	gsd_error_destroy(error);
	return gsd_error_advise(
		gsd_error_because(gsd_error_create(GSD_ERROR_MISSING, 0, "name the stacks of %s",
						   mapping != NULL ? mapping->file : snapshot->exe),
				  "the file that was found has another function table than the program that was "
				  "captured: it is another build"),
		"give the right one by --exe FILE, or by --exe DIRECTORY to have it searched by build id");
}

static struct gsd_error *restore_modules(struct gsd_capture *capture, struct gsd_memory *memory)
{
	const struct gsd_loaded_record *record = &capture->record;
	struct gsd_module *modules = calloc(record->module_count + 1, sizeof *modules);
	if (modules == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	size_t count = 0;
	while (count < record->module_count && error == NULL) {
		error = gsd_module_restore(memory, &record->modules[count], &modules[count]);
		if (error != NULL)
			error = wrong_file(&record->snapshot, record->modules[count].text, error);
		else
			count++;
	}
	if (error == NULL)
		error = gsd_code_create(modules, count, record->snapshot.go_minor, capture->runtime.cache,
					&capture->runtime.code);
	for (size_t i = 0; i < count && error != NULL; i++)
		gsd_module_free(&modules[i]);
	if (error != NULL)
		free(modules);
	return error;
}

static struct gsd_error *open_code(struct gsd_capture *capture, const struct gsd_capture_options *options)
{
	struct gsd_objects *objects = capture->objects = calloc(1, sizeof *objects);
	if (objects == NULL)
		return gsd_error_no_memory();
	objects->memory.read = objects_read;
	GSD_TRY(open_objects(capture, options, objects));
	GSD_TRY(gsd_block_cache_create(&objects->memory, MAX_CACHE_BYTES, &capture->runtime.cache));
	return restore_modules(capture, &objects->memory);
}

static struct gsd_error *name_stacks(struct gsd_capture *capture, const struct gsd_capture_options *options)
{
	GSD_TRY(open_code(capture, options));
	GSD_TRY(gsd_traceback_create(capture->runtime.code, &capture->snapshot.traceback));
	return gsd_describe_names(capture);
}

/* Addresses need no program; with it, runtime.goexit is known and left out, as elsewhere. */
static struct gsd_error *keep_addresses(struct gsd_capture *capture, const struct gsd_capture_options *options)
{
	struct gsd_snapshot *snapshot = &capture->snapshot;
	struct gsd_error *error = open_code(capture, options);
	if (error != NULL && gsd_error_code(error) != GSD_ERROR_NO_MEMORY) {
		gsd_error_destroy(error);
		error = gsd_code_create(NULL, 0, snapshot->go_minor, capture->runtime.cache, &capture->runtime.code);
	}
	GSD_TRY(error);
	GSD_TRY(gsd_symbolizer_create(capture->runtime.code, &snapshot->symbolizer));
	gsd_symbolizer_keep_addresses(snapshot->symbolizer);
	snapshot->addresses_only = true;
	return NULL;
}

/* ---- all of it ---- */

static struct gsd_error *read_record(const char *path, struct gsd_loaded_record *record)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the capture %s", path);
	struct gsd_error *error = gsd_record_read(fd, standard_input ? "from standard input" : path, record);
	if (!standard_input)
		close(fd);
	return error;
}

static struct gsd_error *load(struct gsd_capture *capture, const char *path, const struct gsd_capture_options *options)
{
	gsd_meter_begin(&capture->meter, GSD_PHASE_LOADING, 0);
	GSD_TRY(read_record(path, &capture->record));
	capture->snapshot = capture->record.snapshot;
	capture->stats = capture->record.stats;
	return options->no_symbolize ? keep_addresses(capture, options) : name_stacks(capture, options);
}

struct gsd_error *gsd_capture_load(const char *path, const struct gsd_capture_options *options,
				   struct gsd_capture **capture_ret)
{
	struct gsd_capture *capture;
	GSD_TRY(gsd_capture_create(&options, &capture));
	return gsd_capture_finish(capture, load(capture, path, options), capture_ret);
}
