/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/touched.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE      4096
#define HUGE_PAGE_SIZE ((size_t)2 << 20)
/* A quarter less time for 150 MB; but finding huge pages for 1.3 GB took the kernel seconds (both measured). */
#define HUGE_PAGES_LIMIT ((size_t)256 << 20)

void *gsd_allocate_touched(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count == 0 ? 1 : count, size, &bytes))
		return NULL;
	uint8_t *memory = NULL;
	bool huge = bytes >= HUGE_PAGE_SIZE && bytes <= HUGE_PAGES_LIMIT;
	if (posix_memalign((void **)&memory, huge ? HUGE_PAGE_SIZE : PAGE_SIZE, bytes) != 0)
		return NULL;
	if (huge)
		(void)madvise(memory, bytes, MADV_HUGEPAGE); /* only a wish */
	/* All pages at once where the kernel can do that. */
	if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
		return memory;
	/* volatile: the compiler would make a calloc of it, and that touches nothing */
	for (size_t i = 0; i < bytes; i += PAGE_SIZE)
		((volatile uint8_t *)memory)[i] = 0;
	((volatile uint8_t *)memory)[bytes - 1] = 0;
	return memory;
}

static bool has(const struct dl_phdr_info *object, uintptr_t address)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type == PT_LOAD && address - object->dlpi_addr - segment->p_vaddr < segment->p_memsz)
			return true;
	}
	return false;
}

/* dl_iterate_phdr: the segments that nobody writes to. They have red zones, which are read here and not used. */
__attribute__((no_sanitize("address"))) static int touch_object(struct dl_phdr_info *object, size_t size, void *context)
{
	(void)size;
	(void)context;
	if (!has(object, (uintptr_t)&gsd_touch_code) && !has(object, (uintptr_t)&memcpy))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const volatile uint8_t *bytes = (const uint8_t *)object->dlpi_addr + segment->p_vaddr;
		if (segment->p_type != PT_LOAD || (segment->p_flags & (PF_R | PF_W)) != PF_R)
			continue;
		for (size_t at = 0; at < segment->p_filesz; at += PAGE_SIZE)
			(void)bytes[at];
		if (segment->p_filesz > 0)
			(void)bytes[segment->p_filesz - 1];
	}
	return 0;
}

void gsd_touch_code(void)
{
	(void)dl_iterate_phdr(touch_object, NULL);
}
