/* SPDX-License-Identifier: MIT */
/*
 * Cook: one toastie on one plate, as a table of states and events.
 *
 * A toastie cannot be rolled back, so it is started only when its intent is
 * committed and its `grilling` fact is acknowledged, and then by one write. In
 * any doubt the plate is given a new token, which shuts out every write that
 * is still under way, and is then read back: a plate that keeps its history
 * and shows another job never got ours, so the start may be made. One that was
 * reset, or cannot fence, leaves the toastie uncertain, and a person decides.
 *
 * A grill that says nothing for too long makes it uncertain, too, but parks
 * it: nobody else uses the plate, and once the grill answers again, the plate
 * is asked what came of it. A parked one is never started from there: what
 * certainly did not begin goes back to the queue.
 *
 * Pure: no clock, no I/O. What the grill said becomes an event, what must be
 * done comes back as an action.
 */
#ifndef JAFFLR_COOK_H
#define JAFFLR_COOK_H

#include "workers/jafflr/grill.h"

enum cook_state {
	COOK_TELLING,     /* its `grilling` fact is under way; not started */
	COOK_TELLING_OLD, /* the same, but somebody may have started it */
	COOK_STARTING,    /* the start is at the grill */
	COOK_WAITING,     /* nothing could be sent; the start is due again */
	COOK_GRILLING,    /* it runs */
	COOK_DOUBT,       /* a new token is being given out */
	COOK_FENCING,     /* the new token is at the grill */
	COOK_READING,     /* the plate is being read back */
	COOK_PARKING,     /* given up; that it is uncertain is being told */
	COOK_PARKED,      /* until the plate is heard of again */
	/* Of a parked one, what DOUBT, FENCING and READING are. */
	COOK_LATE_DOUBT,
	COOK_LATE_FENCING,
	COOK_LATE_READING,
	COOK_OVER,
	N_COOK_STATES,
};

enum cook_event {
	COOK_TOLD,      /* the fact is on its topic */
	COOK_STARTED,   /* the grill took the start */
	COOK_NOT_SENT,  /* not connected: certainly not started */
	COOK_REFUSED,   /* the plate said no */
	COOK_NO_ANSWER, /* sent, and no answer came */
	COOK_TOKEN,     /* the new token is committed */
	COOK_NO_TOKEN,  /* the plate has had its last one */
	COOK_FENCED,    /* the plate took it */
	COOK_SEES_RUNNING,
	COOK_SEES_DONE,
	COOK_SEES_STOPPED, /* ours, and cut short */
	COOK_SEES_OTHER,   /* keeps its history, and never ran ours */
	COOK_SEES_RESET,   /* forgot what it ran */
	COOK_SEES_NO_FENCE,
	COOK_SEES_FAULT, /* broken, and never ran ours */
	COOK_TIRED,      /* the grill has not answered for too long */
	N_COOK_EVENTS,
};

enum cook_action {
	COOK_DO_NOTHING,
	COOK_DO_START,
	COOK_DO_RAISE, /* commit a new token */
	COOK_DO_FENCE,
	COOK_DO_READ,
	COOK_DO_DONE,
	COOK_DO_FAILED,
	COOK_DO_UNCERTAIN,
	COOK_DO_PARK,      /* uncertain for now, and the plate is kept */
	COOK_DO_GIVE_BACK, /* certainly not started: another plate, or none */
};

struct cook_step {
	enum cook_action action;
	enum cook_state next;
};

struct cook_step cook_step(enum cook_state state, enum cook_event event);

/* What a report says about the job that was started when the plate was at
 * @boot; COOK_NO_ANSWER when it is none. */
enum cook_event cook_sees(const struct grill_report *report,
			  const uint8_t job[GRILL_JOB_BYTES], int64_t boot);

#endif
