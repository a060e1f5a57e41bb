/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/debug_string.h"

#include <gelf.h>

struct gsd_bytes gsd_debug_info_bytes(Elf *elf)
{
	size_t strings;
	if (elf_getshdrstrndx(elf, &strings) != 0)
		return (struct gsd_bytes){0};
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section != NULL; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		const char *name =
			gelf_getshdr(section, &header) == NULL ? NULL : elf_strptr(elf, strings, header.sh_name);
		if (name == NULL || (strcmp(name, ".debug_info") != 0 && strcmp(name, ".zdebug_info") != 0))
			continue;
		const Elf_Data *data = elf_rawdata(section, NULL);
		if (data != NULL && data->d_buf != NULL)
			return (struct gsd_bytes){.data = data->d_buf, .length = data->d_size};
	}
	return (struct gsd_bytes){0};
}

const char *gsd_debug_string(struct gsd_bytes info, const char *string)
{
	uintptr_t offset = (uintptr_t)string - (uintptr_t)info.data;
	if (string == NULL || offset > info.length)
		return string;
	return memchr(string, 0, info.length - offset) == NULL ? NULL : string;
}
