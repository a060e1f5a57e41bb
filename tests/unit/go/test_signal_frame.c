/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers that a signal interrupted, found in the bytes of a handler's stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "go/signal_frame.h"

#define HANDLER_LOW    UINT64_C(0x700000)
#define HANDLER_SIZE   0x8000U
#define THREAD_SP      (HANDLER_LOW + 0x6000)
#define GOROUTINE_LOW  UINT64_C(0xc000010000)
#define GOROUTINE_HIGH UINT64_C(0xc000012000)

struct handler {
	uint8_t bytes[HANDLER_SIZE - 0x6000];
	struct gsd_stack_view view;
};

static void put(struct handler *handler, size_t offset, uint64_t value)
{
	memcpy(handler->bytes + offset, &value, sizeof value);
}

/* A saved context at `offset` above the thread's sp, as the kernel lays it out. */
static void put_context(struct handler *handler, size_t offset, uint64_t pc, uint64_t sp)
{
	put(handler, offset, 7);
	put(handler, offset + 8, 0);
	put(handler, offset + 16, HANDLER_LOW);
	put(handler, offset + 32, HANDLER_SIZE);
	put(handler, offset + 40 + 10 * 8, sp + 16);
	put(handler, offset + 40 + 15 * 8, sp);
	put(handler, offset + 40 + 16 * 8, pc);
	put(handler, offset + 40 + 18 * 8, UINT64_C(0x002b000000000033));
}

static int setup(void **state)
{
	static struct handler handler;
	memset(&handler, 0, sizeof handler);
	handler.view =
		(struct gsd_stack_view){.start = THREAD_SP, .bytes = handler.bytes, .length = sizeof handler.bytes};
	*state = &handler;
	return 0;
}

static bool find(struct handler *handler, struct gsd_registers *registers)
{
	return gsd_signal_frame_find(&handler->view, GOROUTINE_LOW, GOROUTINE_HIGH, registers);
}

static void the_interrupted_registers_are_found(void **state)
{
	struct gsd_registers registers;
	put_context(*state, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	assert_true(find(*state, &registers));
	assert_int_equal(registers.pc, 0x401234);
	assert_int_equal(registers.sp, GOROUTINE_HIGH - 64);
	assert_int_equal(registers.bp, GOROUTINE_HIGH - 48);
}

static void the_outermost_context_is_the_live_one(void **state)
{
	struct gsd_registers registers;
	put_context(*state, 0x400, 0x409999, GOROUTINE_HIGH - 128);
	put_context(*state, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	assert_true(find(*state, &registers));
	assert_int_equal(registers.pc, 0x401234);
}

static void a_context_for_another_stack_is_not_believed(void **state)
{
	struct gsd_registers registers;
	put_context(*state, 0x1000, 0x401234, GOROUTINE_HIGH + 8);
	assert_false(find(*state, &registers));
	put_context(*state, 0x1000, 0x401234, GOROUTINE_LOW);
	assert_false(find(*state, &registers));
}

static void an_old_context_on_a_stack_that_the_thread_has_left_is_not_believed(void **state)
{
	struct handler *handler = *state;
	struct gsd_registers registers;
	put_context(handler, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	put(handler, 0x1000 + 16, THREAD_SP + 0x800); /* its alternate stack begins above the thread's sp */
	assert_false(find(handler, &registers));
}

static void a_context_beyond_its_alternate_stack_is_not_believed(void **state)
{
	struct handler *handler = *state;
	struct gsd_registers registers;
	put_context(handler, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	put(handler, 0x1000 + 32, 0x6100);
	assert_false(find(handler, &registers));
}

static void other_code_segments_and_flags_are_not_believed(void **state)
{
	struct handler *handler = *state;
	struct gsd_registers registers;
	put_context(handler, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	put(handler, 0x1000 + 40 + 18 * 8, 0x23);
	assert_false(find(handler, &registers));
	put_context(handler, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	put(handler, 0x1000, 0x100);
	assert_false(find(handler, &registers));
}

static void a_context_cut_by_the_end_of_the_copy_is_not_read(void **state)
{
	struct handler *handler = *state;
	struct gsd_registers registers;
	put_context(handler, 0x1000, 0x401234, GOROUTINE_HIGH - 64);
	handler->view.length = 0x1000 + 40 + 19 * 8 - 1;
	assert_false(find(handler, &registers));
	handler->view.length++;
	assert_true(find(handler, &registers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_interrupted_registers_are_found, setup),
		cmocka_unit_test_setup(the_outermost_context_is_the_live_one, setup),
		cmocka_unit_test_setup(a_context_for_another_stack_is_not_believed, setup),
		cmocka_unit_test_setup(an_old_context_on_a_stack_that_the_thread_has_left_is_not_believed, setup),
		cmocka_unit_test_setup(a_context_beyond_its_alternate_stack_is_not_believed, setup),
		cmocka_unit_test_setup(other_code_segments_and_flags_are_not_believed, setup),
		cmocka_unit_test_setup(a_context_cut_by_the_end_of_the_copy_is_not_read, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
