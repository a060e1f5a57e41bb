/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/read_hint.h"

#include <errno.h>
#include <stddef.h>

#include "base/base.h"

static const struct {
	int errnum;
	const char *hint;
} hints[] = {
	{ENOENT, "look whether it is written right: a relative name begins in the working directory"},
	{ENOTDIR, "look whether it is written right: a part of its path is not a directory"},
	{ENAMETOOLONG, "look whether it is written right"},
	{EISDIR, "it takes a file: name one in it"},
	{EACCES, "this user must be able to read it, and to search its directories: run as its owner or as root"},
	{EPERM, "run as its owner or as root"},
	{ELOOP, "its symbolic links lead to each other: name the file itself"},
	{ENXIO, "it is a socket or a device: write what comes from there into a file first"},
	{EMFILE, "raise the limit of this process's open files: ulimit -n"},
	{ENFILE, "raise the limit of the machine's open files: sysctl fs.file-max"},
	{EIO, "the device failed: look at the kernel's log (dmesg)"},
};

const char *gsd_reading_hint(int errnum)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(hints); i++)
		if (hints[i].errnum == errnum)
			return hints[i].hint;
	return "copy it to another place, and read it there";
}
