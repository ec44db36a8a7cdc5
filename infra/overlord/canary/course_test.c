/* SPDX-License-Identifier: MIT */
/* Course: canaries from their first look to their end. */
#include "infra/overlord/canary/course.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

#define WINDOW_MS 10000

static struct course course;
static struct course_look look;

static void begin(void)
{
	course = (struct course){ .percents = { 5, 50 },
				  .n_steps = 2,
				  .window_ms = WINDOW_MS };
	look = (struct course_look){ .at_ms = 5000 };
}

/* A second with so many orders of the candidate, of which so many are
 * refused; the other has 100, one of them refused. */
static enum course_verdict second(int64_t n, int64_t n_refused)
{
	enum course_verdict verdict = course_turn(&course, &look);

	look.at_ms += 1000;
	look.n_orders += n;
	look.candidate.shares[OUTCOME_REFUSED].of += n;
	look.candidate.shares[OUTCOME_REFUSED].bad += n_refused;
	look.other.shares[OUTCOME_REFUSED].of += 100;
	look.other.shares[OUTCOME_REFUSED].bad += 1;
	return verdict;
}

/* Gives the seconds until it is no COURSE_WAIT. */
static int until(enum course_verdict verdict, int64_t n, int64_t n_refused)
{
	enum course_verdict now;
	int seconds = 0;

	do
		now = second(n, n_refused);
	while (now == COURSE_WAIT && ++seconds < 1000);
	ck_assert_msg(now == verdict, "%d: %s", now, course.why);
	return seconds;
}

START_TEST(a_good_candidate_goes_on_step_by_step_and_is_promoted)
	{
		ck_assert_int_eq(until(COURSE_ON, 20, 0), 10);
		ck_assert_uint_eq(course.step, 1);
		ck_assert_int_eq(until(COURSE_END, 200, 2), 9);
	}
END_TEST

START_TEST(every_tenth_order_refused_goes_back_within_the_window)
	{
		ck_assert_int_lt(until(COURSE_BACK, 20, 2), 10);
		ck_assert_ptr_nonnull(strstr(course.why, "refused orders"));
	}
END_TEST

START_TEST(what_turns_bad_at_a_later_step_goes_back_too)
	{
		(void)until(COURSE_ON, 20, 0);
		(void)until(COURSE_BACK, 200, 20);
	}
END_TEST

START_TEST(few_orders_are_waited_for_and_none_is_not_promoted)
	{
		ck_assert_int_eq(until(COURSE_ON, 2, 0), 25);
		ck_assert_int_eq(until(COURSE_BACK, 0, 0), 99);
		ck_assert_ptr_nonnull(strstr(course.why, "too few"));
	}
END_TEST

START_TEST(a_candidate_that_stands_still_goes_back_at_once)
	{
		(void)second(20, 0);
		look.trouble = "it stands still";
		ck_assert_int_eq(second(0, 0), COURSE_BACK);
		ck_assert_str_eq(course.why, "it stands still");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("course");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, begin, NULL);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ a_good_candidate_goes_on_step_by_step_and_is_promoted, 1 },
		{ every_tenth_order_refused_goes_back_within_the_window, 1 },
		{ what_turns_bad_at_a_later_step_goes_back_too, 1 },
		{ few_orders_are_waited_for_and_none_is_not_promoted, 1 },
		{ a_candidate_that_stands_still_goes_back_at_once, 1 },
		{ 0 },
	});
	/* clang-format on */
	return check_run(suite);
}
