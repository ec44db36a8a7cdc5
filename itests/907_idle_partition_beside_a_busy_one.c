/* SPDX-License-Identifier: MIT */
/*
 * While one partition is busy, what an idle one has done is known: the
 * position says that its facts are published, and the group's offset follows,
 * so that no tool sees lag where there is none.
 */
#include <inttypes.h>

#include "infra/lib/clock.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define BUSY 7
#define N_BUSY 30000
#define FOLLOW_MS 5000
#define IDLE_POSITIONS                                                         \
	"positions WHERE service = 'chillybin' AND topic = 'orders' AND "      \
	"partition <> %d"

WORLD_TEST(an_idle_partition_is_not_forgotten_while_another_one_is_busy)
{
	struct bus *bus = world_bus(world);
	/* Many short transactions. */
	struct program *chillybin =
		world_start(world, "chillybin-1", "BATCH_MAX=8");
	int64_t start_ms, n_left;

	stock_up(world, 1000000);
	(void)program_stop(chillybin);
	send_to_each(world, 0, BUSY);
	send_orders(bus, 100, 100 + N_BUSY, BUSY);
	program_start(chillybin);
	db_wait(world->db, TOPIC_PARTITIONS - 1,
		"SELECT sum(next_offset)::int8 FROM " IDLE_POSITIONS, BUSY);
	start_ms = clock_now_ms();
	/* Behind the one order of each. */
	db_wait_within(world->db, FOLLOW_MS, 1,
		       "SELECT min(emitted_offset) FROM " IDLE_POSITIONS, BUSY);
	while (topic_committed(world, "orders", 0) != 1)
		wait_more(start_ms + FOLLOW_MS,
			  "the group's offset of an idle partition does not "
			  "follow");
	n_left = N_BUSY - world_next_offset(world, "orders", BUSY);
	suite_note("followed after %" PRId64 " ms, %" PRId64 " orders of %d "
		   "were left",
		   since_ms(start_ms), n_left, N_BUSY);
	ck_assert_msg(n_left > 0, "there was not enough to do");
}
