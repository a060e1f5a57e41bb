/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of the public header that says of a process whether it is a Go program, and whether it can be captured. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "gostackdump.h"
#include "image/elf.h"
#include "target/process.h"

/* What the program's file says: it may be readable where the process's memory is not. */
static struct gsd_error *inspect_elf(int fd, struct gsd_inspection *inspection)
{
	struct gsd_elf *elf;
	struct gsd_buildinfo info = {.version = "", .modinfo = NULL};
	uint64_t address;
	uint64_t size;
	GSD_TRY(gsd_elf_open(fd, "the program", &elf));
	struct gsd_error *error = gsd_elf_buildinfo(elf, gsd_elf_memory(elf), 0, &info);
	/* Before Go 1.18 the version was not in the file itself. */
	inspection->go = gsd_elf_section(elf, ".gopclntab", &address, &size) || info.version[0] != '\0';
	inspection->symbols = gsd_elf_has_symbols(elf);
	snprintf(inspection->go_version, sizeof inspection->go_version, "%s", info.version);
	gsd_buildinfo_free(&info);
	gsd_elf_destroy(elf);
	return error;
}

static void inspect_file(pid_t pid, struct gsd_inspection *inspection)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	gsd_error_destroy(inspect_elf(fd, inspection)); /* then it is not known to be Go */
	close(fd);
}

static void inspect_count(struct gsd_observer *observer, struct gsd_inspection *inspection)
{
	const struct gsd_program_info *program = gsd_observer_program(observer);
	inspection->go = true;
	inspection->symbols = program->symbols;
	snprintf(inspection->go_version, sizeof inspection->go_version, "%s", program->go_version);
	struct gsd_error *error = gsd_observer_count(observer, &inspection->count);
	inspection->counted = error == NULL;
	gsd_error_destroy(error);
}

struct gsd_error *gsd_inspect_process(pid_t pid, struct gsd_inspection *inspection_ret)
{
	struct gsd_inspection inspection = {.go = false};
	struct gsd_observer *observer;
	struct gsd_error *error = gsd_observer_open(pid, &observer);
	if (error == NULL) {
		inspect_count(observer, &inspection);
		gsd_observer_close(observer);
		inspection.refused = gsd_process_tracer_error(pid);
		*inspection_ret = inspection;
		return NULL;
	}
	switch (gsd_error_code(error)) {
	case GSD_ERROR_NO_MEMORY:
	case GSD_ERROR_GONE: return error;
	case GSD_ERROR_NOT_GO: gsd_error_destroy(error); break;
	default: inspect_file(pid, &inspection); inspection.refused = error;
	}
	*inspection_ret = inspection;
	return NULL;
}
