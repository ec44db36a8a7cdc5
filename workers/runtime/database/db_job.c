/* SPDX-License-Identifier: MIT */
/* Database jobs: statements, and what their results mean to the engine. */
#include "workers/runtime/database/db_job.h"

#include <stdio.h>
#include <string.h>

/* Rows of workers that fell silent an hour ago go. A row that is lost in a
 * crash is written again, so the commit is not waited for. */
static const struct pg_statement write_heartbeat = {
	"write_heartbeat",
	"WITH hasty AS MATERIALIZED"
	" (SELECT set_config('synchronous_commit', 'off', true)),"
	" old AS (DELETE FROM heartbeats"
	" WHERE at < clock_timestamp() - interval '1 hour' AND holder <> $1)"
	" INSERT INTO heartbeats AS h (holder, service, colour,"
	" version, schema, started_at, at, ready, reason, troubles, counters,"
	" instance, partitions, lag)"
	" SELECT $1, $2, $3, $4, $5, $6, clock_timestamp(), $7::text IS NULL, "
	"$7, $8, $9, $10, $11, $12"
	" FROM hasty ON CONFLICT (holder) DO UPDATE SET at = excluded.at,"
	" ready = excluded.ready, reason = excluded.reason,"
	" troubles = excluded.troubles, counters = excluded.counters,"
	" partitions = excluded.partitions, lag = excluded.lag",
	12,
};

static const struct pg_statement remove_heartbeat = {
	"remove_heartbeat",
	"DELETE FROM heartbeats WHERE holder = $1",
	1,
};

/* @r: of positions_acquire() or positions_refresh(). */
static int positions_outcome(struct db_job_args *args, struct session *session,
			     int r)
{
	int outcome = session_outcome(session, r, args->error);

	if (outcome != SESSION_E_BACKOFF)
		return outcome;
	if (r == POSITIONS_E_UNLIKE)
		(void)str_copy(args->error, sizeof(args->error),
			       "lanes and positions name different rows");
	else if (r == POSITIONS_E_TOO_MANY)
		(void)snprintf(args->error, sizeof(args->error),
			       "the service has more than %d lanes",
			       (int)LANES_MAX);
	return outcome;
}

static int job_connect(void *arg, struct session *session)
{
	struct db_job_args *args = arg;

	return session_open(session, &args->session, args->error);
}

static int job_acquire(void *arg, struct session *session)
{
	struct db_job_args *args = arg;

	return positions_outcome(
		args, session,
		positions_acquire(session->work, args->identity, args->keys,
				  args->n_keys, &args->positions));
}

static int job_refresh(void *arg, struct session *session)
{
	struct db_job_args *args = arg;

	session_mend_watch(session, &args->session);
	return positions_outcome(
		args, session,
		positions_refresh(session->work, args->identity, args->keys,
				  args->n_keys, &args->positions));
}

static int job_batch(void *arg, struct session *session)
{
	struct db_job_args *args = arg;

	return transaction_run(&args->transaction, session, args->error);
}

static struct held_positions held_by(const struct db_job_args *args)
{
	return (struct held_positions){ args->identity, args->held,
					args->n_held };
}

static int job_task(void *arg, struct session *session)
{
	struct db_job_args *args = arg;
	struct held_positions positions = held_by(args);
	struct worker_assignments held = { .lanes = args->lanes,
					   .positions = &positions };
	int r;

	for (size_t i = 0; i < args->n_held; i++)
		held.partitions[args->held[i].topic]
			       [args->held[i].lane_index] |=
			INT64_C(1) << args->held[i].partition;
	r = args->ops->task->run(args->arg, session->work, &held);
	r = session_outcome(session, r, args->error);
	if (r && r != SESSION_E_LOST) {
		(void)pg_add(session->work, &pg_rollback, NULL);
		if (pg_run(session->work, SESSION_TIMEOUT_MS))
			r = SESSION_E_LOST;
	}
	return r;
}

static int job_emit(void *arg, struct session *session)
{
	struct db_job_args *args = arg;
	struct held_positions held = held_by(args);

	return session_outcome(session, positions_emit(session->work, &held),
			       args->error);
}

static int job_survey(void *arg, struct session *session)
{
	struct db_job_args *args = arg;

	return session_outcome(session,
			       args->ops->survey(args->arg, session->work),
			       args->error);
}

static void put(struct pg_args *args, const char *word)
{
	pg_put_bytes(pg_arg(args), word, strlen(word));
}

static int job_heartbeat(void *arg, struct session *session)
{
	struct db_job_args *args = arg;
	const struct heartbeat *heartbeat = &args->heartbeat;
	struct pg_args values = { 0 };
	int r;

	put(&values, args->identity->holder);
	put(&values, args->identity->service);
	put(&values, args->identity->colour);
	put(&values, heartbeat->version);
	put(&values, heartbeat->schema);
	pg_put_wall_ms(pg_arg(&values), heartbeat->started_at_ms);
	pg_put_text(pg_arg(&values), heartbeat->reason,
		    strlen(heartbeat->reason));
	pg_put_jsonb(pg_arg(&values), heartbeat->troubles.p,
		     heartbeat->troubles.n);
	pg_put_jsonb(pg_arg(&values), heartbeat->counters.p,
		     heartbeat->counters.n);
	pg_put_text(pg_arg(&values), heartbeat->instance,
		    strlen(heartbeat->instance));
	pg_put_i32(pg_arg(&values), (int32_t)heartbeat->n_partitions);
	pg_put_i64(pg_arg(&values), heartbeat->lag);
	(void)pg_add(session->work, &write_heartbeat, &values);
	r = pg_run(session->work, SESSION_TIMEOUT_MS);
	pg_args_deinit(&values);
	return session_outcome(session, r, args->error);
}

static int job_release(void *arg, struct session *session)
{
	struct db_job_args *args = arg;
	struct held_positions held = held_by(args);
	struct pg_args values = { 0 };

	if (args->leaving) {
		put(&values, args->identity->holder);
		(void)pg_add(session->work, &remove_heartbeat, &values);
		(void)pg_run(session->work, SESSION_TIMEOUT_MS);
		pg_args_deinit(&values);
	}
	return session_outcome(session, positions_release(session->work, &held),
			       args->error);
}

const work_fn db_job_fns[N_DB_JOBS] = {
	[DB_JOB_CONNECT] = job_connect, [DB_JOB_ACQUIRE] = job_acquire,
	[DB_JOB_BATCH] = job_batch,     [DB_JOB_TASK] = job_task,
	[DB_JOB_EMIT] = job_emit,       [DB_JOB_REFRESH] = job_refresh,
	[DB_JOB_SURVEY] = job_survey,   [DB_JOB_HEARTBEAT] = job_heartbeat,
	[DB_JOB_RELEASE] = job_release,
};
