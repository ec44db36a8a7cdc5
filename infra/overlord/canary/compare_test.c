/* SPDX-License-Identifier: MIT */
/* Compare: known values of Fisher's test, and what is called worse. */
#include "infra/overlord/canary/compare.h"

#include <math.h>

#include "infra/lib/check_fixture.h"

/* By exact arithmetic on whole numbers: sum of C(K, k) C(N - K, n - k) / C(N,
 * n). The first one is Fisher's own tea. */
static const struct {
	struct share candidate, other;
	double p;
} known[] = {
	{ { 3, 4 }, { 1, 4 }, 0.2428571 },
	{ { 4, 4 }, { 0, 4 }, 0.01428571 },
	{ { 0, 50 }, { 3, 50 }, 1 },
	{ { 5, 50 }, { 0, 950 }, 2.568103e-07 },
	{ { 1, 1 }, { 0, 0 }, 1 },
};

START_TEST(the_test_gives_the_known_values)
	{
		double p = compare_fisher(known[_i].candidate, known[_i].other);

		ck_assert_msg(fabs(p - known[_i].p) < known[_i].p * 1e-5,
			      "%.8g, not %.8g", p, known[_i].p);
	}
END_TEST

START_TEST(large_numbers_are_done_in_no_time)
	{
		double p = compare_fisher((struct share){ 100100, 1000000 },
					  (struct share){ 1900000, 19000000 });

		ck_assert(p > 0.2 && p < 0.5);
	}
END_TEST

static const struct {
	const char *what;
	struct share candidate, other;
	bool worse;
} rows[] = {
	{ "every tenth refused, of 60", { 6, 60 }, { 5, 1000 }, true },
	{ "two of three, by bad luck", { 2, 3 }, { 400, 1000 }, false },
	{ "one of 40", { 1, 40 }, { 0, 1000 }, false },
	{ "certain, and of no weight",
	  { 5500, 100000 },
	  { 50000, 1000000 },
	  false },
	{ "better", { 0, 500 }, { 50, 1000 }, false },
	{ "all of them", { 20, 20 }, { 0, 400 }, true },
};

START_TEST(worse_is_what_chance_does_not_explain_and_what_matters)
	{
		struct outcomes candidate = { 0 }, other = { 0 };
		int worse;

		candidate.shares[OUTCOME_REFUSED] = rows[_i].candidate;
		other.shares[OUTCOME_REFUSED] = rows[_i].other;
		worse = compare_worse(&candidate, &other, 1);
		ck_assert_msg(worse == (rows[_i].worse ? OUTCOME_REFUSED : -1),
			      "%s: %d", rows[_i].what, worse);
	}
END_TEST

/* xorshift64*, so that each run draws the same. */
static bool drawn(uint64_t *state, uint64_t of_1000)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545F4914F6CDD1DULL >> 33) % 1000 < of_1000;
}

/* 400 canaries of 60 looks each, of equals: 5 % bad in both colours. */
START_TEST(who_looks_often_seldom_calls_an_equal_worse)
	{
		uint64_t random = 88172645463325252;
		int n_wrong = 0;

		for (int i = 0; i < 400; i++) {
			struct outcomes candidate = { 0 }, other = { 0 };
			struct share *mine = &candidate.shares[OUTCOME_DEAD];
			struct share *its = &other.shares[OUTCOME_DEAD];
			bool wrong = false;

			for (int k = 1; k <= 60 && !wrong; k++) {
				for (int o = 0; o < 10; o++, mine->of++)
					mine->bad += drawn(&random, 50);
				for (int o = 0; o < 100; o++, its->of++)
					its->bad += drawn(&random, 50);
				wrong = compare_worse(&candidate, &other, k) >=
					0;
			}
			n_wrong += wrong;
		}
		ck_assert_int_le(n_wrong, 4);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare");
	TCase *tcase = check_case(suite, 60);

	tcase_add_loop_test(tcase, the_test_gives_the_known_values, 0,
			    CHECK_N(known));
	tcase_add_test(tcase, large_numbers_are_done_in_no_time);
	tcase_add_loop_test(
		tcase, worse_is_what_chance_does_not_explain_and_what_matters,
		0, CHECK_N(rows));
	tcase_add_test(tcase, who_looks_often_seldom_calls_an_equal_worse);
	return check_run(suite);
}
