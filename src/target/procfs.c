/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* include/linux/sched.h; the kernel shows it in field 9 of stat, to everyone. */
#define KERNEL_THREAD_FLAG 0x00200000UL

#define NS_PER_SECOND     INT64_C(1000000000)
#define MAX_CLOCK_SECONDS (INT64_MAX / NS_PER_SECOND / 2) /* the kernel's own limit: KTIME_SEC_MAX / 2 */

/* Reads until the end or until @p capacity bytes. */
static int read_to_end(int fd, char *buffer, size_t capacity, size_t *length_ret)
{
	size_t length = 0;
	while (length < capacity) {
		ssize_t got = read(fd, buffer + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	*length_ret = length;
	return 0;
}

int gsd_procfs_read(int directory, const char *name, char *buffer, size_t capacity, size_t *length_ret)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno;
	size_t length = 0;
	int errnum = read_to_end(fd, buffer, capacity - 1, &length);
	close(fd);
	if (errnum != 0)
		return errnum;
	buffer[length] = '\0';
	if (length_ret != NULL)
		*length_ret = length;
	return 0;
}

static int read_growing(int fd, size_t max_bytes, char **bytes_ret, size_t *length_ret)
{
	size_t capacity = (size_t)64 * 1024;
	size_t length = 0;
	char *bytes = NULL;
	for (;;) {
		char *grown = realloc(bytes, capacity);
		size_t got = 0;
		int errnum = grown == NULL ? ENOMEM : 0;
		if (grown != NULL)
			bytes = grown;
		if (errnum == 0)
			errnum = read_to_end(fd, bytes + length, capacity - 1 - length, &got);
		length += got;
		if (errnum == 0 && length > max_bytes)
			errnum = EFBIG;
		if (errnum != 0) {
			free(bytes);
			return errnum;
		}
		if (length < capacity - 1)
			break;
		capacity *= 2;
	}
	bytes[length] = '\0';
	*bytes_ret = bytes;
	*length_ret = length;
	return 0;
}

int gsd_procfs_read_all(int directory, const char *name, size_t max_bytes, char **bytes_ret, size_t *length_ret)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno;
	int errnum = read_growing(fd, max_bytes, bytes_ret, length_ret);
	close(fd);
	return errnum;
}

/* Up to @p count numbers of a line; returns how many there were in all. The last one goes to @p last_ret. */
static unsigned parse_numbers(const char *line, int base, uint64_t *numbers, unsigned count, uint64_t *last_ret)
{
	unsigned found = 0;
	while (*line != '\0' && *line != '\n') {
		char *end;
		unsigned long long number = strtoull(line, &end, base);
		if (end == line)
			break;
		if (found < count)
			numbers[found] = number;
		if (last_ret != NULL)
			*last_ret = number;
		found++;
		line = end;
		while (*line == ' ' || *line == '\t')
			line++;
	}
	return found;
}

/* One line of status: @p name is what stands before the colon. */
static void parse_status_line(const char *name, size_t name_length, const char *value, struct gsd_status *status)
{
	uint64_t numbers[3] = {0};
	uint64_t last = 0;
	const struct {
		const char *name;
		int base;
	} fields[] = {{"State", 0},   {"Tgid", 10},    {"Pid", 10},   {"PPid", 10},    {"TracerPid", 10},
		      {"Uid", 10},    {"Gid", 10},     {"NSpid", 10}, {"Threads", 10}, {"CapPrm", 16},
		      {"CapEff", 16}, {"Seccomp", 10}, {"VmRSS", 10}, {"VmSwap", 10}};
	size_t field = 0;
	while (field < GSD_ARRAY_SIZE(fields) &&
	       (strlen(fields[field].name) != name_length || memcmp(fields[field].name, name, name_length) != 0))
		field++;
	if (field == GSD_ARRAY_SIZE(fields))
		return;
	if (field == 0) {
		status->state = *value;
		return;
	}
	unsigned count = parse_numbers(value, fields[field].base, numbers, 3, &last);
	switch (field) {
	case 1: status->tgid = (pid_t)numbers[0]; break;
	case 2: status->pid = (pid_t)numbers[0]; break;
	case 3: status->ppid = (pid_t)numbers[0]; break;
	case 4: status->tracer = (pid_t)numbers[0]; break;
	case 5:
		for (size_t i = 0; i < 3; i++)
			status->uids[i] = (uid_t)numbers[i];
		break;
	case 6:
		for (size_t i = 0; i < 3; i++)
			status->gids[i] = (gid_t)numbers[i];
		break;
	case 7:
		status->namespace_levels = count;
		status->pid_innermost = (pid_t)last;
		break;
	case 8: status->threads = numbers[0]; break;
	case 9: status->cap_permitted = numbers[0]; break;
	case 10: status->cap_effective = numbers[0]; break;
	case 11: status->seccomp = (unsigned)numbers[0]; break;
	default: status->memory_bytes += numbers[0] * 1024; break;
	}
}

bool gsd_status_parse(const char *text, struct gsd_status *status_ret)
{
	struct gsd_status status = {0};
	/* The kernel escapes newlines in the name, so a line is a line. */
	for (const char *line = text; *line != '\0';) {
		size_t line_length = strcspn(line, "\n");
		const char *colon = memchr(line, ':', line_length);
		if (colon != NULL) {
			const char *value = colon + 1;
			while (*value == ' ' || *value == '\t')
				value++;
			parse_status_line(line, (size_t)(colon - line), value, &status);
		}
		line += line_length + (line[line_length] == '\n');
	}
	if (status.state == '\0' || status.tgid <= 0 || status.pid <= 0)
		return false;
	*status_ret = status;
	return true;
}

int gsd_procfs_status(int directory, const char *name, struct gsd_status *status_ret)
{
	char *text;
	size_t length;
	int errnum = gsd_procfs_read_all(directory, name, GSD_STATUS_SIZE * 32, &text, &length);
	if (errnum != 0)
		return errnum;
	bool understood = gsd_status_parse(text, status_ret);
	free(text);
	return understood ? 0 : ESRCH;
}

char gsd_stat_state(const char *text)
{
	/* The name may hold anything, ") R 1" included; nothing after it holds a parenthesis. */
	const char *end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

/* kernel/time/namespace.c, proc_timens_show_offsets: a clock, seconds, nanoseconds (never negative). */
int64_t gsd_clock_offset_parse(const char *text)
{
	static const char clock[] = "monotonic";
	for (const char *line = text; line[0] != '\0';) {
		if (strncmp(line, clock, sizeof clock - 1) == 0) {
			char *next;
			long long seconds = strtoll(line + sizeof clock - 1, &next, 10);
			long long ns = strtoll(next, NULL, 10);
			if (seconds > MAX_CLOCK_SECONDS || seconds < -MAX_CLOCK_SECONDS || ns < 0 ||
			    ns >= NS_PER_SECOND)
				return 0;
			return seconds * NS_PER_SECOND + ns;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return 0;
}

/* The field of a stat file's @p text with the number that proc(5) gives it, the fourth or a later one; NULL if none. */
static const char *stat_field(const char *text, unsigned number)
{
	const char *end = strrchr(text, ')');
	if (end == NULL || end[1] != ' ' || end[2] == '\0')
		return NULL;
	const char *position = end + 3; /* behind the state, the third one */
	for (unsigned i = 4; i < number; i++) {
		position += strspn(position, " ");
		position += strcspn(position, " ");
	}
	position += strspn(position, " ");
	return *position >= '0' && *position <= '9' ? position : NULL;
}

bool gsd_stat_is_kernel_thread(const char *text)
{
	const char *flags = stat_field(text, 9);
	return flags != NULL && (strtoul(flags, NULL, 10) & KERNEL_THREAD_FLAG) != 0;
}

bool gsd_stat_registers(const char *text, uint64_t *pc_ret, uint64_t *sp_ret)
{
	const char *stack_pointer = stat_field(text, 29);
	const char *instruction_pointer = stat_field(text, 30);
	if (stack_pointer == NULL || instruction_pointer == NULL)
		return false;
	uint64_t sp = strtoull(stack_pointer, NULL, 10);
	uint64_t pc = strtoull(instruction_pointer, NULL, 10);
	if (sp == 0 || pc == 0)
		return false;
	*sp_ret = sp;
	*pc_ret = pc;
	return true;
}

bool gsd_syscall_parse(const char *text, uint64_t *pc_ret, uint64_t *sp_ret)
{
	/* "running", "-1 SP PC", or "NUMBER ARGUMENTS... SP PC" (fs/proc/base.c, proc_pid_syscall). */
	uint64_t last[2] = {0, 0};
	const char *word = text;
	unsigned words = 0;
	for (; *word != '\0' && *word != '\n'; words++) {
		char *end;
		uint64_t value = strtoull(word, &end, 0);
		if (end == word)
			return false;
		last[0] = last[1];
		last[1] = value;
		word = end + strspn(end, " ");
	}
	if ((words != 3 && words != 9) || last[0] == 0 || last[1] == 0)
		return false;
	*sp_ret = last[0];
	*pc_ret = last[1];
	return true;
}

bool gsd_status_dumps_core(const char *text)
{
	/* The kernel escapes newlines in the name, so that no name looks like this. */
	return strstr(text, "\nCoreDumping:\t1") != NULL;
}
