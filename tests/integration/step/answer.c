/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "step.h"

#define MAX_FRAMES 512

static void open_elf(struct answer *answer, int fd, const char *path)
{
	size_t count;
	check(gsd_elf_open(fd, path, &answer->elf));
	if (gsd_elf_is_relocatable(answer->elf))
		fail("%s is position independent", path);
	const struct gsd_elf_segment *segments = gsd_elf_segments(answer->elf, &count);
	answer->regions = calloc(count, sizeof *answer->regions);
	for (size_t i = 0; i < count; i++)
		answer->regions[i] = (struct gsd_region){.start = segments[i].address,
							 .end = segments[i].address + segments[i].memory_size,
							 .writable = segments[i].writable,
							 .executable = segments[i].executable};
	answer->program = (struct gsd_program){
		.elf = answer->elf, .fd = fd, .name = path, .regions = answer->regions, .region_count = count};
}

uint64_t answer_function_in_file(const char *path, const char *name)
{
	struct answer file = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open %s", path);
	open_elf(&file, fd, path);
	for (size_t i = 0; i < file.program.region_count; i++) {
		size_t count;
		file.regions[i].end = file.regions[i].start + gsd_elf_segments(file.elf, &count)[i].file_size;
	}
	struct gsd_module module;
	struct gsd_function function;
	bool found;
	check(gsd_module_find(gsd_elf_memory(file.elf), file.regions, file.program.region_count, 0, 0, &module,
			      &found));
	if (!found || !gsd_pclntab_find_name(&module.table, name, &function))
		fail("%s has no function %s", path, name);
	uint64_t address = gsd_module_text_address(&module, function.entry);
	gsd_module_free(&module);
	gsd_elf_destroy(file.elf);
	free(file.regions);
	close(fd);
	return address;
}

void answer_open(struct answer *answer, pid_t pid)
{
	bool found;
	memset(answer, 0, sizeof *answer);
	check(gsd_process_open(pid, &answer->process));
	open_elf(answer, gsd_process_exe(answer->process), gsd_process_exe_path(answer->process));
	answer->program.memory = gsd_process_memory(answer->process);
	check(gsd_runtime_find(&answer->program, 0, 0, &answer->runtime, &found));
	if (!found)
		fail("no Go runtime");
	gsd_goroutines_plan(&answer->runtime, &answer->plan);
	struct gsd_plan_room room = {
		.elements = 4096, .links = 4096, .stack_bytes = (size_t)1 << 20, .pieces = MAX_THREADS};
	check(gsd_plan_reserve(&answer->plan, &room, NULL, 0));
	answer->threads.items = calloc(MAX_THREADS, sizeof *answer->threads.items);
	answer->threads.capacity = MAX_THREADS;
}

void answer_take(struct answer *answer, const struct tracee *tracee)
{
	struct gsd_threads *threads = &answer->threads;
	threads->count = 0;
	for (size_t i = 0; i < tracee->thread_count; i++)
		threads->items[threads->count++] = (struct gsd_thread){.tid = tracee->threads[i].tid,
								       .tid_inside = (uint64_t)tracee->threads[i].tid,
								       .state = GSD_THREAD_STOPPED,
								       .registers = tracee->threads[i].now};
	for (gsd_plan_run(&answer->plan, answer->program.memory, threads); gsd_plan_overflowed(&answer->plan);
	     gsd_plan_run(&answer->plan, answer->program.memory, threads))
		check(gsd_plan_enlarge(&answer->plan, 2 * answer->plan.link_count + 64,
				       2 * answer->plan.stack_bytes_needed));
	if (answer->plan.list_errnum != 0)
		return; /* it is ending */
	static const struct gsd_analysis_options options = {
		.unwind = GSD_UNWIND_AUTO, .max_frames = MAX_FRAMES, .system_goroutines = true};
	const struct gsd_around around = {.threads = threads};
	if (answer->taken)
		gsd_analysis_free(&answer->analysis);
	check(gsd_goroutines_analyse(&answer->runtime, &answer->plan, &around, &options, &answer->analysis));
	answer->taken = true;
}

size_t answer_words(const struct answer *answer, uint64_t address, const uint64_t **words_ret)
{
	const struct gsd_analysis *analysis = &answer->analysis;
	for (size_t i = 0; i < analysis->goroutines.count; i++) {
		if (analysis->goroutines.items[i].address != address)
			continue;
		const struct gsd_pooled_stack *stack = &analysis->stacks.items[analysis->goroutines.items[i].stack];
		*words_ret = analysis->words.items + stack->first;
		return stack->count;
	}
	return 0;
}

const char *answer_function(const struct answer *answer, uint64_t pc)
{
	const struct gsd_module *module;
	struct gsd_function function;
	uint64_t offset;
	if (!gsd_code_find(answer->runtime.code, pc, &module, &function, &offset))
		return "(no Go code)";
	const char *name = gsd_pclntab_name(&module->table, function.name);
	return name == NULL ? "(no name)" : name;
}

uint64_t peek(struct answer *answer, uint64_t address)
{
	uint64_t word = 0;
	struct gsd_range range = {.address = address, .length = sizeof word, .buffer = &word};
	gsd_memory_read_ranges(answer->program.memory, &range, 1);
	return range.errnum == 0 ? word : 0;
}

void answer_close(struct answer *answer)
{
	if (answer->taken)
		gsd_analysis_free(&answer->analysis);
	gsd_plan_free(&answer->plan);
	free(answer->threads.items);
	gsd_runtime_free(&answer->runtime);
	gsd_elf_destroy(answer->elf);
	free(answer->regions);
	gsd_process_destroy(answer->process);
}
