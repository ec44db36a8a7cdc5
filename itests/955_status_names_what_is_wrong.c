/* SPDX-License-Identifier: MIT */
/*
 * overlord status is 0 while all is well, and 1 with the name of what is not:
 * a worker that hangs, a topic that is gone, one with more partitions than
 * declared, an order that no worker has ever come for, a log that begins above
 * its position.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define TOOL_MS 60000

/* What a status is to say. */
struct wish {
	struct world *world;
	int status;
	const char *said; /* NULL: anything */
};

static bool has_said(const char *path, const char *text)
{
	char line[1024];
	bool said = false;
	FILE *lines = fopen(path, "re");

	ck_assert(lines);
	while (fgets(line, sizeof(line), lines))
		said = said || strstr(line, text);
	(void)fclose(lines);
	return said;
}

static bool status_is(void *arg)
{
	const struct wish *wish = arg;
	struct program *overlord =
		world_command(wish->world, "overlord-status", "status", NULL);

	(void)remove(overlord->log);
	program_start(overlord);
	return program_wait(overlord, TOOL_MS) == wish->status &&
	       (!wish->said || has_said(overlord->log, wish->said));
}

static void expect_status(struct world *world, int status, const char *said)
{
	struct wish wish = { world, status, said };

	ck_assert_msg(until(PATIENCE_MS, status_is, &wish),
		      "status does not come to %d with '%s'", status,
		      said ? said : "");
}

static void change_topic(struct world *world, const char *name, const char *how,
			 const char *n_partitions)
{
	char topic[128];

	world_topic(world, name, topic);
	world_run(world, TOOL_MS,
		  world_command(world, "infra/kafka/kafka.sh", "tool",
				"org.apache.kafka.tools.TopicCommand",
				"--bootstrap-server", world->brokers, how,
				"--topic", topic,
				n_partitions ? "--partitions" : NULL,
				n_partitions, NULL));
}

START_TEST(a_worker_that_hangs_does_not_count_as_a_holder)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin =
			world_start(world, "chillybin-1", NULL);

		(void)world_start(world, "jafflr-1", NULL);
		expect_status(world, 0, "no worker has ever held it");
		program_freeze(chillybin);
		expect_status(world, 1,
			      "12 of 12 partitions have no holder with a young "
			      "heartbeat");
		program_thaw(chillybin);
		expect_status(world, 0, NULL);
	}
END_TEST

START_TEST(topics_that_are_gone_or_grown_are_named)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);

		expect_status(world, 0, "it answers and has all 9 topics");
		change_topic(world, "ledger", "--alter", "16");
		expect_status(world, 1,
			      "it has 16 partitions, 12 are declared: nobody "
			      "reads the others");
		change_topic(world, "picks.dlq", "--delete", NULL);
		expect_status(world, 1, "it is not there");
	}
END_TEST

/* Everything before its end is deleted, as retention does it. */
static void empty_log(struct world *world, const char *name, int partition)
{
	char topic[128], path[PROGRAM_PATH_MAX];
	FILE *file;

	world_topic(world, name, topic);
	world_path(world, "offsets.json", path);
	file = fopen(path, "we");
	ck_assert(file);
	(void)fprintf(file,
		      "{\"partitions\": [{\"topic\": \"%s\", \"partition\": "
		      "%d, \"offset\": -1}], \"version\": 1}",
		      topic, partition);
	ck_assert_int_eq(fclose(file), 0);
	world_run(world, TOOL_MS,
		  world_command(world, "infra/kafka/kafka.sh", "tool",
				"org.apache.kafka.tools.DeleteRecordsCommand",
				"--bootstrap-server", world->brokers,
				"--offset-json-file", path, NULL));
}

START_TEST(a_log_that_begins_above_a_position_is_named)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		const struct order_placed order = order_of(1);
		struct bus_position position;

		bus_order(bus, &order, 2, "placed", &position);
		bus_flush(bus);
		expect_status(world, 1,
			      "no worker has ever held it, and its lag is 1");
		empty_log(world, "orders", position.partition);
		expect_status(world, 1, "begins above 1 of its positions");
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_worker_that_hangs_does_not_count_as_a_holder,
		topics_that_are_gone_or_grown_are_named,
		a_log_that_begins_above_a_position_is_named,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
