/* SPDX-License-Identifier: MIT */
/*
 * While one partition is busy, what an idle one has done is known: the
 * position says that its facts are out, and the group's offset follows, so
 * that no tool sees lag where there is none.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/foreign.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define BUSY 7
#define N_BUSY 30000
#define FOLLOW_MS 5000

struct idle {
	struct world *world;
	char group[128];
	int64_t emitted, committed;
};

/* Both stand behind the one order of the partition that was read last. */
static bool has_followed(void *arg)
{
	struct idle *idle = arg;

	idle->emitted = db_i64(idle->world->db,
			       "SELECT min(emitted_offset) FROM positions "
			       "WHERE service = 'chillybin' AND topic = "
			       "'orders' AND partition <> %d",
			       BUSY);
	idle->committed = idle->emitted < 1
				  ? 0
				  : foreign_committed(idle->world, idle->group,
						      "orders", 0);
	return idle->committed == 1;
}

/* How many orders of the busy partition are not decided yet. */
static int64_t n_left(struct world *world)
{
	return N_BUSY - db_i64(world->db,
			       "SELECT next_offset FROM positions WHERE "
			       "service = 'chillybin' AND topic = 'orders' "
			       "AND partition = %d",
			       BUSY);
}

START_TEST(an_idle_partition_is_told_of_while_another_one_is_busy)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct idle idle = { .world = world };
		struct program *chillybin;
		int64_t start_ms;

		(void)snprintf(idle.group, sizeof(idle.group),
			       "chillybin.blue%s", world->suffix);
		/* Many short transactions. */
		chillybin =
			world_start(world, "chillybin-1", "BATCH_MAX=8", NULL);
		orders_stock_up(world, bus);
		(void)program_stop(chillybin);
		for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
			if (i != BUSY)
				orders_send(bus, (uint32_t)i, (uint32_t)i + 1,
					    i);
		orders_send(bus, 100, 100 + N_BUSY, BUSY);
		program_start(chillybin);
		db_wait(world->db, PATIENCE_MS, TOPIC_PARTITIONS - 1,
			"SELECT sum(next_offset)::int8 FROM positions WHERE "
			"service = 'chillybin' AND topic = 'orders' "
			"AND partition <> 7");
		start_ms = clock_now_ms();
		ck_assert_msg(until(FOLLOW_MS, has_followed, &idle),
			      "emitted_offset is %" PRId64 ", the group's "
			      "offset %" PRId64 ", and both should be 1",
			      idle.emitted, idle.committed);
		suite_note("followed after %" PRId64 " ms, %" PRId64 " orders "
			   "of %d were left",
			   since_ms(start_ms), n_left(world), N_BUSY);
		ck_assert_msg(n_left(world) > 0, "there was not enough to do");
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		an_idle_partition_is_told_of_while_another_one_is_busy,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
