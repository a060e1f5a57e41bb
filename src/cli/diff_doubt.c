/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a comparison may mislead, in words. */
#include <stdio.h>

#include "cli/diff.h"

bool diff_doubt(const struct series *series, size_t number, char **text_ret)
{
	static const struct {
		enum diff_doubt bit;
		const char *text;
	} doubts[] = {
		{DIFF_OTHER_PROGRAM, "they are of different programs"},
		{DIFF_OTHER_BUILD, "the program was built anew between them: functions may have moved to other lines"},
		{DIFF_OTHER_GO, "they have different Go versions"},
		{DIFF_OTHER_PID, "they are of different processes, whose goroutines are not matched"},
		{DIFF_BACKWARDS, "the second was taken before the first"},
	};
	const struct snapshot *old = &series->first, *new = &series->last;
	if (number == sizeof doubts / sizeof doubts[0])
		return false;
	*text_ret = NULL;
	if ((series->diff.doubts & doubts[number].bit) == 0)
		return true;
	int length = -1;
	if (doubts[number].bit == DIFF_OTHER_PROGRAM)
		length = asprintf(text_ret, "%s: %s and %s", doubts[number].text, old->exe, new->exe);
	else if (doubts[number].bit == DIFF_OTHER_GO)
		length = asprintf(text_ret, "%s: %s and %s", doubts[number].text, old->go_version, new->go_version);
	else if (doubts[number].bit == DIFF_OTHER_PID)
		length = asprintf(text_ret, "%s: %llu and %llu", doubts[number].text, (unsigned long long)old->pid,
				  (unsigned long long)new->pid);
	else
		length = asprintf(text_ret, "%s", doubts[number].text);
	if (length < 0)
		*text_ret = NULL;
	return true;
}
