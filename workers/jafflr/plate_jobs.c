/* SPDX-License-Identifier: MIT */
/* Plate jobs: events for job.c's table, and the actions that it answers. */
#include "workers/jafflr/plate_jobs.h"

#include <string.h>

#include "infra/lib/xalloc.h"

#define RETRY_MS 100
/* A plate that says no is asked again after 100 ms, 200 ms ... 3.2 s. */
#define RETRY_DOUBLED_MAX 5
#define REST_MS 3000
#define IDLE_READ_MS 1000

/* ---- the list ---- */

static struct plate_job *unused_job(struct plate_jobs *jobs)
{
	size_t i = 0;

	while (i < jobs->n && jobs->list[i].used)
		i++;
	if (i == jobs->n)
		jobs->list = xreallocarray(jobs->list, ++jobs->n,
					   sizeof(*jobs->list));
	return &jobs->list[i];
}

struct plate_job *plate_jobs_add(struct plate_jobs *jobs,
				 const struct grills *grills,
				 const struct tx_row *row, int64_t now_ms)
{
	struct plate_job *job = unused_job(jobs);

	*job = (struct plate_job){
		.used = true,
		.tag = ++jobs->last_tag,
		.past.boot = row->boot,
		.order_id = row->row.order_id,
		.intent_id = row->intent_id,
		.grill = grills_find(grills, row->row.grill),
		.plate = row->row.plate,
		.token = row->token,
		.time_ms = row->time_ms,
		.contact_at_ms = now_ms,
	};
	if (job->grill &&
	    (job->plate < 0 || job->plate >= job->grill->n_plates))
		job->grill = NULL;
	if (job->grill)
		job->grill->plates[job->plate].n_jobs++;
	return job;
}

static void leave_plate(struct plate_job *job)
{
	if (job->grill)
		job->grill->plates[job->plate].n_jobs--;
	job->grill = NULL;
}

void plate_jobs_drop(struct plate_job *job)
{
	job->used = false;
	leave_plate(job);
}

void plate_jobs_drop_all(struct plate_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->list[i].used)
			plate_jobs_drop(&jobs->list[i]);
}

bool plate_jobs_drop_stranded(struct plate_jobs *jobs)
{
	bool any = false;

	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];

		if (!job->used || job->state != JOB_PARKED ||
		    (job->grill && job->grill->listed))
			continue;
		plate_jobs_drop(job);
		any = true;
	}
	return any;
}

struct plate_job *plate_jobs_find(const struct plate_jobs *jobs, uint64_t tag)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->list[i].used && jobs->list[i].tag == tag)
			return &jobs->list[i];
	return NULL;
}

struct plate_job *plate_jobs_find_intent(const struct plate_jobs *jobs,
					 int64_t intent_id)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->list[i].used && jobs->list[i].intent_id == intent_id)
			return &jobs->list[i];
	return NULL;
}

struct plate_job *plate_jobs_find_ended(const struct plate_jobs *jobs,
					const struct order_id *order_id)
{
	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];

		if (job->used &&
		    (job->state == JOB_OVER || job->state == JOB_PARKING) &&
		    !order_id_compare(&job->order_id, order_id))
			return job;
	}
	return NULL;
}

void plate_jobs_deinit(struct plate_jobs *jobs)
{
	free(jobs->list);
	*jobs = (struct plate_jobs){ 0 };
}

/* ---- actions ---- */

static void command(const struct plate_job *job, bool fence)
{
	struct grill_command command = {
		.start = {
			.plate = job->plate,
			.token = job->token,
			.time_ms = fence ? 0 : job->time_ms,
		},
		.fence = fence,
		.tag = job->tag,
	};

	if (!job->grill)
		return;
	memcpy(command.start.job, job->order_id.bytes, GRILL_JOB_BYTES);
	grill_thread_command(job->grill->thread, &command);
}

static void raise_token(struct plate_jobs *jobs, const struct plate_job *job)
{
	TX_ADD(jobs->next, raise) = (struct tx_raise){
		.tag = job->tag,
		.intent_id = job->intent_id,
		.seen = job->grill ? grills_token_of(job->grill, job->plate)
				   : 0,
	};
}

/* How each action that is an end is written down. */
static const struct {
	enum row_state state;
	const char *reason;
	bool keep_plate;
} ends[] = {
	[JOB_DO_DONE] = { ROW_DONE, NULL, false },
	[JOB_DO_FAILED] = { ROW_FAILED, "the plate was stopped", false },
	[JOB_DO_UNCERTAIN] = { ROW_UNCERTAIN,
			       "the plate does not know what it ran", false },
	[JOB_DO_PARK] = { ROW_UNCERTAIN, "the grill does not answer", true },
	[JOB_DO_REQUEUE] = { ROW_QUEUED, "the plate could not be started",
			     false },
};

static void end(struct plate_jobs *jobs, struct plate_job *job,
		enum job_action action, int64_t now_ms)
{
	char order[ORDER_ID_CHARS + 1];

	TX_ADD(jobs->next, finish) = (struct tx_finish){
		.order_id = job->order_id,
		.intent_id = job->intent_id,
		.state = ends[action].state,
		.reason = ends[action].reason,
		.keep_plate = ends[action].keep_plate,
	};
	/* The transaction that records this end may give the plate the next
	 * toastie. */
	if (action == JOB_DO_DONE)
		leave_plate(job);
	if (!job->grill)
		return;
	/* A plate that was in trouble is left alone for a while. */
	job->grill->plates[job->plate].rest_until_ms = now_ms + REST_MS;
	order_id_format(&job->order_id, order);
	log_about(&(struct log_subject){ .name = "order", .value = order });
	log_warn("TOASTIE-TROUBLE", "plate %d of grill '%s': %s", job->plate,
		 job->grill->name, ends[action].reason);
	log_about(NULL);
}

static bool apply(struct plate_jobs *jobs, struct plate_job *job,
		  enum job_event event, int64_t now_ms);

static void perform(struct plate_jobs *jobs, struct plate_job *job,
		    enum job_action action, int64_t now_ms)
{
	switch (action) {
	case JOB_DO_NOTHING:
		return;
	case JOB_DO_START:
		command(job, false);
		return;
	case JOB_DO_FENCE:
		command(job, true);
		return;
	case JOB_DO_READ:
		if (job->grill)
			job->reading = grills_ask_of(job->grill, job->plate);
		return;
	case JOB_DO_RETRY:
		(void)apply(jobs, job, JOB_RETRY, now_ms);
		return;
	case JOB_DO_RAISE:
		raise_token(jobs, job);
		return;
	case JOB_DO_DONE:
	case JOB_DO_FAILED:
	case JOB_DO_UNCERTAIN:
	case JOB_DO_PARK:
	case JOB_DO_REQUEUE:
		end(jobs, job, action, now_ms);
		return;
	}
}

/* ---- events ---- */

static int64_t pause_ms(const struct plate_jobs *jobs,
			const struct plate_job *job, enum job_pause pause,
			int64_t now_ms)
{
	uint32_t n_before = job->past.n_refused ? job->past.n_refused - 1 : 0;

	switch (pause) {
	case JOB_NOW:
		return 0;
	case JOB_AFTER_POLL:
		return job_look_ms(job->due_at_ms, now_ms, jobs->poll_ms);
	case JOB_AFTER_FAILURE:
		return RETRY_MS;
	case JOB_AFTER_NO:
		return RETRY_MS
		       << (n_before < RETRY_DOUBLED_MAX ? n_before
							: RETRY_DOUBLED_MAX);
	case JOB_IDLE:
		return IDLE_READ_MS;
	}
	return 0;
}

/* False: the event came too late to matter. */
static bool apply(struct plate_jobs *jobs, struct plate_job *job,
		  enum job_event event, int64_t now_ms)
{
	struct job_step step = job_step(job->state, event);
	int64_t after_ms = pause_ms(jobs, job, step.pause, now_ms);

	if (step.action == JOB_DO_NOTHING)
		return false;
	job->state = step.next;
	job->past.began |=
		step.next == JOB_GRILLING || event == JOB_SEES_RUNNING;
	job->reading = 0;
	job->act = step.action;
	job->act_at_ms = after_ms ? now_ms + after_ms : 0;
	if (!after_ms)
		perform(jobs, job, step.action, now_ms);
	return true;
}

void plate_jobs_published(struct plate_jobs *jobs, struct plate_job *job,
			  int64_t now_ms)
{
	job->contact_at_ms = now_ms;
	(void)apply(jobs, job, job->grill ? JOB_PUBLISHED : JOB_NO_GRILL,
		    now_ms);
}

void plate_jobs_token(struct plate_jobs *jobs, struct plate_job *job,
		      uint32_t token, int64_t now_ms)
{
	job->token = token;
	(void)apply(jobs, job,
		    token == GRILL_TOKEN_LAST ? JOB_NO_TOKEN : JOB_TOKEN,
		    now_ms);
}

static enum job_event event_of(struct plate_job *job, int outcome)
{
	switch (outcome) {
	case 0:
		return job->state == JOB_STARTING ? JOB_STARTED : JOB_FENCED;
	case GRILL_E_AWAY:
		return JOB_NOT_SENT;
	case GRILL_E_REFUSED:
		return ++job->past.n_refused < JOB_REFUSALS_MAX
			       ? JOB_SAID_NO
			       : JOB_SAID_NO_AGAIN;
	default:
		return JOB_NO_ANSWER;
	}
}

static void apply_answers(struct plate_jobs *jobs, struct grill_of *grill,
			  int64_t now_ms)
{
	struct grill_answer answer;

	while (grill_thread_answer(grill->thread, &answer)) {
		struct plate_job *job = plate_jobs_find(jobs, answer.tag);

		if (!job)
			continue;
		/* One that accepts no token for ever is no good either. */
		if (!answer.outcome || (answer.outcome == GRILL_E_REFUSED &&
					job->state == JOB_STARTING))
			job->contact_at_ms = now_ms;
		/* The plate may have seen a higher token: which one? */
		if (answer.outcome == GRILL_E_REFUSED)
			(void)grills_ask_of(grill, job->plate);
		job->due_at_ms = now_ms + job->time_ms;
		(void)apply(jobs, job, event_of(job, answer.outcome), now_ms);
	}
}

static void apply_reading(struct plate_jobs *jobs, struct grills *grills,
			  struct grill_of *grill, int64_t now_ms)
{
	if (!grills_read(grills, grill, now_ms))
		return;
	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];
		const struct plate *plate;
		bool answered;

		if (!job->used || job->grill != grill || !job->reading ||
		    job->reading > grill->read)
			continue;
		plate = &grill->plates[job->plate];
		/* What it said before that reading does not count. */
		answered = !plate->silent && plate->read >= job->reading;
		if (answered)
			job->contact_at_ms = now_ms;
		/* One that is overdue stays so, whatever it says: it is looked
		 * at less and less often. */
		if (answered && plate->report.left_ms > 0 &&
		    (!job->due_at_ms || now_ms <= job->due_at_ms))
			job->due_at_ms = now_ms + plate->report.left_ms;
		(void)apply(jobs, job,
			    !answered
				    ? JOB_NO_ANSWER
				    : job_sees(&plate->report,
					       job->order_id.bytes, &job->past),
			    now_ms);
	}
}

/* States that wait for a fact or a commit, or are parked, do not time out:
 * the table says so. */
static void apply_time(struct plate_jobs *jobs, struct plate_job *job,
		       int64_t now_ms)
{
	bool timed_out =
		!job->grill || now_ms - job->contact_at_ms > jobs->patience_ms;

	if (timed_out && apply(jobs, job, JOB_TIMED_OUT, now_ms))
		return;
	if (!job->act_at_ms || now_ms < job->act_at_ms)
		return;
	job->act_at_ms = 0;
	perform(jobs, job, job->act, now_ms);
}

void plate_jobs_turn(struct plate_jobs *jobs, struct grills *grills,
		     int64_t now_ms)
{
	for (size_t i = 0; i < grills->n; i++) {
		struct grill_of *grill = grills->list[i];

		if (!grill->thread)
			continue;
		apply_answers(jobs, grill, now_ms);
		apply_reading(jobs, grills, grill, now_ms);
		if (now_ms - grill->asked_at_ms >= IDLE_READ_MS)
			(void)grills_ask(grill, now_ms);
	}
	jobs->wake_at_ms = INT64_MAX;
	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];

		if (!job->used)
			continue;
		apply_time(jobs, job, now_ms);
		if (job->act_at_ms && job->act_at_ms < jobs->wake_at_ms)
			jobs->wake_at_ms = job->act_at_ms;
	}
}
