/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/m_list.h"

#include "base/error.h"

#define MAX_MS 65536

struct gsd_error *gsd_m_list_read(struct gsd_memory *memory, const struct gsd_layout *layout,
				  const struct gsd_globals *globals, struct gsd_u64_array *ms_ret)
{
	uint64_t m = 0;
	struct gsd_error *error = gsd_memory_read_u64(memory, globals->allm, &m);
	while (m != 0 && ms_ret->count < MAX_MS && error == NULL) {
		if (!gsd_u64_array_append(ms_ret, m))
			error = gsd_error_no_memory();
		else
			error = gsd_memory_read_u64(memory, m + layout->m_alllink, &m);
	}
	if (error != NULL && gsd_error_code(error) == GSD_ERROR_READ && ms_ret->count > 0) {
		gsd_error_destroy(error);
		error = NULL;
		ms_ret->count = 0;
	}
	return error;
}
