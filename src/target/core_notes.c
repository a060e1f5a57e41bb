/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who writes what (fs/binfmt_elf.c; gdb, linux-tdep.c; delve, pkg/proc/dump.go and pkg/elfwriter): the kernel and gdb
 * name their notes "CORE" and "LINUX"; delve leaves the names of the kernel's kinds empty, writes no list of files, and
 * has threads of its own kind where its backend knows no better.
 */
#include "target/core_notes.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "target/private.h"

#define DELVE_HEADER_NOTE 0x444C5645 /* delve, pkg/elfwriter/delve_core_notes.go */
#define DELVE_THREAD_NOTE 0x444C5654

static const char deleted_suffix[] = " (deleted)";
static const char delve_pid[] = "Target Pid: ";

/* ---- threads ---- */

static struct gsd_error *add_thread(struct gsd_core *core, uint64_t tid, const struct gsd_registers *registers)
{
	struct gsd_thread thread = {
		.tid = (pid_t)tid, .tid_inside = tid, .state = GSD_THREAD_STOPPED, .registers = *registers};
	return gsd_core_threads_append(&core->threads, thread) ? NULL : gsd_error_no_memory();
}

static struct gsd_error *take_status(struct gsd_core *core, struct gsd_bytes value)
{
	struct elf_prstatus status;
	struct user_regs_struct user;
	_Static_assert(sizeof status.pr_reg == sizeof user, "the registers of a core are those of ptrace");
	if (value.length < sizeof status) {
		core->notes_cut = true;
		return NULL;
	}
	memcpy(&status, value.data, sizeof status);
	memcpy(&user, &status.pr_reg, sizeof user);
	const struct gsd_registers registers = gsd_registers_of(&user);
	return add_thread(core, (uint32_t)status.pr_pid, &registers);
}

/* Delve's own kind: id, pc, sp and bp, then more. */
static struct gsd_error *take_delve_thread(struct gsd_core *core, struct gsd_bytes value)
{
	if (value.length < 4 * sizeof(uint64_t)) {
		core->notes_cut = true;
		return NULL;
	}
	const struct gsd_registers registers = {
		.pc = gsd_u64_at(value.data, 8), .sp = gsd_u64_at(value.data, 16), .bp = gsd_u64_at(value.data, 24)};
	return add_thread(core, gsd_u64_at(value.data, 0), &registers);
}

/* ---- the process ---- */

static void take_info(struct gsd_core *core, struct gsd_bytes value)
{
	struct elf_prpsinfo info;
	if (value.length < sizeof info) {
		core->notes_cut = true;
		return;
	}
	memcpy(&info, value.data, sizeof info);
	core->pid = info.pr_pid > 0 ? info.pr_pid : 0;
	memcpy(core->comm, info.pr_fname, sizeof info.pr_fname);
}

/* Lines of text; one says the pid. */
static void take_delve_header(struct gsd_core *core, struct gsd_bytes value)
{
	size_t prefix = sizeof delve_pid - 1;
	const uint8_t *hit = memmem(value.data, value.length, delve_pid, prefix);
	if (hit == NULL || core->pid != 0)
		return;
	char number[12] = "";
	size_t left = value.length - (size_t)(hit - value.data) - prefix;
	memcpy(number, hit + prefix, left < sizeof number - 1 ? left : sizeof number - 1);
	core->pid = atoi(number) > 0 ? atoi(number) : 0;
}

static void take_auxv(struct gsd_core *core, struct gsd_bytes value)
{
	struct gsd_cursor cursor = gsd_cursor_at(value, 0);
	while (cursor.length - cursor.position >= 16) {
		uint64_t type = gsd_cursor_u64(&cursor);
		uint64_t word = gsd_cursor_u64(&cursor);
		switch (type) {
		case AT_NULL: return;
		case AT_PHDR: core->program_headers = word; break;
		case AT_PHNUM: core->program_header_count = word; break;
		case AT_SYSINFO_EHDR: core->vdso = word; break;
		case AT_EXECFN: core->exec_name = word; break;
		default: break;
		}
	}
}

/* ---- files ---- */

static const char *keep_path(struct gsd_core *core, const char *path, bool *deleted_ret)
{
	size_t length = strlen(path);
	size_t suffix = sizeof deleted_suffix - 1;
	*deleted_ret = length > suffix && memcmp(path + length - suffix, deleted_suffix, suffix) == 0;
	return gsd_arena_string(&core->strings, path, *deleted_ret ? length - suffix : length);
}

/* One file: its three words, and its name at @p path, which ends in the note. */
static struct gsd_error *add_file(struct gsd_core *core, const uint64_t words[3], uint64_t unit, const char *path)
{
	struct gsd_core_file file = {.start = words[0], .end = words[1], .offset = words[2] * unit};
	if (file.start >= file.end || (words[2] != 0 && file.offset / words[2] != unit)) {
		core->notes_cut = true;
		return NULL;
	}
	file.path = keep_path(core, path, &file.deleted);
	return file.path != NULL && gsd_core_files_append(&core->files, file) ? NULL : gsd_error_no_memory();
}

/* Count and unit of offsets, then start, end and offset of each, then their names (fs/binfmt_elf.c, fill_files_note).
 */
static struct gsd_error *take_files(struct gsd_core *core, struct gsd_bytes value)
{
	struct gsd_cursor cursor = gsd_cursor_at(value, 0);
	uint64_t count = gsd_cursor_u64(&cursor);
	uint64_t unit = gsd_cursor_u64(&cursor);
	if (cursor.failed || count > (value.length - cursor.position) / 24) {
		core->notes_cut = true;
		return NULL;
	}
	struct gsd_cursor names = gsd_cursor_at(value, cursor.position + 24 * count);
	for (uint64_t i = 0; i < count; i++) {
		const char *path = (const char *)names.data + names.position;
		size_t left = names.length - names.position;
		size_t length = left == 0 ? 0 : strnlen(path, left);
		if (length == left) {
			core->notes_cut = true;
			return NULL;
		}
		uint64_t words[3];
		for (size_t k = 0; k < 3; k++)
			words[k] = gsd_cursor_u64(&cursor);
		GSD_TRY(add_file(core, words, unit, path));
		names.position += length + 1;
	}
	return NULL;
}

static int by_start(const void *left, const void *right)
{
	const struct gsd_core_file *a = left;
	const struct gsd_core_file *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

void gsd_core_order_files(struct gsd_core *core)
{
	struct gsd_core_files *files = &core->files;
	size_t kept = 0;
	uint64_t reached = 0;
	if (files->count > 1)
		qsort(files->items, files->count, sizeof *files->items, by_start);
	for (size_t i = 0; i < files->count; i++) {
		if (files->items[i].start < reached)
			continue; /* no one writes that */
		reached = files->items[i].end;
		files->items[kept++] = files->items[i];
	}
	files->count = kept;
}

/* ---- all of them ---- */

static struct gsd_error *take_note(struct gsd_core *core, uint32_t type, struct gsd_bytes value)
{
	switch (type) {
	case NT_PRSTATUS: return take_status(core, value);
	case NT_PRPSINFO: take_info(core, value); return NULL;
	case NT_AUXV: take_auxv(core, value); return NULL;
	case NT_FILE: return take_files(core, value);
	case DELVE_HEADER_NOTE: take_delve_header(core, value); return NULL;
	case DELVE_THREAD_NOTE: return take_delve_thread(core, value);
	default: return NULL;
	}
}

/* Names that the notes above have: types of other names mean other things. */
static bool is_ours(const uint8_t *name, uint32_t size)
{
	static const char core[] = "CORE";
	static const char delve[] = "Delve Header";
	return size == 0 || (size == sizeof core && memcmp(name, core, size) == 0) ||
	       (size == sizeof delve - 1 && memcmp(name, delve, size) == 0);
}

struct gsd_error *gsd_core_take_notes(struct gsd_core *core, struct gsd_bytes notes)
{
	struct gsd_cursor cursor = gsd_cursor_at(notes, 0);
	while (cursor.position < cursor.length) {
		uint32_t name_size = gsd_cursor_u32(&cursor);
		uint32_t value_size = gsd_cursor_u32(&cursor);
		uint32_t type = gsd_cursor_u32(&cursor);
		const uint8_t *name = gsd_cursor_take(&cursor, name_size);
		gsd_cursor_take(&cursor, -cursor.position & 3);
		const uint8_t *value = gsd_cursor_take(&cursor, value_size);
		if (cursor.failed) {
			core->notes_cut = true;
			return NULL;
		}
		if (is_ours(name, name_size))
			GSD_TRY(take_note(core, type, (struct gsd_bytes){.data = value, .length = value_size}));
		/* The last one may come without its padding. */
		size_t padding = -cursor.position & 3;
		gsd_cursor_take(&cursor,
				padding < cursor.length - cursor.position ? padding : cursor.length - cursor.position);
	}
	return NULL;
}
