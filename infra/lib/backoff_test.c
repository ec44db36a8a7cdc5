/* SPDX-License-Identifier: MIT */
/* Backoff: how long to wait, and what is news. */
#include "infra/lib/backoff.h"

#include <stdlib.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

START_TEST(it_is_over_when_its_pause_has_passed_or_it_is_tried_at_once)
	{
		struct backoff backoff = { 0 };

		ck_assert(backoff_over(&backoff, 0));
		(void)backoff_begin(&backoff, "away", 1000);
		ck_assert(!backoff_over(&backoff, 1000));
		ck_assert(!backoff_over(&backoff, backoff.until_ms - 1));
		ck_assert(backoff_over(&backoff, backoff.until_ms));
		backoff_retry(&backoff);
		ck_assert(backoff_over(&backoff, 1000) && backoff.on);
		backoff_end(&backoff);
		ck_assert(backoff_over(&backoff, 0) && !backoff.on);
	}
END_TEST

START_TEST(pauses_grow_to_their_bound_and_no_further)
	{
		struct backoff backoff = { 0 };
		unsigned int seed = (unsigned int)_i;

		for (int64_t i = 0; i < 40; i++) {
			int64_t most_ms =
				i < 6 ? BACKOFF_FIRST_MS << i : BACKOFF_MAX_MS;
			int64_t pause_ms;

			if (most_ms > BACKOFF_MAX_MS)
				most_ms = BACKOFF_MAX_MS;
			(void)backoff_begin_with(&backoff, "away", 5000 * i,
						 (uint32_t)rand_r(&seed));
			pause_ms = backoff.until_ms - 5000 * i;
			ck_assert_int_ge(pause_ms, most_ms / 2);
			ck_assert_int_le(pause_ms, most_ms);
		}
	}
END_TEST

START_TEST(two_workers_do_not_try_at_the_same_moment)
	{
		struct backoff a = { 0 }, b = { 0 };

		for (int i = 0; i < 5; i++) {
			(void)backoff_begin_with(&a, "away", 0, 1);
			(void)backoff_begin_with(&b, "away", 0, 400);
		}
		ck_assert_int_ne(a.until_ms, b.until_ms);
	}
END_TEST

START_TEST(only_a_beginning_and_another_reason_are_news)
	{
		struct backoff backoff = { 0 };

		ck_assert(backoff_begin_with(&backoff, "the database is away",
					     0, 0));
		ck_assert(!backoff_begin_with(&backoff, "the database is away",
					      1, 0));
		ck_assert(
			backoff_begin_with(&backoff, "the disk is full", 2, 0));
		ck_assert(!backoff_begin_with(&backoff, "the disk is full", 3,
					      0));
		ck_assert_int_eq(backoff.since_ms, 0);
		backoff_end(&backoff);
		ck_assert(
			backoff_begin_with(&backoff, "the disk is full", 4, 0));
		ck_assert_int_eq(backoff.since_ms, 4);
	}
END_TEST

START_TEST(a_long_reason_is_cut)
	{
		struct backoff backoff = { 0 };
		char reason[1000];

		memset(reason, 'x', sizeof(reason) - 1);
		reason[sizeof(reason) - 1] = '\0';
		(void)backoff_begin_with(&backoff, reason, 0, 0);
		ck_assert_uint_eq(strlen(backoff.reason),
				  BACKOFF_REASON_BYTES - 1);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("backoff");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, it_is_over_when_its_pause_has_passed_or_it_is_tried_at_once);
	tcase_add_loop_test(tcase, pauses_grow_to_their_bound_and_no_further, 0, 10);
	tcase_add_test(tcase, two_workers_do_not_try_at_the_same_moment);
	tcase_add_test(tcase, only_a_beginning_and_another_reason_are_news);
	tcase_add_test(tcase, a_long_reason_is_cut);
	return check_run(suite);
}
