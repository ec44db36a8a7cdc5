/* SPDX-License-Identifier: MIT */
/*
 * A topic that was deleted and made again ends below its positions: they pause
 * and say so. Other topics go on, also after a session with the database was
 * lost and everything is taken over once more.
 */
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

WORLD_TEST(a_topic_made_anew_pauses_and_the_other_topics_go_on)
{
	struct bus *bus = world_bus(world);
	struct program *chillybin = world_start(world, "chillybin-1", NULL);

	stock_up(world, 1000);
	send_orders(bus, 0, 20, -1);
	wait_decided(world, 20);
	topic_delete(world, "restocks");
	world_run(world, "overlord", "topics", "apply", "--execute", NULL);
	(void)program_wait_unready(chillybin, "");
	send_orders(bus, 20, 40, -1);
	wait_decided(world, 40);
	ck_assert_int_gt(world_cut_sessions(world, "chillybin"), 0);
	send_orders(bus, 40, 60, -1);
	wait_decided(world, 60);
	ck_assert(!program_ready_now(chillybin));
	(void)program_wait_unready(chillybin, "");
	world_wait_status(world, 1, "'restocks' ends below");
}
