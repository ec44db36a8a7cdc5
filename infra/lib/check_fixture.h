/* SPDX-License-Identifier: MIT */
/*
 * Check fixture: what unit tests have in common. For *_test.c only.
 *
 * A test waits for an event: CHECK_WITHIN() does something again and again
 * until a condition holds, and fails when the deadline comes first.
 */
#ifndef LIB_CHECK_FIXTURE_H
#define LIB_CHECK_FIXTURE_H

#include <check.h>

#include "infra/lib/clock.h"

#define CHECK_N(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define CHECK_WITHIN(ms, condition, action)                                    \
	do {                                                                   \
		int64_t until_ms_ = clock_now_ms() + (ms);                     \
		while (!(condition)) {                                         \
			ck_assert_msg(clock_left_ms(until_ms_) > 0,            \
				      "'%s' did not come true", #condition);   \
			action;                                                \
		}                                                              \
	} while (0)

/* Two texts of a known length. */
#define CHECK_BYTES(p, n, expected)                                            \
	ck_assert_msg((n) == strlen(expected) && !memcmp(p, expected, n),      \
		      "'%.*s' is not '%s'", (int)(n), (const char *)(p),       \
		      expected)

/* What main() returns. */
static inline int check_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? 0 : 1;
}

/* A suite of one case, whose tests may take @timeout_s each. */
static inline TCase *check_case(Suite *suite, double timeout_s)
{
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, timeout_s);
	suite_add_tcase(suite, tcase);
	return tcase;
}

/* The tests of a case as a table: a test runs @n times, with _i from 0 on. */
struct check_row {
	const TTest *test;
	int n;
};

/* @rows end with { 0 }. */
static inline void check_add(TCase *tcase, const struct check_row *rows)
{
	for (; rows->test; rows++)
		tcase_add_loop_test(tcase, rows->test, 0, rows->n);
}

#endif
