/* SPDX-License-Identifier: MIT */
/*
 * Engine: the poll thread's loop.
 *
 * Each turn hears delivery reports, ends the job that the database thread has
 * finished, fills the open batch, and gives that thread its next job
 * (engine_jobs.c).
 */
#include "workers/runtime/engine/engine.h"

#include <malloc.h>

#include "infra/lib/clock.h"

#define PAUSE_AFTER_MS 500
#define MIRROR_EVERY_MS 500
/* Now and then also what has not moved: it may not have arrived. */
#define MIRROR_ALL_EVERY 30
#define GIVE_BACK_MS 1000
#define REVOKE_JOB_MS 5000
#define REVOKE_WAIT_MS 1000

/* ---- what the group says ---- */

void engine_assigned(void *arg, const struct kafka_partition *partitions,
		     size_t n)
{
	struct engine *engine = arg;

	if (!engine->batches)
		return; /* it is closed before all of it was open */
	assignments_given(engine->assignments, partitions, n);
}

void engine_revoked(void *arg, const struct kafka_partition *partitions,
		    size_t n, bool lost)
{
	/* A worker that leaves has had its time for both. */
	struct engine *engine = arg;
	int64_t job_ms = engine->over ? 0 : REVOKE_JOB_MS;
	int64_t wait_ms = engine->over ? 0 : REVOKE_WAIT_MS;

	(void)partitions;
	if (!engine->batches)
		return;
	log_info("REVOKED", "%zu partitions%s", n, lost ? ", lost" : "");
	if (engine_finish_job(engine, job_ms) && !lost)
		engine_release(engine, wait_ms);
	batches_drop_all(engine->batches);
	assignments_revoked(engine->assignments);
	engine_assignments_changed(engine);
}

/* ---- the loop ---- */

static void drain_turn(struct engine *engine)
{
	int64_t left_ms = engine->drain_until_ms - clock_now_ms();

	batches_publish(engine->batches);
	if (engine->job != DB_JOB_NONE && left_ms > 0)
		return;
	if (engine->job == DB_JOB_NONE && left_ms > RELEASE_JOB_MS &&
	    (publisher_waiting(engine->publisher) ||
	     batches_unpublished(engine->batches)))
		return;
	if (engine->job == DB_JOB_NONE)
		engine_release(engine, 0);
	engine->result = left_ms > 0 ? 0 : -1;
	engine->over = true;
}

/* Facts that wait for a moment are no reason to fetch everything again. */
static bool facts_wait_long(struct engine *engine)
{
	bool paused = assignments_paused(engine->assignments);

	/* Half of them gone is few enough. */
	if (!batches_facts_above(engine->batches, paused ? 2 : 1))
		engine->full_since_ms = 0;
	else if (!engine->full_since_ms)
		engine->full_since_ms = clock_now_ms();
	return engine->full_since_ms &&
	       clock_now_ms() - engine->full_since_ms > PAUSE_AFTER_MS;
}

/* A worker that has enough in hand keeps its membership and polls on with
 * its partitions paused, until it has done some of it. */
static void pause_if_enough(struct engine *engine)
{
	const struct worker_task *task = engine->ops->task;
	bool enough = facts_wait_long(engine);

	enough = enough || batches_too_far(engine->batches) ||
		 (task && task->enough(engine->arg));
	if (engine->backoff.on)
		return;
	if (enough)
		assignments_pause(engine->assignments);
	else
		assignments_continue(engine->assignments);
}

static void mirror(struct engine *engine)
{
	if (clock_now_ms() < engine->mirror_at_ms)
		return;
	assignments_mirror(engine->assignments,
			   engine->n_mirrors++ % MIRROR_ALL_EVERY == 0);
	engine->mirror_at_ms = clock_now_ms() + MIRROR_EVERY_MS;
}

/* What a drain has freed stays with malloc unless it is trimmed. */
static void give_memory_back(struct engine *engine)
{
	if (!batches_idle(engine->batches)) {
		engine->busy_at_ms = clock_now_ms();
	} else if (engine->busy_at_ms &&
		   clock_now_ms() - engine->busy_at_ms > GIVE_BACK_MS) {
		(void)malloc_trim(0);
		engine->busy_at_ms = 0;
	}
}

static void work_turn(struct engine *engine)
{
	if (engine->ops->task)
		engine->ops->task->turn(engine->arg, clock_now_ms());
	/* What is ready goes to the database first, so that it has something
	 * to do while facts are sent and records read. */
	engine_start_job(engine);
	batches_publish(engine->batches);
	assignments_turn(engine->assignments);
	batches_read(engine->batches);
	if (assignments_level(engine->assignments))
		engine_assignments_changed(engine);
	/* By now it is known how large records are. */
	pause_if_enough(engine);
	give_memory_back(engine);
	if (kafka_in_fatal(engine->in)) {
		/* Another process is this member, say. We cannot mend that;
		 * the worker that takes over finds everything. */
		engine->result = -1;
		engine->over = true;
		return;
	}
	engine_start_job(engine);
	mirror(engine);
}

static void turn(struct engine *engine)
{
	int r;

	engine_poll_deliveries(engine);
	if (engine->job != DB_JOB_NONE && work_wait(engine->work, 0, &r))
		engine_end_job(engine, r);
	if (engine->connected && assignments_joined(engine->assignments))
		engine->started = true;
	if (work_notified(engine->work))
		engine->refresh_at_ms = clock_now_ms();
	if (engine->draining)
		drain_turn(engine);
	else
		work_turn(engine);
	/* All facts of a batch were sent, or as many as may wait. */
	publisher_push(engine->publisher);
}

/* How long the loop waits for something to happen. */
static int64_t turn_ms(const struct engine *engine)
{
	const struct worker_task *task = engine->ops->task;
	int64_t left_ms = clock_left_ms(batches_wake_at_ms(engine->batches));

	/* A worker that leaves gives its task no turns. */
	if (task && !engine->draining &&
	    clock_left_ms(task->wake_at_ms(engine->arg)) < left_ms)
		left_ms = clock_left_ms(task->wake_at_ms(engine->arg));
	return left_ms < TURN_MS ? left_ms : TURN_MS;
}

void engine_drain(void *arg)
{
	struct engine *engine = arg;

	if (engine->draining)
		return;
	log_info("DRAIN", "finishing what is in hand, then leaving");
	engine->draining = true;
	engine->drain_until_ms = clock_now_ms() + engine->conf->drain_ms;
	loop_wake(engine->loop);
}

int worker_run(const struct worker_ops *ops, void *arg,
	       const struct runtime_conf *conf)
{
	struct engine *engine;
	int r;

	r = engine_open(&engine, ops, arg, conf);
	if (r)
		return r;
	while (!engine->over) {
		turn(engine);
		if (!engine->over)
			loop_wait(engine->loop, turn_ms(engine));
	}
	r = engine->result;
	engine_close(engine);
	log_info("LEFT", "%s", r ? "time ran out" : "drained");
	return r;
}
