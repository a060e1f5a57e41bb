/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "target/private.h"
#include "target/process.h"

static void wait_for_ever(struct shared *shared, unsigned argument)
{
	(void)argument;
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		pause();
}

static void exit_at_once(struct shared *shared, unsigned argument)
{
	(void)shared;
	(void)argument;
}

static void *thread_that_waits(void *argument)
{
	wait_for_ever(argument, 0);
	return NULL;
}

/* The main thread ends, another one goes on. */
static void lose_the_leader(struct shared *shared, unsigned argument)
{
	(void)argument;
	pthread_t thread;
	pthread_create(&thread, NULL, thread_that_waits, shared);
	syscall(SYS_exit, 0);
}

static void no_such_process_is_gone(void **state)
{
	(void)state;
	struct gsd_process *process;
	struct shared *shared = shared_create();
	pid_t pid = spawn(exit_at_once, shared, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_error(gsd_process_open(pid, &process), GSD_ERROR_GONE, "no such process");
	assert_error(gsd_process_open(0, &process), GSD_ERROR_INVALID, "positive");
	assert_error(gsd_process_open(-5, &process), GSD_ERROR_INVALID, "positive");
	shared_destroy(shared);
}

static void a_zombie_is_gone_and_called_so(void **state)
{
	(void)state;
	struct gsd_process *process;
	struct shared *shared = shared_create();
	pid_t pid = spawn(exit_at_once, shared, 0);
	await(status_of(pid).state == 'Z');
	assert_error(gsd_process_open(pid, &process), GSD_ERROR_GONE, "its parent has not collected it");
	end_child(pid);
	shared_destroy(shared);
}

static void a_kernel_thread_is_not_go(void **state)
{
	(void)state;
	char text[64];
	if (gsd_procfs_read(-1, "/proc/2/comm", text, sizeof text, NULL) != 0 || strcmp(text, "kthreadd\n") != 0) {
		print_message("SKIP: no kernel thread is visible in this pid namespace\n");
		skip();
	}
	struct gsd_process *process;
	assert_error(gsd_process_open(2, &process), GSD_ERROR_NOT_GO, "kernel thread");
}

static void a_thread_id_is_refused_with_its_process(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(lose_the_leader, shared, 0);
	await(atomic_load(&shared->ready) == 1);
	pid_t thread = 0;
	char path[64];
	for (pid_t tid = pid + 1; thread == 0 && tid < pid + 1000; tid++) {
		snprintf(path, sizeof path, "/proc/%d/task/%d", pid, tid);
		thread = access(path, F_OK) == 0 ? tid : 0;
	}
	assert_int_not_equal(thread, 0);
	struct gsd_process *process;
	snprintf(path, sizeof path, "a thread of process %d", pid);
	assert_error(gsd_process_open(thread, &process), GSD_ERROR_INVALID, path);
	end_child(pid);
	shared_destroy(shared);
}

static void a_process_whose_main_thread_ended_is_read_through_another(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(lose_the_leader, shared, 0);
	await(atomic_load(&shared->ready) == 1);
	await(status_of(pid).state == 'Z');
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	size_t count;
	gsd_process_mappings(process, &count);
	assert_true(count > 3);
	unsigned ready = 0;
	assert_no_error(gsd_memory_read(gsd_process_memory(process), (uint64_t)(uintptr_t)&shared->ready, &ready,
					sizeof ready));
	assert_int_equal(ready, 1);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void the_program_and_its_mappings_are_those_of_the_target(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(wait_for_ever, shared, 0);
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	char self[4096] = {0};
	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	assert_string_equal(gsd_process_exe_path(process), self);
	struct stat ours;
	struct stat theirs;
	assert_int_equal(stat("/proc/self/exe", &ours), 0);
	assert_int_equal(fstat(gsd_process_exe(process), &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	size_t count;
	const struct gsd_mapping *mappings = gsd_process_mappings(process, &count);
	bool found = false;
	for (size_t i = 0; i < count; i++) {
		uint64_t here = (uint64_t)(uintptr_t)wait_for_ever;
		if (mappings[i].start <= here && here < mappings[i].end) {
			found = true;
			assert_true(mappings[i].executable);
			assert_string_equal(mappings[i].path, self);
			int fd;
			assert_no_error(gsd_process_open_mapping(process, &mappings[i], &fd));
			assert_int_equal(fstat(fd, &theirs), 0);
			assert_int_equal(ours.st_ino, theirs.st_ino);
			close(fd);
		}
	}
	assert_true(found);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

/* A file of the test's own that is mapped before the fork. */
struct mapped {
	char path[64];
	void *address;
	ino_t inode;
};

static struct mapped map_file(void)
{
	struct mapped mapped = {.path = "/tmp/gsd-test-mapped-XXXXXX"};
	int fd = mkstemp(mapped.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "first", 5), 5);
	struct stat file;
	fstat(fd, &file);
	mapped.inode = file.st_ino;
	mapped.address = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(mapped.address != MAP_FAILED);
	close(fd);
	return mapped;
}

static const struct gsd_mapping *mapping_at(const struct gsd_process *process, const void *address)
{
	size_t count;
	const struct gsd_mapping *mappings = gsd_process_mappings(process, &count);
	for (size_t i = 0; i < count; i++) {
		if (mappings[i].start <= (uint64_t)(uintptr_t)address && (uint64_t)(uintptr_t)address < mappings[i].end)
			return &mappings[i];
	}
	fail_msg("no mapping at %p", address);
	return NULL;
}

static void a_mapped_file_is_opened_and_never_another_one(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	struct mapped mapped = map_file();
	pid_t pid = spawn(wait_for_ever, shared, 0);
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	const struct gsd_mapping *mapping = mapping_at(process, mapped.address);
	assert_string_equal(mapping->path, mapped.path);
	int fd;
	struct stat file;
	assert_no_error(gsd_process_open_mapping(process, mapping, &fd));
	fstat(fd, &file);
	assert_int_equal(file.st_ino, mapped.inode);
	close(fd);

	/* By the path alone: a link to the same file is found, another file there is not taken. */
	struct gsd_mapping by_path = *mapping;
	by_path.start = 0x1000; /* map_files has no such entry */
	assert_no_error(gsd_process_open_mapping(process, &by_path, &fd));
	close(fd);
	unlink(mapped.path);
	assert_error(gsd_process_open_mapping(process, &by_path, &fd), GSD_ERROR_IO, "No such file");
	int other = open(mapped.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	close(other);
	assert_error(gsd_process_open_mapping(process, &by_path, &fd), GSD_ERROR_IO, "another file");
	unlink(mapped.path);
	assert_int_equal(mkfifo(mapped.path, 0600), 0);
	assert_error(gsd_process_open_mapping(process, &by_path, &fd), GSD_ERROR_IO, "another file");
	unlink(mapped.path);

	gsd_process_destroy(process);
	assert_no_error(gsd_process_open(pid, &process));
	mapping = mapping_at(process, mapped.address);
	assert_true(mapping->deleted);
	assert_string_equal(mapping->path, mapped.path);
	if (geteuid() == 0) { /* /proc/PID/map_files */
		assert_no_error(gsd_process_open_mapping(process, mapping, &fd));
		char text[6] = {0};
		assert_int_equal(read(fd, text, 5), 5);
		assert_string_equal(text, "first");
		close(fd);
	}
	gsd_process_destroy(process);
	end_child(pid);
	munmap(mapped.address, 4096);
	shared_destroy(shared);
}

static void the_environment_at_the_start_is_found(void **state)
{
	(void)state;
	struct gsd_process *process;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execle("/bin/sleep", "sleep", "1000", NULL,
		       (char *const[]){(char *)"GODEBUGX=no", (char *)"GODEBUG=a=1,b=2", (char *)"EMPTY=", NULL});
		_exit(1);
	}
	char name[64];
	snprintf(name, sizeof name, "/proc/%d/comm", pid);
	char comm[32] = "";
	await(gsd_procfs_read(-1, name, comm, sizeof comm, NULL) == 0 && strcmp(comm, "sleep\n") == 0);
	assert_no_error(gsd_process_open(pid, &process));
	char *value = NULL;
	assert_no_error(gsd_process_environment(process, "GODEBUG", &value));
	assert_string_equal(value, "a=1,b=2");
	free(value);
	assert_no_error(gsd_process_environment(process, "EMPTY", &value));
	assert_string_equal(value, "");
	free(value);
	assert_no_error(gsd_process_environment(process, "GO", &value));
	assert_null(value);
	gsd_process_destroy(process);
	end_child(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_such_process_is_gone),
		cmocka_unit_test(a_zombie_is_gone_and_called_so),
		cmocka_unit_test(a_kernel_thread_is_not_go),
		cmocka_unit_test(a_thread_id_is_refused_with_its_process),
		cmocka_unit_test(a_process_whose_main_thread_ended_is_read_through_another),
		cmocka_unit_test(the_program_and_its_mappings_are_those_of_the_target),
		cmocka_unit_test(a_mapped_file_is_opened_and_never_another_one),
		cmocka_unit_test(the_environment_at_the_start_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
