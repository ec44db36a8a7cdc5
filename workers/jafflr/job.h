/* SPDX-License-Identifier: MIT */
/*
 * Job: one toastie on one plate, as a table of states and events.
 *
 * A toastie cannot be rolled back, so it is started only when its intent is
 * committed and its `grilling` fact is acknowledged, and then by one write. In
 * any doubt the plate is given a new token, which shuts out every write that
 * is still under way, and is then read back: a plate that keeps its history
 * and shows another job never got ours, so the start may be made. A plate that
 * was reset, or cannot fence, leaves the toastie uncertain, and a person
 * decides.
 *
 * A grill that does not answer for too long makes the toastie uncertain, too,
 * but parks it: nobody else uses the plate, and once the grill answers again,
 * the plate is asked what came of it. A parked toastie is never started from
 * there: what certainly did not begin goes back to the queue.
 *
 * Pure: no clock, no I/O. What the grill said becomes an event; what must be
 * done, and after which pause, comes back as a step.
 */
#ifndef JAFFLR_JOB_H
#define JAFFLR_JOB_H

#include "workers/jafflr/grill/grill.h"

enum job_state {
	JOB_PUBLISHING, /* its `grilling` fact is in flight; not started */
	JOB_ADOPTED,    /* the same, but another worker may have started it */
	JOB_STARTING,   /* the start is at the grill */
	JOB_WAITING,    /* nothing could be sent; the start is due again */
	JOB_GRILLING,   /* it runs */
	/* The plate said no to the start, so it has not begun. Why? */
	JOB_REFUSED,         /* a new token is being committed */
	JOB_REFUSED_FENCING, /* the new token is at the grill */
	JOB_REFUSED_READING, /* the plate is being read back */
	/* It is not known whether the plate has begun. */
	JOB_DOUBT,
	JOB_DOUBT_FENCING,
	JOB_DOUBT_READING,
	JOB_PARKING, /* timed out; its `uncertain` fact is in flight */
	JOB_PARKED,  /* until the plate is heard of again */
	/* The plate is heard of, and shows another job than the parked one. */
	JOB_PARKED_DOUBT,
	JOB_PARKED_FENCING,
	JOB_PARKED_READING,
	JOB_OVER,
	N_JOB_STATES,
};

enum job_event {
	JOB_PUBLISHED, /* the fact is on its topic */
	JOB_NO_GRILL, /* it is, and the grill or plate is not listed any more */
	JOB_RETRY,    /* the pause before another start is over */
	JOB_STARTED,  /* the plate accepted the start */
	JOB_NOT_SENT, /* not connected: certainly not started */
	JOB_SAID_NO,  /* the plate refused the start, or the token */
	JOB_SAID_NO_AGAIN, /* as often as one plate is tried */
	JOB_NO_ANSWER,     /* sent, and no answer came */
	JOB_TOKEN,         /* the new token is committed */
	JOB_NO_TOKEN,      /* the plate has had its last one */
	JOB_FENCED,        /* the plate accepted the token */
	JOB_SEES_RUNNING,
	JOB_SEES_DONE,
	JOB_SEES_STOPPED,  /* ours, and cut short */
	JOB_SEES_OTHER,    /* keeps its history, and never ran ours */
	JOB_SEES_RESET,    /* forgot what it ran, or denies what it said */
	JOB_SEES_NO_FENCE, /* keeps no history */
	JOB_SEES_FAULT,    /* never ran ours, and is broken or will not */
	JOB_TIMED_OUT, /* the grill has not answered for too long, or is gone */
	N_JOB_EVENTS,
};

enum job_action {
	JOB_DO_NOTHING,
	JOB_DO_START,
	JOB_DO_RAISE, /* commit a new token */
	JOB_DO_FENCE,
	JOB_DO_READ,
	JOB_DO_RETRY, /* the event JOB_RETRY */
	JOB_DO_DONE,
	JOB_DO_FAILED,
	JOB_DO_UNCERTAIN,
	JOB_DO_PARK,    /* uncertain for now, and the plate is kept */
	JOB_DO_REQUEUE, /* certainly not started: another plate, or none */
};

/* When the action is due. */
enum job_pause {
	JOB_NOW,
	JOB_AFTER_POLL,    /* while a plate grills: job_look_ms() */
	JOB_AFTER_FAILURE, /* a grill that is away, or did not answer */
	JOB_AFTER_NO,      /* a plate that says no; longer each time */
	JOB_IDLE,          /* as seldom as a grill is read without a job */
};

struct job_step {
	enum job_action action;
	enum job_state next;
	enum job_pause pause;
};

/* An event that comes too late to matter changes nothing. */
struct job_step job_step(enum job_state state, enum job_event event);

/* After how long a plate that grills is looked at again: when it is due, but
 * within @most_ms, since it may be stopped. One that is overdue is looked at
 * again at once, then after pauses that grow with what it is late. */
int64_t job_look_ms(int64_t due_at_ms, int64_t now_ms, int64_t most_ms);

enum { JOB_REFUSALS_MAX = 3 };

/* What is known of a job, to judge by what its plate says. */
struct job_past {
	int64_t boot;       /* the plate's at the claim; -1: not known */
	bool began;         /* the plate itself has said so */
	uint32_t n_refused; /* how often the plate has said no */
};

/* What a report says about job @id; JOB_NO_ANSWER when it is none. */
enum job_event job_sees(const struct grill_report *report,
			const uint8_t id[GRILL_JOB_BYTES],
			const struct job_past *past);

#endif
