/* SPDX-License-Identifier: MIT */
/*
 * Kafka's own tools see the groups of both colours as they are, whatever
 * happens to the lanes: a group's offset is what its lanes have published, and
 * that of a colour without lanes is where the others are. So nobody sees a lag
 * that is none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 2000

static const char *const colours[] = { "blue", "green" };
static const char *const topics[] = { "orders", "restocks", "toasties" };

/* The lowest emitted_offset of the colour's lanes; of all, if it has none. */
static void read_expected(const struct world *world, const char *colour,
			  const char *topic, int64_t ret[TOPIC_PARTITIONS])
{
	int i = db_query(world->db,
			 "SELECT coalesce(min(emitted_offset) FILTER (WHERE "
			 "colour = '%s'), min(emitted_offset)) FROM positions "
			 "WHERE service = 'chillybin' AND colour <> '' AND "
			 "topic = '%s' GROUP BY partition ORDER BY partition",
			 colour, topic);

	ck_assert_int_eq(pg_n_rows(db_pg(world->db), i), TOPIC_PARTITIONS);
	for (int row = 0; row < TOPIC_PARTITIONS; row++)
		ret[row] = pg_i64(db_pg(world->db), i, row, 0);
}

/* Since long before this moment lanes have been as they are. */
static void expect_no_group_ahead(const struct world *world)
{
	int64_t committed[TOPIC_PARTITIONS], expected[TOPIC_PARTITIONS];
	char group[128];

	for (int i = 0; i < N_ROWS(colours); i++) {
		world_group(world, "chillybin", colours[i], group);
		group_committed(world, group, "orders", committed);
		read_expected(world, colours[i], "orders", expected);
		for (int k = 0; k < TOPIC_PARTITIONS; k++)
			ck_assert_msg(committed[k] <= expected[k],
				      "%s says %" PRId64 " of orders/%d, "
				      "published is %" PRId64,
				      group, committed[k], k, expected[k]);
	}
}

static void wait_group(const struct world *world, const char *colour,
		       const char *topic)
{
	int64_t committed[TOPIC_PARTITIONS], expected[TOPIC_PARTITIONS];
	int64_t deadline_at_ms = within(PATIENCE_MS);
	char group[128];

	world_group(world, "chillybin", colour, group);
	read_expected(world, colour, topic, expected);
	for (int i = 0; i < TOPIC_PARTITIONS; i++) {
		/* Nothing to say of what never had a record. */
		while (group_committed(world, group, topic, committed),
		       expected[i] && committed[i] != expected[i])
			wait_more(deadline_at_ms,
				  "%s says %" PRId64
				  " of %s/%d and not %" PRId64,
				  group, committed[i], topic, i, expected[i]);
	}
}

/* What kafka-consumer-groups.sh runs. */
#define DESCRIBES_GROUPS                                                       \
	"org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

/* What kafka-consumer-groups prints: group, topic, partition, offset, the end
 * of the log, lag. Nothing is left, in any partition that had a record. */
static void expect_tool_sees_no_lag(struct world *world)
{
	struct program *tool;
	CLEANUP(cleanup_free) char *said = NULL;
	char groups[N_ROWS(colours)][128], topic[128], end[32], lag[32];
	char *next, *line, group[128], offset[32], member[128];
	int n = 0, partition;

	for (int i = 0; i < N_ROWS(colours); i++)
		world_group(world, "chillybin", colours[i], groups[i]);
	tool = world_command(world, "infra/kafka/kafka.sh", "tool",
			     DESCRIBES_GROUPS, "--bootstrap-server",
			     world->brokers, "--describe", "--group", groups[0],
			     "--group", groups[1]);
	(void)remove(tool->log);
	world_finish(tool, PATIENCE_MS);
	said = file_text(tool->log);
	next = said;
	while ((line = strsep(&next, "\n"))) {
		if (sscanf(line, "%127s %127s %d %31s %31s %31s %127s", group,
			   topic, &partition, offset, end, lag, member) != 7)
			continue;
		ck_assert_msg(!strcmp(lag, "0") || !strcmp(end, "0"), "%s",
			      line);
		ck_assert_msg(strcmp(member, "-") != 0, "nobody: %s", line);
		n++;
	}
	ck_assert_msg(n == N_ROWS(colours) * N_ROWS(topics) * TOPIC_PARTITIONS,
		      "%d lines in '%s'", n, tool->log);
}

static const char *const changes[] = {
	"SELECT lane_split('chillybin', 'canary', 'stable', 'buckets', 0, 2048,"
	" NULL, 'green')",
	"SELECT lane_move('chillybin', 'stable', 'green')",
	"SELECT lane_move('chillybin', lane, 'blue') FROM control.lanes WHERE "
	"service = 'chillybin' ORDER BY made",
	"SELECT lane_merge('chillybin', 'canary')",
};

WORLD_TEST(the_groups_of_both_colours_are_true_through_a_switch)
{
	struct rush rush;

	(void)world_start(world, "chillybin-1", "COLOUR=blue");
	(void)world_start(world, "chillybin-2", "COLOUR=green");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .n_waves = N_ROWS(changes),
					 .rate = 1000,
					 .no_grills = true,
					 .late_facts = true });
	for (int i = 0; i < N_ROWS(changes); i++) {
		rush_start(&rush);
		rush_wait_decided(&rush, N_ORDERS * (4 * i + 1) / 16);
		expect_no_group_ahead(world);
		if (i < N_ROWS(changes) - 1)
			(void)db_query(world->db, "%s", changes[i]);
		rush_wait_sent(&rush);
		world_settle(world);
		if (i == N_ROWS(changes) - 1)
			(void)db_query(world->db, "%s", changes[i]);
		for (int k = 0; k < N_ROWS(colours) * N_ROWS(topics); k++)
			wait_group(world, colours[k % 2], topics[k / 2]);
		/* One with lanes of both, one with lanes of green alone. */
		if (i < 2)
			expect_tool_sees_no_lag(world);
	}
	ck_assert_int_eq(rush_check(&rush).n_orders, N_ORDERS);
}
