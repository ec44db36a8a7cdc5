/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's producer writes in Kafka's transactions: each leaves a marker
 * in the log, an offset at which no record stands. Workers read on over it.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

/* Enough for at least one on each partition. */
#define N_ORDERS 200
#define N_POISONS 60
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* Records of no sense, a few in each of many short transactions. */
static void send_in_transactions(struct world *world)
{
	char topic[128], servers[300];

	world_topic(world, "orders", topic);
	(void)snprintf(servers, sizeof(servers), "bootstrap.servers=%s",
		       world->brokers);
	world_run(world, PATIENCE_MS,
		  world_command(world, "infra/kafka/kafka.sh", "tool",
				"org.apache.kafka.tools.ProducerPerformance",
				"--topic", topic, "--num-records",
				TEXT_OF(N_POISONS), "--record-size", "16",
				"--throughput", "100", "--transactional-id",
				topic, "--transaction-duration-ms", "20",
				"--producer-props", servers, NULL));
}

START_TEST(orders_behind_the_markers_of_transactions_are_decided)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		struct check_result result;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 1000, "bread-1");
		orders_restock(bus, "cheese", 1000, "cheese-1");
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		send_in_transactions(world);
		for (int n = 0; n < N_ORDERS; n++) {
			const struct order_placed order = order_of((uint8_t)n);

			bus_order(bus, &order, 2, "placed", NULL);
		}
		bus_flush(bus);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_gt(
			program_metric(chillybin, "galore_record_gaps_total"),
			0);
		result = check_world(world, &(struct check_params){ 0 });
		ck_assert_int_eq(result.n_picked, N_ORDERS);
		ck_assert_int_eq(result.n_dead_letters, N_POISONS);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		orders_behind_the_markers_of_transactions_are_decided,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
