/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that is replaced whole: written without a name, so that a kill leaves nothing, synced, named and renamed.
 * Where the file system has no files without names it gets one that nobody can guess, beside its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "output/io_error.h"
#include "output/output.h"

/* Where a file goes: everything is done relative to its directory, which stays the same one if the path changes. */
struct place {
	const char *path; /* as the caller gave it, for errors */
	const char *name; /* the last part of path */
	int directory;    /* O_PATH */
};

static struct gsd_error *place_open(const char *path, struct place *place_ret)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	if (path[0] == '\0')
		return gsd_error_advise(
			gsd_error_because(gsd_error_create(GSD_ERROR_IO, ENOENT, "write a file"), "its name is empty"),
			"name one");
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return gsd_io_error(EISDIR, path);
	char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (directory == NULL)
		return gsd_error_no_memory();
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int errnum = errno;
	free(directory);
	if (fd < 0)
		return gsd_io_error(errnum, path);
	*place_ret = (struct place){.path = path, .name = name, .directory = fd};
	return NULL;
}

/* Whether the links in this directory are the system's own (/dev, anything in procfs): only those are followed. */
static bool holds_system_links(int directory)
{
	struct statfs filesystem;
	if (fstatfs(directory, &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC)
		return true;
	struct stat here, dev;
	return fstat(directory, &here) == 0 && stat("/dev", &dev) == 0 && here.st_dev == dev.st_dev &&
	       here.st_ino == dev.st_ino;
}

static struct gsd_error *close_written(const struct place *place, int fd)
{
	/* EINTR: Linux has closed it. */
	return close(fd) != 0 && errno != EINTR ? gsd_io_error(errno, place->path) : NULL;
}

static struct gsd_error *run_writer(const struct place *place, int fd, gsd_file_writer *writer, void *context)
{
	struct gsd_fd_sink sink;
	gsd_fd_sink_init(&sink, fd, place->path);
	return writer(&sink.sink, context);
}

/* flags: O_NOFOLLOW or 0. */
static struct gsd_error *write_directly(const struct place *place, int flags, gsd_file_writer *writer, void *context)
{
	/* O_APPEND: what /dev/stdout stands for may be a file that the shell opened to append to. */
	int fd = openat(place->directory, place->name, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC | flags);
	if (fd < 0)
		return gsd_io_error(errno, place->path);
	struct gsd_error *error = run_writer(place, fd, writer, context);
	if (error != NULL) {
		close(fd);
		return error;
	}
	return close_written(place, fd);
}

#define TEMPORARY_NAME_SIZE 48

/* Not made from the file's own name: that may already be as long as names can be. */
static struct gsd_error *make_name(const struct place *place, char name[TEMPORARY_NAME_SIZE])
{
	uint64_t random[2];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return gsd_io_error(errno, place->path);
	snprintf(name, TEMPORARY_NAME_SIZE, ".gostackdump-%016" PRIx64 "%08" PRIx32 ".tmp", random[0],
		 (uint32_t)random[1]);
	return NULL;
}

/* ENOENT says of an open directory that it makes no files, as those of procfs, or that it was removed. */
static struct gsd_error *cannot_create(const struct place *place, int errnum)
{
	if (errnum != ENOENT)
		return gsd_io_error(errnum, place->path);
	struct gsd_error *error = gsd_error_create(GSD_ERROR_IO, errnum, "write %s", place->path);
	error = gsd_error_because(error, "no file can be made in its directory");
	return gsd_error_advise(error, "choose another place");
}

/* Creates a file beside the place, empty, 0600. */
static struct gsd_error *create_temporary(const struct place *place, char name[TEMPORARY_NAME_SIZE], int *fd_ret)
{
	int fd;
	do {
		GSD_TRY(make_name(place, name));
		fd = openat(place->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return cannot_create(place, errno);
	/* Says that someone is writing it: one without a lock was left behind. A file system without locks is none the
	   worse. */
	(void)flock(fd, LOCK_EX | LOCK_NB);
	*fd_ret = fd;
	return NULL;
}

static struct gsd_error *fill(const struct place *place, int fd, gsd_file_writer *writer, void *context)
{
	/* The umask may have taken bits away. */
	if (fchmod(fd, 0600) != 0)
		return gsd_io_error(errno, place->path);
	GSD_TRY(run_writer(place, fd, writer, context));
	/* EINVAL: a file system that cannot sync. */
	return fsync(fd) != 0 && errno != EINVAL ? gsd_io_error(errno, place->path) : NULL;
}

static struct gsd_error *rename_temporary(const struct place *place, const char *temporary)
{
	if (renameat(place->directory, temporary, place->directory, place->name) == 0)
		return NULL;
	struct gsd_error *error = gsd_io_error(errno, place->path);
	unlinkat(place->directory, temporary, 0);
	return error;
}

static struct gsd_error *replace_by_named(const struct place *place, gsd_file_writer *writer, void *context)
{
	char temporary[TEMPORARY_NAME_SIZE];
	int fd = -1;
	GSD_TRY(create_temporary(place, temporary, &fd));
	struct gsd_error *error = fill(place, fd, writer, context);
	if (error == NULL)
		error = close_written(place, fd);
	else
		close(fd);
	if (error == NULL)
		return rename_temporary(place, temporary);
	unlinkat(place->directory, temporary, 0);
	return error;
}

/* Gives the file behind fd its name. False where that cannot be done: then nothing is left of it when it is closed. */
static bool name_file(const struct place *place, int fd, struct gsd_error **error_ret)
{
	char link[32];
	char temporary[TEMPORARY_NAME_SIZE];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, link, place->directory, place->name, AT_SYMLINK_FOLLOW) == 0)
		return true;
	/* No link takes the place of an old file; a rename does. */
	if (errno != EEXIST || (*error_ret = make_name(place, temporary)) != NULL ||
	    linkat(AT_FDCWD, link, place->directory, temporary, AT_SYMLINK_FOLLOW) != 0)
		return *error_ret != NULL;
	*error_ret = rename_temporary(place, temporary);
	return true;
}

static struct gsd_error *replace(const struct place *place, gsd_file_writer *writer, void *context)
{
	int fd = openat(place->directory, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return replace_by_named(place, writer, context);
	struct gsd_error *error = fill(place, fd, writer, context);
	bool settled = error != NULL || name_file(place, fd, &error);
	close(fd); /* it was synced */
	return settled ? error : replace_by_named(place, writer, context);
}

static struct gsd_error *write_at(const struct place *place, gsd_file_writer *writer, void *context)
{
	struct stat old;
	if (fstatat(place->directory, place->name, &old, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? replace(place, writer, context) : gsd_io_error(errno, place->path);
	if (S_ISDIR(old.st_mode))
		return gsd_io_error(EISDIR, place->path);
	if (S_ISREG(old.st_mode))
		return replace(place, writer, context);
	if (!S_ISLNK(old.st_mode))
		return write_directly(place, O_NOFOLLOW, writer, context);
	if (holds_system_links(place->directory))
		return write_directly(place, 0, writer, context);
	return replace(place, writer, context);
}

struct gsd_error *gsd_file_replace(const char *path, gsd_file_writer *writer, void *context)
{
	struct place place = {.directory = -1};
	GSD_TRY(place_open(path, &place));
	struct gsd_error *error = write_at(&place, writer, context);
	close(place.directory);
	return error;
}
