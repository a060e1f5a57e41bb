/* SPDX-License-Identifier: BSD-3-Clause */
/* "Did you mean": the known word that is nearest to one that is not known. */
#ifndef CLI_SUGGESTION_H
#define CLI_SUGGESTION_H

#include <stddef.h>

/** Of @p candidate and @p best the one that is nearer to @p word; for suggestions. */
struct suggestion {
	const char *word;
	const char *best;
	size_t distance;
};
void suggestion_offer(struct suggestion *suggestion, const char *candidate);

#endif
