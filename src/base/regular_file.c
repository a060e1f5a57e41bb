/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or why the file of @p handle is not opened. */
static int refusal(int handle, uint64_t inode)
{
	struct stat file;
	if (fstat(handle, &file) != 0)
		return errno;
	if (inode != 0 && file.st_ino != inode)
		return ESTALE;
	return S_ISREG(file.st_mode) ? 0 : EINVAL;
}

int gsd_reopen_regular(int handle, uint64_t inode)
{
	char path[32];
	int fd = -1;
	int errnum = refusal(handle, inode);
	if (errnum == 0) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		errnum = errno;
	}
	close(handle);
	errno = errnum;
	return fd;
}

int gsd_open_regular(int directory, const char *path)
{
	int handle = openat(directory, path, O_PATH | O_CLOEXEC);
	return handle < 0 ? -1 : gsd_reopen_regular(handle, 0);
}
