/* SPDX-License-Identifier: MIT */
/*
 * What the database refuses for its content is refused for ever: that record
 * alone steps aside, with the database's reason. All others of its batch are
 * decided, and no partition pauses.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/monitor.h"
#include "itests/harness/suite.h"

#define N_ORDERS 40
#define STOCK 1000

/* Which rows the database refuses, and how. */
static const struct {
	const char *table, *when, *sqlstate, *topic;
} refusals[] = {
	{ "orders", "NEW.order_id = '018f3a1e-7c2b-7abc-8def-000000000005'",
	  "22023", "orders" },
	{ "orders", "NEW.order_id = '018f3a1e-7c2b-7abc-8def-00000000000f'",
	  "23514", "orders" },
	{ "orders", "NEW.order_id = '018f3a1e-7c2b-7abc-8def-000000000019'",
	  "54000", "orders" },
	{ "stock_changes", "NEW.ingredient = 'sand'", "22001", "restocks" },
};

WORLD_TEST(a_record_that_the_database_refuses_steps_aside_alone)
{
	CLEANUP(monitor_freep) struct monitor *monitor = NULL;
	struct bus *bus = world_bus(world);
	struct program *chillybin;

	for (int i = 0; i < N_ROWS(refusals); i++)
		gate_refuse(world, refusals[i].table, refusals[i].when,
			    refusals[i].sqlstate);
	chillybin = world_start_ready(world, "chillybin-1");
	stock_up(world, STOCK);
	/* All of it waits when it comes back: one batch. */
	(void)program_stop(chillybin);
	send_restock(bus, "main", "sand", 1, "sand-1");
	send_restock(bus, "main", "ham", 5, "ham-1");
	send_orders(bus, 0, N_ORDERS, -1);
	program_start(chillybin);
	(void)program_wait_ready(chillybin);
	monitor = monitor_new(chillybin);
	wait_decided(world, N_ORDERS - 3);
	world_settle(world);
	monitor_expect_ready(monitor);
	ck_assert_int_eq(program_said(chillybin, "id=BACKOFF"), 0);
	for (int i = 0; i < N_ROWS(refusals); i++)
		db_expect(world->db, 1,
			  "dead_letters WHERE topic = '%s' AND detail "
			  "LIKE '%%%s%%'",
			  refusals[i].topic, refusals[i].sqlstate);
	db_expect(world->db, N_ROWS(refusals), "dead_letters");
	ck_assert_int_eq(bus_count(world, "orders.dlq"), 3);
	ck_assert_int_eq(bus_count(world, "restocks.dlq"), 1);
	/* What was refused used none of the stock. */
	ck_assert_int_eq(STOCK - stock_of(world, "cheese"), N_ORDERS - 3);
	ck_assert_int_eq(stock_of(world, "ham"), 5);
}
