/* SPDX-License-Identifier: MIT */
/*
 * Sessions with the database are cut under load, again and again, or it is
 * away for a while: workers back off, no good order becomes a dead letter,
 * nothing is lost or doubled.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define N_ORDERS 8000
#define N_CUTS 20
/* Rows that come through between two cuts: more than two batches hold. */
#define ROWS_A_CUT 100

static const struct rush_params some_orders = { .n_orders = N_ORDERS,
						.rate = 2500 };

WORLD_TEST(sessions_that_are_cut_again_and_again_cost_nothing)
{
	int64_t n_cut = 0;
	struct rush rush;

	(void)rush_workers(world, 2, "BATCH_MAX=20");
	rush_open(&rush, world, &some_orders);
	gate_build(world, "orders");
	rush_start(&rush);
	for (int i = 0; i < N_CUTS; i++) {
		/* Each time a worker stands in a transaction. */
		gate_let(world, "orders", ROWS_A_CUT);
		gate_wait(world, "orders");
		n_cut += world_cut_sessions(world, "chillybin.");
		n_cut += world_cut_sessions(world, "jafflr.");
	}
	gate_open(world, "orders");
	suite_note("%" PRId64 " sessions were cut", n_cut);
	ck_assert_int_ge(n_cut, N_CUTS);
	ck_assert_int_eq(rush_check(&rush).n_starts, N_ORDERS);
}

/* While it is refused, no new session begins; the old ones are cut. */
static void refuse_sessions(struct db *admin, const char *database)
{
	(void)db_query(admin, "ALTER DATABASE %s ALLOW_CONNECTIONS false",
		       database);
	(void)db_query(admin,
		       "SELECT count(pg_terminate_backend(pid)) FROM "
		       "pg_stat_activity WHERE datname = '%s' AND "
		       "(application_name LIKE 'chillybin.%%' OR "
		       "application_name LIKE 'jafflr.%%')",
		       database);
}

WORLD_TEST(while_the_database_is_away_workers_wait_and_orders_are_accepted)
{
	CLEANUP(db_freep) struct db *admin = NULL;
	CLEANUP(cleanup_free) char *database = NULL;
	struct program *storefront = world_start(world, "storefront");
	struct rush rush;
	int64_t back_at_ms;
	char id[37];

	(void)rush_workers(world, 2, NULL);
	rush_open(&rush, world, &some_orders);
	admin = db_new(getenv("DATABASE_URL"), NULL);
	database = db_text(world->db, "SELECT current_database()::text");
	rush_start(&rush);
	rush_wait_decided(&rush, 1000);
	refuse_sessions(admin, database);
	for (struct program *p = world->programs; p; p = p->next)
		if (!strncmp(p->name, "chillybin", 9) ||
		    !strncmp(p->name, "jafflr", 6))
			(void)program_wait_unready(p, "");
	shop_order(storefront,
		   "{\"stall\":\"stall-1\",\"items\":[{\"ingredient\":"
		   "\"bread\",\"quantity\":1}]}",
		   NULL, id);
	rush_wait_sent(&rush);
	(void)db_query(admin, "ALTER DATABASE %s ALLOW_CONNECTIONS true",
		       database);
	back_at_ms = clock_now_ms();
	rush_wait_decided(&rush, N_ORDERS + 1);
	suite_note("all was decided %" PRId64 " ms after it was back",
		   since_ms(back_at_ms));
	(void)rush_check(&rush);
}
