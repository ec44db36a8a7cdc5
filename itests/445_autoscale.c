/* SPDX-License-Identifier: MIT */
/*
 * The number of workers follows the lag: a burst adds workers, and they go when
 * it is done. When it is the database that is slow, more workers do not come.
 * Workers take 20 ms for an order here, or the database 10 ms.
 */
#include <inttypes.h>
#include <signal.h>

#include "itests/harness/agent.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 3000
#define RATE 120 /* one worker does 50 a second */
/* More than a slow database can do, for as long as three steps take. */
#define N_MANY 7000
#define RATE_OF_MANY 200
#define MOST 6
#define MOST_TEXT "6"

static struct program *open_shop(struct world *world, struct rush *rush,
				 const char *from, int64_t n, int64_t rate)
{
	struct program *scaler;

	(void)agent_start(world, NULL);
	world_finish(agent_deploy(world, "chillybin", "blue", from, "1"),
		     PATIENCE_MS);
	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = n,
					 .rate = rate,
					 .plain = true,
					 .no_grills = true });
	world_run(world, "overlord-on", "autoscale", "chillybin", "on",
		  "--most", MOST_TEXT, "--target", "2", "--execute");
	scaler = world_command(world, "overlord-scaler", "autoscaler",
			       "--settle", "3", "--calm", "5");
	program_start(scaler);
	return scaler;
}

static void wait_instances(struct world *world, int64_t n)
{
	db_wait(world->db, n,
		"SELECT instances::bigint FROM control.deployments WHERE "
		"service = 'chillybin'");
}

static int64_t most_instances(struct world *world)
{
	return db_i64(world->db,
		      "SELECT coalesce(max(after::text::bigint), 1) FROM "
		      "control.audit WHERE verb = 'autoscale' AND who = "
		      "'autoscaler'");
}

static void close_shop(struct rush *rush, struct program *scaler, int64_t n)
{
	program_signal(scaler, SIGKILL);
	(void)program_wait(scaler, PATIENCE_MS);
	ck_assert_int_eq(rush_check(rush).n_orders, n);
}

WORLD_TEST(a_burst_adds_workers_and_they_go_when_it_is_done)
{
	struct rush rush;
	struct program *scaler = open_shop(
		world, &rush, agent_broken("chillybin_slow"), N_ORDERS, RATE);

	rush_start(&rush);
	wait_instances(world, 3);
	world_settle(world);
	wait_instances(world, 1);
	ck_assert_int_ge(most_instances(world), 3);
	suite_note("at most %" PRId64 " workers", most_instances(world));
	close_shop(&rush, scaler, N_ORDERS);
}

/* One order at a time, by whichever worker. */
static const char slow_function[] =
	"CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ "
	"BEGIN PERFORM pg_advisory_xact_lock(1); PERFORM pg_sleep(0.01); "
	"RETURN NEW; END $$";
static const char slow_trigger[] =
	"CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW "
	"EXECUTE FUNCTION be_slow()";

WORLD_TEST(a_slow_database_does_not_drive_the_number_of_workers_up)
{
	struct rush rush;
	struct program *scaler =
		open_shop(world, &rush, NULL, N_MANY, RATE_OF_MANY);

	db_insist(world->db, slow_function);
	db_insist(world->db, slow_trigger);
	rush_start(&rush);
	/* A second worker may bring a little, while the first waits for the
	 * disk. */
	db_wait(world->db, 1,
		"SELECT count(*) FROM control.audit WHERE verb = 'autoscale' "
		"AND what->>'why' LIKE '%%more workers do not help'");
	ck_assert_int_lt(most_instances(world), MOST);
	db_insist(world->db, "DROP TRIGGER slow ON orders");
	close_shop(&rush, scaler, N_MANY);
}
