/* SPDX-License-Identifier: MIT */
/*
 * Programs under an agent: a worker that is killed is back in a moment, with
 * the partitions that it had; an agent that is killed is replaced and nobody
 * notices; a version that crashes goes back by itself. Orders come in all the
 * time.
 *
 *	AGENT_KILLS=5	how many kills the gap is measured over
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/agent.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define KILLS_DEFAULT 5
#define RATE 300

static void deploy_all(struct world *world, const char *instances)
{
	static const char *const services[] = { "chillybin", "jafflr",
						"tally" };

	for (int i = 0; i < N_ROWS(services); i++)
		world_finish(agent_deploy(world, services[i], "blue", NULL,
					  instances),
			     PATIENCE_MS);
}

static void kill_process(int64_t pid)
{
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
}

/* Kills it, and waits until another process is ready in its place. */
static void kill_worker(struct world *world, const char *service, int number)
{
	int64_t pid = agent_pid(world, service, "blue", number);

	kill_process(pid);
	db_wait(world->db, 1,
		"control.instances WHERE service = '%s' AND slot = %d AND pid "
		"<> %" PRId64 " AND state = 'ready'",
		service, number, pid);
}

WORLD_TEST(workers_and_the_agent_are_killed_under_load_and_nothing_is_lost)
{
	struct program *agent = agent_start(
		world, "GROUP_SESSION_TIMEOUT_MS=10000", QUICK_GRILL);
	int64_t others[2];
	struct rush rush;

	deploy_all(world, "2");
	rush_open(&rush, world,
		  &(struct rush_params){
			  .n_orders = 6000, .n_waves = 3, .rate = 1500 });
	rush_start(&rush);
	kill_worker(world, "chillybin", 1);
	kill_worker(world, "jafflr", 2);
	rush_start(&rush);
	others[0] = agent_pid(world, "chillybin", "blue", 1);
	others[1] = agent_pid(world, "jafflr", "blue", 1);
	program_kill(agent);
	/* One ends while there is no agent. */
	kill_process(agent_pid(world, "chillybin", "blue", 2));
	program_start(agent);
	db_wait(world->db, 1,
		"control.instances WHERE service = 'chillybin' AND slot = 2 "
		"AND restarts > 0 AND state = 'ready'");
	rush_start(&rush);
	kill_worker(world, "tally", 1);
	ck_assert_int_eq(agent_pid(world, "chillybin", "blue", 1), others[0]);
	ck_assert_int_eq(agent_pid(world, "jafflr", "blue", 1), others[1]);
	ck_assert_int_eq(rush_check(&rush).n_orders, 6000);
}

/* The group hears nothing of it: each is back before it is missed. */
WORLD_TEST(a_restart_replaces_one_at_a_time_under_load_and_nothing_is_lost)
{
	int64_t begin_ms;
	struct rush rush;

	(void)agent_start(world, "GROUP_SESSION_TIMEOUT_MS=30000", QUICK_GRILL);
	deploy_all(world, "2");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 6000, .rate = 300 });
	rush_start(&rush);
	rush_wait_decided(&rush, 300);
	begin_ms = clock_now_ms();
	world_run(world, "overlord-restart", "restart", "chillybin", "--wait",
		  "--execute");
	suite_note("two were replaced within %" PRId64 " ms",
		   since_ms(begin_ms));
	db_expect(world->db, 2,
		  "control.instances WHERE service = 'chillybin' AND "
		  "generation = 1 AND restarts = 0 AND state = 'ready'");
	db_wait(world->db, 2,
		"control.heartbeats WHERE service = 'chillybin' AND "
		"partitions = 18");
	ck_assert_int_eq(rush_check(&rush).n_orders, 6000);
}

WORLD_TEST(a_version_that_crashes_on_orders_goes_back_by_itself)
{
	char dir[PROGRAM_PATH_MAX], program[PROGRAM_PATH_MAX + 16];
	struct program *bad;
	struct rush rush;
	FILE *file;

	(void)agent_start(world, "GROUP_SESSION_TIMEOUT_MS=10000", QUICK_GRILL);
	deploy_all(world, "2");
	rush_open(&rush, world,
		  &(struct rush_params){
			  .n_orders = 4000, .n_waves = 2, .rate = 1000 });
	db_wait(world->db, 3, "control.deployments WHERE good IS NOT NULL");
	rush_start(&rush);
	world_path(world, "bad", dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	(void)snprintf(program, sizeof(program), "%s/chillybin", dir);
	file = fopen(program, "we");
	ck_assert_ptr_nonnull(file);
	(void)fprintf(file, "#!/bin/sh\n[ \"$1\" = --version ] && echo bad "
			    "&& exit\nexit 3\n");
	(void)fclose(file);
	ck_assert_int_eq(chmod(program, 0755), 0);
	bad = agent_deploy(world, "chillybin", "blue", dir, "2");
	program_start(bad);
	ck_assert_int_eq(program_wait(bad, PATIENCE_MS), 1);
	ck_assert_int_gt(program_said(bad, "it is back at version"), 0);
	rush_start(&rush);
	db_wait(world->db, 2,
		"control.instances i JOIN control.deployments d USING "
		"(service, colour) WHERE service = 'chillybin' AND state = "
		"'ready' AND i.digest = d.digest AND d.digest = "
		"d.good->>'digest'");
	ck_assert_int_eq(rush_check(&rush).n_orders, 4000);
}

/* The group would wait for it for a minute. */
WORLD_TEST(a_worker_that_goes_for_good_leaves_its_partitions_at_once)
{
	int64_t begin_ms;

	(void)agent_start(world, "GROUP_SESSION_TIMEOUT_MS=120000",
			  QUICK_GRILL);
	world_finish(agent_deploy(world, "chillybin", "blue", NULL, "2"),
		     PATIENCE_MS);
	db_wait(world->db, 2,
		"control.heartbeats WHERE instance IS NOT NULL AND partitions "
		"= 18");
	begin_ms = clock_now_ms();
	world_run(world, "overlord-scale", "scale", "chillybin", "1", "--wait",
		  "--execute");
	db_wait_within(world->db, 60000, 1,
		       "control.heartbeats WHERE partitions = 36");
	suite_note("its partitions were another's after %" PRId64 " ms",
		   since_ms(begin_ms));
	world_run(world, "overlord-scale", "scale", "chillybin", "13", "--wait",
		  "--execute");
	/* One has nothing, and is ready. */
	db_wait(world->db, 1,
		"control.heartbeats WHERE partitions = 0 AND ready");
}

/* ---- the gap ---- */

static int n_kills(void)
{
	const char *text = getenv("AGENT_KILLS");
	int64_t n = KILLS_DEFAULT;

	if (text)
		(void)str_to_i64(&n, text, 1, 10000);
	return (int)n;
}

/* The longest time around the kill in which no order was decided: a batch that
 * was in hand may be decided yet. */
static int64_t gap_at(struct world *world, int64_t killed_at_ms)
{
	return db_i64(world->db,
		      "SELECT (max(extract(epoch FROM gap)) * 1000)::bigint "
		      "FROM (SELECT decided_at - lag(decided_at) OVER (ORDER "
		      "BY decided_at) AS gap FROM orders WHERE decided_at > "
		      "to_timestamp(%" PRId64
		      " / 1000.0) - interval '0.5 s') g",
		      killed_at_ms);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The only chillybin has all partitions: each order waits for it. */
WORLD_TEST(a_worker_that_is_killed_decides_orders_again_in_a_moment)
{
	int n = n_kills();
	int64_t *gaps = xcalloc((size_t)n, sizeof(*gaps));
	int64_t killed_at_ms;
	struct rush rush;

	(void)agent_start(world, "GROUP_SESSION_TIMEOUT_MS=10000", QUICK_GRILL);
	world_finish(agent_deploy(world, "chillybin", "blue", NULL, "1"),
		     PATIENCE_MS);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = (int64_t)n * RATE * 10,
					 .rate = RATE,
					 .plain = true,
					 .no_grills = true });
	rush_start(&rush);
	for (int i = 0; i < n; i++) {
		db_wait(world->db, 1,
			"control.instances WHERE crashes = 0 AND state = "
			"'ready'");
		rush_wait_decided(&rush, db_i64(world->db, "orders") + RATE);
		killed_at_ms = clock_wall_ms();
		kill_worker(world, "chillybin", 1);
		rush_wait_decided(&rush, db_i64(world->db, "orders") + 1);
		gaps[i] = gap_at(world, killed_at_ms);
		ck_assert_int_gt(gaps[i], 0);
	}
	qsort(gaps, (size_t)n, sizeof(*gaps), by_size);
	suite_note("gap after kill -9, over %d kills: shortest %" PRId64
		   " ms, median %" PRId64 ", p99 %" PRId64 ", longest %" PRId64,
		   n, gaps[0], gaps[n / 2], gaps[(n * 99 + 99) / 100 - 1],
		   gaps[n - 1]);
	free(gaps);
	program_signal(rush.waves[0], SIGTERM);
	(void)program_wait(rush.waves[0], PATIENCE_MS);
	(void)check_world_with(world, &(struct check_params){
					      .records = { rush.stock_record,
							   rush.records[0] } });
}
