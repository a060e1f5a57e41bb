/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/retention.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/capture_name.h"

/* Later than this after now it was made before the clock was set back: it is older than all that are not. */
#define FUTURE_NS      UINT64_C(60000000000)
#define LEFT_BEHIND_NS UINT64_C(60000000000) /* a file that is being written is locked well before */

/* A file of a capture. */
struct file {
	char *name;
	struct capture_name parts;
	uint64_t bytes;
	uint64_t newer; /* captures of its COMM */
	bool future;
	bool stays;
};

struct files {
	struct file *items;
	size_t count;
	size_t capacity;
};

/* Newest first; files of one capture beside each other. */
static int by_name_backwards(const void *left, const void *right)
{
	const struct file *a = left;
	const struct file *b = right;
	return a->future != b->future ? a->future - b->future : strcmp(b->name, a->name);
}

static bool same_capture(const struct file *a, const struct file *b)
{
	return a->parts.key == b->parts.key && memcmp(a->name, b->name, a->parts.key) == 0;
}

static bool same_comm(const struct file *a, const struct file *b)
{
	return a->parts.comm_length == b->parts.comm_length &&
	       memcmp(a->name + a->parts.comm, b->name + b->parts.comm, a->parts.comm_length) == 0;
}

/* ---- the directory ---- */

static bool add_file(struct files *files, int directory, const char *name, bool (*is_ending)(const char *ending))
{
	struct stat status;
	char *copy = strdup(name);
	struct file file = {.name = copy};
	if (copy == NULL)
		return false;
	if (!capture_name_parse(copy, &file.parts) || !is_ending(copy + file.parts.key) ||
	    fstatat(directory, copy, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
		free(copy);
		return true;
	}
	file.bytes = (uint64_t)status.st_blocks * 512;
	if (files->count == files->capacity) {
		files->capacity = files->capacity == 0 ? 64 : 2 * files->capacity;
		struct file *items = reallocarray(files->items, files->capacity, sizeof *items);
		if (items == NULL) {
			free(copy);
			return false;
		}
		files->items = items;
	}
	files->items[files->count++] = file;
	return true;
}

/* A writer holds a lock on what it writes: what nobody has locked for a while was left by one that was killed. */
static void remove_left_behind(int directory, const char *name, uint64_t now_unix_ns)
{
	static const char prefix[] = ".gostackdump-";
	struct stat status;
	size_t length = strlen(name);
	if (strncmp(name, prefix, sizeof prefix - 1) != 0 || length < 4 || strcmp(name + length - 4, ".tmp") != 0)
		return;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    (uint64_t)status.st_mtim.tv_sec * UINT64_C(1000000000) + LEFT_BEHIND_NS < now_unix_ns &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(directory, name, 0);
	close(fd);
}

static int read_directory(DIR *stream, uint64_t now_unix_ns, bool (*is_ending)(const char *ending), struct files *files)
{
	int directory = dirfd(stream);
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(stream);
		if (entry == NULL)
			return errno;
		remove_left_behind(directory, entry->d_name, now_unix_ns);
		if (!add_file(files, directory, entry->d_name, is_ending))
			return ENOMEM;
	}
}

/* ---- the limits ---- */

/* How many captures of its COMM are newer than that of file @p i, which is the first of its capture. */
static uint64_t newer_of_comm(const struct files *files, size_t i)
{
	for (size_t k = i; k-- > 0;)
		if (same_comm(&files->items[k], &files->items[i]))
			return files->items[k].newer + 1;
	return 0;
}

static void sort(struct files *files, uint64_t now_unix_ns)
{
	for (size_t i = 0; i < files->count; i++)
		files->items[i].future = files->items[i].parts.time_ns > now_unix_ns + FUTURE_NS;
	if (files->count > 1)
		qsort(files->items, files->count, sizeof *files->items, by_name_backwards);
}

/* Files are in order, newest first. */
static void decide(struct files *files, const struct retention *retention, uint64_t now_unix_ns)
{
	uint64_t bytes = 0;
	bool full = false; /* then all that is older goes too */
	for (size_t first = 0, next; first < files->count; first = next) {
		struct file *file = &files->items[first];
		uint64_t newer = newer_of_comm(files, first);
		uint64_t size = 0;
		for (next = first; next < files->count && same_capture(file, &files->items[next]); next++)
			size += files->items[next].bytes;
		bool surplus = retention->keep != 0 && newer >= retention->keep;
		bool old = retention->keep_for_ns != 0 && file->parts.time_ns + retention->keep_for_ns < now_unix_ns;
		if (!surplus && !old) {
			full = full || (retention->max_bytes != 0 && first > 0 && bytes + size > retention->max_bytes);
			bytes += full ? 0 : size;
		}
		for (size_t i = first; i < next; i++) {
			files->items[i].newer = newer;
			files->items[i].stays = !surplus && !old && !full;
		}
	}
}

/* Oldest first: whatever ends this, what is there is the newest. */
static void remove_files(int directory, const struct files *files, struct retention_result *result)
{
	for (size_t i = files->count; i-- > 0;) {
		const struct file *file = &files->items[i];
		if (!file->stays && unlinkat(directory, file->name, 0) == 0) {
			result->removed++;
		} else if (file->stays || errno != ENOENT) {
			result->bytes += file->bytes;
			if (!file->stays && result->errnum == 0)
				result->errnum = errno;
		}
	}
}

static void free_files(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].name);
	free(files->items);
}

struct retention_result retention_apply(const char *directory, const struct retention *retention, uint64_t now_unix_ns,
					bool (*is_ending)(const char *ending))
{
	struct retention_result result = {0};
	struct files files = {0};
	DIR *stream = opendir(directory);
	if (stream == NULL) {
		result.errnum = errno;
		return result;
	}
	result.errnum = read_directory(stream, now_unix_ns, is_ending, &files);
	sort(&files, now_unix_ns);
	if (result.errnum == 0) {
		decide(&files, retention, now_unix_ns);
		remove_files(dirfd(stream), &files, &result);
	}
	free_files(&files);
	closedir(stream);
	return result;
}
