/* SPDX-License-Identifier: MIT */
/* What a plate does and what it refuses. */
#include <check.h>
#include <string.h>

#include "infra/grillsim/plate.h"

static struct plate plate; /* too large for a stack frame */

static const struct job no_job = { { 0 } };

static bool has_no_job(void)
{
	return !memcmp(&plate.job, &no_job, sizeof(no_job));
}

static struct job job_of(uint32_t n)
{
	struct job job = { .bytes = { 1 } };

	memcpy(job.bytes + 4, &n, sizeof(n));
	return job;
}

static int start(uint32_t token, uint32_t job, int64_t now_ms)
{
	struct job id = job_of(job);

	return plate_start(&plate, token, &id, 1000, now_ms);
}

static void fresh(void)
{
	plate_init(&plate, 7);
}

START_TEST(a_start_heats_until_its_time_has_passed)
	{
		ck_assert_int_eq(start(1, 1, 5000), 0);
		ck_assert_int_eq(plate.state, PLATE_HEATING);
		ck_assert_int_eq(plate_left_ms(&plate, 5400), 600);
		ck_assert(!plate_step(&plate, 5999));
		ck_assert(plate_step(&plate, 6000));
		ck_assert_int_eq(plate.state, PLATE_DONE);
		ck_assert(!plate_step(&plate, 7000));
		ck_assert_int_eq(plate_left_ms(&plate, 7000), INT64_MAX);
	}
END_TEST

START_TEST(a_clock_that_wraps_round_does_not_lengthen_a_toasting)
	{
		ck_assert_int_eq(start(1, 1, INT64_MAX - 400), 0);
		ck_assert(!plate_step(&plate, INT64_MAX));
		ck_assert(!plate_step(&plate, INT64_MIN + 598));
		ck_assert_int_eq(plate_left_ms(&plate, INT64_MIN + 598), 1);
		ck_assert(plate_step(&plate, INT64_MIN + 599));
	}
END_TEST

START_TEST(a_token_lower_than_one_seen_is_refused_and_changes_nothing)
	{
		ck_assert_int_eq(plate_fence(&plate, 10), 0);
		ck_assert_int_eq(start(9, 1, 0), PLATE_E_TOKEN);
		ck_assert_int_eq(plate_fence(&plate, 9), PLATE_E_TOKEN);
		ck_assert_int_eq(plate.state, PLATE_IDLE);
		ck_assert_uint_eq(plate.token, 10);
		ck_assert(has_no_job());
		ck_assert_int_eq(start(10, 1, 0), 0);
	}
END_TEST

START_TEST(a_start_raises_the_token_as_a_fence_does)
	{
		ck_assert_int_eq(start(5, 1, 0), 0);
		ck_assert_int_eq(plate_fence(&plate, 4), PLATE_E_TOKEN);
		ck_assert_int_eq(plate_fence(&plate, 5), 0);
		ck_assert_int_eq(plate_fence(&plate, UINT32_MAX), 0);
		ck_assert_uint_eq(plate.token, UINT32_MAX);
	}
END_TEST

START_TEST(a_fence_raises_the_token_and_touches_nothing_else)
	{
		struct job job = job_of(1);

		ck_assert_int_eq(start(5, 1, 300), 0);
		ck_assert_int_eq(plate_fence(&plate, 6), 0);
		ck_assert_uint_eq(plate.token, 6);
		ck_assert_int_eq(plate.state, PLATE_HEATING);
		ck_assert_uint_eq(plate.boot, 7);
		ck_assert_int_eq(memcmp(&plate.job, &job, sizeof(job)), 0);
		ck_assert_int_eq(plate_left_ms(&plate, 500), 800);
	}
END_TEST

START_TEST(a_job_that_it_has_run_is_refused_whatever_its_token)
	{
		ck_assert_int_eq(start(1, 1, 0), 0);
		ck_assert_int_eq(start(1, 1, 0), PLATE_E_RAN);
		(void)plate_step(&plate, 1000);
		ck_assert_int_eq(start(2, 2, 1000), 0);
		(void)plate_step(&plate, 2000);
		ck_assert_int_eq(start(3, 1, 2000), PLATE_E_RAN);
		ck_assert_uint_eq(plate.token, 2);
		ck_assert_int_eq(plate.state, PLATE_DONE);
	}
END_TEST

START_TEST(a_plate_that_heats_starts_no_other_job)
	{
		ck_assert_int_eq(start(1, 1, 0), 0);
		ck_assert_int_eq(start(2, 2, 10), PLATE_E_BUSY);
		ck_assert_uint_eq(plate.token, 1);
	}
END_TEST

START_TEST(a_broken_plate_starts_no_job_and_can_be_fenced)
	{
		plate.broken = true;
		ck_assert_int_eq(start(1, 1, 0), PLATE_E_BROKEN);
		ck_assert_int_eq(plate_fence(&plate, 2), 0);
		ck_assert_int_eq(plate.state, PLATE_IDLE);
	}
END_TEST

START_TEST(the_history_holds_the_newest_jobs)
	{
		for (uint32_t i = 1; i <= HISTORY_MAX + 1; i++) {
			ck_assert_int_eq(start(i, i, 0), 0);
			(void)plate_step(&plate, 1000);
		}
		ck_assert_int_eq(start(HISTORY_MAX + 1, 2, 0), PLATE_E_RAN);
		ck_assert_int_eq(start(HISTORY_MAX + 1, HISTORY_MAX + 1, 0),
				 PLATE_E_RAN);
	}
END_TEST

START_TEST(a_loss_of_power_stops_a_job_and_keeps_the_history)
	{
		ck_assert(!plate_stop(&plate));
		ck_assert_int_eq(start(3, 1, 0), 0);
		ck_assert(plate_stop(&plate));
		ck_assert_int_eq(plate.state, PLATE_IDLE);
		ck_assert(!has_no_job());
		ck_assert_uint_eq(plate.boot, 7);
		ck_assert_int_eq(start(2, 2, 0), PLATE_E_TOKEN);
		ck_assert_int_eq(start(4, 1, 0), PLATE_E_RAN);
		ck_assert(!plate_step(&plate, 9000));
	}
END_TEST

START_TEST(a_reset_forgets_and_is_another_boot)
	{
		ck_assert_int_eq(start(3, 1, 0), 0);
		ck_assert(plate_reset(&plate));
		ck_assert_uint_eq(plate.boot, 8);
		ck_assert_uint_eq(plate.token, 0);
		ck_assert(has_no_job());
		ck_assert(plate.fences);
		ck_assert_int_eq(start(1, 1, 0), 0);
	}
END_TEST

START_TEST(a_plate_that_cannot_fence_starts_whatever_it_is_sent)
	{
		plate.fences = false;
		ck_assert_int_eq(start(9, 1, 0), 0);
		(void)plate_step(&plate, 1000);
		ck_assert_int_eq(plate_fence(&plate, 5), 0);
		ck_assert_int_eq(start(1, 1, 1000), 0);
		ck_assert_uint_eq(plate.token, 0);
	}
END_TEST

START_TEST(what_it_ran_before_this_program_is_refused)
	{
		struct job job = job_of(1);

		plate_replay_start(&plate, &job);
		ck_assert(plate_stop(&plate));
		ck_assert_int_eq(plate_fence(&plate, 6), 0);
		ck_assert_int_eq(start(5, 2, 0), PLATE_E_TOKEN);
		ck_assert_int_eq(start(7, 1, 0), PLATE_E_RAN);
		ck_assert_int_eq(memcmp(&plate.job, &job, sizeof(job)), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plate");
	TCase *rules = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(rules, fresh, NULL);
	tcase_add_test(rules, a_start_heats_until_its_time_has_passed);
	tcase_add_test(rules,
		       a_clock_that_wraps_round_does_not_lengthen_a_toasting);
	tcase_add_test(
		rules,
		a_token_lower_than_one_seen_is_refused_and_changes_nothing);
	tcase_add_test(rules, a_start_raises_the_token_as_a_fence_does);
	tcase_add_test(rules,
		       a_fence_raises_the_token_and_touches_nothing_else);
	tcase_add_test(rules,
		       a_job_that_it_has_run_is_refused_whatever_its_token);
	tcase_add_test(rules, a_plate_that_heats_starts_no_other_job);
	tcase_add_test(rules, a_broken_plate_starts_no_job_and_can_be_fenced);
	tcase_add_test(rules, the_history_holds_the_newest_jobs);
	tcase_add_test(rules,
		       a_loss_of_power_stops_a_job_and_keeps_the_history);
	tcase_add_test(rules, a_reset_forgets_and_is_another_boot);
	tcase_add_test(rules,
		       a_plate_that_cannot_fence_starts_whatever_it_is_sent);
	tcase_add_test(rules, what_it_ran_before_this_program_is_refused);
	suite_add_tcase(suite, rules);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
