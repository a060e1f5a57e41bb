/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/check.h"

/* A directory with a file, a link to it, and a pipe with a name. */
static int set_up(void **state)
{
	static char path[32];
	snprintf(path, sizeof path, "/tmp/gsd-test-regular-XXXXXX");
	assert_non_null(mkdtemp(path));
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	int fd = openat(directory, "file", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	assert_int_equal(symlinkat("file", directory, "link"), 0);
	assert_int_equal(mkfifoat(directory, "pipe", 0600), 0);
	close(directory);
	*state = path;
	return 0;
}

static int tear_down(void **state)
{
	int directory = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unlinkat(directory, "file", 0);
	unlinkat(directory, "link", 0);
	unlinkat(directory, "pipe", 0);
	close(directory);
	return rmdir(*state);
}

static int open_below(const char *path, const char *name)
{
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = gsd_open_regular(directory, name);
	int errnum = errno;
	close(directory);
	errno = errnum;
	return fd;
}

static void assert_has_the_text(int fd)
{
	char text[8];
	assert_int_equal(read(fd, text, sizeof text), 4);
	assert_memory_equal(text, "text", 4);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void a_regular_file_is_opened_also_through_a_link(void **state)
{
	assert_has_the_text(open_below(*state, "file"));
	assert_has_the_text(open_below(*state, "link"));
}

static void what_is_not_regular_is_refused_and_not_waited_for(void **state)
{
	assert_int_equal(open_below(*state, "pipe"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(open_below(*state, "."), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(open_below(*state, "nothing"), -1);
	assert_int_equal(errno, ENOENT);
}

static void a_file_with_another_inode_is_another_file(void **state)
{
	char path[64];
	struct stat file;
	snprintf(path, sizeof path, "%s/file", (const char *)*state);
	assert_int_equal(stat(path, &file), 0);
	assert_has_the_text(gsd_reopen_regular(open(path, O_PATH | O_CLOEXEC), file.st_ino));
	int handle = open(path, O_PATH | O_CLOEXEC);
	assert_int_equal(gsd_reopen_regular(handle, file.st_ino + 1), -1);
	assert_int_equal(errno, ESTALE);
	assert_int_equal(fcntl(handle, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_regular_file_is_opened_also_through_a_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_regular_is_refused_and_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_with_another_inode_is_another_file, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
