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

#define IDLE 2
#define BUSY 7
/* Some are decided before anybody looks; a minute's work is left, however. */
#define N_BUSY 60000
#define FOLLOW_MS 5000

struct idle {
	struct world *world;
	char group[128];
	int64_t next, emitted, committed;
};

/* Both stand behind the one order of the idle partition. */
static bool has_followed(void *arg)
{
	struct idle *idle = arg;

	idle->emitted = db_i64(idle->world->db,
			       "SELECT emitted_offset FROM positions WHERE "
			       "service = 'chillybin' AND topic = 'orders' "
			       "AND partition = %d",
			       IDLE);
	if (idle->emitted < idle->next)
		return false;
	idle->committed =
		foreign_committed(idle->world, idle->group, "orders", IDLE);
	return idle->committed == idle->next;
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
		int64_t start_ms;
		bool followed;

		(void)snprintf(idle.group, sizeof(idle.group),
			       "chillybin.blue%s", world->suffix);
		/* Many short transactions. */
		(void)world_start(world, "chillybin-1", "BATCH_MAX=8", NULL);
		orders_stock_up(world, bus);
		orders_send(bus, 100, 100 + N_BUSY, BUSY);
		for (uint32_t n = 0; n < 3; n++) {
			orders_send(bus, n, n + 1, IDLE);
			idle.next = n + 1;
			start_ms = clock_now_ms();
			followed = until(FOLLOW_MS, has_followed, &idle);
			ck_assert_msg(followed,
				      "emitted_offset is %" PRId64 ", the "
				      "group's offset %" PRId64 ", and both "
				      "should be %" PRId64,
				      idle.emitted, idle.committed, idle.next);
			suite_note("followed after %" PRId64 " ms",
				   since_ms(start_ms));
		}
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
