/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/clock.h"

#define COMMAND_MAX_BYTES ((size_t)4096)
#define PARENTS_MAX       3
#define KERNEL_THREAD     0x00200000U /* PF_KTHREAD (include/linux/sched.h) */

/* At most @p capacity - 1 bytes of a file of /proc/PID; −1 when it cannot be read. */
static ssize_t read_file(pid_t pid, const char *name, char *buffer, size_t capacity)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t length = 0;
	ssize_t got;
	while (length + 1 < capacity && (got = read(fd, buffer + length, capacity - 1 - length)) > 0)
		length += (size_t)got;
	close(fd);
	buffer[length] = '\0';
	return (ssize_t)length;
}

static char *read_command(pid_t pid)
{
	char arguments[COMMAND_MAX_BYTES];
	ssize_t length = read_file(pid, "cmdline", arguments, sizeof arguments);
	while (length > 0 && arguments[length - 1] == '\0')
		length--;
	for (ssize_t i = 0; i < length; i++)
		if (arguments[i] == '\0')
			arguments[i] = ' ';
	return strndup(arguments, length > 0 ? (size_t)length : 0);
}

static uint64_t age_of(uint64_t started)
{
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t now_ns = clock_ns(CLOCK_BOOTTIME);
	return now_ns > started * tick_ns ? now_ns - started * tick_ns : 0;
}

/* proc(5), /proc/pid/stat: the name is in parentheses and may hold any of them; fields are counted behind it. */
static bool parse_stat(char *text, bool want_ended, struct process *process)
{
	char *open = strchr(text, '(');
	char *close = strrchr(text, ')');
	char state;
	int parent;
	unsigned flags;
	uint64_t user_ticks, kernel_ticks, children_user_ticks, children_kernel_ticks;
	if (open == NULL || close == NULL || close < open)
		return false;
	if (sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %*d %*d %" SCNu64 " %*d %" SCNu64,
		   &state, &parent, &flags, &user_ticks, &kernel_ticks, &children_user_ticks, &children_kernel_ticks,
		   &process->threads, &process->started) != 9)
		return false;
	*close = '\0';
	snprintf(process->comm, sizeof process->comm, "%s", open + 1);
	process->parent = parent;
	process->cpu_ticks = user_ticks + kernel_ticks + children_user_ticks + children_kernel_ticks;
	process->age_ns = age_of(process->started);
	/* The first thread may have ended before the others. */
	bool ended = state == 'X' || (state == 'Z' && process->threads < 2);
	return ended == want_ended && (flags & KERNEL_THREAD) == 0;
}

/* What is listed. */
enum kind { LIVING, LIVING_BARE, ENDED };

static bool read_process(pid_t pid, enum kind kind, struct process *process_ret)
{
	char text[1024];
	char path[32];
	struct stat status;
	struct process process = {.pid = pid};
	snprintf(path, sizeof path, "/proc/%d", pid);
	if (stat(path, &status) != 0 || read_file(pid, "stat", text, sizeof text) <= 0 ||
	    !parse_stat(text, kind == ENDED, &process))
		return false;
	process.user = status.st_uid;
	if (kind != LIVING_BARE)
		process.command = read_command(pid);
	*process_ret = process;
	return kind == LIVING_BARE || process.command != NULL;
}

void process_add_command(struct process *process)
{
	process->command = read_command(process->pid);
}

bool process_read(pid_t pid, struct process *process_ret)
{
	return read_process(pid, LIVING, process_ret);
}

static bool append(struct processes *processes, size_t *capacity, const struct process *process)
{
	if (processes->count == *capacity) {
		*capacity = *capacity == 0 ? 256 : 2 * *capacity;
		struct process *items = reallocarray(processes->items, *capacity, sizeof *items);
		if (items == NULL)
			return false;
		processes->items = items;
	}
	processes->items[processes->count++] = *process;
	return true;
}

static int by_pid(const void *left, const void *right)
{
	const struct process *a = left;
	const struct process *b = right;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool list(enum kind kind, struct processes *processes_ret)
{
	struct processes processes = {0};
	size_t capacity = 0;
	DIR *directory = opendir("/proc");
	if (directory == NULL)
		return false;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		struct process process;
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (pid <= 0 || *end != '\0' || !read_process((pid_t)pid, kind, &process))
			continue;
		if (!append(&processes, &capacity, &process)) {
			free(process.command);
			processes_free(&processes);
			closedir(directory);
			errno = ENOMEM;
			return false;
		}
	}
	closedir(directory);
	if (processes.count > 1)
		qsort(processes.items, processes.count, sizeof *processes.items, by_pid);
	*processes_ret = processes;
	return true;
}

bool processes_list(struct processes *processes_ret)
{
	return list(LIVING, processes_ret);
}

bool processes_list_bare(struct processes *processes_ret)
{
	return list(LIVING_BARE, processes_ret);
}

bool processes_list_ended(struct processes *processes_ret)
{
	return list(ENDED, processes_ret);
}

static struct process *find(const struct processes *processes, pid_t pid)
{
	size_t low = 0;
	size_t high = processes->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (processes->items[middle].pid == pid)
			return &processes->items[middle];
		if (processes->items[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/*
 * The list is no single moment: a parent that ended before it was read itself has left its children to another one.
 * Those ask again, a few times: the new one may end, too.
 */
static void find_new_parents(const struct processes *processes, pid_t root)
{
	for (size_t i = 0; i < processes->count; i++) {
		struct process *process = &processes->items[i];
		struct process now;
		for (int asked = 0; asked < PARENTS_MAX && process->parent != 0 && process->parent != root &&
				    find(processes, process->parent) == NULL;
		     asked++) {
			if (!read_process(process->pid, LIVING_BARE, &now) || now.started != process->started)
				break;
			process->parent = now.parent;
		}
	}
}

/* A line of parents may still break, or go in a circle. */
bool process_descends(const struct processes *processes, const struct process *process, pid_t root)
{
	for (size_t steps = 0; process != NULL && steps <= processes->count; steps++) {
		if (process->parent == root)
			return true;
		process = find(processes, process->parent);
	}
	return false;
}

void processes_keep_descendants(struct processes *processes, pid_t root)
{
	bool *keeps = calloc(processes->count + 1, sizeof *keeps);
	size_t kept = 0;
	find_new_parents(processes, root);
	for (size_t i = 0; keeps != NULL && i < processes->count; i++)
		keeps[i] = process_descends(processes, &processes->items[i], root);
	for (size_t i = 0; i < processes->count; i++) {
		if (keeps != NULL && keeps[i])
			processes->items[kept++] = processes->items[i];
		else
			free(processes->items[i].command);
	}
	processes->count = kept;
	free(keeps);
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].command);
	free(processes->items);
	*processes = (struct processes){0};
}
