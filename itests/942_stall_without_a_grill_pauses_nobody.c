/* SPDX-License-Identifier: MIT */
/*
 * A stall that no grill serves has a queue beyond every bound: the
 * others go on all the same, and the metrics name it. Queues are in the order
 * of the database, whatever the clocks of the rows say.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

enum { N_WEST = 20, N_MAIN = 12 };

static void place(struct bus *bus, uint32_t from, uint32_t n, const char *stall)
{
	for (uint32_t i = from; i < from + n; i++) {
		struct order_placed order = sample_order(i);

		order.stall = text_of(stall);
		send_order(bus, &order, 2, "placed");
	}
	bus_flush(bus);
}

WORLD_TEST(a_stall_without_a_grill_keeps_nobody_else_waiting)
{
	struct bus *bus = world_bus(world);
	struct program *jafflr;

	(void)grill_open(world, "grill-1", 2, 20);
	(void)db_query(world->db,
		       "UPDATE control.grills SET stalls = '{main}'");
	(void)world_start(world, "chillybin-1");
	send_restock(bus, "west", "bread", 100, "west-bread");
	send_restock(bus, "west", "cheese", 100, "west-cheese");
	stock_up(world, 100);
	db_wait(world->db, 4, "stock");
	jafflr = world_start_ready(world, "jafflr-1", "QUEUE_MAX=5");
	place(bus, 1, N_WEST, "west");
	db_wait(world->db, N_WEST, "toasties WHERE state = 'queued'");
	program_wait_metric(
		jafflr, "galore_toasties{stall=\"west\",state=\"unserved\"}",
		N_WEST);
	place(bus, 101, N_MAIN, "main");
	db_wait(world->db, N_MAIN, "toasties WHERE state = 'done'");
	/* One of them came in a later hour, by its clock. */
	(void)db_query(world->db,
		       "UPDATE toasties SET changed_at = changed_at + interval "
		       "'1 h' WHERE order_id = (SELECT order_id FROM toasties "
		       "WHERE state = 'queued' ORDER BY queue_number LIMIT 1)");
	(void)db_query(world->db, "UPDATE control.grills SET stalls = NULL");
	db_wait(world->db, N_WEST + N_MAIN, "toasties WHERE state = 'done'");
	/* Two plates, so each began with one of two neighbours. */
	db_expect(world->db, 0,
		  "(SELECT row_number() OVER (ORDER BY queue_number) AS "
		  "place, row_number() OVER (ORDER BY intent_id) AS "
		  "began FROM toasties JOIN intents USING (order_id) "
		  "WHERE stall = 'west') t WHERE abs(place - began) > 1");
	(void)check_world(world);
}
