/* SPDX-License-Identifier: MIT */
/*
 * What the database refuses for its content is refused for ever: that record
 * alone steps aside, with the database's word for it. All others of its batch
 * are decided, and nothing holds.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/checker.h"
#include "itests/harness/hostile.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "itests/harness/watch.h"

#define N_ORDERS 40

START_TEST(a_restock_of_the_longest_names_is_counted_like_any_other)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(watch_freep) struct watch *watch = NULL;
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		watch = watch_new(chillybin);
		orders_stock_up(world, bus);
		/* It comes twice, and is one event. */
		hostile_restock(bus, 1);
		hostile_restock(bus, 1);
		orders_send(bus, 0, N_ORDERS, -1);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		world_settle(world, PATIENCE_MS);
		watch_expect_ready(watch);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT sum(quantity)::int8 FROM "
					"stock WHERE length(ingredient) = "
					"255"),
				 1);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_picked,
				 N_ORDERS);
	}
END_TEST

/* Rows of @table for which @when is true raise that error of the database. */
static void refuse_rows(struct world *world, const char *table,
			const char *when, const char *sqlstate)
{
	(void)db_query(world->db,
		       "CREATE FUNCTION refuse_%s_%s() RETURNS trigger "
		       "LANGUAGE plpgsql AS $$ BEGIN IF %s THEN RAISE "
		       "EXCEPTION 'not that one' USING ERRCODE = '%s'; END IF; "
		       "RETURN NEW; END $$",
		       table, sqlstate, when, sqlstate);
	(void)db_query(world->db,
		       "CREATE TRIGGER refuse_%s BEFORE INSERT ON %s "
		       "FOR EACH ROW EXECUTE FUNCTION refuse_%s_%s()",
		       sqlstate, table, table, sqlstate);
}

static void refuse_order(struct world *world, uint32_t n, const char *sqlstate)
{
	const struct order_id id = order_id_of(n);
	char text[ORDER_ID_CHARS + 1], when[128];

	(void)order_id_format(&id, text);
	(void)snprintf(when, sizeof(when), "NEW.order_id = '%s'", text);
	refuse_rows(world, "orders", when, sqlstate);
}

static void expect_dead_by(struct world *world, const char *topic,
			   const char *sqlstate)
{
	ck_assert_msg(db_i64(world->db,
			     "SELECT count(*) FROM dead_letters WHERE topic = "
			     "'%s' AND detail LIKE '%%%s%%'",
			     topic, sqlstate) == 1,
		      "no dead letter of '%s' names SQLSTATE %s", topic,
		      sqlstate);
}

START_TEST(a_record_that_the_database_refuses_steps_aside_alone)
	{
		static const char *const states[] = { "22023", "23514",
						      "54000" };
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(watch_freep) struct watch *watch = NULL;
		struct program *chillybin;

		for (uint32_t i = 0; i < 3; i++)
			refuse_order(world, 10 * i + 5, states[i]);
		refuse_rows(world, "stock_changes", "NEW.ingredient = 'sand'",
			    "22001");
		chillybin = world_start(world, "chillybin-1", NULL);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		orders_stock_up(world, bus);
		/* All of it waits when it comes back: one batch. */
		(void)program_stop(chillybin);
		orders_restock(bus, "sand", 1, "sand-1");
		orders_restock(bus, "ham", 5, "ham-1");
		orders_send(bus, 0, N_ORDERS, -1);
		program_start(chillybin);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		watch = watch_new(chillybin);
		orders_wait_decided(world, N_ORDERS - 3, PATIENCE_MS);
		world_settle(world, PATIENCE_MS);
		watch_expect_ready(watch);
		ck_assert_int_eq(program_said(chillybin, "id=BACKOFF"), 0);
		for (int i = 0; i < 3; i++)
			expect_dead_by(world, "orders", states[i]);
		expect_dead_by(world, "restocks", "22001");
		ck_assert_int_eq(
			db_i64(world->db, "SELECT count(*) FROM dead_letters"),
			4);
		ck_assert_int_eq(bus_count(world, "orders.dlq"), 3);
		ck_assert_int_eq(bus_count(world, "restocks.dlq"), 1);
		/* What was refused took nothing from the shelf. */
		ck_assert_int_eq(db_i64(world->db,
					"SELECT 1000000 - quantity FROM stock "
					"WHERE ingredient = 'cheese'"),
				 N_ORDERS - 3);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT quantity FROM stock WHERE "
					"ingredient = 'ham'"),
				 5);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_restock_of_the_longest_names_is_counted_like_any_other,
		a_record_that_the_database_refuses_steps_aside_alone,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
