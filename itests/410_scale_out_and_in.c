/* SPDX-License-Identifier: MIT */
/*
 * One worker becomes three and one again while orders come in: partitions
 * change hands, and nothing is lost or doubled.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 10000
#define SETTLE_MS 60000
#define DECIDED_MS 30000

/* From one to three and back, as the orders come in. */
static void scale(struct rush *rush, const char *kind, const char *setting)
{
	struct world *world = rush->world;
	struct program *more[2];
	char name[32];

	rush_start(rush);
	rush_wait_decided(rush, 2000, DECIDED_MS);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%s-%d", kind, i + 2);
		more[i] = world_start(world, name, setting, NULL);
	}
	world_wait_all_ready(world);
	/* Each has got a share. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_gt(
			program_metric(more[i], "galore_assigned_partitions"),
			0);
	rush_wait_decided(rush, 7000, DECIDED_MS);
	for (int i = 0; i < 2; i++)
		(void)program_stop(more[i]);
	ck_assert_int_eq(rush_check(rush, SETTLE_MS).n_orders, N_ORDERS);
}

static void open_with_one_of_each(struct rush *rush, struct world *world)
{
	(void)world_start(world, "chillybin-1", NULL);
	(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .rate = 2500,
					 .restock = 8000,
					 .v1_percent = 30,
					 .duplicate_percent = 5,
					 .poison_percent = 1 },
		  true);
	world_wait_all_ready(world);
}

START_TEST(one_chillybin_becomes_three_and_one_again)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct rush rush;

		open_with_one_of_each(&rush, world);
		scale(&rush, "chillybin", "LOG_LEVEL=info");
	}
END_TEST

START_TEST(one_jafflr_becomes_three_and_one_again)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct rush rush;

		open_with_one_of_each(&rush, world);
		scale(&rush, "jafflr", QUICK_GRILL);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		one_chillybin_becomes_three_and_one_again,
		one_jafflr_becomes_three_and_one_again,
		NULL,
	};

	return suite_main(argc, argv, 120, tests);
}
