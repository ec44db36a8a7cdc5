/* SPDX-License-Identifier: MIT */
/* Scheduler: queues, facts in flight, and the transactions. */
#include "workers/jafflr/scheduler.h"

#include "infra/lib/clock.h"
#include "infra/lib/counters.h"
#include "infra/lib/text/hash.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/jafflr.h"

#define MARK_AFTER_MS 20
#define CLAIM_AGAIN_MS 50
#define LOOK_EVERY_MS 1000
#define LIST_EVERY_MS 1000
/* About grills. */
#define LINES_A_SECOND 10
#define IN_FLIGHT_MIN 64

static struct scheduler *scheduler_of(void *arg)
{
	return &jafflr_of(arg)->scheduler;
}

/* ---- how many toasties wait ---- */

static struct tx_stall *find_queue(struct queues *queues, struct text stall)
{
	for (size_t i = 0; i < queues->n; i++)
		if (text_equal(queues->list[i].stall, stall))
			return &queues->list[i];
	return NULL;
}

void queues_add(struct queues *queues, struct text stall, int64_t n)
{
	struct tx_stall *queue = find_queue(queues, stall);

	if (!queue && n > 0 && queues->n < QUEUES_MAX) {
		queue = &queues->list[queues->n++];
		queue->stall = (struct text){
			arena_copy(&queues->arena, stall.p, stall.n), stall.n
		};
		queue->n = 0;
	}
	if (!queue)
		return;
	queue->n += n;
	if (queue->n < 0)
		queue->n = 0;
}

static void queues_set(struct queues *queues, const struct scheduler_tx *tx)
{
	arena_reset(&queues->arena);
	queues->n = 0;
	for (size_t i = 0; i < tx->n_stalls; i++)
		queues_add(queues, tx->stalls[i].stall, tx->stalls[i].n);
}

/* Do more than @n wait at a stall that is served? @heard: by a grill that
 * answers, as far as is known. */
static bool any_queue_above(const struct scheduler *scheduler, int64_t n,
			    bool heard)
{
	const struct queues *queues = &scheduler->queues;

	for (size_t i = 0; i < queues->n; i++)
		if (queues->list[i].n > n &&
		    (stall_is_demo(queues->list[i].stall) ||
		     grills_serve(&scheduler->grills, queues->list[i].stall,
				  heard)))
			return true;
	return false;
}

/*
 * Is the queue of a stall so long that no more should be read? A stall that no
 * enabled grill serves is no reason to keep the others waiting, nor is one
 * whose grills do not answer, as long as any other grill does.
 */
static bool scheduler_enough(void *arg)
{
	const struct scheduler *scheduler = scheduler_of(arg);

	return any_queue_above(scheduler, jafflr_of(arg)->conf.queue_max,
			       grills_any_heard(&scheduler->grills));
}

static void note_queued(struct scheduler *scheduler,
			const struct toastie_row *row)
{
	scheduler->maybe_queued = true;
	queues_add(&scheduler->queues, row->stall, 1);
}

/* ---- facts in flight ---- */

static struct in_flight_fact *fact_of(const struct in_flight *in_flight,
				      uint64_t token)
{
	return &in_flight->ring[token & (in_flight->size - 1)];
}

static void grow(struct in_flight *in_flight)
{
	struct in_flight larger = *in_flight;

	larger.size = in_flight->size ? in_flight->size * 2 : IN_FLIGHT_MIN;
	larger.ring = xcalloc(larger.size, sizeof(*larger.ring));
	for (uint64_t i = in_flight->first; i < in_flight->next; i++)
		*fact_of(&larger, i) = *fact_of(in_flight, i);
	free(in_flight->ring);
	*in_flight = larger;
}

/* Returns the fact's token. */
static uint64_t in_flight_add(struct in_flight *in_flight,
			      const struct toastie_row *row, uint64_t job)
{
	if (in_flight->next - in_flight->first == in_flight->size)
		grow(in_flight);
	*fact_of(in_flight, in_flight->next) = (struct in_flight_fact){
		.fact = { row->order_id, row->seq },
		.job = job,
		.used = true,
	};
	return in_flight->next++;
}

/* False: it was forgotten, or acknowledged before. */
static bool in_flight_remove(struct in_flight *in_flight, uint64_t token,
			     struct in_flight_fact *ret)
{
	if (token < in_flight->first || token >= in_flight->next ||
	    !fact_of(in_flight, token)->used)
		return false;
	*ret = *fact_of(in_flight, token);
	fact_of(in_flight, token)->used = false;
	while (in_flight->first < in_flight->next &&
	       !fact_of(in_flight, in_flight->first)->used)
		in_flight->first++;
	return true;
}

static void publish(struct scheduler *scheduler, const struct toastie_row *row,
		    uint64_t job, struct publisher *publisher)
{
	if (toastie_row_has_fact(row))
		toastie_row_publish(
			row, in_flight_add(&scheduler->in_flight, row, job),
			publisher);
}

static void scheduler_delivered(void *arg, uint64_t token)
{
	struct scheduler *scheduler = scheduler_of(arg);
	struct in_flight_fact fact;
	struct plate_job *job;

	if (!in_flight_remove(&scheduler->in_flight, token, &fact))
		return;
	if (!scheduler->next->n_published)
		scheduler->mark_at_ms = scheduler->now_ms + MARK_AFTER_MS;
	TX_ADD(scheduler->next, published) = fact.fact;
	job = fact.job ? plate_jobs_find(&scheduler->jobs, fact.job) : NULL;
	if (job)
		plate_jobs_published(&scheduler->jobs, job, scheduler->now_ms);
}

void scheduler_facts(void *arg, const struct batch *batch,
		     const struct record *record, struct publisher *publisher)
{
	struct scheduler *scheduler = scheduler_of(arg);
	const struct intake *intake = intake_of(record);

	/* A row that several picks changed has the fact of the last one. */
	if (record->decided || !intake->changed ||
	    intake->row->changed_by != (size_t)(record - batch->records) + 1)
		return;
	ends_note(&scheduler->ends, intake->row, -1);
	publish(scheduler, intake->row, 0, publisher);
	if (intake->row->state == ROW_QUEUED)
		note_queued(scheduler, intake->row);
}

/* ---- a transaction begins ---- */

static bool scheduler_wanted(void *arg, int64_t now_ms)
{
	struct scheduler *scheduler = scheduler_of(arg);
	const struct scheduler_tx *next = scheduler->next;

	scheduler->now_ms = now_ms;
	if (scheduler->in_database)
		return false;
	if (next->n_finish || next->n_raise ||
	    now_ms >= scheduler->look_at_ms ||
	    grills_have_changed(&scheduler->grills))
		return true;
	if (next->n_published && now_ms >= scheduler->mark_at_ms)
		return true;
	return scheduler->maybe_queued && now_ms >= scheduler->claim_at_ms &&
	       grills_any_free(&scheduler->grills, now_ms);
}

static void scheduler_begin(void *arg)
{
	struct scheduler *scheduler = scheduler_of(arg);
	const struct jafflr_conf *conf = &jafflr_of(arg)->conf;
	int64_t now_ms = scheduler->now_ms;
	struct scheduler_tx *tx = scheduler->next;

	scheduler->next = scheduler->jobs.next = scheduler->running;
	scheduler->running = tx;
	scheduler->in_database = true;
	scheduler->stale = false;
	tx->asks.now_ms = clock_wall_ms();
	tx->asks.tries_max = conf->tries_max;
	tx->asks.queue_max = conf->queue_max;
	grills_report(&scheduler->grills, tx, now_ms);
	if (scheduler->maybe_queued)
		grills_offer(&scheduler->grills, tx, now_ms);
	tx->asks.offered = tx->n_plates > 0;
	if (now_ms >= scheduler->list_at_ms) {
		tx->asks.list_grills = true;
		scheduler->list_at_ms = now_ms + LIST_EVERY_MS;
		if (plate_jobs_drop_stranded(&scheduler->jobs))
			tx->asks.adopt = true;
	}
	if (now_ms >= scheduler->look_at_ms) {
		tx->asks.look = true;
		grills_name_stalls(&scheduler->grills, tx);
		scheduler->look_at_ms = now_ms + LOOK_EVERY_MS;
	}
}

/* Database thread. */
static int scheduler_run(void *arg, struct pg *pg,
			 const struct worker_assignments *assignments)
{
	struct jafflr *jafflr = jafflr_of(arg);
	struct scheduler_tx *tx = jafflr->scheduler.running;
	int r = sql_read(&jafflr->sql, pg, assignments, tx);

	if (r)
		return r;
	scheduler_tx_choose(tx);
	return sql_write(&jafflr->sql, pg, assignments, tx);
}

/* ---- what comes out of it ---- */

static void add_claimed(struct scheduler *scheduler, const struct tx_row *row,
			struct publisher *publisher)
{
	struct plate_job *job = plate_jobs_add(
		&scheduler->jobs, &scheduler->grills, row, scheduler->now_ms);

	job->state = JOB_PUBLISHING;
	queues_add(&scheduler->queues, row->row.stall, -1);
	publish(scheduler, &row->row, job->tag, publisher);
}

/* Another worker, or this one before it forgot everything, had it. */
static void add_adopted(struct scheduler *scheduler, const struct tx_row *row,
			struct publisher *publisher)
{
	struct plate_job *job;

	if (plate_jobs_find_intent(&scheduler->jobs, row->intent_id))
		return;
	job = plate_jobs_add(&scheduler->jobs, &scheduler->grills, row,
			     scheduler->now_ms);
	job->state =
		row->row.state == ROW_UNCERTAIN ? JOB_PARKING : JOB_ADOPTED;
	if (row->published)
		plate_jobs_published(&scheduler->jobs, job, scheduler->now_ms);
	else
		publish(scheduler, &row->row, job->tag, publisher);
}

static void apply_finished(struct scheduler *scheduler,
			   const struct tx_row *row,
			   struct publisher *publisher)
{
	struct plate_job *job =
		plate_jobs_find_ended(&scheduler->jobs, &row->row.order_id);
	bool parking = job && job->state == JOB_PARKING;

	if (job && !parking)
		plate_jobs_drop(job);
	ends_note(&scheduler->ends, &row->row, row->waited_ms);
	publish(scheduler, &row->row, parking ? job->tag : 0, publisher);
	if (row->row.state == ROW_QUEUED)
		note_queued(scheduler, &row->row);
}

static bool has_row(const struct scheduler_tx *tx, enum tx_row_kind kind,
		    const struct order_id *order_id)
{
	for (size_t i = 0; i < tx->n_rows; i++)
		if (tx->rows[i].kind == kind &&
		    !order_id_compare(&tx->rows[i].row.order_id, order_id))
			return true;
	return false;
}

static bool is_published(const void *key, const void *value)
{
	const struct toastie_row *row = key;
	const struct tx_published *published = value;

	return !order_id_compare(&row->order_id, &published->order_id) &&
	       published->seq >= row->seq;
}

static void note_published(struct table *table, struct tx_published *list,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		table_add(table, order_id_hash(&list[i].order_id), &list[i]);
}

/* A copy in @arena: what is published meanwhile may move the ring. */
static void note_in_flight(struct table *table,
			   const struct in_flight *in_flight,
			   struct arena *arena)
{
	size_t n_max = in_flight->next - in_flight->first, n = 0;
	struct tx_published *list =
		arena_alloc(arena, (n_max + 1) * sizeof(*list));

	for (uint64_t i = in_flight->first; i < in_flight->next; i++)
		if (fact_of(in_flight, i)->used)
			list[n++] = fact_of(in_flight, i)->fact;
	note_published(table, list, n);
}

/* A fact that is in flight, or is published and its row does not say so yet,
 * is not published again. */
static void publish_unpublished(struct scheduler *scheduler,
				struct publisher *publisher)
{
	struct scheduler_tx *tx = scheduler->running;
	struct table table = { 0 };

	note_in_flight(&table, &scheduler->in_flight, &tx->arena);
	note_published(&table, scheduler->next->published,
		       scheduler->next->n_published);
	note_published(&table, tx->published, tx->n_published);
	for (size_t i = 0; i < tx->n_rows; i++) {
		const struct toastie_row *row = &tx->rows[i].row;

		/* The look and the open intents may both name a row. */
		if (tx->rows[i].kind == TX_UNPUBLISHED &&
		    !has_row(tx, TX_ADOPTED, &row->order_id) &&
		    !table_find(&table, order_id_hash(&row->order_id),
				is_published, row)) {
			ends_note(&scheduler->ends, row, -1);
			publish(scheduler, row, 0, publisher);
		}
	}
	table_deinit(&table);
}

static void apply_rows(struct scheduler *scheduler, struct publisher *publisher)
{
	const struct scheduler_tx *tx = scheduler->running;

	if (tx->asks.look)
		publish_unpublished(scheduler, publisher);
	for (size_t i = 0; i < tx->n_rows; i++) {
		const struct tx_row *row = &tx->rows[i];

		switch (row->kind) {
		case TX_UNPUBLISHED:
			break;
		case TX_CLAIMED:
			add_claimed(scheduler, row, publisher);
			break;
		case TX_ADOPTED:
			add_adopted(scheduler, row, publisher);
			break;
		case TX_FINISHED:
			apply_finished(scheduler, row, publisher);
			break;
		}
	}
}

static void apply_tokens(struct scheduler *scheduler)
{
	const struct scheduler_tx *tx = scheduler->running;

	for (size_t i = 0; i < tx->n_raise; i++) {
		const struct tx_raise *raise = &tx->raise[i];
		struct plate_job *job =
			plate_jobs_find(&scheduler->jobs, raise->tag);

		if (!job)
			continue;
		if (raise->done)
			plate_jobs_token(&scheduler->jobs, job, raise->token,
					 scheduler->now_ms);
		else
			plate_jobs_drop(job); /* a person has decided */
	}
}

/* Jobs whose end changed no row: a person has resolved them. */
static void drop_resolved(struct scheduler *scheduler)
{
	const struct scheduler_tx *tx = scheduler->running;

	for (size_t i = 0; i < tx->n_finish; i++) {
		struct plate_job *job = plate_jobs_find_intent(
			&scheduler->jobs, tx->finish[i].intent_id);

		if (job && !has_row(tx, TX_FINISHED, &job->order_id))
			plate_jobs_drop(job);
	}
}

static void scheduler_changed(void *arg)
{
	struct scheduler *scheduler = scheduler_of(arg);

	plate_jobs_drop_all(&scheduler->jobs);
	scheduler->in_flight.first = scheduler->in_flight.next;
	scheduler_tx_reset(scheduler->next);
	scheduler->next->asks.adopt = true;
	scheduler->stale = true;
	scheduler->maybe_queued = true;
	scheduler->look_at_ms = 0;
	/* Open intents are of use only beside the grills that they are at. */
	scheduler->list_at_ms = 0;
}

static void scheduler_done(void *arg, int r, struct publisher *publisher)
{
	struct scheduler *scheduler = scheduler_of(arg);
	struct scheduler_tx *tx = scheduler->running;
	bool stale = scheduler->stale;

	scheduler->in_database = false;
	/* Also when it was committed and only its outcome is not known. */
	if (r && !stale)
		scheduler_changed(arg);
	if (r)
		grills_report_again(&scheduler->grills);
	if (!r && tx->asks.list_grills)
		grills_update(&scheduler->grills, tx->grills, tx->n_grills,
			      scheduler->now_ms);
	if (!r && !stale) {
		if (tx->asks.look) {
			queues_set(&scheduler->queues, tx);
			scheduler->maybe_queued =
				any_queue_above(scheduler, 0, true);
		}
		apply_rows(scheduler, publisher);
		drop_resolved(scheduler);
		apply_tokens(scheduler);
		if (tx->asks.offered && !tx->n_claimed)
			scheduler->claim_at_ms =
				scheduler->now_ms + CLAIM_AGAIN_MS;
	}
	scheduler_tx_reset(tx);
}

/* ---- opening, turning, closing ---- */

static void collect(void *arg, struct buf *out)
{
	struct jafflr *jafflr = jafflr_of(arg);

	survey_text(&jafflr->shown, out);
	grills_text(&jafflr->scheduler.grills, clock_now_ms(), out);
	ends_text(&jafflr->scheduler.ends, out);
}

static int scheduler_open(void *arg, struct loop *loop)
{
	struct scheduler *scheduler = scheduler_of(arg);
	const struct jafflr_conf *conf = &jafflr_of(arg)->conf;

	counters_collect(collect, arg);
	ends_register();
	scheduler->ends = (struct ends)ENDS_INIT;
	scheduler->grills.lines =
		(struct log_limit){ .a_second = LINES_A_SECOND };
	scheduler->grills.params = (struct grills_params){
		.loop = loop,
		.connect_ms = conf->connect_ms,
		.answer_ms = conf->answer_ms,
	};
	scheduler->next = xcalloc(1, sizeof(*scheduler->next));
	scheduler->running = xcalloc(1, sizeof(*scheduler->running));
	scheduler->jobs = (struct plate_jobs){
		.poll_ms = conf->poll_ms,
		.patience_ms = conf->patience_ms,
		.next = scheduler->next,
		.wake_at_ms = INT64_MAX,
	};
	return 0;
}

static void scheduler_turn(void *arg, int64_t now_ms)
{
	struct scheduler *scheduler = scheduler_of(arg);

	scheduler->now_ms = now_ms;
	plate_jobs_turn(&scheduler->jobs, &scheduler->grills, now_ms);
}

static int64_t scheduler_wake_at_ms(void *arg)
{
	return scheduler_of(arg)->jobs.wake_at_ms;
}

static void free_tx(struct scheduler_tx *tx)
{
	if (tx)
		scheduler_tx_deinit(tx);
	free(tx);
}

static void scheduler_close(void *arg)
{
	struct scheduler *scheduler = scheduler_of(arg);

	grills_deinit(&scheduler->grills);
	free(scheduler->in_flight.ring);
	arena_deinit(&scheduler->queues.arena);
	free_tx(scheduler->next);
	free_tx(scheduler->running);
	plate_jobs_deinit(&scheduler->jobs);
	*scheduler = (struct scheduler){ 0 };
}

const struct worker_task scheduler_task = {
	.open = scheduler_open,
	.close = scheduler_close,
	.turn = scheduler_turn,
	.wake_at_ms = scheduler_wake_at_ms,
	.wanted = scheduler_wanted,
	.begin = scheduler_begin,
	.run = scheduler_run,
	.done = scheduler_done,
	.delivered = scheduler_delivered,
	.changed = scheduler_changed,
	.enough = scheduler_enough,
};
