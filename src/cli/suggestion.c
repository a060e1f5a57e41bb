/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/suggestion.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Levenshtein's distance over two rows; words longer than the rows are far from everything. */
static size_t distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	size_t row[LONGEST + 1], width = strlen(b), height = strlen(a);
	if (width > LONGEST || height > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; i <= height; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t above = row[j];
			row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[width];
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
	size_t length = strlen(suggestion->word);
	size_t found = distance(suggestion->word, candidate);
	bool beginning = length >= 2 && strncmp(suggestion->word, candidate, length) == 0;
	if (beginning)
		found = 0;
	if (found <= (length < 5 ? 1U : 2U) && (suggestion->best == NULL || found < suggestion->distance)) {
		suggestion->best = candidate;
		suggestion->distance = found;
	}
}
