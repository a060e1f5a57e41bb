/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/binaries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/read_hint.h"
#include "base/regular_file.h"
#include "image/elf.h"

#define MAX_DEPTH   16                   /* of directories below one that was given */
#define MAX_ENTRIES ((size_t)256 * 1024) /* that are looked at in all of them */

/* A file that was given, or found in a directory. */
struct candidate {
	const char *path;
	struct gsd_build_ids ids;
};
GSD_DEFINE_ARRAY(candidates, struct candidate)
GSD_DEFINE_ARRAY(paths, const char *)

struct gsd_binaries {
	struct gsd_arena strings;
	struct candidates files;  /* given as such */
	struct paths directories; /* given as such */
	struct candidates in_directories;
	size_t entries; /* looked at in directories */
	size_t unread;  /* directories that could not be read */
	int unread_errnum;
	bool searched;
};

/* ---- opening ---- */

/* The build ids of a program or library with its code. */
static struct gsd_error *identify(int fd, const char *path, struct gsd_build_ids *ids_ret)
{
	struct gsd_elf *elf;
	GSD_TRY(gsd_elf_open(fd, path, &elf));
	bool has_code = gsd_elf_has_code(elf);
	*ids_ret = *gsd_elf_build_ids(elf);
	gsd_elf_destroy(elf);
	if (has_code)
		return NULL;
	return gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the program %s", path),
				 "it holds only the debug information of one");
}

/* ---- what was given ---- */

static const char what_is_given[] = "--exe takes the program, a library of it, or a directory that has them";

/* A file that was given and is no program says nothing of the process: that may well be of Go. */
static struct gsd_error *refine(struct gsd_error *error, const char *path)
{
	if (error == NULL || gsd_error_code(error) == GSD_ERROR_NO_MEMORY)
		return error;
	if (gsd_error_code(error) == GSD_ERROR_NOT_GO) { /* as it is opened, it is a regular file */
		gsd_error_destroy(error);
		error = gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "read the program %s", path),
					  "it is no ELF file");
	}
	return gsd_error_advise(error, "%s", what_is_given);
}

static struct gsd_error *add_file(struct gsd_binaries *binaries, const char *path)
{
	struct candidate file = {.path = gsd_arena_string(&binaries->strings, path, strlen(path))};
	if (file.path == NULL)
		return gsd_error_no_memory();
	int fd = gsd_open_regular(AT_FDCWD, path);
	if (fd < 0 && errno == EINVAL)
		return gsd_error_advise(
			gsd_error_because(gsd_error_create(GSD_ERROR_IO, 0, "read the program %s", path),
					  "it is neither a regular file nor a directory"),
			"%s", what_is_given);
	if (fd < 0)
		return gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errno, "read the program %s", path), "%s",
					gsd_reading_hint(errno));
	struct gsd_error *error = refine(identify(fd, path, &file.ids), path);
	close(fd);
	if (error == NULL && !candidates_append(&binaries->files, file))
		error = gsd_error_no_memory();
	return error;
}

static struct gsd_error *add_path(struct gsd_binaries *binaries, const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errno, "find %s", path), "%s",
					gsd_reading_hint(errno));
	if (!S_ISDIR(status.st_mode))
		return add_file(binaries, path);
	const char *kept = gsd_arena_string(&binaries->strings, path, strlen(path));
	return kept != NULL && paths_append(&binaries->directories, kept) ? NULL : gsd_error_no_memory();
}

struct gsd_error *gsd_binaries_create(const char *const *given, size_t count, struct gsd_binaries **binaries_ret)
{
	struct gsd_binaries *binaries = calloc(1, sizeof *binaries);
	struct gsd_error *error = binaries == NULL ? gsd_error_no_memory() : NULL;
	for (size_t i = 0; i < count && error == NULL; i++)
		error = add_path(binaries, given[i]);
	if (error != NULL)
		gsd_binaries_destroy(binaries);
	else
		*binaries_ret = binaries;
	return error;
}

void gsd_binaries_destroy(struct gsd_binaries *binaries)
{
	if (binaries == NULL)
		return;
	candidates_free(&binaries->files);
	candidates_free(&binaries->in_directories);
	paths_free(&binaries->directories);
	gsd_arena_free(&binaries->strings);
	free(binaries);
}

/* ---- directories ---- */

static struct gsd_error *search_directory(struct gsd_binaries *binaries, int parent, const char *name, const char *path,
					  unsigned depth);

/* Takes in a file of a directory if it is a program or library. */
static struct gsd_error *search_file(struct gsd_binaries *binaries, int directory, const char *name, const char *path)
{
	struct candidate file = {.path = path};
	char magic[4];
	int fd = gsd_open_regular(directory, name);
	if (fd < 0)
		return NULL;
	struct gsd_error *error = NULL;
	bool taken = false;
	if (pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, "\177ELF", sizeof magic) == 0) {
		error = identify(fd, path, &file.ids);
		taken = error == NULL && (file.ids.gnu[0] != '\0' || file.ids.go[0] != '\0');
	}
	close(fd);
	if (error != NULL && gsd_error_code(error) != GSD_ERROR_NO_MEMORY) {
		gsd_error_destroy(error); /* not a program */
		error = NULL;
	}
	if (taken && !candidates_append(&binaries->in_directories, file))
		error = gsd_error_no_memory();
	return error;
}

static struct gsd_error *search_entry(struct gsd_binaries *binaries, int directory, const struct dirent *entry,
				      const char *path, unsigned depth)
{
	struct stat status;
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return NULL;
	/* A link to a file is followed (.build-id has nothing else), one to a directory is not. */
	if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)))
		return NULL;
	char *below;
	if (asprintf(&below, "%s/%s", path, entry->d_name) < 0)
		return gsd_error_no_memory();
	const char *kept = gsd_arena_string(&binaries->strings, below, strlen(below));
	free(below);
	if (kept == NULL)
		return gsd_error_no_memory();
	return S_ISDIR(status.st_mode) ? search_directory(binaries, directory, entry->d_name, kept, depth + 1)
				       : search_file(binaries, directory, entry->d_name, kept);
}

static struct gsd_error *search_directory(struct gsd_binaries *binaries, int parent, const char *name, const char *path,
					  unsigned depth)
{
	if (depth > MAX_DEPTH)
		return NULL;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) { /* not ours to read */
		binaries->unread_errnum = errno;
		binaries->unread++;
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct gsd_error *error = NULL;
	const struct dirent *entry;
	while (error == NULL && binaries->entries < MAX_ENTRIES && (entry = readdir(directory)) != NULL) {
		binaries->entries++;
		error = search_entry(binaries, fd, entry, path, depth);
	}
	closedir(directory);
	return error;
}

static struct gsd_error *search_directories(struct gsd_binaries *binaries)
{
	if (binaries->searched)
		return NULL;
	binaries->searched = true;
	for (size_t i = 0; i < binaries->directories.count; i++)
		GSD_TRY(search_directory(binaries, AT_FDCWD, binaries->directories.items[i],
					 binaries->directories.items[i], 0));
	return NULL;
}

/* ---- choosing ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

static const struct candidate *same_build(const struct candidates *files, const struct gsd_wanted_binary *wanted)
{
	for (size_t i = 0; i < files->count; i++)
		if (gsd_build_ids_same(&wanted->ids, &files->items[i].ids) == GSD_SAME_BUILD_YES)
			return &files->items[i];
	return NULL;
}

/* Where no build id is known: what the user gave, by name. */
static const struct candidate *same_name(const struct gsd_binaries *binaries, const struct gsd_wanted_binary *wanted)
{
	for (size_t i = 0; i < binaries->files.count; i++)
		if (strcmp(base_name(binaries->files.items[i].path), base_name(wanted->path)) == 0)
			return &binaries->files.items[i];
	return wanted->program && binaries->files.count == 1 ? &binaries->files.items[0] : NULL;
}

/* Opens a file if it is the one that is wanted; else @p errnum_ret says why not, ESTALE: it is another. */
static bool open_file(const struct gsd_wanted_binary *wanted, const char *path, struct gsd_found_binary *found_ret,
		      int *errnum_ret)
{
	struct gsd_build_ids ids;
	int fd = gsd_open_regular(AT_FDCWD, path);
	if (fd < 0) {
		*errnum_ret = errno;
		return false;
	}
	struct gsd_error *error = identify(fd, path, &ids);
	enum gsd_same_build build = error == NULL ? gsd_build_ids_same(&wanted->ids, &ids) : GSD_SAME_BUILD_NO;
	gsd_error_destroy(error);
	if (build == GSD_SAME_BUILD_NO) {
		*errnum_ret = ESTALE;
		close(fd);
		return false;
	}
	*found_ret = (struct gsd_found_binary){.fd = fd, .verified = build == GSD_SAME_BUILD_YES, .path = path};
	return true;
}

/* ---- what to say when it is nowhere ---- */

static void describe_search(const struct gsd_binaries *binaries, char *text, size_t size)
{
	size_t files = binaries->files.count;
	size_t found = binaries->in_directories.count;
	size_t length = 0;
	if (files > 0)
		length = (size_t)snprintf(text, size, "none of the %zu file%s given is it; ", files,
					  files == 1 ? "" : "s");
	if (binaries->directories.count == 0)
		return;
	const char *directory = binaries->directories.items[0];
	const char *more = binaries->directories.count > 1 ? ", ..." : "";
	if (!binaries->searched)
		snprintf(text + length, size - length,
			 "%.256s%s: not searched, as there is no build id to search for; ", directory, more);
	else
		snprintf(text + length, size - length, "none of the %zu programs and libraries in %.256s%s%s is it; ",
			 found, directory, more,
			 binaries->entries == MAX_ENTRIES ? " (not all of it was searched: it has too many files)"
							  : "");
	length = strlen(text);
	if (binaries->unread > 0)
		snprintf(text + length, size - length, "%zu director%s could not be read: %s; ", binaries->unread,
			 binaries->unread == 1 ? "y" : "ies", strerror(binaries->unread_errnum));
}

/* What became of the file where it was; @p errnum as of open_file(). */
static void describe_place(const struct gsd_wanted_binary *wanted, int errnum, char *text, size_t size)
{
	if (wanted->path[0] != '/')
		snprintf(text, size, "where it was is not known");
	else if (errnum == ESTALE)
		snprintf(text, size, "the file that is at its path here is another one");
	else if (errnum == EINVAL)
		snprintf(text, size, "what is at its path here is no regular file");
	else if (errnum == ENOENT || errnum == ENOTDIR)
		snprintf(text, size, "it is not at its path here");
	else
		snprintf(text, size, "what is at its path here cannot be opened: %s", strerror(errnum));
}

/* @p errnum: why it is not the file at its path. */
static struct gsd_error *missing(const struct gsd_binaries *binaries, const struct gsd_wanted_binary *wanted,
				 int errnum)
{
	char place[128];
	char searched[512] = "";
	const struct gsd_build_ids *ids = &wanted->ids;
	struct gsd_error *error =
		gsd_error_create(GSD_ERROR_MISSING, 0, "find the %s %s (%s%s)", wanted->program ? "program" : "library",
				 wanted->path[0] != '\0' ? wanted->path : "of unknown name",
				 ids->gnu[0] != '\0'  ? "build id "
				 : ids->go[0] != '\0' ? "Go build id "
						      : "build id unknown: ",
				 ids->gnu[0] != '\0'  ? ids->gnu
				 : ids->go[0] != '\0' ? ids->go
						      : wanted->why_no_build_id);
	describe_search(binaries, searched, sizeof searched);
	describe_place(wanted, errnum, place, sizeof place);
	error = gsd_error_because(error, "%s%s", searched, place);
	if (wanted->path[0] == '/' && errnum == EACCES)
		error = gsd_error_advise(error, "%s", gsd_reading_hint(errnum));
	return gsd_error_advise(error, "give it by --exe FILE, or by --exe DIRECTORY to have it searched by build id");
}

struct gsd_error *gsd_binaries_open(struct gsd_binaries *binaries, const struct gsd_wanted_binary *wanted,
				    struct gsd_found_binary *found_ret)
{
	int errnum = 0;
	bool known = wanted->ids.gnu[0] != '\0' || wanted->ids.go[0] != '\0';
	const struct candidate *file = known ? same_build(&binaries->files, wanted) : same_name(binaries, wanted);
	if (file == NULL && known) {
		GSD_TRY(search_directories(binaries));
		file = same_build(&binaries->in_directories, wanted);
	}
	if (file != NULL && open_file(wanted, file->path, found_ret, &errnum))
		return NULL;
	if (wanted->path[0] == '/' && open_file(wanted, wanted->path, found_ret, &errnum))
		return NULL;
	return missing(binaries, wanted, errnum);
}
