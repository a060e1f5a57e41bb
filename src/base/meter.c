/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/meter.h"

#define STEP 256 /* items, which take some milliseconds at most */

void gsd_meter_begin(struct gsd_meter *meter, enum gsd_phase phase, uint64_t total)
{
	if (meter == NULL)
		return;
	meter->progress = (struct gsd_progress){.phase = phase, .total = total};
	gsd_meter_tell(meter, 0);
}

void gsd_meter_tell(struct gsd_meter *meter, uint64_t done)
{
	if (meter->tell == NULL) {
		meter->next = UINT64_MAX;
		return;
	}
	meter->next = done + STEP;
	meter->progress.done = done;
	meter->tell(meter->context, &meter->progress);
}
