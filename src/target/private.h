/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share, most of it about an opened process. */
#ifndef GSD_TARGET_PRIVATE_H
#define GSD_TARGET_PRIVATE_H

#include <sys/uio.h>
#include <sys/user.h>

#include "target/access.h"
#include "target/maps.h"
#include "target/process.h"

/** The most ranges that one process_vm_readv takes (the kernel's UIO_MAXIOV). */
#define GSD_READ_BATCH ((size_t)1024)

struct gsd_target_memory {
	struct gsd_memory memory;
	pid_t thread;        /**< whose address space it is: the process, or a live thread when the leader has ended */
	int file;            /**< /proc/PID/mem, or -1 */
	bool file_only;      /**< process_vm_readv is refused */
	uint64_t bytes_read; /**< also written by the tracer, which shares our memory while we wait for it */
	struct iovec local[GSD_READ_BATCH];
	struct iovec remote[GSD_READ_BATCH];
	size_t index[GSD_READ_BATCH]; /**< which range an iovec is */
};

struct gsd_process {
	pid_t pid;
	int directory; /**< /proc/PID */
	int exe;
	char *exe_path;
	bool other_pid_namespace;        /**< it numbers its threads differently than we do */
	_Atomic uint64_t *stopped_since; /**< NULL: a child makes the stops */
	struct gsd_arena strings;
	struct gsd_mapping_array mappings;
	struct gsd_target_memory memory;
};

/** What ptrace(2) and a core's notes call the registers of a thread. */
static inline struct gsd_registers gsd_registers_of(const struct user_regs_struct *user)
{
	return (struct gsd_registers){
		.pc = user->rip,
		.sp = user->rsp,
		.bp = user->rbp,
		.ax = user->rax,
		.bx = user->rbx,
		.cx = user->rcx,
		.dx = user->rdx,
		.si = user->rsi,
		.di = user->rdi,
		.r8_15 = {user->r8, user->r9, user->r10, user->r11, user->r12, user->r13, user->r14, user->r15}};
}

/** Initialises @p memory over the address space of @p thread. @p file is borrowed; -1: none. */
void gsd_target_memory_init(struct gsd_target_memory *memory, pid_t thread, int file);

/** Whether the address space is no longer that of any process: it has ended, or called execve. @p address: any in it.
 */
bool gsd_target_memory_is_gone(const struct gsd_target_memory *memory, uint64_t address);

/** Whether a program with this ELF header is one we cannot look at; then @p reason says why. */
bool gsd_executable_refusal(const void *bytes, size_t length, char *reason, size_t size);

/** What an ELF machine that is not supported is called, or NULL. */
const char *gsd_machine_name(unsigned machine);

/** The error for @p errnum from a file or a system call on @p process: _GONE, _PERMISSION with its cause, or _IO. */
struct gsd_error *gsd_process_error(const struct gsd_process *process, pid_t thread, enum gsd_access_kind kind,
				    int errnum, const char *attempt) GSD_MUST_CHECK;

#endif
