/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "output/io_error.h"

#define OLD_CONTENT "the old content"
#define NEW_CONTENT "the new content"

static char directory[] = "/tmp/gsd-test-file-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[4][512];
	static unsigned turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
	return path[turn];
}

static void put(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
	assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *content)
{
	char found[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t length = read(fd, found, sizeof found - 1);
	assert_true(length >= 0);
	close(fd);
	assert_string_equal(found, content);
}

static unsigned mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode;
}

/* How many files are in the directory. */
static size_t file_count(void)
{
	size_t count = 0;
	DIR *stream = opendir(directory);
	assert_non_null(stream);
	for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream))
		count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	closedir(stream);
	return count;
}

static int make_directory(void **state)
{
	(void)state;
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
	(void)state;
	DIR *stream = opendir(directory);
	if (stream == NULL)
		return 1;
	for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
		if (unlinkat(dirfd(stream), entry->d_name, 0) != 0 && errno == EISDIR)
			unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
	}
	closedir(stream);
	return rmdir(directory);
}

static struct gsd_error *write_new(struct gsd_sink *sink, void *context)
{
	(void)context;
	GSD_TRY(gsd_sink_write(sink, NEW_CONTENT, 4));
	return gsd_sink_write(sink, &NEW_CONTENT[4], strlen(NEW_CONTENT) - 4);
}

/* Writes something, then fails. */
static struct gsd_error *write_half(struct gsd_sink *sink, void *context)
{
	(void)context;
	GSD_TRY(gsd_sink_write(sink, "half", 4));
	return gsd_error_create(GSD_ERROR_CORRUPT, 0, "go on");
}

#define TOO_MUCH ((size_t)64 * 1024)

static struct gsd_error *write_too_much(struct gsd_sink *sink, void *context)
{
	(void)context;
	static const char zeros[TOO_MUCH];
	return gsd_sink_write(sink, zeros, sizeof zeros);
}

static void assert_fails(struct gsd_error *error, int errnum, const char *path)
{
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_IO);
	assert_int_equal(gsd_error_errno(error), errnum);
	assert_non_null(strstr(gsd_error_message(error), path));
	assert_non_null(gsd_error_hint(error));
	gsd_error_destroy(error);
}

static void a_new_file_has_the_content_and_mode_0600_whatever_the_umask(void **state)
{
	(void)state;
	static const mode_t masks[] = {0, 022, 0777};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(masks); i++) {
		const char *path = path_of("new");
		unlink(path);
		mode_t old = umask(masks[i]);
		struct gsd_error *error = gsd_file_replace(path, write_new, NULL);
		umask(old);
		assert_success(error);
		assert_content(path, NEW_CONTENT);
		assert_int_equal(mode_of(path), S_IFREG | 0600);
		assert_int_equal(file_count(), 1);
	}
}

static void an_old_file_is_replaced_and_its_mode_too(void **state)
{
	(void)state;
	const char *path = path_of("old");
	put(path, OLD_CONTENT);
	assert_int_equal(chmod(path, 0644), 0);
	int held = open(path, O_RDONLY | O_CLOEXEC);
	assert_success(gsd_file_replace(path, write_new, NULL));
	assert_content(path, NEW_CONTENT);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	/* Who had the old one open still has all of it. */
	char found[64] = "";
	assert_int_equal(read(held, found, sizeof found), strlen(OLD_CONTENT));
	assert_string_equal(found, OLD_CONTENT);
	close(held);
}

static void a_failing_writer_leaves_the_old_file_and_nothing_beside_it(void **state)
{
	(void)state;
	const char *path = path_of("old");
	put(path, OLD_CONTENT);
	struct gsd_error *error = gsd_file_replace(path, write_half, NULL);
	assert_non_null(error);
	assert_int_equal(gsd_error_code(error), GSD_ERROR_CORRUPT);
	gsd_error_destroy(error);
	assert_content(path, OLD_CONTENT);
	assert_int_equal(file_count(), 1);
}

/* Is killed in the middle. */
static struct gsd_error *write_until_killed(struct gsd_sink *sink, void *context)
{
	(void)context;
	GSD_TRY(gsd_sink_write(sink, "half", 4));
	raise(SIGKILL);
	return NULL;
}

static bool has_files_without_names(void)
{
	int fd = open(directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void a_kill_in_the_middle_leaves_the_old_file_and_nothing_beside_it(void **state)
{
	(void)state;
	const char *path = path_of("old");
	put(path, OLD_CONTENT);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		gsd_error_destroy(gsd_file_replace(path, write_until_killed, NULL));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_content(path, OLD_CONTENT);
	assert_int_equal(file_count(), has_files_without_names() ? 1 : 2);
}

static void a_file_that_may_not_grow_leaves_the_old_one_and_nothing_beside_it(void **state)
{
	(void)state;
	const char *path = path_of("old");
	put(path, OLD_CONTENT);
	struct rlimit old, small;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = TOO_MUCH / 2;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct gsd_error *error = gsd_file_replace(path, write_too_much, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	assert_fails(error, EFBIG, path);
	assert_content(path, OLD_CONTENT);
	assert_int_equal(file_count(), 1);
}

/*
 * A memory device (null is 3, full is 7). Who may write to /dev gets one of his own: should these tests ever fail, the
 * machine's would be a file from then on.
 */
static const char *device(const char *system_path, unsigned minor_number)
{
	if (access("/dev", W_OK) != 0)
		return system_path;
	const char *path = path_of("device");
	if (mknod(path, S_IFCHR | 0600, makedev(1, minor_number)) != 0 || access(path, W_OK) != 0) {
		print_message("skipped: cannot make a device in %s\n", directory);
		skip();
	}
	return path;
}

static void a_full_device_is_named_with_its_cause(void **state)
{
	(void)state;
	const char *path = device("/dev/full", 7);
	assert_fails(gsd_file_replace(path, write_new, NULL), ENOSPC, path);
	assert_true(S_ISCHR(mode_of(path)));
}

static void a_device_is_written_to_and_stays_one(void **state)
{
	(void)state;
	const char *path = device("/dev/null", 3);
	assert_success(gsd_file_replace(path, write_new, NULL));
	assert_true(S_ISCHR(mode_of(path)));
}

static void a_symbolic_link_is_replaced_and_not_followed(void **state)
{
	(void)state;
	const char *target = path_of("target");
	const char *path = path_of("link");
	put(target, OLD_CONTENT);
	assert_int_equal(symlink(target, path), 0);
	assert_success(gsd_file_replace(path, write_new, NULL));
	assert_content(target, OLD_CONTENT);
	assert_content(path, NEW_CONTENT);
	assert_true(S_ISREG(mode_of(path)));
	unlink(path);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_success(gsd_file_replace(path, write_new, NULL));
	assert_content(path, NEW_CONTENT);
}

static void a_fifo_is_written_to_and_stays_one(void **state)
{
	(void)state;
	const char *path = path_of("fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_success(gsd_file_replace(path, write_new, NULL));
	char found[64] = "";
	assert_int_equal(read(reader, found, sizeof found), strlen(NEW_CONTENT));
	assert_string_equal(found, NEW_CONTENT);
	assert_true(S_ISFIFO(mode_of(path)));
	close(reader);
}

static void a_descriptor_in_proc_is_appended_to(void **state)
{
	(void)state;
	const char *path = path_of("out");
	put(path, "before ");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	assert_success(gsd_file_replace(name, write_new, NULL));
	snprintf(name, sizeof name, "/dev/fd/%d", fd);
	assert_success(gsd_file_replace(name, write_new, NULL));
	close(fd);
	assert_content(path, "before " NEW_CONTENT NEW_CONTENT);
	assert_int_equal(file_count(), 1);
}

static void a_closed_pipe_is_an_error_that_says_so(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
	struct gsd_fd_sink sink;
	gsd_fd_sink_init(&sink, ends[1], "standard output");
	struct gsd_error *error = gsd_sink_write(&sink.sink, "x", 1);
	signal(SIGPIPE, handler);
	close(ends[1]);
	assert_fails(error, EPIPE, "standard output");
}

/* More than a pipe holds, a reader that comes late, and a descriptor that does not block. */
static void short_writes_are_continued(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	size_t length = (size_t)3 * 1024 * 1024;
	char *bytes = malloc(length);
	assert_non_null(bytes);
	memset(bytes, 'x', length);
	fflush(NULL);
	pid_t writer = fork();
	if (writer == 0) {
		struct gsd_fd_sink sink;
		close(ends[0]);
		gsd_fd_sink_init(&sink, ends[1], "pipe");
		_exit(gsd_sink_write(&sink.sink, bytes, length) != NULL);
	}
	close(ends[1]);
	assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
	size_t total = 0;
	ssize_t count;
	while ((count = read(ends[0], bytes, length)) > 0)
		total += (size_t)count;
	int status;
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_int_equal(total, length);
	close(ends[0]);
	free(bytes);
}

static void places_that_cannot_be_are_refused_with_a_hint(void **state)
{
	(void)state;
	const char *file = path_of("file");
	put(file, OLD_CONTENT);
	assert_fails(gsd_file_replace(path_of("no/such"), write_new, NULL), ENOENT, "no/such");
	assert_fails(gsd_file_replace(path_of("file/x"), write_new, NULL), ENOTDIR, "file/x");
	assert_fails(gsd_file_replace(directory, write_new, NULL), EISDIR, directory);
	assert_fails(gsd_file_replace("/", write_new, NULL), EISDIR, "/");
	assert_fails(gsd_file_replace(path_of("file/"), write_new, NULL), EISDIR, "file/");
	assert_fails(gsd_file_replace("", write_new, NULL), ENOENT, "");
	assert_content(file, OLD_CONTENT);
}

/* root may write anywhere: another process gives that up first. */
static void a_directory_that_is_not_ours_is_refused_with_a_hint(void **state)
{
	(void)state;
	assert_int_equal(chmod(directory, 0755), 0);
	const char *path = path_of("file");
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		int given_up = geteuid() == 0 ? setuid(65534) : chmod(directory, 0500);
		if (given_up != 0)
			_exit(2);
		struct gsd_error *error = gsd_file_replace(path, write_new, NULL);
		_exit(error == NULL || gsd_error_errno(error) != EACCES || gsd_error_hint(error) == NULL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(directory, 0700), 0);
	assert_int_equal(status, 0);
	assert_int_equal(file_count(), 0);
}

static void a_name_as_long_as_names_can_be_is_written(void **state)
{
	(void)state;
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_success(gsd_file_replace(path_of(name), write_new, NULL));
	assert_content(path_of(name), NEW_CONTENT);
}

static void a_name_without_a_directory_is_in_the_current_one(void **state)
{
	(void)state;
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(directory), 0);
	struct gsd_error *error = gsd_file_replace("here", write_new, NULL);
	assert_int_equal(fchdir(before), 0);
	close(before);
	assert_success(error);
	assert_content(path_of("here"), NEW_CONTENT);
}

static void every_errno_says_what_to_do(void **state)
{
	(void)state;
	static const int own_words[] = {ENOSPC, EDQUOT, EFBIG,        EACCES, EPERM, ENOENT, ENOTDIR,
					EISDIR, EROFS,  ENAMETOOLONG, ELOOP,  EBUSY, EPIPE,  EBADF,
					EIO,    ENXIO,  ETXTBSY,      EMFILE, ENFILE};
	for (int errnum = 1; errnum < 134; errnum++) {
		struct gsd_error *error = gsd_io_error(errnum, "a file");
		assert_non_null(gsd_error_hint(error));
		assert_string_equal(gsd_error_hint(error), gsd_io_hint(errnum));
		gsd_error_destroy(error);
	}
	for (size_t i = 0; i < GSD_ARRAY_SIZE(own_words); i++) {
		struct gsd_error *error = gsd_io_error(own_words[i], "a file");
		assert_null(strstr(gsd_error_message(error), strerror(own_words[i])));
		gsd_error_destroy(error);
	}
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_new_file_has_the_content_and_mode_0600_whatever_the_umask),
		FILE_TEST(an_old_file_is_replaced_and_its_mode_too),
		FILE_TEST(a_failing_writer_leaves_the_old_file_and_nothing_beside_it),
		FILE_TEST(a_kill_in_the_middle_leaves_the_old_file_and_nothing_beside_it),
		FILE_TEST(a_file_that_may_not_grow_leaves_the_old_one_and_nothing_beside_it),
		FILE_TEST(a_full_device_is_named_with_its_cause),
		FILE_TEST(a_device_is_written_to_and_stays_one),
		FILE_TEST(a_symbolic_link_is_replaced_and_not_followed),
		FILE_TEST(a_fifo_is_written_to_and_stays_one),
		FILE_TEST(a_descriptor_in_proc_is_appended_to),
		FILE_TEST(a_closed_pipe_is_an_error_that_says_so),
		FILE_TEST(short_writes_are_continued),
		FILE_TEST(places_that_cannot_be_are_refused_with_a_hint),
		FILE_TEST(a_directory_that_is_not_ours_is_refused_with_a_hint),
		cmocka_unit_test(every_errno_says_what_to_do),
		FILE_TEST(a_name_as_long_as_names_can_be_is_written),
		FILE_TEST(a_name_without_a_directory_is_in_the_current_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
