/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a file that somebody else chose: what it is, is found out without doing anything to it. */
#ifndef GSD_BASE_REGULAR_FILE_H
#define GSD_BASE_REGULAR_FILE_H

#include <stdint.h>

/**
 * Opens the file at @p path below @p directory (or AT_FDCWD) for reading if it is a regular one; links are followed.
 * -1 with errno; EINVAL: it is not regular.
 */
int gsd_open_regular(int directory, const char *path);

/**
 * The same for the file that @p handle (O_PATH) stands for, which is closed. @p inode: the one it must have, or 0 for
 * any; ESTALE: it has another one.
 */
int gsd_reopen_regular(int handle, uint64_t inode);

#endif
