/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand orders while workers are killed in the middle of their
 * transactions and begun again: nothing is lost, nothing is doubled, no
 * toastie is made twice. Then the same looked at closely: whatever becomes of
 * the transaction of a dead worker, whoever comes next makes it good.
 */
#include <check.h>

#include "infra/lib/clock.h"
#include "itests/harness/bus.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_ORDERS 10000

static const struct rush_params ten_thousand = {
	.n_orders = N_ORDERS,
	.n_waves = 2,
	.rate = 2500,
	.restock = 8000,
	.v1_percent = 30,
	.duplicate_percent = 5,
	.poison_percent = 1,
};

static void build_gates(struct world *world)
{
	gate_build(world, "orders");
	gate_build(world, "intents");
}

/* Both kinds, each in a transaction. Their sessions go on to its end: what was
 * sent with its COMMIT is committed, the rest is not. */
static void kill_in_the_middle(struct rush *rush, struct program *chillybin,
			       struct program *jafflr)
{
	struct world *world = rush->world;

	gate_shut(world, "orders");
	gate_shut(world, "intents");
	rush_start(rush);
	gate_wait_for(world, chillybin);
	program_kill(chillybin);
	gate_open(world, "orders");
	gate_wait_for(world, jafflr);
	program_kill(jafflr);
	gate_open(world, "intents");
}

static void check_all(struct rush *rush)
{
	int64_t start_ms = clock_now_ms();
	struct check_result result = rush_check(rush, PATIENCE_MS);

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
		build_gates(world);
		for (int i = 0; i < 2; i++) {
			world_wait_all_ready(world);
			kill_in_the_middle(&rush, chillybin, jafflr);
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
		build_gates(world);
		world_wait_all_ready(world);
		kill_in_the_middle(&rush, chillybin, jafflr);
		check_all(&rush);
	}
END_TEST

/* ---- one transaction of one worker ---- */

#define N_FEW 200

/* Of records that are few, all of a transaction and its COMMIT are sent as one
 * message. */
#define SMALL_BATCHES "BATCH_MAX=32"

/* A chillybin that stands in its first transaction. */
static struct program *stand_in_transaction(struct world *world,
					    struct rush *rush)
{
	struct program *chillybin =
		world_start(world, "chillybin-1", SMALL_BATCHES, NULL);

	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = N_FEW,
					 .restock = 1000,
					 .v1_percent = 30,
					 .grill = "false" },
		  false);
	gate_build(world, "orders");
	gate_shut(world, "orders");
	rush_start(rush);
	rush_wait_sent(rush);
	gate_wait_for(world, chillybin);
	/* Nothing is told of what is not committed. */
	ck_assert_int_eq(bus_count(world, "picks"), 0);
	return chillybin;
}

static int64_t count_orders(const struct world *world)
{
	return db_i64(world->db, "SELECT count(*) FROM orders");
}

START_TEST(what_was_committed_and_never_told_is_told_by_the_next)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin;
		struct rush rush;
		pid_t pid;

		chillybin = stand_in_transaction(world, &rush);
		pid = chillybin->pid;
		program_kill(chillybin);
		gate_open(world, "orders");
		gate_wait_passed(world, pid);
		ck_assert_int_gt(count_orders(world), 0);
		ck_assert_int_eq(bus_count(world, "picks"), 0);
		(void)world_start(world, "chillybin-2", NULL);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders,
				 N_FEW);
	}
END_TEST

START_TEST(what_was_not_committed_is_decided_by_the_next)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin;
		struct rush rush;
		pid_t pid;

		chillybin = stand_in_transaction(world, &rush);
		pid = chillybin->pid;
		program_kill(chillybin);
		(void)db_query(world->db,
			       "SELECT pg_terminate_backend(pid) FROM "
			       "pg_stat_activity WHERE application_name LIKE "
			       "'chillybin.%%/%d/%%'",
			       (int)pid);
		gate_wait_passed(world, pid);
		gate_open(world, "orders");
		ck_assert_int_eq(count_orders(world), 0);
		(void)world_start(world, "chillybin-2", NULL);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders,
				 N_FEW);
	}
END_TEST

/* Somebody else takes over what @service holds. */
static void take_over(struct world *world, const char *service,
		      const char *topic)
{
	(void)db_query(world->db,
		       "SELECT take_over('%s', 'blue', 'itest', ARRAY['%s'], "
		       "ARRAY[p]) FROM generate_series(0, 11) p",
		       service, topic);
}

START_TEST(a_batch_of_an_old_epoch_is_not_committed)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *chillybin;
		struct rush rush;

		chillybin = stand_in_transaction(world, &rush);
		program_freeze(chillybin);
		take_over(world, "chillybin", "orders");
		gate_open(world, "orders");
		gate_wait_passed(world, chillybin->pid);
		ck_assert_int_eq(count_orders(world), 0);
		/* It finds that out, and has them again. */
		program_thaw(chillybin);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders,
				 N_FEW);
	}
END_TEST

START_TEST(a_toastie_of_an_old_epoch_is_not_begun)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *jafflr;
		struct rush rush;

		(void)world_start(world, "chillybin-1", NULL);
		jafflr = world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = N_FEW,
						 .restock = 1000 },
			  true);
		world_wait_all_ready(world);
		gate_build(world, "intents");
		gate_shut(world, "intents");
		rush_start(&rush);
		gate_wait_for(world, jafflr);
		program_freeze(jafflr);
		take_over(world, "jafflr", "picks");
		gate_open(world, "intents");
		gate_wait_passed(world, jafflr->pid);
		ck_assert_int_eq(
			db_i64(world->db, "SELECT count(*) FROM intents"), 0);
		program_thaw(jafflr);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_starts,
				 N_FEW);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		workers_killed_twice_and_restarted_lose_and_double_nothing,
		a_killed_worker_that_stays_away_is_replaced_by_the_others,
		what_was_committed_and_never_told_is_told_by_the_next,
		what_was_not_committed_is_decided_by_the_next,
		a_batch_of_an_old_epoch_is_not_committed,
		a_toastie_of_an_old_epoch_is_not_begun,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
