/* SPDX-License-Identifier: MIT */
/*
 * Jobs: an action that must not be tried without a pause (a grill that is
 * away, a plate that says no) is put off; everything else is done at once.
 */
#include "workers/jafflr/plate_jobs.h"

#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

#define RETRY_MS 100
/* Refused again and again, a plate is asked after 100 ms, 200 ms ... 3.2 s. */
#define RETRY_DOUBLED_MAX 5
#define REFUSALS_MAX 3
#define REST_MS 3000
#define IDLE_READ_MS 1000

/* ---- which there are ---- */

static struct plate_job *find_room(struct plate_jobs *jobs)
{
	size_t i = 0;

	while (i < jobs->n && jobs->list[i].used)
		i++;
	if (i == jobs->n) {
		jobs->n++;
		jobs->list =
			xreallocarray(jobs->list, jobs->n, sizeof(*jobs->list));
	}
	return &jobs->list[i];
}

struct plate_job *plate_jobs_add(struct plate_jobs *jobs,
				 const struct grills *grills,
				 const struct tx_row *row)
{
	struct plate_job *job = find_room(jobs);

	*job = (struct plate_job){
		.used = true,
		.tag = ++jobs->last_tag,
		.order_id = row->row.order_id,
		.intent_id = row->intent_id,
		.grill = grills_find(grills, row->row.grill),
		.plate = row->row.plate,
		.token = row->token,
		.boot = row->boot,
		.time_ms = row->time_ms,
		.contact_at_ms = clock_now_ms(),
	};
	if (job->grill &&
	    (job->plate < 0 || job->plate >= job->grill->n_plates))
		job->grill = NULL;
	if (job->grill)
		job->grill->plates[job->plate].n_in_hand++;
	return job;
}

void plate_jobs_drop(struct plate_job *job)
{
	job->used = false;
	if (job->grill)
		job->grill->plates[job->plate].n_in_hand--;
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

/* ---- actions ---- */

static void give(const struct plate_job *job, bool fence)
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

	memcpy(command.start.job, job->order_id.bytes, GRILL_JOB_BYTES);
	grill_thread_give(job->grill->thread, &command);
}

static void end_job(struct plate_jobs *jobs, const struct plate_job *job,
		    enum row_state state, const char *reason, bool keep_plate)
{
	char order[ORDER_ID_CHARS + 1];

	TX_ADD(jobs->next, finish) = (struct tx_finish){
		.order_id = job->order_id,
		.intent_id = job->intent_id,
		.state = state,
		.reason = reason,
		.keep_plate = keep_plate,
	};
	if (state == ROW_DONE || !job->grill)
		return;
	/* A plate that was in trouble is left alone for a while. */
	job->grill->plates[job->plate].rest_until_ms = clock_now_ms() + REST_MS;
	order_id_format(&job->order_id, order);
	log_about(&(struct log_subject){ .order = order });
	log_warn("TOASTIE-TROUBLE", "plate %d of grill '%s': %s", job->plate,
		 job->grill->name, reason);
	log_about(NULL);
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

static void perform(struct plate_jobs *jobs, struct plate_job *job,
		    enum job_action action, int64_t now_ms)
{
	/* Nobody is there to be spoken to: the job is tired at once. */
	if (!job->grill && (action == JOB_DO_START || action == JOB_DO_FENCE ||
			    action == JOB_DO_READ))
		return;
	switch (action) {
	case JOB_DO_NOTHING:
		return;
	case JOB_DO_START:
		give(job, false);
		return;
	case JOB_DO_FENCE:
		give(job, true);
		return;
	case JOB_DO_READ:
		job->reading = grills_ask(job->grill, now_ms);
		return;
	case JOB_DO_RAISE:
		raise_token(jobs, job);
		return;
	case JOB_DO_DONE:
		end_job(jobs, job, ROW_DONE, NULL, false);
		return;
	case JOB_DO_FAILED:
		end_job(jobs, job, ROW_FAILED, "the plate was stopped", false);
		return;
	case JOB_DO_UNCERTAIN:
		end_job(jobs, job, ROW_UNCERTAIN,
			"the plate does not know what it ran", false);
		return;
	case JOB_DO_PARK:
		end_job(jobs, job, ROW_UNCERTAIN, "the grill does not answer",
			true);
		return;
	case JOB_DO_REQUEUE:
		end_job(jobs, job, ROW_QUEUED, "the plate could not be started",
			false);
		return;
	}
}

static void later(struct plate_job *job, enum job_action action, int64_t at_ms)
{
	job->act = action;
	job->act_at_ms = at_ms;
}

/* ---- steps ---- */

/* What must not be tried again and again without a pause. */
static int64_t pause_of(const struct plate_jobs *jobs,
			const struct plate_job *job, enum job_event event,
			struct job_step step)
{
	uint32_t n_before = job->n_refused ? job->n_refused - 1 : 0;

	if (event == JOB_REFUSED)
		return RETRY_MS
		       << (n_before < RETRY_DOUBLED_MAX ? n_before
							: RETRY_DOUBLED_MAX);
	/* In doubt a new token is not put off. */
	if (step.action == JOB_DO_RAISE)
		return 0;
	if (step.next == JOB_PARKED)
		return IDLE_READ_MS;
	if (event == JOB_NOT_SENT || event == JOB_NO_ANSWER)
		return RETRY_MS;
	if (step.action == JOB_DO_READ && event != JOB_FENCED)
		return jobs->poll_ms;
	return 0;
}

/* A plate that will not have a toastie, and never had it, is as good as
 * broken; one that denies what it has said before has lost its history. */
static enum job_event judge(struct plate_job *job, enum job_event event)
{
	bool refuses;

	job->n_refused += event == JOB_REFUSED;
	refuses = job->n_refused >= REFUSALS_MAX;
	if (job->state == JOB_STARTING && event == JOB_NO_ANSWER)
		job->doubtful = true;
	if (job->began && (event == JOB_SEES_OTHER || event == JOB_SEES_FAULT))
		return JOB_SEES_RESET;
	if (job->state == JOB_READING && event == JOB_SEES_OTHER) {
		job->doubtful = false;
		return refuses ? JOB_SEES_FAULT : event;
	}
	if (job->state == JOB_FENCING && event == JOB_REFUSED && refuses &&
	    !job->doubtful)
		return JOB_TIMED_OUT;
	return event;
}

/* The table's step, but for what it cannot know. */
static struct job_step step_of(const struct plate_job *job,
			       enum job_event event)
{
	struct job_step step = job_step(job->state, event);

	/* What was refused each time is not uncertain. */
	if ((step.action == JOB_DO_PARK || event == JOB_NO_TOKEN) &&
	    !job->doubtful && !job->began)
		return (struct job_step){ JOB_DO_REQUEUE, JOB_OVER };
	/* Nobody is there to start it: tired at once, and nothing is sent. */
	if (!job->grill && step.action == JOB_DO_START)
		return (struct job_step){ JOB_DO_NOTHING, JOB_WAITING };
	return step;
}

void plate_jobs_step(struct plate_jobs *jobs, struct plate_job *job,
		     enum job_event seen, int64_t now_ms)
{
	enum job_event event = judge(job, seen);
	struct job_step step = step_of(job, event);
	int64_t pause_ms = pause_of(jobs, job, event, step);

	if (job->state == JOB_OVER)
		return;
	job->state = step.next;
	job->began = job->began || job->state == JOB_GRILLING ||
		     event == JOB_SEES_RUNNING;
	job->act_at_ms = 0;
	job->reading = 0;
	if (job->state == JOB_WAITING)
		later(job, JOB_DO_NOTHING, now_ms + RETRY_MS);
	else if (pause_ms)
		later(job, step.action, now_ms + pause_ms);
	else
		perform(jobs, job, step.action, now_ms);
}

/* ---- what the grills say ---- */

static enum job_event event_of(const struct plate_job *job, int outcome)
{
	bool start = job->state == JOB_STARTING;

	switch (outcome) {
	case 0:
		return start ? JOB_STARTED : JOB_FENCED;
	case GRILL_E_AWAY:
		return JOB_NOT_SENT;
	case GRILL_E_REFUSED:
		return JOB_REFUSED;
	default:
		return JOB_NO_ANSWER;
	}
}

static void take_answers(struct plate_jobs *jobs, struct grill_of *grill,
			 int64_t now_ms)
{
	struct grill_answer answer;

	while (grill_thread_answer(grill->thread, &answer)) {
		struct plate_job *job = plate_jobs_find(jobs, answer.tag);

		if (!job)
			continue;
		/* One that takes no token for ever is no good either. */
		if (!answer.outcome || (answer.outcome == GRILL_E_REFUSED &&
					job->state == JOB_STARTING))
			job->contact_at_ms = now_ms;
		/* The plate may have seen a higher token: which one? */
		if (answer.outcome == GRILL_E_REFUSED)
			(void)grills_ask(grill, now_ms);
		plate_jobs_step(jobs, job, event_of(job, answer.outcome),
				now_ms);
	}
}

static void take_reading(struct plate_jobs *jobs, struct grills *grills,
			 struct grill_of *grill, int64_t now_ms)
{
	int outcome;

	if (!grills_take_reading(grills, grill, now_ms, &outcome))
		return;
	for (size_t i = 0; i < jobs->n; i++) {
		struct plate_job *job = &jobs->list[i];

		if (!job->used || job->grill != grill || !job->reading ||
		    job->reading > grill->read)
			continue;
		if (outcome || grill->plates[job->plate].silent) {
			plate_jobs_step(jobs, job, JOB_NO_ANSWER, now_ms);
			continue;
		}
		job->contact_at_ms = now_ms;
		plate_jobs_step(jobs, job,
				job_sees(&grill->plates[job->plate].report,
					 job->order_id.bytes, job->boot),
				now_ms);
	}
}

/* ---- what time has come for ---- */

/* Those that wait for a fact or a commit, and a parked one, wait as long as
 * it takes. */
static bool is_tired(const struct plate_jobs *jobs, const struct plate_job *job,
		     int64_t now_ms)
{
	switch (job->state) {
	case JOB_PUBLISHING:
	case JOB_ADOPTED:
	case JOB_PARKING:
	case JOB_PARKED:
	case JOB_OVER:
		return false;
	default:
		return !job->grill ||
		       now_ms - job->contact_at_ms > jobs->patience_ms;
	}
}

static void take_time(struct plate_jobs *jobs, struct plate_job *job,
		      int64_t now_ms)
{
	if (is_tired(jobs, job, now_ms)) {
		plate_jobs_step(jobs, job, JOB_TIMED_OUT, now_ms);
		return;
	}
	if (!job->grill || !job->act_at_ms || now_ms < job->act_at_ms)
		return;
	job->act_at_ms = 0;
	if (job->state == JOB_WAITING)
		plate_jobs_step(jobs, job, JOB_PUBLISHED, now_ms);
	else
		perform(jobs, job, job->act, now_ms);
}

void plate_jobs_turn(struct plate_jobs *jobs, struct grills *grills,
		     int64_t now_ms)
{
	for (size_t i = 0; i < grills->n; i++) {
		struct grill_of *grill = grills->list[i];

		if (!grill->thread)
			continue;
		take_answers(jobs, grill, now_ms);
		take_reading(jobs, grills, grill, now_ms);
		if (now_ms - grill->asked_at_ms >= IDLE_READ_MS)
			(void)grills_ask(grill, now_ms);
	}
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->list[i].used)
			take_time(jobs, &jobs->list[i], now_ms);
}

void plate_jobs_deinit(struct plate_jobs *jobs)
{
	free(jobs->list);
	*jobs = (struct plate_jobs){ 0 };
}
