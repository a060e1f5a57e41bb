/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a function table followed by memory with a list of goroutines: they are copied by the plan, walked in
 * all three modes and named.
 */
#include "fuzz_memory.h"
#include "go/goroutine.h"
#include "go/symbolize.h"

#include <stdlib.h>

#define TEXT UINT64_C(0x400000)

static struct gsd_code *make_code(const uint8_t *data, size_t size, unsigned minor, struct gsd_block_cache *cache)
{
	struct gsd_module *module = calloc(1, sizeof *module);
	struct gsd_code *code = NULL;
	module->table_bytes = malloc(size);
	memcpy(module->table_bytes, data, size);
	module->table.bytes = (struct gsd_bytes){.data = module->table_bytes, .length = size};
	module->data =
		(struct gsd_moduledata){.text = TEXT, .minpc = TEXT, .maxpc = TEXT + 0x10000, .gofunc = FUZZ_BASE};
	struct gsd_error *error = NULL;
	if (!gsd_pclntab_parse_header(module->table.bytes, &module->table.header) ||
	    module->table.header.function_count > 4096 ||
	    (error = gsd_code_create(module, 1, minor, cache, &code)) != NULL) {
		gsd_error_destroy(error);
		gsd_module_free(module);
		free(module);
		return NULL;
	}
	return code;
}

/* Where the fields of a small made-up g are. */
static struct gsd_layout make_layout(unsigned minor)
{
	return (struct gsd_layout){.go_minor = minor,
				   .stack_low = 0,
				   .stack_high = 8,
				   .m = 16,
				   .sched_sp = 24,
				   .sched_pc = 32,
				   .sched_g = 40,
				   .sched_bp = 48,
				   .syscallsp = 56,
				   .syscallpc = 64,
				   .syscallbp = 72,
				   .atomicstatus = 80,
				   .goid = 88,
				   .waitsince = 96,
				   .waitreason = 104,
				   .lockedm = 112,
				   .running_cleanups = 120,
				   .parent_goid = 128,
				   .gopc = 136,
				   .startpc = 144,
				   .labels = 152,
				   .g_size = 160};
}

static void name_all(struct gsd_code *code, const struct gsd_analysis *analysis)
{
	struct gsd_symbolizer *symbolizer;
	struct gsd_location_list list = {0};
	if (gsd_symbolizer_create(code, &symbolizer) != NULL)
		return;
	for (size_t i = 0; i < analysis->stacks.count; i++) {
		struct gsd_stack stack = {.words = analysis->words.items + analysis->stacks.items[i].first,
					  .count = analysis->stacks.items[i].count};
		gsd_error_destroy(gsd_symbolize_stack(symbolizer, &stack, i % 3 == 0 ? 4 : 0, &list));
	}
	gsd_location_list_free(&list);
	gsd_symbolizer_destroy(symbolizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	unsigned minor = 18 + data[0] % 10;
	size_t table = (size_t)(data[1] | data[2] << 8) % size;
	struct fuzz_memory fuzz;
	struct gsd_block_cache *cache;
	fuzz_memory_init(&fuzz, data + table, size - table);
	if (gsd_block_cache_create(&fuzz.memory.memory, (size_t)1 << 24, &cache) != NULL)
		return 0;
	struct gsd_code *code = make_code(data + 3, table > 3 ? table - 3 : 1, minor, cache);
	if (code != NULL) {
		struct gsd_runtime runtime = {
			.go_minor = minor, .code = code, .cache = cache, .layout = make_layout(minor)};
		struct gsd_plan plan = {0};
		struct gsd_thread thread = {
			.registers = {.pc = TEXT + 8, .sp = FUZZ_BASE + 256, .bp = FUZZ_BASE + 264}};
		struct gsd_threads threads = {.items = &thread, .count = 1, .capacity = 1};
		runtime.allgs = (struct gsd_allgs){.pointer_address = FUZZ_BASE, .length_address = FUZZ_BASE + 8};
		gsd_goroutines_plan(&runtime, &plan);
		struct gsd_plan_room room = {.elements = 64, .links = 64, .stack_bytes = 1 << 16};
		struct gsd_error *error = gsd_plan_reserve(&plan, &room, NULL, 0);
		if (error == NULL)
			gsd_plan_run(&plan, &fuzz.memory.memory, &threads);
		if (error == NULL && plan.list_errnum == 0 && !gsd_plan_overflowed(&plan)) {
			struct gsd_around around = {.threads = &threads};
			for (int mode = GSD_UNWIND_AUTO; mode <= GSD_UNWIND_TABLE; mode++) {
				struct gsd_analysis_options options = {.unwind = (enum gsd_unwind_mode)mode,
								       .max_frames = 16,
								       .system_goroutines = true};
				struct gsd_analysis analysis;
				error = gsd_goroutines_analyse(&runtime, &plan, &around, &options, &analysis);
				if (error != NULL)
					break;
				name_all(code, &analysis);
				gsd_analysis_free(&analysis);
			}
		}
		gsd_error_destroy(error);
		gsd_plan_free(&plan);
		gsd_code_destroy(code);
	}
	gsd_block_cache_destroy(cache);
	return 0;
}
