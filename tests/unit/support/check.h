/* SPDX-License-Identifier: BSD-3-Clause */
/* What every unit test of base, image and go includes: cmocka, and assertions about errors. */
#ifndef GSD_TEST_CHECK_H
#define GSD_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Fails with the error's own words when there is one. */
static inline void assert_success(struct gsd_error *error)
{
	if (error == NULL)
		return;
	print_error("%s\n", gsd_error_message(error));
	gsd_error_destroy(error);
	fail_msg("an error where none was expected");
}

/* Fails unless @p error has this code and its message contains @p words; frees it. */
static inline void assert_failure(struct gsd_error *error, enum gsd_error_code code, const char *words)
{
	assert_non_null(error);
	bool right = gsd_error_code(error) == code && strstr(gsd_error_message(error), words) != NULL;
	if (!right)
		print_error("code %d: %s\n", (int)gsd_error_code(error), gsd_error_message(error));
	gsd_error_destroy(error);
	if (!right)
		fail_msg("expected code %d and \"%s\"", (int)code, words);
}

static inline void assert_u64(uint64_t actual, uint64_t expected)
{
	if (actual != expected)
		fail_msg("0x%llx is not 0x%llx", (unsigned long long)actual, (unsigned long long)expected);
}

#endif
