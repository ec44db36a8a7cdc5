/* SPDX-License-Identifier: MIT */
/* Orders: the same from the same seed, as the settings say, and right. */
#include "infra/lib/check_fixture.h"
#include "producers/stampede/orders.h"

static struct conf conf;
static struct orders orders;

static void setup(void)
{
	ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
	conf.v1_percent = 30;
	conf.stalls = "north,south";
	ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
}

static void teardown(void)
{
	orders_deinit(&orders);
}

static bool same_id(const struct made_order *a, const struct made_order *b)
{
	return !order_id_compare(&a->order.order_id, &b->order.order_id);
}

START_TEST(an_order_follows_from_seed_and_index_alone)
	{
		struct made_order first, again, other;

		orders_make(&orders, 41, &other);
		orders_make(&orders, 42, &first);
		orders_make(&orders, 42, &again);
		ck_assert(same_id(&first, &again));
		ck_assert_uint_eq(order_placed_hash(&first.order),
				  order_placed_hash(&again.order));
		ck_assert(!same_id(&first, &other));
		orders.seed = 8;
		orders_make(&orders, 42, &other);
		ck_assert(!same_id(&first, &other));
	}
END_TEST

START_TEST(ids_rise_with_the_index_and_none_comes_twice)
	{
		struct made_order before, now;

		orders_make(&orders, 0, &before);
		for (uint64_t i = 1; i < 5000; i++) {
			orders_make(&orders, i, &now);
			ck_assert_int_lt(
				order_id_compare(&before.order.order_id,
						 &now.order.order_id),
				0);
			before = now;
		}
	}
END_TEST

static void assert_between(int min, int n, int max)
{
	ck_assert_msg(min < n && n < max, "%d < %d < %d", min, n, max);
}

START_TEST(shares_are_near_what_the_settings_say)
	{
		int n_v1 = 0, n_cheese = 0, n_north = 0;
		struct made_order made;

		for (uint64_t i = 0; i < 10000; i++) {
			orders_make(&orders, i, &made);
			n_v1 += made.order.version == 1;
			n_north += text_equal(made.order.stall, TEXT("north"));
			ck_assert(text_equal(made.items[0].ingredient,
					     TEXT("bread")));
			for (size_t n = 0; n < made.order.n_items; n++)
				n_cheese += text_equal(made.items[n].ingredient,
						       TEXT("cheese"));
		}
		assert_between(2800, n_v1, 3200);
		assert_between(6800, n_cheese, 7200);
		assert_between(4800, n_north, 5200);
	}
END_TEST

static const struct {
	const char *stalls, *items, *grill;
	int outcome;
} settings[] = {
	{ "1", "bread=100", "true", 0 },
	{ "3", "bread=0,egg=5", "false", 0 },
	{ "north,south", "bread=100", "true", 0 },
	{ "north,", "bread=100", "true", ORDERS_E_SETTING },
	{ ",", "bread=100", "true", ORDERS_E_SETTING },
	{ "1", "bread", "true", ORDERS_E_SETTING },
	{ "1", "bread=101", "true", ORDERS_E_SETTING },
	{ "1", "chips=1", "true", ORDERS_E_SETTING },
	{ "1", "bread=1,", "true", ORDERS_E_SETTING },
	{ "1", "bread=1", "yes", ORDERS_E_SETTING },
};

START_TEST(settings_that_make_no_sense_are_refused)
	{
		struct orders made;

		conf.stalls = settings[_i].stalls;
		conf.items = settings[_i].items;
		conf.grill = settings[_i].grill;
		ck_assert_int_eq(orders_init(&made, &conf, 1),
				 settings[_i].outcome);
		orders_deinit(&made);
	}
END_TEST

START_TEST(an_order_that_draws_nothing_still_has_bread)
	{
		struct made_order made;

		orders_deinit(&orders);
		conf.items = "bread=0";
		ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
		orders_make(&orders, 1, &made);
		ck_assert_uint_eq(made.order.n_items, 1);
		ck_assert(text_equal(made.items[0].ingredient, TEXT("bread")));
	}
END_TEST

/* ---- what is sent beside them ---- */

START_TEST(duplicates_and_poison_come_beside_the_orders)
	{
		struct step steps[STEPS_MAX];
		int n_duplicates = 0, n_poisons = 0;
		int n_sorts[N_POISONS] = { 0 };

		conf.duplicate_percent = 5;
		conf.poison_percent = 1;
		for (uint64_t i = 0; i < 100000; i++) {
			size_t n = orders_steps(&conf, 7, i, steps);

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
		assert_between(4500, n_duplicates, 5500);
		assert_between(800, n_poisons, 1200);
		for (int i = 0; i < N_POISONS; i++)
			ck_assert_int_gt(n_sorts[i], 0);
	}
END_TEST

START_TEST(a_duplicate_is_of_a_recent_order)
	{
		struct step steps[STEPS_MAX];

		conf.duplicate_percent = 100;
		for (uint64_t i = 0; i < 10000; i++) {
			ck_assert_uint_eq(orders_steps(&conf, 7, i, steps), 2);
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
			size_t n = orders_steps(&conf, 7, i, one);

			ck_assert_uint_eq(orders_steps(&conf, 7, i, other), n);
			for (size_t s = 0; s < n; s++) {
				ck_assert_int_eq(one[s].kind, other[s].kind);
				ck_assert_uint_eq(one[s].index, other[s].index);
			}
			n_differ += orders_steps(&conf, 8, i, other) != n;
		}
		ck_assert_int_gt(n_differ, 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("orders");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_follows_from_seed_and_index_alone);
	tcase_add_test(tcase, ids_rise_with_the_index_and_none_comes_twice);
	tcase_add_test(tcase, shares_are_near_what_the_settings_say);
	tcase_add_loop_test(tcase, settings_that_make_no_sense_are_refused, 0,
			    CHECK_N(settings));
	tcase_add_test(tcase, an_order_that_draws_nothing_still_has_bread);
	tcase_add_test(tcase, duplicates_and_poison_come_beside_the_orders);
	tcase_add_test(tcase, a_duplicate_is_of_a_recent_order);
	tcase_add_test(tcase, the_same_seed_takes_the_same_steps);
	return check_run(suite);
}
