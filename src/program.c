/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define MAX_OBJECTS      256
#define MAX_OBJECT_BYTES (UINT64_C(8) << 30) /* of the mappings of one */

static void backed_memory_read(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	struct gsd_backed_memory *backed = (struct gsd_backed_memory *)memory;
	gsd_memory_read_ranges(backed->target, ranges, count);
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].errnum == 0 || backed->file == NULL)
			continue;
		struct gsd_range range = ranges[i];
		range.address -= backed->bias;
		gsd_memory_read_ranges(backed->file, &range, 1);
		if (range.errnum == 0)
			ranges[i].errnum = 0;
	}
}

void gsd_object_close(struct gsd_object *object)
{
	gsd_elf_destroy(object->elf);
	free(object->regions);
	if (object->own_fd >= 0)
		close(object->own_fd);
	memset(object, 0, sizeof *object);
	object->own_fd = -1;
}

/* What is added to addresses as linked: from the mapping that holds the start of the first segment. */
static bool find_bias(const struct gsd_elf *elf, const struct gsd_mapping *mappings, size_t count, const char *path,
		      uint64_t *bias_ret)
{
	size_t segment_count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(elf, &segment_count);
	*bias_ret = 0;
	if (!gsd_elf_is_relocatable(elf))
		return true;
	uint64_t page = UINT64_C(4095);
	for (size_t s = 0; s < segment_count; s++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(mappings[i].path, path) == 0 &&
			    mappings[i].offset == (segments[s].file_offset & ~page)) {
				*bias_ret = mappings[i].start - (segments[s].address & ~page);
				return true;
			}
	return false;
}

/* Regions are searched from end to end. What goes beyond the reach of a program's own addresses is not of it. */
static struct gsd_error *collect_regions(struct gsd_object *object, const struct gsd_mapping *mappings, size_t count,
					 const char *path)
{
	object->regions = calloc(count + 1, sizeof *object->regions);
	if (object->regions == NULL)
		return gsd_error_no_memory();
	size_t regions = 0;
	uint64_t left = MAX_OBJECT_BYTES;
	for (size_t i = 0; i < count; i++) {
		uint64_t size = mappings[i].end - mappings[i].start;
		if (!mappings[i].readable || strcmp(mappings[i].path, path) != 0 || size > left)
			continue;
		left -= size;
		object->regions[regions++] = (struct gsd_region){.start = mappings[i].start,
								 .end = mappings[i].end,
								 .writable = mappings[i].writable,
								 .executable = mappings[i].executable};
	}
	object->program.regions = object->regions;
	object->program.region_count = regions;
	return NULL;
}

/* Opens the object at `path` whose bytes are behind `fd`. */
static struct gsd_error *object_open(struct gsd_target *target, const char *path, int fd, int own_fd,
				     struct gsd_object *object)
{
	size_t count = target->mapping_count;
	const struct gsd_mapping *mappings = target->mappings;
	memset(object, 0, sizeof *object);
	object->own_fd = own_fd;
	/* Without the file: a core may have all of it. */
	struct gsd_error *error = fd < 0 ? NULL : gsd_elf_open(fd, path, &object->elf);
	if (error == NULL)
		error = collect_regions(object, mappings, count, path);
	uint64_t bias = 0;
	if (error == NULL && object->elf != NULL && !find_bias(object->elf, mappings, count, path, &bias))
		error = gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "find where %s is loaded", path),
					  "none of its segments is among the process's mappings");
	if (error != NULL) {
		gsd_object_close(object);
		return error;
	}
	object->memory = (struct gsd_backed_memory){.memory = {.read = backed_memory_read},
						    .target = target->memory,
						    .file = object->elf == NULL ? NULL : gsd_elf_memory(object->elf),
						    .bias = bias};
	object->program.memory = &object->memory.memory;
	object->program.elf = object->elf;
	object->program.fd = fd;
	object->program.name = path;
	object->program.bias = bias;
	object->program.incomplete = target->missing_bytes > 0;
	return NULL;
}

static struct gsd_error *find_runtime_in(struct gsd_object *object, const struct gsd_capture_options *options,
					 struct gsd_runtime *runtime, bool *found_ret)
{
	return gsd_runtime_find(&object->program, options->allgs_sources, options->layout_sources, runtime, found_ret);
}

/* Whether an error says only that the Go runtime is not in this file. It is destroyed then. */
static bool is_elsewhere(struct gsd_error **error)
{
	if (*error == NULL || gsd_error_code(*error) != GSD_ERROR_NOT_GO)
		return false;
	gsd_error_destroy(*error);
	*error = NULL;
	return true;
}

/* A Go library in a program that is not Go, or libstd.so below one: the first mapped file with a Go runtime in it. */
static struct gsd_error *find_runtime_in_libraries(struct gsd_target *target, const struct gsd_capture_options *options,
						   struct gsd_object *object, struct gsd_runtime *runtime,
						   bool *found_ret)
{
	size_t opened = 0;
	*found_ret = false;
	for (size_t i = 0; i < target->mapping_count && !*found_ret && opened < MAX_OBJECTS; i++) {
		const struct gsd_mapping *mapping = &target->mappings[i];
		if (!mapping->executable || mapping->path[0] != '/' || strcmp(mapping->path, target->exe_path) == 0)
			continue;
		int fd;
		opened++;
		struct gsd_error *error = gsd_target_open_mapping(target, mapping, &fd);
		if (error == NULL)
			error = object_open(target, mapping->path, fd, fd, object);
		if (error != NULL) {
			gsd_error_destroy(error); /* not a file that could be a Go library */
			continue;
		}
		error = find_runtime_in(object, options, runtime, found_ret);
		if (is_elsewhere(&error) || error != NULL || !*found_ret)
			gsd_object_close(object);
		GSD_TRY(error);
	}
	return NULL;
}

struct gsd_error *gsd_find_runtime(struct gsd_target *target, const struct gsd_capture_options *options,
				   struct gsd_object *object, struct gsd_runtime *runtime)
{
	bool found;
	const char *path = target->exe_path;
	GSD_TRY(object_open(target, path, target->exe, -1, object));
	struct gsd_error *error = find_runtime_in(object, options, runtime, &found);
	bool has_code = is_elsewhere(&error);
	if (error == NULL && !found) {
		gsd_object_close(object);
		error = find_runtime_in_libraries(target, options, object, runtime, &found);
	}
	if (error == NULL && !found)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_NOT_GO, 0, "read the goroutines of %s (%s)", target->name, path),
			has_code ? "it has a Go function table, but neither it nor a library in it "
				   "names a function of the Go runtime (runtime.schedinit)"
				 : "it is not a Go program: neither it nor a library in it has a Go "
				   "function table");
	if (error != NULL)
		gsd_object_close(object);
	return error;
}
