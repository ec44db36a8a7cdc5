/* SPDX-License-Identifier: MIT */
/*
 * One worker becomes three and one again while orders come in: partitions
 * change hands, and nothing is lost or doubled.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>

#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

/* In three waves. */
#define N_ORDERS 9999
#define LEAVE_MS 30000

struct share {
	struct program **programs;
	const char *metric;
};

static bool have_all_some(void *arg)
{
	const struct share *share = arg;

	for (int i = 0; i < 2; i++)
		if (!program_metric(share->programs[i], share->metric))
			return false;
	return true;
}

static void wait_share(struct program *programs[2], const char *metric)
{
	struct share share = { programs, metric };

	ck_assert_msg(until(PATIENCE_MS, have_all_some, &share),
		      "'%s' or '%s' has no %s", programs[0]->name,
		      programs[1]->name, metric);
}

/* From one to three and back, each in the middle of a transaction. */
static void scale(struct rush *rush, const char *kind, const char *table,
		  const char *setting)
{
	struct world *world = rush->world;
	struct program *more[2];
	char name[32];

	gate_build(world, table);
	gate_shut(world, table);
	rush_start(rush);
	gate_wait(world, table);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%s-%d", kind, i + 2);
		more[i] = world_start(world, name, setting, NULL);
	}
	gate_open(world, table);
	world_wait_all_ready(world);
	wait_share(more, "galore_assigned_partitions");
	rush_start(rush);
	wait_share(more, "galore_records_total{outcome=\"decided\"");
	gate_shut(world, table);
	rush_start(rush);
	for (int i = 0; i < 2; i++) {
		gate_wait_for(world, more[i]);
		program_signal(more[i], SIGTERM);
	}
	gate_open(world, table);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(program_wait(more[i], LEAVE_MS), 0);
	ck_assert_int_eq(rush_check(rush, PATIENCE_MS).n_orders, N_ORDERS);
}

static void open_with_one_of_each(struct rush *rush, struct world *world)
{
	(void)world_start(world, "chillybin-1", NULL);
	(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .n_waves = 3,
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
		scale(&rush, "chillybin", "orders", NULL);
	}
END_TEST

START_TEST(one_jafflr_becomes_three_and_one_again)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct rush rush;

		open_with_one_of_each(&rush, world);
		scale(&rush, "jafflr", "intents", QUICK_GRILL);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		one_chillybin_becomes_three_and_one_again,
		one_jafflr_becomes_three_and_one_again,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
