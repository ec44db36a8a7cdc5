/* SPDX-License-Identifier: MIT */
/*
 * Job: the table. An event that a state does not name is one that comes too
 * late to matter: nothing is done, and the state stays.
 */
#include "workers/jafflr/job.h"

#include <string.h>

#define STEP(action, next)                                                     \
	{                                                                      \
		JOB_DO_##action, JOB_##next, 1                                 \
	}

/* clang-format off */
static const struct {
	enum job_action action;
	enum job_state next;
	int named;
} table[N_JOB_STATES][N_JOB_EVENTS] = {
	[JOB_PUBLISHING] = {
		[JOB_PUBLISHED] = STEP(START, STARTING),
	},
	[JOB_ADOPTED] = {
		[JOB_PUBLISHED] = STEP(RAISE, DOUBT),
	},
	[JOB_STARTING] = {
		[JOB_STARTED] = STEP(READ, GRILLING),
		[JOB_NOT_SENT] = STEP(NOTHING, WAITING),
		/* It may be our own job that it refuses to run again. */
		[JOB_REFUSED] = STEP(RAISE, DOUBT),
		[JOB_NO_ANSWER] = STEP(RAISE, DOUBT),
	},
	[JOB_WAITING] = {
		[JOB_PUBLISHED] = STEP(START, STARTING), /* the pause is over */
		[JOB_TIMED_OUT] = STEP(REQUEUE, OVER),
	},
	[JOB_GRILLING] = {
		[JOB_SEES_RUNNING] = STEP(READ, GRILLING),
		[JOB_SEES_DONE] = STEP(DONE, OVER),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER),
		[JOB_SEES_OTHER] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_FAULT] = STEP(UNCERTAIN, OVER),
		[JOB_NO_ANSWER] = STEP(READ, GRILLING),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING),
	},
	[JOB_DOUBT] = {
		[JOB_TOKEN] = STEP(FENCE, FENCING),
		[JOB_NO_TOKEN] = STEP(UNCERTAIN, OVER),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING),
	},
	[JOB_FENCING] = {
		[JOB_FENCED] = STEP(READ, READING),
		/* Somebody has given out a higher one meanwhile. */
		[JOB_REFUSED] = STEP(RAISE, DOUBT),
		[JOB_NOT_SENT] = STEP(FENCE, FENCING),
		[JOB_NO_ANSWER] = STEP(FENCE, FENCING),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING),
	},
	[JOB_READING] = {
		[JOB_SEES_RUNNING] = STEP(READ, GRILLING),
		[JOB_SEES_DONE] = STEP(DONE, OVER),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER),
		[JOB_SEES_OTHER] = STEP(START, STARTING),
		[JOB_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_FAULT] = STEP(REQUEUE, OVER),
		[JOB_NO_ANSWER] = STEP(READ, READING),
		[JOB_TIMED_OUT] = STEP(PARK, PARKING),
	},
	[JOB_PARKING] = {
		[JOB_PUBLISHED] = STEP(READ, PARKED),
	},
	[JOB_PARKED] = {
		/* What it says of our job stays true without a fence. */
		[JOB_SEES_RUNNING] = STEP(READ, PARKED),
		[JOB_SEES_DONE] = STEP(DONE, OVER),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER),
		[JOB_SEES_OTHER] = STEP(RAISE, PARKED_DOUBT),
		[JOB_SEES_RESET] = STEP(RAISE, PARKED_DOUBT),
		[JOB_SEES_NO_FENCE] = STEP(RAISE, PARKED_DOUBT),
		[JOB_SEES_FAULT] = STEP(RAISE, PARKED_DOUBT),
		[JOB_NO_ANSWER] = STEP(READ, PARKED),
	},
	[JOB_PARKED_DOUBT] = {
		[JOB_TOKEN] = STEP(FENCE, PARKED_FENCING),
		[JOB_NO_TOKEN] = STEP(UNCERTAIN, OVER),
		[JOB_TIMED_OUT] = STEP(READ, PARKED),
	},
	[JOB_PARKED_FENCING] = {
		[JOB_FENCED] = STEP(READ, PARKED_READING),
		[JOB_REFUSED] = STEP(RAISE, PARKED_DOUBT),
		[JOB_NOT_SENT] = STEP(FENCE, PARKED_FENCING),
		[JOB_NO_ANSWER] = STEP(FENCE, PARKED_FENCING),
		[JOB_TIMED_OUT] = STEP(READ, PARKED),
	},
	[JOB_PARKED_READING] = {
		[JOB_SEES_RUNNING] = STEP(READ, PARKED),
		[JOB_SEES_DONE] = STEP(DONE, OVER),
		[JOB_SEES_STOPPED] = STEP(FAILED, OVER),
		[JOB_SEES_OTHER] = STEP(REQUEUE, OVER),
		[JOB_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[JOB_SEES_FAULT] = STEP(REQUEUE, OVER),
		[JOB_NO_ANSWER] = STEP(READ, PARKED_READING),
		[JOB_TIMED_OUT] = STEP(READ, PARKED),
	},
};
/* clang-format on */

struct job_step job_step(enum job_state state, enum job_event event)
{
	if (!table[state][event].named)
		return (struct job_step){ JOB_DO_NOTHING, state };
	return (struct job_step){ table[state][event].action,
				  table[state][event].next };
}

enum job_event job_sees(const struct grill_report *report,
			const uint8_t job[GRILL_JOB_BYTES], int64_t boot)
{
	if (report->state == GRILL_SILENT)
		return JOB_NO_ANSWER;
	if (!memcmp(report->job, job, GRILL_JOB_BYTES))
		switch (report->state) {
		case GRILL_HEATING:
			return JOB_SEES_RUNNING;
		case GRILL_DONE:
			return JOB_SEES_DONE;
		case GRILL_IDLE:
		case GRILL_FAULT:
		case GRILL_SILENT:
			return JOB_SEES_STOPPED;
		}
	if (report->boot != boot)
		return JOB_SEES_RESET;
	if (!report->fences)
		return JOB_SEES_NO_FENCE;
	if (report->state == GRILL_FAULT)
		return JOB_SEES_FAULT;
	return JOB_SEES_OTHER;
}
