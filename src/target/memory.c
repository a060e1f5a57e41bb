/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of a live process: process_vm_readv in batches, /proc/PID/mem for what it refuses. This runs inside the
 * stop, in the tracer: no allocation, no cancellation point, and every loop moves on by at least one range.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/private.h"

/* The kernel cuts a transfer at just under 2 GiB; stay clear of it. */
#define CALL_MAX_BYTES ((size_t)1 << 30)

/* Whether the range can be handed to the kernel at all. */
static bool is_sane(const struct gsd_range *range)
{
	return range->length <= CALL_MAX_BYTES && range->address <= (uint64_t)INT64_MAX - range->length;
}

/* One range by /proc/PID/mem: 0 or its errnum. It also reads what has no read permission. */
static int read_by_file(struct gsd_target_memory *memory, const struct gsd_range *range)
{
	if (memory->file < 0)
		return EFAULT;
	size_t done = 0;
	while (done < range->length) {
		long got = syscall(SYS_pread64, memory->file, (char *)range->buffer + done, range->length - done,
				   (off_t)(range->address + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			return ESRCH; /* the address space is gone */
		if (got < 0)
			return errno == EPERM || errno == EACCES ? EPERM : EFAULT;
		done += (size_t)got;
	}
	memory->bytes_read += range->length;
	return 0;
}

/* The rest of a batch without process_vm_readv. */
static void read_rest_by_file(struct gsd_target_memory *memory, struct gsd_range *ranges, size_t first, size_t count,
			      int errnum)
{
	for (size_t i = first; i < count; i++) {
		struct gsd_range *range = &ranges[memory->index[i]];
		if (memory->file >= 0)
			range->errnum = read_by_file(memory, range);
		else
			range->errnum = errnum == ENOSYS ? EPERM : errnum;
	}
}

/* How many iovecs @p bytes fill whole, from @p first on; they are read. */
static size_t mark_read(struct gsd_target_memory *memory, struct gsd_range *ranges, size_t first, size_t count,
			size_t bytes)
{
	size_t i = first;
	while (i < count && bytes >= memory->remote[i].iov_len) {
		bytes -= memory->remote[i].iov_len;
		ranges[memory->index[i]].errnum = 0;
		memory->bytes_read += memory->remote[i].iov_len;
		i++;
	}
	return i;
}

bool gsd_target_memory_is_gone(const struct gsd_target_memory *memory, uint64_t address)
{
	uint8_t byte;
	long got;
	if (memory->file < 0)
		return false;
	do
		got = syscall(SYS_pread64, memory->file, &byte, sizeof byte, (off_t)address);
	while (got < 0 && errno == EINTR);
	return got == 0;
}

/*
 * process_vm_readv knows a process, not an address space: after an execve it reads the next program's. What was read is
 * ours when the address space that was opened lives on afterwards.
 */
static void distrust_another_space(const struct gsd_target_memory *memory, struct gsd_range *ranges, size_t count)
{
	if (!gsd_target_memory_is_gone(memory, ranges[memory->index[0]].address))
		return;
	for (size_t i = 0; i < count; i++)
		ranges[memory->index[i]].errnum = ESRCH;
}

/* Reads the @p count iovecs that were laid out. The kernel stops at the first one that it cannot read whole. */
static void read_batch(struct gsd_target_memory *memory, struct gsd_range *ranges, size_t count)
{
	size_t next = 0;
	bool by_process = !memory->file_only;
	while (next < count && !memory->file_only) {
		ssize_t got = process_vm_readv(memory->thread, memory->local + next, count - next,
					       memory->remote + next, count - next, 0);
		int errnum = got < 0 ? errno : 0;
		if (errnum == EPERM || errnum == ENOSYS) {
			memory->file_only = memory->file >= 0;
			read_rest_by_file(memory, ranges, next, count, errnum);
			return;
		}
		if (errnum == ESRCH) {
			/* The thread we read through has ended; the process may not have. */
			read_rest_by_file(memory, ranges, next, count, errnum);
			return;
		}
		next = mark_read(memory, ranges, next, count, got > 0 ? (size_t)got : 0);
		if (next < count) {
			struct gsd_range *range = &ranges[memory->index[next]];
			range->errnum = read_by_file(memory, range);
			next++;
		}
	}
	read_rest_by_file(memory, ranges, next, count, EPERM);
	if (by_process)
		distrust_another_space(memory, ranges, count);
}

static void target_memory_read(struct gsd_memory *base, struct gsd_range *ranges, size_t count)
{
	struct gsd_target_memory *memory = (struct gsd_target_memory *)base;
	size_t batch = 0;
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		struct gsd_range *range = &ranges[i];
		range->errnum = 0;
		if (range->length == 0)
			continue;
		if (!is_sane(range)) {
			range->errnum = EFAULT;
			continue;
		}
		if (batch == GSD_READ_BATCH || bytes > CALL_MAX_BYTES - range->length) {
			read_batch(memory, ranges, batch);
			batch = 0;
			bytes = 0;
		}
		memory->local[batch] = (struct iovec){.iov_base = range->buffer, .iov_len = range->length};
		memory->remote[batch] =
			(struct iovec){.iov_base = (void *)(uintptr_t)range->address, .iov_len = range->length};
		memory->index[batch++] = i;
		bytes += range->length;
	}
	if (batch > 0)
		read_batch(memory, ranges, batch);
}

void gsd_target_memory_init(struct gsd_target_memory *memory, pid_t thread, int file)
{
	memset(memory, 0, sizeof *memory);
	memory->memory.read = target_memory_read;
	memory->thread = thread;
	memory->file = file;
}
