/* SPDX-License-Identifier: BSD-3-Clause */
/* How far long work has come, told to whoever asked for it. A meter that is NULL, or tells nobody, costs a comparison.
 */
#ifndef GSD_BASE_METER_H
#define GSD_BASE_METER_H

#include "base/base.h"

struct gsd_meter {
	gsd_progress_function *tell; /**< NULL: nobody wants to know */
	void *context;
	struct gsd_progress progress;
	uint64_t next; /* what done has to come to until it is told again */
};

/** Begins a phase of @p total items (0: not known how many) and tells so. */
void gsd_meter_begin(struct gsd_meter *meter, enum gsd_phase phase, uint64_t total);
/** Tells that @p done of them are done; what gsd_meter_count() does now and then. */
void gsd_meter_tell(struct gsd_meter *meter, uint64_t done);
/** Notes that @p done of them are done. */
static inline void gsd_meter_count(struct gsd_meter *meter, uint64_t done)
{
	if (meter != NULL && done >= meter->next)
		gsd_meter_tell(meter, done);
}

#endif
