/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/io_error.h"

#include <errno.h>

#include "base/error.h"

struct explanation {
	int errnum;
	const char *reason;
	const char *hint;
};

/* An errno that is not here keeps the text of strerror(). */
static const struct explanation explanations[] = {
	{ENOSPC, "no space is left there", "free some space or choose another place"},
	{EDQUOT, "the disk quota is used up", "free some space or choose another place"},
	{EFBIG, "the file would be larger than this process may write", "raise the limit: ulimit -f"},
	{EACCES, "permission denied", "this user must be able to write to the directory: choose another place"},
	{EPERM, "the file system or a security policy does not permit it", "choose another place"},
	{ENOENT, "its directory does not exist", "create the directory first"},
	{ENOTDIR, "a part of its path is not a directory", "name a file in a directory"},
	{EISDIR, "it is a directory", "name a file in it"},
	{EROFS, "the file system is read-only", "choose a place on another file system"},
	{ENAMETOOLONG, "the name is too long", "choose a shorter one"},
	{ELOOP, "its symbolic links lead to each other", "name a file in a directory"},
	{EBUSY, "something is mounted on it, or uses it",
	 "write beside it, or mount its directory instead of the file"},
	{ETXTBSY, "it is a program or swap space in use", "choose another name"},
	{EPIPE, "its reader has closed it", "let its reader read to the end"},
	{EBADF, "it is not open for writing", "redirect it to a file, or name one with -o"},
	{EIO, "the device failed", "look at the kernel's log (dmesg), and choose another place"},
	{EMFILE, "this process has too many open files", "raise the limit: ulimit -n"},
	{ENFILE, "the machine has too many open files", "raise the limit: sysctl fs.file-max"},
	{ENXIO, "it is a socket or a device without a driver", "write to a file, or to a pipe and from there on"},
};

static const struct explanation *explanation_of(int errnum)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(explanations); i++)
		if (explanations[i].errnum == errnum)
			return &explanations[i];
	return NULL;
}

const char *gsd_io_hint(int errnum)
{
	const struct explanation *explanation = explanation_of(errnum);
	return explanation != NULL ? explanation->hint : "choose another place";
}

struct gsd_error *gsd_io_error(int errnum, const char *name)
{
	struct gsd_error *error = gsd_error_create(GSD_ERROR_IO, errnum, "write %s", name);
	const struct explanation *explanation = explanation_of(errnum);
	if (explanation != NULL)
		error = gsd_error_because(error, "%s", explanation->reason);
	return gsd_error_advise(error, "%s", gsd_io_hint(errnum));
}
