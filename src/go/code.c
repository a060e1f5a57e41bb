/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/code.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"

GSD_DEFINE_ARRAY(pc_infos, struct gsd_pc_info)

#define FUNCTION_IDS 32

struct gsd_code {
	struct gsd_module *modules;
	size_t module_count;
	unsigned go_minor;
	struct gsd_block_cache *cache;
	uint8_t special_of_id[FUNCTION_IDS];
	struct gsd_hash *memo; /* pc -> index into infos */
	struct pc_infos infos;
};

/*
 * Function ids: internal/abi/symtab.go (FuncID), runtime/symtab.go up to 1.20. The ids of three groups of versions;
 * 0 where a version has none.
 */
static const struct id_row {
	enum gsd_special special;
	uint8_t id_18, id_22, id_25;
} id_rows[] = {
	{GSD_SPECIAL_ASYNC_PREEMPT, 3, 3, 3},
	{GSD_SPECIAL_CGOCALLBACK, 4, 4, 4},
	{GSD_SPECIAL_COROSTART, 0, 5, 5},
	{GSD_SPECIAL_DEBUG_CALL, 5, 6, 6},
	{GSD_SPECIAL_GOEXIT, 7, 8, 8},
	{GSD_SPECIAL_PANIC, 9, 10, 10},
	{GSD_SPECIAL_PANIC, 14, 15, 15},
	{GSD_SPECIAL_HANDLE_ASYNC_EVENT, 10, 11, 11},
	{GSD_SPECIAL_RUN_FINALIZERS, 16, 17, 18},
	{GSD_SPECIAL_RUNTIME_MAIN, 17, 18, 17},
	{GSD_SPECIAL_RUN_CLEANUPS, 0, 0, 19},
	{GSD_SPECIAL_SIGPANIC, 18, 19, 20},
	{GSD_SPECIAL_WRAPPER, 21, 22, 23},
};

static void fill_special_ids(struct gsd_code *code)
{
	for (size_t i = 0; i < FUNCTION_IDS; i++)
		code->special_of_id[i] = i == 0 ? GSD_SPECIAL_NONE : GSD_SPECIAL_OTHER;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(id_rows); i++) {
		const struct id_row *row = &id_rows[i];
		uint8_t id = code->go_minor >= 25 ? row->id_25 : code->go_minor >= 22 ? row->id_22 : row->id_18;
		if (id != 0)
			code->special_of_id[id] = (uint8_t)row->special;
	}
}

/* The ids are a table by version: functions whose names are known must have the ids that the table says. */
static struct gsd_error *confirm_special_ids(const struct gsd_code *code)
{
	static const struct {
		const char *name;
		enum gsd_special special;
	} known[] = {
		{"runtime.goexit", GSD_SPECIAL_GOEXIT},
		{"runtime.sigpanic", GSD_SPECIAL_SIGPANIC},
		{"runtime.main", GSD_SPECIAL_RUNTIME_MAIN},
		{"runtime.gopanic", GSD_SPECIAL_PANIC},
		{"runtime.asyncPreempt", GSD_SPECIAL_ASYNC_PREEMPT},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(known) && code->module_count > 0; i++) {
		struct gsd_function function;
		if (!gsd_pclntab_find_name(&code->modules[0].table, known[i].name, &function))
			continue;
		if (gsd_code_special(code, function.id) != known[i].special)
			return gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the function table"),
						 "%s has function id %u, which is not its id in Go 1.%u", known[i].name,
						 function.id, code->go_minor);
	}
	return NULL;
}

struct gsd_error *gsd_code_create(struct gsd_module *modules, size_t count, unsigned go_minor,
				  struct gsd_block_cache *cache, struct gsd_code **code_ret)
{
	struct gsd_code *code = calloc(1, sizeof *code);
	struct gsd_hash *memo = gsd_hash_create(4096);
	if (code == NULL || memo == NULL) {
		free(code);
		gsd_hash_destroy(memo);
		return gsd_error_no_memory();
	}
	code->go_minor = go_minor;
	code->cache = cache;
	code->memo = memo;
	fill_special_ids(code);
	code->modules = modules;
	code->module_count = count;
	struct gsd_error *error = confirm_special_ids(code);
	if (error != NULL) {
		code->modules = NULL;
		code->module_count = 0;
		gsd_code_destroy(code);
		return error;
	}
	*code_ret = code;
	return NULL;
}

void gsd_code_destroy(struct gsd_code *code)
{
	if (code == NULL)
		return;
	for (size_t i = 0; i < code->module_count; i++)
		gsd_module_free(&code->modules[i]);
	free(code->modules);
	gsd_hash_destroy(code->memo);
	pc_infos_free(&code->infos);
	free(code);
}

const struct gsd_module *gsd_code_modules(const struct gsd_code *code, size_t *count_ret)
{
	*count_ret = code->module_count;
	return code->modules;
}

struct gsd_block_cache *gsd_code_cache(const struct gsd_code *code)
{
	return code->cache;
}

unsigned gsd_code_go_minor(const struct gsd_code *code)
{
	return code->go_minor;
}

enum gsd_special gsd_code_special(const struct gsd_code *code, uint8_t id)
{
	return id < FUNCTION_IDS ? (enum gsd_special)code->special_of_id[id] : GSD_SPECIAL_OTHER;
}

bool gsd_code_find(const struct gsd_code *code, uint64_t pc, const struct gsd_module **module_ret,
		   struct gsd_function *function_ret, uint64_t *offset_ret)
{
	for (size_t i = 0; i < code->module_count; i++) {
		const struct gsd_module *module = &code->modules[i];
		uint64_t offset;
		if (!gsd_module_text_offset(module, pc, &offset))
			continue;
		if (!gsd_pclntab_find(&module->table, offset, function_ret))
			return false;
		*module_ret = module;
		*offset_ret = offset;
		return true;
	}
	return false;
}

bool gsd_code_is_runtime(const struct gsd_code *code, uint64_t pc)
{
	static const char prefix[] = "runtime.";
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(code, pc, &module, &function, &offset))
		return false;
	const char *name = gsd_pclntab_name(&module->table, function.name);
	return name != NULL && strncmp(name, prefix, sizeof prefix - 1) == 0;
}

/*
 * What a function that writes sp is, by its name. Those of the runtime do so to go to another stack: while sp is on the
 * goroutine's, the table is right. runtime.gogo ends in a file-local function of its own, which has no function id.
 */
static enum gsd_special special_of_writer(const struct gsd_module *module, const struct gsd_function *function,
					  enum gsd_special by_id)
{
	static const char runtime[] = "runtime.";
	const char *name = gsd_pclntab_name(&module->table, function->name);
	if (name == NULL || by_id == GSD_SPECIAL_CGOCALLBACK)
		return by_id;
	if (strcmp(name, "gogo") == 0 || strcmp(name, "runtime.gogo") == 0)
		return GSD_SPECIAL_GOGO;
	bool known = strncmp(name, runtime, sizeof runtime - 1) == 0 || strcmp(name, "time.now") == 0;
	return known ? GSD_SPECIAL_STACK_SWITCH : by_id;
}

/* Functions without an id of their own. sigpanic0 is what the signal handler injects: it jumps to sigpanic. */
static enum gsd_special special_by_name(const struct gsd_module *module, const struct gsd_function *function)
{
	const char *name = gsd_pclntab_name(&module->table, function->name);
	if (name == NULL)
		return GSD_SPECIAL_NONE;
	if (strcmp(name, "runtime.sigpanic0") == 0)
		return GSD_SPECIAL_SIGPANIC;
	if (strcmp(name, "runtime.copystack") == 0)
		return GSD_SPECIAL_COPYSTACK;
	return strcmp(name, "runtime.recovery") == 0 ? GSD_SPECIAL_RECOVERY : GSD_SPECIAL_NONE;
}

static struct gsd_pc_info describe_pc(const struct gsd_code *code, uint64_t pc)
{
	struct gsd_pc_info info = {.stack_depth = -1};
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(code, pc, &module, &function, &offset))
		return info;
	info.entry = gsd_module_text_address(module, function.entry);
	info.flags = function.flags;
	info.defers = function.deferreturn != 0;
	info.special = (uint8_t)gsd_code_special(code, function.id);
	if (info.special == GSD_SPECIAL_NONE)
		info.special = (uint8_t)special_by_name(module, &function);
	if ((function.flags & GSD_FUNCTION_SP_WRITE) != 0)
		info.special = (uint8_t)special_of_writer(module, &function, (enum gsd_special)info.special);
	if (function.stack_depths != 0)
		info.stack_depth = gsd_pclntab_value(&module->table, &function, function.stack_depths, offset);
	return info;
}

bool gsd_code_pc(struct gsd_code *code, uint64_t pc, struct gsd_pc_info *info_ret)
{
	uint64_t index;
	if (!gsd_hash_find(code->memo, pc, &index)) {
		index = code->infos.count;
		if (!pc_infos_append(&code->infos, describe_pc(code, pc)) || !gsd_hash_insert(code->memo, pc, index))
			return false;
	}
	*info_ret = code->infos.items[index];
	return true;
}

bool gsd_code_function_named(const struct gsd_code *code, const char *name, uint64_t *start_ret, uint64_t *end_ret)
{
	struct gsd_function function;
	if (code->module_count == 0 || !gsd_pclntab_find_name(&code->modules[0].table, name, &function))
		return false;
	*start_ret = gsd_module_text_address(&code->modules[0], function.entry);
	*end_ret = gsd_module_text_address(&code->modules[0], function.end);
	return *start_ret < *end_ret;
}
