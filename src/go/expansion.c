/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/expansion.h"

#include <inttypes.h>

#include "base/error.h"

static const char *or_unknown(const char *text)
{
	return text != NULL ? text : "?";
}

/* The address of the function's inline tree; 0: nothing is inlined into it. */
static uint64_t inline_tree(const struct gsd_expansion *expansion)
{
	uint32_t tree;
	bool found =
		gsd_pclntab_funcdata(&expansion->module->table, &expansion->function, GSD_FUNCDATA_INLINE_TREE, &tree);
	return found ? expansion->module->data.gofunc + tree : 0;
}

bool gsd_expansion_begin(const struct gsd_code *code, uint64_t pc, bool call, struct gsd_expansion *expansion_ret)
{
	struct gsd_expansion expansion = {0};
	if (!gsd_code_find(code, pc, &expansion.module, &expansion.function, &expansion.offset))
		return false;
	if (call && expansion.offset > expansion.function.entry)
		expansion.offset--;
	expansion.tree = inline_tree(&expansion);
	*expansion_ret = expansion;
	return true;
}

/* The inlined call at the expansion's offset; false when the physical function itself is there. */
static struct gsd_error *inlined_call(struct gsd_code *code, const struct gsd_expansion *expansion,
				      struct gsd_inlined_call *call_ret, bool *found_ret)
{
	*found_ret = false;
	if (expansion->tree == 0)
		return NULL;
	int32_t index = gsd_pclntab_pcdata(&expansion->module->table, &expansion->function, GSD_PCDATA_INLINE_TREE,
					   expansion->offset);
	if (index < 0)
		return NULL;
	size_t size = gsd_inlined_call_size(&expansion->module->table);
	const uint8_t *bytes;
	GSD_TRY(gsd_block_cache_read(gsd_code_cache(code), expansion->tree + (uint64_t)index * size, size, &bytes));
	*call_ret = gsd_inlined_call_parse(&expansion->module->table, bytes);
	if (!gsd_pclntab_is_name(&expansion->module->table, call_ret->name))
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the calls inlined into %s",
							  or_unknown(gsd_pclntab_name(&expansion->module->table,
										      expansion->function.name))),
					 "record %" PRId32 " of its inline tree at 0x%" PRIx64 " names no function",
					 index, expansion->tree);
	*found_ret = true;
	return NULL;
}

static struct gsd_error *describe(struct gsd_code *code, const struct gsd_expansion *expansion,
				  struct gsd_expanded_call *call_ret, int32_t *parent_pc_ret)
{
	struct gsd_inlined_call call;
	bool inlined;
	GSD_TRY(inlined_call(code, expansion, &call, &inlined));
	int32_t name = inlined ? call.name : expansion->function.name;
	*call_ret = (struct gsd_expanded_call){
		.name = or_unknown(gsd_pclntab_name(&expansion->module->table, name)),
		.start_line = inlined ? call.start_line : expansion->function.start_line,
		.special = gsd_code_special(code, inlined ? call.id : expansion->function.id),
		.inlined = inlined};
	*parent_pc_ret = inlined ? call.parent_pc : 0;
	return NULL;
}

struct gsd_error *gsd_expansion_call(struct gsd_code *code, const struct gsd_expansion *expansion,
				     struct gsd_expanded_call *call_ret)
{
	int32_t parent_pc;
	return describe(code, expansion, call_ret, &parent_pc);
}

struct gsd_error *gsd_expansion_next(struct gsd_code *code, struct gsd_expansion *expansion,
				     struct gsd_expanded_call *call_ret)
{
	int32_t parent_pc;
	GSD_TRY(describe(code, expansion, call_ret, &parent_pc));
	if (call_ret->inlined)
		expansion->offset = (uint64_t)expansion->function.entry + (uint64_t)(int64_t)parent_pc;
	return NULL;
}

void gsd_expansion_file_line(const struct gsd_expansion *expansion, struct gsd_line *line)
{
	const struct gsd_pclntab *table = &expansion->module->table;
	const struct gsd_function *function = &expansion->function;
	line->file = gsd_pclntab_file(table, function, expansion->offset);
	line->line = gsd_pclntab_value(table, function, function->line_numbers, expansion->offset);
	if (line->file == NULL || line->line == -1) {
		line->file = "?";
		line->line = 0;
	}
}

bool gsd_is_elided(enum gsd_special special, bool called_by_panic)
{
	return special == GSD_SPECIAL_WRAPPER && !called_by_panic;
}

bool gsd_is_panic(enum gsd_special special)
{
	return special == GSD_SPECIAL_PANIC || special == GSD_SPECIAL_SIGPANIC;
}
