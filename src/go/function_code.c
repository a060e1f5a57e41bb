/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/function_code.h"

#include "base/error.h"

struct gsd_error *gsd_program_symbol(const struct gsd_program *program, const char *name, uint64_t *address_ret)
{
	bool found = false;
	*address_ret = 0;
	if (program->elf == NULL)
		return NULL;
	struct gsd_error *error = gsd_elf_symbol(program->elf, name, address_ret, &found);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	*address_ret = found && error == NULL ? *address_ret + program->bias : 0;
	gsd_error_destroy(error);
	return NULL;
}

bool gsd_function_code_load(const struct gsd_program *program, const struct gsd_code *code, const char *name,
			    struct gsd_function_code *function)
{
	uint64_t end;
	if (!gsd_code_function_named(code, name, &function->address, &end))
		return false;
	uint64_t length = end - function->address;
	function->length = length < GSD_MAX_FUNCTION_CODE ? (size_t)length : GSD_MAX_FUNCTION_CODE;
	struct gsd_range range = {.address = function->address, .length = function->length, .buffer = function->bytes};
	gsd_memory_read_ranges(program->memory, &range, 1);
	return range.errnum == 0;
}

size_t gsd_function_operands(const struct gsd_function_code *function, struct gsd_operand *list, size_t capacity)
{
	return gsd_operands(function->bytes, function->length, function->address, list, capacity);
}

bool gsd_is_addressed(const struct gsd_operand *list, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].address == address)
			return true;
	return false;
}

bool gsd_in_data(const struct gsd_moduledata *data, uint64_t address)
{
	return (address >= data->noptrdata && address < data->enoptrdata) ||
	       (address >= data->data && address < data->edata) || (address >= data->bss && address < data->ebss) ||
	       (address >= data->noptrbss && address < data->enoptrbss);
}
