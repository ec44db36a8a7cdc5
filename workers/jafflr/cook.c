/* SPDX-License-Identifier: MIT */
/*
 * Cook: the table. An event that a state does not name is one that comes too
 * late to matter: nothing is done, and the state stays.
 */
#include "workers/jafflr/cook.h"

#include <string.h>

#define STEP(action, next)                                                     \
	{                                                                      \
		COOK_DO_##action, COOK_##next, 1                               \
	}

/* clang-format off */
static const struct {
	enum cook_action action;
	enum cook_state next;
	int named;
} table[N_COOK_STATES][N_COOK_EVENTS] = {
	[COOK_TELLING] = {
		[COOK_TOLD] = STEP(START, STARTING),
	},
	[COOK_TELLING_OLD] = {
		[COOK_TOLD] = STEP(RAISE, DOUBT),
	},
	[COOK_STARTING] = {
		[COOK_STARTED] = STEP(READ, GRILLING),
		[COOK_NOT_SENT] = STEP(NOTHING, WAITING),
		/* It may be our own job that it refuses to run again. */
		[COOK_REFUSED] = STEP(RAISE, DOUBT),
		[COOK_NO_ANSWER] = STEP(RAISE, DOUBT),
	},
	[COOK_WAITING] = {
		[COOK_TOLD] = STEP(START, STARTING), /* the pause is over */
		[COOK_TIRED] = STEP(GIVE_BACK, OVER),
	},
	[COOK_GRILLING] = {
		[COOK_SEES_RUNNING] = STEP(READ, GRILLING),
		[COOK_SEES_DONE] = STEP(DONE, OVER),
		[COOK_SEES_STOPPED] = STEP(FAILED, OVER),
		[COOK_SEES_OTHER] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_FAULT] = STEP(UNCERTAIN, OVER),
		[COOK_NO_ANSWER] = STEP(READ, GRILLING),
		[COOK_TIRED] = STEP(PARK, PARKING),
	},
	[COOK_DOUBT] = {
		[COOK_TOKEN] = STEP(FENCE, FENCING),
		[COOK_NO_TOKEN] = STEP(UNCERTAIN, OVER),
		[COOK_TIRED] = STEP(PARK, PARKING),
	},
	[COOK_FENCING] = {
		[COOK_FENCED] = STEP(READ, READING),
		/* Somebody has given out a higher one meanwhile. */
		[COOK_REFUSED] = STEP(RAISE, DOUBT),
		[COOK_NOT_SENT] = STEP(FENCE, FENCING),
		[COOK_NO_ANSWER] = STEP(FENCE, FENCING),
		[COOK_TIRED] = STEP(PARK, PARKING),
	},
	[COOK_READING] = {
		[COOK_SEES_RUNNING] = STEP(READ, GRILLING),
		[COOK_SEES_DONE] = STEP(DONE, OVER),
		[COOK_SEES_STOPPED] = STEP(FAILED, OVER),
		[COOK_SEES_OTHER] = STEP(START, STARTING),
		[COOK_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_FAULT] = STEP(GIVE_BACK, OVER),
		[COOK_NO_ANSWER] = STEP(READ, READING),
		[COOK_TIRED] = STEP(PARK, PARKING),
	},
	[COOK_PARKING] = {
		[COOK_TOLD] = STEP(READ, PARKED),
	},
	[COOK_PARKED] = {
		/* What it says of our job stays true without a fence. */
		[COOK_SEES_RUNNING] = STEP(READ, PARKED),
		[COOK_SEES_DONE] = STEP(DONE, OVER),
		[COOK_SEES_STOPPED] = STEP(FAILED, OVER),
		[COOK_SEES_OTHER] = STEP(RAISE, LATE_DOUBT),
		[COOK_SEES_RESET] = STEP(RAISE, LATE_DOUBT),
		[COOK_SEES_NO_FENCE] = STEP(RAISE, LATE_DOUBT),
		[COOK_SEES_FAULT] = STEP(RAISE, LATE_DOUBT),
		[COOK_NO_ANSWER] = STEP(READ, PARKED),
	},
	[COOK_LATE_DOUBT] = {
		[COOK_TOKEN] = STEP(FENCE, LATE_FENCING),
		[COOK_NO_TOKEN] = STEP(UNCERTAIN, OVER),
		[COOK_TIRED] = STEP(READ, PARKED),
	},
	[COOK_LATE_FENCING] = {
		[COOK_FENCED] = STEP(READ, LATE_READING),
		[COOK_REFUSED] = STEP(RAISE, LATE_DOUBT),
		[COOK_NOT_SENT] = STEP(FENCE, LATE_FENCING),
		[COOK_NO_ANSWER] = STEP(FENCE, LATE_FENCING),
		[COOK_TIRED] = STEP(READ, PARKED),
	},
	[COOK_LATE_READING] = {
		[COOK_SEES_RUNNING] = STEP(READ, PARKED),
		[COOK_SEES_DONE] = STEP(DONE, OVER),
		[COOK_SEES_STOPPED] = STEP(FAILED, OVER),
		[COOK_SEES_OTHER] = STEP(GIVE_BACK, OVER),
		[COOK_SEES_RESET] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_NO_FENCE] = STEP(UNCERTAIN, OVER),
		[COOK_SEES_FAULT] = STEP(GIVE_BACK, OVER),
		[COOK_NO_ANSWER] = STEP(READ, LATE_READING),
		[COOK_TIRED] = STEP(READ, PARKED),
	},
};
/* clang-format on */

struct cook_step cook_step(enum cook_state state, enum cook_event event)
{
	if (!table[state][event].named)
		return (struct cook_step){ COOK_DO_NOTHING, state };
	return (struct cook_step){ table[state][event].action,
				   table[state][event].next };
}

enum cook_event cook_sees(const struct grill_report *report,
			  const uint8_t job[GRILL_JOB_BYTES], int64_t boot)
{
	if (report->state == GRILL_SILENT)
		return COOK_NO_ANSWER;
	if (!memcmp(report->job, job, GRILL_JOB_BYTES))
		switch (report->state) {
		case GRILL_HEATING:
			return COOK_SEES_RUNNING;
		case GRILL_DONE:
			return COOK_SEES_DONE;
		case GRILL_IDLE:
		case GRILL_FAULT:
		case GRILL_SILENT:
			return COOK_SEES_STOPPED;
		}
	if (report->boot != boot)
		return COOK_SEES_RESET;
	if (!report->fences)
		return COOK_SEES_NO_FENCE;
	if (report->state == GRILL_FAULT)
		return COOK_SEES_FAULT;
	return COOK_SEES_OTHER;
}
