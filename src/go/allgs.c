/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/allgs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "go/function_code.h"
#include "go/snapshot.h"
#include "image/dwarf.h"

#define MAX_GOROUTINES ((uint64_t)1 << 26)
#define SAMPLE         64 /* goroutines that are verified */
#define MAX_STATUS     11
#define SCAN_BIT       0x1000U
#define MAX_STACK      ((uint64_t)1 << 36)
#define MAX_GOID       ((uint64_t)1 << 56)
#define MAX_OPERANDS   512
#define SCAN_CHUNK     ((size_t)1 << 20)
#define MAX_SCAN       ((uint64_t)1 << 30)

/* ---- verifying ---- */

/* Whether the bytes at `address` are a g: its own address in its gobuf, a known status, bounds in order. */
static bool valid_g(const struct gsd_layout *layout, uint64_t address, const uint8_t *g)
{
	uint32_t status = (uint32_t)gsd_u64_at(g, layout->atomicstatus) & ~SCAN_BIT;
	uint64_t self = gsd_u64_at(g, layout->sched_g);
	uint64_t low = gsd_u64_at(g, layout->stack_low);
	uint64_t high = gsd_u64_at(g, layout->stack_high);
	if (status > MAX_STATUS || (self != address && self != 0) || gsd_u64_at(g, layout->goid) > MAX_GOID)
		return false;
	if (low == 0 && high == 0)
		return true; /* dead, its stack freed; or just made */
	return low < high && high - low <= MAX_STACK && (low & 7) == 0 && (high & 7) == 0;
}

/* Reads and verifies the first goroutines of the list at `array`. */
static struct gsd_error *valid_list(struct gsd_memory *memory, const struct gsd_layout *layout, uint64_t array,
				    uint64_t length, bool *valid_ret)
{
	*valid_ret = false;
	if (length == 0 || length > MAX_GOROUTINES || array == 0 || (array & 7) != 0)
		return NULL;
	size_t count = length < SAMPLE ? (size_t)length : SAMPLE;
	uint64_t elements[SAMPLE];
	struct gsd_range range = {.address = array, .length = 8 * count, .buffer = elements};
	gsd_memory_read_ranges(memory, &range, 1);
	if (range.errnum != 0)
		return NULL;
	size_t bytes = gsd_layout_g_bytes(layout);
	uint8_t *g = malloc(bytes);
	if (g == NULL)
		return gsd_error_no_memory();
	size_t named = 0;
	bool valid = true;
	for (size_t i = 0; i < count && valid; i++) {
		range = (struct gsd_range){.address = elements[i], .length = bytes, .buffer = g};
		gsd_memory_read_ranges(memory, &range, 1);
		valid = elements[i] != 0 && (elements[i] & 7) == 0 && range.errnum == 0 &&
			valid_g(layout, elements[i], g);
		named += valid && gsd_u64_at(g, layout->sched_g) == elements[i] ? 1 : 0;
	}
	free(g);
	*valid_ret = valid && named > 0;
	return NULL;
}

static bool read_pair(struct gsd_memory *memory, uint64_t pointer_address, uint64_t length_address, uint64_t *array_ret,
		      uint64_t *length_ret)
{
	struct gsd_range ranges[2] = {{.address = length_address, .length = 8, .buffer = length_ret},
				      {.address = pointer_address, .length = 8, .buffer = array_ret}};
	gsd_memory_read_ranges(memory, ranges, 2);
	return ranges[0].errnum == 0 && ranges[1].errnum == 0;
}

static struct gsd_error *verify(const struct gsd_program *program, const struct gsd_layout *layout,
				const struct gsd_allgs *allgs, bool *valid_ret)
{
	uint64_t array;
	uint64_t length;
	*valid_ret = false;
	if (!read_pair(program->memory, allgs->pointer_address, allgs->length_address, &array, &length))
		return NULL;
	return valid_list(program->memory, layout, array, length, valid_ret);
}

/*
 * Takes the slice at `slice`, and better the pair allgptr/allglen, which is consistent at every instruction of
 * runtime.allgadd, when it is known and says the same now.
 */
static struct gsd_error *accept(const struct gsd_program *program, const struct gsd_layout *layout, uint64_t slice,
				uint64_t pair_pointer, uint64_t pair_length, enum gsd_allgs_source source,
				struct gsd_allgs *allgs_ret, bool *found_ret)
{
	struct gsd_allgs allgs = {.pointer_address = slice, .length_address = slice + 8, .source = source};
	GSD_TRY(verify(program, layout, &allgs, found_ret));
	if (!*found_ret)
		return NULL;
	*allgs_ret = allgs;
	if (pair_pointer == 0 || pair_length == 0)
		return NULL;
	struct gsd_allgs pair = {.pointer_address = pair_pointer, .length_address = pair_length, .source = source};
	bool valid;
	GSD_TRY(verify(program, layout, &pair, &valid));
	if (valid)
		*allgs_ret = pair;
	return NULL;
}

/* ---- operands ---- */

/* runtime.forEachGRace begins with two 8-byte loads: allglen, allgptr. */
static void find_pair_in_code(const struct gsd_program *program, const struct gsd_code *code,
			      const struct gsd_moduledata *data, uint64_t *pointer_ret, uint64_t *length_ret)
{
	struct gsd_function_code function;
	struct gsd_operand list[MAX_OPERANDS];
	*pointer_ret = *length_ret = 0;
	if (!gsd_function_code_load(program, code, "runtime.forEachGRace", &function))
		return;
	uint64_t loads[2] = {0, 0};
	size_t found = 0;
	size_t count = gsd_function_operands(&function, list, MAX_OPERANDS);
	for (size_t i = 0; i < count && found < 2; i++) {
		size_t at = list[i].position;
		bool load = at >= 3 && function.bytes[at - 2] == 0x8b && (function.bytes[at - 3] & 0xf8) == 0x48;
		if (load && gsd_in_data(data, list[i].address))
			loads[found++] = list[i].address;
	}
	if (found == 2 && loads[0] != loads[1]) {
		*length_ret = loads[0];
		*pointer_ret = loads[1];
	}
}

/* ---- the four sources ---- */

struct search {
	const struct gsd_program *program;
	const struct gsd_code *code;
	const struct gsd_layout *layout;
	const struct gsd_moduledata *data;
};

static struct gsd_error *symbol(const struct gsd_program *program, const char *name, uint64_t *address_ret)
{
	bool found = false;
	*address_ret = 0;
	if (program->elf == NULL)
		return NULL;
	GSD_TRY(gsd_elf_symbol(program->elf, name, address_ret, &found));
	*address_ret = found ? *address_ret + program->bias : 0;
	return NULL;
}

static struct gsd_error *variable(const struct gsd_program *program, const char *name, uint64_t *address_ret)
{
	bool found = false;
	*address_ret = 0;
	if (program->elf == NULL)
		return NULL;
	GSD_TRY(gsd_dwarf_variable(program->fd, program->name, name, address_ret, &found));
	*address_ret = found ? *address_ret + program->bias : 0;
	return NULL;
}

typedef struct gsd_error *look_up_name(const struct gsd_program *program, const char *name, uint64_t *address_ret);

static struct gsd_error *find_by_name(const struct search *search, look_up_name *look_up, enum gsd_allgs_source source,
				      struct gsd_allgs *allgs_ret, bool *found_ret)
{
	uint64_t slice;
	uint64_t pointer;
	uint64_t length;
	GSD_TRY(look_up(search->program, "runtime.allgs", &slice));
	if (slice == 0)
		return NULL;
	GSD_TRY(look_up(search->program, "runtime.allgptr", &pointer));
	GSD_TRY(look_up(search->program, "runtime.allglen", &length));
	return accept(search->program, search->layout, slice, pointer, length, source, allgs_ret, found_ret);
}

static struct gsd_error *find_by_symbol(const struct search *search, struct gsd_allgs *allgs_ret, bool *found_ret)
{
	return find_by_name(search, symbol, GSD_ALLGS_SYMBOL, allgs_ret, found_ret);
}

static struct gsd_error *find_by_dwarf(const struct search *search, struct gsd_allgs *allgs_ret, bool *found_ret)
{
	return find_by_name(search, variable, GSD_ALLGS_DWARF, allgs_ret, found_ret);
}

/* runtime.allgadd uses the slice's three words, and nothing else has three words in a row there. */
static struct gsd_error *find_by_code(const struct search *search, struct gsd_allgs *allgs_ret, bool *found_ret)
{
	struct gsd_function_code function;
	struct gsd_operand list[MAX_OPERANDS];
	if (!gsd_function_code_load(search->program, search->code, "runtime.allgadd", &function))
		return NULL;
	size_t count = gsd_function_operands(&function, list, MAX_OPERANDS);
	uint64_t pointer;
	uint64_t length;
	find_pair_in_code(search->program, search->code, search->data, &pointer, &length);
	for (size_t i = 0; i < count && !*found_ret; i++) {
		uint64_t slice = list[i].address;
		if ((slice & 7) == 0 && gsd_in_data(search->data, slice) && gsd_is_addressed(list, count, slice + 8) &&
		    gsd_is_addressed(list, count, slice + 16))
			GSD_TRY(accept(search->program, search->layout, slice, pointer, length, GSD_ALLGS_CODE,
				       allgs_ret, found_ret));
	}
	return NULL;
}

/* One chunk of a data segment: every slice header whose elements are goroutines; the longest one is kept. */
static struct gsd_error *scan_chunk(const struct search *search, uint64_t address, const uint8_t *bytes, size_t length,
				    struct gsd_allgs *allgs_ret, uint64_t *longest)
{
	for (size_t i = 0; i + 24 <= length; i += 8) {
		uint64_t array = gsd_u64_at(bytes, (uint32_t)i);
		uint64_t count = gsd_u64_at(bytes, (uint32_t)i + 8);
		uint64_t capacity = gsd_u64_at(bytes, (uint32_t)i + 16);
		if (array < 4096 || (array & 7) != 0 || count <= *longest || count > capacity ||
		    capacity > MAX_GOROUTINES)
			continue;
		bool valid;
		GSD_TRY(valid_list(search->program->memory, search->layout, array, count, &valid));
		if (!valid)
			continue;
		*longest = count;
		*allgs_ret = (struct gsd_allgs){
			.pointer_address = address + i, .length_address = address + i + 8, .source = GSD_ALLGS_SCAN};
	}
	return NULL;
}

static struct gsd_error *scan_segment(const struct search *search, uint64_t start, uint64_t end,
				      struct gsd_allgs *allgs_ret, uint64_t *longest)
{
	if (start >= end || end - start > MAX_SCAN)
		return NULL;
	uint8_t *chunk = malloc(SCAN_CHUNK);
	if (chunk == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = NULL;
	/* Chunks overlap by two words: a slice header may lie across their border. */
	for (uint64_t address = start; error == NULL; address += SCAN_CHUNK - 16) {
		size_t length = end - address < SCAN_CHUNK ? (size_t)(end - address) : SCAN_CHUNK;
		struct gsd_range range = {.address = address, .length = length, .buffer = chunk};
		gsd_memory_read_ranges(search->program->memory, &range, 1);
		if (range.errnum == 0)
			error = scan_chunk(search, address, chunk, length, allgs_ret, longest);
		if (end - address <= SCAN_CHUNK)
			break; /* no further address: it could wrap around */
	}
	free(chunk);
	return error;
}

static struct gsd_error *find_by_scan(const struct search *search, struct gsd_allgs *allgs_ret, bool *found_ret)
{
	uint64_t longest = 0;
	GSD_TRY(scan_segment(search, (search->data->bss + 7) & ~UINT64_C(7), search->data->ebss, allgs_ret, &longest));
	GSD_TRY(scan_segment(search, (search->data->data + 7) & ~UINT64_C(7), search->data->edata, allgs_ret,
			     &longest));
	*found_ret = longest > 0;
	return NULL;
}

static const struct {
	enum gsd_allgs_source source;
	const char *tried;
	struct gsd_error *(*find)(const struct search *search, struct gsd_allgs *allgs_ret, bool *found_ret);
} sources_in_order[] = {
	{GSD_ALLGS_SYMBOL, "symbol table", find_by_symbol},
	{GSD_ALLGS_CODE, "code of runtime.allgadd", find_by_code},
	{GSD_ALLGS_DWARF, "DWARF", find_by_dwarf},
	{GSD_ALLGS_SCAN, "scan of the data segments", find_by_scan},
};

struct gsd_error *gsd_allgs_find(const struct gsd_program *program, const struct gsd_code *code,
				 const struct gsd_layout *layout, unsigned sources, struct gsd_allgs *allgs_ret)
{
	size_t module_count;
	const struct gsd_module *modules = gsd_code_modules(code, &module_count);
	struct search search = {.program = program, .code = code, .layout = layout, .data = &modules[0].data};
	char tried[128] = "";
	for (size_t i = 0; i < GSD_ARRAY_SIZE(sources_in_order); i++) {
		if (sources != 0 && (sources & (unsigned)sources_in_order[i].source) == 0)
			continue;
		bool found = false;
		struct gsd_error *error = sources_in_order[i].find(&search, allgs_ret, &found);
		if (error != NULL && gsd_error_code(error) != GSD_ERROR_CORRUPT &&
		    gsd_error_code(error) != GSD_ERROR_IO)
			return error;
		gsd_error_destroy(error); /* a broken symbol table or DWARF: the next source */
		if (found)
			return NULL;
		if (tried[0] != '\0')
			strncat(tried, ", ", sizeof tried - strlen(tried) - 1);
		strncat(tried, sources_in_order[i].tried, sizeof tried - strlen(tried) - 1);
	}
	struct gsd_error *error = gsd_error_create(GSD_ERROR_MISSING, 0, "find runtime.allgs, the list of goroutines");
	error = gsd_error_because(error, "no list of valid goroutines was found by: %s", tried);
	return gsd_error_advise(error, "a program that has just been started has no goroutines yet: try again");
}

/* ---- reading it ---- */

/* The length first: the array may grow while the target runs, and a longer array has all of a shorter one. */
struct gsd_error *gsd_allgs_read(struct gsd_memory *memory, const struct gsd_allgs *allgs, uint64_t **goroutines_ret,
				 size_t *count_ret)
{
	uint64_t length;
	uint64_t array;
	GSD_TRY(gsd_memory_read_u64(memory, allgs->length_address, &length));
	GSD_TRY(gsd_memory_read_u64(memory, allgs->pointer_address, &array));
	if (length > MAX_GOROUTINES)
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the list of goroutines"),
					 "it claims to have %" PRIu64 " entries", length);
	uint64_t *goroutines = calloc((size_t)length + 1, sizeof *goroutines);
	if (goroutines == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = gsd_memory_read(memory, array, goroutines, (size_t)length * sizeof *goroutines);
	if (error != NULL) {
		free(goroutines);
		return error;
	}
	/* The last entries may not have been stored yet. They are new ones then: read again in the stop. */
	size_t stored = 0;
	while (stored < length && goroutines[stored] != 0)
		stored++;
	if (stored == 0) {
		free(goroutines);
		return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the list of goroutines"),
					 "it is empty: of %" PRIu64 " entries not even the first is there", length);
	}
	*goroutines_ret = goroutines;
	*count_ret = stored;
	return NULL;
}

/* ---- the finalizer flag ---- */

/* Loads of 1 or 4 bytes, comparisons and tests of such operands; `immediate` bytes follow the displacement. */
static bool is_narrow_load(const uint8_t *code, size_t position, size_t *immediate_ret)
{
	if (position < 3)
		return false;
	uint8_t before = code[position - 3];
	uint8_t opcode = code[position - 2];
	uint8_t extension = (uint8_t)(code[position - 1] >> 3 & 7);
	bool wide = (before & 0xf8) == 0x48;
	*immediate_ret = 0;
	if (opcode == 0x8b)
		return !wide;
	if (opcode == 0xb6)
		return before == 0x0f;
	*immediate_ret = 1;
	if (opcode == 0x80 || opcode == 0x83)
		return extension == 7 && !wide;
	return opcode == 0xf6 && extension == 0 && !wide;
}

static uint64_t find_flag_in_code(const struct gsd_program *program, const struct gsd_code *code)
{
	struct gsd_function_code function;
	struct gsd_operand list[MAX_OPERANDS];
	if (!gsd_function_code_load(program, code, "runtime.isSystemGoroutine", &function))
		return 0;
	size_t module_count;
	const struct gsd_module *modules = gsd_code_modules(code, &module_count);
	uint64_t flag = 0;
	size_t count = gsd_function_operands(&function, list, MAX_OPERANDS);
	for (size_t i = 0; i < count; i++) {
		size_t immediate;
		if (!is_narrow_load(function.bytes, list[i].position, &immediate))
			continue;
		uint64_t address = list[i].address + immediate;
		bool of_module = address >= modules[0].address && address < modules[0].address + 1024;
		if (!gsd_in_data(&modules[0].data, address) || of_module)
			continue;
		if (flag != 0 && flag != address)
			return 0; /* not the only one: do not guess */
		flag = address;
	}
	return flag;
}

struct gsd_error *gsd_finalizer_flag_find(const struct gsd_program *program, const struct gsd_code *code,
					  struct gsd_finalizer_flag *flag_ret)
{
	bool old = gsd_code_go_minor(code) <= 19;
	struct gsd_finalizer_flag flag = {.size = old ? 1 : 4, .mask = old ? 0xff : 2};
	GSD_TRY(gsd_program_symbol(program, old ? "runtime.fingRunning" : "runtime.fingStatus", &flag.address));
	if (flag.address == 0)
		flag.address = find_flag_in_code(program, code);
	*flag_ret = flag;
	return NULL;
}
