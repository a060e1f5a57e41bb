/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/utf8.h"

/* RFC 3629, section 4: the lead byte gives the length, the payload's size tells overlong forms. */
size_t gsd_utf8_decode(const void *bytes, size_t length, uint32_t *character_ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *next = bytes;
	if (length == 0)
		return 0;
	size_t size = next[0] < 0x80 ? 1 : next[0] < 0xc0 ? 0 : next[0] < 0xe0 ? 2 : next[0] < 0xf0 ? 3 : 4;
	if (size == 0 || size > length || next[0] > 0xf4)
		return 0;
	uint32_t character = size == 1 ? next[0] : next[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((next[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (next[i] & 0x3f);
	}
	if (character < smallest[size] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*character_ret = character;
	return size;
}

bool gsd_utf8_valid(const void *bytes, size_t length)
{
	const uint8_t *next = bytes;
	while (length > 0) {
		uint32_t character;
		size_t size = gsd_utf8_decode(next, length, &character);
		if (size == 0)
			return false;
		next += size;
		length -= size;
	}
	return true;
}

struct character_range {
	uint32_t first;
	uint32_t last;
};

static bool in_ranges(uint32_t character, const struct character_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	}
	return false;
}

/* wcwidth() depends on the locale of the process, which a library leaves alone. The large blocks are enough. */
unsigned gsd_utf8_columns(uint32_t character)
{
	static const struct character_range none[] = {
		{0x300, 0x36f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};
	static const struct character_range wide[] = {
		{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
		{0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
	};
	if (character < 0x300)
		return 1;
	if (in_ranges(character, none, GSD_ARRAY_SIZE(none)))
		return 0;
	return in_ranges(character, wide, GSD_ARRAY_SIZE(wide)) ? 2 : 1;
}
