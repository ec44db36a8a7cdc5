/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand orders, some sent twice, some of the old version, some that
 * nobody can read. Each has one outcome, and each toastie is made once; also
 * when workers are killed in the middle of their transactions, and come back
 * or are replaced by others. Then the same looked at closely: whatever becomes
 * of the transaction of a dead worker, the next one completes it.
 */
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 10000

/* Both kinds, each in a transaction. Their sessions go on to its end: what was
 * sent with its COMMIT is committed, the rest is not. */
static void kill_in_the_middle(struct rush *rush, struct rush_workers workers)
{
	struct world *world = rush->world;

	/* One transaction of the other jafflr may claim all plates that there
	 * are: it goes on, so that this one gets some. */
	gate_shut_for(world, "orders", workers.chillybin);
	gate_shut_for(world, "intents", workers.jafflr);
	rush_start(rush);
	gate_wait_for(world, workers.chillybin);
	program_kill(workers.chillybin);
	gate_open(world, "orders");
	gate_wait_for(world, workers.jafflr);
	program_kill(workers.jafflr);
	gate_open(world, "intents");
}

static const struct {
	int n_kills;
	bool come_back;
} cases[] = { { 0, false }, { 2, true }, { 1, false } };

WORLD_CASES(each_of_ten_thousand_orders_has_one_outcome_and_one_toastie,
	    N_ROWS(cases))
{
	/* A static member that comes back has its partitions at once. */
	bool member = cases[i].come_back;
	const struct rush_workers workers = {
		world_start(world, "chillybin-1",
			    member ? "INSTANCE_ID=c1" : NULL),
		world_start(world, "jafflr-1", QUICK_GRILL,
			    member ? "INSTANCE_ID=j1" : NULL),
	};
	struct check_result result;
	struct rush rush;

	(void)world_start(world, "chillybin-2");
	(void)world_start(world, "jafflr-2", QUICK_GRILL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .n_waves = 2,
					 .rate = cases[i].n_kills ? 2500 : 0,
					 .restock = 8000 });
	if (cases[i].n_kills) {
		gate_build(world, "orders");
		gate_build(world, "intents");
	}
	for (int n = 0; n < cases[i].n_kills; n++) {
		world_wait_all_ready(world);
		kill_in_the_middle(&rush, workers);
		if (cases[i].come_back) {
			program_start(workers.chillybin);
			program_start(workers.jafflr);
		}
	}
	result = rush_check(&rush);
	ck_assert_int_eq(result.n_orders, N_ORDERS);
	ck_assert_int_gt(result.n_refused, 0);
	ck_assert_int_gt(result.n_repeats, N_ORDERS * 3 / 100);
	ck_assert_int_gt(result.n_dead_letters, N_ORDERS / 200);
	ck_assert_int_eq(result.n_done, result.n_picked);
	ck_assert_int_eq(result.n_starts, result.n_done);
}

/* ---- one transaction of one worker ---- */

/* A second chillybin completes what the first one left. */
static void expect_completed(struct rush *rush)
{
	(void)world_start(rush->world, "chillybin-2");
	ck_assert_int_eq(rush_check(rush).n_orders, RUSH_FEW);
}

WORLD_TEST(what_was_committed_and_never_published_is_published_by_the_next)
{
	struct rush rush;
	struct program *chillybin = rush_hold(&rush, world, NULL);
	pid_t pid = chillybin->pid;

	program_kill(chillybin);
	gate_open(world, "orders");
	gate_wait_passed(world, pid);
	ck_assert_int_gt(db_i64(world->db, "orders"), 0);
	ck_assert_int_eq(bus_count(world, "picks"), 0);
	expect_completed(&rush);
}

WORLD_TEST(what_was_not_committed_is_decided_by_the_next)
{
	struct rush rush;
	struct program *chillybin = rush_hold(&rush, world, NULL);
	pid_t pid = chillybin->pid;

	program_kill(chillybin);
	ck_assert_int_gt(world_cut_sessions(world, "chillybin."), 0);
	gate_wait_passed(world, pid);
	gate_open(world, "orders");
	db_expect(world->db, 0, "orders");
	expect_completed(&rush);
}

/* Raises the epochs of all partitions of a frozen worker, and lets its
 * transaction go on: nothing of it is committed to @table. It finds that out
 * when it wakes, and is assigned the partitions again. */
static void fence_in_transaction(struct world *world, struct program *worker,
				 const char *service, const char *topic,
				 const char *table)
{
	program_freeze(worker);
	(void)db_query(world->db,
		       "SELECT take_over('%s', 'blue', 'itest', ARRAY['%s'], "
		       "ARRAY[p]) FROM generate_series(0, 11) p",
		       service, topic);
	gate_open(world, table);
	gate_wait_passed(world, worker->pid);
	db_expect(world->db, 0, "%s", table);
	program_thaw(worker);
}

WORLD_TEST(a_batch_of_an_old_epoch_is_not_committed)
{
	struct rush rush;
	struct program *chillybin = rush_hold(&rush, world, NULL);

	fence_in_transaction(world, chillybin, "chillybin", "orders", "orders");
	ck_assert_int_eq(rush_check(&rush).n_orders, RUSH_FEW);
}

WORLD_TEST(a_toastie_of_an_old_epoch_is_not_begun)
{
	struct rush_workers workers = rush_workers(world, 1, NULL);
	struct rush rush;

	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = RUSH_FEW, .plain = true });
	gate_build(world, "intents");
	rush_start(&rush);
	gate_wait_for(world, workers.jafflr);
	fence_in_transaction(world, workers.jafflr, "jafflr", "picks",
			     "intents");
	ck_assert_int_eq(rush_check(&rush).n_starts, RUSH_FEW);
}
