/* SPDX-License-Identifier: MIT */
/*
 * A stall whose toasties no grill takes has a queue beyond every bound: the
 * others go on all the same, and the metrics name it. Queues are in the order
 * of the database, whatever the clocks of the rows say.
 */
#include <check.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/http.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

enum { N_WEST = 20, N_MAIN = 12 };

static void restock_west(struct bus *bus)
{
	static const char *const names[] = { "bread", "cheese" };

	for (int i = 0; i < 2; i++) {
		const struct stock_command command = {
			.kind = STOCK_COMMAND_ADDED,
			.stall = TEXT("west"),
			.ingredient = text_of(names[i]),
			.quantity = 100,
		};

		bus_stock(bus, &command, names[i], NULL);
	}
}

static void place(struct bus *bus, uint8_t from, uint8_t n, const char *stall)
{
	for (uint8_t i = 0; i < n; i++) {
		struct order_placed order = order_of((uint8_t)(from + i));

		order.stall = text_of(stall);
		bus_order(bus, &order, 2, "placed", NULL);
	}
	bus_flush(bus);
}

static bool is_unserved(void *arg)
{
	const struct program *jafflr = arg;
	struct http_answer answer;
	bool found;

	if (http_get(&answer, program_port(jafflr), "/metrics", PATIENCE_MS))
		return false;
	found = strstr(answer.body.p, "galore_toasties{stall=\"west\",state="
				      "\"unserved\"} 20\n");
	http_answer_deinit(&answer);
	return found;
}

START_TEST(a_stall_without_a_grill_keeps_nobody_else_waiting)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct grill_spy grill = grill_open(world, "grill-1", 2, 20);
		struct program *jafflr;

		(void)db_query(world->db,
			       "UPDATE control.grills SET stalls = '{main}'");
		(void)world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 100, "bread-1");
		orders_restock(bus, "cheese", 100, "cheese-1");
		restock_west(bus);
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 4,
			"SELECT count(*) FROM stock");
		jafflr = world_start(world, "jafflr-1", "QUEUE_MAX=5", NULL);
		place(bus, 1, N_WEST, "west");
		db_wait(world->db, PATIENCE_MS, N_WEST,
			"SELECT count(*) FROM toasties WHERE state = 'queued'");
		ck_assert(until(PATIENCE_MS, is_unserved, jafflr));
		place(bus, 101, N_MAIN, "main");
		db_wait(world->db, PATIENCE_MS, N_MAIN,
			"SELECT count(*) FROM toasties WHERE state = 'done'");
		/* One of them came in a later hour, by its clock. */
		(void)db_query(world->db,
			       "UPDATE toasties SET changed_at = changed_at"
			       " + interval '1 h' WHERE order_id = (SELECT"
			       " order_id FROM toasties WHERE state = 'queued'"
			       " ORDER BY queue_number LIMIT 1)");
		(void)db_query(world->db,
			       "UPDATE control.grills SET stalls = NULL");
		db_wait(world->db, PATIENCE_MS, N_WEST + N_MAIN,
			"SELECT count(*) FROM toasties WHERE state = 'done'");
		/* Two plates, so each began with one of two neighbours. */
		ck_assert_int_eq(
			db_i64(world->db,
			       "SELECT count(*) FROM (SELECT row_number() OVER"
			       " (ORDER BY queue_number) AS place, row_number()"
			       " OVER (ORDER BY intent_id) AS began"
			       " FROM toasties JOIN intents USING (order_id)"
			       " WHERE stall = 'west') t"
			       " WHERE abs(place - began) > 1"),
			0);
		world_settle(world, PATIENCE_MS);
		(void)check_world(
			world, &(struct check_params){ .grills = { &grill } });
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_stall_without_a_grill_keeps_nobody_else_waiting,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
