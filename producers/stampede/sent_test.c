/* SPDX-License-Identifier: MIT */
/* Sent: slots, and the lines of the record. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "producers/stampede/sent.h"

static struct conf conf;
static struct orders orders;
static struct buf line;

static void setup(void)
{
	ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
	conf.items = "bread=100";
	conf.stalls = "the \"best\"";
	ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
}

static void teardown(void)
{
	orders_deinit(&orders);
	buf_deinit(&line);
}

static const struct arrival arrived = { "orders", 3, 9, 1001 };
static const struct arrival unknown = { .topic = "orders", .offset = -1 };

static const char *line_of(const struct sent *sent,
			   const struct arrival *arrival)
{
	sent_line(&orders, sent, 50, arrival, &line);
	buf_add(&line, "", 1);
	return line.p;
}

START_TEST(an_order_that_arrived_says_what_and_where)
	{
		const struct sent sent = { .kind = SENT_ORDER,
					   .index = 0,
					   .sent_ms = 1000 };
		const char *text = line_of(&sent, &arrived);

		ck_assert_ptr_nonnull(strstr(text,
					     "{\"kind\":\"order\","
					     "\"outcome\":\"ok\",\"id\":\""));
		ck_assert_ptr_nonnull(
			strstr(text, "\"stall\":\"the \\\"best\\\"\""));
		ck_assert_ptr_nonnull(strstr(text, "\"items\":{\"bread\":2}"));
		ck_assert_ptr_nonnull(strstr(text,
					     "\"version\":2,"
					     "\"topic\":\"orders\","
					     "\"partition\":3,\"offset\":9,"
					     "\"sent_ms\":1000,"
					     "\"acked_ms\":1001}\n"));
	}
END_TEST

START_TEST(what_was_never_acknowledged_is_info_without_a_place)
	{
		const struct sent sent = { .kind = SENT_DUPLICATE,
					   .sent_ms = 1000 };
		const char *text = line_of(&sent, &unknown);

		ck_assert_ptr_nonnull(strstr(text, "\"outcome\":\"info\""));
		ck_assert_ptr_null(strstr(text, "offset"));
		ck_assert_ptr_null(strstr(text, "acked_ms"));
	}
END_TEST

START_TEST(a_poison_has_its_sort_and_a_restock_its_quantity)
	{
		const struct sent poison = { .kind = SENT_POISON,
					     .poison = POISON_TRUNCATED };
		const struct sent restock = { .kind = SENT_RESTOCK,
					      .index = 1 };

		ck_assert_ptr_nonnull(strstr(line_of(&poison, &arrived),
					     "\"sort\":\"truncated\""));
		buf_reset(&line);
		ck_assert_ptr_nonnull(strstr(line_of(&restock, &arrived),
					     "\"items\":{\"cheese\":50}"));
	}
END_TEST

START_TEST(slots_run_out_and_come_back)
	{
		struct sent_slots slots;
		struct sent *first;

		sent_init(&slots, 2);
		first = sent_take(&slots);
		ck_assert_ptr_nonnull(first);
		ck_assert_ptr_nonnull(sent_take(&slots));
		ck_assert_ptr_null(sent_take(&slots));
		sent_give(&slots, first);
		ck_assert_ptr_eq(sent_take(&slots), first);
		sent_deinit(&slots);
	}
END_TEST

START_TEST(a_slot_that_comes_back_twice_aborts)
	{
		struct sent_slots slots;
		struct sent *sent;

		sent_init(&slots, 1);
		sent = sent_take(&slots);
		sent_give(&slots, sent);
		sent_give(&slots, sent);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sent");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_that_arrived_says_what_and_where);
	tcase_add_test(tcase,
		       what_was_never_acknowledged_is_info_without_a_place);
	tcase_add_test(tcase, a_poison_has_its_sort_and_a_restock_its_quantity);
	tcase_add_test(tcase, slots_run_out_and_come_back);
	tcase_add_test_raise_signal(tcase, a_slot_that_comes_back_twice_aborts,
				    SIGABRT);
	return check_run(suite);
}
