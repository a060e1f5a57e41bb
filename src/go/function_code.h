/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's variables: by name, and those that a function of the runtime addresses. */
#ifndef GSD_GO_FUNCTION_CODE_H
#define GSD_GO_FUNCTION_CODE_H

#include "go/allgs.h"
#include "go/operands.h"

/**
 * The address of the variable @p name by the symbol table; 0 when there is none, or it is broken. Errors:
 * GSD_ERROR_NO_MEMORY.
 */
GSD_MUST_CHECK struct gsd_error *gsd_program_symbol(const struct gsd_program *program, const char *name,
						    uint64_t *address_ret);

#define GSD_MAX_FUNCTION_CODE 8192 /* bytes of a function that are searched for operands */

struct gsd_function_code {
	uint8_t bytes[GSD_MAX_FUNCTION_CODE];
	size_t length;
	uint64_t address;
};

/** Reads the function @p name; false when there is none, or it cannot be read. */
bool gsd_function_code_load(const struct gsd_program *program, const struct gsd_code *code, const char *name,
			    struct gsd_function_code *function);
/** As gsd_operands(). */
size_t gsd_function_operands(const struct gsd_function_code *function, struct gsd_operand *list, size_t capacity);
/** Whether @p address is that of one of the operands. */
bool gsd_is_addressed(const struct gsd_operand *list, size_t count, uint64_t address);
/** Whether @p address lies in a module's variables. */
bool gsd_in_data(const struct gsd_moduledata *data, uint64_t address);

#endif
