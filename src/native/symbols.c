/* SPDX-License-Identifier: BSD-3-Clause */
#include "native/symbols.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define MAX_SYMBOLS ((size_t)1 << 24)

struct symbol {
	uint64_t start;
	uint64_t size; /* 0: not said */
	const char *name;
	uint8_t binding;
};
GSD_DEFINE_ARRAY(symbol_array, struct symbol)

struct gsd_native_symbols {
	struct symbol_array items;
};

struct gsd_native_symbols *gsd_native_symbols_create(void)
{
	return calloc(1, sizeof(struct gsd_native_symbols));
}

void gsd_native_symbols_destroy(struct gsd_native_symbols *symbols)
{
	if (symbols == NULL)
		return;
	symbol_array_free(&symbols->items);
	free(symbols);
}

static bool add_table(struct gsd_native_symbols *symbols, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	if (data == NULL || header->sh_entsize != sizeof(Elf64_Sym))
		return true;
	size_t count = data->d_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < count && symbols->items.count < MAX_SYMBOLS; i++) {
		GElf_Sym symbol;
		if (gelf_getsym(data, (int)i, &symbol) == NULL)
			break;
		int type = GELF_ST_TYPE(symbol.st_info);
		if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) || symbol.st_shndx == SHN_UNDEF ||
		    symbol.st_value == 0)
			continue;
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name == NULL || *name == '\0' || (type == STT_NOTYPE && symbol.st_shndx == SHN_ABS))
			continue;
		struct symbol item = {.start = symbol.st_value,
				      .size = symbol.st_size,
				      .name = name,
				      .binding = GELF_ST_BIND(symbol.st_info)};
		if (!symbol_array_append(&symbols->items, item))
			return false;
	}
	return true;
}

bool gsd_native_symbols_add(struct gsd_native_symbols *symbols, Elf *elf)
{
	Elf_Scn *section = NULL;
	while (elf != NULL && elf_kind(elf) == ELF_K_ELF && (section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) == NULL ||
		    (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
			continue;
		if (!add_table(symbols, elf, section, &header))
			return false;
	}
	return true;
}

static size_t underscores(const char *name)
{
	return strspn(name, "_");
}

/* By address; of one address the best name last: with a size, global before weak before local, few underscores. */
static int compare(const void *left, const void *right)
{
	const struct symbol *a = left;
	const struct symbol *b = right;
	static const uint8_t rank[16] = {[STB_LOCAL] = 0, [STB_WEAK] = 1, [STB_GLOBAL] = 2};
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if ((a->size == 0) != (b->size == 0))
		return a->size == 0 ? -1 : 1;
	if (rank[a->binding & 15] != rank[b->binding & 15])
		return (int)rank[a->binding & 15] - (int)rank[b->binding & 15];
	if (underscores(a->name) != underscores(b->name))
		return underscores(a->name) > underscores(b->name) ? -1 : 1;
	return strcmp(b->name, a->name);
}

void gsd_native_symbols_finish(struct gsd_native_symbols *symbols)
{
	if (symbols->items.count > 1)
		qsort(symbols->items.items, symbols->items.count, sizeof *symbols->items.items, compare);
}

const char *gsd_native_symbols_find(const struct gsd_native_symbols *symbols, uint64_t address)
{
	size_t low = 0;
	for (size_t high = symbols->items.count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (symbols->items.items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	const struct symbol *symbol = &symbols->items.items[low - 1];
	/* Assembly may not say how long it is: then up to the next one. */
	return symbol->size == 0 || address - symbol->start < symbol->size ? symbol->name : NULL;
}
