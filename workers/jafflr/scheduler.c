/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: transactions. What the jobs and the acknowledged facts want of the
 * database goes into the next one; what comes out of one becomes jobs and
 * facts.
 */
#include "workers/jafflr/scheduler.h"

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/table.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/scheduler_tx.h"
#include "workers/jafflr/toastie_row.h"

#define MARK_AFTER_MS 20
#define CLAIM_AGAIN_MS 50
#define LOOK_EVERY_MS 1000
#define LIST_EVERY_MS 1000
/* About grills. */
#define LINES_A_SECOND 10

/* ---- in_flight ---- */

static void publish(struct scheduler *scheduler, const struct toastie_row *row,
		    uint64_t job, struct publisher *publisher)
{
	if (toastie_row_has_fact(row))
		toastie_row_publish(row,
				    in_flight_add(&scheduler->in_flight,
						  &row->order_id, row->seq,
						  job),
				    publisher);
}

void scheduler_delivered(struct scheduler *scheduler, uint64_t token)
{
	struct in_flight_entry entry;
	struct plate_job *job;

	if (!in_flight_remove(&scheduler->in_flight, token, &entry))
		return;
	if (!scheduler->next->n_published)
		scheduler->mark_at_ms = clock_now_ms() + MARK_AFTER_MS;
	TX_ADD(scheduler->next, published) = (struct tx_published){
		.order_id = entry.order_id,
		.seq = entry.seq,
	};
	job = entry.job ? plate_jobs_find(&scheduler->jobs, entry.job) : NULL;
	if (!job)
		return;
	job->contact_at_ms = clock_now_ms();
	plate_jobs_step(&scheduler->jobs, job, JOB_PUBLISHED,
			job->contact_at_ms);
}

static void note_queued(struct scheduler *scheduler,
			const struct toastie_row *row)
{
	scheduler->maybe_queued = true;
	queues_add(&scheduler->queues, row->stall, 1);
}

void scheduler_new_row(struct scheduler *scheduler,
		       const struct toastie_row *row,
		       struct publisher *publisher)
{
	ends_note(&scheduler->ends, row, -1);
	publish(scheduler, row, 0, publisher);
	if (row->state == ROW_QUEUED)
		note_queued(scheduler, row);
}

/* ---- the queues ---- */

static bool any_for_us(const struct scheduler *scheduler)
{
	const struct queues *queues = &scheduler->queues;

	for (size_t i = 0; i < queues->n; i++) {
		struct text stall = text_of(queues->list[i].stall);

		if (queues->list[i].n > 0 &&
		    (stall_is_demo(stall) ||
		     grills_serve(&scheduler->grills, stall, true)))
			return true;
	}
	return false;
}

bool scheduler_enough(const struct scheduler *scheduler)
{
	bool heard = grills_any_heard(&scheduler->grills);
	const struct queues *queues = &scheduler->queues;

	for (size_t i = 0; i < queues->n; i++) {
		struct text stall = text_of(queues->list[i].stall);

		if (queues->list[i].n > scheduler->params.queue_max &&
		    (stall_is_demo(stall) ||
		     grills_serve(&scheduler->grills, stall, heard)))
			return true;
	}
	return false;
}

/* ---- transactions ---- */

bool scheduler_wanted(struct scheduler *scheduler, int64_t now_ms)
{
	if (scheduler->in_database)
		return false;
	if (scheduler->next->n_finish || scheduler->next->n_raise ||
	    now_ms >= scheduler->look_at_ms ||
	    grills_have_news(&scheduler->grills))
		return true;
	if (scheduler->next->n_published && now_ms >= scheduler->mark_at_ms)
		return true;
	return scheduler->maybe_queued && now_ms >= scheduler->claim_at_ms &&
	       grills_any_free(&scheduler->grills, now_ms);
}

void scheduler_begin(struct scheduler *scheduler)
{
	int64_t now_ms = clock_now_ms();
	struct scheduler_tx *tx = scheduler->next;

	scheduler->next = scheduler->running;
	scheduler->jobs.next = scheduler->next;
	scheduler->running = tx;
	scheduler->in_database = true;
	scheduler->stale = false;
	tx->asks.now_ms = clock_wall_ms();
	tx->asks.tries_max = scheduler->params.tries_max;
	tx->asks.queue_max = scheduler->params.queue_max;
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
		grills_name_stalls(&scheduler->grills, tx,
				   grills_any_heard(&scheduler->grills));
		scheduler->look_at_ms = now_ms + LOOK_EVERY_MS;
	}
}

static void take_claimed(struct scheduler *scheduler, const struct tx_row *row,
			 struct publisher *publisher)
{
	struct plate_job *job =
		plate_jobs_add(&scheduler->jobs, &scheduler->grills, row);

	job->state = JOB_PUBLISHING;
	queues_add(&scheduler->queues, row->row.stall, -1);
	publish(scheduler, &row->row, job->tag, publisher);
}

/* Somebody, perhaps we ourselves, had it in hand before. */
static void take_adopted(struct scheduler *scheduler, const struct tx_row *row,
			 struct publisher *publisher)
{
	struct plate_job *job;

	if (plate_jobs_find_intent(&scheduler->jobs, row->intent_id))
		return;
	job = plate_jobs_add(&scheduler->jobs, &scheduler->grills, row);
	job->state =
		row->row.state == ROW_UNCERTAIN ? JOB_PARKING : JOB_ADOPTED;
	job->doubtful = true;
	if (row->published)
		plate_jobs_step(&scheduler->jobs, job, JOB_PUBLISHED,
				clock_now_ms());
	else
		publish(scheduler, &row->row, job->tag, publisher);
}

/* Whose end that is: over, or parked. NULL: nobody's that we have in hand. */
static struct plate_job *find_ended(const struct scheduler *scheduler,
				    const struct order_id *order_id)
{
	const struct plate_jobs *jobs = &scheduler->jobs;

	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];

		if (job->used &&
		    (job->state == JOB_OVER || job->state == JOB_PARKING) &&
		    !order_id_compare(&job->order_id, order_id))
			return job;
	}
	return NULL;
}

static void take_finished(struct scheduler *scheduler, const struct tx_row *row,
			  struct publisher *publisher)
{
	struct plate_job *job = find_ended(scheduler, &row->row.order_id);
	bool parked = job && job->state == JOB_PARKING;

	if (job && !parked)
		plate_jobs_drop(job);
	ends_note(&scheduler->ends, &row->row, row->waited_ms);
	publish(scheduler, &row->row, parked ? job->tag : 0, publisher);
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

static uint64_t id_hash(const struct order_id *id)
{
	return hash_bytes(id->bytes, sizeof(id->bytes));
}

static void note_published(struct table *table, struct tx_published *published,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		table_add(table, id_hash(&published[i].order_id),
			  &published[i]);
}

/* What is under way, or published and not yet written down, is not published
 * again. */
static void publish_unpublished(struct scheduler *scheduler,
				struct publisher *publisher)
{
	const struct in_flight *in_flight = &scheduler->in_flight;
	struct scheduler_tx *tx = scheduler->running;
	struct tx_published *in_flight_rows =
		arena_alloc(&tx->arena, (in_flight->n_in_flight + 1) *
						sizeof(*in_flight_rows));
	struct table table = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < in_flight->n; i++)
		if (in_flight->entries[i].used)
			in_flight_rows[n++] = (struct tx_published){
				in_flight->entries[i].order_id,
				in_flight->entries[i].seq,
			};
	note_published(&table, in_flight_rows, n);
	note_published(&table, scheduler->next->published,
		       scheduler->next->n_published);
	note_published(&table, tx->published, tx->n_published);
	for (size_t i = 0; i < tx->n_rows; i++) {
		const struct toastie_row *row = &tx->rows[i].row;

		/* The look and the open intents may both name a row. */
		if (tx->rows[i].kind == TX_UNPUBLISHED &&
		    !has_row(tx, TX_ADOPTED, &row->order_id) &&
		    !table_find(&table, id_hash(&row->order_id), is_published,
				row)) {
			ends_note(&scheduler->ends, row, -1);
			publish(scheduler, row, 0, publisher);
		}
	}
	table_deinit(&table);
}

static void take_rows(struct scheduler *scheduler, struct publisher *publisher)
{
	const struct scheduler_tx *tx = scheduler->running;

	if (tx->looked)
		publish_unpublished(scheduler, publisher);

	for (size_t i = 0; i < tx->n_rows; i++) {
		const struct tx_row *row = &tx->rows[i];

		switch (row->kind) {
		case TX_UNPUBLISHED:
			break;
		case TX_CLAIMED:
			take_claimed(scheduler, row, publisher);
			break;
		case TX_ADOPTED:
			take_adopted(scheduler, row, publisher);
			break;
		case TX_FINISHED:
			take_finished(scheduler, row, publisher);
			break;
		}
	}
}

static void take_tokens(struct scheduler *scheduler, int64_t now_ms)
{
	const struct scheduler_tx *tx = scheduler->running;

	for (size_t i = 0; i < tx->n_raise; i++) {
		const struct tx_raise *raise = &tx->raise[i];
		struct plate_job *job =
			plate_jobs_find(&scheduler->jobs, raise->tag);

		if (!job)
			continue;
		if (!raise->done) {
			plate_jobs_drop(
				job); /* a person has decided meanwhile */
			continue;
		}
		job->token = raise->token;
		plate_jobs_step(&scheduler->jobs, job,
				raise->token == GRILL_TOKEN_LAST ? JOB_NO_TOKEN
								 : JOB_TOKEN,
				now_ms);
	}
}

/* Finished by somebody else: a person, who has resolved it. */
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

void scheduler_done(struct scheduler *scheduler, int r,
		    struct publisher *publisher)
{
	struct scheduler_tx *tx = scheduler->running;
	int64_t now_ms = clock_now_ms();
	bool stale = scheduler->stale;

	scheduler->in_database = false;
	/* Also when it was committed and only its outcome is not known. */
	if (r && !stale)
		scheduler_changed(scheduler);
	if (r)
		grills_report_again(&scheduler->grills);
	if (!r && tx->asks.list_grills)
		grills_update(&scheduler->grills, tx->grills, tx->n_grills);
	if (!r && !stale) {
		if (tx->looked) {
			queues_set(&scheduler->queues, tx->stalls,
				   tx->n_stalls);
			scheduler->maybe_queued = any_for_us(scheduler);
		}
		take_rows(scheduler, publisher);
		drop_resolved(scheduler);
		take_tokens(scheduler, now_ms);
		if (tx->asks.offered && !tx->n_claimed)
			scheduler->claim_at_ms = now_ms + CLAIM_AGAIN_MS;
	}
	scheduler_tx_reset(tx);
}

void scheduler_changed(struct scheduler *scheduler)
{
	plate_jobs_drop_all(&scheduler->jobs);
	in_flight_clear(&scheduler->in_flight);
	scheduler_tx_reset(scheduler->next);
	scheduler->next->asks.adopt = true;
	scheduler->stale = true;
	scheduler->maybe_queued = true;
	scheduler->look_at_ms = 0;
	/* Open intents are of use only beside the grills that they are at. */
	scheduler->list_at_ms = 0;
}

/* ---- opening, turning, closing ---- */

int scheduler_open(struct scheduler *scheduler,
		   const struct scheduler_params *params, struct loop *loop)
{
	scheduler->params = *params;
	scheduler->ends = (struct ends)ENDS_INIT;
	scheduler->grills.lines =
		(struct log_limit){ .a_second = LINES_A_SECOND };
	scheduler->grills.params = (struct grills_params){
		.loop = loop,
		.connect_ms = params->connect_ms,
		.answer_ms = params->answer_ms,
	};
	scheduler->next = xcalloc(1, sizeof(*scheduler->next));
	scheduler->running = xcalloc(1, sizeof(*scheduler->running));
	scheduler->jobs.poll_ms = params->poll_ms;
	scheduler->jobs.patience_ms = params->patience_ms;
	scheduler->jobs.next = scheduler->next;
	return 0;
}

void scheduler_turn(struct scheduler *scheduler, int64_t now_ms)
{
	plate_jobs_turn(&scheduler->jobs, &scheduler->grills, now_ms);
}

void scheduler_close(struct scheduler *scheduler)
{
	grills_deinit(&scheduler->grills);
	in_flight_deinit(&scheduler->in_flight);
	queues_deinit(&scheduler->queues);
	if (scheduler->next)
		scheduler_tx_deinit(scheduler->next);
	if (scheduler->running)
		scheduler_tx_deinit(scheduler->running);
	free(scheduler->next);
	free(scheduler->running);
	plate_jobs_deinit(&scheduler->jobs);
}
