/* SPDX-License-Identifier: MIT */
/*
 * Plate jobs: the toasties that are on plates, or on their way there. What the
 * grills say, and what time has come for, becomes an event; job.c's table is
 * asked; and the action goes to the grill's thread, or into the next scheduler
 * transaction, or is due later. Poll thread only.
 *
 * The scheduler adds a job, and says when its fact was published or its end
 * was committed. A job that is done leaves its plate at once: the plate is
 * offered to the transaction that records the end. Any other job that is over,
 * or is being parked, keeps its plate until its end is committed.
 */
#ifndef JAFFLR_PLATE_JOBS_H
#define JAFFLR_PLATE_JOBS_H

#include "workers/jafflr/grill/grills.h"
#include "workers/jafflr/job.h"

/* One toastie on one plate. */
struct plate_job {
	bool used;
	uint64_t tag; /* never used twice */
	enum job_state state;
	struct job_past past;
	struct order_id order_id;
	int64_t intent_id;
	/* NULL: not among those that are used, or the job has left it. */
	struct grill_of *grill;
	int plate;
	uint32_t token;
	int64_t time_ms;
	int64_t due_at_ms;     /* when it is done, about */
	int64_t contact_at_ms; /* when the grill last answered */
	int64_t act_at_ms;     /* the action below is due; 0: none is */
	enum job_action act;
	uint64_t reading; /* the number of the reading that it waits for */
};

/* { 0 } is none. */
struct plate_jobs {
	int64_t poll_ms, patience_ms;
	struct scheduler_tx *next; /* borrowed; what the database has to do */
	struct plate_job *list;
	size_t n;
	uint64_t last_tag;
	int64_t wake_at_ms; /* the next action is due; INT64_MAX: none is */
};

/* A job at the plate that the row names. The pointer is good until the next
 * one is added. */
struct plate_job *plate_jobs_add(struct plate_jobs *jobs,
				 const struct grills *grills,
				 const struct tx_row *row, int64_t now_ms);
void plate_jobs_drop(struct plate_job *job);
void plate_jobs_drop_all(struct plate_jobs *jobs);
/* Parked jobs whose grill is not listed (any more): true if there were any.
 * Their intents stay open, to be adopted where the grill is now. */
bool plate_jobs_drop_stranded(struct plate_jobs *jobs);

/* NULL: there is none. */
struct plate_job *plate_jobs_find(const struct plate_jobs *jobs, uint64_t tag);
struct plate_job *plate_jobs_find_intent(const struct plate_jobs *jobs,
					 int64_t intent_id);
/* The job of that order that is over, or is being parked. */
struct plate_job *plate_jobs_find_ended(const struct plate_jobs *jobs,
					const struct order_id *order_id);

/* The job's fact is on its topic. */
void plate_jobs_published(struct plate_jobs *jobs, struct plate_job *job,
			  int64_t now_ms);
/* The job's new token is committed. */
void plate_jobs_token(struct plate_jobs *jobs, struct plate_job *job,
		      uint32_t token, int64_t now_ms);
/* Answers of the grills, and what time has come for. */
void plate_jobs_turn(struct plate_jobs *jobs, struct grills *grills,
		     int64_t now_ms);
void plate_jobs_deinit(struct plate_jobs *jobs);

#endif
