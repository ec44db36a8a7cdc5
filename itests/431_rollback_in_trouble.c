/* SPDX-License-Identifier: MIT */
/*
 * All lanes go back to blue by `overlord rollback`, though workers are dead or
 * hang in the middle of a batch, a session has locks in the way, or the
 * database is restarted meanwhile. What a worker had in hand that was stopped
 * and wakes it does not commit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/audit.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 3000
#define RATE 600
#define GROUP "GROUP_SESSION_TIMEOUT_MS=1500"
/* On a machine that does nothing else. */
#define PROMISED_MS 1000
#define TRIES 8

struct scene {
	struct world *world;
	struct rush rush;
	struct program *blue, *green;
	int n_verbs;
};

/* One worker of each colour, whose transactions are large. */
static void open_scene(struct scene *scene, struct world *world)
{
	*scene = (struct scene){ .world = world };
	scene->blue = world_start(world, "chillybin-blue", GROUP, "COLOUR=blue",
				  "BATCH_MAX=20000");
	scene->green = world_start(world, "chillybin-green", GROUP,
				   "COLOUR=green", "BATCH_MAX=20000");
	rush_open(&scene->rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .n_waves = 2,
					 .rate = RATE,
					 .plain = true,
					 .no_grills = true,
					 .late_facts = true });
	audit_begin(world);
}

static struct program *verb_of(struct scene *scene, const char *verb,
			       const char *colour)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "overlord-%d", ++scene->n_verbs);
	return world_command(scene->world, name, verb, "chillybin", "--execute",
			     "--no-wait", colour, "--force");
}

/* Gives the milliseconds. */
static int64_t run_verb(struct program *verb)
{
	int64_t start_ms = clock_now_ms();

	world_finish(verb, PATIENCE_MS);
	return since_ms(start_ms);
}

static void promote_green(struct scene *scene)
{
	(void)run_verb(verb_of(scene, "promote", "green"));
}

static struct program *roll_back(struct scene *scene)
{
	struct program *verb = verb_of(scene, "rollback", NULL);

	suite_note("%s: rolled back in %" PRId64 " ms", scene->world->name,
		   run_verb(verb));
	db_expect(scene->world->db, 0,
		  "positions WHERE service = 'chillybin' AND "
		  "colour NOT IN ('blue', '')");
	return verb;
}

/* Sent, decided and published, each by its holder. */
static void close_scene(struct scene *scene)
{
	(void)world_await(scene->blue);
	(void)world_await(scene->green);
	ck_assert_int_eq(rush_check(&scene->rush).n_orders, N_ORDERS);
	audit_check(scene->world);
}

/* ---- dead ---- */

static const struct {
	bool green;
	const char *said; /* by the verb */
} deaths[] = { { true, "blue" }, { false, "no worker of 'blue'" } };

WORLD_CASES(a_rollback_is_done_when_a_colour_is_dead, N_ROWS(deaths))
{
	int64_t ms, quickest_ms = INT64_MAX;
	struct program *dead, *verb;
	struct scene scene;

	open_scene(&scene, world);
	rush_start(&scene.rush);
	promote_green(&scene);
	rush_wait_decided(&scene.rush, N_ORDERS / 10);
	dead = deaths[i].green ? scene.green : scene.blue;
	program_kill(dead);
	if (!deaths[i].green)
		/* Its heartbeat is old then. */
		db_wait(world->db, 0,
			"control.heartbeats WHERE colour = 'blue' AND "
			"at > clock_timestamp() - interval '10 s'");
	for (int n = 0; n < TRIES && quickest_ms > PROMISED_MS; n++) {
		if (n)
			promote_green(&scene);
		verb = verb_of(&scene, "rollback", NULL);
		ms = run_verb(verb);
		ck_assert_int_gt(program_said(verb, deaths[i].said), 0);
		quickest_ms = ms < quickest_ms ? ms : quickest_ms;
	}
	suite_note("rolled back in %" PRId64 " ms with %s dead", quickest_ms,
		   deaths[i].green ? "green" : "blue");
	ck_assert_int_le(quickest_ms, PROMISED_MS);
	program_start(dead);
	close_scene(&scene);
}

/* ---- hung ---- */

/* Is the session of that worker in the middle of a transaction that goes on
 * only when the worker does? */
static bool is_in_copy(const struct scene *scene, const struct program *worker)
{
	gate_wait_passed(scene->world, worker->pid);
	return db_i64(scene->world->db,
		      "pg_stat_activity WHERE datname = current_database() AND "
		      "application_name LIKE '%%/%d/%%' AND query LIKE "
		      "'%%COPY%%' AND backend_xid IS NOT NULL AND "
		      "wait_event = 'ClientRead'",
		      (int)worker->pid) == 1;
}

/* A worker that is about to begin is stopped in the middle of a COPY. Orders
 * wait for it. A batch that is small is no COPY: then it is the next one. */
static void hang(struct scene *scene, struct program *worker)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	gate_build(scene->world, "orders");
	program_start(worker);
	for (;;) {
		/* The one that is let through is written. */
		gate_let(scene->world, "orders", 1);
		gate_wait_for(scene->world, worker);
		program_freeze(worker);
		gate_open(scene->world, "orders");
		if (is_in_copy(scene, worker))
			return;
		gate_shut(scene->world, "orders");
		program_thaw(worker);
		wait_more(deadline_at_ms, "%s makes no COPY", worker->name);
	}
}

WORLD_TEST(a_rollback_is_done_when_green_hangs_in_a_copy)
{
	struct scene scene;

	open_scene(&scene, world);
	promote_green(&scene);
	(void)program_stop(scene.green);
	rush_start(&scene.rush);
	rush_wait_sent(&scene.rush);
	hang(&scene, scene.green);
	(void)roll_back(&scene);
	rush_wait_decided(&scene.rush, N_ORDERS / 2);
	program_thaw(scene.green);
	close_scene(&scene);
}

WORLD_TEST(a_rollback_is_done_when_blue_hangs_in_a_copy)
{
	struct scene scene;

	open_scene(&scene, world);
	(void)program_stop(scene.blue);
	rush_start(&scene.rush);
	rush_wait_sent(&scene.rush);
	hang(&scene, scene.blue);
	promote_green(&scene);
	rush_wait_decided(&scene.rush, 1);
	(void)roll_back(&scene);
	program_thaw(scene.blue);
	rush_wait_decided(&scene.rush, N_ORDERS / 2);
	close_scene(&scene);
}

/* A session of somebody's, which changed a position and then fell silent. */
WORLD_TEST(a_rollback_ends_who_hangs_with_locks_and_names_it)
{
	CLEANUP(db_freep) struct db *silent = NULL;
	struct program *verb;
	struct scene scene;

	open_scene(&scene, world);
	promote_green(&scene);
	/* A worker with something to do would end it, too. */
	world_settle(world);
	silent = db_new(world->url, "galore");
	(void)db_query(silent, "BEGIN");
	(void)db_query(silent, "SELECT 1 FROM positions WHERE service = "
			       "'chillybin' AND partition = 3 FOR UPDATE");
	verb = roll_back(&scene);
	ck_assert_int_eq(program_said(verb, "it has been ended"), 1);
	close_scene(&scene);
}

/* ---- the database ---- */

/* A server of the test's own: others have nothing to do with its restart. It
 * ends with the test. */
static void own_postgres(const char *dir, const char *verb)
{
	char command[1024], options[64] = "";

	if (!strcmp(verb, "start"))
		(void)snprintf(options, sizeof(options),
			       "--test --watch-pid %d", (int)getpid());
	(void)snprintf(command, sizeof(command),
		       "infra/postgres/postgres.sh %s '%s' %s >>'%s.log' 2>&1",
		       verb, dir, options, dir);
	ck_assert_msg(!system(command), "'%s' failed", command);
}

static void use_postgres(const char *dir)
{
	static const char name[] = "DATABASE_URL=";
	CLEANUP(cleanup_free) char *text = NULL;
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/postgres.env", dir);
	text = file_text(path);
	ck_assert_msg(text && !strncmp(text, name, sizeof(name) - 1),
		      "'%s' has no address", path);
	text[strcspn(text, "\n")] = '\0';
	ck_assert_int_eq(setenv("DATABASE_URL", text + sizeof(name) - 1, 1), 0);
}

static void restart_in_the_middle(struct scene *scene, const char *dir)
{
	struct db *db = scene->world->db;
	struct program *verb = verb_of(scene, "rollback", NULL);
	int status;

	(void)db_query(db, "CREATE FUNCTION hold_audit() RETURNS trigger "
			   "LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); "
			   "RETURN NEW; END $$");
	(void)db_query(db, "CREATE TRIGGER hold BEFORE INSERT ON control.audit "
			   "FOR EACH ROW EXECUTE FUNCTION hold_audit()");
	program_start(verb);
	db_wait(db, 1,
		"pg_stat_activity WHERE datname = current_database() AND "
		"wait_event = 'PgSleep'");
	own_postgres(dir, "stop");
	own_postgres(dir, "start");
	status = program_wait(verb, PATIENCE_MS);
	ck_assert_msg(status == 1, "it ended with %d, it said '%s'", status,
		      verb->log);
	(void)db_free(db);
	scene->world->db = db = db_new(scene->world->url, "galore");
	(void)db_query(db, "DROP TRIGGER hold ON control.audit");
	/* Nothing of it was done, and all of it by the next one. */
	db_expect(db, 36,
		  "positions WHERE service = 'chillybin' AND colour = 'green'");
}

PLAIN_TEST(a_rollback_during_which_the_database_restarts_says_what_became_of_it)
{
	char dir[] = "/tmp/rollback-postgres.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0711), 0);
	own_postgres(dir, "start");
	use_postgres(dir);
	{
		CLEANUP(world_freep)
		struct world *world = world_new("rollback_and_restart", -1);
		struct scene scene;

		open_scene(&scene, world);
		rush_start(&scene.rush);
		promote_green(&scene);
		rush_wait_decided(&scene.rush, N_ORDERS / 10);
		restart_in_the_middle(&scene, dir);
		(void)roll_back(&scene);
		close_scene(&scene);
	}
	own_postgres(dir, "remove");
}
