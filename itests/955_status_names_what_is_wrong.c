/* SPDX-License-Identifier: MIT */
/*
 * overlord status is 0 while all is well, and 1 with the name of what is not:
 * a worker that hangs, an order that no worker has ever come for, a log that
 * begins above its position. (The rest: infra/overlord/cmd_status_test.c.)
 */
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

WORLD_TEST(a_worker_that_hangs_does_not_count_as_a_holder)
{
	struct program *chillybin = world_start(world, "chillybin-1");

	(void)world_start(world, "jafflr-1");
	/* Ready: all partitions are taken over. Tally was never started. */
	world_wait_all_ready(world);
	world_wait_status(world, 0, "no worker has ever held it");
	program_freeze(chillybin);
	world_wait_status(world, 1,
			  "12 of 12 partitions have no holder with a young "
			  "heartbeat");
	program_thaw(chillybin);
	world_wait_status(world, 0, "");
}

WORLD_TEST(a_log_that_begins_above_a_position_is_named)
{
	send_orders(world_bus(world), 1, 2, 4);
	world_wait_status(world, 1,
			  "no worker has ever held it, and its lag is 1");
	(void)topic_delete_records(world, "orders", 4, -1);
	world_wait_status(world, 1, "begins above 1 of its positions");
}
