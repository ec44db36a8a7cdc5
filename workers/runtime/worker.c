/* SPDX-License-Identifier: MIT */
/*
 * Worker: the poll thread's loop.
 *
 * Each turn hears delivery reports, ends the job that the database thread has
 * finished, fills the open batch, and gives that thread its next job: by
 * urgency a session, a take-over, a batch, a worker's task, emitted_offset
 * alone, a look at the epochs. What a job works on is not touched until it is
 * done. Any doubt about what is ours sends slots back to WANTED, and they are
 * taken over anew; nothing is ever assumed about a commit of unknown outcome.
 *
 * In hand are at most one batch at the database and one that is being filled.
 */
#include "workers/runtime/worker.h"

#include <string.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"
#include "workers/runtime/trouble.h"

#define TURN_MS 50
#define LOOK_EVERY_MS 1000
#define EMIT_AFTER_MS 50
/* So long batches may go before it; each brings its own partitions' along. */
#define EMIT_LATEST_MS 300
/* What they take in all, with their headers. */
#define FACTS_MAX_BYTES ((size_t)32 << 20)
#define PAUSE_AFTER_MS 500
#define MIRROR_EVERY_MS 500
/* None has failed for so long since the last try: facts go out again. */
#define DELIVERED_AFTER_MS 5000
/* Now and then also what has not moved: it may not have arrived. */
#define MIRROR_ALL_EVERY 30
#define FEWEST_RECORDS ((size_t)64)
/* So large is a record as long as none was seen. */
#define FIRST_RECORD_BYTES ((size_t)4 << 10)
#define RELEASE_JOB_MS 5000
#define SURVEY_EVERY_MS 5000
#define BEAT_EVERY_MS 1000

/* ---- holding ---- */

static uint32_t some_random(void)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return random;
}

/* @job is what will be tried again, and ends the hold when it is done. */
static void hold(struct worker *worker, enum job job, const char *why)
{
	worker->hold_of = job;
	if (hold_on(&worker->hold, why, clock_now_ms(), some_random()))
		log_warn("BACKOFF", "holding: %s, will retry", why);
	counter_set(&runtime_counters.holding, 1);
	reading_pause(worker);
}

/* The pause after a failed delivery stands, whatever was in hand then. */
static void go_on(struct worker *worker)
{
	if (!worker->hold.on || !hold_over(&worker->deliveries, clock_now_ms()))
		return;
	log_info("BACKOFF-ENDED", "going on after %lld ms of holding",
		 (long long)(clock_now_ms() - worker->hold.since_ms));
	hold_end(&worker->hold);
	counter_set(&runtime_counters.holding, 0);
	reading_continue(worker);
}

/* Nothing that was done or known over this connection may be trusted. */
static void session_lost(struct worker *worker, const char *why)
{
	if (worker->connected)
		counter_add(&runtime_counters.lost_sessions, 1);
	worker->connected = false;
	worker->retry = false;
	holdings_want_all(worker);
	batch_reset(worker->running);
	worker->committed = false;
	hold(worker, JOB_CONNECT, why);
}

/* What is refused once may be refused again, and everything is published anew
 * each time: so the pauses grow, whatever else goes well between them. */
static void deliveries_lost(struct worker *worker)
{
	const char *why = publisher_trouble(worker->publisher);
	int64_t now_ms = clock_now_ms();

	(void)hold_on(&worker->deliveries, why, now_ms, some_random());
	holdings_want_all(worker);
	tell_dropped(worker);
	hold(worker, JOB_TAKE, why);
	if (worker->hold.until_ms < worker->deliveries.until_ms)
		worker->hold.until_ms = worker->deliveries.until_ms;
	if (publisher_reset(worker->publisher)) {
		worker->result = -1;
		worker->over = true;
	}
}

/* ---- the end of a batch ---- */

static void expect_facts(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_records; i++)
		if (slot_held(batch->records[i].slot))
			publish_expect(&batch->records[i]);
		else
			batch->records[i].entry = EMITTED_NONE;
}

static void note_written(struct slot *slot, int64_t emitted)
{
	if (emitted <= slot->written)
		return;
	slot->written = emitted;
	slot->written_at_ms = clock_now_ms();
}

static void advance_slots(const struct batch *batch)
{
	for (size_t i = 0; i < batch->n_moves; i++) {
		const struct batch_move *move = &batch->moves[i];

		if (!slot_held(move->slot))
			continue;
		slot_row(move->slot, move->lane)->next_offset = move->to_next;
		note_written(move->slot, move->emitted);
	}
	for (size_t i = 0; i < batch->n_ranges; i++)
		if (slot_held(batch->ranges[i].slot))
			batch->ranges[i].slot->decided = batch->ranges[i].to;
}

/* So many records that the next transaction takes its time, not more. */
static void adapt_size(struct worker *worker, int64_t us)
{
	int64_t limit_us = worker->conf->batch_ms * 1000;
	size_t most = (size_t)worker->conf->batch_max;
	size_t n = worker->running->n_records;

	if (us > limit_us && n > FEWEST_RECORDS)
		worker->batch_max = n * (size_t)limit_us / (size_t)us;
	else if (n * 2 > worker->batch_max)
		worker->batch_max *= 2;
	if (worker->batch_max < FEWEST_RECORDS)
		worker->batch_max = FEWEST_RECORDS;
	if (worker->batch_max > most)
		worker->batch_max = most;
}

/* The batch that waits, committed, is told when the one before it is. */
static void tell_next(struct worker *worker)
{
	struct batch *batch = worker->running;

	if (!worker->committed || !batch_empty(worker->told))
		return;
	worker->running = worker->told;
	worker->told = batch;
	worker->committed = false;
}

/* The next batch may begin before the facts of this one are sent: what is
 * expected holds emitted_offset back. */
static void batch_done(struct worker *worker)
{
	int64_t us = clock_now_us() - worker->running->closed_at_us;
	struct batch *done = worker->running;

	counter_observe_us(&runtime_counters.process, us,
			   (int64_t)done->n_records);
	adapt_size(worker, us);
	expect_facts(done);
	advance_slots(done);
	tell_outcomes(worker, done);
	worker->committed = true;
	tell_next(worker);
	if (worker->hold_of == JOB_BATCH)
		go_on(worker);
}

/* Facts of the batches that are committed, one batch after the other. */
static void tell(struct worker *worker)
{
	tell_committed(worker);
	tell_next(worker);
	tell_committed(worker);
}

/* ---- jobs: submitting, and what follows from their end ---- */

static void close_batch(struct worker *worker)
{
	struct transaction *tx = &worker->args->transaction;
	struct batch *batch = worker->running;

	batch_close(batch, clock_wall_ms());
	batch->closed_at_us = clock_now_us();
	tx->batch = batch;
	tx->n_moves = batch->n_moves;
	for (size_t i = 0; i < batch->n_moves; i++) {
		const struct batch_move *move = &batch->moves[i];

		tx->moves[i] = (struct assigned_position){
			.topic = move->slot->topic,
			.partition = move->slot->partition,
			.lane = worker->lanes.lanes[move->lane].name,
			.epoch = move->epoch,
			.next_offset = move->from_next,
			.to_next = move->to_next,
			.emitted = move->emitted,
		};
	}
}

static void prepare_heartbeat(struct worker *worker)
{
	struct heartbeat *heartbeat = &worker->args->heartbeat;
	const char *reason = worker_not_ready(worker);

	(void)str_copy(heartbeat->reason, sizeof(heartbeat->reason),
		       reason ? reason : "");
	buf_reset(&heartbeat->troubles);
	trouble_json(worker, &heartbeat->troubles);
}

static work_fn prepare(struct worker *worker, enum job job)
{
	struct job_args *args = worker->args;

	switch (job) {
	case JOB_CONNECT:
		return job_connect;
	case JOB_TAKE:
		args->n_keys = holdings_keys(worker, SLOT_WANTED, args->keys);
		return job_take;
	case JOB_LOOK:
		args->n_keys = holdings_keys(worker, SLOT_TAKEN, args->keys);
		args->n_keys += holdings_keys(worker, SLOT_READING,
					      args->keys + args->n_keys);
		args->n_keys += holdings_keys(worker, SLOT_WARM,
					      args->keys + args->n_keys);
		return job_look;
	case JOB_BATCH:
		close_batch(worker);
		return job_batch;
	case JOB_TASK:
		worker->ops->task->begin(worker->arg);
		args->n_held = holdings_rows(worker, args->held);
		return job_task;
	case JOB_EMIT:
		args->n_held = holdings_rows(worker, args->held);
		return job_emit;
	case JOB_SURVEY:
		return job_survey;
	case JOB_BEAT:
		prepare_heartbeat(worker);
		return job_beat;
	case JOB_RELEASE:
		args->leaving = worker->draining;
		args->n_held = holdings_rows(worker, args->held);
		return job_release;
	case JOB_NONE:
		break;
	}
	abort();
}

void worker_submit(struct worker *worker, enum job job)
{
	work_fn fn = prepare(worker, job);

	worker->args->error[0] = '\0';
	worker->job = job;
	worker->job_since_ms = clock_now_ms();
	work_submit(worker->work, fn, worker->args);
}

static bool any_wanted(const struct worker *worker)
{
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (worker->slots[i].state == SLOT_WANTED)
			return true;
	return false;
}

/* What the hold waits for is not wanted any more, or a batch that waits. */
static bool hold_has_no_job(struct worker *worker)
{
	const struct worker_task *task = worker->ops->task;

	if (worker->retry)
		return false;
	if (worker->hold_of == JOB_TAKE)
		return !any_wanted(worker);
	return worker->hold_of != JOB_TASK ||
	       !task->wanted(worker->arg, clock_now_ms());
}

/* What a job has written is where emitted_offset stands. */
static void note_all_written(struct worker *worker)
{
	for (size_t i = 0; i < worker->args->n_held; i++) {
		const struct assigned_position *held = &worker->args->held[i];

		note_written(slot_of(worker, held->topic, held->partition),
			     held->emitted);
	}
}

static void job_succeeded(struct worker *worker, enum job job)
{
	switch (job) {
	case JOB_CONNECT:
		worker->connected = true;
		worker->look_at_ms = clock_now_ms() + LOOK_EVERY_MS;
		/* What is to be taken over first is held until then. */
		if (any_wanted(worker))
			hold_retry(&worker->hold);
		else
			go_on(worker);
		return;
	case JOB_TAKE:
		holdings_taken(worker, &worker->args->positions);
		go_on(worker);
		return;
	case JOB_BATCH:
		batch_done(worker);
		return;
	case JOB_LOOK:
		if (!holdings_compare(worker, &worker->args->positions))
			counter_add(&runtime_counters.lost_rows, 1);
		worker->look_at_ms = clock_now_ms() + LOOK_EVERY_MS;
		if (hold_has_no_job(worker))
			go_on(worker);
		return;
	case JOB_EMIT:
		note_all_written(worker);
		if (worker->hold_of == JOB_EMIT)
			go_on(worker);
		return;
	case JOB_TASK:
		if (worker->hold_of == JOB_TASK)
			go_on(worker);
		return;
	case JOB_SURVEY:
		worker->ops->surveyed(worker->arg);
		return;
	case JOB_RELEASE:
		note_all_written(worker);
		holdings_mirror(worker, false);
		return;
	case JOB_BEAT:
	case JOB_NONE:
		return;
	}
}

/* It is tried again without what was taken from us, or is in doubt. */
static void keep_for_retry(struct worker *worker)
{
	struct batch *batch = worker->running;

	for (size_t i = batch->n_ranges; i-- > 0;)
		if (!slot_held(batch->ranges[i].slot))
			batch_drop_slot(batch, batch->ranges[i].slot);
	worker->retry = true;
}

static void job_failed(struct worker *worker, enum job job, int r)
{
	if (job == JOB_BATCH)
		keep_for_retry(worker);
	/* What others are shown is nothing to hold for. */
	if ((job == JOB_SURVEY || job == JOB_BEAT) && r != TRANSACTION_E_LOST) {
		log_warn("NOT-SHOWN", "%s, will retry", worker->args->error);
		return;
	}
	switch (r) {
	case TRANSACTION_E_LOST:
		session_lost(worker, worker->args->error);
		return;
	case TRANSACTION_E_FENCED:
		worker->look_now = true;
		return;
	case TRANSACTION_E_HOLD:
		hold(worker, job, worker->args->error);
		return;
	default:
		abort();
	}
}

static void end_job(struct worker *worker, int r)
{
	enum job job = worker->job;

	worker->job = JOB_NONE;
	if (job == JOB_BATCH)
		worker->retry = false;
	if (job == JOB_TASK)
		worker->ops->task->done(worker->arg, r, worker->publisher);
	if (r)
		job_failed(worker, job, r);
	else
		job_succeeded(worker, job);
}

bool worker_finish_job(struct worker *worker, int64_t timeout_ms)
{
	int r;

	if (worker->job == JOB_NONE)
		return true;
	if (!work_wait(worker->work, timeout_ms, &r))
		return false;
	end_job(worker, r);
	tell(worker);
	return true;
}

void worker_release(struct worker *worker, int64_t wait_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + wait_ms;

	while (publisher_waiting(worker->publisher) &&
	       clock_left_ms(deadline_at_ms) > 0)
		if (!publisher_poll(worker->publisher, TURN_MS)) {
			deliveries_lost(worker);
			return;
		}
	if (!worker->connected)
		return;
	worker_submit(worker, JOB_RELEASE);
	(void)worker_finish_job(worker, RELEASE_JOB_MS);
}

/* ---- choosing the next job ---- */

/* For how long has a fact of it not been acknowledged, while it should be? */
static int64_t unacknowledged_ms(struct slot *slot, int64_t now_ms)
{
	int64_t emitted = slot_emitted(slot);

	if (!slot_held(slot) || emitted == slot->decided ||
	    emitted != slot->emitted_last) {
		slot->emitted_last = emitted;
		slot->emitted_at_ms = now_ms;
	}
	return now_ms - slot->emitted_at_ms;
}

/* For how long has emitted_offset of some partition been behind? */
static int64_t behind_ms(struct worker *worker, int64_t now_ms)
{
	int64_t longest_ms = 0;

	worker->unacknowledged_ms = 0;
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];
		int64_t ms = unacknowledged_ms(slot, now_ms);

		if (ms > worker->unacknowledged_ms)
			worker->unacknowledged_ms = ms;
		if (!slot_held(slot) || slot_emitted(slot) <= slot->written)
			slot->written_at_ms = now_ms;
		else if (now_ms - slot->written_at_ms > longest_ms)
			longest_ms = now_ms - slot->written_at_ms;
	}
	return longest_ms;
}

bool worker_facts_above(const struct worker *worker, size_t part)
{
	return publisher_waiting(worker->publisher) >
		       (size_t)worker->conf->facts_max / part ||
	       publisher_waiting_bytes(worker->publisher) >
		       FACTS_MAX_BYTES / part;
}

static bool batch_wanted(struct worker *worker)
{
	struct batch *batch;

	if (worker->committed || worker_facts_above(worker, 1))
		return false;
	if (worker->retry && !batch_empty(worker->running))
		return true;
	/* Perhaps all that it held is not ours any more. */
	worker->retry = false;
	batch_reset(worker->running);
	if (batch_empty(worker->open))
		return false;
	batch = worker->running;
	worker->running = worker->open;
	worker->open = batch;
	return true;
}

static bool task_wanted(struct worker *worker, int64_t now_ms)
{
	return worker->ops->task &&
	       worker->ops->task->wanted(worker->arg, now_ms);
}

static bool survey_wanted(struct worker *worker, int64_t since_ms)
{
	if (!worker->ops->survey || worker->survey_at_ms > since_ms)
		return false;
	worker->survey_at_ms = clock_now_ms() + SURVEY_EVERY_MS;
	return true;
}

static enum job next_of_the_rest(struct worker *worker, int64_t now_ms)
{
	int64_t unwritten_ms = behind_ms(worker, now_ms);
	bool task = task_wanted(worker, now_ms);

	/* Before all that may go on without a pause. */
	if (now_ms >= worker->look_at_ms)
		return JOB_LOOK;
	if (unwritten_ms > EMIT_LATEST_MS)
		return JOB_EMIT;
	if (survey_wanted(worker, now_ms - SURVEY_EVERY_MS))
		return JOB_SURVEY;
	if (task && worker->task_turn) {
		worker->task_turn = false;
		return JOB_TASK;
	}
	if (batch_wanted(worker)) {
		worker->task_turn = true;
		return JOB_BATCH;
	}
	if (task)
		return JOB_TASK;
	if (unwritten_ms > EMIT_AFTER_MS)
		return JOB_EMIT;
	return survey_wanted(worker, now_ms) ? JOB_SURVEY : JOB_NONE;
}

static enum job next_job(struct worker *worker)
{
	int64_t now_ms = clock_now_ms();

	/* A worker that holds lives, and says why it is not ready. */
	if (worker->connected && now_ms >= worker->beat_at_ms) {
		worker->beat_at_ms = now_ms + BEAT_EVERY_MS;
		return JOB_BEAT;
	}
	if (!hold_over(&worker->hold, now_ms))
		return JOB_NONE;
	if (!worker->connected)
		return JOB_CONNECT;
	if (worker->look_now) {
		worker->look_now = false;
		return JOB_LOOK;
	}
	if (any_wanted(worker)) {
		if (!holdings_prove(worker))
			return JOB_TAKE;
		hold(worker, JOB_TAKE, "membership in the group is not proved");
		return JOB_NONE;
	}
	return next_of_the_rest(worker, now_ms);
}

/* ---- the loop ---- */

static void drain_turn(struct worker *worker)
{
	int64_t left_ms = worker->drain_until_ms - clock_now_ms();

	if (worker->job != JOB_NONE && left_ms > 0)
		return;
	if (worker->job == JOB_NONE && left_ms > RELEASE_JOB_MS &&
	    (publisher_waiting(worker->publisher) || worker->committed ||
	     !batch_empty(worker->told)))
		return;
	if (worker->job == JOB_NONE)
		worker_release(worker, 0);
	worker->result = left_ms > 0 ? 0 : -1;
	worker->over = true;
}

/* Facts that wait for a moment are no reason to fetch everything again. */
static bool facts_wait_long(struct worker *worker)
{
	/* Half of them gone is few enough. */
	if (!worker_facts_above(worker, worker->paused ? 2 : 1))
		worker->full_since_ms = 0;
	else if (!worker->full_since_ms)
		worker->full_since_ms = clock_now_ms();
	return worker->full_since_ms &&
	       clock_now_ms() - worker->full_since_ms > PAUSE_AFTER_MS;
}

/* A worker that has enough in hand keeps its membership and polls on with
 * its partitions paused, until it has done some of it. */
static void heed_enough(struct worker *worker)
{
	const struct worker_task *task = worker->ops->task;
	bool enough = facts_wait_long(worker);

	enough = enough || intake_too_far(worker) ||
		 (task && task->enough(worker->arg));
	if (worker->hold.on)
		return;
	if (enough && !worker->paused)
		reading_pause(worker);
	else if (!enough && worker->paused)
		reading_continue(worker);
}

static void start_job(struct worker *worker)
{
	enum job job;

	if (worker->job != JOB_NONE)
		return;
	job = next_job(worker);
	if (job != JOB_NONE)
		worker_submit(worker, job);
}

static void turn(struct worker *worker)
{
	int r;

	if (!publisher_poll(worker->publisher, 0))
		deliveries_lost(worker);
	else if (worker->deliveries.on &&
		 clock_now_ms() - worker->deliveries.until_ms >
			 DELIVERED_AFTER_MS)
		hold_end(&worker->deliveries);
	if (worker->job != JOB_NONE && work_done(worker->work, &r))
		end_job(worker, r);
	/* The broker has told the group's members what is whose. */
	if (worker->connected && worker->joined)
		worker->started = true;
	if (work_notified(worker->work))
		worker->look_at_ms = clock_now_ms();
	if (worker->draining) {
		tell(worker);
		drain_turn(worker);
		return;
	}
	if (worker->ops->task)
		worker->ops->task->turn(worker->arg, clock_now_ms());
	/* What is ready goes to the database first, so that it has something
	 * to do while facts are sent and records read. */
	start_job(worker);
	tell(worker);
	reading_turn(worker);
	reading_look_at_topics(worker);
	intake_read(worker);
	/* By now it is known how large records are. */
	heed_enough(worker);
	if (kafka_in_fatal(worker->in)) {
		/* Another process is this member, say. Not to be mended here:
		 * whoever takes over finds everything. */
		worker->result = -1;
		worker->over = true;
		return;
	}
	start_job(worker);
	publisher_push(worker->publisher);
	if (clock_now_ms() >= worker->mirror_at_ms) {
		holdings_mirror(worker,
				worker->n_mirrors++ % MIRROR_ALL_EVERY == 0);
		worker->mirror_at_ms = clock_now_ms() + MIRROR_EVERY_MS;
	}
}

static void begin_drain(void *arg)
{
	struct worker *worker = arg;

	if (worker->draining)
		return;
	log_info("DRAIN", "finishing what is in hand, then leaving");
	worker->draining = true;
	worker->drain_until_ms = clock_now_ms() + worker->conf->drain_ms;
	loop_wake(worker->loop);
}

int worker_run(const struct worker_ops *ops, void *arg,
	       const struct runtime_conf *conf)
{
	struct worker *worker;
	int r;

	r = worker_open(&worker, ops, arg, conf, begin_drain);
	if (r)
		return r;
	worker->batch_max = FEWEST_RECORDS;
	worker->record_bytes = FIRST_RECORD_BYTES;
	while (!worker->over) {
		turn(worker);
		if (!worker->over)
			loop_wait(worker->loop, TURN_MS);
	}
	r = worker->result;
	worker_close(worker);
	log_info("LEFT", "%s", r ? "time ran out" : "drained");
	return r;
}
