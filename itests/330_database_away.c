/* SPDX-License-Identifier: MIT */
/*
 * Sessions with the database are cut under load, again and again, or it is
 * away for a while: workers hold, nothing becomes a dead letter, nothing is
 * lost or doubled.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_ORDERS 8000
#define N_CUTS 20

#define CUT                                                                    \
	"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "       \
	"WHERE datname = '%s' AND (application_name LIKE 'chillybin.%%' OR "   \
	"application_name LIKE 'jafflr.%%')"

static const struct rush_params some_orders = {
	.n_orders = N_ORDERS,
	.rate = 2500,
	.restock = 9000,
	.v1_percent = 30,
	.duplicate_percent = 5,
};

static void start_workers(struct world *world, const char *batches)
{
	(void)world_start(world, "chillybin-1", batches, NULL);
	(void)world_start(world, "chillybin-2", batches, NULL);
	(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	(void)world_start(world, "jafflr-2", QUICK_GRILL, NULL);
}

static void expect_all_done(struct rush *rush)
{
	struct check_result result = rush_check(rush, PATIENCE_MS);

	ck_assert_int_eq(result.n_orders, N_ORDERS);
	ck_assert_int_eq(result.n_dead_letters, 0);
	ck_assert_int_eq(result.n_starts, N_ORDERS);
}

/* Rows that come through between two cuts: more than two batches hold. */
#define ROWS_A_CUT 100

START_TEST(sessions_that_are_cut_again_and_again_cost_nothing)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct buf database = { 0 };
		int64_t n_cut = 0;
		struct rush rush;

		start_workers(world, "BATCH_MAX=20");
		rush_open(&rush, world, &some_orders, true);
		world_wait_all_ready(world);
		db_text(world->db, &database,
			"SELECT current_database()::text");
		gate_build(world, "orders");
		gate_shut(world, "orders");
		rush_start(&rush);
		for (int i = 0; i < N_CUTS; i++) {
			/* Each time somebody stands in a transaction. */
			gate_let(world, "orders", ROWS_A_CUT);
			gate_wait(world, "orders");
			n_cut += db_i64(world->db, CUT, database.p);
		}
		gate_open(world, "orders");
		suite_note("%" PRId64 " sessions were cut", n_cut);
		ck_assert_int_ge(n_cut, N_CUTS);
		buf_deinit(&database);
		expect_all_done(&rush);
	}
END_TEST

/* Each of them says so. */
static bool none_is_ready(void *arg)
{
	const struct world *world = arg;

	for (const struct program *p = world->programs; p; p = p->next)
		if ((!strncmp(p->name, "chillybin", 9) ||
		     !strncmp(p->name, "jafflr", 6)) &&
		    !program_unready_now(p))
			return false;
	return true;
}

START_TEST(while_the_database_is_away_workers_hold_and_orders_are_accepted)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(db_freep) struct db *admin = NULL;
		struct program *storefront =
			world_start(world, "storefront", NULL);
		struct buf database = { 0 };
		char id[37];
		struct rush rush;
		int64_t back_ms;

		start_workers(world, NULL);
		rush_open(&rush, world, &some_orders, true);
		world_wait_all_ready(world);
		admin = db_new(getenv("DATABASE_URL"), NULL);
		db_text(world->db, &database,
			"SELECT current_database()::text");
		rush_start(&rush);
		rush_wait_decided(&rush, 1000, PATIENCE_MS);
		(void)db_query(admin,
			       "ALTER DATABASE %s ALLOW_CONNECTIONS false",
			       database.p);
		(void)db_query(admin, CUT, database.p);
		ck_assert_msg(
			until(PATIENCE_MS, none_is_ready, world),
			"a worker says that it is ready without a database");
		shop_order(storefront,
			   "{\"stall\":\"stall-1\",\"items\":[{\"ingredient\":"
			   "\"bread\",\"quantity\":1}]}",
			   NULL, id);
		rush_wait_sent(&rush);
		(void)db_query(admin,
			       "ALTER DATABASE %s ALLOW_CONNECTIONS true",
			       database.p);
		back_ms = clock_now_ms();
		rush_wait_decided(&rush, N_ORDERS + 1, PATIENCE_MS);
		suite_note("all was decided %" PRId64 " ms after it was back",
			   since_ms(back_ms));
		buf_deinit(&database);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_dead_letters,
				 0);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		sessions_that_are_cut_again_and_again_cost_nothing,
		while_the_database_is_away_workers_hold_and_orders_are_accepted,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
