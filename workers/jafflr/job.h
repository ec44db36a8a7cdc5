/* SPDX-License-Identifier: MIT */
/*
 * Job: one toastie on one plate, as a table of states and events.
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
#ifndef JAFFLR_JOB_H
#define JAFFLR_JOB_H

#include "workers/jafflr/grill.h"

enum job_state {
	JOB_PUBLISHING, /* its `grilling` fact is under way; not started */
	JOB_ADOPTED,    /* the same, but somebody may have started it */
	JOB_STARTING,   /* the start is at the grill */
	JOB_WAITING,    /* nothing could be sent; the start is due again */
	JOB_GRILLING,   /* it runs */
	JOB_DOUBT,      /* a new token is being given out */
	JOB_FENCING,    /* the new token is at the grill */
	JOB_READING,    /* the plate is being read back */
	JOB_PARKING,    /* given up; that it is uncertain is being published */
	JOB_PARKED,     /* until the plate is heard of again */
	/* Of a parked one, what DOUBT, FENCING and READING are. */
	JOB_PARKED_DOUBT,
	JOB_PARKED_FENCING,
	JOB_PARKED_READING,
	JOB_OVER,
	N_JOB_STATES,
};

enum job_event {
	JOB_PUBLISHED, /* the fact is on its topic */
	JOB_STARTED,   /* the grill took the start */
	JOB_NOT_SENT,  /* not connected: certainly not started */
	JOB_REFUSED,   /* the plate said no */
	JOB_NO_ANSWER, /* sent, and no answer came */
	JOB_TOKEN,     /* the new token is committed */
	JOB_NO_TOKEN,  /* the plate has had its last one */
	JOB_FENCED,    /* the plate took it */
	JOB_SEES_RUNNING,
	JOB_SEES_DONE,
	JOB_SEES_STOPPED, /* ours, and cut short */
	JOB_SEES_OTHER,   /* keeps its history, and never ran ours */
	JOB_SEES_RESET,   /* forgot what it ran */
	JOB_SEES_NO_FENCE,
	JOB_SEES_FAULT, /* broken, and never ran ours */
	JOB_TIMED_OUT,  /* the grill has not answered for too long */
	N_JOB_EVENTS,
};

enum job_action {
	JOB_DO_NOTHING,
	JOB_DO_START,
	JOB_DO_RAISE, /* commit a new token */
	JOB_DO_FENCE,
	JOB_DO_READ,
	JOB_DO_DONE,
	JOB_DO_FAILED,
	JOB_DO_UNCERTAIN,
	JOB_DO_PARK,    /* uncertain for now, and the plate is kept */
	JOB_DO_REQUEUE, /* certainly not started: another plate, or none */
};

struct job_step {
	enum job_action action;
	enum job_state next;
};

struct job_step job_step(enum job_state state, enum job_event event);

/* What a report says about the job that was started when the plate was at
 * @boot; JOB_NO_ANSWER when it is none. */
enum job_event job_sees(const struct grill_report *report,
			const uint8_t job[GRILL_JOB_BYTES], int64_t boot);

#endif
