/* SPDX-License-Identifier: MIT */
/*
 * A worker is ready soon, is small when idle, leaves in time when it is asked
 * to, and what it had in hand is done or is somebody else's.
 */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

/* A second is what it may take; other tests run beside this one. */
#define READY_SOON_MS 3000
#define IDLE_MAX_KBYTES (12 * 1024)
#define LEAVE_MS 30000
#define SETTLE_MS 60000
#define DECIDED_MS 30000

static void expect_small_and_ready(struct world *world, const char *name,
				   int64_t n_partitions)
{
	struct program *program = world_start(world, name, NULL);
	int64_t ready_ms = program_wait_ready(program, READY_MS);
	int64_t kbytes = program_rss_kbytes(program);

	suite_note("%s: ready after %" PRId64 " ms, %" PRId64 " KiB resident",
		   name, ready_ms, kbytes);
	ck_assert_int_le(ready_ms, READY_SOON_MS);
	/* Ready is: all that it was to have, it has. */
	ck_assert_int_eq(program_metric(program, "galore_assigned_partitions"),
			 n_partitions);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_le(kbytes, IDLE_MAX_KBYTES);
#endif
}

START_TEST(an_idle_worker_is_ready_soon_and_small)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 8, 1);

		(void)grill;
		expect_small_and_ready(world, "chillybin-1", 36);
		expect_small_and_ready(world, "jafflr-1", 12);
		expect_small_and_ready(world, "tally-1", 12);
	}
END_TEST

/* Both kinds of worker, asked to leave while there is much to do. */
static void leave_under_load(struct world *world, int signal)
{
	struct program *leaving[2];
	int64_t asked_ms;
	struct rush rush;

	leaving[0] = world_start(world, "chillybin-1", NULL);
	(void)world_start(world, "chillybin-2", NULL);
	leaving[1] = world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	(void)world_start(world, "jafflr-2", QUICK_GRILL, NULL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 5000,
					 .rate = 2500,
					 .restock = 10000,
					 .v1_percent = 50,
					 .duplicate_percent = 5 },
		  true);
	world_wait_all_ready(world);
	rush_start(&rush);
	rush_wait_decided(&rush, 1500, DECIDED_MS);
	asked_ms = clock_now_ms();
	program_signal(leaving[0], signal);
	program_signal(leaving[1], signal);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(program_wait(leaving[i], LEAVE_MS), 0);
		suite_note("%s left after %" PRId64 " ms", leaving[i]->name,
			   since_ms(asked_ms));
	}
	ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_orders, 5000);
}

START_TEST(a_worker_that_gets_sigterm_under_load_leaves_nothing_half_done)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);

		leave_under_load(world, SIGTERM);
	}
END_TEST

START_TEST(a_worker_that_gets_sigint_under_load_leaves_nothing_half_done)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);

		leave_under_load(world, SIGINT);
	}
END_TEST

START_TEST(tally_counts_each_toastie_once_by_stall_and_hour)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *tally;
		struct rush rush;

		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		tally = world_start(world, "tally-1", NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 1000,
						 .rate = 1000,
						 .restock = 3000,
						 .duplicate_percent = 5 },
			  true);
		world_wait_all_ready(world);
		rush_start(&rush);
		rush_wait_decided(&rush, 300, DECIDED_MS);
		program_kill(tally);
		program_start(tally);
		ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_done, 1000);
		ck_assert_int_eq(
			db_i64(world->db,
			       "SELECT sum(toasties)::int8 FROM tally"),
			1000);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM (SELECT stall, "
					"date_trunc('hour', changed_at) AS "
					"hour, count(*) "
					"FROM toasties WHERE state = 'done' "
					"GROUP BY 1, 2 "
					"EXCEPT SELECT stall, hour, toasties "
					"FROM tally) x"),
				 0);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		an_idle_worker_is_ready_soon_and_small,
		a_worker_that_gets_sigterm_under_load_leaves_nothing_half_done,
		a_worker_that_gets_sigint_under_load_leaves_nothing_half_done,
		tally_counts_each_toastie_once_by_stall_and_hour,
		NULL,
	};

	return suite_main(argc, argv, 120, tests);
}
