/* SPDX-License-Identifier: MIT */
/*
 * Job: the table, all of what a job does. An event that a state does not name
 * is one that comes too late to matter: nothing is done, and the state stays.
 */
#include "workers/jafflr/job.h"

#include <string.h>

#define LOOK_MIN_MS 1
#define OVERDUE_SHARE 4

#define STEP(action, next, pause)                                              \
	{                                                                      \
		{ JOB_DO_##action, JOB_##next, JOB_##pause }, true             \
	}

/* clang-format off */
static const struct {
	struct job_step step;
	bool named;
} table[N_JOB_STATES][N_JOB_EVENTS] = {
	[JOB_PUBLISHING] = {
		[JOB_PUBLISHED] = STEP(START, STARTING, NOW),
		[JOB_NO_GRILL] = STEP(REQUEUE, OVER, NOW),
	},
	[JOB_ADOPTED] = {
		[JOB_PUBLISHED] = STEP(RAISE, DOUBT, NOW),
		[JOB_NO_GRILL] = STEP(RAISE, DOUBT, NOW),
	},
	[JOB_STARTING] = {
		/* The plate knows best how long it takes. */
		[JOB_STARTED] = STEP(READ, GRILLING, NOW),
		[JOB_NOT_SENT] = STEP(RETRY, WAITING, AFTER_FAILURE),
		/* It may be our own job that it refuses to run again. */
		[JOB_SAID_NO ... JOB_SAID_NO_AGAIN] = STEP(RAISE, REFUSED, AFTER_NO),
		[JOB_NO_ANSWER] = STEP(RAISE, DOUBT, NOW),
	},
	[JOB_WAITING] = {
		[JOB_RETRY] = STEP(START, STARTING, NOW),
		[JOB_TIMED_OUT] = STEP(REQUEUE, OVER, NOW),
	},
	[JOB_GRILLING] = {
		[JOB_SEES_RUNNING] = STEP(READ, GRILLING, AFTER_POLL),
		[JOB_SEES_DONE] = STEP(DONE, OVER, NOW),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER, NOW),
		[JOB_SEES_OTHER ... JOB_SEES_FAULT] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_NO_ANSWER] = STEP(READ, GRILLING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING, NOW),
	},
	[JOB_REFUSED] = {
		[JOB_TOKEN] = STEP(FENCE, REFUSED_FENCING, NOW),
		[JOB_NO_TOKEN] = STEP(REQUEUE, OVER, NOW),
		[JOB_TIMED_OUT] = STEP(REQUEUE, OVER, NOW),
	},
	[JOB_REFUSED_FENCING] = {
		[JOB_FENCED] = STEP(READ, REFUSED_READING, NOW),
		/* Another worker has sent a higher token meanwhile. */
		[JOB_SAID_NO] = STEP(RAISE, REFUSED, AFTER_NO),
		/* A plate that will not have it is as good as broken. */
		[JOB_SAID_NO_AGAIN] = STEP(REQUEUE, OVER, NOW),
		[JOB_NOT_SENT] = STEP(FENCE, REFUSED_FENCING, AFTER_FAILURE),
		[JOB_NO_ANSWER] = STEP(FENCE, REFUSED_FENCING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(REQUEUE, OVER, NOW),
	},
	[JOB_REFUSED_READING] = {
		[JOB_SEES_RUNNING] = STEP(READ, GRILLING, AFTER_POLL),
		[JOB_SEES_DONE] = STEP(DONE, OVER, NOW),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER, NOW),
		[JOB_SEES_OTHER] = STEP(START, STARTING, NOW),
		[JOB_SEES_RESET ... JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_SEES_FAULT] = STEP(REQUEUE, OVER, NOW),
		[JOB_NO_ANSWER] = STEP(READ, REFUSED_READING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(REQUEUE, OVER, NOW),
	},
	[JOB_DOUBT] = {
		[JOB_TOKEN] = STEP(FENCE, DOUBT_FENCING, NOW),
		[JOB_NO_TOKEN] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING, NOW),
	},
	[JOB_DOUBT_FENCING] = {
		[JOB_FENCED] = STEP(READ, DOUBT_READING, NOW),
		[JOB_SAID_NO ... JOB_SAID_NO_AGAIN] = STEP(RAISE, DOUBT, AFTER_NO),
		[JOB_NOT_SENT] = STEP(FENCE, DOUBT_FENCING, AFTER_FAILURE),
		[JOB_NO_ANSWER] = STEP(FENCE, DOUBT_FENCING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING, NOW),
	},
	[JOB_DOUBT_READING] = {
		[JOB_SEES_RUNNING] = STEP(READ, GRILLING, AFTER_POLL),
		[JOB_SEES_DONE] = STEP(DONE, OVER, NOW),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER, NOW),
		[JOB_SEES_OTHER] = STEP(START, STARTING, NOW),
		[JOB_SEES_RESET ... JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_SEES_FAULT] = STEP(REQUEUE, OVER, NOW),
		[JOB_NO_ANSWER] = STEP(READ, DOUBT_READING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING, NOW),
	},
	[JOB_PARKING] = {
		[JOB_PUBLISHED] = STEP(READ, PARKED, IDLE),
		[JOB_NO_GRILL] = STEP(READ, PARKED, IDLE),
	},
	[JOB_PARKED] = {
		/* What it says of our job stays true without a fence. */
		[JOB_SEES_RUNNING] = STEP(READ, PARKED, IDLE),
		[JOB_SEES_DONE] = STEP(DONE, OVER, NOW),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER, NOW),
		[JOB_SEES_OTHER ... JOB_SEES_FAULT] = STEP(RAISE, PARKED_DOUBT, NOW),
		[JOB_NO_ANSWER] = STEP(READ, PARKED, IDLE),
	},
	[JOB_PARKED_DOUBT] = {
		[JOB_TOKEN] = STEP(FENCE, PARKED_FENCING, NOW),
		[JOB_NO_TOKEN] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_TIMED_OUT] = STEP(READ, PARKED, IDLE),
	},
	[JOB_PARKED_FENCING] = {
		[JOB_FENCED] = STEP(READ, PARKED_READING, NOW),
		[JOB_SAID_NO ... JOB_SAID_NO_AGAIN] = STEP(RAISE, PARKED_DOUBT, AFTER_NO),
		[JOB_NOT_SENT] = STEP(FENCE, PARKED_FENCING, AFTER_FAILURE),
		[JOB_NO_ANSWER] = STEP(FENCE, PARKED_FENCING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(READ, PARKED, IDLE),
	},
	[JOB_PARKED_READING] = {
		[JOB_SEES_RUNNING] = STEP(READ, PARKED, IDLE),
		[JOB_SEES_DONE] = STEP(DONE, OVER, NOW),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER, NOW),
		[JOB_SEES_OTHER] = STEP(REQUEUE, OVER, NOW),
		[JOB_SEES_RESET ... JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER, NOW),
		[JOB_SEES_FAULT] = STEP(REQUEUE, OVER, NOW),
		[JOB_NO_ANSWER] = STEP(READ, PARKED_READING, AFTER_FAILURE),
		[JOB_TIMED_OUT] = STEP(READ, PARKED, IDLE),
	},
};
/* clang-format on */

struct job_step job_step(enum job_state state, enum job_event event)
{
	if (!table[state][event].named)
		return (struct job_step){ .next = state };
	return table[state][event].step;
}

int64_t job_look_ms(int64_t due_at_ms, int64_t now_ms, int64_t most_ms)
{
	int64_t ms = due_at_ms > now_ms ? due_at_ms - now_ms
					: (now_ms - due_at_ms) / OVERDUE_SHARE;

	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > most_ms ? most_ms : ms;
}

/* A plate that has not our job. */
static enum job_event sees_no_job(const struct grill_report *report,
				  const struct job_past *past)
{
	if (report->boot != past->boot)
		return JOB_SEES_RESET;
	if (!report->fences)
		return JOB_SEES_NO_FENCE;
	/* One that denies what it said before has lost its history. */
	if (past->began)
		return JOB_SEES_RESET;
	/* One that said no again and again is as good as broken. */
	if (report->state == GRILL_FAULT || past->n_refused >= JOB_REFUSALS_MAX)
		return JOB_SEES_FAULT;
	return JOB_SEES_OTHER;
}

enum job_event job_sees(const struct grill_report *report,
			const uint8_t id[GRILL_JOB_BYTES],
			const struct job_past *past)
{
	if (report->state == GRILL_SILENT)
		return JOB_NO_ANSWER;
	if (memcmp(report->job, id, GRILL_JOB_BYTES) != 0)
		return sees_no_job(report, past);
	switch (report->state) {
	case GRILL_HEATING:
		return JOB_SEES_RUNNING;
	case GRILL_DONE:
		return JOB_SEES_DONE;
	case GRILL_IDLE:
	case GRILL_FAULT:
	case GRILL_SILENT:
		break;
	}
	return JOB_SEES_STOPPED;
}
