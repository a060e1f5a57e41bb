/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/process.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/private.h"

/* More of an environment than this is not read (the kernel allows 6 MiB with its usual limits). */
#define ENVIRONMENT_MAX_BYTES ((size_t)16 << 20)
/* A directory with more threads than this is not searched on (the kernel's own limit is 4 Mi). */
#define THREADS_MAX ((size_t)4 << 20)

/* How often a process is opened anew that calls execve meanwhile. */
#define OPEN_ATTEMPTS 3

static const char deleted_suffix[] = " (deleted)";

struct gsd_error *gsd_process_error(const struct gsd_process *process, pid_t thread, enum gsd_access_kind kind,
				    int errnum, const char *attempt)
{
	switch (errnum) {
	case EPERM:
	case EACCES: return gsd_access_error(process->directory, process->pid, thread, kind, errnum, attempt);
	case ENOENT:
	case ESRCH:
		return gsd_error_because(gsd_error_create(GSD_ERROR_GONE, errnum, "%s", attempt),
					 "process %d has ended", process->pid);
	case ENOMEM: return gsd_error_no_memory();
	default: return gsd_error_create(GSD_ERROR_IO, errnum, "%s", attempt);
	}
}

struct gsd_error *gsd_process_tracer_error(pid_t pid)
{
	char path[32];
	struct gsd_status status;
	struct gsd_error *error = NULL;
	snprintf(path, sizeof path, "/proc/%d", pid);
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return NULL;
	if (gsd_procfs_status(directory, "status", &status) == 0 && status.tracer != 0) {
		snprintf(path, sizeof path, "stop process %d", pid);
		error = gsd_access_error(directory, pid, pid, GSD_ACCESS_TRACE, EPERM, path);
	}
	close(directory);
	return error;
}

/* An error that names the process: "look at process 7: REASON". */
static struct gsd_error *refuse(const struct gsd_process *process, enum gsd_error_code code, const char *reason)
{
	return gsd_error_because(gsd_error_create(code, 0, "look at process %d", process->pid), "%s", reason);
}

/* ---- finding it ---- */

/* In another pid namespace's /proc, the numbers that we read are not those that our system calls take. */
static struct gsd_error *check_proc(void)
{
	char self[32];
	ssize_t length = readlink("/proc/self", self, sizeof self - 1);
	if (length < 0)
		return gsd_error_advise(gsd_error_create(GSD_ERROR_IO, errno, "read /proc/self"),
					"gostackdump needs /proc: mount -t proc proc /proc");
	self[length] = '\0';
	if (atoi(self) == getpid())
		return NULL;
	return gsd_error_advise(
		gsd_error_because(gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "use /proc"),
				  "it is of another pid namespace: it says that we are process %s, and we are %d", self,
				  getpid()),
		"mount a /proc of this namespace, or run gostackdump in the other one");
}

static struct gsd_error *open_directory(struct gsd_process *process)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d", process->pid);
	process->directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process->directory >= 0)
		return NULL;
	int errnum = errno;
	if (errnum != ENOENT && errnum != ESRCH)
		return gsd_error_create(GSD_ERROR_IO, errnum, "open %s", path);
	if (kill(process->pid, 0) == 0 || errno == EPERM)
		return gsd_error_advise(
			gsd_error_because(gsd_error_create(GSD_ERROR_PERMISSION, errnum, "open %s", path),
					  "process %d exists, but /proc is mounted with hidepid and hides it",
					  process->pid),
			"run gostackdump as the process's user, or with sudo");
	return gsd_error_because(gsd_error_create(GSD_ERROR_GONE, ESRCH, "look at process %d", process->pid),
				 "there is no such process");
}

static char thread_state(const struct gsd_process *process, const char *thread)
{
	char path[64];
	char text[512];
	snprintf(path, sizeof path, "task/%.20s/stat", thread);
	if (gsd_procfs_read(process->directory, path, text, sizeof text, NULL) != 0)
		return '\0';
	return gsd_stat_state(text);
}

/* A thread that has not ended, or 0. A main thread may end long before its process. */
static pid_t find_live_thread(const struct gsd_process *process)
{
	int fd = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	pid_t found = 0;
	const struct dirent *entry;
	for (size_t i = 0; found == 0 && i < THREADS_MAX && (entry = readdir(directory)) != NULL; i++) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		char state = thread_state(process, entry->d_name);
		if (state != '\0' && state != 'Z' && state != 'X')
			found = atoi(entry->d_name);
	}
	closedir(directory);
	return found;
}

/* What kind of process it is, and the thread through which its address space is reached. */
static struct gsd_error *identify(struct gsd_process *process, pid_t *thread_ret)
{
	struct gsd_status status;
	char stat[512];
	int errnum = gsd_procfs_status(process->directory, "status", &status);
	if (errnum == 0)
		errnum = gsd_procfs_read(process->directory, "stat", stat, sizeof stat, NULL);
	if (errnum != 0)
		return gsd_process_error(process, process->pid, GSD_ACCESS_LOOK, errnum, "read the process's status");
	if (status.tgid != process->pid)
		return gsd_error_advise(
			gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "look at process %d", process->pid),
					  "it is a thread of process %d", status.tgid),
			"use -p %d", status.tgid);
	if (gsd_stat_is_kernel_thread(stat))
		return refuse(process, GSD_ERROR_NOT_GO, "it is a kernel thread and runs no program");
	process->other_pid_namespace = status.namespace_levels > 1;
	*thread_ret = process->pid;
	if (status.state == 'Z' || status.state == 'X')
		*thread_ret = find_live_thread(process);
	if (*thread_ret == 0)
		return refuse(process, GSD_ERROR_GONE, "it has ended, its parent has not collected it");
	return NULL;
}

/* ---- what it runs ---- */

const char *gsd_machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386: return "32-bit x86";
	case EM_ARM: return "32-bit ARM";
	case EM_AARCH64: return "arm64";
	case EM_RISCV: return "RISC-V";
	case EM_PPC64: return "ppc64";
	case EM_S390: return "s390x";
	case EM_MIPS: return "MIPS";
	case EM_LOONGARCH: return "LoongArch";
	default: return NULL;
	}
}

bool gsd_executable_refusal(const void *bytes, size_t length, char *reason, size_t size)
{
	Elf64_Ehdr header;
	if (length < sizeof header || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
		snprintf(reason, size, "its program is not an ELF file");
		return true;
	}
	/* Up to e_machine, 32-bit headers have the same layout. */
	memcpy(&header, bytes, sizeof header);
	if (header.e_machine == EM_X86_64 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
	    header.e_ident[EI_DATA] == ELFDATA2LSB)
		return false;
	const char *name = header.e_machine == EM_X86_64 ? "x32" : gsd_machine_name(header.e_machine);
	if (name != NULL)
		snprintf(reason, size, "its program is for %s, and only 64-bit x86-64 is supported", name);
	else
		snprintf(reason, size, "its program is for ELF machine %u, and only 64-bit x86-64 is supported",
			 (unsigned)header.e_machine);
	return true;
}

static struct gsd_error *check_executable(const struct gsd_process *process)
{
	uint8_t header[sizeof(Elf64_Ehdr)];
	char reason[128];
	ssize_t got = pread(process->exe, header, sizeof header, 0);
	if (got < 0)
		return gsd_error_create(GSD_ERROR_IO, errno, "read the program of process %d (%s)", process->pid,
					process->exe_path);
	if (!gsd_executable_refusal(header, (size_t)got, reason, sizeof reason))
		return NULL;
	return gsd_error_because(
		gsd_error_create(GSD_ERROR_UNSUPPORTED, 0, "look at process %d (%s)", process->pid, process->exe_path),
		"%s", reason);
}

/* The name of @p file for the thread that has the address space, below /proc/PID. */
static void name_of(const struct gsd_process *process, pid_t thread, const char *file, char *name, size_t size)
{
	if (thread == process->pid)
		snprintf(name, size, "%s", file);
	else
		snprintf(name, size, "task/%d/%s", thread, file);
}

static struct gsd_error *open_executable(struct gsd_process *process, pid_t thread)
{
	char name[64];
	char path[PATH_MAX + sizeof deleted_suffix];
	name_of(process, thread, "exe", name, sizeof name);
	ssize_t length = readlinkat(process->directory, name, path, sizeof path);
	size_t suffix = sizeof deleted_suffix - 1;
	if (length < 0)
		length = 0;
	if ((size_t)length > suffix && memcmp(path + length - suffix, deleted_suffix, suffix) == 0)
		length -= (ssize_t)suffix;
	process->exe_path = strndup(path, (size_t)length);
	if (process->exe_path == NULL)
		return gsd_error_no_memory();
	gsd_maps_undo_escapes(process->exe_path); /* its mappings are found by this path */
	process->exe = openat(process->directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (process->exe >= 0)
		return check_executable(process);
	char attempt[64];
	snprintf(attempt, sizeof attempt, "open the program of process %d (/proc/%d/exe)", process->pid, process->pid);
	return gsd_process_error(process, thread, GSD_ACCESS_LOOK, errno, attempt);
}

static struct gsd_error *read_maps(struct gsd_process *process, pid_t thread)
{
	char name[64];
	char attempt[64];
	char *text;
	size_t length;
	name_of(process, thread, "maps", name, sizeof name);
	snprintf(attempt, sizeof attempt, "read the mappings of process %d", process->pid);
	int errnum = gsd_procfs_read_all(process->directory, name, GSD_MAPS_MAX_BYTES, &text, &length);
	if (errnum != 0)
		return gsd_process_error(process, thread, GSD_ACCESS_LOOK, errnum, attempt);
	struct gsd_error *error = gsd_maps_parse(text, length, &process->strings, &process->mappings);
	free(text);
	if (error == NULL && process->mappings.count == 0)
		error = gsd_process_error(process, thread, GSD_ACCESS_LOOK, ESRCH, attempt);
	return error;
}

/* Opened first: it stands for one address space, and tells when the process has gone on to another. */
static void open_memory(struct gsd_process *process, pid_t thread)
{
	char name[64];
	name_of(process, thread, "mem", name, sizeof name);
	/* Without it, process_vm_readv alone may still do. */
	int file = openat(process->directory, name, O_RDONLY | O_CLOEXEC);
	gsd_target_memory_init(&process->memory, thread, file);
}

/* Reads one byte of the memory: that it may be read is found out here, not in the middle of something. */
static struct gsd_error *try_memory(struct gsd_process *process, pid_t thread)
{
	for (size_t i = 0; i < process->mappings.count; i++) {
		const struct gsd_mapping *mapping = &process->mappings.items[i];
		if (!mapping->readable || mapping->inode == 0)
			continue;
		uint8_t byte;
		struct gsd_range range = {.address = mapping->start, .length = sizeof byte, .buffer = &byte};
		gsd_memory_read_ranges(&process->memory.memory, &range, 1);
		if (range.errnum == 0)
			break;
		if (range.errnum != EPERM && range.errnum != ESRCH)
			continue;
		char attempt[64];
		snprintf(attempt, sizeof attempt, "read the memory of process %d", process->pid);
		return gsd_process_error(process, thread, GSD_ACCESS_READ, range.errnum, attempt);
	}
	return NULL;
}

static void close_program(struct gsd_process *process)
{
	if (process->exe >= 0)
		close(process->exe);
	if (process->memory.file >= 0)
		close(process->memory.file);
	process->exe = process->memory.file = -1;
	free(process->exe_path);
	process->exe_path = NULL;
	gsd_mapping_array_free(&process->mappings);
	gsd_arena_free(&process->strings);
}

/* All that belongs to the program that it runs now. */
static struct gsd_error *open_program(struct gsd_process *process)
{
	pid_t thread;
	GSD_TRY(identify(process, &thread));
	open_memory(process, thread);
	GSD_TRY(open_executable(process, thread));
	GSD_TRY(read_maps(process, thread));
	return try_memory(process, thread);
}

static struct gsd_error *open_parts(struct gsd_process *process)
{
	GSD_TRY(check_proc());
	GSD_TRY(open_directory(process));
	struct gsd_error *error = open_program(process);
	/* An execve in between: what was opened may be of two programs. */
	for (int attempt = 0; attempt < OPEN_ATTEMPTS && gsd_process_replaced(process); attempt++) {
		gsd_error_destroy(error);
		close_program(process);
		error = open_program(process);
	}
	return error;
}

struct gsd_error *gsd_process_open(pid_t pid, struct gsd_process **process_ret)
{
	if (pid <= 0)
		return gsd_error_because(gsd_error_create(GSD_ERROR_INVALID, 0, "look at process %d", pid),
					 "a process id is a positive number");
	struct gsd_process *process = calloc(1, sizeof *process);
	if (process == NULL)
		return gsd_error_no_memory();
	process->pid = pid;
	process->directory = -1;
	process->exe = -1;
	process->memory.file = -1;
	struct gsd_error *error = open_parts(process);
	if (error != NULL) {
		gsd_process_destroy(process);
		return error;
	}
	*process_ret = process;
	return NULL;
}

void gsd_process_destroy(struct gsd_process *process)
{
	if (process == NULL)
		return;
	if (process->directory >= 0)
		close(process->directory);
	close_program(process);
	free(process);
}

/* ---- asking it ---- */

const char *gsd_process_exe_path(const struct gsd_process *process)
{
	return process->exe_path;
}

int gsd_process_exe(const struct gsd_process *process)
{
	return process->exe;
}

struct gsd_memory *gsd_process_memory(struct gsd_process *process)
{
	return &process->memory.memory;
}

uint64_t gsd_process_memory_bytes(const struct gsd_process *process)
{
	char name[64];
	struct gsd_status status;
	name_of(process, process->memory.thread, "status", name, sizeof name);
	return gsd_procfs_status(process->directory, name, &status) == 0 ? status.memory_bytes : 0;
}

uint64_t gsd_process_bytes_read(const struct gsd_process *process)
{
	return process->memory.bytes_read;
}

const struct gsd_mapping *gsd_process_mappings(const struct gsd_process *process, size_t *count_ret)
{
	*count_ret = process->mappings.count;
	return process->mappings.items;
}

struct gsd_error *gsd_process_environment(struct gsd_process *process, const char *name, char **value_ret)
{
	char file[64];
	char attempt[64];
	char *text;
	size_t length;
	name_of(process, process->memory.thread, "environ", file, sizeof file);
	snprintf(attempt, sizeof attempt, "read the environment of process %d", process->pid);
	int errnum = gsd_procfs_read_all(process->directory, file, ENVIRONMENT_MAX_BYTES, &text, &length);
	if (errnum != 0)
		return gsd_process_error(process, process->memory.thread, GSD_ACCESS_LOOK, errnum, attempt);
	size_t name_length = strlen(name);
	const char *found = NULL;
	for (size_t at = 0; found == NULL && at < length; at += strlen(text + at) + 1) {
		if (strncmp(text + at, name, name_length) == 0 && text[at + name_length] == '=')
			found = text + at + name_length + 1;
	}
	char *value = found == NULL ? NULL : strdup(found);
	bool no_memory = found != NULL && value == NULL;
	free(text);
	if (no_memory)
		return gsd_error_no_memory();
	*value_ret = value;
	return NULL;
}

void gsd_process_comm(const struct gsd_process *process, char comm[16])
{
	char text[32];
	if (gsd_procfs_read(process->directory, "comm", text, sizeof text, NULL) != 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	snprintf(comm, 16, "%.15s", text);
}

static int64_t clock_offset(int directory, const char *name)
{
	char text[256];
	return gsd_procfs_read(directory, name, text, sizeof text, NULL) == 0 ? gsd_clock_offset_parse(text) : 0;
}

int64_t gsd_process_clock_ahead_ns(const struct gsd_process *process)
{
	return clock_offset(process->directory, "timens_offsets") - clock_offset(AT_FDCWD, "/proc/self/timens_offsets");
}

bool gsd_process_ended(const struct gsd_process *process)
{
	pid_t thread = find_live_thread(process);
	if (thread == 0)
		return true;
	/* One that is exiting gives up its memory, and its program with it, before it counts as dead. */
	char file[64];
	char byte;
	name_of(process, thread, "exe", file, sizeof file);
	return readlinkat(process->directory, file, &byte, sizeof byte) < 0 && (errno == ENOENT || errno == ESRCH);
}

bool gsd_process_replaced(const struct gsd_process *process)
{
	uint64_t address = process->mappings.count > 0 ? process->mappings.items[0].start : 0;
	return gsd_target_memory_is_gone(&process->memory, address) && !gsd_process_ended(process);
}
