/* SPDX-License-Identifier: MIT */
/* Steps: what comes beside the orders, and how often. */
#include "producers/stampede/steps.h"

#include <check.h>

#include "infra/lib/check_fixture.h"

static struct conf conf;

START_TEST(duplicates_and_poison_come_beside_the_orders)
	{
		struct step steps[STEPS_MAX];
		int n_duplicates = 0, n_poisons = 0;
		int n_sorts[N_POISONS] = { 0 };

		conf.duplicate_percent = 5;
		conf.poison_percent = 1;
		for (uint64_t i = 0; i < 100000; i++) {
			size_t n = steps_of(&conf, 7, i, steps);

			ck_assert_int_eq(steps[0].kind, SENT_ORDER);
			ck_assert_uint_eq(steps[0].index, i);
			for (size_t s = 1; s < n; s++) {
				n_duplicates += steps[s].kind == SENT_DUPLICATE;
				n_poisons += steps[s].kind == SENT_POISON;
				ck_assert_uint_le(steps[s].index, i);
				if (steps[s].kind == SENT_POISON)
					n_sorts[steps[s].poison]++;
			}
		}
		ck_assert_int_gt(n_duplicates, 4500);
		ck_assert_int_lt(n_duplicates, 5500);
		ck_assert_int_gt(n_poisons, 800);
		ck_assert_int_lt(n_poisons, 1200);
		for (int i = 0; i < N_POISONS; i++)
			ck_assert_int_gt(n_sorts[i], 0);
	}
END_TEST

START_TEST(a_duplicate_is_of_a_recent_order)
	{
		struct step steps[STEPS_MAX];

		conf.duplicate_percent = 100;
		for (uint64_t i = 0; i < 10000; i++) {
			ck_assert_uint_eq(steps_of(&conf, 7, i, steps), 2);
			ck_assert_int_eq(steps[1].kind, SENT_DUPLICATE);
			ck_assert_uint_lt(i - steps[1].index, 1000);
		}
	}
END_TEST

START_TEST(the_same_seed_takes_the_same_steps)
	{
		struct step one[STEPS_MAX] = { 0 }, other[STEPS_MAX] = { 0 };
		int n_differ = 0;

		conf.duplicate_percent = 50;
		conf.poison_percent = 50;
		for (uint64_t i = 0; i < 1000; i++) {
			size_t n = steps_of(&conf, 7, i, one);

			ck_assert_uint_eq(steps_of(&conf, 7, i, other), n);
			for (size_t s = 0; s < n; s++) {
				ck_assert_int_eq(one[s].kind, other[s].kind);
				ck_assert_uint_eq(one[s].index, other[s].index);
			}
			n_differ += steps_of(&conf, 8, i, other) != n;
		}
		ck_assert_int_gt(n_differ, 0);
	}
END_TEST

static void setup(void)
{
	ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
}

int main(void)
{
	Suite *suite = suite_create("steps");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, duplicates_and_poison_come_beside_the_orders);
	tcase_add_test(tcase, a_duplicate_is_of_a_recent_order);
	tcase_add_test(tcase, the_same_seed_takes_the_same_steps);
	return check_run(suite);
}
