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
#include "itests/harness/bus.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define READY_SOON_MS 1000
#define IDLE_MAX_KBYTES (12 * 1024)
#define LEAVE_MS 30000
/* Other tests run beside this one and may take its core for a while; a worker
 * that is slow itself is slow each time. */
#define N_STARTS 20

/*
 * The quickest of several starts is within a second. All that it holds counts
 * as its memory, pages of files too, which other processes may share.
 */
static void expect_small_and_ready(struct world *world, const char *name,
				   int64_t n_partitions)
{
	struct program *program = world_start(world, name, NULL);
	int64_t ready_ms = program_wait_ready(program, PATIENCE_MS);
	int64_t kbytes = program_memory_kbytes(program, "Rss");

	/* Ready is: all that it was to have, it has. */
	ck_assert_int_eq(program_metric(program, "galore_assigned_partitions"),
			 n_partitions);
	suite_note("%s: ready after %" PRId64 " ms, %" PRId64 " KiB resident, "
		   "of them %" PRId64 " its own",
		   name, ready_ms, kbytes,
		   program_memory_kbytes(program, "Anonymous"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_le(kbytes, IDLE_MAX_KBYTES);
#endif
	for (int i = 1; i < N_STARTS && ready_ms > READY_SOON_MS; i++) {
		(void)program_stop(program);
		program_start(program);
		ready_ms = program_wait_ready(program, PATIENCE_MS);
	}
	ck_assert_int_le(ready_ms, READY_SOON_MS);
}

START_TEST(
	the_quickest_start_takes_a_second_at_most_and_an_idle_worker_is_small)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 8, 1);

		(void)grill;
		expect_small_and_ready(world, "chillybin-1", 36);
		expect_small_and_ready(world, "jafflr-1", 12);
		expect_small_and_ready(world, "tally-1", 12);
	}
END_TEST

/*
 * Both kinds of worker, asked to leave in the middle of a transaction, with
 * much to do before them.
 */
static void leave_under_load(struct world *world, int signal)
{
	static const char *const tables[2] = { "orders", "intents" };
	struct program *leaving[2];
	int64_t asked_ms;
	struct rush rush;

	leaving[0] = world_start(world, "chillybin-1", NULL);
	(void)world_start(world, "chillybin-2", NULL);
	leaving[1] = world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	(void)world_start(world, "jafflr-2", QUICK_GRILL, NULL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 5000,
					 .n_waves = 2,
					 .restock = 10000,
					 .v1_percent = 50,
					 .duplicate_percent = 5 },
		  true);
	world_wait_all_ready(world);
	for (int i = 0; i < 2; i++) {
		gate_build(world, tables[i]);
		gate_shut(world, tables[i]);
	}
	for (int i = 0; i < 2; i++) {
		rush_start(&rush);
		gate_wait_for(world, leaving[i]);
		asked_ms = clock_now_ms();
		program_signal(leaving[i], signal);
		gate_open(world, tables[i]);
		ck_assert_int_eq(program_wait(leaving[i], LEAVE_MS), 0);
		suite_note("%s left after %" PRId64 " ms", leaving[i]->name,
			   since_ms(asked_ms));
	}
	ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders, 5000);
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

static bool is_leaving(void *arg)
{
	return program_ended(arg) || program_unready_now(arg);
}

/* Nobody else is there to make good what it leaves undone. */
START_TEST(a_worker_asked_to_leave_ends_its_batch_and_tells_of_it_first)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin;
		int64_t n_decided;
		struct rush rush;

		/* A fact waits for company while it may. */
		chillybin = world_start(world, "chillybin-1", "BATCH_MAX=32",
					"LINGER_MS=1000", NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 500,
						 .restock = 1000,
						 .grill = "false" },
			  false);
		world_wait_all_ready(world);
		gate_build(world, "orders");
		gate_shut(world, "orders");
		rush_start(&rush);
		gate_wait_for(world, chillybin);
		program_signal(chillybin, SIGTERM);
		ck_assert(until(PATIENCE_MS, is_leaving, chillybin));
		ck_assert(!program_ended(chillybin));
		gate_open(world, "orders");
		ck_assert_int_eq(program_wait(chillybin, LEAVE_MS), 0);
		n_decided = db_i64(world->db, "SELECT count(*) FROM orders");
		ck_assert_int_gt(n_decided, 0);
		ck_assert_int_eq(bus_count(world, "picks"), n_decided);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM positions "
					"WHERE service = 'chillybin' AND "
					"(holder IS NOT NULL OR "
					"emitted_offset <> next_offset)"),
				 0);
		program_start(chillybin);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders, 500);
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
						 .n_waves = 2,
						 .restock = 3000,
						 .duplicate_percent = 5 },
			  true);
		world_wait_all_ready(world);
		gate_build(world, "tally");
		gate_shut(world, "tally");
		for (int wave = 0; wave < 2; wave++) {
			rush_start(&rush);
			/* In the middle of a batch, each time. */
			gate_let(world, "tally", 1);
			gate_wait_for(world, tally);
			program_kill(tally);
			program_start(tally);
		}
		gate_open(world, "tally");
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_done, 1000);
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
		the_quickest_start_takes_a_second_at_most_and_an_idle_worker_is_small,
		a_worker_that_gets_sigterm_under_load_leaves_nothing_half_done,
		a_worker_that_gets_sigint_under_load_leaves_nothing_half_done,
		a_worker_asked_to_leave_ends_its_batch_and_tells_of_it_first,
		tally_counts_each_toastie_once_by_stall_and_hour,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
