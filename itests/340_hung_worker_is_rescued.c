/* SPDX-License-Identifier: MIT */
/*
 * A worker that is stopped in the middle of a batch keeps its rows locked and
 * no time-out of the server's ends that. Whoever gets its partitions ends its
 * session and goes on; when it wakes it commits nothing.
 */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_ORDERS 60000
#define SETTLE_MS 60000
#define TRY_MS 20000
#define GO_ON_MS 15000
/* The broker lets nobody have less than 500. */
#define GROUP "GROUP_SESSION_TIMEOUT_MS=1500"

struct stopping {
	struct world *world;
	struct program *program;
	int64_t n_tries;
};

/* In a COPY that has written rows, and the server waits for its client. */
static bool is_in_copy(const struct stopping *stopping)
{
	return db_i64(stopping->world->db,
		      "SELECT count(*) FROM pg_stat_activity WHERE "
		      "application_name LIKE 'chillybin.%%/%d/%%' AND "
		      "state = 'active' AND query LIKE '%%COPY%%' AND "
		      "backend_xid IS NOT NULL AND "
		      "wait_event = 'ClientRead'",
		      (int)stopping->program->pid) > 0;
}

/* Stops it wherever it is, and lets it go again if it is elsewhere. */
static bool stop_in_copy(void *arg)
{
	struct stopping *stopping = arg;

	stopping->n_tries++;
	program_signal(stopping->program, SIGSTOP);
	if (is_in_copy(stopping))
		return true;
	program_signal(stopping->program, SIGCONT);
	return false;
}

START_TEST(a_worker_stopped_in_the_middle_of_a_copy_holds_nobody_up)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct stopping stopping = { .world = world };
		struct program *other;
		int64_t stopped_ms, n_decided;
		struct rush rush;

		/* Large batches, and none of them with a repeat: so sent as
		 * COPY. */
		stopping.program = world_start(world, "chillybin-1", GROUP,
					       "BATCH_MAX=20000", NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = N_ORDERS,
						 .restock = 200000,
						 .grill = "false" },
			  false);
		(void)program_stop(stopping.program);
		rush_start(&rush);
		rush_wait_sent(&rush);
		program_start(stopping.program);
		ck_assert_msg(until(TRY_MS, stop_in_copy, &stopping),
			      "not once in a COPY in %" PRId64 " tries",
			      stopping.n_tries);
		stopped_ms = clock_now_ms();
		other = world_start(world, "chillybin-2", GROUP, NULL);
		n_decided = db_i64(world->db, "SELECT count(*) FROM orders");
		rush_wait_decided(&rush, n_decided + 1, GO_ON_MS);
		suite_note("gone on %" PRId64 " ms after it hung (%" PRId64
			   " tries)",
			   since_ms(stopped_ms), stopping.n_tries);
		rush_wait_decided(&rush, N_ORDERS, SETTLE_MS);
		ck_assert_int_ge(program_metric(other, "galore_rescues_total"),
				 1);
		program_signal(stopping.program, SIGCONT);
		(void)program_wait_ready(stopping.program, GO_ON_MS);
		ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_orders,
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
		rush_wait_decided(&rush, 2000, SETTLE_MS);
		program_signal(zombie, SIGSTOP);
		program_signal(jafflr, SIGSTOP);
		/* The others have all of it. */
		rush_wait_decided(&rush, 7000, SETTLE_MS);
		program_signal(zombie, SIGCONT);
		program_signal(jafflr, SIGCONT);
		ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_starts, 8000);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_worker_stopped_in_the_middle_of_a_copy_holds_nobody_up,
		a_worker_stopped_anywhere_is_replaced_and_wakes_as_a_stranger,
		NULL,
	};

	return suite_main(argc, argv, 120, tests);
}
