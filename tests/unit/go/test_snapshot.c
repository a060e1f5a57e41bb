/* SPDX-License-Identifier: BSD-3-Clause */
#include "go/snapshot.h"

#include "../support/bytes.h"

static void wait_reasons_have_the_words_of_their_version(void **state)
{
	(void)state;
	/* runtime/runtime2.go of 1.18, 1.20, 1.22, 1.23, 1.24, 1.25, 1.26; -1: that version has none */
	static const unsigned versions[] = {18, 20, 22, 23, 24, 25, 26};
	static const struct {
		const char *words;
		int values[7];
	} facts[] = {
		{"", {0, 0, 0, 0, 0, 0, 0}},
		{"IO wait", {2, 2, 2, 2, 2, 2, 2}},
		{"chan receive (nil chan)", {3, 3, 3, 3, 3, 3, 15}},
		{"garbage collection", {6, 6, 6, 6, 6, 6, 4}},
		{"select", {9, 9, 9, 9, 9, 9, 18}},
		{"select (no cases)", {10, 10, 10, 10, 10, 10, 17}},
		{"chan receive", {14, 14, 14, 14, 14, 14, 19}},
		{"chan send", {15, 15, 15, 15, 15, 15, 20}},
		{"finalizer wait", {16, 16, 16, 16, 16, 16, 10}},
		{"force gc (idle)", {17, 17, 17, 17, 17, 17, 11}},
		{"GOMAXPROCS updater (idle)", {-1, -1, -1, -1, -1, 18, 12}},
		{"semacquire", {18, 18, 18, 18, 18, 19, 13}},
		{"sleep", {19, 19, 19, 19, 19, 20, 14}},
		{"sync.Cond.Wait", {20, 20, 20, 20, 20, 21, 21}},
		{"timer goroutine (idle)", {21, -1, -1, -1, -1, -1, -1}},
		{"sync.Mutex.Lock", {-1, 21, 21, 21, 21, 22, 22}},
		{"sync.RWMutex.RLock", {-1, 22, 22, 22, 22, 23, 23}},
		{"sync.WaitGroup.Wait", {-1, -1, -1, -1, 24, 25, 25}},
		{"trace reader (blocked)", {22, 24, 24, 24, 25, 26, 26}},
		{"GC worker (idle)", {24, 26, 26, 26, 27, 28, 28}},
		{"preempted", {25, 28, 28, 28, 29, 30, 30}},
		{"debug call", {26, 29, 29, 29, 30, 31, 31}},
		{"stopping the world", {-1, 31, 31, 31, 32, 33, 33}},
		{"flushing proc caches", {-1, -1, 32, 32, 33, 34, 34}},
		{"coroutine", {-1, -1, 36, 36, 37, 38, 38}},
		{"GC weak to strong wait", {-1, -1, -1, 37, 38, 39, 39}},
		{"synctest.Run", {-1, -1, -1, -1, 39, 40, 40}},
		{"select (synctest)", {-1, -1, -1, -1, 43, -1, -1}},
		{"select (durable)", {-1, -1, -1, -1, -1, 44, 44}},
		{"cleanup wait", {-1, -1, -1, -1, -1, 46, 46}},
	};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(facts); i++) {
		for (size_t k = 0; k < GSD_ARRAY_SIZE(versions); k++) {
			unsigned next = k + 1 < GSD_ARRAY_SIZE(versions) ? versions[k + 1] : 29;
			for (unsigned minor = versions[k]; minor < next && facts[i].values[k] >= 0; minor++)
				assert_string_equal(gsd_wait_reason_name(minor, (unsigned)facts[i].values[k]),
						    facts[i].words);
			for (unsigned reason = 0; facts[i].values[k] < 0 && reason < 256; reason++)
				assert_string_not_equal(gsd_wait_reason_name(versions[k], reason), facts[i].words);
		}
	}
}

static void a_wait_reason_that_the_version_does_not_have_is_unknown(void **state)
{
	(void)state;
	static const struct {
		unsigned minor, first;
	} cases[] = {{18, 27}, {19, 27}, {20, 32}, {21, 32}, {22, 37},
		     {23, 38}, {24, 44}, {25, 47}, {26, 47}, {27, 47}};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		assert_string_not_equal(gsd_wait_reason_name(cases[i].minor, cases[i].first - 1),
					"unknown wait reason");
		for (unsigned reason = cases[i].first; reason < 300; reason++)
			assert_string_equal(gsd_wait_reason_name(cases[i].minor, reason), "unknown wait reason");
		assert_string_equal(gsd_wait_reason_name(cases[i].minor, UINT32_MAX), "unknown wait reason");
	}
	assert_string_equal(gsd_wait_reason_name(17, 1), "unknown wait reason");
}

static void statuses_have_the_words_of_the_runtime(void **state)
{
	(void)state;
	static const char *const words[] = {"idle", "runnable", "running",   "syscall",   "waiting", "unknown",
					    "dead", "unknown",  "copystack", "preempted", "leaked",  "deadextra"};
	for (uint32_t status = 0; status < GSD_ARRAY_SIZE(words); status++)
		assert_string_equal(gsd_status_name(status), words[status]);
	assert_string_equal(gsd_status_name(12), "unknown");
	assert_string_equal(gsd_status_name(0x1004), "unknown");
	assert_string_equal(gsd_status_name(UINT32_MAX), "unknown");
}

static void a_goroutine_that_waits_is_called_by_its_reason_and_others_by_their_status(void **state)
{
	(void)state;
	static const struct {
		uint32_t status;
		uint16_t reason;
		const char *words;
	} cases[] = {
		{GSD_STATUS_WAITING, 19, "chan receive"},
		{GSD_STATUS_LEAKED, 19, "chan receive"},
		{GSD_STATUS_WAITING, 0, "waiting"},
		{GSD_STATUS_LEAKED, 0, "leaked"},
		{GSD_STATUS_RUNNING, 19, "running"},
		{GSD_STATUS_SYSCALL, 19, "syscall"},
		{GSD_STATUS_WAITING, 200, "unknown wait reason"},
	};
	const struct gsd_snapshot snapshot = {.go_minor = 27};
	for (size_t i = 0; i < GSD_ARRAY_SIZE(cases); i++) {
		const struct gsd_goroutine goroutine = {.status = cases[i].status, .wait_reason = cases[i].reason};
		assert_string_equal(gsd_goroutine_state(&snapshot, &goroutine), cases[i].words);
	}
}

static void reasons_for_unreadable_stacks_have_names_that_do_not_change(void **state)
{
	(void)state;
	static const char *const names[] = {"",          "bounds",     "too-large", "unmapped", "running",
					    "no-thread", "unknown-pc", "broken",    "status",   "moved"};
	assert_int_equal(GSD_ARRAY_SIZE(names), GSD_UNREADABLE_COUNT);
	for (unsigned reason = 0; reason < GSD_UNREADABLE_COUNT; reason++)
		assert_string_equal(gsd_unreadable_name((enum gsd_unreadable)reason), names[reason]);
	assert_string_equal(gsd_unreadable_name((enum gsd_unreadable)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_reasons_have_the_words_of_their_version),
		cmocka_unit_test(a_wait_reason_that_the_version_does_not_have_is_unknown),
		cmocka_unit_test(statuses_have_the_words_of_the_runtime),
		cmocka_unit_test(a_goroutine_that_waits_is_called_by_its_reason_and_others_by_their_status),
		cmocka_unit_test(reasons_for_unreadable_stacks_have_names_that_do_not_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
