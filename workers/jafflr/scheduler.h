/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: the scheduler. Queued toasties go to free plates, are published,
 * started, watched and published again. Intake only fills the queue, and jobs.h
 * has what is on the plates.
 *
 * All of it is the poll thread's but the tx that the database thread has in
 * hand. What is in memory here can be forgotten at any time: open intents are
 * then found in the tables, and each plate is fenced and read back before
 * anything else is done with it.
 */
#ifndef JAFFLR_SCHEDULER_H
#define JAFFLR_SCHEDULER_H

#include "workers/jafflr/ends.h"
#include "workers/jafflr/in_flight.h"
#include "workers/jafflr/plate_jobs.h"
#include "workers/jafflr/queues.h"
#include "workers/runtime/worker.h"

struct scheduler_params {
	int64_t queue_max;
	int64_t poll_ms;
	int64_t patience_ms;
	int64_t tries_max;
	int64_t connect_ms;
	int64_t answer_ms;
};

struct scheduler {
	struct scheduler_params params;
	struct grills grills;
	struct plate_jobs jobs;
	struct in_flight in_flight;
	struct scheduler_tx *next, *running;
	bool in_database;  /* the running one is at the database */
	bool stale;        /* what comes of it is of no use any more */
	bool maybe_queued; /* rows may wait for a plate of ours */
	struct queues queues;
	struct ends ends;
	int64_t claim_at_ms, mark_at_ms, look_at_ms, list_at_ms;
};

int scheduler_open(struct scheduler *scheduler,
		   const struct scheduler_params *params, struct loop *loop);
void scheduler_close(struct scheduler *scheduler);
void scheduler_turn(struct scheduler *scheduler, int64_t now_ms);
bool scheduler_wanted(struct scheduler *scheduler, int64_t now_ms);
/* The tx that the database thread gets: scheduler->running. */
void scheduler_begin(struct scheduler *scheduler);
void scheduler_done(struct scheduler *scheduler, int r,
		    struct publisher *publisher);
void scheduler_delivered(struct scheduler *scheduler, uint64_t token);
void scheduler_changed(struct scheduler *scheduler);
/*
 * Is the queue of a stall so long that no more should be read? A stall that no
 * enabled grill serves is no reason to keep the others waiting, nor is one
 * whose grills do not answer, as long as any other grill does.
 */
bool scheduler_enough(const struct scheduler *scheduler);
/* A row that intake has committed: published, and if queued, to be claimed. */
void scheduler_new_row(struct scheduler *scheduler,
		       const struct toastie_row *row,
		       struct publisher *publisher);

#endif
