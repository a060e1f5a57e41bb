/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/io_error.h"

#include <errno.h>

#include "base/error.h"

struct explanation {
	int errnum;
	const char *reason;
	const char *hint; /* NULL: none */
};

/* An errno that is not here keeps the text of strerror(). */
static const struct explanation explanations[] = {
	{ENOSPC, "no space is left there", "free some space or choose another place"},
	{EDQUOT, "the disk quota is used up", "free some space or choose another place"},
	{EFBIG, "the file would be larger than this process may write", "raise the limit: ulimit -f"},
	{EACCES, "permission denied", "this user must be able to write to the directory: choose another place"},
	{EPERM, "the file system or a security policy does not permit it", "choose another place"},
	{ENOENT, "its directory does not exist", "create the directory first"},
	{ENOTDIR, "a part of its path is not a directory", NULL},
	{EISDIR, "it is a directory", "name a file in it"},
	{EROFS, "the file system is read-only", "choose a place on another file system"},
	{ENAMETOOLONG, "the name is too long", "choose a shorter one"},
	{EPIPE, "its reader has closed it", NULL},
	{ENXIO, "it is a socket or a device without a driver", "write to a file, or to a pipe and from there on"},
};

struct gsd_error *gsd_io_error(int errnum, const char *name)
{
	struct gsd_error *error = gsd_error_create(GSD_ERROR_IO, errnum, "write %s", name);
	for (size_t i = 0; i < GSD_ARRAY_SIZE(explanations); i++) {
		if (explanations[i].errnum != errnum)
			continue;
		error = gsd_error_because(error, "%s", explanations[i].reason);
		if (explanations[i].hint != NULL)
			error = gsd_error_advise(error, "%s", explanations[i].hint);
		break;
	}
	return error;
}
