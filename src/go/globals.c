/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/globals.h"

#include <stdlib.h>

#include "base/error.h"
#include "go/function_code.h"

#define MAX_OPERANDS           1024
#define MAX_PS                 65536
#define MARK_TERM_AFTER_CYCLES 0x20
#define MAX_GOID               ((uint64_t)1 << 56)

struct finder {
	const struct gsd_program *program;
	const struct gsd_code *code;
	const struct gsd_layout *layout;
	const struct gsd_moduledata *data;
	struct gsd_function_code function;
	struct gsd_operand operands[MAX_OPERANDS];
	size_t count;
};

/* ---- instructions ---- */

static bool load(struct finder *finder, const char *name)
{
	if (!gsd_function_code_load(finder->program, finder->code, name, &finder->function))
		return false;
	finder->count = gsd_function_operands(&finder->function, finder->operands, MAX_OPERANDS);
	return true;
}

/* The byte @p back bytes before operand @p i's displacement; 1 is its ModRM, 2 the opcode. */
static uint8_t byte_before(const struct finder *finder, size_t i, size_t back)
{
	size_t at = finder->operands[i].position;
	return at >= back ? finder->function.bytes[at - back] : 0;
}

static bool has_opcode(const struct finder *finder, size_t i, uint8_t opcode)
{
	return byte_before(finder, i, 2) == opcode && gsd_in_data(finder->data, finder->operands[i].address);
}

/* A REX prefix with W: the operand has eight bytes. */
static bool is_wide(const struct finder *finder, size_t i)
{
	return (byte_before(finder, i, 3) & 0xf8) == 0x48;
}

/* The register that operand @p i's instruction loads. */
static unsigned register_of(const struct finder *finder, size_t i)
{
	unsigned extension = is_wide(finder, i) && (byte_before(finder, i, 3) & 4) != 0 ? 8 : 0;
	return extension + (byte_before(finder, i, 1) >> 3 & 7);
}

/*
 * runtime.allm: mcommoninit takes its address to exchange it, and loads it before (runtime/proc.go, atomicstorep of
 * allm).
 */
static uint64_t find_allm(struct finder *finder)
{
	if (!load(finder, "runtime.mcommoninit"))
		return 0;
	for (size_t i = 0; i < finder->count; i++) {
		if (!has_opcode(finder, i, 0x8d) || !is_wide(finder, i))
			continue;
		uint64_t address = finder->operands[i].address;
		for (size_t k = 0; k < finder->count; k++)
			if (has_opcode(finder, k, 0x8b) && is_wide(finder, k) && finder->operands[k].address == address)
				return address;
	}
	return 0;
}

/* runtime.sched: oneNewExtraM takes a goid with `lock xadd`, whose register a LEA has loaded just before. */
static uint64_t find_goidgen(struct finder *finder)
{
	if (!load(finder, "runtime.oneNewExtraM"))
		return 0;
	const uint8_t *bytes = finder->function.bytes;
	for (size_t at = 0; at + 5 <= finder->function.length; at++) {
		bool exchange_add = bytes[at] == 0xf0 && (bytes[at + 1] & 0xf8) == 0x48 && bytes[at + 2] == 0x0f &&
				    bytes[at + 3] == 0xc1 && bytes[at + 4] >> 6 == 0;
		if (!exchange_add)
			continue;
		unsigned base = ((bytes[at + 1] & 1) != 0 ? 8U : 0U) + (bytes[at + 4] & 7U);
		for (size_t i = finder->count; i-- > 0;)
			if (finder->operands[i].position < at && has_opcode(finder, i, 0x8d) && is_wide(finder, i) &&
			    register_of(finder, i) == base)
				return finder->operands[i].address;
		return 0;
	}
	return 0;
}

/* runtime.allp: preemptall walks the slice and nothing else. */
static uint64_t find_allp(struct finder *finder)
{
	if (!load(finder, "runtime.preemptall"))
		return 0;
	for (size_t i = 0; i < finder->count; i++) {
		uint64_t address = finder->operands[i].address;
		if ((address & 7) == 0 && gsd_in_data(finder->data, address) &&
		    gsd_is_addressed(finder->operands, finder->count, address + 8))
			return address;
	}
	return 0;
}

/*
 * runtime.work.cycles: what gcTrigger.test compares a cycle's number with is its last 4-byte operand; in Go 1.18 that
 * function is inlined away, and gcStart counts the cycle with its last increment.
 */
static uint64_t find_gc_cycles(struct finder *finder)
{
	bool old = gsd_code_go_minor(finder->code) <= 18;
	uint64_t found = 0;
	if (!load(finder, old ? "runtime.gcStart" : "runtime.gcTrigger.test"))
		return 0;
	for (size_t i = 0; i < finder->count; i++) {
		bool loads = has_opcode(finder, i, 0x8b) || has_opcode(finder, i, 0x2b);
		bool counts = has_opcode(finder, i, 0xff) && (byte_before(finder, i, 1) & 0x38) == 0;
		if ((old ? counts : loads) && !is_wide(finder, i))
			found = finder->operands[i].address;
	}
	return found;
}

/* runtime.gcphase: the only one that stackpoolfree compares with 0 (83 /7 with an immediate byte behind). */
static uint64_t find_gc_phase(struct finder *finder)
{
	uint64_t found = 0;
	if (!load(finder, "runtime.stackpoolfree"))
		return 0;
	for (size_t i = 0; i < finder->count; i++) {
		size_t at = finder->operands[i].position;
		uint64_t address = finder->operands[i].address + 1;
		if (byte_before(finder, i, 2) != 0x83 || (byte_before(finder, i, 1) & 0x38) != 0x38 ||
		    is_wide(finder, i) || at + 4 >= finder->function.length || finder->function.bytes[at + 4] != 0 ||
		    !gsd_in_data(finder->data, address))
			continue;
		if (found != 0 && found != address)
			return 0;
		found = address;
	}
	return found;
}

/* runtime.trace.gen: the only word that traceAcquireEnabled loads. */
static uint64_t find_trace_generation(struct finder *finder)
{
	uint64_t found = 0;
	if (gsd_code_go_minor(finder->code) < 22 || !load(finder, "runtime.traceAcquireEnabled"))
		return 0;
	for (size_t i = 0; i < finder->count; i++) {
		if (!has_opcode(finder, i, 0x8b) || !is_wide(finder, i))
			continue;
		if (found != 0 && found != finder->operands[i].address)
			return 0;
		found = finder->operands[i].address;
	}
	return found;
}

/* ---- what is believed ---- */

static bool read_word(const struct finder *finder, uint64_t address, uint64_t *word_ret)
{
	struct gsd_range range = {.address = address, .length = 8, .buffer = word_ret};
	gsd_memory_read_ranges(finder->program->memory, &range, 1);
	return range.errnum == 0;
}

/* The first M's g0 is a g that says that it runs on that M. */
static bool is_allm(const struct finder *finder, uint64_t address)
{
	uint64_t m;
	uint64_t g0;
	uint64_t back;
	return read_word(finder, address, &m) && m != 0 && read_word(finder, m + finder->layout->m_g0, &g0) &&
	       g0 != 0 && read_word(finder, g0 + finder->layout->m, &back) && back == m;
}

static bool is_goidgen(const struct finder *finder, uint64_t address)
{
	uint64_t goid;
	return read_word(finder, address, &goid) && goid > 0 && goid < MAX_GOID;
}

/* The first P says that it is number 0, the last one that it is the last. */
static bool is_allp(const struct finder *finder, uint64_t address)
{
	uint64_t array;
	uint64_t count;
	uint64_t p;
	uint64_t id;
	uint32_t id_offset = finder->layout->p_id;
	if (id_offset == GSD_NO_FIELD || !read_word(finder, address, &array) ||
	    !read_word(finder, address + 8, &count) || count == 0 || count > MAX_PS)
		return false;
	const uint64_t ends[2] = {0, count - 1};
	for (size_t i = 0; i < 2; i++)
		if (!read_word(finder, array + 8 * ends[i], &p) || !read_word(finder, p + id_offset, &id) ||
		    (id & UINT32_MAX) != ends[i])
			return false;
	return true;
}

static bool is_gc_phase(const struct finder *finder, uint64_t address)
{
	uint64_t phase;
	return read_word(finder, address, &phase) && (phase & UINT32_MAX) <= 2;
}

static bool is_readable(const struct finder *finder, uint64_t address)
{
	uint64_t word;
	return read_word(finder, address, &word);
}

/* ---- all of it ---- */

/* Fields of runtime.work and runtime.trace have no symbols of their own. */
static const struct {
	size_t member;
	const char *symbol;
	uint64_t (*find)(struct finder *finder);
	bool (*verify)(const struct finder *finder, uint64_t address);
} variables[] = {
	{offsetof(struct gsd_globals, allm), "runtime.allm", find_allm, is_allm},
	{offsetof(struct gsd_globals, goidgen), "runtime.sched", find_goidgen, is_goidgen},
	{offsetof(struct gsd_globals, allp), "runtime.allp", find_allp, is_allp},
	{offsetof(struct gsd_globals, gc_cycles), NULL, find_gc_cycles, is_readable},
	{offsetof(struct gsd_globals, gc_phase), "runtime.gcphase", find_gc_phase, is_gc_phase},
	{offsetof(struct gsd_globals, trace_generation), NULL, find_trace_generation, is_readable},
};

struct gsd_error *gsd_globals_find(const struct gsd_program *program, const struct gsd_code *code,
				   const struct gsd_layout *layout, bool code_only, struct gsd_globals *globals_ret)
{
	size_t module_count;
	struct gsd_globals globals = {0};
	struct finder *finder = calloc(1, sizeof *finder);
	struct gsd_error *error = NULL;
	if (finder == NULL)
		return gsd_error_no_memory();
	finder->program = program;
	finder->code = code;
	finder->layout = layout;
	finder->data = &gsd_code_modules(code, &module_count)[0].data;
	for (size_t i = 0; i < GSD_ARRAY_SIZE(variables) && error == NULL; i++) {
		uint64_t address = 0;
		if (!code_only && variables[i].symbol != NULL)
			error = gsd_program_symbol(program, variables[i].symbol, &address);
		if (error == NULL && address == 0)
			address = variables[i].find(finder);
		if (address != 0 && variables[i].verify(finder, address))
			*(uint64_t *)((char *)&globals + variables[i].member) = address;
	}
	free(finder);
	/* In all versions: DWARF of 1.18 to 1.27. */
	if (globals.gc_cycles != 0)
		globals.mark_term = globals.gc_cycles + MARK_TERM_AFTER_CYCLES;
	if (error == NULL)
		*globals_ret = globals;
	return error;
}
