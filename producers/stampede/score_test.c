/* SPDX-License-Identifier: MIT */
/* Score: percentiles, and the line of JSON. */
#include "producers/stampede/score.h"

#include <check.h>

#include "infra/lib/check_fixture.h"

static struct score score;

static void setup(void)
{
	score = (struct score){ 0 };
}

START_TEST(a_percentile_is_what_so_many_were_within)
	{
		for (int ms = 1; ms <= 100; ms++)
			score_acked(&score, SENT_ORDER, ms * 1000);
		score_acked(&score, SENT_RESTOCK, 9000000); /* not timed */
		ck_assert_int_eq(score_percentile_ms(&score, 50), 50);
		ck_assert_int_eq(score_percentile_ms(&score, 99), 99);
		ck_assert_int_eq(score_percentile_ms(&score, 100), 100);
		ck_assert_int_eq(score.longest_us, 100000);
	}
END_TEST

START_TEST(what_took_longer_than_is_counted_is_the_last_of_the_counts)
	{
		score_acked(&score, SENT_ORDER, INT64_C(3600000000));
		ck_assert_int_eq(score_percentile_ms(&score, 50), 10000);
		ck_assert_int_eq(score.longest_us, INT64_C(3600000000));
	}
END_TEST

START_TEST(the_summary_tells_all_of_it)
	{
		struct buf line = { 0 };

		score.n_sent[SENT_ORDER] = 3;
		score.n_sent[SENT_RESTOCK] = 1;
		score.n_sent[SENT_POISON] = 1;
		score.n_v1 = 2;
		score.n_refused = 1;
		score.started_us = 1000000;
		score.ended_us = 1500000;
		score_acked(&score, SENT_ORDER, 2000);
		score_acked(&score, SENT_ORDER, 4000);
		score_acked(&score, SENT_RESTOCK, 1);
		score_summary(&score, 7, &line);
		CHECK_BYTES(line.p, line.n,
			    "{\"seed\":7,\"orders\":3,\"duplicates\":0,"
			    "\"poison\":1,\"restocks\":1,\"v1\":2,"
			    "\"acked\":3,\"unacked\":2,\"refused\":1,"
			    "\"seconds\":0.500,\"per_second\":4,"
			    "\"ack_ms\":{\"p50\":2,\"p99\":4,\"max\":4}}\n");
		buf_deinit(&line);
	}
END_TEST

START_TEST(a_run_that_sent_nothing_has_a_summary_too)
	{
		struct buf line = { 0 };

		score_summary(&score, 1, &line);
		buf_add(&line, "", 1);
		ck_assert_ptr_nonnull(strstr(line.p, "\"per_second\":0,"));
		buf_deinit(&line);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("score");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_percentile_is_what_so_many_were_within);
	tcase_add_test(
		tcase,
		what_took_longer_than_is_counted_is_the_last_of_the_counts);
	tcase_add_test(tcase, the_summary_tells_all_of_it);
	tcase_add_test(tcase, a_run_that_sent_nothing_has_a_summary_too);
	return check_run(suite);
}
