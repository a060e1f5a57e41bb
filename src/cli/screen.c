/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/values.h"

enum { MESSAGE_LINES = 3 }; /* left for the summary on standard error, and the prompt */

/* What the variable @p name says, else @p size. */
static unsigned screen_size(const char *name, unsigned size)
{
	const char *text = getenv(name);
	uint64_t number;
	return text != NULL && value_number(text, 1, 10000, &number) ? (unsigned)number : size;
}

void screen_of(int descriptor, unsigned *width_ret, unsigned *height_ret, bool *colour_ret)
{
	struct winsize size = {0};
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	(void)ioctl(descriptor, TIOCGWINSZ, &size);
	*width_ret = screen_size("COLUMNS", size.ws_col);
	unsigned height = screen_size("LINES", size.ws_row);
	*height_ret = height > MESSAGE_LINES ? height - MESSAGE_LINES : 0;
	*colour_ret = (no_colour == NULL || *no_colour == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0;
}
