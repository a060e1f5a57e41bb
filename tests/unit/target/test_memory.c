/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "target/private.h"
#include "target/stop.h"

#define PAGE  ((size_t)4096)
#define PAGES ((size_t)2000)

/* A region of the target in which every seventh page is a hole; word w of the region holds w * 3. */
static uint64_t *region;

static bool is_hole(size_t page)
{
	return page % 7 == 3;
}

static void hold_region(struct shared *shared, unsigned argument)
{
	(void)argument;
	for (size_t page = 0; page < PAGES; page++) {
		if (is_hole(page))
			munmap((char *)region + page * PAGE, PAGE);
	}
	atomic_store(&shared->ready, 1);
	for (;;)
		pause();
}

static pid_t start_target(struct shared *shared)
{
	region = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(region != MAP_FAILED);
	for (size_t word = 0; word < PAGES * PAGE / 8; word++)
		region[word] = word * 3;
	pid_t pid = spawn(hold_region, shared, 0);
	await(atomic_load(&shared->ready) == 1);
	return pid;
}

/* A page in pieces of different lengths, some over page borders, more of them than one system call takes. */
static void check_batch(struct gsd_memory *memory)
{
	size_t count = 0;
	struct gsd_range *ranges = calloc(PAGES * 3, sizeof *ranges);
	uint8_t *bytes = malloc(PAGES * 3 * PAGE);
	for (size_t page = 0; page + 1 < PAGES; page++) {
		const size_t lengths[] = {8, 0, PAGE};
		const size_t offsets[] = {16, 64, PAGE / 2};
		for (size_t k = 0; k < 3; k++) {
			ranges[count] =
				(struct gsd_range){.address = (uint64_t)(uintptr_t)region + page * PAGE + offsets[k],
						   .length = lengths[k],
						   .buffer = bytes + count * PAGE,
						   .errnum = -1};
			count++;
		}
	}
	assert_true(count > 5 * GSD_READ_BATCH);
	gsd_memory_read_ranges(memory, ranges, count);
	for (size_t i = 0; i < count; i++) {
		size_t page = i / 3;
		size_t first = (ranges[i].address - (uint64_t)(uintptr_t)region) / 8;
		bool hole = ranges[i].length > 0 && (is_hole(page) || (ranges[i].length == PAGE && is_hole(page + 1)));
		assert_int_equal(ranges[i].errnum, hole ? EFAULT : 0);
		const uint64_t *words = ranges[i].buffer;
		for (size_t word = 0; !hole && word < ranges[i].length / 8; word++)
			assert_int_equal(words[word], (first + word) * 3);
	}
	free(ranges);
	free(bytes);
}

static void large_batches_with_holes_give_exact_bytes(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = start_target(shared);
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	uint64_t before = gsd_process_bytes_read(process);
	check_batch(gsd_process_memory(process));
	assert_false(process->memory.file_only);
	uint64_t whole = gsd_process_bytes_read(process) - before;
	size_t expected = 0;
	for (size_t page = 0; page + 1 < PAGES; page++)
		expected += is_hole(page) ? 0 : is_hole(page + 1) ? 8 : 8 + PAGE;
	assert_int_equal(whole, expected);

	/* The same through /proc/PID/mem. */
	process->memory.file_only = true;
	check_batch(gsd_process_memory(process));
	assert_int_equal(gsd_process_bytes_read(process) - before, 2 * expected);

	/* And without it, as when it may not be opened. */
	process->memory.file_only = false;
	int file = process->memory.file;
	process->memory.file = -1;
	check_batch(gsd_process_memory(process));
	process->memory.file = file;
	gsd_process_destroy(process);
	end_child(pid);
	munmap(region, PAGES * PAGE);
	shared_destroy(shared);
}

static void addresses_that_cannot_be_are_faults(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = start_target(shared);
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	uint8_t buffer[64] = {0};
	uint64_t good = 0;
	for (int by_file = 0; by_file < 2; by_file++) {
		process->memory.file_only = by_file == 1;
		good = 0;
		struct gsd_range ranges[] = {
			{.address = 0, .length = 8, .buffer = buffer},
			{.address = UINT64_MAX, .length = 8, .buffer = buffer},
			{.address = UINT64_MAX - 7, .length = 64, .buffer = buffer},
			{.address = (uint64_t)1 << 63, .length = 8, .buffer = buffer},
			{.address = INT64_MAX, .length = 1, .buffer = buffer},
			{.address = (uint64_t)1 << 47, .length = 8, .buffer = buffer},
			{.address = 0xffffffff81000000U, .length = 8, .buffer = buffer},
			{.address = (uint64_t)(uintptr_t)region, .length = SIZE_MAX, .buffer = buffer},
			{.address = (uint64_t)(uintptr_t)region + 8, .length = 8, .buffer = &good},
		};
		size_t count = GSD_ARRAY_SIZE(ranges);
		gsd_memory_read_ranges(gsd_process_memory(process), ranges, count);
		for (size_t i = 0; i + 1 < count; i++)
			assert_int_equal(ranges[i].errnum, EFAULT);
		assert_int_equal(ranges[count - 1].errnum, 0);
		assert_int_equal(good, 3);
	}
	gsd_process_destroy(process);
	end_child(pid);
	munmap(region, PAGES * PAGE);
	shared_destroy(shared);
}

static void a_target_that_ended_is_esrch_and_gone(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = start_target(shared);
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	end_child(pid);
	uint64_t words[3];
	int file = process->memory.file;
	for (int way = 0; way < 3; way++) {
		process->memory.file_only = way == 1;
		process->memory.file = way == 2 ? -1 : file;
		struct gsd_range ranges[3];
		for (size_t i = 0; i < 3; i++)
			ranges[i] = (struct gsd_range){
				.address = (uint64_t)(uintptr_t)region, .length = 8, .buffer = &words[i]};
		gsd_memory_read_ranges(gsd_process_memory(process), ranges, 3);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(ranges[i].errnum, ESRCH);
	}
	process->memory.file = file;
	assert_error(gsd_memory_read(gsd_process_memory(process), (uint64_t)(uintptr_t)region, words, 8),
		     GSD_ERROR_GONE, "read 8 bytes");
	size_t capacity;
	assert_error(gsd_process_thread_capacity(process, &capacity), GSD_ERROR_GONE, "threads");
	gsd_process_destroy(process);
	munmap(region, PAGES * PAGE);
	shared_destroy(shared);
}

/* ---- execve ---- */

static void exec_when_told(struct shared *shared, unsigned argument)
{
	(void)argument;
	atomic_store(&shared->ready, 1);
	while (atomic_load(&shared->quit) == 0)
		sched_yield();
	execl("/bin/sleep", "sleep", "60", (char *)NULL);
}

static bool is_called(pid_t pid, const char *name)
{
	char path[64];
	char comm[32] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	return gsd_procfs_read(-1, path, comm, sizeof comm, NULL) == 0 && strncmp(comm, name, strlen(name)) == 0;
}

static void the_next_program_is_not_read_in_place_of_the_opened_one(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(exec_when_told, shared, 0);
	await(atomic_load(&shared->ready) == 1);
	struct gsd_process *old;
	struct gsd_process *new;
	assert_no_error(gsd_process_open(pid, &old));
	assert_false(gsd_process_replaced(old));
	atomic_store(&shared->quit, 1);
	await(is_called(pid, "sleep"));
	assert_no_error(gsd_process_open(pid, &new));
	size_t count;
	const struct gsd_mapping *mappings = gsd_process_mappings(new, &count);
	assert_true(count > 0 && mappings[0].readable);
	uint64_t word;
	assert_no_error(gsd_memory_read_u64(gsd_process_memory(new), mappings[0].start, &word));
	assert_error(gsd_memory_read_u64(gsd_process_memory(old), mappings[0].start, &word), GSD_ERROR_GONE, "read");
	assert_true(gsd_process_replaced(old));
	assert_false(gsd_process_replaced(new));
	end_child(pid);
	assert_false(gsd_process_replaced(new)); /* it has ended */
	gsd_process_destroy(old);
	gsd_process_destroy(new);
	shared_destroy(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_batches_with_holes_give_exact_bytes),
		cmocka_unit_test(addresses_that_cannot_be_are_faults),
		cmocka_unit_test(a_target_that_ended_is_esrch_and_gone),
		cmocka_unit_test(the_next_program_is_not_read_in_place_of_the_opened_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
