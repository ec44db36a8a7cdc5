/* SPDX-License-Identifier: MIT */
/*
 * The group's offsets in Kafka mirror emitted_offset, for the tools that
 * people have: at the latest when a worker has left, they are the same.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

#define N_ORDERS 100

/* Kafka's own tool writes "topic partition offset" among others into @ret. */
static void describe_group(struct world *world, char ret[PROGRAM_PATH_MAX])
{
	struct program *tool;
	char group[128];

	(void)snprintf(group, sizeof(group), "chillybin.blue%s", world->suffix);
	tool = world_command(
		world, "infra/kafka/kafka.sh", "tool",
		"org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
		"--bootstrap-server", world->brokers, "--describe", "--group",
		group, NULL);
	world_run(world, PATIENCE_MS, tool);
	(void)snprintf(ret, PROGRAM_PATH_MAX, "%s", tool->log);
}

/* Compares each line of a partition of `orders`; gives their number. */
static int compare_lines(struct world *world, FILE *lines)
{
	char line[1024], topic[128], seen[128];
	long long offset;
	int partition, n = 0;

	world_topic(world, "orders", topic);
	while (fgets(line, sizeof(line), lines)) {
		if (sscanf(line, "%*s %127s %d %lld", seen, &partition,
			   &offset) != 3 ||
		    strcmp(seen, topic) != 0)
			continue;
		ck_assert_int_eq(offset,
				 db_i64(world->db,
					"SELECT emitted_offset FROM positions "
					"WHERE service = 'chillybin' AND "
					"topic = 'orders' AND partition = %d",
					partition));
		n++;
	}
	return n;
}

START_TEST(a_worker_that_has_left_has_told_the_group_where_it_stands)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		char path[PROGRAM_PATH_MAX];
		FILE *lines;

		chillybin = world_start(world, "chillybin-1", NULL);
		for (uint8_t n = 0; n < N_ORDERS; n++) {
			const struct order_placed order = order_of(n);

			bus_order(bus, &order, 2, "placed", NULL);
		}
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, N_ORDERS,
			"SELECT count(*) FROM orders");
		(void)program_stop(chillybin);
		describe_group(world, path);
		lines = fopen(path, "re");
		ck_assert(lines);
		/* So many orders leave no partition out. */
		ck_assert_int_eq(compare_lines(world, lines), TOPIC_PARTITIONS);
		(void)fclose(lines);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_worker_that_has_left_has_told_the_group_where_it_stands,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
