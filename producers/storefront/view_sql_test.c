/* SPDX-License-Identifier: MIT */
/* View sql: what the views' rows mean, on a real server as migrated. */
#include "producers/storefront/view_sql.h"

#include "infra/lib/postgres_fixture.h"

#define ID "01000000-0000-0000-0000-000000000000"

static struct pg *pg;
static struct pg_args args;
static const struct order_id id = { { 1 } };
static struct order order;

static void setup(void)
{
	pg = postgres_connect(postgres_database(), "galore");
	order_init(&order, &id);
}

static void teardown(void)
{
	pg_args_deinit(&args);
	order_deinit(&order);
	pg = pg_free(pg);
}

/* @verdict and what follows it are SQL. */
static void insert_order(const char *verdict, const char *missing,
			 const char *cancelled_at, const char *returned_at)
{
	struct buf sql = { 0 };

	buf_printf(&sql,
		   "INSERT INTO orders (order_id, number, stall, customer,"
		   " items, doneness, grill, verdict, missing, cancelled_at,"
		   " returned_at, content_hash, order_version, pick_version,"
		   " partition, \"offset\", decided_at) VALUES ('" ID "', 77,"
		   " 'main', 'gita', '[{\"ingredient\": \"cr\xc3\xa8me "
		   "\\\"x\\\"\","
		   " \"quantity\": 2147483647}]', 'well-done', true, '%s', %s,"
		   " %s, %s, 1, 2, 2, 3, 9, now())",
		   verdict, missing, cancelled_at, returned_at);
	buf_add(&sql, "", 1);
	postgres_exec(pg, sql.p);
	buf_deinit(&sql);
}

static int read_order(void)
{
	view_sql_order(pg, &args, &id);
	ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
	return view_sql_read_order(pg, 0, &order);
}

START_TEST(an_order_that_is_not_there_is_an_outcome)
	{
		ck_assert_int_eq(read_order(), VIEW_SQL_E_NONE);
	}
END_TEST

START_TEST(a_picked_order_is_read_whole)
	{
		insert_order("picked", "NULL", "NULL", "NULL");
		ck_assert_int_eq(read_order(), 0);
		ck_assert_int_eq(order.number, 77);
		ck_assert_str_eq(order.stall, "main");
		ck_assert_str_eq(order.customer, "gita");
		ck_assert_str_eq(order.items,
				 "[{\"ingredient\":\"cr\xc3\xa8me \\\"x\\\"\","
				 "\"quantity\":2147483647}]");
		ck_assert_ptr_null(order.missing);
		ck_assert_int_eq(order.doneness, DONENESS_WELL_DONE);
		ck_assert_int_eq(order_state_of(&order.facts), ORDER_QUEUED);
	}
END_TEST

START_TEST(a_refused_order_names_what_is_missing)
	{
		insert_order("refused",
			     "'[{\"ingredient\": \"ham\", \"wanted\": 2,"
			     " \"left\": 1}, {\"ingredient\": \"moon\","
			     " \"wanted\": 1, \"left\": null}]'",
			     "NULL", "NULL");
		ck_assert_int_eq(read_order(), 0);
		ck_assert_str_eq(order.missing,
				 "[{\"ingredient\":\"ham\",\"wanted\":2,"
				 "\"left\":1},{\"ingredient\":\"moon\","
				 "\"wanted\":1,\"left\":null}]");
		ck_assert_int_eq(order_state_of(&order.facts), ORDER_REFUSED);
	}
END_TEST

static const struct {
	const char *cancelled_at, *returned_at, *toastie; /* NULL: none */
	enum order_state state;
	const char *plate;
} lives[] = {
	{ "NULL", "NULL", "'collecting', NULL, NULL", ORDER_QUEUED, NULL },
	{ "NULL", "NULL", "'queued', NULL, NULL", ORDER_QUEUED, NULL },
	{ "NULL", "NULL", "'grilling', 'g1', 3", ORDER_GRILLING, "g1/3" },
	{ "NULL", "NULL", "'done', 'g1', 0", ORDER_DONE, "g1/0" },
	{ "NULL", "NULL", "'failed', 'g1', 3", ORDER_FAILED, "g1/3" },
	{ "NULL", "NULL", "'uncertain', 'g1', 3", ORDER_UNCERTAIN, "g1/3" },
	{ "NULL", "NULL", "'returned', NULL, NULL", ORDER_RETURNED, NULL },
	{ "now()", "NULL", NULL, ORDER_CANCELLED, NULL },
	{ "now()", "NULL", "'cancelled', NULL, NULL", ORDER_CANCELLED, NULL },
	{ "now()", "now()", "'cancelled', NULL, NULL", ORDER_CANCELLED, NULL },
	{ "now()", "now()", "'returned', NULL, NULL", ORDER_CANCELLED, NULL },
};

START_TEST(the_life_of_an_order_is_read_from_all_its_rows)
	{
		struct buf sql = { 0 };

		insert_order("picked", "NULL", lives[_i].cancelled_at,
			     lives[_i].returned_at);
		buf_printf(&sql,
			   "INSERT INTO toasties (order_id, stall, doneness,"
			   " seq, lines, partition, \"offset\", bucket,"
			   " changed_at, state, grill, plate) SELECT '" ID "',"
			   " 'main', 'light', 4, 1, 3, 9, 0, now(), %s %s",
			   lives[_i].toastie ? lives[_i].toastie
					     : "'queued', NULL, NULL",
			   lives[_i].toastie ? "" : "WHERE false");
		buf_add(&sql, "", 1);
		postgres_exec(pg, sql.p);
		buf_deinit(&sql);
		ck_assert_int_eq(read_order(), 0);
		ck_assert_int_eq(order_state_of(&order.facts), lives[_i].state);
		ck_assert_int_eq(order.facts.toastie_seq,
				 lives[_i].toastie ? 4 : -1);
		ck_assert_pstr_eq(order.plate, lives[_i].plate);
	}
END_TEST

START_TEST(several_questions_go_in_one_message)
	{
		struct pg_args of_stock = { 0 };
		struct buf json = { 0 };

		postgres_exec(pg, "INSERT INTO stock VALUES ('main', 'ham', 3),"
				  " ('main', 'Brie', 9000000000),"
				  " ('main', 'a \"b\"', 0), ('north', 'x', 1)");
		view_sql_order(pg, &args, &id);
		view_sql_stock(pg, &of_stock, "main");
		view_sql_check(pg);
		ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
		ck_assert_int_eq(view_sql_read_order(pg, 0, &order),
				 VIEW_SQL_E_NONE);
		view_sql_read_stock(pg, 1, &json);
		CHECK_BYTES(json.p, json.n,
			    "{\"Brie\":9000000000,\"a \\\"b\\\"\":0,"
			    "\"ham\":3}");
		buf_deinit(&json);
		pg_args_deinit(&of_stock);
	}
END_TEST

START_TEST(a_stall_nobody_knows_has_nothing)
	{
		struct buf json = { 0 };

		view_sql_stock(pg, &args, "main'; DROP TABLE stock; --");
		ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
		view_sql_read_stock(pg, 0, &json);
		CHECK_BYTES(json.p, json.n, "{}");
		buf_deinit(&json);
	}
END_TEST

START_TEST(a_view_that_cannot_be_read_is_noticed)
	{
		postgres_exec(pg, "DROP VIEW positions_view");
		view_sql_check(pg);
		ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), PG_E_SQL);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view_sql");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_that_is_not_there_is_an_outcome);
	tcase_add_test(tcase, a_picked_order_is_read_whole);
	tcase_add_test(tcase, a_refused_order_names_what_is_missing);
	tcase_add_loop_test(tcase,
			    the_life_of_an_order_is_read_from_all_its_rows, 0,
			    CHECK_N(lives));
	tcase_add_test(tcase, several_questions_go_in_one_message);
	tcase_add_test(tcase, a_stall_nobody_knows_has_nothing);
	tcase_add_test(tcase, a_view_that_cannot_be_read_is_noticed);
	return postgres_run(suite);
}
