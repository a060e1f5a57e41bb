/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout_compare BINARY GO_MINOR: holds every field offset that the type descriptors of a Go program give against what
 * its DWARF gives, the layout of moduledata included. Prints each difference; exit 1 when there is one.
 * Reads the file's segments, so the program must not be position independent.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "go/layout.h"
#include "image/dwarf.h"
#include "image/elf.h"
#include "image/module.h"
#include "image/types.h"

static void check(struct gsd_error *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "layout_compare: %s\n", gsd_error_message(error));
	exit(2);
}

/* The first module, found in the file's own segments. */
static struct gsd_module find_module(struct gsd_elf *elf, unsigned minor)
{
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(elf, &count);
	struct gsd_region *regions = calloc(count, sizeof *regions);
	struct gsd_module module;
	bool found;
	for (size_t i = 0; i < count; i++)
		regions[i] = (struct gsd_region){.start = segments[i].address,
						 .end = segments[i].address + segments[i].file_size,
						 .writable = segments[i].writable,
						 .executable = segments[i].executable};
	check(gsd_module_find(gsd_elf_memory(elf), regions, count, minor, 0, &module, &found));
	free(regions);
	if (!found) {
		fprintf(stderr, "layout_compare: no function table\n");
		exit(2);
	}
	return module;
}

/* Queries of the layout and of every moduledata field of this version. */
static struct gsd_field *make_queries(unsigned minor, size_t *count_ret, size_t *layout_count_ret)
{
	struct gsd_field *layout;
	size_t count;
	check(gsd_layout_queries(minor, &layout, &count));
	*layout_count_ret = count;
	struct gsd_field *fields = realloc(layout, (count + 64) * sizeof *fields);
	const char *name;
	for (size_t i = 0; (name = gsd_moduledata_field(i)) != NULL && i < 64; i++) {
		uint64_t offset;
		if (gsd_moduledata_offset(minor, name, &offset))
			fields[count++] = (struct gsd_field){.structure = "runtime.moduledata", .name = name};
	}
	*count_ret = count;
	return fields;
}

static int compare(const struct gsd_field *types, const struct gsd_field *dwarf, size_t count, unsigned minor)
{
	int differences = 0;
	for (size_t i = 0; i < count; i++) {
		const char *name = types[i].name == NULL ? "(size)" : types[i].name;
		bool same = types[i].found && dwarf[i].found && types[i].offset == dwarf[i].offset &&
			    types[i].size == dwarf[i].size;
		uint64_t constant;
		if (same && strcmp(types[i].structure, "runtime.moduledata") == 0 &&
		    (!gsd_moduledata_offset(minor, name, &constant) || constant != types[i].offset))
			same = false;
		if (same)
			continue;
		differences++;
		printf("%s.%s: types %s %" PRIu64 " (%" PRIu64 " bytes), DWARF %s %" PRIu64 " (%" PRIu64 " bytes)\n",
		       types[i].structure, name, types[i].found ? "say" : "miss", types[i].offset, types[i].size,
		       dwarf[i].found ? "says" : "misses", dwarf[i].offset, dwarf[i].size);
	}
	return differences;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: layout_compare BINARY GO_MINOR\n");
		return 2;
	}
	unsigned minor = (unsigned)strtoul(argv[2], NULL, 10);
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	struct gsd_elf *elf;
	struct gsd_block_cache *cache;
	size_t count;
	size_t layout_count;
	check(gsd_elf_open(fd, argv[1], &elf));
	struct gsd_module module = find_module(elf, minor);
	check(gsd_block_cache_create(gsd_elf_memory(elf), (size_t)64 << 20, &cache));
	struct gsd_types types = gsd_types_of_module(cache, &module, minor);
	struct gsd_field *from_types = make_queries(minor, &count, &layout_count);
	struct gsd_field *from_dwarf = make_queries(minor, &count, &layout_count);
	bool has_debug;
	check(gsd_types_fields(&types, from_types, count));
	check(gsd_dwarf_fields(fd, argv[1], from_dwarf, count, &has_debug));
	int differences = compare(from_types, from_dwarf, count, minor);
	struct gsd_layout layout;
	check(gsd_layout_make(minor, from_types, layout_count, &layout));
	printf("%zu fields compared, %d differ\n", count, differences);
	free(from_types);
	free(from_dwarf);
	gsd_block_cache_destroy(cache);
	gsd_module_free(&module);
	gsd_elf_destroy(elf);
	close(fd);
	return differences == 0 && count > 40 ? 0 : 1;
}
