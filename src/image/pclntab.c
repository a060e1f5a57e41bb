/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/pclntab.h"

#define FUNCTION_ENTRY_SIZE 8 /* functab: u32 entry offset, u32 record offset */
#define AMD64_QUANTUM       1
#define POINTER_SIZE        8
#define NO_FUNCDATA         UINT32_MAX
#define NO_FILE             UINT32_MAX

bool gsd_pclntab_parse_header(struct gsd_bytes bytes, struct gsd_pclntab_header *header_ret)
{
	struct gsd_cursor cursor = gsd_cursor_at(bytes, 0);
	struct gsd_pclntab_header header = {.magic = gsd_cursor_u32(&cursor)};
	if (header.magic != GSD_PCLNTAB_MAGIC_118 && header.magic != GSD_PCLNTAB_MAGIC_120)
		return false;
	if (gsd_cursor_u16(&cursor) != 0)
		return false;
	header.instruction_quantum = gsd_cursor_u8(&cursor);
	if (header.instruction_quantum != AMD64_QUANTUM || gsd_cursor_u8(&cursor) != POINTER_SIZE)
		return false;
	header.function_count = gsd_cursor_u64(&cursor);
	gsd_cursor_u64(&cursor); /* number of files */
	header.text_start = gsd_cursor_u64(&cursor);
	header.names = gsd_cursor_u64(&cursor);
	header.units = gsd_cursor_u64(&cursor);
	header.files = gsd_cursor_u64(&cursor);
	header.values = gsd_cursor_u64(&cursor);
	header.functions = gsd_cursor_u64(&cursor);
	if (cursor.failed || header.function_count == 0 || header.function_count > UINT32_MAX / FUNCTION_ENTRY_SIZE)
		return false;
	*header_ret = header;
	return true;
}

static size_t record_head_size(const struct gsd_pclntab *table)
{
	return table->header.magic == GSD_PCLNTAB_MAGIC_118 ? 40 : 44;
}

static uint32_t functab_word(const struct gsd_pclntab *table, uint64_t index, unsigned word)
{
	struct gsd_cursor cursor =
		gsd_cursor_at(table->bytes, table->header.functions + index * FUNCTION_ENTRY_SIZE + 4 * word);
	return gsd_cursor_u32(&cursor);
}

bool gsd_pclntab_function(const struct gsd_pclntab *table, uint64_t index, struct gsd_function *function_ret)
{
	if (index >= table->header.function_count)
		return false;
	uint64_t position = table->header.functions + functab_word(table, index, 1);
	struct gsd_cursor cursor = gsd_cursor_at(table->bytes, position);
	struct gsd_function function = {.index = index, .entry = gsd_cursor_u32(&cursor)};
	function.end = functab_word(table, index + 1, 0);
	function.name = (int32_t)gsd_cursor_u32(&cursor);
	gsd_cursor_u32(&cursor); /* bytes of arguments */
	function.deferreturn = gsd_cursor_u32(&cursor);
	function.stack_depths = gsd_cursor_u32(&cursor);
	function.file_numbers = gsd_cursor_u32(&cursor);
	function.line_numbers = gsd_cursor_u32(&cursor);
	function.pcdata_count = gsd_cursor_u32(&cursor);
	function.unit = gsd_cursor_u32(&cursor);
	if (table->header.magic != GSD_PCLNTAB_MAGIC_118)
		function.start_line = (int32_t)gsd_cursor_u32(&cursor);
	function.id = gsd_cursor_u8(&cursor);
	function.flags = gsd_cursor_u8(&cursor);
	gsd_cursor_u8(&cursor);
	function.funcdata_count = gsd_cursor_u8(&cursor);
	function.pcdata_position = (size_t)position + record_head_size(table);
	if (cursor.failed || function.end < function.entry)
		return false;
	*function_ret = function;
	return true;
}

bool gsd_pclntab_find(const struct gsd_pclntab *table, uint64_t offset, struct gsd_function *function_ret)
{
	uint64_t low = 0;
	uint64_t high = table->header.function_count;
	if (offset < functab_word(table, 0, 0) || offset >= functab_word(table, high, 0))
		return false;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (functab_word(table, middle, 0) <= offset)
			low = middle;
		else
			high = middle;
	}
	return gsd_pclntab_function(table, low, function_ret);
}

/* Zigzag: the low bit is the sign. */
static uint32_t unzigzag(uint32_t value)
{
	return (value & 1) != 0 ? ~(value >> 1) : value >> 1;
}

int32_t gsd_pclntab_value(const struct gsd_pclntab *table, const struct gsd_function *function, uint32_t values,
			  uint64_t offset)
{
	if (values == 0)
		return -1;
	struct gsd_cursor cursor = gsd_cursor_at(table->bytes, table->header.values + values);
	uint64_t position = function->entry;
	uint32_t value = UINT32_MAX;
	for (bool first = true;; first = false) {
		uint32_t delta = (uint32_t)gsd_cursor_uvarint(&cursor);
		if ((delta == 0 && !first) || cursor.failed)
			return -1;
		value += unzigzag(delta);
		position += gsd_cursor_uvarint(&cursor) * table->header.instruction_quantum;
		if (cursor.failed || position > UINT32_MAX)
			return -1;
		if (offset < position)
			return (int32_t)value;
	}
}

int32_t gsd_pclntab_pcdata(const struct gsd_pclntab *table, const struct gsd_function *function, unsigned number,
			   uint64_t offset)
{
	if (number >= function->pcdata_count)
		return -1;
	struct gsd_cursor cursor = gsd_cursor_at(table->bytes, function->pcdata_position + 4 * number);
	uint32_t values = gsd_cursor_u32(&cursor);
	return cursor.failed ? -1 : gsd_pclntab_value(table, function, values, offset);
}

bool gsd_pclntab_funcdata(const struct gsd_pclntab *table, const struct gsd_function *function, unsigned number,
			  uint32_t *offset_ret)
{
	if (number >= function->funcdata_count)
		return false;
	uint64_t position = function->pcdata_position + 4 * (uint64_t)function->pcdata_count + 4 * number;
	struct gsd_cursor cursor = gsd_cursor_at(table->bytes, position);
	uint32_t offset = gsd_cursor_u32(&cursor);
	if (cursor.failed || offset == NO_FUNCDATA)
		return false;
	*offset_ret = offset;
	return true;
}

/* The NUL-terminated string at position, when it ends inside the table. */
static const char *string_at(const struct gsd_pclntab *table, uint64_t position)
{
	if (position >= table->bytes.length)
		return NULL;
	const uint8_t *start = table->bytes.data + position;
	return memchr(start, 0, table->bytes.length - (size_t)position) == NULL ? NULL : (const char *)start;
}

const char *gsd_pclntab_name(const struct gsd_pclntab *table, int32_t name)
{
	return name < 0 ? NULL : string_at(table, table->header.names + (uint64_t)name);
}

bool gsd_pclntab_is_name(const struct gsd_pclntab *table, int32_t name)
{
	if (gsd_pclntab_name(table, name) == NULL)
		return false;
	uint64_t position = table->header.names + (uint64_t)name; /* inside the table */
	return name == 0 || position == 0 || table->bytes.data[position - 1] == 0;
}

const char *gsd_pclntab_file(const struct gsd_pclntab *table, const struct gsd_function *function, uint64_t offset)
{
	int32_t number = gsd_pclntab_value(table, function, function->file_numbers, offset);
	if (number < 0)
		return NULL;
	struct gsd_cursor cursor =
		gsd_cursor_at(table->bytes, table->header.units + 4 * ((uint64_t)function->unit + (uint64_t)number));
	uint32_t file = gsd_cursor_u32(&cursor);
	return cursor.failed || file == NO_FILE ? NULL : string_at(table, table->header.files + file);
}

/* The offset of a name in the table of names, which is sorted by nothing: found by its bytes. */
static bool find_name_offset(const struct gsd_pclntab *table, const char *name, int32_t *offset_ret)
{
	uint64_t start = table->header.names;
	uint64_t end = table->header.units;
	if (start >= end || end > table->bytes.length || end - start > INT32_MAX)
		return false;
	const uint8_t *names = table->bytes.data + start;
	size_t length = (size_t)(end - start);
	size_t wanted = strlen(name) + 1;
	for (size_t position = 0; position < length;) {
		const uint8_t *hit = memmem(names + position, length - position, name, wanted);
		if (hit == NULL)
			return false;
		position = (size_t)(hit - names);
		if (position == 0 || names[position - 1] == 0) {
			*offset_ret = (int32_t)position;
			return true;
		}
		position++;
	}
	return false;
}

bool gsd_pclntab_find_name(const struct gsd_pclntab *table, const char *name, struct gsd_function *function_ret)
{
	int32_t offset;
	if (!find_name_offset(table, name, &offset))
		return false;
	for (uint64_t index = 0; index < table->header.function_count; index++) {
		struct gsd_function function;
		if (gsd_pclntab_function(table, index, &function) && function.name == offset) {
			*function_ret = function;
			return true;
		}
	}
	return false;
}

size_t gsd_inlined_call_size(const struct gsd_pclntab *table)
{
	return table->header.magic == GSD_PCLNTAB_MAGIC_118 ? 20 : 16;
}

struct gsd_inlined_call gsd_inlined_call_parse(const struct gsd_pclntab *table, const uint8_t *bytes)
{
	struct gsd_bytes record = {.data = bytes, .length = gsd_inlined_call_size(table)};
	struct gsd_inlined_call call = {0};
	bool old = table->header.magic == GSD_PCLNTAB_MAGIC_118;
	struct gsd_cursor cursor = gsd_cursor_at(record, old ? 2 : 0);
	call.id = gsd_cursor_u8(&cursor);
	cursor = gsd_cursor_at(record, old ? 12 : 4);
	call.name = (int32_t)gsd_cursor_u32(&cursor);
	call.parent_pc = (int32_t)gsd_cursor_u32(&cursor);
	if (!old)
		call.start_line = (int32_t)gsd_cursor_u32(&cursor);
	return call;
}
