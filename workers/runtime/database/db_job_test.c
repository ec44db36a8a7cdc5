/* SPDX-License-Identifier: MIT */
/*
 * Database jobs: what others see of a worker by its heartbeat. And: a commit
 * that was not replicated has no known outcome, whichever job it was of. The
 * server waits for a standby that nobody has, and the wait is ended from
 * outside, as an impatient operator would.
 */
#include "workers/runtime/database/db_job.h"

#include "infra/lib/clock.h"
#include "workers/runtime/database/session_fixture.h"

static struct pg *other;
static struct db_job_args *args;
static int n_cancelled; /* waits for a standby */

static void setup(void)
{
	url = postgres_database();
	open_session();
	other = postgres_connect(url, "galore");
	args = xcalloc(1, sizeof(*args));
	args->identity = &one_topic;
	args->keys[0].partition = 1;
	args->n_keys = 1;
	args->heartbeat.version = "1";
	args->heartbeat.schema = "galore";
	args->heartbeat.instance = "chillybin.blue-1";
	args->heartbeat.n_partitions = 3;
	args->heartbeat.lag = 7;
	args->heartbeat.started_at_ms = clock_wall_ms();
	buf_text(&args->heartbeat.troubles, "[]");
	buf_text(&args->heartbeat.counters, "{\"orders_total\": 3}");
	n_cancelled = 0;
}

static int run(enum db_job job)
{
	return db_job_fns[job](args, &session);
}

static void wait_for_standby(const char *name)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
		       "ALTER SYSTEM SET synchronous_standby_names = '%s'",
		       name);
	postgres_exec(other, sql);
	postgres_exec(other, "SELECT pg_reload_conf()");
}

static void teardown(void)
{
	wait_for_standby("");
	session_close(&session);
	lanes_deinit(&args->positions.lanes);
	buf_deinit(&args->heartbeat.troubles);
	buf_deinit(&args->heartbeat.counters);
	free(args);
	other = pg_free(other);
}

static const struct pg_statement cancel = {
	"cancel",
	"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1"
	" AND wait_event = 'SyncRep'",
	1,
};

static void end_wait(void *arg, int backend_pid, int64_t waited_ms)
{
	struct pg_args with = { 0 };

	(void)arg;
	(void)waited_ms;
	pg_put_i32(pg_arg(&with), backend_pid);
	(void)pg_add(other, &cancel, &with);
	ck_assert_int_eq(pg_run(other, POSTGRES_TIMEOUT_MS), 0);
	n_cancelled += pg_n_rows(other, 0);
	pg_args_deinit(&with);
}

/* Until the server hears of the setting, it lets commits through. */
static void lose_the_standby(void)
{
	struct pg *writer = postgres_connect(url, "galore");

	wait_for_standby("nobody");
	pg_on_waiting(writer, 20, end_wait, NULL);
	CHECK_WITHIN(10000, n_cancelled > 0,
		     postgres_exec(writer, "UPDATE schema_migrations"
					   " SET dirty = dirty"));
	(void)pg_free(writer);
	n_cancelled = 0;
	pg_on_waiting(session.work, 20, end_wait, NULL);
}

static struct assigned_position taken(void)
{
	const struct position *row = &args->positions.rows[0];

	return (struct assigned_position){
		.partition = row->partition,
		.lane = "stable",
		.epoch = row->epoch,
		.next_offset = row->next_offset,
		.to_next = row->next_offset,
		.emitted = row->next_offset,
	};
}

static const struct pg_statement touch = {
	"touch",
	"UPDATE positions SET holder = 'task' WHERE service = 'chillybin'",
	0,
};

static int run_task(void *arg, struct pg *pg,
		    const struct worker_assignments *held)
{
	(void)arg;
	ck_assert_int_eq(held->partitions[0][0], 1 << 1);
	(void)pg_add(pg, &touch, NULL);
	return pg_run(pg, POSTGRES_TIMEOUT_MS);
}

static const enum db_job believed[] = { DB_JOB_ACQUIRE, DB_JOB_EMIT,
					DB_JOB_TASK };

START_TEST(what_was_not_replicated_is_not_believed_nor_is_the_next_job_blamed)
	{
		static const struct worker_task task = { .run = run_task };
		static const struct worker_ops ops = { .task = &task };

		args->ops = &ops;
		ck_assert_int_eq(run(DB_JOB_ACQUIRE), 0);
		args->held[0] = taken();
		args->n_held = 1;
		ck_assert_int_eq(run(believed[_i]), 0);
		lose_the_standby();
		ck_assert_int_eq(run(believed[_i]), SESSION_E_LOST);
		ck_assert_int_gt(n_cancelled, 0);
		ck_assert_str_eq(args->error, "a commit was not replicated");
		wait_for_standby("");
		ck_assert_int_eq(run(DB_JOB_REFRESH), 0);
	}
END_TEST

START_TEST(a_heartbeat_does_not_wait_for_a_standby)
	{
		lose_the_standby();
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
	}
END_TEST

static int64_t n_rows(const char *where)
{
	char from[256];

	(void)snprintf(from, sizeof(from), "control.heartbeats WHERE %s",
		       where);
	return postgres_count(url, from);
}

START_TEST(a_worker_says_in_one_row_that_it_is_ready_or_why_not_until_it_leaves)
	{
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
		ck_assert_int_eq(n_rows("holder = 'holder' AND ready"), 1);
		ck_assert_int_eq(n_rows("reason IS NULL AND troubles = '[]'"),
				 1);
		ck_assert_int_eq(n_rows("counters->>'orders_total' = '3'"), 1);
		ck_assert_int_eq(n_rows("instance = 'chillybin.blue-1' AND "
					"partitions = 3 AND lag = 7"),
				 1);
		ck_assert_int_eq(
			n_rows("at > clock_timestamp() - interval '9 s'"), 1);
		(void)str_copy(args->heartbeat.reason,
			       sizeof(args->heartbeat.reason), "it isn't");
		buf_reset(&args->heartbeat.troubles);
		buf_text(&args->heartbeat.troubles,
			 "[{\"topic\": \"orders\", \"partition\": 3}]");
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
		ck_assert_int_eq(n_rows("NOT ready AND reason = 'it isn''t'"),
				 1);
		ck_assert_int_eq(n_rows("(troubles->0->>'partition')::int = 3"),
				 1);
		args->leaving = true;
		ck_assert_int_eq(run(DB_JOB_RELEASE), 0);
		ck_assert_int_eq(n_rows("true"), 0);
	}
END_TEST

START_TEST(the_row_of_a_worker_that_died_goes_after_an_hour)
	{
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
		postgres_exec(other, "UPDATE control.heartbeats SET at = at -"
				     " interval '61 min', holder = 'dead'");
		ck_assert_int_eq(run(DB_JOB_HEARTBEAT), 0);
		ck_assert_int_eq(n_rows("holder = 'dead'"), 0);
		ck_assert_int_eq(n_rows("holder = 'holder'"), 1);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("db_job");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, what_was_not_replicated_is_not_believed_nor_is_the_next_job_blamed, 0, CHECK_N(believed));
	tcase_add_test(tcase, a_heartbeat_does_not_wait_for_a_standby);
	tcase_add_test(tcase, a_worker_says_in_one_row_that_it_is_ready_or_why_not_until_it_leaves);
	tcase_add_test(tcase, the_row_of_a_worker_that_died_goes_after_an_hour);
	return postgres_run(suite);
}
