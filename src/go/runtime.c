/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/runtime.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "go/operands.h"
#include "image/dwarf.h"
#include "image/types.h"

#define MAX_CACHE_BYTES ((size_t)512 << 20)
#define MAX_MODULES     1024
#define MAX_VERSION     63

unsigned gsd_parse_go_minor(const char *version)
{
	const char *number = strstr(version, "go1.");
	if (number == NULL)
		return 0;
	char *end;
	unsigned long minor = strtoul(number + 4, &end, 10);
	return end == number + 4 || minor > 999 ? 0 : (unsigned)minor;
}

static struct gsd_error *too_old(const char *version)
{
	return gsd_error_advise(
		gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the goroutines of this program"),
				  "it was built with %s, and Go 1.%d is the oldest that is supported", version,
				  GSD_GO_MINOR_OLDEST),
		"send SIGQUIT for its own dump (that ends it), or build it with Go 1.%d or later", GSD_GO_MINOR_OLDEST);
}

/* ---- modules ---- */

/* Where the function table should be, by the name of its section; 0 when that says nothing. */
static uint64_t table_hint(const struct gsd_program *program)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	uint64_t address;
	uint64_t size;
	for (size_t i = 0; program->elf != NULL && i < GSD_ARRAY_SIZE(names); i++)
		if (gsd_elf_section(program->elf, names[i], &address, &size))
			return address + program->bias;
	return 0;
}

/* Whether the function table is of a Go version that is too old, by its first word (debug/gosym, pclntab.go). */
static bool has_old_table(const struct gsd_program *program)
{
	uint32_t magic;
	struct gsd_range range = {.address = table_hint(program), .length = sizeof magic, .buffer = &magic};
	if (range.address == 0)
		return false;
	gsd_memory_read_ranges(program->memory, &range, 1);
	return range.errnum == 0 && (magic == 0xfffffffaU || magic == 0xfffffffbU);
}

static struct gsd_error *confirm(struct gsd_runtime *runtime, const struct gsd_module *module, unsigned minor,
				 bool *confirmed_ret)
{
	struct gsd_types types = gsd_types_of_module(runtime->cache, module, minor);
	struct gsd_error *error = gsd_types_confirm_layout(&types, minor, confirmed_ret);
	if (error != NULL && gsd_error_code(error) != GSD_ERROR_NO_MEMORY) {
		/* Descriptors read through a wrong layout are nonsense of any kind: not confirmed. */
		gsd_error_destroy(error);
		*confirmed_ret = false;
		error = NULL;
	}
	return error;
}

/* Reads the module again in the layout of Go 1.minor, and replaces it when its own description confirms that. */
static struct gsd_error *try_layout(const struct gsd_program *program, struct gsd_runtime *runtime, unsigned minor,
				    struct gsd_module *module, bool *confirmed_ret)
{
	struct gsd_module other;
	struct gsd_error *error = gsd_module_read(program->memory, module->address, minor, &other);
	if (error != NULL) {
		gsd_error_destroy(error);
		return NULL;
	}
	error = confirm(runtime, &other, minor, confirmed_ret);
	if (error != NULL || !*confirmed_ret) {
		gsd_module_free(&other);
		return error;
	}
	gsd_module_free(module);
	*module = other;
	return NULL;
}

/*
 * The layout of moduledata: that of the Go version where its own description confirms it, else the one layout that is
 * confirmed. Without a description (DWARF-only tests, or the types taken away) the version's layout is believed.
 */
static struct gsd_error *settle_module_layout(const struct gsd_program *program, struct gsd_runtime *runtime,
					      struct gsd_module *module)
{
	bool confirmed = false;
	if (module->layout_minor == runtime->go_minor)
		GSD_TRY(confirm(runtime, module, runtime->go_minor, &confirmed));
	else
		GSD_TRY(try_layout(program, runtime, runtime->go_minor, module, &confirmed));
	for (unsigned minor = GSD_GO_MINOR_NEWEST; !confirmed && minor >= GSD_GO_MINOR_OLDEST; minor--)
		GSD_TRY(try_layout(program, runtime, minor, module, &confirmed));
	if (!confirmed && runtime->go_minor > GSD_GO_MINOR_NEWEST)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_MISSING, 0, "find the layout of runtime.moduledata"),
			"no layout of Go 1.%d to 1.%d agrees with the program's own description of it",
			GSD_GO_MINOR_OLDEST, GSD_GO_MINOR_NEWEST);
	return NULL;
}

static struct gsd_error *append_modules(const struct gsd_program *program, struct gsd_module **modules, size_t *count)
{
	uint64_t next = (*modules)[0].data.next;
	while (next != 0 && *count < MAX_MODULES) {
		for (size_t i = 0; i < *count; i++)
			if ((*modules)[i].address == next)
				return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "list the modules"),
							 "module data at 0x%" PRIx64 " is in the list twice", next);
		struct gsd_module *grown = reallocarray(*modules, *count + 1, sizeof *grown);
		if (grown == NULL)
			return gsd_error_no_memory();
		*modules = grown;
		struct gsd_error *error =
			gsd_module_read(program->memory, next, grown[0].layout_minor, &grown[*count]);
		if (error != NULL && program->incomplete && gsd_error_code(error) == GSD_ERROR_READ) {
			gsd_error_destroy(error); /* goroutines in a plugin that is missing cannot be read */
			return NULL;
		}
		GSD_TRY(error);
		next = grown[(*count)++].data.next;
	}
	return NULL;
}

static void free_modules(struct gsd_module *modules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		gsd_module_free(&modules[i]);
	free(modules);
}

static struct gsd_error *make_code(const struct gsd_program *program, struct gsd_runtime *runtime,
				   struct gsd_module *first)
{
	struct gsd_module *modules = malloc(sizeof *modules);
	if (modules == NULL) {
		gsd_module_free(first);
		return gsd_error_no_memory();
	}
	modules[0] = *first;
	size_t count = 1;
	struct gsd_error *error = append_modules(program, &modules, &count);
	if (error == NULL)
		error = gsd_code_create(modules, count, runtime->go_minor, runtime->cache, &runtime->code);
	if (error != NULL)
		free_modules(modules, count);
	return error;
}

/* ---- the version without build information ---- */

/* A Go string at `address` that begins like a version. */
static bool read_version_string(const struct gsd_program *program, uint64_t address, char version[MAX_VERSION + 1])
{
	uint64_t header[2];
	struct gsd_range range = {.address = address, .length = sizeof header, .buffer = header};
	gsd_memory_read_ranges(program->memory, &range, 1);
	if (range.errnum != 0 || header[1] < 5 || header[1] > MAX_VERSION)
		return false;
	range = (struct gsd_range){.address = header[0], .length = (size_t)header[1], .buffer = version};
	gsd_memory_read_ranges(program->memory, &range, 1);
	version[header[1]] = '\0';
	return range.errnum == 0 && gsd_parse_go_minor(version) != 0;
}

/*
 * runtime.schedinit compares the length of runtime.buildVersion with zero: the word before that operand is the string.
 * The operand's displacement may have an immediate of 1 or 4 bytes behind it.
 */
static bool find_build_version(const struct gsd_program *program, const struct gsd_module *module,
			       char version[MAX_VERSION + 1])
{
	uint8_t bytes[4096];
	struct gsd_function function;
	if (!gsd_pclntab_find_name(&module->table, "runtime.schedinit", &function))
		return false;
	/* The layout is not settled yet, so the map of split text is not to be trusted. */
	uint64_t start = module->data.text + function.entry;
	size_t length = function.end - function.entry < sizeof bytes ? function.end - function.entry : sizeof bytes;
	struct gsd_range range = {.address = start, .length = length, .buffer = bytes};
	gsd_memory_read_ranges(program->memory, &range, 1);
	if (range.errnum != 0)
		return false;
	static const uint64_t shifts[] = {0, 1, 4};
	struct gsd_operand list[sizeof bytes];
	size_t count = gsd_operands(bytes, length, start, list, GSD_ARRAY_SIZE(list));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < GSD_ARRAY_SIZE(shifts); k++)
			if (read_version_string(program, list[i].address + shifts[k] - 8, version))
				return true;
	}
	return false;
}

/* Code of libstd.so (-linkshared) goes through the global offset table, but its symbols are always there. */
static struct gsd_error *find_version_symbol(const struct gsd_program *program, struct gsd_runtime *runtime)
{
	uint64_t address;
	bool found = false;
	char version[MAX_VERSION + 1];
	if (program->elf == NULL)
		return NULL;
	struct gsd_error *error = gsd_elf_symbol(program->elf, "runtime.buildVersion", &address, &found);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	if (error != NULL)
		found = false; /* a broken symbol table: as if there were none */
	gsd_error_destroy(error);
	if (found && read_version_string(program, address + program->bias, version)) {
		memcpy(runtime->version, version, sizeof version);
		runtime->go_minor = gsd_parse_go_minor(version);
	}
	return NULL;
}

/* The version that the runtime has of itself: where there is no build information, and to hold against it. */
static struct gsd_error *check_version(const struct gsd_program *program, const struct gsd_module *module,
				       struct gsd_runtime *runtime)
{
	char version[MAX_VERSION + 1] = "";
	bool found = find_build_version(program, module, version);
	if (runtime->go_minor == 0 && !found)
		return find_version_symbol(program, runtime);
	if (!found || gsd_parse_go_minor(version) == runtime->go_minor)
		return NULL;
	if (runtime->go_minor != 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "tell which Go made this program"),
					 "its build information says %s, and its runtime says %s", runtime->version,
					 version);
	memcpy(runtime->version, version, sizeof version);
	runtime->go_minor = gsd_parse_go_minor(version);
	return NULL;
}

static struct gsd_error *find_version(const struct gsd_program *program, struct gsd_runtime *runtime)
{
	if (program->elf == NULL)
		return NULL;
	struct gsd_buildinfo info = {0};
	struct gsd_error *error = gsd_elf_buildinfo(program->elf, program->memory, program->bias, &info);
	if (error != NULL && gsd_error_code(error) != GSD_ERROR_CORRUPT)
		return error;
	if (error != NULL) {
		gsd_error_destroy(error); /* garbled build information: as if there were none */
	} else {
		memcpy(runtime->version, info.version, sizeof runtime->version);
		runtime->modinfo = gsd_take(info.modinfo);
		gsd_buildinfo_free(&info);
	}
	runtime->go_minor = gsd_parse_go_minor(runtime->version);
	if (runtime->go_minor != 0 && runtime->go_minor < GSD_GO_MINOR_OLDEST)
		return too_old(runtime->version);
	return NULL;
}

/* ---- layouts ---- */

static struct gsd_error *layout_from_types(struct gsd_runtime *runtime, struct gsd_field *fields, size_t count)
{
	size_t module_count;
	const struct gsd_module *modules = gsd_code_modules(runtime->code, &module_count);
	struct gsd_types types = gsd_types_of_module(runtime->cache, &modules[0], runtime->go_minor);
	GSD_TRY(gsd_types_fields(&types, fields, count));
	GSD_TRY(gsd_layout_make(runtime->go_minor, fields, count, &runtime->layout));
	runtime->layout_source = GSD_LAYOUT_TYPES;
	return NULL;
}

static struct gsd_error *layout_from_dwarf(const struct gsd_program *program, struct gsd_runtime *runtime,
					   struct gsd_field *fields, size_t count)
{
	bool has_debug = false;
	if (program->elf != NULL)
		GSD_TRY(gsd_dwarf_fields(program->fd, program->name, fields, count, &has_debug));
	if (!has_debug)
		return gsd_error_because(
			gsd_error_create(GSD_ERROR_MISSING, 0, "find the layout of runtime.g in DWARF"),
			"the program has no debug information");
	GSD_TRY(gsd_layout_make(runtime->go_minor, fields, count, &runtime->layout));
	runtime->layout_source = GSD_LAYOUT_DWARF;
	return NULL;
}

static struct gsd_error *find_layout(const struct gsd_program *program, unsigned sources, struct gsd_runtime *runtime)
{
	struct gsd_field *fields;
	size_t count;
	GSD_TRY(gsd_layout_queries(runtime->go_minor, &fields, &count));
	struct gsd_error *error = NULL;
	bool types = sources == 0 || (sources & GSD_LAYOUT_TYPES) != 0;
	bool dwarf = sources == 0 || (sources & GSD_LAYOUT_DWARF) != 0;
	if (types)
		error = layout_from_types(runtime, fields, count);
	if (dwarf && (!types || error != NULL)) {
		struct gsd_error *second = layout_from_dwarf(program, runtime, fields, count);
		if (second == NULL || error == NULL) {
			gsd_error_destroy(error);
			error = second;
		} else {
			gsd_error_destroy(second); /* what the first source lacks is the better answer */
		}
	}
	free(fields);
	return error;
}

/* ---- all of it ---- */

void gsd_runtime_free(struct gsd_runtime *runtime)
{
	gsd_code_destroy(runtime->code);
	gsd_block_cache_destroy(runtime->cache);
	free(runtime->modinfo);
	memset(runtime, 0, sizeof *runtime);
}

/* A program that is linked with -linkshared is Go code whose runtime is in a library (libstd.so). */
static struct gsd_error *check_holds_runtime(const struct gsd_module *module)
{
	struct gsd_function function;
	if (gsd_pclntab_find_name(&module->table, "runtime.schedinit", &function))
		return NULL;
	return gsd_error_because(gsd_error_create(GSD_ERROR_NOT_GO, 0, "find the Go runtime"),
				 "a Go function table is there, but it does not name runtime.schedinit");
}

/* Why the program has no module in the layout of its version: `error`, or that this version is not the right one. */
static struct gsd_error *explain_missing(const struct gsd_program *program, struct gsd_runtime *runtime,
					 struct gsd_error *error)
{
	struct gsd_module module;
	bool found = false;
	struct gsd_error *lie = gsd_module_find(program->memory, program->regions, program->region_count, 0,
						table_hint(program), &module, &found);
	if (lie == NULL && found) {
		lie = check_version(program, &module, runtime);
		gsd_module_free(&module);
	} else {
		gsd_error_destroy(lie);
		lie = NULL;
	}
	if (lie == NULL)
		return error;
	gsd_error_destroy(error);
	return lie;
}

static struct gsd_error *find_first_module(const struct gsd_program *program, struct gsd_runtime *runtime,
					   struct gsd_module *module_ret, bool *found_ret)
{
	if (has_old_table(program))
		return too_old(runtime->version[0] != '\0' ? runtime->version : "Go 1.17 or earlier");
	struct gsd_error *error = gsd_module_find(program->memory, program->regions, program->region_count,
						  runtime->go_minor, table_hint(program), module_ret, found_ret);
	if (error != NULL && runtime->go_minor != 0 && gsd_error_code(error) == GSD_ERROR_MISSING)
		return explain_missing(program, runtime, error);
	if (error != NULL || !*found_ret)
		return error;
	error = check_holds_runtime(module_ret);
	if (error == NULL)
		error = check_version(program, module_ret, runtime);
	if (error == NULL && runtime->go_minor == 0)
		error = gsd_error_because(gsd_error_create(GSD_ERROR_MISSING, 0, "find runtime.buildVersion"),
					  "neither build information nor runtime.schedinit says which Go made this "
					  "program");
	else if (error == NULL && runtime->go_minor < GSD_GO_MINOR_OLDEST)
		error = too_old(runtime->version);
	if (error == NULL)
		error = settle_module_layout(program, runtime, module_ret);
	if (error != NULL)
		gsd_module_free(module_ret);
	return error;
}

static struct gsd_error *find_all(const struct gsd_program *program, unsigned allgs_sources, unsigned layout_sources,
				  struct gsd_runtime *runtime, bool *found_ret)
{
	struct gsd_module first;
	GSD_TRY(gsd_block_cache_create(program->memory, MAX_CACHE_BYTES, &runtime->cache));
	GSD_TRY(find_version(program, runtime));
	GSD_TRY(find_first_module(program, runtime, &first, found_ret));
	if (!*found_ret)
		return NULL;
	GSD_TRY(make_code(program, runtime, &first));
	GSD_TRY(find_layout(program, layout_sources, runtime));
	GSD_TRY(gsd_allgs_find(program, runtime->code, &runtime->layout, allgs_sources, &runtime->allgs));
	GSD_TRY(gsd_finalizer_flag_find(program, runtime->code, &runtime->finalizer));
	return gsd_globals_find(program, runtime->code, &runtime->layout,
				allgs_sources != 0 && (allgs_sources & GSD_ALLGS_SYMBOL) == 0, &runtime->globals);
}

struct gsd_error *gsd_runtime_find(const struct gsd_program *program, unsigned allgs_sources, unsigned layout_sources,
				   struct gsd_runtime *runtime_ret, bool *found_ret)
{
	struct gsd_runtime runtime = {0};
	bool found = false;
	struct gsd_error *error = find_all(program, allgs_sources, layout_sources, &runtime, &found);
	if (error != NULL || !found) {
		gsd_runtime_free(&runtime);
		*found_ret = false;
		return error;
	}
	*runtime_ret = runtime;
	*found_ret = true;
	return NULL;
}

struct gsd_error *gsd_runtime_none(struct gsd_memory *memory, struct gsd_runtime *runtime_ret)
{
	struct gsd_runtime runtime = {0};
	GSD_TRY(gsd_block_cache_create(memory, MAX_CACHE_BYTES, &runtime.cache));
	struct gsd_error *error = gsd_code_create(NULL, 0, 0, runtime.cache, &runtime.code);
	if (error != NULL)
		gsd_runtime_free(&runtime);
	else
		*runtime_ret = runtime;
	return error;
}
