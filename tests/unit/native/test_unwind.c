/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test unwinds itself: from a copy of its own stack, and holds the result against backtrace(3), which is libgcc's
 * unwinder on the stack itself. Then the same with call frame information that is damaged byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "../support/check.h"
#include "base/error.h"
#include "native/frame_info.h"
#include "native/names.h"
#include "native/unwind.h"

#define MAX_FRAMES   64
#define STACK_BYTES  ((size_t)16384)
#define MAX_MAPPINGS 256

/* ---- what the test knows of itself ---- */

struct self {
	struct gsd_native_mapping mappings[MAX_MAPPINGS];
	char paths[MAX_MAPPINGS][256];
	size_t count;
	struct gsd_memory memory;
	struct gsd_native_images *images;
	struct gsd_native_plan plan;
	struct gsd_stack_piece piece;
	struct gsd_native_unwinder *unwinder;
};

static void read_self(struct gsd_memory *memory, struct gsd_range *ranges, size_t count)
{
	(void)memory;
	for (size_t i = 0; i < count; i++) {
		memcpy(ranges[i].buffer, (const void *)(uintptr_t)ranges[i].address, ranges[i].length);
		ranges[i].errnum = 0;
	}
}

static struct gsd_error *open_self(void *context, size_t mapping, int *fd_ret)
{
	const struct self *self = context;
	*fd_ret = open(self->mappings[mapping].path, O_RDONLY | O_CLOEXEC);
	return *fd_ret < 0 ? gsd_error_create(GSD_ERROR_IO, 0, "open it") : NULL;
}

static int make_self(void **state)
{
	struct self *self = calloc(1, sizeof *self);
	assert_non_null(self);
	FILE *maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	char line[512];
	while (fgets(line, sizeof line, maps) != NULL && self->count < MAX_MAPPINGS) {
		struct gsd_native_mapping *mapping = &self->mappings[self->count];
		unsigned long long start, end, offset;
		char access[8] = "";
		self->paths[self->count][0] = '\0';
		sscanf(line, "%llx-%llx %7s %llx %*s %*s %255[^\n]", &start, &end, access, &offset,
		       self->paths[self->count]);
		*mapping = (struct gsd_native_mapping){.start = start,
						       .end = end,
						       .offset = offset,
						       .path = self->paths[self->count],
						       .readable = access[0] == 'r',
						       .executable = access[2] == 'x'};
		self->count++;
	}
	fclose(maps);
	self->memory.read = read_self;
	const struct gsd_native_files files = {.open = open_self, .context = self, .memory = &self->memory};
	assert_success(gsd_native_images_create(self->mappings, self->count, &files, &self->images));
	assert_success(gsd_native_unwinder_create(self->images, &self->plan, &self->unwinder));
	*state = self;
	return 0;
}

static int drop_self(void **state)
{
	struct self *self = *state;
	gsd_native_unwinder_destroy(self->unwinder);
	gsd_native_images_destroy(self->images);
	free(self->plan.bytes);
	free(self);
	return 0;
}

/* ---- a stack and the truth about it ---- */

struct truth {
	void *frames[MAX_FRAMES];
	int count;
};

static struct gsd_native_state state_of(const ucontext_t *context)
{
	const greg_t *r = context->uc_mcontext.gregs;
	const struct gsd_registers registers = {.pc = (uint64_t)r[REG_RIP],
						.sp = (uint64_t)r[REG_RSP],
						.bp = (uint64_t)r[REG_RBP],
						.bx = (uint64_t)r[REG_RBX],
						.r8_15 = {0, 0, 0, 0, (uint64_t)r[REG_R12], (uint64_t)r[REG_R13],
							  (uint64_t)r[REG_R14], (uint64_t)r[REG_R15]}};
	struct gsd_native_state state;
	gsd_native_state_of(&registers, &state);
	return state;
}

/* Copies the stack as it is now; the caller's frame stays where it is. */
static __attribute__((noinline, no_sanitize("address"))) void take(struct self *self, const ucontext_t *context)
{
	uint64_t sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
	uint64_t end = sp;
	for (size_t i = 0; i < self->count; i++)
		if (self->mappings[i].start <= sp && sp < self->mappings[i].end)
			end = self->mappings[i].end;
	size_t length = end - sp < STACK_BYTES ? (size_t)(end - sp) : STACK_BYTES;
	uint8_t *bytes = malloc(length);
	for (size_t i = 0; i < length; i++)
		bytes[i] = ((const volatile uint8_t *)(uintptr_t)sp)[i];
	free(self->plan.bytes);
	self->plan.bytes = bytes;
	self->piece = (struct gsd_stack_piece){.address = sp, .length = length};
	self->plan.pieces = &self->piece;
	self->plan.piece_count = 1;
}

static struct gsd_native_state leaf(struct self *self, struct truth *truth);

static __attribute__((noinline)) struct gsd_native_state leaf(struct self *self, struct truth *truth)
{
	ucontext_t context;
	truth->count = backtrace(truth->frames, MAX_FRAMES);
	/* A sanitizer puts itself between: the first one is to be in this very function. */
	while (truth->count > 0 && (uint64_t)(uintptr_t)truth->frames[0] - (uint64_t)(uintptr_t)leaf > 4096)
		memmove(truth->frames, truth->frames + 1, (size_t)--truth->count * sizeof truth->frames[0]);
	getcontext(&context);
	take(self, &context);
	return state_of(&context);
}

/* Frames that differ: with a frame pointer (alloca), recursion, many registers in use. */
static __attribute__((noinline)) struct gsd_native_state deep(struct self *self, struct truth *truth, int depth)
{
	volatile char *room = __builtin_alloca((size_t)(depth + 1) * 24);
	room[0] = (char)depth;
	struct gsd_native_state state = depth == 0 ? leaf(self, truth) : deep(self, truth, depth - 1);
	room[1] = room[0];
	return state;
}

static void the_frames_are_those_that_libgcc_sees(void **state)
{
	struct self *self = *state;
	struct truth truth;
	struct gsd_native_state now = deep(self, &truth, 5);
	assert_true(truth.count > 8);
	for (int i = 1; i < truth.count; i++) {
		assert_int_equal(gsd_native_step(self->unwinder, &now), GSD_NATIVE_STEPPED);
		assert_false(now.exact);
		assert_u64(now.registers[GSD_NATIVE_PC], (uint64_t)(uintptr_t)truth.frames[i]);
	}
	assert_int_equal(gsd_native_step(self->unwinder, &now), GSD_NATIVE_OUTERMOST);
}

static void a_stack_that_was_not_copied_far_enough_ends_and_is_not_guessed(void **state)
{
	struct self *self = *state;
	struct truth truth;
	struct gsd_native_state now = deep(self, &truth, 5);
	self->piece.length = 256;
	int steps = 0;
	while (gsd_native_step(self->unwinder, &now) == GSD_NATIVE_STEPPED)
		assert_u64(now.registers[GSD_NATIVE_PC], (uint64_t)(uintptr_t)truth.frames[++steps]);
	assert_true(steps < truth.count - 1);
}

static volatile int line_of_the_call;

static __attribute__((noinline)) void *where(void)
{
	return __builtin_return_address(0);
}

static void code_is_named_with_its_line(void **state)
{
	struct self *self = *state;
	struct gsd_native_line_array lines = {0};
	uint64_t pc = (uint64_t)(uintptr_t)where() - 1;
	line_of_the_call = __LINE__ - 1;
	struct gsd_native_image *image = gsd_native_images_find(self->images, pc);
	assert_non_null(image);
	assert_non_null(image->elf);
	struct gsd_native_names *names = gsd_native_names_create(image->fd, gsd_elf_build_id(image->elf));
	assert_non_null(names);
	assert_true(gsd_native_names_find(names, pc - image->bias, &lines));
	assert_int_equal(lines.count, 1);
	assert_string_equal(lines.items[0].function, "code_is_named_with_its_line");
	assert_non_null(strstr(lines.items[0].file, "unit/native/test_unwind.c"));
	assert_int_equal(lines.items[0].line, line_of_the_call);
	assert_true(gsd_native_names_find(names, 1, &lines));
	assert_int_equal(lines.count, 0);
	gsd_native_line_array_free(&lines);
	gsd_native_names_destroy(names);
}

static void what_is_no_code_has_no_image(void **state)
{
	struct self *self = *state;
	assert_null(gsd_native_images_find(self->images, (uint64_t)(uintptr_t)&line_of_the_call));
	assert_null(gsd_native_images_find(self->images, 16));
	assert_null(gsd_native_images_find(self->images, UINT64_MAX));
}

/* ---- damage ---- */

struct damaged {
	struct self *self;
	struct gsd_native_image *image;
	uint8_t *table;
	size_t size;
};

static bool read_damaged(void *context, uint64_t address, void *buffer, size_t length)
{
	const struct damaged *damaged = context;
	uint64_t offset = address - damaged->image->frame_table;
	if (offset < damaged->size && length <= damaged->size - offset) {
		memcpy(buffer, damaged->table + offset, length);
		return true;
	}
	return gsd_native_image_read(damaged->image, address, buffer, length);
}

static bool read_image(void *context, uint64_t address, void *buffer, size_t length)
{
	return gsd_native_image_read(context, address, buffer, length);
}

static void a_list_of_all_records_finds_what_the_table_finds(void **state)
{
	struct self *self = *state;
	uint64_t address;
	uint64_t size;
	struct gsd_native_image *image = gsd_native_images_find(self->images, (uint64_t)(uintptr_t)deep);
	assert_non_null(image);
	assert_true(gsd_elf_section(image->elf, ".eh_frame", &address, &size));
	const struct gsd_frame_table table = {
		.address = image->frame_table, .size = image->frame_table_size, .read = read_image, .context = image};
	const struct gsd_frame_table section = {
		.address = address + image->bias, .size = size, .read = read_image, .context = image};
	struct gsd_frame_list list = {0};
	assert_true(gsd_frame_list_fill(&section, &list));
	assert_true(list.count > 20);
	for (size_t i = 0; i < list.count; i++) {
		struct gsd_frame_record by_list = {0}, by_table = {0};
		bool found = gsd_frame_list_find(&section, &list, list.items[i].start, &by_list);
		assert_int_equal(found, gsd_frame_table_find(&table, list.items[i].start, &by_table));
		assert_memory_equal(&by_list, &by_table, sizeof by_list);
	}
	gsd_frame_list_free(&list);
}

static void a_damaged_table_finds_nothing_or_a_record_around_the_pc(void **state)
{
	struct self *self = *state;
	uint64_t pc = (uint64_t)(uintptr_t)deep + 4;
	struct damaged damaged = {.self = self, .image = gsd_native_images_find(self->images, pc)};
	assert_non_null(damaged.image);
	/* The header and the records: .eh_frame follows .eh_frame_hdr in what the linker makes. */
	damaged.size = (size_t)damaged.image->frame_table_size + 8192;
	damaged.table = malloc(damaged.size);
	while (!gsd_native_image_read(damaged.image, damaged.image->frame_table, damaged.table, damaged.size))
		damaged.size -= 64;
	const struct gsd_frame_table table = {.address = damaged.image->frame_table,
					      .size = damaged.image->frame_table_size,
					      .read = read_damaged,
					      .context = &damaged};
	struct gsd_frame_record record;
	assert_true(gsd_frame_table_find(&table, pc, &record));
	assert_u64(record.start, (uint64_t)(uintptr_t)deep);
	size_t refused = 0;
	for (size_t i = 0; i < damaged.size; i++) {
		static const uint8_t values[] = {0x00, 0xff, 0x80, 0x1b, 0x0f};
		uint8_t kept = damaged.table[i];
		for (size_t k = 0; k < sizeof values; k++) {
			damaged.table[i] = values[k];
			if (!gsd_frame_table_find(&table, pc, &record))
				refused++;
			else
				assert_true(record.start <= pc && pc < record.end);
		}
		damaged.table[i] = kept;
	}
	assert_true(refused > 20);
	free(damaged.table);
}

#define WITH_SELF(test) cmocka_unit_test_setup_teardown(test, make_self, drop_self)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SELF(the_frames_are_those_that_libgcc_sees),
		WITH_SELF(a_stack_that_was_not_copied_far_enough_ends_and_is_not_guessed),
		WITH_SELF(code_is_named_with_its_line),
		WITH_SELF(what_is_no_code_has_no_image),
		WITH_SELF(a_list_of_all_records_finds_what_the_table_finds),
		WITH_SELF(a_damaged_table_finds_nothing_or_a_record_around_the_pc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
