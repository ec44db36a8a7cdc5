/* SPDX-License-Identifier: MIT */
/*
 * Engine jobs: which job the database thread gets next, what follows from its
 * end, and how the worker backs off.
 *
 * By urgency a job is a session, a take-over, a batch, a worker's task,
 * emitted_offset alone, a refresh of the positions. What a job works on is not
 * touched until it is done. Any doubt about what is ours has assignments taken
 * over anew; nothing is ever assumed about a commit of unknown outcome.
 *
 * The engine is what connects assignments and batches: it hands the results of
 * jobs to the one, and has the other drop what came into doubt by that.
 */
#include <string.h>

#include "infra/lib/clock.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/engine/engine.h"

#define REFRESH_EVERY_MS 1000
#define EMIT_AFTER_MS 50
/* So long batches may go before it; each brings its own partitions' along. */
#define EMIT_LATEST_MS 300
/* None has failed for so long since the last try: facts go out again. */
#define DELIVERED_AFTER_MS 5000
#define SURVEY_EVERY_MS 5000
#define HEARTBEAT_EVERY_MS 1000

/* ---- backing off ---- */

/* @job is what will be tried again, and ends the backoff when it is done. */
static void back_off(struct engine *engine, enum db_job job, const char *why)
{
	engine->backoff_of = job;
	if (backoff_begin(&engine->backoff, why, clock_now_ms()))
		log_warn("BACKOFF", "backing off: %s, will retry", why);
	counter_set(&runtime_counters.backoff, 1);
	assignments_pause(engine->assignments);
}

/* The pause after a failed delivery stays, whatever job was in hand then. */
static void go_on(struct engine *engine)
{
	int64_t now_ms = clock_now_ms();

	if (!engine->backoff.on || !backoff_over(&engine->deliveries, now_ms))
		return;
	log_info("BACKOFF-ENDED", "going on after %lld ms",
		 (long long)(now_ms - engine->backoff.since_ms));
	backoff_end(&engine->backoff);
	counter_set(&runtime_counters.backoff, 0);
	assignments_continue(engine->assignments);
}

void engine_assignments_changed(struct engine *engine)
{
	batches_drop_lost(engine->batches);
	if (engine->ops->task)
		engine->ops->task->changed(engine->arg);
}

/* Nothing that was done or known over this connection may be trusted. */
static void session_lost(struct engine *engine, const char *why)
{
	if (engine->connected)
		counter_add(&runtime_counters.lost_sessions, 1);
	engine->connected = false;
	assignments_doubt_all(engine->assignments);
	engine_assignments_changed(engine);
	back_off(engine, DB_JOB_CONNECT, why);
}

/* What is refused once may be refused again, and everything is published anew
 * each time: so the pauses grow, whatever else goes well between them. */
static void deliveries_lost(struct engine *engine)
{
	const char *why = publisher_trouble(engine->publisher);

	(void)backoff_begin(&engine->deliveries, why, clock_now_ms());
	assignments_doubt_all(engine->assignments);
	batches_drop_unpublished(engine->batches);
	engine_assignments_changed(engine);
	back_off(engine, DB_JOB_ACQUIRE, why);
	if (engine->backoff.until_ms < engine->deliveries.until_ms)
		engine->backoff.until_ms = engine->deliveries.until_ms;
	if (publisher_reset(engine->publisher)) {
		engine->result = -1;
		engine->over = true;
	}
}

void engine_poll_deliveries(struct engine *engine)
{
	int64_t until_ms = engine->deliveries.until_ms;

	if (!publisher_poll(engine->publisher, 0))
		deliveries_lost(engine);
	else if (engine->deliveries.on &&
		 clock_now_ms() - until_ms > DELIVERED_AFTER_MS)
		backoff_end(&engine->deliveries);
}

/* ---- jobs: submitting, and what follows from their end ---- */

static void prepare_heartbeat(struct engine *engine)
{
	struct heartbeat *heartbeat = &engine->args->heartbeat;
	const char *reason = engine_not_ready(engine);

	(void)str_copy(heartbeat->reason, sizeof(heartbeat->reason),
		       reason ? reason : "");
	buf_reset(&heartbeat->troubles);
	assignments_troubles(engine->assignments, &heartbeat->troubles);
}

/* What the database thread works on from now on. */
static void prepare(struct engine *engine, enum db_job job)
{
	struct db_job_args *args = engine->args;

	args->error[0] = '\0';
	args->leaving = engine->draining;
	if (job == DB_JOB_TASK)
		engine->ops->task->begin(engine->arg);
	if (job == DB_JOB_HEARTBEAT)
		prepare_heartbeat(engine);
	if (job == DB_JOB_ACQUIRE || job == DB_JOB_REFRESH)
		args->n_keys = assignments_keys(
			engine->assignments, job == DB_JOB_ACQUIRE, args->keys);
	if (job == DB_JOB_TASK || job == DB_JOB_EMIT || job == DB_JOB_RELEASE)
		args->n_held =
			assignments_positions(engine->assignments, args->held);
}

static void submit(struct engine *engine, enum db_job job)
{
	prepare(engine, job);
	engine->job = job;
	engine->job_since_ms = clock_now_ms();
	work_submit(engine->work, db_job_fns[job], engine->args);
}

/* What the backoff waits for is not wanted any more, or a batch waits. */
static bool backoff_has_no_job(struct engine *engine)
{
	const struct worker_task *task = engine->ops->task;

	if (batches_retrying(engine->batches))
		return false;
	if (engine->backoff_of == DB_JOB_ACQUIRE)
		return !assignments_acquiring(engine->assignments);
	return engine->backoff_of != DB_JOB_TASK ||
	       !task->wanted(engine->arg, clock_now_ms());
}

static void written(struct engine *engine)
{
	assignments_written(engine->args->held, engine->args->n_held);
}

static void refreshed(struct engine *engine)
{
	engine->refresh_at_ms = clock_now_ms() + REFRESH_EVERY_MS;
	if (!assignments_refreshed(engine->assignments,
				   &engine->args->positions)) {
		counter_add(&runtime_counters.lost_rows, 1);
		engine_assignments_changed(engine);
	}
	if (backoff_has_no_job(engine))
		go_on(engine);
}

static void job_succeeded(struct engine *engine, enum db_job job)
{
	struct db_job_args *args = engine->args;

	switch (job) {
	case DB_JOB_CONNECT:
		engine->connected = true;
		engine->refresh_at_ms = clock_now_ms() + REFRESH_EVERY_MS;
		/* It ends when everything is taken over, if anything is. */
		if (assignments_acquiring(engine->assignments))
			backoff_retry(&engine->backoff);
		else
			go_on(engine);
		return;
	case DB_JOB_ACQUIRE:
		assignments_acquired(engine->assignments, args->keys,
				     args->n_keys, &args->positions);
		engine_assignments_changed(engine);
		go_on(engine);
		return;
	case DB_JOB_REFRESH:
		refreshed(engine);
		return;
	case DB_JOB_BATCH:
		batches_committed(engine->batches);
		break;
	case DB_JOB_EMIT:
		written(engine);
		break;
	case DB_JOB_RELEASE:
		written(engine);
		assignments_mirror(engine->assignments, false);
		return;
	case DB_JOB_SURVEY:
		engine->ops->surveyed(engine->arg);
		return;
	case DB_JOB_TASK:
		break;
	case DB_JOB_HEARTBEAT:
	case DB_JOB_NONE:
	case N_DB_JOBS:
		return;
	}
	if (engine->backoff_of == job)
		go_on(engine);
}

static void job_failed(struct engine *engine, enum db_job job, int r)
{
	const char *why = engine->args->error;

	if (job == DB_JOB_BATCH)
		batches_failed(engine->batches);
	/* What others are shown is nothing to back off for. */
	if ((job == DB_JOB_SURVEY || job == DB_JOB_HEARTBEAT) &&
	    r != SESSION_E_LOST) {
		log_warn("NOT-SHOWN", "%s, will retry", why);
		return;
	}
	switch (r) {
	case SESSION_E_LOST:
		session_lost(engine, why);
		return;
	case SESSION_E_FENCED:
		engine->refresh_now = true;
		return;
	case SESSION_E_BACKOFF:
		back_off(engine, job, why);
		return;
	default:
		abort();
	}
}

void engine_end_job(struct engine *engine, int r)
{
	enum db_job job = engine->job;

	engine->job = DB_JOB_NONE;
	if (job == DB_JOB_TASK)
		engine->ops->task->done(engine->arg, r, engine->publisher);
	if (r)
		job_failed(engine, job, r);
	else
		job_succeeded(engine, job);
}

bool engine_finish_job(struct engine *engine, int64_t timeout_ms)
{
	int r;

	if (engine->job == DB_JOB_NONE)
		return true;
	if (!work_wait(engine->work, timeout_ms, &r))
		return false;
	engine_end_job(engine, r);
	batches_publish(engine->batches);
	return true;
}

void engine_release(struct engine *engine, int64_t wait_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + wait_ms;

	while ((publisher_waiting(engine->publisher) ||
		batches_unpublished(engine->batches)) &&
	       clock_left_ms(deadline_at_ms) > 0) {
		/* The next owner would publish it again. */
		batches_publish(engine->batches);
		publisher_push(engine->publisher);
		if (!publisher_poll(engine->publisher, TURN_MS)) {
			deliveries_lost(engine);
			return;
		}
	}
	if (!engine->connected)
		return;
	submit(engine, DB_JOB_RELEASE);
	(void)engine_finish_job(engine, RELEASE_JOB_MS);
}

/* ---- choosing the next job ---- */

static bool survey_wanted(struct engine *engine, int64_t since_ms)
{
	if (!engine->ops->survey || engine->survey_at_ms > since_ms)
		return false;
	engine->survey_at_ms = clock_now_ms() + SURVEY_EVERY_MS;
	return true;
}

static enum db_job next_of_the_rest(struct engine *engine, int64_t now_ms)
{
	const struct worker_task *task = engine->ops->task;
	int64_t unwritten_ms =
		assignments_unwritten_ms(engine->assignments, now_ms);
	bool task_wanted = task && task->wanted(engine->arg, now_ms);

	/* Before all that may go on without a pause. */
	if (now_ms >= engine->refresh_at_ms)
		return DB_JOB_REFRESH;
	if (unwritten_ms > EMIT_LATEST_MS)
		return DB_JOB_EMIT;
	if (survey_wanted(engine, now_ms - SURVEY_EVERY_MS))
		return DB_JOB_SURVEY;
	if (task_wanted && engine->task_turn) {
		engine->task_turn = false;
		return DB_JOB_TASK;
	}
	engine->args->transaction.batch = batches_next(engine->batches);
	if (engine->args->transaction.batch) {
		engine->task_turn = true;
		return DB_JOB_BATCH;
	}
	if (task_wanted)
		return DB_JOB_TASK;
	if (unwritten_ms > EMIT_AFTER_MS)
		return DB_JOB_EMIT;
	return survey_wanted(engine, now_ms) ? DB_JOB_SURVEY : DB_JOB_NONE;
}

static enum db_job next_job(struct engine *engine)
{
	int64_t now_ms = clock_now_ms();

	/* A worker that backs off lives, and says why it is not ready. */
	if (engine->connected && now_ms >= engine->heartbeat_at_ms) {
		engine->heartbeat_at_ms = now_ms + HEARTBEAT_EVERY_MS;
		return DB_JOB_HEARTBEAT;
	}
	if (!backoff_over(&engine->backoff, now_ms))
		return DB_JOB_NONE;
	if (!engine->connected)
		return DB_JOB_CONNECT;
	if (engine->refresh_now) {
		engine->refresh_now = false;
		return DB_JOB_REFRESH;
	}
	if (!assignments_acquiring(engine->assignments))
		return next_of_the_rest(engine, now_ms);
	if (!assignments_confirm(engine->assignments))
		return DB_JOB_ACQUIRE;
	back_off(engine, DB_JOB_ACQUIRE,
		 "membership in the group is not confirmed");
	return DB_JOB_NONE;
}

void engine_start_job(struct engine *engine)
{
	enum db_job job =
		engine->job == DB_JOB_NONE ? next_job(engine) : DB_JOB_NONE;

	if (job != DB_JOB_NONE)
		submit(engine, job);
}
