/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is registers, a stack, and a made-up ELF file's call frame information with code before it: frames are
 * walked through it, by libunwind where the record is one that it may see.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_memory.h"
#include "native/unwind.h"

#define BASE        UINT64_C(0x400000)
#define TABLE       0x200 /* of .eh_frame_hdr in the file; code is from 0x100 on */
#define STACK       UINT64_C(0x7f0000000000)
#define STACK_BYTES 256
#define MAX_STEPS   32

static struct gsd_error *open_image(void *context, size_t mapping, int *fd_ret)
{
	(void)mapping;
	*fd_ret = dup(*(const int *)context);
	return NULL;
}

/* A file with one segment, which is all of it, and the table in it. */
static int make_file(const uint8_t *data, size_t size, size_t *length_ret)
{
	uint8_t head[TABLE] = {0};
	size_t length = TABLE + size;
	Elf64_Ehdr header = {.e_type = ET_DYN,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_phoff = sizeof header,
			     .e_ehsize = sizeof header,
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 2};
	const Elf64_Phdr segments[2] = {
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = length, .p_memsz = length},
		{.p_type = PT_GNU_EH_FRAME, .p_vaddr = TABLE, .p_offset = TABLE, .p_filesz = size, .p_memsz = size}};
	memcpy(header.e_ident, ELFMAG "\2\1\1", 7);
	memcpy(head, &header, sizeof header);
	memcpy(head + sizeof header, segments, sizeof segments);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd >= 0 &&
	    (write(fd, head, sizeof head) != (ssize_t)sizeof head || write(fd, data, size) != (ssize_t)size)) {
		close(fd);
		fd = -1;
	}
	*length_ret = length;
	return fd;
}

static void walk(struct gsd_native_unwinder *unwinder, const uint8_t *data)
{
	struct gsd_native_state state = {.exact = (data[0] & 1) != 0};
	for (size_t i = 0; i < GSD_NATIVE_REGISTERS; i++)
		state.registers[i] = STACK + 8 * (data[i] % 32U);
	state.registers[GSD_NATIVE_PC] = BASE + 0x100 + data[1] % 256U;
	for (int i = 0; i < MAX_STEPS && gsd_native_step(unwinder, &state) == GSD_NATIVE_STEPPED; i++)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length;
	if (size < 32 + STACK_BYTES)
		return 0;
	int fd = make_file(data + 32 + STACK_BYTES, size - 32 - STACK_BYTES, &length);
	if (fd < 0)
		return 0;
	const struct gsd_native_mapping mapping = {.start = BASE,
						   .end = BASE + ((length + 4095) & ~(size_t)4095),
						   .path = "/made-up",
						   .executable = true,
						   .readable = true};
	const struct gsd_native_files files = {.open = open_image, .context = &fd};
	struct gsd_stack_piece piece = {.address = STACK, .length = STACK_BYTES};
	const struct gsd_native_plan stacks = {
		.pieces = &piece, .piece_count = 1, .bytes = (uint8_t *)(uintptr_t)(data + 32)};
	struct gsd_native_images *images = NULL;
	struct gsd_native_unwinder *unwinder = NULL;
	struct gsd_error *error = gsd_native_images_create(&mapping, 1, &files, &images);
	if (error == NULL)
		error = gsd_native_unwinder_create(images, &stacks, &unwinder);
	if (error == NULL)
		walk(unwinder, data);
	gsd_error_destroy(error);
	gsd_native_unwinder_destroy(unwinder);
	gsd_native_images_destroy(images);
	close(fd);
	return 0;
}
