/* SPDX-License-Identifier: BSD-3-Clause */
/* What to do about a file that cannot be opened or read. */
#ifndef GSD_BASE_READ_HINT_H
#define GSD_BASE_READ_HINT_H

/** One line of advice after opening or reading a file that the user named failed with @p errnum. Never NULL. */
const char *gsd_reading_hint(int errnum);

#endif
