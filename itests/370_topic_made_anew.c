/* SPDX-License-Identifier: MIT */
/*
 * A topic that was deleted and made again ends below its positions: they hold
 * and say so. Other topics go on, also after a session with the database was
 * lost and everything is taken over once more.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define TOOL_MS 60000

static void delete_topic(struct world *world, const char *name)
{
	char topic[128];

	world_topic(world, name, topic);
	world_run(world, TOOL_MS,
		  world_command(world, "infra/kafka/kafka.sh", "tool",
				"org.apache.kafka.tools.TopicCommand",
				"--bootstrap-server", world->brokers,
				"--delete", "--topic", topic, NULL));
}

static bool is_not_ready(void *arg)
{
	return program_unready_now(arg);
}

static void order_from(struct bus *bus, int first, int end)
{
	for (int n = first; n < end; n++) {
		const struct order_placed order = order_of((uint8_t)n);

		bus_order(bus, &order, 2, "placed", NULL);
	}
	bus_flush(bus);
}

/* overlord status ends with 1 and names the topic. */
static void expect_status_to_warn(struct world *world)
{
	struct program *status =
		world_command(world, "overlord", "status", NULL);
	bool warned = false;
	char line[1024];
	FILE *lines;

	program_start(status);
	ck_assert_int_eq(program_wait(status, TOOL_MS), 1);
	lines = fopen(status->log, "re");
	ck_assert(lines);
	while (fgets(line, sizeof(line), lines))
		warned = warned || strstr(line, "'restocks' ends below");
	(void)fclose(lines);
	ck_assert(warned);
}

START_TEST(a_topic_made_anew_holds_and_the_other_topics_go_on)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 1000, "bread-1");
		orders_restock(bus, "cheese", 1000, "cheese-1");
		order_from(bus, 0, 20);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		db_wait(world->db, PATIENCE_MS, 20,
			"SELECT count(*) FROM orders");
		delete_topic(world, "restocks");
		world_run(world, TOOL_MS,
			  world_command(world, "overlord", "topics", "apply",
					"--execute", NULL));
		ck_assert_msg(until(PATIENCE_MS, is_not_ready, chillybin),
			      "a topic that was made anew is not noticed");
		order_from(bus, 20, 40);
		db_wait(world->db, PATIENCE_MS, 40,
			"SELECT count(*) FROM orders");
		(void)db_i64(world->db,
			     "SELECT count(pg_terminate_backend(pid)) FROM "
			     "pg_stat_activity WHERE datname = "
			     "current_database() AND application_name LIKE "
			     "'chillybin%%'");
		order_from(bus, 40, 60);
		db_wait(world->db, PATIENCE_MS, 60,
			"SELECT count(*) FROM orders");
		ck_assert(!program_ready_now(chillybin));
		ck_assert(until(PATIENCE_MS, is_not_ready, chillybin));
		expect_status_to_warn(world);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_topic_made_anew_holds_and_the_other_topics_go_on,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
