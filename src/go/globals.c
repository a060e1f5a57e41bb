/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/globals.h"

#include "base/error.h"

/* By the symbol table; 0 when there is none, or it is broken. */
static struct gsd_error *by_symbol(const struct gsd_program *program, const char *name, uint64_t *address_ret)
{
	bool found = false;
	*address_ret = 0;
	if (program->elf == NULL)
		return NULL;
	struct gsd_error *error = gsd_elf_symbol(program->elf, name, address_ret, &found);
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	gsd_error_destroy(error);
	*address_ret = found && error == NULL ? *address_ret + program->bias : 0;
	return NULL;
}

struct gsd_error *gsd_globals_find(const struct gsd_program *program, const struct gsd_code *code,
				   const struct gsd_layout *layout, struct gsd_globals *globals_ret)
{
	struct gsd_globals globals = {0};
	uint64_t work;
	uint64_t trace;
	(void)code;
	(void)layout;
	GSD_TRY(by_symbol(program, "runtime.allm", &globals.allm));
	GSD_TRY(by_symbol(program, "runtime.sched", &globals.goidgen)); /* its first field */
	GSD_TRY(by_symbol(program, "runtime.allp", &globals.allp));
	GSD_TRY(by_symbol(program, "runtime.work", &work));
	GSD_TRY(by_symbol(program, "runtime.trace", &trace));
	*globals_ret = globals;
	return NULL;
}
