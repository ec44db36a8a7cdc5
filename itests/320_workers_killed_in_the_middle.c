/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand orders while workers are killed in the middle of their batches
 * and begun again: nothing is lost, nothing is doubled, no toastie is made
 * twice.
 */
#include <check.h>

#include "infra/lib/clock.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_ORDERS 10000
#define SETTLE_MS 60000
#define DECIDED_MS 30000

static const struct rush_params ten_thousand = {
	.n_orders = N_ORDERS,
	.rate = 2500,
	.restock = 8000,
	.v1_percent = 30,
	.duplicate_percent = 5,
	.poison_percent = 1,
};

static void check_all(struct rush *rush)
{
	int64_t start_ms = clock_now_ms();
	struct check_result result = rush_check(rush, SETTLE_MS);

	suite_note("all was right %d ms after the last kill",
		   (int)since_ms(start_ms));
	ck_assert_int_eq(result.n_orders, N_ORDERS);
	ck_assert_int_gt(result.n_dead_letters, N_ORDERS / 200);
	ck_assert_int_eq(result.n_done, result.n_picked);
	ck_assert_int_eq(result.n_starts, result.n_done);
}

START_TEST(workers_killed_twice_and_restarted_lose_and_double_nothing)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin, *jafflr;
		struct rush rush;

		chillybin = world_start(world, "chillybin-1", "INSTANCE_ID=c1",
					NULL);
		(void)world_start(world, "chillybin-2", "INSTANCE_ID=c2", NULL);
		jafflr = world_start(world, "jafflr-1", QUICK_GRILL,
				     "INSTANCE_ID=j1", NULL);
		(void)world_start(world, "jafflr-2", QUICK_GRILL,
				  "INSTANCE_ID=j2", NULL);
		rush_open(&rush, world, &ten_thousand, true);
		world_wait_all_ready(world);
		rush_start(&rush);
		for (int64_t n = 2000; n <= 5000; n += 3000) {
			rush_wait_decided(&rush, n, DECIDED_MS);
			program_kill(chillybin);
			program_kill(jafflr);
			program_start(chillybin);
			program_start(jafflr);
		}
		check_all(&rush);
	}
END_TEST

START_TEST(a_killed_worker_that_stays_away_is_replaced_by_the_others)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin, *jafflr;
		struct rush rush;

		chillybin = world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "chillybin-2", NULL);
		jafflr = world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		(void)world_start(world, "jafflr-2", QUICK_GRILL, NULL);
		rush_open(&rush, world, &ten_thousand, true);
		world_wait_all_ready(world);
		rush_start(&rush);
		rush_wait_decided(&rush, 3000, DECIDED_MS);
		program_kill(chillybin);
		program_kill(jafflr);
		check_all(&rush);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		workers_killed_twice_and_restarted_lose_and_double_nothing,
		a_killed_worker_that_stays_away_is_replaced_by_the_others,
		NULL,
	};

	return suite_main(argc, argv, 120, tests);
}
