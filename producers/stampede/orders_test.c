/* SPDX-License-Identifier: MIT */
/* Orders: the same from the same seed, as the settings say, and right. */
#include <check.h>
#include <string.h>

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

START_TEST(an_order_follows_from_seed_and_index_alone)
	{
		struct made_order first, again, other;

		orders_make(&orders, 41, &other);
		orders_make(&orders, 42, &first);
		orders_make(&orders, 42, &again);
		ck_assert_str_eq(first.id, again.id);
		ck_assert_uint_eq(order_placed_hash(&first.order),
				  order_placed_hash(&again.order));
		ck_assert_str_ne(first.id, other.id);
		orders.seed = 8;
		orders_make(&orders, 42, &other);
		ck_assert_str_ne(first.id, other.id);
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
		ck_assert_int_gt(n_v1, 2800);
		ck_assert_int_lt(n_v1, 3200);
		ck_assert_int_gt(n_cheese, 6800);
		ck_assert_int_lt(n_cheese, 7200);
		ck_assert_int_gt(n_north, 4800);
		ck_assert_int_lt(n_north, 5200);
	}
END_TEST

START_TEST(every_order_can_be_read_as_what_it_is)
	{
		struct item items[ORDER_ITEMS_MAX];
		struct order_placed read;
		struct schema_fault fault;
		struct made_order made;

		for (uint64_t i = 0; i < 1000; i++) {
			uint8_t bytes[4096];
			struct msgpack_writer writer =
				MSGPACK_WRITER_INIT(bytes);
			struct envelope envelope;

			orders_make(&orders, i, &made);
			ck_assert_int_eq(order_placed_encode(&made.order,
							     made.order.version,
							     &writer),
					 0);
			envelope_init(&envelope);
			envelope.type = EVENT_ORDER_PLACED;
			envelope.version = made.order.version;
			envelope.stall = made.order.stall;
			envelope.customer = made.order.customer;
			ck_assert_msg(!order_placed_decode(&read, items,
							   &envelope, writer.p,
							   writer.n, &fault),
				      "%s", fault.what);
			ck_assert_uint_eq(order_placed_hash(&made.order),
					  order_placed_hash(&read));
		}
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

int main(void)
{
	Suite *suite = suite_create("orders");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_follows_from_seed_and_index_alone);
	tcase_add_test(tcase, ids_rise_with_the_index_and_none_comes_twice);
	tcase_add_test(tcase, shares_are_near_what_the_settings_say);
	tcase_add_test(tcase, every_order_can_be_read_as_what_it_is);
	tcase_add_loop_test(tcase, settings_that_make_no_sense_are_refused, 0,
			    CHECK_N(settings));
	tcase_add_test(tcase, an_order_that_draws_nothing_still_has_bread);
	return check_run(suite);
}
