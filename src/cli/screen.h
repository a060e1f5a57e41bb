/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GSD_CLI_SCREEN_H
#define GSD_CLI_SCREEN_H

#include <stdbool.h>

/**
 * How large the terminal @p descriptor is (0: not known), in lines those that a report may take, and whether it is to
 * be coloured.
 */
void screen_of(int descriptor, unsigned *width_ret, unsigned *height_ret, bool *colour_ret);

#endif
