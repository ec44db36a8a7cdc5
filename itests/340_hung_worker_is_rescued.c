/* SPDX-License-Identifier: MIT */
/*
 * A worker that is stopped in the middle of a batch keeps its rows locked and
 * no time-out of the server's ends that. Whoever gets its partitions ends its
 * session and goes on; when it wakes it commits nothing.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_ORDERS 20000
/* The broker lets nobody have less than 500. */
#define GROUP "GROUP_SESSION_TIMEOUT_MS=1500"

/* Stops @program in a COPY that has written rows. */
static void stop_in_copy(struct world *world, struct program *program)
{
	gate_wait_for(world, program);
	program_freeze(program);
	gate_open(world, "orders");
	/* The server has read all that it was sent, and waits for more. */
	db_wait(world->db, PATIENCE_MS, 1,
		"SELECT count(*) FROM pg_stat_activity WHERE "
		"datname = current_database() AND query LIKE '%COPY%' AND "
		"backend_xid IS NOT NULL AND wait_event = 'ClientRead'");
}

START_TEST(a_worker_stopped_in_the_middle_of_a_copy_holds_nobody_up)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *hung, *other;
		int64_t stopped_ms, n_decided;
		struct rush rush;

		/* Large batches, and none of them with a repeat: so sent as
		 * COPY. */
		hung = world_start(world, "chillybin-1", GROUP,
				   "BATCH_MAX=20000", NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = N_ORDERS,
						 .restock = 200000,
						 .grill = "false" },
			  false);
		(void)program_stop(hung);
		rush_start(&rush);
		rush_wait_sent(&rush);
		gate_build(world, "orders");
		gate_shut(world, "orders");
		/* The one that is let through is written. */
		gate_let(world, "orders", 1);
		program_start(hung);
		stop_in_copy(world, hung);
		stopped_ms = clock_now_ms();
		other = world_start(world, "chillybin-2", GROUP, NULL);
		n_decided = db_i64(world->db, "SELECT count(*) FROM orders");
		rush_wait_decided(&rush, n_decided + 1, PATIENCE_MS);
		suite_note("gone on %" PRId64 " ms after it hung",
			   since_ms(stopped_ms));
		rush_wait_decided(&rush, N_ORDERS, PATIENCE_MS);
		ck_assert_int_ge(program_metric(other, "galore_rescues_total"),
				 1);
		program_thaw(hung);
		(void)program_wait_ready(hung, PATIENCE_MS);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders,
				 N_ORDERS);
	}
END_TEST

START_TEST(a_worker_stopped_anywhere_is_replaced_and_wakes_as_a_stranger)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *zombie, *jafflr;
		struct rush rush;

		zombie = world_start(world, "chillybin-1", GROUP, NULL);
		(void)world_start(world, "chillybin-2", GROUP, NULL);
		jafflr = world_start(world, "jafflr-1", QUICK_GRILL, GROUP,
				     NULL);
		(void)world_start(world, "jafflr-2", QUICK_GRILL, GROUP, NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 8000,
						 .rate = 2500,
						 .restock = 9000,
						 .v1_percent = 30,
						 .duplicate_percent = 5 },
			  true);
		world_wait_all_ready(world);
		rush_start(&rush);
		rush_wait_decided(&rush, 2000, PATIENCE_MS);
		program_freeze(zombie);
		program_freeze(jafflr);
		/* The others have all of it. */
		rush_wait_decided(&rush, 7000, PATIENCE_MS);
		program_thaw(zombie);
		program_thaw(jafflr);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_starts, 8000);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_worker_stopped_in_the_middle_of_a_copy_holds_nobody_up,
		a_worker_stopped_anywhere_is_replaced_and_wakes_as_a_stranger,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
