/* SPDX-License-Identifier: MIT */
/*
 * Retention has deleted what was decided: the logs begin above 0, where the
 * positions stand. Whichever worker is assigned the partitions, and however
 * often, finds everything in its place.
 */
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

#define ASSIGNED "galore_assigned_partitions"
#define N_FIRST 120
#define N_ROUNDS 8
/* Enough for each partition. */
#define N_EACH 60

static void delete_all(struct world *world)
{
	(void)topic_delete_records(world, "orders", -1, -1);
	(void)topic_delete_records(world, "restocks", -1, -1);
}

WORLD_TEST(after_each_assignment_reading_begins_where_the_log_does)
{
	struct program *workers[] = {
		world_start_ready(world, "chillybin-1"),
		world_start_ready(world, "chillybin-2"),
	};
	uint32_t n = N_FIRST;

	stock_up(world, 10000);
	send_orders(world_bus(world), 0, n, -1);
	wait_decided(world, n);
	delete_all(world);
	for (int round = 0; round < N_ROUNDS; round++) {
		struct program *comes = workers[round % 2];
		struct program *stays = workers[1 - round % 2];

		(void)program_stop(comes);
		program_wait_metric(stays, ASSIGNED, 36);
		program_start(comes);
		(void)program_wait_ready(comes);
		program_wait_metric(comes, ASSIGNED, 18);
		program_wait_metric(stays, ASSIGNED, 18);
		send_orders(world_bus(world), n, n + N_EACH, -1);
		n += N_EACH;
		wait_decided(world, n);
		delete_all(world);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(program_said(workers[i], "POSITION-GONE"), 0);
		ck_assert(program_ready_now(workers[i]));
	}
}
