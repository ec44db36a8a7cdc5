/* SPDX-License-Identifier: MIT */
/*
 * Somebody adds partitions to a topic. Nobody has positions of them, so that
 * a worker that is given one says that it is not ready, and which one.
 * What is declared goes on.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/foreign.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_RAISED 16
#define N_ORDERS 24

/* As many to each of the declared partitions. */
static void send_to_declared(struct bus *bus, uint32_t first)
{
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		orders_send(bus, first + 2 * (uint32_t)i,
			    first + 2 * (uint32_t)i + 2, i);
}

START_TEST(a_worker_that_is_given_an_undeclared_partition_names_it)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		char topic[128], text[160];

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		send_to_declared(bus, 0);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		foreign_raise_partitions(world, "orders", N_RAISED);
		(void)program_stop(chillybin);
		program_start(chillybin);
		/* One of 12 to 15. */
		world_topic(world, "orders", topic);
		(void)snprintf(text, sizeof(text), "'%s' partition 1", topic);
		program_wait_unready(chillybin, text);
		ck_assert_int_gt(program_said(chillybin, text), 0);
		send_to_declared(bus, 100);
		orders_wait_decided(world, 2 * N_ORDERS, PATIENCE_MS);
		ck_assert(program_unready_now(chillybin));
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM control.heartbeats WHERE NOT "
			"ready AND reason LIKE '%partition 1%'");
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_worker_that_is_given_an_undeclared_partition_names_it,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
