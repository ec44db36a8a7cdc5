/* SPDX-License-Identifier: MIT */
/*
 * Retention has taken what was decided: the logs begin above 0, where the
 * positions stand. Whoever is given the partitions, and however often, finds
 * everything in its place.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/foreign.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

#define N_FIRST 120
#define N_ROUNDS 8
/* Enough for each partition. */
#define N_EACH 60

static void delete_all(struct world *world)
{
	(void)foreign_delete_records(world, "orders", -1, -1);
	(void)foreign_delete_records(world, "restocks", -1, -1);
}

static bool has_all(void *arg)
{
	return program_metric(arg, "galore_assigned_partitions") == 36;
}

static bool has_half(void *arg)
{
	return program_metric(arg, "galore_assigned_partitions") == 18;
}

START_TEST(after_each_assignment_reading_begins_where_the_log_does)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *workers[2];
		uint32_t n = N_FIRST;

		for (int i = 0; i < 2; i++) {
			workers[i] = world_start(
				world, i ? "chillybin-2" : "chillybin-1", NULL);
			(void)program_wait_ready(workers[i], PATIENCE_MS);
		}
		orders_stock_up(world, bus);
		orders_send(bus, 0, n, -1);
		orders_wait_decided(world, n, PATIENCE_MS);
		delete_all(world);
		for (int round = 0; round < N_ROUNDS; round++) {
			struct program *comes = workers[round % 2];
			struct program *stays = workers[1 - round % 2];

			(void)program_stop(comes);
			ck_assert(until(PATIENCE_MS, has_all, stays));
			program_start(comes);
			(void)program_wait_ready(comes, PATIENCE_MS);
			ck_assert(until(PATIENCE_MS, has_half, comes));
			ck_assert(until(PATIENCE_MS, has_half, stays));
			orders_send(bus, n, n + N_EACH, -1);
			n += N_EACH;
			orders_wait_decided(world, n, PATIENCE_MS);
			delete_all(world);
		}
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(
				program_said(workers[i], "POSITION-GONE"), 0);
			ck_assert(program_ready_now(workers[i]));
		}
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		after_each_assignment_reading_begins_where_the_log_does,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
