/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "native/names.h"

#define PAGE_SIZE      UINT64_C(4096)
#define CACHED_PAGES   64
#define COPY_MAX_BYTES ((uint64_t)64 << 20) /* of an image that is had from memory only */
#define COPY_STEP      ((size_t)64 << 10)

/* A page of a segment, cut to what the segment has of it. */
struct gsd_native_page {
	uint64_t start; /* linked */
	size_t length;  /* 0: nothing is here yet */
	uint8_t bytes[4096];
};

struct gsd_native_images {
	const struct gsd_native_mapping *mappings;
	size_t mapping_count;
	struct gsd_native_files files;
	struct gsd_native_image *items; /* per executable mapping, in order of address */
	size_t count;
};

struct gsd_error *gsd_native_images_create(const struct gsd_native_mapping *mappings, size_t count,
					   const struct gsd_native_files *files, struct gsd_native_images **images_ret)
{
	struct gsd_native_images *images = calloc(1, sizeof *images);
	struct gsd_native_image *items = calloc(count + 1, sizeof *items);
	if (images == NULL || items == NULL) {
		free(images);
		free(items);
		return gsd_error_no_memory();
	}
	*images = (struct gsd_native_images){
		.mappings = mappings, .mapping_count = count, .files = *files, .items = items};
	for (size_t i = 0; i < count; i++)
		if (mappings[i].executable)
			items[images->count++] = (struct gsd_native_image){.mapping = &mappings[i], .fd = -1};
	*images_ret = images;
	return NULL;
}

static void image_close(struct gsd_native_image *image)
{
	free(image->pages);
	gsd_frame_list_free(&image->frames);
	gsd_elf_destroy(image->elf);
	if (image->fd >= 0)
		close(image->fd);
	image->pages = NULL;
	image->elf = NULL;
	image->fd = -1;
}

void gsd_native_images_destroy(struct gsd_native_images *images)
{
	if (images == NULL)
		return;
	for (size_t i = 0; i < images->count; i++) {
		gsd_native_names_destroy(images->items[i].names);
		image_close(&images->items[i]);
	}
	free(images->items);
	free(images);
}

/* ---- an image that is no file: its mappings are copied into one, each at its offset ---- */

static bool copy_mapping(struct gsd_memory *memory, const struct gsd_native_mapping *mapping, uint64_t offset, int fd)
{
	uint8_t *bytes = malloc(COPY_STEP);
	bool copied = bytes != NULL;
	for (uint64_t at = mapping->start; copied && at < mapping->end; at += COPY_STEP) {
		size_t length = mapping->end - at < COPY_STEP ? (size_t)(mapping->end - at) : COPY_STEP;
		struct gsd_range range = {.address = at, .length = length, .buffer = bytes};
		gsd_memory_read_ranges(memory, &range, 1);
		copied = range.errnum == 0 &&
			 pwrite(fd, bytes, length, (off_t)(offset + (at - mapping->start))) == (ssize_t)length;
	}
	free(bytes);
	return copied;
}

static int copy_to_file(const struct gsd_native_images *images, const struct gsd_native_mapping *code)
{
	int fd = memfd_create("gostackdump-image", MFD_CLOEXEC);
	bool copied = false;
	for (size_t i = 0; fd >= 0 && i < images->mapping_count; i++) {
		const struct gsd_native_mapping *mapping = &images->mappings[i];
		bool same = mapping == code || (code->path[0] == '/' && strcmp(mapping->path, code->path) == 0);
		uint64_t offset = code->path[0] == '/' ? mapping->offset : 0;
		if (!same || !mapping->readable || mapping->end - mapping->start > COPY_MAX_BYTES ||
		    offset > COPY_MAX_BYTES)
			continue;
		copied |= copy_mapping(images->files.memory, mapping, offset, fd);
	}
	if (fd >= 0 && !copied) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- opening ---- */

/* What is added to linked addresses: from the segment that the mapping of the code is of. */
static bool find_bias(struct gsd_native_image *image)
{
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(image->elf, &count);
	uint64_t offset = image->mapping->path[0] == '/' ? image->mapping->offset : 0;
	for (size_t i = 0; i < count; i++) {
		const struct gsd_elf_segment *segment = &segments[i];
		uint64_t begin = segment->file_offset & ~(PAGE_SIZE - 1);
		if (!segment->executable || offset < begin || offset >= segment->file_offset + segment->file_size)
			continue;
		image->bias = image->mapping->start - (segment->address - segment->file_offset + offset);
		return true;
	}
	return false;
}

static bool open_elf(struct gsd_native_image *image)
{
	struct gsd_error *error = gsd_elf_open(image->fd, image->mapping->path, &image->elf);
	if (error == NULL && !find_bias(image)) {
		gsd_elf_destroy(image->elf);
		image->elf = NULL;
	}
	if (error == NULL && image->elf != NULL)
		image->pages = calloc(CACHED_PAGES, sizeof *image->pages);
	bool opened = error == NULL && image->pages != NULL;
	gsd_error_destroy(error);
	return opened;
}

static bool section_reader(void *context, uint64_t address, void *buffer, size_t length)
{
	return gsd_native_image_read(context, address, buffer, length);
}

/* Without memory the records that were found will do. */
static void list_frames(struct gsd_native_image *image)
{
	uint64_t address;
	uint64_t size;
	if (!gsd_elf_section(image->elf, ".eh_frame", &address, &size))
		return;
	image->section = (struct gsd_frame_table){
		.address = address + image->bias, .size = size, .read = section_reader, .context = image};
	if (!gsd_frame_list_fill(&image->section, &image->frames))
		image->section.size = 0;
}

static void image_open(struct gsd_native_images *images, struct gsd_native_image *image)
{
	image->tried = true;
	size_t number = (size_t)(image->mapping - images->mappings);
	if (image->mapping->path[0] == '/') {
		struct gsd_error *error = images->files.open(images->files.context, number, &image->fd);
		if (error != NULL) {
			gsd_error_destroy(error);
			image->fd = -1;
		}
	} else if (image->mapping->path[0] == '\0') {
		return; /* code made at run time */
	}
	if (image->fd < 0)
		image->fd = copy_to_file(images, image->mapping);
	uint64_t table;
	if (image->fd < 0 || !open_elf(image)) {
		image_close(image);
		return;
	}
	if (gsd_elf_frame_table(image->elf, &table, &image->frame_table_size))
		image->frame_table = table + image->bias;
	else
		list_frames(image);
}

struct gsd_native_image *gsd_native_images_find(struct gsd_native_images *images, uint64_t pc)
{
	size_t low = 0;
	for (size_t high = images->count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (images->items[middle].mapping->end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == images->count || pc < images->items[low].mapping->start)
		return NULL;
	struct gsd_native_image *image = &images->items[low];
	if (!image->tried)
		image_open(images, image);
	return image;
}

/* The page that holds @p linked; NULL when no segment does. */
static const struct gsd_native_page *page_of(struct gsd_native_image *image, uint64_t linked)
{
	struct gsd_native_page *page = &image->pages[linked / PAGE_SIZE % CACHED_PAGES];
	if (linked - page->start < page->length)
		return page;
	size_t count;
	const struct gsd_elf_segment *segments = gsd_elf_segments(image->elf, &count);
	for (size_t i = 0; i < count; i++) {
		if (linked - segments[i].address >= segments[i].memory_size)
			continue;
		uint64_t start = linked & ~(PAGE_SIZE - 1);
		uint64_t end = start + PAGE_SIZE;
		if (start < segments[i].address)
			start = segments[i].address;
		if (end - segments[i].address > segments[i].memory_size)
			end = segments[i].address + segments[i].memory_size;
		struct gsd_range range = {.address = start, .length = (size_t)(end - start), .buffer = page->bytes};
		gsd_memory_read_ranges(gsd_elf_memory(image->elf), &range, 1);
		page->start = start;
		page->length = range.errnum == 0 ? range.length : 0;
		return linked - page->start < page->length ? page : NULL;
	}
	return NULL;
}

bool gsd_native_image_read(struct gsd_native_image *image, uint64_t address, void *buffer, size_t length)
{
	uint8_t *to = buffer;
	uint64_t linked = address - image->bias;
	if (image->pages == NULL)
		return false;
	while (length > 0) {
		const struct gsd_native_page *page = page_of(image, linked);
		if (page == NULL)
			return false;
		size_t skip = (size_t)(linked - page->start);
		size_t part = page->length - skip < length ? page->length - skip : length;
		memcpy(to, page->bytes + skip, part);
		to += part;
		linked += part;
		length -= part;
	}
	return true;
}
