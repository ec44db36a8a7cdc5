/* SPDX-License-Identifier: MIT */
/*
 * Partitions are added to a topic from outside. Nobody has positions of them,
 * so a worker that is given one says that it is not ready, and which one it
 * is. What is declared goes on.
 */
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_ORDERS TOPIC_PARTITIONS

WORLD_TEST(a_worker_that_is_given_an_undeclared_partition_names_it)
{
	struct program *chillybin = open_stocked(world);
	char text[160];

	send_to_each(world, 0, -1);
	wait_decided(world, N_ORDERS);
	topic_raise_partitions(world, "orders", "16");
	(void)program_stop(chillybin);
	program_start(chillybin);
	/* Of "partition 12" to 15 the beginning. */
	world_partition(world, "orders", 1, text);
	(void)program_wait_unready(chillybin, text);
	ck_assert_int_gt(program_said(chillybin, text), 0);
	send_to_each(world, 100, -1);
	wait_decided(world, 2 * N_ORDERS);
	ck_assert(program_unready_now(chillybin));
	db_wait(world->db, 1,
		"control.heartbeats WHERE NOT ready AND reason LIKE "
		"'%%partition 1%%'");
}
