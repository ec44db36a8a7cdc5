/* SPDX-License-Identifier: MIT */
/*
 * A canary that decides itself: a good version is promoted, and one that is
 * broken goes back, with a reason, while at most its share of the customers
 * was ever its own. Orders come in all the time, and what the broken one left
 * behind is decided by the other colour.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/agent.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 60000 /* more than any of them lasts */
#define RATE 400

static void open_shop(struct world *world, struct rush *rush,
		      const char *variant)
{
	(void)agent_start(world, "AGENT_CRASHES=1000");
	world_finish(agent_deploy(world, "chillybin", "blue", NULL, "1"),
		     PATIENCE_MS);
	world_finish(agent_deploy(world, "chillybin", "green",
				  variant ? agent_broken(variant) : NULL, "1"),
		     PATIENCE_MS);
	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .rate = RATE,
					 .plain = true,
					 .no_grills = true });
	rush_start(rush);
	rush_wait_decided(rush, RATE);
}

/* Until it has decided; gives its exit status. */
static int run_canary(struct world *world, struct program **ret)
{
	int64_t from_ms = clock_now_ms();
	int status;

	*ret = world_command(world, "overlord-canary", "canary", "chillybin",
			     "green", "--auto", "--steps", "5,50", "--window",
			     "4", "--execute");
	program_start(*ret);
	status = program_wait(*ret, PATIENCE_MS);
	suite_note("decided after %" PRId64 " ms", clock_now_ms() - from_ms);
	return status;
}

static void close_shop(struct rush *rush)
{
	program_signal(rush->waves[0], SIGTERM);
	(void)program_wait(rush->waves[0], PATIENCE_MS);
	world_settle(rush->world);
}

static int64_t n_lanes(struct world *world, const char *colour)
{
	return db_i64(world->db,
		      "control.lanes WHERE service = 'chillybin' AND ended_at "
		      "IS NULL AND colour = '%s'",
		      colour);
}

WORLD_TEST(a_good_version_is_promoted)
{
	struct program *canary;
	struct rush rush;

	open_shop(world, &rush, NULL);
	ck_assert_msg(run_canary(world, &canary) == 0, "see '%s'", canary->log);
	ck_assert_int_eq(program_said(canary, "it is promoted"), 1);
	ck_assert_int_eq(n_lanes(world, "blue"), 0);
	close_shop(&rush);
	(void)check_world_with(world, &(struct check_params){
					      .records = { rush.stock_record,
							   rush.records[0] } });
}

static const struct {
	const char *variant, *why;
	bool wrong; /* it decides wrongly, so that not all is as it must be */
} broken[] = {
	{ "chillybin_refuses_tenth", "refused orders", true },
	{ "chillybin_crashes", "stands still", false },
	{ "chillybin_slow", "slow records", false },
};

WORLD_CASES(a_broken_version_goes_back_by_itself, N_ROWS(broken))
{
	struct program *canary;
	struct rush rush;

	open_shop(world, &rush, broken[i].variant);
	ck_assert_msg(run_canary(world, &canary) == 1, "see '%s'", canary->log);
	ck_assert_msg(program_said(canary, broken[i].why) > 0, "see '%s'",
		      canary->log);
	ck_assert_int_eq(n_lanes(world, "green"), 0);
	/* It never had more than 5 % of 4096 buckets. */
	db_expect(world->db, 0,
		  "control.lanes WHERE kind = 'buckets' AND bucket_to > 205");
	db_expect(world->db, 1,
		  "control.audit WHERE after->>'verdict' = 'it went back'");
	close_shop(&rush);
	if (broken[i].wrong)
		suite_note("%" PRId64 " of %" PRId64 " orders were refused",
			   db_i64(world->db, "orders WHERE verdict = 'r'"),
			   db_i64(world->db, "orders"));
	else
		(void)check_world_with(
			world, &(struct check_params){
				       .records = { rush.stock_record,
						    rush.records[0] } });
}
