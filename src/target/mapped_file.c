/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file behind a mapping. What the target maps is its choice, so the file is first opened with O_PATH, which does
 * nothing to it, and only a regular file with the mapping's inode is opened for reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/regular_file.h"
#include "target/private.h"

/* The kernel's own link to the mapped file: right even when it was deleted. Needs CAP_CHECKPOINT_RESTORE. */
static int open_by_link(const struct gsd_process *process, const struct gsd_mapping *mapping)
{
	char name[80];
	char thread[32];
	/* A first thread that has ended maps nothing, and below task/ there are no such links: /proc/TID has them. */
	snprintf(name, sizeof name, "../%d/map_files/%" PRIx64 "-%" PRIx64, (int)process->memory.thread, mapping->start,
		 mapping->end);
	int handle = openat(process->directory, name, O_PATH | O_CLOEXEC);
	if (handle < 0)
		return -1;
	/* Still a thread of this process: then it was one all the time. */
	snprintf(thread, sizeof thread, "task/%d", (int)process->memory.thread);
	if (faccessat(process->directory, thread, F_OK, 0) != 0) {
		close(handle);
		errno = ESRCH;
		return -1;
	}
	/* No inode to compare: overlay file systems show another one in maps, and the link cannot be wrong. */
	return gsd_reopen_regular(handle, 0);
}

/* By the path, inside the target's own root, where another file may lie today: the inode decides. */
static int open_by_path(const struct gsd_process *process, const struct gsd_mapping *mapping)
{
	if (mapping->deleted || mapping->path[0] != '/') {
		errno = ENOENT;
		return -1;
	}
	char name[32];
	snprintf(name, sizeof name, "task/%d/root", (int)process->memory.thread); /* the first thread may have ended */
	int root = openat(process->directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int handle = (int)syscall(SYS_openat2, root, mapping->path, &how, sizeof how);
	int errnum = errno;
	close(root);
	errno = errnum;
	return handle < 0 ? -1 : gsd_reopen_regular(handle, mapping->inode);
}

/* Whether the mapping is of the program itself. Device numbers are not compared: btrfs and overlayfs show others. */
static bool is_executable(const struct gsd_process *process, const struct gsd_mapping *mapping)
{
	struct stat file;
	return fstat(process->exe, &file) == 0 && file.st_ino == mapping->inode &&
	       strcmp(mapping->path, process->exe_path) == 0;
}

struct gsd_error *gsd_process_open_mapping(struct gsd_process *process, const struct gsd_mapping *mapping, int *fd_ret)
{
	int fd = -1;
	if (mapping->inode == 0)
		errno = ENOENT;
	else if (is_executable(process, mapping))
		fd = fcntl(process->exe, F_DUPFD_CLOEXEC, 0);
	else
		fd = open_by_link(process, mapping);
	if (fd < 0 && mapping->inode != 0)
		fd = open_by_path(process, mapping);
	if (fd >= 0) {
		*fd_ret = fd;
		return NULL;
	}
	int errnum = errno;
	struct gsd_error *error = gsd_error_create(GSD_ERROR_IO, errnum, "open the file mapped at 0x%" PRIx64 " (%s)",
						   mapping->start, mapping->path);
	if (errnum == EINVAL)
		return gsd_error_because(error, "it is not a regular file");
	return errnum == ESTALE ? gsd_error_because(error, "there is another file at its path now") : error;
}
