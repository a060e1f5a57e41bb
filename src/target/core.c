/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read_hint.h"
#include "target/core_notes.h"
#include "target/private.h"

/* What else people have when they think they have a core. */
static const struct {
	const char *bytes;
	size_t length;
	const char *what;
	const char *hint;
} look_alikes[] = {
	{"\x28\xb5\x2f\xfd", 4, "it is compressed by zstd", "decompress it first: zstd -d FILE"},
	{"\x04\x22\x4d\x18", 4, "it is compressed by lz4", "decompress it first: lz4 -d FILE"},
	{"\xfd"
	 "7zXZ",
	 5, "it is compressed by xz", "decompress it first: xz -d FILE"},
	{"\x1f\x8b", 2, "it is compressed by gzip", "decompress it first: gzip -d FILE"},
	{"BZh", 3, "it is compressed by bzip2", "decompress it first: bzip2 -d FILE"},
	{"\x89GSD", 4, "it is a capture, not a core", "a capture that -f raw has written is read with --from"},
};

static struct gsd_error *refuse(const struct gsd_core *core, enum gsd_error_code code, const char *reason)
{
	return gsd_error_because(gsd_error_create(code, 0, "read the %s", core->name), "%s", reason);
}

/* Reads exactly @p length bytes; 0, an errno, or ENODATA when the file ends before. */
static int read_exactly(const struct gsd_core *core, uint64_t offset, void *buffer, size_t length)
{
	uint8_t *bytes = buffer;
	if (offset > core->size || length > core->size - offset)
		return ENODATA;
	while (length > 0) {
		ssize_t got = pread(core->fd, bytes, length, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : ENODATA;
		bytes += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

static struct gsd_error *refuse_cut(const struct gsd_core *core, const char *what)
{
	return gsd_error_because(gsd_error_create(GSD_ERROR_CORRUPT, 0, "read the %s", core->name),
				 "it is cut short: its end, where its %s should be, is missing", what);
}

/* Reads @p what there must be, or says that it was cut off. */
static struct gsd_error *read_part(const struct gsd_core *core, const char *what, uint64_t offset, void *buffer,
				   size_t length)
{
	int errnum = read_exactly(core, offset, buffer, length);
	if (errnum == ENODATA)
		return refuse_cut(core, what);
	return errnum == 0 ? NULL : gsd_error_create(GSD_ERROR_IO, errnum, "read the %s", core->name);
}

/* ---- what it is ---- */

static struct gsd_error *refuse_no_elf(const struct gsd_core *core, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(look_alikes); i++)
		if (length >= look_alikes[i].length && memcmp(bytes, look_alikes[i].bytes, look_alikes[i].length) == 0)
			return gsd_error_advise(refuse(core, GSD_ERROR_INVALID, look_alikes[i].what), "%s",
						look_alikes[i].hint);
	return refuse(core, GSD_ERROR_INVALID, "it is no core: no ELF file");
}

static struct gsd_error *refuse_machine(const struct gsd_core *core, const Elf64_Ehdr *header)
{
	const char *name = gsd_machine_name(header->e_machine);
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		name = "a big-endian machine";
	else if (header->e_machine == EM_X86_64)
		name = "x32";
	struct gsd_error *error = gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "read the %s", core->name);
	if (name != NULL)
		return gsd_error_because(error, "it is of %s, and only 64-bit x86-64 is supported", name);
	return gsd_error_because(error, "it is of ELF machine %u, and only 64-bit x86-64 is supported",
				 (unsigned)header->e_machine);
}

/*
 * gdb writes the ELF header last: where its disk was full, or it was killed, zeros are in its place. The program
 * headers behind it are there from the beginning, and what they lead to begins where they end (bfd/elf.c,
 * assign_file_positions_except_relocs). 0: it is no such core.
 */
static struct gsd_error *count_unfinished(const struct gsd_core *core, size_t *count_ret)
{
	Elf64_Phdr first[2];
	*count_ret = 0;
	int errnum = read_exactly(core, sizeof(Elf64_Ehdr), first, sizeof first);
	if (errnum != 0)
		return errnum == ENODATA ? NULL : gsd_error_create(GSD_ERROR_IO, errnum, "read the %s", core->name);
	uint64_t begin = first[1].p_offset;
	if (first[0].p_type == PT_NOTE && first[0].p_offset > begin && first[1].p_type == PT_LOAD &&
	    begin >= sizeof(Elf64_Ehdr) + sizeof first && (begin - sizeof(Elf64_Ehdr)) % sizeof first[0] == 0 &&
	    begin / sizeof first[0] <= GSD_CORE_MAX_SEGMENTS)
		*count_ret = (size_t)((begin - sizeof(Elf64_Ehdr)) / sizeof first[0]);
	return NULL;
}

/* Takes a header of zeros for what gdb would have put there, when that is so. */
static struct gsd_error *complete_header(struct gsd_core *core, Elf64_Ehdr *header)
{
	static const Elf64_Ehdr zeros;
	if (memcmp(header, &zeros, sizeof zeros) != 0)
		return NULL;
	GSD_TRY(count_unfinished(core, &core->unfinished_headers));
	if (core->unfinished_headers > 0)
		*header = (Elf64_Ehdr){.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
				       .e_type = ET_CORE,
				       .e_machine = EM_X86_64,
				       .e_phoff = sizeof *header,
				       .e_phentsize = sizeof(Elf64_Phdr)};
	return NULL;
}

static struct gsd_error *read_header(struct gsd_core *core, Elf64_Ehdr *header)
{
	size_t length = core->size < sizeof *header ? (size_t)core->size : sizeof *header;
	if (length == 0)
		return gsd_error_advise(refuse(core, GSD_ERROR_INVALID, "it is empty"),
					"the disk may have been full, or the limit of core files too low: ulimit -c");
	memset(header, 0, sizeof *header);
	int errnum = read_exactly(core, 0, header, length);
	if (errnum != 0)
		return gsd_error_create(GSD_ERROR_IO, errnum == ENODATA ? 0 : errnum, "read the %s", core->name);
	if (length == sizeof *header)
		GSD_TRY(complete_header(core, header));
	if (length < SELFMAG || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return refuse_no_elf(core, (const uint8_t *)header, length);
	/* Up to e_machine, headers of all kinds have the same layout. */
	if (length < sizeof *header)
		return refuse(core, GSD_ERROR_CORRUPT, "it is cut short: it ends in its ELF header");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return refuse_machine(core, header);
	if (header->e_type == ET_EXEC || header->e_type == ET_DYN)
		return gsd_error_advise(refuse(core, GSD_ERROR_INVALID, "it is a program or library, not a core"),
					"a program is given by --exe, and a core of it by --core");
	if (header->e_type != ET_CORE)
		return refuse(core, GSD_ERROR_INVALID, "it is an ELF file, but no core");
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(core, GSD_ERROR_CORRUPT, "its program headers have a wrong size");
	return NULL;
}

/* With more than 65534 program headers their number is in the first section header (elf(5), PN_XNUM). */
static struct gsd_error *count_headers(const struct gsd_core *core, const Elf64_Ehdr *header, size_t *count_ret)
{
	Elf64_Shdr section;
	*count_ret = core->unfinished_headers > 0 ? core->unfinished_headers : header->e_phnum;
	if (header->e_phnum == PN_XNUM) {
		GSD_TRY(read_part(core, "first section header", header->e_shoff, &section, sizeof section));
		*count_ret = section.sh_info;
	}
	if (*count_ret == 0)
		return gsd_error_advise(refuse(core, GSD_ERROR_CORRUPT, "it has no program headers"),
					"delve writes them last: it was interrupted, and where the memory in this file "
					"belongs is lost");
	if (*count_ret > GSD_CORE_MAX_SEGMENTS)
		return refuse(core, GSD_ERROR_CORRUPT, "it has more program headers than a process can have mappings");
	return NULL;
}

/* ---- segments ---- */

static void count_cut(struct gsd_core *core, uint64_t bytes)
{
	core->cut_bytes += bytes < UINT64_MAX - core->cut_bytes ? bytes : UINT64_MAX - core->cut_bytes;
}

static struct gsd_error *add_segment(struct gsd_core *core, const Elf64_Phdr *header)
{
	uint64_t size = header->p_memsz > header->p_filesz ? header->p_memsz : header->p_filesz;
	if (size == 0)
		return NULL;
	if (size > UINT64_MAX - header->p_vaddr)
		return refuse(core, GSD_ERROR_CORRUPT, "a segment does not fit into the address space");
	struct gsd_core_segment segment = {.start = header->p_vaddr,
					   .end = header->p_vaddr + size,
					   .offset = header->p_offset,
					   .length = header->p_filesz,
					   .readable = (header->p_flags & PF_R) != 0,
					   .writable = (header->p_flags & PF_W) != 0,
					   .executable = (header->p_flags & PF_X) != 0};
	uint64_t there = segment.offset < core->size ? core->size - segment.offset : 0;
	if (segment.length > there) {
		count_cut(core, segment.length - there);
		segment.length = there;
	}
	return gsd_core_segments_append(&core->segments, segment) ? NULL : gsd_error_no_memory();
}

static int by_start(const void *left, const void *right)
{
	const struct gsd_core_segment *a = left;
	const struct gsd_core_segment *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* Where segments overlap, which no one writes, the one that begins first counts. */
static void order_segments(struct gsd_core_segments *segments)
{
	size_t kept = 0;
	uint64_t reached = 0;
	if (segments->count > 1)
		qsort(segments->items, segments->count, sizeof *segments->items, by_start);
	for (size_t i = 0; i < segments->count; i++) {
		struct gsd_core_segment segment = segments->items[i];
		if (segment.end <= reached)
			continue;
		if (segment.start < reached) {
			uint64_t skip = reached - segment.start;
			segment.start = reached;
			segment.offset += skip;
			segment.length = segment.length > skip ? segment.length - skip : 0;
		}
		reached = segment.end;
		segments->items[kept++] = segment;
	}
	segments->count = kept;
}

static struct gsd_error *read_notes(struct gsd_core *core, const Elf64_Phdr *header)
{
	uint64_t there = header->p_offset < core->size ? core->size - header->p_offset : 0;
	uint64_t length = header->p_filesz < there ? header->p_filesz : there;
	count_cut(core, header->p_filesz - length);
	core->notes_cut |= length < header->p_filesz;
	if (length == 0)
		return NULL;
	if (length > GSD_CORE_MAX_NOTES)
		return refuse(core, GSD_ERROR_CORRUPT, "its notes are larger than those of any process");
	uint8_t *bytes = malloc((size_t)length + 1);
	if (bytes == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error =
		read_part(core, "list of threads and mapped files", header->p_offset, bytes, (size_t)length);
	if (error == NULL)
		error = gsd_core_take_notes(core, (struct gsd_bytes){.data = bytes, .length = (size_t)length});
	free(bytes);
	return error;
}

static bool has_bytes(const struct gsd_core *core)
{
	for (size_t i = 0; i < core->segments.count; i++)
		if (core->segments.items[i].length > 0)
			return true;
	return false;
}

/* @p complete: these are all headers that it should have. */
static struct gsd_error *take_headers(struct gsd_core *core, const Elf64_Phdr *headers, size_t count, bool complete)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type == PT_LOAD)
			GSD_TRY(add_segment(core, &headers[i]));
		else if (headers[i].p_type == PT_NOTE)
			GSD_TRY(read_notes(core, &headers[i]));
	}
	order_segments(&core->segments);
	gsd_core_order_files(core);
	if (!complete && !has_bytes(core))
		return refuse_cut(core, "program headers");
	if (core->segments.count == 0)
		return refuse(core, GSD_ERROR_CORRUPT, "it has no memory of a process in it");
	return NULL;
}

/* Reads the program headers, as many as there are: delve writes them last, and those of its notes behind all others. */
static struct gsd_error *read_headers(struct gsd_core *core, uint64_t offset, size_t count)
{
	uint64_t there = offset < core->size ? (core->size - offset) / sizeof(Elf64_Phdr) : 0;
	bool complete = count <= there;
	if (there == 0)
		return gsd_error_advise(refuse_cut(core, "program headers"),
					"where the memory in it belongs is lost: delve writes that last");
	if (!complete) {
		count_cut(core, (count - there) * sizeof(Elf64_Phdr));
		core->notes_cut = true;
		count = (size_t)there;
	}
	Elf64_Phdr *headers = reallocarray(NULL, count, sizeof *headers);
	if (headers == NULL)
		return gsd_error_no_memory();
	struct gsd_error *error = read_part(core, "program headers", offset, headers, count * sizeof *headers);
	if (error == NULL)
		error = take_headers(core, headers, count, complete);
	free(headers);
	return error;
}

/* ---- opening ---- */

static struct gsd_error *read_all(struct gsd_core *core)
{
	struct stat status;
	Elf64_Ehdr header;
	size_t count;
	if (fstat(core->fd, &status) != 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the %s", core->name);
	if (S_ISDIR(status.st_mode))
		return gsd_error_advise(refuse(core, GSD_ERROR_INVALID, "it is a directory"), "%s",
					gsd_reading_hint(EISDIR));
	if (!S_ISREG(status.st_mode))
		return gsd_error_advise(refuse(core, GSD_ERROR_INVALID,
					       "it is not a regular file, and a core is not read from its beginning "
					       "to its end"),
					"write it into a file first");
	core->size = (uint64_t)status.st_size;
	core->disk_bytes = (uint64_t)status.st_blocks * 512;
	core->modified = status.st_mtim;
	GSD_TRY(read_header(core, &header));
	GSD_TRY(count_headers(core, &header, &count));
	return read_headers(core, header.e_phoff, count);
}

struct gsd_error *gsd_core_read(int fd, const char *path, struct gsd_core **core_ret)
{
	struct gsd_core *core = calloc(1, sizeof *core);
	if (core == NULL) {
		close(fd);
		return gsd_error_no_memory();
	}
	core->fd = fd;
	struct gsd_error *error = NULL;
	if (asprintf(&core->name, "core %s", path) < 0) {
		core->name = NULL;
		error = gsd_error_no_memory();
	}
	if (error == NULL)
		error = read_all(core);
	if (error != NULL)
		gsd_core_destroy(core);
	else
		*core_ret = core;
	return error;
}

/* Where cores are is not obvious when there is none. */
static struct gsd_error *refuse_unopened(const char *path, int errnum)
{
	struct gsd_error *error = gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errnum, "open the core %s", path),
						   "%s", gsd_reading_hint(errnum));
	if (errnum != ENOENT)
		return error;
	return gsd_error_advise(error,
				"where the kernel writes cores is in /proc/sys/kernel/core_pattern; with systemd: "
				"coredumpctl dump -o FILE PID");
}

struct gsd_error *gsd_core_open(const char *path, struct gsd_core **core_ret)
{
	/* Not blocking: a pipe without a writer is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return refuse_unopened(path, errno);
	return gsd_core_read(fd, path, core_ret);
}

void gsd_core_destroy(struct gsd_core *core)
{
	if (core == NULL)
		return;
	if (core->fd >= 0)
		close(core->fd);
	gsd_core_segments_free(&core->segments);
	gsd_core_files_free(&core->files);
	gsd_core_threads_free(&core->threads);
	gsd_arena_free(&core->strings);
	free(core->name);
	free(core);
}
