/* SPDX-License-Identifier: BSD-3-Clause */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/read_hint.h"
#include "describe.h"
#include "objects.h"

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

/* ---- its code ---- */

static struct gsd_error *wrong_file(const struct gsd_snapshot *snapshot, uint64_t text, struct gsd_error *error)
{
	const struct gsd_snapshot_mapping *mapping = gsd_snapshot_mapping_at(snapshot, text);
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
	GSD_TRY(gsd_objects_open(&capture->record, options, &capture->objects));
	struct gsd_memory *memory = gsd_objects_memory(capture->objects);
	GSD_TRY(gsd_block_cache_create(memory, MAX_CACHE_BYTES, &capture->runtime.cache));
	return restore_modules(capture, memory);
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
		return gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errno, "read the capture %s", path), "%s",
					gsd_reading_hint(errno));
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
