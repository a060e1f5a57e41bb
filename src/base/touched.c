/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/touched.h"

#include <stdlib.h>
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
