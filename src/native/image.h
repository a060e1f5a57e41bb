/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * native: C frames. Unwinding from copied registers and copied pieces of stacks (unwind.c, through libunwind), joining
 * C to Go (stack.c), naming (names.c). Pure but for one thing: files are opened by who knows the process.
 *
 * What may be here: ELF, DWARF and call frame information of mapped files; the frames of runtime/cgo's assembly.
 * What may not: a pid, options, outputs. Everything that a file says is hostile.
 *
 * This header: the files that are mapped into the target, opened when a pc in them is met.
 */
#ifndef GSD_NATIVE_IMAGE_H
#define GSD_NATIVE_IMAGE_H

#include "base/memory.h"
#include "image/elf.h"
#include "native/frame_info.h"

/** A mapping of the target; they come in order of address. */
struct gsd_native_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	const char *path;
	bool executable;
	bool readable;
};

/** How the bytes of mapped files are had. */
struct gsd_native_files {
	/** A descriptor of the file behind mapping number @p mapping, for the caller to close. */
	struct gsd_error *(*open)(void *context, size_t mapping, int *fd_ret);
	void *context;
	struct gsd_memory *memory; /**< the target's, for what is no file ([vdso]) or cannot be opened */
};

struct gsd_native_names;

/** A mapped file that has code. Addresses are the target's unless they are called linked. */
struct gsd_native_image {
	const struct gsd_native_mapping *mapping; /**< of its code */
	bool tried;
	int fd;
	struct gsd_elf *elf; /**< NULL: its bytes cannot be had */
	uint64_t bias;       /**< address − linked address */
	uint64_t frame_table;
	uint64_t frame_table_size;      /**< 0: there is none */
	struct gsd_frame_table section; /**< without it: .eh_frame; size 0: no call frame information */
	struct gsd_frame_list frames;   /**< of that */
	struct gsd_native_page *pages;  /**< read last, by page number */
	struct gsd_native_names *names; /**< made when first needed */
	bool names_tried;
};

struct gsd_native_images;
/** Borrows @p mappings and what @p files names. */
GSD_MUST_CHECK struct gsd_error *gsd_native_images_create(const struct gsd_native_mapping *mappings, size_t count,
							  const struct gsd_native_files *files,
							  struct gsd_native_images **images_ret);
void gsd_native_images_destroy(struct gsd_native_images *images);
/** The image with @p pc in its code; NULL: no executable mapping holds it. Its elf may be NULL. */
struct gsd_native_image *gsd_native_images_find(struct gsd_native_images *images, uint64_t pc);
/** Reads bytes of the image's segments; false when they are not there. */
bool gsd_native_image_read(struct gsd_native_image *image, uint64_t address, void *buffer, size_t length);

#endif
