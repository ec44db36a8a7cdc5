/* SPDX-License-Identifier: MIT */
/*
 * One worker becomes three and one again while orders come in: partitions
 * change hands, and nothing is lost or doubled.
 */
#include <signal.h>
#include <stdio.h>

#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

/* In three waves. */
#define N_ORDERS 9999
#define LEAVE_MS 30000

static void wait_share(struct program *const programs[2], const char *metric)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	while (!program_metric(programs[0], metric) ||
	       !program_metric(programs[1], metric))
		wait_more(deadline_at_ms, "'%s' or '%s' has no %s",
			  programs[0]->name, programs[1]->name, metric);
}

static const struct {
	const char *kind, *table, *setting;
} kinds[] = { { "chillybin", "orders", NULL },
	      { "jafflr", "intents", QUICK_GRILL } };

/* Each change is in the middle of a transaction. */
WORLD_CASES(one_worker_becomes_three_and_one_again, N_ROWS(kinds))
{
	const char *table = kinds[i].table;
	struct program *more[2];
	struct rush rush;
	char name[32];

	(void)rush_workers(world, 1, NULL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .n_waves = 3,
					 .rate = 2500,
					 .restock = 8000 });
	gate_build(world, table);
	rush_start(&rush);
	gate_wait(world, table);
	for (int k = 0; k < 2; k++) {
		(void)snprintf(name, sizeof(name), "%s-%d", kinds[i].kind,
			       k + 2);
		more[k] = world_start(world, name, kinds[i].setting);
	}
	gate_open(world, table);
	world_wait_all_ready(world);
	wait_share(more, "galore_assigned_partitions");
	rush_start(&rush);
	wait_share(more, "galore_records_total{outcome=\"decided\"");
	gate_shut(world, table);
	rush_start(&rush);
	for (int k = 0; k < 2; k++) {
		gate_wait_for(world, more[k]);
		program_signal(more[k], SIGTERM);
	}
	gate_open(world, table);
	for (int k = 0; k < 2; k++)
		ck_assert_int_eq(program_wait(more[k], LEAVE_MS), 0);
	ck_assert_int_eq(rush_check(&rush).n_orders, N_ORDERS);
}
