/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/messages.h"
#include "jobs/clock.h"

static void read_comm(pid_t pid, char *comm, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
	ssize_t length = -1;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor >= 0) {
		length = read(descriptor, comm, size - 1);
		close(descriptor);
	}
	comm[length > 0 ? length : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	if (*comm == '\0')
		snprintf(comm, size, "unknown");
}

static void origin_fill(pid_t pid, uint64_t unix_ns, struct origin *origin)
{
	const uint64_t second = 1000000000;
	time_t seconds = (time_t)(unix_ns / second);
	struct tm utc = {0};
	origin->pid = pid;
	for (char *c = origin->comm; *c != '\0'; c++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *c) == NULL)
			*c = '_';
	gmtime_r(&seconds, &utc);
	size_t length = strftime(origin->stamp, sizeof origin->stamp, "%Y%m%dT%H%M%S", &utc);
	snprintf(origin->stamp + length, sizeof origin->stamp - length, ".%06uZ", (unsigned)(unix_ns % second / 1000));
}

void origin_take(pid_t pid, struct origin *origin)
{
	uint64_t now_ns = clock_ns(CLOCK_REALTIME);
	read_comm(pid, origin->comm, sizeof origin->comm);
	origin_fill(pid, now_ns, origin);
}

void origin_of_capture(const struct gsd_stats *stats, struct origin *origin)
{
	snprintf(origin->comm, sizeof origin->comm, "%s", stats->comm[0] != '\0' ? stats->comm : "unknown");
	origin_fill((pid_t)stats->pid, stats->time_unix_ns, origin);
}

/* %p becomes the pid. */
static char *expand(const char *path, pid_t pid)
{
	char *expanded = malloc(strlen(path) * 6 + 1),
	     *end = expanded; /* a pid has at most 10 digits for 2 characters */
	if (expanded == NULL)
		return NULL;
	while (*path != '\0') {
		if (path[0] == '%' && path[1] == 'p') {
			end += sprintf(end, "%ld", (long)pid);
			path += 2;
		} else {
			*end++ = *path++;
		}
	}
	*end = '\0';
	return expanded;
}

void place_hint_not_made(int errnum)
{
	message_hint("%s", errnum == ENOENT ? "choose another place" : gsd_write_hint(errnum));
}

static bool make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		int failed = mkdir(path, 0777) != 0 && errno != EEXIST && errno != EISDIR;
		int errnum = errno;
		if (slash != NULL)
			*slash = '/';
		if (failed) {
			message_errno(errnum, "make the directory %s", path);
			place_hint_not_made(errnum);
			return false;
		}
		if (slash == NULL || slash[1] == '\0')
			return true;
	}
}

/* A name in the directory that nothing has yet. */
static char *name_in_directory(char *directory, const struct output *output, const struct origin *origin)
{
	const char *slash = directory[strlen(directory) - 1] == '/' ? "" : "/";
	const char *ending = output->format->endings[0];
	for (unsigned attempt = 0;; attempt++) {
		char *path, again[16] = "";
		struct stat status;
		if (attempt > 0)
			snprintf(again, sizeof again, ".%u", attempt);
		if (asprintf(&path, "%s%s%s.%s.%ld%s%s", directory, slash, origin->stamp, origin->comm,
			     (long)origin->pid, again, ending) < 0)
			return NULL;
		if (lstat(path, &status) != 0)
			return path;
		free(path);
	}
}

bool place_is_device(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

bool place_check_directory(const char *path)
{
	char *copy = strdup(path), *inside = NULL;
	const char *directory = copy != NULL ? dirname(copy) : ".";
	int errnum = 0;
	/* With "/." a file in its place is ENOTDIR, not some right that is missing. */
	if (asprintf(&inside, "%s/.", directory) < 0)
		inside = NULL;
	else if (faccessat(AT_FDCWD, inside, W_OK | X_OK, AT_EACCESS) != 0)
		errnum = errno;
	free(inside);
	if (errnum != 0) {
		message_errno(errnum, "write %s", path);
		if (errnum == ENOENT)
			message_hint("its directory %s does not exist: create it first", directory);
		else if (errnum == EACCES)
			message_hint(
				"files are written beside their place and renamed: that needs the right to write in %s",
				directory);
		else
			message_hint("%s", gsd_write_hint(errnum));
	}
	free(copy);
	return errnum == 0;
}

char *output_place(const struct output *output, const struct origin *origin)
{
	char *path = expand(output->path, origin->pid);
	if (path == NULL) {
		message("no memory for a path");
		return NULL;
	}
	bool usable = true;
	if (output->kind == OUTPUT_DIRECTORY) {
		usable = make_directories(path);
		char *named = usable ? name_in_directory(path, output, origin) : NULL;
		free(path);
		path = named;
		usable = path != NULL;
	}
	if (usable && output->kind != OUTPUT_DESCRIPTOR && !place_is_device(path))
		usable = place_check_directory(path);
	if (usable)
		return path;
	free(path);
	return NULL;
}

/* Tries to make a file, or a directory, there: rights are not all that it takes. 0 or why not. */
static int try_in(const char *directory, bool make_directory)
{
	char *path;
	if (asprintf(&path, "%s/.gostackdump-XXXXXX%s", directory, make_directory ? "" : ".tmp") < 0)
		return ENOMEM;
	int descriptor = make_directory ? -1 : mkostemps(path, 4, O_CLOEXEC);
	bool made = make_directory ? mkdtemp(path) != NULL : descriptor >= 0;
	int errnum = made ? 0 : errno;
	if (descriptor >= 0)
		close(descriptor);
	if (made)
		remove(path);
	free(path);
	return errnum == ENOSPC || errnum == EDQUOT ? 0 : errnum;
}

/* The same for a directory that is not there: the last one of its path that is there is where it would be made. */
static int try_to_make(const char *path)
{
	char *rest = strdup(path), *parent = rest;
	if (rest == NULL)
		return ENOMEM;
	do
		parent = dirname(parent);
	while (access(parent, F_OK) != 0 && errno == ENOENT && strcmp(parent, ".") != 0 && strcmp(parent, "/") != 0);
	int errnum = try_in(parent, true);
	free(rest);
	return errnum;
}

bool places_check(const struct invocation *invocation)
{
	for (size_t i = 0; i < invocation->output_count; i++) {
		const char *path = invocation->outputs[i].path;
		struct stat status;
		bool there = stat(path, &status) == 0;
		int errnum = there && !S_ISDIR(status.st_mode) ? ENOTDIR
			     : there                           ? try_in(path, false)
							       : try_to_make(path);
		if (errnum == 0)
			continue;
		message_errno(errnum, there ? "write files into %s" : "make the directory %s", path);
		place_hint_not_made(errnum);
		return false;
	}
	return true;
}
