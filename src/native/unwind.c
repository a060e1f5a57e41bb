/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/unwind.h"

#include <libunwind-x86_64.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "native/frame_info.h"

#define WORD            8
#define MAX_ACCESSES    20000 /* reads of libunwind in one step: the largest records need some hundred */
#define MAX_FRAME_BYTES ((uint64_t)1 << 30)
#define MAX_FRAME_BY_BP ((uint64_t)1 << 20)
#define TABLE_OF_ONE    ((uint64_t)1 << 62) /* an address that no process has */

/* Exported by libunwind for those who find tables themselves; in none of its headers (perf and lldb declare it so). */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
					      unw_proc_info_t *info, int need_unwind_info, void *argument);

GSD_DEFINE_ARRAY(record_array, struct gsd_frame_record)

struct gsd_native_unwinder {
	struct gsd_native_images *images;
	const struct gsd_native_plan *stacks;
	unw_addr_space_t space;
	struct gsd_hash *memo; /* pc -> index into records, or NOT_THERE */
	struct record_array records;
	/* of the step that is being made */
	struct gsd_native_image *image;
	const struct gsd_frame_record *record;
	const struct gsd_native_state *state;
	uint64_t look_up; /* the pc that tables are asked for */
	unsigned accesses;
};
#define NOT_THERE UINT64_MAX

/* ---- accessors ---- */

static bool image_reader(void *context, uint64_t address, void *buffer, size_t length)
{
	return gsd_native_image_read(context, address, buffer, length);
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need_unwind_info,
			  void *argument)
{
	const struct gsd_native_unwinder *unwinder = argument;
	const struct gsd_frame_record *record = unwinder->record;
	if (record == NULL || ip < record->start || ip >= record->end ||
	    record->address - record->start + ((uint64_t)1 << 31) > UINT32_MAX)
		return -UNW_ENOINFO;
	/* A table of the one entry that was found and looked through; access_memory() makes it up. */
	unw_dyn_info_t table = {.start_ip = record->start,
				.end_ip = record->end,
				.format = UNW_INFO_FORMAT_REMOTE_TABLE,
				.u.rti = {.segbase = record->start, .table_len = 1, .table_data = TABLE_OF_ONE}};
	return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, info, need_unwind_info, argument);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument)
{
	(void)space;
	(void)info;
	(void)argument;
}

static int no_dynamic_info(unw_addr_space_t space, unw_word_t *address, void *argument)
{
	(void)space;
	(void)address;
	(void)argument;
	return -UNW_ENOINFO;
}

static int access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument)
{
	struct gsd_native_unwinder *unwinder = argument;
	(void)space;
	if (write || unwinder->accesses++ >= MAX_ACCESSES)
		return -UNW_EINVAL;
	if (address == TABLE_OF_ONE && unwinder->record != NULL) {
		/* Both relative to the start of the code: where that is, and where the record. */
		*value = (unwinder->record->address - unwinder->record->start) << 32;
		return 0;
	}
	if (gsd_native_plan_read(unwinder->stacks, address, value, sizeof *value) ||
	    gsd_native_image_read(unwinder->image, address, value, sizeof *value))
		return 0;
	/* The last bytes of a segment: libunwind reads whole words. */
	*value = 0;
	return gsd_native_image_read(unwinder->image, address, value, 1) ? 0 : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *argument)
{
	const struct gsd_native_unwinder *unwinder = argument;
	(void)space;
	if (write || number < 0 || number > GSD_NATIVE_PC)
		return -UNW_EBADREG;
	*value = number == GSD_NATIVE_PC ? unwinder->look_up : unwinder->state->registers[number];
	return 0;
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *argument)
{
	(void)space;
	(void)number;
	(void)value;
	(void)write;
	(void)argument;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument)
{
	(void)space;
	(void)cursor;
	(void)argument;
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size, unw_word_t *offset,
		   void *argument)
{
	(void)space;
	(void)address;
	(void)name;
	(void)size;
	(void)offset;
	(void)argument;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {.find_proc_info = find_proc_info,
				    .put_unwind_info = put_unwind_info,
				    .get_dyn_info_list_addr = no_dynamic_info,
				    .access_mem = access_memory,
				    .access_reg = access_register,
				    .access_fpreg = access_float,
				    .resume = no_resume,
				    .get_proc_name = no_name};

struct gsd_error *gsd_native_unwinder_create(struct gsd_native_images *images, const struct gsd_native_plan *stacks,
					     struct gsd_native_unwinder **unwinder_ret)
{
	struct gsd_native_unwinder *unwinder = calloc(1, sizeof *unwinder);
	if (unwinder == NULL)
		return gsd_error_no_memory();
	unwinder->images = images;
	unwinder->stacks = stacks;
	unwinder->memo = gsd_hash_create(256);
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (unwinder->memo == NULL || unwinder->space == NULL) {
		gsd_native_unwinder_destroy(unwinder);
		return gsd_error_no_memory();
	}
	unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	*unwinder_ret = unwinder;
	return NULL;
}

void gsd_native_unwinder_destroy(struct gsd_native_unwinder *unwinder)
{
	if (unwinder == NULL)
		return;
	if (unwinder->space != NULL)
		unw_destroy_addr_space(unwinder->space);
	gsd_hash_destroy(unwinder->memo);
	record_array_free(&unwinder->records);
	free(unwinder);
}

/* ---- steps ---- */

void gsd_native_state_of(const struct gsd_registers *registers, struct gsd_native_state *state_ret)
{
	*state_ret =
		(struct gsd_native_state){.registers = {registers->ax, registers->dx, registers->cx, registers->bx,
							registers->si, registers->di, registers->bp, registers->sp},
					  .exact = true};
	memcpy(&state_ret->registers[GSD_NATIVE_R8], registers->r8_15, sizeof registers->r8_15);
	state_ret->registers[GSD_NATIVE_PC] = registers->pc;
}

bool gsd_native_word(const struct gsd_native_unwinder *unwinder, uint64_t address, uint64_t *word_ret)
{
	return gsd_native_plan_read(unwinder->stacks, address, word_ret, sizeof *word_ret);
}

bool gsd_native_in_code(const struct gsd_native_unwinder *unwinder, uint64_t pc)
{
	return gsd_native_images_find(unwinder->images, pc) != NULL;
}

/* mov $15, %rax; syscall: rt_sigreturn, in the very bytes that debuggers look for. */
bool gsd_native_in_signal_return(struct gsd_native_unwinder *unwinder, const struct gsd_native_state *state)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	uint8_t bytes[sizeof code];
	uint64_t pc = state->registers[GSD_NATIVE_PC];
	struct gsd_native_image *image = gsd_native_images_find(unwinder->images, pc);
	return image != NULL && gsd_native_image_read(image, pc, bytes, sizeof bytes) &&
	       memcmp(bytes, code, sizeof code) == 0;
}

/* The registers that the kernel saved where sp points in the code that returns from a handler (struct ucontext). */
static enum gsd_native_step step_out_of_signal(const struct gsd_native_unwinder *unwinder,
					       struct gsd_native_state *state)
{
	enum { UC_REGISTERS = 40, COUNT = 17 };
	/* In the kernel's order (asm/sigcontext.h). */
	static const uint8_t order[COUNT] = {GSD_NATIVE_R8,
					     9,
					     10,
					     11,
					     12,
					     13,
					     14,
					     15,
					     GSD_NATIVE_DI,
					     GSD_NATIVE_SI,
					     GSD_NATIVE_BP,
					     GSD_NATIVE_BX,
					     GSD_NATIVE_DX,
					     GSD_NATIVE_AX,
					     GSD_NATIVE_CX,
					     GSD_NATIVE_SP,
					     GSD_NATIVE_PC};
	uint64_t saved[COUNT];
	if (!gsd_native_plan_read(unwinder->stacks, state->registers[GSD_NATIVE_SP] + UC_REGISTERS, saved,
				  sizeof saved))
		return GSD_NATIVE_LOST;
	for (size_t i = 0; i < COUNT; i++)
		state->registers[order[i]] = saved[i];
	state->exact = true;
	return GSD_NATIVE_STEPPED;
}

/* Finds the record for the pc that is looked up; memoised. */
static bool find_record(struct gsd_native_unwinder *unwinder)
{
	uint64_t index;
	uint64_t pc = unwinder->look_up;
	const struct gsd_native_image *image = unwinder->image;
	const struct gsd_frame_table table = {.address = image->frame_table,
					      .size = image->frame_table_size,
					      .read = image_reader,
					      .context = unwinder->image};
	if (!gsd_hash_find(unwinder->memo, pc, &index)) {
		struct gsd_frame_record record;
		index = NOT_THERE;
		if (table.size != 0 ? gsd_frame_table_find(&table, pc, &record)
				    : gsd_frame_list_find(&image->section, &image->frames, pc, &record)) {
			index = unwinder->records.count;
			if (!record_array_append(&unwinder->records, record))
				return false;
		}
		if (!gsd_hash_insert(unwinder->memo, pc, index))
			return false;
	}
	if (index == NOT_THERE)
		return false;
	unwinder->record = &unwinder->records.items[index];
	return true;
}

static enum gsd_native_step step_by_table(struct gsd_native_unwinder *unwinder, struct gsd_native_state *state)
{
	unw_cursor_t cursor;
	struct gsd_native_state next = {0};
	unwinder->state = state;
	unwinder->accesses = 0;
	if (unw_init_remote(&cursor, unwinder->space, unwinder) < 0)
		return GSD_NATIVE_LOST;
	int stepped = unw_step(&cursor);
	if (stepped == 0)
		return GSD_NATIVE_OUTERMOST;
	if (stepped < 0)
		return GSD_NATIVE_LOST;
	for (int i = 0; i < GSD_NATIVE_REGISTERS; i++) {
		unw_word_t value = 0;
		if (unw_get_reg(&cursor, i, &value) == 0)
			next.registers[i] = value;
	}
	if (next.registers[GSD_NATIVE_PC] == 0)
		return GSD_NATIVE_OUTERMOST;
	uint64_t risen = next.registers[GSD_NATIVE_SP] - state->registers[GSD_NATIVE_SP];
	if (risen == 0 || risen > MAX_FRAME_BYTES)
		return GSD_NATIVE_LOST;
	*state = next;
	return GSD_NATIVE_STEPPED;
}

/* ---- code without call frame information ---- */

/* Whether a call stands before @p pc: what may be a return address. */
static bool follows_call(struct gsd_native_unwinder *unwinder, uint64_t pc)
{
	uint8_t code[7];
	struct gsd_native_image *image = gsd_native_images_find(unwinder->images, pc);
	if (image == NULL || !gsd_native_image_read(image, pc - sizeof code, code, sizeof code))
		return false;
	if (code[2] == 0xe8)
		return true; /* call rel32 */
	/* call r/m64: ff /2 with a displacement of 0 to 4 bytes, and maybe a SIB byte */
	for (size_t i = 0; i + 2 <= sizeof code; i++)
		if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

/*
 * A function that only calls and returns, as runtime/cgo/gcc_amd64.S's crosscall: after the call it pops the registers
 * that it saved, and returns.
 */
static bool step_by_epilogue(struct gsd_native_unwinder *unwinder, struct gsd_native_state *state)
{
	uint8_t code[16];
	struct gsd_native_state next = *state;
	if (state->exact || !gsd_native_image_read(unwinder->image, state->registers[GSD_NATIVE_PC], code, sizeof code))
		return false;
	uint64_t *registers = next.registers;
	for (size_t i = 0; i + 1 < sizeof code; i++) {
		/* The numbers of registers in instructions are not those of DWARF. */
		static const uint8_t dwarf[] = {GSD_NATIVE_AX, GSD_NATIVE_CX, GSD_NATIVE_DX, GSD_NATIVE_BX,
						GSD_NATIVE_SP, GSD_NATIVE_BP, GSD_NATIVE_SI, GSD_NATIVE_DI};
		bool high = code[i] == 0x41;
		uint8_t opcode = high ? code[++i] : code[i];
		if (!high && opcode == 0xc3) {
			if (!gsd_native_word(unwinder, registers[GSD_NATIVE_SP], &registers[GSD_NATIVE_PC]))
				return false;
			registers[GSD_NATIVE_SP] += WORD;
			if (!follows_call(unwinder, registers[GSD_NATIVE_PC]))
				return false;
			*state = next;
			return true;
		}
		if (opcode < 0x58 || opcode > 0x5f)
			return false;
		uint8_t number = high ? (uint8_t)(GSD_NATIVE_R8 + (opcode - 0x58)) : dwarf[opcode - 0x58];
		uint64_t word;
		if (number == GSD_NATIVE_SP || !gsd_native_word(unwinder, registers[GSD_NATIVE_SP], &word))
			return false;
		registers[number] = word;
		registers[GSD_NATIVE_SP] += WORD;
	}
	return false;
}

static bool step_by_frame_pointer(struct gsd_native_unwinder *unwinder, struct gsd_native_state *state)
{
	uint64_t bp = state->registers[GSD_NATIVE_BP];
	uint64_t caller_bp;
	uint64_t pc;
	if ((bp & (WORD - 1)) != 0 || bp - state->registers[GSD_NATIVE_SP] > MAX_FRAME_BY_BP ||
	    !gsd_native_word(unwinder, bp, &caller_bp) || !gsd_native_word(unwinder, bp + WORD, &pc) ||
	    !follows_call(unwinder, pc))
		return false;
	state->registers[GSD_NATIVE_PC] = pc;
	state->registers[GSD_NATIVE_BP] = caller_bp;
	state->registers[GSD_NATIVE_SP] = bp + 2 * WORD;
	state->exact = false;
	return true;
}

enum gsd_native_step gsd_native_step(struct gsd_native_unwinder *unwinder, struct gsd_native_state *state)
{
	uint64_t pc = state->registers[GSD_NATIVE_PC];
	if (gsd_native_in_signal_return(unwinder, state))
		return step_out_of_signal(unwinder, state);
	unwinder->look_up = state->exact ? pc : pc - 1; /* a call may be the last instruction of its function */
	unwinder->record = NULL;
	unwinder->image = gsd_native_images_find(unwinder->images, unwinder->look_up);
	if (unwinder->image == NULL)
		return GSD_NATIVE_LOST;
	if (find_record(unwinder))
		return step_by_table(unwinder, state);
	return step_by_epilogue(unwinder, state) || step_by_frame_pointer(unwinder, state) ? GSD_NATIVE_STEPPED
											   : GSD_NATIVE_LOST;
}
