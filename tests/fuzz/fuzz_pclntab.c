/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is a function table: every function, name, file and value that it claims to have is asked for. */
#include "fuzz_memory.h"
#include "image/pclntab.h"

static void ask(const struct gsd_pclntab *table, const struct gsd_function *function, uint64_t offset)
{
	uint32_t funcdata;
	(void)gsd_pclntab_value(table, function, function->stack_depths, offset);
	(void)gsd_pclntab_value(table, function, function->line_numbers, offset);
	for (unsigned i = 0; i < 8; i++) {
		(void)gsd_pclntab_pcdata(table, function, i, offset);
		(void)gsd_pclntab_funcdata(table, function, i, &funcdata);
	}
	const char *texts[] = {gsd_pclntab_name(table, function->name), gsd_pclntab_file(table, function, offset)};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(texts); i++)
		if (texts[i] != NULL && strlen(texts[i]) > table->bytes.length)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsd_pclntab table = {.bytes = {.data = data, .length = size}};
	struct gsd_function function;
	if (!gsd_pclntab_parse_header(table.bytes, &table.header))
		return 0;
	for (uint64_t i = 0; i < table.header.function_count && i < 64; i++)
		if (gsd_pclntab_function(&table, i, &function))
			ask(&table, &function, function.entry + (i & 15));
	for (uint64_t offset = 0; offset < 256; offset += 7)
		if (gsd_pclntab_find(&table, offset, &function))
			ask(&table, &function, offset);
	if (table.header.function_count < 4096)
		(void)gsd_pclntab_find_name(&table, "runtime.allgadd", &function);
	return 0;
}
