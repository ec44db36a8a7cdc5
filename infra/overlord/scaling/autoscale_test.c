/* SPDX-License-Identifier: MIT */
/*
 * Autoscale: against a shop of which a few numbers are known: how much comes
 * in, what a worker can do, and what the database can.
 */
#include "infra/overlord/scaling/autoscale.h"

#include "infra/lib/check_fixture.h"

static const struct autoscale_rules rules = {
	.least = 1,
	.most = 12,
	.target_s = 5,
	.settle_s = 10,
	.calm_s = 30,
};

struct shop {
	int64_t of_one;   /* records a second that a worker can do */
	int64_t database; /* and all together at most */
	int64_t comes_in; /* records a second */
	int64_t n, decided, arrived, now_s;
	int64_t most_n;  /* workers there ever were */
	int64_t n_steps; /* changes of their number */
	bool busy;
	struct autoscale state;
};

static void look(struct shop *shop)
{
	struct autoscale_look seen = {
		.at_ms = ++shop->now_s * 1000,
		.wanted = shop->n,
		.busy = shop->busy,
		.lag = shop->arrived - shop->decided,
		.decided = shop->decided,
		.arrived = shop->arrived,
	};
	int64_t n;

	if (seen.lag > shop->comes_in)
		seen.waited_s = seen.lag / (shop->comes_in + 1);
	n = autoscale_judge(&shop->state, &rules, &seen);
	shop->n_steps += n != shop->n;
	shop->n = n;
	if (n > shop->most_n)
		shop->most_n = n;
}

static void pass(struct shop *shop, int64_t seconds)
{
	for (int64_t i = 0; i < seconds; i++) {
		int64_t can = shop->n * shop->of_one;

		if (can > shop->database)
			can = shop->database;
		shop->arrived += shop->comes_in;
		if (can > shop->arrived - shop->decided)
			can = shop->arrived - shop->decided;
		shop->decided += can;
		look(shop);
	}
}

START_TEST(steps_divide_the_partitions)
	{
		static const int64_t steps[] = { 1, 2, 3, 4, 6, 12 };

		for (size_t i = 0; i + 1 < CHECK_N(steps); i++) {
			ck_assert_int_eq(autoscale_step(steps[i], true),
					 steps[i + 1]);
			ck_assert_int_eq(autoscale_step(steps[i + 1], false),
					 steps[i]);
		}
		ck_assert_int_eq(autoscale_step(1, false), 1);
		ck_assert_int_eq(autoscale_step(12, true), 12);
		ck_assert_int_eq(autoscale_step(5, true), 6);
		ck_assert_int_eq(autoscale_step(5, false), 4);
	}
END_TEST

START_TEST(a_burst_adds_workers_until_it_is_done_and_then_removes_them)
	{
		struct shop shop = {
			.of_one = 100, .database = 10000, .comes_in = 50, .n = 1
		};

		pass(&shop, 60);
		ck_assert_int_eq(shop.n, 1);
		shop.comes_in = 350;
		pass(&shop, 300);
		ck_assert_int_ge(shop.n, 4);
		ck_assert_int_eq(shop.arrived - shop.decided, 0);
		shop.comes_in = 50;
		pass(&shop, 600);
		ck_assert_int_eq(shop.n, 1);
		ck_assert_int_eq(shop.arrived - shop.decided, 0);
	}
END_TEST

START_TEST(a_choked_database_does_not_drive_the_number_up)
	{
		struct shop shop = {
			.of_one = 100, .database = 90, .comes_in = 200, .n = 1
		};

		pass(&shop, 250);
		ck_assert_int_le(shop.most_n, 2);
		ck_assert_int_eq(shop.n, 1);
		ck_assert_int_eq(shop.n_steps, 2);
		/* It is tried again later, and less and less often. */
		pass(&shop, 3600);
		ck_assert_int_le(shop.most_n, 2);
		ck_assert_int_le(shop.n_steps, 10);
	}
END_TEST

START_TEST(nothing_changes_while_partitions_change_hands)
	{
		struct shop shop = { .of_one = 10,
				     .database = 10000,
				     .comes_in = 200,
				     .n = 1,
				     .busy = true };

		pass(&shop, 120);
		ck_assert_int_eq(shop.n, 1);
		shop.busy = false;
		pass(&shop, 8);
		ck_assert_int_eq(shop.n, 2);
	}
END_TEST

START_TEST(each_step_settles_before_the_next)
	{
		struct shop shop = { .of_one = 10,
				     .database = 10000,
				     .comes_in = 1000,
				     .n = 1 };
		int64_t n_steps = 0, at_s = 0;

		for (int i = 0; i < 200; i++) {
			pass(&shop, 1);
			if (shop.n_steps == n_steps)
				continue;
			ck_assert(!at_s || shop.now_s - at_s >= rules.settle_s);
			n_steps = shop.n_steps;
			at_s = shop.now_s;
		}
		ck_assert_int_eq(shop.n, 12);
	}
END_TEST

START_TEST(a_load_between_two_steps_does_not_swing)
	{
		struct shop shop = { .of_one = 100,
				     .database = 10000,
				     .comes_in = 170,
				     .n = 1 };

		pass(&shop, 300);
		shop.n_steps = 0;
		pass(&shop, 3600);
		ck_assert_int_le(shop.n_steps, 1);
		ck_assert_int_eq(shop.arrived - shop.decided, 0);
	}
END_TEST

START_TEST(a_number_out_of_the_bounds_is_brought_into_them)
	{
		static const struct autoscale_rules narrow = { .least = 2,
							       .most = 4 };
		struct autoscale state = { 0 };
		struct autoscale_look seen = { .at_ms = 1000, .wanted = 1 };

		ck_assert_int_eq(autoscale_judge(&state, &narrow, &seen), 2);
		seen.wanted = 12;
		ck_assert_int_eq(autoscale_judge(&state, &narrow, &seen), 4);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("autoscale");
	TCase *tcase = check_case(suite, 20);

	tcase_add_test(tcase, steps_divide_the_partitions);
	tcase_add_test(
		tcase,
		a_burst_adds_workers_until_it_is_done_and_then_removes_them);
	tcase_add_test(tcase, a_choked_database_does_not_drive_the_number_up);
	tcase_add_test(tcase, nothing_changes_while_partitions_change_hands);
	tcase_add_test(tcase, each_step_settles_before_the_next);
	tcase_add_test(tcase, a_load_between_two_steps_does_not_swing);
	tcase_add_test(tcase, a_number_out_of_the_bounds_is_brought_into_them);
	return check_run(suite);
}
