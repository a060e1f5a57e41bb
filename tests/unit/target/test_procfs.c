/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "target/maps.h"
#include "target/private.h"

static struct gsd_arena strings;
static struct gsd_mapping_array mappings;

static struct gsd_error *parse(const char *text)
{
	gsd_mapping_array_free(&mappings);
	gsd_arena_free(&strings);
	strings = (struct gsd_arena){0};
	return gsd_maps_parse(text, strlen(text), &strings, &mappings);
}

static int free_maps(void **state)
{
	(void)state;
	gsd_mapping_array_free(&mappings);
	gsd_arena_free(&strings);
	strings = (struct gsd_arena){0};
	return 0;
}

static void maps_lines_give_every_field(void **state)
{
	(void)state;
	assert_no_error(parse("00400000-00401000 r-xp 00002000 fd:1f 1234                       /usr/bin/a b\n"
			      "c000000000-c000400000 rw-p 00000000 00:00 0 \n"
			      "7ffd00001000-7ffd00002000 ---s 00000000 00:00 0\n"
			      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"));
	assert_int_equal(mappings.count, 4);
	const struct gsd_mapping *first = &mappings.items[0];
	assert_int_equal(first->start, 0x400000);
	assert_int_equal(first->end, 0x401000);
	assert_int_equal(first->offset, 0x2000);
	assert_int_equal(first->inode, 1234);
	assert_int_equal(first->device_major, 0xfd);
	assert_int_equal(first->device_minor, 0x1f);
	assert_true(first->readable && !first->writable && first->executable && !first->deleted);
	assert_string_equal(first->path, "/usr/bin/a b");
	assert_string_equal(mappings.items[1].path, "");
	assert_true(mappings.items[1].writable);
	assert_string_equal(mappings.items[2].path, "");
	assert_false(mappings.items[2].readable);
	assert_int_equal(mappings.items[3].start, 0xffffffffff600000U);
	assert_string_equal(mappings.items[3].path, "[vsyscall]");
}

static void maps_undo_the_kernels_escape_and_only_that(void **state)
{
	(void)state;
	assert_no_error(parse("1000-2000 r--p 0 0:0 7  /a\\012b\\040c\\\\012\\0\n"
			      "2000-3000 r--p 0 0:0 7  /tail\\012"));
	assert_string_equal(mappings.items[0].path, "/a\nb\\040c\\\n\\0");
	assert_string_equal(mappings.items[1].path, "/tail\n");
}

static void maps_know_deleted_files(void **state)
{
	(void)state;
	assert_no_error(parse("1000-2000 r--p 0 0:0 7  /a (deleted)\n"
			      "2000-3000 r--p 0 0:0 7  /a (deleted) (deleted)\n"
			      "3000-4000 r--p 0 0:0 7  /a (deleted)x\n"
			      "4000-5000 r--p 0 0:0 0  [anon: (deleted)]\n"
			      "5000-6000 r--p 0 0:0 7   (deleted)\n"));
	assert_true(mappings.items[0].deleted);
	assert_string_equal(mappings.items[0].path, "/a");
	assert_true(mappings.items[1].deleted);
	assert_string_equal(mappings.items[1].path, "/a (deleted)");
	assert_false(mappings.items[2].deleted);
	assert_string_equal(mappings.items[2].path, "/a (deleted)x");
	assert_false(mappings.items[3].deleted);
	assert_false(mappings.items[4].deleted);
}

static void maps_refuse_what_the_kernel_does_not_write(void **state)
{
	(void)state;
	const char *const bad[] = {"\n",
				   "x",
				   "1000",
				   "1000-",
				   "1000-2000",
				   "1000-2000 r",
				   "1000-2000 rwxp",
				   "1000-2000 rwxp 0",
				   "1000-2000 qwxp 0 0:0 0",
				   "1000-2000 rwxp 0 0:0",
				   "1000-2000 rwxp 0 0:0 ",
				   "1000-2000 rwxp 0 0:0 12x",
				   "2000-1000 r--p 0 0:0 0",
				   "1000-1000 r--p 0 0:0 0",
				   "-1000 r--p 0 0:0 0",
				   "1000-11000000000000000 r--p 0 0:0 0",
				   "1000-2000 r--p 0 100000000:0 0",
				   "1000-2000 r--p 0 0:0 18446744073709551616",
				   "1000 2000 r--p 0 0:0 0",
				   "1000-2000 r--p 0 0:0 0\n\n"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(bad); i++) {
		struct gsd_error *error = parse(bad[i]);
		if (error == NULL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_error(error, GSD_ERROR_CORRUPT, "kernel's format");
	}
}

static void maps_that_changed_between_two_reads_do_not_overlap(void **state)
{
	(void)state;
	assert_no_error(parse("1000-3000 r--p 0 0:0 7 /a\n"
			      "2000-5000 r--p 1000 0:0 7 /a\n"
			      "4000-5000 r--p 0 0:0 0\n"));
	assert_int_equal(mappings.count, 2);
	assert_int_equal(mappings.items[1].start, 0x3000);
	assert_int_equal(mappings.items[1].end, 0x5000);
	assert_int_equal(mappings.items[1].offset, 0x2000);
}

static void every_prefix_of_maps_is_harmless(void **state)
{
	(void)state;
	const char text[] = "00400000-00401000 r-xp 00002000 fd:1f 1234    /usr\\012 (deleted)\n"
			    "00500000-00501000 r-xp 00002000 fd:1f 1234    /usr";
	for (size_t length = 0; length < sizeof text; length++) {
		char *copy = malloc(length + 1); /* exactly as long: the sanitizer sees a read past it */
		memcpy(copy, text, length);
		copy = realloc(copy, length == 0 ? 1 : length);
		gsd_mapping_array_free(&mappings);
		gsd_error_destroy(gsd_maps_parse(copy, length, &strings, &mappings));
		free(copy);
	}
}

static void status_gives_its_fields_whatever_the_name_says(void **state)
{
	(void)state;
	struct gsd_status status;
	assert_true(gsd_status_parse(
		"Name:\tTgid: 1\\nPid:\t9\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nNgid:\t0\n"
		"Pid:\t43\nPPid:\t7\nTracerPid:\t12\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
		"NSpid:\t42\t17\t3\nVmRSS:\t    2000 kB\nVmSwap:\t      24 kB\nThreads:\t9\nCapPrm:\t000001ff00000000\n"
		"CapEff:\t0000000000080000\nSeccomp:\t2\n",
		&status));
	assert_int_equal(status.state, 'S');
	assert_int_equal(status.tgid, 42);
	assert_int_equal(status.pid, 43);
	assert_int_equal(status.ppid, 7);
	assert_int_equal(status.tracer, 12);
	assert_int_equal(status.uids[2], 3);
	assert_int_equal(status.gids[1], 6);
	assert_int_equal(status.namespace_levels, 3);
	assert_int_equal(status.pid_innermost, 3);
	assert_int_equal(status.threads, 9);
	assert_int_equal(status.memory_bytes, 2024 * 1024);
	assert_int_equal(status.cap_permitted, 0x1ff00000000);
	assert_int_equal(status.cap_effective, 0x80000);
	assert_int_equal(status.seccomp, 2);
	assert_false(gsd_status_parse("", &status));
	assert_false(gsd_status_parse("State", &status));
	assert_false(gsd_status_parse("State:\nTgid:\nPid:", &status));
}

static void stat_is_understood_whatever_the_name_looks_like(void **state)
{
	(void)state;
	assert_int_equal(gsd_stat_state("7 (a) R 1 (b) D 1 7 7 0 -1 4194304 0"), 'D');
	assert_int_equal(gsd_stat_state("7 (a"), 0);
	assert_int_equal(gsd_stat_state("7 (a)"), 0);
	assert_int_equal(gsd_stat_state(""), 0);
	assert_true(gsd_stat_is_kernel_thread("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"));
	assert_false(gsd_stat_is_kernel_thread("7 (a) S 0 0 0 0 -1 4194560 0 0"));
	assert_false(gsd_stat_is_kernel_thread("7 (a) S 0 0"));
}

/* Lines as Linux 6.18 writes them; what proc(5) calls kstkesp and kstkeip are the 29th and the 30th. */
static void registers_are_taken_from_what_the_kernel_tells(void **state)
{
	(void)state;
	uint64_t pc = 1;
	uint64_t sp = 2;
	assert_true(gsd_syscall_parse("0 0x0 0xc000 0x1000 0x0 0x0 0x0 0xc00008cb60 0x40334e\n", &pc, &sp));
	assert_int_equal(sp, 0xc00008cb60);
	assert_int_equal(pc, 0x40334e);
	assert_true(gsd_syscall_parse("-1 0x7ffc0 0x401\n", &pc, &sp));
	assert_int_equal(sp, 0x7ffc0);
	assert_int_equal(pc, 0x401);
	assert_true(gsd_stat_registers("7 (a) 1) D 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 5 0 11 12 13 14 15 16 17 "
				       "140721 4198400 0 0\n",
				       &pc, &sp));
	assert_int_equal(sp, 140721);
	assert_int_equal(pc, 4198400);
}

static void registers_that_the_kernel_keeps_are_not_made_up(void **state)
{
	(void)state;
	uint64_t pc = 1;
	uint64_t sp = 2;
	static const char *const calls[] = {
		"running\n",    "", "\n", "-1 0x0 0x0\n", "-1 0x10 0x0\n", "0x10 0x20\n", "1 2 3 4 5 6\n",
		"-1 0x10 rip\n"};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(calls); i++)
		assert_false(gsd_syscall_parse(calls[i], &pc, &sp));
	assert_false(gsd_stat_registers("7 (a) S 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 5 0 11 12 13 14 15 16 17 0 0 0\n",
					&pc, &sp));
	assert_false(
		gsd_stat_registers("7 (a) S 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 5 0 11 12 13 14 15 16 17 9", &pc, &sp));
	assert_false(gsd_stat_registers("7 (a)", &pc, &sp));
	assert_int_equal(pc, 1);
	assert_int_equal(sp, 2);
}

static void a_core_dump_is_seen_and_a_name_is_none(void **state)
{
	(void)state;
	assert_true(gsd_status_dumps_core("Name:\ta\nState:\tD\nCoreDumping:\t1\nThreads:\t1\n"));
	assert_false(gsd_status_dumps_core("Name:\ta\nState:\tD\nCoreDumping:\t0\nThreads:\t1\n"));
	assert_false(gsd_status_dumps_core("Name:\tCoreDumping:\t1\nState:\tS\n"));
	assert_false(gsd_status_dumps_core(""));
}

static void the_offset_of_a_time_namespace_is_seconds_and_never_negative_nanoseconds(void **state)
{
	(void)state;
	assert_int_equal(gsd_clock_offset_parse("monotonic           0         0\nboottime            0         0\n"),
			 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic 12 345678901\nboottime 99 0\n"), 12345678901);
	assert_int_equal(gsd_clock_offset_parse("boottime 99 0\nmonotonic -2 900000000\n"), -1100000000);
	assert_int_equal(gsd_clock_offset_parse("boottime 99 0\n"), 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic"), 0);
	assert_int_equal(gsd_clock_offset_parse(""), 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic 1 1000000000"), 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic 1 -1"), 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic 9223372036854775807 0"), 0);
	assert_int_equal(gsd_clock_offset_parse("monotonic -9223372036854775808 0"), 0);
}

static void only_64_bit_x86_programs_are_accepted(void **state)
{
	(void)state;
	uint8_t header[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	char reason[128];
	header[18] = 62;
	assert_false(gsd_executable_refusal(header, sizeof header, reason, sizeof reason));
	header[18] = 183;
	assert_true(gsd_executable_refusal(header, sizeof header, reason, sizeof reason));
	assert_non_null(strstr(reason, "arm64"));
	header[4] = 1;
	header[18] = 3;
	assert_true(gsd_executable_refusal(header, sizeof header, reason, sizeof reason));
	assert_non_null(strstr(reason, "32-bit x86"));
	header[18] = 62;
	assert_true(gsd_executable_refusal(header, sizeof header, reason, sizeof reason));
	assert_non_null(strstr(reason, "x32"));
	header[18] = 99;
	assert_true(gsd_executable_refusal(header, sizeof header, reason, sizeof reason));
	assert_non_null(strstr(reason, "machine 99"));
	assert_true(gsd_executable_refusal(header, 63, reason, sizeof reason));
	assert_true(gsd_executable_refusal("#!/bin/sh", 9, reason, sizeof reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(maps_lines_give_every_field, free_maps),
		cmocka_unit_test_teardown(maps_undo_the_kernels_escape_and_only_that, free_maps),
		cmocka_unit_test_teardown(maps_know_deleted_files, free_maps),
		cmocka_unit_test_teardown(maps_refuse_what_the_kernel_does_not_write, free_maps),
		cmocka_unit_test_teardown(maps_that_changed_between_two_reads_do_not_overlap, free_maps),
		cmocka_unit_test_teardown(every_prefix_of_maps_is_harmless, free_maps),
		cmocka_unit_test(status_gives_its_fields_whatever_the_name_says),
		cmocka_unit_test(stat_is_understood_whatever_the_name_looks_like),
		cmocka_unit_test(registers_are_taken_from_what_the_kernel_tells),
		cmocka_unit_test(registers_that_the_kernel_keeps_are_not_made_up),
		cmocka_unit_test(a_core_dump_is_seen_and_a_name_is_none),
		cmocka_unit_test(the_offset_of_a_time_namespace_is_seconds_and_never_negative_nanoseconds),
		cmocka_unit_test(only_64_bit_x86_programs_are_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
