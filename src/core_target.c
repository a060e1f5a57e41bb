/* SPDX-License-Identifier: BSD-3-Clause */
#include "core_target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_memory.h"
#include "base/hash.h"
#include "core_files.h"
#include "image/binaries.h"
#include "image/elf.h"
#include "target/core.h"
#include "target/maps.h"

#define PAGE_SIZE        UINT64_C(4096)
#define VSYSCALL_ADDRESS UINT64_C(0xffffffffff600000)
#define MAX_FILES        1024 /* that are looked for */
#define MAX_WARNINGS     4
#define MAX_ENVIRONMENT  ((size_t)256 << 10) /* bytes of it that are looked at */

/* A file that was mapped, and where it is now. */
struct binary {
	const char *path;
	int fd; /* -1: it was not found */
	struct gsd_elf *elf;
};
GSD_DEFINE_ARRAY(binary_array, struct binary)
GSD_DEFINE_ARRAY(span_array, struct gsd_file_span)

struct core_target {
	struct gsd_target target; /* first: the target is the core */
	struct gsd_core *core;
	struct span_array dumped; /* what is in the core */
	struct gsd_file_memory dumped_memory;
	struct span_array spans; /* that, and what comes from files */
	struct gsd_file_memory memory;
	struct gsd_mapping_array mappings;
	struct binary_array binaries;
	struct gsd_hash *binary_index; /* from the hash of a path: a core may list a million mappings of files */
	bool has_private;              /* what the process wrote into memory of its own is in the core */
	struct gsd_error *missing;     /* why the program was not found; NULL: it was */
	bool unverified;               /* nothing tells whether it is the right build */
	const char *warnings[MAX_WARNINGS];
	struct gsd_arena strings;
};

static bool same_path(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- what is in the core ---- */

static struct gsd_error *open_dumped(struct core_target *target)
{
	const struct gsd_core_segments *segments = &target->core->segments;
	for (size_t i = 0; i < segments->count; i++) {
		const struct gsd_core_segment *segment = &segments->items[i];
		struct gsd_file_span span = {.start = segment->start,
					     .end = segment->start + segment->length,
					     .offset = segment->offset,
					     .fd = target->core->fd};
		if (segment->length > 0 && !span_array_append(&target->dumped, span))
			return gsd_error_no_memory();
	}
	gsd_file_memory_init(&target->dumped_memory, target->dumped.items, target->dumped.count);
	return NULL;
}

static bool read_dumped(struct core_target *target, uint64_t address, void *buffer, size_t length)
{
	struct gsd_range range = {.address = address, .length = length, .buffer = buffer};
	gsd_memory_read_ranges(&target->dumped_memory.memory, &range, 1);
	return range.errnum == 0;
}

static void warn(struct core_target *target, const char *format, ...) GSD_PRINTF(2, 3);
static void warn(struct core_target *target, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	const char *kept = gsd_arena_string(&target->strings, text, strlen(text));
	if (kept != NULL && target->target.warning_count < MAX_WARNINGS)
		target->warnings[target->target.warning_count++] = kept;
}

/* ---- mappings: segments, and the files of which some have no segment ---- */

/* The smaller of the boundaries @p a and @p b that lies behind @p address. */
static uint64_t nearer(uint64_t address, uint64_t a, uint64_t b)
{
	bool use_a = a > address && (b <= address || a < b);
	return use_a ? a : b > address ? b : UINT64_MAX;
}

static struct gsd_mapping mapping_of(const struct core_target *target, uint64_t start, uint64_t end,
				     const struct gsd_core_segment *segment, const struct gsd_core_file *file)
{
	struct gsd_mapping mapping = {.start = start, .end = end, .readable = true, .path = ""};
	if (segment != NULL) {
		mapping.readable = segment->readable;
		mapping.writable = segment->writable;
		mapping.executable = segment->executable;
	}
	if (file != NULL) {
		mapping.path = file->path;
		mapping.deleted = file->deleted;
		mapping.offset = file->offset + (start - file->start);
	} else if (target->core->vdso != 0 && start == target->core->vdso) {
		mapping.path = "[vdso]";
	} else if (start == VSYSCALL_ADDRESS) {
		mapping.path = "[vsyscall]";
	}
	return mapping;
}

static struct gsd_error *make_mappings(struct core_target *target)
{
	const struct gsd_core_segments *segments = &target->core->segments;
	const struct gsd_core_files *files = &target->core->files;
	size_t s = 0;
	size_t f = 0;
	uint64_t at = 0;
	while (s < segments->count || f < files->count) {
		const struct gsd_core_segment *segment = s < segments->count ? &segments->items[s] : NULL;
		const struct gsd_core_file *file = f < files->count ? &files->items[f] : NULL;
		bool in_segment = segment != NULL && at >= segment->start;
		bool in_file = file != NULL && at >= file->start;
		uint64_t end = nearer(at,
				      segment == NULL ? 0
				      : in_segment    ? segment->end
						      : segment->start,
				      file == NULL ? 0
				      : in_file    ? file->end
						   : file->start);
		if (in_segment || in_file) {
			struct gsd_mapping mapping =
				mapping_of(target, at, end, in_segment ? segment : NULL, in_file ? file : NULL);
			if (!gsd_mapping_array_append(&target->mappings, mapping))
				return gsd_error_no_memory();
		}
		at = end;
		s += segment != NULL && at >= segment->end ? 1 : 0;
		f += file != NULL && at >= file->end ? 1 : 0;
	}
	return NULL;
}

/* ---- the files ---- */

static uint64_t hash_of(const char *path)
{
	return gsd_hash_bytes(path, strlen(path), 0);
}

static struct binary *binary_at_path(const struct core_target *target, const char *path)
{
	uint64_t index;
	if (!gsd_hash_find(target->binary_index, hash_of(path), &index))
		return NULL;
	if (same_path(target->binaries.items[index].path, path))
		return &target->binaries.items[index];
	/* Two paths of the same hash. */
	for (size_t i = 0; i < target->binaries.count; i++)
		if (same_path(target->binaries.items[i].path, path))
			return &target->binaries.items[i];
	return NULL;
}

/* Whether what the core has of the file says that it is no program: then it is not looked for. */
static bool is_data(struct core_target *target, const struct gsd_core_file *file)
{
	char magic[SELFMAG];
	return file->offset == 0 && read_dumped(target, file->start, magic, sizeof magic) &&
	       memcmp(magic, ELFMAG, SELFMAG) != 0;
}

static bool has_first_page(struct core_target *target, const struct gsd_core_file *file)
{
	char page[PAGE_SIZE];
	return read_dumped(target, file->start, page, sizeof page);
}

static struct gsd_error *open_elf(struct core_target *target, const struct gsd_wanted_binary *wanted,
				  struct gsd_binaries *binaries, struct binary *binary)
{
	struct gsd_found_binary found;
	GSD_TRY(gsd_binaries_open(binaries, wanted, &found));
	struct gsd_error *error = gsd_elf_open(found.fd, wanted->path, &binary->elf);
	if (error != NULL) {
		close(found.fd);
		return error;
	}
	binary->fd = found.fd;
	target->unverified |= !found.verified && wanted->program;
	if (!found.verified && wanted->program)
		warn(target,
		     "nothing in the %s tells which build of %s it is of (%s): the one that was found is believed to "
		     "be "
		     "it",
		     target->core->name, wanted->path, wanted->why_no_build_id);
	return NULL;
}

/* Looks for the file. Not finding a library is no error: it may not be needed. */
static struct gsd_error *find_binary(struct core_target *target, struct gsd_binaries *binaries,
				     const struct gsd_core_file *file)
{
	struct binary binary = {.path = file->path, .fd = -1};
	struct gsd_wanted_binary wanted = {.path = same_path(file->path, GSD_CORE_UNKNOWN_PROGRAM) ? "" : file->path,
					   .program = same_path(file->path, target->target.exe_path),
					   .why_no_build_id = "the first page of the program is not in the core"};
	if (file->offset == 0)
		gsd_build_ids_in_memory(&target->dumped_memory.memory, file->start, &wanted.ids);
	if (file->offset == 0 && wanted.ids.gnu[0] == '\0' && wanted.ids.go[0] == '\0' && has_first_page(target, file))
		wanted.why_no_build_id = "it has no build id";
	struct gsd_error *error = is_data(target, file) ? NULL : open_elf(target, &wanted, binaries, &binary);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	if (error != NULL && wanted.program)
		target->missing = error;
	else
		gsd_error_destroy(error);
	bool added = binary_array_append(&target->binaries, binary) &&
		     gsd_hash_insert(target->binary_index, hash_of(binary.path), target->binaries.count - 1);
	return added ? NULL : gsd_error_no_memory();
}

static struct gsd_error *find_binaries(struct core_target *target, struct gsd_binaries *binaries)
{
	const struct gsd_core_files *files = &target->core->files;
	struct gsd_error *error = NULL;
	for (size_t i = 0; i < files->count && error == NULL && target->binaries.count < MAX_FILES; i++)
		if (binary_at_path(target, files->items[i].path) == NULL)
			error = find_binary(target, binaries, &files->items[i]);
	return error;
}

/* The file that holds an address, or NULL. */
static const struct gsd_core_file *file_at(const struct gsd_core *core, uint64_t address)
{
	for (size_t i = 0; i < core->files.count; i++)
		if (address >= core->files.items[i].start && address < core->files.items[i].end)
			return &core->files.items[i];
	return NULL;
}

/* The program: what holds its own program headers, else what was mapped first. */
static void choose_program(struct core_target *target)
{
	const struct gsd_core *core = target->core;
	const struct gsd_core_file *file = file_at(core, core->program_headers);
	if (file == NULL && core->files.count > 0)
		file = &core->files.items[0];
	target->target.exe_path = file != NULL            ? file->path
				  : core->comm[0] != '\0' ? core->comm
							  : GSD_CORE_UNKNOWN_PROGRAM;
}

/* What a mapping that has no segment in the core may be used for: what its file's own segment says. */
static void take_permissions(struct gsd_mapping *mapping, const struct binary *binary)
{
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(binary->elf, &count);
	for (size_t i = 0; i < count; i++) {
		const struct gsd_elf_segment *segment = &segments[i];
		if (mapping->offset < (segment->file_offset & ~(PAGE_SIZE - 1)) ||
		    mapping->offset >= segment->file_offset + segment->file_size)
			continue;
		mapping->writable = segment->writable;
		mapping->executable = segment->executable;
		return;
	}
}

/* ---- the memory ---- */

static struct gsd_error *add_span(struct core_target *target, uint64_t start, uint64_t end, uint64_t offset, int fd,
				  bool zero_tail)
{
	struct gsd_file_span span = {.start = start, .end = end, .offset = offset, .fd = fd, .zero_tail = zero_tail};
	if (start >= end)
		return NULL;
	return span_array_append(&target->spans, span) ? NULL : gsd_error_no_memory();
}

/*
 * One mapping: what was dumped of it, then what its file has. What the process may write is in its file as long as it
 * has not been written: then it is left out, and only then where such memory is dumped at all.
 */
static struct gsd_error *add_mapping_spans(struct core_target *target, struct gsd_mapping *mapping,
					   const struct gsd_core_segment *segment)
{
	uint64_t reached = mapping->start;
	struct binary *binary = mapping->path[0] == '\0' ? NULL : binary_at_path(target, mapping->path);
	if (segment == NULL && binary != NULL && binary->elf != NULL)
		take_permissions(mapping, binary);
	if (segment != NULL && segment->start + segment->length > reached) {
		uint64_t dumped_end = segment->start + segment->length;
		if (dumped_end > mapping->end)
			dumped_end = mapping->end;
		GSD_TRY(add_span(target, reached, dumped_end, segment->offset + (reached - segment->start),
				 target->core->fd, false));
		reached = dumped_end;
	}
	if (binary == NULL || binary->fd < 0 || (mapping->writable && !target->has_private) || !mapping->readable)
		return NULL;
	return add_span(target, reached, mapping->end, mapping->offset + (reached - mapping->start), binary->fd, true);
}

static struct gsd_error *make_memory(struct core_target *target)
{
	const struct gsd_core_segments *segments = &target->core->segments;
	size_t s = 0;
	for (size_t i = 0; i < segments->count; i++)
		target->has_private |= segments->items[i].writable && segments->items[i].length > 0;
	for (size_t i = 0; i < target->mappings.count; i++) {
		struct gsd_mapping *mapping = &target->mappings.items[i];
		while (s < segments->count && segments->items[s].end <= mapping->start)
			s++;
		bool in_segment = s < segments->count && segments->items[s].start <= mapping->start;
		GSD_TRY(add_mapping_spans(target, mapping, in_segment ? &segments->items[s] : NULL));
	}
	gsd_file_memory_init(&target->memory, target->spans.items, target->spans.count);
	return NULL;
}

/* ---- as a target ---- */

static struct core_target *of(const struct gsd_target *target)
{
	return (struct core_target *)(uintptr_t)target;
}

static void core_target_destroy(struct gsd_target *base)
{
	struct core_target *target = of(base);
	for (size_t i = 0; i < target->binaries.count; i++) {
		gsd_elf_destroy(target->binaries.items[i].elf);
		if (target->binaries.items[i].fd >= 0)
			close(target->binaries.items[i].fd);
	}
	binary_array_free(&target->binaries);
	gsd_hash_destroy(target->binary_index);
	span_array_free(&target->dumped);
	span_array_free(&target->spans);
	gsd_mapping_array_free(&target->mappings);
	gsd_error_destroy(target->missing);
	gsd_arena_free(&target->strings);
	gsd_core_destroy(target->core);
	free(target);
}

static bool core_halt(struct gsd_stop *stop)
{
	(void)stop;
	return true;
}

static void core_release(struct gsd_stop *stop)
{
	(void)stop;
}

/* A core stands still always; its threads are those of its notes. */
static struct gsd_error *core_stop(struct gsd_target *base, uint64_t max_pause_ns, struct gsd_threads *threads,
				   gsd_target_window *window, void *context, struct gsd_stop_figures *figures_ret)
{
	const struct gsd_core *core = of(base)->core;
	struct gsd_stop stop = {.halt = core_halt, .release = core_release};
	(void)max_pause_ns;
	threads->count = core->threads.count;
	threads->overflow = threads->count > threads->capacity;
	if (threads->overflow)
		return NULL;
	if (threads->count > 0)
		memcpy(threads->items, core->threads.items, threads->count * sizeof *threads->items);
	window(&stop, context);
	*figures_ret = (struct gsd_stop_figures){.halted_unix_ns = (uint64_t)core->modified.tv_sec * 1000000000U +
								   (uint64_t)core->modified.tv_nsec};
	return NULL;
}

static struct gsd_error *core_thread_capacity(struct gsd_target *base, size_t *capacity_ret)
{
	*capacity_ret = of(base)->core->threads.count + 1;
	return NULL;
}

static struct gsd_error *core_open_mapping(struct gsd_target *base, const struct gsd_mapping *mapping, int *fd_ret)
{
	const struct binary *binary = binary_at_path(of(base), mapping->path);
	int fd = binary == NULL || binary->fd < 0 ? -1 : fcntl(binary->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return gsd_error_create(GSD_ERROR_IO, ENOENT, "open the file mapped at 0x%" PRIx64 " (%s)",
					mapping->start, mapping->path);
	*fd_ret = fd;
	return NULL;
}

/* Copies what lies below @p end, up to @p size bytes, to the end of @p text. Returns how many bytes. */
static size_t read_below(struct core_target *target, uint64_t end, char *text, size_t size)
{
	size_t length = 0;
	while (length < size && end > length) {
		size_t step = (size_t)((end - length) % PAGE_SIZE);
		step = step == 0 ? PAGE_SIZE : step;
		if (step > size - length ||
		    !read_dumped(target, end - length - step, text + size - length - step, step))
			break;
		length += step;
	}
	return length;
}

/*
 * The environment's strings lie right below the path that was given to execve, and the arguments below those
 * (fs/exec.c, do_execveat_common): what comes last counts.
 */
static struct gsd_error *core_environment(struct gsd_target *base, const char *name, char **value_ret)
{
	struct core_target *target = of(base);
	char *text = calloc(1, MAX_ENVIRONMENT + 1);
	if (text == NULL)
		return gsd_error_no_memory();
	size_t name_length = strlen(name);
	const char *value = NULL;
	const char *end = text + MAX_ENVIRONMENT;
	const char *at = end - read_below(target, target->core->exec_name, text, MAX_ENVIRONMENT);
	for (; at < end; at += strlen(at) + 1)
		if (strncmp(at, name, name_length) == 0 && at[name_length] == '=')
			value = at + name_length + 1;
	char *copy = value == NULL ? NULL : strdup(value);
	bool no_memory = value != NULL && copy == NULL;
	free(text);
	if (no_memory)
		return gsd_error_no_memory();
	*value_ret = copy;
	return NULL;
}

/* Holes take no room, and a file system may compress. */
static uint64_t core_memory_bytes(const struct gsd_target *base)
{
	const struct gsd_core *core = of(base)->core;
	uint64_t on_disk = core->disk_bytes < UINT64_MAX / 16 ? 16 * core->disk_bytes : UINT64_MAX;
	return on_disk < core->size ? on_disk : core->size;
}

static uint64_t core_bytes_read(const struct gsd_target *base)
{
	return of(base)->memory.bytes_read + of(base)->dumped_memory.bytes_read;
}

static const char *core_change(const struct gsd_target *base)
{
	(void)base;
	return NULL;
}

/* The program that is missing is the better reason; else what the core lacks. */
static struct gsd_error *core_explain(const struct gsd_target *base, struct gsd_error *error)
{
	struct core_target *target = of(base);
	if (target->missing != NULL) {
		gsd_error_destroy(error);
		error = gsd_take(target->missing);
		for (size_t i = 0; i < base->warning_count; i++)
			error = gsd_error_advise(error, "%s", base->warnings[i]);
		return error;
	}
	if (base->warning_count == 0)
		return error;
	struct gsd_error *better =
		gsd_error_because(gsd_error_create(gsd_error_code(error), 0, "read the goroutines of the %s (%s)",
						   base->name, base->exe_path),
				  "%s", base->warnings[0]);
	for (size_t i = 1; i < base->warning_count; i++)
		better = gsd_error_advise(better, "%s", base->warnings[i]);
	better = gsd_error_advise(better, "what could not be done: %s", gsd_error_message(error));
	if (target->unverified)
		better = gsd_error_advise(better, "if it is another build, give the right one by --exe FILE");
	gsd_error_destroy(error);
	return better;
}

static const struct gsd_target_operations core_operations = {
	.destroy = core_target_destroy,
	.stop = core_stop,
	.thread_capacity = core_thread_capacity,
	.open_mapping = core_open_mapping,
	.environment = core_environment,
	.memory_bytes = core_memory_bytes,
	.bytes_read = core_bytes_read,
	.change = core_change,
	.explain = core_explain,
};

/* ---- opening ---- */

/* Whether nothing of what the process wrote was dumped. */
static bool lacks_private(const struct core_target *target)
{
	const struct gsd_core_segments *segments = &target->core->segments;
	bool writable = false;
	for (size_t i = 0; i < segments->count; i++)
		writable |= segments->items[i].writable;
	return writable && !target->has_private;
}

/* Whether nothing of its notes is there. */
static bool lacks_notes(const struct gsd_core *core)
{
	return core->threads.count == 0 && core->pid == 0 && core->comm[0] == '\0' && core->exec_name == 0 &&
	       core->vdso == 0;
}

static void warn_of_notes(struct core_target *target)
{
	const struct gsd_core *core = target->core;
	if (core->notes_cut && !lacks_notes(core))
		warn(target, "the notes of the %s are damaged: threads or files may be missing", core->name);
	if (lacks_notes(core))
		warn(target,
		     "the %s has no notes in it (registers of threads, list of mapped files, pid): goroutines that ran "
		     "have "
		     "no stack",
		     core->name);
	else if (core->threads.count == 0)
		warn(target, "the %s has no threads in it: goroutines that ran have no stack", core->name);
	if (core->files.count == 0)
		warn(target, "the first page of no program is in the %s: what was mapped where is not known",
		     core->name);
}

static void warn_of_holes(struct core_target *target)
{
	const struct gsd_core *core = target->core;
	if (core->cut_bytes > 0)
		warn(target, "the %s is cut short: %" PRIu64 " of %" PRIu64 " bytes are missing at its end", core->name,
		     core->cut_bytes, core->cut_bytes + core->size);
	else if (lacks_private(target))
		warn(target,
		     "the %s has nothing of what the process wrote into its memory: coredump_filter (core(5)) left it "
		     "out",
		     core->name);
	if (core->unfinished_headers > 0)
		warn(target, "gcore did not finish the %s: it has no ELF header", core->name);
	warn_of_notes(target);
	target->target.missing_bytes = core->cut_bytes;
}

static struct gsd_error *open_files(struct core_target *target, const struct gsd_capture_options *options)
{
	struct gsd_binaries *binaries;
	GSD_TRY(gsd_binaries_create(options->exes, options->exe_count, &binaries));
	struct gsd_error *error = gsd_core_list_files(target->core, &target->dumped_memory.memory, binaries);
	if (error == NULL) {
		choose_program(target);
		error = make_mappings(target);
	}
	if (error == NULL)
		error = find_binaries(target, binaries);
	gsd_binaries_destroy(binaries);
	return error;
}

static struct gsd_error *open_parts(struct core_target *target, const struct gsd_capture_options *options)
{
	GSD_TRY(open_dumped(target));
	GSD_TRY(open_files(target, options));
	GSD_TRY(make_memory(target));
	warn_of_holes(target);
	const struct binary *program = binary_at_path(target, target->target.exe_path);
	struct gsd_target *base = &target->target;
	base->exe = program == NULL ? -1 : program->fd;
	base->memory = &target->memory.memory;
	base->mappings = target->mappings.items;
	base->mapping_count = target->mappings.count;
	return NULL;
}

struct gsd_error *gsd_target_open_core(const char *path, const struct gsd_capture_options *options,
				       struct gsd_target **target_ret)
{
	struct core_target *target = calloc(1, sizeof *target);
	if (target == NULL)
		return gsd_error_no_memory();
	target->target.operations = &core_operations;
	target->target.warnings = target->warnings;
	target->binary_index = gsd_hash_create(0);
	struct gsd_error *error =
		target->binary_index == NULL ? gsd_error_no_memory() : gsd_core_open(path, &target->core);
	if (error == NULL) {
		target->target.name = target->core->name;
		target->target.pid = target->core->pid;
		memcpy(target->target.comm, target->core->comm, sizeof target->target.comm - 1);
		error = open_parts(target, options);
	}
	if (error != NULL)
		core_target_destroy(&target->target);
	else
		*target_ret = &target->target;
	return error;
}
