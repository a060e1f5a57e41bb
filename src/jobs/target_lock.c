/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/target_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Who holds the flock on the file behind @p fd (proc(5), /proc/locks); 0: not seen. */
static pid_t find_holder(int fd)
{
	struct stat status;
	char line[256];
	pid_t holder = 0;
	FILE *locks = fstat(fd, &status) == 0 ? fopen("/proc/locks", "re") : NULL;
	if (locks == NULL)
		return 0;
	while (holder == 0 && fgets(line, sizeof line, locks) != NULL) {
		int pid;
		unsigned major_number, minor_number;
		uint64_t inode;
		if (sscanf(line, "%*s FLOCK %*s WRITE %d %x:%x:%" SCNu64, &pid, &major_number, &minor_number, &inode) ==
			    4 &&
		    inode == status.st_ino && major_number == major(status.st_dev) &&
		    minor_number == minor(status.st_dev) && pid > 0)
			holder = pid;
	}
	fclose(locks);
	return holder;
}

int target_lock(pid_t pid, pid_t *holder_ret)
{
	char path[32];
	*holder_ret = 0;
	snprintf(path, sizeof path, "/proc/%d", pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int errnum = errno;
	if (errnum == EWOULDBLOCK)
		*holder_ret = find_holder(fd);
	close(fd);
	errno = errnum;
	return -1;
}
